//! Shape 4: one log record per message (OTel GenAI up to 1.36): `gen_ai.user.message`, `gen_ai.choice`, …; and the
//! records that carry whole conversations, `gen_ai.client.inference.operation.details`.

use model::Content;
use model::raw::RawLog;
use serde_json::Value as Json;

use super::{json_of, span_events};

/// Name of an event: the record's own, else its attribute (Semantic Kernel, Claude Code, Codex).
pub(crate) fn name<'r>(log: &'r RawLog<'_>) -> &'r str {
    log.attributes
        .text("event.name")
        .filter(|name| log.event_name.is_empty() || name.contains('.'))
        .unwrap_or(&log.event_name)
}

/// Adds what the records say, in their order of time, to sides of `content` that are still empty.
pub(crate) fn read(logs: &[RawLog<'_>], content: &mut Content) {
    let mut ordered: Vec<&RawLog<'_>> = logs.iter().collect();
    ordered.sort_by_key(|log| if log.time.is_unset() { log.observed } else { log.time });
    let (need_input, need_output) = (content.input.is_empty(), content.output.is_empty());
    let mut found = Content::default();
    for log in ordered {
        let body = json_of(&log.body);
        let body = if body.is_object() { body } else { Json::Null };
        span_events::read(name(log), &log.attributes, &body, &mut found);
    }
    if need_input {
        content.input = found.input;
    }
    if need_output {
        content.output = found.output;
    }
    if content.tool_definitions.is_empty() {
        content.tool_definitions = found.tool_definitions;
    }
}
