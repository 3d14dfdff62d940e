//! What a run is measured by: the numbers and categories that baselines learn and drift watches.
//!
//! A feature is named once, here. A run gives a number, a category or nothing for each.

use std::collections::{BTreeMap, BTreeSet};

use model::{Role, RunStatus};
use serde_json::Value as Json;

use super::decisions::decision;
use super::evidence::Evidence;
use super::text;

/// Tools of one run that are told apart.
const MOST_TOOLS: usize = 32;
/// What follows the last tool of a run.
const LAST: &str = "the end";
/// Bytes kept of the tags of a run, or of the agents in it.
const NAMES_BYTES: usize = 80;

/// One run's value of a feature.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// One of several.
    Category(String),
}

/// What a run is measured by, and where it belongs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Features {
    /// Feature and value. Names with a colon belong to one tool (`tool:refund`).
    pub values: BTreeMap<String, Value>,
    /// Attributes by which a change may be explained: version, model, user, tags, agents below.
    pub groups: BTreeMap<&'static str, String>,
}

/// Which features a person asks about first when several moved together: the earlier, the closer to a cause.
pub const RANKED: &[&str] = &[
    "told",
    "model",
    "prompt",
    "arguments",
    "document",
    "document_version",
    "document_source",
    "cited",
    "retrieval",
    "retrieval_score",
    "documents",
    "tool_fails",
    "tool_ms",
    "outcome",
    "tool",
    "first_tool",
    "next",
    "decision",
    "refused",
    "failed",
    "errors",
    "context",
    "ttft_ms",
    "answer_chars",
    "meaning",
    "vocabulary",
    "form",
    "word_chars",
    "opening",
    "finish_reason",
    "rounds",
    "tool_calls",
    "steps",
    "reasoning_tokens",
    "output_tokens",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cost_usd",
    "duration_ms",
];

/// Place of a feature in [`RANKED`].
pub fn rank(feature: &str) -> usize {
    let family = feature.split(':').next().unwrap_or(feature);
    RANKED.iter().position(|name| *name == family).unwrap_or(RANKED.len())
}

/// A feature in words.
pub fn title(feature: &str) -> String {
    let (family, of) = feature.split_once(':').unwrap_or((feature, ""));
    match family {
        "told" => "what telemetry tells of runs".into(),
        "model" => "the model that answers".into(),
        "prompt" => "the system prompt".into(),
        "arguments" => format!("the arguments of `{of}`"),
        "document_version" => "the version of the documents found".into(),
        "document_source" => "the source of the documents found".into(),
        "document" => "the document found first".into(),
        "cited" => "what answers cite".into(),
        "retrieval" => "what retrieval finds".into(),
        "retrieval_score" => "how well what retrieval finds fits".into(),
        "documents" => "how many documents retrieval finds".into(),
        "tool_fails" => format!("failures of `{of}`"),
        "tool_ms" => format!("the time `{of}` takes"),
        "outcome" => "the outcome".into(),
        "tool" => format!("use of `{of}`"),
        "first_tool" => "the first tool of a run".into(),
        "next" => format!("what follows `{of}`"),
        "decision" => "the decision words in answers".into(),
        "failed" => "failed runs".into(),
        "errors" => "failed steps per run".into(),
        "context" => "the largest context of a call".into(),
        "ttft_ms" => "the time to the first token".into(),
        "answer_chars" => "the length of answers".into(),
        "opening" => "how answers begin".into(),
        "meaning" => "what answers mean".into(),
        "vocabulary" => "the share of new words in answers".into(),
        "form" => "the form of answers".into(),
        "word_chars" => "the words of answers".into(),
        "refused" => "refusals".into(),
        "finish_reason" => "why the model stops".into(),
        "rounds" => "model calls per run".into(),
        "tool_calls" => "tool calls per run".into(),
        "steps" => "steps per run".into(),
        "reasoning_tokens" => "reasoning tokens per run".into(),
        "cache_read_tokens" => "tokens read from the prompt cache per run".into(),
        "cache_write_tokens" => "tokens written to the prompt cache per run".into(),
        "output_tokens" => "output tokens per run".into(),
        "input_tokens" => "input tokens per run".into(),
        "cost_usd" => "cost per run".into(),
        "duration_ms" => "the time a run takes".into(),
        other => other.into(),
    }
}

