//! Log records as JSON lines: what structured loggers write, without any protocol.
//!
//! A line is an object. Time, severity, message, event name, ids and service are found under the names loggers use; what is left
//! are the record's attributes. A bad line is counted with its number and costs its neighbours nothing.

use std::borrow::Cow;
use std::sync::Arc;

use model::raw::{Batch, Group, RawLog, Rejected, Resource, Scope};
use model::{Attributes, Timestamp, Value};
use serde_json::{Map, Value as Json};

use crate::error::{DecodeError, looks_like_other, problem_of};
use crate::limits::{MAX_ATTRIBUTES, MAX_VALUE_DEPTH};

/// What a body should have been, for errors.
const FORM: &str = "JSON lines";

/// Names of fields, best first; compared as written.
const TIME: &[&str] = &["timestamp", "time", "ts", "@timestamp", "datetime", "asctime"];
const LEVEL: &[&str] = &["level", "severity", "severity_text", "levelname", "log.level", "lvl"];
const MESSAGE: &[&str] = &["message", "msg", "body"];
const EVENT: &[&str] = &["event", "event_type", "event.name", "event_name"];
const TRACE: &[&str] = &["trace_id", "traceId", "traceID", "trace.id", "otelTraceID"];
const SPAN: &[&str] = &["span_id", "spanId", "spanID", "span.id", "otelSpanID"];
const SERVICE: &[&str] = &["service", "service.name", "service_name", "otelServiceName"];

/// Reads JSON lines, or one JSON array of objects. A record without a time gets `now`.
///
/// # Errors
/// When the body as a whole is neither.
pub fn decode_lines(body: &[u8], now: Timestamp) -> Result<Batch<'static>, DecodeError> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut records = Records::default();
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => {}
        Some(b'[') => {
            let items: Vec<&serde_json::value::RawValue> =
                serde_json::from_slice(text).map_err(|error| not_json(&error, body))?;
            for (at, item) in items.into_iter().enumerate() {
                records.add(item.get().as_bytes(), now, || format!("item {}", at + 1));
            }
        }
        Some(b'{') => {
            // One object over several lines is one record.
            if let Some(whole) = spread(text) {
                records.push(whole, now);
            } else {
                for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
                    if !line.trim_ascii().is_empty() {
                        records.add(line, now, || format!("line {}", at + 1));
                    }
                }
            }
        }
        Some(_) => {
            // Other text before the first object: bad lines like others, unless nothing here is an object.
            for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
                if !line.trim_ascii().is_empty() {
                    records.add(line, now, || format!("line {}", at + 1));
                }
            }
            if records.groups.is_empty() {
                let problem = "expected JSON objects, one a line, or one array of them".to_owned();
                return Err(DecodeError::Records {
                    form: FORM,
                    problem,
                    line: 1,
                    column: 1,
                    hint: looks_like_other(body),
                });
            }
        }
    }
    Ok(Batch { logs: records.groups, rejected: records.rejected, ..Batch::default() })
}

/// The one object that `text` is, if its first line is not already one.
fn spread(text: &[u8]) -> Option<Map<String, Json>> {
    let text = text.trim_ascii();
    let first = text.split(|byte| *byte == b'\n').next()?;
    if first.len() == text.len() || serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok() {
        return None;
    }
    serde_json::from_slice(text).ok()
}

fn not_json(error: &serde_json::Error, body: &[u8]) -> DecodeError {
    DecodeError::Records {
        form: FORM,
        problem: problem_of(error),
        line: error.line(),
        column: error.column(),
        hint: looks_like_other(body),
    }
}

/// Records so far, those of one service together where they follow each other.
#[derive(Default)]
struct Records {
    groups: Vec<Group<'static, RawLog<'static>>>,
    rejected: Rejected,
}

impl Records {
    fn add(&mut self, line: &[u8], now: Timestamp, place: impl Fn() -> String) {
        match serde_json::from_slice::<Json>(line) {
            Ok(Json::Object(map)) if depth(&map) <= MAX_VALUE_DEPTH => self.push(map, now),
            Ok(Json::Object(_)) => {
                self.rejected.add(format!(
                    "{}: more than {MAX_VALUE_DEPTH} values inside each other (MAX_VALUE_DEPTH)",
                    place()
                ));
            }
            Ok(_) => self.rejected.add(format!("{}: not a JSON object", place())),
            Err(error) => self.rejected.add(format!("{}: not JSON: {error}", place())),
        }
    }

    fn push(&mut self, map: Map<String, Json>, now: Timestamp) {
        let (log, service) = record(map, now);
        let same = self
            .groups
            .last()
            .is_some_and(|group| group.resource.attributes.text("service.name") == service.as_deref());
        if !same {
            let attributes = service.map(|name| ("service.name".into(), Value::Str(name.into())));
            let resource = Resource { attributes: Attributes(attributes.into_iter().collect()) };
            self.groups.push(Group {
                resource: Arc::new(resource),
                scope: Arc::new(Scope::default()),
                items: Vec::new(),
            });
        }
        if let Some(group) = self.groups.last_mut() {
            group.items.push(log);
        }
    }
}

/// Values inside each other, the object itself included.
fn depth(map: &Map<String, Json>) -> usize {
    fn of(json: &Json) -> usize {
        match json {
            Json::Array(items) => 1 + items.iter().map(of).max().unwrap_or(0),
            Json::Object(map) => depth(map),
            _ => 0,
        }
    }
    1 + map.values().map(of).max().unwrap_or(0)
}

