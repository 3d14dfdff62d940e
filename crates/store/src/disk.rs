//! The disk as the store uses it: few operations, so that a simulation can stand in and make each of them fail.
//!
//! Everything here blocks; the store calls it from threads that may. What is assumed of a disk is written down in
//! `docs/formats/log.md`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use model::Timestamp;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

/// A file that grows at its end.
pub trait LogFile: Send {
    /// Adds bytes at the end. After an error the end of the file is unknown.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when everything appended would survive a power failure. After an error nothing is known of what was
    /// appended since the last success, and asking again proves nothing.
    fn sync(&mut self) -> io::Result<()>;
}

/// Operations on files and directories. What must be implemented is what a crash can come between; the rest is made of it.
pub trait Disk: Send + Sync {
    /// Creates a file that must not exist yet.
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>>;
    /// All bytes of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Cuts a file to `length` bytes, durably.
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()>;
    /// Makes the bytes of a file durable that another process may have written.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Names and lengths of the files in a directory, sorted by name; directories are left out.
    fn list(&self, directory: &Path) -> io::Result<Vec<(String, u64)>>;
    /// Every file below a directory, as paths relative to it, with their lengths; none if it does not exist.
    fn list_all(&self, directory: &Path) -> io::Result<Vec<(String, u64)>>;
    /// Removes a file; one that is not there is fine. Durable with the next sync of the directory.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name, in place of what has that name. Durable with the next sync of the directory.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Creates a directory whose parent exists.
    fn make_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes created and removed names of a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The same files below `root`, for readers.
    fn object_store(&self, root: &Path) -> io::Result<Arc<dyn ObjectStore>>;

    /// When a file was last written.
    ///
    /// # Errors
    /// Where it is not known: whoever asks then leaves the file alone.
    fn modified(&self, _path: &Path) -> io::Result<Timestamp> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Called before SQLite commits a transaction of the catalog, which it writes by itself. A simulation refuses here.
    fn before_transaction(&self) -> io::Result<()> {
        Ok(())
    }

    /// Called after it: the transaction is kept, whatever is answered.
    fn after_transaction(&self) -> io::Result<()> {
        Ok(())
    }

    /// Creates a directory and its parents; its name is durable then, also where another process made the directory and
    /// was killed before it could see to that. Parents that exist are taken as durable.
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let parent = parent(path);
        match self.make_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create_dir(parent)?;
                self.make_dir(path)?;
            }
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.sync_dir(parent)
    }

    /// Writes a whole file so that it is there completely and durably, or not at all: to `temporary` first, then renamed.
    /// After an error the file may be there or not, and the temporary one is not, unless removing fails too.
    fn write_whole(&self, path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
        let write = || {
            self.remove(temporary)?;
            let mut file = self.create(temporary)?;
            file.append(bytes)?;
            file.sync()?;
            self.rename(temporary, path)?;
            self.sync_dir(parent(path))
        };
        write().inspect_err(|_| {
            // What a full disk took of it would be missing from what it has left.
            let _ = self.remove(temporary);
        })
    }
}

/// The directory a path is in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// The file system.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealDisk;

/// `None` for what was removed while its directory was listed.
fn unless_gone<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

struct RealFile(File);

impl LogFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let Some(metadata) = unless_gone(entry.metadata())? else { continue };
            if metadata.is_file() {
                files.push((entry.file_name().to_string_lossy().into_owned(), metadata.len()));
            }
        }
        files.sort();
        Ok(files)
    }

    fn list_all(&self, directory: &Path) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        let mut open = vec![String::new()];
        while let Some(prefix) = open.pop() {
            let entries = match fs::read_dir(directory.join(&prefix)) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
                let Some(metadata) = unless_gone(entry.metadata())? else { continue };
                if metadata.is_dir() { open.push(path) } else { files.push((path, metadata.len())) }
            }
        }
        files.sort();
        Ok(files)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn modified(&self, path: &Path) -> io::Result<Timestamp> {
        let since = fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
        Ok(Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        // For writing: some systems sync nothing else.
        OpenOptions::new().append(true).open(path)?.sync_all()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn object_store(&self, root: &Path) -> io::Result<Arc<dyn ObjectStore>> {
        Ok(Arc::new(LocalFileSystem::new_with_prefix(root)?))
    }
}
