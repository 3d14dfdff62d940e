//! `tawny run ID`: one run as an indented tree.

use std::process::ExitCode;

use anyhow::{Result, bail};
use model::{Message, Part};
use serde_json::{Value, json};
use server::api::types::{Run, RunAnswer, SqlAnswer, Step};

use super::runs::title;
use crate::cli;
use crate::client::{Client, parse};
use crate::show;
use crate::style::{self, clip, faint, paint, printable, strong};

/// Hexadecimal digits of a whole trace id.
const WHOLE_ID: usize = 32;
/// Runs named when a beginning fits several.
const CANDIDATES: usize = 5;

/// Shows a run.
pub fn run(args: &cli::Run) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let id = whole_id(&client, &args.id)?;
    let content = if args.content || args.reading.json { "full" } else { "none" };
    let text = client.text(&format!("/api/v1/runs/{id}?content={content}"))?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: RunAnswer = parse(&text)?;
    show::out(&render(&answer, args.content, show::width()))?;
    Ok(ExitCode::SUCCESS)
}

/// Completes the beginning of an id. What cannot be one is the id of an execution or the like, which the server knows.
pub(super) fn whole_id(client: &Client, beginning: &str) -> Result<String> {
    let id = beginning.trim().to_ascii_lowercase();
    if id.is_empty() {
        bail!(
            "give the run's trace id ({WHOLE_ID} hexadecimal digits), the beginning of it, or the execution its logs name"
        );
    }
    if id.len() > WHOLE_ID || !id.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        // In a path a space is %20 and a plus is itself.
        let encoded: String = form_urlencoded::byte_serialize(beginning.trim().as_bytes()).collect();
        return Ok(encoded.replace('+', "%20"));
    }
    if id.len() == WHOLE_ID {
        return Ok(id);
    }
    // Only hexadecimal digits get here, so the text is safe inside the statement.
    let query = format!(
        "SELECT trace_id, name FROM runs WHERE trace_id LIKE '{id}%' ORDER BY started_at DESC LIMIT {}",
        CANDIDATES + 1
    );
    let answer: SqlAnswer = parse(&client.post_json("/api/v1/sql", &json!({ "query": query }))?)?;
    let word = |row: &[Value], at: usize| row.get(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    match answer.rows.as_slice() {
        [] => bail!("no run begins with `{id}`; `tawny runs` lists runs"),
        [only] => Ok(word(only, 0)),
        several => {
            let names: Vec<String> = several
                .iter()
                .take(CANDIDATES)
                .map(|row| format!("\n  {}  {}", word(row, 0), clip(&word(row, 1), 40)))
                .collect();
            let more = if several.len() > CANDIDATES { "\n  …" } else { "" };
            bail!("several runs begin with `{id}`; give more of one of these:{}{more}", names.concat())
        }
    }
}

fn render(answer: &RunAnswer, content: bool, width: usize) -> String {
    let mut out = head(&answer.run);
    for joined in &answer.joined {
        out.push_str(&faint(&format!("joined {}: {}\n", joined.trace_id, joined.because)));
    }
    let lines: Vec<Line> = answer.steps.iter().map(Line::of).collect();
    let name_width =
        lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0).min(width.saturating_sub(60).max(24));
    for (line, step) in lines.iter().zip(&answer.steps) {
        out.push_str(&line.render(step, name_width));
        if content {
            out.push_str(&said(step));
        }
    }
    out
}

