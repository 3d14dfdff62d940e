//! The same tool call twice, though the first one had worked.
//!
//! Finds: a tool called with arguments that an earlier successful call of the run had, with the same result: the second call was
//! for nothing. For a tool that changes something (as declared, else by its name: create, send, refund, pay, …) the same arguments alone are enough, and
//! it is a warning, since the change may have been made twice.
//!
//! Silent when another call in between changed something, when the first failed, and where `loop` already speaks of the
//! same calls.

use std::collections::HashMap;

use model::Severity;

use super::{Detector, Draft, Evidence, Setting, Tuned, When};
use crate::detect::text;

pub(super) const DETECTOR: Detector = Detector {
    name: "duplicate_call",
    source: include_str!("duplicate_call.rs"),
    when: When::Steps,
    settings: &[Setting { name: "repeats", default: 2.0, about: "equal calls that make a finding" }],
    check,
};

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let least = tuned.count(0).max(2);
    let mut groups: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut order = Vec::new();
    let mut wrote_at = None;
    for (at, call) in evidence.calls.iter().enumerate() {
        if call.state.is_failure() || call.arguments.is_none() {
            continue;
        }
        let writes = evidence.changes(call.name);
        let group = groups.entry(call.key).or_default();
        if let Some(&last) = group.last() {
            let wrote_between = wrote_at.is_some_and(|wrote| wrote > last);
            let same = evidence.calls[last].result_key == call.result_key;
            if !writes && (wrote_between || !same || call.result_key == 0) {
                group.clear();
            }
        } else {
            order.push(call.key);
        }
        group.push(at);
        if writes {
            wrote_at = Some(at);
        }
    }
    let mut found = Vec::new();
    for key in order {
        let Some(group) = groups.remove(&key).filter(|group| group.len() >= least) else { continue };
        // Three or more one after another are a loop.
        let in_a_row = group.len() >= 3 && group.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let name = evidence.calls[group[0]].name;
        let writes = evidence.changes(name);
        if in_a_row && !writes {
            continue;
        }
        let arguments =
            evidence.calls[group[0]].arguments.map(|it| text::short(&text::as_text(it), 80)).unwrap_or_default();
        let message = if writes {
            format!(
                "`{name}` was called {} times with the same arguments; what it does may have been done twice: {arguments}",
                group.len()
            )
        } else {
            format!("`{name}` was called {} times with the same arguments and gave the same: {arguments}", group.len())
        };
        found.push(
            Draft::new(if writes { Severity::Warning } else { Severity::Info }, name, message)
                .spans(group.iter().rev().map(|&at| evidence.span_id(evidence.calls[at].step)))
                .with("tool", name)
                .with("repeats", group.len()),
        );
    }
    found
}
