//! The `agent.request` family: a request, reasoning steps below it, tools below the step that asked for them.
//!
//! Spans carry only what one searches by. What was said goes to the log, as this family's authors advise.

use std::collections::HashMap;

use model::{Message, Part, SpanId};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value as Json, json};

use super::{Attributes, Told};
use crate::plan::{LogLine, Plan, Severity, Step, Work};

pub(super) fn told(plan: &Plan, step: &Step) -> Told {
    let mut out = Attributes::default();
    let ms = (step.end - step.start) / 1_000_000;
    let (name, kind) = match &step.work {
        Work::Agent { name, .. } => {
            out.text("agent.request.id", &format!("req-{}", &plan.trace_id.to_string()[..12]));
            out.text("agent.agent.id", name);
            out.text("agent.task.type", plan.task);
            out.text("session.id", &plan.session);
            out.text("user.id", &plan.user);
            let rounds = plan.steps.iter().filter(|step| matches!(step.work, Work::Llm(_))).count();
            out.int("agent.run.total_steps", rounds as u64);
            ("agent.request".to_string(), SpanKind::Server)
        }
        Work::Llm(call) => {
            out.text("agent.model.name", call.model.name);
            if let Some(temperature) = call.temperature {
                out.double("agent.model.temperature", temperature);
            }
            out.int("agent.reasoning.step", round_of(plan, step));
            out.some_int("agent.llm.tokens.input", call.usage.input_tokens);
            out.some_int("agent.llm.tokens.output", call.usage.output_tokens);
            out.int("agent.llm.duration_ms", ms);
            ("agent.llm.reasoning".to_string(), SpanKind::Internal)
        }
        Work::Tool { name, .. } => {
            out.text("agent.tool.name", name);
            out.int("agent.tool.duration_ms", ms);
            let status = match &step.error {
                None => "success",
                Some(failure) if failure.kind == "TimeoutError" => "timeout",
                Some(_) => "failure",
            };
            out.text("agent.tool.status", status);
            ("agent.tool.execute".to_string(), SpanKind::Client)
        }
        other => (format!("agent.{}", other.kind()), SpanKind::Internal),
    };
    Told { name, kind, attributes: out, events: Vec::new() }
}

/// The number of a reasoning step, from 1.
fn round_of(plan: &Plan, step: &Step) -> u64 {
    let before = plan.steps.iter().take_while(|other| other.span_id != step.span_id);
    before.filter(|other| matches!(other.work, Work::Llm(_))).count() as u64 + 1
}

/// Moves each tool below the model call that asked for it, and stretches the call around its tools, as this family's
/// instrumentation nests them.
pub(crate) fn nest(plan: &mut Plan) {
    let mut asked_by: HashMap<String, usize> = HashMap::new();
    for (at, step) in plan.steps.iter().enumerate() {
        let Work::Llm(call) = &step.work else { continue };
        for part in call.output.iter().flat_map(|message| &message.parts) {
            if let Part::ToolCall { id: Some(id), .. } = part {
                asked_by.insert(id.clone(), at);
            }
        }
    }
    for at in 0..plan.steps.len() {
        let Work::Tool { call_id, .. } = &plan.steps[at].work else { continue };
        let Some(&asker) = asked_by.get(call_id) else { continue };
        let (parent, end): (SpanId, u64) = (plan.steps[asker].span_id, plan.steps[at].end);
        plan.steps[at].parent = Some(parent);
        plan.steps[asker].end = plan.steps[asker].end.max(end + 1_000);
    }
}

/// What was said, as lines of the audit log.
pub(super) fn audit_log(plan: &Plan) -> Vec<LogLine> {
    plan.steps.iter().flat_map(audit_lines).collect()
}

fn audit_lines(step: &Step) -> Vec<LogLine> {
    let line = |at: u64, body: String, attributes: Vec<(&'static str, Json)>| LogLine {
        at,
        span_id: step.span_id,
        severity: Severity::Info,
        event: None,
        body,
        attributes,
    };
    match &step.work {
        Work::Llm(call) => {
            let mut attributes = vec![("event_type", json!("llm_call")), ("model", json!(call.model.name))];
            if let Some(message) = call.input.last() {
                attributes.push(("prompt", words(message)));
            }
            if let Some(output) = &call.output {
                attributes.push(("completion", words(output)));
            }
            vec![line(step.end, format!("llm_call {}", call.model.name), attributes)]
        }
        Work::Tool { name, arguments, result, .. } => vec![line(
            step.end,
            format!("tool_call {name}"),
            vec![
                ("event_type", json!("tool_call")),
                ("tool_name", json!(name)),
                ("arguments", arguments.clone()),
                ("result", result.clone().unwrap_or_default()),
                ("success", json!(step.error.is_none())),
            ],
        )],
        Work::Agent { input, output, .. } => vec![
            line(
                step.start,
                "request received".into(),
                vec![("event_type", json!("request")), ("user.input", json!(input))],
            ),
            line(step.end, "request answered".into(), vec![("event_type", json!("answer")), ("output", json!(output))]),
        ],
        _ => Vec::new(),
    }
}

fn words(message: &Message) -> Json {
    let text = message.plain_text();
    if text.is_empty() { json!(message.parts) } else { json!(text) }
}
