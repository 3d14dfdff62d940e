//! Any value reads back as it was, with and without bodies taken out.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::bodies::Texts;

/// Equality that also tells NaN and the sign of zero.
fn same(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Double(a), Value::Double(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((ka, a), (kb, b))| ka == kb && same(a, b))
        }
        _ => a == b,
    }
}

fn with_bodies(value: &Value<'_>) -> (String, Value<'static>) {
    let mut known = Texts::default();
    let mut splitter = Splitter::new(&mut known);
    let mut text = String::new();
    write_value(&mut text, value, Some(&mut splitter), 0);
    let bodies: HashMap<_, Arc<str>> = splitter.bodies.iter().map(|(hash, body)| (*hash, Arc::from(&**body))).collect();
    let back = decode_value(&text, &|hash| bodies.get(hash).cloned()).unwrap().into_owned();
    (text, back)
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,600}",
        // JSON, and almost JSON.
        "(\\[|\\{)([a-z\"\\\\,:\\[\\]{}0-9ä \n]{0,300})(\\]|\\})",
        proptest::collection::vec("[a-zäß\"\\\\]{0,200}", 0..8)
            .prop_map(|items| serde_json::to_string(&items).unwrap()),
        proptest::collection::vec(("[a-z]{1,8}", "\\PC{0,200}"), 0..8)
            .prop_map(|items| serde_json::json!({"messages": items, "n": 1.5}).to_string()),
    ]
}

fn values() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))),
        texts().prop_map(|text| Value::Str(Cow::Owned(text))),
        proptest::collection::vec(any::<u8>(), 0..600).prop_map(|bytes| Value::Bytes(Cow::Owned(bytes))),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        let key = prop_oneof!["[a-c$]{0,3}", any::<String>()];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((key.prop_map(Cow::Owned), inner), 0..6).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_value_reads_back_exactly(value in values()) {
        let text = encode_value(&value);
        let plain = decode_value(&text, &|_| None).unwrap();
        prop_assert!(same(&plain, &value), "{plain:?}");
        let (text, back) = with_bodies(&value);
        prop_assert!(same(&back, &value), "{text}");
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "not JSON: {text}");
    }

    #[test]
    fn any_text_reads_without_a_panic(text in any::<String>()) {
        let _ = decode_value(&text, &|_| None);
    }
}

#[test]
fn plain_values_are_plain_json() {
    let value = Value::Map(vec![
        ("a".into(), Value::Int(1)),
        ("b".into(), Value::Double(1.0)),
        ("c".into(), Value::Array(vec![Value::Null, Value::Bool(true), "x\ny".into()])),
    ]);
    assert_eq!(encode_value(&value), r#"{"a":1,"b":1.0,"c":[null,true,"x\ny"]}"#);
}

#[test]
fn what_json_cannot_say_is_marked() {
    let cases = [
        (Value::Double(f64::NAN), r#"{"$double":"NaN"}"#),
        (Value::Double(f64::NEG_INFINITY), r#"{"$double":"-Infinity"}"#),
        (Value::Double(-0.0), "-0.0"),
        (Value::Bytes(Cow::Borrowed(&[0, 255])), r#"{"$bytes":"AP8="}"#),
        (Value::Map(vec![("$x".into(), Value::Null)]), r#"{"$map":[["$x",null]]}"#),
        (Value::Map(vec![("k".into(), Value::Int(1)), ("k".into(), Value::Int(2))]), r#"{"$map":[["k",1],["k",2]]}"#),
    ];
    for (value, text) in cases {
        assert_eq!(encode_value(&value), text);
    }
}

#[test]
fn a_large_text_becomes_a_reference_and_a_lost_body_becomes_null() {
    let value =
        Value::Map(vec![("prompt".into(), Value::Str("long ".repeat(100).into())), ("n".into(), Value::Int(1))]);
    let (text, _) = with_bodies(&value);
    let hash = BodyHash::of(&"long ".repeat(100));
    assert_eq!(text, format!(r#"{{"prompt":{{"$body":["","{hash}"]}},"n":1}}"#));
    let back = decode_value(&text, &|_| None).unwrap();
    assert_eq!(back, Value::Map(vec![("prompt".into(), Value::Null), ("n".into(), Value::Int(1))]));
}

#[test]
fn deep_values_neither_overflow_nor_fail() {
    let mut value = Value::Int(1);
    for _ in 0..1000 {
        value = Value::Map(vec![("$".into(), value)]);
    }
    let text = encode_value(&value);
    assert!(decode_value(&text, &|_| None).is_ok());
    assert!(decode_value(&"[".repeat(100_000), &|_| None).is_err());
}
