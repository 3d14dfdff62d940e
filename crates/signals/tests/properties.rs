//! What holds for any spans whatever: wild parents, clocks and ids.

use std::collections::HashSet;
use std::sync::Arc;

use model::{RunStatus, Span, SpanId, SpanStatus, StepKind, Tenant, Timestamp, TraceId, Usage, UsageRole, Usd};
use proptest::prelude::*;
use signals::runs::{Settings, aged, resolve};

fn span_id(number: u8) -> SpanId {
    SpanId::from_array([0, 0, 0, 0, 0, 0, 1, number])
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0i64..50, 1 => Just(i64::MAX), 1 => Just(i64::MIN), 1 => Just(0)]
}

prop_compose! {
    fn any_span()(
        id in 0u8..24, parent in proptest::option::of(0u8..30), kind in 0..StepKind::ALL.len(), status in 0..3usize,
        start in time(), end in time(), input in proptest::option::of(0u64..4), output in proptest::option::of(0u64..4),
        response in proptest::option::of(0u8..3), sdk: bool, aggregate in proptest::bool::weighted(0.1),
        cost in proptest::option::of(0i128..5), agent in proptest::option::of(0u8..3), call in proptest::option::of(0u8..3),
    ) -> Span {
        let tenant = Tenant { project: "default".into(), environment: "default".into() };
        let mut span = Span::new(tenant, TraceId::from_array([7; 16]), span_id(id));
        span.parent_span_id = parent.map(span_id);
        span.kind = StepKind::ALL[kind];
        span.status = SpanStatus::ALL[status];
        (span.start, span.end) = (Timestamp::from_nanos(start), Timestamp::from_nanos(end));
        span.usage = Usage { input_tokens: input, output_tokens: output, ..Usage::default() };
        span.usage_role = if aggregate { UsageRole::Aggregate } else { UsageRole::Own };
        span.response_id = response.map(|id| id.to_string().into());
        span.provider_sdk = sdk;
        span.cost = cost.map(Usd::from_pico);
        span.agent = agent.map(|agent| agent.to_string().into());
        span.name = StepKind::ALL[kind].as_str().into();
        match kind {
            _ if span.kind == StepKind::Tool => span.tool_call_id = call.map(|id| id.to_string().into()),
            _ => span.requested_tool_calls = call.iter().map(|id| id.to_string().into()).collect(),
        }
        span
    }
}

/// Spans with a version each, so that of two with one id the newer is known.
fn any_spans() -> impl Strategy<Value = Vec<Arc<Span>>> {
    proptest::collection::vec(any_span(), 1..40).prop_map(|spans| {
        let numbered = spans.into_iter().enumerate();
        numbered.map(|(at, span)| Arc::new(Span { version: at as u64, ..span })).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_order_of_arrival_does_not_matter((spans, shuffled) in any_spans().prop_flat_map(|spans| (Just(spans.clone()), Just(spans).prop_shuffle())), now in time()) {
        let now = Timestamp::from_nanos(now);
        prop_assert_eq!(resolve(&spans, now, &Settings::default()), resolve(&shuffled, now, &Settings::default()));
    }

    #[test]
    fn a_run_that_ended_becomes_by_time_what_its_spans_come_to(spans in any_spans()) {
        let settings = Settings::default();
        let (heard, later) = (Timestamp::from_nanos(0), Timestamp::from_nanos(settings.settle_nanos));
        let run = resolve(&spans, heard, &settings).unwrap().run;
        let settled = resolve(&spans, later, &settings).unwrap().run;
        prop_assert_eq!(aged(&settled, later, &settings), None);
        prop_assert_eq!(aged(&run, heard, &settings), None);
        let ended = matches!(run.status, RunStatus::Ok | RunStatus::Error);
        prop_assert_eq!(aged(&run, later, &settings), ended.then_some(settled));
    }

    #[test]
    fn every_span_is_shown_once_below_its_parent_or_at_the_top(spans in any_spans(), now in time()) {
        let resolved = resolve(&spans, Timestamp::from_nanos(now), &Settings::default()).unwrap();
        let ids: HashSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
        prop_assert_eq!(resolved.steps.len(), ids.len());
        let mut shown = HashSet::new();
        for step in &resolved.steps {
            match step.shown_parent {
                Some(parent) => prop_assert!(shown.contains(&parent) && step.span.parent_span_id == Some(parent) && step.depth > 0),
                None => prop_assert_eq!(step.depth, 0),
            }
            prop_assert_eq!(step.orphan, step.span.parent_span_id.is_some_and(|parent| !ids.contains(&parent)));
            prop_assert!(shown.insert(step.span.span_id));
            prop_assert!(step.own_ms >= 0.0);
        }
    }

    #[test]
    fn totals_are_what_the_counted_steps_add_up_to(spans in any_spans(), now in time()) {
        let resolved = resolve(&spans, Timestamp::from_nanos(now), &Settings::default()).unwrap();
        let mut sum = Usage::default();
        for step in &resolved.steps {
            let carries = !step.span.usage.is_empty();
            prop_assert!(carries || !step.counted);
            prop_assert!(!carries || step.counted != step.not_counted_because.is_some());
            if step.counted {
                sum.add(&step.span.usage);
            }
        }
        prop_assert_eq!(resolved.run.usage, sum);
        let mut of_agents = 0;
        for node in &resolved.run.agents {
            of_agents += node.usage.total_tokens().unwrap_or(0);
            prop_assert!(node.own_ms >= 0.0 && node.delegated_ms >= 0.0);
        }
        prop_assert!(of_agents <= sum.total_tokens().unwrap_or(0));
        let (kinds, calls) = (&resolved.run.kinds, resolved.run.llm_calls);
        prop_assert!(calls <= kinds.get(StepKind::Llm) + kinds.get(StepKind::Embedding));
        // Tokens come from calls: where calls give any, those are counted, and those whose tokens only a total above them gives.
        let is_call = |step: &&model::ResolvedStep| matches!(step.span.kind, StepKind::Llm | StepKind::Embedding);
        let giving = resolved.steps.iter().filter(is_call).filter(|step| step.counted).count() as u32;
        prop_assert!(giving == 0 || calls >= giving);
        // Where there are language model calls some of them happened.
        prop_assert!((resolved.run.rounds == 0) <= (kinds.get(StepKind::Llm) == 0 || !resolved.run.agents.is_empty()));
        let all: i128 = resolved.steps.iter().filter_map(|step| step.span.cost).map(Usd::as_pico).sum();
        prop_assert!(resolved.run.cost.is_none_or(|cost| cost.as_pico() <= all));
        prop_assert_eq!(resolved.run.cost.is_none(), resolved.steps.iter().all(|step| step.span.cost.is_none()));
    }
}
