//! Every family that the five guides name is there under its name, with their labels and their buckets.

use std::collections::HashSet;

use model::{Tenant, Timestamp};
use signals::metrics::{Exposed, FAMILIES, Format, Id, Kind, Limits, RATES, Score, Show, Value, page, write};

use crate::support::{Kept, SECOND, agent_run, resolved, span};

/// Name, labels, buckets (none for what is no histogram), as each guide prints them.
type Named = (&'static str, &'static [&'static str], &'static [f64]);

const GUIDES: &[Named] = &[
    // A
    ("agent_workflow_started_total", &["workflow_name"], &[]),
    ("agent_workflow_completed_total", &["workflow_name", "status"], &[]),
    ("agent_workflow_duration_seconds", &["workflow_name"], &[1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0]),
    ("agent_active_workflows", &["workflow_name"], &[]),
    ("agent_step_duration_seconds", &["workflow_name", "step_name"], &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0]),
    ("agent_step_errors_total", &["workflow_name", "step_name", "error_type"], &[]),
    ("agent_llm_call_duration_seconds", &["model"], &[0.5, 1.0, 2.0, 5.0, 10.0, 30.0]),
    ("agent_llm_tokens_total", &["model", "direction"], &[]),
    ("agent_llm_cost_usd_total", &["model"], &[]),
    ("agent_workflow_last_step_timestamp", &[], &[]),
    // B
    ("workflow_executions_total", &["workflow_name", "status"], &[]),
    ("workflow_duration_seconds", &["workflow_name"], &[0.1, 0.5, 1.0, 5.0, 10.0, 60.0]),
    ("step_duration_seconds", &["step_name", "step_type"], &[0.01, 0.1, 0.5, 1.0, 5.0, 10.0]),
    ("active_workflows", &[], &[]),
    // C
    ("agent_run_duration_ms", &[], &[]),
    ("agent_tokens_total", &["model"], &[]),
    ("agent_tool_calls_total", &["tool"], &[]),
    ("agent_errors_total", &["error_type"], &[]),
    ("agent_run_steps", &[], &[]),
    // D
    ("agent_requests_total", &["agent_id", "status"], &[]),
    ("agent_request_duration_seconds", &["agent_id"], &[0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0]),
    ("agent_tokens_consumed_total", &["agent_id", "model", "direction"], &[]),
    ("agent_model_latency_seconds", &["agent_id", "model"], &[0.1, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0]),
    ("agent_tool_calls_total", &["agent_id", "tool_name", "status"], &[]),
    ("agent_tool_calls_failed_total", &["agent_id", "tool_name"], &[]),
    ("agent_hallucination_total", &["agent_id", "hallucination_type"], &[]),
    ("agent_reasoning_steps", &["agent_id"], &[1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0]),
    ("agent_recovery_attempts_total", &["agent_id", "recovery_strategy"], &[]),
    ("agent_task_completion_rate", &["agent_id", "task_type"], &[]),
    ("agent_cost_per_task_usd", &["agent_id", "model"], &[]),
    ("agent_active_sessions", &["agent_id"], &[]),
    ("agent_llm_tokens_per_request", &["agent_id"], &[]),
    ("agent_latency_p99_ms", &["agent_id"], &[]),
    ("agent_model_latency_ms", &["agent_id"], &[]),
    ("agent_tool_call_success_rate", &["agent_id"], &[]),
    ("agent_user_feedback_score", &["agent_id"], &[]),
    // E
    ("agent_workflow_duration_seconds", &["workflow"], &[0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0]),
    ("agent_llm_call_duration_seconds", &["model", "workflow"], &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0]),
    ("agent_tokens_total", &["model", "direction", "workflow"], &[]),
    ("agent_tool_duration_seconds", &["tool", "workflow"], &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]),
    ("agent_tool_errors_total", &["tool", "workflow"], &[]),
    ("agent_active_workflows", &["workflow"], &[]),
    ("agent_llm_errors_total", &["model", "workflow"], &[]),
    ("agent_llm_calls_total", &["model", "workflow"], &[]),
    ("agent_span_duration_seconds", &["workflow", "span_type", "span_name"], &[]),
    ("agent_llm_duration_seconds", &["model", "workflow", "span_type", "span_name"], &[]),
    ("agent_tokens_input_total", &["model", "workflow"], &[]),
    ("agent_tokens_output_total", &["model", "workflow"], &[]),
    ("agent_workflow_completions_total", &["workflow"], &[]),
    ("agent_cost_dollars_total", &["model", "workflow", "cost_type"], &[]),
    // OpenTelemetry
    (
        "gen_ai_client_token_usage",
        &["gen_ai_operation_name", "gen_ai_request_model", "gen_ai_token_type"],
        &[1.0, 4.0, 67_108_864.0],
    ),
    (
        "gen_ai_client_operation_duration_seconds",
        &["gen_ai_operation_name", "gen_ai_request_model"],
        &[0.01, 0.64, 81.92],
    ),
    ("gen_ai_client_inference_duration_seconds", &["gen_ai_provider_name", "gen_ai_response_model"], &[0.01, 81.92]),
    ("gen_ai_client_inference_usage_input_tokens_total", &["gen_ai_request_model"], &[]),
    ("gen_ai_client_inference_usage_output_tokens_total", &["gen_ai_request_model"], &[]),
    ("gen_ai_client_inference_time_to_first_chunk_seconds", &["gen_ai_request_model"], &[0.01, 81.92]),
    ("gen_ai_client_operation_time_to_first_chunk_seconds", &["gen_ai_request_model"], &[0.01, 81.92]),
    ("gen_ai_invoke_agent_duration_seconds", &["gen_ai_agent_name"], &[0.01, 81.92]),
    ("gen_ai_execute_tool_duration_seconds", &["gen_ai_tool_name"], &[0.01, 81.92]),
];

