//! Short runs written step by step: each call adds a step of one second below the root.

use std::sync::Arc;

use model::{
    Content, Document, Finding, Message, Part, Role, Span, SpanId, SpanStatus, StepKind, Tenant, Timestamp,
    ToolDefinition, TraceId,
};
use serde_json::{Value, json};
use signals::detect::baseline::Kind;
use signals::detect::features::derived_version;
use signals::detect::investigate::{Investigation, investigate};
use signals::detect::{Beside, Evidence, Night, Settings, Verdict, judge};
use signals::runs::{self, Resolved, resolve};

const START: i64 = 1_790_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// The id of the step that was added as the `number`-th, from 1.
pub fn span_id(number: usize) -> SpanId {
    let mut bytes = [0u8; 8];
    bytes[6..].copy_from_slice(&(number as u16 + 1).to_be_bytes());
    SpanId::from_array(bytes)
}

/// A run under construction.
pub struct Script {
    spans: Vec<Span>,
    contents: Vec<Content>,
    history: Vec<Message>,
    tools: Vec<ToolDefinition>,
    now: i64,
    open: bool,
    looked_at: i64,
}

impl Script {
    /// A run of an agent.
    pub fn agent(name: &str) -> Self {
        Self::of(1, name)
    }

    /// A run of an agent with a trace of its own.
    pub fn of(trace: u8, name: &str) -> Self {
        let mut root = Span::new(Tenant::default(), TraceId::from_array([trace; 16]), span_id(0));
        root.name = format!("invoke_agent {name}").into();
        root.kind = StepKind::Agent;
        root.agent = Some(name.into());
        root.start = Timestamp::from_nanos(START);
        Self {
            spans: vec![root],
            contents: vec![Content::default()],
            history: vec![Message::text(Role::User, "Please help me.")],
            tools: Vec::new(),
            now: START,
            open: false,
            looked_at: 60 * SECOND,
        }
    }

    /// The run begins so many hours later. To be said first.
    pub fn begins_after_hours(&mut self, hours: i64) {
        self.now = START + hours * 3_600 * SECOND;
        self.spans[0].start = Timestamp::from_nanos(self.now);
    }

    /// The agent is of a version. To be said first.
    pub fn version(&mut self, version: &str) {
        self.spans[0].agent_version = Some(version.into());
    }

    fn step(&mut self, kind: StepKind, name: &str, content: Content) -> &mut Span {
        let number = self.spans.len();
        let mut span = Span::new(Tenant::default(), self.spans[0].trace_id, span_id(number));
        span.parent_span_id = Some(span_id(0));
        span.kind = kind;
        span.name = name.into();
        span.start = Timestamp::from_nanos(self.now + SECOND / 10);
        self.now += SECOND;
        span.end = Timestamp::from_nanos(self.now);
        span.received = span.end;
        self.spans.push(span);
        self.contents.push(content);
        self.spans.last_mut().unwrap()
    }

    /// Tools offered from now on.
    pub fn offers(&mut self, names: &[&str]) {
        let tool = |name: &&str| ToolDefinition { name: (*name).into(), description: None, parameters: None };
        self.tools = names.iter().map(tool).collect();
    }

    /// A tool with a schema offered from now on.
    pub fn offers_schema(&mut self, name: &str, parameters: Value) {
        self.tools = vec![ToolDefinition { name: name.into(), description: None, parameters: Some(parameters) }];
    }

    /// The conversation begins with a system prompt.
    pub fn system(&mut self, text: &str) {
        self.history.insert(0, Message::text(Role::System, text));
    }

    /// The system prompt is left out from now on.
    pub fn forget_system(&mut self) {
        self.history.retain(|message| message.role != Role::System);
    }

    /// The conversation is forgotten, and another one begins.
    pub fn begins_anew(&mut self, first: &str) {
        self.history = vec![Message::text(Role::User, first)];
    }

    /// The user says something.
    pub fn user(&mut self, text: &str) {
        self.history.push(Message::text(Role::User, text));
    }

    fn llm(&mut self, output: Message) {
        let content = Content {
            input: self.history.clone(),
            output: vec![output.clone()],
            tool_definitions: self.tools.clone(),
            ..Content::default()
        };
        self.history.push(output);
        let span = self.step(StepKind::Llm, "chat", content);
        span.model = Some("test-model".into());
        span.finish_reason = Some("stop".into());
    }

    /// The model says something.
    pub fn says(&mut self, text: &str) {
        self.llm(Message::text(Role::Assistant, text));
    }

    /// The model asks for a tool, which does not run.
    pub fn asks(&mut self, name: &str, arguments: Value) {
        let parts = vec![Part::ToolCall { id: None, name: name.into(), arguments }];
        self.llm(Message { role: Role::Assistant, name: None, parts, finish_reason: None });
    }

    /// The model call fails.
    pub fn failing_llm(&mut self, class: &str, message: &str) {
        let span = self.step(StepKind::Llm, "chat", Content::default());
        span.model = Some("test-model".into());
        span.status = SpanStatus::Error;
        (span.error_type, span.error_message) = (Some(class.into()), Some(message.into()));
    }

    /// Changes the last model call.
    pub fn last_llm(&mut self, change: impl FnOnce(&mut Span)) {
        change(self.spans.iter_mut().rev().find(|span| span.kind == StepKind::Llm).unwrap());
    }

