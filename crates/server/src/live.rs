//! Runs as they change, for pages and terminals that watch.
//!
//! One task ([`Live::run`]) collects the traces the store says have changed, and twice a second resolves each of them once
//! and hands the run to everybody who watches. While nobody watches nothing is resolved.
//!
//! A run settles by time alone, without a new span. One that was shown as provisional is therefore looked at again once it
//! has been quiet for the settling time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;

use crate::api::joined;
use crate::api::types::Run;
use crate::app::App;
use crate::limits::LimitName;

/// A run is sent at most once in this time.
pub const DEBOUNCE: Duration = Duration::from_millis(500);
/// Changed runs resolved at one tick; more than these are passed over, and counted as `live_runs` reached. Lists show them all.
pub const RUNS_PER_TICK: usize = 200;
/// Provisional runs that are remembered, to be looked at again.
const SETTLING_RUNS: usize = 10_000;
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

/// A run by project and trace.
type Key = (Arc<str>, model::TraceId);

/// The task behind [`Live`]; ends when the store does.
pub async fn run(app: Arc<App>) {
    let Ok(opened) = app.opened() else { return };
    let mut changes = opened.store.subscribe();
    let mut changed: HashSet<Key> = HashSet::new();
    let mut settling: HashMap<Key, Instant> = HashMap::new();
    let settle = Duration::from_nanos(app.run_settings.settle_nanos.unsigned_abs()) + DEBOUNCE;
    let mut tick = tokio::time::interval(DEBOUNCE);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Ok(change) if app.live.watchers() > 0 => {
                    let key = (change.project, change.trace_id);
                    if changed.len() < RUNS_PER_TICK {
                        changed.insert(key);
                    } else if !changed.contains(&key) {
                        app.counters.limit_reached(LimitName::LiveRuns);
                    }
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => app.counters.limit_reached(LimitName::LiveRuns),
                Err(RecvError::Closed) => return,
            },
            now = tick.tick() => {
                if app.live.watchers() == 0 {
                    settling.clear();
                }
                changed.extend(settling.extract_if(|_, due| *due <= now).map(|(key, _)| key));
                for key in changed.drain() {
                    let provisional = send(&app, &key).await;
                    if provisional && (settling.len() < SETTLING_RUNS || settling.contains_key(&key)) {
                        settling.insert(key, now + settle);
                    }
                }
            }
        }
    }
}

/// Resolves a run and tells those who watch. Answers whether it will change by time alone.
async fn send(app: &App, (project, trace_id): &Key) -> bool {
    let Ok(opened) = app.opened() else { return false };
    let spans = match joined::spans(&opened.store, project, *trace_id).await {
        Ok(spans) => spans,
        Err(error) => {
            tracing::warn!(%error, %trace_id, "cannot read a run that changed");
            return false;
        }
    };
    let runs = signals::runs::resolve_linked(&spans, app.now(), &app.run_settings);
    let Some(resolved) = joined::one(runs, *trace_id) else { return false };
    match serde_json::to_string(&Run::from(&resolved.run)) {
        // Nobody watching any more is no error.
        Ok(json) => _ = app.live.updates.send(Update { project: Arc::clone(project), json: json.into() }),
        Err(error) => tracing::error!(%error, %trace_id, "cannot write a run as JSON"),
    }
    resolved.run.provisional && resolved.run.status != model::RunStatus::Running
}
