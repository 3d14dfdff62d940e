//! Loki's push protocol: what promtail, Grafana Alloy and others send to `/loki/api/v1/push`.
//!
//! A stream's labels describe where its lines come from: they become the resource. Structured metadata become the record's
//! attributes. A line that is a JSON object is read as one (see [`lines`](crate::lines)); its time is Loki's. Source:
//! Grafana Loki, `pkg/push/push.proto` and the HTTP API's "Ingest logs".

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use model::raw::{Batch, Group, RawLog, Rejected, Resource, Scope};
use model::{Attributes, Timestamp, Value};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::{DecodeError, looks_like, looks_like_other, problem_of};
use crate::limits::MAX_ATTRIBUTES;
use crate::lines;
use crate::protobuf::reader::{Field, Problem, Reader};

/// Labels that name the service, best first.
const SERVICE: &[&str] = &["service_name", "service", "app", "job"];
/// Labels or metadata that give the level; Loki itself adds `detected_level`.
const LEVEL: &[&str] = &["level", "detected_level", "severity"];

/// Pairs of a label or metadata set.
type Pairs = Vec<(String, String)>;

/// Reads a push request in JSON.
///
/// # Errors
/// When the body is no JSON object with `streams`.
pub fn decode_loki_json(body: &[u8], now: Timestamp) -> Result<Batch<'static>, DecodeError> {
    #[derive(Deserialize)]
    struct Push {
        streams: Vec<Json>,
    }
    #[derive(Deserialize)]
    struct Stream {
        stream: BTreeMap<String, Json>,
        values: Vec<Json>,
    }
    let push: Push = serde_json::from_slice(body).map_err(|error| DecodeError::Records {
        form: "a push to Loki in JSON, {\"streams\": [{\"stream\": {…}, \"values\": [[\"nanoseconds\", \"line\"]]}]}",
        problem: problem_of(&error),
        line: error.line(),
        column: error.column(),
        hint: looks_like_other(body),
    })?;
    let mut pushed = Pushed { now, groups: Vec::new(), rejected: Rejected::default() };
    for (at, stream) in push.streams.into_iter().enumerate() {
        let stream: Stream = match serde_json::from_value(stream) {
            Ok(stream) => stream,
            Err(error) => {
                pushed.rejected.add(format!("stream {}: {error}", at + 1));
                continue;
            }
        };
        let mut items = Vec::with_capacity(stream.values.len());
        for value in stream.values {
            match entry(&value) {
                Some((time, line, metadata)) => items.push(pushed.log(time, line, metadata)),
                None => pushed.rejected.add(format!(
                    "stream {}: an entry is a list of nanoseconds as text, the line as text and, where wanted, metadata",
                    at + 1
                )),
            }
        }
        pushed.stream(stream.stream.into_iter().map(|(key, value)| (key, text(value))).collect(), items);
    }
    Ok(pushed.batch())
}

fn text(json: Json) -> String {
    match json {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

fn entry(json: &Json) -> Option<(Timestamp, &str, Pairs)> {
    let (time, rest) = json.as_array()?.split_first()?;
    let nanos = match time {
        Json::String(text) => text.trim().parse::<i64>().ok()?,
        other => other.as_i64()?,
    };
    let metadata = rest.get(1).and_then(Json::as_object);
    let metadata = metadata.map(|map| map.iter().map(|(key, value)| (key.clone(), text(value.clone()))).collect());
    Some((Timestamp::from_nanos(nanos), rest.first()?.as_str()?, metadata.unwrap_or_default()))
}

/// Reads a push request in protobuf, after [`unsnap`](crate::unsnap).
///
/// # Errors
/// When the bytes are not such a message.
pub fn decode_loki_protobuf(body: &[u8], now: Timestamp) -> Result<Batch<'static>, DecodeError> {
    let mut pushed = Pushed { now, groups: Vec::new(), rejected: Rejected::default() };
    let mut reader = Reader::new(body);
    let failed = |reader: &Reader<'_>, problem| DecodeError::Protobuf {
        problem,
        offset: body.len() - reader.remaining(),
        hint: looks_like(body),
    };
    while let Some((number, field)) = reader.next().map_err(|problem| failed(&reader, problem))? {
        if let (1, Field::Bytes(stream)) = (number, field) {
            pushed.stream_message(stream).map_err(|problem| failed(&reader, problem))?;
        }
    }
    Ok(pushed.batch())
}

struct Pushed {
    now: Timestamp,
    groups: Vec<Group<'static, RawLog<'static>>>,
    rejected: Rejected,
}

