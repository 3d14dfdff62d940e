//! What is taken apart and put together again is what it was.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn parts(json: &str) -> Option<Vec<(&str, &str)>> {
    let mut entries = Entries::of(json);
    let found = entries.by_ref().map(|entry| (entry.key, entry.value)).collect();
    entries.were_all().then_some(found)
}

#[test]
fn an_object_is_cut_at_its_own_entries_only() {
    let json = r#"{"a":1,"b\"":"x,}\"{","c":{"d":[{"e":"]"}]},"f":{"$double":"NaN"},"g":null}"#;
    let expected = [
        (r#""a""#, "1"),
        (r#""b\"""#, r#""x,}\"{""#),
        (r#""c""#, r#"{"d":[{"e":"]"}]}"#),
        (r#""f""#, r#"{"$double":"NaN"}"#),
        (r#""g""#, "null"),
    ];
    assert_eq!(parts(json).unwrap(), expected);
    assert!(parts("{}").unwrap().is_empty());
    for broken in ["", "{", "[]", "{\"a\":1", "{\"a\":1}x", "{\"a\" :1}", "{\"a\":}", "{\"a\":\"\\\"}", "{a:1}", "{,}"]
    {
        assert_eq!(parts(broken), None, "{broken}");
    }
}

#[test]
fn entries_come_back_where_they_stood() {
    let (model, tokens) = (texts(&[Some("m \"1\"\n")]), Arc::new(Int64Array::from(vec![-7])) as ArrayRef);
    let sources = [Source::of(&model), Source::of(&tokens)];
    let both = LeftOut::parse(r#"{"m":"model","n":"tokens"}"#, &["model", "tokens"]).unwrap();
    for (rest, whole) in [
        ("{\n\n}", r#"{"m":"m \"1\"\n","n":-7}"#),
        ("{\n\"a\":1\n}", r#"{"m":"m \"1\"\n","a":1,"n":-7}"#),
        ("{\"a\":1\n,\"b\":[2]\n,\"c\":3}", r#"{"a":1,"m":"m \"1\"\n","b":[2],"n":-7,"c":3}"#),
        ("{\n\n\"a\":{}}", r#"{"m":"m \"1\"\n","n":-7,"a":{}}"#),
    ] {
        let mut out = String::new();
        assert!(both.put_back(rest, &sources, 0, &mut out));
        assert_eq!(out, whole);
        assert!(serde_json::from_str::<serde_json::Value>(rest).is_ok(), "what stays is JSON: {rest}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (model, none) = (texts(&[Some("m")]), texts(&[None]));
    let columns = ["model", "none"];
    let fits = |left_out: &str, rest: &str| {
        let sources = [Source::of(&model), Source::of(&none)];
        LeftOut::parse(left_out, &columns).is_some_and(|set| set.put_back(rest, &sources, 0, &mut String::new()))
    };
    assert!(fits(r#"{"m":"model"}"#, "{\n}"));
    assert!(!fits(r#"{"m":"model"}"#, "{}"), "one too few");
    assert!(!fits(r#"{"m":"model"}"#, "{\n\n}"), "one too many");
    assert!(!fits(r#"{"m":"none"}"#, "{\n}"), "no value");
    assert!(!fits(r#"{"m":"other"}"#, "{\n}"), "no such column");
    assert!(!fits(r#"{"m":"model""#, "{\n}"), "cut off");
}

#[test]
fn only_what_would_be_written_the_same_is_taken_for_the_same() {
    let (text, number) =
        (texts(&[Some("a\u{1}b"), Some("1"), None]), Arc::new(Int64Array::from(vec![i64::MIN, 0, 5])) as ArrayRef);
    let (text, number) = (Source::of(&text).unwrap(), Source::of(&number).unwrap());
    let mut room = String::new();
    assert!(text.says(0, r#""a\u0001b""#, &mut room));
    assert!(!text.says(0, "\"a\u{1}b\"", &mut room), "written another way");
    assert!(!text.says(1, "1", &mut room) && text.says(1, "\"1\"", &mut room), "a number is no text");
    assert!(!text.says(2, "\"\"", &mut room) && !text.says(2, "null", &mut room), "nothing is not an empty text");
    assert!(number.says(0, "-9223372036854775808", &mut room) && number.says(1, "0", &mut room));
    for other in ["-0", "+5", "05", "5.0", "5e0", "\"5\"", "5 ", ""] {
        assert!(!number.says(2, other, &mut room) && !number.says(1, other, &mut room), "{other}");
    }
}

proptest! {
    #[test]
    fn any_text_is_taken_apart_without_a_panic(text in any::<String>(), rest in "[{}\\[\\]\",:a\\\\\n1]{0,40}") {
        let model = texts(&[Some("m")]);
        let sources = [Source::of(&model)];
        for json in [&text, &rest] {
            let _ = parts(json);
            for left_out in [LeftOut::parse(json, &["model"]), LeftOut::parse(r#"{"m":"model"}"#, &["model"])].into_iter().flatten() {
                let _ = left_out.put_back(json, &sources, 0, &mut String::new());
            }
        }
    }
}
