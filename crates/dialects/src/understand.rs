//! A reading turned into a span: the steps every dialect shares. What only one does is in `dialects/`.

use std::sync::{Arc, LazyLock};

use model::raw::{SpanKind, StatusCode};
use model::{CostSource, Span, SpanStatus, StepKind, Tenant, Timestamp, Usage, UsageRole, Usd, Value};

use crate::field::Field;
use crate::intern::intern;
use crate::messages::json_of_text;
use crate::reading::{Reading, text_of};
use crate::table::Tokens;
use crate::usage::include;
use crate::{VERSION, normalise, preview};

/// Characters of an error message kept on a span; the full text stays in the attributes.
pub(crate) const ERROR_CHARS: usize = 1000;
/// Beginnings of what LangChain puts among the tags of its own steps; nobody tagged anything with them.
const MARKS: &[&str] = &["graph:step:", "seq:step:", "map:key:", "langsmith:hidden", "langsmith:nostream"];
/// Whether a framework put it among the tags.
pub(crate) fn is_mark(tag: &str) -> bool {
    MARKS.iter().any(|mark| tag.starts_with(mark))
}

/// Tags kept on a span.
pub(crate) const MAX_TAGS: usize = 64;
/// Ids of requested tool calls kept on a span.
pub(crate) const MAX_TOOL_CALLS: usize = 256;

/// The narrow span.
pub(crate) fn span(reading: &Reading<'_>, tenant: &Tenant, received: Timestamp) -> Span {
    let mut span = of_known_kind(reading, tenant);
    span.received = received;
    if span.kind == StepKind::Tool && span.tool_name.is_none() && reading.kind.is_some() {
        span.tool_name = Some(tool_of_name(&span.name));
    }
    if span.kind == StepKind::Agent && span.agent.is_none() {
        let service = span.service.clone().filter(|service| !service.starts_with("unknown_service"));
        span.agent = agent_of_name(&span.name).or(service);
    }
    status(reading, &mut span);
    // A call that failed was not counted, whatever zeros stand for that (LiteLLM).
    if span.status == SpanStatus::Error && span.usage.total_tokens() == Some(0) {
        (span.usage, span.usage_role) = (Usage::default(), UsageRole::Own);
    }
    preview::fill(reading, &mut span);
    span
}

/// The kind that the narrow span has, without the rest of it: what was said is not read for a preview.
pub(crate) fn kind(reading: &Reading<'_>) -> StepKind {
    static ANYBODY: LazyLock<Tenant> = LazyLock::new(Tenant::default);
    of_known_kind(reading, &ANYBODY).kind
}

/// The narrow span as far as its kind depends on it.
fn of_known_kind(reading: &Reading<'_>, tenant: &Tenant) -> Span {
    let raw = reading.raw;
    let mut span = Span::new(tenant.clone(), raw.trace_id, raw.span_id);
    span.parent_span_id = raw.parent_span_id;
    span.dialect_version = VERSION;
    if let Some(dialect) = reading.dialect() {
        span.dialect = Arc::clone(&dialect.name);
        span.provider_sdk = dialect.provider_sdk;
    }
    span.name = intern(&raw.name);
    span.remote_parent = raw.parent_span_id.is_some() && raw.flags & REMOTE_PARENT == REMOTE_PARENT;
    (span.start, span.end) = (raw.start, raw.end);
    span.unmapped = reading.unmapped;
    span.kind = reading.kind.unwrap_or(StepKind::Other);
    texts(reading, &mut span);
    numbers(reading, &mut span);
    for dialect in reading.dialects() {
        if let Some(reshape) = dialect.reshape.span {
            reshape(reading, &mut span);
        }
    }
    if reading.kind.is_none() && span.kind == StepKind::Other {
        span.kind = guess(reading, &span);
    }
    span
}

