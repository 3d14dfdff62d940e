//! Runs as a person reads them, as text: one line per step, its facts below it. What is not written is absent.
#![allow(dead_code)]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use model::{Content, Message, Part, ResolvedStep, Run, Span, SpanId, SpanStatus, StepKind, Timestamp, TraceId, Usage};
use serde_json::Value as Json;
use signals::runs::{Resolved, Settings, resolve, told_in_two_traces};

use crate::captures::Understood;

/// Characters shown of a text; the whole is compared by the content's own tests.
const CHARS: usize = 110;

/// The runs of these spans, the earliest first, resolved long after the last span came.
pub fn runs(steps: &[Understood]) -> Vec<Resolved> {
    runs_of(steps.iter().map(|step| step.span.clone()).collect())
}

/// The same of narrow spans.
pub fn runs_of(mut spans: Vec<Span>) -> Vec<Resolved> {
    // As the store does it: of a call told in two traces, one telling counts.
    for a in 0..spans.len() {
        for b in a + 1..spans.len() {
            if spans[a].trace_id == spans[b].trace_id {
                continue;
            }
            if let Some(order) = told_in_two_traces(&spans[a], &spans[b]) {
                let (loser, winner) = if order.is_gt() { (b, a) } else { (a, b) };
                spans[loser].told_in = Some(spans[winner].trace_id);
            }
        }
    }
    let mut traces: BTreeMap<TraceId, Vec<Arc<Span>>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace_id).or_default().push(Arc::new(span));
    }
    let settings = Settings::default();
    let now = Timestamp::from_millis(4_000_000_000_000);
    let mut runs: Vec<Resolved> = traces.values().filter_map(|spans| resolve(spans, now, &settings)).collect();
    runs.sort_by_key(|resolved| (resolved.run.start, resolved.run.trace_id));
    runs
}

/// All runs of a capture as text. Runs without any step of an agent's work are only counted.
pub fn story(steps: &[Understood]) -> String {
    let contents: HashMap<(TraceId, SpanId), &Content> =
        steps.iter().map(|step| ((step.span.trace_id, step.span.span_id), &step.content)).collect();
    let (mut out, mut plumbing) = (String::new(), 0);
    for resolved in runs(steps) {
        if resolved.run.kinds.total() == resolved.run.kinds.get(StepKind::Other) {
            plumbing += 1;
            continue;
        }
        run(&mut out, &resolved, &contents);
        out.push('\n');
    }
    if plumbing > 0 {
        writeln!(out, "and {plumbing} traces of nothing but `other`").unwrap();
    }
    out
}

fn run(out: &mut String, resolved: &Resolved, contents: &HashMap<(TraceId, SpanId), &Content>) {
    let run = &resolved.run;
    writeln!(out, "run {} {}", run.name, run.status).unwrap();
    facts_of_run(out, run);
    // Plumbing without anything below it is counted, not shown: Codex has 360 such spans a turn.
    let mut hidden = 0;
    let shown: Vec<&ResolvedStep> = resolved
        .steps
        .iter()
        .filter(|step| {
            let noise = step.span.kind == StepKind::Other && resolved.steps.len() > 60;
            hidden += usize::from(noise);
            !noise
        })
        .collect();
    let by_id: HashMap<SpanId, &ResolvedStep> = resolved.steps.iter().map(|step| (step.span.span_id, step)).collect();
    let is_shown: HashMap<SpanId, usize> = shown.iter().map(|step| (step.span.span_id, 0)).collect();
    for step in shown {
        // Depth among the steps that are shown.
        let (mut depth, mut at, mut above) = (1, step.shown_parent, None);
        while let Some(parent) = at.and_then(|id| by_id.get(&id)) {
            if is_shown.contains_key(&parent.span.span_id) {
                depth += 1;
                above = above.or(Some(*parent));
            }
            at = parent.shown_parent;
        }
        let content = contents.get(&(step.span.trace_id, step.span.span_id)).copied();
        one(out, step, above, run, content.unwrap_or(&Content::default()), &by_id, depth);
    }
    if hidden > 0 {
        writeln!(out, "  and {hidden} other").unwrap();
    }
}

fn facts_of_run(out: &mut String, run: &Run) {
    let mut line = format!("| calls {} tokens {}", run.llm_calls, usage(&run.usage).unwrap_or("unknown".into()));
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            write!(line, " {name} {value}").unwrap();
        }
    };
    let text = |value: &Option<Arc<str>>| value.as_deref().map(str::to_owned);
    put("cost", run.cost.map(|cost| cost.to_string()));
    put("errors", (run.errors > 0).then(|| run.errors.to_string()));
    put("retries", (run.retries > 0).then(|| run.retries.to_string()));
    put("agent", text(&run.agent));
    put("workflow", text(&run.workflow));
    put("session", text(&run.session_id));
    put("user", text(&run.user_id));
    put("service", text(&run.service));
    put("environment", Some(run.tenant.environment.to_string()).filter(|name| name != "default"));
    put("version", text(&run.agent_version));
    put("tags", (!run.tags.is_empty()).then(|| run.tags.join(",")));
    put("outcome", text(&run.outcome));
    put("query-type", text(&run.query_type));
    writeln!(out, "{line}").unwrap();
    let mut put = |name: &str, value: &Option<Arc<str>>| {
        if let Some(value) = value {
            writeln!(out, "| {name} {}", short(value)).unwrap();
        }
    };
    put("asked", &run.input_preview);
    put("answered", &run.output_preview);
    put("error", &run.error_message);
}

