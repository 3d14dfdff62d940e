//! Queries as Grafana and people write them.

use super::*;

fn records(text: &str) -> Selector {
    match parse(text).unwrap() {
        Query::Records(selector) => selector,
        numbers => panic!("{numbers:?}"),
    }
}

/// The line a record ends up with; nothing where it is left out.
fn line(query: &str, line: &str, labels: &[(&str, &str)]) -> Option<String> {
    let mut record = record(line, labels);
    records(query).run(&mut record).then_some(record.line)
}

fn record(line: &str, labels: &[(&str, &str)]) -> Record {
    let metadata = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Record { time: model::Timestamp::from_nanos(0), line: line.into(), stream: Default::default(), metadata }
}

/// Labels a record ends up with.
fn labels(query: &str, line: &str, given: &[(&str, &str)]) -> String {
    let mut record = record(line, given);
    assert!(records(query).run(&mut record), "{query}");
    record.metadata.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn selectors_have_line_and_label_filters() {
    let query = r#"{service_name="a}", level=~"e|w"} |= "it's" != `x` |~ "4\\d" | json | tool="b|c""#;
    let selector = records(query);
    let known: Vec<String> = selector.kept_labels().map(ToString::to_string).collect();
    assert_eq!(known, [r#"service_name="a}""#, r#"level=~"e|w""#, r#"tool="b|c""#]);
    let of_it = [("service_name", "a}"), ("level", "e"), ("tool", "b|c")];
    let passes = |text: &str| line(query, text, &of_it).is_some();
    assert!(passes("it's 42") && !passes("it's 42 x") && !passes("it's four") && !passes("42"));
    assert!(line(query, "it's 42", &of_it[..2]).is_none());
    let passes = |text: &str| line(r#"{} |= "a" or `b` != "x" or "y""#, text, &[]).is_some();
    assert!(passes("b") && passes("a") && !passes("c") && !passes("a y"));
    let passes = |text: &str| line("{} |> `order <_> failed` !> `<_> 41 <_>`", text, &[]).is_some();
    assert!(passes("order 42 failed") && !passes("order 41 failed") && !passes("order 42 placed"));
    assert!(records("{}").labels.is_empty());
}

#[test]
fn label_filters_compare_numbers_and_are_joined() {
    let query = r#"{} | json | level="error" or (ms > 100 and tool=~"a|b") | ms <= 1.5s"#;
    let passes =
        |level: &str, ms: &str, tool: &str| line(query, "", &[("level", level), ("ms", ms), ("tool", tool)]).is_some();
    assert!(passes("error", "1", "") && !passes("info", "1.2s", ""));
    assert!(!passes("info", "101", "a"), "more than one and a half seconds");
    assert!(!passes("error", "", ""), "no number");
    assert!(!passes("error", "2s", "") && passes("error", "200ms", ""));
    assert!(line("{} | size > 1KiB", "", &[("size", "2KiB")]).is_some());
    assert!(line("{} | size > 1KiB", "", &[("size", "1KB")]).is_none());
    assert_eq!(records(r#"{a="b"} | c="d" != "line""#).kept_lines().count(), 1);
}

#[test]
fn labels_are_dropped_and_kept() {
    let given = [("level", "error"), ("tool", "search"), ("trace_id", "1")];
    assert_eq!(labels("{} | json | drop __error__, trace_id", "", &given), "level=error tool=search");
    assert_eq!(labels("{} | drop tool | keep level, tool", "", &given), "level=error");
    assert_eq!(labels(r#"{} | drop level="info", tool=~"se.*""#, "", &given), "level=error trace_id=1");
    assert_eq!(labels(r#"{} | keep level="info", tool"#, "", &given), "tool=search");
}

#[test]
fn stages_work_on_what_those_before_them_left() {
    let given = [("tool", "search"), ("level", "error")];
    let query =
        r#"{} | pattern "order <id> <what>" | what="failed" | line_format "{{.tool | upper}} of {{.id}}" |= "SEARCH""#;
    assert_eq!(line(query, "order 42 failed", &given).as_deref(), Some("SEARCH of 42"));
    assert_eq!(line(query, "order 42 placed", &given), None);
    assert_eq!(
        labels(r#"{} | label_format kind=tool, told="{{.level}}!", level=kind"#, "", &given),
        "level=search told=error!"
    );
    assert_eq!(labels("{} | regexp `(?P<id>\\d+)` | id > 41", "order 42", &[]), "id=42");
    assert_eq!(labels(r#"{} | json took="took.ms""#, r#"{"took":{"ms":20}}"#, &[]).as_str(), "took=20");
    assert_eq!(labels("{} | logfmt --strict ms", "ms=20 x=1", &[]), "ms=20");
    assert_eq!(line("{} | unpack |= `it`", r#"{"_entry":"it failed","a":"b"}"#, &[]).as_deref(), Some("it failed"));
    assert_eq!(line("{} | decolorize", "\u{1b}[31mred\u{1b}[0m", &[]).as_deref(), Some("red"));
    // What an index is asked for is what is kept, not what stages make of it.
    let selector = records(r#"{} |= "a" | x="1" | label_format x=y | x="2" | line_format "b" |= "b""#);
    assert_eq!((selector.kept_labels().count(), selector.kept_lines().count()), (1, 1));
    // A label may be called like a stage.
    assert!(line(r#"{} | json="x""#, "", &[("json", "x")]).is_some());
}

#[test]
fn numbers_in_labels_are_computed_with() {
    let text = r#"quantile_over_time(0.9, {a="b"} | json | unwrap latency_ms [5m]) by (tool) > rate({a="b"} | unwrap duration(d)[1m])"#;
    let Query::Numbers { promql, ranges } = parse(text).unwrap() else { panic!("numbers") };
    assert_eq!(promql, "quantile_over_time(0.9, __log_0[300000ms]) > (sum_over_time(__log_1[60000ms]) / 60)");
    promql::parse(&promql).unwrap();
    let by = ranges[0].by.as_ref().unwrap();
    assert!(by.shows("tool", "search") && !by.shows("level", "error"));
    let unwrapped = ranges.iter().filter_map(|range| range.selector.unwrap.as_ref());
    let unwrapped: Vec<&str> = unwrapped.map(|Unwrap(label)| label.as_str()).collect();
    assert_eq!((unwrapped, ranges[1].counts), (vec!["latency_ms", "d"], Counts::Values));
    // What Grafana's Explore asks for its histogram of logs.
    let volume = r#"sum by (level, detected_level) (count_over_time({a="b"} |= `` | drop __error__[1m]))"#;
    let Query::Numbers { promql, .. } = parse(volume).unwrap() else { panic!("numbers") };
    assert_eq!(promql, "sum by (level, detected_level) (count_over_time(__log_0[60000ms]))");
}

#[test]
fn numbers_are_promql_over_made_up_metrics() {
    let Query::Numbers { promql, ranges } =
        parse(r#"sum by (level) (rate({a="b"} |= "x" [5m])) / 2 + count_over_time({c="d"}[1m] offset 1h)"#).unwrap()
    else {
        panic!("numbers");
    };
    let expected =
        "sum by (level) ((count_over_time(__log_0[300000ms]) / 300)) / 2 + count_over_time(__log_1[60000ms] offset 1h)";
    assert_eq!((promql.as_str(), ranges.len()), (expected, 2));
    promql::parse(&promql).unwrap();
    let absent = r#"absent_over_time({service_name="shop", level=~"e.*"}[5m])"#;
    let Query::Numbers { promql, .. } = parse(absent).unwrap() else { panic!("numbers") };
    assert_eq!(promql, r#"absent_over_time(__log_0{service_name="shop"}[300000ms])"#);
    let counter = r#"approx_topk(3, rate_counter({a="b"} | unwrap bytes(sent) | __error__=""[5m]))"#;
    let Query::Numbers { promql, .. } = parse(counter).unwrap() else { panic!("numbers") };
    assert_eq!(promql, "topk(3, rate(__log_0[300000ms]))");
    let Query::Numbers { promql, .. } = parse("vector(1)+vector(1)").unwrap() else { panic!("numbers") };
    assert_eq!(promql, "vector(1)+vector(1)");
}

#[test]
fn what_is_not_understood_is_named() {
    for (query, part) in [
        (r#"{a="b"} | pattern "x""#, "at least one named capture"),
        (r#"{a="b"} | regexp "x+""#, "a named group"),
        (r#"{a="b"} | line_format "{{.x | nonsense}}""#, "invalid template"),
        (r#"{a="b"} | label_format x"#, "a label and what it is set to"),
        (r#"{a="b"} | distinct x"#, "there is no such stage"),
        (r#"{a="b"} | json x="a[""#, "a place such as"),
        (r#"sum_by_time({a="b"} | unwrap c [5m])"#, "not supported"),
        (r#"avg_over_time({a="b"}[5m])"#, "unwrap"),
        (r#"{a="b"} | unwrap c"#, "unwrap inside of a function"),
        (r#"{a="b"} | c > "d""#, "before a text"),
        (r#"{a="b"} |= x"#, "a text in quotes"),
        (r#"rate({a="b"})"#, "a range such as [5m]"),
        (r#"{a="b""#, "expected }"),
    ] {
        let error = parse(query).unwrap_err();
        assert!(error.contains(part), "{query}: {error}");
    }
}
