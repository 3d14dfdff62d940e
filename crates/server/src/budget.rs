//! A bound on the bytes of requests that are being received or decoded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes in use, and how many may be.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// The budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// An empty share, to be grown as bytes come in.
    pub fn share(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), bytes: 0 }
    }
}

/// What one request holds of a budget; given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    /// Takes `bytes` more. Never waits: two requests that wait for each other's memory would wait for ever.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.take(bytes, false)
    }

    /// The same for a request that is there already: when it is the only one it gets what it asks for, because it would
    /// otherwise be put off for ever.
    pub fn grow_once_alone(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.take(bytes, true)
    }

    fn take(&mut self, bytes: usize, even_alone: bool) -> Result<(), Exhausted> {
        let (budget, own) = (&self.budget, self.bytes);
        let grown = budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| *sum <= budget.limit || (even_alone && used == own))
        });
        grown.map_err(|_| Exhausted)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Bytes it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.budget.used.fetch_sub(less, Ordering::Relaxed);
        self.bytes -= less;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_held_is_free_again_when_it_ends() {
        let budget = Budget::new(100);
        let mut first = budget.share();
        first.grow(80).unwrap();
        let mut second = budget.share();
        assert_eq!(second.grow(21), Err(Exhausted));
        second.grow(20).unwrap();
        first.shrink_to(70);
        assert_eq!(budget.used(), 90);
        drop(first);
        assert_eq!(budget.used(), 20);
        second.grow(80).unwrap();
    }

    #[test]
    fn a_request_that_needs_more_than_the_budget_gets_it_when_it_is_alone() {
        let budget = Budget::new(100);
        let (mut small, mut large) = (budget.share(), budget.share());
        small.grow(1).unwrap();
        large.grow(50).unwrap();
        assert_eq!(large.grow_once_alone(100), Err(Exhausted));
        drop(small);
        assert_eq!(large.grow(100), Err(Exhausted));
        large.grow_once_alone(100).unwrap();
        assert_eq!(budget.share().grow(1), Err(Exhausted));
    }
}