fn one(
    out: &mut String,
    step: &ResolvedStep,
    above: Option<&ResolvedStep>,
    run: &Run,
    content: &Content,
    by_id: &HashMap<SpanId, &ResolvedStep>,
    depth: usize,
) {
    let span = &step.span;
    let indent = "  ".repeat(depth);
    writeln!(out, "{indent}{} {}", span.kind, span.name).unwrap();
    let mut facts: Vec<String> = Vec::new();
    let mut put = |name: &str, value: Option<String>| facts.extend(value.map(|value| format!("{name} {value}")));
    let text = |value: &Option<Arc<str>>| value.as_deref().map(str::to_owned);
    if step.agent != above.and_then(|above| above.agent.clone()) {
        put("agent", text(&step.agent));
    }
    put("model", text(&span.model));
    put("asked-for", text(&span.request_model).filter(|_| span.request_model != span.model));
    put("provider", text(&span.provider));
    put("tokens", usage(&span.usage));
    put("uncounted:", step.not_counted_because.map(str::to_owned));
    put("cost", span.cost.map(|cost| cost.to_string()));
    put("ttft-ms", span.ttft_ms.map(|ms| format!("{ms:.3}")));
    put("finish", text(&span.finish_reason));
    put("response", text(&span.response_id));
    put("tool", text(&span.tool_name));
    put("call-id", text(&span.tool_call_id));
    put("called-by", step.called_by.and_then(|id| by_id.get(&id)).map(|caller| caller.span.name.to_string()));
    put("asks", (!span.requested_tool_calls.is_empty()).then(|| span.requested_tool_calls.join(",")));
    put("documents", span.documents.map(|count| count.to_string()));
    put("prompt", text(&span.prompt_name));
    put("prompt-version", text(&span.prompt_version));
    put("session", text(&span.session_id).filter(|_| span.session_id != run.session_id));
    put("user", text(&span.user_id).filter(|_| span.user_id != run.user_id));
    put("workflow", text(&span.workflow).filter(|_| span.workflow != run.workflow));
    put("unexplained", (span.unmapped > 0 && span.dialect.as_ref() != "codex_cli").then(|| span.unmapped.to_string()));
    if !facts.is_empty() {
        writeln!(out, "{indent}| {}", facts.join(" ")).unwrap();
    }
    if span.status != SpanStatus::Ok {
        let (class, message) =
            (span.error_type.as_deref().unwrap_or("-"), span.error_message.as_deref().unwrap_or("-"));
        writeln!(out, "{indent}| {} {class}: {}", span.status, short(message)).unwrap();
    }
    said(out, &indent, content);
}

fn said(out: &mut String, indent: &str, content: &Content) {
    content.input.iter().for_each(|message| spoken(out, indent, '>', message));
    content.output.iter().for_each(|message| spoken(out, indent, '<', message));
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            writeln!(out, "{indent}= {name} {}", short(&value)).unwrap();
        }
    };
    put("input", content.input_value.as_ref().map(Json::to_string));
    put("output", content.output_value.as_ref().map(Json::to_string));
    put("arguments", content.tool_arguments.as_ref().map(Json::to_string));
    put("result", content.tool_result.as_ref().map(Json::to_string));
    let names: Vec<&str> = content.tool_definitions.iter().map(|tool| tool.name.as_str()).collect();
    put("offers", (!names.is_empty()).then(|| names.join(",")));
    put("query", content.query.clone());
    for (name, documents) in [("document", &content.documents), ("candidate", &content.input_documents)] {
        for document in documents {
            let score = document.score.map_or("-".into(), |score| score.to_string());
            let (id, text) = (document.id.as_deref().unwrap_or("-"), document.content.as_deref().unwrap_or("-"));
            put(name, Some(format!("{id} {score} {text}")));
        }
    }
}

fn spoken(out: &mut String, indent: &str, side: char, message: &Message) {
    let parts: Vec<String> = message
        .parts
        .iter()
        .map(|part| match part {
            Part::Text { text } => short(text),
            Part::Reasoning { text } => format!("(thinks) {}", short(text)),
            Part::ToolCall { id, name, arguments } => {
                format!("(calls) {name} {} {}", short(&arguments.to_string()), id.as_deref().unwrap_or("-"))
            }
            Part::ToolResult { id, result } => {
                format!("(result) {} {}", short(&result.to_string()), id.as_deref().unwrap_or("-"))
            }
            Part::Media { modality, mime_type, reference } => {
                let reference = reference.as_deref().map(short).unwrap_or("-".into());
                format!("({modality}) {} {reference}", mime_type.as_deref().unwrap_or("-"))
            }
            Part::Other { value } => format!("(other) {}", short(&value.to_string())),
        })
        .collect();
    let name = message.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
    let finish = message.finish_reason.as_deref().map(|word| format!(" [{word}]")).unwrap_or_default();
    writeln!(out, "{indent}{side} {}{name}: {}{finish}", message.role, parts.join(" + ")).unwrap();
}

/// Tokens of every class that is known.
fn usage(usage: &Usage) -> Option<String> {
    let class = |name: &str, count: Option<u64>| count.map(|count| format!("{name}={count}"));
    let known = [
        class("in", usage.input_tokens),
        class("read", usage.cache_read_tokens),
        class("written", usage.cache_write_tokens),
        class("out", usage.output_tokens),
        class("reasoning", usage.reasoning_tokens),
        class("total", usage.reported_total),
    ];
    let known: Vec<String> = known.into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(","))
}

/// A text on one line, cut.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}… ({} characters)", &line[..end], text.chars().count()),
        None => line,
    }
}
