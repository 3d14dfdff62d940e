//! What is fixed about services, agents, models and tools.

use serde_json::Value as Json;

/// A process that runs agents: becomes the OpenTelemetry resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// `service.name`.
    pub name: &'static str,
    /// `service.version`.
    pub version: &'static str,
    /// `service.instance.id`.
    pub instance: String,
    /// `deployment.environment.name`.
    pub environment: &'static str,
    /// `telemetry.sdk.language`.
    pub language: &'static str,
}

/// How a provider's prompt cache shows in usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cache {
    /// It does not.
    None,
    /// Repeated prefixes are read at a discount, nothing is said of writing (OpenAI, Gemini).
    Read,
    /// Reads and writes are both reported (Anthropic).
    ReadWrite,
}

/// A language model as its callers see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Name asked for.
    pub name: &'static str,
    /// Name that answers.
    pub answers_as: &'static str,
    /// `gen_ai.provider.name`.
    pub provider: &'static str,
    /// Begins every response id.
    pub(crate) id_prefix: &'static str,
    /// Host called.
    pub(crate) host: &'static str,
    /// Typical milliseconds to the first token.
    pub(crate) first_token_ms: f64,
    /// Typical tokens per second after it.
    pub(crate) speed: f64,
    /// Whether it thinks before it answers.
    pub(crate) reasons: bool,
    /// How its cache shows.
    pub(crate) cache: Cache,
}

/// A general model of OpenAI.
pub(crate) static GPT_5: Model = Model {
    name: "gpt-5.1",
    answers_as: "gpt-5.1-2025-11-13",
    provider: "openai",
    id_prefix: "chatcmpl-",
    host: "api.openai.com",
    first_token_ms: 620.0,
    speed: 95.0,
    reasons: true,
    cache: Cache::Read,
};

/// A small model of OpenAI.
pub(crate) static GPT_5_MINI: Model = Model {
    name: "gpt-5-mini",
    answers_as: "gpt-5-mini-2025-08-07",
    provider: "openai",
    id_prefix: "chatcmpl-",
    host: "api.openai.com",
    first_token_ms: 340.0,
    speed: 160.0,
    reasons: false,
    cache: Cache::Read,
};

/// An older model of OpenAI, still in use.
pub(crate) static GPT_4O: Model = Model {
    name: "gpt-4o",
    answers_as: "gpt-4o-2024-11-20",
    provider: "openai",
    id_prefix: "chatcmpl-",
    host: "api.openai.com",
    first_token_ms: 420.0,
    speed: 110.0,
    reasons: false,
    cache: Cache::Read,
};

/// The middle model of Anthropic.
pub(crate) static SONNET: Model = Model {
    name: "claude-sonnet-4-5",
    answers_as: "claude-sonnet-4-5-20250929",
    provider: "anthropic",
    id_prefix: "msg_01",
    host: "api.anthropic.com",
    first_token_ms: 780.0,
    speed: 85.0,
    reasons: true,
    cache: Cache::ReadWrite,
};

/// The small model of Anthropic.
pub(crate) static HAIKU: Model = Model {
    name: "claude-haiku-4-5",
    answers_as: "claude-haiku-4-5-20251001",
    provider: "anthropic",
    id_prefix: "msg_01",
    host: "api.anthropic.com",
    first_token_ms: 360.0,
    speed: 150.0,
    reasons: false,
    cache: Cache::ReadWrite,
};

/// The fast model of Google.
pub(crate) static GEMINI_FLASH: Model = Model {
    name: "gemini-2.5-flash",
    answers_as: "gemini-2.5-flash",
    provider: "gcp.gemini",
    id_prefix: "",
    host: "generativelanguage.googleapis.com",
    first_token_ms: 300.0,
    speed: 190.0,
    reasons: true,
    cache: Cache::Read,
};

/// An open model behind a gateway of the company's own.
pub(crate) static MISTRAL: Model = Model {
    name: "mistral-large-latest",
    answers_as: "mistral-large-2512",
    provider: "mistral_ai",
    id_prefix: "cmpl-",
    host: "api.mistral.ai",
    first_token_ms: 450.0,
    speed: 90.0,
    reasons: false,
    cache: Cache::None,
};

/// A kind of agent.
#[derive(Debug)]
pub(crate) struct AgentCard {
    /// Name.
    pub(crate) name: &'static str,
    /// One sentence.
    pub(crate) description: &'static str,
}

/// A tool that a model may ask for.
#[derive(Debug)]
pub(crate) struct ToolCard {
    /// Name.
    pub(crate) name: &'static str,
    /// One sentence.
    pub(crate) description: &'static str,
    /// Names of its arguments; all are required texts but those that end in `#`, which are numbers.
    pub(crate) arguments: &'static [&'static str],
    /// Typical milliseconds.
    pub(crate) typical_ms: f64,
}

impl ToolCard {
    /// JSON schema of the arguments.
    pub(crate) fn schema(&self) -> Json {
        let properties: serde_json::Map<String, Json> = self
            .arguments
            .iter()
            .map(|argument| match argument.strip_suffix('#') {
                Some(name) => (name.to_string(), serde_json::json!({"type": "number"})),
                None => (argument.to_string(), serde_json::json!({"type": "string"})),
            })
            .collect();
        let required: Vec<&str> = self.arguments.iter().map(|argument| argument.trim_end_matches('#')).collect();
        serde_json::json!({"type": "object", "properties": properties, "required": required})
    }
}