/// One object as a record, and the service it names.
pub(crate) fn record(mut map: Map<String, Json>, now: Timestamp) -> (RawLog<'static>, Option<String>) {
    let mut log = RawLog::default();
    if let Some((key, time)) = TIME.iter().find_map(|key| Some((*key, time(map.get(*key)?)?))) {
        log.time = time;
        map.remove(key);
    } else {
        // Only here: a line sent again must be the same record.
        log.observed = now;
    }
    if let Some((key, level)) = LEVEL.iter().find_map(|key| Some((*key, level(map.get(*key)?)?))) {
        (log.severity, log.severity_text) = level;
        map.remove(key);
    }
    // An id that is none (empty, or not of W3C's form) stays where it is.
    if let Some((key, id)) =
        TRACE.iter().find_map(|key| Some((*key, map.get(*key)?.as_str()?.replace('-', "").parse().ok()?)))
    {
        log.trace_id = Some(id);
        map.remove(key);
    }
    if let Some((key, id)) = SPAN.iter().find_map(|key| Some((*key, map.get(*key)?.as_str()?.parse().ok()?))) {
        log.span_id = Some(id);
        map.remove(key);
    }
    let mut text = |keys: &[&str], fits: fn(&str) -> bool| {
        let key = keys.iter().find(|key| map.get(**key).and_then(Json::as_str).is_some_and(fits))?;
        match map.remove(*key) {
            Some(Json::String(text)) => Some(text),
            _ => None,
        }
    };
    let service = text(SERVICE, |text| !text.is_empty());
    // Some loggers call the message `event`; an event's name has no spaces.
    if let Some(name) = text(EVENT, |text| !text.is_empty() && !text.contains(char::is_whitespace)) {
        log.event_name = Cow::Owned(name);
    }
    let message = text(MESSAGE, |_| true).or_else(|| text(&EVENT[..1], |_| true));
    log.body = message.map_or(Value::Null, |text| Value::Str(Cow::Owned(text)));
    log.dropped = u32::try_from(map.len().saturating_sub(MAX_ATTRIBUTES)).unwrap_or(u32::MAX);
    let attributes =
        map.into_iter().take(MAX_ATTRIBUTES).map(|(key, value)| (Cow::Owned(key), Value::from_json(value)));
    log.attributes = Attributes(attributes.collect());
    (log, service)
}

/// A time as text (RFC 3339; UTC where no zone is given) or as a number since 1970 whose size tells the unit.
fn time(json: &Json) -> Option<Timestamp> {
    match json {
        Json::String(text) => time_of_text(text.trim()),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Some(time_of_whole(whole)),
            None => number.as_f64().and_then(time_of_float),
        },
        _ => None,
    }
}

fn time_of_text(text: &str) -> Option<Timestamp> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(time_of_whole(whole));
    }
    if let Ok(number) = text.parse::<f64>() {
        return time_of_float(number);
    }
    // Python's logging writes a comma before the milliseconds.
    let text = text.replacen(' ', "T", 1).replacen(',', ".", 1);
    Timestamp::parse_rfc3339(&text).or_else(|| Timestamp::parse_rfc3339(&format!("{text}Z")))
}

/// Seconds below 1e11 (the year 5138), then milliseconds, microseconds, nanoseconds.
fn time_of_whole(number: i64) -> Timestamp {
    let nanos = match number.unsigned_abs() {
        0..100_000_000_000 => number.saturating_mul(1_000_000_000),
        100_000_000_000..100_000_000_000_000 => number.saturating_mul(1_000_000),
        100_000_000_000_000..100_000_000_000_000_000 => number.saturating_mul(1_000),
        _ => number,
    };
    Timestamp::from_nanos(nanos)
}

/// With a fraction: seconds, or milliseconds where seconds would be past the year 5138.
fn time_of_float(number: f64) -> Option<Timestamp> {
    let scale = if number.abs() < 1e11 { 1e9 } else { 1e6 };
    (number.is_finite()).then(|| Timestamp::from_nanos((number * scale) as i64))
}

/// OTLP's severity number, and the word as written.
pub(crate) fn level(json: &Json) -> Option<(u8, Cow<'static, str>)> {
    match json {
        Json::String(word) if !word.is_empty() => Some((severity(word), Cow::Owned(word.clone()))),
        // Bunyan and pino count in tens, from 10 (trace) to 60 (fatal).
        Json::Number(number) => match number.as_u64()? {
            tens @ (10 | 20 | 30 | 40 | 50 | 60) => Some(((tens / 10 * 4 - 3) as u8, Cow::Borrowed(""))),
            number @ 1..=24 => Some((number as u8, Cow::Borrowed(""))),
            _ => None,
        },
        _ => None,
    }
}

/// OTLP's number for a level's name; 0 for one that is not known.
fn severity(word: &str) -> u8 {
    match word.to_ascii_lowercase().as_str() {
        "trace" | "verbose" => 1,
        "debug" => 5,
        "info" | "information" | "informational" => 9,
        "notice" => 10,
        "warn" | "warning" => 13,
        "error" | "err" => 17,
        "critical" | "crit" => 18,
        "alert" => 19,
        "fatal" | "panic" | "emergency" | "emerg" => 21,
        _ => 0,
    }
}
