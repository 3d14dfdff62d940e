//! Pydantic AI and Logfire: point events are spans too, and usage is repeated raw.

use model::{Span, StepKind};

use crate::messages::json_of;
use crate::reading::Reading;
use crate::usage;

/// Point events are no steps; classes of usage that only the raw object has.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    // `log` is a moment, `pending_span` the announcement of a span that will be sent when it ends.
    if matches!(reading.attribute_text("logfire.span_type"), Some("log" | "pending_span")) {
        span.kind = StepKind::Other;
        return;
    }
    if let Some(raw) = reading.attribute("gen_ai.usage.raw")
        && let Some(found) = usage::read(&json_of(raw))
    {
        usage::complete(&mut span.usage, &found);
    }
}
