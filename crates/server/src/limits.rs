//! The server's limits: one table with the name, the unit and the value of each, and whom it is felt by.
//!
//! Only what is in the table can be counted ([`crate::counters::Counters::limit_reached`]), and all that is in it is shown by
//! `/api/v1/status`, `/metrics` and the doctor: no limit can be reached under a name that nobody sees.

use std::fmt;

use crate::alerting::limits as alerting;
use crate::api::dashboards::{DASHBOARD_BYTES_MAX, DASHBOARD_PANELS_MAX, DASHBOARDS_MAX};
use crate::api::session::LOGIN_TRIES;
use crate::api::types::Limit;
use crate::api::whole::FULL_STEPS_MAX;
use crate::app::{App, SQL_QUERIES_MAX};
use crate::config::Limits;
use crate::erasure::holds::HOLDS_MAX;
use crate::grafana;
use crate::incident::brakes::BRAKES_MAX;
use crate::live::RUNS_PER_TICK;
use crate::money::costs::COST_ROWS_MAX;
use crate::series::limits as promql;
use crate::watch::{WATCH_CONTENT_SPANS, WATCH_RUNS_MAX};

/// Who notices that a limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeltBy {
    /// Who sends: told to come back, or refused.
    Senders,
    /// Who asks: an error, or a part of the answer.
    Readers,
    /// Whoever else is concerned: something comes later, is refused, is left out, or counts under a common name.
    Others,
    /// Hardly anybody: something waits for a moment, as it does whenever a page asks much at once. Counted, but no finding.
    Nobody,
}

macro_rules! table {
    (|$limits:ident| $($(#[$about:meta])* $limit:ident $name:literal $unit:literal $felt_by:ident $value:expr;)+) => {
        /// A limit. Its name is what errors, `/api/v1/status`, `/metrics` and, where it can be set, its setting call it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum LimitName {
            $($(#[$about])* $limit,)+
        }

        impl LimitName {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$limit),+];

            /// The name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$limit => $name,)+
                }
            }

            /// Who notices that it is reached.
            pub fn felt_by(self) -> FeltBy {
                match self {
                    $(Self::$limit => FeltBy::$felt_by,)+
                }
            }

            /// What is counted.
            fn unit(self) -> &'static str {
                match self {
                    $(Self::$limit => $unit,)+
                }
            }

            /// How much there may be.
            fn value(self, $limits: &Limits) -> u64 {
                match self {
                    $(Self::$limit => $value,)+
                }
            }
        }
    };
}

