//! Numbers over time of spans, as Tempo's metrics API at `/tempo/api/metrics` gives them.
//!
//! Source: <https://grafana.com/docs/tempo/latest/api_docs/>. A sample stands at the end of the step it is of.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use model::Timestamp;
use serde_json::{Value, json};

use super::tempo::{Wanted, form, wanted};
use super::traceql::{Function, Metrics};
use super::{any_time, json as as_json, sql_rows, time_literal, time_of};
use crate::app::App;
use crate::limits::LimitName;
use crate::problem::Problem;
use crate::series::http::Form;

/// Points of one series.
const POINTS_MAX: i64 = 11_000;
/// Rows of one answer: points of all series.
pub const ROWS_MAX: usize = 100_000;
/// Points where no step is given.
const POINTS: i64 = 100;
/// Time looked at where no start is given, in milliseconds.
const HOUR: i64 = 3_600_000;

/// The labels of a series, each a name with its value, in their order.
type Key = Vec<(String, String)>;

/// When a question is about, in milliseconds.
struct Span {
    start: i64,
    end: i64,
    step: i64,
}

impl Span {
    fn of(app: &App, form: &Form) -> Result<Self, Problem> {
        let read = |name: &str| match form.get(name) {
            "" => Ok(None),
            text => any_time(text)
                .map(|time| Some(time.as_nanos().div_euclid(1_000_000)))
                .ok_or_else(|| Problem::bad_request(format!("cannot read {name} {text:?}: give Unix seconds"))),
        };
        let end = read("end")?.unwrap_or_else(|| app.now().as_nanos().div_euclid(1_000_000));
        let start = read("start")?.unwrap_or(end - HOUR);
        if end <= start {
            return Err(Problem::bad_request("end must be after start"));
        }
        let step =
            form.duration("step").map_err(|_| Problem::bad_request("cannot read step: give seconds or a duration"))?;
        let step = step.filter(|&step| step > 0).unwrap_or(((end - start) / POINTS).max(1_000));
        if (end - start) / step > POINTS_MAX {
            return Err(Problem::bad_request(format!(
                "more than {POINTS_MAX} points for each series: give a larger step"
            )));
        }
        Ok(Self { start, end, step })
    }

    /// The ends of all steps.
    fn times(&self) -> impl Iterator<Item = i64> {
        let (step, end) = (self.step, self.end);
        let first = self.start.div_euclid(step) * step;
        (0..).map(move |at| first + at * step).take_while(move |&time| time <= end).map(move |time| time + step)
    }
}

/// Asks; rows of time (as told by `timed`), labels, edge and value.
async fn rows(app: &App, form: &Form, span: &Span, timed: bool) -> Result<(Metrics, Vec<Vec<Value>>), Problem> {
    let Wanted { search, spans, traces } = wanted(app, form).await?;
    let Some(metrics) = search.metrics else {
        let message =
            "the query asks for no numbers: add a function such as | rate() or | quantile_over_time(duration, 0.9)";
        return Err(Problem::bad_request(message));
    };
    let [from, to] = [span.start, span.end].map(|millis| time_literal(Timestamp::from_nanos(millis * 1_000_000)));
    let condition = format!("{spans} AND {traces} AND started_at >= {from} AND started_at <= {to}");
    let rows = sql_rows(app, metrics.sql(&condition, timed.then_some(span.step)), ROWS_MAX + 1).await?;
    if rows.len() > ROWS_MAX {
        app.counters.limit_reached(LimitName::TempoMetricsRowsMax);
        return Err(Problem::bad_request(format!(
            "more than {ROWS_MAX} points (tempo_metrics_rows_max): give a larger step, or put spans together by less"
        )));
    }
    Ok((metrics, rows))
}

/// The series of an answer: labels, and values by the end of their step.
fn series(metrics: &Metrics, rows: &[Vec<Value>], span: &Span, timed: bool) -> BTreeMap<Key, BTreeMap<i64, f64>> {
    let mut all: BTreeMap<Key, BTreeMap<i64, f64>> = BTreeMap::new();
    let seconds = if timed { span.step } else { span.end - span.start } as f64 / 1e3;
    for row in rows {
        let (time, row) = match row.split_first() {
            Some((bin, rest)) if timed => (time_of(bin).as_nanos().div_euclid(1_000_000) + span.step, rest),
            _ => (span.end, &row[..]),
        };
        let (labels, rest) = row.split_at(metrics.by.len().min(row.len()));
        let text = |value: &Value| value.as_str().map_or_else(|| "nil".to_owned(), str::to_owned);
        let mut key: Key =
            metrics.by.iter().zip(labels).map(|((name, _), value)| (name.clone(), text(value))).collect();
        let mut add = |key: Key, value: f64| {
            all.entry(key).or_default().insert(time, value);
        };
        match (&metrics.function, rest) {
            (Function::Quantiles(_, quantiles), [list]) => {
                for (quantile, value) in quantiles.iter().zip(list.as_array().into_iter().flatten()) {
                    let Some(value) = value.as_f64() else { continue };
                    let p = ("p".to_owned(), quantile.to_string());
                    add(key.iter().cloned().chain([p]).collect(), value);
                }
            }
            (Function::Histogram(_), [edge, count]) => {
                let (Some(edge), Some(count)) = (edge.as_f64(), count.as_f64()) else { continue };
                key.push(("__bucket".into(), edge.to_string()));
                add(key, count);
            }
            (function, [value]) => {
                let Some(value) = value.as_f64() else { continue };
                add(key, if *function == Function::Rate { value / seconds } else { value });
            }
            _ => {}
        }
    }
    if let Some((largest, count)) = metrics.top {
        keep_top(&mut all, largest, count);
    }
    if timed && metrics.counts() {
        if all.is_empty() && metrics.by.is_empty() && !matches!(metrics.function, Function::Histogram(_)) {
            all.insert(Key::new(), BTreeMap::new());
        }
        if metrics.top.is_none() {
            all.values_mut().for_each(|points| span.times().for_each(|time| _ = points.entry(time).or_insert(0.0)));
        }
    }
    all
}

