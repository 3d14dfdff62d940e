//! Spans of small runs, and a registry that keeps itself as the server does.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{Span, SpanId, SpanStatus, StepKind, Tenant, Timestamp, TraceId, Usage, Usd};
use signals::metrics::{Counted, Limits, Registry, Sample, Score, SeriesRow};
use signals::runs::{Resolved, Settings, resolve};

pub const SECOND: i64 = 1_000_000_000;

/// A span of trace `trace` from `start` to `end`, in milliseconds after a day in 2026.
pub fn span(trace: u8, id: u8, parent: u8, kind: StepKind, start: i64, end: i64) -> Span {
    let at = |millis: i64| Timestamp::from_nanos(1_790_000_000 * SECOND + millis * 1_000_000);
    let mut span = Span::new(Tenant::default(), TraceId::from_array([trace; 16]), SpanId::from_array([id; 8]));
    span.parent_span_id = (parent > 0).then(|| SpanId::from_array([parent; 8]));
    span.kind = kind;
    span.name = kind.as_str().into();
    (span.start, span.end, span.received) = (at(start), at(end), at(end));
    span
}

pub fn usage(input: u64, output: u64) -> Usage {
    Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() }
}

/// A run of an agent: a model call, a tool that fails or not, a model call.
pub fn agent_run(trace: u8, tool_fails: bool) -> Vec<Span> {
    let agent = |mut span: Span| {
        span.agent = Some("planner".into());
        span.workflow = Some("support".into());
        span
    };
    let llm = |id, start: i64| {
        let mut call = agent(span(trace, id, 1, StepKind::Llm, start, start + 800));
        (call.model, call.provider) = (Some("gpt-4o".into()), Some("openai".into()));
        (call.usage, call.cost) = (usage(100, 20), Some(Usd::from_pico(450_000_000)));
        call.ttft_ms = Some(120.0);
        call
    };
    let mut root = agent(span(trace, 1, 0, StepKind::Agent, 0, 3_000));
    root.name = "invoke_agent planner".into();
    let mut tool = agent(span(trace, 3, 1, StepKind::Tool, 1_000, 1_040));
    tool.tool_name = Some("search".into());
    if tool_fails {
        (tool.status, tool.error_type) = (SpanStatus::Error, Some("TimeoutError".into()));
    }
    vec![root, llm(2, 100), tool, llm(4, 1_200)]
}

/// Resolved `after` seconds after the last span came.
pub fn resolved(spans: &[Span], after: i64) -> Resolved {
    let spans: Vec<Arc<Span>> = spans.iter().cloned().map(Arc::new).collect();
    let now = spans.iter().map(|span| span.received).max().unwrap().plus_nanos(after * SECOND);
    resolve(&spans, now, &Settings::default()).unwrap()
}

/// What the server keeps beside a registry.
pub struct Kept {
    pub registry: Registry,
    pub counted: HashMap<TraceId, Vec<u8>>,
    rows: BTreeMap<u32, SeriesRow>,
    corrections: BTreeMap<String, f64>,
}

impl Kept {
    pub fn new(limits: Limits) -> Self {
        Self {
            registry: Registry::new(limits),
            counted: HashMap::new(),
            rows: BTreeMap::new(),
            corrections: BTreeMap::new(),
        }
    }

    /// Looks at a run as the judge does.
    pub fn look(&mut self, resolved: &Resolved, scores: &[Score], now: Timestamp) {
        let share = self.registry.share(&resolved.run, &resolved.steps, scores, now);
        let before = self.counted.get(&resolved.run.trace_id).map(|bytes| Counted::decode(bytes).unwrap());
        self.registry.stage(&share.counted.since(&before.unwrap_or_default()), share.exemplars);
        self.rows.extend(self.registry.new_rows().into_iter().map(|row| (row.id, row)));
        let rows = &mut self.rows;
        let changed = |id: u32, cells: &[f64]| rows.get_mut(&id).map(|row| row.cells = cells.to_vec()).ok_or(id);
        assert_eq!(self.registry.changed(changed), Ok(()), "what changes was kept when it was new");
        self.corrections.extend(self.registry.correction_rows().into_iter().map(|(name, sum)| (name.to_owned(), sum)));
        self.counted.insert(resolved.run.trace_id, share.counted.encode());
        self.registry.commit(now);
        self.registry.note(&resolved.run, &resolved.steps);
    }

    /// The process ends, and another one reads what was kept.
    pub fn restart(&mut self) {
        let corrections: Vec<(String, f64)> = self.corrections.clone().into_iter().collect();
        let rows = self.rows.values().cloned().collect();
        self.registry = Registry::restored(self.registry.limits(), rows, &corrections);
    }
}

/// The value of a sample by its name and some of its labels.
pub fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |sample: &&Sample| {
        sample.name == name
            && labels.iter().all(|(label, value)| sample.labels.iter().any(|(l, v)| l == label && v == value))
    };
    let found: Vec<f64> = samples.iter().filter(has).map(|sample| sample.value).collect();
    (!found.is_empty()).then(|| found.iter().sum())
}
