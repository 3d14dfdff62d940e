//! What the store asks of those who know what spans mean: their runs, and what of them is content.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Run, Span, Timestamp, TraceId};

use crate::rows::runs::is_open;

/// Makes a run out of its spans. Called with every span of a trace, each once, in no particular order.
pub trait RunResolver: Send + Sync {
    /// The run at `now`; `None` for no run (no spans).
    fn resolve(&self, spans: &[Arc<Span>], now: Timestamp) -> Option<Run>;

    /// When time alone will change a run that stands so at `now`: a running one may be abandoned, a provisional one settles.
    /// `None` for one that only a span can change. What is given here decides how often an idle run is looked at again; by
    /// default an open run is after an eighth of the time it has been quiet.
    fn changes(&self, run: &Run, now: Timestamp) -> Option<Timestamp> {
        /// Longest time between two looks, in nanoseconds.
        const LONGEST: i64 = 600_000_000_000;
        let quiet = now.nanos_since(run.last_received).clamp(0, 8 * LONGEST) / 8;
        is_open(run.status, run.provisional).then(|| now.plus_nanos(quiet))
    }

    /// A run that ended as it stands at `now`, told from its totals; `None` where it stands as it did, or its spans have to be
    /// asked.
    fn aged(&self, _run: &Run, _now: Timestamp) -> Option<Run> {
        None
    }

    /// Other traces that the spans of the trace `of` lead to, because they may be one run.
    fn linked(&self, _of: TraceId, _spans: &[Arc<Span>]) -> BTreeSet<TraceId> {
        BTreeSet::new()
    }

    /// The runs that the spans of traces that lead to each other come to, each under the trace it goes by.
    fn resolve_linked(&self, spans: &[Arc<Span>], now: Timestamp) -> Vec<Run> {
        self.resolve(spans, now).into_iter().collect()
    }

    /// Whether two spans of different traces with one response id tell the same model call, and which of them counts.
    /// The answer may not depend on which came first.
    fn same_call(&self, _first: &Span, _second: &Span) -> Option<Counts> {
        None
    }

    /// Whether an attribute of that key is content: something that was said, which retention of bodies removes whatever
    /// its length.
    fn is_content(&self, _key: &str) -> bool {
        false
    }

    /// Whether the text of a log record with that event name is content.
    fn is_content_event(&self, _name: &str) -> bool {
        false
    }
}

/// Which of two spans counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// The first.
    First,
    /// The second.
    Second,
}
