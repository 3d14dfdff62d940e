//! Paging while runs arrive, cursors, sessions, logs, the summary.

use std::collections::BTreeSet;

use crate::support::{SECOND, START, World, run, tenant, trace};
use model::raw::RawLog;
use model::{Attributes, Log, Run, RunStatus, Timestamp, Usage, Usd, Value};
use query::{LogFilter, Page, QueryError, RunFilter, Sort};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paging_gives_each_run_once_while_runs_arrive_and_files_are_merged() {
    let sorts = ["-started_at", "started_at", "-duration_ms", "errors"];
    for (sort, total) in sorts.into_iter().flat_map(|sort| [(sort, false), (sort, true)]) {
        let world = World::new().await;
        let there: Vec<Run> = (0..60).map(numbered).collect();
        world.put(&there[..40]).await;
        world.flush().await;
        world.put(&there[40..]).await;
        let mut page = Page { sort: sort.parse().unwrap(), limit: 7, total, ..Page::default() };
        let mut seen = Vec::new();
        let mut fresh = 60;
        loop {
            let answer = world.engine.runs("default", &RunFilter::default(), &page).await.unwrap();
            seen.extend(answer.runs.iter().map(|run| run.trace_id));
            assert_eq!(answer.total, if total { fresh } else { 0 }, "{sort}: runs of all pages count");
            let Some(next) = answer.next else { break };
            page.cursor = Some(next);
            // Between two pages: more runs, all over the order, and maintenance.
            world.put(&[numbered(fresh), numbered(fresh + 1)]).await;
            fresh += 2;
            world.flush().await;
            world.compact().await;
        }
        let unique: BTreeSet<_> = seen.iter().collect();
        assert_eq!(unique.len(), seen.len(), "{sort}: a run was given twice");
        for run in &there {
            assert!(unique.contains(&run.trace_id), "{sort}: {} was left out", run.name);
        }
    }
}

