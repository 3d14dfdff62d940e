//! A conversation that grows, and what its tokens cost to send again.

use std::sync::Arc;

use model::{Message, Part, Role, ToolDefinition, Usage};

use crate::card::{Cache, Model, ToolCard};

/// Prefixes shorter than this many tokens are not cached by providers (OpenAI and Anthropic: 1,024).
const SHORTEST_CACHED_PREFIX: u64 = 1_024;

/// Providers cache in pieces of this many tokens (OpenAI: 128).
const CACHE_PIECE: u64 = 128;

/// A conversation of one agent with one model.
#[derive(Debug, Clone)]
pub(crate) struct Chat {
    /// The model.
    pub(crate) model: &'static Model,
    /// The system prompt.
    pub(crate) system: Arc<str>,
    /// Everything said so far.
    pub(crate) messages: Vec<Message>,
    /// Tools on offer.
    pub(crate) tools: Arc<[ToolDefinition]>,
    /// The same tools, with what the simulation needs to know of them.
    pub(crate) cards: &'static [ToolCard],
    /// Input tokens of the last call: what the cache may hold.
    sent: u64,
}

impl Chat {
    /// A conversation that has not begun.
    pub(crate) fn new(model: &'static Model, system: &str, cards: &'static [ToolCard]) -> Self {
        let tools = cards
            .iter()
            .map(|card| ToolDefinition {
                name: card.name.to_string(),
                description: Some(card.description.to_string()),
                parameters: Some(card.schema()),
            })
            .collect();
        Self { model, system: system.into(), messages: Vec::new(), tools, cards, sent: 0 }
    }

    /// The user says something.
    pub(crate) fn user(&mut self, text: impl Into<String>) -> &mut Self {
        self.messages.push(Message::text(Role::User, text));
        self
    }

    /// Tokens of a call over the conversation as it stands, answered by `output` after `reasoning` hidden tokens.
    pub(crate) fn usage(&mut self, output: &Message, reasoning: u64) -> Usage {
        let definitions: usize = self.cards.iter().map(|card| 60 + card.description.len()).sum();
        let input = tokens(self.system.len() + definitions) + self.messages.iter().map(message_tokens).sum::<u64>() + 9;
        let output = message_tokens(output) + reasoning;
        let read = match self.model.cache {
            Cache::None => None,
            _ if self.sent < SHORTEST_CACHED_PREFIX => Some(0),
            _ => Some(self.sent.min(input) / CACHE_PIECE * CACHE_PIECE),
        };
        let write = (self.model.cache == Cache::ReadWrite && input >= SHORTEST_CACHED_PREFIX)
            .then(|| (input - read.unwrap_or(0)) / CACHE_PIECE * CACHE_PIECE);
        self.sent = input;
        Usage {
            input_tokens: Some(input),
            output_tokens: Some(output),
            cache_read_tokens: read,
            cache_write_tokens: write,
            reasoning_tokens: self.model.reasons.then_some(reasoning),
            reported_total: None,
        }
    }
}

/// Tokens of that many characters of English or JSON.
fn tokens(characters: usize) -> u64 {
    (characters as u64).div_ceil(4)
}

/// Tokens of a message.
fn message_tokens(message: &Message) -> u64 {
    let characters: usize = message
        .parts
        .iter()
        .map(|part| match part {
            Part::Text { text } | Part::Reasoning { text } => text.len(),
            Part::ToolCall { name, arguments, .. } => name.len() + arguments.to_string().len() + 20,
            Part::ToolResult { result, .. } => result.to_string().len() + 10,
            Part::Media { .. } | Part::Other { .. } => 0,
        })
        .sum();
    tokens(characters) + 4
}