table! { |limits|
    /// One request after decompression.
    MaxBodyBytes "max_body_bytes" "bytes" Senders limits.max_body_bytes as u64;
    /// Requests being received or decoded.
    InflightBytes "inflight_bytes" "bytes" Senders limits.inflight_bytes as u64;
    /// Requests being read in and kept at the same time; further ones wait for their turn.
    IntakeBytes "intake_bytes" "bytes" Senders limits.intake_bytes as u64;
    /// Connections on all ports; further ones wait.
    Connections "connections" "connections" Senders limits.connections as u64;
    /// Files and connections the system lets the process have open; new connections wait.
    OpenFiles "open_files" "files" Senders limits.open_files as u64;
    /// How long a client may send nothing in the middle of a request.
    Stalled "stalled" "seconds" Others limits.stalled.as_secs();
    /// Requests of one key or user; shown where it is set.
    RequestsPerSecond "requests_per_second" "requests a second" Others u64::from(limits.requests_per_second.unwrap_or(0));
    /// Tries to sign in by one name; all names together have more.
    LoginTries "login_tries" "tries a minute" Others LOGIN_TRIES.0 as u64;
    /// Changed runs that wait to be judged; others are found again from the store.
    WatchRuns "watch_runs" "runs" Others WATCH_RUNS_MAX as u64;
    /// Spans of one run that are judged with what they said.
    WatchContentSpans "watch_content_spans" "spans" Others WATCH_CONTENT_SPANS as u64;
    /// Changed runs sent to watchers at one tick.
    LiveRuns "live_runs" "runs" Others RUNS_PER_TICK as u64;
    /// Rows that are not in a file yet.
    HotBytesMax "hot_bytes_max" "bytes" Senders limits.hot_bytes as u64;
    /// Requests that wait for the log.
    QueueBytesMax "queue_bytes_max" "bytes" Senders limits.queue_bytes as u64;
    /// Texts of which is known that a file has them, so that they are not kept again; those of the oldest traces are forgotten.
    KnownBodiesBytesMax "known_bodies_bytes_max" "bytes" Others store::KNOWN_BODIES_BYTES_MAX as u64;
    /// A bucket's segments kept as files; what does not fit is read from the bucket again.
    CacheBytes "cache_bytes" "bytes" Others limits.cache_bytes;
    /// Backups and checks at the same time.
    BackupsMax "backups_max" "backups" Others store::BACKUPS_MAX as u64;
    /// All running queries together.
    QueryBytes "query_bytes" "bytes" Readers limits.query_bytes as u64;
    /// What was said in a run, each text written out where it was sent; all runs that are answered so together.
    RunContentBytes "run_content_bytes" "bytes" Readers limits.run_content_bytes as u64;
    /// Steps of a run that is answered with content.
    FullStepsMax "full_steps_max" "steps" Readers FULL_STEPS_MAX as u64;
    /// One list, page or summary.
    ListTime "list_time" "seconds" Readers limits.list_time.as_secs();
    /// A search; what it found until then is answered.
    SearchTime "search_time" "seconds" Readers limits.search_time.as_secs();
    /// One query in SQL.
    SqlTime "sql_time" "seconds" Readers limits.sql_time.as_secs();
    /// Queries in SQL at the same time.
    SqlQueriesMax "sql_queries_max" "queries" Readers SQL_QUERIES_MAX as u64;
    /// The text of one query in SQL.
    SqlBytes "sql_bytes" "bytes" Readers query::MAX_SQL_BYTES as u64;
    /// Names, keywords and operators of one query in SQL.
    SqlWords "sql_words" "words" Readers query::MAX_SQL_WORDS as u64;
    /// Rows of a summary.
    AggregateRows "aggregate_rows" "rows" Readers query::MAX_AGGREGATE_ROWS as u64;
    /// Rows of an answer about cost.
    CostRowsMax "cost_rows_max" "rows" Readers COST_ROWS_MAX as u64;
    /// One query in PromQL.
    PromqlTime "promql_time" "seconds" Readers promql::PROMQL_TIME.as_secs();
    /// Samples one query in PromQL reads.
    PromqlSamplesMax "promql_samples_max" "samples" Readers promql::PROMQL_SAMPLES_MAX;
    /// Series one selector finds.
    PromqlSeriesMax "promql_series_max" "series" Readers promql::PROMQL_SERIES_MAX as u64;
    /// Points one query in PromQL computes, over all its parts.
    PromqlPointsMax "promql_points_max" "points" Readers ::promql::Limits::default().max_points;
    /// Points of one series of an answer.
    PromqlStepsMax "promql_steps_max" "points" Readers promql::PROMQL_STEPS_MAX as u64;
    /// Steps of a query inside of a query.
    PromqlSubqueryStepsMax "promql_subquery_steps_max" "points" Readers ::promql::Limits::default().max_steps;
    /// Queries in PromQL at the same time; further ones wait.
    PromqlQueriesMax "promql_queries_max" "queries" Nobody promql::PROMQL_QUERIES_MAX as u64;
    /// Series of one project that are written to.
    SeriesMax "series_max" "series" Others ::series::Settings::default().series_max as u64;
    /// Log records one question of Loki's looks through.
    LokiScannedMax "loki_scanned_max" "records" Readers grafana::LOKI_SCANNED_MAX as u64;
    /// Spans one question of Tempo's lays to one another.
    TempoRelatedSpansMax "tempo_related_spans_max" "spans" Readers grafana::TEMPO_RELATED_SPANS_MAX as u64;
    /// Spans that lie to one another as one question of Tempo's asks.
    TempoRelatedFoundMax "tempo_related_found_max" "spans" Readers grafana::TEMPO_RELATED_FOUND_MAX as u64;
    /// Points of one answer of Tempo's.
    TempoMetricsRowsMax "tempo_metrics_rows_max" "rows" Readers grafana::TEMPO_METRICS_ROWS_MAX as u64;
    /// Alerts known at once.
    AlertsMax "alerts_max" "alerts" Others alerting::ALERTS_MAX as u64;
    /// Alerts one rule gives.
    RuleAlertsMax "rule_alerts_max" "alerts" Others alerting::RULE_ALERTS_MAX as u64;
    /// Labels and annotations of an alert that another system sends.
    AlertBytesMax "alert_bytes_max" "bytes" Others alerting::ALERT_BYTES_MAX as u64;
    /// Silences that are not over.
    SilencesMax "silences_max" "silences" Others alerting::SILENCES_MAX as u64;
    /// Alerts of one evaluation that evidence is gathered for.
    EvidenceAlertsMax "evidence_alerts_max" "alerts" Others alerting::EVIDENCE_ALERTS_MAX as u64;
    /// How long gathering evidence holds up a message.
    EvidenceTime "evidence_time" "seconds" Others alerting::EVIDENCE_TIME.as_secs();
    /// How long what there was no time for is looked for after the message.
    EvidenceLateTime "evidence_late_time" "seconds" Others alerting::EVIDENCE_LATE_TIME.as_secs();
    /// Evaluations whose evidence is looked for so at the same time.
    EvidenceLateMax "evidence_late_max" "evaluations" Others alerting::EVIDENCE_LATE_MAX as u64;
    /// One backtest.
    BacktestTime "backtest_time" "seconds" Readers alerting::BACKTEST_TIME.as_secs();
    /// Backtests at the same time.
    BacktestsMax "backtests_max" "backtests" Readers alerting::BACKTESTS_MAX as u64;
    /// Samples that recording rules of one backtest make.
    BacktestSamplesMax "backtest_samples_max" "samples" Readers alerting::BACKTEST_SAMPLES_MAX as u64;
    /// The rules of one backtest.
    BacktestBytesMax "backtest_bytes_max" "bytes" Readers alerting::BACKTEST_BYTES_MAX as u64;
    /// Brakes in force.
    BrakesMax "brakes_max" "brakes" Others BRAKES_MAX as u64;
    /// Holds in force.
    HoldsMax "holds_max" "holds" Others HOLDS_MAX as u64;
    /// Dashboards of one project.
    DashboardsMax "dashboards_max" "dashboards" Others DASHBOARDS_MAX as u64;
    /// One dashboard.
    DashboardBytesMax "dashboard_bytes_max" "bytes" Others DASHBOARD_BYTES_MAX as u64;
    /// Panels of one dashboard.
    DashboardPanelsMax "dashboard_panels_max" "panels" Others DASHBOARD_PANELS_MAX as u64;
    /// Sets of labels of one family of metrics; further ones count under `other`.
    LabelSets "label_sets" "sets" Others limits.label_sets as u64;
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<query::LimitName> for LimitName {
    fn from(name: query::LimitName) -> Self {
        match name {
            query::LimitName::QueryBytes => Self::QueryBytes,
            query::LimitName::ListTime => Self::ListTime,
            query::LimitName::SqlTime => Self::SqlTime,
            query::LimitName::SqlBytes => Self::SqlBytes,
            query::LimitName::SqlWords => Self::SqlWords,
            query::LimitName::AggregateRows => Self::AggregateRows,
        }
    }
}

impl From<store::LimitName> for LimitName {
    fn from(name: store::LimitName) -> Self {
        match name {
            store::LimitName::HotBytesMax => Self::HotBytesMax,
            store::LimitName::QueueBytesMax => Self::QueueBytesMax,
        }
    }
}

/// Every limit with its value and how often it was reached.
pub fn all(app: &App) -> Vec<(LimitName, Limit)> {
    let limits = &app.settings.limits;
    let stats = app.opened().ok().map(|opened| opened.store.stats());
    let shown = LimitName::ALL.iter().copied();
    // One that is not set cannot be reached.
    let shown = shown.filter(|name| *name != LimitName::RequestsPerSecond || limits.requests_per_second.is_some());
    let shown = shown.map(|name| {
        let reached = match (name, &stats) {
            // What the store turns away it counts itself, whoever asked.
            (LimitName::HotBytesMax, Some(stats)) => stats.hot_limit_reached,
            (LimitName::QueueBytesMax, Some(stats)) => stats.queue_limit_reached,
            (LimitName::CacheBytes, Some(stats)) => stats.cache_limit_reached,
            (LimitName::KnownBodiesBytesMax, Some(stats)) => stats.known_bodies_let_go,
            (LimitName::LabelSets, _) => app.metrics.registry().folded(),
            _ => app.counters.limit_count(name),
        };
        let (value, unit) = (name.value(limits), name.unit().into());
        (name, Limit { name: name.as_str().into(), value, unit, reached })
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn every_limit_has_a_name_of_its_own_that_those_who_report_it_use() {
        let names: BTreeSet<&str> = LimitName::ALL.iter().map(|name| name.as_str()).collect();
        assert_eq!(names.len(), LimitName::ALL.len());
        use query::LimitName::{AggregateRows, ListTime, QueryBytes, SqlBytes, SqlTime, SqlWords};
        for name in [QueryBytes, ListTime, SqlTime, SqlBytes, SqlWords, AggregateRows] {
            assert_eq!(LimitName::from(name).as_str(), name.as_str());
        }
        for name in [store::LimitName::HotBytesMax, store::LimitName::QueueBytesMax] {
            assert_eq!(LimitName::from(name).as_str(), name.as_str());
        }
    }

    #[test]
    fn every_limit_is_documented() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recipes/upkeep.md");
        let page = std::fs::read_to_string(page).unwrap();
        let missing: Vec<_> = LimitName::ALL.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
        assert!(missing.is_empty(), "docs/recipes/upkeep.md does not name {missing:?}");
    }

    /// All files of sources below a folder.
    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                None if path.is_dir() => sources(&path, found),
                Some(extension) if extension == "rs" => found.push(path),
                _ => {}
            }
        }
    }

    #[test]
    fn what_errors_name_as_the_limit_is_in_the_table() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut files = Vec::new();
        for name in ["access", "forward", "query", "server", "store"] {
            sources(&crates.join(name).join("src"), &mut files);
        }
        let known = |name: &str| LimitName::ALL.iter().any(|limit| limit.as_str() == name);
        let mut named = BTreeSet::new();
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for after in text.split("(limit ").skip(1) {
                let after = after.trim_start_matches('`');
                let end = after.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(after.len());
                let (name, rest) = after.split_at(end);
                if !name.is_empty() && rest.starts_with(['`', ')']) {
                    assert!(known(name), "{}: the limit `{name}` is not in the table", file.display());
                    named.insert(name.to_owned());
                }
            }
        }
        assert!(named.contains("brakes_max") && named.contains("backups_max"), "{named:?}");
    }
}
