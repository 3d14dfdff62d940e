//! An agent's conversation lost its beginning in the middle of the run.
//!
//! Finds: a system prompt that earlier calls of the same agent were sent and later ones are not; a conversation that restarts (far
//! fewer messages than before, and another first question).
//!
//! Silent when the number of messages falls but the first question stays or a summary takes its place: that is compaction. Silent for
//! agents that interleave several conversations.

use std::collections::HashMap;

use model::{Message, Role, Severity};

use super::{Detector, Draft, Evidence, Setting, Tuned, When};
use crate::detect::text;

pub(super) const DETECTOR: Detector = Detector {
    name: "context_lost",
    source: include_str!("context_lost.rs"),
    when: When::Steps,
    settings: &[Setting {
        name: "messages",
        default: 6.0,
        about: "messages a conversation must have had before it can be lost",
    }],
    check,
};

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    struct Seen {
        messages: usize,
        system: bool,
        first: u64,
        step: usize,
        rounds: usize,
    }
    let mut agents: HashMap<Option<&str>, Seen> = HashMap::new();
    for round in &evidence.rounds {
        let input = &evidence.contents[round.step].input;
        if input.is_empty() {
            continue;
        }
        let system = input.first().is_some_and(|message| message.role == Role::System);
        let first = input.iter().find(|message| message.role == Role::User).map_or(0, beginning);
        let now = |rounds| Seen { messages: input.len(), system, first, step: round.step, rounds };
        let Some(before) = agents.get(&round.agent) else {
            agents.insert(round.agent, now(1));
            continue;
        };
        let long = before.messages >= tuned.count(0) && before.rounds >= 2;
        let (spans, name) =
            ([evidence.span_id(round.step), evidence.span_id(before.step)], round.agent.unwrap_or("the agent"));
        if long && before.system && !system && before.first == first {
            let message = format!("{name} lost its system prompt: the call before was sent one, this one is not");
            return vec![Draft::new(Severity::Warning, "system prompt", message).spans(spans)];
        }
        let restarted = input.len() * 3 <= before.messages && first != before.first && first != 0;
        let summary = || input.iter().take(3).any(|message| text::lower(&message.plain_text(), 400).contains("summar"));
        if long && restarted && system == before.system && !summary() {
            let message = format!(
                "the conversation of {name} restarted: {} messages before, {} now",
                before.messages,
                input.len()
            );
            return vec![
                Draft::new(Severity::Info, "restart", message)
                    .spans(spans)
                    .with("messages_before", before.messages)
                    .with("messages_after", input.len()),
            ];
        }
        let rounds = before.rounds + 1;
        agents.insert(round.agent, now(rounds));
    }
    Vec::new()
}

fn beginning(message: &Message) -> u64 {
    let first = message.parts.iter().find_map(|part| match part {
        model::Part::Text { text } => Some(text.as_str()),
        _ => None,
    });
    text::hash_of(&[text::head(first.unwrap_or_default(), 200)])
}
