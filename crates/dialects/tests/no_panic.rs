//! Whatever a client sends, reading it neither panics nor breaks what the store relies on.

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use model::raw::{Event, RawLog, RawSpan, Resource, Scope, StatusCode};
use model::{Attributes, PREVIEW_CHARS, Tenant, Timestamp, Value};
use proptest::prelude::*;

/// Every text in quotes in every convention table: keys, scopes, span names, values.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conventions");
    let texts = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let mut words: Vec<String> = texts
        .flat_map(|text| text.split('"').skip(1).step_by(2).map(|word| word.replace('*', "0.x")).collect::<Vec<_>>())
        .collect();
    words.extend(
        [
            "llm.input_messages.0.message.role",
            "llm.input_messages.18446744073709551615.message.content",
            "gen_ai.prompt.1.content",
            "llm.output_messages.2.message.tool_calls.7.tool_call.id",
            "retrieval.documents.3.document.score",
            "ai.response.toolCalls",
            "langfuse.observation.usage_details",
            "mlflow.chat.tokenUsage",
            "metadata",
            "content",
            "message",
            "role",
            "event.name",
        ]
        .map(str::to_owned),
    );
    words.sort();
    words.dedup();
    words
});

/// Pieces of content in many shapes, whole and torn.
const CONTENT: &[&str] = &[
    "",
    "\"",
    "{",
    "[",
    "[[]]",
    "null",
    "[null]",
    "{}",
    "1e999",
    "\"\\ud800\"",
    "[[[[[[[[[\"x\"]]]]]]]]]",
    "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]",
    "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"id\":null,\"name\":3}]}]",
    "[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":5}]}]",
    "{\"messages\":[[{\"lc\":1,\"id\":[\"AIMessage\"],\"kwargs\":{\"content\":[1,2]}}]]}",
    "{\"generations\":[[]]}",
    "{\"choices\":[{\"message\":null,\"finish_reason\":\"x\"}]}",
    "{\"output\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"arguments\":\"{\"}]}",
    "[{\"toolUse\":{}},{\"toolResult\":{\"content\":[]}}]",
    "{\"input\":-1,\"output\":1e30,\"total\":\"x\"}",
    "{\"args\":[\"x\"],\"kwargs\":{}}",
    "[\"system\",\"x\"]",
    "[[\"user\"]]",
    "{\"prompt\":{\"prompt\":{\"prompt\":\"x\"}}}",
    "{\"documents\":{\"documents\":{\"documents\":[{\"score\":\"x\"}]}}}",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(WORDS.clone()),
        1 => "[a-z]{1,6}(\\.[a-z0-9_]{0,6}){0,4}",
        1 => any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        3 => prop::sample::select(CONTENT).prop_map(|text| Value::Str(Cow::Borrowed(text))),
        2 => word().prop_map(|text| Value::Str(Cow::Owned(text))),
        1 => any::<i64>().prop_map(Value::Int),
        1 => any::<f64>().prop_map(Value::Double),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Null),
        1 => prop::collection::vec(any::<u8>(), 0..4).prop_map(|bytes| Value::Bytes(Cow::Owned(bytes))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((word().prop_map(Cow::Owned), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

fn attributes(most: usize) -> impl Strategy<Value = Attributes<'static>> {
    prop::collection::vec((word().prop_map(Cow::Owned), value()), 0..most).prop_map(Attributes)
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![Just(Timestamp::default()), any::<i64>().prop_map(Timestamp::from_nanos)]
}

prop_compose! {
    fn span()(
        name in word(), attributes in attributes(24), start in time(), end in time(), message in any::<String>(), failed in any::<bool>(),
        events in prop::collection::vec((word(), attributes(6), time()), 0..4),
    ) -> RawSpan<'static> {
        RawSpan {
            name: Cow::Owned(name),
            attributes,
            start,
            end,
            status: if failed { StatusCode::Error } else { StatusCode::Unset },
            status_message: Cow::Owned(message),
            events: events.into_iter().map(|(name, attributes, time)| Event { time, name: Cow::Owned(name), attributes }).collect(),
            ..RawSpan::default()
        }
    }
}

prop_compose! {
    fn log()(event_name in word(), body in value(), attributes in attributes(8), time in time(), severity in any::<u8>()) -> RawLog<'static> {
        RawLog { time, event_name: Cow::Owned(event_name), body, attributes, severity, ..RawLog::default() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_span_is_read(raw in span(), scope in word(), service in word(), logs in prop::collection::vec(log(), 0..4)) {
        let resource = Resource { attributes: Attributes(vec![("service.name".into(), Value::Str(Cow::Owned(service)))]) };
        let scope = Scope { name: Cow::Owned(scope), ..Scope::default() };
        let tenant = dialects::tenant(Tenant::DEFAULT_PROJECT, &resource);
        let span = dialects::understand(&raw, &resource, &scope, &tenant, Timestamp::default());
        prop_assert!(span.unmapped as usize <= raw.attributes.0.len());
        for preview in [&span.input_preview, &span.output_preview].into_iter().flatten() {
            prop_assert!(preview.chars().count() <= PREVIEW_CHARS);
        }
        prop_assert!(span.error_message.as_ref().is_none_or(|message| message.chars().count() <= 1000));
        if let (Some(input), Some(cached)) = (span.usage.input_tokens, span.usage.cache_read_tokens) {
            prop_assert!(input >= cached, "input includes cache: {:?}", span.usage);
        }
        prop_assert!(span.ttft_ms.is_none_or(|ms| ms.is_finite() && ms >= 0.0));
        prop_assert_eq!((span.start, span.end), (raw.start, raw.end));
        let content = dialects::content(&raw, &resource, &scope, &logs);
        prop_assert!(serde_json::to_string(&content).is_ok());
        // The same span is understood the same way, whatever was read in between.
        prop_assert_eq!(span, dialects::understand(&raw, &resource, &scope, &tenant, Timestamp::default()));
    }

    #[test]
    fn any_log_is_read(raw in log()) {
        let log = dialects::understand_log(&raw, &Resource::default(), &Scope::default(), &Tenant::default(), Timestamp::default());
        prop_assert!(log.preview.chars().count() <= PREVIEW_CHARS);
        let again = dialects::understand_log(&raw, &Resource::default(), &Scope::default(), &Tenant::default(), Timestamp::from_millis(1));
        prop_assert_eq!(log.id, again.id);
    }
}
