//! Segment files: in the data directory, written through [`Disk`] and read through `object_store`; or in a bucket, both
//! through `object_store`.
//!
//! What is not marked `async` blocks, and with a bucket must be called from a thread of a tokio runtime that may.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::TryStreamExt;
use model::Timestamp;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use crate::disk::{self, Disk};
use crate::error::StoreError;
use crate::location::Bucket;
use crate::settings::Settings;
use crate::snapshot::SegmentMeta;

/// Where files are put that nobody names and that may be of worth to somebody, below the data directory or in the bucket.
pub(crate) const QUARANTINE: &str = "quarantine";
/// How segment files are called there: by their path, its slashes replaced.
const ASIDE: &str = "segments__";

/// Where segment files are.
#[derive(Clone)]
pub(crate) struct Files {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    /// Directories whose names this process has made durable.
    durable: Arc<Mutex<HashSet<PathBuf>>>,
    bucket: Option<Bucket>,
    /// The bucket itself, where `bucket` is behind a cache.
    origin: Option<Arc<dyn ObjectStore>>,
    /// This process, in the bucket.
    process: Option<u64>,
    /// Whether another process was found to have the bucket.
    taken_over: Arc<AtomicBool>,
    /// Objects whose put failed and that may be there all the same: no catalog entry will name them.
    doubtful: Arc<Mutex<Vec<ObjectPath>>>,
    /// Keeps other processes out as long as anybody may write here: also work that a store which is gone had begun.
    _lock: Option<Arc<File>>,
}

impl Files {
    pub fn new(disk: Arc<dyn Disk>, settings: &Settings) -> Self {
        let origin = settings.bucket.as_ref().map(|bucket| Arc::clone(&bucket.store));
        Self {
            disk,
            root: settings.data.clone(),
            durable: Arc::default(),
            bucket: settings.bucket.clone(),
            origin,
            process: None,
            taken_over: Arc::default(),
            doubtful: Arc::default(),
            _lock: None,
        }
    }

    /// The same place, which stays locked as long as it is known.
    pub fn locked_by(mut self, lock: Arc<File>) -> Self {
        self._lock = Some(lock);
        self
    }

    /// The disk of the data directory.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The same place, changed only while `process` is the one that entered the bucket last.
    pub fn held_by(mut self, process: u64) -> Self {
        self.process = Some(process);
        self
    }

    /// The same place, read and written through `store`: a cache in front of the bucket.
    pub fn through(mut self, store: Arc<dyn ObjectStore>) -> Self {
        if let Some(bucket) = &mut self.bucket {
            bucket.store = store;
        }
        self
    }

    /// The bucket, where segments are in one.
    pub fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    /// Whether another process was found to have the bucket.
    pub fn is_taken_over(&self) -> bool {
        self.taken_over.load(Ordering::Relaxed)
    }

    /// Asked before each change of the bucket: a process that was displaced, but runs on, would remove or write over what
    /// the catalog of the other one names.
    ///
    /// # Errors
    /// [`StoreError::TakenOver`] where another process entered since; from then on without asking again.
    pub async fn must_be_ours(&self) -> Result<(), StoreError> {
        let (Some(bucket), Some(process)) = (&self.bucket, self.process) else { return Ok(()) };
        if !self.is_taken_over() && bucket.is_held_by(process).await? {
            return Ok(());
        }
        self.taken_over.store(true, Ordering::Relaxed);
        Err(StoreError::TakenOver { url: bucket.url().to_owned() })
    }

    /// Creates the directories that must be there.
    pub fn prepare(&self) -> Result<(), StoreError> {
        for name in ["segments", "tmp", "wal"] {
            self.directory(&self.root.join(name))?;
        }
        let unfinished = self.root.join("tmp");
        let names = self.disk.list(&unfinished).map_err(|error| StoreError::io("list", &unfinished, error))?;
        for (name, _) in names {
            let path = unfinished.join(name);
            self.disk.remove(&path).map_err(|error| StoreError::io("remove", &path, error))?;
        }
        Ok(())
    }

