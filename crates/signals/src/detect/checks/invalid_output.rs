//! An output that should be JSON and is not.
//!
//! Finds: an answer that begins as JSON (also in a fenced block) and does not parse; an answer in words where at least nine in ten good
//! runs of the kind answer in JSON; arguments of a tool call that are not JSON, also where the provider withholds them
//! (`MALFORMED_FUNCTION_CALL`).
//!
//! Silent on outputs that were cut off, which `truncated_output` reports.

use model::Severity;
use serde_json::Value as Json;

use super::{Detector, Draft, Evidence, Tuned, When};
use crate::detect::baseline::is_json;
use crate::detect::text;

pub(super) const DETECTOR: Detector = Detector {
    name: "invalid_output",
    source: include_str!("invalid_output.rs"),
    when: When::End,
    settings: &[],
    check,
};

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    let mut found = Vec::new();
    for round in evidence.rounds.iter().filter(|round| !round.failed) {
        if evidence.steps[round.step].span.finish_reason.as_deref() == Some("length") {
            continue;
        }
        if evidence.steps[round.step].span.finish_reason.as_deref() == Some("malformed_function_call") {
            let message = "the provider could not read the tool call that the model wrote";
            found.push(Draft::new(Severity::Warning, "call", message).spans([evidence.span_id(round.step)]));
        }
        let broken = round
            .asked
            .iter()
            .find(|asked| matches!(asked.arguments, Json::String(text) if text.trim_start().starts_with('{')));
        if let Some(asked) = broken {
            let message = format!("the model's arguments for `{}` are not JSON", asked.name);
            found.push(Draft::new(Severity::Warning, asked.name, message).spans([evidence.span_id(round.step)]));
        }
    }
    let Some(answer) = &evidence.answer else { return found };
    let text = answer.text.trim();
    let fenced = text.strip_prefix("```json").and_then(|rest| rest.trim_end().strip_suffix("```"));
    let meant = fenced.unwrap_or(text).trim();
    // `[1] A source` and `{name}` in prose are no JSON: it must go on like JSON.
    let begins = fenced.is_some() || meant.starts_with("{\"") || meant.starts_with("[{") || meant.starts_with("{\n");
    let always = evidence.known().is_some_and(|known| known.is_mature() && known.json_answers * 10 >= known.runs * 9);
    let message = match () {
        () if begins && !is_json(meant) => "the answer begins as JSON and does not parse".to_string(),
        () if always && fenced.is_none() && !is_json(meant) => {
            format!("the answer is not JSON, as it is in runs of this kind: {}", text::short(text, 80))
        }
        () => return found,
    };
    found.push(Draft::new(Severity::Warning, "answer", message).spans([evidence.span_id(answer.step)]));
    found
}
