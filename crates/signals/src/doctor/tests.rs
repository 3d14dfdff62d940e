//! What counts and trees mean to the doctor: telemetry that shows a check, and telemetry that does not.

use std::sync::Arc;

use model::{SpanId, StepKind, Tenant, Timestamp, TraceId};

use super::traces::examine;
use super::*;
use crate::runs::{Resolved, Settings, resolve};

const SECOND: i64 = 1_000_000_000;

fn origin(service: &str, dialect: &str) -> Origin {
    Origin { service: Some(service.into()), dialect: dialect.into(), ..Origin::default() }
}

fn count(id: &str, origin: Origin, over: u64, when: u64) -> Count {
    Count { check: check(id).unwrap(), origin, over, when, example: None }
}

fn ids(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.check.id.as_str()).collect()
}

#[test]
fn a_count_is_a_finding_from_its_share_on() {
    let few = count("no-tokens", origin("s", "otel_genai"), 1000, 5);
    let many = count("no-tokens", origin("t", "otel_genai"), 1000, 50);
    let findings = counted(vec![few, many], &[]);
    assert_eq!((findings.len(), findings[0].origin.service.as_deref()), (1, Some("t")));
    assert!((findings[0].share() - 0.05).abs() < 1e-9);
}

#[test]
fn some_checks_speak_only_of_services_where_nothing_is_better() {
    let spans = |dialect: &str, when| count("no-agent-telemetry", origin("s", dialect), 30, when);
    assert_eq!(ids(&counted(vec![spans("", 30)], &[])), ["no-agent-telemetry"]);
    assert!(counted(vec![spans("", 30), spans("otel_genai", 0)], &[]).is_empty());
    assert!(counted(vec![count("no-agent-telemetry", origin("s", ""), 5, 5)], &[]).is_empty(), "five spans say little");
}

#[test]
fn content_in_log_events_is_content() {
    let silent = || count("no-content", origin("s", "otel_genai"), 10, 10);
    let events = |service: &str| [(Some(service.to_owned()), "gen_ai.user.message".to_owned())];
    assert!(counted(vec![silent()], &events("s")).is_empty());
    assert_eq!(ids(&counted(vec![silent()], &events("other"))), ["no-content"]);
}

#[test]
fn the_remedy_is_the_librarys_own() {
    let line = |id: &str, dialect: &str| Finding::new(id, origin("s", dialect), 1, 1).remedy.unwrap().line.clone();
    assert!(line("no-content", "claude_code").contains("OTEL_LOG_USER_PROMPTS"));
    assert!(line("no-content", "traceloop").contains("TRACELOOP_TRACE_CONTENT"));
    assert!(line("no-content", "otel_genai").contains("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"));
    assert!(line("no-tokens-streaming", "otel_genai").contains("include_usage"));
    assert!(line("double-instrumentation", "anthropic_sdk").contains("ANTHROPIC_OPEN_TELEMETRY=false"));
}

#[test]
fn the_worst_comes_first() {
    let mut findings = vec![
        Finding::new("no-session", Origin::default(), 900, 900),
        Finding::new("no-tokens", Origin::default(), 5, 10),
        Finding::new("no-model", Origin::default(), 7, 10),
        Finding::new("ends-before-start", Origin::default(), 50, 90),
    ];
    sort(&mut findings);
    assert_eq!(ids(&findings), ["ends-before-start", "no-tokens", "no-model", "no-session"]);
}

/// A span of a trace: number, parent, kind, start and end in milliseconds.
fn span(trace: u8, id: u8, parent: u8, kind: StepKind, start: i64, end: i64) -> Span {
    let mut span = Span::new(Tenant::default(), TraceId::from_array([trace; 16]), SpanId::from_array([id; 8]));
    span.parent_span_id = (parent > 0).then(|| SpanId::from_array([parent; 8]));
    span.service = Some("service".into());
    span.dialect = "otel_genai".into();
    span.kind = kind;
    let begin = Timestamp::from_nanos(1_700_000_000 * SECOND);
    span.start = begin.plus_nanos(start * 1_000_000);
    span.end = begin.plus_nanos(end * 1_000_000);
    span.received = span.end;
    span
}

use model::Span;

/// Runs as they look once they have settled.
fn runs(traces: Vec<Vec<Span>>) -> Vec<Resolved> {
    let later = Timestamp::from_nanos(1_700_010_000 * SECOND);
    let resolved = traces.into_iter().map(|spans| {
        let spans: Vec<_> = spans.into_iter().map(Arc::new).collect();
        resolve(&spans, later, &Settings::default()).unwrap()
    });
    resolved.collect()
}

