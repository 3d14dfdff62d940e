//! The stage on which a script plays: a virtual clock, the steps so far, and the small mishaps of real life.
//!
//! Scripts say what an agent asks and what comes back. The scene adds what every real system adds by itself: latencies,
//! rate limits with back-off, tools that time out and are asked again, log lines about both.

use std::sync::Arc;

use model::{Document, Message, Part, Role, SpanId, Usage};
use serde_json::{Value as Json, json};

use crate::card::{AgentCard, Model};
use crate::chat::Chat;
use crate::plan::{Failure, LlmCall, LogLine, Severity, Step, Work};
use crate::random::Random;

/// Attempts of a model call or tool before the agent gives up.
const ATTEMPTS: u32 = 3;

/// How often things go wrong by themselves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// Share of tool calls that fail.
    pub(crate) tool_fails: f64,
    /// Share of model calls that fail.
    pub(crate) llm_fails: f64,
    /// Share of repeats that fail again.
    pub(crate) fails_again: f64,
}

impl Default for Weather {
    fn default() -> Self {
        Self { tool_fails: 0.025, llm_fails: 0.012, fails_again: 0.2 }
    }
}

/// A tool call that a script wants made, with what comes back.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    name: &'static str,
    arguments: Json,
    result: Json,
}

impl Call {
    /// Calls `name` with `arguments`; `result` comes back.
    pub(crate) fn new(name: &'static str, arguments: Json, result: Json) -> Self {
        Self { name, arguments, result }
    }
}

/// Where a script plays.
pub(crate) struct Scene {
    /// For the script's own draws.
    pub(crate) random: Random,
    pub(crate) steps: Vec<Step>,
    pub(crate) logs: Vec<LogLine>,
    weather: Weather,
    now: u64,
    around: Vec<SpanId>,
    agents: Vec<&'static str>,
}

impl Scene {
    pub(crate) fn new(random: Random, weather: Weather) -> Self {
        Self { random, steps: Vec::new(), logs: Vec::new(), weather, now: 0, around: Vec::new(), agents: Vec::new() }
    }

    /// An agent does `work`.
    pub(crate) fn agent(
        &mut self,
        card: &AgentCard,
        input: &str,
        work: impl FnOnce(&mut Self) -> Result<String, Failure>,
    ) -> Result<String, Failure> {
        self.agents.push(card.name);
        let begun =
            Work::Agent { name: card.name, description: card.description, input: input.to_string(), output: None };
        let outcome = self.around(begun, work);
        self.agents.pop();
        outcome
    }

    /// A workflow around `work`.
    pub(crate) fn workflow(
        &mut self,
        name: &'static str,
        input: &str,
        work: impl FnOnce(&mut Self) -> Result<String, Failure>,
    ) -> Result<String, Failure> {
        self.around(Work::Workflow { name, input: input.to_string(), output: None }, work)
    }

    fn around(
        &mut self,
        begun: Work,
        work: impl FnOnce(&mut Self) -> Result<String, Failure>,
    ) -> Result<String, Failure> {
        let at = self.begin(begun);
        self.around.push(self.steps[at].span_id);
        self.pause(2.0);
        let outcome = work(self);
        self.pause(2.0);
        self.around.pop();
        if let (Ok(text), Work::Agent { output, .. } | Work::Workflow { output, .. }) =
            (&outcome, &mut self.steps[at].work)
        {
            *output = Some(text.clone());
        }
        self.end(at, outcome.as_ref().err().cloned());
        outcome
    }

    /// The model answers in words, and the conversation goes on from there.
    pub(crate) fn answer(&mut self, chat: &mut Chat, text: impl Into<String>) -> Result<String, Failure> {
        let text = text.into();
        let mut message = Message::text(Role::Assistant, text.clone());
        message.finish_reason = Some("stop".into());
        self.model_call(chat, message)?;
        Ok(text)
    }

