//! Intervals of steps, with clocks that may be wrong.

use model::{Span, SpanStatus, Timestamp};

use super::tree::Tree;

/// How far a span's clock may be from the root's, or ahead of ours, and still bound the run: one day. A step may well
/// outlast its root or start a little before it; a clock set to 1970 or 2100 must not stretch the run by decades.
const BELIEVABLE_NANOS: i64 = 24 * 3_600 * 1_000_000_000;

/// Whether the span has started and no end or failure of it was seen.
pub(super) fn is_running(span: &Span) -> bool {
    span.end.is_unset() && span.status != SpanStatus::Error
}

/// The bounds of a run.
pub(super) struct Times {
    /// Start of the earliest span whose clock is believable.
    pub start: Timestamp,
    /// End of the latest ended span whose clock is believable; unset while nothing has ended.
    pub end: Timestamp,
    /// The latest moment any believable span speaks of; what still runs is shown as lasting until then.
    pub horizon: Timestamp,
}

impl Times {
    pub fn of(tree: &Tree, now: Timestamp) -> Self {
        let spans = || tree.nodes.iter().map(|node| &*node.span);
        let root = tree.root().map(|at| tree.span(at));
        let root_start = root.map(|root| root.start).filter(|start| !start.is_unset());
        let earliest = root_start.map_or(Timestamp::from_nanos(i64::MIN), |start| start.plus_nanos(-BELIEVABLE_NANOS));
        let latest = root.map_or(now, |root| now.max(root.end).max(root.start)).plus_nanos(BELIEVABLE_NANOS);

        let starts = || spans().map(|span| span.start).filter(|start| !start.is_unset());
        let ends = || spans().map(|span| span.end).filter(|end| !end.is_unset());
        let start = starts().filter(|&start| start >= earliest).min().or(starts().min()).or(ends().min());
        let end = ends().filter(|&end| end <= latest).max().or(ends().max()).unwrap_or_default();
        let start = start.unwrap_or_default();
        let last_start = starts().filter(|&start| start <= latest).max().unwrap_or(start);
        Self { start, end, horizon: start.max(end).max(last_start) }
    }

    /// Start and end of `span` in nanoseconds, the end never before the start. A span that runs lasts to the horizon;
    /// one without a start is a moment at its end; one that failed without an end is a moment at its start.
    pub fn interval(&self, span: &Span) -> (i64, i64) {
        let end = match (span.end.is_unset(), is_running(span)) {
            (false, _) => span.end,
            (true, true) => self.horizon,
            (true, false) => span.start,
        };
        let start = if span.start.is_unset() { end } else { span.start };
        (start.as_nanos(), end.as_nanos().max(start.as_nanos()))
    }
}

/// Nanoseconds covered by at least one of `intervals`, which come ordered by start.
pub(super) fn union_nanos(intervals: impl IntoIterator<Item = (i64, i64)>) -> i64 {
    let mut total = 0i64;
    let mut reached = i64::MIN;
    for (start, end) in intervals {
        let from = start.max(reached);
        if end > from {
            total = total.saturating_add(end.saturating_sub(from));
            reached = end;
        }
    }
    total
}

/// For every step, nanoseconds not covered by its children.
pub(super) fn own_nanos(tree: &Tree, times: &Times) -> Vec<i64> {
    let own = |at: usize| {
        let (start, end) = times.interval(tree.span(at));
        // Siblings are ordered by start as sent; one without a start is a moment, and covers nothing wherever it comes.
        let children = tree.children(at).map(|child| {
            let (from, to) = times.interval(tree.span(child));
            (from.clamp(start, end), to.clamp(start, end))
        });
        end.saturating_sub(start).saturating_sub(union_nanos(children)).max(0)
    };
    (0..tree.nodes.len()).map(own).collect()
}
