//! Reads the captured requests of real clients, where they are at hand.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

use dialects::{content, understand};
use model::raw::{Batch, RawLog, RawSpan};
use model::{Content, Span, SpanId, Tenant, Timestamp, TraceId};
use serde_json::Value as Json;

/// Largest body read; real ones are below 2 MB.
const LIMIT: usize = 64 << 20;

/// One understood span of a capture, and what was said in it.
pub struct Understood {
    pub span: Span,
    pub content: Content,
    pub keys: Vec<String>,
}

/// The captures' folder; `None`, with a line saying so, where it is absent.
pub fn folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("CAPTURES") {
        return Some(folder.into());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

/// The spans of one capture, each once, in the order they arrived.
pub fn spans(folder: &Path, name: &str) -> Vec<Understood> {
    let bodies = bodies(&folder.join(name));
    understood(bodies.iter().map(|(signal, encoding, body)| {
        wire::decode(*signal, *encoding, body).unwrap_or_else(|error| panic!("{name}: {error}"))
    }))
}

/// The spans of a file of OTLP/JSON requests, one a line.
pub fn spans_of_file(path: &Path) -> Vec<Understood> {
    let text = fs::read(path).unwrap();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    understood(lines.map(|line| wire::decode_json_line(line).unwrap_or_else(|error| panic!("{path:?}: {error}")).1))
}

fn understood<'a>(batches: impl Iterator<Item = Batch<'a>>) -> Vec<Understood> {
    let mut logs: Vec<RawLog<'_>> = Vec::new();
    let mut groups = Vec::new();
    for batch in batches {
        logs.extend(batch.logs.into_iter().flat_map(|group| group.items));
        groups.extend(batch.spans);
    }
    let mut seen: Vec<(TraceId, SpanId)> = Vec::new();
    let mut found = Vec::new();
    for group in &groups {
        for raw in &group.items {
            if seen.contains(&(raw.trace_id, raw.span_id)) {
                continue;
            }
            seen.push((raw.trace_id, raw.span_id));
            let joined = joined(&logs, raw);
            let tenant = dialects::tenant(Tenant::DEFAULT_PROJECT, &group.resource);
            found.push(Understood {
                span: understand(raw, &group.resource, &group.scope, &tenant, Timestamp::default()),
                content: content(raw, &group.resource, &group.scope, &joined),
                keys: raw.attributes.iter().map(|(key, _)| key.to_owned()).collect(),
            });
        }
    }
    found
}

fn joined<'a>(logs: &[RawLog<'a>], span: &RawSpan<'_>) -> Vec<RawLog<'a>> {
    logs.iter()
        .filter(|log| log.trace_id == Some(span.trace_id) && log.span_id == Some(span.span_id))
        .cloned()
        .collect()
}

fn bodies(folder: &Path) -> Vec<(wire::Signal, wire::Encoding, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "body"));
    paths.sort();
    let mut bodies = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let signal = if name.contains("v1_traces") || name.contains("TraceService") {
            wire::Signal::Traces
        } else if name.contains("v1_logs") || name.contains("LogsService") {
            wire::Signal::Logs
        } else {
            continue;
        };
        let headers: Json = serde_json::from_slice(&fs::read(path.with_extension("headers.json")).unwrap()).unwrap();
        let header = |key: &str| {
            let list = headers.get("headers").and_then(Json::as_array)?;
            list.iter().find(|pair| pair[0].as_str().is_some_and(|name| name.eq_ignore_ascii_case(key)))?[1]
                .as_str()
                .map(str::to_owned)
        };
        let encoding = header("content-type")
            .and_then(|kind| wire::Encoding::from_content_type(&kind))
            .unwrap_or(wire::Encoding::Protobuf);
        let raw = fs::read(&path).unwrap();
        let compression = wire::Compression::from_header(&header("content-encoding").unwrap_or_default()).unwrap();
        bodies.push((signal, encoding, wire::decompress(compression, &raw, LIMIT).unwrap().into_owned()));
    }
    bodies
}