    /// A tool runs.
    pub fn tool(&mut self, name: &str, arguments: Value, result: Value) {
        self.history.push(Message::text(Role::Tool, result.to_string()));
        let content = Content { tool_arguments: Some(arguments), tool_result: Some(result), ..Content::default() };
        self.step(StepKind::Tool, name, content).tool_name = Some(name.into());
    }

    /// A tool of which only the name is told.
    pub fn bare_tool(&mut self, name: &str) {
        self.step(StepKind::Tool, name, Content::default()).tool_name = Some(name.into());
    }

    /// The last step took so many seconds.
    pub fn takes_seconds(&mut self, seconds: i64) {
        let last = self.spans.last_mut().unwrap();
        self.now = last.start.as_nanos() + seconds * SECOND;
        last.end = Timestamp::from_nanos(self.now);
    }

    /// A tool breaks.
    pub fn failing_tool(&mut self, name: &str, arguments: Value, message: &str) {
        let content = Content { tool_arguments: Some(arguments), ..Content::default() };
        let span = self.step(StepKind::Tool, name, content);
        span.tool_name = Some(name.into());
        span.status = SpanStatus::Error;
        span.error_message = Some(message.into());
    }

    /// A tool whose parent never arrives.
    pub fn orphan_tool(&mut self, name: &str) {
        let content = Content::default();
        self.step(StepKind::Tool, name, content).parent_span_id = Some(SpanId::from_array([9; 8]));
    }

    /// A search for documents, found with their scores.
    pub fn retrieves(&mut self, query: &str, found: &[(&str, f64)]) {
        let document =
            |(id, score): &(&str, f64)| Document { id: Some((*id).into()), score: Some(*score), ..Document::default() };
        let documents = found.iter().map(document).collect();
        let content = Content { query: Some(query.into()), documents, ..Content::default() };
        self.step(StepKind::Retriever, "retrieval", content);
    }

    /// A guardrail with its result.
    pub fn guardrail(&mut self, name: &str, result: Value) {
        self.step(StepKind::Guardrail, name, Content { output_value: Some(result), ..Content::default() });
    }

    /// Control goes to another agent.
    pub fn handoff(&mut self, to: &str) {
        let content = Content { tool_arguments: Some(json!({"to": to})), ..Content::default() };
        self.step(StepKind::Handoff, "handoff", content);
    }

    /// An agent below.
    pub fn sub_agent(&mut self, name: &str, status: SpanStatus) {
        let span = self.step(StepKind::Agent, name, Content::default());
        span.agent = Some(name.into());
        span.status = status;
    }

    /// Nothing happens for a while.
    pub fn wait_seconds(&mut self, seconds: i64) {
        self.now += seconds * SECOND;
    }

    /// The root does not end.
    pub fn never_ends(&mut self) {
        self.open = true;
    }

    /// Looks at the run so long after its last step.
    pub fn look_after_seconds(&mut self, seconds: i64) {
        self.looked_at = seconds * SECOND;
    }

    fn told(&self) -> Vec<Arc<Span>> {
        let mut spans = self.spans.clone();
        spans[0].received = Timestamp::from_nanos(self.now);
        if !self.open {
            spans[0].end = Timestamp::from_nanos(self.now + SECOND / 10);
        }
        spans.into_iter().map(Arc::new).collect()
    }

    fn looked(&self) -> Timestamp {
        Timestamp::from_nanos(self.now + self.looked_at)
    }

    /// The run.
    pub fn resolved(&self) -> Resolved {
        resolve(&self.told(), self.looked(), &runs::Settings::default()).unwrap()
    }

    fn contents(&self, resolved: &Resolved) -> Vec<&Content> {
        let content = |span: SpanId| {
            let at = self.spans.iter().position(|it| it.span_id == span).unwrap();
            &self.contents[at]
        };
        resolved.steps.iter().map(|step| content(step.span.span_id)).collect()
    }

    /// What detectors see.
    pub fn judge(&self, settings: &Settings) -> Vec<Finding> {
        let resolved = self.resolved();
        judge(&Evidence::new(&resolved.run, &resolved.steps, self.contents(&resolved), self.looked()), settings)
    }

    /// What the whole of detection says, which learns from it.
    pub fn shown_to(&self, night: &mut Night, beside: Beside) -> Verdict {
        let resolved = self.resolved();
        let contents = self.contents(&resolved);
        night.judge(&resolved.run, &resolved.steps, contents, self.looked(), beside)
    }

    /// The page that explains it, beside what `night` knows of such runs.
    pub fn investigated(&self, night: &Night) -> Investigation {
        let resolved = self.resolved();
        let evidence = Evidence::new(&resolved.run, &resolved.steps, self.contents(&resolved), self.looked());
        let known = night.baselines.of(&Kind::of(&resolved.run).key(), &derived_version(&evidence));
        investigate(&evidence.against(known), Vec::new())
    }

    /// What is told of it while it goes on.
    pub fn looked_at_by(&self, night: &mut Night) -> Vec<Finding> {
        let resolved = self.resolved();
        let contents = self.contents(&resolved);
        night.look(&resolved.run, &resolved.steps, contents, self.looked())
    }
}
