//! The dialects Tawny knows, most specific first (the order of the vendors' own detection rules).
//!
//! Each is a table in `conventions/` and, where a rename is not enough, a file of reshaping here.

use model::raw::RawLog;
use model::{Content, Span};

use crate::reading::Reading;

/// What a dialect does beyond its table.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reshape {
    /// Fills or corrects narrow fields. Runs after the tables, most specific dialect first.
    pub span: Option<fn(&Reading<'_>, &mut Span)>,
    /// Fills content. What an earlier dialect filled stays.
    pub content: Option<fn(&Reading<'_>, &mut Content)>,
    /// Fills content from log records joined to the span.
    pub logs: Option<fn(&[RawLog<'_>], &mut Content)>,
}

const NOTHING: Reshape = Reshape { span: None, content: None, logs: None };

/// A dialect as built in.
pub(crate) struct Builtin {
    /// Its convention table.
    pub table: &'static str,
    /// Its code.
    pub reshape: Reshape,
}

macro_rules! builtin {
    ($name:literal) => {
        Builtin { table: include_str!(concat!("../../conventions/", $name, ".toml")), reshape: NOTHING }
    };
    ($name:literal, $($part:ident: $function:path),+) => {
        Builtin {
            table: include_str!(concat!("../../conventions/", $name, ".toml")),
            reshape: Reshape { $($part: Some($function),)+ ..NOTHING },
        }
    };
}

/// All of them. The order is the order of trust: a field is taken from the first that has it.
// A dialect with every part of code leaves nothing for the update to fill.
#[allow(clippy::needless_update)]
pub(crate) const BUILTIN: &[Builtin] = &[
    builtin!("langfuse", span: langfuse::span),
    builtin!("langsmith", span: langsmith::span, content: langsmith::content),
    builtin!("openinference", span: openinference::span, content: openinference::content),
    builtin!("traceloop", span: traceloop::span, content: traceloop::content),
    builtin!("vercel_ai", span: vercel_ai::span, content: vercel_ai::content),
    builtin!("pydantic_ai", span: pydantic_ai::span, content: pydantic_ai::content),
    builtin!("mlflow", span: mlflow::span),
    builtin!("mastra", span: mastra::span),
    builtin!("google_adk", span: google_adk::span, content: google_adk::content),
    builtin!("strands", span: strands::span, content: strands::content),
    builtin!("claude_code", span: claude_code::span, content: claude_code::content, logs: claude_code::logs),
    builtin!("codex_cli", span: codex_cli::span, logs: codex_cli::logs),
    builtin!("gemini_cli", span: gemini_cli::span, content: gemini_cli::content),
    builtin!("anthropic_sdk"),
    builtin!("autogen"),
    builtin!("semantic_kernel"),
    builtin!("agent_framework"),
    builtin!("datadog", span: datadog::span),
    builtin!("livekit", span: livekit::span, content: livekit::content),
    builtin!("litellm", span: litellm::span),
    builtin!("crewai", span: crewai::span),
    builtin!("otel_genai", span: otel_genai::span, content: otel_genai::content),
    builtin!("seed_requests"),
    builtin!("seed_runs"),
    builtin!("seed_workflow"),
    builtin!("seed_generation"),
    builtin!("core"),
];

mod claude_code;
mod codex_cli;
mod crewai;
mod datadog;
mod gemini_cli;
mod google_adk;
mod instrumented;
mod langfuse;
mod langsmith;
mod litellm;
mod livekit;
mod mastra;
mod mlflow;
mod openinference;
mod otel_genai;
mod pydantic_ai;
mod strands;
mod traceloop;
mod vercel_ai;
