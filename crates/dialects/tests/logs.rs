//! Log records: names, severities, identity.

use model::raw::{RawLog, Resource, Scope};
use model::{Attributes, Log, Tenant, Timestamp, Value};

fn read(raw: &RawLog<'_>) -> Log {
    dialects::understand_log(raw, &Resource::default(), &Scope::default(), &Tenant::default(), Timestamp::default())
}

fn attributes<'a>(pairs: &[(&'a str, &'a str)]) -> Attributes<'a> {
    Attributes(pairs.iter().map(|(key, value)| ((*key).into(), Value::from(*value))).collect())
}

#[test]
fn an_events_name_is_the_records_own_or_its_attributes() {
    let own = RawLog { event_name: "gen_ai.choice".into(), ..RawLog::default() };
    assert_eq!(read(&own).event_name.as_deref(), Some("gen_ai.choice"));
    let claude = RawLog { attributes: attributes(&[("event.name", "user_prompt")]), ..RawLog::default() };
    assert_eq!(read(&claude).event_name.as_deref(), Some("user_prompt"));
    // Codex writes a source line as the name, and the name as an attribute.
    let codex = RawLog {
        event_name: "event otel/src/tool_result.rs:54".into(),
        attributes: attributes(&[("event.name", "codex.tool_result")]),
        ..RawLog::default()
    };
    assert_eq!(read(&codex).event_name.as_deref(), Some("codex.tool_result"));
}

#[test]
fn a_record_without_time_has_the_time_it_was_observed() {
    let raw = RawLog { observed: Timestamp::from_millis(7), ..RawLog::default() };
    assert_eq!(read(&raw).time, Timestamp::from_millis(7));
}

#[test]
fn severity_is_named_from_its_number_where_the_sender_gives_no_word() {
    let name = |severity| read(&RawLog { severity, ..RawLog::default() }).severity_text.to_string();
    assert_eq!(
        (name(0), name(9), name(10), name(17), name(24), name(200)),
        (String::new(), "INFO".into(), "INFO2".into(), "ERROR".into(), "FATAL4".into(), String::new())
    );
    let worded = RawLog { severity: 9, severity_text: "notice".into(), ..RawLog::default() };
    assert_eq!(read(&worded).severity_text.as_ref(), "notice");
}

#[test]
fn the_preview_is_the_body_or_what_says_most() {
    let body = RawLog { body: Value::from("  order   shipped "), ..RawLog::default() };
    assert_eq!(read(&body).preview.as_ref(), "order shipped");
    let message = RawLog { body: Value::Map(vec![("content".into(), Value::from("hello"))]), ..RawLog::default() };
    assert_eq!(read(&message).preview.as_ref(), "hello");
    let attribute =
        RawLog { event_name: "x".into(), attributes: attributes(&[("prompt", "say hi")]), ..RawLog::default() };
    assert_eq!(read(&attribute).preview.as_ref(), "say hi");
    let name = RawLog {
        event_name: "gen_ai.client.inference.operation.details".into(),
        body: Value::Map(vec![]),
        ..RawLog::default()
    };
    assert_eq!(read(&name).preview.as_ref(), "gen_ai.client.inference.operation.details");
}

#[test]
fn a_record_sent_twice_is_one_and_any_difference_makes_another() {
    let raw = RawLog {
        time: Timestamp::from_millis(1),
        body: Value::from("a"),
        attributes: attributes(&[("k", "v")]),
        ..RawLog::default()
    };
    let id = read(&raw).id;
    assert_eq!(id, read(&raw.clone()).id);
    // Fixed for ever: rows on disk carry it.
    assert_eq!(format!("{id:032x}"), "3d61150ff05f76b985701b1dd50de56e");
    let others = [
        RawLog { time: Timestamp::from_millis(2), ..raw.clone() },
        RawLog { body: Value::from("b"), ..raw.clone() },
        RawLog { attributes: attributes(&[("kv", "")]), ..raw.clone() },
        RawLog { severity: 1, ..raw.clone() },
        RawLog { event_name: "e".into(), ..raw.clone() },
    ];
    for other in others {
        assert_ne!(read(&other).id, id);
    }
    let resource = Resource { attributes: attributes(&[("service.name", "s")]) };
    let elsewhere =
        dialects::understand_log(&raw, &resource, &Scope::default(), &Tenant::default(), Timestamp::default());
    assert_ne!(elsewhere.id, id);
}
