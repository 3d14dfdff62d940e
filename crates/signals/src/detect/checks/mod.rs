//! The detectors, one file each, and what they share.

mod abandoned;
mod bad_arguments;
mod context_lost;
mod context_overflow;
mod cost_outlier;
mod duplicate_call;
mod empty_output;
mod error_then_answer;
mod excessive_steps;
mod guardrail;
mod handoff_ping_pong;
mod hidden_failure;
mod ignored_result;
mod invalid_output;
mod latency_outlier;
mod loops;
mod near_overflow;
mod orphan_spans;
mod phantom_result;
mod refusal;
mod retrieval_miss;
mod retry_storm;
mod sensitive_data;
mod step_cap;
mod stuck;
mod time_gap;
mod truncated_output;
mod unknown_tool;
mod unusual_run;
mod unusual_tool;

pub use self::refusal::refuses;
use super::evidence::Evidence;
use super::settings::{Setting, Tuned};
use super::{Detector, Draft, When, text};

/// Every detector, by name.
pub static ALL: &[&Detector] = &[
    &abandoned::DETECTOR,
    &bad_arguments::DETECTOR,
    &context_lost::DETECTOR,
    &context_overflow::DETECTOR,
    &cost_outlier::DETECTOR,
    &duplicate_call::DETECTOR,
    &empty_output::DETECTOR,
    &error_then_answer::DETECTOR,
    &excessive_steps::DETECTOR,
    &guardrail::DETECTOR,
    &handoff_ping_pong::DETECTOR,
    &hidden_failure::DETECTOR,
    &ignored_result::DETECTOR,
    &invalid_output::DETECTOR,
    &latency_outlier::DETECTOR,
    &loops::DETECTOR,
    &near_overflow::DETECTOR,
    &orphan_spans::DETECTOR,
    &phantom_result::DETECTOR,
    &refusal::DETECTOR,
    &retrieval_miss::DETECTOR,
    &retry_storm::DETECTOR,
    &sensitive_data::DETECTOR,
    &step_cap::DETECTOR,
    &stuck::DETECTOR,
    &time_gap::DETECTOR,
    &truncated_output::DETECTOR,
    &unknown_tool::DETECTOR,
    &unusual_run::DETECTOR,
    &unusual_tool::DETECTOR,
];

/// Words in an answer that own up to a failure, ask for patience, or hand over.
const ADMISSIONS: &[&str] = &[
    "unable",
    "not able to",
    "couldn't",
    "could not",
    "can't",
    "cannot",
    "wasn't able",
    "didn't work",
    "did not work",
    "failed",
    "failure",
    "an error",
    "error occurred",
    "an issue",
    "problem with",
    "not available",
    "unavailable",
    "no information",
    "not found",
    "couldn't find",
    "don't have access",
    "do not have access",
    "try again",
    "human agent",
    "transferred",
    "transfer you",
    "escalat",
    "apolog",
    "unfortunately",
    "i'm sorry",
    "i am sorry",
    "not possible",
    "insufficient",
    "does not exist",
    "doesn't exist",
    "don't know",
    "do not know",
    "not sure",
    "lamentablemente",
    "lo siento",
    "no puedo",
    "no es posible",
    "leider",
    "nicht möglich",
    "désolé",
    "malheureusement",
    "impossible",
];

/// Whether an answer owns up to something that did not work.
fn admits(answer: &str) -> bool {
    text::phrase(&text::lower(answer, 4_000), ADMISSIONS).is_some()
}

/// Words in names of tools that change something in the world.
const WRITES: &[&str] = &[
    "create",
    "send",
    "refund",
    "pay",
    "delete",
    "remove",
    "cancel",
    "book",
    "order_",
    "purchase",
    "buy",
    "transfer",
    "update",
    "modify",
    "write",
    "submit",
    "post_",
    "approve",
    "reject",
    "deploy",
    "restart",
    "notify",
    "exchange",
    "return_",
    "charge",
    "grant",
    "close",
    "clear",
    "merge",
    "publish",
    "insert",
    "execute_trade",
    "reroute",
    "rollback",
    "escalate",
];

/// Whether a tool's name says that it changes something.
pub(super) fn changes_something(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let reads =
        ["get", "list", "find", "search", "read", "fetch", "lookup", "check", "calculate", "view", "show", "query"];
    !reads.iter().any(|word| name.starts_with(word)) && WRITES.iter().any(|word| name.contains(word))
}
