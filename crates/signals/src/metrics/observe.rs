//! What a run gives to the families: observations, each with its labels.
//!
//! Pure and whole: the same run gives the same observations, whatever was counted of it before. Before a run has settled
//! only the families that are counted at once are given ([`When::AtOnce`](super::When)), and only for steps whose ancestors
//! have all arrived: until then a step may not know its agent.

mod gen_ai;
mod scores;

use std::collections::{HashMap, HashSet};

use model::{ResolvedStep, Run, RunStatus, SpanId, SpanStatus, StepKind, Usage};

use self::gen_ai::gen_ai;
use self::scores::{hallucination, is_denial, names_approval, of_scores};
use super::Id;
use crate::detect::windows::window;

/// Labels a family has at most.
pub(super) const LABELS_MAX: usize = 5;

/// One observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation<'a> {
    /// Family.
    pub family: Id,
    /// Values of the family's labels, in its order; unused ones are empty.
    pub labels: [&'a str; LABELS_MAX],
    /// What is counted or observed.
    pub value: f64,
    /// Position of the step that it tells of; `None` for the run.
    pub step: Option<usize>,
}

/// A judgement about a run or a step, as far as it is counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Its name.
    pub name: String,
    /// Its value: a number, or 1 and 0 for yes and no.
    pub value: Option<f64>,
    /// Its word.
    pub label: Option<String>,
    /// Whether a user of the agent gave it.
    pub from_user: bool,
}

/// The value of a label nobody gave.
pub const UNKNOWN: &str = "unknown";

/// Calls `give` with every observation of a run.
pub fn observe<'a>(
    run: &'a Run,
    steps: &'a [ResolvedStep],
    scores: &'a [Score],
    give: &mut impl FnMut(Observation<'a>),
) {
    let settled = !run.provisional;
    if !settled && run.root_span_id.is_none() {
        return;
    }
    let about = About::of(run);
    let mut out = |family, labels: &[&'a str], value, step| {
        let mut all = [""; LABELS_MAX];
        all[..labels.len()].copy_from_slice(labels);
        give(Observation { family, labels: all, value, step });
    };
    out(Id::Started, &[about.agent, about.workflow], 1.0, None);
    let rooted = if settled { Vec::new() } else { rooted(steps) };
    for (at, step) in steps.iter().enumerate() {
        if settled || rooted[at] {
            at_once(&about, at, step, &mut out);
        }
    }
    if settled {
        of_run(&about, run, steps, &mut out);
        for (at, step) in steps.iter().enumerate() {
            of_step(&about, at, step, &mut out);
        }
        rounds(&about, run, steps, scores, &mut out);
        of_scores(&about, scores, &mut out);
    }
}

/// For every step whether all its ancestors are there, up to one that has no parent.
fn rooted(steps: &[ResolvedStep]) -> Vec<bool> {
    let mut known: HashMap<SpanId, bool> = HashMap::with_capacity(steps.len());
    let rooted = steps.iter().map(|step| {
        // Parents come before their children.
        let rooted = match step.shown_parent {
            Some(parent) => known.get(&parent).copied().unwrap_or(false),
            None => step.span.parent_span_id.is_none(),
        };
        known.insert(step.span.span_id, rooted);
        rooted
    });
    rooted.collect()
}

/// What all observations of a run share.
struct About<'a> {
    agent: &'a str,
    workflow: &'a str,
}

impl<'a> About<'a> {
    fn of(run: &'a Run) -> Self {
        Self {
            agent: run.agent.as_deref().or(run.service.as_deref()).unwrap_or(UNKNOWN),
            workflow: run.workflow.as_deref().or(Some(&*run.name)).filter(|name| !name.is_empty()).unwrap_or(UNKNOWN),
        }
    }

