//! From the vocabulary to the API's JSON types.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::raw::RawSpan;
use model::{AgentNode, Attributes, Content, ResolvedStep, RunStatus, StepKind, Timestamp, Usage, Usd};
use serde_json::Value as Json;
use store::StoredLog;

use super::types::{
    Agent, CompletedRun, Counters, ErrorInfo, Event, FacetValue, Link, LogRecord, Messages, Prompt, Retrieval, Run,
    RunsAnswer, Score, SearchAnswer, SearchMatch, SearchResult, Session, SessionsAnswer, Step, StepUsage, Summary,
    ToldBy, Tool, TreeStep, UsageTotals,
};

fn text(shared: &Arc<str>) -> String {
    shared.as_ref().to_owned()
}

fn optional(shared: &Option<Arc<str>>) -> Option<String> {
    shared.as_ref().map(text)
}

fn texts(shared: &[Arc<str>]) -> Vec<String> {
    shared.iter().map(text).collect()
}

fn set(time: Timestamp) -> Option<Timestamp> {
    (!time.is_unset()).then_some(time)
}

fn dollars(cost: Option<Usd>) -> Option<f64> {
    cost.map(Usd::as_f64)
}

fn error(kind: &Option<Arc<str>>, message: &Option<Arc<str>>) -> Option<ErrorInfo> {
    (kind.is_some() || message.is_some()).then(|| ErrorInfo { r#type: optional(kind), message: optional(message) })
}

/// Attributes as JSON; where a sender repeats a key, the last value, as [`Attributes::get`] has it.
fn attributes(sent: &Attributes<'_>) -> BTreeMap<String, Json> {
    sent.iter().map(|(key, value)| (key.to_owned(), value.to_json())).collect()
}

impl From<&Usage> for UsageTotals {
    fn from(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.input_tokens.unwrap_or(0),
            output_tokens: usage.output_tokens.unwrap_or(0),
            cache_read_tokens: usage.cache_read_tokens.unwrap_or(0),
            cache_write_tokens: usage.cache_write_tokens.unwrap_or(0),
            reasoning_tokens: usage.reasoning_tokens.unwrap_or(0),
            total_tokens: usage.total_tokens().unwrap_or(0),
        }
    }
}

impl From<&Usage> for StepUsage {
    fn from(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cache_read_tokens: usage.cache_read_tokens,
            cache_write_tokens: usage.cache_write_tokens,
            reasoning_tokens: usage.reasoning_tokens,
            total_tokens: usage.total_tokens(),
        }
    }
}

impl From<&AgentNode> for Agent {
    fn from(node: &AgentNode) -> Self {
        Self {
            agent: text(&node.agent),
            span_id: node.span_id,
            parent: node.parent,
            calls: node.calls,
            llm_calls: node.llm_calls,
            tool_calls: node.tool_calls,
            errors: node.errors,
            usage: (&node.usage).into(),
            cost_usd: dollars(node.cost),
            own_ms: node.own_ms,
            delegated_ms: node.delegated_ms,
        }
    }
}

impl From<&model::Run> for Run {
    fn from(run: &model::Run) -> Self {
        let by_kind = StepKind::ALL.iter().map(|kind| (kind.to_string(), run.kinds.get(*kind)));
        Self {
            trace_id: run.trace_id,
            name: text(&run.name),
            agent: optional(&run.agent),
            service: optional(&run.service),
            workflow: optional(&run.workflow),
            session_id: optional(&run.session_id),
            user_id: optional(&run.user_id),
            status: run.status,
            started_at: run.start,
            ended_at: set(run.end).filter(|_| run.status != RunStatus::Running),
            duration_ms: run.duration_ms,
            steps: run.kinds.total(),
            steps_by_kind: by_kind.filter(|(_, count)| *count > 0).collect(),
            llm_calls: run.llm_calls,
            tool_calls: run.tool_calls,
            retrievals: run.retrievals,
            rounds: run.rounds,
            errors: run.errors,
            retries: run.retries,
            usage: (&run.usage).into(),
            cost_usd: dollars(run.cost),
            models: texts(&run.models),
            tools: texts(&run.tools),
            agents: run.agents.iter().map(Agent::from).collect(),
            tags: texts(&run.tags),
            outcome: optional(&run.outcome),
            error: error(&run.error_type, &run.error_message),
            input_preview: optional(&run.input_preview),
            output_preview: optional(&run.output_preview),
            query_type: optional(&run.query_type),
            root_span_id: run.root_span_id,
            project: text(&run.tenant.project),
            environment: text(&run.tenant.environment),
            version: optional(&run.agent_version),
            provisional: run.provisional,
            findings: 0,
            sla_broken: Vec::new(),
            suspicion: None,
            good: None,
        }
    }
}

