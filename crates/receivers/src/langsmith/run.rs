//! One run as a partial span.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::raw::{Event, Scope, StatusCode};
use model::{Attributes, Timestamp, Value};
use serde_json::Value as Json;

use super::{ATTACHMENT_BYTES_MAX, Attachment, Verb, outputs};
use crate::Partial;
use crate::ids::{span_id, trace_id};
use crate::raw_json::{Members, attribute, string, time};

/// Events of one run that are kept. JavaScript sends one for every token; the first ones tell what matters.
const EVENTS_MAX: usize = 64;

/// Parameters of a call, as the SDK names them in `invocation_params` or (with `ls_` in front) in the metadata.
const PARAMETERS: &[&str] = &["temperature", "max_tokens", "top_p", "frequency_penalty", "presence_penalty"];

/// Reads a run. The second value is whether its trace is known; else the span's trace id stands for nothing.
pub(super) fn read(verb: Verb, id: &str, members: &Members<'_>, received: Timestamp) -> (Partial, bool) {
    let dotted = members.text("dotted_order").unwrap_or_default();
    let ancestors: Vec<(Option<Timestamp>, &str)> = dotted.split('.').filter_map(dotted_part).collect();
    let told_trace = members.text("trace_id").or_else(|| ancestors.first().map(|(_, id)| (*id).to_owned()));
    let parent =
        members.text("parent_run_id").or_else(|| ancestors.iter().rev().nth(1).map(|(_, id)| (*id).to_owned()));
    // A run that is created without naming a trace or a parent is a root, and the trace is named after it.
    let trace = told_trace.clone().or_else(|| (verb == Verb::Post && parent.is_none()).then(|| id.to_owned()));

    let (start, end) =
        (members.time("start_time").or(ancestors.last().and_then(|(time, _)| *time)), members.time("end_time"));
    let said = end.or(start).unwrap_or(received);
    // A change counts over the creation it belongs to, also where both name the same time.
    let at = if verb == Verb::Patch { said.plus_nanos(1) } else { said };
    let extra = members.object("extra");
    let runtime = extra.object("runtime");
    let scope = Scope {
        name: Cow::Borrowed("langsmith"),
        version: Cow::Owned(runtime.text("sdk_version").unwrap_or_default()),
        ..Scope::default()
    };
    let mut span = Partial::new(trace_id(trace.as_deref().unwrap_or(id)), span_id(id), at, scope);
    span.name = members.text("name");
    span.parent = parent.as_deref().map(span_id);
    (span.start, span.end) = (start, end);
    span.set_text("langsmith.run_id", Some(id));
    span.set_text("langsmith.trace_id", told_trace);
    span.set_text("langsmith.parent_run_id", parent);
    for (key, member) in [
        ("langsmith.span.kind", "run_type"),
        ("langsmith.trace.session_name", "session_name"),
        ("langsmith.trace.session_id", "session_id"),
        ("langsmith.reference_example_id", "reference_example_id"),
    ] {
        span.set_text(key, members.text(member));
    }
    let tags = members.texts("tags");
    if !tags.is_empty() {
        span.set("langsmith.span.tags", Some(string(tags.join(", "))));
    }
    for (key, member) in
        [("gen_ai.prompt", "inputs"), ("gen_ai.completion", "outputs"), ("langsmith.serialized", "serialized")]
    {
        // An empty object is a place kept for what is still to come.
        span.set(key, members.raw(member).filter(|text| !is_empty(text)).and_then(attribute));
    }
    self::extra(&extra, &mut span);
    call(members, &extra, &mut span);
    error(members, &mut span);
    events(members, start, &mut span);
    (span, trace.is_some())
}

fn is_empty(json: &str) -> bool {
    json.len() <= 8 && json.chars().filter(|character| !character.is_whitespace()).eq("{}".chars())
}

/// `20261121T050818606147Z<uuid>`: a time and the id of an ancestor.
fn dotted_part(part: &str) -> Option<(Option<Timestamp>, &str)> {
    let (stamp, id) = part.split_once('Z')?;
    let written = || {
        let (date, clock) = stamp.split_once('T')?;
        let text = format!(
            "{}-{}-{}T{}:{}:{}.{}Z",
            date.get(..4)?,
            date.get(4..6)?,
            date.get(6..8)?,
            clock.get(..2)?,
            clock.get(2..4)?,
            clock.get(4..6)?,
            clock.get(6..).filter(|fraction| !fraction.is_empty()).unwrap_or("0"),
        );
        Timestamp::parse_rfc3339(&text)
    };
    (!id.is_empty()).then(|| (written(), id))
}

/// Metadata, an attribute a key; the rest of `extra` beside it.
fn extra(extra: &Members<'_>, span: &mut Partial) {
    for (key, text) in extra.object("metadata").iter() {
        span.set(format!("langsmith.metadata.{key}"), attribute(text));
    }
    for (key, text) in extra.iter().filter(|(key, _)| *key != "metadata") {
        let key = if key == "runtime" { "langsmith.runtime".to_owned() } else { format!("langsmith.extra.{key}") };
        span.set(key, attribute(text));
    }
}