/// Fields that are texts.
fn texts(reading: &Reading<'_>, span: &mut Span) {
    let shared = |field: Field| reading.text(field).map(|text| intern(&text));
    let own = |field: Field| reading.text(field).map(Arc::<str>::from);
    span.request_model = shared(Field::RequestModel);
    span.model = shared(Field::Model).or_else(|| span.request_model.clone());
    span.provider = reading.text(Field::Provider).map(|name| intern(&normalise::provider(&name)));
    span.response_id = own(Field::ResponseId);
    span.finish_reason = reading.get(Field::FinishReason).and_then(finish_reason);
    span.tool_name = shared(Field::ToolName);
    span.tool_call_id = own(Field::ToolCallId);
    span.agent = shared(Field::Agent);
    span.service = shared(Field::Service);
    span.agent_version = shared(Field::AgentVersion).or_else(|| shared(Field::ServiceVersion));
    span.workflow = shared(Field::Workflow);
    span.session_id = own(Field::Session);
    span.user_id = own(Field::User);
    span.query_type = shared(Field::QueryType);
    span.outcome = shared(Field::Outcome);
    span.prompt_name = shared(Field::PromptName);
    span.prompt_version = shared(Field::PromptVersion);
    span.told = shared(Field::Told);
    if let Some(tags) = reading.get(Field::Tags) {
        span.tags = self::tags(tags);
        span.tags.retain(|tag| !is_mark(tag));
    }
    if let Some(environment) = reading.text(Field::Environment)
        && span.tenant.environment.as_ref() == Tenant::DEFAULT_ENVIRONMENT
    {
        span.tenant.environment = intern(&environment);
    }
}

/// Tokens, money and times.
fn numbers(reading: &Reading<'_>, span: &mut Span) {
    span.usage = usage(reading);
    if span.usage.is_empty() {
        span.usage = aggregate(reading);
        if !span.usage.is_empty() {
            span.usage_role = UsageRole::Aggregate;
        } else if reading.lost_count {
            span.usage_role = UsageRole::Lost;
        }
    }
    let cost = reading.number(Field::CostTotal).or_else(|| {
        match (reading.number(Field::CostInput), reading.number(Field::CostOutput)) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0.0) + output.unwrap_or(0.0)),
        }
    });
    set_cost(span, cost);
    span.ttft_ms = reading
        .number(Field::TtftMs)
        .or_else(|| reading.number(Field::TtftSeconds).map(|seconds| seconds * 1000.0))
        .filter(|ms| *ms >= 0.0);
    span.documents = reading.count(Field::DocumentCount).map(|count| u32::try_from(count).unwrap_or(u32::MAX));
}

/// Most dollars of one step that are believed: more is a mistake of the sender's, and would spoil every sum it is in.
const MOST_DOLLARS: f64 = 100_000.0;

/// Sets a reported cost, if it is one.
pub(crate) fn set_cost(span: &mut Span, dollars: Option<f64>) {
    if let Some(cost) = dollars.filter(|dollars| (0.0..=MOST_DOLLARS).contains(dollars)).and_then(Usd::from_f64) {
        (span.cost, span.cost_source) = (Some(cost), Some(CostSource::Reported));
    }
}

fn usage(reading: &Reading<'_>) -> Usage {
    let mut usage = Usage {
        input_tokens: reading.count(Field::InputTokens),
        output_tokens: reading.count(Field::OutputTokens),
        cache_read_tokens: reading.count(Field::CacheReadTokens),
        cache_write_tokens: reading.count(Field::CacheWriteTokens),
        reasoning_tokens: reading.count(Field::ReasoningTokens),
        reported_total: reading.count(Field::TotalTokens),
    };
    let meaning = |field: Field| reading.source(field).map(|dialect| dialect.tokens).unwrap_or_default();
    let tokens = Tokens {
        input_excludes_cache: meaning(Field::InputTokens).input_excludes_cache,
        output_excludes_reasoning: meaning(Field::OutputTokens).output_excludes_reasoning,
    };
    include(&mut usage, tokens);
    usage
}

fn aggregate(reading: &Reading<'_>) -> Usage {
    let mut usage = Usage {
        input_tokens: reading.count(Field::AggregateInputTokens),
        output_tokens: reading.count(Field::AggregateOutputTokens),
        cache_read_tokens: reading.count(Field::AggregateCacheReadTokens),
        cache_write_tokens: reading.count(Field::AggregateCacheWriteTokens),
        reasoning_tokens: reading.count(Field::AggregateReasoningTokens),
        reported_total: reading.count(Field::AggregateTotalTokens),
    };
    include(&mut usage, Tokens::default());
    usage
}

/// The first finish reason in a text, a list or a JSON list.
pub(crate) fn finish_reason(value: &Value<'_>) -> Option<Arc<str>> {
    let word = match value {
        Value::Array(items) => items.iter().find_map(text_of)?,
        Value::Str(text) if text.trim_start().starts_with('[') => {
            let serde_json::Value::Array(items) = json_of_text(text) else { return None };
            items.iter().find_map(serde_json::Value::as_str)?.to_owned().into()
        }
        other => text_of(other)?,
    };
    Some(intern(&normalise::finish_reason(&word))).filter(|word| !word.is_empty())
}

