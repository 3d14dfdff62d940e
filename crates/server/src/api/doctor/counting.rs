//! Counting rows for the doctor: one statement a view for all its checks.

use std::collections::{BTreeMap, BTreeSet};

use model::{SpanId, TraceId};
use serde_json::Value;
use signals::doctor::{Check, Count, Example, Finding, Origin, View, checks};

use super::Question;
use crate::app::App;
use crate::problem::Problem;

/// Services and libraries that are counted apart; the largest.
const ORIGINS: usize = 500;
/// Models without a price that are named.
const MODELS: usize = 8;
/// A span is taken for ended or lost after this.
const QUIET: i64 = 600_000_000_000;

/// What was counted.
pub struct Counted {
    /// By check and origin.
    pub counts: Vec<Count>,
    /// Spans by origin.
    pub origins: BTreeMap<Origin, u64>,
    /// There are more origins than are counted apart.
    pub cut: bool,
}

type Rows = Vec<Vec<Value>>;

async fn ask(app: &App, text: String) -> Result<Rows, Problem> {
    let project = app.project();
    let answer = app.ask(|engine| async move { engine.sql(&project, &text, query::SqlLimits::default()).await });
    Ok(answer.await?.rows)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// A text as SQL writes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The condition on what is looked at, over the rows of a view.
fn looked_at(question: &Question, view: View) -> String {
    // When it came in: a sender's own times may be what is wrong. Bodies only have the time of their span.
    let time = match view {
        View::Spans | View::Logs => "received_at",
        View::Runs => "last_received_at",
        View::Bodies => "started_at",
    };
    let mut condition = format!("{time} >= TIMESTAMP '{}' AND {time} < TIMESTAMP '{}'", question.from, question.to);
    if let Some(service) = question.service.as_ref().filter(|_| view != View::Bodies) {
        condition.push_str(&format!(" AND service = {}", quoted(service)));
    }
    if let Some(trace) = question.trace {
        condition.push_str(&format!(" AND trace_id = '{trace}'"));
    }
    condition
}

/// The statement that counts all checks of a view, and the checks in the order of their columns.
fn statement(question: &Question, view: View) -> (String, Vec<&'static Check>) {
    let (table, keys, seen) = match view {
        View::Spans => ("spans", "service, dialect, scope", "trace_id || ' ' || span_id"),
        View::Runs => ("runs", "service, '' AS dialect, '' AS scope", "trace_id"),
        View::Logs => ("logs", "service, '' AS dialect, '' AS scope", "trace_id || ' ' || span_id"),
        View::Bodies => ("bodies", "CAST(NULL AS VARCHAR) AS service, '' AS dialect, '' AS scope", "trace_id"),
    };
    let of_view: Vec<&Check> = checks().iter().filter(|check| check.view == Some(view)).collect();
    let quiet = question.to.plus_nanos(-QUIET).to_string();
    let mut list = String::new();
    for (at, check) in of_view.iter().enumerate() {
        let (over, when) = (check.over.replace("{quiet}", &quiet), check.when.replace("{quiet}", &quiet));
        list.push_str(&format!(
            ", count(*) FILTER (WHERE {over}) AS o{at}, count(*) FILTER (WHERE ({over}) AND ({when})) AS w{at}, \
             max(CASE WHEN ({over}) AND ({when}) THEN {seen} END) AS e{at}"
        ));
    }
    let condition = looked_at(question, view);
    let statement = format!(
        "SELECT {keys}, count(*) AS n{list} FROM {table} WHERE {condition} GROUP BY 1, 2, 3 ORDER BY n DESC LIMIT {ORIGINS}"
    );
    (statement, of_view)
}

/// Name and version out of a scope's JSON.
fn scope(json: &str) -> (String, String) {
    let scope: Value = serde_json::from_str(json).unwrap_or_default();
    (text(&scope["name"]), text(&scope["version"]))
}

fn example(seen: &str) -> Option<Example> {
    let mut ids = seen.split(' ');
    let trace_id = ids.next()?.parse::<TraceId>().ok()?;
    Some(Example { trace_id, span_id: ids.next().and_then(|id| id.parse::<SpanId>().ok()) })
}

/// Counts everything.
pub async fn count(app: &App, question: &Question) -> Result<Counted, Problem> {
    let mut counted = Counted { counts: Vec::new(), origins: BTreeMap::new(), cut: false };
    for view in [View::Spans, View::Runs, View::Logs, View::Bodies] {
        // Texts belong to no service.
        if view == View::Bodies && question.service.is_some() {
            continue;
        }
        let (statement, of_view) = statement(question, view);
        let rows = ask(app, statement).await?;
        counted.cut |= rows.len() >= ORIGINS;
        // Attributes of a scope are no part of who sent it: rows that differ in them only are added up.
        let mut sums: BTreeMap<(Origin, usize), (u64, u64, Option<Example>)> = BTreeMap::new();
        for row in rows {
            let (scope, version) = scope(row[2].as_str().unwrap_or_default());
            let origin = Origin { service: row[0].as_str().map(str::to_owned), dialect: text(&row[1]), scope, version };
            if view == View::Spans {
                *counted.origins.entry(origin.clone()).or_default() += number(&row[3]);
            }
            for at in 0..of_view.len() {
                let sum = sums.entry((origin.clone(), at)).or_default();
                let columns = &row[4 + 3 * at..];
                sum.0 += number(&columns[0]);
                sum.1 += number(&columns[1]);
                sum.2 = sum.2.or_else(|| example(columns[2].as_str()?));
            }
        }
        for ((origin, at), (over, when, example)) in sums {
            counted.counts.push(Count { check: of_view[at], origin, over, when, example });
        }
    }
    Ok(counted)
}

/// Services and the names of log events they sent.
pub async fn log_events(app: &App, question: &Question) -> Result<Vec<(Option<String>, String)>, Problem> {
    let condition = looked_at(question, View::Logs);
    let rows = ask(
        app,
        format!(
            "SELECT DISTINCT service, event_name FROM logs WHERE {condition} AND event_name IS NOT NULL LIMIT {ORIGINS}"
        ),
    );
    Ok(rows.await?.iter().map(|row| (row[0].as_str().map(str::to_owned), text(&row[1]))).collect())
}

/// Models for which no price is known, with their tokens.
pub async fn unpriced_models(app: &App, question: &Question, origin: &Origin) -> Result<Vec<String>, Problem> {
    let service = match &origin.service {
        Some(service) => format!("service = {}", quoted(service)),
        None => "service IS NULL".into(),
    };
    let statement = format!(
        "SELECT model, provider, count(*) AS calls, sum(input_tokens), sum(output_tokens) FROM spans WHERE {} AND {service} \
         AND kind = 'llm' AND usage_role = 'own' AND cost_usd IS NULL AND total_tokens > 0 AND model IS NOT NULL \
         GROUP BY 1, 2 ORDER BY calls DESC LIMIT {MODELS}",
        looked_at(question, View::Spans)
    );
    let rows = ask(app, statement).await?;
    let line = |row: &Vec<Value>| {
        let provider = row[1].as_str().map_or(String::new(), |provider| format!(" of {provider}"));
        let (calls, input, output) = (number(&row[2]), number(&row[3]), number(&row[4]));
        format!("{}{provider}: {calls} calls, {input} input and {output} output tokens", text(&row[0]))
    };
    Ok(rows.iter().map(line).collect())
}

/// The newest runs and how many steps each has.
pub async fn recent_runs(app: &App, question: &Question, limit: usize) -> Result<Vec<(TraceId, u64)>, Problem> {
    let statement = format!(
        "SELECT trace_id, steps FROM runs WHERE {} ORDER BY last_received_at DESC, trace_id LIMIT {limit}",
        looked_at(question, View::Runs)
    );
    let rows = ask(app, statement).await?;
    Ok(rows.iter().filter_map(|row| Some((row[0].as_str()?.parse().ok()?, number(&row[1])))).collect())
}

/// Services that send metrics but no spans.
pub async fn metrics_without_spans(
    app: &App,
    question: &Question,
    origins: &BTreeMap<Origin, u64>,
) -> Result<Vec<Finding>, Problem> {
    if question.trace.is_some() {
        return Ok(Vec::new());
    }
    let condition = looked_at(question, View::Spans);
    let statement = format!(
        "SELECT service, count(*) AS n FROM samples WHERE {condition} GROUP BY 1 ORDER BY n DESC LIMIT {ORIGINS}"
    );
    let with_spans: BTreeSet<&Option<String>> = origins.keys().map(|origin| &origin.service).collect();
    let rows = ask(app, statement).await?;
    let all: u64 = rows.iter().map(|row| number(&row[1])).sum();
    let findings = rows.iter().filter_map(|row| {
        let service = row[0].as_str().map(str::to_owned);
        let alone = service.is_some() && !with_spans.contains(&service);
        let origin = Origin { service, ..Origin::default() };
        alone.then(|| Finding::new("metrics-without-spans", origin, number(&row[1]), all))
    });
    Ok(findings.collect())
}