    fn agent_of(&self, step: &'a ResolvedStep) -> &'a str {
        step.agent.as_deref().unwrap_or(self.agent)
    }
}

fn seconds(step: &ResolvedStep) -> Option<f64> {
    step.span.duration_nanos().map(|nanos| nanos as f64 / 1e9)
}

fn failed(step: &ResolvedStep) -> bool {
    step.span.status == SpanStatus::Error
}

/// A class of errors; what a sender gives as class may be a sentence.
fn error_type(text: Option<&str>) -> &str {
    text.filter(|text| !text.is_empty()).unwrap_or(UNKNOWN)
}

fn is_timeout(step: &ResolvedStep) -> bool {
    let says = |text: &str| {
        let text = text.to_ascii_lowercase();
        ["timeout", "timed out", "time-out", "deadline"].iter().any(|word| text.contains(word))
    };
    step.span.error_type.as_deref().is_some_and(says) || step.span.error_message.as_deref().is_some_and(says)
}

/// The OpenAI Agents SDK's word for a kind.
fn span_type(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Llm => "generation",
        StepKind::Tool => "function",
        _ => kind.as_str(),
    }
}

/// The tool of a tool step.
fn tool(step: &ResolvedStep) -> &str {
    step.span.tool_name.as_deref().unwrap_or(&step.span.name)
}

