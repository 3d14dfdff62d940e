//! Which services send OpenTelemetry's own metrics of model calls, agents and tools: for these Tawny does not derive them from spans as
//! well, so that a sum over such a name counts a call once.

use std::collections::HashMap;
use std::sync::Arc;

use ::series::DbError;
use model::Timestamp;
use promql::{METRIC_NAME, MatchOp, Matcher};
use signals::metrics::{Family, GEN_AI, Id, Kind, SOURCE, Sent};

use crate::series::{SeriesStore, limits, millis};

/// A service that sent none for so long no longer does. In milliseconds: an hour.
const SENT_WITHIN: i64 = 3_600_000;

/// Looks who sent what in the last hour.
pub fn look(series: &SeriesStore, now: Timestamp) -> Result<Sent, DbError> {
    let (to, mut sent) = (millis(now), Sent::default());
    let wanted: Vec<(Id, Vec<Vec<Matcher>>)> = GEN_AI.iter().map(|id| (*id, selectors(id.family()))).collect();
    for (project, db) in series.all() {
        let mut services: HashMap<String, Vec<Id>> = HashMap::new();
        for (id, sets) in &wanted {
            for labels in db.labels(sets, to - SENT_WITHIN, to, limits::PROMQL_SERIES_MAX)? {
                let job = labels.get("job");
                // A job is a service, after its namespace where it has one.
                let alone = job.split_once('/').map_or("", |(_, service)| service);
                for service in [job, alone, labels.get("service_name")].into_iter().filter(|name| !name.is_empty()) {
                    let ids = services.entry(service.to_owned()).or_default();
                    if !ids.contains(id) {
                        ids.push(*id);
                    }
                }
            }
        }
        if !services.is_empty() {
            sent.insert(project, Arc::new(services));
        }
    }
    Ok(sent)
}

/// The series of a family, under each of its names, that somebody else than Tawny made.
fn selectors(family: &Family) -> Vec<Vec<Matcher>> {
    let spelt = family.spellings.iter().map(|spelling| (spelling.name, spelling.sum));
    let names = [(family.name, family.kind != Kind::Histogram)].into_iter().chain(spelt);
    // A histogram of buckets has a count; a native one is a series of its own.
    let parts = |(name, plain): (&str, bool)| [Some(name.to_owned()), (!plain).then(|| format!("{name}_count"))];
    let names = names.flat_map(parts).flatten();
    let theirs = Matcher::new(SOURCE.0, MatchOp::NotEqual, SOURCE.1).ok();
    names.map(|name| [Matcher::equal(METRIC_NAME, &name)].into_iter().chain(theirs.clone()).collect()).collect()
}
