//! The four layers, of all runs and of one agent, and what rounds came to.

use model::{SpanStatus, StepKind, Timestamp};
use signals::metrics::{Limits, Scope, Score};

use crate::support::{Kept, SECOND, agent_run, resolved, span, value};

fn now() -> Timestamp {
    Timestamp::from_nanos(1_790_000_100 * SECOND)
}

#[test]
fn the_bundle_agrees_with_the_runs() {
    let mut kept = Kept::new(Limits::default());
    for (trace, fails) in [(1, false), (2, false), (3, true), (4, false)] {
        let mut spans = agent_run(trace, fails);
        if trace == 4 {
            (spans[0].status, spans[0].error_type) = (SpanStatus::Error, Some("ValueError".into()));
        }
        kept.look(&resolved(&spans, 60), &[], now());
    }
    let bundle = kept.registry.bundle(Scope::default(), now());
    assert_eq!((bundle.standard.request_count, bundle.standard.error_count), (4.0, 1.0));
    assert_eq!(bundle.standard.request_count_by_status["failure"], 1.0);
    // Every run takes 3 s: the bucket from 2 to 5 seconds.
    let p50 = bundle.standard.latency_p50_ms.unwrap();
    assert!((2_000.0..5_000.0).contains(&p50), "{p50}");
    assert_eq!((bundle.llm.input_tokens, bundle.llm.output_tokens, bundle.llm.tokens_consumed), (800.0, 160.0, 960.0));
    assert_eq!(bundle.llm.model_latency_ms, Some(800.0));
    assert!((bundle.llm.cost_usd - 0.0036).abs() < 1e-12);
    assert_eq!(bundle.agent.tool_call_success_rate, Some(0.75));
    assert_eq!(bundle.agent.tool_selection_distribution["search"], 4.0);
    assert_eq!(bundle.agent.step_outcome_distribution.values().sum::<f64>(), 8.0);
    assert_eq!(bundle.agent.step_outcome_distribution["tool_call_failed"], 1.0);
    assert_eq!(bundle.business.task_completion_rate, Some(0.75));
    assert!((bundle.business.cost_per_1k_requests.unwrap() - 0.9).abs() < 1e-9);
    let snapshot = bundle.snapshot();
    assert!(
        snapshot.contains(&("agent_requests_total", 4.0))
            && snapshot.iter().all(|(name, _)| name.starts_with("agent_"))
    );

    let nobody = kept.registry.bundle(Scope { agent: Some("nobody"), ..Scope::default() }, now());
    assert_eq!((nobody.standard.request_count, nobody.standard.latency_p99_ms), (0.0, None), "unknown is not zero");
    let planner = kept.registry.bundle(Scope { agent: Some("planner"), ..Scope::default() }, now());
    assert_eq!(planner.standard, bundle.standard);
    assert_eq!(kept.registry.agents(None).iter().map(|agent| &**agent).collect::<Vec<_>>(), ["planner"]);
}

#[test]
fn the_last_five_minutes_are_apart_from_the_whole() {
    let mut kept = Kept::new(Limits::default());
    kept.look(&resolved(&agent_run(1, false), 60), &[], now());
    let later = now().plus_nanos(200 * SECOND);
    kept.look(&resolved(&agent_run(2, true), 60), &[], later);
    let recent = |at| kept.registry.bundle(Scope { recent: true, ..Scope::default() }, at);
    assert_eq!(recent(later).standard.request_count, 2.0);
    let alone = recent(now().plus_nanos(400 * SECOND));
    assert_eq!((alone.standard.request_count, alone.agent.tool_call_success_rate), (1.0, Some(0.0)));
    assert_eq!(recent(now().plus_nanos(3_600 * SECOND)).standard.request_count, 0.0);
    let samples = kept.registry.samples(now().plus_nanos(400 * SECOND));
    assert_eq!(value(&samples, "agent_tool_call_success_rate", &[("agent_id", "planner")]), Some(0.0));
    assert_eq!(value(&samples, "agent_requests_total", &[]), Some(2.0), "counters keep counting");
}

