//! What an agent may do next, and who is told.

use std::sync::Arc;

use model::{Timestamp, TraceId, Usd};
use signals::money::budget::{Action, Book, Budgets, Settled, Spend, Verdict, Who};

use crate::{now, usd};

const MINUTE: i64 = 60_000_000_000;

fn book() -> Book {
    Book::new(Budgets::parse("budgets.toml", include_str!("budgets.toml")).unwrap())
}

fn who(agent: &str, run: &str) -> Who {
    Who {
        project: Some("shop".into()),
        environment: Some("production".into()),
        agent: Some(agent.into()),
        run: Some(run.into()),
        workflow: Some("support".into()),
        model: Some("gpt-4o".into()),
        ..Who::default()
    }
}

fn spend(who: Who, dollars: &str, at: Timestamp) -> Spend {
    Spend { who, at, usd: usd(dollars), reservation: None }
}

fn ask(book: &mut Book, who: &Who) -> Verdict {
    book.check(now(), who, None, &|_| None).unwrap().0
}

fn reserve(book: &mut Book, who: &Who, id: &str, dollars: &str) -> Verdict {
    book.check(now(), who, Some((id.into(), 10 * MINUTE)), &|_| Some(usd(dollars))).unwrap().0
}

#[test]
fn the_day_goes_from_allowed_over_a_cheaper_model_to_no_more() {
    let mut book = book();
    let asks = |book: &mut Book, agent: &str| ask(book, &who(agent, "new"));
    assert_eq!((asks(&mut book, "writer").action, asks(&mut book, "writer").left), (None, Some(usd("0.5"))));
    book.charge(&[spend(who("writer", "1"), "40", now())], now());
    let alerted: Vec<_> =
        book.take_crossings().into_iter().map(|passed| (passed.standing.budget, passed.level.percent)).collect();
    assert!(alerted.contains(&("daily".into(), 70)), "{alerted:?}");
    assert_eq!(asks(&mut book, "writer").action, None);

    book.charge(&[spend(who("writer", "2"), "6", now())], now());
    let verdict = asks(&mut book, "writer");
    assert_eq!(verdict.action, Some(Action::Downgrade { to: "gpt-4o-mini".into() }));
    assert!(verdict.reason.contains("$46 of $50 today are used (92 %)"), "{}", verdict.reason);
    assert_eq!(asks(&mut book, "checkout").action, None, "critical agents keep their model");
    let cheap = Who { model: Some("gpt-4o-mini".into()), ..who("writer", "new") };
    assert_eq!(ask(&mut book, &cheap).action, None, "it is the cheaper model already");

    book.charge(&[spend(who("writer", "3"), "4", now())], now());
    let verdict = asks(&mut book, "checkout");
    let message: Option<Arc<str>> = Some("We cannot answer more questions today.".into());
    assert_eq!(verdict.action, Some(Action::Reject { message }));
    assert_eq!(verdict.budget.as_deref(), Some("daily"));

    // The next day is another day.
    let tomorrow = now().plus_nanos(24 * 60 * MINUTE);
    assert_eq!(book.check(tomorrow, &who("writer", "new"), None, &|_| None).unwrap().0.action, None);
}

#[test]
fn each_level_is_told_once_for_an_account_and_period() {
    let mut book = book();
    for run in ["1", "2", "3"] {
        book.charge(&[spend(who("writer", run), "15", now())], now());
    }
    let daily = |book: &mut Book| -> Vec<u8> {
        let passed = book.take_crossings().into_iter().filter(|passed| &*passed.standing.budget == "daily");
        passed.map(|passed| passed.level.percent).collect()
    };
    assert_eq!(daily(&mut book), [90], "from 30 straight to 45 of 50: the highest level passed");
    book.charge(&[spend(who("writer", "4"), "1", now())], now());
    assert_eq!(daily(&mut book), [0u8; 0]);
    assert!(ask(&mut book, &who("writer", "5")).action.is_some());
    book.charge(&[spend(who("writer", "4"), "4", now())], now());
    assert_eq!(daily(&mut book), [100]);
}

#[test]
fn a_run_in_progress_counts_at_once_and_only_once() {
    let mut book = book();
    let (project, trace) = (Arc::from("shop"), TraceId::from_array([3; 16]));
    let mine = who("writer", "r");
    book.live(&project, trace, vec![spend(mine.clone(), "0.3", now())], now());
    book.live(&project, trace, vec![spend(mine.clone(), "0.3", now()), spend(mine.clone(), "0.8", now())], now());
    let verdict = ask(&mut book, &mine);
    assert!(matches!(verdict.action, Some(Action::Reject { .. })), "{verdict:?}");
    assert_eq!(verdict.budget.as_deref(), Some("request"));
    let kill = book.take_crossings().into_iter().find(|passed| &*passed.standing.budget == "request").unwrap();
    assert_eq!((kill.run.as_deref(), kill.level.percent), (Some("r"), 100));
    // It settles: the ledger takes over what was provisional.
    book.live(&project, trace, vec![], now());
    book.charge(&[spend(mine.clone(), "1.1", now())], now());
    let standing = &ask(&mut book, &mine).standings[0];
    assert_eq!((standing.spent, standing.provisional), (usd("1.1"), Usd::default()));
    // A later span changes what the run cost: the difference is charged.
    book.charge(&[spend(mine.clone(), "-1.1", now()), spend(mine.clone(), "0.2", now())], now());
    assert_eq!(ask(&mut book, &mine).action, None);
}

