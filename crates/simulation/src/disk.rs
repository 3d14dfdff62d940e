//! A disk in memory that keeps apart what was written and what was synced, refuses by seed, and forgets at a crash what
//! `docs/formats/log.md` says a disk may forget.
//!
//! Each operation is a step. Before it, other threads may go on; in it, the machine may crash, and then the operation is
//! done wholly, partly or not at all.

mod durable;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use object_store::ObjectStore;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use store::{Disk, LogFile};

use crate::objects::Objects;
use crate::turns::Turns;

/// How often things go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// One operation of so many fails; 0 for none.
    pub fail_one_in: u32,
    /// The disk becomes full after so many operations on average, for as many; 0 for never.
    pub full_one_in: u32,
    /// One operation of so many takes long; 0 for none.
    pub slow_one_in: u32,
    /// Syncs of files are reported and not done: what a disk that lies does, or code that forgets to ask. Not a fault the
    /// store can bear; it shows that the simulation finds one.
    pub lying_sync: bool,
}

impl Faults {
    /// All is well.
    pub const NONE: Self = Self { fail_one_in: 0, full_one_in: 0, slow_one_in: 0, lying_sync: false };
}

/// What ends the machine's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process is killed: the system still has what was written.
    Killed,
    /// The machine loses power: what was not synced is lost in any part.
    PowerLost,
}

/// Counts of what happened, by kind.
pub type Counts = BTreeMap<&'static str, u64>;

#[derive(Debug, Default, Clone)]
struct Inode {
    /// As read.
    bytes: Vec<u8>,
    /// As it would be found after a power failure, up to `dirty`.
    durable: Vec<u8>,
    /// Where bytes begin that no sync was asked for.
    dirty: usize,
}

struct Inner {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    directories: BTreeSet<PathBuf>,
    durable_directories: BTreeSet<PathBuf>,
    rng: ChaCha8Rng,
    faults: Faults,
    full: bool,
    full_turns_at: u64,
    steps: u64,
    crash_at: u64,
    dead: bool,
    counts: Counts,
    digest: DefaultHasher,
    /// What paths are told from: the folder's name differs from run to run.
    root: PathBuf,
}

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    /// It fails, and may have been done in part.
    Failed,
    /// There is no room.
    Full,
    /// The machine stops in the middle of it.
    Crashed,
}

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    inner: Arc<Mutex<Inner>>,
    turns: Arc<Mutex<Arc<Turns>>>,
}

/// Kinds of operation that matter for what may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// Needs room.
    Grow,
    Sync,
    /// Changes names or lengths.
    Change,
    Read,
    /// A transaction of the catalog is about to be kept.
    Transaction,
    /// It has been.
    Kept,
}

