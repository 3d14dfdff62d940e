//! One side of `cargo xtask bench promql`: makes samples, keeps them as series, asks queries, and prints what that takes as JSON.
//!
//! `promql_bench measure SERIES HOURS DIR` prints the figures; `promql_bench export SERIES HOURS` writes the same samples as OpenMetrics to standard
//! output, for Prometheus to load.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement needs a clock")]

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use promql::{Labels, Limits, Params, Value};
use series::{Batch, Db, Fetched, SelectLimits, Settings, Write};

/// When the samples end: a fixed time, so that both sides have the same.
const END: i64 = 1_780_000_000_000 / 7_200_000 * 7_200_000;
/// Time between samples, as a scrape makes them.
const EVERY: i64 = 15_000;
const BOUNDS: [&str; 10] = ["0.1", "0.3", "0.5", "1", "2", "5", "10", "30", "60", "+Inf"];

/// The queries, of the kinds rules and dashboards have. `1h` is asked of whatever is there.
const QUERIES: [(&str, &str); 12] = [
    ("rate", "sum(rate(agent_requests_total[5m]))"),
    ("rate by agent", "sum by (agent) (rate(agent_requests_total[5m]))"),
    (
        "ratio",
        "sum by (agent) (rate(agent_requests_total{status=\"failure\"}[5m])) / sum by (agent) (rate(agent_requests_total[5m]))",
    ),
    ("quantile", "histogram_quantile(0.95, sum by (le) (rate(agent_duration_seconds_bucket[5m])))"),
    ("quantile by agent", "histogram_quantile(0.95, sum by (le, agent) (rate(agent_duration_seconds_bucket[5m])))"),
    ("offset", "sum(rate(agent_requests_total[5m])) / sum(rate(agent_requests_total[5m] offset 30m))"),
    ("topk", "topk(5, sum by (agent) (rate(agent_requests_total[5m])))"),
    ("subquery", "max_over_time(sum(rate(agent_requests_total[5m]))[30m:1m])"),
    ("sum", "sum(agent_requests_total)"),
    ("average over time", "avg by (agent) (avg_over_time(agent_queue_depth[15m]))"),
    ("increase", "sum by (status) (increase(agent_requests_total[1h]))"),
    ("count", "count by (agent) (agent_queue_depth > 10)"),
];

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
    let chance = mixed(at as u64, step);
    if at % 5 < 4 {
        *last += if chance.is_multiple_of(3) { (chance >> 8) as f64 % 8.0 } else { 0.0 };
        *last
    } else {
        (chance % 1_000) as f64 / 8.0
    }
}

fn steps(hours: i64) -> impl Iterator<Item = (u64, i64)> {
    let count = hours * 3_600_000 / EVERY;
    (0..count).map(move |step| (step as u64, END - (count - step) * EVERY))
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize| -> i64 { arguments[at].parse().expect("a number") };
    let (count, hours) = (number(2) as usize, number(3));
    match arguments[1].as_str() {
        "export" => export(count, hours),
        _ => measure(count, hours, Path::new(&arguments[4])),
    }
}

/// OpenMetrics wants the samples of a family together.
fn export(count: usize, hours: i64) {
    let series = all_series(count);
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    for (family, kind) in
        [("agent_requests", "counter"), ("agent_duration_seconds", "histogram"), ("agent_queue_depth", "gauge")]
    {
        writeln!(out, "# TYPE {family} {kind}").expect("standard output");
        for (at, labels) in series.iter().enumerate().filter(|(_, labels)| labels.metric_name().starts_with(family)) {
            let text = labels.without(&["__name__"]).to_string().replace("\", ", "\",");
            let mut last = 0.0;
            for (step, time) in steps(hours) {
                let value = value(at, step, &mut last);
                writeln!(out, "{}{text} {value} {:.3}", labels.metric_name(), time as f64 / 1e3)
                    .expect("standard output");
            }
        }
    }
    writeln!(out, "# EOF").expect("standard output");
}

