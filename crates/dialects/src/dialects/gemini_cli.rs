//! Gemini CLI: a tool's request stands where messages would.

use model::{Content, StepKind};
use serde_json::Value as Json;

use crate::field::Field;
use crate::messages::json_of;
use crate::reading::Reading;

/// A tool's arguments out of its request (`{"name", "args"}`).
pub(crate) fn content(reading: &Reading<'_>, content: &mut Content) {
    if reading.kind != Some(StepKind::Tool) || content.tool_arguments.is_some() {
        return;
    }
    let request = reading.get(Field::ToolArguments).map(json_of);
    content.tool_arguments = match request {
        Some(Json::Object(mut request)) if request.contains_key("name") => request.remove("args"),
        other => other,
    };
}
