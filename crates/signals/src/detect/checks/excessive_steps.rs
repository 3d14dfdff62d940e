//! Far more model calls or tool calls than such runs need.
//!
//! Finds: more model calls than 1.5 times the 95th percentile of good runs of the same kind, and more than 8 (both figures from the
//! observability chapter Tawny follows); tool calls likewise. Before enough runs are known: more than 30 model calls.
//!
//! Silent below the floor, however unusual.

use model::Severity;

use super::{Detector, Draft, Evidence, Setting, Tuned, When};

pub(super) const DETECTOR: Detector = Detector {
    name: "excessive_steps",
    source: include_str!("excessive_steps.rs"),
    when: When::Steps,
    settings: &[
        Setting { name: "factor", default: 1.5, about: "times the 95th percentile" },
        Setting { name: "floor", default: 8.0, about: "model calls, or tool calls, that are never too many" },
        Setting { name: "unlearned", default: 30.0, about: "model calls that are too many before anything is learned" },
    ],
    check,
};

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let mut found = Vec::new();
    let counts =
        [("rounds", "model calls", evidence.run.rounds), ("tool_calls", "tool calls", evidence.run.tool_calls)];
    for (feature, words, count) in counts {
        let usual = evidence.usual(feature, 0.95);
        let limit = match usual {
            Some(p95) => (p95 * tuned.get(0)).max(tuned.get(1)),
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
        let mut draft =
            Draft::new(Severity::Warning, feature, message).spans(last).with(feature, count).with("limit", limit);
        if let Some(p95) = usual {
            draft = draft.with("p95", p95);
        }
        found.push(draft);
        break;
    }
    found
}
