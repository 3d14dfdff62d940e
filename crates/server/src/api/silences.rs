//! Silences: alerts nobody wants to hear of for a while.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use model::Timestamp;

use super::alerts::time;
use super::body;
use super::types::{Problem, SilenceAnswer, SilenceRequest, SilencesAnswer};
use crate::alerting;
use crate::app::App;
use crate::series::millis;
use ::alerts::manager::{Matchers, Silence};

fn answer(silence: &Silence, now: i64) -> SilenceAnswer {
    SilenceAnswer {
        id: silence.id.clone(),
        matchers: silence.matchers.to_string(),
        starts_at: time(silence.starts_at),
        ends_at: time(silence.ends_at),
        created_by: silence.created_by.clone(),
        comment: silence.comment.clone(),
        state: silence.state(now).to_owned(),
    }
}

/// Lists silences.
#[utoipa::path(get, path = "/api/v1/silences", operation_id = "listSilences", tag = "alerts", summary = "Silences",
    responses((status = 200, body = SilencesAnswer, description = "Active ones first")))]
pub async fn list(State(app): State<Arc<App>>) -> Result<Json<SilencesAnswer>, Problem> {
    let now = millis(app.now());
    let inner = app.alerting()?.lock();
    let mut silences: Vec<SilenceAnswer> = inner.silences.iter().map(|silence| answer(silence, now)).collect();
    let rank = |state: &str| ["active", "pending", "expired"].iter().position(|known| *known == state);
    silences.sort_by(|a, b| (rank(&a.state), &a.ends_at, &a.id).cmp(&(rank(&b.state), &b.ends_at, &b.id)));
    Ok(Json(SilencesAnswer { silences }))
}

/// Makes a silence.
#[utoipa::path(post, path = "/api/v1/silences", operation_id = "createSilence", tag = "alerts", summary = "Make a silence", request_body = SilenceRequest,
    responses((status = 200, body = SilenceAnswer, description = "The silence"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The silence cannot be made; the detail says why")))]
pub async fn create(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<SilenceAnswer>, Problem> {
    let request: SilenceRequest =
        body::json(&body, r#"{"matchers": "alertname=\"X\"", "duration": "2h", "created_by": "…", "comment": "…"}"#)?;
    let now = millis(app.now());
    let read = |text: &str| {
        let time = Timestamp::parse_rfc3339(text).map(millis);
        time.ok_or_else(|| Problem::bad_request(format!("`{text}` is no time: write it as 2026-01-31T12:00:00Z")))
    };
    let starts_at = request.starts_at.as_deref().map_or(Ok(now), read)?;
    let ends_at = match (&request.ends_at, &request.duration) {
        (Some(text), None) => read(text)?,
        (None, Some(text)) => {
            let length = promql::parse_duration(text)
                .ok_or_else(|| Problem::bad_request(format!("`{text}` is no duration: write it as 2h")))?;
            starts_at.saturating_add(length)
        }
        _ => return Err(Problem::bad_request("give either `ends_at` or `duration`")),
    };
    let silence = Silence {
        id: alerting::new_id(app.now()),
        matchers: alerting::left(&app, Matchers::parse(&request.matchers).map_err(Problem::bad_request)?),
        starts_at,
        ends_at,
        created_by: request.created_by,
        comment: app.told("silence.comment", request.comment),
        updated_at: now,
    };
    alerting::put_silence(&app, silence.clone()).await?;
    Ok(Json(answer(&silence, now)))
}

/// Ends a silence.
#[utoipa::path(delete, path = "/api/v1/silences/{id}", operation_id = "expireSilence", tag = "alerts", summary = "End a silence now",
    params(("id" = String, Path, description = "Which silence")),
    responses((status = 200, body = SilenceAnswer, description = "The silence, which is over"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such silence")))]
pub async fn expire(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<SilenceAnswer>, Problem> {
    let silence = alerting::expire_silence(&app, &id).await?;
    Ok(Json(answer(&silence, millis(app.now()))))
}
