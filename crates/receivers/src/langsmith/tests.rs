//! Tests of the run protocol.

use model::raw::{RawSpan, StatusCode};
use model::{SpanId, TraceId, Value};
use serde_json::json;

use super::*;
use crate::{Known, Partial};

const NOW: Timestamp = Timestamp::from_millis(1_795_300_000_000);
const ROOT: &str = "edfd5c72-4802-429f-9e07-17737d7092ba";
const CHILD: &str = "01a1fc81-470f-7721-a784-8b640425dc7c";
const DOTTED: &str = "20261121T050813161973Zedfd5c72-4802-429f-9e07-17737d7092ba.20261121T050813199746Z01a1fc81-470f-7721-a784-8b640425dc7c";

fn one(verb: Verb, run: Json) -> Partial {
    let runs = single(verb, None, run.to_string().as_bytes(), NOW).unwrap();
    assert_eq!((runs.told.refused().count(), runs.traceless.len()), (0, 0));
    runs.told.spans[0].clone()
}

fn raw(partials: &[Partial]) -> RawSpan<'static> {
    let mut known = Known::new(partials[0].clone());
    for partial in &partials[1..] {
        known.add(partial.clone());
    }
    known.raw()
}

#[test]
fn a_run_is_the_same_whether_its_end_comes_with_it_after_it_or_before_it() {
    let start = "2026-11-21T05:08:13.199746+00:00";
    let post = json!({"id": CHILD, "trace_id": ROOT, "parent_run_id": ROOT, "dotted_order": DOTTED, "name": "ChatOpenAI", "run_type": "llm",
        "start_time": start, "inputs": {"q": "hi"}, "outputs": {}, "events": []});
    let patch = json!({"id": CHILD, "trace_id": ROOT, "parent_run_id": ROOT, "dotted_order": DOTTED, "name": "ChatOpenAI", "run_type": "llm",
        "start_time": start, "end_time": 1_795_237_693_257_u64, "outputs": {"output": "hello"}});
    let (post, patch) = (one(Verb::Post, post), one(Verb::Patch, patch));
    let forwards = raw(&[post.clone(), patch.clone()]);
    assert_eq!(raw(&[patch.clone(), post]), forwards);
    assert_eq!(forwards.attributes.text("gen_ai.completion"), Some(r#"{"output":"hello"}"#));
    assert_eq!(forwards.trace_id, trace_id(ROOT));
    assert_eq!(forwards.parent_span_id, Some(span_id(ROOT)));
    // The change alone says enough.
    let alone = raw(&[patch]);
    assert_eq!((alone.name.as_ref(), alone.start, alone.end), ("ChatOpenAI", forwards.start, forwards.end));
}

#[test]
fn ancestors_are_known_from_the_dotted_order_alone() {
    let span = one(Verb::Patch, json!({"id": CHILD, "dotted_order": DOTTED, "end_time": "2026-11-21T05:08:13.3"}));
    assert_eq!(span.trace_id, trace_id(ROOT));
    assert_eq!(span.parent, Some(span_id(ROOT)));
    assert_eq!(span.start.unwrap().to_string(), "2026-11-21T05:08:13.199746Z");
}

#[test]
fn a_change_that_names_no_trace_is_marked_to_be_looked_up() {
    let runs = single(Verb::Patch, Some(CHILD), br#"{"outputs": {"x": 1}}"#, NOW).unwrap();
    assert_eq!(runs.traceless, [(0, 0)]);
    assert_eq!(runs.told.spans[0].span_id, span_id(CHILD));
    assert!(single(Verb::Post, None, br#"{"name": "no id"}"#, NOW).unwrap().told.refused().count() == 1);
}

#[test]
fn tokens_are_found_where_each_library_puts_them() {
    let usage = |outputs: Json, metadata: Json| {
        let run = json!({"id": CHILD, "trace_id": CHILD, "run_type": "llm", "outputs": outputs, "extra": {"metadata": metadata}});
        let span = raw(&[one(Verb::Post, run)]);
        let count = |key: &str| span.attributes.get(key).and_then(Value::as_u64);
        (count("gen_ai.usage.input_tokens"), count("gen_ai.usage.output_tokens"))
    };
    let told = json!({"input_tokens": 57, "output_tokens": 23, "total_tokens": 80});
    let openai = json!({"prompt_tokens": 57, "completion_tokens": 23, "total_tokens": 80});
    for (outputs, metadata) in [
        (json!({"usage_metadata": told}), json!({})),
        (json!({"output": "x"}), json!({"usage_metadata": told})),
        (json!({"generations": [[{"message": {"kwargs": {"usage_metadata": told}}}]]}), json!({})),
        (json!({"generations": [[{"text": "x"}]], "llm_output": {"token_usage": openai}}), json!({})),
        (json!({"choices": [], "usage": openai}), json!({})),
    ] {
        assert_eq!(usage(outputs.clone(), metadata), (Some(57), Some(23)), "{outputs}");
    }
    assert_eq!(usage(json!({"output": "x"}), json!({})), (None, None));
}

#[test]
fn errors_of_python_and_javascript_name_their_class() {
    for (error, class, message) in [
        (
            "ValueError('tool exploded')\n\nTraceback (most recent call last):\n  …",
            Some("ValueError"),
            "ValueError('tool exploded')",
        ),
        ("ValueError('x')Traceback (most recent call last):\n", Some("ValueError"), "ValueError('x')"),
        ("Error: tool exploded\n    at file.mjs:1:2", Some("Error"), "Error: tool exploded"),
        ("it broke", None, "it broke"),
    ] {
        let span = raw(&[one(Verb::Post, json!({"id": CHILD, "trace_id": CHILD, "error": error}))]);
        assert_eq!((span.status, span.status_message.as_ref()), (StatusCode::Error, message));
        assert_eq!(span.attributes.text("error.type"), class);
    }
}

#[test]
fn the_first_token_is_timed_and_a_flood_of_events_is_bounded() {
    let events: Vec<Json> =
        (0..500).map(|n| json!({"name": "new_token", "time": format!("2026-11-21T05:08:14.{n:03}Z")})).collect();
    let run = json!({"id": CHILD, "trace_id": CHILD, "start_time": "2026-11-21T05:08:13Z", "end_time": "2026-11-21T05:08:15Z", "events": events});
    let span = raw(&[one(Verb::Post, run)]);
    assert_eq!(span.attributes.get("gen_ai.response.time_to_first_chunk"), Some(&Value::Double(1.0)));
    assert_eq!((span.events.len(), span.dropped), (64, 436));
}

/// A multipart body from names and contents, as Python writes it.
fn body(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (name, content) in parts {
        body += &format!(
            "--b0\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{content}\r\n",
            content.len()
        );
    }
    (body + "--b0--\r\n").into_bytes()
}

fn whole() -> Vec<u8> {
    let main = json!({"id": ROOT, "trace_id": ROOT, "name": "root", "start_time": "2026-11-21T05:08:13Z", "run_type": "chain"});
    body(&[
        (&format!("post.{ROOT}.outputs"), r#"{"output": 1}"#),
        (&format!("post.{ROOT}"), &main.to_string()),
        (&format!("attachment.{ROOT}.img"), "PNG"),
        (&format!("post.{ROOT}.error"), r#""Error: no""#),
        ("feedback.f1", &json!({"id": "f1", "run_id": ROOT, "key": "good", "score": true}).to_string()),
    ])
}

#[test]
fn parts_make_a_run_in_any_order() {
    let runs = multipart("b0", &whole(), NOW).unwrap();
    assert_eq!(runs.told.refused().collect::<Vec<_>>(), Vec::<&crate::Item>::new());
    let span = raw(&runs.told.spans);
    assert_eq!(span.name, "root");
    assert_eq!(span.attributes.text("gen_ai.completion"), Some(r#"{"output": 1}"#));
    assert_eq!(span.attributes.text("langsmith.attachment.img"), Some("data:application/json;base64,UE5H"));
    assert_eq!(span.status, StatusCode::Error);
    let score = &runs.told.scores[0];
    assert_eq!(
        (score.value, score.span_id, score.trace_if_unknown),
        (Some(1.0), Some(span_id(ROOT)), Some(trace_id(ROOT)))
    );
}

#[test]
fn of_half_a_body_what_is_whole_is_kept_and_the_cut_part_is_named() {
    let whole = whole();
    let cut = &whole[..whole.len() - 60];
    let runs = multipart("b0", cut, NOW).unwrap();
    assert_eq!(runs.told.spans.len(), 1);
    let refused: Vec<_> = runs.told.refused().collect();
    assert_eq!(refused.len(), 1);
    assert!(
        refused[0].id == "feedback.f1" && refused[0].error.as_deref().unwrap().contains("ends inside"),
        "{refused:?}"
    );
    // Cut anywhere, every part is either read or named.
    for end in 0..whole.len() {
        let _ = multipart("b0", &whole[..end], NOW);
    }
}

#[test]
fn parts_that_are_wrong_are_named_and_cost_their_neighbours_nothing() {
    let run = json!({"id": ROOT, "trace_id": ROOT, "name": "root"}).to_string();
    let orphan = format!("post.{CHILD}.inputs");
    let parts = [
        (format!("post.{ROOT}"), run.as_str()),
        (format!("post.{ROOT}.inputs"), "{broken"),
        (orphan, "{}"),
        ("lunch".to_owned(), "{}"),
        (format!("attachment.{CHILD}.x"), "y"),
        ("feedback.f2".to_owned(), "{}"),
    ];
    let parts: Vec<(&str, &str)> = parts.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    let runs = multipart("b0", &body(&parts), NOW).unwrap();
    assert_eq!(runs.told.spans.len(), 1);
    assert_eq!(runs.told.refused().count(), 5);
    assert!(multipart("other", &body(&parts), NOW).is_err());
    let announced = String::from_utf8(body(&parts)).unwrap().replace("Content-Length: 2\r\n", "Content-Length: 9\r\n");
    assert!(
        multipart("b0", announced.as_bytes(), NOW)
            .unwrap()
            .told
            .refused()
            .any(|item| { item.error.as_deref().is_some_and(|error| error.contains("announces 9 bytes")) })
    );
}

#[test]
fn boundaries_are_read_as_clients_write_them() {
    assert_eq!(boundary("multipart/form-data; boundary=abc").as_deref(), Some("abc"));
    assert_eq!(boundary("multipart/form-data; charset=utf-8; boundary=\"a b\"").as_deref(), Some("a b"));
    assert_eq!(boundary("application/json"), None);
    assert_eq!(boundary("multipart/form-data"), None);
}

#[test]
fn feedback_has_a_time_of_its_own_so_that_it_is_the_same_when_it_comes_again() {
    let id = "01a1fc81-6cac-77d8-93e3-e4438594a6eb";
    let first =
        feedback(json!({"id": id, "run_id": ROOT, "key": "k", "score": 0.9}).to_string().as_bytes(), NOW).unwrap();
    assert_eq!(first.at.as_millis(), 0x01a1_fc81_6cac);
    assert!(feedback(b"{\"key\": \"k\"}", NOW).is_err() && feedback(b"{\"run_id\": \"r\"}", NOW).is_err());
}

#[test]
fn a_batch_needs_a_list_and_a_bad_run_is_named() {
    let told = batch(br#"{"post": [{"id": "x", "name": "a"}, 5, {"name": "no id"}]}"#, NOW).unwrap().told;
    assert_eq!((told.spans.len(), told.refused().count()), (1, 2));
    assert!(batch(br#"{"runs": []}"#, NOW).is_err() && batch(br#"{"post": 5}"#, NOW).is_err());
    assert_eq!(batch(b"{}", NOW).unwrap().told.items.len(), 0);
    let ids: (TraceId, SpanId) = (trace_id("x"), span_id("x"));
    assert_eq!((told.spans[0].trace_id, told.spans[0].span_id), ids);
}
