//! The log on a disk that misbehaves: torn ends, damage in the middle, failed writes and syncs.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use model::Timestamp;
use object_store::ObjectStore;

use super::log::{LogFigures, file_name};
use super::replay::{Replayed, replay};
use super::{Log, record};
use crate::disk::{Disk, LogFile};
use crate::entry::{Entry, LogEntry, Rows};
use crate::settings::Sync;

/// A disk in memory that keeps apart what was written and what was synced, and fails on demand.
#[derive(Clone, Default)]
struct FakeDisk(Arc<Mutex<Fake>>);

#[derive(Default)]
struct Fake {
    files: HashMap<PathBuf, Vec<u8>>,
    synced: HashMap<PathBuf, usize>,
    fail_append: bool,
    fail_sync: bool,
    fail_create: bool,
    fail_truncate: bool,
}

struct FakeFile(FakeDisk, PathBuf);

impl LogFile for FakeFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut fake = self.0.0.lock().unwrap();
        let fail = fake.fail_append;
        // A failed write may have written a part.
        let part = if fail { bytes.len() / 2 } else { bytes.len() };
        fake.files.get_mut(&self.1).unwrap().extend_from_slice(&bytes[..part]);
        if fail { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut fake = self.0.0.lock().unwrap();
        if fake.fail_sync {
            return Err(io::Error::other("sync failed"));
        }
        let length = fake.files[&self.1].len();
        fake.synced.insert(self.1.clone(), length);
        Ok(())
    }
}

