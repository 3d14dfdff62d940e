//! What the book is made of: accounts and reservations.

use std::sync::Arc;

use model::{Timestamp, Usd};

use super::Reserved;

/// One account of a budget.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Id {
    pub(super) budget: usize,
    pub(super) project: Option<Arc<str>>,
    pub(super) key: Arc<str>,
    pub(super) part: Part,
}

/// The part of time an account is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Run(Arc<str>),
    From(Timestamp, Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    Ledger,
    Live,
    Held,
    Settled,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    pub(super) ledger: Usd,
    pub(super) live: Usd,
    pub(super) held: Usd,
    pub(super) settled: Usd,
    /// Highest level whose passing was announced.
    pub(super) announced: u8,
    /// It was announced that a call was turned down.
    pub(super) turned_down: bool,
    pub(super) last: Timestamp,
}

impl Account {
    pub(super) fn spent(&self) -> Usd {
        self.ledger.plus(self.live).plus(self.settled)
    }

    pub(super) fn used(&self) -> Usd {
        self.spent().plus(self.held)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stand {
    Open,
    Settled(Usd),
    Told,
    Released,
    Expired,
}

#[derive(Debug, Clone)]
pub(super) struct Reservation {
    pub(super) made: Reserved,
    pub(super) stand: Stand,
    /// When it may be forgotten, once it is over.
    pub(super) forget: Timestamp,
}
