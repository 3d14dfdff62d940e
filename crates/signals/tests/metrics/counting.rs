//! Counters equal a count over the runs: whatever the order in which spans came, however often, and across restarts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{Span, SpanId, SpanStatus, StepKind, Timestamp};
use proptest::prelude::*;
use signals::metrics::{FAMILIES, Id, Kind, Limits, OTHER, Sample, Scope, Sent};

use crate::support::{Kept, SECOND, agent_run, resolved, span, usage, value};

/// What of a family is counted in all: of a histogram the observations.
fn totals(samples: &[Sample]) -> BTreeMap<&'static str, f64> {
    let total = |family: &signals::metrics::Family| {
        let name =
            if family.kind == Kind::Histogram { format!("{}_count", family.name) } else { family.name.to_owned() };
        (family.name, value(samples, &name, &[]).unwrap_or(0.0))
    };
    FAMILIES.iter().filter(|family| family.kind != Kind::Gauge).map(total).collect()
}

/// By series, without the sums of histograms, which corrections leave alone.
fn by_series(samples: Vec<Sample>) -> BTreeMap<String, f64> {
    let counted =
        |sample: &Sample| !sample.name.starts_with("tawny_") && !sample.name.ends_with("_sum") && sample.value != 0.0;
    let rates = signals::metrics::RATES;
    let is_rate = |sample: &Sample| rates.iter().any(|rate| rate.name == sample.name);
    samples
        .into_iter()
        .filter(|sample| counted(sample) && !is_rate(sample))
        .map(|sample| (format!("{}{:?}", sample.name, sample.labels), sample.value))
        .collect()
}

prop_compose! {
    fn any_step()(
        id in 2u8..14, parent in 1u8..14, kind in 0..StepKind::ALL.len(), failed in proptest::bool::weighted(0.2),
        start in 0i64..4_000, long in 0i64..3_000, tokens in proptest::option::of((0u64..9, 0u64..9)), agent in proptest::option::of(0u8..3),
        model in 0u8..2, documents in proptest::option::of(0u32..2),
    ) -> Span {
        let mut step = span(1, id, parent, StepKind::ALL[kind], start, start + long);
        step.status = if failed { SpanStatus::Error } else { SpanStatus::Ok };
        step.usage = tokens.map(|(input, output)| usage(input, output)).unwrap_or_default();
        step.agent = agent.map(|agent| format!("agent {agent}").into());
        step.model = Some(format!("model {model}").into());
        step.documents = documents;
        step
    }
}