/// Tags from a list, JSON text of a list or text separated by commas.
pub(crate) fn tags(value: &Value<'_>) -> Vec<Arc<str>> {
    match value {
        Value::Array(items) => items.iter().filter_map(text_of).take(MAX_TAGS).map(|tag| intern(&tag)).collect(),
        Value::Str(text) => match json_of_text(text) {
            serde_json::Value::Array(items) => {
                items.iter().filter_map(serde_json::Value::as_str).take(MAX_TAGS).map(intern).collect()
            }
            _ => text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).take(MAX_TAGS).map(intern).collect(),
        },
        _ => Vec::new(),
    }
}

/// A kind for spans that name none a table knows: from the word they use for it, from their name where that follows
/// OpenTelemetry, else from what they carry: a model's tokens make an LLM call, a tool's name a tool.
fn guess(reading: &Reading<'_>, span: &Span) -> StepKind {
    let of_word = reading.unknown_kind.and_then(|word| normalise::kind_in(&normalise::fold(word)));
    if let Some(kind) = of_word.or_else(|| of_name(reading)) {
        return kind;
    }
    let spoke = !span.usage.is_empty() && span.usage_role == UsageRole::Own;
    if span.tool_name.is_some() && span.model.is_none() && reading.get(Field::ToolName).is_some() {
        StepKind::Tool
    } else if span.model.as_deref().is_some_and(|model| model.contains("embed")) && spoke {
        StepKind::Embedding
    } else if span.model.is_some() && (spoke || reading.get(Field::OutputMessages).is_some()) {
        StepKind::Llm
    } else if reading.get(Field::Documents).is_some() || reading.get(Field::Query).is_some() {
        StepKind::Retriever
    } else {
        StepKind::Other
    }
}

/// The operation that a span's name begins with (`chat gpt-4o`, `execute_tool x`), in spans that speak of generative AI at all.
fn of_name(reading: &Reading<'_>) -> Option<StepKind> {
    let (operation, _) = reading.raw.name.split_once(' ')?;
    let speaks = || reading.raw.attributes.iter().any(|(key, _)| key.starts_with("gen_ai."));
    match operation {
        "chat" | "text_completion" | "generate_content" => Some(StepKind::Llm),
        "embeddings" => Some(StepKind::Embedding),
        "execute_tool" => Some(StepKind::Tool),
        "invoke_agent" => Some(StepKind::Agent),
        "retrieval" => Some(StepKind::Retriever),
        _ => None,
    }
    .filter(|_| speaks())
}

/// Prefixes that instrumentations put before a tool's name in the span's.
const TOOL_PREFIXES: &[&str] = &["execute_tool ", "tool.call.", "running tool: ", "tool:", "tool/"];
/// Suffixes likewise.
const TOOL_SUFFIXES: &[&str] = &[".tool"];

fn tool_of_name(name: &str) -> Arc<str> {
    let name = TOOL_PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    intern(TOOL_SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name))
}

/// The agent in a span's name, where the name follows a convention (`invoke_agent X`, `X.agent`); a free name is one.
fn agent_of_name(name: &str) -> Option<Arc<str>> {
    let stripped = name
        .strip_prefix("invoke_agent ")
        .or_else(|| name.strip_prefix("create_agent "))
        .or_else(|| name.strip_prefix("agent_run "))
        .or_else(|| name.strip_suffix(".agent"))
        // CrewAI under OpenInference: the role and the method.
        .or_else(|| name.strip_suffix("._execute_core"))
        // A class and its method.
        .or_else(|| {
            name.strip_suffix(".run").filter(|class| class.starts_with(|first: char| first.is_ascii_uppercase()))
        });
    match stripped {
        Some(agent) => Some(intern(agent)),
        None if matches!(name, "invoke_agent" | "create_agent" | "agent run")
            || name.contains('.') && !name.contains(' ')
            || name.is_empty() =>
        {
            None
        }
        None => Some(intern(name)),
    }
}

/// Words for failure that say nothing about its kind.
const VAGUE: &[&str] = &["false", "error", "failed", "failure", "true"];

