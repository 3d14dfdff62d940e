//! Recorded requests, read by their addresses, and the runs their spans make.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::raw::Resource;
use model::{Span, SpanId, Tenant, Timestamp, TraceId};
use receivers::langsmith::{self, Verb};
use receivers::{Known, Partial, Told, langfuse, openai_agents};
use serde_json::Value as Json;
use wire::Compression;

/// When all of it is received.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_300_000_000);

/// What the runs of a capture come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub input: u64,
    pub output: u64,
    pub llm: u32,
    pub tools: u32,
    pub steps: usize,
    pub runs: usize,
}

pub fn captures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if folder.join("index.json").exists() {
        return Some(folder);
    }
    println!("skipped: no recorded requests at ../shared/captures");
    None
}

/// One request: its path, content type and decompressed body.
pub struct Request {
    pub method: String,
    pub path: String,
    pub content_type: String,
    pub body: Vec<u8>,
}

/// The requests of a capture that have a body, in order.
pub fn requests(folder: &Path) -> Vec<Request> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "body"));
    files.sort();
    files.iter().map(|path| request(path)).collect()
}

fn request(path: &Path) -> Request {
    let head: Json = serde_json::from_slice(&fs::read(path.with_extension("headers.json")).unwrap()).unwrap();
    let header = |wanted: &str| {
        let all = head["headers"].as_array().unwrap().iter();
        let found = all.filter(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(wanted));
        found.map(|pair| pair[1].as_str().unwrap().to_owned()).next().unwrap_or_default()
    };
    let encoding = header("content-encoding");
    let compression =
        if encoding.is_empty() { Compression::None } else { Compression::from_header(&encoding).unwrap() };
    Request {
        method: head["method"].as_str().unwrap().to_owned(),
        path: head["path"].as_str().unwrap().to_owned(),
        content_type: header("content-type"),
        body: wire::decompress(compression, &fs::read(path).unwrap(), 1 << 28).unwrap().into_owned(),
    }
}

/// Reads a request; `None` where the protocol is another.
pub fn read(request: &Request) -> Option<Told> {
    let body = &request.body;
    let path = request.path.trim_start_matches("/api/v1");
    Some(match (request.method.as_str(), path) {
        ("POST", "/api/public/ingestion") => langfuse::ingestion(body, NOW).unwrap(),
        ("POST", "/api/public/scores") => langfuse::scores(body, NOW).unwrap(),
        ("POST", "/v1/traces/ingest") => openai_agents::ingest(body, NOW).unwrap(),
        ("POST", "/runs") => langsmith::single(Verb::Post, None, body, NOW).unwrap().told,
        ("POST", "/runs/batch") => langsmith::batch(body, NOW).unwrap().told,
        ("POST", "/runs/multipart") => {
            let boundary = langsmith::boundary(&request.content_type).unwrap();
            langsmith::multipart(&boundary, body, NOW).unwrap().told
        }
        ("POST", "/feedback") => Told { scores: vec![langsmith::feedback(body, NOW).unwrap()], ..Told::default() },
        ("PATCH", path) => {
            let id = path.strip_prefix("/runs/")?;
            langsmith::single(Verb::Patch, Some(id), body, NOW).unwrap().told
        }
        _ => return None,
    })
}

/// What each request of a capture says about spans.
pub fn partials(folder: &Path) -> Vec<Vec<Partial>> {
    let told = requests(folder).iter().filter_map(read).collect::<Vec<_>>();
    for told in &told {
        let refused: Vec<_> = told.refused().collect();
        assert!(refused.is_empty(), "{}: {refused:?}", folder.display());
    }
    told.into_iter().map(|told| told.spans).filter(|spans| !spans.is_empty()).collect()
}

/// Spans put together and understood, by trace.
pub fn understood(requests: &[Vec<Partial>]) -> BTreeMap<TraceId, Vec<(Arc<Span>, Known)>> {
    let mut known: BTreeMap<(TraceId, SpanId), Known> = BTreeMap::new();
    for partial in requests.iter().flatten().cloned() {
        match known.get_mut(&(partial.trace_id, partial.span_id)) {
            Some(known) => _ = known.add(partial),
            None => _ = known.insert((partial.trace_id, partial.span_id), Known::new(partial)),
        }
    }
    let tenant = Tenant::default();
    let mut traces: BTreeMap<TraceId, Vec<(Arc<Span>, Known)>> = BTreeMap::new();
    for ((trace, _), known) in known {
        let span = dialects::understand(&known.raw(), &Resource::default(), known.scope(), &tenant, NOW);
        traces.entry(trace).or_default().push((Arc::new(span), known));
    }
    traces
}

/// What the runs of some requests come to.
pub fn play(requests: &[Vec<Partial>]) -> Outcome {
    let mut sum = Outcome { input: 0, output: 0, llm: 0, tools: 0, steps: 0, runs: 0 };
    for spans in understood(requests).values() {
        let spans: Vec<Arc<Span>> = spans.iter().map(|(span, _)| Arc::clone(span)).collect();
        let run = signals::runs::resolve(&spans, NOW, &signals::runs::Settings::default()).unwrap().run;
        sum.input += run.usage.input_tokens.unwrap_or(0);
        sum.output += run.usage.output_tokens.unwrap_or(0);
        sum.llm += spans.iter().filter(|span| span.kind == model::StepKind::Llm).count() as u32;
        sum.tools += run.tool_calls;
        sum.steps += spans.len();
        sum.runs += 1;
    }
    sum
}