#[test]
fn rates_of_the_last_minutes_are_each_agents_own() {
    let mut kept = Kept::new(Limits::default());
    for (trace, agent, fails) in [(1, "a", false), (2, "b", true), (3, "b", false)] {
        let mut spans = agent_run(trace, fails);
        spans.iter_mut().for_each(|span| span.agent = Some(agent.into()));
        kept.look(&resolved(&spans, 60), &[], now());
    }
    let samples = kept.registry.samples(now());
    let rate = |name: &str, agent: &str| value(&samples, name, &[("agent_id", agent)]);
    for agent in ["a", "b"] {
        let scope = Scope { agent: Some(agent), recent: true, ..Scope::default() };
        let bundle = kept.registry.bundle(scope, now());
        assert_eq!(rate("agent_tool_call_success_rate", agent), bundle.agent.tool_call_success_rate);
        assert_eq!(rate("agent_latency_p99_ms", agent), bundle.standard.latency_p99_ms);
        assert_eq!(rate("agent_task_completion_rate", agent), bundle.business.task_completion_rate);
        assert_eq!(rate("agent_cost_per_task_usd", agent), bundle.business.cost_per_task);
    }
    assert_eq!(rate("agent_tool_call_success_rate", "b"), Some(0.5));
}

#[test]
fn running_runs_are_seen_and_leave_no_trace_when_they_end() {
    let mut kept = Kept::new(Limits::default());
    let mut first = agent_run(1, false);
    first[0].end = Timestamp::default();
    first[0].session_id = Some("one conversation".into());
    let mut second = first.clone();
    for span in &mut second {
        span.trace_id = model::TraceId::from_array([2; 16]);
        span.start = span.start.plus_nanos(-SECOND * 100);
        span.end = if span.end.is_unset() { span.end } else { span.end.plus_nanos(-SECOND * 100) };
    }
    kept.look(&resolved(&first, 1), &[], now());
    kept.look(&resolved(&second, 1), &[], now());
    let samples = kept.registry.samples(now());
    let workflow = [("workflow", "support"), ("workflow_name", "support")];
    assert_eq!(value(&samples, "agent_active_workflows", &workflow), Some(2.0));
    assert_eq!(value(&samples, "agent_active_sessions", &[("agent_id", "planner")]), Some(1.0));
    let sets = kept.registry.sets(now());
    assert_eq!(
        (sets["agent_active_workflows"], sets["agent_active_sessions"], sets["agent_requests_total"]),
        (1, 1, 0)
    );
    let quiet = value(&samples, "agent_workflow_last_step_timestamp", &workflow).unwrap();
    assert_eq!(quiet, 1_790_000_000.0 - 100.0 + 2.0, "the one that is quiet for longest");
    for spans in [&mut first, &mut second] {
        spans[0].end = spans[0].start.plus_nanos(3 * SECOND);
        kept.look(&resolved(spans, 60), &[], now());
    }
    assert!(value(&kept.registry.samples(now()), "agent_active_workflows", &[]).is_none());
}

