//! What simulated clients send, and how it is read: spans, log records and samples with names by which each form of each
//! can be told apart.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use model::raw::{RawLog, RawSpan, Resource, Scope};
use model::{
    Attributes, Log, Sample, SampleKind, Span, SpanId, SpanStatus, StepKind, Tenant, Timestamp, TraceId, Value,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use store::{Entry, LogEntry, Rows};

/// 2026-11-21T08:00:00Z: when the simulation begins.
pub const BEGIN: i64 = 1_795_248_000_000_000_000;
const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A span in one of its forms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Form {
    /// Trace and span.
    pub id: (u64, u64),
    /// What tells this form from others of the span.
    pub name: String,
    pub ended: bool,
    start: i64,
    texts: Vec<String>,
}

/// A log record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Trace and number.
    pub id: (u64, u64),
    pub text: String,
    time: i64,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub client: u64,
    /// Counted by the client.
    pub number: u64,
    pub spans: Vec<Form>,
    pub logs: Vec<Record>,
    /// Names of metrics, each sent once.
    pub samples: Vec<String>,
}

/// The project a client sends to: two share one.
pub fn project(client: u64) -> Arc<str> {
    format!("project-{}", client / 2).into()
}

fn tenant(client: u64) -> Tenant {
    Tenant { project: project(client), environment: if client.is_multiple_of(2) { "prod" } else { "test" }.into() }
}

/// The id of a trace; its first half is the client's.
pub fn trace_id(client: u64, trace: u64) -> TraceId {
    TraceId::from_array((u128::from(client + 1) << 64 | u128::from(trace + 1)).to_be_bytes())
}

/// Client and trace of an id.
pub fn whose(id: TraceId) -> (u64, u64) {
    let number = u128::from_be_bytes(*id.as_bytes());
    ((number >> 64) as u64 - 1, number as u64 - 1)
}

/// The id of a span.
pub fn span_id(span: u64) -> SpanId {
    SpanId::from_array(span.to_be_bytes())
}

/// The number of a span's id.
pub fn span_number(id: SpanId) -> u64 {
    u64::from_be_bytes(*id.as_bytes())
}

/// Makes up what one client sends, new things and news of old ones.
pub struct Author {
    client: u64,
    requests: u64,
    traces: u64,
    /// Spans sent so far that may get another form.
    spans: Vec<Form>,
    /// What agents repeat: the same long text in many spans.
    prompt: String,
}

impl Author {
    /// A client that has sent nothing.
    pub fn new(client: u64, rng: &mut ChaCha8Rng) -> Self {
        Self { client, requests: 0, traces: 0, spans: Vec::new(), prompt: words(rng, 400) }
    }

    /// The next request. Its last log record and sample are new, so that it can be told whether it is there.
    pub fn write(&mut self, rng: &mut ChaCha8Rng, now: i64) -> Request {
        self.requests += 1;
        let number = self.requests;
        let mut spans: Vec<Form> = Vec::new();
        for _ in 0..rng.random_range(0..3) {
            self.new_trace(rng, number, now, &mut spans);
        }
        for _ in 0..rng.random_range(0..4) {
            if !self.spans.is_empty() {
                let old = rng.random_range(0..self.spans.len());
                let news = Form {
                    name: format!("r{number}"),
                    ended: rng.random_range(0..4) > 0,
                    texts: self.texts(rng),
                    ..self.spans[old].clone()
                };
                if !spans.iter().any(|span| span.id == news.id) {
                    spans.push(news);
                }
            }
        }
        let trace = self.traces.saturating_sub(rng.random_range(0..3)).saturating_sub(1);
        let record = |at: u64, text: String| Record { id: (trace, number << 8 | at), text, time: now };
        let logs = (0..rng.random_range(1..3)).map(|at| record(at, words(rng, 30))).collect();
        let samples = (0..rng.random_range(0..2)).map(|at| format!("m-{}-{number}-{at}", self.client)).collect();
        Request { client: self.client, number, spans, logs, samples }
    }

    fn new_trace(&mut self, rng: &mut ChaCha8Rng, number: u64, now: i64, spans: &mut Vec<Form>) {
        let trace = self.traces;
        self.traces += 1;
        // Some arrive late, some from a clock that is wrong.
        let start = match rng.random_range(0..12) {
            0 => now - rng.random_range(0..4) * DAY,
            1 => rng.random_range(0..400) * 10 * DAY,
            _ => now,
        };
        for span in 1..=rng.random_range(1..5) {
            let form = Form {
                id: (trace, span),
                name: format!("r{number}"),
                ended: rng.random_range(0..5) > 0,
                start: start + span as i64 * SECOND,
                texts: self.texts(rng),
            };
            self.spans.push(form.clone());
            spans.push(form);
        }
        if self.spans.len() > 200 {
            self.spans.drain(..50);
        }
    }

