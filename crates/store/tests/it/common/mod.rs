//! What the tests of the whole store share: a clock, a resolver, and a tiny wire format for replay.

#![allow(dead_code, reason = "not every test file uses all of it")]

pub mod mortal;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use model::raw::{Event, RawLog, RawSpan, Resource, Scope};
use model::{
    Attributes, KindCounts, Log, Run, RunStatus, Sample, SampleKind, Span, SpanId, SpanStatus, StepKind, Tenant,
    Timestamp, TraceId, Usage, Value,
};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use store::{
    Bucket, Clock, CommitError, Committed, Entry, LogEntry, Rows, RunResolver, Settings, Store, Sync as Syncing, Table,
};

/// 2026-11-21T08:00:00Z.
pub const NOON: i64 = 1_795_248_000_000_000_000;
pub const SECOND: i64 = 1_000_000_000;

pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(NOON)))
    }

    pub fn pass(&self, nanos: i64) {
        self.0.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

/// Counts spans; a run is running until its root ended, and abandoned an hour after it was last heard of.
pub struct CountingResolver;

impl RunResolver for CountingResolver {
    fn resolve(&self, spans: &[Arc<Span>], now: Timestamp) -> Option<Run> {
        let first = spans.iter().min_by_key(|span| span.start)?;
        let root = spans.iter().find(|span| span.parent_span_id.is_none());
        let last_received = spans.iter().map(|span| span.received).max()?;
        let mut kinds = KindCounts::default();
        let mut usage = Usage::default();
        for span in spans {
            kinds.add(span.kind);
            usage.add(&span.usage);
        }
        let quiet = now.nanos_since(last_received);
        let status = match root {
            Some(root) if !root.end.is_unset() => RunStatus::Ok,
            _ if quiet > 3600 * SECOND => RunStatus::Abandoned,
            _ => RunStatus::Running,
        };
        Some(Run {
            tenant: first.tenant.clone(),
            trace_id: first.trace_id,
            version: spans.iter().map(|span| span.version).max()?,
            name: root.map_or_else(|| Arc::clone(&first.name), |root| Arc::clone(&root.name)),
            root_span_id: root.map(|root| root.span_id),
            agent: None,
            agents: Vec::new(),
            service: first.service.clone(),
            workflow: None,
            session_id: None,
            user_id: None,
            agent_version: None,
            query_type: None,
            status,
            error_type: None,
            error_message: None,
            outcome: None,
            start: first.start,
            end: spans.iter().map(|span| span.end).max()?,
            last_received,
            duration_ms: 0.0,
            kinds,
            llm_calls: kinds.get(StepKind::Llm),
            tool_calls: 0,
            retrievals: 0,
            rounds: 0,
            errors: 0,
            retries: 0,
            usage,
            cost: None,
            models: Vec::new(),
            tools: Vec::new(),
            tags: Vec::new(),
            input_preview: None,
            output_preview: None,
            provisional: status == RunStatus::Running || quiet < 10 * SECOND,
        })
    }
}

/// A span in the tests' wire format: what is sent, and what a repeat of it looks like.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sent {
    pub project: String,
    pub environment: String,
    pub trace: u64,
    pub span: u64,
    pub parent: u64,
    pub name: String,
    pub start: i64,
    /// 0 while it runs.
    pub end: i64,
    pub texts: Vec<String>,
    /// Id of the model's response.
    pub response: Option<String>,
}

impl Sent {
    pub fn new(trace: u64, span: u64) -> Self {
        Self {
            project: "default".into(),
            environment: "default".into(),
            trace,
            span,
            parent: if span == 1 { 0 } else { 1 },
            name: format!("span {span}"),
            start: NOON + span as i64 * SECOND,
            end: NOON + span as i64 * SECOND + SECOND / 2,
            texts: Vec::new(),
            response: None,
        }
    }

    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    pub fn running(mut self) -> Self {
        self.end = 0;
        self
    }

    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.texts.push(text.into());
        self
    }

    pub fn raw(&self) -> RawSpan<'static> {
        let mut attributes: Vec<(Cow<'static, str>, Value<'static>)> = Vec::new();
        for (at, text) in self.texts.iter().enumerate() {
            attributes.push((format!("text.{at}").into(), Value::Str(text.clone().into())));
        }
        if let Some(response) = &self.response {
            attributes.push(("gen_ai.response.id".into(), Value::Str(response.clone().into())));
        }
        attributes.push(("n".into(), Value::Int(self.span as i64)));
        attributes.push(("odd".into(), Value::Double(f64::INFINITY)));
        let event = Event {
            time: Timestamp::from_nanos(self.start + 1),
            name: "event".into(),
            attributes: Attributes(attributes.clone()),
        };
        RawSpan {
            trace_id: trace_id(self.trace),
            span_id: span_id(self.span),
            parent_span_id: (self.parent != 0).then(|| span_id(self.parent)),
            name: self.name.clone().into(),
            start: Timestamp::from_nanos(self.start),
            end: Timestamp::from_nanos(self.end),
            attributes: Attributes(attributes),
            events: vec![event],
            flags: 257,
            status_message: "fine".into(),
            ..RawSpan::default()
        }
    }

    pub fn span(&self, received: Timestamp) -> Span {
        let tenant = Tenant { project: self.project.as_str().into(), environment: self.environment.as_str().into() };
        let raw = self.raw();
        let status = if self.end == 0 { SpanStatus::Running } else { SpanStatus::Ok };
        Span {
            parent_span_id: raw.parent_span_id,
            received,
            name: raw.name.as_ref().into(),
            kind: if self.parent == 0 { StepKind::Agent } else { StepKind::Llm },
            status,
            start: raw.start,
            end: raw.end,
            service: Some("svc".into()),
            response_id: self.response.as_deref().map(Into::into),
            usage: Usage { input_tokens: Some(self.span), ..Usage::default() },
            ..Span::new(tenant, raw.trace_id, raw.span_id)
        }
    }
}

