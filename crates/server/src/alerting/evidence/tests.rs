//! What is looked for first, what is left when the time is over, and what comes of the rest.

use std::sync::Mutex;

use alerts::evaluate::State;
use state::rusqlite::Connection;

use super::*;

const SOON: Duration = Duration::from_millis(100);

/// Finds at once what it is asked for, until it hangs; keeps what it was asked for.
struct Looked {
    asked: Mutex<Vec<String>>,
    /// What is never found.
    hangs: &'static str,
}

impl Looked {
    fn new(hangs: &'static str) -> Self {
        Self { asked: Mutex::default(), hangs }
    }

    async fn note(&self, kind: &str, name: &str) {
        self.asked.lock().unwrap().push(format!("{kind} {name}"));
        if kind == self.hangs {
            std::future::pending::<()>().await;
        }
    }
}

impl Look for Looked {
    async fn runs(&self, alert: &ActiveAlert) -> Vec<EvidenceRun> {
        self.note("runs", alert.labels.get("alertname")).await;
        vec![EvidenceRun {
            trace_id: "abc".into(),
            name: "run".into(),
            agent: None,
            status: RunStatus::Error,
            started_at: String::new(),
            duration_ms: 1.0,
            errors: 1,
            cost_usd: None,
        }]
    }

    async fn series(&self, rule: &Rule, _: i64, _: i64) -> Vec<promql::ResultSeries> {
        self.note("series", &rule.name).await;
        Vec::new()
    }

    async fn findings(&self, alert: &ActiveAlert) -> Vec<Finding> {
        self.note("findings", alert.labels.get("alertname")).await;
        Vec::new()
    }
}

fn alert(name: &str) -> ActiveAlert {
    ActiveAlert {
        labels: Labels::new([("alertname", name)]),
        source: Labels::default(),
        annotations: Vec::new(),
        value: 9.0,
        state: State::Firing,
        active_at: 7_200_000,
        fired_at: Some(7_200_000),
        resolved_at: None,
        keep_firing_since: None,
        no_data_since: None,
        sent_at: None,
    }
}

/// Two rules that fire in one evaluation, and one whose alert ends.
fn wanted() -> Wanted {
    let text = "groups: [{name: g, rules: [{alert: A, expr: 'load > 5'}, {alert: B, expr: 'load > 6'}, {alert: C, expr: 'load > 7'}]}]";
    let group = alerts::rules::parse(text).unwrap().groups.remove(0);
    let outcome = |name: &str, ends: bool| {
        let mut outcome = Outcome::default();
        let alerts = if ends { &mut outcome.resolved } else { &mut outcome.fired };
        alerts.push(alert(name));
        outcome
    };
    let (wanted, left_out) =
        Wanted::of(&group, &[outcome("A", false), outcome("B", false), outcome("C", true)], 7_260_000);
    assert!(!left_out);
    wanted
}

fn look(looked: &Looked) -> (Vec<Gathered>, bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(wanted().look(looked, SOON))
}

#[test]
fn runs_of_every_alert_come_before_anything_else() {
    let looked = Looked::new("nothing");
    let (found, complete) = look(&looked);
    assert!(complete);
    assert_eq!(
        *looked.asked.lock().unwrap(),
        ["runs A", "runs B", "series A", "findings A", "series B", "findings B", "series C"]
    );
    assert_eq!(found.iter().map(|it| it.evidence.runs.len()).collect::<Vec<_>>(), [1, 1, 0]);
    assert!(found[2].evidence.ended_at.is_some(), "of an alert that ends only its series are looked at again");
}

#[test]
fn what_was_found_when_the_time_is_over_is_not_lost() {
    let looked = Looked::new("series");
    let (found, complete) = look(&looked);
    assert!(!complete);
    assert_eq!(
        *looked.asked.lock().unwrap(),
        ["runs A", "runs B", "series A"],
        "the time is that of all rules together"
    );
    assert_eq!(found.iter().map(|it| it.evidence.runs.len()).collect::<Vec<_>>(), [1, 1, 0]);
    assert_eq!((found[0].evidence.query.as_str(), found[0].evidence.threshold), ("load", Some(5.0)));
}

#[test]
fn too_many_alerts_are_said_to_be_left_out() {
    let group =
        alerts::rules::parse("groups: [{name: g, rules: [{alert: A, expr: 'load > 5'}]}]").unwrap().groups.remove(0);
    let outcome = Outcome { fired: vec![alert("A"); limits::EVIDENCE_ALERTS_MAX + 1], ..Outcome::default() };
    let (wanted, left_out) = Wanted::of(&group, &[outcome], 0);
    assert_eq!((wanted.asked.len(), left_out), (limits::EVIDENCE_ALERTS_MAX, true));
}

#[test]
fn evidence_of_the_beginning_may_come_after_that_of_the_end() {
    let mut connection = Connection::open_in_memory().unwrap();
    for migration in keep::PART.migrations {
        connection.execute_batch(migration).unwrap();
    }
    let evidence = |ended: Option<&str>, query: &str, values: &[f64]| Gathered {
        labels: Labels::new([("alertname", "A")]),
        fired_at: 1000,
        evidence: AlertEvidence {
            ended_at: ended.map(str::to_owned),
            query: query.to_owned(),
            points: values.iter().map(|value| EvidencePoint { at: String::new(), value: *value }).collect(),
            ..AlertEvidence::default()
        },
    };
    let transaction = connection.transaction().unwrap();
    // What there was time for; the end with its series; what was looked for later.
    for found in [evidence(None, "load", &[]), evidence(Some("then"), "", &[1.0, 2.0]), evidence(None, "load", &[1.0])]
    {
        keep::put_evidence(&transaction, &found).unwrap();
    }
    let print = alerts::manager::fingerprint(&Labels::new([("alertname", "A")]));
    let kept = keep::evidence(&transaction, print, 5).unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].ended_at.as_deref(), kept[0].query.as_str(), kept[0].points.len()), (Some("then"), "load", 2));
}

#[tokio::test]
async fn links_name_the_project_of_the_alert() {
    let run = Looked::new("").runs(&alert("A")).await;
    let line = |labels: &Labels| annotations(labels, &run, "http://t").pop().unwrap().1;
    assert!(line(&Labels::default()).starts_with("http://t/runs/abc (run, error"), "{}", line(&Labels::default()));
    assert!(line(&Labels::new([("project", "default")])).starts_with("http://t/runs/abc ("));
    assert!(line(&Labels::new([("project", "bank & co")])).starts_with("http://t/runs/abc?project=bank+%26+co ("));
}
