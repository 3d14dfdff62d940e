//! Segment files: written through [`Disk`], read through `object_store`, both below the data directory.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use object_store::ObjectStore;

use crate::disk::{self, Disk};
use crate::error::StoreError;
use crate::snapshot::SegmentMeta;

/// Where segment files are.
#[derive(Clone)]
pub(crate) struct Files {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    /// Directories whose names this process has made durable.
    durable: Arc<Mutex<HashSet<PathBuf>>>,
}

impl Files {
    pub fn new(disk: Arc<dyn Disk>, root: &Path) -> Self {
        Self { disk, root: root.to_owned(), durable: Arc::default() }
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

    /// The object store over the same directory.
    pub fn object_store(&self) -> Result<Arc<dyn ObjectStore>, StoreError> {
        self.disk.object_store(&self.root).map_err(|error| StoreError::io("open", &self.root, error))
    }

    /// Writes a segment's file durably, completely or not at all.
    pub fn put(&self, meta: &SegmentMeta, bytes: &Bytes) -> Result<(), StoreError> {
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

    /// Removes a file by its path in the object store; one that is not there is fine.
    pub fn remove(&self, path: &str) -> Result<(), StoreError> {
        let path = self.root.join(path);
        self.disk.remove(&path).map_err(|error| StoreError::io("remove", &path, error))
    }

    /// Moves a file to `quarantine/`, under its own name.
    pub fn set_aside(&self, path: &str) -> Result<(), StoreError> {
        let from = self.root.join(path);
        let quarantine = self.root.join("quarantine");
        let to = quarantine.join(path.replace('/', "__"));
        self.directory(&quarantine)?;
        let bytes = self.disk.read(&from).map_err(|error| StoreError::io("read", &from, error))?;
        let written = self.disk.write_whole(&to, &self.root.join("tmp/aside"), &bytes);
        written.map_err(|error| StoreError::io("write", &to, error))?;
        self.remove(path)
    }

    /// Paths of all segment files.
    pub fn list(&self) -> Result<Vec<String>, StoreError> {
        let root = self.root.join("segments");
        let files = self.disk.list_all(&root).map_err(|error| StoreError::io("list", &root, error))?;
        Ok(files.into_iter().map(|(path, _)| format!("segments/{path}")).collect())
    }
}
