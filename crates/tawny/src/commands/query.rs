//! `tawny query`: questions in PromQL.

use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use serde::Deserialize;
use serde_json::{Map, Value};
use server::SystemClock;

use crate::cli;
use crate::client::{Client, parse};
use crate::show;
use crate::style::{self, clip, faint};

/// Points of a range where no step is given: about as many as fit into a line.
const POINTS: i64 = 60;
/// Widest text of a series' labels.
const LABELS: usize = 90;
/// Heights of a sparkline.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Prometheus' answer.
#[derive(Debug, Deserialize)]
struct Answer {
    data: Data,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Value,
}

/// Asks a question.
pub fn run(args: &cli::Query) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let now = SystemClock::time().as_nanos() / 1_000_000;
    let text = client.text(&address(args, now)?)?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: Answer = parse(&text)?;
    show::out(&shown(&answer.data))?;
    for note in answer.warnings.iter().chain(&answer.infos) {
        // Not on standard output: a script would take it for a row.
        eprintln!("{}", faint(note));
    }
    Ok(ExitCode::SUCCESS)
}

/// Path and query of the question; `now` in milliseconds.
fn address(args: &cli::Query, now: i64) -> Result<String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("query", &args.promql);
    let to = args.to.as_deref().map_or(Ok(now), |text| time(text, now))?;
    let Some(from) = &args.from else {
        query.append_pair("time", &seconds(to));
        return Ok(format!("/prometheus/api/v1/query?{}", query.finish()));
    };
    let from = time(from, now)?;
    if from > to {
        bail!("--from is later than --to: turn them around");
    }
    let step = match args.step.as_deref() {
        Some(text) => promql::parse_duration(text)
            .filter(|&step| step > 0)
            .ok_or_else(|| anyhow!("cannot read --step {text:?}: give a duration such as 15s, 1m or 1h"))?,
        None => ((to - from) / POINTS / 1_000 * 1_000).max(1_000),
    };
    query.append_pair("start", &seconds(from)).append_pair("end", &seconds(to)).append_pair("step", &seconds(step));
    Ok(format!("/prometheus/api/v1/query_range?{}", query.finish()))
}

/// Milliseconds as Prometheus reads them.
fn seconds(millis: i64) -> String {
    (millis as f64 / 1e3).to_string()
}

/// A time in milliseconds: a distance from `now`, an RFC 3339 time, or Unix seconds.
fn time(text: &str, now: i64) -> Result<i64> {
    let far = || promql::parse_duration(text.trim_start_matches('-')).map(|distance| now - distance);
    let written = || model::Timestamp::parse_rfc3339(text).map(|time| time.as_nanos() / 1_000_000);
    let unix = text.parse::<f64>().ok().map(|seconds| (seconds * 1e3) as i64);
    unix.or_else(far).or_else(written).ok_or_else(|| {
        anyhow!("cannot read the time {text:?}: give a distance from now (1h), an RFC 3339 time, or Unix seconds")
    })
}

fn shown(data: &Data) -> String {
    let rows = data.result.as_array().map_or(&[][..], Vec::as_slice);
    match data.result_type.as_str() {
        "vector" => vector(rows),
        "matrix" => matrix(rows),
        _ => rows.get(1).map(plain).unwrap_or_default(),
    }
}

/// Labels all series have alike, where there are several: said once below the table, so that what tells them apart has the room.
fn alike(rows: &[Value]) -> Map<String, Value> {
    let [first, others @ ..] = rows else { return Map::new() };
    if others.is_empty() {
        return Map::new();
    }
    let mut alike = first["metric"].as_object().cloned().unwrap_or_default();
    alike
        .retain(|label, value| label != "__name__" && others.iter().all(|row| row["metric"][label.as_str()] == *value));
    alike
}

/// What stands below a table.
fn below(count: &str, alike: Map<String, Value>) -> String {
    let labels = labels(&Value::Object(alike), &Map::new());
    faint(&if labels == "{}" { count.to_owned() } else { format!("{count}, all {labels}") })
}

fn vector(rows: &[Value]) -> String {
    let alike = alike(rows);
    let mut table = show::table(&["VALUE", "SERIES"]);
    for row in rows {
        let value = if row["value"].is_null() { histogram(&row["histogram"][1]) } else { figure(&row["value"][1]) };
        table.add_row(vec![show::figure(value), show::cell(clip(&labels(&row["metric"], &alike), LABELS))]);
    }
    show::render(&mut table) + &below(&style::plural(rows.len() as u64, "series value"), alike)
}

