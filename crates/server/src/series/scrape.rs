//! The scrape of Tawny itself: what `/metrics` says becomes samples, as it would in any Prometheus, but under one name each: queries for
//! another are rewritten (`spelt.rs`).
//!
//! All of it goes to the series of the project `default`, where the server's rules are evaluated; what is derived from runs of another
//! project goes to that project's series as well, so that whoever may read the project finds it there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::series::Batch;
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
        let mut trouble = None;
        for (project, batch) in shares(&batch, &project).into_iter().chain([(Arc::clone(&project), batch)]) {
            if let Err(error) = opened.series.write_own(&project, batch, now).await {
                tracing::error!(error, %project, "cannot keep Tawny's own metrics");
                trouble = Some(format!("samples cannot be kept: {error}"));
            }
        }
        app.troubles.set("scrape", trouble);
    }
}

/// What of a scrape is of other projects than `own`, by their name in the label `project`.
fn shares(batch: &Batch, own: &str) -> BTreeMap<Arc<str>, Batch> {
    let mut shares: BTreeMap<Arc<str>, Batch> = BTreeMap::new();
    let other = |project: &str| (!project.is_empty() && project != own).then(|| Arc::<str>::from(project));
    for write in &batch.writes {
        if let Some(project) = other(write.labels.get("project")) {
            shares.entry(project).or_default().writes.push(write.clone());
        }
    }
    for exemplar in &batch.exemplars {
        if let Some(project) = other(exemplar.series.get("project")) {
            shares.entry(project).or_default().exemplars.push(exemplar.clone());
        }
    }
    // What is known of metrics holds for all.
    shares.values_mut().for_each(|share| share.metadata.clone_from(&batch.metadata));
    shares
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

#[cfg(test)]
mod tests {
    use ::series::Write;
    use promql::Labels;

    use super::*;

    #[test]
    fn each_project_gets_its_own_and_only_that() {
        let write = |project: &'static str| {
            Write::float(Labels::new([("__name__", "agent_requests_total"), ("project", project)]), 1, 2.0)
        };
        let batch = Batch { writes: vec![write("default"), write("shop"), write("")], ..Batch::default() };
        let shares = shares(&batch, "default");
        assert_eq!(shares.len(), 1);
        assert_eq!(shares["shop"].writes, [write("shop")]);
    }
}
