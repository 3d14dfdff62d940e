//! A span as Tawny understood it.

use std::sync::Arc;

use crate::{CostSource, SpanId, SpanStatus, StepKind, Tenant, Timestamp, TraceId, Usage, UsageRole, Usd};

/// Characters of content kept beside a span, so that lists never read bodies (seed C cuts at 200 for search).
pub const PREVIEW_CHARS: usize = 200;

/// The first [`PREVIEW_CHARS`] characters of `text`, white space folded to single spaces.
pub fn preview(text: &str) -> String {
    ascii_preview(text).unwrap_or_else(|| any_preview(text))
}

/// The preview of a text that is ASCII as far as the preview goes; most are, and a character is a byte then.
fn ascii_preview(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len().min(PREVIEW_CHARS));
    let mut gap = false;
    for byte in text.bytes() {
        match byte {
            b' ' | 0x09..=0x0d => gap = !out.is_empty(),
            byte if byte.is_ascii() => {
                if out.len() + usize::from(gap) >= PREVIEW_CHARS {
                    break;
                }
                if std::mem::take(&mut gap) {
                    out.push(b' ');
                }
                out.push(byte);
            }
            _ => return None,
        }
    }
    String::from_utf8(out).ok()
}

fn any_preview(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(PREVIEW_CHARS + 4));
    let mut taken = 0;
    for word in text.split_whitespace() {
        let gap = usize::from(taken > 0);
        if taken + gap >= PREVIEW_CHARS {
            break;
        }
        if gap == 1 {
            out.push(' ');
        }
        taken += gap;
        for character in word.chars().take(PREVIEW_CHARS - taken) {
            out.push(character);
            taken += 1;
        }
    }
    out
}

/// The narrow, typed part of a span: everything the vocabulary names except content.
///
/// Texts that repeat (names, models, agents) are shared. `None` means the sender did not say.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Whose row this is.
    pub tenant: Tenant,
    /// Trace, and with it run.
    pub trace_id: TraceId,
    /// Identity inside the trace: (project, trace, span) is unique, a later version replaces.
    pub span_id: SpanId,
    /// Parent as sent.
    pub parent_span_id: Option<SpanId>,
    /// The parent is in another process, which may report somewhere else (OTLP span flags 0x100 and 0x200).
    pub remote_parent: bool,
    /// Version: the log position at which this row arrived. The highest wins.
    pub version: u64,
    /// When the server took it in.
    pub received: Timestamp,
    /// The dialect that understood it, for example `otel_genai`, `openinference`; empty when none did.
    pub dialect: Arc<str>,
    /// Version of the conventions that read it, so that `tawny reprocess` knows what is stale.
    pub dialect_version: u16,
    /// Name as sent.
    pub name: Arc<str>,
    /// What kind of work.
    pub kind: StepKind,
    /// How it ended.
    pub status: SpanStatus,
    /// Error class as sent (`error.type`, exception type).
    pub error_type: Option<Arc<str>>,
    /// What went wrong, cut at 1,000 characters; the full text stays in the attributes.
    pub error_message: Option<Arc<str>>,
    /// Start, as sent.
    pub start: Timestamp,
    /// End, as sent; unset while running.
    pub end: Timestamp,
    /// `service.name`.
    pub service: Option<Arc<str>>,
    /// Agent at work.
    pub agent: Option<Arc<str>>,
    /// Agent's version, else the service's.
    pub agent_version: Option<Arc<str>>,
    /// Workflow the span belongs to.
    pub workflow: Option<Arc<str>>,
    /// Conversation.
    pub session_id: Option<Arc<str>>,
    /// End user.
    pub user_id: Option<Arc<str>>,
    /// Task type, where the sender names one (baselines are kept by it).
    pub query_type: Option<Arc<str>>,
    /// What the run came to, where the sender says so.
    pub outcome: Option<Arc<str>>,
    /// Model that answered, else the one asked for.
    pub model: Option<Arc<str>>,
    /// Model asked for.
    pub request_model: Option<Arc<str>>,
    /// Who serves the model, in OpenTelemetry's spelling (`openai`, `aws.bedrock`).
    pub provider: Option<Arc<str>>,
    /// Id of the provider's response: the same call told twice carries it twice.
    pub response_id: Option<Arc<str>>,
    /// Tokens, normalised.
    pub usage: Usage,
    /// Whether [`Span::usage`] is the span's own.
    pub usage_role: UsageRole,
    /// Cost.
    pub cost: Option<Usd>,
    /// Where the cost comes from.
    pub cost_source: Option<CostSource>,
    /// Milliseconds to the first token.
    pub ttft_ms: Option<f64>,
    /// Why the model stopped, folded to lower case with underscores (`tool_calls`, `stop`, `length`).
    pub finish_reason: Option<Arc<str>>,
    /// Tool that ran.
    pub tool_name: Option<Arc<str>>,
    /// Id of the call the model made.
    pub tool_call_id: Option<Arc<str>>,
    /// Ids of the tool calls this LLM step asked for, in order; links tools to rounds.
    pub requested_tool_calls: Vec<Arc<str>>,
    /// Documents a retriever returned.
    pub documents: Option<u32>,
    /// Prompt template's name.
    pub prompt_name: Option<Arc<str>>,
    /// Prompt template's version.
    pub prompt_version: Option<Arc<str>>,
    /// Tags.
    pub tags: Vec<Arc<str>>,
    /// The instrumentation comes from the provider's own SDK: of two tellings of one call, this one counts.
    pub provider_sdk: bool,
    /// The same model call is told by a span of this other trace too, and counts there.
    pub told_in: Option<TraceId>,
    /// Where a log record told this and no span was sent: what of which step, as [`Told`](crate::Told) writes it.
    pub told: Option<Arc<str>>,
    /// First characters of the input.
    pub input_preview: Option<Arc<str>>,
    /// First characters of the output.
    pub output_preview: Option<Arc<str>>,
    /// Attributes no table names; they are kept, and counted here.
    pub unmapped: u32,
}