fn matrix(rows: &[Value]) -> String {
    let alike = alike(rows);
    let mut table = show::table(&["OVER TIME", "LAST", "LEAST", "MOST", "SERIES"]);
    for row in rows {
        let points = row["values"].as_array().map_or(&[][..], Vec::as_slice);
        let values: Vec<f64> = points.iter().filter_map(|point| number(&point[1])).collect();
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (least, most) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        let figures = match values.last() {
            Some(&last) => [last, least, most].map(short),
            None => ["histograms", "", ""].map(str::to_owned),
        };
        let mut cells = vec![show::cell(sparkline(&values, least, most))];
        cells.extend(figures.map(show::figure));
        cells.push(show::cell(clip(&labels(&row["metric"], &alike), LABELS)));
        table.add_row(cells);
    }
    show::render(&mut table) + &below(&format!("{} series", rows.len()), alike)
}

/// A line of bars, between the least and the most; a gap where there is no number.
fn sparkline(values: &[f64], least: f64, most: f64) -> String {
    // More points than fit are taken together, the highest of each part shown.
    let part = values.len().div_ceil(POINTS as usize + 1).max(1);
    let bar = |values: &[f64]| {
        let value = values.iter().copied().filter(|value| value.is_finite()).fold(f64::NAN, f64::max);
        if value.is_nan() {
            return ' ';
        }
        let share = if most > least { (value - least) / (most - least) } else { 0.0 };
        BARS[((share * BARS.len() as f64) as usize).min(BARS.len() - 1)]
    };
    values.chunks(part).map(bar).collect()
}

fn number(value: &Value) -> Option<f64> {
    match value.as_str()? {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        text => text.parse().ok(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn figure(value: &Value) -> String {
    number(value).map_or_else(|| plain(value), short)
}

/// A number with as many digits as people read.
fn short(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return value.to_string();
    }
    let digits = (4 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn histogram(value: &Value) -> String {
    format!("{} observations, sum {}", plain(&value["count"]), figure(&value["sum"]))
}

/// `name{label="value"}`, without the labels that are said elsewhere.
fn labels(metric: &Value, elsewhere: &Map<String, Value>) -> String {
    let Some(labels) = metric.as_object() else { return String::new() };
    let name = labels.get("__name__").map(plain).unwrap_or_default();
    let rest: Vec<String> = labels
        .iter()
        .filter(|(label, _)| *label != "__name__" && !elsewhere.contains_key(*label))
        .map(|(label, value)| format!("{label}={:?}", plain(value)))
        .collect();
    if rest.is_empty() && !name.is_empty() { name } else { format!("{name}{{{}}}", rest.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_distances_dates_or_unix_seconds() {
        let now = 1_700_000_000_000;
        assert_eq!(time("1h", now).unwrap(), now - 3_600_000);
        assert_eq!(time("1.5", now).unwrap(), 1_500);
        assert_eq!(time("2023-11-14T22:13:20Z", now).unwrap(), now);
        assert!(time("yesterday", now).unwrap_err().to_string().contains("RFC 3339"));
    }

    #[test]
    fn a_sparkline_shows_the_shape_and_its_gaps() {
        assert_eq!(sparkline(&[0.0, 1.0, f64::NAN, 7.0, 8.0], 0.0, 8.0), "▁▂ ██");
        assert_eq!(sparkline(&[3.0, 3.0], 3.0, 3.0), "▁▁");
    }

    #[test]
    fn what_all_series_have_alike_is_said_once() {
        let row = |status: &str| {
            serde_json::json!({
                "metric": {"__name__": "runs_total", "job": "tawny", "status": status}, "value": [0, "1"],
            })
        };
        let text = vector(&[row("ok"), row("failed")]);
        assert!(text.contains("runs_total{status=\"ok\"}") && text.contains("runs_total{status=\"failed\"}"), "{text}");
        assert!(text.contains("2 series values, all {job=\"tawny\"}"), "{text}");
        let text = vector(&[row("ok")]);
        assert!(text.contains("runs_total{job=\"tawny\", status=\"ok\"}") && text.contains("1 series value"), "{text}");
    }

    #[test]
    fn figures_are_short() {
        for (value, expected) in [(0.123_456_78, "0.12346"), (12_345.678, "12346"), (3.0, "3"), (0.5, "0.5")] {
            assert_eq!(short(value), expected);
        }
    }
}
