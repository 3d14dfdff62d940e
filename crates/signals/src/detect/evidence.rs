//! A run as detectors look at it: its model calls and tool calls in the order of time, with what was said in each.
//!
//! Built once per run; every detector reads it and none copies a text. Model calls send their whole conversation again each time, so
//! only what is new in a call is looked at anywhere.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::ToolDefinition;
use model::{Content, Message, Part, ResolvedStep, Role, Run, RunStatus, SpanId, SpanStatus, StepKind, Timestamp};
use serde_json::Value as Json;

use super::baseline::{self, Baseline};
use super::checks::{admits, changes_something};
use super::features;
use super::outcomes::{Outcomes, Risk};
use super::results::{self, State};
use super::text;

/// A model call.
#[derive(Debug)]
pub struct Round<'a> {
    /// Position among the steps.
    pub step: usize,
    /// The agent that made it.
    pub agent: Option<&'a str>,
    /// What the model said in words.
    pub text: Cow<'a, str>,
    /// Tools it asked for: name, arguments, id.
    pub asked: Vec<Asked<'a>>,
    /// The call failed.
    pub failed: bool,
}

/// A tool that a model asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Name as the model wrote it.
    pub name: &'a str,
    /// Arguments.
    pub arguments: &'a Json,
    /// Id by which the result refers to it.
    pub id: Option<&'a str>,
}

/// A tool call, or a search.
#[derive(Debug)]
pub struct Call<'a> {
    /// Position among the steps: the tool's own, else the model call that asked for it.
    pub step: usize,
    /// Tool.
    pub name: &'a str,
    /// Arguments, where told.
    pub arguments: Option<&'a Json>,
    /// Hash of name and arguments; spacing and case do not matter.
    pub key: u64,
    /// Result, where told.
    pub result: Option<&'a Json>,
    /// Hash of the result; 0 where it is not told.
    pub result_key: u64,
    /// What came of it.
    pub state: State,
    /// How long it took in milliseconds, where it has a span of its own.
    pub ms: Option<f64>,
}

/// What the run answered in the end.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The step that said it.
    pub step: usize,
    /// In words.
    pub text: Cow<'a, str>,
}

/// One run, ready to be judged.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// Totals.
    pub run: &'a Run,
    /// Steps as resolved, parents before children.
    pub steps: &'a [ResolvedStep],
    /// What was said in each.
    pub contents: Vec<&'a Content>,
    /// Model calls by start; wrappers and second tellings are left out.
    pub rounds: Vec<Round<'a>>,
    /// Tool calls by start.
    pub calls: Vec<Call<'a>>,
    /// Tools offered to any model call.
    pub offered: HashMap<&'a str, &'a ToolDefinition>,
    /// The last thing said to whoever asked.
    pub answer: Option<Answer<'a>>,
    /// What runs of this kind usually are, once enough are known.
    known: Option<Arc<Baseline>>,
    /// What a file declares of tools.
    declared: Option<&'a Outcomes>,
    /// When it is judged.
    pub now: Timestamp,
    found: Found,
}

/// What more than one asks of a run, found when it is first asked for.
#[derive(Debug, Default)]
struct Found {
    admits: OnceCell<bool>,
    prompt: OnceCell<Option<String>>,
    derived_version: OnceCell<String>,
    shapes: OnceCell<Vec<Option<String>>>,
    transitions: OnceCell<Vec<String>>,
    surprise: OnceCell<Option<f64>>,
}

impl<'a> Evidence<'a> {
    /// Takes a run apart. `contents` holds what was said in each of `steps`, in the same order; steps beyond its length said nothing.
    pub fn new(run: &'a Run, steps: &'a [ResolvedStep], contents: Vec<&'a Content>, now: Timestamp) -> Self {
        let steps = &steps[..steps.len().min(contents.len())];
        let mut order: Vec<usize> = (0..steps.len()).collect();
        order.sort_by_key(|&at| (steps[at].span.start, steps[at].depth));
        let rounds: Vec<Round<'a>> = order
            .iter()
            .filter(|&&at| steps[at].span.kind == StepKind::Llm && steps[at].not_counted_because.is_none())
            .map(|&at| round(at, &steps[at], contents[at]))
            .collect();
        let mut offered = HashMap::new();
        for round in &rounds {
            let content: &'a Content = contents[round.step];
            for tool in &content.tool_definitions {
                offered.entry(tool.name.as_str()).or_insert(tool);
            }
        }
        let calls = calls(steps, &contents, &order, &rounds);
        let answer = answer(run, steps, &contents, &rounds);
        let found = Found::default();
        Self { run, steps, contents, rounds, calls, offered, answer, known: None, declared: None, now, found }
    }

