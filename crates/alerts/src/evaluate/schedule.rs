//! When a group is due.

/// An evaluation that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The time to evaluate at, in milliseconds since 1970: on the group's grid, not when somebody got around to it.
    pub at_ms: i64,
    /// Evaluations that were missed since the last one.
    pub missed: u64,
    /// The clock stands before the last evaluation: it was set back.
    pub clock_went_back: bool,
}

/// Where in its interval a group is evaluated: spread by name, so that not all groups query in the same moment.
pub fn offset_of(key: &str, interval_ms: i64) -> i64 {
    let hash = promql::Labels::new([("group", key)]).hash_like_prometheus();
    (hash % interval_ms.max(1) as u64) as i64
}

/// Whether a group is due at `now`, given when it was last evaluated.
pub fn due(now_ms: i64, last_ms: Option<i64>, interval_ms: i64, offset_ms: i64) -> Option<Due> {
    let interval = interval_ms.max(1);
    let at_ms = (now_ms - offset_ms).div_euclid(interval) * interval + offset_ms;
    let Some(last) = last_ms else { return Some(Due { at_ms, missed: 0, clock_went_back: false }) };
    // Within one interval this is the wait for the next slot; beyond it the clock was set back.
    if last > at_ms + interval {
        return Some(Due { at_ms, missed: 0, clock_went_back: true });
    }
    if at_ms <= last {
        return None;
    }
    // The grid moves where the interval was changed, so the count is rounded down.
    let missed = ((at_ms - last) / interval - 1).max(0);
    Some(Due { at_ms, missed: missed as u64, clock_went_back: false })
}