    /// Sees to it that a directory is there durably. One that exists may have been made by a process that was killed before
    /// it synced the name: it is synced once by each process.
    fn directory(&self, path: &Path) -> Result<(), StoreError> {
        let known = |path: &Path| self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(path);
        let missing = path.ancestors().take_while(|part| part.starts_with(&self.root) && !known(part));
        for part in missing.collect::<Vec<_>>().into_iter().rev() {
            self.disk.create_dir(part).map_err(|error| StoreError::io("create", part, error))?;
            self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(part.to_owned());
        }
        Ok(())
    }

    /// The object store that has the segments.
    pub fn object_store(&self) -> Result<Arc<dyn ObjectStore>, StoreError> {
        if let Some(bucket) = &self.bucket {
            return Ok(Arc::clone(&bucket.store));
        }
        self.disk.object_store(&self.root).map_err(|error| StoreError::io("open", &self.root, error))
    }

    /// The same, past any cache.
    pub fn origin(&self) -> Result<Arc<dyn ObjectStore>, StoreError> {
        self.origin.as_ref().map_or_else(|| self.object_store(), |origin| Ok(Arc::clone(origin)))
    }

    /// Writes a segment's file durably, completely or not at all.
    pub fn put(&self, meta: &SegmentMeta, bytes: &Bytes) -> Result<(), StoreError> {
        if let Some(bucket) = &self.bucket {
            return wait(self.put_object(bucket, &meta.path, bytes));
        }
        let path = self.root.join(meta.path.as_ref());
        let temporary = self.root.join("tmp").join(format!("{:016}.parquet", meta.id));
        self.directory(disk::parent(&path))?;
        let written = self.disk.write_whole(&path, &temporary, bytes);
        written.map_err(|error| {
            // No catalog entry will name it.
            let _ = self.disk.remove(&path);
            StoreError::io("write", &path, error)
        })
    }

    /// Puts a segment where nothing is yet. What is there already is another process's, displaced or not, and stays; but for
    /// our own bytes, which came with a try whose answer was lost.
    async fn put_object(&self, bucket: &Bucket, path: &ObjectPath, bytes: &Bytes) -> Result<(), StoreError> {
        self.must_be_ours().await?;
        match bucket.create(path, PutPayload::from_bytes(bytes.clone())).await {
            Ok(()) => {}
            Err(object_store::Error::AlreadyExists { .. }) => {
                let found = bucket.store.get(path).await.map_err(|error| bucket.error(error))?;
                if found.bytes().await.map_err(|error| bucket.error(error))? != *bytes {
                    return Err(bucket.error(format!("{path} is there already, written by another process")));
                }
            }
            Err(error) => {
                self.doubtful().push(path.clone());
                return Err(bucket.error(error));
            }
        }
        self.remove_doubtful(bucket).await;
        Ok(())
    }

    /// Removes what failed puts may have left, now that the bucket answers.
    async fn remove_doubtful(&self, bucket: &Bucket) {
        loop {
            let Some(path) = self.doubtful().pop() else { return };
            if let Err(error) = delete(bucket, &path).await {
                tracing::debug!(%error, %path, "what a failed put may have left cannot be removed yet");
                self.doubtful().push(path);
                return;
            }
        }
    }

    fn doubtful(&self) -> MutexGuard<'_, Vec<ObjectPath>> {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes a file by its path in the object store; one that is not there is fine.
    pub fn remove(&self, path: &str) -> Result<(), StoreError> {
        if let Some(bucket) = &self.bucket {
            return wait(async {
                self.must_be_ours().await?;
                delete(bucket, &ObjectPath::from(path)).await
            });
        }
        let path = self.root.join(path);
        self.disk.remove(&path).map_err(|error| StoreError::io("remove", &path, error))
    }

