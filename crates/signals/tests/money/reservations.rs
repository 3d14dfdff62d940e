//! Under reservation a hard limit is never passed, whatever is asked in whatever order, by however many at once.

use std::sync::{Arc, Mutex};

use model::{Timestamp, Usd};
use proptest::prelude::*;
use signals::money::budget::{Book, Budgets, Op, Spend, Who};

use crate::now;

const LIMIT: i128 = 1_000_000;
const PROJECT: Option<&str> = Some("p");

fn budgets() -> Budgets {
    let text = "
        [[budget]]
        name = 'all'
        per = 'project'
        over = 'month'
        usd = '0.000001'
        hard = true
        [[budget]]
        name = 'each'
        per = 'agent'
        over = 'hour'
        usd = '0.0000004'
        hard = true";
    Budgets::parse("test", text).unwrap()
}

fn who(agent: u8) -> Who {
    Who { project: Some("p".into()), agent: Some(format!("a{agent}").into()), ..Who::default() }
}

fn used(book: &Book) -> Vec<(Usd, Usd)> {
    book.standings(PROJECT, 100).iter().map(|standing| (standing.spent.plus(standing.held), standing.limit)).collect()
}

#[derive(Debug, Clone)]
enum Do {
    Reserve {
        agent: u8,
        pico: u32,
    },
    /// Settle the n-th reservation with this share (of 100) of what it reserved.
    Settle {
        which: usize,
        percent: u8,
    },
    Release {
        which: usize,
    },
    /// Telemetry tells the n-th call at this share.
    Tell {
        which: usize,
        percent: u8,
    },
    Wait {
        seconds: u16,
    },
}

fn one() -> impl Strategy<Value = Do> {
    prop_oneof![
        4 => (0u8..4, 1u32..300_000).prop_map(|(agent, pico)| Do::Reserve { agent, pico }),
        2 => (any::<usize>(), 0u8..=100).prop_map(|(which, percent)| Do::Settle { which, percent }),
        1 => any::<usize>().prop_map(|which| Do::Release { which }),
        2 => (any::<usize>(), 0u8..=100).prop_map(|(which, percent)| Do::Tell { which, percent }),
        1 => (0u16..400).prop_map(|seconds| Do::Wait { seconds }),
    ]
}

/// A reservation as its caller remembers it.
#[derive(Clone)]
struct Mine {
    id: Arc<str>,
    who: Who,
    usd: Usd,
    at: Timestamp,
    until: Timestamp,
    over: bool,
}

