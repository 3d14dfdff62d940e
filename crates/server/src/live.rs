//! Runs as they change, for pages and terminals that watch.
//!
//! One task ([`Live::run`]) collects the traces the store says have changed, and twice a second resolves each of them once
//! and hands the run to everybody who watches. While nobody watches nothing is resolved.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::{self, error::RecvError};

use crate::api::types::Run;
use crate::app::App;

/// A run is sent at most once in this time.
pub const DEBOUNCE: Duration = Duration::from_millis(500);
/// Changed runs resolved at one tick; more than these are passed over, and counted as `live_runs` reached. Lists show them all.
pub const RUNS_PER_TICK: usize = 200;
/// Runs kept for a watcher that reads slowly; it misses older ones.
const BACKLOG: usize = 1024;

/// A run that changed, as the text of its JSON object.
#[derive(Debug, Clone)]
pub struct Update {
    /// Project of the run.
    pub project: Arc<str>,
    /// The run object.
    pub json: Arc<str>,
}

/// The place where updates are given out.
pub struct Live {
    updates: broadcast::Sender<Update>,
}

impl Default for Live {
    fn default() -> Self {
        Self { updates: broadcast::channel(BACKLOG).0 }
    }
}

impl Live {
    /// Watches.
    pub fn subscribe(&self) -> broadcast::Receiver<Update> {
        self.updates.subscribe()
    }

    /// Watchers at the moment.
    pub fn watchers(&self) -> usize {
        self.updates.receiver_count()
    }
}

/// The task behind [`Live`]; ends when the store does.
pub async fn run(app: Arc<App>) {
    let Ok(opened) = app.opened() else { return };
    let mut changes = opened.store.subscribe();
    let mut changed: HashSet<(Arc<str>, model::TraceId)> = HashSet::new();
    let mut tick = tokio::time::interval(DEBOUNCE);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Ok(change) if app.live.watchers() > 0 => {
                    if changed.len() < RUNS_PER_TICK {
                        changed.insert((change.project, change.trace_id));
                    } else if !changed.contains(&(Arc::clone(&change.project), change.trace_id)) {
                        app.counters.limit_reached("live_runs");
                    }
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => app.counters.limit_reached("live_runs"),
                Err(RecvError::Closed) => return,
            },
            _ = tick.tick() => {
                for (project, trace_id) in changed.drain() {
                    send(&app, project, trace_id).await;
                }
            }
        }
    }
}

async fn send(app: &App, project: Arc<str>, trace_id: model::TraceId) {
    let Ok(opened) = app.opened() else { return };
    let spans = match opened.store.trace_narrow(&project, trace_id).await {
        Ok(spans) => spans,
        Err(error) => return tracing::warn!(%error, %trace_id, "cannot read a run that changed"),
    };
    let Some(resolved) = signals::runs::resolve(&spans, app.now(), &app.run_settings) else { return };
    match serde_json::to_string(&Run::from(&resolved.run)) {
        // Nobody watching any more is no error.
        Ok(json) => _ = app.live.updates.send(Update { project, json: json.into() }),
        Err(error) => tracing::error!(%error, %trace_id, "cannot write a run as JSON"),
    }
}
