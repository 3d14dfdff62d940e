//! Every background loop of the server, in one place, and the order in which things stop.
//!
//! | task | what it does |
//! |---|---|
//! | `flush` | writes hot rows into segments when memory or age asks for it |
//! | `compact` | merges small segments, removes replaced ones |
//! | `refresh` | resolves runs that time alone has changed, where there are more than readers resolve themselves |
//! | `forward` | one a destination: sends on what waits in the forward queue (crate `forward`) |
//! | `retain` | removes what retention says, keeps a copy of the catalog in the bucket |
//! | `scrape` | makes samples of Tawny's own metrics |
//! | `evaluate` | evaluates alert rules on their grid |
//! | `deliver` | sends messages about alerts, with retries |
//! | `ours` | looks whether another process has taken the data over, which then evaluates |
//! | `rules` | follows rule files and the Alertmanager configuration |
//! | `series` | writes series from memory into blocks, merges and thins these |
//! | `embed` | has answers made vectors, where an endpoint is configured |
//! | `budgets` | announces levels of budgets that were passed, lets reservations expire |
//! | `doors` | reads keys, users and certificate again when they changed, writes down when keys were used |
//! | `erase` | goes on with orders to erase, notes when the files of what was erased are gone |
//! | `sampling` | drops runs that sampling lets go |
//! | `live` | resolves runs that changed and tells those who look |
//! | `warm` | reads footers of segments once after the start, before somebody asks |
//! | `notes`, `watch` | note which runs changed; show those that settled to the judges (`watch.rs`) |
//!
//! Runs settle when somebody looks: a snapshot resolves what is due where that is little, else `refresh` does, and `live` looks again
//! at runs it has shown as provisional.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::app::{App, Opened};
use crate::findings::embed;
use crate::money::crossings;
use crate::receivers::waiting;
use crate::{alerting, erasure, keeping, live, sampling, series, watch};

/// How often the age of hot rows is looked at.
const FLUSH_CHECK: Duration = Duration::from_secs(1);
/// How often compaction looks for work when the last look found none.
const COMPACT_CHECK: Duration = Duration::from_secs(10);
/// Shortest and longest pause between two portions of runs that are resolved again. It lasts as long as the portion before took, so
/// that half of a processor's time is left to readers.
const REFRESH_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How often retention is looked at, and the catalog copied to a bucket if it changed.
const RETAIN_CHECK: Duration = Duration::from_secs(60);
/// How often keys and users are read again, so that a key revoked on the command line soon opens nothing.
const DOORS_CHECK: Duration = Duration::from_secs(1);
/// How often it is written down when keys were last used.
const KEYS_NOTED: Duration = Duration::from_secs(60);
/// When footers are read ahead: who asks right after the start need not share the disk with that.
const WARM_AFTER: Duration = Duration::from_secs(1);
/// Pause after a failure, so that a full disk does not fill the log as well.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Starts all tasks. They end when the set is dropped or aborted; each can be stopped at any point without harm.
pub fn start(app: &Arc<App>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(watched("flush", flush(Arc::clone(app))));
    tasks.spawn(watched("compact", compact(Arc::clone(app))));
    tasks.spawn(watched("refresh", refresh(Arc::clone(app))));
    tasks.spawn(watched("retain", retain(Arc::clone(app))));
    tasks.spawn(watched("doors", doors(Arc::clone(app))));
    tasks.spawn(watched("live", live::run(Arc::clone(app))));
    tasks.spawn(watched("scrape", series::scrape::scrape(Arc::clone(app))));
    tasks.spawn(watched("series", series::scrape::upkeep(Arc::clone(app))));
    tasks.spawn(watched("notes", watch::notes(Arc::clone(app))));
    tasks.spawn(watched("watch", watch::run(Arc::clone(app))));
    // Done when they have looked once.
    tasks.spawn(waiting::load(Arc::clone(app)));
    tasks.spawn(warm(Arc::clone(app)));
    tasks.spawn(watched("evaluate", alerting::evaluate(Arc::clone(app))));
    tasks.spawn(watched("deliver", alerting::deliver(Arc::clone(app))));
    tasks.spawn(watched("rules", alerting::reload(Arc::clone(app))));
    tasks.spawn(watched("ours", alerting::follow(Arc::clone(app))));
    tasks.spawn(watched("erase", erasure::upkeep(Arc::clone(app))));
    tasks.spawn(watched("sampling", sampling::run(Arc::clone(app))));
    tasks.spawn(watched("budgets", crossings::run(Arc::clone(app))));
    if let Some(embedder) = &app.embedder {
        tasks.spawn(watched("embed", embed::run(Arc::clone(app), Arc::clone(embedder))));
    }
    if let Some(forwarder) = &app.forwarder {
        forwarder.spawn(&mut tasks);
    }
    tasks
}

/// Says so when a task ends, which none does before the server stops.
async fn watched(name: &'static str, task: impl Future<Output = ()>) {
    task.await;
    tracing::warn!(name, "a background task ended");
}

async fn warm(app: Arc<App>) {
    let Ok(Opened { store, .. }) = app.opened() else { return };
    tokio::time::sleep(WARM_AFTER).await;
    let segments = store.warm().await;
    tracing::debug!(segments, "footers are read");
}

