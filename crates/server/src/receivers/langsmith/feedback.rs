//! Feedback as LangSmith's SDKs read it back and change it: of a run, or one by its id.

use std::sync::Arc;

use ::receivers::{DecodeError, EVALUATION, Score, Told};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::TraceId;
use serde_json::{Value as Json, json};

use super::answers::error_body;
use crate::app::App;
use crate::ingest::Refusal;
use crate::receivers::{self, LOOK_BACK_DAYS, read_back, refuse};

/// Runs of one question, and feedback of one answer where no number is asked for.
const FEEDBACK_MAX: usize = 100;

/// `GET /feedback?run=…`, and `key=…` for some of it.
pub async fn list(State(app): State<Arc<App>>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let asked: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    match of_runs(&app, &headers, &asked).await {
        Ok(found) => receivers::json(StatusCode::OK, &Json::Array(found)),
        Err(refusal) => refuse(&refusal, error_body),
    }
}

fn values<'a>(asked: &'a [(String, String)], name: &'static str) -> impl Iterator<Item = &'a str> {
    asked.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
}

async fn of_runs(app: &App, headers: &HeaderMap, asked: &[(String, String)]) -> Result<Vec<Json>, Refusal> {
    let project = app.admit_reader(headers)?;
    let (runs, keys): (Vec<&str>, Vec<&str>) = (values(asked, "run").collect(), values(asked, "key").collect());
    if runs.is_empty() {
        return Err(Refusal::Malformed("Tawny lists the feedback of runs: ask with run=ID".into()));
    }
    let number = |name: &'static str| values(asked, name).next().and_then(|text| text.parse::<usize>().ok());
    let store = &app.opened().map_err(|phase| Refusal::NotReady { state: phase.as_str() })?.store;
    let mut found = Vec::new();
    for run in runs.into_iter().take(FEEDBACK_MAX) {
        let (span, guess) = (::receivers::span_id(run), ::receivers::trace_id(run));
        let trace = receivers::trace_of(app, store, &project, span, Some(guess)).await.unwrap_or(guess);
        let scores = read_back::scores(app, headers, trace).await?;
        for score in scores.iter().filter(|score| score.span_id == Some(span)) {
            if keys.is_empty() || keys.contains(&score.name.as_str()) {
                found.push(shown(score));
            }
        }
    }
    let limit = number("limit").unwrap_or(FEEDBACK_MAX);
    Ok(found.into_iter().skip(number("offset").unwrap_or(0)).take(limit).collect())
}

/// `GET /feedback/{id}`.
pub async fn one(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match find(&app, &headers, &id).await {
        Ok(found) => answer(&id, found.as_ref().map(shown)),
        Err(refusal) => refuse(&refusal, error_body),
    }
}

/// `PATCH /feedback/{id}`: what is told replaces what was, and the rest stays.
pub async fn change(State(app): State<Arc<App>>, Path(id): Path<String>, request: Request) -> Response {
    let headers = request.headers().clone();
    let changed = async {
        let read = receivers::read(&app, request, |_, body, _| {
            serde_json::from_slice::<Json>(body).map_err(|error| DecodeError::Json(error.to_string()))
        });
        let receivers::Read { project, value: asked, received, bytes, bytes_decompressed, share } = read.await?;
        let Some(mut score) = find(&app, &headers, &id).await? else { return Ok(None) };
        amend(&mut score, &asked);
        // The later of two with one id counts.
        score.at = received.max(score.at.plus_nanos(1));
        let changed = shown(&score);
        let told = Told { scores: vec![score], ..Told::default() };
        let kept = receivers::Read { project, value: told, received, bytes, bytes_decompressed, share };
        receivers::keep(&app, kept).await?;
        Ok::<_, Refusal>(Some(changed))
    };
    match changed.await {
        Ok(changed) => answer(&id, changed),
        Err(refusal) => refuse(&refusal, error_body),
    }
}

fn answer(id: &str, found: Option<Json>) -> Response {
    match found {
        Some(feedback) => receivers::json(StatusCode::OK, &feedback),
        None => {
            let message = format!("Feedback {id} not found among those of the last {LOOK_BACK_DAYS} days");
            receivers::json(StatusCode::NOT_FOUND, &error_body(StatusCode::NOT_FOUND, &message))
        }
    }
}

fn amend(score: &mut Score, asked: &Json) {
    let text = |key: &str| asked[key].as_str().map(str::to_owned);
    match &asked["score"] {
        Json::Number(number) => score.value = number.as_f64(),
        Json::Bool(truth) => score.value = Some(f64::from(u8::from(*truth))),
        _ => {}
    }
    score.label = text("value").or(score.label.take());
    score.comment = text("comment").or(score.comment.take());
    if !asked["correction"].is_null() {
        score.more.retain(|(key, _)| key != CORRECTION);
        score.more.push((CORRECTION.into(), model::Value::Str(asked["correction"].to_string().into())));
    }
}

const CORRECTION: &str = "langsmith.feedback.correction";

/// The feedback with this id, where its run is known.
async fn find(app: &App, headers: &HeaderMap, id: &str) -> Result<Option<Score>, Refusal> {
    // What stands in the question below.
    if !id.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '_')) {
        return Ok(None);
    }
    let project = app.admit_reader(headers)?;
    let from = app.now().plus_nanos(-i64::from(LOOK_BACK_DAYS) * 86_400_000_000_000);
    let question = format!(
        "SELECT trace_id FROM logs WHERE event_name = '{EVALUATION}' AND time >= TIMESTAMP '{from}'
         AND trace_id IS NOT NULL AND attr(attributes, 'tawny.evaluation.id') = '{id}' ORDER BY time DESC LIMIT 1"
    );
    let answer = app.ask_sql(|engine| async move {
        let limits = engine.limits().sql;
        engine.sql(&project, &question, limits).await
    });
    let answer = answer.await;
    let answer =
        answer.map_err(|problem| Refusal::NotKept(format!("the feedback cannot be read: {}", problem.detail)))?;
    let trace: Option<TraceId> =
        answer.rows.first().and_then(|row| row.first()).and_then(Json::as_str).and_then(|text| text.parse().ok());
    let Some(trace) = trace else { return Ok(None) };
    let scores = read_back::scores(app, headers, trace).await?;
    Ok(scores.into_iter().find(|score| score.id == id))
}

/// LangSmith's `Feedback`.
fn shown(score: &Score) -> Json {
    let told = |key: &str| score.more.iter().find(|(known, _)| known == key).and_then(|(_, value)| value.as_str());
    let json_of = |key: &str| told(key).and_then(|text| serde_json::from_str::<Json>(text).ok());
    let trace = score.trace_id.or(score.trace_if_unknown).map(|trace| read_back::uuid(trace.as_bytes()));
    let at = score.at.to_string();
    json!({
        // A free text in the form in which the SDK reads ids.
        "id": read_back::uuid(::receivers::trace_id(&score.id).as_bytes()),
        "created_at": at,
        "modified_at": at,
        "run_id": told("langsmith.feedback.run_id"),
        "trace_id": told("langsmith.feedback.trace_id").map(str::to_owned).or(trace),
        "key": score.name,
        "score": score.value,
        "value": score.label,
        "comment": score.comment,
        "correction": json_of(CORRECTION),
        "feedback_source": { "type": score.source.as_deref().unwrap_or("api"), "metadata": {}, "user_id": null },
        "session_id": told("langsmith.feedback.session_id"),
        "extra": json_of("langsmith.feedback.extra"),
    })
}