/// What a call of a model or tool says in its inputs, outputs and metadata, under OpenTelemetry's keys.
fn call(members: &Members<'_>, extra: &Members<'_>, span: &mut Partial) {
    let (metadata, invocation) = (extra.object("metadata"), extra.object("invocation_params"));
    let model =
        metadata.text("ls_model_name").or_else(|| invocation.text("model")).or_else(|| invocation.text("model_name"));
    span.set_text("gen_ai.request.model", model);
    span.set_text("gen_ai.system", metadata.text("ls_provider"));
    for name in PARAMETERS {
        let told = metadata.raw(&format!("ls_{name}")).or_else(|| invocation.raw(name));
        span.set(format!("gen_ai.request.{name}"), told.and_then(attribute));
    }
    span.set("gen_ai.tool.definitions", invocation.raw("tools").and_then(attribute));
    let kind = members.text("run_type").unwrap_or_default();
    if kind == "tool" {
        span.set_text("gen_ai.tool.name", members.text("name"));
        let id = extra.text("tool_call_id").or_else(|| metadata.text("tool_call_id"));
        span.set_text("gen_ai.tool.call.id", id.or_else(|| outputs::tool_call_id(members.json("outputs").as_ref())));
    }
    // An unknown type may be a call as well; chains repeat what their calls said.
    let answer = if kind == "chain" { None } else { members.json("outputs") };
    outputs::read(answer.as_ref(), metadata.json("usage_metadata"), &kind, span);
}

/// The error: Python sends `ValueError('…')` and a traceback, JavaScript `Error: …` and a stack.
fn error(members: &Members<'_>, span: &mut Partial) {
    let Some(text) = members.raw("error") else {
        if members.raw("end_time").is_some() {
            span.status = Some((StatusCode::Unset, String::new()));
        }
        return;
    };
    let full = members.text("error").unwrap_or_else(|| text.to_owned());
    let head = full.split("Traceback (most recent call last)").next().unwrap_or(&full);
    let head = head.split("\n    at ").next().unwrap_or(head).trim();
    let class = head.split(['(', ':']).next().unwrap_or_default();
    let is_class = class.len() < head.len()
        && class.starts_with(|first: char| first.is_ascii_uppercase())
        && class.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '.'));
    span.set_text("error.type", is_class.then_some(class));
    span.status = Some((StatusCode::Error, head.to_owned()));
    if head.len() < full.len() {
        span.set_text("langsmith.error", Some(full));
    }
}

/// Events; with them, the time to the first token.
fn events(members: &Members<'_>, start: Option<Timestamp>, span: &mut Partial) {
    let Some(Json::Array(list)) = members.json("events") else { return };
    if list.is_empty() {
        return;
    }
    let text = |event: &Json, key: &str| event.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let first = list.iter().find(|event| text(event, "name") == "new_token").and_then(|event| time(event.get("time")?));
    if let (Some(first), Some(start)) = (first, start)
        && first >= start
    {
        span.set("gen_ai.response.time_to_first_chunk", Some(Value::Double(first.millis_since(start) / 1e3)));
    }
    span.dropped = u32::try_from(list.len().saturating_sub(EVENTS_MAX)).unwrap_or(u32::MAX);
    let read = |event: &Json| {
        let others =
            event.as_object().into_iter().flatten().filter(|(key, _)| !matches!(key.as_str(), "name" | "time"));
        let attributes =
            others.filter_map(|(key, value)| Some((Cow::Owned(key.clone()), attribute(&value.to_string())?)));
        Event {
            time: event.get("time").and_then(time).unwrap_or_default(),
            name: Cow::Owned(text(event, "name")),
            attributes: Attributes(attributes.collect()),
        }
    };
    span.events = Some(list.iter().take(EVENTS_MAX).map(read).collect());
}

/// Keeps attachments with the run, as data URLs, where they are small enough.
pub(super) fn attach(span: &mut Partial, attachments: &[Attachment<'_>]) {
    for (name, mime, content) in attachments {
        let key = format!("langsmith.attachment.{name}");
        let mime = mime.split(';').next().unwrap_or_default().trim();
        if content.len() <= ATTACHMENT_BYTES_MAX {
            span.set(key, Some(string(format!("data:{mime};base64,{}", STANDARD.encode(content)))));
        } else {
            span.set(
                key,
                Some(string(format!(
                    "{mime}, {} bytes, not kept: attachments are kept up to {ATTACHMENT_BYTES_MAX} bytes (ATTACHMENT_BYTES_MAX)",
                    content.len()
                ))),
            );
            span.dropped = span.dropped.saturating_add(1);
        }
    }
}
