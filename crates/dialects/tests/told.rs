//! Steps told by log records: `tests/told/<case>.json` holds records, `<case>.expected.json` the spans they tell.
//! `UPDATE_GOLDEN=1 cargo test -p dialects --test told` rewrites the expectations; read the difference before keeping it.

mod support;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use model::raw::{RawLog, RawSpan, Resource, Scope};
use model::{Attributes, SpanId, Timestamp, TraceId, Value};
use serde_json::{Value as Json, json};

fn told(log: &RawLog<'_>, resource: &Resource<'_>, scope: &Scope<'_>) -> Option<RawSpan<'static>> {
    let tenant = dialects::tenant("default", resource);
    let id = dialects::understand_log(log, resource, scope, &tenant, Timestamp::default()).id;
    dialects::told(log, resource, scope, "default", id, Timestamp::default())
}

/// Spans of a case, traces by the letter of their first appearance.
fn spans(input: &Json) -> Json {
    let case = support::case(input);
    let tenant = dialects::tenant("default", &case.resource);
    let mut traces: HashMap<TraceId, String> = HashMap::new();
    let ms = |time: Timestamp| if time.is_unset() { Json::Null } else { json!(time.millis_since(support::START)) };
    let all = case.logs.iter().map(|log| {
        let Some(raw) = told(log, &case.resource, &case.scope) else { return Json::Null };
        let count = traces.len();
        let trace = traces.entry(raw.trace_id).or_insert_with(|| char::from(b'A' + count as u8).to_string()).clone();
        let span = dialects::understand(&raw, &case.resource, &case.scope, &tenant, Timestamp::default());
        let content = dialects::content(&raw, &case.resource, &case.scope, std::slice::from_ref(log));
        json!({
            "trace": trace, "name": raw.name, "told": span.told, "ms": [ms(raw.start), ms(raw.end)],
            "span": support::shown(&span), "content": content,
        })
    });
    Json::Array(all.collect())
}

#[test]
fn every_record_tells_what_its_pair_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/told");
    let mut wrong = Vec::new();
    let mut cases = 0;
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.to_string_lossy().ends_with(".expected.json") {
            continue;
        }
        cases += 1;
        let input: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let actual = spans(&input);
        let pair = path.with_extension("expected.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&pair, serde_json::to_string_pretty(&actual).unwrap() + "\n").unwrap();
            continue;
        }
        let expected: Json =
            fs::read_to_string(&pair).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        if expected != actual {
            wrong.push(format!("{}\n{}", path.display(), serde_json::to_string_pretty(&actual).unwrap()));
        }
    }
    assert!(cases > 5);
    assert!(wrong.is_empty(), "told otherwise than expected:\n{}", wrong.join("\n"));
}

fn record<'a>(pairs: &[(&'a str, &'a str)]) -> RawLog<'a> {
    let pairs = pairs.iter().map(|(key, value)| ((*key).into(), Value::from(*value)));
    RawLog { time: Timestamp::from_millis(5), attributes: Attributes(pairs.collect()), ..RawLog::default() }
}

fn read(raw: &RawLog<'_>) -> Option<RawSpan<'static>> {
    told(raw, &Resource::default(), &Scope::default())
}

#[test]
fn ids_are_of_the_record_alone_and_fixed_for_ever() {
    let log = record(&[("event", "step_start"), ("step_name", "fetch"), ("execution_id", "EXEC-1")]);
    let span = read(&log).unwrap();
    assert_eq!(Some(&span), read(&log.clone()).as_ref());
    // Rows on disk carry it.
    assert_eq!(span.trace_id.to_string(), "e7aaf958160190ad23ae75bdd8d45677");
    assert_eq!(span.trace_id, dialects::told_trace("default", dialects::ToldGroup::Execution, "EXEC-1"));
    assert_ne!(span.trace_id, dialects::told_trace("other", dialects::ToldGroup::Execution, "EXEC-1"));
}

#[test]
fn what_tells_of_no_step_tells_nothing() {
    for pairs in [
        &[("event", "step_start"), ("step_name", "fetch")][..],
        &[("event", "user_login"), ("execution_id", "e")],
        &[("event", "error"), ("request_id", "r")],
        &[("message", "GET /"), ("request_id", "r")],
        &[("event", "llm_call"), ("trace_id", "t")],
    ] {
        assert_eq!(read(&record(pairs)), None, "{pairs:?}");
    }
}

#[test]
fn a_record_in_a_field_of_json_text_is_of_the_trace_it_names() {
    let line = r#"{"event": "tool_call", "tool_name": "search", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}"#;
    let raw = RawLog { body: Value::from(line), ..RawLog::default() };
    let tenant = dialects::tenant("default", &Resource::default());
    let log = dialects::understand_log(&raw, &Resource::default(), &Scope::default(), &tenant, Timestamp::default());
    assert_eq!(log.trace_id.unwrap().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(read(&raw).unwrap().trace_id, log.trace_id.unwrap());
    // A UUID is a trace id; a line without one belongs to the execution it names, even where it tells of no step.
    let uuid = record(&[("trace_id", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736")]);
    let of = |raw: &RawLog<'_>| {
        dialects::understand_log(raw, &Resource::default(), &Scope::default(), &tenant, Timestamp::default()).trace_id
    };
    assert_eq!(of(&uuid), log.trace_id);
    let plain = record(&[("message", "loading"), ("execution_id", "EXEC-1")]);
    assert_eq!(of(&plain), Some(dialects::told_trace("default", dialects::ToldGroup::Execution, "EXEC-1")));
    assert_eq!(of(&record(&[("message", "GET /"), ("request_id", "r")])), None);
}

#[test]
fn long_values_are_left_with_the_record() {
    let long = "x".repeat(5_000);
    let log = record(&[("event", "tool_call"), ("tool_name", "search"), ("execution_id", "e"), ("arguments", &long)]);
    let span = read(&log).unwrap();
    assert_eq!(span.attributes.text("arguments"), Some(long.as_str()));
    let kept = dialects::told_lean(span);
    assert_eq!((kept.attributes.text("arguments"), kept.attributes.text("tool_name")), (None, Some("search")));
}

#[test]
fn a_call_told_within_its_span_may_leave_the_model_to_the_span() {
    let mut log = record(&[("user.id", "ada")]);
    log.event_name = "gen_ai.client.inference.operation.details".into();
    assert!(read(&log).is_none(), "which call it tells nobody knows");
    (log.trace_id, log.span_id) = (Some(TraceId::from_array([1; 16])), Some(SpanId::from_array([2; 8])));
    let span = read(&log).unwrap();
    assert_eq!((span.name.as_ref(), span.parent_span_id), ("chat", log.span_id));
    let understood = dialects::understand(
        &span,
        &Resource::default(),
        &Scope::default(),
        &dialects::tenant("default", &Resource::default()),
        Timestamp::default(),
    );
    assert_eq!((understood.kind, understood.user_id.as_deref()), (model::StepKind::Llm, Some("ada")));
}
