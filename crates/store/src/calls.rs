//! Model calls told in two traces.
//!
//! An SDK that instruments itself and an instrumentation around it can put their spans of one streamed call into different
//! traces. A run sees only its own spans, so the second telling is found here, by response id, and marked on the span that
//! does not count ([`model::Span::told_in`]). Horizon: the last [`RECENT_CALLS`] calls, which is seconds to hours; the two
//! tellings leave their process together. A start reads them back from segments, the newest [`SEEDED_ROWS`] spans of them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrow::array::Array;
use model::{Span, StepKind};

use crate::error::StoreError;
use crate::repair;
use crate::resolver::{Counts, RunResolver};
use crate::rows::spans::{narrow_columns, narrow_from_batch};
use crate::schema::Table;
use crate::segment::read::Reader;
use crate::state::{Segment, State};

/// Model calls with a response id that are remembered.
pub const RECENT_CALLS: usize = 8192;

/// Rows of segments, the newest, that a start looks through for calls.
pub const SEEDED_ROWS: usize = 1 << 18;

/// Traces that may tell a call with one response id. A test server may give every call the same id.
const TELLINGS: usize = 4;

/// A project's number and a response id.
type CallKey = (u32, Arc<str>);

/// The latest calls, by response id.
#[derive(Default)]
pub(crate) struct RecentCalls {
    known: HashMap<CallKey, Vec<Arc<Span>>>,
    order: VecDeque<CallKey>,
}

/// A span that does not count because another one tells its call.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// The span that does not count.
    pub span: Arc<Span>,
    /// The span that does.
    pub by: Arc<Span>,
}

impl RecentCalls {
    /// Notes a span; says which of two does not count where it tells a call that another trace told.
    pub fn note(&mut self, project: u32, span: &Arc<Span>, resolver: &dyn RunResolver) -> Option<Told> {
        let (StepKind::Llm | StepKind::Embedding) = span.kind else { return None };
        let key = (project, Arc::clone(span.response_id.as_ref()?));
        let tellings = self.known.entry(key.clone()).or_insert_with(|| {
            self.order.push_back(key);
            Vec::new()
        });
        tellings.retain(|other| (other.trace_id, other.span_id) != (span.trace_id, span.span_id));
        let told = tellings.iter().filter(|other| other.trace_id != span.trace_id).find_map(|other| {
            let (told, by) = match resolver.same_call(other, span)? {
                Counts::First => (span, other),
                Counts::Second => (other, span),
            };
            Some(Told { span: Arc::clone(told), by: Arc::clone(by) })
        });
        if tellings.len() == TELLINGS {
            tellings.remove(0);
        }
        tellings.push(Arc::clone(span));
        while self.order.len() > RECENT_CALLS {
            if let Some(old) = self.order.pop_front() {
                self.known.remove(&old);
            }
        }
        told
    }
}

/// Remembers the calls that came last, so that one told before a restart and again after it counts once.
pub(crate) async fn seed(reader: &Reader, state: &mut State, resolver: &dyn RunResolver) -> Result<(), StoreError> {
    let mut segments: Vec<Segment> = state.segments[Table::Spans as usize].values().cloned().collect();
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.meta.max_version));
    let (mut room, mut calls) = (SEEDED_ROWS, Vec::new());
    for segment in segments {
        if room == 0 || calls.len() >= RECENT_CALLS {
            break;
        }
        match calls_of(reader, &segment, room).await {
            Ok(found) => calls.extend(found),
            Err(error) if repair::is_damaged(reader, &segment.meta).await => state.give_up_on(&segment.meta, &error),
            Err(error) => return Err(error),
        }
        room = room.saturating_sub(segment.meta.rows as usize);
    }
    // Oldest first: they are forgotten first.
    calls.sort_by_key(|span| span.version);
    for span in calls.split_off(calls.len().saturating_sub(RECENT_CALLS)) {
        let project = state.project(&span.tenant.project);
        // Which of two does not count was settled when they came.
        state.recent_calls.note(project, &Arc::new(span), resolver);
    }
    Ok(())
}

/// Spans of a segment with a response id. One column tells which they are.
async fn calls_of(reader: &Reader, segment: &Segment, room: usize) -> Result<Vec<Span>, StoreError> {
    let rows: Vec<u32> = (0..u32::try_from(segment.meta.rows).unwrap_or(u32::MAX))
        .filter(|row| segment.deleted.binary_search(row).is_err())
        .take(room)
        .collect();
    let mut numbers = rows.iter();
    let mut calls = Vec::new();
    for batch in reader.rows(&segment.meta, &rows, Some(&["response_id"])).await? {
        let ids = batch.column(0);
        calls.extend(
            (0..batch.num_rows()).zip(numbers.by_ref()).filter(|(at, _)| ids.is_valid(*at)).map(|(_, row)| *row),
        );
    }
    let mut spans = Vec::new();
    if !calls.is_empty() {
        for batch in reader.rows(&segment.meta, &calls, Some(&narrow_columns())).await? {
            spans.extend(narrow_from_batch(&batch)?);
        }
    }
    Ok(spans)
}