impl From<query::SearchPage> for SearchAnswer {
    fn from(page: query::SearchPage) -> Self {
        let matched = |found: store::Match| SearchMatch {
            span_id: found.span_id,
            kind: found.kind,
            name: text(&found.name),
            time: found.time,
            field: found.field,
            snippet: found.snippet,
        };
        let results = page.results.into_iter().map(|result| SearchResult {
            run: (&result.run).into(),
            matches: result.matches.into_iter().map(matched).collect(),
            more: result.more,
        });
        Self { results: results.collect(), next: page.next, searched_to: page.searched_to }
    }
}

impl From<query::RunsPage> for RunsAnswer {
    fn from(page: query::RunsPage) -> Self {
        let facets = page.facets.unwrap_or_default().into_iter().map(|(key, values)| {
            let values = values.into_iter().map(|value| FacetValue { value: value.value, count: value.count });
            (key.to_string(), values.collect())
        });
        Self {
            runs: page.runs.iter().map(Run::from).collect(),
            next: page.next,
            partial: page.partial,
            total: page.total,
            facets: facets.collect(),
        }
    }
}

impl From<query::SessionsPage> for SessionsAnswer {
    fn from(page: query::SessionsPage) -> Self {
        let sessions = page.sessions.iter().map(|session| Session {
            session_id: text(&session.session_id),
            runs: session.runs,
            started_at: session.started_at,
            last_at: session.last_at,
            agents: texts(&session.agents),
            user_id: optional(&session.user_id),
            usage: (&session.usage).into(),
            cost_usd: dollars(session.cost),
            errors: session.errors,
            status: session.status,
            input_preview: optional(&session.input_preview),
        });
        Self { sessions: sessions.collect(), next: page.next }
    }
}

impl From<query::Summary> for Summary {
    fn from(summary: query::Summary) -> Self {
        let counters = &summary.counters;
        let completed = summary.last_completed.iter().map(|run| CompletedRun {
            trace_id: run.trace_id,
            name: text(&run.name),
            agent: optional(&run.agent),
            status: run.status,
            duration_ms: run.duration_ms,
            steps: run.kinds.total(),
            usage: (&run.usage).into(),
            cost_usd: dollars(run.cost),
            errors: run.errors,
            retries: run.retries,
            ended_at: set(run.end),
        });
        Self {
            active_runs: summary.active_runs,
            counters: Counters {
                runs_started: counters.runs_started,
                runs_completed: counters.runs_completed,
                runs_failed: counters.runs_failed,
                steps: counters.steps,
                llm_calls: counters.llm_calls,
                tool_calls: counters.tool_calls,
                errors: counters.errors,
                retries: counters.retries,
                input_tokens: counters.input_tokens,
                output_tokens: counters.output_tokens,
                cost_usd: dollars(counters.cost),
            },
            last_completed: completed.collect(),
        }
    }
}

impl From<query::LogEntry> for LogRecord {
    fn from(entry: query::LogEntry) -> Self {
        let attributes = match entry.attributes {
            Json::Object(map) => map.into_iter().collect(),
            _ => BTreeMap::new(),
        };
        log_record(&entry.log, entry.body, attributes)
    }
}

/// A log record as the API shows it.
pub fn log_record(log: &model::Log, body: Json, attributes: BTreeMap<String, Json>) -> LogRecord {
    LogRecord {
        time: log.time,
        severity: log.severity,
        severity_text: text(&log.severity_text),
        event_name: optional(&log.event_name),
        body,
        attributes,
        service: optional(&log.service),
        trace_id: log.trace_id,
        span_id: log.span_id,
    }
}

/// A log record with body and attributes as they were sent.
pub fn raw_log_record(log: &model::Log, raw: &model::raw::RawLog<'_>) -> LogRecord {
    log_record(log, raw.body.to_json(), attributes(&raw.attributes))
}

/// What a row of a run's tree needs.
pub fn tree_step(resolved: &ResolvedStep) -> TreeStep {
    let span = &resolved.span;
    TreeStep {
        span_id: span.span_id,
        depth: resolved.depth,
        kind: span.kind,
        name: text(&span.name),
        status: span.status,
        started_at: span.start,
        duration_ms: span.duration_nanos().map(|nanos| nanos as f64 / 1e6),
        agent: optional(&resolved.agent),
        model: optional(&span.model),
        tool: optional(&span.tool_name),
        total_tokens: span.usage.total_tokens(),
        cost_usd: dollars(span.cost),
        counted: resolved.counted,
    }
}

