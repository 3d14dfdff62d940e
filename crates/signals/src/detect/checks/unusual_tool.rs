//! A tool that agents of this role hardly ever use for such a task.
//!
//! Finds: a tool that ran in this run and in fewer than three in a thousand good runs of the same kind, once at least 200 are known.
//! Tools that change something are a warning, others are worth knowing.
//!
//! Silent before enough runs are known.

use model::Severity;

use super::{Detector, Draft, Evidence, Setting, Tuned, When};

pub(super) const DETECTOR: Detector = Detector {
    name: "unusual_tool",
    source: include_str!("unusual_tool.rs"),
    when: When::Steps,
    settings: &[
        Setting { name: "runs", default: 200.0, about: "good runs that must be known" },
        Setting { name: "share", default: 0.003, about: "share of runs below which a tool is unusual" },
    ],
    check,
};

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let Some(known) = evidence.known().filter(|known| f64::from(known.runs) >= tuned.get(0)) else { return Vec::new() };
    let mut found: Vec<Draft> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for call in evidence.calls.iter().filter(|call| seen.insert(call.name)) {
        let runs = known.tools.get(call.name).map_or(0, |habit| habit.runs);
        if f64::from(runs) < tuned.get(1) * f64::from(known.runs) {
            let severity = if evidence.changes(call.name) { Severity::Warning } else { Severity::Info };
            let message =
                format!("`{}` was used, as in only {runs} of {} good runs of this kind", call.name, known.runs);
            found.push(
                Draft::new(severity, call.name, message)
                    .spans([evidence.span_id(call.step)])
                    .with("tool", call.name)
                    .with("runs", runs)
                    .with("of", known.runs),
            );
        }
    }
    found
}
