//! OpenTelemetry's own event of a whole model call, `gen_ai.client.inference.operation.details`.

use model::ToldPart;

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
    let model = record.text(&["gen_ai.request.model", "gen_ai.response.model"])?;
    let operation = record.text(&["gen_ai.operation.name"]).unwrap_or("chat".into());
    let grouped =
        |key: &str, group: Group| record.text(&[key]).map(|id| told_trace(record.project, group, id.as_ref()));
    let trace = record
        .trace()
        .or_else(|| grouped("gen_ai.conversation.id", Group::Conversation))
        .or_else(|| grouped("gen_ai.response.id", Group::Response))?;
    let mut step = Step::new(ToldPart::Whole, format!("{operation} {model}"), trace);
    step.within = record.span();
    Some(step)
}
