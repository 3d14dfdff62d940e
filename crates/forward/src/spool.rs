//! What waits to be passed on, on disk: one row of files for all destinations, each with its own place in it.
//!
//! A request is written once, whatever the number of destinations, and synced together with others that wait (group
//! commit); then its sender is answered. A place is a count of bytes since the beginning of all time; a file's name is the place
//! and the number of its first record. Files that every destination has passed are removed.
//! A destination that falls behind by more than its bound is moved on, and what it misses is counted.

mod files;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::{oneshot, watch};

use crate::record::Record;
use files::{Found, MAGIC, Segment, begin, list, path, read, recover, segment, skip};

/// A file past this size is closed and another begun.
const FILE_BYTES: u64 = 8 << 20;
/// Bytes that one sync covers at most.
const GROUP_BYTES: usize = 16 << 20;
/// A place on disk: offset, number, checksum.
const PLACE_BYTES: usize = 20;

/// A place between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// Bytes before it.
    pub offset: u64,
    /// Records before it.
    pub number: u64,
}

/// A destination as the spool knows it.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Name; also of the file with its place.
    pub name: String,
    /// Bytes that may wait.
    pub bound: u64,
}

/// How far a destination is.
struct Cursor {
    place: Place,
    /// The end of what is being sent right now: not dropped from below the sender.
    sending: Place,
    bound: u64,
    file: File,
    /// Requests that were dropped because too much waited.
    dropped: u64,
    /// Requests whose bytes on disk were damaged.
    damaged: u64,
}

struct Shared {
    dir: PathBuf,
    sync: bool,
    state: Mutex<State>,
    tail: watch::Sender<Place>,
}

struct State {
    cursors: Vec<Cursor>,
    segments: VecDeque<Segment>,
}

struct Append {
    bytes: Vec<u8>,
    done: oneshot::Sender<Result<(), String>>,
}

/// The spool. Dropping it ends its thread after what waits is written.
pub struct Spool {
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Append>>,
    writer: Option<JoinHandle<()>>,
    /// Held for as long as this process uses the directory.
    _lock: File,
}

/// What waits for a destination, and what it lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Requests that wait.
    pub requests: u64,
    /// Their bytes on disk.
    pub bytes: u64,
    /// Requests dropped because too much waited.
    pub dropped: u64,
    /// Requests that were damaged on disk.
    pub damaged: u64,
}

