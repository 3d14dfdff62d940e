//! One run explained in one page: how it stands, what failed and how often it was tried, what was seen, where it first leaves what such runs do,
//! what its last model call knew.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use model::{Finding, Message, Part, SpanId, SpanStatus, StepKind};
use serde::Serialize;

use super::baseline::{Baseline, ENOUGH};
use super::checks::latency_outlier;
use super::evidence::{Call, Evidence};
use super::text;

/// Share of good runs in which a tool follows another, below which it departs from them.
const RARE: f64 = 0.02;
/// Times the 95th percentile of a tool's time, and milliseconds, beyond which a call departs from such calls.
const SLOW: (f64, f64) = (5.0, 1_000.0);
/// Models and tools whose cost is named.
const DEAREST: usize = 4;

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailedStep {
    /// Kind and name.
    pub step: String,
    /// The last attempt.
    pub span_id: SpanId,
    /// Times it was tried: the failures in a row that end with the last one, and the try after them that worked.
    pub attempts: usize,
    /// Whether a later attempt worked.
    pub recovered: bool,
    /// What the last failure said.
    pub error: Option<String>,
}

/// A number of the run beside what such runs have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beside {
    /// Name of the number.
    pub feature: &'static str,
    /// The run's.
    pub value: f64,
    /// Median of good runs.
    pub median: Option<f64>,
    /// 95th percentile of good runs.
    pub p95: Option<f64>,
}

/// What the last model call of the run was sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Context {
    /// The call.
    pub span_id: SpanId,
    /// Messages in it.
    pub messages: usize,
    /// Tokens of input.
    pub input_tokens: Option<u64>,
    /// The last messages, cut short.
    pub last: Vec<String>,
}

/// The page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Investigation {
    /// How the run stands, in a sentence.
    pub state: String,
    /// What failed.
    pub failed: Vec<FailedStep>,
    /// What detectors saw, the gravest first.
    pub findings: Vec<Finding>,
    /// The step at which the run first leaves what such runs do, in words.
    pub departure: Option<(SpanId, String)>,
    /// Numbers beside those of good runs.
    pub beside: Vec<Beside>,
    /// What its last model call knew.
    pub context: Option<Context>,
    /// What its cost went to: model or tool, calls, dollars, the dearest first.
    pub dearest: Vec<(String, usize, f64)>,
}

/// Puts the page together.
pub fn investigate(evidence: &Evidence<'_>, mut findings: Vec<Finding>) -> Investigation {
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.detector.cmp(&b.detector)));
    Investigation {
        state: state(evidence),
        failed: failed(evidence),
        findings,
        departure: departure(evidence),
        beside: beside(evidence),
        context: context(evidence),
        dearest: dearest(evidence),
    }
}

fn state(evidence: &Evidence<'_>) -> String {
    let run = evidence.run;
    let mut said = format!(
        "{} of {}: {} after {}, {}, {}, {}, {}",
        run.name,
        evidence.agent(),
        run.status,
        text::duration(run.duration_ms),
        text::count(u64::from(run.kinds.total()), "step"),
        text::count(u64::from(run.rounds), "model call"),
        text::count(u64::from(run.tool_calls), "tool call"),
        text::count(u64::from(run.errors), "failed step")
    );
    if let Some(cost) = run.cost {
        let _ = write!(said, ", ${:.4}", cost.as_f64());
    }
    if let Some(error) = run.error_message.as_deref().or(run.error_type.as_deref()) {
        let _ = write!(said, "; {}", text::short(error, 160));
    }
    said
}

fn failed(evidence: &Evidence<'_>) -> Vec<FailedStep> {
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, step) in evidence.steps.iter().enumerate() {
        let name = step.span.tool_name.as_deref().unwrap_or(&step.span.name);
        by_name.entry(format!("{} {name}", step.span.kind)).or_default().push(at);
    }
    // Many tools tell their failure as an ordinary result.
    let said: HashMap<usize, &Call<'_>> = evidence
        .calls
        .iter()
        .filter(|call| call.state.is_failure() && evidence.steps[call.step].span.kind == StepKind::Tool)
        .map(|call| (call.step, call))
        .collect();
    let is_failed = |at: &usize| evidence.steps[*at].span.status == SpanStatus::Error || said.contains_key(at);
    let mut found: Vec<FailedStep> = Vec::new();
    for (step, mut at) in by_name {
        at.sort_by_key(|&at| evidence.steps[at].span.start);
        let Some(last) = at.iter().rposition(is_failed) else { continue };
        let first = at[..last].iter().rposition(|at| !is_failed(at)).map_or(0, |worked| worked + 1);
        let recovered = last + 1 < at.len();
        let span = &evidence.steps[at[last]].span;
        let told = span.error_message.as_deref().or(span.error_type.as_deref()).map(|error| text::short(error, 200));
        let result = || Some(text::short(&text::as_text(said.get(&at[last])?.result?), 200));
        found.push(FailedStep {
            step,
            span_id: span.span_id,
            attempts: last + 1 - first + usize::from(recovered),
            recovered,
            error: told.or_else(result),
        });
    }
    found
}