pub fn trace_id(number: u64) -> TraceId {
    TraceId::from_array((u128::from(number) + 1).to_be_bytes())
}

pub fn span_id(number: u64) -> SpanId {
    SpanId::from_array(number.to_be_bytes())
}

pub fn resource() -> Resource<'static> {
    Resource { attributes: Attributes(vec![("service.name".into(), "svc".into())]) }
}

pub fn scope() -> Scope<'static> {
    Scope { name: "test".into(), version: "1".into(), attributes: Attributes::default() }
}

pub fn payload(spans: &[Sent]) -> Bytes {
    serde_json::to_vec(spans).unwrap().into()
}

/// Spans, and for each span a log record and a sample beside it when `tag` is 1.
pub fn decode(tag: u32, received: Timestamp, payload: &[u8]) -> Rows {
    let spans: Vec<Sent> = serde_json::from_slice(payload).unwrap();
    let mut rows = Rows::new();
    for sent in &spans {
        if tag == 1 {
            push_signals(&mut rows, sent, received);
        } else {
            rows.push_span(sent.span(received), &sent.raw(), &resource(), &scope());
        }
    }
    rows
}

fn push_signals(rows: &mut Rows, sent: &Sent, received: Timestamp) {
    let span = sent.span(received);
    let raw = RawLog {
        time: span.start,
        severity: 9,
        severity_text: "INFO".into(),
        body: Value::Str(sent.name.clone().into()),
        trace_id: Some(span.trace_id),
        span_id: Some(span.span_id),
        ..RawLog::default()
    };
    let log = Log {
        tenant: span.tenant.clone(),
        id: u128::from(sent.trace) << 64 | u128::from(sent.span),
        version: 0,
        time: span.start,
        received,
        severity: 9,
        severity_text: "INFO".into(),
        event_name: None,
        service: span.service.clone(),
        trace_id: Some(span.trace_id),
        span_id: Some(span.span_id),
        preview: sent.name.as_str().into(),
    };
    rows.push_log(log, &raw, &resource(), &scope());
    let sample = Sample {
        metric: "requests".into(),
        description: String::new(),
        unit: "1".into(),
        labels: vec![("span".into(), sent.span.to_string())],
        start: Timestamp::default(),
        time: span.start,
        kind: SampleKind::Gauge { value: sent.trace as f64 },
        exemplars: Vec::new(),
    };
    rows.push_sample(&span.tenant, sample, &resource(), &scope(), received);
}

pub fn replay() -> Arc<dyn Fn(&LogEntry) -> Rows + Send + Sync> {
    Arc::new(|entry: &LogEntry| decode(entry.tag, entry.received, &entry.payload))
}

/// Whether the suites run over a bucket, where each step takes longer.
pub fn over_bucket() -> bool {
    env!("CARGO_CRATE_NAME") == "bucket"
}

pub fn settings(data: &Path) -> Settings {
    // Tests crash by dropping, not by cutting power: the sync itself proves nothing here and is slow.
    let bucket = over_bucket().then(|| bucket_over(data));
    Settings { sync: Syncing::Off, bucket, ..Settings::new(data) }
}

/// A bucket of the server that `TAWNY_TEST_BUCKET` names (`e2e/s3.py` sets it), below a prefix of its own. Without one a bucket
/// whose objects are files below `data`, so that a test written for a directory finds them where it looks.
fn bucket_over(data: &Path) -> Bucket {
    std::fs::create_dir_all(data).unwrap();
    match std::env::var("TAWNY_TEST_BUCKET") {
        Ok(url) => Bucket::from_url(&format!("{url}/{}", prefix(data))).unwrap(),
        Err(_) => Bucket::new("file", Arc::new(object_store::local::LocalFileSystem::new_with_prefix(data).unwrap())),
    }
}

fn prefix(data: &Path) -> String {
    data.to_str().unwrap().trim_matches('/').replace('/', "-")
}