/// A value of such a feature with its unit, for sentences: `$0.0120`, `4.36 s`, `12,345`.
pub fn written(feature: &str, value: f64) -> String {
    let family = feature.split_once(':').map_or(feature, |(family, _)| family);
    match family {
        "cost_usd" => format!("${value:.4}"),
        "tool_ms" | "ttft_ms" | "duration_ms" => text::duration(value),
        _ if value >= 100.0 || value.fract() == 0.0 => text::grouped(value.round() as u64),
        _ => format!("{value:.3}"),
    }
}

/// Shows to `each` everything that is known by a name, with its value where the run has one; gives the values whose names are not known. Both
/// go by name, so one walk finds what belongs together.
pub(super) fn matched<'v, K, V>(
    known: &mut BTreeMap<String, K>,
    values: impl Iterator<Item = (&'v String, V)>,
    mut each: impl FnMut(&mut K, Option<V>),
) -> Vec<(&'v String, V)> {
    let (mut values, mut new) = (values.peekable(), Vec::new());
    for (name, known) in known {
        while let Some(one) = values.next_if(|(other, _)| *other < name) {
            new.push(one);
        }
        each(known, values.next_if(|(other, _)| *other == name).map(|(_, value)| value));
    }
    new.extend(values);
    new
}

/// The hour of the day, in UTC, in which a run began.
pub fn hour(run: &model::Run) -> u8 {
    (run.start.as_nanos().div_euclid(3_600_000_000_000).rem_euclid(24)) as u8
}

/// Measures a run.
pub fn features(evidence: &Evidence<'_>, outcome: Option<&str>) -> Features {
    let mut out = Features::default();
    let run = evidence.run;
    let mut number = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            out.values.insert(name.into(), Value::Number(value));
        }
    };
    number("rounds", Some(f64::from(run.rounds)));
    number("tool_calls", Some(f64::from(run.tool_calls)));
    number("duration_ms", evidence.ended().then_some(run.duration_ms));
    number("input_tokens", run.usage.input_tokens.map(|tokens| tokens as f64));
    number("output_tokens", run.usage.output_tokens.map(|tokens| tokens as f64));
    number("cache_read_tokens", run.usage.cache_read_tokens.map(|tokens| tokens as f64));
    number("cache_write_tokens", run.usage.cache_write_tokens.map(|tokens| tokens as f64));
    number("reasoning_tokens", run.usage.reasoning_tokens.map(|tokens| tokens as f64));
    number("steps", Some(f64::from(run.kinds.total())));
    number("errors", Some(f64::from(run.errors)));
    number("cost_usd", run.cost.map(|cost| cost.as_f64()));
    number("answer_chars", evidence.answer.as_ref().map(|answer| answer.text.chars().count() as f64));
    let spans = || evidence.rounds.iter().map(|round| &evidence.steps[round.step].span);
    number("word_chars", evidence.answer.as_ref().and_then(|answer| word_chars(&answer.text)));
    number("ttft_ms", spans().filter_map(|span| span.ttft_ms).max_by(f64::total_cmp));
    let context = spans().filter_map(|span| span.usage.input_tokens).max();
    number("context", context.map(|tokens| tokens as f64));
    number("surprise", evidence.surprise());
    tools(evidence, &mut out);
    categories(evidence, outcome, &mut out);
    super::retrieved::retrieved(evidence, &mut out);
    groups(evidence, &mut out);
    out
}

