//! The read APIs of Tempo, Jaeger and Loki, as far as Grafana's Explore, its links from traces to logs, and Jaeger's page need them.
//!
//! Questions become SQL over the documented views, or filters of the lists; answers have the shapes those clients read.

mod jaeger;
mod logql;
mod loki;
mod tempo;
mod tempo_metrics;
mod traceql;

pub use self::loki::SCANNED_MAX as LOKI_SCANNED_MAX;
pub use self::tempo::{RELATED_FOUND_MAX as TEMPO_RELATED_FOUND_MAX, RELATED_SPANS_MAX as TEMPO_RELATED_SPANS_MAX};
pub use self::tempo_metrics::ROWS_MAX as TEMPO_METRICS_ROWS_MAX;

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Timestamp, TraceId};
use serde_json::Value;
use store::StoredSpan;

use crate::api::whole;
use crate::app::App;
use crate::problem::Problem;

/// Everything below `/tempo`, `/jaeger` and `/loki`.
pub fn routes() -> Router<Arc<App>> {
    Router::new().merge(tempo::routes()).merge(jaeger::routes()).merge(loki::routes())
}

/// Traces or spans one answer names at most.
const ANSWERS_MAX: usize = 2_000;

/// JSON.
fn json(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// A text as an SQL literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A time as an SQL literal.
fn time_literal(time: Timestamp) -> String {
    format!("TIMESTAMP '{time}'")
}

/// Asks in SQL; rows in the order of their columns.
async fn sql(app: &App, text: String) -> Result<Vec<Vec<Value>>, Problem> {
    sql_rows(app, text, 0).await
}

/// As [`sql`], with this many rows at least.
async fn sql_rows(app: &App, text: String, rows: usize) -> Result<Vec<Vec<Value>>, Problem> {
    let project = app.project();
    let answer = app
        .ask_sql(|engine| async move {
            let mut limits = engine.limits().sql;
            limits.rows = limits.rows.max(rows);
            engine.sql(&project, &text, limits).await
        })
        .await?;
    Ok(answer.rows)
}

/// Texts of a question with one column.
async fn texts(app: &App, question: String) -> Result<Vec<String>, Problem> {
    let rows = sql(app, question).await?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next()?.as_str().map(str::to_owned)).collect())
}

/// Spans of a trace; 404 where there are none, 422 where too much was said in them.
async fn trace(app: &App, id: &str) -> Result<(TraceId, Vec<StoredSpan<'static>>), Problem> {
    trace_beside(app, id, &mut 0).await
}

/// As [`trace`], where so many bytes were `taken` for the same answer.
async fn trace_beside(app: &App, id: &str, taken: &mut usize) -> Result<(TraceId, Vec<StoredSpan<'static>>), Problem> {
    // Jaeger and Tempo leave out zeroes in front.
    let trace_id: TraceId = format!("{id:0>32}")
        .parse()
        .map_err(|_| Problem::bad_request(format!("cannot read the trace id {id:?}: give 32 hexadecimal digits")))?;
    let mut spans = whole::alone(app, app.store()?, &app.project(), trace_id, taken).await?;
    spans.retain(|span| !dialects::is_join(&span.raw));
    if spans.is_empty() {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "Not found",
            format!("trace {trace_id} not found"),
        ));
    }
    Ok((trace_id, spans))
}

/// The instant a row gives as text.
fn time_of(value: &Value) -> Timestamp {
    value.as_str().and_then(Timestamp::parse_rfc3339).unwrap_or_default()
}

/// Unix seconds, milliseconds, microseconds or nanoseconds (told apart by size), or RFC 3339, as these APIs write times.
fn any_time(text: &str) -> Option<Timestamp> {
    let Ok(number) = text.parse::<f64>() else { return Timestamp::parse_rfc3339(text) };
    if !number.is_finite() || number < 0.0 {
        return None;
    }
    // A second count of today has 10 digits, milliseconds 13, microseconds 16, nanoseconds 19.
    let nanos = match number {
        small if small < 1e11 => small * 1e9,
        small if small < 1e14 => small * 1e6,
        small if small < 1e17 => small * 1e3,
        large => large,
    };
    // Whole nanoseconds are exact as text only.
    Some(Timestamp::from_nanos(text.parse::<i64>().ok().filter(|_| number >= 1e17).unwrap_or(nanos as i64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_any_unit() {
        let expected = Timestamp::from_nanos(1_700_000_000_000_000_000);
        for text in ["1700000000", "1700000000000", "1700000000000000", "1700000000000000000", "2023-11-14T22:13:20Z"] {
            assert_eq!(any_time(text), Some(expected), "{text}");
        }
        assert_eq!(any_time("1700000000000000001").unwrap().as_nanos() % 10, 1);
        assert_eq!((any_time("soon"), any_time("-1")), (None, None));
    }

    #[test]
    fn literals_cannot_end_early() {
        assert_eq!(literal("a' OR 'b"), "'a'' OR ''b'");
    }
}
