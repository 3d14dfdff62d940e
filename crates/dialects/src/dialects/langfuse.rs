//! Langfuse over OTLP: usage, cost and time to the first token are JSON inside attributes.

use model::{Span, StepKind, Timestamp, UsageRole};

use crate::messages::json_of;
use crate::reading::{Reading, unquote};
use crate::understand::set_cost;
use crate::usage;

/// Usage, cost, time to the first token.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    if let Some(value) = reading.attribute("langfuse.observation.usage_details")
        && let Some(found) = usage::read(&json_of(value))
    {
        (span.usage, span.usage_role) = (found, UsageRole::Own);
    }
    // Every call is a generation for senders that know no other word; a kind beside it says more (LiteLLM).
    if span.kind == StepKind::Llm && reading.attribute_text("openinference.span.kind") == Some("EMBEDDING") {
        span.kind = StepKind::Embedding;
    }
    if let Some(value) = reading.attribute("langfuse.observation.cost_details") {
        set_cost(span, usage::cost(&json_of(value)));
    }
    if span.ttft_ms.is_none()
        && let Some(text) = reading.attribute_text("langfuse.observation.completion_start_time")
        && let Some(time) = Timestamp::parse_rfc3339(&unquote(text))
    {
        span.ttft_ms = Some(time.millis_since(span.start)).filter(|ms| *ms >= 0.0);
    }
}