/// Leaves at each time only the largest or smallest values.
fn keep_top(all: &mut BTreeMap<Key, BTreeMap<i64, f64>>, largest: bool, count: usize) {
    let mut at_time: BTreeMap<i64, Vec<(f64, Key)>> = BTreeMap::new();
    for (key, points) in all.iter() {
        for (&time, &value) in points {
            at_time.entry(time).or_default().push((value, key.clone()));
        }
    }
    for (time, mut values) in at_time {
        values.sort_by(|a, b| if largest { b.0.total_cmp(&a.0) } else { a.0.total_cmp(&b.0) });
        for (_, key) in values.into_iter().skip(count) {
            if let Some(points) = all.get_mut(&key) {
                points.remove(&time);
            }
        }
    }
    all.retain(|_, points| !points.is_empty());
}

/// A series' labels, as Tempo writes them: apart, and as Prometheus would.
fn labels(metrics: &Metrics, key: &[(String, String)]) -> (Value, String) {
    if key.is_empty() {
        let name = metrics.name();
        return (json!([{"key": "__name__", "value": {"stringValue": name}}]), format!("{{__name__={name:?}}}"));
    }
    let number = |name: &str| name == "p" || name == "__bucket";
    let apart = key.iter().map(|(name, value)| match value.parse::<f64>() {
        Ok(value) if number(name) => json!({"key": name, "value": {"doubleValue": value}}),
        _ => json!({"key": name, "value": {"stringValue": value}}),
    });
    (apart.collect(), promql::Labels::new(key.to_vec()).to_string())
}

/// `GET /tempo/api/metrics/query_range`
pub async fn query_range(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let form = form(request).await?;
    let span = Span::of(&app, &form)?;
    let (metrics, rows) = rows(&app, &form, &span, true).await?;
    let series = series(&metrics, &rows, &span, true);
    let series: Vec<Value> = series
        .iter()
        .map(|(key, points)| {
            let (labels, text) = labels(&metrics, key);
            let points = points.iter().map(|(time, value)| json!({"timestampMs": time.to_string(), "value": value}));
            json!({"labels": labels, "samples": points.collect::<Vec<Value>>(), "promLabels": text})
        })
        .collect();
    Ok(as_json(&json!({"series": series, "metrics": {}})))
}

/// `GET /tempo/api/metrics/query`: one value for the whole time.
pub async fn query(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let form = form(request).await?;
    let span = Span::of(&app, &form)?;
    let (metrics, rows) = rows(&app, &form, &span, false).await?;
    let series = series(&metrics, &rows, &span, false);
    let series: Vec<Value> = series
        .iter()
        .filter_map(|(key, points)| {
            let (labels, text) = labels(&metrics, key);
            let (_, value) = points.last_key_value()?;
            Some(json!({"labels": labels, "value": value, "promLabels": text}))
        })
        .collect();
    Ok(as_json(&json!({"series": series, "metrics": {}})))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(function: Function, by: &[&str], top: Option<(bool, usize)>) -> Metrics {
        Metrics { function, by: by.iter().map(|name| ((*name).to_owned(), String::new())).collect(), top }
    }

    #[test]
    fn rows_become_series_with_zeros_where_nothing_was_counted() {
        let span = Span { start: 0, end: 119_000, step: 60_000 };
        let rows = [vec![json!("1970-01-01T00:01:00Z"), json!("shop"), json!(30)]];
        let rate = metrics(Function::Rate, &["resource.service.name"], None);
        let found = series(&rate, &rows, &span, true);
        let (key, points) = found.first_key_value().unwrap();
        assert_eq!(points, &BTreeMap::from([(60_000, 0.0), (120_000, 0.5)]));
        assert_eq!(labels(&rate, key).1, r#"{"resource.service.name"="shop"}"#);
        let none = series(&metrics(Function::Rate, &[], None), &[], &span, true);
        assert_eq!(none[&Key::new()].len(), 2);
        assert!(labels(&rate, &Key::new()).1.contains("rate"));
    }

    #[test]
    fn quantiles_are_series_of_their_own_and_the_largest_are_kept() {
        let span = Span { start: 0, end: 60_000, step: 60_000 };
        let quantiles = metrics(Function::Quantiles(String::new(), vec![0.5, 0.9]), &[], None);
        let found = series(&quantiles, &[vec![json!([1.5, 2.5])]], &span, false);
        let values: Vec<(String, f64)> =
            found.iter().map(|(key, points)| (labels(&quantiles, key).1, points[&60_000])).collect();
        assert_eq!(values, [("{p=\"0.5\"}".to_owned(), 1.5), ("{p=\"0.9\"}".to_owned(), 2.5)]);
        let top = metrics(Function::Count, &["name"], Some((true, 1)));
        let rows = ["a", "b"].into_iter().zip([1, 2]);
        let rows: Vec<Vec<Value>> =
            rows.map(|(name, count)| vec![json!("1970-01-01T00:00:00Z"), json!(name), json!(count)]).collect();
        let found = series(&top, &rows, &span, true);
        assert_eq!(found.keys().map(|key| key[0].1.as_str()).collect::<Vec<_>>(), ["b"]);
    }
}
