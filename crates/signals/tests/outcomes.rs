//! What a run came to, as a file declares it, and what a file says of tools.

#[allow(dead_code, reason = "shared with the tests of the detectors")]
#[path = "detectors/script.rs"]
mod script;

use model::Severity;
use script::Script;
use serde_json::json;
use signals::detect::outcomes::{Outcomes, Risk};
use signals::detect::{Beside, Night};

const FILE: &str = r#"
[tools]
process_refund = "high-risk"
recent_deploys = "read"
ledger_entry = "write"

[[workflow]]
name = "refund*"

[[workflow.outcome]]
name = "refunded"
tool = "process_refund"

[[workflow.outcome]]
name = "denied"
json = "decision.verdict"
equals = "denied"

[[workflow.outcome]]
name = "escalated"
pattern = "(?i)human agent"

[[workflow.outcome]]
name = "resolved"
label = "resolved"
"#;

/// What a run of `agent` came to.
fn came_to(outcomes: &str, agent: &str, run: impl Fn(&mut Script)) -> Option<String> {
    let mut night = Night { outcomes: Outcomes::parse(outcomes).unwrap(), ..Night::default() };
    let mut script = Script::agent(agent);
    run(&mut script);
    script.shown_to(&mut night, Beside::default()).outcome
}

#[test]
fn an_outcome_is_known_by_the_last_tool_a_path_a_pattern_or_a_label() {
    let of = |run: &dyn Fn(&mut Script)| came_to(FILE, "refund-agent", run);
    assert_eq!(
        of(&|run| {
            run.tool("process_refund", json!({"order": 1}), json!({"id": "R1"}));
            run.tool("get_order", json!({"order": 1}), json!({"state": "refunded"}));
            run.says("The money is on its way.");
        }),
        Some("refunded".into())
    );
    // A refund that failed is none, nor is one that something else came after.
    assert_eq!(of(&|run| run.failing_tool("process_refund", json!({"order": 1}), "503")), Some("other".into()));
    assert_eq!(
        of(&|run| {
            run.tool("process_refund", json!({"order": 1}), json!({"id": "R1"}));
            run.tool("cancel_refund", json!({"id": "R1"}), json!({"ok": true}));
        }),
        Some("other".into())
    );
    assert_eq!(of(&|run| run.says(r#"{"decision": {"verdict": "denied"}}"#)), Some("denied".into()));
    assert_eq!(of(&|run| run.says(r#"{"decision": {"verdict": "granted"}}"#)), Some("other".into()));
    assert_eq!(
        of(&|run| run.tool("judge", json!({}), json!({"decision": {"verdict": "denied"}}))),
        Some("denied".into())
    );
    assert_eq!(of(&|run| run.says("A Human Agent will call you.")), Some("escalated".into()));
    let labelled = of(&|run| {
        run.says("All is well.");
        run.last_llm(|span| span.outcome = Some("resolved".into()));
    });
    assert_eq!(labelled, Some("resolved".into()));
}

#[test]
fn a_declared_outcome_that_nothing_comes_to_any_more_is_drift_from_the_first_day() {
    let mut night = Night { outcomes: Outcomes::parse(FILE).unwrap(), ..Night::default() };
    let mut judged = |number: u8, verdict: &str| {
        let mut run = Script::of(number, "refund-agent");
        run.tool("judge", json!({"order": 1}), json!({"decision": {"verdict": verdict}}));
        run.says("Thank you, I looked into your order.");
        run.shown_to(&mut night, Beside::default())
    };
    for number in 1..=60 {
        let verdict = judged(number, if number % 3 == 0 { "granted" } else { "denied" });
        assert_eq!(verdict.shift, None);
    }
    // 60 runs before are enough to be certain after two dozen: no long baseline is needed.
    let verdict = (61..=84).map(|number| judged(number, "granted")).find(|verdict| verdict.shift.is_some()).unwrap();
    assert_eq!(verdict.shift.unwrap().feature, "outcome");
    let drift = verdict.findings.iter().find(|finding| finding.detector == "drift").unwrap();
    assert_eq!(drift.severity, Severity::Critical);
    assert!(drift.message.contains("the outcome changed"), "{}", drift.message);
}

#[test]
fn without_a_declared_workflow_the_last_tool_that_changed_something_is_the_outcome() {
    let run = |run: &mut Script| {
        run.tool("rollback_release", json!({"to": "1.2"}), json!("done"));
        run.tool("recent_deploys", json!({}), json!(["1.2"]));
        run.says("It is back on 1.2.");
    };
    assert_eq!(came_to("", "responder", run), Some("rollback_release".into()));
    // What a file says of a tool goes before what its name says.
    let declared = |run: &mut Script| {
        run.tool("ledger_entry", json!({"sum": 3}), json!("booked"));
        run.says("It is in the books.");
    };
    assert_eq!(came_to("", "clerk", declared), None);
    assert_eq!(came_to(FILE, "clerk", declared), Some("ledger_entry".into()));
}

#[test]
fn declared_risks_go_before_names_and_only_high_risk_wakes_where_a_risk_is_declared() {
    let outcomes = Outcomes::parse(FILE).unwrap();
    assert_eq!(outcomes.risk("process_refund"), Risk::HighRisk);
    assert_eq!((outcomes.risk("ledger_entry"), outcomes.risk("delete_user")), (Risk::Write, Risk::Write));
    assert_eq!((outcomes.risk("recent_deploys"), outcomes.risk("get_user")), (Risk::Read, Risk::Read));
    assert!(outcomes.wakes("process_refund") && outcomes.wakes("delete_user"));
    assert!(!outcomes.wakes("ledger_entry") && !outcomes.wakes("get_user"));
    // Detectors go by it too: the same entry twice is grave.
    let twice = |night: &mut Night| {
        let mut run = Script::agent("clerk");
        run.tool("ledger_entry", json!({"sum": 3}), json!({"entry": 1}));
        run.tool("get_sum", json!({}), json!({"sum": 3}));
        run.tool("ledger_entry", json!({"sum": 3}), json!({"entry": 2}));
        let verdict = run.shown_to(night, Beside::default());
        verdict.findings.into_iter().find(|it| it.detector == "duplicate_call").map(|it| it.severity)
    };
    assert_eq!(twice(&mut Night { outcomes, ..Night::default() }), Some(Severity::Warning));
    assert_eq!(twice(&mut Night::default()), None);
}

#[test]
fn a_file_that_says_nothing_certain_is_refused_with_what_to_do() {
    for (file, said) in [
        ("[[workflow]]\nname = \"a\"\n[[workflow.outcome]]\nname = \"x\"\n", "give one of `tool`"),
        (
            "[[workflow]]\nname = \"a\"\n[[workflow.outcome]]\nname = \"x\"\ntool = \"t\"\nlabel = \"l\"\n",
            "give one of",
        ),
        ("[[workflow]]\nname = \"a\"\n[[workflow.outcome]]\nname = \"x\"\npattern = \"(\"\n", "outcome `x`"),
        ("[tools]\npay = \"dangerous\"\n", "cannot read the outcomes file"),
        ("[tool]\npay = \"read\"\n", "cannot read the outcomes file"),
    ] {
        let error = Outcomes::parse(file).unwrap_err().to_string();
        assert!(error.contains(said), "{file}: {error}");
    }
}