#[test]
fn both_reports_of_a_call_settle_its_reservation_once() {
    for caller_first in [true, false] {
        let mut book = book();
        let mine = who("writer", "r");
        assert!(reserve(&mut book, &mine, "x", "0.40").reserved.is_some());
        let told = Spend { reservation: Some("x".into()), ..spend(mine.clone(), "0.25", now()) };
        if caller_first {
            assert_eq!(book.settle(&"x".into(), usd("0.25"), now()).0, Settled::Now);
            book.charge(&[told], now());
        } else {
            book.charge(&[told], now());
            assert_eq!(book.settle(&"x".into(), usd("0.25"), now()).0, Settled::Again);
        }
        let standing = &ask(&mut book, &mine).standings[0];
        assert_eq!((standing.spent, standing.held), (usd("0.25"), Usd::default()), "caller first: {caller_first}");
    }
}

#[test]
fn a_reservation_that_expires_frees_its_money_and_a_late_report_still_counts() {
    let mut book = book();
    let mine = who("writer", "r");
    reserve(&mut book, &mine, "x", "0.9");
    let refused = reserve(&mut book, &mine, "y", "0.2");
    assert!(matches!(refused.action, Some(Action::Reject { .. })) && refused.reserved.is_none(), "{refused:?}");
    assert!(
        refused.reason.contains("the call may cost $0.2, of $1 for one request $0.1 are left"),
        "{}",
        refused.reason
    );
    let later = now().plus_nanos(11 * MINUTE);
    assert_eq!(book.check(later, &mine, None, &|_| None).unwrap().0.standings[0].held, Usd::default());
    assert_eq!(book.settle(&"x".into(), usd("0.8"), later).0, Settled::Late);
    assert_eq!(book.check(later, &mine, None, &|_| None).unwrap().0.standings[0].spent, usd("0.8"));
    assert_eq!(book.settle(&"z".into(), usd("0.8"), later).0, Settled::Unknown);
}

#[test]
fn a_released_reservation_holds_nothing() {
    let mut book = book();
    let mine = who("writer", "r");
    reserve(&mut book, &mine, "x", "0.9");
    assert!(book.release(&"x".into(), now()).0);
    assert!(!book.release(&"x".into(), now()).0);
    assert_eq!(ask(&mut book, &mine).standings[0].held, Usd::default());
}

#[test]
fn a_reservation_under_a_cheaper_model_holds_the_cheaper_price() {
    let mut book = book();
    book.charge(&[spend(who("writer", "1"), "46", now())], now());
    let price = |model: Option<&str>| match model {
        Some("gpt-4o-mini") => Some(usd("0.01")),
        _ => Some(usd("0.2")),
    };
    let verdict = book.check(now(), &who("writer", "r"), Some(("x".into(), MINUTE)), &price).unwrap().0;
    assert!(matches!(verdict.action, Some(Action::Downgrade { .. })));
    let reserved = verdict.reserved.unwrap();
    assert_eq!((reserved.usd, reserved.who.model.as_deref()), (usd("0.01"), Some("gpt-4o-mini")));
}

#[test]
fn an_import_of_old_runs_concerns_no_budget_and_wakes_nobody() {
    let mut book = book();
    let old = now().plus_nanos(-40 * 24 * 60 * MINUTE);
    book.charge(&[spend(who("writer", "old"), "500", old)], now());
    assert_eq!((book.take_crossings().len(), book.standings(10).len()), (0, 0));
}

#[test]
fn what_is_unknown_of_a_caller_concerns_no_account_of_it() {
    let mut book = book();
    let verdict = ask(&mut book, &Who::default());
    assert_eq!((verdict.action, verdict.left), (None, None));
    assert_eq!(verdict.reason, "no budget concerns this call");
}

#[test]
fn changed_budgets_keep_reservations_and_announce_nothing_twice() {
    let mut book = book();
    let mine = who("writer", "r");
    reserve(&mut book, &mine, "x", "0.3");
    book.charge(&[spend(mine.clone(), "40", now())], now());
    book.take_crossings();
    let text = include_str!("budgets.toml").replace("usd = 50", "usd = 45");
    let mut next = book.under(Budgets::parse("budgets.toml", &text).unwrap(), now());
    next.charge(&[spend(mine.clone(), "40", now())], now());
    assert!(!next.take_crossings().iter().any(|passed| passed.level.percent == 70));
    let standing = next.standings(10).into_iter().find(|standing| &*standing.budget == "daily").unwrap();
    assert_eq!((standing.limit, standing.held, standing.spent), (usd("45"), usd("0.3"), usd("40")));
}
