//! What on a span bears witness that two traces are one run.

use model::raw::{Link, RawSpan, Resource, Scope, SpanKind};
use model::{Attributes, Join, JoinReason, Relation, SpanId, Tenant, Timestamp, TraceId, Value};

fn trace(id: u8) -> TraceId {
    TraceId::from_array([id; 16])
}

fn id(id: u8) -> SpanId {
    SpanId::from_array([id; 8])
}

fn raw<'a>(name: &'a str, kind: SpanKind, attributes: &[(&'a str, &'a str)]) -> RawSpan<'a> {
    let attributes = attributes.iter().map(|(key, value)| ((*key).into(), Value::from(*value))).collect();
    RawSpan {
        trace_id: trace(1),
        span_id: id(1),
        name: name.into(),
        kind,
        attributes: Attributes(attributes),
        ..RawSpan::default()
    }
}

fn joins(raw: &RawSpan<'_>, scope: &str) -> Vec<Join> {
    let (resource, scope) = (Resource::default(), Scope { name: scope.to_owned().into(), ..Scope::default() });
    let tenant = Tenant { project: "default".into(), environment: "default".into() };
    let span = dialects::understand(raw, &resource, &scope, &tenant, Timestamp::default());
    dialects::joins(raw, &span)
}

fn linked(to: &[(u8, u8)]) -> RawSpan<'static> {
    let link = |&(of, span): &(u8, u8)| Link {
        trace_id: trace(of),
        span_id: id(span),
        trace_state: "".into(),
        attributes: Attributes::default(),
    };
    RawSpan { links: to.iter().map(link).collect(), ..raw("agent.consume", SpanKind::Consumer, &[]) }
}

#[test]
fn a_consumer_belongs_to_the_one_span_it_links_to() {
    let found = joins(&linked(&[(2, 7), (2, 7)]), "");
    let expected = Join {
        relation: Relation::Child,
        other: trace(2),
        caller: Some(id(7)),
        callee: Some(id(1)),
        reason: JoinReason::Link,
    };
    assert_eq!(found, [expected]);
    // A batch is of many; a span with a parent is placed already; any other kind may link to what it likes.
    assert!(joins(&linked(&[(2, 7), (3, 7)]), "").is_empty());
    assert!(joins(&RawSpan { parent_span_id: Some(id(9)), ..linked(&[(2, 7)]) }, "").is_empty());
    assert!(joins(&RawSpan { kind: SpanKind::Internal, ..linked(&[(2, 7)]) }, "").is_empty());
    assert!(joins(&linked(&[(1, 7)]), "").is_empty(), "its own trace");
}

#[test]
fn the_sender_of_a_message_belongs_to_the_one_span_that_made_it() {
    let sender = |operation: &'static str, to: &[(u8, u8)]| {
        let links = linked(to).links;
        RawSpan { links, ..raw("autogen publish", SpanKind::Producer, &[("messaging.operation", operation)]) }
    };
    let found = joins(&sender("publish", &[(2, 7)]), "");
    assert_eq!(found.iter().map(|join| (join.other, join.caller)).collect::<Vec<_>>(), [(trace(2), Some(id(7)))]);
    // One that makes a message, or sends several, is of no other run.
    assert!(joins(&sender("create", &[(2, 7)]), "").is_empty());
    assert!(joins(&sender("publish", &[(2, 7), (3, 7)]), "").is_empty());
}

#[test]
fn a_first_span_names_its_parent_in_either_form() {
    let context = "00-02020202020202020202020202020202-0707070707070707-01";
    let ids = [("parent.trace_id", "02020202020202020202020202020202"), ("parent.span_id", "0707070707070707")];
    for span in [raw("serve", SpanKind::Server, &[("traceparent", context)]), raw("serve", SpanKind::Server, &ids)] {
        let found = joins(&span, "");
        assert_eq!((found[0].other, found[0].caller, found[0].reason), (trace(2), Some(id(7)), JoinReason::ParentId));
        assert!(joins(&RawSpan { parent_span_id: Some(id(9)), ..span }, "").is_empty());
    }
    assert!(joins(&raw("serve", SpanKind::Server, &[("traceparent", "00-xyz-1-01")]), "").is_empty());
}

#[test]
fn both_sides_of_an_mcp_request_meet() {
    let request = [("mcp.session.id", "s"), ("jsonrpc.request.id", "4"), ("mcp.method.name", "tools/call")];
    let client = joins(&raw("tools/call x", SpanKind::Client, &request), "");
    let server = joins(&RawSpan { trace_id: trace(2), ..raw("tools/call x", SpanKind::Server, &request) }, "");
    assert_eq!((client[0].relation, server[0].relation), (Relation::Calls, Relation::Answers));
    assert_eq!((client[0].other, client[0].reason), (server[0].other, JoinReason::Mcp));
    assert!(
        joins(&raw("tools/call x", SpanKind::Client, &request[1..]), "").is_empty(),
        "ids count from 0 in every session"
    );
}

#[test]
fn executions_prompts_and_conversations_lead_to_the_records_that_name_them() {
    let step = joins(&raw("fetch", SpanKind::Internal, &[("execution_id", "E"), ("step_type", "tool")]), "");
    let execution = dialects::told_trace("default", dialects::ToldGroup::Execution, "E");
    assert_eq!((step[0].relation, step[0].other), (Relation::Sent, execution));
    // A web server's span that happens to carry such an id is no step.
    let http = raw("GET /", SpanKind::Server, &[("workflow_id", "w"), ("http.request.method", "GET")]);
    assert!(joins(&http, "").is_empty());
    let gemini = [("session.id", "s"), ("prompt_id", "p"), ("gen_ai.operation.name", "llm_call")];
    let gemini = joins(&raw("llm_call", SpanKind::Internal, &gemini), "gemini-cli");
    assert_eq!((gemini[0].relation, gemini[0].reason), (Relation::Same, JoinReason::Prompt));
}

#[test]
fn a_join_is_the_same_row_whoever_tells_it() {
    let found = joins(&linked(&[(2, 7)]), "")[0];
    let tenant = Tenant::default();
    let understand = |raw: &RawSpan<'_>| {
        dialects::understand(raw, &Resource::default(), &Scope::default(), &tenant, Timestamp::default())
    };
    let span = understand(&linked(&[(2, 7)]));
    let (row, kept) = dialects::join_span(trace(1), &found, &span);
    assert_eq!(row.told.as_deref().and_then(Join::parse), Some(found));
    // Read again from what is kept, it is the same.
    assert_eq!(understand(&kept).told, row.told);
    let other = model::Span { span_id: id(99), ..span };
    assert_eq!(dialects::join_span(trace(1), &found, &other).0.span_id, row.span_id);
    assert_ne!(dialects::join_span(trace(2), &found.turned(trace(1)), &other).0.span_id, row.span_id);
}
