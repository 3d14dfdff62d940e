//! Runs with everything that was sent: how much of one is written out at once, and a run written out piece by piece.
//!
//! A conversation is kept once and sent again with every round: written out where it was sent, a run takes the square of its rounds. So
//! what that comes to is known before it is done, and refused, or streamed.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use futures::stream;
use model::{Span, TraceId};
use store::{Room, Store, StoreError, StoredLog, StoredSpan, StoredTrace};
use tokio::sync::OwnedSemaphorePermit;
use wire::SpanPieces;

use super::joined;
use super::types::Problem;
use crate::app::App;
use crate::limits::LimitName;

/// Most steps that are answered with their content at once; what each step said is one request away.
pub const FULL_STEPS_MAX: usize = 20_000;

/// Bytes of a piece of a run that is written out piece by piece; a span that takes more is a piece of its own.
const PIECE_BYTES: usize = 256 << 10;

/// Why a run cannot be read whole.
#[derive(Debug, thiserror::Error)]
pub enum WholeError {
    /// It cannot be read at all.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It has too many steps.
    #[error(
        "the run has {steps} steps, and content is answered for at most {FULL_STEPS_MAX} at once (full_steps_max): ask with content=none, \
         then for single steps at /api/v1/runs/{{trace_id}}/steps/{{span_id}}"
    )]
    Steps {
        /// How many.
        steps: usize,
    },
    /// Too much was said in it.
    #[error(
        "what was said in the run takes {bytes} bytes with every text written out where it was sent, and at most {limit} are answered at once \
         (run_content_bytes): ask for the run with content=none, then for single steps at /api/v1/runs/{{trace_id}}/steps/{{span_id}}; for \
         all of it as it was sent at /api/v1/runs/{{trace_id}}/raw; or raise the limit with --limit run_content_bytes=BYTES"
    )]
    Bytes {
        /// How much.
        bytes: usize,
        /// How much is answered.
        limit: usize,
    },
}

impl WholeError {
    /// The limit that was reached, if that is the reason.
    pub fn limit(&self) -> Option<LimitName> {
        match self {
            Self::Store(_) => None,
            Self::Steps { .. } => Some(LimitName::FullStepsMax),
            Self::Bytes { .. } => Some(LimitName::RunContentBytes),
        }
    }

    /// The same, counted where a limit was reached.
    fn counted(self, app: &App) -> Self {
        if let Some(limit) = self.limit() {
            app.counters.limit_reached(limit);
        }
        self
    }
}

impl From<WholeError> for Problem {
    fn from(error: WholeError) -> Self {
        match error {
            WholeError::Store(error) => error.into(),
            limit => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "limit", "A limit was reached", limit.to_string()),
        }
    }
}

/// The traces of a run as they are kept, and their log records.
#[derive(Debug, Default)]
pub struct Sources {
    /// Traces.
    pub traces: Vec<StoredTrace>,
    /// Log records.
    pub logs: Vec<StoredLog>,
}

impl Sources {
    /// The spans as they were sent.
    ///
    /// # Errors
    /// When what is kept cannot be decoded.
    pub fn sent(&self) -> Result<Vec<StoredSpan<'_>>, StoreError> {
        let mut sent = Vec::new();
        for trace in &self.traces {
            sent.extend(trace.sent()?);
        }
        Ok(sent)
    }

    /// The spans without what was sent.
    pub fn narrow(&self) -> Vec<Arc<Span>> {
        self.traces.iter().flat_map(|trace| trace.spans().cloned()).collect()
    }

    /// Bytes that [`Sources::sent`] takes, about.
    pub fn expanded_bytes(&self) -> usize {
        self.traces.iter().map(StoredTrace::expanded_bytes).sum()
    }
}

/// A run as it is kept, with the room that is held for what it takes written out.
#[derive(Debug)]
pub struct Whole {
    /// What is kept of it.
    pub sources: Sources,
    /// Given back when the run is let go of.
    _room: OwnedSemaphorePermit,
}

/// Room for so many bytes, as the semaphore of the server counts it: in units of 1 KiB.
pub fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes >> 10).unwrap_or(u32::MAX).max(1)
}

/// Spans and log records of a trace and of those it leads to, where they may be written out at once. Waits while others that are written out
/// take the room.
pub async fn read(app: &App, trace_id: TraceId) -> Result<Whole, Problem> {
    let sources = kept(app, trace_id, FULL_STEPS_MAX).await?;
    let bytes = fits(&sources.traces, 0, app.settings.limits.run_content_bytes).map_err(|error| error.counted(app))?;
    let room = Arc::clone(&app.content_room).acquire_many_owned(permits(bytes)).await;
    let room = room.map_err(|_| Problem::unavailable("the server is stopping"))?;
    Ok(Whole { sources, _room: room })
}