    /// The model asks for tools, they run beside one another, and what failed is asked for again.
    pub(crate) fn act(&mut self, chat: &mut Chat, thought: &str, calls: Vec<Call>) -> Result<(), Failure> {
        let mut thought = thought.to_string();
        let mut left = calls;
        for attempt in 1..=ATTEMPTS {
            let asked = self.request(chat, &thought, &left)?;
            let failed = self.run_tools(chat, left, asked, attempt);
            if failed.is_empty() {
                return Ok(());
            }
            left = failed;
            thought = format!("`{}` did not answer. I will try it once more before going on without it.", left[0].name);
        }
        let message = format!("gave up on {} after {ATTEMPTS} attempts", left[0].name);
        self.log(Severity::Error, &message, vec![("tool", json!(left[0].name))]);
        Err(Failure { kind: "ToolUnavailable", message })
    }

    /// The model hands part of the work to another agent through a tool of the given name.
    pub(crate) fn delegate(
        &mut self,
        chat: &mut Chat,
        tool: &'static str,
        card: &AgentCard,
        task: &str,
        work: impl FnOnce(&mut Self) -> Result<String, Failure>,
    ) -> Result<String, Failure> {
        let call = Call::new(tool, json!({"task": task}), Json::Null);
        let asked = self.request(chat, "", std::slice::from_ref(&call))?;
        let call_id = asked.into_iter().next().unwrap_or_default();
        let at = self.begin(Work::Tool {
            name: tool,
            description: card.description,
            call_id: call_id.clone(),
            arguments: call.arguments,
            result: None,
        });
        self.around.push(self.steps[at].span_id);
        let outcome = self.agent(card, task, work);
        self.around.pop();
        let answer = outcome.as_ref().map_or_else(|failure| json!({"error": failure.message}), |text| json!(text));
        if let (Ok(_), Work::Tool { result, .. }) = (&outcome, &mut self.steps[at].work) {
            *result = Some(answer.clone());
        }
        self.end(at, outcome.as_ref().err().cloned());
        chat.messages.push(tool_message(call_id, answer));
        outcome
    }

    /// Control goes to another agent, for good.
    pub(crate) fn hand_off(&mut self, from: &'static str, to: &'static str, reason: &str) {
        let at = self.begin(Work::Handoff { from, to, reason: reason.to_string() });
        self.pause(6.0);
        self.end(at, None);
    }

    /// Embeds the question, then searches for it.
    pub(crate) fn retrieve(&mut self, source: &'static str, query: &str, documents: Vec<Document>) -> Vec<Document> {
        let at = self.begin(Work::Retrieval { source, query: query.to_string(), documents: documents.clone() });
        self.around.push(self.steps[at].span_id);
        let embedding = self.begin(Work::Embedding {
            model: "text-embedding-3-small",
            text: query.to_string(),
            tokens: (query.len() as u64).div_ceil(4),
        });
        self.pause(60.0);
        self.end(embedding, None);
        self.around.pop();
        self.pause(45.0);
        self.end(at, None);
        documents
    }

    /// Puts documents into the order of their new scores and keeps the best.
    pub(crate) fn rerank(&mut self, query: &str, before: Vec<Document>, keep: usize) -> Vec<Document> {
        let mut after = before.clone();
        for document in &mut after {
            document.score = Some(round(self.random.fraction(0.2, 0.99), 4));
        }
        after.sort_by(|a, b| b.score.unwrap_or(0.0).total_cmp(&a.score.unwrap_or(0.0)));
        after.truncate(keep);
        let at =
            self.begin(Work::Rerank { model: "rerank-v3.5", query: query.to_string(), before, after: after.clone() });
        self.pause(110.0);
        self.end(at, None);
        after
    }

    /// Checks a text.
    pub(crate) fn guard(&mut self, name: &'static str, text: &str, passed: bool) {
        let at = self.begin(Work::Guardrail { name, text: text.to_string(), passed });
        self.pause(35.0);
        self.end(at, None);
    }