fn departure(evidence: &Evidence<'_>) -> Option<(SpanId, String)> {
    let known = evidence.known().filter(|known| known.is_mature())?;
    let mut before = "";
    for call in &evidence.calls {
        let share = known.follows(before, call.name);
        if share < RARE {
            let after = if before.is_empty() { "as the first tool".to_string() } else { format!("after `{before}`") };
            return Some((
                evidence.span_id(call.step),
                format!("`{}` {after}, as in {:.1} % of good runs that come this far", call.name, share * 100.0),
            ));
        }
        if let Some(words) = slow(known, call) {
            return Some((evidence.span_id(call.step), words));
        }
        before = call.name;
    }
    if let Some(departed) = stopped(evidence, known) {
        return Some(departed);
    }
    let share = known.follows(before, "");
    if !evidence.ended() || share >= RARE {
        return None;
    }
    // What it did is usual; that it did no more is not.
    let last = evidence.calls.last().map(|call| call.step).or(evidence.rounds.last().map(|round| round.step))?;
    let after = if before.is_empty() { "without calling a tool".to_string() } else { format!("after `{before}`") };
    let words = format!("it ended {after}, as in {:.1} % of good runs that come this far", share * 100.0);
    Some((evidence.span_id(last), words))
}

/// The last model call, where it stopped for a reason that good runs hardly have.
fn stopped(evidence: &Evidence<'_>, known: &Baseline) -> Option<(SpanId, String)> {
    let last = evidence.rounds.iter().rev().find(|round| !round.failed)?;
    let reason = evidence.steps[last.step].span.finish_reason.as_deref()?;
    let share = known.share("finish_reason", reason).filter(|share| *share < RARE)?;
    let of = if share < 0.0005 { "no good run".to_owned() } else { format!("{:.1} % of good runs", share * 100.0) };
    let words = format!("the model stopped for `{reason}`, as in {of}");
    Some((evidence.span_id(last.step), words))
}

fn slow(known: &Baseline, call: &Call<'_>) -> Option<String> {
    let times = &known.tools.get(call.name)?.ms;
    let (ms, p95) = (call.ms?, times.quantile(0.95).filter(|_| times.count() >= ENOUGH)?);
    let slow = ms > SLOW.1 && ms > p95 * SLOW.0;
    slow.then(|| latency_outlier::said(call.name, ms, p95))
}

fn beside(evidence: &Evidence<'_>) -> Vec<Beside> {
    let run = evidence.run;
    let values = [
        ("steps", Some(f64::from(run.kinds.total()))),
        ("errors", Some(f64::from(run.errors))),
        ("rounds", Some(f64::from(run.rounds))),
        ("tool_calls", Some(f64::from(run.tool_calls))),
        ("input_tokens", run.usage.input_tokens.map(|tokens| tokens as f64)),
        ("output_tokens", run.usage.output_tokens.map(|tokens| tokens as f64)),
        ("cost_usd", run.cost.map(|cost| cost.as_f64())),
        ("duration_ms", Some(run.duration_ms)),
    ];
    // What is counted in ones is said in ones: quantiles are exact within a few percent only.
    let counted = |feature: &str| !matches!(feature, "cost_usd" | "duration_ms");
    let of = |feature: &str, q: f64| {
        evidence.usual(feature, q).map(|usual| if counted(feature) { usual.round() } else { usual })
    };
    let one = |(feature, value): (&'static str, Option<f64>)| {
        Some(Beside { feature, value: value?, median: of(feature, 0.5), p95: of(feature, 0.95) })
    };
    values.into_iter().filter_map(one).collect()
}

