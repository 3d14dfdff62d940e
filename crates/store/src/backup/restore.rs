//! Putting a backup back: everything in it is compared with its sums before the result counts as a store.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt, PutPayload};
use serde::Serialize;

use super::beside::SERIES;
use super::{ABOUT, AboutBackup, CATALOG, FORMAT, RESERVATIONS, STATE, SUMS, Summed};
use crate::catalog::Catalog;
use crate::disk::{Disk, RealDisk};
use crate::error::StoreError;
use crate::open::lock;
use crate::settings::Settings;

/// What putting a backup back came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// What the backup said of itself.
    pub about: AboutBackup,
    /// Files that were compared with their sums.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

fn bad(reason: impl Into<String>) -> StoreError {
    StoreError::Backup { reason: reason.into() }
}

/// Unpacks a backup as it comes into a directory that must not exist or be empty, and compares every file with its sum. What
/// is there afterwards is a backup too. Blocks.
pub fn unpack(from: impl Read, directory: &Path) -> Result<Restored, StoreError> {
    require_empty(directory)?;
    let partial = directory.with_file_name(format!(
        "{}.partial",
        directory.file_name().map_or_else(|| "backup".into(), |name| name.to_string_lossy())
    ));
    let _ = fs::remove_dir_all(&partial);
    let put = |name: &str, from: &mut dyn Read| to_file(&partial.join(name), from);
    let restored = match read_archive(from, put) {
        Ok((restored, _)) => restored,
        Err(error) => {
            let _ = fs::remove_dir_all(&partial);
            return Err(error);
        }
    };
    let _ = fs::remove_dir(directory);
    fs::rename(&partial, directory).map_err(|error| StoreError::io("rename", &partial, error))?;
    Ok(restored)
}

/// Goes through a backup and compares every file with its sum. Blocks.
pub fn verify(from: impl Read) -> Result<Restored, StoreError> {
    let skip = |_: &str, from: &mut dyn Read| {
        io::copy(from, &mut io::sink()).map(drop).map_err(|error| bad(format!("it cannot be read: {error}")))
    };
    read_archive(from, skip).map(|(restored, _)| restored)
}

/// Puts a backup (an archive, or the directory of an unpacked one) into the place `settings` names, which must be empty.
///
/// # Errors
/// [`StoreError::Backup`] when the backup is not whole or the place is not empty; then nothing is left of the attempt.
pub async fn restore(backup: PathBuf, settings: Settings) -> Result<Restored, StoreError> {
    if let Some(bucket) = &settings.bucket
        && let Some(first) = bucket.store.list(None).next().await
    {
        let first = first.map_err(|error| bucket.error(error))?.location;
        return Err(bad(format!("{} is not empty, it has {first}; choose another prefix", bucket.url())));
    }
    let handle = tokio::runtime::Handle::current();
    let work = move || {
        require_empty(&settings.data)?;
        let mut uploaded = Vec::new();
        let result = put_back(&handle, &backup, &settings, &mut uploaded);
        if result.is_err() {
            for path in &uploaded {
                if let Some(bucket) = &settings.bucket {
                    // One that stays is told by the next attempt, which finds the bucket not empty.
                    let _ = handle.block_on(bucket.store.delete(path));
                }
            }
            // It was empty before.
            for name in ["segments", "wal", "tmp", SERIES, "lock", CATALOG, STATE, RESERVATIONS] {
                let path = settings.data.join(name);
                let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            }
        }
        result
    };
    crate::threads::blocking(work).await
}

fn put_back(
    handle: &tokio::runtime::Handle,
    backup: &Path,
    settings: &Settings,
    uploaded: &mut Vec<ObjectPath>,
) -> Result<Restored, StoreError> {
    let data = &settings.data;
    for name in ["", "segments", "wal", "tmp"] {
        let path = data.join(name);
        RealDisk.create_dir(&path).map_err(|error| StoreError::io("create", &path, error))?;
    }
    let _lock = lock(data)?;
    let fresh = data.join("tmp/catalog-new.db");
    let mut put = |name: &str, from: &mut dyn Read| -> Result<(), StoreError> {
        if let (Some(bucket), true) = (&settings.bucket, name.starts_with("segments/")) {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).map_err(|error| bad(format!("{name} cannot be read: {error}")))?;
            let path = ObjectPath::from(name);
            uploaded.push(path.clone());
            return handle
                .block_on(bucket.store.put(&path, PutPayload::from(bytes)))
                .map(drop)
                .map_err(|error| bucket.error(error));
        }
        match name {
            CATALOG => to_file(&fresh, from),
            ABOUT | SUMS => io::copy(from, &mut io::sink()).map(drop).map_err(|error| bad(error.to_string())),
            _ => to_file(&data.join(name), from),
        }
    };
    let (restored, sums) = if backup.is_dir() {
        read_directory(backup, &mut put)?
    } else {
        let file = File::open(backup).map_err(|error| StoreError::io("open", backup, error))?;
        read_archive(io::BufReader::new(file), &mut put)?
    };
    let store_id = {
        let catalog = Catalog::open(Arc::new(RealDisk), &fresh)?;
        for (meta, _) in catalog.load()?.segments {
            let sum = sums.get(meta.path.as_ref());
            if sum.is_none_or(|(sum, bytes)| meta.checksum.is_some_and(|known| known != *sum) || *bytes != meta.bytes) {
                return Err(bad(format!("its catalog lists {}, which is not in it as it was written", meta.path)));
            }
        }
        catalog.store_id(|| u64::from(crc32fast::hash(data.as_os_str().as_encoded_bytes())))?
    };
    if let Some(bucket) = &settings.bucket {
        handle.block_on(bucket.claim(store_id))?;
    }
    for name in ["segments", "wal", "tmp"] {
        let path = data.join(name);
        RealDisk.sync_dir(&path).map_err(|error| StoreError::io("sync", &path, error))?;
    }
    let database = data.join(CATALOG);
    fs::rename(&fresh, &database).map_err(|error| StoreError::io("rename", &fresh, error))?;
    RealDisk.sync_dir(data).map_err(|error| StoreError::io("sync", data, error))?;
    Ok(restored)
}

