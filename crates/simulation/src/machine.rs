//! One life of the simulated machine: its threads, its time, its clock that jumps, and what was found wrong.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::{Run, Span, Timestamp};
use rand_chacha::ChaCha8Rng;
use store::{Clock, RunResolver, Settings, Store, StoreError};

use crate::disk::SimDisk;
use crate::requests::{BEGIN, replay};
use crate::turns::{SimThreads, Turn, Turns};

/// Turns after which a life that does not end is stuck.
const TURNS_MAX: u64 = 20_000_000;
/// Turns with nobody to go on, after which it is stuck.
const IDLE_MAX: u32 = 10_000;

/// The clock on the wall: time that passed, and jumps. It goes on through crashes.
pub struct Wall {
    base: AtomicI64,
    turns: Mutex<Arc<Turns>>,
}

impl Wall {
    /// A clock of a machine that was never up.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { base: AtomicI64::new(BEGIN), turns: Mutex::new(Turns::new()) })
    }

    fn passed(&self) -> i64 {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).now()
    }

    /// The machine is up again, with new threads and their time at zero.
    pub fn restart(&self, turns: &Arc<Turns>) {
        let passed = self.passed();
        self.base.fetch_add(passed, Ordering::SeqCst);
        *self.turns.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(turns);
    }

    /// Somebody sets the clock.
    pub fn jump(&self, nanos: i64) {
        self.base.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.base.load(Ordering::SeqCst) + self.passed())
    }
}

/// Runs as the program resolves them.
pub struct Resolver;

impl RunResolver for Resolver {
    fn resolve(&self, spans: &[Arc<Span>], now: Timestamp) -> Option<Run> {
        let settings = signals::runs::Settings::default();
        signals::runs::resolve(spans, now, &settings).map(|resolved| resolved.run)
    }
}

/// A life of the machine.
pub struct Machine {
    pub turns: Arc<Turns>,
    pub disk: SimDisk,
    pub wall: Arc<Wall>,
    /// Steps of the disk after which clients stop.
    pub until: u64,
    failure: Mutex<Option<String>>,
}

impl Machine {
    /// Begins a life.
    pub fn new(disk: &SimDisk, wall: &Arc<Wall>, turns: Arc<Turns>, until: u64) -> Arc<Self> {
        let machine = Self { turns, disk: disk.clone(), wall: Arc::clone(wall), until, failure: Mutex::new(None) };
        Arc::new(machine)
    }

    /// The time on the wall.
    pub fn now(&self) -> Timestamp {
        self.wall.now()
    }

    /// Whether clients have sent enough.
    pub fn is_done(&self) -> bool {
        self.disk.steps() >= self.until || self.failure().is_some()
    }

    /// Something is wrong with the store.
    pub fn fail(&self, what: String) {
        // After the crash nothing can be read.
        if !self.disk.is_dead() {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
        }
    }

    /// What was found wrong first.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The end of this life: the disk takes nothing any more, and threads run to their end without being asked.
    pub fn end(&self) {
        self.disk.stop();
        self.turns.set_free();
    }

    /// Opens the store on this machine.
    pub async fn open(self: Arc<Self>, settings: Settings) -> Result<Store, StoreError> {
        let machine = store::Machine {
            disk: Arc::new(self.disk.clone()),
            threads: Arc::new(SimThreads(Arc::clone(&self.turns))),
            clock: Arc::clone(&self.wall) as Arc<dyn Clock>,
        };
        Store::open_on(machine, settings, Arc::new(Resolver), Arc::new(replay)).await
    }

    /// Lets tasks and threads go on until `until`, or until the machine crashes or something is found wrong.
    pub async fn drive(&self, rng: &mut ChaCha8Rng, until: impl Fn() -> bool) {
        let mut idle = 0;
        for turn in 0.. {
            // Tasks that are ready go on; what they wake goes on in the next rounds.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            if self.disk.is_dead() || self.failure().is_some() || until() {
                return;
            }
            if let Some(panic) = self.turns.panics().into_iter().next() {
                self.fail(format!("a thread of the store panicked: {panic}"));
                return;
            }
            match self.turns.step(rng) {
                Turn::Idle => idle += 1,
                Turn::Done | Turn::Passed => idle = 0,
            }
            if idle > IDLE_MAX || turn > TURNS_MAX {
                self.fail("the store is stuck: nobody goes on, and not everybody is done".into());
                return;
            }
        }
    }
}

/// Settings that make everything happen often.
pub fn settings(data: &Path, rng: &mut ChaCha8Rng) -> Settings {
    use rand::Rng;
    Settings {
        log_file_bytes: rng.random_range(2_000..40_000),
        flush_bytes: 20_000,
        hot_bytes_max: rng.random_range(150_000..2_000_000),
        queue_bytes_max: 64 * 1024,
        segment_bytes: rng.random_range(20_000..400_000),
        grace: std::time::Duration::from_millis(rng.random_range(0..2_000)),
        ..Settings::new(data)
    }
}

/// Ends the machine's life when dropped. Dropping a store waits for its thread: made after the store, it goes first.
pub struct Ends<'a>(pub &'a Machine);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
