//! Threads and time of the simulated machine: one thread runs at a time, which one is up to the seed, and time passes only
//! when nothing else can happen.
//!
//! A thread stops at each operation of the disk and where it waits for a future; then the driver, on the main thread, lets
//! another go on. Tasks on the main thread wait with [`Turns::sleep`].

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use store::{Threads, Work};

/// What a thread waits for.
enum Wait {
    /// This time.
    Until(i64),
    /// A future of its own.
    Woken(Arc<Woken>),
}

struct Inner {
    threads: BTreeMap<u64, Wait>,
    /// The thread whose turn it is; nobody but the main thread when there is none.
    running: Option<u64>,
    next: u64,
    /// Nanoseconds that have passed.
    now: i64,
    /// Sleeping tasks by time, in the order they came.
    sleepers: BTreeMap<(i64, u64), Waker>,
    /// After a crash everybody runs to an end, in any order: the disk takes nothing any more.
    free: bool,
    panics: Vec<String>,
}

/// The simulated machine's threads and time.
pub struct Turns {
    inner: Mutex<Inner>,
    turn: Condvar,
}

thread_local! {
    static ME: RefCell<Option<(Arc<Turns>, u64)>> = const { RefCell::new(None) };
}

/// What the driver did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// A thread went on, or a task was woken.
    Done,
    /// Time passed.
    Passed,
    /// There is nobody to go on: only tasks that are ready by themselves, if any.
    Idle,
}

