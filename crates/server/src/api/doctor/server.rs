//! What the server's own counts say: refusals, limits, repeats. They count since the server started.

use signals::doctor::{Finding, Origin};

use crate::api::status::limits;
use crate::app::App;

/// Share of spans that arrive again from which it is said.
const REPEATED_SHARE: f64 = 0.05;
/// Spans from which a share means something.
const ENOUGH_SPANS: u64 = 100;

/// Which check a limit is told by: what it does to whom differs.
fn check_of(limit: &str) -> &'static str {
    match limit {
        "max_body_bytes" | "inflight_bytes" | "connections" | "open_files" | "hot_bytes_max" | "queue_bytes_max" => {
            "limit-reached"
        }
        "query_bytes" | "full_steps_max" | "list_time" | "search_time" => "question-limit",
        name if ["sql_", "promql_", "backtest"].iter().any(|of| name.starts_with(of)) => "question-limit",
        _ => "bound-reached",
    }
}

/// Findings about receiving.
pub fn findings(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ingest = app.counters.ingest(&app.sees());
    for (signal, counts) in &ingest.signals {
        let refused: u64 = counts.requests_rejected.values().sum();
        // A sender that is told to come back has lost nothing yet; limits are told below.
        let waits: u64 = ["busy", "not_ready"].iter().filter_map(|reason| counts.requests_rejected.get(*reason)).sum();
        if refused > waits {
            let all = refused + counts.requests_accepted;
            let mut finding = Finding::new("requests-refused", Origin::default(), refused - waits, all);
            let reasons =
                counts.requests_rejected.iter().filter(|(reason, _)| !["busy", "not_ready"].contains(&reason.as_str()));
            finding.details = reasons.map(|(reason, count)| format!("{signal}: {count} requests, {reason}")).collect();
            findings.push(finding);
        }
        if counts.items_rejected > 0 {
            let all = counts.items_rejected + counts.items_accepted;
            let mut finding = Finding::new("items-refused", Origin::default(), counts.items_rejected, all);
            finding.details = counts.item_reasons.iter().map(|reason| format!("{signal}: {reason}")).collect();
            findings.push(finding);
        }
    }
    for limit in limits(app).into_iter().filter(|limit| limit.reached > 0) {
        let mut finding = Finding::new(check_of(&limit.name), Origin::default(), limit.reached, limit.reached);
        finding.details =
            vec![format!("{} = {} {}: reached {} times", limit.name, limit.value, limit.unit, limit.reached)];
        findings.push(finding);
    }
    if let Ok(opened) = app.opened() {
        let again = opened.store.stats().duplicate_spans;
        let all = ingest.signals.get("traces").map_or(0, |traces| traces.items_accepted);
        if all >= ENOUGH_SPANS && again as f64 >= REPEATED_SHARE * all as f64 {
            findings.push(Finding::new("sent-again", Origin::default(), again, all));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_limits_of_receiving_are_said_to_put_senders_off() {
        for name in ["inflight_bytes", "queue_bytes_max", "connections"] {
            assert_eq!(check_of(name), "limit-reached", "{name}");
        }
        for name in ["list_time", "query_bytes", "sql_queries_max", "promql_time", "backtests_max"] {
            assert_eq!(check_of(name), "question-limit", "{name}");
        }
        for name in ["label_sets", "watch_runs", "alerts_max", "cache_bytes"] {
            assert_eq!(check_of(name), "bound-reached", "{name}");
        }
    }
}
