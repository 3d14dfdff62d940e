//! Tests of merging.

use model::raw::Scope;
use proptest::prelude::*;

use super::*;

fn partial(at: i64) -> Partial {
    Partial::new(TraceId::from_array([1; 16]), SpanId::from_array([2; 8]), Timestamp::from_nanos(at), Scope::default())
}

fn text(text: &str) -> Value<'static> {
    Value::Str(Cow::Owned(text.to_owned()))
}

#[test]
fn an_update_that_comes_first_loses_nothing_to_the_create_after_it() {
    let mut update = partial(20);
    update.end = Some(Timestamp::from_nanos(20));
    update.set("output", Some(text("done")));
    let mut create = partial(10);
    (create.name, create.start) = (Some("call".into()), Some(Timestamp::from_nanos(9)));
    create.set("output", Some(text("")));
    create.set("input", Some(text("hi")));
    let mut known = Known::new(update.clone());
    assert_eq!(known.raw().name, UNNAMED);
    assert!(known.add(create.clone()));
    let span = known.raw();
    assert_eq!((span.name.as_ref(), span.start.as_nanos(), span.end.as_nanos()), ("call", 9, 20));
    assert_eq!(span.attributes.text("output"), Some("done"));
    assert_eq!(span.attributes.text("input"), Some("hi"));
    // What is said again changes nothing.
    assert!(!known.add(create) && !known.add(update));
    assert_eq!(known.raw(), span);
}

#[test]
fn what_was_kept_can_be_added_to() {
    let mut update = partial(20);
    update.set("output", Some(text("done")));
    update.parent_if_untold = Some(SpanId::from_array([9; 8]));
    let kept = Known::new(update).raw();
    assert_eq!((kept.start.as_nanos(), kept.parent_span_id), (20, Some(SpanId::from_array([9; 8]))));
    let mut known = Known::from_kept(kept, Scope::default());
    let mut create = partial(10);
    (create.start, create.parent) = (Some(Timestamp::from_nanos(9)), Some(SpanId::from_array([3; 8])));
    create.set("output", Some(text("early")));
    known.add(create);
    let span = known.raw();
    // Start and parent were guesses; the output was told later than the create.
    assert_eq!((span.start.as_nanos(), span.parent_span_id), (9, Some(SpanId::from_array([3; 8]))));
    assert_eq!(span.attributes.text("output"), Some("done"));
}

#[test]
fn the_span_of_a_trace_covers_its_children() {
    let covering = |at, start: Option<i64>, end: Option<i64>| {
        let mut partial = partial(at);
        partial.covers = true;
        (partial.start, partial.end) = (start.map(Timestamp::from_nanos), end.map(Timestamp::from_nanos));
        partial
    };
    let mut known = Known::new(covering(50, Some(40), Some(45)));
    known.add(covering(10, Some(5), None));
    known.add(covering(30, Some(20), Some(90)));
    let span = Known::from_kept(known.raw(), Scope::default()).raw();
    assert_eq!((span.start.as_nanos(), span.end.as_nanos()), (5, 90));
    assert!(!known.add(covering(60, Some(50), Some(60))), "within what is covered");
}

#[test]
fn tags_of_all_partials_are_put_together() {
    let tags = |at, tags: &[&str]| {
        let mut partial = partial(at);
        partial.set("langfuse.trace.tags", Some(Value::Array(tags.iter().map(|tag| text(tag)).collect())));
        partial
    };
    let mut known = Known::new(tags(5, &["b"]));
    assert!(known.add(tags(3, &["a"])));
    assert!(!known.add(tags(9, &["a"])));
    let raw = known.raw();
    assert_eq!(raw.attributes.get("langfuse.trace.tags"), Some(&Value::Array(vec![text("a"), text("b")])));
}

#[test]
fn a_client_that_never_stops_naming_attributes_is_bounded() {
    let mut many = partial(1);
    for number in 0..ATTRIBUTES_MAX + 5 {
        many.set(format!("key {number}"), Some(Value::Int(1)));
    }
    let span = Known::new(many).raw();
    assert_eq!((span.attributes.0.len(), span.dropped), (ATTRIBUTES_MAX + 1, 5));
}

prop_compose! {
    fn any_partial(at: i64)(
        name in proptest::option::of("[a-c]"),
        start in proptest::option::of(1i64..100),
        end in proptest::option::of(1i64..100),
        values in proptest::collection::btree_map("[a-d]", 0i64..4, 0..4),
        parent in proptest::option::of(1u8..4),
    ) -> Partial {
        let mut partial = partial(at);
        partial.name = name;
        (partial.start, partial.end) = (start.map(Timestamp::from_nanos), end.map(Timestamp::from_nanos));
        partial.parent = parent.map(|byte| SpanId::from_array([byte; 8]));
        for (key, value) in values {
            partial.set(key, Some(Value::Int(value)));
        }
        partial
    }
}

proptest! {
    #[test]
    fn the_order_of_arrival_does_not_matter(
        partials in (any_partial(1), any_partial(2), any_partial(3), any_partial(4)),
        order in Just([0usize, 1, 2, 3]).prop_shuffle(),
        repeated in 0usize..4,
    ) {
        let partials = [partials.0, partials.1, partials.2, partials.3];
        let together = |order: &[usize]| {
            let mut known = Known::new(partials[order[0]].clone());
            for at in &order[1..] {
                known.add(partials[*at].clone());
            }
            known
        };
        let expected = together(&[0, 1, 2, 3]);
        let mut found = together(&order);
        prop_assert_eq!(found.raw(), expected.raw());
        prop_assert!(!found.add(partials[repeated].clone()));
        prop_assert_eq!(found.raw(), expected.raw());
    }
}