impl Turns {
    /// No thread yet, time at zero.
    pub fn new() -> Arc<Self> {
        let inner = Inner {
            threads: BTreeMap::new(),
            running: None,
            next: 0,
            now: 0,
            sleepers: BTreeMap::new(),
            free: false,
            panics: Vec::new(),
        };
        Arc::new(Self { inner: Mutex::new(inner), turn: Condvar::new() })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds that have passed.
    pub fn now(&self) -> i64 {
        self.inner().now
    }

    /// Lets somebody go on: a thread or a task whose time has come, chosen by `rng`; else time passes to the next.
    pub fn step(&self, rng: &mut ChaCha8Rng) -> Turn {
        let mut inner = self.inner();
        let now = inner.now;
        let ready = |wait: &Wait| match wait {
            Wait::Until(time) => *time <= now,
            Wait::Woken(woken) => woken.flag.load(Ordering::SeqCst),
        };
        let threads: Vec<u64> = inner.threads.iter().filter(|(_, wait)| ready(wait)).map(|(id, _)| *id).collect();
        let due = inner.sleepers.range(..=(now, u64::MAX)).count();
        if threads.len() + due > 0 {
            let chosen = rng.random_range(0..threads.len() + due);
            match threads.get(chosen) {
                Some(id) => {
                    inner.running = Some(*id);
                    self.turn.notify_all();
                    while inner.running.is_some() {
                        inner = self.turn.wait(inner).unwrap_or_else(PoisonError::into_inner);
                    }
                }
                None => {
                    let key = *inner.sleepers.keys().nth(chosen - threads.len()).expect("a sleeper that is due");
                    let sleeper = inner.sleepers.remove(&key);
                    drop(inner);
                    sleeper.expect("it was there").wake();
                }
            }
            return Turn::Done;
        }
        let times = inner.threads.values().filter_map(|wait| match wait {
            Wait::Until(time) => Some(*time),
            Wait::Woken(_) => None,
        });
        match times.chain(inner.sleepers.keys().map(|(time, _)| *time)).min() {
            Some(time) => {
                inner.now = time;
                Turn::Passed
            }
            None => Turn::Idle,
        }
    }

    /// Whether threads are there that have something to do.
    pub fn is_busy(&self) -> bool {
        self.inner().threads.values().any(|wait| match wait {
            Wait::Until(_) => true,
            Wait::Woken(woken) => woken.flag.load(Ordering::SeqCst),
        })
    }

    /// From now on all threads run at once and nobody sleeps: the machine has crashed.
    pub fn set_free(&self) {
        let mut inner = self.inner();
        inner.free = true;
        self.turn.notify_all();
        let sleepers = std::mem::take(&mut inner.sleepers);
        drop(inner);
        sleepers.into_values().for_each(Waker::wake);
    }

    /// Waits until every thread has ended; after [`Turns::set_free`].
    pub fn join(&self) {
        let mut inner = self.inner();
        while !inner.threads.is_empty() {
            inner = self.turn.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What threads said when they panicked.
    pub fn panics(&self) -> Vec<String> {
        self.inner().panics.clone()
    }

    /// On one of the machine's threads: lets others go on, for `nanos` at least. Elsewhere: nothing.
    pub fn pause(&self, nanos: i64) {
        let me = ME.with(|me| me.borrow().as_ref().map(|(_, id)| *id));
        if let Some(id) = me {
            let until = self.now() + nanos;
            self.park(id, Wait::Until(until));
        }
    }

    fn park(&self, id: u64, wait: Wait) {
        let mut inner = self.inner();
        let woken = match &wait {
            Wait::Woken(woken) => Some(Arc::clone(woken)),
            Wait::Until(_) => None,
        };
        inner.threads.insert(id, wait);
        inner.running = None;
        self.turn.notify_all();
        let may_go = |inner: &Inner| {
            let woken = || woken.as_ref().is_none_or(|woken| woken.flag.load(Ordering::SeqCst));
            inner.running == Some(id) || (inner.free && woken())
        };
        while !may_go(&inner) {
            inner = self.turn.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for `nanos` to pass, in a task.
    pub fn sleep(self: &Arc<Self>, nanos: i64) -> Sleep {
        Sleep { turns: Arc::clone(self), until: self.now() + nanos, place: None }
    }

    fn start(self: &Arc<Self>, work: Work) -> io::Result<()> {
        let id = {
            let mut inner = self.inner();
            inner.next += 1;
            let (id, now) = (inner.next, inner.now);
            inner.threads.insert(id, Wait::Until(now));
            id
        };
        let turns = Arc::clone(self);
        let body = move || {
            ME.with(|me| *me.borrow_mut() = Some((Arc::clone(&turns), id)));
            {
                let mut inner = turns.inner();
                while inner.running != Some(id) && !inner.free {
                    inner = turns.turn.wait(inner).unwrap_or_else(PoisonError::into_inner);
                }
            }
            let outcome = catch_unwind(AssertUnwindSafe(work));
            let mut inner = turns.inner();
            if let Err(panic) = outcome {
                inner.panics.push(said(&*panic));
            }
            inner.threads.remove(&id);
            inner.running = None;
            turns.turn.notify_all();
        };
        std::thread::Builder::new().spawn(body).map(drop)
    }
}

/// What a panic said.
pub fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

/// [`Turns`] as the store asks for them.
pub struct SimThreads(pub Arc<Turns>);

impl Threads for SimThreads {
    fn run(&self, work: Work) {
        self.0.start(work).expect("the machine of the simulation has threads");
    }

    fn stay(&self, _: &str, work: Work) -> io::Result<()> {
        self.0.start(work)
    }

    fn wait(&self, mut future: Pin<&mut dyn Future<Output = ()>>) {
        let id = ME.with(|me| me.borrow().as_ref().map(|(_, id)| *id)).expect("only threads wait");
        let woken = Arc::new(Woken { flag: AtomicBool::new(false), turns: Arc::clone(&self.0) });
        let waker = Waker::from(Arc::clone(&woken));
        while future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.0.park(id, Wait::Woken(Arc::clone(&woken)));
            woken.flag.store(false, Ordering::SeqCst);
        }
    }
}

/// A thread's future can go on.
struct Woken {
    flag: AtomicBool,
    turns: Arc<Turns>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.flag.store(true, Ordering::SeqCst);
        // Under the lock, so that a thread that is about to wait sees one of the two.
        let inner = self.turns.inner();
        self.turns.turn.notify_all();
        drop(inner);
    }
}

/// A task that waits for time to pass.
pub struct Sleep {
    turns: Arc<Turns>,
    until: i64,
    /// Its place among the sleepers.
    place: Option<(i64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let turns = Arc::clone(&self.turns);
        let mut inner = turns.inner();
        match self.place {
            _ if inner.free => return Poll::Ready(()),
            // Taken out when its turn came.
            Some(place) if !inner.sleepers.contains_key(&place) => return Poll::Ready(()),
            Some(_) => {}
            None => {
                inner.next += 1;
                self.place = Some((self.until, inner.next));
            }
        }
        if let Some(place) = self.place {
            inner.sleepers.insert(place, context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let sleeper = self.turns.inner().sleepers.remove(&place);
            drop(sleeper);
        }
    }
}
