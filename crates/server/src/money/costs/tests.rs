//! The ledger in the state: what is kept is what is answered, by whichever table.

use std::sync::Arc;

use model::{SpanId, Tenant, Timestamp, TraceId, Usage, Usd};
use signals::money::ledger::{Basis, Entry, Ledger};
use signals::prices::{Call, Prices, Tier, Why};
use state::State;

use super::*;
use crate::money::{again, kept, tables};

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn entry(id: u8, at: Timestamp, agent: &str, model: &str, cost: Option<&str>, basis: Basis) -> Entry {
    Entry {
        span_id: SpanId::from_array([id; 8]),
        at,
        agent: Some(agent.into()),
        agent_node: None,
        above: if agent == "writer" { vec!["supervisor".into()] } else { Vec::new() },
        tool: id.is_multiple_of(2).then(|| "search".into()),
        model: Some(model.into()),
        request_model: None,
        provider: Some("openai".into()),
        call: Call {
            usage: Usage {
                input_tokens: Some(1000),
                output_tokens: Some(100),
                cache_read_tokens: Some(10),
                ..Usage::default()
            },
            cache_write_1h_tokens: 3,
            audio_input_tokens: 2,
            audio_output_tokens: 1,
            tier: Tier::Batch,
        },
        tells_tokens: true,
        cost: cost.map(usd),
        basis,
        reservation: Some("r1".into()),
    }
}

fn ledger(trace: u8, entries: Vec<Entry>) -> Ledger {
    Ledger {
        tenant: Tenant::default(),
        trace_id: TraceId::from_array([trace; 16]),
        workflow: "support".into(),
        session_id: Some("s".into()),
        user_id: None,
        agent_version: Some("2".into()),
        entries,
    }
}

/// Every sort of entry, over two days.
fn all_sorts() -> Vec<Entry> {
    let (day, next) = (at("2026-11-20T22:10:00Z"), at("2026-11-21T03:50:00Z"));
    vec![
        entry(1, day, "supervisor", "gpt-4o", Some("0.5"), Basis::Reported),
        entry(2, day, "writer", "gpt-4o", Some("0.000000000001"), Basis::Computed("openai/gpt-4o".into())),
        entry(3, next, "writer", "in-house", None, Basis::UnknownModel),
        entry(4, next, "writer", "gpt-4o", Some("0.25"), Basis::Estimated("row".into(), Why::NoCounts)),
        entry(5, next, "writer", "gpt-4o", None, Basis::Uncertain { least: usd("0.1"), most: Some(usd("0.2")) }),
        entry(6, next, "supervisor", "gpt-4o", None, Basis::Elsewhere),
        entry(7, next, "supervisor", "gpt-4o", Some("0.125"), Basis::Aggregated),
        entry(8, next, "supervisor", "gpt-4o", None, Basis::NoCall),
    ]
}

fn with(ledgers: &[Ledger]) -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path(), &[tables::PART]).unwrap();
    state
        .write(|tx| {
            ledgers.iter().try_for_each(|ledger| kept::replace(tx, None, ledger, at("2026-11-21T04:00:00Z"))?.write(tx))
        })
        .unwrap();
    (dir, state)
}

fn ask(state: &State, question: &Question) -> Rows {
    state.read(|connection| question.ask(connection)).unwrap()
}

fn question(by: &[Key], step: Option<Step>) -> Question {
    Question { project: "default".into(), by: by.to_vec(), step, ..Question::default() }
}

#[test]
fn an_entry_is_read_back_as_it_was_kept() {
    let kept_ledger = ledger(1, all_sorts());
    let (_dir, state) = with(std::slice::from_ref(&kept_ledger));
    let found = state.read(|connection| kept::ledger(connection, "default", kept_ledger.trace_id)).unwrap();
    assert_eq!(found.unwrap().1, kept_ledger);
}