impl Spool {
    /// Opens the spool in `dir`, which is made when it is not there. A half-written last record is cut off: its request
    /// was never acknowledged. A destination without a place begins at the end.
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub fn open(dir: &Path, readers: &[Reader], sync: bool) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let lock = File::create(dir.join("lock"))?;
        lock.try_lock().map_err(|error| io::Error::other(format!("another process uses it ({error})")))?;
        let mut segments = list(dir)?;
        let (file, tail) = match segments.back_mut() {
            Some(last) => {
                let tail = recover(dir, last)?;
                (OpenOptions::new().append(true).open(path(dir, last.first))?, tail)
            }
            None => begin(dir, &mut segments, Place::default())?,
        };
        let length = segments.back().map_or(0, |last| last.length);
        let oldest = segments.front().map_or(tail, |first| first.first);
        let cursors = readers.iter().map(|reader| {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(dir.join(format!("{}.place", reader.name)))?;
            let place = match stored_place(&file)? {
                Stored::None => tail,
                // The machine failed while it was written: rather twice than never.
                Stored::Damaged => oldest,
                Stored::At(place) => place.clamp(oldest, tail),
            };
            Ok(Cursor { place, sending: place, bound: reader.bound, file, dropped: 0, damaged: 0 })
        });
        let cursors = cursors.collect::<io::Result<Vec<_>>>()?;
        for cursor in &cursors {
            store_place(cursor)?;
        }
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            sync,
            state: Mutex::new(State { cursors, segments }),
            tail: watch::Sender::new(tail),
        });
        let (queue, waiting) = mpsc::channel();
        let mut writer = Writer { shared: Arc::clone(&shared), file, length, tail };
        let writer = std::thread::Builder::new().name("forward".into()).spawn(move || writer.run(&waiting))?;
        Ok(Self { shared, queue: Some(queue), writer: Some(writer), _lock: lock })
    }

    /// Adds a record. Returns when it is on disk.
    ///
    /// # Errors
    /// What the system says; the record is then not in the spool.
    pub async fn append(&self, record: &Record) -> Result<(), String> {
        let bytes = record.encode().ok_or("the request is too large for the queue")?;
        let (done, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or("the queue is closed")?;
        queue.send(Append { bytes, done }).map_err(|_| "the queue's writer has ended")?;
        answered.await.map_err(|_| "the queue's writer has ended")?
    }

    /// Waits until there is something past `place`.
    pub async fn wait(&self, place: Place) {
        let mut tail = self.shared.tail.subscribe();
        // The sender lives as long as the spool.
        let _ = tail.wait_for(|tail| *tail > place).await;
    }

    /// The next records of a destination, up to `bytes` but at least one, with the place after the last. What is returned counts as being sent.
    ///
    /// # Errors
    /// What the system says.
    pub fn next(&self, reader: usize, bytes: usize) -> io::Result<(Vec<Record>, Place)> {
        loop {
            let tail = *self.shared.tail.borrow();
            let (from, segments) = {
                let state = self.shared.state();
                (state.cursors[reader].place, state.segments.clone())
            };
            // Read without the lock: those who append wait for it.
            let read = collect(&self.shared.dir, &segments, from, tail, bytes);
            let mut state = self.shared.state();
            let cursor = &mut state.cursors[reader];
            if cursor.place != from {
                // Moved on meanwhile because too much waits; the files may be gone.
                continue;
            }
            let Collected { records, end, damaged } = read?;
            cursor.damaged += damaged;
            cursor.sending = end;
            return Ok((records, end));
        }
    }

    /// A destination is done with everything before `place`.
    ///
    /// # Errors
    /// What the system says; the destination will then get the last requests again after a restart.
    pub fn done(&self, reader: usize, place: Place) -> io::Result<()> {
        let mut state = self.shared.state();
        let cursor = &mut state.cursors[reader];
        cursor.place = cursor.place.max(place);
        cursor.sending = cursor.sending.max(cursor.place);
        store_place(cursor)?;
        state.remove_passed(&self.shared.dir);
        Ok(())
    }

    /// What waits for a destination.
    pub fn backlog(&self, reader: usize) -> Backlog {
        let (tail, state) = (*self.shared.tail.borrow(), self.shared.state());
        let cursor = &state.cursors[reader];
        Backlog {
            requests: tail.number.saturating_sub(cursor.place.number),
            bytes: tail.offset.saturating_sub(cursor.place.offset),
            dropped: cursor.dropped,
            damaged: cursor.damaged,
        }
    }

    /// Where a destination is.
    pub fn place(&self, reader: usize) -> Place {
        self.shared.state().cursors[reader].place
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was answered to those who waited.
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records read in one go.
struct Collected {
    records: Vec<Record>,
    end: Place,
    damaged: u64,
}

fn collect(dir: &Path, segments: &VecDeque<Segment>, from: Place, tail: Place, bytes: usize) -> io::Result<Collected> {
    let mut collected = Collected { records: Vec::new(), end: from, damaged: 0 };
    let mut total = 0;
    while collected.end < tail && (collected.records.is_empty() || total < bytes) {
        let at = collected.end;
        let (found, next) = match segment(segments, at) {
            Some((segment, next)) => (read(dir, segment, at)?, next),
            None => (Found::Damaged, segments.front().map(|first| first.first)),
        };
        match found {
            Found::Record(record, _) if !collected.records.is_empty() && total + record.payload.len() > bytes => break,
            Found::Record(record, next) => {
                total += record.payload.len();
                collected.records.push(record);
                collected.end = next;
            }
            // What cannot be read up to the next file is lost for this destination, and counted.
            Found::End | Found::Damaged => {
                collected.end = next.unwrap_or(tail).max(at);
                collected.damaged += collected.end.number - at.number;
                if collected.end == at {
                    collected.end = tail;
                }
            }
        }
    }
    Ok(collected)
}

impl State {
    /// Removes files that everybody has passed, but not the one being written.
    fn remove_passed(&mut self, dir: &Path) {
        let Some(least) = self.cursors.iter().map(|cursor| cursor.place).min() else { return };
        while self.segments.len() > 1 && self.segments[1].first <= least {
            let Some(passed) = self.segments.pop_front() else { return };
            if let Err(error) = fs::remove_file(path(dir, passed.first)) {
                tracing::warn!(%error, "a file of the forward queue cannot be removed");
            }
        }
    }

    /// Moves destinations on that are further behind than they may be.
    fn enforce(&mut self, dir: &Path, tail: Place) -> io::Result<()> {
        for at in 0..self.cursors.len() {
            let cursor = &self.cursors[at];
            if tail.offset.saturating_sub(cursor.place.offset) <= cursor.bound {
                continue;
            }
            // A tenth more than needed, so that a full queue is not looked through for every request.
            let target = tail.offset.saturating_sub(cursor.bound - cursor.bound / 10);
            let from = cursor.place.max(cursor.sending);
            let mut place = from;
            while place.offset < target && place < tail {
                let Some((segment, next)) = segment(&self.segments, place) else { break };
                place = match next {
                    // Whole files are passed without being opened.
                    Some(next) if next.offset <= target => next,
                    next => skip(dir, segment, place, target)?.or(next).unwrap_or(tail),
                };
            }
            let cursor = &mut self.cursors[at];
            cursor.dropped += place.number - from.number;
            (cursor.place, cursor.sending) = (place, place);
            store_place(cursor)?;
        }
        self.remove_passed(dir);
        Ok(())
    }
}

/// The thread that writes.
struct Writer {
    shared: Arc<Shared>,
    file: File,
    /// Bytes of the file that count.
    length: u64,
    tail: Place,
}

impl Writer {
    fn run(&mut self, waiting: &mpsc::Receiver<Append>) {
        while let Ok(first) = waiting.recv() {
            let (mut bytes, mut group) = (first.bytes.len(), vec![first]);
            while bytes < GROUP_BYTES
                && let Ok(next) = waiting.try_recv()
            {
                bytes += next.bytes.len();
                group.push(next);
            }
            let written = self.write(&group).map_err(|error| error.to_string());
            for append in group {
                // Whoever waited may have gone away.
                let _ = append.done.send(written.clone());
            }
            if let Err(error) = self.tidy() {
                tracing::warn!(%error, "the forward queue cannot be tidied up");
            }
        }
    }

    fn write(&mut self, group: &[Append]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(group.iter().map(|append| append.bytes.len()).sum());
        group.iter().for_each(|append| bytes.extend_from_slice(&append.bytes));
        if self.file.metadata()?.len() != self.length {
            // A write failed: nobody was told that it is there, so it must not be.
            self.file.set_len(self.length)?;
        }
        self.file.write_all(&bytes)?;
        if self.shared.sync {
            self.file.sync_data()?;
        }
        self.length += bytes.len() as u64;
        self.tail.offset += bytes.len() as u64;
        self.tail.number += group.len() as u64;
        if let Some(last) = self.shared.state().segments.back_mut() {
            last.length = self.length;
        }
        self.shared.tail.send_replace(self.tail);
        Ok(())
    }

    /// Begins a new file when this one is full, and moves destinations on that are too far behind.
    fn tidy(&mut self) -> io::Result<()> {
        let mut state = self.shared.state();
        if self.length >= FILE_BYTES {
            (self.file, self.tail) = begin(&self.shared.dir, &mut state.segments, self.tail)?;
            self.length = MAGIC.len() as u64;
            self.shared.tail.send_replace(self.tail);
        }
        state.enforce(&self.shared.dir, self.tail)
    }
}

enum Stored {
    None,
    Damaged,
    At(Place),
}

fn stored_place(file: &File) -> io::Result<Stored> {
    let mut bytes = [0; PLACE_BYTES];
    if file.metadata()?.len() == 0 {
        return Ok(Stored::None);
    }
    if file.read_exact_at(&mut bytes, 0).is_err() {
        return Ok(Stored::Damaged);
    }
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
    let crc = u32::from_le_bytes(std::array::from_fn(|byte| bytes[16 + byte]));
    let good = crc32fast::hash(&bytes[..16]) == crc;
    Ok(if good { Stored::At(Place { offset: number(0), number: number(8) }) } else { Stored::Damaged })
}

/// Not synced: after a failure of the machine a destination gets the last requests again.
fn store_place(cursor: &Cursor) -> io::Result<()> {
    let mut bytes = [0; PLACE_BYTES];
    bytes[..8].copy_from_slice(&cursor.place.offset.to_le_bytes());
    bytes[8..16].copy_from_slice(&cursor.place.number.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..16]);
    bytes[16..].copy_from_slice(&crc.to_le_bytes());
    cursor.file.write_all_at(&bytes, 0)
}
