//! What was said: messages, tool arguments and results, documents.
//!
//! Content is derived from a span's raw attributes when somebody reads it, so the bytes that were sent stay the only copy.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

crate::kind::words!(
    /// Who speaks in a message.
    Role {
        /// Instructions to the model (also `developer`).
        System = "system",
        /// The human, or whoever asks.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// A tool's answer.
        Tool = "tool",
    }
);

use std::fmt;
use std::str::FromStr;

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// Reasoning the model showed.
    Reasoning {
        /// The text.
        text: String,
    },
    /// The model asks for a tool.
    ToolCall {
        /// Id by which the result refers to the call.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Tool name.
        name: String,
        /// Arguments; JSON text that parses is given as its value.
        #[cfg_attr(feature = "schema", schema(value_type = Value))]
        arguments: Json,
    },
    /// What a tool answered.
    ToolResult {
        /// Id of the call.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The result.
        #[cfg_attr(feature = "schema", schema(value_type = Value))]
        result: Json,
    },
    /// An image, audio, video, file: by reference or inline.
    Media {
        /// `image`, `audio`, `video`, `file` or what the sender wrote.
        modality: String,
        /// MIME type where given.
        #[serde(skip_serializing_if = "Option::is_none")]
        mime_type: Option<String>,
        /// URL, data URI, file id or base64 text.
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
    /// A part of a kind no dialect names, as sent.
    Other {
        /// The part as sent.
        #[cfg_attr(feature = "schema", schema(value_type = Value))]
        value: Json,
    },
}

/// One chat message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// Name of the speaker where given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is said.
    pub parts: Vec<Part>,
    /// Why the model stopped, on output messages that say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
}

impl Message {
    /// A message of one text part.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, name: None, parts: vec![Part::Text { text: text.into() }], finish_reason: None }
    }

    /// All text parts, joined by line breaks.
    pub fn plain_text(&self) -> String {
        let texts: Vec<&str> = self
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Text { text } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        texts.join("\n")
    }
}

/// A document a retriever found or a reranker ordered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Document {
    /// The sender's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Relevance as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Anything else the sender gave: url, name, metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Value>))]
    pub metadata: Option<Json>,
}

/// A tool the model could have called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ToolDefinition {
    /// Tool name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON schema of the arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Value>))]
    pub parameters: Option<Json>,
}

/// Everything said in one step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// Messages sent, system prompt first.
    pub input: Vec<Message>,
    /// Messages received.
    pub output: Vec<Message>,
    /// Input that is not a conversation (a chain's or agent's input), as sent; JSON text that parses is given as its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_value: Option<Json>,
    /// Output that is not a conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_value: Option<Json>,
    /// Arguments of a tool step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_arguments: Option<Json>,
    /// Result of a tool step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_result: Option<Json>,
    /// Tools offered to the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_definitions: Vec<ToolDefinition>,
    /// What a retriever or reranker was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What it found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Document>,
    /// What a reranker was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_documents: Vec<Document>,
}
