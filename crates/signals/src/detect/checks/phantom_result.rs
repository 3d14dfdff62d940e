//! The agent tells of a tool result that never happened.
//!
//! Finds: the model writes the observation itself (a text with `Observation:` after `Action:`, or a tool's response tag, in its own
//! output); it claims to have called one of the tools it was offered, which no step of the run did; it reports an action as done
//! ("I have cancelled …", "your refund has been processed") in a run in which no tool was called at all though tools were offered.
//!
//! Silent where tools are not told (neither offered nor called), and where a tool with that action in its name ran.

use std::sync::LazyLock;

use model::Severity;

use super::{Detector, Draft, Evidence, Tuned, When};
use crate::detect::evidence::names;
use crate::detect::text::{self, Phrases};

pub(super) const DETECTOR: Detector = Detector {
    name: "phantom_result",
    source: include_str!("phantom_result.rs"),
    when: When::End,
    settings: &[],
    check,
};

/// Claims of a finished action, with the words of tools that could have done it.
const CLAIMS: &[(&str, &[&str])] = &[
    ("i have cancelled", &["cancel"]),
    ("i've cancelled", &["cancel"]),
    ("has been cancelled", &["cancel"]),
    ("successfully cancelled", &["cancel"]),
    ("i have canceled", &["cancel"]),
    ("i've canceled", &["cancel"]),
    ("has been canceled", &["cancel"]),
    ("successfully canceled", &["cancel"]),
    ("i have processed your refund", &["refund", "return", "cancel"]),
    ("i've processed your refund", &["refund", "return", "cancel"]),
    ("refund has been processed", &["refund", "return", "cancel"]),
    ("has been refunded", &["refund", "return", "cancel"]),
    ("i have refunded", &["refund", "return", "cancel"]),
    ("i've refunded", &["refund", "return", "cancel"]),
    ("i have issued a refund", &["refund", "return", "cancel"]),
    ("i've issued a refund", &["refund", "return", "cancel"]),
    ("i have sent", &["send", "mail", "notify", "message"]),
    ("i've sent", &["send", "mail", "notify", "message"]),
    ("i have booked", &["book", "reserve", "order", "schedule"]),
    ("i've booked", &["book", "reserve", "order", "schedule"]),
    ("i have updated", &["update", "modify", "edit", "set", "write", "change"]),
    ("i've updated", &["update", "modify", "edit", "set", "write", "change"]),
    ("successfully updated", &["update", "modify", "edit", "set", "write", "change"]),
    ("i've created", &["create", "write", "add", "open", "make", "file"]),
    ("i have created", &["create", "write", "add", "open", "make", "file"]),
    ("i've transferred", &["transfer", "handoff", "hand_off", "escalate"]),
    ("i have transferred", &["transfer", "handoff", "hand_off", "escalate"]),
    ("i have searched", &["search", "find", "look", "query", "retrieve", "browse", "web"]),
    ("i searched", &["search", "find", "look", "query", "retrieve", "browse", "web"]),
    ("according to the search results", &["search", "find", "look", "query", "retrieve", "browse", "web", "visit"]),
    ("based on the search results", &["search", "find", "look", "query", "retrieve", "browse", "web", "visit"]),
];
/// Words that only whoever runs the tools should write.
const WRITTEN_BY_TOOLS: &[&str] = &["<tool_response>", "<function_results>", "<tool_result>", "<observation>"];

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    let mut found = Vec::new();
    for round in evidence.rounds.iter().filter(|round| !round.failed && round.text.len() > 12) {
        if let Some(mark) = wrote_observation(&round.text) {
            let message = format!("the model wrote a tool's answer itself (`{mark}` in its own output)");
            found.push(
                Draft::new(Severity::Warning, "observation", message)
                    .spans([evidence.span_id(round.step)])
                    .with("mark", mark),
            );
            break;
        }
    }
    found.extend(claim(evidence));
    found
}

fn wrote_observation(said: &str) -> Option<&'static str> {
    let said = text::head(said, text::MOST_BYTES);
    if let Some(action) = said.find("\nAction:").or_else(|| said.starts_with("Action:").then_some(0))
        && said[action..].contains("\nObservation:")
    {
        return Some("Observation:");
    }
    WRITTEN_BY_TOOLS.iter().copied().find(|mark| said.contains(mark))
}

fn claim(evidence: &Evidence<'_>) -> Option<Draft> {
    static PHRASES: LazyLock<Phrases> = LazyLock::new(|| Phrases::new(CLAIMS.iter().map(|(claim, _)| claim)));
    let answer = evidence.answer.as_ref()?;
    if evidence.offered.is_empty() && evidence.calls.is_empty() {
        return None;
    }
    let (claim, tools) = &CLAIMS[PHRASES.first_in(&text::lower(&answer.text, 4_000))?];
    let called = names(&evidence.calls);
    // A retriever is a search, an agent that was handed the work may have done anything.
    let helped = evidence
        .steps
        .iter()
        .any(|step| matches!(step.span.kind, model::StepKind::Retriever | model::StepKind::Handoff));
    let could = |name: &str| tools.iter().any(|word| name.to_lowercase().contains(word));
    let offered = evidence.offered.keys().any(|name| could(name));
    // With no tool of that kind on offer somebody else may have done it; with other tools called the name may just be unlike.
    if helped || !offered || called.iter().any(|name| could(name)) || evidence.run.agents.len() > 1 {
        return None;
    }
    let message = format!("the answer says \"{claim}\", but no tool that could have done so was called");
    Some(Draft::new(Severity::Warning, *claim, message).spans([evidence.span_id(answer.step)]).with("claim", *claim))
}
