//! OpenTelemetry's own event of a whole model call, `gen_ai.client.inference.operation.details`.

use std::borrow::Cow;

use model::{ToldPart, Value};

use super::record::Record;
use super::{Group, Step, told_trace};

pub(super) fn read<'r>(record: &'r Record<'r>) -> Option<Step<'r>> {
    if record.name() != "gen_ai.client.inference.operation.details" {
        return None;
    }
    // Gemini CLI writes it twice for each call, beside an event of its own that has the tokens.
    if record.scope.name.starts_with("gemini-cli") || record.service == "gemini-cli" {
        return None;
    }
    let model = record.text(&["gen_ai.request.model", "gen_ai.response.model"]);
    let operation = record.text(&["gen_ai.operation.name"]);
    // Google's ADK leaves both to the span in which it writes the record.
    if model.is_none() && record.span().is_none() {
        return None;
    }
    let name = format!("{} {}", operation.as_deref().unwrap_or("chat"), model.as_deref().unwrap_or_default());
    let grouped =
        |key: &str, group: Group| record.text(&[key]).map(|id| told_trace(record.project, group, id.as_ref()));
    let trace = record
        .trace()
        .or_else(|| grouped("gen_ai.conversation.id", Group::Conversation))
        .or_else(|| grouped("gen_ai.response.id", Group::Response))?;
    let mut step = Step::new(ToldPart::Whole, name.trim_end().to_owned(), trace);
    step.within = record.span();
    if operation.is_none() {
        step.extra.push(("gen_ai.operation.name", Value::Str(Cow::Borrowed("chat"))));
    }
    Some(step)
}