fn context(evidence: &Evidence<'_>) -> Option<Context> {
    let last = evidence.rounds.last()?;
    let input = &evidence.contents[last.step].input;
    let said = |message: &Message| format!("{}: {}", message.role, text::short(&in_words(message), 160));
    Some(Context {
        span_id: evidence.span_id(last.step),
        messages: input.len(),
        input_tokens: evidence.steps[last.step].span.usage.input_tokens,
        last: input.iter().rev().take(3).rev().map(said).collect(),
    })
}

/// What a message says, calls of tools and their results too.
fn in_words(message: &Message) -> String {
    let words = |part: &Part| match part {
        Part::Text { text } | Part::Reasoning { text } => text.clone(),
        Part::ToolCall { name, arguments, .. } => format!("{name}({})", text::short(&text::as_text(arguments), 120)),
        Part::ToolResult { result, .. } => text::as_text(result).into_owned(),
        Part::Media { modality, .. } => format!("[{modality}]"),
        Part::Other { value } => text::as_text(value).into_owned(),
    };
    message.parts.iter().map(words).filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" ")
}

fn dearest(evidence: &Evidence<'_>) -> Vec<(String, usize, f64)> {
    let mut by_name: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for step in evidence.steps.iter().filter(|step| step.cost_counted) {
        let span = &step.span;
        let name = span.model.as_deref().or(span.tool_name.as_deref()).unwrap_or(&span.name);
        if let Some(cost) = span.cost.map(|cost| cost.as_f64()).filter(|cost| *cost > 0.0) {
            let (calls, sum) = by_name.entry(name).or_default();
            (*calls, *sum) = (*calls + 1, *sum + cost);
        }
    }
    let mut all: Vec<_> = by_name.into_iter().map(|(name, (calls, sum))| (name.to_string(), calls, sum)).collect();
    all.sort_by(|a, b| b.2.total_cmp(&a.2));
    all.truncate(DEAREST);
    all
}

impl Investigation {
    /// The page as text.
    pub fn text(&self) -> String {
        let mut page = format!("{}\n", self.state);
        if !self.failed.is_empty() {
            page.push_str("\nFailed\n");
            for step in &self.failed {
                let end = if step.recovered { "worked later" } else { "never worked" };
                let error = step.error.as_deref().unwrap_or("no reason given");
                let _ = writeln!(page, "  {} ({} tried, {end}): {error}  [{}]", step.step, step.attempts, step.span_id);
            }
        }
        if !self.findings.is_empty() {
            page.push_str("\nFindings\n");
            for finding in &self.findings {
                let span = finding.span_ids.first().map(|span| format!("  [{span}]")).unwrap_or_default();
                let _ = writeln!(page, "  {:<8} {}: {}{span}", finding.severity, finding.detector, finding.message);
            }
        }
        if let Some((span, words)) = &self.departure {
            let _ = writeln!(page, "\nFirst departure from such runs\n  {words}  [{span}]");
        }
        page.push_str("\nBeside good runs\n");
        for one in &self.beside {
            let usual = match (one.median, one.p95) {
                (Some(median), Some(p95)) => format!("median {}, p95 {}", figure(median), figure(p95)),
                _ => "not enough known".into(),
            };
            let _ = writeln!(page, "  {:<14} {:>12}   {usual}", one.feature, figure(one.value));
        }
        if !self.dearest.is_empty() {
            page.push_str("\nCosts\n");
            for (name, calls, sum) in &self.dearest {
                let _ = writeln!(page, "  ${sum:.4}  {name}, {}", text::count(*calls as u64, "call"));
            }
        }
        if let Some(context) = &self.context {
            let tokens =
                context.input_tokens.map(|tokens| format!(", {}", text::count(tokens, "token"))).unwrap_or_default();
            let _ = writeln!(
                page,
                "\nContext of the last model call: {}{tokens}  [{}]",
                text::count(context.messages as u64, "message"),
                context.span_id
            );
            context.last.iter().for_each(|line| {
                let _ = writeln!(page, "  {line}");
            });
        }
        page
    }
}

fn figure(value: f64) -> String {
    // Three digits say enough, and more of them would not be true.
    let decimals = if value >= 100.0 || value == 0.0 { 0.0 } else { (2.0 - value.abs().log10().floor()).min(8.0) };
    let decimals = decimals as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}
