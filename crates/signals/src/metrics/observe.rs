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
use super::subject::Subject;
use super::word::Word;
use crate::detect::windows::window;

/// What an observation is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// Number of the subject its labels are taken from.
    pub subject: u32,
    /// Position of the step; `None` for the run.
    pub step: Option<usize>,
}

/// Whoever takes observations.
pub(super) trait Observer {
    /// The number of a subject, for observations about it.
    fn subject(&mut self, subject: &Subject<'_>) -> u32;

    /// Takes an observation: the family, the word beside the subject's texts, and what is counted or observed.
    fn take(&mut self, about: About, family: Id, word: Word, value: f64);
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

/// Tells `to` every observation of a run.
pub(super) fn observe(run: &Run, steps: &[ResolvedStep], scores: &[Score], to: &mut impl Observer) {
    let settled = !run.provisional;
    if !settled && run.root_span_id.is_none() {
        return;
    }
    let whole = subject_of_run(run);
    let about_run = About { subject: to.subject(&whole), step: None };
    to.take(about_run, Id::Started, Word::None, 1.0);
    let about = |(at, step)| About { subject: to.subject(&subject_of_step(&whole, step)), step: Some(at) };
    let about: Vec<About> = steps.iter().enumerate().map(about).collect();
    let rooted = if settled { Vec::new() } else { rooted(steps) };
    for (at, step) in steps.iter().enumerate() {
        if settled || rooted[at] {
            at_once(about[at], step, to);
        }
    }
    if settled {
        of_run(&whole, about_run, run, steps, to);
        for (about, step) in about.iter().zip(steps) {
            of_step(*about, step, to);
        }
        rounds(&about, run, steps, scores, to);
        of_scores(&whole, about_run, scores, to);
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

fn subject_of_run(run: &Run) -> Subject<'_> {
    Subject {
        project: &run.tenant.project,
        environment: &run.tenant.environment,
        workflow: run.workflow.as_deref().or(Some(&*run.name)).filter(|name| !name.is_empty()).unwrap_or(UNKNOWN),
        task_type: run.query_type.as_deref().unwrap_or(UNKNOWN),
        kind: None,
        agent: run.agent_or_service().unwrap_or(UNKNOWN),
        name: "",
        model: "",
        asked: "",
        provider: "",
        tool: "",
        error: if run.status == RunStatus::Error { error_type(run.error_type.as_deref()) } else { "" },
    }
}

/// A step's, of a run with this one.
fn subject_of_step<'a>(whole: &Subject<'a>, step: &'a ResolvedStep) -> Subject<'a> {
    let span = &*step.span;
    let model = span.model.as_deref().unwrap_or(UNKNOWN);
    Subject {
        task_type: "",
        kind: Some(span.kind),
        agent: step.agent.as_deref().unwrap_or(whole.agent),
        name: &span.name,
        model,
        asked: span.request_model.as_deref().unwrap_or(model),
        provider: span.provider.as_deref().unwrap_or(UNKNOWN),
        tool: tool(step),
        error: if failed(step) { error_type(span.error_type.as_deref()) } else { "" },
        ..*whole
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

/// The tool of a tool step.
fn tool(step: &ResolvedStep) -> &str {
    step.span.tool_name.as_deref().unwrap_or(&step.span.name)
}

/// 1 where it is so. Where it may be but is not, 0 is counted, so that the series is there before the first time.
fn one_if(so: bool) -> f64 {
    f64::from(u8::from(so))
}

fn at_once(about: About, step: &ResolvedStep, to: &mut impl Observer) {
    let span = &*step.span;
    let ended = !span.end.is_unset();
    if span.kind == StepKind::Other || !(ended || failed(step)) {
        return;
    }
    if let Some(seconds) = seconds(step) {
        to.take(about, Id::StepDuration, Word::None, seconds);
    }
    if failed(step) {
        to.take(about, Id::StepErrors, Word::None, 1.0);
    }
    if step.tool_call {
        let status = match failed(step) {
            true if is_timeout(step) => Word::Timeout,
            true => Word::Failure,
            false => Word::Success,
        };
        to.take(about, Id::ToolCalls, status, 1.0);
        to.take(about, Id::ToolFailures, Word::None, one_if(failed(step)));
        if let Some(seconds) = seconds(step) {
            to.take(about, Id::ToolDuration, Word::None, seconds);
        }
    }
}

fn of_run<'a>(whole: &Subject<'a>, about: About, run: &Run, steps: &'a [ResolvedStep], to: &mut impl Observer) {
    let status = match run.status {
        RunStatus::Error => Word::Failure,
        RunStatus::Abandoned => Word::Abandoned,
        RunStatus::Ok | RunStatus::Running => Word::Success,
    };
    to.take(about, Id::Requests, status, 1.0);
    if run.status != RunStatus::Abandoned {
        to.take(about, Id::Duration, Word::None, run.duration_ms / 1e3);
    }
    if run.status == RunStatus::Error {
        to.take(about, Id::Errors, Word::None, 1.0);
    }
    if let Some(tokens) = run.usage.total_tokens() {
        to.take(about, Id::TokensPerRequest, Word::None, tokens as f64);
    }
    if let Some(cost) = run.cost {
        to.take(about, Id::CostPerRun, Word::None, cost.as_f64());
    }
    to.take(about, Id::LlmCallsPerRun, Word::None, f64::from(run.llm_calls));
    to.take(about, Id::ReasoningSteps, Word::None, f64::from(run.rounds));
    to.take(about, Id::ToolCallsPerRun, Word::None, f64::from(run.tool_calls));
    to.take(about, Id::RetriesPerRun, Word::None, f64::from(run.retries));
    let largest = steps.iter().enumerate().filter(|(_, step)| step.call);
    let largest =
        largest.filter_map(|(at, step)| Some((step.span.usage.input_tokens?, at))).max_by_key(|(tokens, _)| *tokens);
    if let Some((tokens, at)) = largest {
        let model = steps[at].span.model.as_deref().unwrap_or(UNKNOWN);
        let about = About { subject: to.subject(&Subject { model, ..*whole }), step: Some(at) };
        to.take(about, Id::ContextTokens, Word::None, tokens as f64);
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
        let about = About { subject: to.subject(&Subject { model, ..*whole }), step: Some(at) };
        to.take(about, Id::ContextShare, Word::None, share);
    }
}

fn of_step(about: About, step: &ResolvedStep, to: &mut impl Observer) {
    let span = &*step.span;
    if step.call {
        to.take(about, Id::LlmCalls, Word::None, 1.0);
        to.take(about, Id::LlmErrors, Word::None, one_if(failed(step)));
        if let Some(seconds) = seconds(step) {
            to.take(about, Id::LlmDuration, Word::None, seconds);
        }
        if let Some(millis) = span.ttft_ms {
            to.take(about, Id::TimeToFirstToken, Word::None, millis / 1e3);
        }
    }
    if step.counted {
        for (direction, tokens) in directions(&span.usage) {
            to.take(about, Id::Tokens, direction, tokens as f64);
        }
        for (class, tokens) in classes(&span.usage) {
            to.take(about, Id::TokensByClass, class, tokens as f64);
        }
        if let Some(tokens) = span.usage.total_tokens() {
            to.take(about, Id::TokensPerStep, Word::None, tokens as f64);
        }
    }
    if let Some(cost) = span.cost.filter(|_| step.cost_counted) {
        to.take(about, Id::Cost, Word::None, cost.as_f64().max(0.0));
    }
    let unread = failed(step) && span.error_type.as_deref().is_some_and(is_parse_failure);
    if step.call || (unread && span.kind == StepKind::Chain) {
        to.take(about, Id::ParseFailures, Word::None, one_if(unread));
    }
    // A tool's call that is told twice asks once.
    if names_approval(tool(step)) && (step.tool_call || span.kind != StepKind::Tool) {
        let denied = span.outcome.as_deref().is_some_and(is_denial);
        let outcome = match failed(step) {
            true if is_timeout(step) => Word::Timeout,
            true => Word::Denied,
            false if denied => Word::Denied,
            false => Word::Granted,
        };
        to.take(about, Id::Approvals, outcome, 1.0);
    }
    gen_ai(about, step, to);
    match span.kind {
        StepKind::Handoff => to.take(about, Id::Handoffs, Word::None, 1.0),
        StepKind::Guardrail => {
            let said =
                span.outcome.as_deref().is_some_and(|outcome| outcome.contains("trigger") || outcome.contains("block"));
            let outcome = if failed(step) || said { Word::Triggered } else { Word::Passed };
            to.take(about, Id::Guardrails, outcome, 1.0);
        }
        StepKind::Retriever => {
            let outcome = match span.documents {
                None => Word::Unknown,
                Some(0) => Word::Empty,
                Some(_) => Word::Hit,
            };
            to.take(about, Id::Retrievals, outcome, 1.0);
        }
        _ => {}
    }
    if step.retry_of.is_some() {
        to.take(about, Id::Recoveries, Word::Retry, 1.0);
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
fn directions(usage: &Usage) -> impl Iterator<Item = (Word, u64)> {
    let (input, output) = (usage.input_tokens, usage.output_tokens);
    let split = input.unwrap_or(0).saturating_add(output.unwrap_or(0));
    let rest = usage.total_tokens().unwrap_or(0).saturating_sub(split);
    [(Word::Input, input), (Word::Output, output), (Word::Unknown, (rest > 0).then_some(rest))]
        .into_iter()
        .filter_map(|(direction, tokens)| Some((direction, tokens?)))
}

/// Tokens by class, each once. A part larger than its whole proves that the whole leaves it out.
fn classes(usage: &Usage) -> impl Iterator<Item = (Word, u64)> {
    let apart = |whole: Option<u64>, part: u64| whole.map(|whole| if part > whole { whole } else { whole - part });
    let (read, write) = (usage.cache_read_tokens, usage.cache_write_tokens);
    let cached = read.unwrap_or(0).saturating_add(write.unwrap_or(0));
    [
        (Word::Input, apart(usage.input_tokens, cached)),
        (Word::CacheRead, read),
        (Word::CacheWrite, write),
        (Word::Output, apart(usage.output_tokens, usage.reasoning_tokens.unwrap_or(0))),
        (Word::Reasoning, usage.reasoning_tokens),
    ]
    .into_iter()
    .filter_map(|(class, tokens)| Some((class, tokens?)))
}

/// What each round came to, and fallbacks to another model.
fn rounds(about: &[About], run: &Run, steps: &[ResolvedStep], scores: &[Score], to: &mut impl Observer) {
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
        // What was asked for: a call that failed names no other, one that was answered the dated model that answered.
        let asked = span.request_model.as_deref().or(span.model.as_deref());
        let fallback = failed_model.is_some_and(|model| asked.is_some_and(|other| other != model));
        if fallback && step.retry_of.is_none() {
            to.take(about[at], Id::Recoveries, Word::Fallback, 1.0);
        }
        failed_model = if failed(step) { asked } else { None };
        let is_last = Some(at) == last;
        let outcome = match () {
            () if span.finish_reason.as_deref().is_some_and(is_block) => Word::SafetyBlocked,
            () if is_last && hallucinated => Word::Hallucination,
            () if is_last && limit => Word::MaxSteps,
            () if failed_tools.contains(&span.span_id) => Word::ToolCallFailed,
            () if fallback || step.retry_of.is_some() || retried_tools.contains(&span.span_id) => Word::Recovery,
            () => Word::Completed,
        };
        to.take(about[at], Id::StepOutcomes, outcome, 1.0);
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