fn tools(evidence: &Evidence<'_>, out: &mut Features) {
    let mut seen: BTreeMap<&str, (u32, u32, f64)> = BTreeMap::new();
    for call in &evidence.calls {
        if seen.len() == MOST_TOOLS && !seen.contains_key(call.name) {
            continue;
        }
        let (times, fails, ms) = seen.entry(call.name).or_default();
        *times += 1;
        *fails += u32::from(call.state.is_failure());
        // A failed attempt's time says nothing of the tool's own.
        *ms = if call.state.is_failure() { *ms } else { ms.max(call.ms.unwrap_or(0.0)) };
    }
    let known: BTreeSet<&str> = seen.keys().copied().collect();
    for (name, (times, fails, ms)) in seen {
        out.values.insert(format!("tool:{name}"), Value::Category(how_often(times).into()));
        out.values.insert(format!("tool_fails:{name}"), Value::Category(if fails > 0 { "yes" } else { "no" }.into()));
        if ms > 0.0 {
            out.values.insert(format!("tool_ms:{name}"), Value::Number(ms));
        }
    }
    for (at, call) in evidence.calls.iter().enumerate() {
        if let Some(shape) = evidence.shape(at) {
            let name = format!("arguments:{}", call.name);
            out.values.entry(name).or_insert_with(|| Value::Category(shape.to_owned()));
        }
    }
    order(evidence, &known, out);
}

/// In which order tools are called: the first of a run, and what other tool follows each. A tool that is called again and again counts once
/// here: how often it is called is asked elsewhere.
fn order(evidence: &Evidence<'_>, known: &BTreeSet<&str>, out: &mut Features) {
    let first = evidence.calls.first().map_or("no tool", |call| call.name);
    out.values.insert("first_tool".into(), Value::Category(first.into()));
    let (mut follower, mut later) = (LAST, None);
    // From the last to the first, so that what follows the first call of a tool is kept.
    for call in evidence.calls.iter().rev() {
        if let Some(name) = later.filter(|name| *name != call.name) {
            follower = name;
        }
        later = Some(call.name);
        if known.contains(call.name) {
            out.values.insert(format!("next:{}", call.name), Value::Category(follower.into()));
        }
    }
}

/// How often a run called a tool, as a person would say it: a tool may be used by as many runs as ever, and far more often by some.
fn how_often(times: u32) -> &'static str {
    match times {
        0 | 1 => "once",
        2 => "twice",
        _ => "three times or more",
    }
}

fn categories(evidence: &Evidence<'_>, outcome: Option<&str>, out: &mut Features) {
    let mut category = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            out.values.insert(name.into(), Value::Category(value));
        }
    };
    let run = evidence.run;
    category("told", told(evidence).map(str::to_owned));
    category("outcome", outcome.map(str::to_owned));
    category("failed", evidence.ended().then(|| if run.status == RunStatus::Error { "yes" } else { "no" }.into()));
    let answered = evidence.rounds.iter().rev().find(|round| !round.failed);
    let last = answered.map(|round| &evidence.steps[round.step].span);
    category("model", last.and_then(|span| span.model.as_deref()).map(str::to_owned));
    category("finish_reason", last.and_then(|span| span.finish_reason.as_deref()).map(str::to_owned));
    category("prompt", evidence.prompt().map(str::to_owned));
    if let Some(answer) = &evidence.answer {
        category("decision", Some(decision(&answer.text).into()));
        category("refused", Some(if super::refuses(&answer.text) { "yes" } else { "no" }.into()));
        category("form", Some(form(&answer.text).into()));
        let opening: Vec<String> = text::words(&answer.text).take(2).map(str::to_lowercase).collect();
        category("opening", Some(opening.join(" ")));
    }
}

/// Whether tokens and what was said are told, of runs in which a model answered: instrumentation that loses either makes every number of it
/// look fine.
fn told(evidence: &Evidence<'_>) -> Option<&'static str> {
    if evidence.rounds.iter().all(|round| round.failed) {
        return None;
    }
    let usage = &evidence.run.usage;
    let tokens = usage.input_tokens.is_some() || usage.output_tokens.is_some() || usage.total_tokens().is_some();
    Some(match (tokens, evidence.has_content()) {
        (true, true) => "tokens and content",
        (true, false) => "tokens without content",
        (false, true) => "content without tokens",
        (false, false) => "neither tokens nor content",
    })
}

/// How an answer is built, as a template would have it.
fn form(answer: &str) -> &'static str {
    let text = answer.trim();
    let begins = |mark: &str| text.lines().take(200).any(|line| line.trim_start().starts_with(mark));
    match text {
        "" => "empty",
        _ if super::baseline::is_json(text) => "json",
        _ if begins("```") => "code",
        _ if begins("#") => "headings",
        _ if begins("- ") || begins("* ") || begins("1. ") => "list",
        _ if text.contains("\n\n") => "paragraphs",
        _ => "plain",
    }
}