    fn texts(&self, rng: &mut ChaCha8Rng) -> Vec<String> {
        let mut texts = vec![words(rng, 3)];
        if rng.random() {
            texts.push(self.prompt.clone());
        }
        if rng.random() {
            let length = rng.random_range(20..150);
            texts.push(serde_json::json!([{ "role": "user", "content": words(rng, length) }]).to_string());
        }
        texts
    }
}

fn words(rng: &mut ChaCha8Rng, count: usize) -> String {
    const WORDS: [&str; 8] = ["tea", "\"quoted\"", "größer", "run", "{}", "hat\n", "moon", "42"];
    (0..count).map(|_| WORDS[rng.random_range(0..WORDS.len())]).collect::<Vec<_>>().join(" ")
}

impl Form {
    /// What is sent of it.
    pub fn raw(&self, client: u64) -> RawSpan<'static> {
        let texts = self.texts.iter().enumerate();
        let mut attributes: Vec<(Cow<'static, str>, Value<'static>)> =
            texts.map(|(at, text)| (format!("text.{at}").into(), Value::Str(text.clone().into()))).collect();
        attributes.push(("number".into(), Value::Int(self.id.1 as i64)));
        RawSpan {
            trace_id: trace_id(client, self.id.0),
            span_id: span_id(self.id.1),
            parent_span_id: (self.id.1 > 1).then(|| span_id(1)),
            name: self.name.clone().into(),
            start: Timestamp::from_nanos(self.start),
            end: Timestamp::from_nanos(if self.ended { self.start + SECOND / 2 } else { 0 }),
            attributes: Attributes(attributes),
            ..RawSpan::default()
        }
    }

    fn span(&self, client: u64, raw: &RawSpan<'_>, received: Timestamp) -> Span {
        Span {
            parent_span_id: raw.parent_span_id,
            received,
            name: raw.name.as_ref().into(),
            kind: if self.id.1 == 1 { StepKind::Agent } else { StepKind::Tool },
            status: if self.ended { SpanStatus::Ok } else { SpanStatus::Running },
            start: raw.start,
            end: raw.end,
            ..Span::new(tenant(client), raw.trace_id, raw.span_id)
        }
    }
}

impl Record {
    /// What is sent of it.
    pub fn raw(&self, client: u64) -> RawLog<'static> {
        RawLog {
            time: Timestamp::from_nanos(self.time),
            severity: 9,
            severity_text: "INFO".into(),
            body: Value::Str(self.text.clone().into()),
            trace_id: Some(trace_id(client, self.id.0)),
            ..RawLog::default()
        }
    }

    /// Its id in the store.
    pub fn key(&self, client: u64) -> u128 {
        u128::from(client + 1) << 96 | u128::from(self.id.1)
    }

    fn log(&self, client: u64, raw: &RawLog<'_>, received: Timestamp) -> Log {
        Log {
            tenant: tenant(client),
            id: self.key(client),
            version: 0,
            time: raw.time,
            received,
            severity: 9,
            severity_text: "INFO".into(),
            event_name: None,
            service: None,
            trace_id: raw.trace_id,
            span_id: None,
            preview: "".into(),
        }
    }
}

impl Request {
    /// As the store takes it.
    pub fn entry(&self, received: Timestamp) -> Entry {
        let payload: Bytes = serde_json::to_vec(self).expect("plain data").into();
        Entry { tag: 0, project: project(self.client), received, rows: self.rows(received), payload }
    }

    fn rows(&self, received: Timestamp) -> Rows {
        let (resource, scope) = (Resource::default(), Scope::default());
        let mut rows = Rows::new();
        for form in &self.spans {
            let raw = form.raw(self.client);
            rows.push_span(form.span(self.client, &raw, received), &raw, &resource, &scope);
        }
        for record in &self.logs {
            let raw = record.raw(self.client);
            rows.push_log(record.log(self.client, &raw, received), &raw, &resource, &scope);
        }
        for metric in &self.samples {
            let sample = Sample {
                metric: metric.clone(),
                description: String::new(),
                unit: "1".into(),
                labels: Vec::new(),
                start: Timestamp::default(),
                time: Timestamp::from_nanos(BEGIN),
                kind: SampleKind::Gauge { value: 1.0 },
                exemplars: Vec::new(),
            };
            rows.push_sample(&tenant(self.client), sample, &resource, &scope, received);
        }
        rows
    }
}

/// A request read back from the log, as rows.
pub fn replay(entry: &LogEntry) -> Rows {
    let request: Request = serde_json::from_slice(&entry.payload).expect("what a client sent");
    request.rows(entry.received)
}
