//! Two agents that hand the work back and forth.
//!
//! Finds: control going from one agent to another and back several times, by handoff steps, or by tools that hand over by their name
//! (`transfer_to_…`, `handoff_to_…`), where no handoff is told.
//!
//! Silent on supervisors that delegate and get results back, and on agents that write and review in turn: there nobody hands over.

use model::{Severity, StepKind};

use super::{Detector, Draft, Evidence, Setting, Tuned, When};
use crate::detect::text;

pub(super) const DETECTOR: Detector = Detector {
    name: "handoff_ping_pong",
    source: include_str!("handoff_ping_pong.rs"),
    when: When::Steps,
    settings: &[Setting { name: "returns", default: 2.0, about: "times the work comes back to the same agent" }],
    check,
};

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let mut handoffs: Vec<(usize, String)> = evidence
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| step.span.kind == StepKind::Handoff)
        .map(|(at, step)| (at, target(evidence, at).unwrap_or_else(|| step.span.name.to_string())))
        .collect();
    if handoffs.is_empty() {
        handoffs.extend(evidence.calls.iter().filter_map(|call| Some((call.step, by_tool(call.name)?))));
    }
    handoffs.sort_by_key(|(at, _)| evidence.steps[*at].span.start);
    let least = tuned.count(0).max(1) * 2 + 1;
    let mut run = 1;
    for at in 1..handoffs.len() {
        let back = at >= 2 && handoffs[at].1 == handoffs[at - 2].1 && handoffs[at].1 != handoffs[at - 1].1;
        run = if back { run + 1 } else { 2 };
        if run >= least {
            let part = &handoffs[at + 1 - run..=at];
            let (one, two) = (&part[0].1, &part[1].1);
            let message = format!("{one} and {two} handed the work back and forth {run} times");
            return vec![
                Draft::new(Severity::Warning, format!("{one},{two}"), message)
                    .spans(part.iter().rev().map(|(at, _)| evidence.span_id(*at)))
                    .with("handoffs", run),
            ];
        }
    }
    Vec::new()
}

/// The agent that a tool hands over to, by its name.
fn by_tool(name: &str) -> Option<String> {
    let name = text::lower_name(name);
    let beginnings = ["transfer_to_", "transfer_back_to_", "handoff_to_", "hand_off_to_"];
    beginnings.iter().find_map(|beginning| name.strip_prefix(beginning)).map(str::to_owned)
}

/// The agent a handoff goes to, where the step says so.
fn target(evidence: &Evidence<'_>, at: usize) -> Option<String> {
    let content = &evidence.contents[at];
    let values = [&content.tool_arguments, &content.input_value, &content.tool_result, &content.output_value];
    let names = ["to", "to_agent", "target", "agent"];
    let named = |value: &serde_json::Value| names.iter().find_map(|name| value.get(*name)?.as_str().map(str::to_owned));
    values.into_iter().flatten().find_map(named)
}
