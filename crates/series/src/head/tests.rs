//! What the head takes, what it refuses, and what a selection gives back.

use super::*;
use promql::histogram::Histogram;

const HOUR: i64 = 3_600_000;
const NOW: i64 = 1_000 * HOUR;

fn head() -> Head {
    Head::new(Bounds { block: 2 * HOUR, series_max: 100 }, NOW - 2 * HOUR)
}

fn labels(metric: &str, pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().copied().chain([("__name__", metric)]))
}

fn samples(head: &Head, metric: &str) -> Vec<(i64, f64)> {
    let found = head.select(&[Matcher::equal("__name__", metric)], i64::MIN, i64::MAX);
    let series = found[0].unpack().0;
    series.times.into_iter().zip(series.values).collect()
}

fn set(head: &mut Head, time: i64, value: f64) -> Result<(), Refused> {
    head.write(Write::float(labels("a", &[]), time, value), NOW, &mut Vec::new())
}

fn grow(head: &mut Head, time: i64, value: f64, start: Option<i64>) -> Result<(), Refused> {
    let write = Write { mode: Mode::Add, start, ..Write::float(labels("a", &[]), time, value) };
    head.write(write, NOW, &mut Vec::new())
}

#[test]
fn late_samples_find_their_place_and_a_repeated_request_adds_nothing() {
    let mut head = head();
    for at in [5, 1, 9, 3, 7, 1, 5, 9] {
        set(&mut head, NOW - 10_000 + at, at as f64).unwrap();
    }
    let expected: Vec<(i64, f64)> = [1, 3, 5, 7, 9].map(|at| (NOW - 10_000 + at, at as f64)).into();
    assert_eq!(samples(&head, "a"), expected);
    assert_eq!(set(&mut head, NOW - 10_000 + 3, 4.0), Err(Refused::Duplicate));
}

#[test]
fn many_late_samples_in_any_order_are_all_there() {
    let mut head = head();
    let times: Vec<i64> = (0..1_000).map(|at| NOW - 6_000_000 + (at * 7_919 % 1_000) * 5_000).collect();
    for &time in &times {
        set(&mut head, time, (time % 977) as f64 / 2.0).unwrap();
    }
    let mut expected: Vec<(i64, f64)> = times.iter().map(|&time| (time, (time % 977) as f64 / 2.0)).collect();
    expected.sort_by_key(|sample| sample.0);
    assert_eq!(samples(&head, "a"), expected);
}

#[test]
fn samples_outside_of_the_time_that_is_open_are_refused() {
    let mut head = head();
    assert_eq!(set(&mut head, NOW - 2 * HOUR - 1, 1.0), Err(Refused::TooOld));
    assert_eq!(set(&mut head, NOW + AHEAD_MAX + 1, 1.0), Err(Refused::TooNew));
    assert!(head.is_empty());
}

#[test]
fn series_beyond_the_limit_and_bad_labels_are_refused() {
    let mut head = Head::new(Bounds { block: HOUR, series_max: 1 }, 0);
    let mut write = |labels| head.write(Write::float(labels, NOW, 1.0), NOW, &mut Vec::new());
    assert_eq!(write(labels("a", &[])), Ok(()));
    assert_eq!(write(labels("b", &[])), Err(Refused::TooManySeries));
    assert_eq!(write(labels("", &[("x", "y")])), Err(Refused::BadLabels));
    assert_eq!(write(labels("a", &[("x", &"y".repeat(LABEL_BYTES_MAX + 1))])), Err(Refused::BadLabels));
    assert_eq!(write(labels("a", &[])), Ok(()));
}

#[test]
fn growth_adds_up_from_zero_and_a_repeat_does_not_count_twice() {
    let mut head = head();
    grow(&mut head, NOW - 30_000, 5.0, Some(NOW - 45_000)).unwrap();
    grow(&mut head, NOW - 15_000, 2.0, Some(NOW - 30_000)).unwrap();
    assert_eq!(grow(&mut head, NOW - 15_000, 2.0, Some(NOW - 30_000)), Err(Refused::OutOfOrder));
    grow(&mut head, NOW, 1.0, None).unwrap();
    assert_eq!(samples(&head, "a"), [(NOW - 45_000, 0.0), (NOW - 30_000, 5.0), (NOW - 15_000, 7.0), (NOW, 8.0)]);
}

