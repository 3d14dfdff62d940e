//! What holds for any query over any series.

use std::sync::Arc;

use promql::histogram::{CUSTOM_BUCKETS, Histogram, ResetHint, set_hints};
use promql::{Answer, EvalError, Labels, Limits, Params, Point, Series, Value, evaluate, parse};
use proptest::prelude::*;

/// Distance between samples in milliseconds.
const STEP: i64 = 15_000;

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => (0i32..20).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(-1.5),
        1 => Just(f64::from_bits(promql::STALE_NAN_BITS)),
        1 => Just(1e308),
    ]
}

fn histogram() -> impl Strategy<Value = Histogram> {
    let counts = || proptest::collection::vec(0u8..4, 0..4);
    let fields = (any::<bool>(), -1i32..3, counts(), counts(), 0u8..3, any::<bool>(), 0usize..3);
    fields.prop_map(|(custom, schema, positive, negative, zero, gauge, bounds)| {
        let buckets = |counts: Vec<u8>| (0..).zip(counts.into_iter().map(f64::from)).collect::<Vec<(i32, f64)>>();
        let mut histogram = Histogram {
            hint: if gauge { ResetHint::Gauge } else { ResetHint::Unknown },
            schema: if custom { CUSTOM_BUCKETS } else { schema },
            positive: buckets(positive),
            sum: f64::from(zero) * 3.0,
            ..Histogram::default()
        };
        if custom {
            histogram.custom_values = [1.0, 2.0, 5.0][..bounds].into();
            histogram.positive.truncate(bounds + 1);
        } else {
            histogram.negative = buckets(negative);
            (histogram.zero_count, histogram.zero_threshold) = (f64::from(zero), 0.001);
        }
        histogram.count = histogram.buckets().map(|bucket| bucket.count).sum();
        histogram
    })
}

#[derive(Debug, Clone)]
enum Sample {
    Gap,
    Float(f64),
    Histogram(Histogram),
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let floats = prop_oneof![1 => Just(Sample::Gap), 5 => value().prop_map(Sample::Float)];
    let mixed = prop_oneof![
        1 => Just(Sample::Gap),
        1 => value().prop_map(Sample::Float),
        4 => histogram().prop_map(Sample::Histogram)
    ];
    prop_oneof![
        3 => proptest::collection::vec(floats, 0..30),
        1 => proptest::collection::vec(mixed, 0..30)
    ]
}

fn series(labels: Labels, samples: Vec<Sample>) -> Series {
    let mut series = Series { labels, ..Series::default() };
    for (time, sample) in (0..).map(|at| at * STEP).zip(samples) {
        match sample {
            Sample::Gap => {}
            Sample::Float(value) => {
                series.times.push(time);
                series.values.push(value);
            }
            Sample::Histogram(histogram) => series.histograms.push((time, Arc::new(histogram))),
        }
    }
    set_hints(&mut series.histograms, &series.times);
    series
}

/// Six series of two metrics.
fn data() -> impl Strategy<Value = Vec<Arc<Series>>> {
    proptest::collection::vec(samples(), 6).prop_map(|all| {
        let labels = |at: usize| {
            let name = if at < 4 { "a" } else { "b_total" };
            Labels::new([
                ("__name__", name),
                ("x", ["1", "2"][at % 2]),
                ("y", ["1", "2", "3"][at / 2]),
                ("le", ["1", "+Inf"][at % 2]),
            ])
        };
        all.into_iter().enumerate().map(|(at, samples)| Arc::new(series(labels(at), samples))).collect()
    })
}

fn modifier() -> impl Strategy<Value = &'static str> + Clone {
    prop_oneof![6 => Just(""), 1 => Just(" offset 20s"), 1 => Just(" offset -15s"), 1 => Just(" @ 100"), 1 => Just(" @ start()"), 1 => Just(" @ end()")]
}

