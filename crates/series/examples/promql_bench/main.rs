//! Samples for `cargo xtask bench promql`: the same for Tawny, as a directory of series, and for Prometheus, by remote write.
//!
//! `promql_bench write SERIES HOURS END DIR` makes the directory; `promql_bench send SERIES HOURS END URL` sends them, in order. `END` is in
//! milliseconds since 1970. Either prints how many samples it made.

#![allow(clippy::print_stdout, reason = "a program of its own")]

use std::path::Path;

use promql::Labels;
use series::{Batch, Db, Settings, Write};
use wire::remote_write::{self, Request, Sample, Series};

/// Time between samples, as a scrape makes them, in milliseconds.
const EVERY: i64 = 15_000;
/// Samples lie so long after multiples of that: no range of a query begins at one, since older versions of Prometheus count such a sample and newer ones do not.
const PHASE: i64 = 7_000;
const BOUNDS: [&str; 10] = ["0.1", "0.3", "0.5", "1", "2", "5", "10", "30", "60", "+Inf"];
/// Steps between two looks at what upkeep is due: half an hour.
const UPKEEP_STEPS: u64 = 120;
/// Samples of one request.
const REQUEST_SAMPLES: usize = 10_000;

/// A repeatable number from two.
fn mixed(a: u64, b: u64) -> u64 {
    let mut x = (a << 32 | b).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 31;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ x >> 29
}

/// The series: two fifths counters, two fifths buckets, one fifth gauges.
fn all_series(count: usize) -> Vec<Labels> {
    let one = |at: usize| {
        let agent = format!("agent-{}", at % 50);
        let instance = format!("10.0.{}.{}:9090", at / 256 % 256, at % 256);
        let mut pairs = vec![("agent", agent), ("instance", instance), ("job", "agents".into())];
        match at % 5 {
            0 | 1 => {
                pairs.push(("__name__", "agent_requests_total".into()));
                pairs.push(("status", if at % 10 < 5 { "success".into() } else { "failure".into() }));
                pairs.push(("task", format!("task-{at}")));
            }
            2 | 3 => {
                pairs.push(("__name__", "agent_duration_seconds_bucket".into()));
                pairs.push(("le", BOUNDS[at / 5 % 10].into()));
                pairs.push(("task", format!("task-{}", at / 50 * 2 + at % 2)));
            }
            _ => {
                pairs.push(("__name__", "agent_queue_depth".into()));
                pairs.push(("task", format!("task-{at}")));
            }
        }
        Labels::new(pairs)
    };
    (0..count).map(one).collect()
}

/// The value of series `at` at step `step`; counters remember theirs in `last`.
fn value(at: usize, step: u64, last: &mut f64) -> f64 {
    // The buckets of a task grow together, each by more than the one below.
    let (of, times) = match at % 5 {
        2 | 3 => (at / 50 * 2 + at % 2, (at / 5 % 10 + 1) as f64),
        _ => (at, 1.0),
    };
    let chance = mixed(of as u64, step);
    if at % 5 == 4 {
        return (chance % 1_000) as f64 / 8.0;
    }
    *last += if chance.is_multiple_of(3) { (chance >> 8) as f64 % 8.0 * times } else { 0.0 };
    *last
}

/// Numbers of the steps and their times; the last comes just before `end`.
fn steps(hours: i64, end: i64) -> impl Iterator<Item = (u64, i64)> {
    let count = hours * 3_600_000 / EVERY;
    (0..count).map(move |step| (step as u64, end - (count - step) * EVERY + PHASE))
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize| -> i64 { arguments[at].parse().expect("a number") };
    let (count, hours, end) = (number(2) as usize, number(3), number(4));
    match arguments[1].as_str() {
        "write" => write(count, hours, end, Path::new(&arguments[5])),
        "send" => send(count, hours, end, &arguments[5]),
        other => panic!("no such command: {other}"),
    }
    println!("{}", count as i64 * hours * 3_600_000 / EVERY);
}

fn write(count: usize, hours: i64, end: i64, dir: &Path) {
    let series = all_series(count);
    let settings = Settings { sync: false, ..Settings::default() };
    let db = Db::open(dir, settings, end - hours * 3_600_000).expect("series");
    let mut last = vec![0.0; count];
    for (step, time) in steps(hours, end) {
        let writes = series.iter().enumerate();
        let writes = writes.map(|(at, labels)| Write::float(labels.clone(), time, value(at, step, &mut last[at])));
        let written = db.write(Batch { writes: writes.collect(), ..Batch::default() }, time).expect("a write");
        assert_eq!(written.samples, count as u64, "{:?}", written.refused);
        if step % UPKEEP_STEPS == 0 {
            db.maintain(time).expect("upkeep");
        }
    }
    db.maintain(end).expect("upkeep");
}

/// Several steps of some series a request, so that labels are not sent with every sample.
fn send(count: usize, hours: i64, end: i64, url: &str) {
    let series = all_series(count);
    let mut last = vec![0.0; count];
    let steps: Vec<(u64, i64)> = steps(hours, end).collect();
    let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
    // Half an hour at a time: a receiver takes samples of one series in order, and of all as far as an hour back.
    for part in steps.chunks((1_800_000 / EVERY) as usize) {
        for (first, some) in series.chunks((REQUEST_SAMPLES / part.len()).max(1)).scan(0, |first, some| {
            *first += some.len();
            Some((*first - some.len(), some))
        }) {
            let request = some.iter().enumerate().map(|(at, labels)| {
                let sample = |&(step, time): &(u64, i64)| Sample {
                    value: value(first + at, step, &mut last[first + at]),
                    time,
                    start: 0,
                };
                Series {
                    labels: labels.iter().map(|label| ((&*label.name).into(), (&*label.value).into())).collect(),
                    samples: part.iter().map(sample).collect(),
                    ..Series::default()
                }
            });
            let request = Request { series: request.collect(), ..Request::default() };
            let body = remote_write::encode(&request).expect("a request");
            agent
                .post(url)
                .header("content-type", "application/x-protobuf")
                .header("content-encoding", "snappy")
                .header("x-prometheus-remote-write-version", "0.1.0")
                .send(&body[..])
                .expect("Prometheus takes samples");
        }
    }
}
