//! The queue on disk: order, restarts, torn ends, damage, bounds.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use model::Timestamp;
use wire::{Compression, Encoding, Signal};

use super::*;
use crate::record::Form;

fn record(number: u32, bytes: usize) -> Record {
    let mut payload = number.to_le_bytes().to_vec();
    payload.resize(bytes.max(4), 7);
    Record {
        received: Timestamp::from_nanos(i64::from(number)),
        signal: Signal::Traces,
        encoding: Encoding::Protobuf,
        compression: Compression::None,
        items: 1,
        project: "default".into(),
        via: String::new(),
        form: Form::Otlp,
        payload: Bytes::from(payload),
    }
}

fn open(dir: &Path, bound: u64) -> Spool {
    let reader = |name: &str| Reader { name: name.into(), bound };
    Spool::open(dir, &[reader("a"), reader("b")], true).unwrap()
}

fn append(spool: &Spool, record: &Record) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(spool.append(record)).unwrap();
}

/// The numbers of everything that waits for a reader, which is then done with it.
fn drain(spool: &Spool, reader: usize) -> Vec<u32> {
    let mut numbers = Vec::new();
    loop {
        let (records, place) = spool.next(reader, 1 << 20).unwrap();
        if records.is_empty() && spool.backlog(reader).requests == 0 {
            return numbers;
        }
        numbers.extend(records.iter().map(|record| u32::from_le_bytes(record.payload[..4].try_into().unwrap())));
        spool.done(reader, place).unwrap();
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "spool"));
    files.sort();
    files
}

#[test]
fn each_destination_gets_everything_once_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), 1 << 40);
    (0..5).for_each(|number| append(&spool, &record(number, 100)));
    let (first, place) = spool.next(0, 0).unwrap();
    assert_eq!(first.len(), 1);
    spool.done(0, place).unwrap();
    drop(spool);
    let spool = open(dir.path(), 1 << 40);
    (5..8).for_each(|number| append(&spool, &record(number, 100)));
    assert_eq!(spool.backlog(0).requests, 7);
    assert_eq!(drain(&spool, 0), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(drain(&spool, 1), [0, 1, 2, 3, 4, 5, 6, 7]);
    drop(spool);
    let spool = open(dir.path(), 1 << 40);
    assert_eq!((drain(&spool, 0).len(), drain(&spool, 1).len()), (0, 0));
}

#[test]
fn files_that_everybody_has_passed_go() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), 1 << 40);
    (0..30).for_each(|number| append(&spool, &record(number, 1 << 20)));
    assert!(files(dir.path()).len() >= 3);
    assert_eq!(drain(&spool, 0).len(), 30);
    assert!(files(dir.path()).len() >= 3, "the other still needs them");
    assert_eq!(drain(&spool, 1), (0..30).collect::<Vec<_>>());
    assert_eq!(files(dir.path()).len(), 1);
}

#[test]
fn a_half_written_end_is_cut_off_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), 1 << 40);
    (0..3).for_each(|number| append(&spool, &record(number, 100)));
    drop(spool);
    let last = files(dir.path()).pop().unwrap();
    let whole = fs::read(&last).unwrap();
    for cut in [whole.len() - 1, whole.len() - 60, whole.len() - 130] {
        fs::write(&last, &whole[..cut]).unwrap();
        let spool = open(dir.path(), 1 << 40);
        let waits = spool.backlog(1).requests as usize;
        append(&spool, &record(9, 10));
        let numbers = drain(&spool, 1);
        assert_eq!(numbers.len(), waits + 1, "{cut}");
        assert_eq!(numbers.last(), Some(&9));
        drop(spool);
        fs::remove_file(dir.path().join("a.place")).unwrap();
        fs::write(dir.path().join("b.place"), [0; 20]).unwrap();
    }
}

#[test]
fn damage_costs_the_rest_of_its_file_and_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), 1 << 40);
    (0..30).for_each(|number| append(&spool, &record(number, 1 << 20)));
    drop(spool);
    let first = &files(dir.path())[0];
    let mut bytes = fs::read(first).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(first, bytes).unwrap();
    let spool = open(dir.path(), 1 << 40);
    let got = drain(&spool, 0);
    let backlog = spool.backlog(0);
    assert!(backlog.damaged > 0, "{backlog:?}");
    assert_eq!(got.len() as u64 + backlog.damaged, 30);
    assert_eq!(got.last(), Some(&29));
}