#[test]
fn sums_by_hour_and_entries_say_the_same() {
    let (_dir, state) = with(&[ledger(1, all_sorts()), ledger(2, all_sorts())]);
    for step in [None, Some(Step::Hour), Some(Step::Day), Some(Step::Month)] {
        for keys in [vec![], vec![Key::Agent], vec![Key::Model, Key::Source], vec![Key::Tool]] {
            let hours = ask(&state, &question(&keys, step));
            // A filter on the session lets the entries answer.
            let only = vec![(Key::Session, vec!["s".into()])];
            let entries = Question { only, ..question(&keys, step) };
            assert_eq!((question(&keys, step).source(), entries.source()), (From::Hours, From::Entries));
            assert_eq!(hours, ask(&state, &entries), "{keys:?} {step:?}");
        }
    }
    let whole = &ask(&state, &question(&[], None))[&(None, vec![])];
    assert_eq!(whole.usd, usd("1.750000000002"));
    assert_eq!((whole.estimated, whole.calls, whole.unpriced), (usd("0.5"), 16, 6 * 1100));
    let days = ask(&state, &question(&[], Some(Step::Day)));
    let hours = ask(&state, &question(&[], Some(Step::Hour)));
    let sum = |rows: &Rows| rows.values().fold(Usd::default(), |sum, row| sum.plus(row.usd));
    assert_eq!((sum(&days), sum(&hours), days.len()), (whole.usd, whole.usd, 2));
}

#[test]
fn filters_and_times_choose_what_is_summed() {
    let (_dir, state) = with(&[ledger(1, all_sorts())]);
    let mut asked = question(&[Key::Agent], None);
    asked.only = vec![(Key::Source, vec!["reported".into(), "aggregated".into()])];
    let rows = ask(&state, &asked);
    assert_eq!(rows[&(None, vec!["supervisor".into()])].usd, usd("0.625"));
    asked.from = Some(at("2026-11-21T03:10:00Z"));
    assert_eq!(ask(&state, &asked)[&(None, vec!["supervisor".into()])].usd, usd("0.125"), "the hour of `from` counts");
    asked.to = Some(at("2026-11-21T03:59:00Z"));
    assert!(ask(&state, &asked).is_empty(), "the hour of `to` does not");
    let delegated = state.read(|connection| delegated(connection, &question(&[Key::Agent], None))).unwrap();
    assert_eq!(delegated.into_iter().collect::<Vec<_>>(), [("supervisor".to_owned(), usd("0.250000000001"))]);
}

#[test]
fn a_run_that_changed_takes_the_place_of_what_it_was() {
    let (_dir, state) = with(&[ledger(1, all_sorts())]);
    let mut changed = ledger(1, all_sorts()[..2].to_vec());
    changed.tenant.environment = "production".into();
    changed.entries[0].cost = Some(usd("0.1"));
    state
        .write(|tx| {
            let before = kept::ledger(tx, "default", changed.trace_id)?;
            kept::replace(tx, before.as_ref(), &changed, at("2026-11-21T05:00:00Z"))?.write(tx)
        })
        .unwrap();
    let rows = ask(&state, &question(&[Key::Environment], None));
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[&(None, vec!["production".into()])].usd, usd("0.100000000001"));
}

#[test]
fn forgetting_entries_leaves_the_sums() {
    let (_dir, state) = with(&[ledger(1, all_sorts())]);
    let before = ask(&state, &question(&[Key::Agent], Some(Step::Hour)));
    state.write(|tx| kept::forget(tx, at("2027-03-01T00:00:00Z"))).unwrap();
    assert_eq!(ask(&state, &question(&[Key::Agent], Some(Step::Hour))), before);
    assert!(ask(&state, &question(&[Key::Run], None)).is_empty());
}

#[test]
fn pricing_again_changes_entries_and_sums_once() {
    let runs: Vec<Ledger> = (0..5).map(|trace| ledger(trace, all_sorts())).collect();
    let (_dir, state) = with(&runs);
    let text = "[[price]]\nmodel = 'in-house'\ninput = 100\noutput = 1000";
    let asked = again::Reprice {
        prices: Prices::built_in().with_overrides("ours.toml", text).unwrap(),
        project: Arc::from("default"),
        since: at("2026-01-01T00:00:00Z"),
        now: at("2026-11-21T05:00:00Z"),
        dry_run: false,
    };
    let all = |asked: &again::Reprice| {
        let mut sum = again::Repriced::default();
        let last = state.read(again::last_row).unwrap();
        state.write(|tx| asked.batch(tx, (0, last), &mut sum)).unwrap();
        sum
    };
    let dry = all(&again::Reprice { prices: asked.prices.clone(), project: "default".into(), dry_run: true, ..asked });
    assert_eq!((dry.runs, dry.changed_runs), (5, 5));
    let asked = again::Reprice { dry_run: false, project: "default".into(), prices: asked.prices.clone(), ..asked };
    let first = all(&asked);
    assert_eq!((first.before, first.after, first.changed_calls), (dry.before, dry.after, dry.changed_calls));
    let by_model = ask(&state, &question(&[Key::Model], None));
    // 990 in and 10 cached at 100, 100 out at 1000 dollars a million: 0.2; five times.
    assert_eq!(by_model[&(None, vec!["in-house".into()])].usd, usd("1"));
    let second = all(&asked);
    assert_eq!((second.changed_runs, second.before, second.after), (0, first.after, first.after));
    assert_eq!(ask(&state, &question(&[Key::Model], None)), by_model);
}

