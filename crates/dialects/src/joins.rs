//! What on a span bears witness that its trace and another belong to one run.
//!
//! Only what is certain counts: a span that merely links to another trace, or runs at the same time, joins nothing. Each
//! witness is kept as a row of its own in both traces ([`join_span`]), so that whichever is opened leads to the other.

use std::borrow::Cow;

use model::raw::{RawSpan, SpanKind};
use model::{Attributes, Join, JoinReason, Relation, Span, SpanId, StepKind, TraceId, Value};

use crate::log::Fnv;
use crate::reading::text_of;
use crate::told::{ATTRIBUTE, Group, told_trace};

/// Attributes of a first span that hold the context it was called with, as W3C's `traceparent`.
const TRACEPARENTS: &[&str] = &[
    "traceparent",
    "messaging.header.traceparent",
    "rpc.request.metadata.traceparent",
    "mcp.request.meta.traceparent",
];
/// The same as two ids.
const PARENT_IDS: &[(&str, &str)] =
    &[("parent.trace_id", "parent.span_id"), ("parent_trace_id", "parent_span_id"), ("parentTraceId", "parentSpanId")];

/// What the span says. Each is held by the span's trace; the other trace holds it [turned](Join::turned).
pub fn joins(raw: &RawSpan<'_>, span: &Span) -> Vec<Join> {
    let mut found = Vec::new();
    if span.told.is_some() {
        return found;
    }
    let here = raw.trace_id;
    let called = |other: TraceId, by: SpanId, reason: JoinReason| Join {
        relation: Relation::Child,
        other,
        caller: Some(by),
        callee: Some(raw.span_id),
        reason,
    };
    if raw.parent_span_id.is_none() {
        found.extend(link(raw).map(|(trace, span)| called(trace, span, JoinReason::Link)));
        found.extend(parent_ids(raw).map(|(trace, span)| called(trace, span, JoinReason::ParentId)));
    }
    let named = Named::of(raw);
    found.extend(groups(raw, &named, span).into_iter().flatten());
    found.extend(sides(raw, &named, span));
    found.retain(|join| join.other != here);
    found
}

/// The span that sent the message a consumer works on, or that made the message a producer sends: the only one it links to.
fn link(raw: &RawSpan<'_>) -> Option<(TraceId, SpanId)> {
    let (first, rest) = raw.links.split_first()?;
    let one = rest.iter().all(|link| (link.trace_id, link.span_id) == (first.trace_id, first.span_id));
    (one && handles_message(raw)).then_some((first.trace_id, first.span_id))
}

/// OpenTelemetry's messaging conventions: whoever sends a message that another span made links to that span. Other producers may
/// link to what they like.
fn handles_message(raw: &RawSpan<'_>) -> bool {
    const OPERATIONS: &[&str] = &["messaging.operation.type", "messaging.operation", "messaging.operation.name"];
    let sends = |key: &&str| {
        let operation = raw.attributes.get(key).and_then(text_of);
        operation.is_some_and(|operation| matches!(&*operation, "send" | "publish"))
    };
    match raw.kind {
        SpanKind::Consumer => true,
        SpanKind::Producer => OPERATIONS.iter().any(sends),
        _ => false,
    }
}

fn parent_ids(raw: &RawSpan<'_>) -> Option<(TraceId, SpanId)> {
    let text = |key: &str| raw.attributes.get(key).and_then(first_text);
    let context = TRACEPARENTS.iter().find_map(|key| {
        let context = text(key)?;
        let mut parts = context.split('-').skip(1);
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    });
    context.or_else(|| {
        PARENT_IDS.iter().find_map(|(trace, span)| Some((text(trace)?.parse().ok()?, text(span)?.parse().ok()?)))
    })
}

/// Headers are recorded as lists.
fn first_text<'r>(value: &'r Value<'r>) -> Option<Cow<'r, str>> {
    match value {
        Value::Array(items) => items.first().and_then(text_of),
        other => text_of(other),
    }
}

/// What log records may name too, best first.
const EXECUTIONS: &[(&str, Group)] = &[
    ("execution_id", Group::Execution),
    ("workflow_run_id", Group::Workflow),
    ("workflow.run.id", Group::Workflow),
    ("workflow_id", Group::Workflow),
    ("agent.request.id", Group::Request),
];

/// Ids on a span that another trace may know, found in one walk: most spans have none of them.
#[derive(Default)]
struct Named<'r> {
    execution: Option<(usize, &'r Value<'r>)>,
    prompt: Option<&'r Value<'r>>,
    mcp_session: Option<&'r Value<'r>>,
    mcp_request: Option<&'r Value<'r>>,
}

