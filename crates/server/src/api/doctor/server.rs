//! What the server's own counts say: refusals, limits, repeats. They count since the server started.

use signals::doctor::{Finding, Origin};

use crate::app::App;
use crate::limits::{self, FeltBy, LimitName};

/// Share of spans that arrive again from which it is said.
const REPEATED_SHARE: f64 = 0.05;
/// Spans from which a share means something.
const ENOUGH_SPANS: u64 = 100;

/// Which check a limit is told by, if any: what it does to whom differs.
fn check_of(limit: LimitName) -> Option<&'static str> {
    match limit.felt_by() {
        FeltBy::Senders => Some("limit-reached"),
        FeltBy::Readers => Some("question-limit"),
        FeltBy::Others => Some("bound-reached"),
        FeltBy::Nobody => None,
    }
}

/// Which check a refusal is told by: what to do about a key is another thing than about a body.
fn check_of_refusal(reason: &str) -> Option<&'static str> {
    match reason {
        // A sender that is told to come back has lost nothing yet; limits are told apart.
        "busy" | "not_ready" => None,
        "unauthorized" | "forbidden" => Some("requests-not-allowed"),
        _ => Some("requests-refused"),
    }
}

/// Findings about receiving.
pub fn findings(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ingest = app.counters.ingest(&app.sees());
    for (signal, counts) in &ingest.signals {
        let all = counts.requests_rejected.values().sum::<u64>() + counts.requests_accepted;
        for check in ["requests-refused", "requests-not-allowed"] {
            let told = || counts.requests_rejected.iter().filter(|(reason, _)| check_of_refusal(reason) == Some(check));
            let refused: u64 = told().map(|(_, count)| count).sum();
            if refused > 0 {
                let mut finding = Finding::new(check, Origin::default(), refused, all);
                finding.details =
                    told().map(|(reason, count)| format!("{signal}: {count} requests, {reason}")).collect();
                findings.push(finding);
            }
        }
        if counts.items_rejected > 0 {
            let all = counts.items_rejected + counts.items_accepted;
            let mut finding = Finding::new("items-refused", Origin::default(), counts.items_rejected, all);
            finding.details = counts.item_reasons.iter().map(|reason| format!("{signal}: {reason}")).collect();
            findings.push(finding);
        }
    }
    for (name, limit) in limits::all(app).into_iter().filter(|(_, limit)| limit.reached > 0) {
        let Some(check) = check_of(name) else { continue };
        let mut finding = Finding::new(check, Origin::default(), limit.reached, limit.reached);
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
        let told = |check: Option<&str>| -> Vec<LimitName> {
            LimitName::ALL.iter().copied().filter(|name| check_of(*name) == check).collect()
        };
        let senders = told(Some("limit-reached"));
        assert!(
            senders.contains(&LimitName::InflightBytes) && !senders.contains(&LimitName::QueryBytes),
            "{senders:?}"
        );
        assert!(told(Some("question-limit")).contains(&LimitName::PromqlTime));
        assert!(told(Some("bound-reached")).contains(&LimitName::CacheBytes));
        assert_eq!(told(None), [LimitName::PromqlQueriesMax]);
    }
}
