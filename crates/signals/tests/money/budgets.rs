//! What an agent may do next, and who is told.

use std::sync::Arc;

use model::{Timestamp, TraceId, Usd};
use signals::money::budget::{Action, Announced, Book, Budgets, Settled, Spend, Verdict, Who};

use crate::{now, usd};

const MINUTE: i64 = 60_000_000_000;
const PROJECT: Option<&str> = Some("shop");

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
            assert_eq!(book.settle(PROJECT, &"x".into(), usd("0.25"), now()).0, Settled::Now);
            book.charge(&[told], now());
        } else {
            book.charge(&[told], now());
            assert_eq!(book.settle(PROJECT, &"x".into(), usd("0.25"), now()).0, Settled::Again);
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
    assert_eq!(book.settle(PROJECT, &"x".into(), usd("0.8"), later).0, Settled::Late);
    assert_eq!(book.check(later, &mine, None, &|_| None).unwrap().0.standings[0].spent, usd("0.8"));
    assert_eq!(book.settle(PROJECT, &"z".into(), usd("0.8"), later).0, Settled::Unknown);
}

#[test]
fn a_released_reservation_holds_nothing() {
    let mut book = book();
    let mine = who("writer", "r");
    reserve(&mut book, &mine, "x", "0.9");
    assert!(book.release(PROJECT, &"x".into(), now()).0);
    assert!(!book.release(PROJECT, &"x".into(), now()).0);
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
    assert_eq!((book.take_crossings().len(), book.standings(PROJECT, 10).len()), (0, 0));
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
    let standing = next.standings(PROJECT, 10).into_iter().find(|standing| &*standing.budget == "daily").unwrap();
    assert_eq!((standing.limit, standing.held, standing.spent), (usd("45"), usd("0.3"), usd("40")));
}

/// One budget of a dollar a month for each user, hard.
fn by_user() -> Book {
    let text = "[[budget]]
        name = 'each'
        per = 'user'
        over = 'month'
        usd = 1
        hard = true
        levels = [{ percent = 100, do = 'reject' }]";
    Book::new(Budgets::parse("test", text).unwrap())
}

fn user(name: &str) -> Who {
    Who { user: Some(name.into()), ..who("writer", "r") }
}

#[test]
fn a_span_that_does_not_say_whose_it_is_is_paid_by_whom_its_reservation_was_made_for() {
    let mut book = by_user();
    for call in ["a", "b"] {
        assert!(reserve(&mut book, &user("ana"), call, "0.4").reserved.is_some());
        let told = Spend { reservation: Some(call.into()), ..spend(who("writer", "r"), "0.4", now()) };
        let trace = TraceId::from_array([7; 16]);
        book.live(&"shop".into(), trace, vec![told.clone()], now());
        book.live(&"shop".into(), trace, Vec::new(), now());
        book.charge(&[told], now());
    }
    let spent = |book: &Book| book.standings(PROJECT, 9).first().map(|standing| (standing.spent, standing.held));
    assert_eq!(spent(&book), Some((usd("0.8"), Usd::default())));
    assert!(reserve(&mut book, &user("ana"), "c", "0.4").reserved.is_none());
    // After a restart the ledger is charged anew: what the log says of the reservations still tells whose it is.
    let mut next = by_user();
    book.ops().iter().for_each(|op| next.apply(op, now()));
    for call in ["a", "b"] {
        let told = Spend { reservation: Some(call.into()), ..spend(who("writer", "r"), "0.4", now()) };
        next.charge(&[told], now());
    }
    assert_eq!(spent(&next), Some((usd("0.8"), Usd::default())));
}

#[test]
fn what_another_project_reserved_is_not_settled_freed_or_listed() {
    let mut book = by_user();
    reserve(&mut book, &user("ana"), "x", "0.4");
    let other = Some("bank");
    assert_eq!(book.settle(other, &"x".into(), usd("900"), now()).0, Settled::Unknown);
    assert!(!book.release(other, &"x".into(), now()).0);
    let elsewhere = Who { project: Some("bank".into()), ..who("writer", "r") };
    book.charge(&[Spend { reservation: Some("x".into()), ..spend(elsewhere, "0.1", now()) }], now());
    assert_eq!((book.standings(other, 9).len(), book.open_reservations_of("bank")), (0, 0));
    assert_eq!(book.standings(PROJECT, 9)[0].held, usd("0.4"));
}

#[test]
fn a_call_that_is_turned_down_is_told_without_a_run_and_passing_the_limit_is_told_all_the_same() {
    let mut book = by_user();
    assert!(reserve(&mut book, &user("ana"), "x", "1.5").reserved.is_none());
    assert_eq!(book.take_crossings().len(), 0, "nothing was spent: the one call was too large");
    book.charge(&[spend(user("ana"), "0.9", now())], now());
    for _ in 0..2 {
        assert!(reserve(&mut book, &user("ana"), "x", "0.2").reserved.is_none());
    }
    let told = book.take_crossings();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].turned_down, told[0].run.clone(), told[0].level.percent), (true, None, 100));
    book.charge(&[spend(user("ana"), "0.2", now())], now());
    let told = book.take_crossings();
    assert_eq!((told.len(), told[0].turned_down, told[0].run.as_deref()), (1, false, Some("r")));
}

#[test]
fn after_a_restart_only_what_was_not_announced_is() {
    let mut book = by_user();
    let before = Announced {
        budget: "each",
        project: PROJECT,
        key: "ana",
        run: Some("r"),
        percent: 100,
        turned_down: false,
        at: now().plus_nanos(-MINUTE),
    };
    book.announced(&before);
    book.charge(&[spend(user("ana"), "1.1", now()), spend(user("bo"), "1.1", now())], now());
    let told: Vec<_> = book.take_crossings().into_iter().map(|passed| passed.standing.key).collect();
    assert_eq!(told, ["bo".into()]);
}