fn at_once<'a>(
    about: &About<'a>,
    at: usize,
    step: &'a ResolvedStep,
    out: &mut impl FnMut(Id, &[&'a str], f64, Option<usize>),
) {
    let span = &*step.span;
    let ended = !span.end.is_unset();
    if span.kind == StepKind::Other || !(ended || failed(step)) {
        return;
    }
    if let Some(seconds) = seconds(step) {
        let labels = [about.workflow, &*span.name, span.kind.as_str(), span_type(span.kind)];
        out(Id::StepDuration, &labels, seconds, Some(at));
    }
    if failed(step) {
        let labels = [about.workflow, &*span.name, error_type(span.error_type.as_deref())];
        out(Id::StepErrors, &labels, 1.0, Some(at));
    }
    if step.tool_call {
        let (agent, tool) = (about.agent_of(step), tool(step));
        let status = match failed(step) {
            true if is_timeout(step) => "timeout",
            true => "failure",
            false => "success",
        };
        out(Id::ToolCalls, &[agent, about.workflow, tool, status], 1.0, Some(at));
        // Zero where none failed, so that the series is there before the first failure.
        out(Id::ToolFailures, &[agent, about.workflow, tool], f64::from(u8::from(failed(step))), Some(at));
        if let Some(seconds) = seconds(step) {
            out(Id::ToolDuration, &[agent, about.workflow, tool], seconds, Some(at));
        }
    }
}

fn of_run<'a>(
    about: &About<'a>,
    run: &'a Run,
    steps: &'a [ResolvedStep],
    out: &mut impl FnMut(Id, &[&'a str], f64, Option<usize>),
) {
    let labels = [about.agent, about.workflow];
    let status = match run.status {
        RunStatus::Error => "failure",
        RunStatus::Abandoned => "abandoned",
        RunStatus::Ok | RunStatus::Running => "success",
    };
    let task_type = run.query_type.as_deref().unwrap_or(UNKNOWN);
    out(Id::Requests, &[about.agent, about.workflow, task_type, status], 1.0, None);
    if run.status != RunStatus::Abandoned {
        out(Id::Duration, &labels, run.duration_ms / 1e3, None);
    }
    if run.status == RunStatus::Error {
        out(Id::Errors, &[about.agent, about.workflow, error_type(run.error_type.as_deref())], 1.0, None);
    }
    if let Some(tokens) = run.usage.total_tokens() {
        out(Id::TokensPerRequest, &labels, tokens as f64, None);
    }
    if let Some(cost) = run.cost {
        out(Id::CostPerRun, &labels, cost.as_f64(), None);
    }
    out(Id::LlmCallsPerRun, &labels, f64::from(run.llm_calls), None);
    out(Id::ReasoningSteps, &labels, f64::from(run.rounds), None);
    out(Id::ToolCallsPerRun, &labels, f64::from(run.tool_calls), None);
    out(Id::RetriesPerRun, &labels, f64::from(run.retries), None);
    let largest = steps.iter().enumerate().filter(|(_, step)| step.call);
    let largest =
        largest.filter_map(|(at, step)| Some((step.span.usage.input_tokens?, at))).max_by_key(|(tokens, _)| *tokens);
    if let Some((tokens, at)) = largest {
        let model = steps[at].span.model.as_deref().unwrap_or(UNKNOWN);
        out(Id::ContextTokens, &[about.agent, about.workflow, model], tokens as f64, Some(at));
    }
    // To look a window up is slow beside the rest, and most calls of a run ask one model.
    let mut last: Option<(&str, Option<u64>)> = None;
    let share = |(at, step): (usize, &'a ResolvedStep)| {
        let model = step.span.model.as_deref().filter(|_| step.call)?;
        let input = step.span.usage.input_tokens?;
        let tokens = match last {
            Some((name, tokens)) if name == model => tokens,
            _ => window(model),
        };
        last = Some((model, tokens));
        Some((input as f64 / tokens? as f64, at, model))
    };
    let fullest = steps.iter().enumerate().filter_map(share).max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((share, at, model)) = fullest {
        out(Id::ContextShare, &[about.agent, about.workflow, model], share, Some(at));
    }
}

fn of_step<'a>(
    about: &About<'a>,
    at: usize,
    step: &'a ResolvedStep,
    out: &mut impl FnMut(Id, &[&'a str], f64, Option<usize>),
) {
    let span = &*step.span;
    let agent = about.agent_of(step);
    let model = span.model.as_deref().unwrap_or(UNKNOWN);
    let call = [agent, about.workflow, model, span.provider.as_deref().unwrap_or(UNKNOWN)];
    let some = Some(at);
    if step.call {
        out(Id::LlmCalls, &call, 1.0, some);
        out(Id::LlmErrors, &call, f64::from(u8::from(failed(step))), some);
        if let Some(seconds) = seconds(step) {
            out(Id::LlmDuration, &[call[0], call[1], call[2], call[3], &*span.name], seconds, some);
        }
        if let Some(millis) = span.ttft_ms {
            out(Id::TimeToFirstToken, &call, millis / 1e3, some);
        }
    }
    if step.counted {
        let labels = |last| [call[0], call[1], call[2], call[3], last];
        for (direction, tokens) in directions(&span.usage) {
            out(Id::Tokens, &labels(direction), tokens as f64, some);
        }
        for (class, tokens) in classes(&span.usage) {
            out(Id::TokensByClass, &labels(class), tokens as f64, some);
        }
        if let Some(tokens) = span.usage.total_tokens() {
            out(Id::TokensPerStep, &call[..3], tokens as f64, some);
        }
    }
    if let Some(cost) = span.cost.filter(|_| step.cost_counted) {
        out(Id::Cost, &call, cost.as_f64().max(0.0), some);
    }
    let unread = failed(step) && span.error_type.as_deref().is_some_and(is_parse_failure);
    // Zero for every call, so that the series is there before the first failure.
    if step.call || (unread && span.kind == StepKind::Chain) {
        out(Id::ParseFailures, &call, f64::from(u8::from(unread)), some);
    }
    // A tool's call that is told twice asks once.
    if names_approval(tool(step)) && (step.tool_call || span.kind != StepKind::Tool) {
        let denied = span.outcome.as_deref().is_some_and(is_denial);
        let outcome = match failed(step) {
            true if is_timeout(step) => "timeout",
            true => "denied",
            false if denied => "denied",
            false => "granted",
        };
        out(Id::Approvals, &[agent, outcome], 1.0, some);
    }
    gen_ai(about, step, at, out);
    match span.kind {
        StepKind::Handoff => out(Id::Handoffs, &call[..2], 1.0, some),
        StepKind::Guardrail => {
            let said =
                span.outcome.as_deref().is_some_and(|outcome| outcome.contains("trigger") || outcome.contains("block"));
            let outcome = if failed(step) || said { "triggered" } else { "passed" };
            out(Id::Guardrails, &[agent, &*span.name, outcome], 1.0, some);
        }
        StepKind::Retriever => {
            let outcome = match span.documents {
                None => UNKNOWN,
                Some(0) => "empty",
                Some(_) => "hit",
            };
            out(Id::Retrievals, &[agent, about.workflow, outcome], 1.0, some);
        }
        _ => {}
    }
    if step.retry_of.is_some() {
        out(Id::Recoveries, &[agent, "retry"], 1.0, some);
    }
}

/// Errors by which frameworks say that an answer has not the structure that was asked for.
fn is_parse_failure(error: &str) -> bool {
    let error = error.to_ascii_lowercase();
    [
        "outputparser",
        "parseerror",
        "parsingerror",
        "validationerror",
        "jsondecodeerror",
        "noobjectgenerated",
        "typevalidation",
    ]
    .iter()
    .any(|word| error.contains(word))
}

/// Tokens by direction; those of no known direction apart, so that the sum is the total.
fn directions(usage: &Usage) -> impl Iterator<Item = (&'static str, u64)> {
    let (input, output) = (usage.input_tokens, usage.output_tokens);
    let split = input.unwrap_or(0).saturating_add(output.unwrap_or(0));
    let rest = usage.total_tokens().unwrap_or(0).saturating_sub(split);
    [("input", input), ("output", output), (UNKNOWN, (rest > 0).then_some(rest))]
        .into_iter()
        .filter_map(|(direction, tokens)| Some((direction, tokens?)))
}

/// Tokens by class, each once. A part larger than its whole proves that the whole leaves it out.
fn classes(usage: &Usage) -> impl Iterator<Item = (&'static str, u64)> {
    let apart = |whole: Option<u64>, part: u64| whole.map(|whole| if part > whole { whole } else { whole - part });
    let (read, write) = (usage.cache_read_tokens, usage.cache_write_tokens);
    let cached = read.unwrap_or(0).saturating_add(write.unwrap_or(0));
    [
        ("input", apart(usage.input_tokens, cached)),
        ("cache_read", read),
        ("cache_write", write),
        ("output", apart(usage.output_tokens, usage.reasoning_tokens.unwrap_or(0))),
        ("reasoning", usage.reasoning_tokens),
    ]
    .into_iter()
    .filter_map(|(class, tokens)| Some((class, tokens?)))
}

/// What each round came to, and fallbacks to another model.
fn rounds<'a>(
    about: &About<'a>,
    run: &'a Run,
    steps: &'a [ResolvedStep],
    scores: &[Score],
    out: &mut impl FnMut(Id, &[&'a str], f64, Option<usize>),
) {
    let (mut failed_tools, mut retried_tools) = (HashSet::new(), HashSet::new());
    for step in steps.iter().filter(|step| step.span.kind == StepKind::Tool) {
        if let Some(caller) = step.called_by {
            if failed(step) {
                failed_tools.insert(caller);
            }
            if step.retry_of.is_some() {
                retried_tools.insert(caller);
            }
        }
    }
    let hallucinated = scores.iter().any(|score| hallucination(score).is_some());
    let last = steps.iter().rposition(|step| step.call);
    let limit = run.status == RunStatus::Error && run.error_type.as_deref().is_some_and(is_step_limit);
    let mut failed_model: Option<&str> = None;
    for (at, step) in steps.iter().enumerate().filter(|(_, step)| step.call) {
        let span = &*step.span;
        let agent = about.agent_of(step);
        // What was asked for: a call that failed names no other, one that was answered the dated model that answered.
        let asked = span.request_model.as_deref().or(span.model.as_deref());
        let fallback = failed_model.is_some_and(|model| asked.is_some_and(|other| other != model));
        if fallback && step.retry_of.is_none() {
            out(Id::Recoveries, &[agent, "fallback"], 1.0, Some(at));
        }
        failed_model = if failed(step) { asked } else { None };
        let is_last = Some(at) == last;
        let outcome = match () {
            () if span.finish_reason.as_deref().is_some_and(is_block) => "safety_blocked",
            () if is_last && hallucinated => "hallucination",
            () if is_last && limit => "max_steps",
            () if failed_tools.contains(&span.span_id) => "tool_call_failed",
            () if fallback || step.retry_of.is_some() || retried_tools.contains(&span.span_id) => "recovery",
            () => "completed",
        };
        out(Id::StepOutcomes, &[agent, outcome], 1.0, Some(at));
    }
}

/// Finish reasons by which a provider says that it blocked an answer.
fn is_block(reason: &str) -> bool {
    ["content_filter", "safety", "refusal", "blocklist", "prohibited_content", "recitation"].contains(&reason)
}

/// Errors by which frameworks end a run that takes too many steps.
fn is_step_limit(error: &str) -> bool {
    let error = error.to_ascii_lowercase();
    [
        "maxturns",
        "max_turns",
        "maxsteps",
        "max_steps",
        "recursionerror",
        "recursion_limit",
        "max_iterations",
        "maxiterations",
    ]
    .iter()
    .any(|word| error.contains(word))
}
