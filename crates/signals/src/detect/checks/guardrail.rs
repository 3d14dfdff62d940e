//! A guardrail stopped something.
//!
//! Finds: a guardrail step that failed or whose result says that it was tripped (`passed: false`, `tripwire_triggered: true`, `blocked`,
//! `action: GUARDRAIL_INTERVENED`, …).
//!
//! Silent on guardrails that let pass, and where the result is not told.

use model::{Severity, SpanStatus, StepKind};
use serde_json::Value as Json;

use super::{Detector, Draft, Evidence, Tuned, When};
use crate::detect::text;

pub(super) const DETECTOR: Detector =
    Detector { name: "guardrail", source: include_str!("guardrail.rs"), when: When::Steps, settings: &[], check };

/// Members of a result that say it, with the value that means tripped.
const SAYS: &[(&str, bool)] = &[
    ("passed", false),
    ("pass", false),
    ("allowed", false),
    ("valid", false),
    ("is_valid", false),
    ("safe", false),
    ("is_safe", false),
    ("success", false),
    ("triggered", true),
    ("tripwire_triggered", true),
    ("blocked", true),
    ("flagged", true),
    ("violation", true),
    ("tripped", true),
];
const WORDS: &[&str] =
    &["blocked", "guardrail_intervened", "failed", "fail", "denied", "rejected", "unsafe", "tripped"];

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    let mut found = Vec::new();
    for (at, (step, content)) in evidence.steps.iter().zip(&evidence.contents).enumerate() {
        let span = &step.span;
        // Some dialects tell a guardrail as a tool of that name.
        let is_guard = span.kind == StepKind::Guardrail
            || (span.kind == StepKind::Tool
                && text::lower_name(span.tool_name.as_deref().unwrap_or(&span.name)).contains("guard"));
        if !is_guard {
            continue;
        }
        let result = content.tool_result.as_ref().or(content.output_value.as_ref());
        if span.status == SpanStatus::Error || result.is_some_and(|result| tripped(result, 0)) {
            let name = span.tool_name.as_deref().unwrap_or(&span.name);
            let message = format!("guardrail `{name}` stopped something");
            found.push(Draft::new(Severity::Info, name, message).spans([evidence.span_id(at)]).with("guardrail", name));
        }
    }
    found
}

fn tripped(result: &Json, depth: usize) -> bool {
    match result {
        Json::Object(members) => members.iter().any(|(name, value)| match value {
            Json::Bool(yes) => SAYS.iter().any(|(says, means)| says.eq_ignore_ascii_case(name) && means == yes),
            Json::String(word) => {
                ["action", "verdict", "result", "status", "decision"].contains(&name.to_lowercase().as_str())
                    && WORDS.contains(&word.to_lowercase().as_str())
            }
            inner @ Json::Object(_) if depth < 3 => tripped(inner, depth + 1),
            _ => false,
        }),
        Json::String(word) => WORDS.contains(&word.trim().to_lowercase().as_str()),
        _ => false,
    }
}