/// Mean length of the words of an answer in characters: what moves when another model, or another tone, speaks.
fn word_chars(answer: &str) -> Option<f64> {
    let words: Vec<usize> = text::words(text::head(answer, 4_000)).map(|word| word.chars().count()).collect();
    (words.len() >= 10).then(|| words.iter().sum::<usize>() as f64 / words.len() as f64)
}

/// Hash of the first system prompt's words, numbers left out: prompts often carry today's date. `Evidence` keeps it.
pub(super) fn prompt(evidence: &Evidence<'_>) -> Option<String> {
    let first = evidence.rounds.first()?;
    let system = evidence.contents[first.step].input.first().filter(|message| message.role == Role::System)?;
    let words: String = text::words(&system.plain_text())
        .filter(|word| !word.bytes().any(|byte| byte.is_ascii_digit()))
        .collect::<Vec<_>>()
        .join(" ");
    Some(text::fingerprint(&[&words])[..8].to_string())
}

fn groups(evidence: &Evidence<'_>, out: &mut Features) {
    let run = evidence.run;
    let mut group = |name: &'static str, value: Option<&str>| {
        if let Some(value) = value {
            out.groups.insert(name, value.to_string());
        }
    };
    group("version", run.agent_version.as_deref());
    group("user", run.user_id.as_deref());
    group("session", run.session_id.as_deref());
    group("model", run.models.first().map(|model| &**model));
    group("tags", names(run.tags.iter().map(|tag| &**tag)).as_deref());
    group("sub_agent", names(run.agents.iter().skip(1).map(|node| &*node.agent)).as_deref());
    out.groups.insert("derived_version", evidence.derived_version().to_owned());
}

/// Names as one text, each once; nothing where there are none.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: BTreeSet<&str> = names.collect();
    let joined = names.into_iter().collect::<Vec<_>>().join(", ");
    (!joined.is_empty()).then(|| text::head(&joined, NAMES_BYTES).to_owned())
}

/// A version for agents that name none: a hash of prompt, tools and model. `Evidence` keeps it.
pub fn derived_version(evidence: &Evidence<'_>) -> String {
    let mut tools: Vec<&str> = evidence.offered.keys().copied().collect();
    tools.sort_unstable();
    let model = evidence.rounds.first().and_then(|round| evidence.steps[round.step].span.request_model.as_deref());
    text::fingerprint(&[evidence.prompt().unwrap_or_default(), &tools.join(","), model.unwrap_or_default()])[..12]
        .to_string()
}

/// The form of arguments: names with the type and format of their values. Ids that differ only in digits have one form. `Evidence` keeps
/// those of a run's calls.
pub fn shape(arguments: &Json) -> String {
    match arguments {
        Json::Object(members) => {
            let members: Vec<String> =
                members.iter().take(24).map(|(name, value)| format!("{name}:{}", format_of(value))).collect();
            members.join(",")
        }
        other => format_of(other).into(),
    }
}

/// Type of a value; of a text the format where it has a plain one.
fn format_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::Array(_) => "list",
        Json::Object(_) => "object",
        Json::String(text) => text_format(text),
    }
}

fn text_format(text: &str) -> &'static str {
    let text = text.trim();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let pattern = |pattern: &str| {
        text.len() == pattern.len()
            && text.bytes().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                other => byte == other,
            })
    };
    match text {
        "" => "empty",
        _ if pattern("0000-00-00") => "date y-m-d",
        _ if pattern("00/00/0000") || pattern("00.00.0000") => "date d/m/y",
        _ if text.len() > 18 && pattern_begins(text, "0000-00-00") => "time",
        _ if digits == text.len() => "digits",
        _ if text.parse::<f64>().is_ok() => "decimal",
        _ if text.contains('@') && !text.contains(' ') => "address",
        _ if text.starts_with("http") => "url",
        _ => "text",
    }
}

fn pattern_begins(text: &str, pattern: &str) -> bool {
    text.bytes()
        .zip(pattern.bytes())
        .all(|(byte, wanted)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted })
}
