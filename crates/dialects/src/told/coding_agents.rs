//! Events of Claude Code, Codex CLI and Gemini CLI, which send logs by default and spans only when asked to.
//!
//! The spans made of them have the names and keys of the spans these programs send, so that the same tables read both.

use std::borrow::Cow;

use model::{ToldPart, TraceId, Value};
use serde_json::json;

use super::record::Record;
use super::{Group, Step, told_trace};

pub(super) fn read<'r>(record: &'r Record<'r>) -> Option<Step<'r>> {
    let name = record.name();
    if let Some(event) = name.strip_prefix("codex.") {
        return codex(record, event);
    }
    if let Some(event) = name.strip_prefix("gemini_cli.") {
        return gemini(record, event);
    }
    let is_claude = record.scope.name.starts_with("com.anthropic.claude_code") || record.service == "claude-code";
    match name.strip_prefix("claude_code.") {
        Some(event) => claude(record, event),
        None if is_claude => claude(record, &name),
        None => None,
    }
}

/// The run of a prompt in a session, where the record is in no trace.
fn prompt_trace(record: &Record<'_>, session: &[&str], prompt: &[&str]) -> Option<TraceId> {
    let id = [record.text(session), record.text(prompt)].into_iter().flatten().collect::<Vec<_>>().join("/");
    (!id.is_empty()).then(|| told_trace(record.project, Group::Conversation, &id))
}

fn text(value: impl Into<String>) -> Value<'static> {
    Value::Str(Cow::Owned(value.into()))
}