/// A step without content.
pub fn step(resolved: &ResolvedStep) -> Step {
    let span = &resolved.span;
    let tool = (span.kind == StepKind::Tool || span.tool_name.is_some()).then(|| Tool {
        name: optional(&span.tool_name),
        call_id: optional(&span.tool_call_id),
        arguments: None,
        result: None,
    });
    let searches = matches!(span.kind, StepKind::Retriever | StepKind::Reranker) || span.documents.is_some();
    let retrieval = searches.then(|| Retrieval {
        query: None,
        count: span.documents,
        documents: Vec::new(),
        input_documents: Vec::new(),
    });
    let prompt = (span.prompt_name.is_some() || span.prompt_version.is_some())
        .then(|| Prompt { name: optional(&span.prompt_name), version: optional(&span.prompt_version) });
    Step {
        span_id: span.span_id,
        parent_span_id: span.parent_span_id,
        shown_parent_span_id: resolved.shown_parent,
        depth: resolved.depth,
        orphan: resolved.orphan,
        kind: span.kind,
        name: text(&span.name),
        status: span.status,
        started_at: span.start,
        ended_at: set(span.end),
        duration_ms: span.duration_nanos().map(|nanos| nanos as f64 / 1e6),
        own_ms: resolved.own_ms,
        critical_ms: None,
        folded: 0,
        model: optional(&span.model),
        request_model: optional(&span.request_model),
        provider: optional(&span.provider),
        usage: (&span.usage).into(),
        cost_usd: dollars(span.cost),
        cost_source: span.cost_source,
        counted: resolved.counted,
        not_counted_because: resolved.not_counted_because.map(str::to_owned),
        ttft_ms: span.ttft_ms,
        finish_reason: optional(&span.finish_reason),
        agent: optional(&resolved.agent),
        version: optional(&span.agent_version),
        workflow: optional(&span.workflow),
        tool,
        retrieval,
        messages: Messages::default(),
        input: None,
        output: None,
        tool_definitions: Vec::new(),
        requested_tool_calls: texts(&span.requested_tool_calls),
        called_by: resolved.called_by,
        retry_of: resolved.retry_of,
        error: error(&span.error_type, &span.error_message),
        input_preview: optional(&span.input_preview),
        output_preview: optional(&span.output_preview),
        service: optional(&span.service),
        session_id: optional(&span.session_id),
        user_id: optional(&span.user_id),
        response_id: optional(&span.response_id),
        prompt,
        tags: texts(&span.tags),
        dialect: text(&span.dialect),
        told_by: match (span.told.is_some(), resolved.told_by.is_empty()) {
            (true, _) => ToldBy::Log,
            (false, true) => ToldBy::Span,
            (false, false) => ToldBy::Both,
        },
        attributes: BTreeMap::new(),
        events: Vec::new(),
        links: Vec::new(),
        scores: Vec::new(),
    }
}

/// The judgements among log records, as they stand, by time.
pub fn scores(logs: &[StoredLog]) -> Vec<Score> {
    let found = logs.iter().filter_map(|log| receivers::Score::from_log(&log.raw)).collect();
    let scores = receivers::Score::latest(found).into_iter();
    let filled = |text: String| (!text.is_empty()).then_some(text);
    let score = |score: receivers::Score| Score {
        id: filled(score.id),
        name: score.name,
        value: score.value,
        label: score.label,
        comment: score.comment,
        source: score.source,
        span_id: score.span_id,
        at: score.at,
    };
    scores.map(score).collect()
}

/// Adds what was said, and attributes, events and links as sent.
pub fn add_content(step: &mut Step, raw: &RawSpan<'_>, content: Content) {
    step.messages = Messages { input: content.input, output: content.output };
    (step.input, step.output) = (content.input_value, content.output_value);
    step.tool_definitions = content.tool_definitions;
    if content.tool_arguments.is_some() || content.tool_result.is_some() {
        let tool = step.tool.get_or_insert(Tool { name: None, call_id: None, arguments: None, result: None });
        (tool.arguments, tool.result) = (content.tool_arguments, content.tool_result);
    }
    if content.query.is_some() || !content.documents.is_empty() || !content.input_documents.is_empty() {
        let empty = Retrieval { query: None, count: None, documents: Vec::new(), input_documents: Vec::new() };
        let retrieval = step.retrieval.get_or_insert(empty);
        retrieval.query = content.query;
        (retrieval.documents, retrieval.input_documents) = (content.documents, content.input_documents);
    }
    step.attributes = attributes(&raw.attributes);
    step.events = raw
        .events
        .iter()
        .map(|event| Event {
            time: event.time,
            name: event.name.to_string(),
            attributes: attributes(&event.attributes),
        })
        .collect();
    step.links = raw
        .links
        .iter()
        .map(|link| Link { trace_id: link.trace_id, span_id: link.span_id, attributes: attributes(&link.attributes) })
        .collect();
}
