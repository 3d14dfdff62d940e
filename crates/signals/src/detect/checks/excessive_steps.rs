//! Far more model calls or tool calls than such runs need.
//!
//! Finds: more model calls than 1.5 times the 95th percentile of good runs of the same kind, and at least two more; a warning from more
//! than 8 on, worth knowing below (both figures from the observability chapter Tawny follows); tool calls likewise. Before enough runs are
//! known: more than 30 model calls.
//!
//! Silent on tool calls before enough runs are known.

use model::Severity;

use super::{Detector, Draft, Evidence, Setting, Tuned, When};

pub(super) const DETECTOR: Detector = Detector {
    name: "excessive_steps",
    source: include_str!("excessive_steps.rs"),
    when: When::Steps,
    settings: &[
        Setting { name: "factor", default: 1.5, about: "times the 95th percentile" },
        Setting { name: "floor", default: 8.0, about: "model calls, or tool calls, up to which it is no warning" },
        Setting { name: "unlearned", default: 30.0, about: "model calls that are too many before anything is learned" },
    ],
    check,
};

/// More than the 95th percentile by so many, at least: of agents that need one call, two are not many.
const LEAST_MORE: f64 = 2.0;

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let mut found = Vec::new();
    let counts =
        [("rounds", "model calls", evidence.run.rounds), ("tool_calls", "tool calls", evidence.run.tool_calls)];
    for (feature, words, count) in counts {
        let usual = evidence.usual(feature, 0.95);
        let limit = match usual {
            Some(p95) => (p95 * tuned.get(0)).max(p95.round() + LEAST_MORE - 1.0),
            None if feature == "rounds" => tuned.get(2),
            None => continue,
        };
        if f64::from(count) <= limit {
            continue;
        }
        let message = match usual {
            Some(p95) => format!("{count} {words}; 95 % of good runs of this kind need {p95:.0} or fewer"),
            None => format!("{count} {words} in one run"),
        };
        let last = evidence.rounds.iter().rev().take(3).map(|round| evidence.span_id(round.step));
        let many = usual.is_none() || f64::from(count) > tuned.get(1);
        let severity = if many { Severity::Warning } else { Severity::Info };
        let mut draft = Draft::new(severity, feature, message).spans(last).with(feature, count).with("limit", limit);
        if let Some(p95) = usual {
            draft = draft.with("p95", p95);
        }
        found.push(draft);
    }
    // One finding says it: the graver one.
    found.sort_by_key(|draft| std::cmp::Reverse(draft.severity));
    found.truncate(1);
    found
}
