//! What an agent is made of, as its runs tell: version, models, prompts, tools. A value that was not seen before is a change.
//!
//! A deployment often is what broke an agent, and nobody told Tawny of it. Which value is new is for whoever remembers the earlier
//! ones; here is what one run shows. Texts of prompts and schemas of tools become hashes: to say that something changed needs no
//! content to be kept.

pub mod models;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use model::{Content, ResolvedStep, Role, Run, SpanId, Timestamp};

use self::models::Told;
use crate::detect::text;

/// What of an agent a value is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Its version, as telemetry names it.
    Version,
    /// A model that answered it, or an alias of one that it asks for.
    Model,
    /// A prompt: a named one by its version, else the system prompt by a hash.
    Prompt,
    /// The tools offered to its model: names and schemas, by a hash.
    Tools,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 4] = [Self::Version, Self::Model, Self::Prompt, Self::Tools];

    /// Its word in what is kept.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Model => "model",
            Self::Prompt => "prompt",
            Self::Tools => "tools",
        }
    }

    /// The kind of change that a new value of it is.
    pub fn change(self) -> &'static str {
        match self {
            Self::Version => "deploy",
            Self::Model => "model",
            Self::Prompt => "prompt",
            Self::Tools => "tool_schema",
        }
    }
}

/// A value that a run shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// The agent.
    pub agent: String,
    /// What of it.
    pub part: Part,
    /// Which prompt; of a model [`Told`] how; empty where an agent has only one of the part.
    pub name: String,
    /// The value: a version, a model, a hash.
    pub value: String,
    /// What a person may read of it: the tools' names; of an alias the model that answered. Empty where the value says enough.
    pub detail: String,
    /// When the step that shows it began.
    pub at: Timestamp,
}

/// Longest value or name that is looked at, in bytes; longer ones are no versions.
const VALUE_MAX: usize = 256;
/// Bytes of tools' names that are kept to be shown.
const DETAIL_MAX: usize = 2_048;
/// Characters of a system prompt that count: what follows is data more often than instruction.
const PROMPT_CHARS: usize = 20_000;

/// What a run shows of its agents. `content` is asked for the first model call of each agent only.
pub fn seen<'a>(run: &Run, steps: &[ResolvedStep], content: impl Fn(SpanId) -> Option<&'a Content>) -> Vec<Seen> {
    let top = run.agent_or_service().unwrap_or_default();
    // By agent, part, name and value: when first.
    let mut found: BTreeMap<(String, Part, String, String), (Timestamp, String)> = BTreeMap::new();
    let mut add = |agent: &str, part: Part, name: &str, value: &str, detail: String, at: Timestamp| {
        if agent.is_empty() || value.is_empty() || value.len() > VALUE_MAX || name.len() > VALUE_MAX {
            return;
        }
        match found.entry((agent.into(), part, name.into(), value.into())) {
            Entry::Vacant(free) => _ = free.insert((at, detail)),
            Entry::Occupied(mut first) if at < first.get().0 => _ = first.insert((at, detail)),
            Entry::Occupied(_) => {}
        }
    };
    if let Some(version) = &run.agent_version {
        add(top, Part::Version, "", version, String::new(), run.start);
    }
    let mut read = std::collections::BTreeSet::new();
    for step in steps {
        let (span, agent) = (&step.span, step.agent.as_deref().unwrap_or(top));
        if agent != top
            && let Some(version) = &span.agent_version
        {
            add(agent, Part::Version, "", version, String::new(), span.start);
        }
        if let Some(version) = &span.prompt_version {
            let name = span.prompt_name.as_deref().unwrap_or_default();
            add(agent, Part::Prompt, name, version, String::new(), span.start);
        }
        if !step.call {
            continue;
        }
        if let Some((model, asked)) = models::told_by(span) {
            add(agent, Part::Model, Told::Answered.as_str(), model, String::new(), span.start);
            if let Some(asked) = asked.filter(|_| model.len() <= VALUE_MAX) {
                add(agent, Part::Model, Told::Asked.as_str(), asked, model.to_owned(), span.start);
            }
        }
        if !read.insert(agent) {
            continue;
        }
        let Some(said) = content(span.span_id) else { continue };
        if let Some(prompt) = system_prompt(said).filter(|_| span.prompt_version.is_none()) {
            add(
                agent,
                Part::Prompt,
                span.prompt_name.as_deref().unwrap_or_default(),
                &prompt,
                String::new(),
                span.start,
            );
        }
        if let Some((hash, names)) = tools(said) {
            add(agent, Part::Tools, "", &hash, names, span.start);
        }
    }
    let value = |((agent, part, name, value), (at, detail))| Seen { agent, part, name, value, detail, at };
    found.into_iter().map(value).collect()
}

/// A hash of the instructions. Digits do not count: dates, times and counts that are put into a prompt are no change of it.
fn system_prompt(content: &Content) -> Option<String> {
    let system = content.input.iter().find(|message| message.role == Role::System)?;
    let text = system.plain_text();
    let masked: String = text.chars().take(PROMPT_CHARS).filter(|letter| !letter.is_ascii_digit()).collect();
    let masked = masked.split_whitespace().collect::<Vec<_>>().join(" ");
    (!masked.is_empty()).then(|| text::fingerprint(&[&masked]))
}