proptest! {
    #[test]
    fn settled_and_outstanding_never_pass_the_limit(script in proptest::collection::vec(one(), 1..120)) {
        let (mut book, mut time, mut mine) = (Book::new(budgets()), now(), Vec::<Mine>::new());
        let mut log: Vec<Op> = Vec::new();
        for (step, what) in script.into_iter().enumerate() {
            match what {
                Do::Reserve { agent, pico } => {
                    let (id, usd): (Arc<str>, _) = (format!("r{step}").into(), Usd::from_pico(pico.into()));
                    let hold = 300_000_000_000;
                    let (verdict, op) = book.check(time, &who(agent), Some((id.clone(), hold)), &|_| Some(usd)).unwrap();
                    prop_assert_eq!(verdict.reserved.is_some(), op.is_some());
                    if verdict.reserved.is_some() {
                        mine.push(Mine { id, who: who(agent), usd, at: time, until: time.plus_nanos(hold), over: false });
                    }
                    log.extend(op);
                }
                // A caller keeps to its word: it reports in time, and no more than it reserved.
                Do::Settle { which, percent } | Do::Tell { which, percent } if !mine.is_empty() => {
                    let at = which % mine.len();
                    let call = mine[at].clone();
                    let real = Usd::from_pico(call.usd.as_pico() * i128::from(percent) / 100);
                    if call.over || call.until <= time {
                        continue;
                    }
                    mine[at].over = true;
                    if matches!(what, Do::Settle { .. }) {
                        log.extend(book.settle(PROJECT, &call.id, real, time).1);
                    } else {
                        // Telemetry of the same call, and the caller's own report after it, which must change nothing.
                        let spend = Spend { who: call.who, at: call.at, usd: real, reservation: Some(call.id.clone()) };
                        book.charge(&[spend], time);
                        if real.as_pico() > 0 {
                            book.settle(PROJECT, &call.id, real, time);
                        }
                    }
                }
                Do::Release { which } if !mine.is_empty() => {
                    let at = which % mine.len();
                    if !mine[at].over {
                        mine[at].over = true;
                        log.extend(book.release(PROJECT, &mine[at].id.clone(), time).1);
                    }
                }
                Do::Wait { seconds } => time = time.plus_nanos(i64::from(seconds) * 1_000_000_000),
                _ => {}
            }
            log.extend(book.take_told());
            for (used, limit) in used(&book) {
                prop_assert!(used <= limit, "{used} of {limit} are used");
                prop_assert!(used.as_pico() >= 0);
            }
        }
    }

    #[test]
    fn a_log_read_again_gives_the_same_book(script in proptest::collection::vec(one(), 1..80)) {
        let (mut book, mut mine, mut log) = (Book::new(budgets()), Vec::new(), Vec::new());
        for (step, what) in script.into_iter().enumerate() {
            match what {
                Do::Reserve { agent, pico } => {
                    let id: Arc<str> = format!("r{step}").into();
                    let usd = Usd::from_pico(pico.into());
                    log.extend(book.check(now(), &who(agent), Some((id.clone(), 1_000_000_000)), &|_| Some(usd)).unwrap().1);
                    mine.push(id);
                }
                Do::Settle { which, percent } if !mine.is_empty() => {
                    log.extend(book.settle(PROJECT, &mine[which % mine.len()], Usd::from_pico(percent.into()), now()).1);
                }
                Do::Release { which } if !mine.is_empty() => log.extend(book.release(PROJECT, &mine[which % mine.len()], now()).1),
                _ => {}
            }
        }
        let replayed = |ops: &[Op]| {
            let mut book = Book::new(budgets());
            for op in ops {
                let text = serde_json::to_string(op).unwrap();
                book.apply(&serde_json::from_str(&text).unwrap(), now());
            }
            book.standings(PROJECT, 100)
        };
        let nonzero = |all: Vec<signals::money::budget::Standing>| -> Vec<_> {
            all.into_iter().filter(|standing| standing.spent.plus(standing.held).as_pico() != 0).collect()
        };
        prop_assert_eq!(nonzero(replayed(&log)), nonzero(book.standings(PROJECT, 100)));
        // So does what the log is shortened to, and reading an operation twice.
        prop_assert_eq!(nonzero(replayed(&book.ops())), nonzero(book.standings(PROJECT, 100)));
        let twice: Vec<Op> = log.iter().flat_map(|op| [op.clone(), op.clone()]).collect();
        prop_assert_eq!(nonzero(replayed(&twice)), nonzero(book.standings(PROJECT, 100)));
    }
}

#[test]
fn a_thousand_callers_at_once_do_not_pass_the_limit() {
    let book = Arc::new(Mutex::new(Book::new(budgets())));
    let granted: usize = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..1000u32)
            .map(|caller| {
                let book = book.clone();
                scope.spawn(move || {
                    let id: Arc<str> = format!("c{caller}").into();
                    let usd = Usd::from_pico(i128::from(1_000 + caller % 7_000));
                    let agent = who((caller % 4) as u8);
                    let ask =
                        |book: &mut Book| book.check(now(), &agent, Some((id.clone(), 60_000_000_000)), &|_| Some(usd));
                    let granted = ask(&mut book.lock().unwrap()).unwrap().0.reserved.is_some();
                    // Half of those that may call report what it cost, a little less than reserved.
                    if granted && caller % 2 == 0 {
                        let real = Usd::from_pico(usd.as_pico() - 500);
                        book.lock().unwrap().settle(PROJECT, &id, real, now());
                    }
                    usize::from(granted)
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    let book = book.lock().unwrap();
    assert!(granted > 100 && granted < 1000, "{granted} of 1000 were granted: the limit was reached and not passed");
    for (used, limit) in used(&book) {
        assert!(used <= limit, "{used} of {limit}");
    }
    let all = book.standings(PROJECT, 100).into_iter().find(|standing| &*standing.budget == "all").unwrap();
    assert!(
        all.limit.as_pico() == LIMIT && all.left < Usd::from_pico(8_000),
        "nothing worth a call is left: {}",
        all.left
    );
}
