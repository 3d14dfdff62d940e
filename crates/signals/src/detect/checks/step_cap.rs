//! A run that was stopped by its limit of steps, turns or iterations.
//!
//! Finds: the wording of frameworks for it in an error, a finish reason or the answer (LangGraph's recursion limit, the OpenAI
//! Agents SDK's max turns, LangChain's iteration limit, AutoGen, CrewAI, smolagents); and a run that ended while the model still
//! asked for tools, where less than one in ten good runs of the kind ends so and none of them had as many model calls.
//!
//! Silent on runs that end with a tool by design.

use std::sync::LazyLock;

use model::Severity;

use super::{Detector, Draft, Evidence, Setting, Tuned, When};
use crate::detect::text::{self, Phrases};

pub(super) const DETECTOR: Detector = Detector {
    name: "step_cap",
    source: include_str!("step_cap.rs"),
    when: When::Steps,
    settings: &[Setting {
        name: "rounds",
        default: 6.0,
        about: "model calls below which a run without an answer was not capped",
    }],
    check,
};

/// Wordings, in lower case.
const WORDINGS: &[&str] = &[
    "max turns",
    "maxturns",
    "max_turns",
    "maximum number of turns",
    "recursion limit",
    "recursion_limit",
    "graphrecursionerror",
    "iteration limit",
    "max iterations",
    "max_iterations",
    "maximum iterations",
    "maximum number of iterations",
    "maximum number of steps",
    "max steps",
    "max_steps",
    "step limit",
    "turn limit",
    "reached the maximum number",
    "agent stopped due to",
    "stepcapreached",
];

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    for (at, step) in evidence.steps.iter().enumerate() {
        let texts = [&step.span.error_type, &step.span.error_message, &step.span.finish_reason];
        for said in texts.into_iter().flatten() {
            if let Some(wording) = capped(said, 600) {
                let message = format!("the run was stopped by its step limit: {}", text::short(said, 120));
                return vec![
                    Draft::new(Severity::Warning, "said", message)
                        .spans([evidence.span_id(at)])
                        .with("wording", wording),
                ];
            }
        }
    }
    if let Some(answer) = &evidence.answer
        && answer.text.len() < 400
        && let Some(wording) = capped(&answer.text, 400)
    {
        let message = format!("the run ended with its step limit: {}", text::short(&answer.text, 120));
        return vec![
            Draft::new(Severity::Warning, "said", message)
                .spans([evidence.span_id(answer.step)])
                .with("wording", wording),
        ];
    }
    unanswered(evidence, tuned).into_iter().collect()
}

/// The wording by which the first `bytes` of a text say that a limit was reached.
fn capped(said: &str, bytes: usize) -> Option<&'static str> {
    static PHRASES: LazyLock<Phrases> = LazyLock::new(|| Phrases::new(WORDINGS));
    PHRASES.first_in(&text::lower(said, bytes)).map(|at| WORDINGS[at])
}

fn unanswered(evidence: &Evidence<'_>, tuned: &Tuned) -> Option<Draft> {
    let last = evidence.rounds.last().filter(|last| !last.asked.is_empty() && !last.failed)?;
    let known = evidence.known()?;
    let most = known.quantile("rounds", 1.0)?;
    let rounds = f64::from(evidence.run.rounds);
    let by_design = known.ended_asking * 10 >= known.runs;
    if !evidence.ended() || by_design || rounds < tuned.get(0).max(most * 0.97) {
        return None;
    }
    let calls = text::count(u64::from(evidence.run.rounds), "model call");
    let message = format!("the run ended after {calls} while the model still asked for `{}`", last.asked[0].name);
    Some(
        Draft::new(Severity::Warning, "unanswered", message)
            .spans([evidence.span_id(last.step)])
            .with("rounds", rounds),
    )
}
