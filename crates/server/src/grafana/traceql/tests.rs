//! Queries as Grafana and people write them.

use super::*;

fn spans(query: &str) -> String {
    parse(query).unwrap().spans()
}

#[test]
fn comparisons_become_conditions() {
    for (query, expected) in [
        ("{ resource.service.name = \"shop\" }", "((service = 'shop'))"),
        ("{ .foo = `it's` }", "((coalesce(attr(attributes, 'foo'), attr(resource, 'foo')) = 'it''s'))"),
        (
            "{ span.\"a b\" != nil && duration >= 1.5s }",
            "((attr(attributes, 'a b') IS NOT NULL AND duration_ms >= 1500))",
        ),
        ("{ status = error || name =~ \"chat.*\" }", "((status_code = 'error' OR regexp_like(name, '^(?:chat.*)$')))"),
        ("{instrumentation:name=`a`}", "((attr(scope, 'name') = 'a'))"),
        ("{span.n > 5}", "((TRY_CAST(attr(attributes, 'n') AS DOUBLE) > 5))"),
        ("{rootName=\"x\"}", "((trace_id IN (SELECT trace_id FROM runs WHERE name = 'x')))"),
        ("{}", "(TRUE)"),
        ("{ !(status = ok) }", "((NOT coalesce((status_code = 'ok'), FALSE)))"),
        (
            "{nestedSetParent<0 && true}",
            "((TRY_CAST(CASE WHEN parent_span_id IS NULL THEN -1 ELSE 1 END AS DOUBLE) < 0 AND TRUE))",
        ),
    ] {
        assert_eq!(spans(query), expected, "{query}");
    }
}

#[test]
fn span_sets_are_joined_by_their_traces() {
    let search = parse("{ name = \"a\" } && { name = \"b\" }").unwrap();
    assert_eq!(search.spans(), "((name = 'a')) OR ((name = 'b'))");
    assert_eq!(search.traces(&search.spans()).matches("SELECT trace_id FROM spans").count(), 2);
    assert!(!search.set.is_related());
}

#[test]
fn relations_bind_closer_than_what_joins_sets_and_go_from_the_left() {
    let search = parse("{name=\"a\"} >> {name=\"b\"} > {name=\"c\"} && ({} !~ {status=error} || {})").unwrap();
    let Set::All(both) = &search.set else { panic!("{:?}", search.set) };
    let Set::Related(_, first, third) = &both[0] else { panic!("{:?}", both[0]) };
    assert!(matches!(**first, Set::Related(..)) && **third == Set::Filter(2));
    assert!(matches!(&both[1], Set::Any(sets) if sets.len() == 2 && sets[0].is_related()));
    assert_eq!(search.filters.len(), 6);
    // What the traces must have, whatever lies where; what is negated need not be there.
    assert_eq!(search.traces("").matches("SELECT trace_id FROM spans").count(), 5);
}

#[test]
fn traces_are_found_by_what_their_spans_come_to() {
    let search = parse("{ name = \"a\" } | count() > 2 | avg(duration) >= 1.5s | max(span.n) < 7").unwrap();
    let traces = search.traces(&search.spans());
    for part in ["HAVING count(*) > 2)", "HAVING avg(duration_ms) >= 1500)", "AS DOUBLE)) < 7)"] {
        assert!(traces.contains(part), "{traces}");
    }
    let search = parse("{} | select(span.gen_ai.request.model, status, span.\"a b\")").unwrap();
    let names: Vec<&str> = search.select.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["span.gen_ai.request.model", "status", "span.a b"]);
    assert_eq!(search.select[0].1, "attr(attributes, 'gen_ai.request.model')");
    let search = parse("{} | { status = error } | by(name) | count() > 1").unwrap();
    assert_eq!(search.spans(), "((TRUE)) AND (status_code = 'error')");
    assert!(search.traces("x").ends_with("WHERE x GROUP BY trace_id, name HAVING count(*) > 1)"));
}

#[test]
fn numbers_over_time_have_their_functions() {
    let metrics = |query: &str| parse(query).unwrap().metrics.unwrap();
    let rate = metrics(
        "{ nestedSetParent<0 && true } | rate() by (resource.service.name, status) | topk(5) with (exemplars=true)",
    );
    assert_eq!((rate.function, rate.top), (Function::Rate, Some((true, 5))));
    assert_eq!(rate.by[0], ("resource.service.name".to_owned(), "service".to_owned()));
    let quantiles = metrics("{} | quantile_over_time(duration, .5, 0.99)").function;
    assert_eq!(quantiles, Function::Quantiles("(duration_ms / 1000.0)".into(), vec![0.5, 0.99]));
    let sum = metrics("{} | sum_over_time(span.n)").function;
    assert_eq!(sum, Function::Of("sum", "TRY_CAST(attr(attributes, 'n') AS DOUBLE)".into()));
    assert_eq!(metrics("{} | by(name) | count_over_time()").by.len(), 1);
    assert_eq!(metrics("{} | histogram_over_time(duration)").name(), "histogram_over_time");
}

#[test]
fn what_is_not_understood_is_named() {
    for (query, part) in [
        ("{ name = \"a\" } >> 5", "expected {"),
        ("{ name = \"a\" } | compare({status=error})", "other stages are not supported"),
        ("{} | rate() | select(name)", "topk or bottomk"),
        ("{} | quantile_over_time(duration)", "one to ten quantiles"),
        ("{} | quantile_over_time(duration, 7)", "between 0 and 1"),
        ("{ foo = 1 }", "is no field"),
        ("{ duration > \"x\" }", "a duration such as"),
        ("{ name = \"a", "the end of the text"),
    ] {
        let error = parse(query).unwrap_err();
        assert!(error.contains(part), "{query}: {error}");
    }
    assert!(parse(&"(".repeat(100)).unwrap_err().contains("DEPTH_MAX"));
}

#[test]
fn durations_are_gos() {
    assert_eq!((duration_ms("1h30m"), duration_ms("100ms"), duration_ms("5")), (Some(5_400e3), Some(100.0), None));
}
