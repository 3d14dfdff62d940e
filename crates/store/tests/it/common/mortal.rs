//! A disk that stops after a number of operations, as the machine would.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use object_store::ObjectStore;
use store::{Clock, Disk, LogFile, Machine, RealDisk, RealThreads, Settings, Store, StoreError, Sync as Syncing};

use super::{CountingResolver, TestClock, replay, settings};

/// The real disk until a number of operations is used up; from then on every operation fails, as after a kill. A write
/// that is under way then leaves a part. Remembers how much of each file was synced, under its present name.
#[derive(Clone)]
pub struct MortalDisk {
    pub left: Arc<AtomicI64>,
    synced: Arc<Mutex<HashMap<PathBuf, u64>>>,
    /// Refuse to write segments, as on a full disk.
    pub full: Arc<AtomicBool>,
}

impl MortalDisk {
    pub fn new(operations: i64) -> Self {
        Self { left: Arc::new(AtomicI64::new(operations)), synced: Arc::default(), full: Arc::default() }
    }

    fn step(&self) -> io::Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { Err(io::Error::other("killed")) }
    }

    /// What a power failure leaves: of bytes that were not synced only a part, chosen by `seed`.
    pub fn lose_unsynced(&self, seed: u64) {
        for (path, synced) in self.synced.lock().unwrap().iter() {
            let Ok(file) = fs::OpenOptions::new().write(true).open(path) else { continue };
            let length = file.metadata().unwrap().len();
            if length > *synced {
                file.set_len(synced + seed % (length - synced + 1)).unwrap();
            }
        }
    }
}

/// Opens a store on this disk, with log files so small that there are several of them.
pub async fn open_on(disk: &MortalDisk, data: &Path, clock: &Arc<TestClock>) -> Result<Store, StoreError> {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    let settings = Settings { log_file_bytes: 1500, sync: Syncing::Always, cache_bytes_max: 0, ..settings(data) };
    let machine = Machine { disk: Arc::new(disk.clone()), threads: Arc::new(RealThreads), clock };
    Store::open_on(machine, settings, Arc::new(CountingResolver), replay()).await
}

struct MortalFile(MortalDisk, PathBuf, Box<dyn LogFile>);

impl LogFile for MortalFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.0.step() {
            if self.0.left.load(Ordering::SeqCst) == -1 {
                self.2.append(&bytes[..bytes.len() / 2])?;
            }
            return Err(error);
        }
        self.2.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.step()?;
        let length = fs::metadata(&self.1)?.len();
        self.0.synced.lock().unwrap().insert(self.1.clone(), length);
        Ok(())
    }
}

impl Disk for MortalDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        if self.full.load(Ordering::SeqCst) && path.extension().is_some_and(|kind| kind == "parquet") {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.step()?;
        let file = RealDisk.create(path)?;
        self.synced.lock().unwrap().insert(path.to_owned(), 0);
        Ok(Box::new(MortalFile(self.clone(), path.to_owned(), file)))
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.step()?;
        RealDisk.read(path)
    }
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.step()?;
        RealDisk.truncate(path, length)
    }
    fn list(&self, directory: &Path) -> io::Result<Vec<(String, u64)>> {
        self.step()?;
        RealDisk.list(directory)
    }
    fn list_all(&self, directory: &Path) -> io::Result<Vec<(String, u64)>> {
        self.step()?;
        RealDisk.list_all(directory)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.remove(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.rename(from, to)?;
        let mut synced = self.synced.lock().unwrap();
        if let Some(bytes) = synced.remove(from) {
            synced.insert(to.to_owned(), bytes);
        }
        Ok(())
    }
    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.make_dir(path)
    }
    fn sync_file(&self, _: &Path) -> io::Result<()> {
        self.step()
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.step()
    }
    fn before_transaction(&self) -> io::Result<()> {
        self.step()
    }
    fn after_transaction(&self) -> io::Result<()> {
        self.step()
    }
    fn object_store(&self, root: &Path) -> io::Result<Arc<dyn ObjectStore>> {
        RealDisk.object_store(root)
    }
}