fn require_empty(directory: &Path) -> Result<(), StoreError> {
    let mut entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("list", directory, error)),
    };
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(bad(format!("{} is not empty; name a directory that is", directory.display()))),
    }
}

fn to_file(path: &Path, from: &mut dyn Read) -> Result<(), StoreError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|error| StoreError::io("create", parent, error))?;
    let mut write = || -> io::Result<()> {
        let mut file = File::create(path)?;
        io::copy(from, &mut file)?;
        file.flush()?;
        file.sync_all()
    };
    write().map_err(|error| StoreError::io("write", path, error))
}

/// Checksum and bytes by name.
type Sums = HashMap<String, (u32, u64)>;

/// Names a backup may hold; anything else is not ours to write.
fn known(name: &str) -> bool {
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    inside
        && (matches!(name, ABOUT | SUMS | CATALOG | STATE | RESERVATIONS)
            || name.split_once('/').is_some_and(|(folder, _)| matches!(folder, "wal" | "segments" | SERIES)))
}

/// Goes through an archive; `put` takes each file.
fn read_archive(
    from: impl Read,
    mut put: impl FnMut(&str, &mut dyn Read) -> Result<(), StoreError>,
) -> Result<(Restored, Sums), StoreError> {
    let broken = |error: io::Error| bad(format!("it cannot be read to its end: {error}"));
    let mut archive = tar::Archive::new(from);
    let mut reading = Reading::default();
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.to_string_lossy().into_owned();
        reading.file(&name, &mut entry, &mut put)?;
    }
    reading.finish()
}

/// Goes through an unpacked backup in the order of its sums.
fn read_directory(
    directory: &Path,
    mut put: impl FnMut(&str, &mut dyn Read) -> Result<(), StoreError>,
) -> Result<(Restored, Sums), StoreError> {
    let sums = directory.join(SUMS);
    let text = fs::read_to_string(&sums).map_err(|error| StoreError::io("read", &sums, error))?;
    let mut reading = Reading::default();
    let names = text.lines().filter_map(|line| line.splitn(3, ' ').nth(2)).chain([SUMS]);
    for name in names {
        let path = directory.join(name);
        let mut file = File::open(&path).map_err(|error| StoreError::io("open", &path, error))?;
        reading.file(name, &mut file, &mut put)?;
    }
    reading.finish()
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    about: Option<AboutBackup>,
    seen: Sums,
    bytes: u64,
    sums: Option<String>,
}

impl Reading {
    fn file(
        &mut self,
        name: &str,
        from: &mut dyn Read,
        put: &mut impl FnMut(&str, &mut dyn Read) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if !known(name) || self.sums.is_some() {
            return Err(bad(format!("it has a file {name}, which no backup of Tawny has at this place")));
        }
        let mut summed = Summed { from, hasher: crc32fast::Hasher::new(), bytes: 0 };
        let mut text = Vec::new();
        if matches!(name, ABOUT | SUMS) {
            summed.read_to_end(&mut text).map_err(|error| bad(format!("{name} cannot be read: {error}")))?;
            put(name, &mut text.as_slice())?;
        } else {
            put(name, &mut summed)?;
        }
        self.bytes += summed.bytes;
        if name == SUMS {
            self.sums = Some(String::from_utf8_lossy(&text).into_owned());
            return Ok(());
        }
        if name == ABOUT {
            let about: AboutBackup =
                serde_json::from_slice(&text).map_err(|error| bad(format!("{ABOUT} cannot be read: {error}")))?;
            if about.format > FORMAT {
                let what = "the backup".to_owned();
                return Err(StoreError::NewerFormat { what, found: about.format, known: FORMAT });
            }
            self.about = Some(about);
        }
        self.seen.insert(name.to_owned(), (summed.hasher.finalize(), summed.bytes));
        Ok(())
    }

    fn finish(self) -> Result<(Restored, Sums), StoreError> {
        let sums = self.sums.ok_or_else(|| bad("it is not whole: the sums at its end are missing"))?;
        let mut files = 0;
        for line in sums.lines() {
            let mut parts = line.splitn(3, ' ');
            let sum = parts.next().and_then(|text| u32::from_str_radix(text, 16).ok());
            let bytes = parts.next().and_then(|text| text.parse::<u64>().ok());
            let (Some(sum), Some(bytes), Some(name)) = (sum, bytes, parts.next()) else {
                return Err(bad(format!("a line of its sums cannot be read: {line}")));
            };
            if self.seen.get(name) != Some(&(sum, bytes)) {
                return Err(bad(format!("{name} is not what was backed up")));
            }
            files += 1;
        }
        if files != self.seen.len() as u64 {
            return Err(bad("it has files its sums do not name"));
        }
        let about = self.about.ok_or_else(|| bad(format!("{ABOUT} is missing")))?;
        Ok((Restored { about, files, bytes: self.bytes }, self.seen))
    }
}