#[test]
fn the_same_traffic_on_another_model_is_compared_entry_by_entry() {
    let (_dir, state) = with(&[ledger(1, all_sorts())]);
    let times = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    let compare = |connection: &rusqlite::Connection| {
        again::what_if(connection, &Prices::built_in(), "default", "gpt-4.1-mini", times)
    };
    let found = state.read(compare).unwrap();
    assert_eq!((found.calls, found.left_out, found.cost), (4, 3, usd("0.875000000001")));
    assert!(found.would > Usd::default() && found.would < usd("0.01"), "{}", found.would);
}

#[test]
fn a_ledger_from_before_shapes_is_read_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let first = state::Part { migrations: &tables::PART.migrations[..1], ..tables::PART };
    let old = State::open(dir.path(), &[first]).unwrap();
    let values = "'openai', 1000, 100, 10, NULL, NULL, NULL, 3, 2, 1, 'batch', 1";
    old.write(|tx| {
        tx.execute_batch(&format!(
            "INSERT INTO money_runs VALUES (7, 'default', x'01010101010101010101010101010101', '', 'support', 's', NULL, '2', 5);
             INSERT INTO money_calls VALUES
               (7, x'0101010101010101', 100, 'supervisor', NULL, NULL, 'gpt-4o', NULL, {values}, 500000000000, 'reported', NULL, NULL, NULL, NULL, 'r1'),
               (7, x'0202020202020202', 300, 'writer', '[\"supervisor\"]', 'search', 'in-house', NULL, {values}, NULL, 'unknown_model', NULL, NULL, NULL, NULL, 'r1'),
               (7, x'0404040404040404', 200, 'writer', '[\"supervisor\"]', 'search', 'in-house', NULL, {values}, 250000000000, 'estimated', 'row', 'no_counts', NULL, NULL, 'r1')",
        ))
    })
    .unwrap();
    drop(old);
    let state = State::open(dir.path(), &[tables::PART]).unwrap();
    let time = Timestamp::from_nanos;
    let mut expected = ledger(
        1,
        vec![
            entry(1, time(100), "supervisor", "gpt-4o", Some("0.5"), Basis::Reported),
            entry(2, time(300), "writer", "in-house", None, Basis::UnknownModel),
            entry(4, time(200), "writer", "in-house", Some("0.25"), Basis::Estimated("row".into(), Why::NoCounts)),
        ],
    );
    expected.tenant.environment = String::new().into();
    let since = |at: i64| state.read(|connection| kept::ledgers_since(connection, "default", time(at), 0, 9)).unwrap();
    assert_eq!(since(300), [(7, expected)]);
    assert_eq!(since(301), []);
}

#[test]
fn what_calls_have_in_common_is_kept_once_and_forgotten_with_the_last_of_them() {
    let (_dir, state) = with(&[ledger(1, all_sorts()), ledger(2, all_sorts())]);
    let models = || -> Vec<String> {
        let sql = "SELECT model FROM money_shapes ORDER BY model";
        state
            .read(|connection| connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>())
            .unwrap()
    };
    let known = models();
    assert_eq!(known.len(), all_sorts().len(), "one for each sort, not for each entry");
    // Many runs later, when the first are long gone.
    let day = 86_400_000_000_000;
    let later = at("2026-11-21T04:00:00Z").plus_nanos(100 * day);
    let mut late = ledger(3, vec![entry(1, later, "supervisor", "gpt-6", Some("0.5"), Basis::Reported)]);
    late.tenant.environment = "production".into();
    state
        .write(|tx| {
            tx.execute("UPDATE money_runs SET id = id + 30000 WHERE id = 2", [])?;
            tx.execute("UPDATE money_entries SET run = run + 30000 WHERE run = 2", [])?;
            kept::replace(tx, None, &late, later)?.write(tx)?;
            kept::forget(tx, later)
        })
        .unwrap();
    assert_eq!(models(), ["gpt-6"]);
    let found = state.read(|connection| kept::ledger(connection, "default", late.trace_id)).unwrap();
    assert_eq!(found.unwrap().1, late);
}
