//! What whoever watches the demo, or compares two of them, relies on.

use std::collections::{HashMap, HashSet};

use model::{SpanId, StepKind, Timestamp};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use simulator::{Dialect, Incident, Industry, Load, Plan, Signal, Simulator, Timed, Traffic, Work};

const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

fn plans(seed: u64, count: usize) -> Vec<Plan> {
    let mut simulator = Simulator::new(seed);
    (0..count).map(|_| simulator.next_plan()).collect()
}

fn spans_of(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    request.resource_spans.into_iter().flat_map(|it| it.scope_spans).flat_map(|it| it.spans).collect()
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_gives_others() {
    let take = |seed| Traffic::new(seed, 4.0, START).take(300).collect::<Vec<Timed>>();
    assert_eq!(take(7), take(7));
    assert_ne!(take(7)[0].body, take(8)[0].body);
}

#[test]
fn the_same_seed_at_another_time_is_the_same_runs_under_other_trace_ids() {
    // Otherwise a second demo over the same data would write into the runs of the first.
    let ids = |start| {
        let sent = Traffic::new(7, 4.0, start).take(200).filter(|timed| timed.signal == Signal::Traces);
        sent.flat_map(|timed| spans_of(&timed.body)).map(|span| (span.trace_id, span.name)).collect::<Vec<_>>()
    };
    let (first, second) = (ids(START), ids(START.plus_nanos(1)));
    assert!(first.iter().zip(&second).all(|(one, other)| one.1 == other.1 && one.0 != other.0));
}

#[test]
fn requests_come_in_the_order_of_sending_at_the_rate_asked_for() {
    let sent: Vec<Timed> = Traffic::new(3, 5.0, START).take(6_000).collect();
    assert!(sent.windows(2).all(|pair| pair[0].at <= pair[1].at));
    let ended: usize = sent.iter().map(|timed| timed.ends_runs).sum();
    let seconds = sent.last().unwrap().at.as_secs_f64();
    let rate = ended as f64 / seconds;
    assert!((3.5..6.5).contains(&rate), "{rate} runs per second over {seconds} s");
}

#[test]
fn spans_are_sent_when_they_have_ended_so_children_come_before_their_parents() {
    let mut seen = HashSet::new();
    let (mut roots, mut batches) = (0, 0);
    for timed in Traffic::new(5, 2.0, START).take(1_500).filter(|timed| timed.signal == Signal::Traces) {
        batches += 1;
        let now = START.as_nanos() as u64 + timed.at.as_nanos() as u64;
        let spans = spans_of(&timed.body);
        assert_eq!(spans.len(), timed.spans);
        for span in spans {
            assert!(span.end_time_unix_nano <= now, "a span is sent before it ended");
            assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
            assert!(
                !seen.contains(&(span.trace_id.clone(), span.parent_span_id.clone())),
                "a parent came before a child"
            );
            roots += usize::from(span.parent_span_id.is_empty());
            assert!(seen.insert((span.trace_id, span.span_id)), "a span is sent twice");
        }
    }
    assert!(roots * 2 < batches, "runs should live over several batches: {roots} runs in {batches}");
}

#[test]
fn every_run_is_one_tree_whose_steps_lie_inside_their_parents() {
    for plan in plans(11, 400) {
        let by_id: HashMap<SpanId, _> = plan.steps.iter().map(|step| (step.span_id, step)).collect();
        assert_eq!(by_id.len(), plan.steps.len());
        assert_eq!(plan.steps.iter().filter(|step| step.parent.is_none()).count(), 1);
        for step in &plan.steps {
            let Some(parent) = step.parent else { continue };
            let parent = by_id[&parent];
            assert!(parent.start <= step.start && step.end <= parent.end, "{:?} leaves {:?}", step.work, parent.work);
        }
        let ms = plan.duration() / 1_000_000;
        assert!((500..300_000).contains(&ms), "{:?} takes {ms} ms", plan.industry);
    }
}

#[test]
fn six_industries_three_dialects_and_every_kind_of_step_turn_up() {
    let plans = plans(1, 600);
    let industries: HashSet<Industry> = plans.iter().map(|plan| plan.industry).collect();
    assert_eq!(industries.len(), Industry::ALL.len());
    let dialects: HashSet<Dialect> = plans.iter().map(|plan| plan.dialect).collect();
    assert_eq!(dialects.len(), 3);
    let kinds: HashSet<StepKind> = plans.iter().flat_map(|plan| &plan.steps).map(|step| step.work.kind()).collect();
    for kind in [
        StepKind::Agent,
        StepKind::Llm,
        StepKind::Tool,
        StepKind::Retriever,
        StepKind::Embedding,
        StepKind::Reranker,
        StepKind::Guardrail,
        StepKind::Handoff,
        StepKind::Chain,
    ] {
        assert!(kinds.contains(&kind), "no {kind}");
    }
    let models: HashSet<&str> = plans.iter().flat_map(|plan| &plan.steps).filter_map(model_name).collect();
    assert!(models.len() >= 5, "{models:?}");
}

fn model_name(step: &simulator::Step) -> Option<&'static str> {
    match &step.work {
        Work::Llm(call) => Some(call.model.name),
        _ => None,
    }
}

