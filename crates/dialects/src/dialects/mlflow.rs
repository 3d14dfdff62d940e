//! MLflow: every value is JSON inside text.

use std::sync::Arc;

use model::{Span, StepKind, UsageRole};
use serde::Deserialize;
use serde_json::Value as Json;

use super::openinference;
use crate::intern::intern;
use crate::messages::json_of;
use crate::preview::PARSE_LIMIT;
use crate::reading::Reading;
use crate::understand::set_cost;
use crate::usage;

/// Usage, cost and prompt.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    if let Some(value) = reading.attribute("mlflow.chat.tokenUsage")
        && let Some(found) = usage::read(&json_of(value))
    {
        (span.usage, span.usage_role) = (found, UsageRole::Own);
    }
    // The counts MLflow sums up leave out classes, and those of embeddings: the provider's own are in its answer.
    if matches!(span.kind, StepKind::Llm | StepKind::Embedding)
        && let Some(text) = reading.attribute_text("mlflow.spanOutputs").filter(|text| text.len() <= PARSE_LIMIT)
        && let Some(answer) = Answer::read(text)
    {
        if let Some(found) = answer.usage.as_ref().and_then(usage::read) {
            usage::complete(&mut span.usage, &found);
            span.usage_role = UsageRole::Own;
        }
        span.response_id = span.response_id.take().or_else(|| answer.id.as_deref().map(Arc::from));
    }
    openinference::metadata(reading, span);
    if let Some(value) = reading.attribute("mlflow.llm.cost") {
        set_cost(span, usage::cost(&json_of(value)));
    }
    if span.prompt_name.is_none()
        && let Some(value) = reading.attribute("mlflow.linkedPrompts")
        && let Json::Array(prompts) = json_of(value)
        && let Some(prompt) = prompts.first()
    {
        span.prompt_name = prompt.get("name").and_then(Json::as_str).map(intern);
        span.prompt_version = prompt.get("version").and_then(Json::as_str).map(intern);
    }
}

/// What of a provider's answer is not in attributes of its own.
#[derive(Deserialize)]
struct Answer {
    id: Option<String>,
    usage: Option<Json>,
}

impl Answer {
    fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
