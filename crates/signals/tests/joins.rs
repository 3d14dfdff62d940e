//! Traces that are one run, and those that are not.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Join, JoinReason, Relation, Span, SpanId, StepKind, Tenant, Timestamp, Told, ToldPart, TraceId};
use proptest::prelude::*;
use signals::runs::{Resolved, Settings, linked, resolve_linked};

fn trace(id: u8) -> TraceId {
    TraceId::from_array([id; 16])
}

fn id(id: u8) -> SpanId {
    SpanId::from_array([id; 8])
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_763_700_000_000 + ms)
}

fn span(of: u8, span: u8, parent: u8, kind: StepKind, from: i64, to: i64) -> Span {
    let mut made = Span::new(Tenant::default(), trace(of), id(span));
    made.parent_span_id = (parent > 0).then(|| id(parent));
    (made.kind, made.start, made.end, made.name) = (kind, at(from), at(to), format!("s{span}").into());
    if kind == StepKind::Llm {
        made.usage.input_tokens = Some(u64::from(span));
    }
    made
}

fn told(of: u8, span_id: u8, part: ToldPart, kind: StepKind, from: i64, to: i64, tokens: u64) -> Span {
    let mut made = span(of, span_id, 0, kind, from, to);
    made.told = Some(Told { part, step: "x" }.to_string().into());
    made.usage.input_tokens = (tokens > 0).then_some(tokens);
    made
}

/// Both rows of a join.
fn join(here: u8, relation: Relation, other: u8, caller: u8, callee: u8, reason: JoinReason) -> [Span; 2] {
    let side = |value: u8| (value > 0).then(|| id(value));
    let join = Join { relation, other: trace(other), caller: side(caller), callee: side(callee), reason };
    [(here, join), (other, join.turned(trace(here)))].map(|(holder, join)| {
        let mut row = span(holder, 200 + holder, 0, StepKind::Other, 0, 0);
        row.span_id = SpanId::from_array([holder, other ^ here, relation as u8, caller, callee, 1, 1, 1]);
        row.told = Some(join.to_string().into());
        row
    })
}

fn resolved(spans: &[Span]) -> Vec<Resolved> {
    let spans: Vec<Arc<Span>> = spans.iter().cloned().map(Arc::new).collect();
    let now = at(3_600_000);
    let mut forward = resolve_linked(&spans, now, &Settings::default());
    let backward: Vec<Arc<Span>> = spans.into_iter().rev().collect();
    let mut back = resolve_linked(&backward, now, &Settings::default());
    forward.sort_by_key(|run| run.run.trace_id);
    back.sort_by_key(|run| run.run.trace_id);
    assert_eq!(forward, back);
    forward
}

fn shape(run: &Resolved) -> Vec<(String, u32)> {
    run.steps.iter().map(|step| (step.span.name.to_string(), step.depth)).collect()
}

#[test]
fn what_was_called_lies_below_its_caller_through_several_traces() {
    let spans = [
        vec![span(1, 1, 0, StepKind::Agent, 0, 100), span(1, 2, 1, StepKind::Handoff, 10, 90)],
        vec![span(2, 3, 0, StepKind::Agent, 20, 80), span(2, 4, 3, StepKind::Handoff, 30, 60)],
        vec![span(3, 5, 0, StepKind::Agent, 35, 55), span(3, 6, 5, StepKind::Llm, 40, 50)],
        join(2, Relation::Child, 1, 2, 3, JoinReason::Link).to_vec(),
        join(3, Relation::Child, 2, 4, 5, JoinReason::ParentId).to_vec(),
    ]
    .concat();
    let runs = resolved(&spans);
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].run.trace_id, trace(1));
    let depths: Vec<u32> = shape(&runs[0]).iter().map(|(_, depth)| *depth).collect();
    assert_eq!(depths, [0, 1, 2, 3, 4, 5]);
    assert_eq!(runs[0].joined, [(trace(2), JoinReason::Link), (trace(3), JoinReason::ParentId)]);
    assert_eq!(runs[0].run.usage.input_tokens, Some(6));
}

#[test]
fn a_trace_whose_caller_has_not_arrived_is_a_run_of_its_own() {
    let spans =
        [vec![span(2, 3, 0, StepKind::Agent, 20, 80)], join(2, Relation::Child, 1, 2, 3, JoinReason::Link).to_vec()];
    let runs = resolved(&spans.concat());
    assert_eq!((runs.len(), runs[0].run.trace_id), (1, trace(2)));
    assert!(runs[0].joined.is_empty());
}

#[test]
fn two_sides_of_a_call_meet_and_an_id_with_several_on_a_side_joins_nothing() {
    let caller = |of: u8, s: u8| join(of, Relation::Calls, 9, s, 0, JoinReason::Mcp).to_vec();
    let callee = |of: u8, s: u8| join(of, Relation::Answers, 9, 0, s, JoinReason::Mcp).to_vec();
    let client = vec![span(1, 1, 0, StepKind::Agent, 0, 100), span(1, 2, 1, StepKind::Tool, 10, 90)];
    let server = vec![span(2, 3, 0, StepKind::Tool, 20, 80)];
    let runs = resolved(&[client.clone(), server.clone(), caller(1, 2), callee(2, 3)].concat());
    assert_eq!(runs.len(), 1);
    assert_eq!(shape(&runs[0]), [("s1".into(), 0), ("s2".into(), 1), ("s3".into(), 2)]);
    let second = vec![span(3, 7, 0, StepKind::Tool, 20, 80)];
    let runs = resolved(&[client, server, second, caller(1, 2), callee(2, 3), callee(3, 7)].concat());
    assert_eq!(runs.len(), 3);
}

