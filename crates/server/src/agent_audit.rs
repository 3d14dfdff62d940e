//! The judge that writes down what agents did: what they were asked, what they answered, which tools they called with what, what came
//! back, and what was approved or refused, each joined to its trace and step.
//!
//! Content is as the content policy left it; of a long one the beginning is kept. A step is written down once, when its run settles;
//! of a run that is judged again only the steps that are new.

use access::{append_deed, has_deed};
use model::{Content, Message, ResolvedStep, Role, StepKind, Value};
use serde_json::{Value as Json, json};
use state::rusqlite::Transaction;

use crate::watch::judge::{Case, Judge, JudgeError};

/// Bytes that are kept of what was said at once.
pub const SAID_BYTES_MAX: usize = 16 * 1024;

/// Attributes in which clients tell whether a person or a rule let a tool run.
const APPROVALS: &[&str] = &["decision", "tool_decision", "approval_mode"];

/// Writes down what agents of some projects do.
pub struct AgentAudit(Vec<String>);

impl AgentAudit {
    /// For agents of these projects; `*` is all.
    pub fn new(projects: Vec<String>) -> Self {
        Self(projects)
    }
}

impl Judge for AgentAudit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn wants_content(&self) -> bool {
        true
    }

    fn judge(&mut self, case: &Case<'_>, tx: &Transaction<'_>) -> Result<(), JudgeError> {
        let project = &*case.run.tenant.project;
        if !self.0.iter().any(|named| named == project || named == "*") {
            return Ok(());
        }
        for step in case.steps {
            let target = format!("{}/{}", step.span.trace_id, step.span.span_id);
            if case.before.is_some() && has_deed(tx, project, &target)? {
                continue;
            }
            let agent = step.agent.as_deref().or(step.span.service.as_deref()).unwrap_or_default();
            let mut deeds = deeds(step, case.content(step.span.span_id));
            if let Some(source) = case.source(step.span.span_id) {
                let told = |key: &&str| source.raw.attributes.get(key).and_then(Value::as_str).map(str::to_owned);
                deeds.extend(APPROVALS.iter().filter_map(told).map(|said| ("approval", Some(Json::String(said)))));
            }
            for (action, said) in deeds {
                let said = said.map(|said| cut(said.to_string()));
                append_deed(tx, step.span.start, project, agent, [action, &target], said.as_deref())?;
            }
        }
        Ok(())
    }
}

/// What was done in a step, each with what was said, where that is kept.
fn deeds(step: &ResolvedStep, content: Option<&Content>) -> Vec<(&'static str, Option<Json>)> {
    let name = step.span.tool_name.as_deref().unwrap_or(&step.span.name);
    match step.span.kind {
        StepKind::Llm => {
            let said = |pick: fn(&Content) -> &[Message]| {
                content.map(pick).filter(|messages| !messages.is_empty()).map(|messages| json!(messages))
            };
            vec![("prompt", said(|content| new_messages(&content.input))), ("answer", said(|content| &content.output))]
        }
        StepKind::Tool => {
            let arguments = content.and_then(|content| content.tool_arguments.as_ref());
            let result = content.and_then(|content| content.tool_result.as_ref());
            vec![
                ("tool.call", Some(json!({ "tool": name, "arguments": arguments }))),
                ("tool.result", Some(json!({ "tool": name, "status": step.span.status.as_str(), "result": result }))),
            ]
        }
        StepKind::Guardrail => {
            let result = content.and_then(|content| content.output_value.as_ref());
            vec![("guardrail", Some(json!({ "name": name, "status": step.span.status.as_str(), "result": result })))]
        }
        StepKind::Handoff => vec![("handoff", Some(json!({ "name": name })))],
        _ => Vec::new(),
    }
}

/// The messages since the model spoke last: what came before was written down with the round before.
fn new_messages(messages: &[Message]) -> &[Message] {
    let spoke = messages.iter().rposition(|message| message.role == Role::Assistant);
    &messages[spoke.map_or(0, |at| at + 1)..]
}

fn cut(mut said: String) -> String {
    if said.len() > SAID_BYTES_MAX {
        let end = (0..=SAID_BYTES_MAX).rev().find(|at| said.is_char_boundary(*at)).unwrap_or(0);
        said.truncate(end);
        said.push('…');
    }
    said
}
