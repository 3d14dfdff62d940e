//! Traces read whole: as many as there is room for, the others named.

use std::collections::HashMap;

use crate::common::*;
use model::TraceId;
use model::raw::RawSpan;
use store::Room;

/// The first spans of a trace, with a text that is kept apart from them.
fn trace(trace: u64, spans: std::ops::RangeInclusive<u64>) -> Vec<Sent> {
    spans.map(|span| Sent::new(trace, span).text("long ".repeat(100))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_that_do_not_fit_are_left_out_and_named_with_their_size() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    // The first in a segment, the second and fourth in memory, the third in both.
    send(&store, &clock, &[trace(1, 1..=3), trace(3, 1..=3)].concat()).await.unwrap();
    store.flush().await.unwrap();
    send(&store, &clock, &[trace(2, 1..=1), trace(3, 4..=5), trace(4, 1..=2)].concat()).await.unwrap();

    // Of the ninth nothing is there: it takes no room.
    let asked = [3, 9, 1, 2, 4].map(trace_id);
    let within = store.traces_within("default", &asked, Room { all: 4, each: 4 }).await.unwrap();
    let read: Vec<TraceId> = within.traces.iter().map(|trace| trace.trace_id).collect();
    assert_eq!(read, [1, 2].map(trace_id), "the second reaches the bound of all, and is the last");
    assert_eq!(within.left, HashMap::from([(trace_id(3), 5), (trace_id(4), 2)]));

    let everything = store.traces_within("default", &asked, Room::default()).await.unwrap();
    assert!(everything.left.is_empty());
    for (stored, sent) in
        everything.traces.iter().zip([trace(1, 1..=3), trace(2, 1..=1), trace(3, 1..=5), trace(4, 1..=2)])
    {
        let raw: Vec<RawSpan<'_>> = stored.sent().unwrap().into_iter().map(|span| span.raw).collect();
        assert_eq!(raw, sent.iter().map(Sent::raw).collect::<Vec<_>>());
        let narrow: Vec<_> = stored.spans().map(|span| (span.trace_id, span.span_id)).collect();
        assert_eq!(narrow, raw.iter().map(|span| (span.trace_id, span.span_id)).collect::<Vec<_>>());
        assert!(stored.bytes() > 500, "what the text takes, which all its spans share");
    }
    assert_eq!(everything.traces.len(), 4);
    assert!(store.traces_within("other", &asked, Room::default()).await.unwrap().traces.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_span_that_was_sent_again_the_later_one_is_read() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    send(&store, &clock, &[Sent::new(1, 1), Sent::new(1, 2)]).await.unwrap();
    store.flush().await.unwrap();
    let corrected = Sent { start: NOON + 5 * SECOND, end: NOON + 6 * SECOND, ..Sent::new(1, 1).named("corrected") };
    send(&store, &clock, std::slice::from_ref(&corrected)).await.unwrap();
    for place in ["memory", "a segment"] {
        let within = store.traces_within("default", &[trace_id(1)], Room::default()).await.unwrap();
        let sent: Vec<RawSpan<'_>> =
            within.traces.iter().flat_map(|trace| trace.sent().unwrap()).map(|span| span.raw).collect();
        assert_eq!(sent, [Sent::new(1, 2).raw(), corrected.raw()], "by start, from {place}");
        store.flush().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trace_takes_written_out_is_known_before_and_it_is_gone_through_in_parts() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    // Every round sends what was said before once more.
    let messages: Vec<String> =
        (0..40).map(|round| format!("{{\"content\":\"{round} {}\"}}", "said ".repeat(100))).collect();
    let rounds: Vec<Sent> =
        (1..=40).map(|round| Sent::new(1, round as u64).text(format!("[{}]", messages[..round].join(",")))).collect();
    send(&store, &clock, &rounds).await.unwrap();
    for place in ["memory", "a segment"] {
        let within = store.traces_within("default", &[trace_id(1)], Room::default()).await.unwrap();
        let [trace] = within.traces.as_slice() else { panic!("one trace") };
        // Each text is sent as an attribute of the span and of its event.
        let sent: usize = rounds.iter().flat_map(|round| &round.texts).map(|text| 2 * text.len()).sum();
        let expanded = trace.expanded_bytes();
        assert!(expanded > sent && expanded < sent * 5 / 4, "{place}: {expanded} bytes for {sent} that were sent");
        assert!(trace.bytes() < sent / 4, "{place}: kept in {}", trace.bytes());

        let (mut parts, mut from) = (Vec::new(), 0);
        loop {
            let part = trace.sent_part(from, 100_000).unwrap();
            if part.is_empty() {
                break;
            }
            from += part.len();
            parts.push(part);
        }
        assert!(parts.len() > 4, "{place}: {} parts", parts.len());
        assert!(parts[0].len() > parts.last().unwrap().len(), "{place}: late rounds take more");
        assert_eq!(parts.concat(), trace.sent().unwrap(), "{place}");
        assert_eq!(trace.sent_part(0, 0).unwrap().len(), 1, "one at least");
        store.flush().await.unwrap();
    }
}