fn measure(count: usize, hours: i64, dir: &Path) {
    let series = all_series(count);
    let settings = Settings { sync: false, thin_after: None, ..Settings::default() };
    let db = Db::open(dir, settings, END - hours * 3_600_000).expect("series");
    let mut last = vec![0.0; count];
    let began = Instant::now();
    let mut samples = 0u64;
    let mut peak = (0.0, 0);
    for (step, time) in steps(hours) {
        let writes = series.iter().enumerate();
        let writes = writes.map(|(at, labels)| Write::float(labels.clone(), time, value(at, step, &mut last[at])));
        db.write(Batch { writes: writes.collect(), ..Batch::default() }, time).expect("a write");
        samples += count as u64;
        if step % 120 == 0 {
            let stats = db.stats();
            if stats.memory_bytes > peak.1 {
                peak = (stats.memory_bytes as f64 / stats.series as f64, stats.memory_bytes);
            }
            db.maintain(time).expect("upkeep");
        }
    }
    let writing = began.elapsed().as_secs_f64();
    let stats = db.stats();
    let on_disk = if stats.block_samples > 0 { stats.block_bytes as f64 / stats.block_samples as f64 } else { 0.0 };
    println!(
        "{{\"samples\":{samples},\"writes_per_second\":{:.0},\"bytes_per_sample_on_disk\":{on_disk:.3},\"memory_bytes_per_series\":{:.0}}}",
        samples as f64 / writing,
        peak.0
    );
    let (span, step) = if hours >= 24 { (24 * 3_600_000, 300_000) } else { (hours * 3_600_000, 60_000) };
    for (name, text) in QUERIES {
        let params = Params::range(END - span + 3_600_000.min(span / 2), END - EVERY, step);
        print_query(&db, name, text, &params);
    }
    if hours >= 24 {
        print_query(
            &db,
            "increase over a day",
            "sum(increase(agent_requests_total[24h]))",
            &Params::instant(END - EVERY),
        );
    }
}

/// Asks until half a second is spent, three times at least, and prints the least.
fn print_query(db: &Db, name: &str, text: &str, params: &Params) {
    let mut best = f64::INFINITY;
    let mut answer = String::new();
    let mut spent = 0.0;
    let mut rounds = 0;
    while rounds < 3 || (spent < 0.5 && rounds < 50) {
        let began = Instant::now();
        let query = promql::parse(text).expect("a query");
        let limits = SelectLimits { series_max: 1_000_000, samples_max: u64::MAX };
        let mut fetched = Fetched::default();
        for need in query.selectors(params).expect("selectors") {
            fetched.needs.push(db.select(&need.matchers, need.from_ms, need.to_ms, limits).expect("a selection"));
        }
        let limits = Limits { max_points: u64::MAX, ..Limits::default() };
        let value = promql::evaluate(&query, &fetched, params, &limits).expect("an answer").value;
        let took = began.elapsed().as_secs_f64() * 1e3;
        spent += took / 1e3;
        rounds += 1;
        best = best.min(took);
        answer = sum(&value).to_string();
    }
    println!(
        "{{\"query\":{:?},\"promql\":{text:?},\"start\":{},\"end\":{},\"step\":{},\"milliseconds\":{best:.2},\"sum\":{answer}}}",
        name,
        params.start as f64 / 1e3,
        params.end as f64 / 1e3,
        params.step as f64 / 1e3,
    );
}

/// All values together, to see that both sides found the same.
fn sum(value: &Value) -> f64 {
    let point = |point: &promql::Point| point.float().filter(|value| value.is_finite()).unwrap_or(0.0);
    match value {
        Value::Scalar(value) => *value,
        Value::String(_) => 0.0,
        Value::Vector(samples) => samples.iter().map(|sample| point(&sample.point)).sum(),
        Value::Matrix(series) => series.iter().flat_map(|series| &series.points).map(|(_, it)| point(it)).sum(),
    }
}
