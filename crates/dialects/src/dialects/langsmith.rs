//! LangSmith over OTLP: details of usage are JSON inside attributes; inputs and outputs are a run's dictionaries.

use model::{Span, Usage, UsageRole};
use serde_json::json;

use crate::messages::json_of;
use crate::reading::Reading;
use crate::understand::set_cost;
use crate::usage;

/// Details of usage, and cost.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    let details = json!({
        "input_token_details": reading.attribute("gen_ai.usage.input_token_details").map(json_of),
        "output_token_details": reading.attribute("gen_ai.usage.output_token_details").map(json_of),
    });
    if let Some(found) = usage::read(&details) {
        usage::complete(&mut span.usage, &found);
    }
    if let Some(value) = reading.attribute("langsmith.metadata.usage_metadata") {
        let value = json_of(value);
        if let Some(found) = usage::read(&value) {
            usage::complete(&mut span.usage, &found);
        }
        let part = |key: &str| value.get(key).and_then(serde_json::Value::as_f64);
        let dollars = part("total_cost").or_else(|| match (part("input_cost"), part("output_cost")) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0.0) + output.unwrap_or(0.0)),
        });
        set_cost(span, dollars);
    }
    // LiteLLM sends the provider's whole usage beside a summary of it.
    if let Some(found) =
        reading.attribute("langsmith.extra.usage_object").and_then(|value| usage::read(&json_of(value)))
    {
        usage::complete(&mut span.usage, &found);
    }
    if span.usage != Usage::default() {
        span.usage_role = UsageRole::Own;
    }
}
