//! A step that fails and is tried again and again.
//!
//! Finds: one tool, or calls of one model, failing several times in a run without a success of the same between.
//!
//! Silent when a try succeeds before the limit: that is what retries are for.

use std::collections::BTreeMap;

use model::{ResolvedStep, Severity, SpanStatus, StepKind};

use super::{Detector, Draft, Evidence, Setting, Tuned, When};
use crate::detect::text;

pub(super) const DETECTOR: Detector = Detector {
    name: "retry_storm",
    source: include_str!("retry_storm.rs"),
    when: When::Steps,
    settings: &[Setting { name: "attempts", default: 4.0, about: "failures one after another" }],
    check,
};

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let least = tuned.count(0).max(2);
    let is_call = |step: &ResolvedStep| step.span.kind == StepKind::Llm && step.not_counted_because.is_none();
    let is_failed = |step: &ResolvedStep| step.span.status == SpanStatus::Error;
    let tools = evidence.calls.iter().filter(|call| call.state.is_failure()).count();
    if tools + evidence.steps.iter().filter(|step| is_call(step) && is_failed(step)).count() < least {
        return Vec::new();
    }
    let mut attempts: Vec<(String, usize, bool)> = Vec::new();
    attempts.extend(
        evidence.calls.iter().map(|call| (format!("tool `{}`", call.name), call.step, call.state.is_failure())),
    );
    for (at, step) in evidence.steps.iter().enumerate() {
        if is_call(step) {
            let model = step.span.model.as_deref().unwrap_or("the model");
            attempts.push((format!("model `{model}`"), at, is_failed(step)));
        }
    }
    attempts.sort_by_key(|(_, step, _)| evidence.steps[*step].span.start);
    let mut streaks: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut worst: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (what, step, failed) in attempts {
        let streak = streaks.entry(what.clone()).or_default();
        if !failed {
            streak.clear();
            continue;
        }
        streak.push(step);
        if streak.len() >= least {
            worst.insert(what, streak.clone());
        }
    }
    let draft = |(what, steps): (String, Vec<usize>)| {
        let last = steps.last().map(|&step| &evidence.steps[step].span);
        let error = last.and_then(|span| span.error_message.as_deref().or(span.error_type.as_deref()));
        let why = error.map(|error| format!("; last error: {}", text::short(error, 100))).unwrap_or_default();
        let message = format!("{what} failed {} times one after another{why}", steps.len());
        Draft::new(Severity::Warning, what, message)
            .spans(steps.iter().rev().map(|&step| evidence.span_id(step)))
            .with("attempts", steps.len())
    };
    worst.into_iter().map(draft).collect()
}
