//! The store on a simulated machine, against a plain model.
//!
//! The store's own code runs on a disk that fails, fills up, is slow and forgets at a crash what was not synced, with a
//! clock that jumps and threads whose order the seed decides. Clients send, repeat what got no answer, and send news of
//! old spans; flush and compaction run at random, readers look in between. After each crash the store is opened again
//! and everything is compared: what was acknowledged is there exactly once, byte for byte, in its newest form; of each
//! request without an answer everything is there or nothing.
//!
//! The same seed does the same again, step by step. What is assumed: of the disk, what `docs/formats/log.md` says; of
//! SQLite, that a transaction is kept wholly or not at all, and is durable once its commit has returned. The catalog is
//! a real file that no crash harms.

mod client;
mod disk;
mod look;
mod machine;
mod objects;
mod plain;
mod requests;
mod turns;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use store::{Settings, Store, StoreError};
use tokio::task::JoinHandle;

use client::{Client, Sending, Shared, lock};
pub use disk::{Counts, Faults};
use disk::{Crash, SimDisk};
use machine::{Ends, Machine, Wall};
use turns::Turns;

/// What to simulate.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Decides everything else.
    pub seed: u64,
    /// Steps of the disk after which clients stop.
    pub steps: u64,
    /// Sync every file as the store asks for it; `false` shows that the simulation notices.
    pub honest_disk: bool,
    /// Whether the store waits for the disk before it answers; [`store::Sync::Off`] shows that the simulation notices.
    pub sync: store::Sync,
}

impl Plan {
    /// The plan of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, steps: 3_000, honest_disk: true, sync: store::Sync::Always }
    }
}

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Steps of the disk.
    pub steps: u64,
    /// Faults and crashes by kind.
    pub counts: Counts,
    /// Times everything was compared with the model, in between and after each start.
    pub checks: u64,
    /// What clients sent and heard.
    pub sending: [(&'static str, u64); 4],
    /// Starts, failed ones included.
    pub starts: u64,
    /// Equal where two runs did the same, step by step.
    pub digest: u64,
}

/// The store did what it must not.
#[derive(Debug)]
pub struct Failure {
    /// The plan that shows it.
    pub plan: Plan,
    /// What was found.
    pub what: String,
    /// At which step of the disk.
    pub step: u64,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { seed, steps, .. } = &self.plan;
        write!(f, "seed {seed}, step {}: {}", self.step, self.what)?;
        write!(f, "\nagain: cargo xtask sim --seed {seed} --steps {steps}")
    }
}

impl std::error::Error for Failure {}

/// Runs a plan to its end.
///
/// # Errors
/// The first thing that is not as the model says.
pub fn run(plan: &Plan) -> Result<Report, Failure> {
    let folder = tempfile::Builder::new().prefix("tawny-simulation").tempdir_in(fast_folder());
    let folder = folder.expect("a folder for the catalog");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder for the catalog");
    let mut world = World::new(plan, &data);
    match world.live() {
        Ok(()) => Ok(world.report()),
        Err(what) => Err(Failure { plan: plan.clone(), what, step: world.disk.steps() }),
    }
}

/// Where SQLite's syncs cost least: what is there is gone after a real power failure, which is not what is simulated.
pub fn fast_folder() -> std::path::PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// Everything that outlives a crash.
struct World<'a> {
    plan: &'a Plan,
    rng: ChaCha8Rng,
    disk: SimDisk,
    wall: Arc<Wall>,
    settings: Settings,
    clients: Vec<Shared>,
    checks: Arc<std::sync::atomic::AtomicU64>,
    starts: u64,
}

