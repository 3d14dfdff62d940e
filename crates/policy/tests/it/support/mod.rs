//! Requests and meanings for tests.
#![allow(dead_code, reason = "each test binary uses some of it")]

use std::sync::Arc;

use model::raw::{Batch, Event, Group, Link, RawLog, RawSpan, Resource, Scope};
use model::{Attributes, Sample, SampleKind, SpanId, TraceId, Value};
use policy::{Key, Meaning, Policies, Report};

/// A key for tests.
pub const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A few keys that hold content.
pub struct Few;

impl Meaning for Few {
    fn is_content(&self, key: &str) -> bool {
        key.starts_with("gen_ai.input") || key == "content"
    }

    fn is_content_event(&self, name: &str) -> bool {
        name.starts_with("gen_ai.")
    }

    fn environment(&self, resource: &Resource<'_>) -> String {
        resource.attributes.text("deployment.environment.name").unwrap_or("default").to_owned()
    }
}

pub fn policies(text: &str) -> Policies {
    Policies::parse("policy.toml", text, Some(&Key::new(KEY).unwrap())).unwrap_or_else(|error| panic!("{error}"))
}

pub fn attributes<'a>(pairs: &[(&'a str, Value<'a>)]) -> Attributes<'a> {
    Attributes(pairs.iter().map(|(key, value)| ((*key).into(), value.clone())).collect())
}

pub fn trace(number: u64) -> TraceId {
    let mut bytes = [1; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    TraceId::from_array(bytes)
}

/// Spans with these attributes, of an environment.
pub fn request<'a>(environment: &'a str, pairs: &[(&'a str, Value<'a>)]) -> Batch<'a> {
    let span = RawSpan { trace_id: trace(7), attributes: attributes(pairs), ..RawSpan::default() };
    batch(environment, span)
}

pub fn batch<'a>(environment: &'a str, span: RawSpan<'a>) -> Batch<'a> {
    let resource = Resource { attributes: attributes(&[("deployment.environment.name", environment.into())]) };
    let group = Group { resource: Arc::new(resource), scope: Arc::default(), items: vec![span] };
    Batch { spans: vec![group], ..Batch::default() }
}

/// The attributes of the one span that is left.
pub fn left(batch: &Batch<'_>) -> Vec<(String, String)> {
    let attributes = &batch.spans[0].items[0].attributes;
    let text = |value: &Value<'_>| value.as_str().map_or_else(|| value.to_json().to_string(), str::to_owned);
    attributes.iter().map(|(key, value)| (key.to_owned(), text(value))).collect()
}

/// A request with `secret` in every place that holds text.
pub fn everywhere(secret: &str) -> Batch<'static> {
    let owned = |text: String| -> std::borrow::Cow<'static, str> { text.into() };
    let said = || owned(format!("so: {secret} ."));
    let json = format!(
        "{{\"a\":[{{\"{secret}\":\"x {secret} y\"}}],\"deep\":{}}}",
        serde_json::json!(format!("{{\"b\":\"{secret}\"}}"))
    );
    let held = || {
        Attributes(vec![
            (owned(format!("k {secret} k")), Value::Bool(true)),
            ("text".into(), Value::Str(said())),
            ("bytes".into(), Value::Bytes(said().as_bytes().to_vec().into())),
            ("list".into(), Value::Array(vec![Value::Str(said()), Value::Array(vec![Value::Str(said())])])),
            ("map".into(), Value::Map(vec![(said(), Value::Str(said()))])),
            ("json".into(), Value::Str(json.clone().into())),
            ("gen_ai.input.messages".into(), Value::Str(json.clone().into())),
        ])
    };
    let (resource, scope) = (
        Arc::new(Resource { attributes: held() }),
        Arc::new(Scope { name: said(), version: said(), attributes: held() }),
    );
    let span = RawSpan {
        name: said(),
        trace_state: said(),
        status_message: said(),
        attributes: held(),
        events: vec![Event { name: said(), attributes: held(), ..Event::default() }],
        links: vec![Link {
            trace_id: trace(1),
            span_id: SpanId::from_array([2; 8]),
            trace_state: said(),
            attributes: held(),
        }],
        ..RawSpan::default()
    };
    let log = RawLog {
        body: Value::Map(vec![(said(), Value::Str(said())), ("content".into(), Value::Str(said()))]),
        severity_text: said(),
        event_name: said(),
        attributes: held(),
        ..RawLog::default()
    };
    let sample = Sample {
        metric: said().into(),
        description: said().into(),
        unit: said().into(),
        labels: vec![(said().into(), said().into())],
        start: Default::default(),
        time: Default::default(),
        kind: SampleKind::Gauge { value: 1.0 },
        exemplars: Vec::new(),
    };
    Batch {
        spans: vec![Group { resource: Arc::clone(&resource), scope: Arc::clone(&scope), items: vec![span] }],
        logs: vec![Group { resource: Arc::clone(&resource), scope: Arc::clone(&scope), items: vec![log] }],
        samples: vec![Group { resource, scope, items: vec![sample] }],
        rejected: model::raw::Rejected { count: 1, reasons: vec![said().into()] },
    }
}

/// Applies policies and gives the report.
pub fn apply(policies: &Policies, batch: &mut Batch<'_>) -> Report {
    let mut report = Report::default();
    policies.apply("shop", batch, &Few, &mut report);
    report
}
