//! What was counted in the last minutes, for rates that people want to see without a query language.

use std::collections::VecDeque;

use model::Timestamp;

use super::FastMap;
use super::counted::Cell;

/// The window: five minutes.
pub const WINDOW_NANOS: i64 = 300 * 1_000_000_000;
/// It moves in steps of this: 15 seconds.
const SLOT_NANOS: i64 = 15 * 1_000_000_000;

/// Increases by time.
#[derive(Debug, Default)]
pub(super) struct Recent {
    slots: VecDeque<(i64, FastMap<Cell, f64>)>,
}

impl Recent {
    pub fn add(&mut self, cell: Cell, more: f64, now: Timestamp) {
        let slot = now.as_nanos().div_euclid(SLOT_NANOS);
        if self.slots.back().is_none_or(|(last, _)| *last < slot) {
            self.slots.push_back((slot, FastMap::default()));
            let first = slot - WINDOW_NANOS / SLOT_NANOS;
            while self.slots.front().is_some_and(|(slot, _)| *slot < first) {
                self.slots.pop_front();
            }
        }
        if let Some((_, cells)) = self.slots.back_mut() {
            *cells.entry(cell).or_default() += more;
        }
    }

    /// Increases in the window that ends now.
    pub fn sums(&self, now: Timestamp) -> FastMap<Cell, f64> {
        let first = now.as_nanos().div_euclid(SLOT_NANOS) - WINDOW_NANOS / SLOT_NANOS;
        let mut sums: FastMap<Cell, f64> = FastMap::default();
        for (_, cells) in self.slots.iter().filter(|(slot, _)| *slot > first) {
            for (cell, more) in cells {
                *sums.entry(*cell).or_default() += more;
            }
        }
        sums
    }
}
