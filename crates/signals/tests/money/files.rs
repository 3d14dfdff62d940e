//! Files of budgets and service levels, and what is said when they cannot be read.

use model::{RunStatus, StepKind, Usage};
use signals::money::budget::{Action, Budgets, Over, Per};
use signals::money::sla::{Kept, Promises};

use crate::{call, run, span, usd};

#[test]
fn a_budget_file_says_what_is_limited_and_what_happens_on_the_way() {
    let budgets = Budgets::parse("budgets.toml", include_str!("budgets.toml")).unwrap();
    let daily = &budgets.list[0];
    assert_eq!((daily.per, daily.over, daily.limit, daily.hard), (Per::Project, Over::Day, usd("50"), true));
    let levels: Vec<_> = daily.levels.iter().map(|level| (level.percent, level.action.as_str())).collect();
    assert_eq!(levels, [(70, "alert"), (90, "downgrade"), (100, "reject")]);
    // What is left out: soft, an alert at 70 and at 100 percent.
    let soft = &budgets.list[1];
    assert_eq!((soft.hard, soft.limit), (false, usd("0.50")));
    assert!(soft.levels.iter().all(|level| level.action == Action::Alert));
    assert_eq!(soft.levels.iter().map(|level| level.percent).collect::<Vec<_>>(), [70, 100]);
}

#[test]
fn a_mistake_in_a_budget_file_is_told_with_its_place() {
    let budget = |more: &str| format!("[[budget]]\nname = 'a'\nper = 'project'\nover = 'day'\nusd = 5\n{more}");
    for (text, said) in [
        (budget("limit = 3"), "line 6, field `limit`: unknown field `limit`"),
        (budget("only = { team = ['x'] }"), "`team` is none of project, run"),
        (budget("levels = [{ percent = 90, do = 'downgrade' }]"), "needs `to`, the cheaper model"),
        (budget("levels = [{ percent = 90, do = 'reject' }]"), "`hard = true`"),
        (budget("levels = [{ percent = 90, do = 'alert' }, { percent = 80, do = 'alert' }]"), "must rise"),
        (budget("hard = true\nlevels = [{ percent = 100, do = 'alert' }]"), "is hard"),
        (
            budget("hard = true\nlevels = [{ percent = 90, do = 'reject' }, { percent = 95, do = 'alert' }]"),
            "nothing more",
        ),
        (budget("levels = [{ percent = 0, do = 'alert' }]"), "from 1 to 100"),
        (budget("") + &budget(""), "names another budget already"),
        (budget("").replace("= 5", "= -5"), "not an amount of dollars"),
        (budget("").replace("'day'", "'week'"), "unknown variant `week`"),
    ] {
        let error = Budgets::parse("budgets.toml", &text).unwrap_err().to_string();
        assert!(error.contains(said), "{error}\n{text}");
        assert!(error.starts_with("cannot read the budgets in budgets.toml, line "), "{error}");
    }
}

#[test]
fn a_run_keeps_or_breaks_what_its_workflow_promises() {
    let promises = Promises::parse("sla.toml", include_str!("sla.toml")).unwrap();
    let mut resolved = run(vec![span(1, None, StepKind::Agent), call(2, Some(1), "gpt-4o", 5000, 2000)]).run;
    resolved.workflow = Some("customer-support".into());
    let promise = promises.of(&resolved).expect("a promise for customer-support");
    assert_eq!((promise.latency_seconds, promise.tokens), (Some(15.0), Some(8000)));
    resolved.duration_ms = 15_000.0;
    assert_eq!(promise.breaches(&resolved), []);
    resolved.duration_ms = 15_001.0;
    resolved.usage = Usage { input_tokens: Some(8001), ..Usage::default() };
    resolved.status = RunStatus::Error;
    let breaches = promise.breaches(&resolved);
    let told: Vec<_> = breaches.iter().map(|breach| (breach.objective, breach.was.as_str())).collect();
    assert_eq!(told, [("latency", "15.0 s"), ("tokens", "8001"), ("success", "error")]);
    // Nobody knows the tokens: that is no breach of a promise about them.
    resolved.usage = Usage::default();
    assert!(!promise.breaches(&resolved).iter().any(|breach| breach.objective == "tokens"));
    resolved.workflow = Some("something-else".into());
    assert!(promises.of(&resolved).is_none());
}

#[test]
fn attainment_and_error_budget_are_what_they_are_by_hand() {
    let kept = Kept { runs: 1000, good: 995 };
    assert_eq!(kept.attainment(), Some(0.995));
    // Half of the 1 % is used: it burns at half the even rate, and half is left.
    assert!((kept.burn_rate(0.99).unwrap() - 0.5).abs() < 1e-9 && (kept.budget_left(0.99).unwrap() - 0.5).abs() < 1e-9);
    assert!(Kept { runs: 100, good: 97 }.budget_left(0.99).unwrap() < 0.0);
    assert_eq!(Kept::default().attainment(), None);
}

#[test]
fn a_mistake_in_a_file_of_service_levels_is_told_with_its_place() {
    for (text, said) in [
        ("[[sla]]\nworkflow = 'a'", "promises nothing"),
        ("[[sla]]\nworkflow = 'a'\ntokens = 1\ntarget = 1.0", "line 4, field `target`"),
        ("[[sla]]\nworkflow = 'a'\ntokens = 1\ndays = 0", "from 1 to 366"),
        ("[[sla]]\nworkflow = 'a'\nlatency_seconds = 0.0", "must be more than 0"),
        ("[[sla]]\nworkflow = 'a'\ntokens = 1\n[[sla]]\nworkflow = 'a'\ntokens = 2", "has a service level already"),
        ("[[sla]]\nworkflow = ''\ntokens = 1", "cannot be empty"),
    ] {
        let error = Promises::parse("sla.toml", text).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
