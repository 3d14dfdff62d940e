//! Which attributes are content: what somebody said, asked, was answered or gave to a tool. Retention of bodies removes
//! their values whatever their length; the keys stay.
//!
//! The tables say it for keys that fill a field of content. Here are the families that reshaping code reads.

use crate::Dialects;
use crate::field::Field;

const FIELDS: &[Field] = &[
    Field::InputMessages,
    Field::OutputMessages,
    Field::System,
    Field::InputValue,
    Field::OutputValue,
    Field::ToolArguments,
    Field::ToolResult,
    Field::Query,
    Field::Documents,
];

/// Keys that begin like this.
const PREFIXES: &[&str] = &[
    "llm.input_messages.",
    "llm.output_messages.",
    "llm.prompts.",
    "llm.choices.",
    "llm.completions.",
    "llm.prompt_template.variables",
    "llm.prompt_template.template",
    "llm.content.",
    "retrieval.documents.",
    "reranker.input_documents.",
    "reranker.output_documents.",
    "embedding.embeddings.",
    "message.content",
    "message.function_call_arguments_json",
    "message.tool_calls.",
    "message_content.",
    "tool_call.function.arguments",
    "function_call.arguments",
    "ai.prompt",
    "ai.response.text",
    "ai.response.object",
    "ai.response.reasoning",
    "ai.response.toolCalls",
    "ai.response.files",
    "ai.result.",
    "lk.pii.",
    "traceloop.prompt.template_variables",
    "gen_ai.evaluation.explanation",
];

/// The same, before a number: `gen_ai.prompt.0.content` is content, `gen_ai.prompt.name` is not.
const NUMBERED: &[&str] = &["gen_ai.prompt.", "gen_ai.completion."];

/// Keys of span events and of parts of content.
const KEYS: &[&str] = &[
    "document.content",
    "events",
    "ai.values",
    "ai.value",
    "embedding.text",
    "prompt.text",
    "completion.text",
    "tool.output",
    "gen_ai.event.content",
    "gen_ai.content.prompt",
    "gen_ai.content.completion",
    "content",
    "system",
];

/// Log records whose text is content: one per message, or a prompt a person typed.
const EVENT_PREFIXES: &[&str] = &["gen_ai.", "claude_code.user_prompt", "codex.user_prompt", "gemini_cli.user_prompt"];

impl Dialects {
    /// Whether the value of an attribute of that key is content.
    pub fn is_content(&self, key: &str) -> bool {
        let named = || self.0.attribute(key).any(|entry| entry.targets.iter().any(|hit| FIELDS.contains(&hit.field)));
        let numbered = |prefix: &&str| {
            key.strip_prefix(*prefix).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        };
        KEYS.contains(&key)
            || PREFIXES.iter().any(|prefix| key.starts_with(prefix))
            || NUMBERED.iter().any(numbered)
            || named()
    }

    /// Whether the text of a log record with that event name is content.
    pub fn is_content_event(&self, name: &str) -> bool {
        EVENT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_content_and_what_was_counted_or_named_is_not() {
        let dialects = Dialects::builtin();
        for key in [
            "gen_ai.input.messages",
            "gen_ai.prompt.0.content",
            "gen_ai.tool.call.arguments",
            "llm.input_messages.3.message.content",
            "input.value",
            "traceloop.entity.output",
            "ai.prompt.messages",
            "retrieval.documents.0.document.content",
            "gen_ai.retrieval.query.text",
            "mlflow.spanInputs",
        ] {
            assert!(dialects.is_content(key), "{key}");
        }
        for key in [
            "gen_ai.prompt.name",
            "gen_ai.request.model",
            "gen_ai.usage.input_tokens",
            "session.id",
            "tool.name",
            "http.url",
            "input.mime_type",
            "agent.request.type",
        ] {
            assert!(!dialects.is_content(key), "{key}");
        }
        assert!(dialects.is_content_event("gen_ai.user.message"));
        assert!(!dialects.is_content_event("step_complete"));
    }
}