#[test]
fn a_few_steps_fail_most_are_tried_again_and_few_runs_fail() {
    let plans = plans(2, 1_000);
    let steps: Vec<_> = plans.iter().flat_map(|plan| &plan.steps).collect();
    let failed = steps.iter().filter(|step| step.error.is_some()).count();
    let share = failed as f64 / steps.len() as f64;
    assert!((0.003..0.06).contains(&share), "{share}");
    let runs_failed = plans.iter().filter(|plan| plan.steps[0].error.is_some()).count();
    assert!((1..60).contains(&runs_failed), "{runs_failed} of 1000 runs failed");
    assert!(failed > runs_failed * 2, "most failures are survived");
}

#[test]
fn conversations_grow_from_call_to_call_and_caches_are_read() {
    let mut grew = 0;
    let mut read = 0;
    for plan in plans(4, 200) {
        let calls: Vec<_> = plan
            .steps
            .iter()
            .filter(|step| step.agent == plan.steps.iter().find_map(|step| step.agent))
            .filter_map(|step| match &step.work {
                Work::Llm(call) if call.output.is_some() => Some(call),
                _ => None,
            })
            .collect();
        for pair in calls.windows(2).filter(|pair| pair[0].system == pair[1].system) {
            assert!(pair[1].input.len() > pair[0].input.len());
            assert!(pair[1].input.starts_with(&pair[0].input), "what was said is said again unchanged");
            assert!(pair[1].usage.input_tokens > pair[0].usage.input_tokens);
            grew += 1;
        }
        for call in calls {
            let input = call.usage.input_tokens.unwrap();
            let cached = call.usage.cache_read_tokens.unwrap_or(0);
            assert!(cached + call.usage.cache_write_tokens.unwrap_or(0) <= input, "input includes cache");
            assert!(call.usage.reasoning_tokens.unwrap_or(0) < call.usage.output_tokens.unwrap());
            read += usize::from(cached > 0);
        }
    }
    assert!(grew > 200 && read > 20, "{grew} calls grew, {read} read a cache");
}

#[test]
fn sessions_go_over_several_runs() {
    let mut runs: HashMap<String, usize> = HashMap::new();
    for plan in plans(6, 400) {
        *runs.entry(plan.session).or_default() += 1;
    }
    assert!(runs.values().any(|count| *count >= 3));
    assert!(runs.len() > 100);
}

#[test]
fn the_wire_names_are_those_of_each_dialect() {
    let mut keys: HashMap<Dialect, HashSet<String>> = HashMap::new();
    let mut simulator = Simulator::new(9);
    for industry in Industry::ALL {
        for _ in 0..20 {
            let plan = simulator.plan_of(industry);
            for emission in simulator::tell(&plan, START) {
                if let simulator::Payload::Spans(spans) = emission.payload {
                    let attributes = spans.scope_spans.into_iter().flat_map(|it| it.spans).flat_map(|it| it.attributes);
                    keys.entry(plan.dialect).or_default().extend(attributes.map(|attribute| attribute.key));
                }
            }
        }
    }
    for (dialect, expected) in [
        (
            Dialect::OtelGenAi,
            [
                "gen_ai.operation.name",
                "gen_ai.input.messages",
                "gen_ai.usage.cache_write.input_tokens",
                "gen_ai.tool.call.result",
                "gen_ai.retrieval.documents",
                "gen_ai.response.time_to_first_chunk",
            ],
        ),
        (
            Dialect::OpenInference,
            [
                "openinference.span.kind",
                "llm.input_messages.0.message.role",
                "llm.token_count.prompt_details.cache_read",
                "retrieval.documents.0.document.score",
                "reranker.output_documents.0.document.id",
                "session.id",
            ],
        ),
        (
            Dialect::AgentRequest,
            [
                "agent.request.id",
                "agent.llm.tokens.input",
                "agent.reasoning.step",
                "agent.tool.status",
                "agent.run.total_steps",
                "agent.model.name",
            ],
        ),
    ] {
        for key in expected {
            assert!(keys[&dialect].contains(key), "{dialect:?} lacks {key}");
        }
    }
    assert!(!keys[&Dialect::AgentRequest].iter().any(|key| key.starts_with("gen_ai.")), "dialects are not mixed");
}