    /// Writes a log line.
    pub(crate) fn log(&mut self, severity: Severity, body: &str, attributes: Vec<(&'static str, Json)>) {
        self.event(severity, None, body, attributes);
    }

    /// Writes a structured event about the step that ended last.
    pub(crate) fn event(
        &mut self,
        severity: Severity,
        event: Option<&'static str>,
        body: &str,
        attributes: Vec<(&'static str, Json)>,
    ) {
        let inner = self.around.last().copied();
        let span_id = match event {
            Some(_) => self.steps.last().map(|step| step.span_id),
            None => inner.or_else(|| self.steps.first().map(|step| step.span_id)),
        };
        if let Some(span_id) = span_id {
            self.logs.push(LogLine { at: self.now, span_id, severity, event, body: body.to_string(), attributes });
        }
    }

    /// Time passes.
    pub(crate) fn pause(&mut self, typical_ms: f64) {
        self.now += self.random.latency(typical_ms);
    }

    fn begin(&mut self, work: Work) -> usize {
        self.steps.push(Step {
            span_id: SpanId::from_array(self.random.bytes()),
            parent: self.around.last().copied(),
            start: self.now,
            end: self.now,
            agent: self.agents.last().copied(),
            error: None,
            work,
        });
        self.steps.len() - 1
    }

    fn end(&mut self, at: usize, error: Option<Failure>) {
        self.steps[at].end = self.now;
        self.steps[at].error = error;
    }

    /// One model call that asks for tools; gives the call ids.
    fn request(&mut self, chat: &mut Chat, thought: &str, calls: &[Call]) -> Result<Vec<String>, Failure> {
        let prefix = if chat.model.provider == "anthropic" { "toolu_01" } else { "call_" };
        let ids: Vec<String> = calls.iter().map(|_| format!("{prefix}{}", self.random.token(22))).collect();
        let mut parts = Vec::new();
        if !thought.is_empty() {
            parts.push(Part::Text { text: thought.to_string() });
        }
        parts.extend(calls.iter().zip(&ids).map(|(call, id)| Part::ToolCall {
            id: Some(id.clone()),
            name: call.name.to_string(),
            arguments: call.arguments.clone(),
        }));
        let message = Message { role: Role::Assistant, name: None, parts, finish_reason: Some("tool_calls".into()) };
        self.model_call(chat, message)?;
        Ok(ids)
    }

    /// Runs tools side by side; gives those that failed.
    fn run_tools(&mut self, chat: &mut Chat, calls: Vec<Call>, ids: Vec<String>, attempt: u32) -> Vec<Call> {
        let (begun, mut last, mut failed) = (self.now, self.now, Vec::new());
        for (call, id) in calls.into_iter().zip(ids) {
            self.now = begun + self.random.latency(1.5);
            let card = chat.cards.iter().find(|card| card.name == call.name);
            let share = if attempt == 1 { self.weather.tool_fails } else { self.weather.fails_again };
            let failure = self.random.chance(share).then(|| self.mishap(call.name));
            let at = self.begin(Work::Tool {
                name: call.name,
                description: card.map_or("", |card| card.description),
                call_id: id.clone(),
                arguments: call.arguments.clone(),
                result: failure.is_none().then(|| call.result.clone()),
            });
            let slower = if failure.is_some() { 3.0 } else { 1.0 };
            self.pause(card.map_or(80.0, |card| card.typical_ms) * slower);
            let answer = failure.as_ref().map_or_else(|| call.result.clone(), |why| json!({"error": why.message}));
            if let Some(why) = &failure {
                let text = format!("tool {} failed on attempt {attempt}: {}", call.name, why.message);
                self.log(Severity::Warn, &text, vec![("tool", json!(call.name)), ("attempt", json!(attempt))]);
                failed.push(call);
            }
            self.end(at, failure);
            last = last.max(self.now);
            chat.messages.push(tool_message(id, answer));
        }
        self.now = last;
        failed
    }

    fn mishap(&mut self, tool: &str) -> Failure {
        match self.random.between(0, 3) {
            0 => Failure { kind: "TimeoutError", message: format!("{tool} gave no answer within the time limit") },
            1 => Failure { kind: "ConnectionError", message: format!("{tool}: connection reset by peer") },
            2 => Failure { kind: "HTTPError", message: format!("{tool}: 503 Service Unavailable") },
            _ => Failure { kind: "ValidationError", message: format!("{tool}: upstream sent a body that is not JSON") },
        }
    }

    /// One successful model call, after the failures that come before it.
    fn model_call(&mut self, chat: &mut Chat, output: Message) -> Result<(), Failure> {
        for attempt in 1..=ATTEMPTS {
            let share = if attempt == 1 { self.weather.llm_fails } else { self.weather.fails_again };
            if !self.random.chance(share) {
                self.model_answers(chat, output);
                return Ok(());
            }
            let failure = self.model_fails(chat);
            let text = format!("{} refused attempt {attempt}: {}", chat.model.name, failure.message);
            self.log(Severity::Warn, &text, vec![("attempt", json!(attempt)), ("model", json!(chat.model.name))]);
            if attempt == ATTEMPTS {
                return Err(failure);
            }
            self.pause(700.0 * f64::from(attempt));
        }
        unreachable!("the last attempt returns")
    }

    fn model_answers(&mut self, chat: &mut Chat, output: Message) {
        let model = chat.model;
        let reasoning = if model.reasons { self.random.between(2, 40) * 16 } else { 0 };
        let usage = chat.usage(&output, reasoning);
        let finish = match output.finish_reason.as_deref() {
            Some("tool_calls") => "tool_calls",
            _ => "stop",
        };
        let mut call = blank_call(chat, usage);
        let thinking_ms = reasoning as f64 / model.speed * 1e3;
        let first = self.random.latency(model.first_token_ms + thinking_ms);
        call.first_token_ms = Some(first as f64 / 1e6);
        call.response_id = Some(format!("{}{}", model.id_prefix, self.random.token(24)));
        call.finish_reason = Some(finish);
        call.output = Some(output.clone());
        let said = usage.output_tokens.unwrap_or(0).saturating_sub(reasoning);
        let at = self.begin(Work::Llm(Box::new(call)));
        self.now += first;
        self.pause(said as f64 / model.speed * 1e3);
        self.end(at, None);
        chat.messages.push(output);
    }

    fn model_fails(&mut self, chat: &Chat) -> Failure {
        let failure = refusal(&self.random, chat.model);
        let at = self.begin(Work::Llm(Box::new(blank_call(chat, Usage::default()))));
        self.pause(if failure.kind == "timeout" { 9_000.0 } else { 180.0 });
        self.end(at, Some(failure.clone()));
        failure
    }
}

fn blank_call(chat: &Chat, usage: Usage) -> LlmCall {
    LlmCall {
        model: chat.model,
        temperature: (!chat.model.reasons).then_some(0.2),
        max_tokens: 4096,
        system: Arc::clone(&chat.system),
        input: chat.messages.clone(),
        output: None,
        tools: Arc::clone(&chat.tools),
        usage,
        first_token_ms: None,
        response_id: None,
        finish_reason: None,
    }
}

fn refusal(random: &Random, model: &Model) -> Failure {
    match random.between(0, 3) {
        0 | 1 => Failure {
            kind: "rate_limit_exceeded",
            message: format!("429: rate limit reached for {} on tokens per minute", model.name),
        },
        2 => Failure { kind: "overloaded_error", message: format!("529: {} is overloaded", model.name) },
        _ => Failure { kind: "timeout", message: format!("no answer from {} in time", model.host) },
    }
}

fn tool_message(id: String, result: Json) -> Message {
    Message {
        role: Role::Tool,
        name: None,
        parts: vec![Part::ToolResult { id: Some(id), result }],
        finish_reason: None,
    }
}

/// `value` with `digits` decimals.
pub(crate) fn round(value: f64, digits: i32) -> f64 {
    let unit = 10f64.powi(digits);
    (value * unit).round() / unit
}