/// Runs whose starts, durations and errors often tie.
fn numbered(number: u64) -> Run {
    let mut run = run("default", number, (number * 7 % 13) as i64);
    run.duration_ms = (number % 5) as f64 / 3.0;
    run.errors = (number % 3) as u32;
    run
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_cursor_or_limit_is_refused_with_what_to_do() {
    let world = World::new().await;
    world.put(&(0..5).map(numbered).collect::<Vec<_>>()).await;
    let page = Page { limit: 2, ..Page::default() };
    let next = world.engine.runs("default", &RunFilter::default(), &page).await.unwrap().next.unwrap();
    let ask = |page: Page| {
        let engine = &world.engine;
        async move {
            match engine.runs("default", &RunFilter::default(), &page).await {
                Err(QueryError::Invalid { message, .. }) => message,
                other => panic!("{other:?}"),
            }
        }
    };
    assert!(ask(Page { cursor: Some("rubbish".into()), ..Page::default() }).await.contains("leave `cursor` out"));
    let other_sort: Sort = "errors".parse().unwrap();
    assert!(
        ask(Page { cursor: Some(next.clone()), sort: other_sort, ..Page::default() })
            .await
            .contains("keep the same sort")
    );
    assert!(ask(Page { limit: 0, ..Page::default() }).await.contains("1 to 500"));
    assert!(ask(Page { limit: 501, ..Page::default() }).await.contains("1 to 500"));
    let page = Page { cursor: Some(next), ..Page::default() };
    let in_sessions = world.engine.sessions("default", &RunFilter::default(), Sort::default(), &page).await;
    assert!(matches!(in_sessions, Err(QueryError::Invalid { .. })));
    assert!("-cost".parse::<Sort>().unwrap_err().to_string().contains("cost_usd"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_shows_all_its_runs_also_those_the_filter_holds_back() {
    let world = World::new().await;
    let mut first = run("default", 1, 0);
    first.session_id = Some("s".into());
    first.agent = Some("front".into());
    first.user_id = Some("ann".into());
    first.input_preview = Some("hello".into());
    first.usage = Usage { input_tokens: Some(5), ..Usage::default() };
    first.cost = Some(Usd::from_pico(7));
    let mut second = Run { input_preview: Some("and then".into()), ..run("default", 2, 100) };
    second.session_id = Some("s".into());
    second.agent = Some("back".into());
    second.errors = 2;
    second.status = RunStatus::Error;
    second.usage = Usage { input_tokens: Some(1), output_tokens: Some(2), ..Usage::default() };
    let mut elsewhere = run("default", 3, 50);
    elsewhere.session_id = Some("t".into());
    world.put(&[first.clone(), second.clone()]).await;
    world.flush().await;
    world.put(&[elsewhere, run("default", 4, 500)]).await;

    let late = RunFilter { from: Some(second.start), ..RunFilter::default() };
    let page = world.engine.sessions("default", &late, Sort::default(), &Page::default()).await.unwrap();
    assert_eq!(page.sessions.len(), 1, "run 4 has no session");
    let session = &page.sessions[0];
    assert_eq!((session.runs, session.errors, session.status), (2, 2, RunStatus::Error));
    assert_eq!((session.started_at, session.last_at), (first.start, second.end));
    assert_eq!(session.agents.iter().map(|agent| &**agent).collect::<Vec<_>>(), ["front", "back"]);
    assert_eq!((session.user_id.as_deref(), session.input_preview.as_deref()), (Some("ann"), Some("hello")));
    assert_eq!((session.usage.input_tokens, session.usage.output_tokens, session.cost), (Some(6), Some(2), first.cost));

    let mut page = Page { limit: 1, ..Page::default() };
    let mut ids = Vec::new();
    loop {
        let answer = world.engine.sessions("default", &RunFilter::default(), Sort::default(), &page).await.unwrap();
        ids.extend(answer.sessions.iter().map(|session| session.session_id.to_string()));
        let Some(next) = answer.next else { break };
        page.cursor = Some(next);
    }
    assert_eq!(ids, ["s", "t"], "last active first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_sorted_by_what_all_their_runs_come_to() {
    let world = World::new().await;
    let of = |session: &str, number, second, cost: Option<u64>, errors| Run {
        session_id: Some(session.into()),
        usage: Usage { input_tokens: cost, ..Usage::default() },
        cost: cost.map(|cost| Usd::from_pico(cost.into())),
        errors,
        ..run("default", number, second)
    };
    // `long` is two runs far from each other, `dear` one that costs much, `plain` one of which nothing is known.
    world.put(&[of("long", 1, 0, Some(4), 3), of("dear", 2, 100, Some(9), 0)]).await;
    world.flush().await;
    world.put(&[of("long", 3, 400, Some(2), 0), of("plain", 4, 200, None, 1)]).await;

    let asked = async |sort: &str, filter: &RunFilter| {
        let mut page = Page { limit: 1, ..Page::default() };
        let mut ids = Vec::new();
        loop {
            let answer = world.engine.sessions("default", filter, sort.parse().unwrap(), &page).await.unwrap();
            ids.extend(answer.sessions.iter().map(|session| session.session_id.to_string()));
            let Some(next) = answer.next else { break ids };
            page.cursor = Some(next);
        }
    };
    let all = RunFilter::default();
    assert_eq!(asked("-last_at", &all).await, ["long", "plain", "dear"]);
    assert_eq!(asked("last_at", &all).await, ["dear", "plain", "long"]);
    assert_eq!(asked("-duration_ms", &all).await, ["long", "dear", "plain"]);
    assert_eq!(asked("-total_tokens", &all).await, ["dear", "long", "plain"]);
    assert_eq!(asked("-cost_usd", &all).await, ["dear", "long", "plain"]);
    assert_eq!(asked("cost_usd", &all).await, ["plain", "long", "dear"]);
    assert_eq!(asked("-errors", &all).await, ["long", "plain", "dear"]);
    assert_eq!(asked("-runs", &all).await, ["long", "dear", "plain"]);
    // Only the cheap, late run of `long` passes; the session counts whole all the same.
    let late = RunFilter { from: Some(run("default", 9, 150).start), ..RunFilter::default() };
    assert_eq!(asked("-errors", &late).await, ["long", "plain"]);
    let early = RunFilter { to: Some(run("default", 9, 150).start), ..RunFilter::default() };
    assert_eq!(asked("-last_at", &early).await, ["long", "dear"]);

    let first = Page { limit: 1, ..Page::default() };
    let next = world.engine.sessions("default", &all, "-runs".parse().unwrap(), &first).await.unwrap().next;
    let page = Page { cursor: next, ..first };
    let other = world.engine.sessions("default", &all, "-cost_usd".parse().unwrap(), &page).await;
    assert!(matches!(other, Err(QueryError::Invalid { .. })), "a cursor keeps its order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_summary_counts_and_names_the_last_twenty() {
    let world = World::new().await;
    let mut runs: Vec<Run> = (0..25).map(|number| run("default", number, number as i64)).collect();
    for run in &mut runs {
        run.llm_calls = 2;
        run.usage = Usage { input_tokens: Some(10), output_tokens: Some(3), ..Usage::default() };
        run.cost = Some(Usd::from_pico(1_500_000_000_000));
        run.retries = 1;
    }
    runs[3].status = RunStatus::Error;
    runs[24].status = RunStatus::Running;
    runs[24].end = Timestamp::default();
    runs[23].status = RunStatus::Abandoned;
    world.put(&runs[..10]).await;
    world.flush().await;
    world.put(&runs[10..]).await;
    let summary = world.engine.summary("default", &RunFilter::default()).await.unwrap();
    assert_eq!(summary.active_runs, 1);
    let counters = summary.counters;
    assert_eq!((counters.runs_started, counters.runs_completed, counters.runs_failed), (25, 23, 1));
    assert_eq!(
        (counters.llm_calls, counters.input_tokens, counters.output_tokens, counters.retries),
        (50, 250, 75, 25)
    );
    assert_eq!(counters.cost, Some(Usd::from_pico(37_500_000_000_000)));
    let names: Vec<String> = summary.last_completed.iter().map(|run| run.name.to_string()).collect();
    assert_eq!(names.len(), 20);
    assert_eq!((names[0].as_str(), names[19].as_str()), ("run 22", "run 3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_are_listed_latest_first_with_body_and_attributes_as_sent() {
    let world = World::new().await;
    let record = |number: u64| {
        let log = Log {
            tenant: tenant("default"),
            id: u128::from(number),
            version: 0,
            time: Timestamp::from_nanos(START + (number as i64 / 2) * SECOND),
            received: Timestamp::from_nanos(START),
            severity: if number.is_multiple_of(3) { 17 } else { 9 },
            severity_text: "INFO".into(),
            event_name: None,
            service: Some(format!("service {}", number % 2).into()),
            trace_id: number.is_multiple_of(4).then(|| trace(number)),
            span_id: None,
            preview: format!("line {number}").into(),
        };
        let raw = RawLog {
            time: log.time,
            severity: log.severity,
            body: Value::Map(vec![("text".into(), Value::Str(format!("say \"{number}\"\nÄrger").into()))]),
            attributes: Attributes(vec![("n".into(), Value::Int(number as i64))]),
            trace_id: log.trace_id,
            ..RawLog::default()
        };
        (log, raw)
    };
    world.put_logs(&(0..10).map(record).collect::<Vec<_>>()).await;
    world.flush().await;
    world.put_logs(&(10..20).map(record).collect::<Vec<_>>()).await;

    let mut page = Page { limit: 3, ..Page::default() };
    let mut seen = Vec::new();
    loop {
        let answer = world.engine.logs("default", &LogFilter::default(), &page).await.unwrap();
        for entry in &answer.logs {
            assert_eq!(entry.attributes, json!({"n": entry.log.id as u64}));
            assert_eq!(entry.body["text"], format!("say \"{}\"\nÄrger", entry.log.id));
        }
        seen.extend(answer.logs.iter().map(|entry| entry.log.id as u64));
        let Some(next) = answer.next else { break };
        page.cursor = Some(next);
    }
    let expected: Vec<u64> = (0..10).rev().flat_map(|pair| [pair * 2, pair * 2 + 1]).collect();
    assert_eq!(seen, expected);

    let ids = async |filter: LogFilter| {
        let answer = world.engine.logs("default", &filter, &Page::default()).await.unwrap();
        answer.logs.iter().map(|entry| entry.log.id as u64).collect::<BTreeSet<_>>()
    };
    assert_eq!(ids(LogFilter { trace_id: Some(trace(8)), ..LogFilter::default() }).await, [8].into());
    assert_eq!(ids(LogFilter { min_severity: Some(10), ..LogFilter::default() }).await.len(), 7);
    assert_eq!(ids(LogFilter { text: Some("SAY \"12\"\nä".into()), ..LogFilter::default() }).await, [12].into());
    assert_eq!(ids(LogFilter { text: Some("LINE 7".into()), ..LogFilter::default() }).await, [7].into());
    assert_eq!(ids(LogFilter { service: vec!["service 1".into()], ..LogFilter::default() }).await.len(), 10);
    let between = LogFilter {
        from: Some(Timestamp::from_nanos(START + SECOND)),
        to: Some(Timestamp::from_nanos(START + 2 * SECOND)),
        ..LogFilter::default()
    };
    assert_eq!(ids(between).await, [2, 3].into());
}
