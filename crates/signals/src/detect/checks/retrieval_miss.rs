//! A search found nothing, or nothing relevant, and the run went on to answer.
//!
//! Finds: retrieval steps without documents; tools that search (by their name) and returned nothing; documents whose best score lies
//! below the setting, or far below what such runs see. A warning where every search of the run missed and it answered all the same; worth
//! knowing where others found something.
//!
//! Silent when the answer says that nothing was found; on scores before any are known.

use model::{Severity, StepKind};

use super::{Detector, Draft, Evidence, Setting, Tuned, When};
use crate::detect::results::State;
use crate::detect::text;

pub(super) const DETECTOR: Detector = Detector {
    name: "retrieval_miss",
    source: include_str!("retrieval_miss.rs"),
    when: When::End,
    settings: &[
        Setting {
            name: "score",
            default: 0.0,
            about: "best score below which a search missed; 0 leaves it to what is learned",
        },
        Setting {
            name: "factor",
            default: 0.6,
            about: "times the 5th percentile of usual best scores, below which a search missed",
        },
    ],
    check,
};

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let usual = evidence.usual("retrieval_score", 0.05);
    let least = if tuned.get(0) > 0.0 { tuned.get(0) } else { usual.map_or(0.0, |p05| p05 * tuned.get(1)) };
    let (mut missed, mut hits, mut low) = (Vec::new(), 0, None::<f64>);
    let mut retrievers = 0;
    for (at, (step, content)) in evidence.steps.iter().zip(&evidence.contents).enumerate() {
        if step.span.kind != StepKind::Retriever {
            continue;
        }
        retrievers += 1;
        let count = step.span.documents.unwrap_or(content.documents.len() as u32);
        let told = step.span.documents.is_some() || content.query.is_some() || !content.documents.is_empty();
        let best = content.documents.iter().filter_map(|document| document.score).reduce(f64::max);
        if told && count == 0 && content.documents.is_empty() {
            missed.push((step.span.start, at));
        } else if let Some(best) = best.filter(|best| *best < least) {
            low = Some(low.map_or(best, |low| low.min(best)));
            missed.push((step.span.start, at));
        } else {
            hits += 1;
        }
    }
    if retrievers == 0 {
        for call in &evidence.calls {
            match call.state {
                State::Empty if searches(call.name) => missed.push((evidence.steps[call.step].span.start, call.step)),
                State::Ok if searches(call.name) => hits += 1,
                _ => {}
            }
        }
    }
    if missed.is_empty() {
        return Vec::new();
    }
    missed.sort_unstable();
    let answered = evidence.answer.as_ref().filter(|_| !evidence.admits());
    let (severity, rest) = match (hits, answered) {
        (0, Some(_)) => (Severity::Warning, ", and the run answered all the same"),
        _ => (Severity::Info, ""),
    };
    let all = missed.len() + hits;
    let why = low.map_or_else(|| "nothing".to_string(), |score| format!("nothing relevant (best score {score:.2})"));
    let message = match all {
        1 => format!("the search found {why}{rest}"),
        _ => format!("{} of {all} searches found {why}{rest}", missed.len()),
    };
    vec![
        Draft::new(severity, if low.is_some() { "low score" } else { "nothing" }, message)
            .spans(missed.iter().map(|&(_, at)| evidence.span_id(at)))
            .with("missed", missed.len())
            .with("searches", all),
    ]
}

/// Whether a tool's name says that it searches.
fn searches(name: &str) -> bool {
    let name = text::lower_name(name);
    ["search", "retriev", "lookup", "look_up", "find", "query_kb", "knowledge"].iter().any(|word| name.contains(word))
}
