//! Events of workflow and agent loggers that write JSON lines: `step_start`, `step_complete`, `branch_decision`, `tool_call`,
//! `llm_call`, `error`, and lines that only name the step they belong to.

use model::{ToldPart, Value};

use super::Step;
use super::record::Record;

/// Fields with the milliseconds something took.
const TOOK: &[&str] = &["duration_ms", "latency_ms", "elapsed_ms"];

pub(super) fn read<'r>(record: &'r Record<'r>) -> Option<Step<'r>> {
    let name = record.name();
    let step_name = || record.text(&["step_name", "step", "node"]);
    let (part, key, kind) = match name.as_ref() {
        "step_start" | "step_started" | "step.start" => (ToldPart::Start, step_name()?, None),
        "step_complete" | "step_completed" | "step_end" | "step.complete" => (ToldPart::End, step_name()?, None),
        "branch_decision" | "branch.decision" => {
            (ToldPart::Branch, record.text(&["branch_name", "step_name"])?, Some("branch"))
        }
        "tool_call" | "tool.call" => (ToldPart::Call, record.text(&["tool_name", "tool"])?, Some("tool")),
        "llm_call" | "llm.call" => {
            record.text(&["model", "prompt_tokens", "input_tokens", "total_tokens"])?;
            (ToldPart::Whole, step_name().unwrap_or("llm_call".into()), Some("llm"))
        }
        "error" | "step_error" | "step_failed" => (ToldPart::Error, step_name()?, None),
        "workflow_start" | "workflow_complete" | "run_start" | "run_complete" => {
            (ToldPart::Root, record.text(&["workflow_name", "workflow"]).unwrap_or("workflow".into()), None)
        }
        // A line of prose that names its step.
        "" => (note(record), step_name()?, None),
        _ => return None,
    };
    let mut step = Step::new(part, key, record.trace()?);
    if let Some(kind) = kind {
        step.extra.push(("step_type", Value::from(kind)));
    }
    // Ids that are no span ids (eight characters of a UUID) still tell two steps of one name apart.
    let span = record.span();
    if let Some(id) = record.text(&["span_id"]).filter(|_| span.is_none() && name.is_empty()) {
        step.key = format!("{}#{id}", step.key).into();
    }
    step.within = span;
    step.took = record.number(TOOK);
    step.error = match part {
        ToldPart::Error => {
            record.text(&["error", "error_message", "message"]).or(body(record)).or(Some("error".into()))
        }
        _ => record.text(&["error"]),
    };
    step.traceback = record.text(&["traceback", "exception.stacktrace", "exception"]);
    if let Some(agent) = record.text(&["agent_name", "agent"]) {
        step.extra.push(("gen_ai.agent.name", Value::Str(agent.into_owned().into())));
    }
    Some(step)
}

/// What a line of prose tells: that its step goes on, or, where it is an error, that it failed. OTLP's errors begin at 17.
fn note(record: &Record<'_>) -> ToldPart {
    if record.raw.severity >= 17 { ToldPart::Error } else { ToldPart::Note }
}

fn body<'r>(record: &'r Record<'r>) -> Option<std::borrow::Cow<'r, str>> {
    record.raw.body.as_str().filter(|text| !text.starts_with('{')).map(Into::into)
}