impl Disk for FakeDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let mut fake = self.0.lock().unwrap();
        if fake.fail_create {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if fake.files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fake.files.insert(path.to_owned(), Vec::new());
        Ok(Box::new(FakeFile(self.clone(), path.to_owned())))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.lock().unwrap().files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let mut fake = self.0.lock().unwrap();
        if fake.fail_truncate {
            return Err(io::Error::other("truncate failed"));
        }
        fake.files.get_mut(path).unwrap().truncate(length as usize);
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<(String, u64)>> {
        let fake = self.0.lock().unwrap();
        let mut files: Vec<_> = fake
            .files
            .iter()
            .filter(|(path, _)| path.parent() == Some(directory))
            .map(|(path, bytes)| (path.file_name().unwrap().to_string_lossy().into_owned(), bytes.len() as u64))
            .collect();
        files.sort();
        Ok(files)
    }

    fn list_all(&self, directory: &Path) -> io::Result<Vec<(String, u64)>> {
        self.list(directory)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().unwrap().files.remove(path);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut fake = self.0.lock().unwrap();
        let bytes = fake.files.remove(from).unwrap();
        fake.files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn make_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_file(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn object_store(&self, _: &Path) -> io::Result<Arc<dyn ObjectStore>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn entry(number: u64) -> Entry {
    Entry {
        tag: number as u32,
        project: "default".into(),
        received: Timestamp::from_nanos(number as i64 * 10),
        payload: Bytes::from(vec![number as u8; 20 + number as usize]),
        rows: Rows::new(),
    }
}

fn records(numbers: std::ops::RangeInclusive<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in numbers {
        record::write(&mut bytes, number, &entry(number));
    }
    bytes
}

fn open(disk: &FakeDisk, file_bytes: u64) -> Log {
    let figures = Arc::new(LogFigures::default());
    Log::new(Arc::new(disk.clone()), "wal".into(), Sync::Always, file_bytes, Vec::new(), figures)
}

fn read_back(disk: &FakeDisk, flushed: u64) -> (Replayed, Vec<u64>) {
    let mut found: Vec<LogEntry> = Vec::new();
    let replayed = replay(disk, Path::new("wal"), Path::new("quarantine"), flushed, |entry| found.push(entry)).unwrap();
    for entry in &found {
        assert_eq!(entry.payload, self::entry(entry.sequence).payload, "payload of {}", entry.sequence);
        assert_eq!((entry.tag, &*entry.project), (entry.sequence as u32, "default"));
    }
    (replayed, found.into_iter().map(|entry| entry.sequence).collect())
}

fn log_path(first: u64) -> PathBuf {
    Path::new("wal").join(file_name(first))
}

#[test]
fn a_last_record_torn_at_any_byte_is_cut_off_and_nothing_else_is() {
    let whole = [record::header(1).to_vec(), records(1..=3)].concat();
    let two = record::HEADER_BYTES + records(1..=2).len();
    for end in two..whole.len() {
        for garbage in [0usize, 5000] {
            let disk = FakeDisk::default();
            // After a crash the end may also be there in length and empty in content.
            let bytes = [&whole[..end], &vec![0; garbage]].concat();
            disk.0.lock().unwrap().files.insert(log_path(1), bytes);
            let (replayed, found) = read_back(&disk, 0);
            assert_eq!(found, [1, 2], "torn at {end}");
            assert_eq!((replayed.torn_bytes as usize, replayed.damaged.len()), (end - two + garbage, 0));
            let (again, found) = read_back(&disk, 0);
            assert_eq!((found.as_slice(), again.torn_bytes), (&[1, 2][..], 0), "the cut is kept");
        }
    }
}

#[test]
fn a_damaged_record_in_the_middle_is_set_aside_and_costs_no_other() {
    let whole = [record::header(1).to_vec(), records(1..=4)].concat();
    let (from, until) = (record::HEADER_BYTES + records(1..=1).len(), record::HEADER_BYTES + records(1..=2).len());
    for at in from..until {
        let disk = FakeDisk::default();
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        disk.0.lock().unwrap().files.insert(log_path(1), bytes.clone());
        let (replayed, found) = read_back(&disk, 0);
        assert_eq!((found.as_slice(), replayed.damaged.len()), (&[1, 3, 4][..], 1), "damage at {at}");
        let set_aside = disk.list(Path::new("quarantine")).unwrap();
        assert_eq!(set_aside.len(), 1);
        let copy = disk.read(&Path::new("quarantine").join(&set_aside[0].0)).unwrap();
        assert_eq!(copy, bytes[from..until]);
    }
}

#[test]
fn a_file_before_the_last_that_ends_early_is_damage_and_the_next_is_still_read() {
    let disk = FakeDisk::default();
    let first = [record::header(1).to_vec(), records(1..=2)].concat();
    disk.0.lock().unwrap().files.insert(log_path(1), first[..first.len() - 3].to_vec());
    disk.0.lock().unwrap().files.insert(log_path(3), [record::header(3).to_vec(), records(3..=3)].concat());
    let (replayed, found) = read_back(&disk, 0);
    assert_eq!((found.as_slice(), replayed.damaged.len(), replayed.last), (&[1, 3][..], 1, 3));
}

#[test]
fn a_failed_sync_is_never_followed_by_a_sync_of_the_same_file() {
    let disk = FakeDisk::default();
    let mut log = open(&disk, 1 << 20);
    log.append(&records(1..=1), 1, 1).unwrap();
    disk.0.lock().unwrap().fail_sync = true;
    assert!(log.append(&records(2..=2), 2, 2).is_err());
    disk.0.lock().unwrap().fail_sync = false;
    let synced = disk.0.lock().unwrap().synced[&log_path(1)];
    log.append(&records(3..=3), 3, 3).unwrap();
    let fake = disk.0.lock().unwrap();
    assert_eq!(fake.synced[&log_path(1)], synced, "the file that failed was synced again");
    assert_eq!(fake.synced[&log_path(3)], record::HEADER_BYTES + records(3..=3).len());
    drop(fake);
    assert_eq!(read_back(&disk, 0).1, [1, 3], "what was refused is not there");
}

#[test]
fn a_full_disk_refuses_and_the_log_goes_on_by_itself_when_there_is_room() {
    let disk = FakeDisk::default();
    let mut log = open(&disk, 1 << 20);
    log.append(&records(1..=1), 1, 1).unwrap();
    for failure in ["append", "create", "truncate too"] {
        let mut fake = disk.0.lock().unwrap();
        fake.fail_append = failure != "create";
        fake.fail_create = failure == "create";
        fake.fail_truncate = failure == "truncate too";
        drop(fake);
        assert!(log.append(&records(2..=2), 2, 2).is_err(), "{failure}");
        let mut fake = disk.0.lock().unwrap();
        (fake.fail_append, fake.fail_create, fake.fail_truncate) = (false, false, false);
    }
    log.append(&records(5..=6), 5, 6).unwrap();
    assert_eq!(read_back(&disk, 0).1, [1, 5, 6]);
}

#[test]
fn files_are_closed_at_their_size_and_removed_once_their_rows_are_in_segments() {
    let disk = FakeDisk::default();
    let mut log = open(&disk, 100);
    for number in 1..=6 {
        log.append(&records(number..=number), number, number).unwrap();
    }
    let files = disk.list(Path::new("wal")).unwrap().len();
    assert!(files >= 3, "{files} files");
    log.remove_through(4);
    assert_eq!(read_back(&disk, 4).1, [5, 6]);
    log.remove_through(6);
    assert!(disk.list(Path::new("wal")).unwrap().is_empty());
    log.append(&records(7..=7), 7, 7).unwrap();
    assert_eq!(read_back(&disk, 6).1, [7]);
}

#[test]
fn a_file_of_a_newer_program_is_refused_by_name_and_version() {
    let disk = FakeDisk::default();
    let mut header = record::header(1);
    header[8] = 9;
    let crc = crc32fast::hash(&header[..20]);
    header[20..].copy_from_slice(&crc.to_le_bytes());
    disk.0.lock().unwrap().files.insert(log_path(1), header.to_vec());
    let error = replay(&disk, Path::new("wal"), Path::new("q"), 0, |_| {}).err().unwrap().to_string();
    assert!(error.contains("version 9") && error.contains(&file_name(1)), "{error}");
}

#[test]
fn the_bytes_of_a_record_are_as_documented() {
    let mut bytes = Vec::new();
    let entry = Entry {
        tag: 0x0102_0304,
        project: "p".into(),
        received: Timestamp::from_nanos(5),
        payload: Bytes::from_static(b"xyz"),
        rows: Rows::new(),
    };
    record::write(&mut bytes, 7, &entry);
    let body = b"\x07\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x04\x03\x02\x01\x01\0pxyz";
    assert_eq!(&bytes[8..], body);
    assert_eq!(bytes[..4], (body.len() as u32).to_le_bytes());
    assert_eq!(bytes[4..8], crc32fast::hash(&[&bytes[..4], body].concat()).to_le_bytes());
}
