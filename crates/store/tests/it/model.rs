//! The store against a plain map, under random commits, flushes, compactions and crashes.

use std::collections::BTreeMap;

use crate::common::*;
use proptest::prelude::*;
use store::Settings;

#[derive(Debug, Clone)]
enum Action {
    Commit(Vec<(u64, u64, bool, usize)>),
    Flush,
    Compact,
    Crash,
    Wait(i64),
    Check,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let span = (0..4u64, 1..5u64, any::<bool>(), 0..3usize);
    let action = prop_oneof![
        6 => proptest::collection::vec(span, 1..6).prop_map(Action::Commit),
        3 => Just(Action::Flush),
        2 => Just(Action::Compact),
        1 => Just(Action::Crash),
        1 => (1..40i64).prop_map(Action::Wait),
        2 => Just(Action::Check),
    ];
    proptest::collection::vec(action, 1..40)
}

/// What a trace should hold: by span, the last ended form, else the last form.
#[derive(Default)]
struct Plain(BTreeMap<(u64, u64), Sent>);

impl Plain {
    fn put(&mut self, sent: &Sent) {
        let old = self.0.get(&(sent.trace, sent.span));
        if sent.end != 0 || old.is_none_or(|old| old.end == 0) {
            self.0.insert((sent.trace, sent.span), sent.clone());
        }
    }
}

async fn check(store: &store::Store, plain: &Plain) {
    let found = names(store).await;
    let expected: Vec<(String, String)> = plain
        .0
        .values()
        .map(|sent| (format!("{}/{}", trace_id(sent.trace), span_id(sent.span)), sent.name.clone()))
        .collect();
    assert_eq!(found, expected);
    let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
    for (trace, _) in plain.0.keys() {
        *counts.entry(*trace).or_default() += 1;
    }
    let runs: Vec<(String, u32)> =
        runs(store).await.iter().map(|run| (run.trace_id.to_string(), run.kinds.total())).collect();
    let expected: Vec<(String, u32)> =
        counts.iter().map(|(trace, count)| (trace_id(*trace).to_string(), *count)).collect();
    assert_eq!(runs, expected);
    for trace in counts.keys() {
        let stored = store.trace("default", trace_id(*trace)).await.unwrap();
        let raws: Vec<_> = stored.into_iter().map(|span| span.raw).collect();
        let expected: Vec<_> = plain.0.range((*trace, 0)..(*trace + 1, 0)).map(|(_, sent)| sent.raw()).collect();
        assert_eq!(raws, expected);
    }
}

async fn run(actions: Vec<Action>) {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let settings = Settings { log_file_bytes: 2000, ..settings(data.path()) };
    let mut store = open_with(settings.clone(), &clock).await;
    let mut plain = Plain::default();
    let mut number = 0;
    for action in actions {
        match action {
            Action::Commit(spans) => {
                let sent: Vec<Sent> = spans
                    .into_iter()
                    .map(|(trace, span, ended, texts)| {
                        number += 1;
                        let mut sent = Sent::new(trace, span).named(&format!("form {number}"));
                        for at in 0..texts {
                            sent = sent.text(format!(
                                "[\"{}\", {{\"k\":\"{}\"}}]",
                                "a".repeat(60 + at * 200),
                                "é".repeat(70)
                            ));
                        }
                        if ended { sent } else { sent.running() }
                    })
                    .collect();
                send(&store, &clock, &sent).await.unwrap();
                sent.iter().for_each(|sent| plain.put(sent));
            }
            Action::Flush => drop(store.flush().await.unwrap()),
            Action::Compact => drop(store.compact().await.unwrap()),
            Action::Crash => {
                drop(store);
                store = open_with(settings.clone(), &clock).await;
            }
            Action::Wait(hours) => clock.pass(hours * 3600 * SECOND),
            Action::Check => check(&store, &plain).await,
        }
    }
    check(&store, &plain).await;
    store.flush().await.unwrap();
    compact_all(&store).await;
    check(&store, &plain).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if over_bucket() { 8 } else { 24 }, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_store_holds_what_a_map_would(actions in actions()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(actions));
    }
}
