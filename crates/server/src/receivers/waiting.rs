//! Scores that came before the spans they judge: after a restart they are found in the log records and go on waiting.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use ::receivers::{EVALUATION, Score, Told, WAITING};
use model::raw::RawLog;
use model::{Attributes, SpanId, TraceId, Value};
use query::{LogFilter, LogsPage, Page};
use store::Store;

use super::LOOK_BACK_DAYS;
use crate::api::types::Problem;
use crate::app::App;
use crate::ingest::merge::{PENDING_MAX, Reported};

/// Records read at once.
const PAGE: usize = 500;

/// Finds them, for every project that senders may name.
pub async fn load(app: Arc<App>) {
    for project in app.settings.ingest_keys.projects() {
        match of_project(&app, &project).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(%project, count, "scores wait for the spans they judge"),
            Err(problem) => {
                tracing::warn!(%project, detail = problem.detail, "cannot look for scores that wait for their spans");
            }
        }
    }
}

async fn of_project(app: &App, project: &Arc<str>) -> Result<usize, Problem> {
    let scores = recorded(app, project).await?;
    // First: a span that arrives from here on finds its scores.
    app.ingest.await_spans(project, &scores);
    let arrived = arrived(app, project, &scores).await?;
    let store = app.store()?;
    let mut late = Told::default();
    for mut score in scores.iter().cloned() {
        let Some(trace) = score.span_id.and_then(|span| arrived.get(&span)).copied() else { continue };
        if !is_there(store, project, trace, &score).await? {
            score.trace_id = Some(trace);
            late.scores.push(score);
        }
    }
    if !late.scores.is_empty() {
        let (received, share) = (app.now(), app.ingest.share());
        let reported =
            Reported { project: Arc::clone(project), told: late, received, bytes: 0, bytes_decompressed: 0, share };
        app.ingest.receive_told(store, reported).await.map_err(|refusal| Problem::internal(refusal.to_string()))?;
    }
    Ok(scores.len() - arrived.len().min(scores.len()))
}

/// Those that were kept without their run, the latest first.
async fn recorded(app: &App, project: &Arc<str>) -> Result<Vec<Score>, Problem> {
    let filter = LogFilter {
        from: Some(app.now().plus_nanos(-i64::from(LOOK_BACK_DAYS) * 86_400_000_000_000)),
        event: vec![EVALUATION.to_owned()],
        attributes: vec![(WAITING.0.to_owned(), WAITING.1.to_owned())],
        ..LogFilter::default()
    };
    let (mut scores, mut cursor) = (Vec::new(), None);
    loop {
        let (owner, filter) = (Arc::clone(project), filter.clone());
        let page = Page { limit: PAGE, cursor: cursor.take(), ..Page::default() };
        let LogsPage { logs, next } =
            app.ask(|engine| async move { engine.logs(&owner, &filter, &page).await }).await?;
        for entry in logs {
            let Value::Map(attributes) = Value::from_json(entry.attributes) else { continue };
            let log = RawLog {
                time: entry.log.time,
                event_name: Cow::Borrowed(EVALUATION),
                attributes: Attributes(attributes),
                trace_id: entry.log.trace_id,
                span_id: entry.log.span_id,
                ..RawLog::default()
            };
            scores.extend(Score::from_log(&log));
        }
        cursor = next;
        if cursor.is_none() || scores.len() >= PENDING_MAX {
            return Ok(scores);
        }
    }
}

/// The traces of those spans that are there.
async fn arrived(app: &App, project: &Arc<str>, scores: &[Score]) -> Result<HashMap<SpanId, TraceId>, Problem> {
    // Ids are hexadecimal: nothing to escape.
    let spans: Vec<String> = scores.iter().filter_map(|score| score.span_id).map(|id| format!("'{id}'")).collect();
    if spans.is_empty() {
        return Ok(HashMap::new());
    }
    let from = app.now().plus_nanos(-i64::from(LOOK_BACK_DAYS) * 86_400_000_000_000);
    let (owner, spans) = (Arc::clone(project), spans.join(","));
    let question =
        format!("SELECT span_id, trace_id FROM spans WHERE span_id IN ({spans}) AND started_at >= TIMESTAMP '{from}'");
    let answer = app.ask_sql(|engine| async move {
        let limits = engine.limits().sql;
        engine.sql(&owner, &question, limits).await
    });
    let rows = answer.await?.rows.into_iter();
    Ok(rows.filter_map(|row| Some((row[0].as_str()?.parse().ok()?, row[1].as_str()?.parse().ok()?))).collect())
}

/// Whether a run has the score already.
async fn is_there(store: &Store, project: &str, trace: TraceId, score: &Score) -> Result<bool, Problem> {
    let logs = store.trace_logs(project, trace).await?;
    let mut known = logs.iter().filter_map(|log| Score::from_log(&log.raw));
    Ok(known.any(|known| {
        (&known.id, &known.name, known.span_id, known.at) == (&score.id, &score.name, score.span_id, score.at)
            && known.trace_id.is_some()
    }))
}