    /// The same, to be compared with what is known of such runs.
    pub fn against(mut self, known: Option<Arc<Baseline>>) -> Self {
        self.known = known;
        self.found.surprise = OnceCell::new();
        self
    }

    /// The same, with what a file declares of tools.
    pub fn declared(mut self, outcomes: &'a Outcomes) -> Self {
        self.declared = Some(outcomes);
        self
    }

    /// Whether a tool changes something: as it is declared, else by its name.
    pub fn changes(&self, tool: &str) -> bool {
        self.declared.map_or_else(|| changes_something(tool), |outcomes| outcomes.risk(tool) != Risk::Read)
    }

    /// What is known of such runs.
    pub fn known(&self) -> Option<&Baseline> {
        self.known.as_deref()
    }

    /// A quantile of a number of such runs, at this hour of the day where enough is known of it.
    pub fn usual(&self, feature: &str, q: f64) -> Option<f64> {
        self.known()?.quantile_at(features::hour(self.run), feature, q)
    }

    /// The form of the arguments of a call, by its place among the calls.
    pub(super) fn shape(&self, call: usize) -> Option<&str> {
        let shapes = || self.calls.iter().map(|call| call.arguments.map(features::shape)).collect();
        self.found.shapes.get_or_init(shapes).get(call)?.as_deref()
    }

    /// Which tool follows which, from the start of the run to its end.
    pub(super) fn transitions(&self) -> &[String] {
        self.found.transitions.get_or_init(|| baseline::transitions(self))
    }

    /// How surprising the order of its tools is, by what is known of such runs.
    pub(super) fn surprise(&self) -> Option<f64> {
        *self.found.surprise.get_or_init(|| self.known()?.surprise(self))
    }

    /// Hash of its system prompt, where it was sent one.
    pub(super) fn prompt(&self) -> Option<&str> {
        self.found.prompt.get_or_init(|| features::prompt(self)).as_deref()
    }

    /// Its version by what it is made of, for agents that name none.
    pub(super) fn derived_version(&self) -> &str {
        self.found.derived_version.get_or_init(|| features::derived_version(self))
    }

    /// Whether there is an answer that owns up to something that did not work.
    pub(super) fn admits(&self) -> bool {
        *self.found.admits.get_or_init(|| self.answer.as_ref().is_some_and(|answer| admits(&answer.text)))
    }

    /// Span of a step.
    pub fn span_id(&self, step: usize) -> SpanId {
        self.steps[step].span.span_id
    }

    /// The run came to its end by itself.
    pub fn ended(&self) -> bool {
        matches!(self.run.status, RunStatus::Ok | RunStatus::Error)
    }

    /// Agents are told apart by this name.
    pub fn agent(&self) -> &'a str {
        self.run.agent_or_service().unwrap_or("agent")
    }

    /// Whether anything was said anywhere: where content is not captured, its absence proves nothing.
    pub fn has_content(&self) -> bool {
        self.rounds.iter().any(|round| !round.text.is_empty() || !round.asked.is_empty())
    }

    /// Messages of a round that the round before it in the same conversation had not been sent yet.
    pub fn new_messages(&self, at: usize) -> &'a [Message] {
        let input: &'a [Message] = &self.contents[self.rounds[at].step].input;
        let before = self.rounds[..at].iter().rev().find(|round| round.agent == self.rounds[at].agent);
        let known = before.map_or(0, |round| self.contents[round.step].input.len());
        input.get(known..).unwrap_or(input)
    }
}

fn round<'a>(at: usize, step: &'a ResolvedStep, content: &'a Content) -> Round<'a> {
    let mut asked = Vec::new();
    let mut texts: Vec<&'a str> = Vec::new();
    for part in content.output.iter().flat_map(|message| &message.parts) {
        match part {
            Part::Text { text } if !text.is_empty() => texts.push(text),
            Part::ToolCall { id, name, arguments } => asked.push(Asked { name, arguments, id: id.as_deref() }),
            _ => {}
        }
    }
    let text = match (texts.as_slice(), &content.output_value) {
        ([], Some(value)) => text::as_text(value),
        ([], None) => Cow::Borrowed(""),
        ([one], _) => Cow::Borrowed(*one),
        (many, _) => Cow::Owned(many.join("\n")),
    };
    let failed = step.span.status == SpanStatus::Error;
    Round { step: at, agent: step.agent.as_deref(), text, asked, failed }
}