#[test]
fn a_file_that_begins_otherwise_is_set_aside_whole_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), 1 << 40);
    (0..30).for_each(|number| append(&spool, &record(number, 1 << 20)));
    drop(spool);
    // A newer version wrote the second file and the last one.
    let all = files(dir.path());
    let foreign = [&all[1], &all[all.len() - 1]];
    let change = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[..8].copy_from_slice(b"TWNYFWD2");
        fs::write(path, &bytes).unwrap();
        bytes
    };
    let written = foreign.map(|path| change(path));
    let spool = open(dir.path(), 1 << 40);
    for (path, bytes) in foreign.iter().zip(&written) {
        assert!(!path.exists(), "{}", path.display());
        assert_eq!(&fs::read(path.with_extension("foreign")).unwrap(), bytes);
    }
    append(&spool, &record(99, 10));
    let got = drain(&spool, 0);
    assert_eq!((got.first(), got.last()), (Some(&0), Some(&99)));
    assert!(got.len() < 31 && got.is_sorted(), "{got:?}");
    assert!(spool.backlog(0).damaged > 0, "what lies between is counted");
    drop(spool);
    // One that comes again by the same name takes no other's place.
    fs::write(foreign[0], b"something else").unwrap();
    drop(open(dir.path(), 1 << 40));
    assert_eq!(fs::read(foreign[0].with_extension("foreign-1")).unwrap(), b"something else");
    assert_eq!(&fs::read(foreign[0].with_extension("foreign")).unwrap(), &written[0]);
}

#[test]
fn a_destination_too_far_behind_loses_the_oldest_and_no_other_does() {
    let dir = tempfile::tempdir().unwrap();
    let readers = [Reader { name: "slow".into(), bound: 4 << 20 }, Reader { name: "b".into(), bound: 1 << 40 }];
    let spool = Spool::open(dir.path(), &readers, false).unwrap();
    for number in 0..100 {
        append(&spool, &record(number, 256 << 10));
        assert!(spool.backlog(0).bytes <= (4 << 20) + (300 << 10), "{:?}", spool.backlog(0));
    }
    // The writer moves readers on after it has answered: what is asked now waits for it.
    append(&spool, &record(100, 4));
    let backlog = spool.backlog(0);
    let got = drain(&spool, 0);
    assert_eq!(got.last(), Some(&100));
    assert_eq!(backlog.dropped + got.len() as u64, 101, "what is not there was counted");
    assert!(backlog.dropped > 50);
    assert_eq!(drain(&spool, 1).len(), 101);
}

#[test]
fn what_is_being_sent_is_not_dropped_from_below() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), &[Reader { name: "slow".into(), bound: 1 << 20 }], false).unwrap();
    append(&spool, &record(0, 1000));
    let (sending, place) = spool.next(0, 0).unwrap();
    (1..20).for_each(|number| append(&spool, &record(number, 256 << 10)));
    append(&spool, &record(20, 4));
    spool.done(0, place).unwrap();
    let dropped = spool.backlog(0).dropped;
    let got = drain(&spool, 0);
    assert_eq!(sending.len() as u64 + dropped + got.len() as u64, 21);
    assert!(!got.contains(&0), "it was being sent");
}

#[test]
fn two_processes_cannot_use_one_queue() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), 1 << 20);
    let second = Spool::open(dir.path(), &[], true).err().unwrap();
    assert!(second.to_string().contains("another process"), "{second}");
    drop(spool);
    open(dir.path(), 1 << 20);
}

#[test]
fn asking_while_files_change_stops_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let readers = [Reader { name: "slow".into(), bound: 4 << 20 }];
    let spool = Spool::open(dir.path(), &readers, false).unwrap();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| while spool.backlog(0).dropped < 300 {});
        (0..400).for_each(|number| append(&spool, &record(number, 256 << 10)));
        asking.join().unwrap();
    });
}
