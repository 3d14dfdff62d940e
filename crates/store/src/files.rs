//! Segment files: written through [`Disk`], read through `object_store`, both below the data directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

use crate::disk::Disk;
use crate::error::StoreError;
use crate::snapshot::SegmentMeta;

/// Where segment files are.
#[derive(Clone)]
pub(crate) struct Files {
    disk: Arc<dyn Disk>,
    root: PathBuf,
}

impl Files {
    pub fn new(disk: Arc<dyn Disk>, root: &Path) -> Self {
        Self { disk, root: root.to_owned() }
    }

    /// Creates the directories that must be there.
    pub fn prepare(&self) -> Result<(), StoreError> {
        for name in ["segments", "tmp", "wal"] {
            let path = self.root.join(name);
            self.disk.create_dir(&path).map_err(|error| StoreError::io("create", &path, error))?;
        }
        let unfinished = self.root.join("tmp");
        let names = self.disk.list(&unfinished).map_err(|error| StoreError::io("list", &unfinished, error))?;
        for (name, _) in names {
            let path = unfinished.join(name);
            self.disk.remove(&path).map_err(|error| StoreError::io("remove", &path, error))?;
        }
        Ok(())
    }

    /// The object store over the same directory.
    pub fn object_store(&self) -> Result<Arc<dyn ObjectStore>, StoreError> {
        let store = LocalFileSystem::new_with_prefix(&self.root);
        let store = store.map_err(|error| StoreError::segment("find the directory of", &self.root.display(), error))?;
        Ok(Arc::new(store))
    }

    /// Writes a segment's file durably, completely or not at all.
    pub fn put(&self, meta: &SegmentMeta, bytes: &Bytes) -> Result<(), StoreError> {
        let path = self.root.join(meta.path.as_ref());
        let temporary = self.root.join("tmp").join(format!("{:016}.parquet", meta.id));
        let parent = path.parent().unwrap_or(&self.root);
        self.disk.create_dir(parent).map_err(|error| StoreError::io("create", parent, error))?;
        let written = self.disk.write_whole(&path, &temporary, bytes);
        written.map_err(|error| StoreError::io("write", &path, error))
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
        self.disk.create_dir(&quarantine).map_err(|error| StoreError::io("create", &quarantine, error))?;
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