/// Tool steps where there are any, else what models asked for and were told.
fn calls<'a>(
    steps: &'a [ResolvedStep],
    contents: &[&'a Content],
    order: &[usize],
    rounds: &[Round<'a>],
) -> Vec<Call<'a>> {
    let kinds: HashMap<SpanId, &ResolvedStep> =
        steps.iter().filter(|step| step.span.kind == StepKind::Tool).map(|step| (step.span.span_id, step)).collect();
    let told_above = |step: &ResolvedStep| {
        let above = step.shown_parent.and_then(|parent| kinds.get(&parent));
        above.is_some_and(|above| name_of(above) == name_of(step))
    };
    if !kinds.is_empty() {
        let tools = order.iter().map(|&at| (at, &steps[at], contents[at]));
        let tools = tools.filter(|(_, step, _)| step.span.kind == StepKind::Tool && !told_above(step));
        return tools.map(|(at, step, content)| of_step(at, step, content)).collect();
    }
    let results = results_by_id(contents, rounds);
    let asked = rounds.iter().flat_map(|round| round.asked.iter().map(move |asked| (round.step, asked)));
    asked
        .map(|(step, asked)| {
            let result = asked.id.and_then(|id| results.get(id).copied());
            Call {
                step,
                name: asked.name,
                arguments: Some(asked.arguments),
                key: key(asked.name, Some(asked.arguments)),
                result,
                result_key: result.map_or(0, text::json_key),
                state: result.map_or(State::Untold, results::state),
                ms: None,
            }
        })
        .collect()
}

fn results_by_id<'a>(contents: &[&'a Content], rounds: &[Round<'a>]) -> HashMap<&'a str, &'a Json> {
    let mut found = HashMap::new();
    let mut seen: HashMap<Option<&str>, usize> = HashMap::new();
    for round in rounds {
        let input: &'a [Message] = &contents[round.step].input;
        let from = seen.insert(round.agent, input.len()).unwrap_or(0);
        for part in input.get(from..).unwrap_or(input).iter().flat_map(|message| &message.parts) {
            if let Part::ToolResult { id: Some(id), result } = part {
                found.entry(id.as_str()).or_insert(result);
            }
        }
    }
    found
}

fn name_of(step: &ResolvedStep) -> &str {
    step.span.tool_name.as_deref().unwrap_or(&step.span.name)
}

fn key(name: &str, arguments: Option<&Json>) -> u64 {
    text::hash_of(&[name]) ^ arguments.map_or(0, text::json_key).rotate_left(17)
}

fn of_step<'a>(at: usize, step: &'a ResolvedStep, content: &'a Content) -> Call<'a> {
    let name = name_of(step);
    let arguments = content.tool_arguments.as_ref().or(content.input_value.as_ref());
    let result = content.tool_result.as_ref().or(content.output_value.as_ref());
    let state = match step.span.status {
        SpanStatus::Error => State::Failed,
        _ => result.map_or(State::Untold, results::state),
    };
    Call {
        step: at,
        name,
        arguments,
        key: key(name, arguments),
        result,
        result_key: result.map_or(0, text::json_key),
        state,
        ms: step.span.duration_nanos().map(|nanos| nanos as f64 / 1e6),
    }
}

/// The last words of a model to whoever asked; else what the root gave back.
fn answer<'a>(
    run: &Run,
    steps: &'a [ResolvedStep],
    contents: &[&'a Content],
    rounds: &[Round<'a>],
) -> Option<Answer<'a>> {
    if let Some(last) = rounds.iter().rev().find(|round| !round.failed)
        && !last.text.trim().is_empty()
        && last.asked.is_empty()
    {
        return Some(Answer { step: last.step, text: last.text.clone() });
    }
    let root = steps.iter().position(|step| Some(step.span.span_id) == run.root_span_id)?;
    let content: &'a Content = contents[root];
    let text = match &content.output_value {
        Some(value) => text::as_text(value),
        None => {
            let said = content.output.iter().rev().find(|message| message.role == Role::Assistant)?;
            Cow::Owned(said.plain_text())
        }
    };
    (!text.trim().is_empty()).then_some(Answer { step: root, text })
}

/// Names of everything a set of calls used.
pub fn names<'a>(calls: &'a [Call<'_>]) -> HashSet<&'a str> {
    calls.iter().map(|call| call.name).collect()
}
