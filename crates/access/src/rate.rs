//! Token buckets: so many requests a second for each caller, with room for a burst of two seconds.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use model::Timestamp;

/// Callers that are told apart; past that the ones that have been quiet are forgotten, and when none is, all.
pub const MAX_BUCKETS: usize = 4096;

/// Seconds of requests that may come at once, where nothing else is said.
const BURST_SECONDS: f64 = 2.0;

/// The buckets of all callers.
#[derive(Debug)]
pub struct Buckets {
    per_second: f64,
    /// Requests that may come at once.
    full: f64,
    levels: Mutex<HashMap<String, (f64, Timestamp)>>,
}

impl Buckets {
    /// Lets each caller make so many requests a second.
    pub fn new(per_second: f64) -> Self {
        Self::with_burst(per_second, per_second * BURST_SECONDS)
    }

    /// Lets each caller make so many requests a second, and `burst` at once.
    pub fn with_burst(per_second: f64, burst: f64) -> Self {
        Self { per_second, full: burst.max(1.0), levels: Mutex::default() }
    }

    /// Takes one request of a caller; `false` when there were too many.
    pub fn take(&self, caller: &str, now: Timestamp) -> bool {
        let full = self.full;
        let refilled = |level: f64, since: Timestamp| {
            // A clock that goes back fills nothing.
            (level + (now.nanos_since(since).max(0) as f64 / 1e9) * self.per_second).min(full)
        };
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if levels.len() >= MAX_BUCKETS && !levels.contains_key(caller) {
            levels.retain(|_, (level, since)| refilled(*level, *since) < full);
            if levels.len() >= MAX_BUCKETS {
                levels.clear();
            }
        }
        let (level, since) = levels.entry(caller.to_owned()).or_insert((full, now));
        *level = refilled(*level, *since);
        *since = now;
        let fits = *level >= 1.0;
        if fits {
            *level -= 1.0;
        }
        fits
    }
}