/// How often a tool is called, and how many steps fail.
fn calls_and_failures(plan: &Plan, tool: &str) -> (usize, usize) {
    let called = |step: &&simulator::Step| matches!(&step.work, Work::Tool { name, .. } if *name == tool);
    (plan.steps.iter().filter(called).count(), plan.steps.iter().filter(|step| step.error.is_some()).count())
}

#[test]
fn after_the_reindex_no_loan_is_approved_and_every_call_succeeds_as_before() {
    let (mut simulator, mut before, mut after) = (Simulator::new(13), 0, 0);
    for _ in 0..200 {
        let mut plan = simulator.plan_of(Industry::Finance);
        let (approved, failed) = calls_and_failures(&plan, "approve_loan");
        Incident::OutdatedDocument.change(&mut plan, 0);
        let (approved_since, failed_since) = calls_and_failures(&plan, "approve_loan");
        assert_eq!(failed, failed_since);
        before += approved;
        after += approved_since;
        let said = plan.steps.iter().filter_map(|step| match &step.work {
            Work::Agent { name: "loan_approver", output: Some(output), .. } => Some(output),
            _ => None,
        });
        assert!(said.into_iter().all(|letter| letter.contains("our lending criteria (section 2.1)")));
    }
    assert!(before > 30 && after == 0, "{before} loans before, {after} after");
}

#[test]
fn the_price_service_answers_after_fifteen_seconds() {
    let (mut simulator, mut calls) = (Simulator::new(14), 0);
    for _ in 0..200 {
        let mut plan = simulator.plan_of(Industry::Commerce);
        Incident::SlowTool.change(&mut plan, 0);
        let priced = |step: &&simulator::Step| {
            step.error.is_none() && matches!(step.work, Work::Tool { name: "calculate_price", .. })
        };
        for step in plan.steps.iter().filter(priced) {
            calls += 1;
            assert!((step.end - step.start) / 1_000_000 > 5_000, "{} ms", (step.end - step.start) / 1_000_000);
        }
    }
    assert!(calls > 20, "{calls} calls");
}

#[test]
fn log_records_name_the_run_and_step_they_belong_to() {
    let mut spans = HashSet::new();
    let mut logs = Vec::new();
    for timed in Traffic::new(12, 3.0, START).take(2_000) {
        match timed.signal {
            Signal::Traces => spans.extend(spans_of(&timed.body).into_iter().map(|span| (span.trace_id, span.span_id))),
            Signal::Logs => {
                let request = ExportLogsServiceRequest::decode(&timed.body[..]).unwrap();
                logs.extend(
                    request.resource_logs.into_iter().flat_map(|it| it.scope_logs).flat_map(|it| it.log_records),
                );
            }
        }
    }
    assert!(logs.len() > 200);
    let joined = logs.iter().filter(|log| spans.contains(&(log.trace_id.clone(), log.span_id.clone()))).count();
    // Runs that had not ended when the test stopped listening account for the rest.
    assert!(joined as f64 > logs.len() as f64 * 0.9, "{joined} of {}", logs.len());
    assert!(
        logs.iter().any(|log| log.event_name == "gen_ai.evaluation.result"
            && text(&log.attributes, "gen_ai.evaluation.name").is_some())
    );
}

#[test]
fn load_repeats_whole_runs_under_new_ids_and_times() {
    let end_of = |at: i64| START.plus_nanos((at + 1) * 1_000_000);
    let take = || {
        let mut load = Load::new(1);
        (0..200).map(|at| load.next_request(end_of(at), 1)).collect::<Vec<_>>()
    };
    let bodies = take();
    assert_eq!(bodies, take(), "load is repeatable too");
    let mut traces = HashSet::new();
    for (at, sent) in bodies.iter().enumerate() {
        let spans = spans_of(&sent.body);
        assert_eq!(spans.len(), sent.spans);
        let ids: HashSet<_> = spans.iter().map(|span| span.trace_id.clone()).collect();
        assert_eq!(ids.len(), 1, "all spans of a run move together");
        traces.extend(ids);
        let root = spans.iter().find(|span| span.parent_span_id.is_empty()).unwrap();
        let due = end_of(at as i64).as_nanos() as u64;
        assert_eq!(root.end_time_unix_nano, due, "run {at} ends when it should");
        for span in &spans {
            assert!(root.start_time_unix_nano <= span.start_time_unix_nano, "no time is left behind");
            assert!(span.end_time_unix_nano <= root.end_time_unix_nano);
            assert!(span.events.iter().all(|event| event.time_unix_nano <= root.end_time_unix_nano
                && event.time_unix_nano >= root.start_time_unix_nano));
        }
    }
    assert_eq!(traces.len(), 200);
    let together = Load::new(1).next_request(START, 5);
    let spans = spans_of(&together.body);
    assert_eq!((spans.len(), together.ends_runs), (together.spans, 5));
    assert_eq!(spans.into_iter().map(|span| span.trace_id).collect::<HashSet<_>>().len(), 5);
}
