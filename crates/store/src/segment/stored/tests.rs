//! Whatever is sent is read back as it was, and what columns tell is not written twice.

use std::borrow::Cow;

use model::raw::RawSpan;
use model::{Attributes, Span, SpanId, Tenant, TraceId, Usage, Value};
use proptest::prelude::*;

use super::*;
use crate::bodies::{Splitter, Texts};
use crate::rows::spans::{SpanRow, to_batch};
use crate::schema::DURATION;

type Sent = Vec<(Cow<'static, str>, Value<'static>)>;

fn batch(rows: &[(Span, Sent)]) -> RecordBatch {
    let mut texts = Texts::default();
    let row = |(span, sent): &(Span, Sent)| {
        let raw = RawSpan { attributes: Attributes(sent.clone()), ..RawSpan::default() };
        SpanRow::new(span.clone(), &raw, "{}".into(), "{}".into(), &mut Splitter::new(&mut texts))
    };
    let rows: Vec<SpanRow> = rows.iter().map(row).collect();
    to_batch(&rows.iter().collect::<Vec<_>>())
}

fn span() -> Span {
    let tenant = Tenant { project: "p".into(), environment: "e".into() };
    Span::new(tenant, TraceId::from_array([1; 16]), SpanId::from_array([1; 8]))
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Vec<Option<&'b str>> {
    batch.column_by_name(name).unwrap().as_string::<i32>().iter().collect()
}

/// A call of a model as clients tell it, some attributes twice.
fn call(number: i64) -> (Span, Sent) {
    let span = Span {
        model: Some("gpt-4o".into()),
        request_model: Some("gpt-4o".into()),
        agent: Some("refund".into()),
        usage: Usage { input_tokens: Some(300 + number as u64), output_tokens: Some(20), ..Usage::default() },
        start: Timestamp::from_nanos(1_000_000_000),
        end: Timestamp::from_nanos(3_500_000_000 + number),
        ..span()
    };
    let sent = vec![
        ("gen_ai.operation.name".into(), "chat".into()),
        ("gen_ai.request.model".into(), "gpt-4o".into()),
        ("llm.token_count.prompt".into(), Value::Int(300 + number)),
        ("temperature".into(), Value::Double(0.3)),
        ("gen_ai.usage.output_tokens".into(), Value::Int(20)),
        ("as.a.float".into(), Value::Double(20.0)),
        ("as.a.text".into(), "20".into()),
        ("agent".into(), "refund".into()),
    ];
    (span, sent)
}

#[test]
fn a_file_has_neither_durations_nor_what_columns_repeat() {
    let whole = batch(&(0..3).map(call).collect::<Vec<_>>());
    let stored = Leaving::default().stored(&whole).unwrap();
    assert!(stored.column_by_name(DURATION).is_none());
    let rest =
        "{\"gen_ai.operation.name\":\"chat\"\n\n,\"temperature\":0.3\n,\"as.a.float\":20.0,\"as.a.text\":\"20\"\n}";
    assert_eq!(column(&stored, ATTRIBUTES), [Some(rest); 3]);
    let left_out = r#"{"gen_ai.request.model":"request_model","llm.token_count.prompt":"input_tokens","gen_ai.usage.output_tokens":"output_tokens","agent":"agent"}"#;
    assert_eq!(column(&stored, IN_COLUMNS), [Some(left_out); 3]);
    let times = ["started_at", "ended_at"].map(|name| stored.column_by_name(name).unwrap());
    assert_eq!(&durations(times[0], times[1]).unwrap(), whole.column_by_name(DURATION).unwrap());
}

#[test]
fn whoever_reads_some_columns_gets_these_and_no_others() {
    let whole = batch(&[call(0)]);
    let stored = Leaving::default().stored(&whole).unwrap();
    let reading = Reading::of(Table::Spans, Some(&["model", ATTRIBUTES]), |name| name != "tool_name");
    assert!(reading.extra().contains(&IN_COLUMNS) && reading.extra().contains(&"input_tokens"));
    assert!(!reading.extra().contains(&"model") && !reading.extra().contains(&"tool_name"));
    let at = |name: &str| stored.schema().index_of(name).unwrap();
    let read: Vec<usize> = reading.extra().iter().chain(&["model", ATTRIBUTES]).map(|name| at(name)).collect();
    let read = reading.whole(stored.project(&read).unwrap()).unwrap();
    let names: Vec<_> = read.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["model", ATTRIBUTES]);
    assert_eq!(column(&read, ATTRIBUTES), column(&whole, ATTRIBUTES));
    for (table, wanted) in [(Table::Logs, ATTRIBUTES), (Table::Spans, "model")] {
        assert!(Reading::of(table, Some(&[wanted]), |_| true).extra().is_empty());
    }
}