impl SimDisk {
    /// An empty disk with the directory `root`.
    pub fn new(seed: u64, root: &Path) -> Self {
        let root = root.to_owned();
        let directories = BTreeSet::from([root.clone()]);
        let inner = Inner {
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            directories: directories.clone(),
            durable_directories: directories,
            rng: ChaCha8Rng::seed_from_u64(seed),
            faults: Faults::NONE,
            full: false,
            full_turns_at: 0,
            steps: 0,
            crash_at: u64::MAX,
            dead: false,
            counts: Counts::new(),
            digest: DefaultHasher::new(),
            root,
        };
        Self { inner: Arc::new(Mutex::new(inner)), turns: Arc::new(Mutex::new(Turns::new())) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a life of the machine: which threads it has, what goes wrong, and after how many steps it ends.
    pub fn begin(&self, turns: &Arc<Turns>, faults: Faults, crash_in: Option<u64>) {
        *self.turns.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(turns);
        let mut inner = self.inner();
        inner.faults = faults;
        inner.dead = false;
        inner.full = false;
        inner.plan_full();
        inner.crash_at = crash_in.map_or(u64::MAX, |steps| inner.steps + steps);
    }

    /// Ends the machine's life now.
    pub fn stop(&self) {
        self.inner().dead = true;
    }

    /// Whether the machine has crashed.
    pub fn is_dead(&self) -> bool {
        self.inner().dead
    }

    /// Whether operations may fail just now.
    pub fn is_failing(&self) -> bool {
        let inner = self.inner();
        inner.dead || inner.faults != Faults::NONE
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.inner().steps
    }

    /// What went wrong so far, by kind.
    pub fn counts(&self) -> Counts {
        self.inner().counts.clone()
    }

    /// A number that two runs have in common only if they did the same.
    pub fn digest(&self) -> u64 {
        self.inner().digest.finish()
    }

    /// Counts what happens to the machine besides its disk.
    pub fn note(&self, what: &'static str) {
        self.inner().count(what);
    }

    /// What is left after a crash.
    pub fn crash(&self, crash: Crash) {
        let mut inner = self.inner();
        let inner = &mut *inner;
        match crash {
            Crash::Killed => {
                // What a failed sync threw away may be read for a while; the next process is given the truth.
                for inode in &mut inner.inodes {
                    let dirty = inode.dirty.min(inode.bytes.len());
                    let clean = dirty.min(inode.durable.len());
                    inode.bytes[..clean].copy_from_slice(&inode.durable[..clean]);
                }
            }
            Crash::PowerLost => inner.lose_power(),
        }
        *inner.counts.entry(if crash == Crash::Killed { "kills" } else { "power failures" }).or_default() += 1;
    }

    /// One operation: others go on first, then it is done as its fate says.
    fn step<T>(&self, kind: Kind, path: &Path, act: impl FnOnce(&mut Inner, Fate) -> io::Result<T>) -> io::Result<T> {
        let delay = self.inner().delay(kind);
        let turns = Arc::clone(&self.turns.lock().unwrap_or_else(PoisonError::into_inner));
        // In a transaction the catalog is locked: nobody else could go on to where they need it.
        if !matches!(kind, Kind::Transaction | Kind::Kept) {
            turns.pause(delay);
        }
        let mut inner = self.inner();
        let fate = inner.fate(kind)?;
        let mut digest = inner.digest.clone();
        (kind, path.strip_prefix(&inner.root).ok(), inner.steps, turns.now()).hash(&mut digest);
        inner.digest = digest;
        act(&mut inner, fate)
    }

    /// An operation that is done or not.
    fn change(&self, kind: Kind, path: &Path, act: impl FnOnce(&mut Inner) -> io::Result<()>) -> io::Result<()> {
        self.step(kind, path, |inner, fate| match fate {
            Fate::Done => act(inner),
            Fate::Full => Err(io::ErrorKind::StorageFull.into()),
            Fate::Failed | Fate::Crashed => {
                if inner.rng.random() {
                    act(inner)?;
                }
                Err(fate.error())
            }
        })
    }

    /// Bytes of a file, for a reader on the main thread.
    pub(crate) fn object(&self, path: &Path) -> io::Result<Vec<u8>> {
        let inner = self.inner();
        if inner.dead { Err(Fate::Crashed.error()) } else { inner.bytes(path) }
    }

    /// Nanoseconds a read takes.
    pub(crate) fn read_delay(&self) -> i64 {
        self.inner().delay(Kind::Read)
    }

    pub(crate) fn turns(&self) -> Arc<Turns> {
        Arc::clone(&self.turns.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Fate {
    fn error(self) -> io::Error {
        match self {
            Fate::Full => io::ErrorKind::StorageFull.into(),
            Fate::Crashed => io::Error::other("the machine has crashed"),
            _ => io::Error::other("the simulated disk failed"),
        }
    }
}

impl Inner {
    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn one_in(&mut self, many: u32) -> bool {
        many > 0 && self.rng.random_range(0..many) == 0
    }

    fn plan_full(&mut self) {
        let every = self.faults.full_one_in;
        self.full_turns_at =
            if every == 0 { u64::MAX } else { self.steps + self.rng.random_range(1..=u64::from(every) * 2) };
    }

    fn delay(&mut self, kind: Kind) -> i64 {
        let slow = self.faults.slow_one_in;
        if !self.dead && self.one_in(slow) {
            self.count("slow operations");
            return self.rng.random_range(1_000_000..400_000_000);
        }
        // A sync is what takes time on a disk.
        if kind == Kind::Sync { 1_000_000 } else { 10_000 }
    }

    fn fate(&mut self, kind: Kind) -> io::Result<Fate> {
        if self.dead {
            return Err(Fate::Crashed.error());
        }
        self.steps += 1;
        if self.steps >= self.crash_at {
            self.dead = true;
            return Ok(Fate::Crashed);
        }
        if self.steps >= self.full_turns_at {
            self.full = !self.full;
            self.plan_full();
            if self.full {
                self.count("full disks");
            }
        }
        if self.full && matches!(kind, Kind::Grow | Kind::Transaction) {
            self.count("refused for space");
            return Ok(Fate::Full);
        }
        let failing = self.faults.fail_one_in;
        if kind != Kind::Read && self.one_in(failing) {
            self.count(match kind {
                Kind::Grow => "failed writes",
                Kind::Sync => "failed syncs",
                Kind::Transaction | Kind::Kept => "failed transactions",
                Kind::Change | Kind::Read => "failed changes",
            });
            return Ok(Fate::Failed);
        }
        Ok(Fate::Done)
    }

    fn at(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn bytes(&self, path: &Path) -> io::Result<Vec<u8>> {
        Ok(self.inodes[self.at(path)?].bytes.clone())
    }

    fn create(&mut self, path: &Path) -> io::Result<usize> {
        if self.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !path.parent().is_some_and(|parent| self.directories.contains(parent)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.inodes.push(Inode::default());
        self.names.insert(path.to_owned(), self.inodes.len() - 1);
        Ok(self.inodes.len() - 1)
    }

    fn append(&mut self, inode: usize, bytes: &[u8], fate: Fate) -> io::Result<()> {
        let part = if fate == Fate::Done { bytes.len() } else { self.rng.random_range(0..=bytes.len()) };
        self.inodes[inode].bytes.extend_from_slice(&bytes[..part]);
        if part > 0 && part < bytes.len() {
            self.count("torn writes");
        }
        if fate == Fate::Done { Ok(()) } else { Err(fate.error()) }
    }
}

struct SimFile {
    disk: SimDisk,
    path: PathBuf,
    inode: usize,
}

impl LogFile for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.step(Kind::Grow, &self.path, |inner, fate| {
            bytes.len().hash(&mut inner.digest);
            inner.append(self.inode, bytes, fate)
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.step(Kind::Sync, &self.path, |inner, fate| inner.sync(self.inode, fate))
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let inode = self.step(Kind::Grow, path, |inner, fate| match fate {
            Fate::Done => inner.create(path),
            Fate::Full => Err(fate.error()),
            Fate::Failed | Fate::Crashed => {
                if inner.rng.random() {
                    inner.create(path)?;
                }
                Err(fate.error())
            }
        })?;
        Ok(Box::new(SimFile { disk: self.clone(), path: path.to_owned(), inode }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.step(Kind::Read, path, |inner, fate| match fate {
            Fate::Done => inner.bytes(path),
            _ => Err(fate.error()),
        })
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.change(Kind::Change, path, |inner| inner.truncate(path, length))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.step(Kind::Sync, path, |inner, fate| {
            let inode = inner.at(path)?;
            inner.sync(inode, fate)
        })
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<(String, u64)>> {
        let all = self.list_all(directory)?;
        Ok(all.into_iter().filter(|(path, _)| !path.contains('/')).collect())
    }

    fn list_all(&self, directory: &Path) -> io::Result<Vec<(String, u64)>> {
        self.step(Kind::Read, directory, |inner, fate| match fate {
            Fate::Done => {
                let below = inner.names.iter().filter_map(|(path, inode)| {
                    let path = path.strip_prefix(directory).ok()?.to_string_lossy().into_owned();
                    Some((path, inner.inodes[*inode].bytes.len() as u64))
                });
                Ok(below.collect())
            }
            _ => Err(fate.error()),
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(Kind::Change, path, |inner| {
            inner.names.remove(path);
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(Kind::Change, to, |inner| {
            let inode = inner.at(from)?;
            inner.names.remove(from);
            inner.names.insert(to.to_owned(), inode);
            Ok(())
        })
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.change(Kind::Grow, path, |inner| {
            if inner.directories.contains(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            if !path.parent().is_some_and(|parent| inner.directories.contains(parent)) {
                return Err(io::ErrorKind::NotFound.into());
            }
            inner.directories.insert(path.to_owned());
            Ok(())
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step(Kind::Sync, path, |inner, fate| {
            inner.sync_names(path, fate == Fate::Done);
            if fate == Fate::Done { Ok(()) } else { Err(fate.error()) }
        })
    }

    fn object_store(&self, root: &Path) -> io::Result<Arc<dyn ObjectStore>> {
        Ok(Arc::new(Objects { disk: self.clone(), root: root.to_owned() }))
    }

    fn before_transaction(&self) -> io::Result<()> {
        self.step(Kind::Transaction, Path::new("catalog"), |_, fate| match fate {
            Fate::Done => Ok(()),
            _ => Err(fate.error()),
        })
    }

    fn after_transaction(&self) -> io::Result<()> {
        self.step(Kind::Kept, Path::new("catalog"), |_, fate| match fate {
            Fate::Done => Ok(()),
            _ => Err(fate.error()),
        })
    }
}
