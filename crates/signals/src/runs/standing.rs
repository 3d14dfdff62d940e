//! How a run stands: running, ended well, failed, abandoned; and how long it took.

use model::{RunStatus, Span, SpanStatus, Timestamp};

use super::Settings;
use super::times::{Times, is_running};
use super::tree::Tree;

/// Status, length and whether they may still change.
pub(super) struct Standing {
    pub status: RunStatus,
    pub provisional: bool,
    pub duration_nanos: i64,
    pub last_received: Timestamp,
}

/// Judged by the root; by all roots where the trace has several. Spans are sent when they end, so a root that has not arrived
/// is one that runs, however long it takes. Where the top span's parent is in another process, which may well report
/// elsewhere, that span is judged as a root once nothing has come for the settling time.
///
/// A failed step below the root does not make the run fail: the agent may have recovered.
pub(super) fn standing(tree: &Tree, times: &Times, now: Timestamp, settings: &Settings) -> Standing {
    let last_received = tree.nodes.iter().map(|node| node.span.received).max().unwrap_or_default();
    let quiet = now.nanos_since(last_received);
    let rooted = tree.root().is_some();
    let tops = || tree.tops().map(|at| tree.span(at));
    let entered = !rooted && tops().any(|span| span.remote_parent);
    let decides = |span: &&Span| if rooted { span.parent_span_id.is_none() } else { !entered || span.remote_parent };
    let deciding = || tops().filter(decides);
    let ended_badly = || tree.tops().any(|at| decides(&tree.span(at)) && ends_with_failure(tree, at));
    let running = !(rooted || entered) || deciding().any(is_running);
    let status = if running && quiet >= settings.abandon_nanos {
        RunStatus::Abandoned
    } else if running || (entered && quiet < settings.settle_nanos) {
        RunStatus::Running
    } else if deciding().any(|span| span.status == SpanStatus::Error) || ended_badly() {
        RunStatus::Error
    } else {
        RunStatus::Ok
    };
    let provisional = match status {
        RunStatus::Running => true,
        RunStatus::Abandoned => false,
        RunStatus::Ok | RunStatus::Error => quiet < settings.settle_nanos,
    };
    let duration_nanos = if !running {
        let intervals = || deciding().map(|span| times.interval(span));
        let start = intervals().map(|(start, _)| start).min().unwrap_or_default();
        intervals().map(|(_, end)| end).max().unwrap_or_default().saturating_sub(start)
    } else {
        times.horizon.nanos_since(times.start)
    };
    Standing { status, provisional, duration_nanos, last_received }
}

/// Langfuse's traces have no status: one that tells no answer, and ended when a step failed, failed. A span that was sent
/// around its steps ends after them, and says itself how it went.
fn ends_with_failure(tree: &Tree, top: usize) -> bool {
    let span = tree.span(top);
    if span.dialect.as_ref() != "langfuse" || span.status != SpanStatus::Ok || span.output_preview.is_some() {
        return false;
    }
    let last = tree.children(top).map(|at| tree.span(at)).max_by_key(|step| (step.end, step.start, step.span_id));
    last.is_some_and(|step| step.status == SpanStatus::Error && step.end == span.end)
}