/// Spans and log records of a trace and of those it leads to, as they are kept, if they are `steps` at most.
pub async fn kept(app: &App, trace_id: TraceId, steps: usize) -> Result<Sources, Problem> {
    let sources = kept_of(app.store()?, &app.project(), trace_id, steps).await.map_err(|error| error.counted(app))?;
    if sources.traces.is_empty() { Err(joined::no_run(&trace_id.to_string())) } else { Ok(sources) }
}

async fn kept_of(store: &Store, project: &str, trace_id: TraceId, most: usize) -> Result<Sources, WholeError> {
    let own = store.traces_within(project, &[trace_id], Room { each: most, ..Room::default() }).await?;
    if let Some(steps) = own.left.get(&trace_id) {
        return Err(WholeError::Steps { steps: *steps });
    }
    let mut sources = Sources { traces: own.traces, logs: store.trace_logs(project, trace_id).await? };
    let spans = sources.narrow();
    let linked = store.linked(project, trace_id, &spans).await?;
    let steps = spans.len() + linked.len();
    if steps > most {
        return Err(WholeError::Steps { steps });
    }
    let others: BTreeSet<TraceId> = linked.iter().map(|span| span.trace_id).collect();
    let others: Vec<TraceId> = others.into_iter().collect();
    if !others.is_empty() {
        sources.traces.extend(store.traces_within(project, &others, Room::default()).await?.traces);
        sources.logs.extend(store.traces_logs(project, &others).await?);
    }
    Ok(sources)
}

/// The spans of one trace and of no other with everything that was sent, if they may be written out beside the bytes that were `taken`
/// for the same answer; what they take is added to these.
pub async fn alone(
    app: &App,
    store: &Store,
    project: &str,
    trace_id: TraceId,
    taken: &mut usize,
) -> Result<Vec<StoredSpan<'static>>, WholeError> {
    let traces = store.traces_within(project, &[trace_id], Room::default()).await?.traces;
    *taken = fits(&traces, *taken, app.settings.limits.run_content_bytes).map_err(|error| error.counted(app))?;
    let mut spans = Vec::new();
    for trace in &traces {
        spans.extend(trace.sent()?.into_iter().map(StoredSpan::into_owned));
    }
    Ok(spans)
}

/// The bytes that traces take written out and those that were taken, if they are `limit` at most.
fn fits(traces: &[StoredTrace], taken: usize, limit: usize) -> Result<usize, WholeError> {
    let bytes = traces.iter().map(StoredTrace::expanded_bytes).sum::<usize>() + taken;
    if bytes > limit { Err(WholeError::Bytes { bytes, limit }) } else { Ok(bytes) }
}

/// Spans of traces as one OTLP/JSON request, piece by piece: of what takes much when it is written out, only a piece is there at any time.
pub struct Pieces {
    traces: Vec<StoredTrace>,
    keep: fn(&StoredSpan<'_>) -> bool,
    /// The trace and its span that come next.
    at: (usize, usize),
    request: SpanPieces,
    ended: bool,
}

impl Pieces {
    /// The spans of these traces that are to be kept.
    pub fn of(traces: Vec<StoredTrace>, keep: fn(&StoredSpan<'_>) -> bool) -> Self {
        Self { traces, keep, at: (0, 0), request: SpanPieces::default(), ended: false }
    }

    /// Whether there was a span to write.
    pub fn has_begun(&self) -> bool {
        self.request.has_begun()
    }

    /// The next piece; `None` after the last, and where there is nothing to write.
    ///
    /// # Errors
    /// When what is kept cannot be decoded.
    pub fn next_piece(&mut self) -> Result<Option<String>, StoreError> {
        let (mut piece, keep) = (String::new(), self.keep);
        while let Some(trace) = self.traces.get(self.at.0) {
            let part = trace.sent_part(self.at.1, PIECE_BYTES)?;
            if part.is_empty() {
                self.at = (self.at.0 + 1, 0);
                continue;
            }
            self.at.1 += part.len();
            for span in part.iter().filter(|span| keep(span)) {
                self.request.add(&mut piece, &span.resource, &span.scope, &span.raw);
            }
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        if self.ended || !self.request.has_begun() {
            return Ok(None);
        }
        self.ended = true;
        self.request.end(&mut piece);
        Ok(Some(piece))
    }

    /// All pieces, as they are asked for.
    pub fn into_body(self) -> Body {
        Body::from_stream(stream::try_unfold(self, |mut pieces| async move {
            let piece = pieces.next_piece().map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(piece.map(|piece| (piece, pieces)))
        }))
    }
}