/// How a life ended.
enum End {
    /// The machine crashed, or the store was dropped without a word.
    Crashed,
    /// Clients are done and everything was closed in order.
    Closed,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, data: &Path) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        let settings = Settings { sync: plan.sync, ..machine::settings(data, &mut rng) };
        let clients = (0..rng.random_range(1..5)).map(|number| Client::new(plan.seed, number)).collect();
        Self {
            plan,
            disk: SimDisk::new(plan.seed ^ 0xd15c, data),
            wall: Wall::new(),
            settings,
            clients,
            checks: Arc::default(),
            starts: 0,
            rng,
        }
    }

    /// Lives and crashes until clients are done; then a last life in which nothing goes wrong.
    fn live(&mut self) -> Result<(), String> {
        while self.disk.steps() < self.plan.steps {
            let faults = self.faults();
            let longest = [40, 400, 2_000][self.rng.random_range(0..3)];
            let crash_in = self.rng.random_range(1..=longest);
            self.one_life(faults, Some(crash_in))?;
        }
        // Everything is well; what is left is put in order, and is there after a clean start too.
        for _ in 0..2 {
            self.one_life(Faults::NONE, None)?;
        }
        Ok(())
    }

    fn faults(&mut self) -> Faults {
        let mut often = |choices: [u32; 4]| choices[self.rng.random_range(0..4)];
        Faults {
            fail_one_in: often([0, 0, 40, 200]),
            full_one_in: often([0, 0, 60, 400]),
            slow_one_in: often([0, 10, 50, 50]),
            lying_sync: !self.plan.honest_disk,
        }
    }

    fn one_life(&mut self, faults: Faults, crash_in: Option<u64>) -> Result<(), String> {
        let turns = Turns::new();
        self.starts += 1;
        self.wall.restart(&turns);
        self.disk.begin(&turns, faults, crash_in);
        let machine = Machine::new(&self.disk, &self.wall, Arc::clone(&turns), self.plan.steps);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let end = runtime.block_on(self.inside(&machine));
        let crash = match (&end, self.rng.random_range(0..2)) {
            (Ok(End::Closed), _) if crash_in.is_none() => None,
            (_, 0) => Some(Crash::Killed),
            _ => Some(Crash::PowerLost),
        };
        // Whoever is still there finds a disk that takes nothing any more.
        machine.end();
        drop(runtime);
        turns.join();
        if let Some(crash) = crash {
            self.disk.crash(crash);
        }
        let panic = turns.panics().into_iter().next().map(|panic| format!("a thread of the store panicked: {panic}"));
        match machine.failure().or(panic) {
            Some(failure) => Err(failure),
            None => end.map(drop),
        }
    }

    /// From start to crash.
    async fn inside(&mut self, machine: &Arc<Machine>) -> Result<End, String> {
        let opening = tokio::spawn(Arc::clone(machine).open(self.settings.clone()));
        let Some(opened) = self.finished(machine, opening).await? else { return Ok(End::Crashed) };
        let store = match opened {
            Ok(store) => store,
            Err(error) if may_happen(&error) && machine.disk.is_failing() => return Ok(End::Crashed),
            Err(error) => return Err(format!("the store does not open: {error}")),
        };
        let _ends = Ends(machine);
        let settling = tokio::spawn(settle(store.clone(), self.clients.clone()));
        let Some(settled) = self.finished(machine, settling).await? else { return Ok(End::Crashed) };
        settled.map_err(|error| format!("after a start: {error}"))?;
        self.checks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.work(machine, &store).await?;
        if machine.disk.is_dead() || machine.failure().is_some() {
            return Ok(End::Crashed);
        }
        if self.rng.random_range(0..3) == 0 && machine.disk.is_failing() {
            return Ok(End::Crashed);
        }
        let closing = tokio::spawn(close(store.clone(), Arc::clone(machine), self.clients.clone()));
        let Some(closed) = self.finished(machine, closing).await? else { return Ok(End::Crashed) };
        closed?;
        machine.drive(&mut self.rng, || !machine.turns.is_busy()).await;
        Ok(End::Closed)
    }

    /// Waits for a task; `None` when the machine crashed first.
    async fn finished<T>(&mut self, machine: &Machine, task: JoinHandle<T>) -> Result<Option<T>, String> {
        machine.drive(&mut self.rng, || task.is_finished()).await;
        if machine.disk.is_dead() || !task.is_finished() {
            machine.end();
            return Ok(None);
        }
        match task.await {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(panicked(error)),
        }
    }

    /// Clients, flush, compaction, readers and a clock that jumps, until the clients are done.
    async fn work(&mut self, machine: &Arc<Machine>, store: &Store) -> Result<(), String> {
        let (m, s) = (machine, store);
        let clients: Vec<JoinHandle<()>> = self
            .clients
            .iter()
            .map(|client| tokio::spawn(client::work(Arc::clone(client), s.clone(), Arc::clone(m))))
            .collect();
        let mut seed = || ChaCha8Rng::seed_from_u64(self.rng.random());
        let others = [
            tokio::spawn(flushes(s.clone(), Arc::clone(m), seed())),
            tokio::spawn(compactions(s.clone(), Arc::clone(m), seed())),
            tokio::spawn(jumps(Arc::clone(m), seed())),
            tokio::spawn(reads(s.clone(), Arc::clone(m), self.clients.clone(), Arc::clone(&self.checks), seed())),
        ];
        machine.drive(&mut self.rng, || clients.iter().chain(&others).all(JoinHandle::is_finished)).await;
        for task in clients.into_iter().chain(others) {
            if task.is_finished()
                && let Err(error) = task.await
            {
                return Err(panicked(error));
            }
        }
        Ok(())
    }

    fn report(&self) -> Report {
        let mut total = Sending::default();
        for client in &self.clients {
            let sending = lock(client).sending;
            total.acknowledged += sending.acknowledged;
            total.refused += sending.refused;
            total.turned_away += sending.turned_away;
            total.repeated += sending.repeated;
        }
        Report {
            steps: self.disk.steps(),
            counts: self.disk.counts(),
            checks: self.checks.load(std::sync::atomic::Ordering::Relaxed),
            sending: [
                ("acknowledged", total.acknowledged),
                ("answered with an error", total.refused),
                ("turned away", total.turned_away),
                ("repeated", total.repeated),
            ],
            starts: self.starts,
            digest: self.disk.digest(),
        }
    }
}

