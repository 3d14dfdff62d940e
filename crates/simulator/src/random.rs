//! Repeatable randomness: everything that varies in a plan is drawn from one seeded generator.

use std::cell::RefCell;

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A seeded generator with the draws that scripts need.
///
/// The cell lets a script draw inside the arguments of a call on its scene.
#[derive(Debug, Clone)]
pub(crate) struct Random(RefCell<ChaCha8Rng>);

impl Random {
    /// The generator of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(RefCell::new(ChaCha8Rng::seed_from_u64(seed)))
    }

    /// A generator of its own for one run, so that a longer script leaves the runs after it as they were.
    pub(crate) fn fork(&self) -> Self {
        Self::new(self.0.borrow_mut().next_u64())
    }

    /// Bytes for an id; never all zero.
    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.borrow_mut().fill_bytes(&mut bytes);
        bytes[0] |= 1;
        bytes
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        self.0.borrow_mut().random_range(low..=high)
    }

    /// A fraction from `low` to `high`.
    pub(crate) fn fraction(&self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.borrow_mut().random::<f64>()
    }

    /// True in a share `probability` of draws.
    pub(crate) fn chance(&self, probability: f64) -> bool {
        self.0.borrow_mut().random::<f64>() < probability
    }

    /// One of the items, each as likely.
    pub(crate) fn pick<'a, T>(&self, items: &'a [T]) -> &'a T {
        &items[self.0.borrow_mut().random_range(0..items.len())]
    }

    /// `count` different items in random order (fewer where there are fewer).
    pub(crate) fn some<'a, T>(&self, items: &'a [T], count: usize) -> Vec<&'a T> {
        let mut left: Vec<&T> = items.iter().collect();
        (0..count.min(items.len())).map(|_| left.swap_remove(self.0.borrow_mut().random_range(0..left.len()))).collect()
    }

    /// A latency in nanoseconds around `typical_ms`: most are near it, few are several times as long.
    pub(crate) fn latency(&self, typical_ms: f64) -> u64 {
        let tail = if self.chance(0.04) { self.fraction(2.0, 5.0) } else { 1.0 };
        (typical_ms * self.fraction(0.6, 1.5) * tail * 1e6) as u64
    }

    /// Nanoseconds until the next of events that come at `per_second` on average, independent of one another.
    pub(crate) fn gap(&self, per_second: f64) -> u64 {
        let drawn = 1.0 - self.0.borrow_mut().random::<f64>();
        (-drawn.ln() / per_second * 1e9) as u64
    }

    /// `digits` hexadecimal digits.
    pub(crate) fn hex(&self, digits: usize) -> String {
        (0..digits).map(|_| char::from_digit(self.0.borrow_mut().random_range(0..16), 16).unwrap_or('0')).collect()
    }

    /// `count` letters and digits, as providers put them into ids.
    pub(crate) fn token(&self, count: usize) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..count).map(|_| LETTERS[self.0.borrow_mut().random_range(0..LETTERS.len())] as char).collect()
    }
}