    /// Sees to it that a file goes which nobody will name: at once from a directory, with the next put from a bucket, where removing
    /// it would mean to wait for an answer. What stays is set aside at the next start.
    pub fn abandon(&self, path: &str) {
        if self.bucket.is_some() {
            self.doubtful().push(ObjectPath::from(path));
        } else if let Err(error) = self.disk.remove(&self.root.join(path)) {
            tracing::warn!(%error, path, "a file that no catalog entry names stays until the next start");
        }
    }

    /// Moves a file to `quarantine/`, under its own name.
    pub fn set_aside(&self, path: &str) -> Result<(), StoreError> {
        let name = path.replace('/', "__");
        if let Some(bucket) = &self.bucket {
            let to = ObjectPath::from(QUARANTINE).join(name);
            return wait(async {
                self.must_be_ours().await?;
                bucket.store.rename(&ObjectPath::from(path), &to).await.map_err(|error| bucket.error(error))
            });
        }
        let from = self.root.join(path);
        let quarantine = self.root.join(QUARANTINE);
        let to = quarantine.join(name);
        self.directory(&quarantine)?;
        let bytes = self.disk.read(&from).map_err(|error| StoreError::io("read", &from, error))?;
        let written = self.disk.write_whole(&to, &self.root.join("tmp/aside"), &bytes);
        written.map_err(|error| StoreError::io("write", &to, error))?;
        self.remove(path)
    }

    /// Removes segment files that were set aside before a time; gives how many. Parts of the log that are there stay.
    pub fn forget_aside(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut removed = 0;
        if let Some(bucket) = &self.bucket {
            return wait(async {
                let prefix = ObjectPath::from(QUARANTINE);
                let there = bucket.store.list(Some(&prefix)).try_collect::<Vec<_>>().await;
                for object in there.map_err(|error| bucket.error(error))? {
                    let old = object.last_modified.timestamp_nanos_opt().is_some_and(|at| at < before.as_nanos());
                    if old && object.location.filename().is_some_and(|name| name.starts_with(ASIDE)) {
                        self.must_be_ours().await?;
                        delete(bucket, &object.location).await?;
                        removed += 1;
                    }
                }
                Ok(removed)
            });
        }
        let quarantine = self.root.join(QUARANTINE);
        let there = self.disk.list_all(&quarantine).map_err(|error| StoreError::io("list", &quarantine, error))?;
        for (name, _) in there.into_iter().filter(|(name, _)| name.starts_with(ASIDE)) {
            let path = quarantine.join(name);
            // One whose age nobody knows stays.
            if self.disk.modified(&path).is_ok_and(|at| at < before) {
                self.disk.remove(&path).map_err(|error| StoreError::io("remove", &path, error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// All segment files: path and bytes.
    pub fn list(&self) -> Result<Vec<(String, u64)>, StoreError> {
        if let Some(bucket) = &self.bucket {
            let prefix = ObjectPath::from("segments");
            let mut files: Vec<(String, u64)> = wait(async {
                let listed = bucket.store.list(Some(&prefix));
                let listed = listed.map_ok(|object| (object.location.to_string(), object.size));
                listed.try_collect().await.map_err(|error| bucket.error(error))
            })?;
            files.sort();
            return Ok(files);
        }
        let root = self.root.join("segments");
        let files = self.disk.list_all(&root).map_err(|error| StoreError::io("list", &root, error))?;
        Ok(files.into_iter().map(|(path, bytes)| (format!("segments/{path}"), bytes)).collect())
    }
}

/// Removes an object; one that is not there is fine.
async fn delete(bucket: &Bucket, path: &ObjectPath) -> Result<(), StoreError> {
    match bucket.store.delete(path).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(bucket.error(error)),
    }
}

/// Waits for the bucket on a thread that may wait.
fn wait<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::runtime::Handle::current().block_on(work)
}