/// Runs that touch every family: one that fails, one that retries, one that runs on, one that people and judges spoke of.
fn everything() -> Kept {
    let now = Timestamp::from_nanos(1_790_000_100 * SECOND);
    let mut kept = Kept::new(Limits::default());
    let score = |name: &str, value, from_user| Score { name: name.into(), value: Some(value), label: None, from_user };
    let scores = [score("hallucination", 1.0, false), score("thumbs", 1.0, true)];
    kept.look(&resolved(&agent_run(1, false), 60), &scores, now);
    let mut failed = agent_run(2, true);
    (failed[0].status, failed[0].error_type) = (model::SpanStatus::Error, Some("MaxTurnsExceeded".into()));
    let mut again = failed[2].clone();
    (again.span_id, again.status) = (model::SpanId::from_array([7; 8]), model::SpanStatus::Ok);
    (again.start, again.end) = (again.start.plus_nanos(SECOND), again.end.plus_nanos(SECOND));
    failed.push(again);
    kept.look(&resolved(&failed, 60), &[], now);
    let mut running = agent_run(3, false);
    running[0].end = Timestamp::default();
    running[0].session_id = Some("conversation".into());
    kept.look(&resolved(&running, 1), &[], now);
    let kinds = [(20, model::StepKind::Handoff), (21, model::StepKind::Guardrail), (22, model::StepKind::Retriever)];
    let mut other = agent_run(4, false);
    other.extend(kinds.map(|(id, kind)| span(4, id, 1, kind, 100, 200)));
    let mut approval = span(4, 23, 1, model::StepKind::Tool, 200, 300);
    approval.tool_name = Some("request_approval".into());
    other.push(approval);
    kept.look(&resolved(&other, 60), &[], now);
    // What is no run's share.
    kept.registry.add(&Tenant::default(), Id::ConversationTurns, &["planner"], 3.0, now);
    kept.registry.add(&Tenant::default(), Id::Loops, &["planner", "support", "loop"], 1.0, now);
    kept.registry.commit(now);
    kept
}

fn exposed() -> Vec<Exposed> {
    let kept = everything();
    kept.registry.exposed(Timestamp::from_nanos(1_790_000_130 * SECOND), Show { spellings: true, zero_first: true })
}

