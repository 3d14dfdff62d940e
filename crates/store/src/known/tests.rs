//! What is known, for how long, and how much.

use super::*;

const HOUR: i64 = 3_600_000_000_000;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_nanos(1_795_248_000_000_000_000 + hours * HOUR)
}

fn key(trace: u64) -> TraceKey {
    TraceKey { project: 0, trace: TraceId::from_array(u128::from(trace + 1).to_be_bytes()) }
}

fn name(number: usize) -> BodyHash {
    BodyHash::of(&number.to_string())
}

/// What a flush at an hour wrote of spans that began at another.
fn written(hour: i64, started: i64, names: impl IntoIterator<Item = usize>) -> OfTrace {
    OfTrace { arrived: at(hour), last: at(hour), started: at(started), names: names.into_iter().map(name).collect() }
}

#[test]
fn a_body_is_relied_on_for_some_hours_after_it_came_and_after_the_span_that_carried_it() {
    let mut known = KnownBodies::default();
    known.note(key(1), written(0, 0, [1, 2]));
    known.note(key(1), written(3, 3, [3]));
    let has = |known: &KnownBodies, number, hour, started| known.has(key(1), name(number), at(started), at(hour));
    assert!([1, 2, 3].into_iter().all(|number| has(&known, number, 6, 6)));
    assert!(!has(&known, 4, 1, 1) && !known.has(key(2), name(1), at(1), at(1)));
    assert!(!has(&known, 3, 7, 7), "all of a trace at once: none is older than is known");
    // A span that arrived at once and says that it began long after, or an import that was written now.
    assert!(!has(&known, 1, 1, 7));
    assert!(has(&known, 1, 1, -100), "its text stays for longer than it asks for");
    // Written again, it is known again.
    known.note(key(1), written(7, 7, [1, 2, 3]));
    assert!(has(&known, 1, 13, 13) && known.names == 3);
    known.note(key(1), written(8, -200, [4]));
    assert!(!has(&known, 4, 8, 8), "one span with a clock of its own costs sharing, and nothing else");
    known.note(key(1), written(9, 9, [4]));
    assert!(has(&known, 4, 9, 9) && !has(&known, 1, 9, 9));
}

#[test]
fn it_is_bounded_and_what_was_written_longest_ago_goes_first() {
    let mut known = KnownBodies::default();
    let each = 1_000;
    let fit = KNOWN_BODIES_BYTES_MAX / (each * NAME_BYTES + TRACE_BYTES);
    for trace in 0..fit as u64 {
        known.note(key(trace), written(0, 0, 0..each));
    }
    assert!(known.has(key(0), name(0), at(0), at(0)) && known.bytes() <= KNOWN_BODIES_BYTES_MAX);
    // The first goes on, so the second is the one to go.
    known.note(key(0), written(1, 1, [each]));
    known.note(key(fit as u64), written(1, 1, 0..each));
    assert!(known.bytes() <= KNOWN_BODIES_BYTES_MAX);
    assert!(known.has(key(0), name(0), at(1), at(1)) && !known.has(key(1), name(0), at(1), at(1)));
    assert_eq!(known.let_go, 0, "it had been quiet for an hour");
    // One that is too large by itself is not known at all.
    known.note(key(9_999), written(1, 1, 0..KNOWN_BODIES_BYTES_MAX / NAME_BYTES + 1));
    assert!(known.bytes() <= KNOWN_BODIES_BYTES_MAX && !known.has(key(9_999), name(0), at(1), at(1)));
    assert_eq!(known.let_go, 3, "it, and two that were written just now");
    // Time alone makes room.
    known.note(key(5), written(2, 2, [1]));
    known.note(key(6), written(9, 9, [1]));
    assert_eq!((known.traces.len(), known.order.len(), known.names, known.let_go), (1, 1, 1, 3));
}

#[test]
fn it_is_bounded_where_each_trace_has_one_body_too() {
    let mut known = KnownBodies::default();
    for trace in 0..150_000 {
        known.note(key(trace), written(0, 0, [1]));
    }
    // Hash tables have a power of two of places, of which a seventh at least is free, and a byte beside each.
    let places = |capacity: usize| (capacity * 8 / 7).next_power_of_two();
    let traces = places(known.traces.capacity()) * (size_of::<(TraceKey, OfTrace)>() + 1);
    let names: usize =
        known.traces.values().map(|of| places(of.names.capacity()) * (size_of::<BodyHash>() + 1) + 16).sum();
    let order = known.order.capacity() * size_of::<(Timestamp, TraceKey)>();
    let bytes = traces + names + order;
    assert!(bytes <= KNOWN_BODIES_BYTES_MAX, "{bytes} bytes: {traces} + {names} + {order}");
}

#[test]
fn what_was_forgotten_or_came_while_it_was_shut_is_not_known() {
    let mut known = KnownBodies::default();
    for trace in [1, 2] {
        known.note(key(trace), written(0, 0, [1]));
    }
    known.forget(key(1));
    assert!(!known.has(key(1), name(1), at(0), at(0)) && known.has(key(2), name(1), at(0), at(0)));
    known.shut();
    known.shut();
    assert!(known.is_shut() && !known.has(key(2), name(1), at(0), at(0)));
    known.open();
    known.note(key(2), written(0, 0, [1]));
    assert!(known.is_shut() && !known.has(key(2), name(1), at(0), at(0)));
    known.open();
    known.note(key(2), written(0, 0, [1]));
    assert!(!known.is_shut() && known.has(key(2), name(1), at(0), at(0)));
    known.clear();
    assert_eq!((known.names, known.bytes()), (0, 0));
}