fn panicked(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => format!("a task panicked: {}", turns::said(&*panic)),
        Err(error) => format!("a task ended early: {error}"),
    }
}

/// Errors that a failing disk explains. That files or the catalog are missing is never one of them.
fn may_happen(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { .. } | StoreError::Catalog { .. } | StoreError::Segment { .. })
}

/// Compares everything with the model after a start, and with what was sent.
async fn settle(store: Store, clients: Vec<Shared>) -> Result<(), String> {
    let mut seen = look::everything(&store).await?;
    for client in &clients {
        let (number, traces) = {
            let mut client = lock(client);
            let found = seen.remove(&client.number).unwrap_or_default();
            let last = client.plain.unanswered();
            if let Err(expected) = client.plain.settle(&found) {
                let what = plain::difference(&expected, &found);
                return Err(format!("client {}: beside requests without an answer:\n{what}", client.number));
            }
            client.restart(last);
            let traces: std::collections::BTreeSet<u64> = found.spans.keys().map(|(trace, _)| *trace).collect();
            (client.number, traces)
        };
        // All of them each time would cost more than it shows: readers look at others.
        for trace in traces.iter().rev().take(12) {
            let sent = std::mem::take(&mut lock(client).sent);
            let read = look::trace(&store, number, *trace, &sent).await;
            lock(client).sent = sent;
            read?;
        }
    }
    match seen.into_iter().next() {
        Some((client, _)) => Err(format!("rows of a client {client} that does not exist")),
        None => Ok(()),
    }
}