async fn flush(app: Arc<App>) {
    let Ok(Opened { store, .. }) = app.opened() else { return };
    loop {
        // Whichever is first: memory fills up, or it is time to look at the clock.
        let _ = tokio::time::timeout(FLUSH_CHECK, store.flush_wanted()).await;
        if !store.flush_due() {
            continue;
        }
        match store.flush().await {
            Ok(flushed) => {
                app.troubles.set("flush", None);
                tracing::debug!(rows = flushed.rows, segments = flushed.segments, "flushed");
            }
            Err(error) => {
                tracing::error!(%error, "cannot flush rows into segments");
                app.troubles.set("flush", Some(format!("rows cannot be written into segments: {error}")));
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn compact(app: Arc<App>) {
    let Ok(Opened { store, .. }) = app.opened() else { return };
    loop {
        match store.compact().await {
            Ok(compacted) => {
                app.troubles.set("compact", None);
                if compacted.inputs > 0 {
                    tracing::debug!(inputs = compacted.inputs, outputs = compacted.outputs, "compacted");
                    continue;
                }
            }
            Err(error) => {
                tracing::error!(%error, "cannot compact segments");
                app.troubles.set("compact", Some(format!("segments cannot be compacted: {error}")));
            }
        }
        tokio::time::sleep(COMPACT_CHECK).await;
    }
}

async fn refresh(app: Arc<App>) {
    let Ok(Opened { store, .. }) = app.opened() else { return };
    loop {
        store.refresh_wanted().await;
        loop {
            let begun = app.now();
            match store.refresh().await {
                Ok(true) => {
                    let took = u64::try_from(app.now().nanos_since(begun)).unwrap_or(0);
                    tokio::time::sleep(Duration::from_nanos(took).clamp(REFRESH_PAUSE.0, REFRESH_PAUSE.1)).await;
                }
                Ok(false) => break,
                Err(error) => {
                    // The next reader asks again, and is told.
                    tracing::error!(%error, "cannot resolve runs that time has changed");
                    tokio::time::sleep(AFTER_FAILURE).await;
                    break;
                }
            }
        }
    }
}

async fn retain(app: Arc<App>) {
    let Ok(Opened { store, .. }) = app.opened() else { return };
    loop {
        // Where it is not known what is held, nothing goes.
        let held = match erasure::holds::held(&app).await {
            Ok(held) => held,
            Err(problem) => {
                app.troubles.set("retain", Some(format!("what is held cannot be read: {}", problem.detail)));
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        match store.expire(held).await {
            Ok(expired) => {
                app.troubles.set("retain", None);
                if expired.stripped > 0 {
                    tracing::debug!(removed = expired.removed, stripped = expired.stripped, "retention");
                    continue;
                }
            }
            Err(error) => {
                tracing::error!(%error, "cannot remove what retention says");
                app.troubles.set("retain", Some(format!("what retention says cannot be removed: {error}")));
            }
        }
        let pruned = keeping::prune(&app).await.err();
        app.troubles.set(
            "keeping",
            pruned.map(|problem| format!("what was kept long enough is still there: {}", problem.detail)),
        );
        let copied = store.copy_catalog().await;
        if let Err(error) = &copied {
            tracing::error!(%error, "cannot copy the catalog to the bucket");
        }
        app.troubles.set("bucket", copied.err().map(|error| format!("the catalog cannot be copied: {error}")));
        tokio::time::sleep(RETAIN_CHECK).await;
    }
}

async fn doors(app: Arc<App>) {
    let rounds = KEYS_NOTED.as_secs() / DOORS_CHECK.as_secs();
    let mut told = None;
    for round in 1.. {
        tokio::time::sleep(DOORS_CHECK).await;
        let shared = Arc::clone(&app);
        let looked = tokio::task::spawn_blocking(move || {
            // Each on its own: neither a certificate nor a full disk may keep a revoked key alive.
            let read = shared.doors.reload().map_err(|error| format!("keys and users cannot be read: {error}"));
            let noted = if round % rounds == 0 { shared.doors.note_used() } else { Ok(()) };
            let noted = noted.map_err(|error| format!("when keys were last used cannot be written: {error}"));
            let certificate = match shared.tls.as_ref().map(|tls| tls.reload()) {
                Some(Ok(true)) => {
                    tracing::info!("the certificate was read again");
                    Ok(())
                }
                Some(Err(error)) => Err(format!("the certificate in use stays: {error}")),
                Some(Ok(false)) | None => Ok(()),
            };
            read.and(noted).and(certificate)
        });
        let trouble = looked.await.unwrap_or_else(|error| Err(format!("looking at the doors stopped: {error}"))).err();
        if trouble != told {
            if let Some(trouble) = &trouble {
                tracing::error!(trouble, "doors");
            }
            told.clone_from(&trouble);
        }
        app.troubles.set("doors", trouble);
    }
}

/// Stops the tasks, then flushes and closes the store. Listeners must be closed and requests finished before.
pub async fn stop(app: &App, mut tasks: JoinSet<()>) {
    tasks.shutdown().await;
    let Some(opened) = app.opened.get() else { return };
    if let Err(error) = opened.store.flush().await {
        // Nothing is lost: the log holds it, and the next start replays it.
        tracing::warn!(%error, "cannot flush before closing; the next start will replay the log");
    }
    if let Err(error) = opened.store.copy_catalog().await {
        tracing::warn!(%error, "cannot copy the catalog to the bucket before closing");
    }
    opened.store.clone().close().await;
}