/// The same bucket of a server, past the store's own way to it.
fn server(data: &Path) -> Option<PrefixStore<AmazonS3>> {
    let url = std::env::var("TAWNY_TEST_BUCKET").ok().filter(|_| over_bucket())?;
    let (bucket, below) = url.strip_prefix("s3://").unwrap().split_once('/').unwrap();
    let server = AmazonS3Builder::from_env().with_bucket_name(bucket).with_allow_http(true).build().unwrap();
    Some(PrefixStore::new(server, format!("{below}/{}", prefix(data))))
}

/// For a test that looks at files: those of the bucket below `data`, where a server has them.
pub async fn fetch(data: &Path) {
    use futures::TryStreamExt;
    let Some(server) = server(data) else { return };
    let _ = std::fs::remove_dir_all(data.join("segments"));
    let objects: Vec<_> = server.list(None).try_collect().await.unwrap();
    for object in objects {
        let path = data.join(object.location.as_ref());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, server.get(&object.location).await.unwrap().bytes().await.unwrap()).unwrap();
    }
}

/// For a test that changed files: makes the segments of the bucket those below `data`, where a server has them.
pub async fn give_back(data: &Path) {
    use futures::TryStreamExt;
    let Some(server) = server(data) else { return };
    let objects: Vec<_> = server.list(Some(&"segments".into())).try_collect().await.unwrap();
    for object in objects {
        server.delete(&object.location).await.unwrap();
    }
    let mut folders = vec![data.join("segments")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = object_store::path::Path::parse(path.strip_prefix(data).unwrap().to_str().unwrap()).unwrap();
            server.put(&name, std::fs::read(&path).unwrap().into()).await.unwrap();
        }
    }
}

pub async fn open(data: &Path, clock: &Arc<TestClock>) -> Store {
    open_with(settings(data), clock).await
}

pub async fn open_with(settings: Settings, clock: &Arc<TestClock>) -> Store {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    Store::open(settings, clock, Arc::new(CountingResolver), replay()).await.unwrap()
}

pub fn entry(tag: u32, spans: &[Sent], clock: &TestClock) -> Entry {
    let (payload, received) = (payload(spans), clock.now());
    Entry { tag, project: "default".into(), received, rows: decode(tag, received, &payload), payload }
}

pub async fn send(store: &Store, clock: &TestClock, spans: &[Sent]) -> Result<Committed, CommitError> {
    store.commit(entry(0, spans, clock)).await
}

/// All rows of a table a query would see, hot and sealed, as batches.
pub async fn batches(store: &Store, table: Table) -> Vec<arrow::record_batch::RecordBatch> {
    use futures::TryStreamExt;
    let snapshot = store.snapshot().await.unwrap();
    let view = snapshot.table(table);
    let mut all = view.hot.clone();
    for segment in &view.segments {
        let bytes = snapshot.object_store.get_opts(&segment.meta.path, Default::default()).await.unwrap();
        let bytes: Vec<Bytes> = bytes.into_stream().try_collect().await.unwrap();
        let bytes = Bytes::from(bytes.concat());
        assert_eq!(bytes.len() as u64, segment.meta.bytes);
        let reader =
            parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
        let mut row = 0u32;
        for batch in reader {
            let batch = batch.unwrap();
            let keep: arrow::array::BooleanArray = (row..row + batch.num_rows() as u32)
                .map(|row| Some(segment.deleted.binary_search(&row).is_err()))
                .collect();
            row += batch.num_rows() as u32;
            all.push(arrow::compute::filter_record_batch(&batch, &keep).unwrap());
        }
        assert_eq!(u64::from(row), segment.meta.rows);
    }
    all
}

/// All spans, sorted.
pub async fn spans(store: &Store) -> Vec<Span> {
    let batches = batches(store, Table::Spans).await;
    let mut spans: Vec<Span> =
        batches.iter().flat_map(|batch| store::rows::spans::narrow_from_batch(batch).unwrap()).collect();
    spans.sort_by_key(|span| (span.tenant.clone(), span.trace_id, span.span_id));
    spans
}

/// All runs, sorted.
pub async fn runs(store: &Store) -> Vec<Run> {
    let batches = batches(store, Table::Runs).await;
    let mut runs: Vec<Run> = batches.iter().flat_map(|batch| store::rows::runs::from_batch(batch).unwrap()).collect();
    runs.sort_by_key(|run| (run.tenant.clone(), run.trace_id));
    runs
}

/// Project, trace, span and name of all spans.
pub async fn names(store: &Store) -> Vec<(String, String)> {
    let spans = spans(store).await;
    spans.iter().map(|span| (format!("{}/{}", span.trace_id, span.span_id), span.name.to_string())).collect()
}

/// Compacts until nothing is left to merge.
pub async fn compact_all(store: &Store) -> u64 {
    let mut jobs = 0;
    while store.compact().await.unwrap().inputs > 0 {
        jobs += 1;
        assert!(jobs < 1000, "compaction does not end");
    }
    jobs
}
