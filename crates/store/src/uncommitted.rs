//! Files that were written and that no catalog entry names yet: they go with the work they belong to.
//!
//! Whoever writes a file and is then not waited for any more, because the program stops, would leave it for the next start, which
//! sets it aside as something nobody knows.

use bytes::Bytes;

use crate::error::StoreError;
use crate::files::Files;
use crate::snapshot::SegmentMeta;

/// Files written for a change of the catalog. Dropped before the change is begun, it removes them.
pub(crate) struct Uncommitted {
    files: Files,
    paths: Vec<String>,
}

impl Uncommitted {
    /// None yet.
    pub fn none(files: &Files) -> Self {
        Self { files: files.clone(), paths: Vec::new() }
    }

    /// Writes one, completely and durably or not at all.
    pub fn put(&mut self, meta: &SegmentMeta, bytes: &Bytes) -> Result<(), StoreError> {
        self.files.put(meta, bytes)?;
        self.paths.push(meta.path.to_string());
        Ok(())
    }

    /// Leaves them to the change that names them, from its first step on: what becomes of them is then up to the catalog.
    pub fn hand_over(mut self) {
        self.paths.clear();
    }

    /// Removes them now, each that can be; an error is why one could not. Blocks.
    pub fn remove(mut self) -> Result<(), StoreError> {
        let paths = std::mem::take(&mut self.paths);
        paths.iter().map(|path| self.files.remove(path)).fold(Ok(()), Result::and)
    }
}

impl Drop for Uncommitted {
    fn drop(&mut self) {
        // Anywhere, on a thread that must not wait for a bucket too.
        for path in self.paths.drain(..) {
            self.files.abandon(&path);
        }
    }
}