impl Pushed {
    fn batch(self) -> Batch<'static> {
        Batch { logs: self.groups, rejected: self.rejected, ..Batch::default() }
    }

    /// `StreamAdapter`: labels 1, entries 2.
    fn stream_message(&mut self, message: &[u8]) -> Result<(), Problem> {
        let (mut labels, mut items) = (Vec::new(), Vec::new());
        let mut reader = Reader::new(message);
        while let Some((number, field)) = reader.next()? {
            match (number, field) {
                (1, Field::Bytes(text)) => match labels_of(utf8(text)?) {
                    Some(read) => labels = read,
                    None => self.rejected.note(
                        "a stream's labels are not of the form {name=\"value\"}; its lines are kept without them",
                    ),
                },
                (2, Field::Bytes(entry)) => items.push(self.entry_message(entry)?),
                _ => {}
            }
        }
        self.stream(labels, items);
        Ok(())
    }

    /// `EntryAdapter`: timestamp 1, line 2, structured metadata 3.
    fn entry_message(&self, message: &[u8]) -> Result<RawLog<'static>, Problem> {
        let (mut time, mut line, mut metadata) = (Timestamp::default(), "", Vec::new());
        let mut reader = Reader::new(message);
        while let Some((number, field)) = reader.next()? {
            match (number, field) {
                (1, Field::Bytes(message)) => {
                    let [seconds, nanos] = varints(message)?;
                    let nanos = i128::from(seconds as i64) * 1_000_000_000 + i128::from(nanos as i64);
                    time = Timestamp::from_nanos(nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64);
                }
                (2, Field::Bytes(text)) => line = utf8(text)?,
                (3, Field::Bytes(pair)) => metadata.push(pair_message(pair)?),
                _ => {}
            }
        }
        Ok(self.log(time, line, metadata))
    }

    fn stream(&mut self, labels: Pairs, mut items: Vec<RawLog<'static>>) {
        if items.is_empty() {
            return;
        }
        let find = |keys: &[&str]| {
            keys.iter().find_map(|key| labels.iter().find(|(name, _)| name == key)).map(|(_, value)| value.clone())
        };
        if let Some((severity, word)) = find(LEVEL).and_then(|level| lines::level(&Json::String(level))) {
            for item in items.iter_mut().filter(|item| item.severity == 0 && item.severity_text.is_empty()) {
                (item.severity, item.severity_text) = (severity, word.clone());
            }
        }
        let service = find(SERVICE).filter(|_| !labels.iter().any(|(name, _)| name == "service.name"));
        let service = service.map(|name| ("service.name".to_owned(), name));
        let attributes = service.into_iter().chain(labels).take(MAX_ATTRIBUTES).map(pair).collect();
        let resource = Arc::new(Resource { attributes: Attributes(attributes) });
        self.groups.push(Group { resource, scope: Arc::new(Scope::default()), items });
    }

    fn log(&self, time: Timestamp, line: &str, metadata: Pairs) -> RawLog<'static> {
        let object = line.trim_start().starts_with('{').then(|| serde_json::from_str(line).ok()).flatten();
        let mut log = match object {
            // The stream says which service it is; what the line says stays with the line.
            Some(map) => match lines::record(map, self.now) {
                (log, None) => log,
                (mut log, Some(service)) => {
                    log.attributes.0.push(("service".into(), Value::Str(service.into())));
                    log
                }
            },
            None => RawLog { body: Value::Str(Cow::Owned(line.to_owned())), ..RawLog::default() },
        };
        (log.time, log.observed) = if time.is_unset() { (log.time, self.now) } else { (time, Timestamp::default()) };
        for (key, value) in metadata {
            match key.as_str() {
                "trace_id" | "traceID" | "traceId"
                    if log.trace_id.is_none() && value.parse::<model::TraceId>().is_ok() =>
                {
                    log.trace_id = value.parse().ok();
                }
                "span_id" | "spanID" | "spanId" if log.span_id.is_none() && value.parse::<model::SpanId>().is_ok() => {
                    log.span_id = value.parse().ok();
                }
                key if LEVEL.contains(&key) && log.severity == 0 => {
                    if let Some((severity, word)) = lines::level(&Json::String(value)) {
                        (log.severity, log.severity_text) = (severity, word);
                    }
                }
                _ if log.attributes.0.len() >= MAX_ATTRIBUTES => log.dropped += 1,
                _ => log.attributes.0.push(pair((key, value))),
            }
        }
        log
    }
}

fn pair((key, value): (String, String)) -> (Cow<'static, str>, Value<'static>) {
    (Cow::Owned(key), Value::Str(Cow::Owned(value)))
}

fn utf8(bytes: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8")
}

/// Fields 1 and 2 of a message of numbers: `google.protobuf.Timestamp`'s seconds and nanoseconds.
fn varints(message: &[u8]) -> Result<[u64; 2], Problem> {
    let mut found = [0; 2];
    let mut reader = Reader::new(message);
    while let Some((number, field)) = reader.next()? {
        if let (1 | 2, Field::Varint(value)) = (number, field) {
            found[number as usize - 1] = value;
        }
    }
    Ok(found)
}

/// `LabelPairAdapter`: name 1, value 2.
fn pair_message(message: &[u8]) -> Result<(String, String), Problem> {
    let (mut name, mut value) = ("", "");
    let mut reader = Reader::new(message);
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(text)) => name = utf8(text)?,
            (2, Field::Bytes(text)) => value = utf8(text)?,
            _ => {}
        }
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Labels as Prometheus writes them: `{job="api", path="a\"b"}`; `None` where the text is something else.
fn labels_of(text: &str) -> Option<Pairs> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let mut escaped = false;
        let end = value.char_indices().skip(1).find_map(|(at, character)| match character {
            '"' if !escaped => Some(at),
            '\\' => {
                escaped = !escaped;
                None
            }
            _ => {
                escaped = false;
                None
            }
        })?;
        // Go's quoting is JSON's for what labels hold.
        labels.push((name.trim().to_owned(), serde_json::from_str(&value[..=end]).ok()?));
        rest = value[end + 1..].trim_start().trim_start_matches(',').trim_start();
    }
    Some(labels)
}