/// An agent that calls a model and a tool, as it should be.
fn healthy(trace: u8) -> Vec<Span> {
    let mut agent = span(trace, 1, 0, StepKind::Agent, 0, 100);
    agent.agent = Some("a".into());
    vec![agent, span(trace, 2, 1, StepKind::Llm, 10, 50), span(trace, 3, 1, StepKind::Tool, 50, 90)]
}

#[test]
fn healthy_runs_are_left_in_peace() {
    assert_eq!(ids(&examine(&runs((1..30).map(healthy).collect()))), Vec::<&str>::new());
}

#[test]
fn a_parent_that_never_came_is_missed_unless_it_is_elsewhere() {
    let mut broken = healthy(1);
    broken.push(span(1, 4, 9, StepKind::Llm, 20, 30));
    let findings = examine(&runs(vec![broken.clone(), healthy(2)]));
    assert_eq!(ids(&findings), ["orphans"]);
    assert_eq!((findings[0].count, findings[0].of), (1, 5));
    assert_eq!(findings[0].example.unwrap().span_id, Some(SpanId::from_array([4; 8])));
    broken[3].remote_parent = true;
    assert!(examine(&runs(vec![broken])).is_empty());
}

#[test]
fn holes_in_many_runs_look_like_sampling() {
    let with_hole = |trace| {
        let mut spans = healthy(trace);
        spans.push(span(trace, 4, 9, StepKind::Llm, 20, 30));
        spans
    };
    let traces = (1..=20).map(|trace| if trace % 3 == 0 { with_hole(trace) } else { healthy(trace) }).collect();
    assert_eq!(ids(&examine(&runs(traces))), ["sampled"]);
}

#[test]
fn clocks_are_compared_within_and_across_services() {
    let mut across = healthy(1);
    across[1].service = Some("other".into());
    across[1].start = across[0].start.plus_nanos(-SECOND);
    assert_eq!(ids(&examine(&runs(vec![across.clone()]))), ["clock-skew"]);
    across[1].start = across[0].start.plus_nanos(-5_000_000);
    assert!(examine(&runs(vec![across])).is_empty(), "five milliseconds are how well clocks agree");
    let mut within = healthy(2);
    within[2].start = within[0].start.plus_nanos(-SECOND);
    assert_eq!(ids(&examine(&runs(vec![within]))), ["child-before-parent"]);
}

#[test]
fn one_call_told_twice_is_named_with_the_telling_that_does_not_count() {
    let mut twice = healthy(1);
    let mut second = span(1, 5, 1, StepKind::Llm, 12, 48);
    second.dialect = "traceloop".into();
    for call in [&mut twice[1], &mut second] {
        call.response_id = Some("chatcmpl-1".into());
        call.usage.input_tokens = Some(10);
        call.usage.output_tokens = Some(5);
    }
    twice.push(second);
    assert_eq!(ids(&examine(&runs(vec![twice.clone()]))), ["double-instrumentation"]);
    twice[3].response_id = Some("chatcmpl-2".into());
    assert!(examine(&runs(vec![twice])).is_empty());
}

#[test]
fn lonely_calls_mean_that_context_was_lost() {
    let lonely = |trace| vec![span(trace, 1, 0, StepKind::Llm, 0, 10)];
    assert_eq!(ids(&examine(&runs((1..=10).map(lonely).collect()))), ["context-lost"]);
    assert!(examine(&runs((1..=5).map(lonely).collect())).is_empty(), "five may be what the program does");
    let mixed = (1..=10).map(|trace| if trace % 2 == 0 { lonely(trace) } else { healthy(trace) }).collect();
    assert!(examine(&runs(mixed)).is_empty());
}

#[test]
fn a_whole_process_in_one_trace_is_noticed() {
    let agents = |apart: i64| {
        let last = 60 * apart + 100;
        let mut spans = vec![span(1, 1, 0, StepKind::Chain, 0, last)];
        spans.extend(
            (0..30).map(|n| span(1, 2 + n, 1, StepKind::Agent, i64::from(n) * apart, i64::from(n) * apart + 50)),
        );
        runs(vec![spans])
    };
    assert_eq!(ids(&examine(&agents(60_000))), ["endless-trace"]);
    assert!(examine(&agents(100)).is_empty(), "agents that work at once belong together");
}