/// A prompt in the words of OpenTelemetry, which every table is read with.
fn prompt(record: &Record<'_>) -> Option<Value<'static>> {
    let said = record.text(&["prompt"]).filter(|said| said != "<REDACTED>")?;
    Some(text(json!([{"role": "user", "parts": [{"type": "text", "content": said}]}]).to_string()))
}

fn claude<'r>(record: &'r Record<'r>, event: &str) -> Option<Step<'r>> {
    let trace = || record.raw.trace_id.or_else(|| prompt_trace(record, &["session.id"], &["prompt.id"]));
    let call_id = || record.text(&["tool_use_id"]).or_else(|| record.text(&["tool_name"]));
    let step = |part, key: Cow<'r, str>, name: &'static str| {
        let mut step = Step::new(part, key, trace()?);
        (step.name, step.within) = (name.into(), record.raw.span_id);
        step.took = record.number(&["duration_ms"]);
        Some(step)
    };
    match event {
        "user_prompt" | "assistant_response" => {
            let mut step = step(ToldPart::Root, "interaction".into(), "claude_code.interaction")?;
            step.took = None;
            Some(step)
        }
        "api_request" => step(ToldPart::Whole, "llm_request".into(), "claude_code.llm_request"),
        "api_error" => {
            let mut step = step(ToldPart::Whole, "llm_request".into(), "claude_code.llm_request")?;
            step.error = record.text(&["error"]).or(Some("the request failed".into()));
            Some(step)
        }
        "tool_result" => step(ToldPart::Whole, call_id()?, "claude_code.tool"),
        // A tool that was let through has a result; one that was not has none.
        "tool_decision" if record.text(&["decision"]).is_some_and(|decision| decision == "reject") => {
            let mut step = step(ToldPart::Whole, call_id()?, "claude_code.tool")?;
            step.error = Some("the tool call was rejected".into());
            step.extra.push(("error_type", text("rejected")));
            Some(step)
        }
        _ => None,
    }
}

/// Codex' token counts and what they are on its spans. `tool_token_count` is in fact the total.
const CODEX_TOKENS: &[(&str, &str)] = &[
    ("input_token_count", "gen_ai.usage.input_tokens"),
    ("output_token_count", "gen_ai.usage.output_tokens"),
    ("cached_token_count", "gen_ai.usage.cache_read.input_tokens"),
    ("cache_write_token_count", "gen_ai.usage.cache_write.input_tokens"),
    ("reasoning_token_count", "gen_ai.usage.reasoning.output_tokens"),
];

fn codex<'r>(record: &'r Record<'r>, event: &str) -> Option<Step<'r>> {
    // The records with tokens are in no trace, even where the others are: one run for the conversation.
    let conversation = record.text(&["conversation.id"])?;
    let trace = told_trace(record.project, Group::Conversation, &conversation);
    let step = |part, key: Cow<'r, str>| Step::new(part, key, trace);
    let failure = || record.text(&["error.message", "error"]);
    match event {
        "conversation_starts" | "user_prompt" => {
            let mut step = step(ToldPart::Root, "turn".into());
            step.name = "session_task.turn".into();
            step.extra.extend(prompt(record).map(|said| ("gen_ai.input.messages", said)));
            Some(step)
        }
        "sse_event"
            if record.text(&["event.kind"])? == "response.completed" && record.get("input_token_count").is_some() =>
        {
            let mut step = step(ToldPart::Whole, "handle_responses".into());
            let tokens =
                CODEX_TOKENS.iter().filter_map(|(from, to)| Some((*to, record.get(from)?.clone().into_owned())));
            step.extra.extend(tokens);
            step.extra.push(("gen_ai.operation.name", text("chat")));
            Some(step)
        }
        "sse_event" | "api_request" | "websocket_request" => {
            let status = record.number(&["http.response.status_code"]).unwrap_or(0.0);
            let mut step = step(ToldPart::Whole, "handle_responses".into());
            step.error =
                Some(failure().filter(|text| !text.is_empty()).or_else(|| {
                    (status >= 400.0).then(|| format!("the request failed with status {status}").into())
                })?);
            step.took = record.number(&["duration_ms"]);
            step.extra.push(("gen_ai.operation.name", text("chat")));
            Some(step)
        }
        "tool_result" => {
            let mut step = step(ToldPart::Whole, record.text(&["call_id", "tool_name"])?);
            step.name = record.text(&["tool_name"])?;
            step.took = record.number(&["duration_ms"]);
            Some(step)
        }
        _ => None,
    }
}

fn gemini<'r>(record: &'r Record<'r>, event: &str) -> Option<Step<'r>> {
    // Each span of Gemini CLI is a trace of its own; the prompt is what belongs together.
    let trace =
        prompt_trace(record, &["session.id", "gen_ai.conversation.id"], &["prompt_id"]).or(record.raw.trace_id)?;
    let step = |part, key: Cow<'r, str>, operation: &'static str| {
        let mut step = Step::new(part, key, trace);
        step.name = operation.into();
        step.within = record.raw.span_id;
        step.took = record.number(&["duration_ms"]);
        step.extra.push(("gen_ai.operation.name", text(operation)));
        step
    };
    match event {
        "user_prompt" => {
            let mut step = step(ToldPart::Root, "prompt".into(), "user_prompt");
            step.extra.push(("gen_ai.agent.name", text("gemini-cli")));
            step.extra.extend(prompt(record).map(|said| ("gen_ai.input.messages", said)));
            Some(step)
        }
        // Of itself no call: the record of its answer is one.
        "api_request" if record.get("request_text").is_some() => {
            let mut step = Step::new(ToldPart::Asked, "llm_call", trace);
            (step.name, step.within) = ("api_request".into(), record.raw.span_id);
            Some(step)
        }
        "api_response" => Some(step(ToldPart::Whole, "llm_call".into(), "llm_call")),
        "api_error" => {
            let mut step = step(ToldPart::Whole, "llm_call".into(), "llm_call");
            step.error =
                record.text(&["error", "error_message", "error.message"]).or(Some("the request failed".into()));
            Some(step)
        }
        "tool_call" => {
            let mut step = step(ToldPart::Whole, record.text(&["call_id", "function_name"])?, "tool_call");
            step.error = record.text(&["error", "error.message"]).filter(|error| !error.is_empty());
            Some(step)
        }
        _ => None,
    }
}