/// A hash of the tools in whatever order they are offered, and their names.
fn tools(content: &Content) -> Option<(String, String)> {
    let mut tools: Vec<(&str, String)> = content
        .tool_definitions
        .iter()
        .map(|tool| (tool.name.as_str(), tool.parameters.as_ref().map(ToString::to_string).unwrap_or_default()))
        .collect();
    if tools.is_empty() {
        return None;
    }
    tools.sort();
    let parts: Vec<&str> = tools.iter().flat_map(|(name, schema)| [*name, schema.as_str()]).collect();
    let names = tools.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    Some((text::fingerprint(&parts), text::head(&names, DETAIL_MAX).to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Message, Span, SpanStatus, StepKind, Tenant, ToolDefinition, TraceId};

    use super::*;
    use crate::runs::{Settings, resolve};

    fn span(id: u8, kind: StepKind, agent: &str) -> Span {
        let mut span = Span::new(Tenant::default(), TraceId::from_array([1; 16]), SpanId::from_array([id; 8]));
        span.kind = kind;
        span.agent = Some(agent.into());
        span.start = Timestamp::from_nanos(i64::from(id) * 1_000);
        span.end = Timestamp::from_nanos(i64::from(id) * 1_000 + 500);
        span.parent_span_id = (id > 1).then(|| SpanId::from_array([1; 8]));
        span
    }

    fn call(id: u8, model: &str) -> Span {
        let mut call = span(id, StepKind::Llm, "writer");
        call.model = Some(model.into());
        call.usage.input_tokens = Some(10);
        call.usage.output_tokens = Some(1);
        call
    }

    fn content(prompt: &str, tools: &[(&str, &str)]) -> Content {
        let definition = |(name, schema): &(&str, &str)| ToolDefinition {
            name: (*name).into(),
            description: None,
            parameters: serde_json::from_str(schema).ok(),
        };
        Content {
            input: vec![Message::text(Role::System, prompt), Message::text(Role::User, "Hello")],
            tool_definitions: tools.iter().map(definition).collect(),
            ..Content::default()
        }
    }

    fn values(content: &Content, model: &str) -> Vec<(Part, String)> {
        let mut agent = span(1, StepKind::Agent, "writer");
        agent.agent_version = Some("7".into());
        let spans = [agent, call(2, model), call(3, model)].map(Arc::new);
        let run = resolve(&spans, Timestamp::from_nanos(1_000_000), &Settings::default()).unwrap();
        let found = seen(&run.run, &run.steps, |_| Some(content));
        assert!(found.iter().all(|seen| seen.agent == "writer"));
        found.into_iter().map(|seen| (seen.part, seen.value)).collect()
    }

    #[test]
    fn a_new_prompt_model_or_tool_is_another_value_and_a_date_in_the_prompt_is_not() {
        let tools = [("search", r#"{"q": "string"}"#), ("send", "{}")];
        let first = values(&content("Be kind. It is 2026-11-21.", &tools), "gpt-4o");
        assert_eq!(first.iter().map(|(part, _)| *part).collect::<Vec<_>>(), Part::ALL);
        assert_eq!((first[0].1.as_str(), first[1].1.as_str()), ("7", "gpt-4o"));
        let turned = [tools[1], tools[0]];
        assert_eq!(first, values(&content("Be  kind. It is 2026-11-22.", &turned), "gpt-4o"));
        let differs = |other: Vec<(Part, String)>| {
            let parts = first.iter().zip(other).filter(|(old, new)| *old != new).map(|(old, _)| old.0);
            parts.collect::<Vec<_>>()
        };
        assert_eq!(differs(values(&content("Be brief. It is 2026-11-21.", &tools), "gpt-4o")), [Part::Prompt]);
        assert_eq!(differs(values(&content("Be kind. It is 2026-11-21.", &tools), "gpt-5")), [Part::Model]);
        let wider = [("search", r#"{"q": "string", "n": "integer"}"#), ("send", "{}")];
        assert_eq!(differs(values(&content("Be kind. It is 2026-11-21.", &wider), "gpt-4o")), [Part::Tools]);
    }

    #[test]
    fn a_call_that_failed_and_names_no_model_that_answered_shows_none() {
        let of = |calls: Vec<Span>| {
            let spans: Vec<Arc<Span>> =
                std::iter::once(span(1, StepKind::Agent, "writer")).chain(calls).map(Arc::new).collect();
            let run = resolve(&spans, Timestamp::from_nanos(1_000_000), &Settings::default()).unwrap();
            let found = seen(&run.run, &run.steps, |_| None).into_iter().filter(|seen| seen.part == Part::Model);
            found.map(|seen| (seen.name, seen.value, seen.detail)).collect::<Vec<_>>()
        };
        let asking = |id: u8, model: &str, status| {
            let mut call = call(id, model);
            (call.request_model, call.status) = (Some("gpt-5.1".into()), status);
            call
        };
        let row = |name: &str, value: &str, detail: &str| (name.to_owned(), value.to_owned(), detail.to_owned());
        // Where a sender names no model that answered, a span's model is the one asked for.
        assert!(of(vec![asking(2, "gpt-5.1", SpanStatus::Error)]).is_empty());
        assert_eq!(of(vec![asking(2, "gpt-5.1", SpanStatus::Ok)]), [row("answered", "gpt-5.1", "")]);
        let dated = "gpt-5.1-2025-11-13";
        let both = vec![asking(2, dated, SpanStatus::Ok), asking(3, "gpt-5.1", SpanStatus::Error)];
        let expected = [row("answered", dated, ""), row("asked", "gpt-5.1", dated)];
        assert_eq!(of(both), expected);
        // What answered with an error answered.
        assert_eq!(of(vec![asking(2, dated, SpanStatus::Error)]), expected);
    }
}
