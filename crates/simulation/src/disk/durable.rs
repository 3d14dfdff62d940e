//! What a sync makes durable, what a failed one throws away, and what is left after a power failure.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use rand::Rng;

use super::{Fate, Inner};

/// What a disk writes at once.
const SECTOR: usize = 512;

impl Inner {
    pub(super) fn sync(&mut self, inode: usize, fate: Fate) -> io::Result<()> {
        if fate == Fate::Crashed {
            // Whatever was on its way is decided with the rest.
            return Err(fate.error());
        }
        if self.faults.lying_sync {
            return Ok(());
        }
        let file = &mut self.inodes[inode];
        let (from, until) = (file.dirty.min(file.bytes.len()), file.bytes.len());
        // A failed sync writes a part, forgets the rest, and the next one has nothing to do.
        let kept = if fate == Fate::Done { until } else { self.rng.random_range(from..=until) };
        file.durable.resize(until, 0);
        file.durable[from..kept].copy_from_slice(&file.bytes[from..kept]);
        file.durable[kept..until].fill(0);
        file.dirty = until;
        if fate == Fate::Done { Ok(()) } else { Err(fate.error()) }
    }

    pub(super) fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        let inode = self.at(path)?;
        let file = &mut self.inodes[inode];
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(file.bytes.len());
        file.bytes.truncate(length);
        file.durable.truncate(length);
        file.dirty = file.dirty.min(length);
        self.sync(inode, Fate::Done)
    }

    pub(super) fn sync_names(&mut self, directory: &Path, every: bool) {
        let inside = |path: &Path| path.parent() == Some(directory);
        let paths: BTreeSet<PathBuf> =
            self.names.keys().chain(self.durable_names.keys()).filter(|path| inside(path)).cloned().collect();
        for path in paths {
            if every || self.rng.random() {
                match self.names.get(&path) {
                    Some(inode) => self.durable_names.insert(path, *inode),
                    None => self.durable_names.remove(&path),
                };
            }
        }
        let made: Vec<PathBuf> = self.directories.iter().filter(|path| inside(path)).cloned().collect();
        for path in made {
            if every || self.rng.random() {
                self.durable_directories.insert(path);
            }
        }
    }

    /// Each name is as it was synced or as it is now, each byte that was not synced is there or not.
    pub(super) fn lose_power(&mut self) {
        let made: Vec<PathBuf> = self.directories.difference(&self.durable_directories).cloned().collect();
        let mut lost: Vec<PathBuf> = Vec::new();
        for path in made {
            if self.rng.random() {
                lost.push(path);
            }
        }
        let paths: BTreeSet<PathBuf> = self.names.keys().chain(self.durable_names.keys()).cloned().collect();
        let mut names = BTreeMap::new();
        for path in paths {
            let (now, synced) = (self.names.get(&path).copied(), self.durable_names.get(&path).copied());
            let found = if now == synced || self.rng.random() { synced } else { now };
            if let Some(inode) = found
                && !lost.iter().any(|lost| path.starts_with(lost))
            {
                names.insert(path, inode);
            }
        }
        self.directories.retain(|path| !lost.iter().any(|lost| path.starts_with(lost)));
        self.durable_directories = self.directories.clone();
        self.durable_names = names.clone();
        self.names = names;
        for at in 0..self.inodes.len() {
            let mut file = std::mem::take(&mut self.inodes[at]);
            let from = file.dirty.min(file.bytes.len());
            let mut left = file.durable[..from].to_vec();
            let length = match self.rng.random_range(0..4) {
                0 => from,
                1 => file.bytes.len(),
                _ => self.rng.random_range(from..=file.bytes.len()),
            };
            let holes = self.rng.random_range(0..3) == 0;
            for sector in file.bytes[from..length].chunks(SECTOR) {
                if holes && self.rng.random() {
                    left.resize(left.len() + sector.len(), 0);
                } else {
                    left.extend_from_slice(sector);
                }
            }
            (file.dirty, file.durable, file.bytes) = (left.len(), left.clone(), left);
            self.inodes[at] = file;
        }
    }
}
