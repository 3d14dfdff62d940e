//! MLflow: every value is JSON inside text.

use model::{Span, UsageRole};
use serde_json::Value as Json;

use crate::intern::intern;
use crate::messages::json_of;
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