/// A run with a root, as its spans are sent: some twice, in any order.
fn any_arrival() -> impl Strategy<Value = Vec<Span>> {
    (proptest::collection::vec(any_step(), 0..16), proptest::bool::ANY).prop_flat_map(|(mut steps, named)| {
        let mut root = span(1, 1, 0, StepKind::Agent, 0, 5_000);
        root.agent = named.then(|| "root".into());
        steps.push(root);
        // Of one id one form only: which of two different ones is newer depends on the order.
        steps.sort_by_key(|step| step.span_id);
        steps.dedup_by_key(|step| step.span_id);
        let twice: Vec<Span> = steps.iter().chain(steps.iter().step_by(3)).cloned().collect();
        Just(twice).prop_shuffle()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn counters_less_corrections_are_the_runs(sent in any_arrival(), looks in proptest::collection::vec(any::<bool>(), 32), restarts in proptest::collection::vec(proptest::bool::weighted(0.2), 32)) {
        let now = |at: usize| Timestamp::from_nanos(1_790_000_100 * SECOND + at as i64 * SECOND);
        let mut kept = Kept::new(Limits::default());
        for count in 1..=sent.len() {
            if looks[count % 32] {
                kept.look(&resolved(&sent[..count], 1), &[], now(count));
            }
            if restarts[count % 32] {
                kept.restart();
            }
        }
        let whole = resolved(&sent, 7_200);
        kept.look(&whole, &[], now(sent.len()));
        kept.look(&whole, &[], now(sent.len() + 1));
        let mut fresh = Kept::new(Limits::default());
        fresh.look(&whole, &[], now(sent.len()));

        let (counted, truth) = (kept.registry.samples(now(40)), fresh.registry.samples(now(40)));
        let corrected: BTreeMap<String, f64> = counted
            .iter()
            .filter(|sample| sample.name == "tawny_signal_corrections_total")
            .map(|sample| (sample.labels[0].1.clone(), sample.value))
            .collect();
        for (family, total) in totals(&counted) {
            let less = corrected.get(family).copied().unwrap_or(0.0);
            prop_assert!((total - less - totals(&truth)[family]).abs() < 1e-6, "{family}: {total} - {less}");
        }
    }

    #[test]
    fn what_comes_before_the_run_is_looked_at_needs_no_correction(sent in any_arrival()) {
        let now = Timestamp::from_nanos(1_790_000_100 * SECOND);
        let mut kept = Kept::new(Limits::default());
        kept.look(&resolved(&sent, 1), &[], now);
        kept.look(&resolved(&sent, 7_200), &[], now);
        let mut fresh = Kept::new(Limits::default());
        fresh.look(&resolved(&sent, 7_200), &[], now);
        prop_assert_eq!(by_series(kept.registry.samples(now)), by_series(fresh.registry.samples(now)));
    }
}

#[test]
fn a_call_that_turns_out_to_be_a_wrapper_after_it_settled_is_corrected_in_the_open() {
    let now = Timestamp::from_nanos(1_790_000_100 * SECOND);
    let mut spans = agent_run(1, false);
    let mut kept = Kept::new(Limits::default());
    kept.look(&resolved(&spans, 60), &[], now);
    let tokens = |kept: &Kept| value(&kept.registry.samples(now), "agent_tokens_total", &[]).unwrap();
    assert_eq!(tokens(&kept), 240.0);
    // A call below the first one that carries tokens of its own.
    let mut inner = span(1, 9, 2, StepKind::Llm, 200, 700);
    (inner.model, inner.provider, inner.usage) = (Some("gpt-4o".into()), Some("openai".into()), usage(100, 20));
    (inner.agent, inner.workflow) = (spans[1].agent.clone(), spans[1].workflow.clone());
    spans.push(inner);
    kept.look(&resolved(&spans, 60), &[], now);
    assert_eq!(tokens(&kept), 240.0, "the inner call counts in the wrapper's place");
    spans.retain(|span| span.span_id.as_bytes()[0] != 9);
    spans[1].usage = usage(60, 20);
    kept.look(&resolved(&spans, 60), &[], now);
    assert_eq!(tokens(&kept), 240.0, "a counter does not go down");
    let corrections = [("family", "agent_tokens_total")];
    assert_eq!(value(&kept.registry.samples(now), "tawny_signal_corrections_total", &corrections), Some(40.0));
}

#[test]
fn a_tool_told_by_a_framework_and_by_an_instrumentation_counts_once() {
    let now = Timestamp::from_nanos(1_790_000_100 * SECOND);
    let mut spans = agent_run(1, false);
    let mut inner = span(1, 9, 3, StepKind::Tool, 1_010, 1_030);
    inner.tool_name.clone_from(&spans[2].tool_name);
    spans.push(inner);
    let whole = resolved(&spans, 60);
    assert_eq!((whole.run.tool_calls, whole.run.llm_calls), (1, 2));
    let mut kept = Kept::new(Limits::default());
    kept.look(&whole, &[], now);
    let samples = kept.registry.samples(now);
    for name in ["agent_tool_calls_total", "agent_tool_duration_seconds_count", "agent_tool_calls_per_run_sum"] {
        assert_eq!(value(&samples, name, &[]), Some(1.0), "{name}");
    }
    assert_eq!(value(&samples, "agent_llm_calls_per_run_sum", &[]), Some(2.0));
}

#[test]
fn what_a_service_sends_itself_is_not_derived_for_it() {
    let now = Timestamp::from_nanos(1_790_000_100 * SECOND);
    let of = |trace: u8, service: &str| {
        let mut spans = agent_run(trace, false);
        spans.iter_mut().for_each(|span| span.service = Some(service.into()));
        resolved(&spans, 60)
    };
    let mut kept = Kept::new(Limits::default());
    let ids = HashMap::from([("shop".to_owned(), vec![Id::GenAiDuration])]);
    kept.registry.set_sent(Sent::from([(whole_project(), Arc::new(ids))]));
    kept.look(&of(1, "shop"), &[], now);
    let samples = kept.registry.samples(now);
    assert_eq!(value(&samples, "gen_ai_client_operation_duration_seconds_count", &[]), None);
    assert_eq!(value(&samples, "gen_ai_client_token_usage_count", &[]), Some(4.0), "that one it does not send");
    assert_eq!(value(&samples, "agent_llm_calls_total", &[]), Some(2.0));
    kept.look(&of(2, "bank"), &[], now);
    let samples = kept.registry.samples(now);
    assert_eq!(value(&samples, "gen_ai_client_operation_duration_seconds_count", &[]), Some(2.0));
}

#[test]
fn more_different_steps_than_are_remembered_are_counted_as_few_are() {
    let now = Timestamp::from_nanos(1_790_000_100 * SECOND);
    let mut kept = Kept::new(Limits { label_sets: 20_000, ..Limits::default() });
    for trace in 1..=3 {
        let mut spans = agent_run(trace, false);
        for tool in 0u64..9_000 {
            let mut step = span(trace, 9, 1, StepKind::Tool, 100, 140);
            step.span_id = SpanId::from_array(((1 << 40) + tool).to_be_bytes());
            step.tool_name = Some(format!("tool {tool}").into());
            spans.push(step);
        }
        kept.look(&resolved(&spans, 60), &[], now);
    }
    let tools = kept.registry.bundle(Scope::default(), now).agent.tool_selection_distribution;
    assert_eq!((tools.len(), tools["tool 0"], tools["tool 8999"], tools["search"]), (9_001, 3.0, 3.0, 3.0));
}

/// The project of all runs here.
fn whole_project() -> Arc<str> {
    model::Tenant::default().project
}

#[test]
fn what_is_certain_is_counted_at_once_and_the_rest_when_the_run_settles() {
    let now = Timestamp::from_nanos(1_790_000_100 * SECOND);
    let mut kept = Kept::new(Limits::default());
    let spans = agent_run(1, true);
    kept.look(&resolved(&spans[1..], 1), &[], now);
    assert!(
        value(&kept.registry.samples(now), "agent_tool_calls_total", &[]).is_none(),
        "without a root nothing is certain"
    );
    kept.look(&resolved(&spans, 1), &[], now);
    let samples = kept.registry.samples(now);
    assert_eq!(value(&samples, "agent_tool_calls_total", &[("tool_name", "search"), ("status", "timeout")]), Some(1.0));
    assert!(value(&samples, "agent_tokens_total", &[]).is_none());
    kept.look(&resolved(&spans, 60), &[], now);
    let samples = kept.registry.samples(now);
    assert_eq!(value(&samples, "agent_tool_calls_total", &[]), Some(1.0));
    assert_eq!(value(&samples, "agent_tokens_total", &[("direction", "input"), ("agent_id", "planner")]), Some(200.0));
    assert_eq!(value(&samples, "agent_requests_total", &[("status", "success")]), Some(1.0));
}

#[test]
fn labels_past_the_bound_are_counted_as_other_and_that_is_said() {
    let now = Timestamp::from_nanos(1_790_000_100 * SECOND);
    let mut kept = Kept::new(Limits { label_sets: 5, ..Limits::default() });
    for trace in 1..=20 {
        let mut spans = agent_run(trace, false);
        spans.iter_mut().for_each(|span| span.agent = Some(format!("agent {trace}").into()));
        kept.look(&resolved(&spans, 60), &[], now);
    }
    let samples = kept.registry.samples(now);
    assert_eq!(value(&samples, "agent_requests_total", &[]), Some(20.0), "none is lost");
    assert_eq!(value(&samples, "agent_requests_total", &[("agent_id", OTHER), ("status", "success")]), Some(16.0));
    let family = [("family", "agent_requests_total")];
    assert_eq!(value(&samples, "tawny_signal_folded_total", &family), Some(16.0));
    assert_eq!(value(&samples, "tawny_signal_label_sets", &family), Some(5.0));
}

#[test]
fn environments_that_are_made_up_for_each_run_do_not_escape_the_bound() {
    let now = Timestamp::from_nanos(1_790_000_100 * SECOND);
    let mut kept = Kept::new(Limits { label_sets: 5, ..Limits::default() });
    for trace in 1..=60 {
        let mut spans = agent_run(trace, false);
        for span in &mut spans {
            span.tenant.environment = format!("environment {trace}").into();
            span.agent = Some(format!("agent {trace}").into());
        }
        kept.look(&resolved(&spans, 60), &[], now);
    }
    let samples = kept.registry.samples(now);
    assert_eq!(value(&samples, "agent_requests_total", &[]), Some(60.0), "none is lost");
    assert!(kept.registry.label_sets(Id::Requests) <= 11, "{}", kept.registry.label_sets(Id::Requests));
    assert!(value(&samples, "agent_requests_total", &[("environment", OTHER), ("agent_id", OTHER)]) >= Some(45.0));
}

#[test]
fn gauges_of_running_runs_keep_the_bound_too() {
    let now = Timestamp::from_nanos(1_790_000_100 * SECOND);
    let mut kept = Kept::new(Limits { label_sets: 3, ..Limits::default() });
    for trace in 1..=6 {
        let mut spans = agent_run(trace, false);
        spans[0].end = Timestamp::default();
        for span in &mut spans {
            let earlier = i64::from(trace) * -SECOND;
            span.start = span.start.plus_nanos(earlier);
            span.end = if span.end.is_unset() { span.end } else { span.end.plus_nanos(earlier) };
            span.agent = Some(format!("agent {trace}").into());
        }
        kept.look(&resolved(&spans, 1), &[], now);
    }
    let samples = kept.registry.samples(now);
    let sets = |name: &str| samples.iter().filter(|sample| sample.name == name).count();
    assert_eq!((sets("agent_active_workflows"), sets("agent_workflow_last_step_timestamp")), (3, 3));
    assert_eq!(value(&samples, "agent_active_workflows", &[]), Some(6.0), "none is lost");
    let other = [("agent_id", OTHER)];
    assert_eq!(value(&samples, "agent_active_workflows", &other), Some(4.0));
    let first = value(&samples, "agent_workflow_last_step_timestamp", &[("agent_id", "agent 1")]).unwrap();
    assert_eq!(
        value(&samples, "agent_workflow_last_step_timestamp", &other),
        Some(first - 5.0),
        "the quietest of them"
    );
}