impl Span {
    /// A span of which nothing is known but its identity; dialects fill the rest in.
    pub fn new(tenant: Tenant, trace_id: TraceId, span_id: SpanId) -> Self {
        Self {
            tenant,
            trace_id,
            span_id,
            parent_span_id: None,
            remote_parent: false,
            version: 0,
            received: Timestamp::default(),
            dialect: "".into(),
            dialect_version: 0,
            name: "".into(),
            kind: StepKind::Other,
            status: SpanStatus::Ok,
            error_type: None,
            error_message: None,
            start: Timestamp::default(),
            end: Timestamp::default(),
            service: None,
            agent: None,
            agent_version: None,
            workflow: None,
            session_id: None,
            user_id: None,
            query_type: None,
            outcome: None,
            model: None,
            request_model: None,
            provider: None,
            response_id: None,
            usage: Usage::default(),
            usage_role: UsageRole::Own,
            cost: None,
            cost_source: None,
            ttft_ms: None,
            finish_reason: None,
            tool_name: None,
            tool_call_id: None,
            requested_tool_calls: Vec::new(),
            documents: None,
            prompt_name: None,
            prompt_version: None,
            tags: Vec::new(),
            provider_sdk: false,
            told_in: None,
            told: None,
            input_preview: None,
            output_preview: None,
            unmapped: 0,
        }
    }

    /// Nanoseconds from start to end; `None` while running; 0 where the sender's end precedes its start.
    pub fn duration_nanos(&self) -> Option<i64> {
        (!self.end.is_unset()).then(|| self.end.nanos_since(self.start).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_cut_by_characters_not_bytes() {
        assert_eq!(preview(&"ä".repeat(500)).chars().count(), PREVIEW_CHARS);
        assert_eq!(preview("  two\n\n words "), "two words");
        assert!(preview(&"word ".repeat(100)).chars().count() <= PREVIEW_CHARS);
    }

    #[test]
    fn ascii_is_previewed_like_any_text() {
        let words = |length: usize| ["x".repeat(length).as_str(), " \t"].concat().repeat(60);
        for text in (0..210).map(words).chain(["".into(), " \u{b} a\r\nb ".into(), "a".repeat(199) + " b"]) {
            assert_eq!(ascii_preview(&text), Some(any_preview(&text)), "{text:?}");
            assert_eq!(preview(&format!("{text}ä")), any_preview(&format!("{text}ä")), "{text:?}");
        }
    }
}
