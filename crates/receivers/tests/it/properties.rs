//! Bytes that are not what they should be: cut, changed, put together wrongly. Never a panic, and what is read of them can be merged.

use crate::common::{NOW, captures, requests};
use proptest::prelude::*;
use receivers::langsmith::{self, Verb};
use receivers::{Known, Told, datadog, langfuse, openai_agents, phoenix};

/// Bodies to change: recorded ones where present, and one of each protocol.
fn bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = vec![
        br#"{"batch":[{"id":"1","type":"span-create","timestamp":"2026-11-21T05:08:27Z","body":{"id":"a","traceId":"t","usage":{"input":3}}}]}"#.to_vec(),
        br#"{"data":[{"object":"trace.span","id":"s","trace_id":"trace_1","span_data":{"type":"function","name":"f"}}]}"#.to_vec(),
        br#"{"post":[{"id":"a","trace_id":"a","events":[{"name":"new_token","time":1}]}],"patch":[{"id":"a","end_time":5}]}"#.to_vec(),
        b"--b\r\nContent-Disposition: form-data; name=\"post.a\"\r\nContent-Type: application/json; length=10\r\n\r\n{\"id\":\"a\"}\r\n--b--\r\n".to_vec(),
    ];
    if let Some(folder) = captures() {
        for name in [
            "langfuse-py/v2.60",
            "langsmith-py/no-zstd",
            "langsmith-js",
            "openai-agents-py/native",
            "langsmith-py/no-batch",
        ] {
            bodies.extend(requests(&folder.join(name)).into_iter().map(|request| request.body));
        }
    }
    bodies
}

/// Reads bytes as everything they might be.
fn read_all(body: &[u8]) {
    let mut all: Vec<Told> = Vec::new();
    all.extend(langfuse::ingestion(body, NOW));
    all.extend(langfuse::scores(body, NOW));
    all.extend(openai_agents::ingest(body, NOW));
    all.extend(datadog::traces(body, NOW));
    all.extend(datadog::events(body, NOW));
    all.extend(datadog::evaluations(body, NOW));
    all.extend(phoenix::annotations(phoenix::Judged::Span, body, NOW));
    all.extend(phoenix::spans("p", body, NOW));
    all.extend(langsmith::batch(body, NOW).map(|runs| runs.told));
    all.extend(langsmith::single(Verb::Patch, Some("x"), body, NOW).map(|runs| runs.told));
    // The boundary as the body itself writes it.
    let line = body.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let boundary = String::from_utf8_lossy(line.strip_prefix(b"--").unwrap_or(line)).into_owned();
    if !boundary.is_empty() && boundary.len() <= 70 {
        all.extend(langsmith::multipart(&boundary, body, NOW).map(|runs| runs.told));
    }
    let _ = langsmith::feedback(body, NOW);
    for told in all {
        for partial in told.spans {
            let known = Known::new(partial);
            let again = Known::from_kept(known.raw(), known.scope().clone());
            assert!(again.raw().attributes.get(receivers::TOLD).is_some());
        }
        for score in told.scores {
            let _ = receivers::Score::from_log(&score.into_log()).expect("a score reads back");
        }
    }
}

proptest! {
    // `cargo xtask fuzz` sets more.
    #![proptest_config(ProptestConfig::with_cases(std::env::var("TAWNY_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400)))]

    #[test]
    fn a_body_cut_off_or_changed_is_read_as_far_as_it_goes(
        which in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let bodies = bodies();
        let mut body = which.get(&bodies).clone();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        read_all(&body);
        body.truncate(cut.index(body.len() + 1));
        read_all(&body);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_all(&body);
    }

    #[test]
    fn values_of_any_type_stand_anywhere(
        key in prop::sample::select(vec!["id", "trace_id", "inputs", "outputs", "extra", "events", "error", "tags", "start_time",
            "dotted_order", "traceId", "usage", "usageDetails", "metadata", "level", "startTime", "body", "type", "timestamp", "span_data",
            "model", "name", "parent_run_id", "run_type", "score", "key", "run_id", "value"]),
        value in prop::sample::select(vec!["null", "true", "-1", "1e300", "\"\"", "\"x\"", "[]", "[[]]", "{}", "{\"a\":[{}]}",
            "[{\"name\":5,\"time\":[]}]", "\"9999-99-99\"", "{\"metadata\":5,\"runtime\":[]}"]),
    ) {
        let object = format!("{{\"id\":\"i\",\"{key}\":{value}}}");
        read_all(object.as_bytes());
        for wrapper in [
            format!("{{\"batch\":[{object}]}}"),
            format!("{{\"batch\":[{{\"type\":\"generation-create\",\"body\":{object}}},{{\"type\":\"trace-create\",\"body\":{object}}}]}}"),
            format!("{{\"post\":[{object}],\"patch\":[{object}]}}"),
            format!("{{\"data\":[{object},{{\"object\":\"trace.span\",\"id\":\"s\",\"trace_id\":\"t\",\"span_data\":{object}}}]}}"),
        ] {
            read_all(wrapper.as_bytes());
        }
    }
}