fn pick(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> + Clone {
    proptest::sample::select(words)
}

/// Queries that give a vector.
fn query() -> impl Strategy<Value = String> {
    let selector = (pick(&["a", "b_total", "a{x=\"1\"}", "{__name__=~\".+\"}", "a{x!=\"1\"}", "none"]), modifier());
    let leaf = prop_oneof![
        3 => selector.clone().prop_map(|(selector, modifier)| format!("{selector}{modifier}")),
        3 => (pick(&["rate", "increase", "delta", "irate", "idelta", "deriv", "changes", "resets", "sum_over_time", "avg_over_time", "min_over_time", "max_over_time", "count_over_time", "last_over_time", "first_over_time", "stddev_over_time", "mad_over_time", "ts_of_max_over_time", "ts_of_last_over_time", "present_over_time", "absent_over_time"]), selector, pick(&["15s", "40s", "2m"]))
            .prop_map(|(function, (selector, modifier), range)| format!("{function}({selector}[{range}]{modifier})")),
        1 => Just("rate(a[1m] anchored)".to_owned()),
        1 => Just("delta(b_total[30s] smoothed)".to_owned()),
        1 => Just("vector(time())".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let scalar = pick(&["2", "-0.5", "0", "NaN", "time()", "scalar(a)"]);
        let grouping = pick(&["", " by (x)", " without (x)", " by (x, y)", " by (__name__)"]);
        prop_oneof![
            (
                pick(&[
                    "abs",
                    "-",
                    "ceil",
                    "sgn",
                    "sqrt",
                    "timestamp",
                    "minute",
                    "absent",
                    "sort",
                    "histogram_count",
                    "histogram_avg",
                    "histogram_stddev",
                    "day_of_year"
                ]),
                inner.clone()
            )
                .prop_map(|(function, inner)| format!("{function}({inner})")),
            (
                pick(&["sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"]),
                grouping.clone(),
                inner.clone()
            )
                .prop_map(|(op, grouping, inner)| format!("{op}{grouping} ({inner})")),
            (
                pick(&["topk", "bottomk", "limitk", "quantile", "limit_ratio"]),
                grouping.clone(),
                pick(&["1", "0.5", "2", "-1", "scalar(b_total)"]),
                inner.clone()
            )
                .prop_map(|(op, grouping, k, inner)| format!("{op}{grouping} ({k}, {inner})")),
            (grouping, inner.clone()).prop_map(|(grouping, inner)| format!("count_values{grouping} (\"v\", {inner})")),
            (
                inner.clone(),
                pick(&["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<= bool", "</", ">/"]),
                scalar.clone()
            )
                .prop_map(|(inner, op, scalar)| format!("({inner}) {op} {scalar}")),
            (scalar, pick(&["+", "/", "<", "> bool"]), inner.clone())
                .prop_map(|(scalar, op, inner)| format!("{scalar} {op} ({inner})")),
            (
                inner.clone(),
                pick(&[
                    "+",
                    "/ on (x, y)",
                    "* on (x) group_left ()",
                    "- ignoring (y) group_right ()",
                    "and",
                    "or",
                    "unless on (x)",
                    "== bool",
                    "> on (x, y) fill (0)",
                    "- ignoring (x) fill_left (1)"
                ]),
                inner.clone()
            )
                .prop_map(|(left, op, right)| format!("({left}) {op} ({right})")),
            (
                pick(&["sum_over_time", "rate", "max_over_time", "last_over_time", "quantile_over_time"]),
                inner.clone(),
                pick(&["1m:15s", "50s:20s", "2m:"]),
                modifier()
            )
                .prop_map(|(function, inner, range, modifier)| {
                    let first = if function == "quantile_over_time" { "0.5, " } else { "" };
                    format!("{function}({first}({inner})[{range}]{modifier})")
                }),
            (pick(&["0.5", "0", "1.5"]), inner.clone())
                .prop_map(|(q, inner)| format!("histogram_quantile({q}, {inner})")),
            inner.clone().prop_map(|inner| format!("histogram_fraction(0, 1.5, {inner})")),
            inner.clone().prop_map(|inner| format!("label_replace({inner}, \"x\", \"v$1\", \"y\", \"(.*)\")")),
            inner.prop_map(|inner| format!("clamp({inner}, -1, 3)")),
        ]
    })
}

fn ask(text: &str, data: &[Arc<Series>], params: &Params) -> Result<Answer, EvalError> {
    let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let fetched: Vec<Vec<Arc<Series>>> = query
        .selectors(params)?
        .iter()
        .map(|need| {
            let fits = |series: &&Arc<Series>| need.matchers.iter().all(|matcher| matcher.matches(&series.labels));
            data.iter().filter(fits).cloned().collect()
        })
        .collect();
    evaluate(&query, &fetched, params, &Limits::default())
}

/// Samples outside the times a selector asks for, cut off.
fn only_needed(text: &str, data: &[Arc<Series>], params: &Params) -> Result<Answer, EvalError> {
    let query = parse(text).unwrap();
    let fetched: Vec<Vec<Arc<Series>>> = query
        .selectors(params)?
        .iter()
        .map(|need| {
            let inside = |time: i64| time > need.from_ms && time <= need.to_ms;
            let cut = |series: &Arc<Series>| {
                let mut series = (**series).clone();
                let floats = series.times.iter().zip(&series.values).filter(|&(&time, _)| inside(time));
                (series.times, series.values) = floats.map(|(&time, &value)| (time, value)).unzip();
                series.histograms.retain(|&(time, _)| inside(time));
                Arc::new(series)
            };
            data.iter()
                .filter(|series| need.matchers.iter().all(|matcher| matcher.matches(&series.labels)))
                .map(cut)
                .collect()
        })
        .collect();
    evaluate(&query, &fetched, params, &Limits::default())
}

/// Text in which NaN equals NaN.
fn shown(point: &Point) -> String {
    match point {
        Point::Histogram(histogram) => format!("{histogram:?}"),
        other => format!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_range_query_is_an_instant_query_at_every_step(text in query(), data in data()) {
        // What asks about the query itself answers differently; sorting and ranking list series differently, but in the same set.
        prop_assume!(!text.contains("start()") && !text.contains("end()"));
        // Which of equals is chosen is not said, and may depend on what else there is at other steps.
        prop_assume!(["topk", "bottomk", "limitk"].iter().all(|choice| !text.contains(choice)));
        let Ok(whole) = ask(&text, &data, &Params::range(0, 300_000, 60_000)) else { return Ok(()) };
        let Value::Matrix(matrix) = whole.value else { panic!("no matrix") };
        for time in (0..=300_000).step_by(60_000) {
            let mut expected: Vec<(String, String)> = matrix
                .iter()
                .filter_map(|series| {
                    let (_, point) = series.points.iter().find(|&&(at, _)| at == time)?;
                    Some((series.labels.to_string(), shown(point)))
                })
                .collect();
            let Value::Vector(vector) = ask(&text, &data, &Params::instant(time)).unwrap().value else { panic!("no vector") };
            let mut found: Vec<(String, String)> =
                vector.iter().map(|sample| (sample.labels.to_string(), shown(&sample.point))).collect();
            expected.sort();
            found.sort();
            prop_assert_eq!(expected, found, "{} at {}", text, time);
        }
    }

    #[test]
    fn no_sample_outside_the_times_asked_for_matters(text in query(), data in data(), start in -100_000i64..400_000, step in prop_oneof![Just(0i64), 1_000i64..50_000]) {
        let params = Params::range(start, start + step * 7, step);
        let (all, needed) = (ask(&text, &data, &params), only_needed(&text, &data, &params));
        prop_assert_eq!(format!("{:?}", all.map(|answer| answer.value)), format!("{:?}", needed.map(|answer| answer.value)), "{}", text);
    }

    #[test]
    fn printed_queries_read_back_as_the_same(text in query()) {
        let printed = parse(&text).unwrap().root.to_string();
        prop_assert_eq!(&parse(&printed).unwrap().root.to_string(), &printed);
    }

    #[test]
    fn any_text_is_a_query_or_an_error(text in "\\PC*", tokens in proptest::collection::vec(pick(&["a", "sum", "(", ")", "[", "]", "5m", ":", "{", "}", "=~", "\"x\"", "by", "on", "@", "offset", "-", "+", "1", "rate", "or", "bool", "start", ",", "fill", "</", "#", "\n", "'", "\\"]), 0..25)) {
        let _ = parse(&text);
        if let Ok(query) = parse(&tokens.join(" ")) {
            let printed = query.root.to_string();
            prop_assert_eq!(parse(&printed).map(|query| query.root.to_string()), Ok(printed));
        }
    }

    #[test]
    fn any_script_is_a_report(text in "(load|eval|clear|expect|@st|-1m| |instant|range|at|1m|\n|a|\\{\\{|\\}\\}|sum:|1|x|\\+|_|buckets:|\\[|\\]|custom_values:|schema:-53|schema:99999){0,60}") {
        promql::testscript::run(&text);
    }
}

#[test]
fn limits_stop_a_query_with_a_clear_error() {
    let data: Vec<Arc<Series>> = (0..10)
        .map(|at| {
            Arc::new(Series {
                labels: Labels::new([("__name__", "a".to_owned()), ("x", at.to_string())]),
                times: vec![0],
                values: vec![1.0],
                ..Series::default()
            })
        })
        .collect();
    let query = parse("sum(a)").unwrap();
    let params = Params::range(0, 100_000, 1_000);
    let run = |limits: Limits| evaluate(&query, &vec![data.clone()], &params, &limits).unwrap_err().to_string();
    let defaults = Limits::default;
    assert!(run(Limits { max_points: 500, ..defaults() }).contains("more than 500 points (max_points)"));
    assert!(run(Limits { max_series: 9, ..defaults() }).contains("finds 10 series, more than 9 (max_series)"));
    assert!(run(Limits { max_steps: 100, ..defaults() }).contains("101 steps are more than 100 (max_steps)"));
    assert_eq!(run(Limits { stop: Some(Arc::new(|| true)), ..defaults() }), EvalError::Stopped.to_string());
    let subquery = parse("max_over_time(a[1000d:1ms])").unwrap();
    let error = evaluate(&subquery, &vec![data.clone()], &Params::instant(0), &defaults()).unwrap_err();
    assert!(matches!(error, EvalError::TooManySteps { .. }));
}

#[test]
fn times_at_the_ends_of_the_range_do_no_harm() {
    let data = vec![Arc::new(Series {
        labels: Labels::new([("__name__", "a")]),
        times: vec![i64::MIN, 0, i64::MAX],
        values: vec![1.0, 2.0, 3.0],
        ..Series::default()
    })];
    for text in [
        "a",
        "rate(a[1y])",
        "a offset -1y",
        "a @ 9223372036854775",
        "sum_over_time(a[10y:1y])",
        "timestamp(a)",
        "changes(a[5m] @ end())",
        "a smoothed",
        "start_timestamp(a)",
        "delta(a[1y] smoothed)",
        "deriv(a[10y])",
        "range()",
    ] {
        for time in [i64::MIN, i64::MIN / 2, -1, 0, i64::MAX / 2, i64::MAX] {
            let Ok(query) = parse(text) else { continue };
            let _ = evaluate(&query, &vec![data.clone()], &Params::instant(time), &Limits::default());
            let _ = evaluate(&query, &vec![data.clone()], &Params::range(time, time, 1), &Limits::default());
            let whole = Params::range(i64::MIN, i64::MAX, i64::MAX / 2);
            let _ = evaluate(&query, &vec![data.clone()], &whole, &Limits::default());
        }
    }
}
