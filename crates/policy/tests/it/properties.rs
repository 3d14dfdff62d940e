//! Whatever comes: no panic, and applying a policy to what it left changes nothing.

use crate::support::{apply, left, policies, request};
use model::Value;
use proptest::prelude::*;

/// Text with more than its share of things that are looked for.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("4111 1111 1111 1111".to_owned()),
        Just("jane@example.com".to_owned()),
        Just("+49 30 901820".to_owned()),
        Just("sk-abcdefghij0123456789".to_owned()),
        Just("DE89 3704 0044 0532 0130 00".to_owned()),
        Just("password=".to_owned()),
        Just("[email]".to_owned()),
        Just("[card".to_owned()),
        Just("\\u0040".to_owned()),
        Just("{\"a\":\"".to_owned()),
        Just("\"}".to_owned()),
        Just("123-45-6789".to_owned()),
        Just("…".to_owned()),
        "[0-9 -]{1,20}",
        "[a-z@.:/=+]{1,12}",
        ".{0,8}",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        text().prop_map(|text| Value::Str(text.into())),
        text().prop_map(|text| Value::Str(serde_json::json!({ "a": text, "b": [text] }).to_string().into())),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Double),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Bytes(bytes.into())),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((text(), inner), 0..4)
                .prop_map(|entries| Value::Map(entries.into_iter().map(|(key, item)| (key.into(), item)).collect())),
        ]
    })
}

const FILES: &[&str] = &[
    "[[policy]]\ncontent = \"full\"",
    "[[policy]]\ncontent = \"preview\"\npreview_characters = 12\nunknown_longer_than = 20\n[policy.redact]\nmark = \"pseudonym\"",
    "[[policy]]\ncontent = \"hash\"\nunknown = \"full\"\n[policy.redact]\nmark = \"token\"",
    "[[policy]]\ncontent = \"none\"\nunknown = \"full\"",
];

proptest! {
    #[test]
    fn a_second_pass_takes_nothing_out_that_the_first_left(
        content in value(),
        other in value(),
        key in text(),
        file in proptest::sample::select(FILES),
    ) {
        let policies = policies(file);
        let mut batch = request("x", &[("gen_ai.input.messages", content), (key.as_str(), other)]);
        apply(&policies, &mut batch);
        let once = left(&batch);
        let report = apply(&policies, &mut batch);
        let twice = left(&batch);
        // Shortening may uncover what did not stand alone before, and marks count when length decides; everything else stays.
        if !file.contains("preview") {
            prop_assert_eq!(&once, &twice, "{:?}", report);
        }
    }

    #[test]
    fn numbers_that_follow_each_other_are_all_found(before in "(123-45-6789)?|x ", times in 1..60usize) {
        let policies = policies(FILES[0]);
        let said = format!("{before}{}", "+49 30 901820".repeat(times));
        let mut batch = request("x", &[("note", said.as_str().into())]);
        apply(&policies, &mut batch);
        let left = left(&batch)[0].1.clone();
        prop_assert!(!left.contains("901820"), "{}", left);
    }

    #[test]
    fn a_card_is_found_between_any_words(before in "[a-z ,.:;\"{}()]{0,20}", after in "[a-z ,.:;\"{}()]{0,20}") {
        let said = format!("{before} 5500-0000-0000-0004 {after}");
        let policies = policies(FILES[0]);
        let mut batch = request("x", &[("note", said.as_str().into())]);
        apply(&policies, &mut batch);
        prop_assert!(!left(&batch)[0].1.contains("5500"));
    }

    #[test]
    fn what_is_json_stays_json(texts in proptest::collection::vec(text(), 0..5)) {
        let json = serde_json::json!({ "messages": texts, "n": 12 }).to_string();
        for file in &FILES[..2] {
            let mut batch = request("x", &[("gen_ai.input.messages", json.as_str().into())]);
            apply(&policies(file), &mut batch);
            let kept: serde_json::Value = serde_json::from_str(&left(&batch)[0].1).unwrap();
            prop_assert_eq!(kept["messages"].as_array().map(Vec::len), Some(texts.len()));
        }
    }
}
