//! A long stretch of a run in which no step was at work.
//!
//! Finds: a gap between two steps, longer than the time set and than half of the run, that no step below the top covers: the agent waited for
//! something that is not instrumented, or its process stood still.
//!
//! Silent for sessions held open for a person: gaps before a new message of the user count as thinking time.

use model::{Role, Severity};

use super::{Detector, Draft, Evidence, Setting, Tuned, When};

pub(super) const DETECTOR: Detector = Detector {
    name: "time_gap",
    source: include_str!("time_gap.rs"),
    when: When::End,
    settings: &[
        Setting { name: "seconds", default: 60.0, about: "gap in seconds" },
        Setting { name: "share", default: 0.5, about: "share of the run's duration" },
    ],
    check,
};

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    // No gap is longer than all the time in which steps began.
    let begun = || evidence.steps.iter().map(|step| step.span.start);
    let (Some(first), Some(last)) = (begun().min(), begun().max()) else { return Vec::new() };
    if last.millis_since(first) / 1e3 < tuned.get(0) {
        return Vec::new();
    }
    // Steps that have steps below them only wait for those.
    let parents: std::collections::HashSet<_> = evidence.steps.iter().filter_map(|step| step.shown_parent).collect();
    let mut leaves: Vec<usize> =
        (0..evidence.steps.len()).filter(|&at| !parents.contains(&evidence.steps[at].span.span_id)).collect();
    leaves.sort_by_key(|&at| evidence.steps[at].span.start);
    let (mut busy_until, mut before) = (None, None);
    let mut longest: Option<(f64, usize, usize)> = None;
    for at in leaves {
        let span = &evidence.steps[at].span;
        if let (Some(until), Some(before)) = (busy_until, before) {
            let gap = span.start.millis_since(until) / 1e3;
            if gap > longest.map_or(0.0, |(gap, _, _)| gap) && !asked_by_user(evidence, at) {
                longest = Some((gap, before, at));
            }
        }
        if busy_until.is_none_or(|until| span.end > until) {
            (busy_until, before) = (Some(span.end.max(span.start)), Some(at));
        }
    }
    let Some((gap, before, after)) = longest else { return Vec::new() };
    if gap < tuned.get(0) || gap * 1e3 < evidence.run.duration_ms * tuned.get(1) {
        return Vec::new();
    }
    let name = |at: usize| evidence.steps[at].span.name.to_string();
    let message = format!("nothing happened for {gap:.0} s between `{}` and `{}`", name(before), name(after));
    vec![
        Draft::new(Severity::Info, name(after), message)
            .spans([evidence.span_id(after), evidence.span_id(before)])
            .with("seconds", gap.round()),
    ]
}

/// The step after the gap answers something that a person said meanwhile.
fn asked_by_user(evidence: &Evidence<'_>, at: usize) -> bool {
    let input = &evidence.contents[at].input;
    input.last().is_some_and(|message| message.role == Role::User)
}
