//! The scrape of Tawny itself: what `/metrics` says becomes samples, as it would in any Prometheus.

use std::sync::Arc;
use std::time::Duration;

use ::series::exposition::Scraper;

use super::millis;
use crate::app::App;
use crate::metrics_text;

/// How often, as rules and dashboards expect.
const EVERY: Duration = Duration::from_secs(15);
/// How often upkeep of series is looked at.
const UPKEEP: Duration = Duration::from_secs(30);

/// Scrapes until the server stops.
pub async fn scrape(app: Arc<App>) {
    let Ok(opened) = app.opened() else { return };
    let project = app.project();
    let instance = app.endpoints.http.trim_start_matches("http://").to_owned();
    let target = [("job", "tawny"), ("instance", instance.as_str())];
    let mut scraper = Scraper::default();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let now = app.now();
        let batch = match scraper.scrape(&metrics_text::text(&app), &target, millis(now)) {
            Ok(batch) => batch,
            Err(error) => {
                tracing::error!(%error, "Tawny's own metrics cannot be read");
                continue;
            }
        };
        let written = opened.series.write(&project, batch, now).await;
        let trouble = written.err().map(|error| format!("samples cannot be kept: {error}"));
        if let Some(trouble) = &trouble {
            tracing::error!(trouble, "cannot keep Tawny's own metrics");
        }
        app.troubles.set("scrape", trouble);
    }
}

/// Does the upkeep of series until the server stops.
pub async fn upkeep(app: Arc<App>) {
    let Ok(opened) = app.opened() else { return };
    loop {
        let (series, now) = (Arc::clone(&opened.series), app.now());
        let done = tokio::task::spawn_blocking(move || series.maintain(now)).await;
        let trouble = match done {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = &trouble {
            tracing::error!(error, "upkeep of series failed");
        }
        app.troubles.set("series", trouble.map(|error| format!("upkeep of series failed: {error}")));
        tokio::time::sleep(UPKEEP).await;
    }
}