#[test]
fn every_family_of_the_guides_is_served_with_its_labels_and_buckets() {
    let exposed = exposed();
    let mut missing = Vec::new();
    for (name, labels, buckets) in GUIDES {
        let Some(family) = exposed.iter().find(|family| family.name == *name) else {
            missing.push(format!("{name} is not there"));
            continue;
        };
        let point = &family.points[0];
        for label in *labels {
            if !point.labels.iter().any(|(name, _)| name == label) {
                missing.push(format!("{name} has no label {label}"));
            }
        }
        let bounds: Vec<f64> = match &point.value {
            Value::Histogram { buckets, .. } => buckets.iter().map(|(bound, ..)| *bound).collect(),
            Value::Number(_) => Vec::new(),
        };
        for bucket in *buckets {
            if !bounds.contains(bucket) {
                missing.push(format!("{name} has no bucket {bucket}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn no_name_stands_for_two_families_and_none_is_without_series() {
    let mut seen = HashSet::new();
    for name in
        FAMILIES.iter().flat_map(|family| std::iter::once(family.name).chain(family.spellings.iter().map(|it| it.name)))
    {
        assert!(seen.insert(name), "{name} is there twice");
    }
    let exposed = exposed();
    for family in FAMILIES {
        assert!(exposed.iter().any(|it| it.name == family.name), "{} has no series", family.name);
        assert!(
            family.buckets.is_sorted() && family.cells() <= 64 && !family.help.is_empty() && !family.source.is_empty()
        );
        assert_eq!(family.id.family().name, family.name, "the table is in the order of its ids");
        for label in family.labels.iter().flat_map(|label| label.names()) {
            let personal = ["user", "session", "conversation"].iter().any(|word| label.contains(word));
            assert!(!personal, "{} has a label {label}", family.name);
        }
        assert_eq!(family.kind == Kind::Counter, family.name.ends_with("_total"), "{}", family.name);
    }
    assert!(RATES.iter().all(|rate| seen.insert(rate.name)));
}

#[test]
fn words_and_units_are_those_of_the_guide_that_uses_the_name() {
    let exposed = exposed();
    let of = |name: &str| exposed.iter().find(|family| family.name == name).unwrap();
    let status = |name: &str| -> HashSet<String> {
        let labels = of(name).points.iter().flat_map(|point| &point.labels);
        labels.filter(|(label, _)| label == "status").map(|(_, value)| value.to_string()).collect()
    };
    assert!(status("agent_workflow_completed_total").contains("failed"));
    assert!(status("workflow_executions_total").contains("failure"));
    let sum = |name: &str| match &of(name).points[0].value {
        Value::Histogram { sum, .. } => *sum,
        Value::Number(value) => *value,
    };
    assert_eq!(sum("agent_run_duration_ms"), 1_000.0 * sum("agent_workflow_duration_seconds"));
    assert_eq!(of("gen_ai_client_inference_usage_input_tokens_total").kind, Kind::Counter);
    assert!(sum("gen_ai_client_inference_usage_input_tokens_total") >= 200.0);
    let input = &of("agent_tokens_input_total").points;
    assert!(
        input.iter().all(|point| point.labels.iter().any(|(label, value)| label == "direction" && &**value == "input"))
    );
}

#[test]
fn a_new_series_is_zero_first() {
    let mut kept = Kept::new(Limits::default());
    let now = Timestamp::from_nanos(1_790_000_100 * SECOND);
    kept.look(&resolved(&agent_run(1, false), 60), &[], now);
    let show = Show { spellings: false, zero_first: true };
    let requests = |after: i64| {
        let exposed = kept.registry.exposed(now.plus_nanos(after * SECOND), show);
        exposed.iter().find(|family| family.name == "agent_requests_total").unwrap().points[0].value.clone()
    };
    assert_eq!(requests(1), Value::Number(0.0));
    assert_eq!(requests(15), Value::Number(1.0));
}

#[test]
fn both_text_formats_are_well_formed_and_openmetrics_has_exemplars() {
    let exposed = exposed();
    let plain = write(&exposed, Format::Prometheus);
    assert!(
        plain.contains("# TYPE agent_requests_total counter\nagent_requests_total{agent_id=\"planner\","),
        "{plain}"
    );
    assert!(!plain.contains(" # {") && !plain.contains("# EOF"));
    let open = write(&exposed, Format::OpenMetrics);
    assert!(open.contains("# TYPE agent_requests counter\nagent_requests_total{"), "{open}");
    assert!(open.contains("# UNIT agent_workflow_duration_seconds seconds\n") && open.ends_with("# EOF\n"));
    let bucket =
        open.lines().find(|line| line.starts_with("agent_request_duration_seconds_bucket") && line.contains("# {"));
    let exemplar = bucket.unwrap().split_once(" # ").unwrap().1;
    assert!(exemplar.starts_with("{trace_id=\"") && exemplar.contains("} 3 1790000100"), "{exemplar}");
}

#[test]
fn the_format_is_the_one_that_is_asked_for() {
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
    for accept in ["", "*/*", "text/plain", "text/html", "application/openmetrics-text;q=0.3, text/plain;q=0.5"] {
        assert_eq!(Format::accepted(accept), Format::Prometheus, "{accept}");
    }
}

#[test]
fn the_page_of_documentation_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == page(), "docs/metrics.md is not what the table says; run this test with UPDATE_DOCS=1");
}
