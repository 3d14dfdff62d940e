//! Metrics with too many sets of labels: what does not fit counts under `other`, and the page, the status and the families say so.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Server, attribute, request, span};

const SETS: usize = 5;
const RUNS: u8 = 12;

/// Looks again until it is so.
#[track_caller]
fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("not in time");
}

fn server(dir: TempDir) -> Server {
    Server::configured(dir, |settings| {
        settings.runs.settle_nanos = 1_000_000;
        settings.limits = settings.limits.clone().with(&format!("label_sets={SETS}")).unwrap();
    })
}

/// A run of an agent of its own.
fn run_of(run: u8) -> Vec<u8> {
    let agent = vec![
        attribute("gen_ai.operation.name", "invoke_agent"),
        attribute("gen_ai.agent.name", &format!("agent {run}")),
    ];
    request("shop", vec![span(run, 1, 0, "invoke_agent", agent)])
}

/// The sum of the series of that name and label on the page.
fn value(page: &str, name: &str, label: &str) -> f64 {
    let of = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')) && line.contains(label);
    page.lines().filter(of).map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

#[test]
fn what_does_not_fit_counts_as_other_and_that_is_said() {
    let start = server(TempDir::new().unwrap());
    for run in 1..=RUNS {
        start.post_proto("/v1/traces", &run_of(run)).ok();
    }
    // New series are zero at first.
    let counted = |server: &Server| {
        wait(|| {
            let page = server.get("/metrics").ok().text();
            (value(&page, "agent_requests_total", "") == f64::from(RUNS)).then_some(page)
        })
    };
    let page = counted(&start);
    let kept = SETS as f64 - 1.0;
    assert_eq!(value(&page, "agent_requests_total", "agent_id=\"other\""), f64::from(RUNS) - kept);
    assert_eq!(value(&page, "agent_requests_total", "agent_id=\"agent "), kept);
    let family = "family=\"agent_requests_total\"";
    assert_eq!(value(&page, "tawny_signal_label_sets", family), SETS as f64);
    assert!(value(&page, "tawny_signal_folded_total", family) >= f64::from(RUNS) - kept);

    let status = start.get("/api/v1/status").ok().json();
    let limit = |status: &Value| {
        status["limits"].as_array().unwrap().iter().find(|limit| limit["name"] == "label_sets").unwrap().clone()
    };
    assert_eq!((&limit(&status)["value"], &limit(&status)["unit"]), (&json!(SETS), &json!("sets")));
    assert!(limit(&status)["reached"].as_u64().unwrap() > 0, "{status}");
    assert!(value(&page, "tawny_limit_reached_total", "name=\"label_sets\"") > 0.0);
    let families = start.get("/api/v1/signals/families").ok().json();
    let requests = families["families"].as_array().unwrap().iter().find(|it| it["name"] == "agent_requests_total");
    let requests = requests.unwrap();
    assert_eq!((&requests["label_sets"], &requests["label_sets_max"]), (&json!(SETS), &json!(SETS)));

    // After a restart the same series are there, and no more come.
    let again = server(start.stop());
    again.post_proto("/v1/traces", &run_of(99)).ok();
    let page = wait(|| {
        let page = again.get("/metrics").ok().text();
        (value(&page, "agent_requests_total", "") == f64::from(RUNS) + 1.0).then_some(page)
    });
    assert_eq!(value(&page, "agent_requests_total", "agent_id=\"other\""), f64::from(RUNS) + 1.0 - kept);
    assert_eq!(value(&page, "tawny_signal_label_sets", family), SETS as f64);
}