#[test]
fn traces_of_one_prompt_are_one_run_with_what_its_records_add() {
    let spans = [
        vec![span(1, 1, 0, StepKind::Llm, 0, 50)],
        vec![span(2, 2, 0, StepKind::Tool, 60, 70)],
        vec![
            told(9, 3, ToldPart::Whole, StepKind::Llm, 1, 51, 1),
            told(9, 4, ToldPart::Whole, StepKind::Llm, 5000, 5100, 7),
        ],
        join(1, Relation::Same, 9, 0, 0, JoinReason::Prompt).to_vec(),
        join(2, Relation::Same, 9, 0, 0, JoinReason::Prompt).to_vec(),
    ]
    .concat();
    let runs = resolved(&spans);
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].run.trace_id, runs[0].run.llm_calls, runs[0].run.usage.input_tokens), (trace(1), 2, Some(8)));
}

#[test]
fn a_conversations_records_go_to_the_turn_during_which_they_were_written() {
    let spans = [
        vec![span(1, 1, 0, StepKind::Agent, 0, 100), span(1, 2, 1, StepKind::Llm, 10, 50)],
        vec![span(2, 3, 0, StepKind::Agent, 60_000, 60_100), span(2, 4, 3, StepKind::Llm, 60_010, 60_050)],
        vec![
            told(9, 20, ToldPart::Root, StepKind::Agent, -30_000, -30_000, 0),
            told(9, 21, ToldPart::Whole, StepKind::Llm, 11, 51, 2),
            told(9, 22, ToldPart::Whole, StepKind::Llm, 60_011, 60_051, 4),
        ],
        join(1, Relation::Sent, 9, 0, 0, JoinReason::Conversation).to_vec(),
        join(2, Relation::Sent, 9, 0, 0, JoinReason::Conversation).to_vec(),
    ]
    .concat();
    let runs = resolved(&spans);
    assert_eq!(runs.iter().map(|run| run.run.trace_id).collect::<Vec<_>>(), [trace(1), trace(2)]);
    assert_eq!(runs.iter().map(|run| run.run.usage.input_tokens.unwrap()).collect::<Vec<_>>(), [2, 4]);
    assert!(runs.iter().all(|run| run.joined == [(trace(9), JoinReason::Conversation)]));
}

#[test]
fn a_trace_leads_where_its_rows_say_and_from_records_only_where_there_are_any() {
    let [sent, told_side] = join(1, Relation::Sent, 9, 0, 0, JoinReason::Execution);
    let (sent, told_side) = (Arc::new(sent), Arc::new(told_side));
    assert_eq!(linked(trace(1), std::slice::from_ref(&sent)), BTreeSet::from([trace(9)]));
    assert_eq!(linked(trace(9), std::slice::from_ref(&told_side)), BTreeSet::new());
    let record = Arc::new(told(9, 3, ToldPart::Whole, StepKind::Llm, 0, 1, 1));
    assert_eq!(linked(trace(9), &[told_side, record]), BTreeSet::from([trace(1)]));
}

#[test]
fn a_circle_of_calls_is_one_run_and_ends() {
    let spans = [
        vec![span(1, 1, 0, StepKind::Agent, 0, 100), span(2, 2, 0, StepKind::Agent, 10, 90)],
        join(2, Relation::Child, 1, 1, 2, JoinReason::Link).to_vec(),
        join(1, Relation::Child, 2, 2, 1, JoinReason::Link).to_vec(),
    ]
    .concat();
    let runs = resolved(&spans);
    assert_eq!((runs.len(), runs[0].steps.len()), (1, 2));
}

proptest! {
    /// Whatever is told of whichever steps, no model call counts twice, and the order of arrival does not matter.
    #[test]
    fn records_of_calls_that_spans_tell_never_add(
        calls in prop::collection::vec((0i64..200, 1u64..50), 1..8),
        told_of in prop::collection::vec(any::<bool>(), 8),
        order in any::<prop::sample::Index>(),
    ) {
        let mut spans = vec![span(1, 1, 0, StepKind::Agent, 0, 1_000_000)];
        let mut total = 0;
        for (at, (gap, tokens)) in calls.iter().enumerate() {
            let start = at as i64 * 1_000 + gap;
            let mut call = span(1, 10 + at as u8, 1, StepKind::Llm, start, start + 100);
            call.usage.input_tokens = Some(*tokens);
            spans.push(call);
            total += tokens;
            if told_of[at] {
                spans.push(told(1, 100 + at as u8, ToldPart::Whole, StepKind::Llm, start + 2, start + 103, *tokens));
            }
        }
        let middle = order.index(spans.len());
        spans.rotate_left(middle);
        let runs = resolved(&spans);
        prop_assert_eq!(runs.len(), 1);
        prop_assert_eq!(runs[0].run.usage.input_tokens, Some(total));
        prop_assert_eq!(runs[0].run.llm_calls as usize, calls.len());
    }
}