/// How the span ended, and what went wrong.
fn status(reading: &Reading<'_>, span: &mut Span) {
    let raw = reading.raw;
    let error_type = reading.text(Field::ErrorType);
    let failed = raw.status == StatusCode::Error
        || span.status == SpanStatus::Error
        || reading.failed
        || (error_type.is_some() && raw.status == StatusCode::Unset);
    span.status = match (span.end.is_unset(), failed) {
        (true, _) => SpanStatus::Running,
        (false, true) => SpanStatus::Error,
        (false, false) => SpanStatus::Ok,
    };
    if !failed {
        (span.error_type, span.error_message) = (None, None);
        return;
    }
    let exception = raw.events.iter().rev().find(|event| event.name == "exception").map(|event| &event.attributes);
    let told = |key: &str| exception.and_then(|attributes| attributes.text(key)).map(str::to_owned);
    if span.error_type.is_none() {
        span.error_type =
            error_type.map(|text| text.into_owned()).or_else(|| told("exception.type")).map(|text| intern(&text));
    }
    if span.error_type.is_none() && reading.failed {
        span.error_type = reading
            .text(Field::Result)
            .filter(|word| !VAGUE.contains(&normalise::fold(word).as_ref()))
            .map(|word| intern(&word));
    }
    if span.error_message.is_none() {
        let message = told("exception.message")
            .or_else(|| Some(raw.status_message.to_string()).filter(|message| !message.trim().is_empty()))
            .or_else(|| reading.text(Field::ErrorMessage).map(|text| text.into_owned()));
        span.error_message = message.map(|message| cut(without_trace(&message)));
    }
    // LangSmith calls every error `Exception` and puts Python's own telling in the message: `ValueError('…')`.
    if span.error_type.as_deref() == Some("Exception")
        && let Some((class, _)) = span.error_message.as_deref().and_then(|message| message.split_once('('))
        && class.starts_with(|first: char| first.is_ascii_uppercase())
        && class.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '.'))
    {
        span.error_type = Some(intern(class));
    }
    let said = span.error_message.as_deref().zip(span.error_type.as_deref());
    let said: Option<Arc<str>> = said.and_then(|(message, class)| without_class(message, class)).map(Arc::from);
    span.error_message = said.or(span.error_message.take());
}

/// What a message says beside its class, which is told apart: `ValueError('…')`, as Python shows an error, `Error: …`.
fn without_class<'m>(message: &'m str, class: &str) -> Option<&'m str> {
    let rest = message.strip_prefix(class.rsplit('.').next().unwrap_or(class))?;
    if let Some(said) = rest.strip_prefix(": ") {
        return Some(said.trim()).filter(|said| !said.is_empty());
    }
    let inner = rest.strip_prefix('(')?.strip_suffix(')')?;
    ['\'', '"'].into_iter().find_map(|quote| {
        let said = inner.strip_prefix(quote)?.strip_suffix(quote)?;
        // Several arguments, or a quote within: as it was written.
        (!said.is_empty() && !said.contains(quote)).then_some(said)
    })
}

/// OTLP span flags: whether the parent is remote is known (0x100), and it is (0x200).
const REMOTE_PARENT: u32 = 0x300;

/// An error message without the stack trace that some clients append to it, and without what JavaScript's says again before its stack.
fn without_trace(message: &str) -> &str {
    let cut = |mark: &str| message.split_once(mark).map(|(said, _)| said.trim_end()).filter(|said| !said.is_empty());
    let said = cut("Traceback (most recent call last)").or_else(|| cut("\n    at ")).unwrap_or(message);
    match said.split_once("\n\n") {
        Some((first, again)) if !first.trim().is_empty() && again.trim_end().ends_with(first.trim_end()) => {
            first.trim_end()
        }
        _ => said,
    }
}

/// The first [`ERROR_CHARS`] characters.
pub(crate) fn cut(message: &str) -> Arc<str> {
    match message.char_indices().nth(ERROR_CHARS) {
        Some((end, _)) => message[..end].into(),
        None => message.into(),
    }
}

/// Whether the span is the server's side of a call.
pub(crate) fn is_server(reading: &Reading<'_>) -> bool {
    reading.raw.kind == SpanKind::Server
}

/// Milliseconds from the span's start to its first event with one of these names.
pub(crate) fn until_event(reading: &Reading<'_>, names: &[&str]) -> Option<f64> {
    let raw = reading.raw;
    let event = raw.events.iter().find(|event| names.contains(&event.name.as_ref()))?;
    let ms = event.time.millis_since(raw.start);
    (ms >= 0.0 && !event.time.is_unset() && !raw.start.is_unset()).then_some(ms)
}