impl<'r> Named<'r> {
    fn of(raw: &'r RawSpan<'r>) -> Self {
        let mut named = Self::default();
        for (key, value) in raw.attributes.iter() {
            match key {
                "prompt_id" => named.prompt = Some(value),
                "mcp.session.id" => named.mcp_session = Some(value),
                "jsonrpc.request.id" => named.mcp_request = Some(value),
                _ => {
                    if let Some(at) = EXECUTIONS.iter().position(|(known, _)| *known == key)
                        && named.execution.is_none_or(|(best, _)| at <= best)
                    {
                        named.execution = Some((at, value));
                    }
                }
            }
        }
        named
    }
}

/// Traces of log records that name what the span names.
fn groups(raw: &RawSpan<'_>, named: &Named<'_>, span: &Span) -> [Option<Join>; 2] {
    let project = &span.tenant.project;
    let join = |relation, group, id: &str, reason| Join {
        relation,
        other: told_trace(project, group, id),
        caller: None,
        callee: None,
        reason,
    };
    let is_step = span.kind != StepKind::Other || &*span.dialect == "workflow_execution";
    let execution = named.execution.filter(|_| is_step).and_then(|(at, value)| {
        Some(join(Relation::Sent, EXECUTIONS[at].1, text_of(value)?.trim(), JoinReason::Execution))
    });
    let session = span.session_id.as_deref();
    let agent = match &*span.dialect {
        "codex_cli" if raw.name == "session_task.turn" => {
            session.map(|id| join(Relation::Sent, Group::Conversation, id, JoinReason::Conversation))
        }
        // Each span is a trace of its own there: they are one run.
        "gemini_cli" => named.prompt.and_then(text_of).zip(session).map(|(prompt, session)| {
            join(Relation::Same, Group::Conversation, &format!("{session}/{prompt}"), JoinReason::Prompt)
        }),
        _ => None,
    };
    [execution, agent]
}

/// The two sides of a call across processes that do not pass a context on, meeting in a trace of the call's own.
fn sides(raw: &RawSpan<'_>, named: &Named<'_>, span: &Span) -> Option<Join> {
    let (relation, caller, callee) = match raw.kind {
        SpanKind::Client => (Relation::Calls, Some(raw.span_id), None),
        SpanKind::Server if raw.parent_span_id.is_none() => (Relation::Answers, None, Some(raw.span_id)),
        _ => return None,
    };
    let mcp = named.mcp_session.and_then(text_of).zip(named.mcp_request.and_then(text_of));
    let (id, reason) = match mcp {
        Some((session, request)) => (format!("mcp/{session}/{request}"), JoinReason::Mcp),
        None => {
            let (call, session) = (span.tool_call_id.as_deref()?, span.session_id.as_deref()?);
            (format!("call/{session}/{call}"), JoinReason::ToolCall)
        }
    };
    let other = told_trace(&span.tenant.project, Group::Call, &id);
    Some(Join { relation, other, caller, callee, reason })
}

/// Whether a stored span only keeps a join ([`join_span`]): nobody sent it.
pub fn is_join(raw: &RawSpan<'_>) -> bool {
    let told = raw.attributes.get(ATTRIBUTE).and_then(Value::as_str);
    told.is_some_and(|told| Join::parse(told).is_some())
}

/// The row that keeps a join in the trace that holds it; `span` is the one that bears witness. The same join has the same id,
/// whoever tells it.
pub fn join_span(holder: TraceId, join: &Join, span: &Span) -> (Span, RawSpan<'static>) {
    let told = join.to_string();
    let mut hash = Fnv::new();
    hash.text("join");
    hash.text(&told);
    let folded = (hash.0 >> 64) as u64 ^ hash.0 as u64;
    let id = SpanId::from_slice(&folded.max(1).to_be_bytes()).unwrap_or(span.span_id);
    let mut row = Span::new(span.tenant.clone(), holder, id);
    row.name = "join".into();
    (row.start, row.end, row.received) = (span.start, span.start, span.received);
    row.dialect_version = span.dialect_version;
    row.told = Some(told.as_str().into());
    let raw = RawSpan {
        trace_id: holder,
        span_id: id,
        name: Cow::Borrowed("join"),
        start: row.start,
        end: row.end,
        attributes: Attributes(vec![(Cow::Borrowed(ATTRIBUTE), Value::Str(Cow::Owned(told)))]),
        ..RawSpan::default()
    };
    (row, raw)
}
