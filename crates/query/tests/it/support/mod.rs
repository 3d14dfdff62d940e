//! A real store in a temporary directory, with runs that tests choose.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use model::raw::{RawLog, RawSpan, Resource, Scope};
use model::{
    Attributes, KindCounts, Log, Run, RunStatus, Span, SpanId, StepKind, Tenant, Timestamp, TraceId, Usage, Value,
};
use query::{Engine, Limits};
use store::{Clock, Entry, Rows, RunResolver, Settings, Store};
use tempfile::TempDir;

/// When the tests' world begins: 2026-11-21T08:00:00Z.
pub const START: i64 = 1_795_248_000_000_000_000;
pub const SECOND: i64 = 1_000_000_000;

/// A clock that tests set.
pub struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

/// Resolves each trace to the run the test chose for it.
#[derive(Default)]
pub struct Chosen(Mutex<HashMap<(Arc<str>, TraceId), Run>>);

impl Chosen {
    /// Chooses the run of a trace.
    pub fn choose(&self, run: &Run) {
        self.0.lock().unwrap().insert((run.tenant.project.clone(), run.trace_id), run.clone());
    }
}

impl RunResolver for Chosen {
    fn resolve(&self, spans: &[Arc<Span>], _now: Timestamp) -> Option<Run> {
        let first = spans.first()?;
        let runs = self.0.lock().unwrap();
        let run = runs.get(&(first.tenant.project.clone(), first.trace_id))?;
        Some(Run { version: spans.iter().map(|span| span.version).max()?, ..run.clone() })
    }
}

/// A store, its engine, and what was put in.
pub struct World {
    pub store: Store,
    pub engine: Engine,
    pub clock: Arc<TestClock>,
    pub chosen: Arc<Chosen>,
    pub dir: TempDir,
}

impl World {
    pub async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        Self::open(tempfile::tempdir().unwrap(), clock, Arc::default(), limits).await
    }

    /// Over what an earlier program left in `data` below a directory; its log is not replayed.
    pub async fn over(dir: TempDir) -> Self {
        Self::open(dir, Arc::new(TestClock(AtomicI64::new(START))), Arc::default(), Limits::default()).await
    }

    /// Closed and opened again. What was not flushed is gone: these tests replay nothing.
    pub async fn restarted(self) -> Self {
        let Self { store, engine, clock, chosen, dir } = self;
        drop(engine);
        store.close().await;
        Self::open(dir, clock, chosen, Limits::default()).await
    }

    async fn open(dir: TempDir, clock: Arc<TestClock>, chosen: Arc<Chosen>, limits: Limits) -> Self {
        let mut settings = Settings::new(dir.path().join("data"));
        settings.sync = store::Sync::Off;
        let store = Store::open(settings, clock.clone(), chosen.clone(), Arc::new(|_: &store::LogEntry| Rows::new()))
            .await
            .unwrap();
        let engine = Engine::new(store.clone(), limits).unwrap();
        Self { store, engine, clock, chosen, dir }
    }

    /// Puts runs in, each as one span; a run that is there already is replaced.
    pub async fn put(&self, runs: &[Run]) {
        let Some(first) = runs.first() else { return };
        let project = first.tenant.project.clone();
        let mut rows = Rows::new();
        for run in runs {
            assert_eq!(run.tenant.project, project, "one project a commit");
            self.chosen.0.lock().unwrap().insert((project.clone(), run.trace_id), run.clone());
            let span_id = SpanId::from_array([7; 8]);
            let mut span = Span::new(run.tenant.clone(), run.trace_id, span_id);
            span.name = run.name.clone();
            span.kind = StepKind::Agent;
            span.start = run.start;
            span.end = run.end;
            span.received = self.clock.now();
            span.service = run.service.clone();
            let raw =
                RawSpan { trace_id: run.trace_id, span_id, name: run.name.to_string().into(), ..RawSpan::default() };
            rows.push_span(span, &raw, &Resource::default(), &Scope::default());
        }
        self.commit(&project, rows).await;
    }

    /// Puts one span in, with attributes.
    pub async fn put_span(&self, span: Span, attributes: &[(&str, Value<'_>)]) {
        let mut rows = Rows::new();
        let attributes = attributes.iter().map(|(key, value)| (key.to_string().into(), value.clone()));
        let raw = RawSpan {
            trace_id: span.trace_id,
            span_id: span.span_id,
            attributes: Attributes(attributes.collect()),
            ..RawSpan::default()
        };
        let project = span.tenant.project.clone();
        rows.push_span(span, &raw, &Resource::default(), &Scope::default());
        self.commit(&project, rows).await;
    }

    /// Puts log records in.
    pub async fn put_logs(&self, logs: &[(Log, RawLog<'_>)]) {
        let Some(first) = logs.first() else { return };
        let project = first.0.tenant.project.clone();
        let mut rows = Rows::new();
        for (log, raw) in logs {
            rows.push_log(log.clone(), raw, &Resource::default(), &Scope::default());
        }
        self.commit(&project, rows).await;
    }

    async fn commit(&self, project: &Arc<str>, rows: Rows) {
        let entry = Entry {
            tag: 0,
            project: project.clone(),
            received: self.clock.now(),
            payload: Bytes::from_static(b"test"),
            rows,
        };
        self.store.commit(entry).await.unwrap();
    }

    pub async fn flush(&self) {
        self.store.flush().await.unwrap();
    }

    pub async fn compact(&self) {
        while self.store.compact().await.unwrap().inputs > 0 {}
    }
}

pub fn trace(number: u64) -> TraceId {
    // Scattered, so that traces are not in the order of their numbers.
    let mixed = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    TraceId::from_array(mixed.to_be_bytes())
}

pub fn tenant(project: &str) -> Tenant {
    Tenant { project: project.into(), environment: "default".into() }
}

/// A finished run that began `second` seconds after the start of the world.
pub fn run(project: &str, number: u64, second: i64) -> Run {
    let start = Timestamp::from_nanos(START + second * SECOND);
    Run {
        tenant: tenant(project),
        trace_id: trace(number),
        version: 0,
        name: format!("run {number}").into(),
        root_span_id: None,
        agent: None,
        agents: Vec::new(),
        service: None,
        workflow: None,
        session_id: None,
        user_id: None,
        agent_version: None,
        query_type: None,
        status: RunStatus::Ok,
        error_type: None,
        error_message: None,
        outcome: None,
        start,
        end: start.plus_nanos(SECOND),
        last_received: start,
        duration_ms: 1000.0,
        kinds: KindCounts::default(),
        llm_calls: 0,
        tool_calls: 0,
        retrievals: 0,
        rounds: 0,
        errors: 0,
        retries: 0,
        usage: Usage::default(),
        cost: None,
        models: Vec::new(),
        tools: Vec::new(),
        tags: Vec::new(),
        input_preview: None,
        output_preview: None,
        provisional: false,
    }
}

/// Versions are given by the store; tests compare what they chose.
pub fn unversioned(runs: &[Run]) -> Vec<Run> {
    runs.iter().map(|run| Run { version: 0, ..run.clone() }).collect()
}
