//! `GET /api/v1/live`: runs as they change, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use futures::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;

use super::params::Params;
use super::types::{Problem, Run};
use crate::app::{App, Phase};

/// A ping is sent this often, so that proxies keep the connection and clients notice when it is gone.
const PING: Duration = Duration::from_secs(15);

/// Watches runs.
#[utoipa::path(get, path = "/api/v1/live", operation_id = "watchRuns", tag = "runs", summary = "Runs as they change, as server-sent events",
    description = "`event: run` with a run object as data whenever a run changed (at most twice a second per run), `event: missed` with the \
        number of updates a slow client did not get, and `event: ping` every 15 seconds.",
    responses((status = 200, body = Run, content_type = "text/event-stream", description = "The events")))]
pub async fn watch(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    params.end()?;
    app.store()?;
    let project = app.project();
    let phases = app.phase.subscribe();
    let updates = app.live.subscribe();
    // The first ping comes at once: the client sees that it is connected.
    let pings = tokio::time::interval(PING);
    let events = stream::unfold((updates, pings), move |(mut updates, mut pings)| {
        let (project, mut phases) = (Arc::clone(&project), phases.clone());
        async move {
            loop {
                let event = tokio::select! {
                    update = updates.recv() => match update {
                        Ok(update) if update.project == project => Event::default().event("run").data(&*update.json),
                        Ok(_) => continue,
                        Err(RecvError::Lagged(missed)) => Event::default().event("missed").data(missed.to_string()),
                        Err(RecvError::Closed) => return None,
                    },
                    _ = pings.tick() => Event::default().event("ping").data(""),
                    // Otherwise an open page would keep the server from stopping.
                    _ = phases.wait_for(|phase| *phase == Phase::Stopping) => return None,
                };
                return Some((Ok(event), (updates, pings)));
            }
        }
    });
    Ok(Sse::new(events))
}