#[test]
fn rounds_say_what_they_came_to() {
    let outcomes = |change: fn(&mut Vec<model::Span>), scores: &[Score]| {
        let mut spans = agent_run(1, false);
        change(&mut spans);
        let mut kept = Kept::new(Limits::default());
        kept.look(&resolved(&spans, 60), scores, now());
        let bundle = kept.registry.bundle(Scope::default(), now());
        let counts: Vec<(String, f64)> = bundle.agent.step_outcome_distribution.into_iter().collect();
        (counts, bundle.agent.recovery_attempt_count)
    };
    let one = |outcome: &str| vec![("completed".to_owned(), 1.0), (outcome.to_owned(), 1.0)];
    assert_eq!(outcomes(|_| (), &[]), (vec![("completed".to_owned(), 2.0)], 0.0));
    let blocked = outcomes(|spans| spans[3].finish_reason = Some("content_filter".into()), &[]);
    assert_eq!(blocked, (one("safety_blocked"), 0.0));
    let limit = outcomes(
        |spans| (spans[0].status, spans[0].error_type) = (SpanStatus::Error, Some("agents.MaxTurnsExceeded".into())),
        &[],
    );
    assert_eq!(limit, (one("max_steps"), 0.0));
    let score =
        Score { name: "Hallucination".into(), value: None, label: Some("hallucinated".into()), from_user: false };
    assert_eq!(outcomes(|_| (), &[score]), (one("hallucination"), 0.0));
    // The first call fails and another model answers.
    let fallback = outcomes(
        |spans| {
            spans[1].status = SpanStatus::Error;
            (spans[3].model, spans[3].name) = (Some("claude-haiku-4-5".into()), "other call".into());
        },
        &[],
    );
    assert_eq!(fallback, (one("recovery"), 1.0));
    // The same model, under the name that was asked for and under the dated one that answers.
    let dated = outcomes(
        |spans| {
            spans[1].status = SpanStatus::Error;
            for at in [1, 3] {
                (spans[at].model, spans[at].request_model) = (Some("m".into()), Some("m".into()));
            }
            (spans[3].model, spans[3].name) = (Some("m-2025-11-13".into()), "other call".into());
        },
        &[],
    );
    assert_eq!(dated.1, 0.0, "{dated:?}");
    let mut retried = agent_run(1, true);
    let mut again = span(1, 5, 1, StepKind::Tool, 2_100, 2_140);
    again.tool_name = retried[2].tool_name.clone();
    retried.push(again);
    let mut kept = Kept::new(Limits::default());
    kept.look(&resolved(&retried, 60), &[], now());
    assert_eq!(kept.registry.bundle(Scope::default(), now()).agent.recovery_attempt_count, 1.0);
}

#[test]
fn approvals_and_unreadable_answers_are_told_apart() {
    let approvals = |change: fn(&mut model::Span), scores: &[Score]| {
        let mut spans = agent_run(1, false);
        spans[2].tool_name = Some("ask_for_approval".into());
        change(&mut spans[2]);
        let mut kept = Kept::new(Limits::default());
        kept.look(&resolved(&spans, 60), scores, now());
        let samples = kept.registry.samples(now());
        ["granted", "denied", "timeout"]
            .map(|outcome| value(&samples, "agent_approvals_total", &[("outcome", outcome)]).unwrap_or(0.0))
    };
    assert_eq!(approvals(|_| (), &[]), [1.0, 0.0, 0.0]);
    assert_eq!(approvals(|span| span.status = SpanStatus::Error, &[]), [0.0, 1.0, 0.0]);
    let timeout =
        |span: &mut model::Span| (span.status, span.error_type) = (SpanStatus::Error, Some("TimeoutError".into()));
    assert_eq!(approvals(timeout, &[]), [0.0, 0.0, 1.0]);
    let score = Score { name: "human approval".into(), value: None, label: Some("rejected".into()), from_user: false };
    assert_eq!(approvals(|span| span.tool_name = Some("search".into()), &[score]), [0.0, 1.0, 0.0]);

    let mut spans = agent_run(1, false);
    (spans[1].status, spans[1].error_type) = (SpanStatus::Error, Some("OutputParserException".into()));
    let mut kept = Kept::new(Limits::default());
    kept.look(&resolved(&spans, 60), &[], now());
    assert_eq!(value(&kept.registry.samples(now()), "agent_parse_failures_total", &[("model", "gpt-4o")]), Some(1.0));
    assert_eq!(value(&kept.registry.samples(now()), "agent_llm_calls_total", &[("model", "gpt-4o")]), Some(2.0));
}
