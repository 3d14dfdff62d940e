//! Mastra: the time of the first token is a moment, and a workflow is named by its span alone.

use model::{Span, SpanStatus, StepKind, Timestamp};
use serde_json::Value as Json;

use crate::intern::intern;
use crate::messages::json_of;
use crate::preview::{PARSE_LIMIT, short};
use crate::reading::Reading;

/// Time to the first token, failed calls, the workflow, an agent's words.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    if span.kind == StepKind::Llm
        && span.ttft_ms.is_none()
        && let Some(text) = reading.attribute_text("mastra.completion_start_time")
        && let Some(time) = Timestamp::parse_rfc3339(text)
    {
        span.ttft_ms = Some(time.millis_since(span.start)).filter(|ms| *ms >= 0.0);
    }
    // A call that failed says so as the reason why it stopped, and nowhere else.
    if span.kind == StepKind::Llm && span.finish_reason.as_deref() == Some("error") {
        span.status = SpanStatus::Error;
    }
    if span.workflow.is_none()
        && reading.attribute_text("mastra.span.type") == Some("workflow_run")
        && let Some(named) = reading.raw.name.strip_prefix("invoke_workflow ")
    {
        span.workflow = Some(intern(named));
    }
    // An agent's answer comes with files and more beside the words.
    if span.output_preview.is_none()
        && let Some(value) = reading.attribute("mastra.agent_run.output")
        && value.as_str().is_some_and(|text| text.starts_with('{') && text.len() <= PARSE_LIMIT)
    {
        span.output_preview = json_of(value).get("text").and_then(Json::as_str).and_then(short);
    }
}