#[test]
fn a_column_that_was_right_by_chance_is_given_up() {
    // At first what was asked for is what answered.
    let row = |number: usize| {
        let answered = if number < 4 { "a".to_owned() } else { format!("a-{}", number % 3) };
        let span = Span { request_model: Some("a".into()), model: Some(answered.as_str().into()), ..span() };
        (span, vec![("answered".into(), Value::Str(answered.into()))])
    };
    let whole = batch(&(0..100).map(row).collect::<Vec<_>>());
    let stored = Leaving::default().stored(&whole).unwrap();
    assert_eq!(column(&stored, IN_COLUMNS)[99], Some(r#"{"answered":"model"}"#));
    let back = Reading::of(Table::Spans, None, |_| true).whole(stored).unwrap();
    assert_eq!(column(&back, ATTRIBUTES), column(&whole, ATTRIBUTES));
}

#[test]
fn keys_without_end_cost_bounded_memory_and_lose_nothing() {
    let row = |number: usize| {
        let key = format!("key {number}");
        (Span { model: Some("m".into()), ..span() }, vec![(key.into(), "m".into()), ("model".into(), "m".into())])
    };
    let whole = batch(&(0..KEYS_MAX + 100).map(row).collect::<Vec<_>>());
    let mut leaving = Leaving::default();
    let stored = leaving.stored(&whole).unwrap();
    assert!(leaving.keys.len() == KEYS_MAX && leaving.sets.len() == SETS_MAX);
    let back = Reading::of(Table::Spans, None, |_| true).whole(stored).unwrap();
    assert_eq!(column(&back, ATTRIBUTES), column(&whole, ATTRIBUTES));
}

#[test]
fn an_attribute_whose_column_has_lost_it_is_an_error_and_no_silence() {
    let stored = Leaving::default().stored(&batch(&[call(0)])).unwrap();
    let without = stored.schema().index_of("request_model").unwrap();
    let rest: Vec<usize> = (0..stored.num_columns()).filter(|at| *at != without).collect();
    let error = Reading::of(Table::Spans, None, |_| true).whole(stored.project(&rest).unwrap()).unwrap_err();
    assert!(error.to_string().contains(IN_COLUMNS), "{error}");
}

/// Texts and numbers that columns and attributes both take, so that they often agree.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            "a",
            "gpt-4o",
            "5",
            "-5",
            "null",
            "\n",
            "\"",
            "\\",
            "ä\u{1}\t",
            "😀",
            "[\"stop\"]"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
        "[a-z]{250,270}",
    ]
}

fn numbers() -> impl Strategy<Value = i64> {
    prop_oneof![prop::sample::select(vec![0, 1, -1, 5, i64::MAX, i64::MIN, 1 << 53]), any::<i64>()]
}

fn values() -> impl Strategy<Value = Value<'static>> {
    let doubles = prop::sample::select(vec![0.0, -0.0, 1.0, 5.0, f64::NAN, f64::INFINITY, 1e300, 0.1]);
    let leaf = prop_oneof![
        3 => words().prop_map(|text| Value::Str(text.into())),
        3 => numbers().prop_map(Value::Int),
        1 => doubles.prop_map(Value::Double),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Null),
        1 => proptest::collection::vec(any::<u8>(), 0..4).prop_map(|bytes| Value::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((keys(), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

fn keys() -> impl Strategy<Value = Cow<'static, str>> {
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "gen_ai.request.model", "tokens", "", "$body", "$", "k\"\\\n"]).prop_map(Cow::Borrowed),
        1 => any::<String>().prop_map(Cow::Owned),
    ]
}

fn rows() -> impl Strategy<Value = (Span, Sent)> {
    let texts = proptest::collection::vec(proptest::option::of(words()), 8);
    let tokens = proptest::collection::vec(proptest::option::of(numbers()), 3);
    let sent = proptest::collection::vec((keys(), values()), 0..8);
    (texts, tokens, sent, numbers(), numbers()).prop_map(|(texts, tokens, sent, start, end)| {
        let text = |at: usize| texts[at].as_deref().map(std::sync::Arc::from);
        let count = |at: usize| tokens[at].and_then(|tokens| u64::try_from(tokens).ok());
        let span = Span {
            model: text(0),
            request_model: text(1),
            agent: text(2),
            session_id: text(3),
            tool_name: text(4),
            error_message: text(5),
            input_preview: text(6),
            name: text(7).unwrap_or_else(|| "".into()),
            usage: Usage {
                input_tokens: count(0),
                output_tokens: count(1),
                reported_total: count(2),
                ..Usage::default()
            },
            start: Timestamp::from_nanos(start),
            end: Timestamp::from_nanos(end),
            ..span()
        };
        // Often the very value a column has.
        let mut sent = sent;
        sent.extend(span.model.as_deref().map(|model| ("own.model".into(), Value::Str(model.to_owned().into()))));
        sent.extend(
            count(0).and_then(|count| i64::try_from(count).ok()).map(|count| ("own.tokens".into(), Value::Int(count))),
        );
        (span, sent)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_attribute_comes_back_byte_for_byte(rows in proptest::collection::vec(rows(), 1..40)) {
        let whole = batch(&rows);
        let stored = Leaving::default().stored(&whole).unwrap();
        let times = ["started_at", "ended_at"].map(|name| stored.column_by_name(name).unwrap());
        let took = durations(times[0], times[1]).unwrap();
        let back = Reading::of(Table::Spans, None, |_| true).whole(stored.clone()).unwrap();
        prop_assert!(back.column_by_name(IN_COLUMNS).is_none());
        for (field, column) in whole.schema().fields().iter().zip(whole.columns()) {
            let read = if field.name() == DURATION { &took } else { back.column_by_name(field.name()).unwrap() };
            prop_assert_eq!(read, column, "{}", field.name());
        }
        for rest in column(&stored, ATTRIBUTES).into_iter().flatten() {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(rest).is_ok(), "not JSON: {rest}");
        }
    }
}
