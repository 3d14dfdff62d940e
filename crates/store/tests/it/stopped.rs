//! A store that is stopped in the middle of its work leaves no file that nobody names; what a kill leaves goes in its time.

use std::fs;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::common::*;
use store::{Clock, Held, Machine, RealDisk, RealThreads, Store, StoreError, Threads, Work};

/// Threads whose work waits, from a moment on, until the test has it done.
#[derive(Default)]
struct HeldThreads {
    hold: AtomicBool,
    held: Mutex<Vec<Work>>,
}

impl Threads for HeldThreads {
    fn run(&self, work: Work) {
        if self.hold.load(Ordering::SeqCst) {
            self.held.lock().unwrap().push(work);
        } else {
            RealThreads.run(work);
        }
    }

    fn stay(&self, name: &str, work: Work) -> io::Result<()> {
        RealThreads.stay(name, work)
    }

    fn wait(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        RealThreads.wait(future);
    }
}

impl HeldThreads {
    /// The next work; `None` where who asks for it is done.
    async fn next(&self, asks: &JoinHandle<Result<(), StoreError>>) -> Option<Work> {
        loop {
            let work = self.held.lock().unwrap().pop();
            if work.is_some() || asks.is_finished() {
                return work;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// What a store is stopped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Flush,
    Compaction,
}

/// Traces that are flushed, each alone: as many files of a table as compaction puts together.
const FLUSHED: u64 = 8;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn on_a_thread(work: Work) {
    std::thread::spawn(work).join().unwrap();
}

/// Stops a program whose store waits for a piece of work, `steps` of which were done before; that piece is then still done, or never
/// begun. False where there are not so many.
fn stop(data: &Path, clock: &Arc<TestClock>, doing: Doing, steps: usize, done: bool) -> bool {
    let (runtime, threads) = (runtime(), Arc::new(HeldThreads::default()));
    let left = runtime.block_on(async {
        let shared: Arc<dyn Clock> = Arc::clone(clock) as _;
        let machine = Machine { disk: Arc::new(RealDisk), threads: Arc::clone(&threads) as _, clock: shared };
        let resolver = Arc::new(CountingResolver);
        let store = Store::open_on(machine, settings(data), resolver, replay()).await.unwrap();
        for trace in 0..=FLUSHED {
            send(&store, clock, &[Sent::new(trace, 1)]).await.unwrap();
            if trace < FLUSHED {
                store.flush().await.unwrap();
            }
        }
        threads.hold.store(true, Ordering::SeqCst);
        let asks = tokio::spawn(async move {
            match doing {
                Doing::Flush => store.flush().await.map(drop),
                Doing::Compaction => store.compact().await.map(drop),
            }
        });
        for _ in 0..steps {
            on_a_thread(threads.next(&asks).await?);
        }
        threads.next(&asks).await
    });
    // Every task ends where it waits, as at the end of the program.
    drop(runtime);
    let stopped = left.is_some();
    match left {
        Some(work) if done => on_a_thread(work),
        unbegun => drop(unbegun),
    }
    stopped
}

#[test]
fn a_store_stopped_at_any_step_leaves_no_file_that_nobody_names() {
    for (doing, done) in [Doing::Flush, Doing::Compaction].into_iter().flat_map(|doing| [(doing, true), (doing, false)])
    {
        for steps in 0.. {
            let (data, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
            let stopped = stop(data.path(), &clock, doing, steps, done);
            let at = format!("{doing:?} stopped after {steps}, the next one done: {done}");
            runtime().block_on(async {
                let store = open(data.path(), &clock).await;
                assert_eq!(store.stats().set_aside, 0, "{at}");
                assert_eq!(names(&store).await.len() as u64, FLUSHED + 1, "{at}");
                let checked = store.check().await.unwrap();
                assert!(checked.faults.is_empty(), "{at}: {:?}", checked.faults);
            });
            if !stopped {
                assert!(steps >= 2, "{doing:?}: writing files and the transaction are two steps at least");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_that_were_set_aside_go_after_a_week_and_parts_of_the_log_stay() {
    let (data, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
    let store = open(data.path(), &clock).await;
    let quarantine = data.path().join("quarantine");
    fs::create_dir(&quarantine).unwrap();
    let now = UNIX_EPOCH + Duration::from_nanos(clock.now().as_nanos().unsigned_abs());
    for (name, days) in [("segments__spans__a", 8), ("segments__spans__b", 6), ("00000001.log-17.bin", 80)] {
        fs::write(quarantine.join(name), "bytes").unwrap();
        let file = fs::File::options().write(true).open(quarantine.join(name)).unwrap();
        file.set_modified(now - Duration::from_secs(86_400) * days).unwrap();
    }
    let left = || {
        let names = fs::read_dir(&quarantine).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    assert_eq!(store.report().unwrap().quarantine_bytes, 15);
    store.expire(Held::default()).await.unwrap();
    assert_eq!(left(), ["00000001.log-17.bin", "segments__spans__b"]);
    assert_eq!(store.report().unwrap().quarantine_bytes, 10);
    clock.pass(2 * 86_400 * SECOND);
    store.expire(Held::default()).await.unwrap();
    assert_eq!(left(), ["00000001.log-17.bin"]);
}