/// Flushes, compacts and closes; nothing may be left over where nothing goes wrong.
async fn close(store: Store, machine: Arc<Machine>, clients: Vec<Shared>) -> Result<(), String> {
    let may_fail = || machine.disk.is_failing();
    if let Err(error) = store.flush().await
        && !may_fail()
    {
        return Err(format!("the last flush failed: {error}"));
    }
    for round in 0.. {
        match store.compact().await {
            Ok(compacted) if compacted.inputs == 0 => break,
            Err(error) if !may_fail() => return Err(format!("the last compaction failed: {error}")),
            Err(_) => break,
            Ok(_) if round > 500 => return Err("compaction does not end".into()),
            Ok(_) => {}
        }
    }
    if !may_fail() {
        let seen = look::everything(&store).await?;
        for client in &clients {
            let client = lock(client);
            let (expected, found) = (client.plain.now(), seen.get(&client.number).cloned().unwrap_or_default());
            if expected != found {
                return Err(format!("client {} at the end:\n{}", client.number, plain::difference(&expected, &found)));
            }
        }
        let checked = store.check().await.map_err(|error| format!("the check at the end failed: {error}"))?;
        if let Some(fault) = checked.faults.first() {
            let (place, problem) = (&fault.place, &fault.problem);
            return Err(format!("the check at the end found {}, first {place}: {problem}", checked.faults_found));
        }
        let stats = store.stats();
        if stats.hot_bytes > 0 && stats.log_flushed < stats.log_sequence {
            return Err(format!("after the last flush {} bytes are still hot", stats.hot_bytes));
        }
        if stats.unreadable_segments + stats.missing_segments + stats.queue_bytes > 0 {
            return Err(format!("at the end: {stats:?}"));
        }
    }
    store.close().await;
    Ok(())
}

async fn flushes(store: Store, machine: Arc<Machine>, mut rng: ChaCha8Rng) {
    let every = rng.random_range(5..80);
    while !machine.is_done() {
        machine.turns.sleep(rng.random_range(1..=every) * 1_000_000).await;
        if let Err(error) = store.flush().await
            && !machine.disk.is_failing()
        {
            machine.fail(format!("a flush failed: {error}"));
        }
    }
}

async fn compactions(store: Store, machine: Arc<Machine>, mut rng: ChaCha8Rng) {
    let every = rng.random_range(5..200);
    while !machine.is_done() {
        machine.turns.sleep(rng.random_range(1..=every) * 1_000_000).await;
        if let Err(error) = store.compact().await
            && !machine.disk.is_failing()
        {
            machine.fail(format!("a compaction failed: {error}"));
        }
    }
}

async fn jumps(machine: Arc<Machine>, mut rng: ChaCha8Rng) {
    const MINUTE: i64 = 60_000_000_000;
    while !machine.is_done() {
        machine.turns.sleep(rng.random_range(50..800) * 1_000_000).await;
        let minutes = match rng.random_range(0..4) {
            0 => -rng.random_range(1..120),
            1 => rng.random_range(1..5) * 24 * 60,
            _ => rng.random_range(1..90),
        };
        machine.wall.jump(minutes * MINUTE);
        machine.disk.note("clock jumps");
    }
}

/// Looks at everything in the middle of it all: nothing acknowledged is missing, nothing refused is there.
async fn reads(
    store: Store,
    machine: Arc<Machine>,
    clients: Vec<Shared>,
    checks: Arc<std::sync::atomic::AtomicU64>,
    mut rng: ChaCha8Rng,
) {
    while !machine.is_done() {
        machine.turns.sleep(rng.random_range(5..150) * 1_000_000).await;
        let began: BTreeMap<u64, (usize, bool)> = clients
            .iter()
            .map(|client| {
                let client = lock(client);
                (client.number, (client.plain.sent(), client.plain.is_answered()))
            })
            .collect();
        let seen = match look::everything(&store).await {
            Ok(seen) => seen,
            // A query may outlast the grace period where the clock jumps.
            Err(error) if error.contains("not found") => continue,
            Err(error) => return machine.fail(format!("in between: {error}")),
        };
        checks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        for client in &clients {
            let client = lock(client);
            let (sent, answered) = began[&client.number];
            let found = seen.get(&client.number).cloned().unwrap_or_default();
            let visible = client.plain.visible(sent, answered);
            if !visible.contains(&found) {
                let what = visible.first().map(|expected| plain::difference(expected, &found)).unwrap_or_default();
                return machine.fail(format!("in between, client {}:\n{what}", client.number));
            }
        }
    }
}
