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
pub(super) mod latency_outlier;
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

use std::sync::LazyLock;

pub use self::refusal::refuses;
use super::evidence::Evidence;
use super::settings::{Setting, Tuned};
use super::text::Phrases;
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
    // German, French, Spanish, Portuguese, Italian, Dutch, Polish, Russian, Chinese, Japanese, Korean.
    "fehlgeschlagen",
    "entschuldig",
    "konnte nicht",
    "konnte ich nicht",
    "nicht gefunden",
    "nicht verfügbar",
    "je n'ai pas pu",
    "n'a pas pu",
    "une erreur",
    "échoué",
    "no pude",
    "no se pudo",
    "no he podido",
    "por desgracia",
    "un error",
    "infelizmente",
    "não foi possível",
    "não consegui",
    "desculpe",
    "purtroppo",
    "mi dispiace",
    "non è stato possibile",
    "non sono riuscit",
    "helaas",
    "niet gelukt",
    "niestety",
    "przepraszam",
    "к сожалению",
    "не удалось",
    "извините",
    "抱歉",
    "无法",
    "失败",
    "申し訳",
    "できません",
    "죄송",
    "할 수 없",
];

/// Whether an answer owns up to something that did not work. Of a run's own answer `Evidence` keeps it.
pub(super) fn admits(answer: &str) -> bool {
    static PHRASES: LazyLock<Phrases> = LazyLock::new(|| Phrases::new(ADMISSIONS));
    PHRASES.are_in(&text::lower(answer, 4_000))
}

/// Words in names of tools that change something in the world.
const WRITES: &[&str] = &[
    "approve", "buy", "cancel", "clear", "close", "create", "delete", "disable", "enable", "escalate", "grant",
    "insert", "merge", "modify", "notify", "pay", "publish", "reject", "remove", "reroute", "reserve", "reset",
    "restart", "revoke", "rollback", "send", "submit", "update", "withdraw", "write",
];
/// Words that are verbs as well as nouns: `refund_order` changes something, `refund_policy` does not.
const WRITES_OR_THINGS: &[&str] =
    &["book", "charge", "deploy", "exchange", "purchase", "refund", "trade", "transfer", "payment"];
/// The same, which are verbs only at the beginning of a name: `order_pizza`, but `pending_order`.
const VERBS_IN_FRONT: &[&str] = &["order", "post", "return"];
/// What is only looked at, as the last word of a name: `refund_status`.
const LOOKED_AT: &[&str] =
    &["details", "history", "id", "info", "list", "log", "policies", "policy", "state", "status", "summary"];
/// Words in names of tools that look.
const READS: &[&str] = &[
    "calculate",
    "check",
    "describe",
    "fetch",
    "find",
    "get",
    "list",
    "look",
    "lookup",
    "query",
    "read",
    "search",
    "show",
    "view",
];

/// Whether a tool's name says that it changes something: the first of its words that says either decides.
pub(super) fn changes_something(name: &str) -> bool {
    let name = text::head(name, 200);
    // Most names are `like_this`: their words need not be written down.
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        return words_change_something(&words.collect::<Vec<_>>());
    }
    words_change_something(&name_words(name).iter().map(String::as_str).collect::<Vec<_>>())
}

fn words_change_something(words: &[&str]) -> bool {
    let looked_at = words.len() > 1 && words.last().is_some_and(|last| LOOKED_AT.contains(last));
    let says = |(at, word): (usize, &&str)| match word {
        word if READS.contains(word) => Some(false),
        word if WRITES.contains(word) => Some(true),
        word if WRITES_OR_THINGS.contains(word) => Some(!looked_at),
        word if at == 0 && words.len() > 1 && VERBS_IN_FRONT.contains(word) => Some(!looked_at),
        _ => None,
    };
    words.iter().enumerate().find_map(says).unwrap_or(false)
}

/// The words of a name such as `send_mail`, `sendMail` or `mail.send`, in lower case.
fn name_words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tools_say_whether_they_change_something() {
        for name in [
            "process_refund",
            "refund_order",
            "sendMail",
            "crm.update_order_status",
            "return_delivered_order_items",
            "order_pizza",
            "transfer_to_human_agents",
            "mcp__github__create_issue",
            "execute_trade",
            "book",
        ] {
            assert!(changes_something(name), "{name}");
        }
        for name in [
            "get_order",
            "recent_deploys",
            "crm_get_refund_policy",
            "refund_status",
            "order_details",
            "payload_size",
            "disclose_terms",
            "pending_order",
            "lookup_payment",
            "job_status",
            "look_up",
            "",
        ] {
            assert!(!changes_something(name), "{name}");
        }
    }
}