#[test]
fn a_counter_begins_with_zero_where_it_says_when_it_began() {
    let mut head = head();
    let counter = |time, value, start| Write { start: Some(start), ..Write::float(labels("a", &[]), time, value) };
    let mut write = |write| head.write(write, NOW, &mut Vec::new()).unwrap();
    write(counter(NOW - 20_000, 7.0, NOW - 30_000));
    write(counter(NOW - 10_000, 9.0, NOW - 30_000));
    // The process started again, and has counted further than before since.
    write(counter(NOW, 12.0, NOW - 5_000));
    let expected = [(-30_000, 0.0), (-20_000, 7.0), (-10_000, 9.0), (-5_000, 0.0), (0, 12.0)];
    assert_eq!(samples(&head, "a"), expected.map(|(time, value)| (NOW + time, value)));
}

#[test]
fn growth_of_native_histograms_adds_up() {
    let mut head = head();
    let of = |count: f64| Histogram { count, sum: count, positive: vec![(1, count)], ..Histogram::default() };
    for (time, count) in [(NOW - 2, 1.0), (NOW - 1, 2.0), (NOW, 3.0)] {
        let value = SampleValue::Histogram(of(count).into());
        let write = Write { labels: labels("h", &[]), time, value, mode: Mode::Add, start: None };
        head.write(write, NOW, &mut Vec::new()).unwrap();
    }
    let found = head.select(&[Matcher::equal("__name__", "h")], i64::MIN, i64::MAX);
    let counts: Vec<f64> = found[0].unpack().0.histograms.iter().map(|(_, value)| value.count).collect();
    assert_eq!(counts, [1.0, 3.0, 6.0]);
}

#[test]
fn series_are_found_by_any_matchers() {
    let mut head = head();
    for (metric, agent) in [("a", "x"), ("a", "y"), ("b", "x"), ("b", "")] {
        let labels = labels(metric, &[("agent", agent)]);
        head.write(Write::float(labels, NOW, 1.0), NOW, &mut Vec::new()).unwrap();
    }
    let count = |matchers: &[(&str, MatchOp, &str)]| {
        let matchers: Vec<Matcher> =
            matchers.iter().map(|(name, op, value)| Matcher::new(name, *op, value).unwrap()).collect();
        head.select(&matchers, i64::MIN, i64::MAX).len()
    };
    use MatchOp::*;
    assert_eq!(count(&[("__name__", Equal, "a")]), 2);
    assert_eq!(count(&[("__name__", Equal, "b"), ("agent", Equal, "")]), 1);
    assert_eq!(count(&[("agent", Matches, "x|y"), ("__name__", NotEqual, "a")]), 1);
    assert_eq!(count(&[("agent", Equal, "z")]), 0);
    assert_eq!(head.select(&[], NOW, i64::MAX).len(), 0, "a range is open on the left");
}

#[test]
fn what_is_sealed_leaves_and_series_without_samples_with_it() {
    let mut head = Head::new(Bounds { block: 2 * HOUR, series_max: 2 }, 0);
    let write = |head: &mut Head, metric: &str, time| {
        head.write(Write::float(labels(metric, &[]), time, 1.0), time, &mut Vec::new())
    };
    write(&mut head, "old", NOW - 3 * HOUR).unwrap();
    for at in 0..400 {
        write(&mut head, "a", NOW - 3 * HOUR + at * 30_000).unwrap();
    }
    let sealed = head.close_before(NOW);
    assert_eq!(sealed.iter().map(Found::samples).sum::<u64>(), 1 + 360);
    head.forget_before(NOW);
    assert_eq!((head.len(), head.size().0), (1, 40));
    assert_eq!(write(&mut head, "a", NOW - 1), Err(Refused::TooOld));
    // The place of the series that left is free for another.
    write(&mut head, "b", NOW).unwrap();
    assert_eq!(head.select(&[Matcher::equal("__name__", "b")], 0, NOW).len(), 1);
}