fn head(run: &Run) -> String {
    let mut out =
        format!("{}  {}\n", strong(&clip(title(run), 60)), paint(run.status.as_str(), style::run_status(run.status)));
    out.push_str(&faint(&format!("{}  {}\n", run.trace_id, show::local(run.started_at))));
    let usage = &run.usage;
    let mut facts = vec![
        style::duration(run.duration_ms),
        style::plural(run.steps, "step"),
        style::plural(run.llm_calls, "llm call"),
        style::plural(run.tool_calls, "tool call"),
        format!("{} in + {} out tokens", style::count(usage.input_tokens), style::count(usage.output_tokens)),
    ];
    if usage.cache_read_tokens > 0 {
        facts.push(format!("{} from cache", style::count(usage.cache_read_tokens)));
    }
    if usage.reasoning_tokens > 0 {
        facts.push(format!("{} reasoning", style::count(usage.reasoning_tokens)));
    }
    if run.cost_usd.is_some() {
        facts.push(style::dollars(run.cost_usd));
    }
    if run.retries > 0 {
        facts.push(style::plural(run.retries, "retry"));
    }
    if run.errors > 0 {
        facts.push(style::bad(&style::plural(run.errors, "error")));
    }
    if run.provisional {
        facts.push("provisional".into());
    }
    out.push_str(&facts.join(&faint(" · ")));
    out.push('\n');
    for (label, text) in
        [("session", &run.session_id), ("user", &run.user_id), ("in", &run.input_preview), ("out", &run.output_preview)]
    {
        if let Some(text) = text {
            out.push_str(&format!("{} {}\n", faint(&format!("{label:<7}")), clip(text, 140)));
        }
    }
    if let Some(error) = &run.error {
        let words: Vec<&str> = [&error.r#type, &error.message].into_iter().flatten().map(String::as_str).collect();
        out.push_str(&format!("{} {}\n", faint("error  "), style::bad(&clip(&words.join(": "), 140))));
    }
    for broken in &run.sla_broken {
        let words = format!("{} {} (promised: {})", broken.objective, broken.was, broken.promised);
        out.push_str(&format!("{} {}\n", faint("broke  "), style::bad(&clip(&style::printable(&words), 140))));
    }
    out.push('\n');
    out
}

/// A step's line before it is laid out.
struct Line {
    name: String,
    facts: Vec<String>,
}

impl Line {
    fn of(step: &Step) -> Self {
        let indent = "  ".repeat(step.depth.min(20) as usize);
        let name = format!("{indent}{:<9} {}", step.kind.as_str(), clip(&step.name, 60));
        let mut facts = Vec::new();
        if let Some(model) = &step.model {
            facts.push(clip(model, 40));
        }
        if let (Some(tool), false) =
            (step.tool.as_ref().and_then(|tool| tool.name.as_ref()), step.name.contains(tool_name(step)))
        {
            facts.push(clip(tool, 40));
        }
        let usage = &step.usage;
        if usage.input_tokens.is_some() || usage.output_tokens.is_some() {
            let tokens = |count: Option<u64>| count.map_or("?".to_owned(), style::count);
            let mark = if step.counted { "" } else { " (not counted)" };
            facts.push(format!("{} → {} tok{mark}", tokens(usage.input_tokens), tokens(usage.output_tokens)));
        }
        if step.cost_usd.is_some() {
            facts.push(style::dollars(step.cost_usd));
        }
        if let Some(count) = step.retrieval.as_ref().and_then(|retrieval| retrieval.count) {
            facts.push(format!("{count} documents"));
        }
        if step.retry_of.is_some() {
            facts.push("retry".into());
        }
        if step.orphan {
            facts.push("parent missing".into());
        }
        if let Some(error) = &step.error {
            let words = error.message.as_ref().or(error.r#type.as_ref()).map_or("no reason given", String::as_str);
            facts.push(style::bad(&format!("failed: {}", clip(words, 80))));
        }
        Self { name, facts }
    }

    fn render(&self, step: &Step, name_width: usize) -> String {
        let name = clip(&self.name, name_width);
        let padding = " ".repeat(name_width.saturating_sub(name.chars().count()));
        let kind = step.kind.as_str();
        // Only the kind is coloured, after the width is known.
        let coloured = name.replacen(kind, &paint(kind, style::kind(step.kind)), 1);
        let duration = step.duration_ms.map_or_else(|| "running".to_owned(), style::duration);
        let duration = paint(&format!("{duration:>10}"), style::step_status(step.status));
        format!("{coloured}{padding} {duration}  {}\n", self.facts.join(&faint(" · "))).trim_end().to_owned() + "\n"
    }
}

fn tool_name(step: &Step) -> &str {
    step.tool.as_ref().and_then(|tool| tool.name.as_deref()).unwrap_or_default()
}

/// What was said in a step, indented under its line.
fn said(step: &Step) -> String {
    let indent = "  ".repeat(step.depth.min(20) as usize + 1);
    let mut out = String::new();
    let mut block = |label: &str, text: &str| {
        if text.is_empty() {
            return;
        }
        out.push_str(&format!("{indent}{}\n", faint(label)));
        for line in printable(text).lines() {
            out.push_str(&format!("{indent}  {line}\n"));
        }
    };
    for (direction, messages) in [("→", &step.messages.input), ("←", &step.messages.output)] {
        for message in messages {
            block(&format!("{direction} {}", message.role), &message_text(message));
        }
    }
    let tool = step.tool.as_ref();
    for (label, value) in [
        ("input", step.input.as_ref()),
        ("output", step.output.as_ref()),
        ("arguments", tool.and_then(|tool| tool.arguments.as_ref())),
        ("result", tool.and_then(|tool| tool.result.as_ref())),
    ] {
        if let Some(value) = value {
            block(label, &value_text(value));
        }
    }
    if let Some(retrieval) = &step.retrieval {
        block("query", retrieval.query.as_deref().unwrap_or_default());
        for document in &retrieval.documents {
            block(
                &format!("document {}", document.id.as_deref().unwrap_or_default()),
                document.content.as_deref().unwrap_or_default(),
            );
        }
    }
    out
}

fn message_text(message: &Message) -> String {
    let parts: Vec<String> = message
        .parts
        .iter()
        .map(|part| match part {
            Part::Text { text } => text.clone(),
            Part::Reasoning { text } => format!("[reasoning] {text}"),
            Part::ToolCall { name, arguments, .. } => format!("[calls {name}] {}", value_text(arguments)),
            Part::ToolResult { result, .. } => format!("[result] {}", value_text(result)),
            Part::Media { modality, mime_type, .. } => {
                format!("[{modality} {}]", mime_type.as_deref().unwrap_or_default())
            }
            Part::Other { value } => value_text(value),
        })
        .collect();
    parts.join("\n")
}

fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}
