//! Strands: a tool's arguments and result are message events in Bedrock's blocks.

use model::{Attributes, Content, Part, Span, StepKind};
use serde_json::Value as Json;

use crate::messages::{json_of, opened, parts_of};
use crate::preview::{compact, short};
use crate::reading::Reading;

/// Previews of a tool.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    if span.kind == StepKind::Tool {
        let (arguments, result) = tool(reading);
        span.input_preview = arguments.as_ref().map(compact).as_deref().and_then(short);
        span.output_preview = result.as_ref().map(compact).as_deref().and_then(short);
    }
}

/// A tool's arguments and result.
pub(crate) fn content(reading: &Reading<'_>, content: &mut Content) {
    if reading.kind == Some(StepKind::Tool) {
        let (arguments, result) = tool(reading);
        content.tool_arguments = content.tool_arguments.take().or(arguments);
        content.tool_result = content.tool_result.take().or(result);
    }
}

fn tool(reading: &Reading<'_>) -> (Option<Json>, Option<Json>) {
    let event = |name: &str| reading.raw.events.iter().find(|event| event.name == name).map(|event| &event.attributes);
    let of =
        |attributes: &Attributes<'_>, keys: [&str; 2]| keys.iter().find_map(|key| attributes.get(key)).map(json_of);
    let arguments = event("gen_ai.tool.message").and_then(|attributes| of(attributes, ["content", "arguments"]));
    let result = event("gen_ai.choice").and_then(|attributes| of(attributes, ["message", "content"])).map(plain);
    (arguments, result)
}

/// The only block of a result stands for itself.
fn plain(value: Json) -> Json {
    match parts_of(&value).as_slice() {
        [Part::Text { text }] => opened(&Json::String(text.clone())).into_owned(),
        [Part::ToolResult { result, .. }] => result.clone(),
        _ => value,
    }
}
