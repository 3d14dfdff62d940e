//! The log of reservations: what happened to each, durable before it is answered.
//!
//! One file, one operation a line (`crc32 json`), written by one thread: what waits while it syncs is written together next. A line
//! that was cut off by a crash was never answered, and is cut away; one that is damaged costs itself. When the file is opened, or has
//! grown large, it is written anew with what still matters. The format is described in `docs/formats/reservations.md`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use signals::money::budget::Op;
use tokio::sync::oneshot;

/// Name of the file in the data directory.
pub const FILE: &str = "reservations.log";
/// Bytes after which it is written anew.
pub const REWRITE_BYTES: u64 = 32 << 20;
/// Operations written together at most.
const BATCH: usize = 1024;

/// Why the log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system refuses.
    #[error("the log of reservations {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The thread that writes has ended.
    #[error("reservations cannot be kept any more: {0}; restart Tawny once the disk takes writes")]
    Stopped(String),
}

/// The open log. Dropping it ends the thread once everything is written.
#[derive(Debug)]
pub struct Log {
    to_writer: mpsc::Sender<Message>,
    bytes: Arc<AtomicU64>,
    path: PathBuf,
}

#[derive(Debug)]
enum Message {
    /// Lines, and who waits for them.
    Append(Vec<u8>, Option<oneshot::Sender<Result<(), String>>>),
    /// The file anew, with these lines.
    Rewrite(Vec<u8>),
}

/// An answer to wait for.
#[derive(Debug)]
pub struct Written(oneshot::Receiver<Result<(), String>>);

impl Written {
    /// Waits until it is on the disk.
    pub async fn wait(self) -> Result<(), LogError> {
        match self.0.await {
            Ok(done) => done.map_err(LogError::Stopped),
            Err(_) => Err(LogError::Stopped("its thread has ended".into())),
        }
    }
}

impl Log {
    /// Opens the log in `dir` and reads it; `sync` off leaves it to the system when the disk has it.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(dir: &Path, sync: bool) -> Result<(Self, Vec<Op>), LogError> {
        let path = dir.join(FILE);
        let at = |source| LogError::Io { path: path.clone(), source };
        let ops = read(&path).map_err(at)?;
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(at)?;
        let bytes = Arc::new(AtomicU64::new(file.metadata().map_err(at)?.len()));
        let (to_writer, messages) = mpsc::channel();
        let writer = Writer { file, path: path.clone(), sync, bytes: bytes.clone(), name_at_risk: false };
        std::thread::Builder::new().name("reservations".into()).spawn(move || writer.run(&messages)).map_err(at)?;
        Ok((Self { to_writer, bytes, path }, ops))
    }

    /// Hands an operation over. The order of calls is the order in the file, so call it under the lock of the book.
    pub fn append(&self, op: &Op) -> Written {
        let (sender, receiver) = oneshot::channel();
        // Where the thread is gone the sender is dropped, and waiting says so.
        let _ = self.to_writer.send(Message::Append(line(op), Some(sender)));
        Written(receiver)
    }

    /// Hands operations over that nobody waits for.
    pub fn append_all(&self, ops: &[Op]) {
        if !ops.is_empty() {
            let _ = self.to_writer.send(Message::Append(ops.iter().flat_map(line).collect(), None));
        }
    }

    /// Writes the file anew with what still matters. Call it under the lock of the book.
    pub fn rewrite(&self, ops: &[Op]) {
        let _ = self.to_writer.send(Message::Rewrite(ops.iter().flat_map(line).collect()));
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn line(op: &Op) -> Vec<u8> {
    let json = serde_json::to_string(op).unwrap_or_default();
    format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes()
}

/// Every whole line; the file is cut after the last of them. Where lines between are damaged, the file as it was is kept beside it.
fn read(path: &Path) -> io::Result<Vec<Op>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let (mut ops, mut text) = (Vec::new(), Vec::new());
    // Bytes read, bytes up to the last good line, bad lines since then and before it.
    let (mut at, mut good, mut bad, mut damaged) = (0u64, 0u64, 0u64, 0u64);
    let mut reader = BufReader::new(file);
    loop {
        text.clear();
        let read = reader.read_until(b'\n', &mut text)?;
        if read == 0 {
            break;
        }
        at += read as u64;
        match parse(&text) {
            Some(op) => {
                ops.push(op);
                damaged += std::mem::take(&mut bad);
                good = at;
            }
            None => bad += 1,
        }
    }
    if damaged > 0 {
        let aside = path.with_added_extension("damaged");
        std::fs::copy(path, &aside)?;
        tracing::error!(path = %path.display(), lines = damaged, aside = %aside.display(), "the log of reservations is damaged; what could be read is in force");
    }
    let length = path.metadata()?.len();
    if good < length {
        tracing::warn!(path = %path.display(), bytes = length - good, "the log of reservations ends in a line that was not answered; it is cut away");
        OpenOptions::new().write(true).open(path)?.set_len(good)?;
    }
    Ok(ops)
}

fn parse(line: &[u8]) -> Option<Op> {
    let text = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (sum, json) = text.split_once(' ')?;
    (u32::from_str_radix(sum, 16).ok()? == crc32fast::hash(json.as_bytes())).then(|| serde_json::from_str(json).ok())?
}

struct Writer {
    file: File,
    path: PathBuf,
    sync: bool,
    bytes: Arc<AtomicU64>,
    /// The file was written anew, and its directory could not be synced: a failure of the machine might bring the old one back.
    name_at_risk: bool,
}

impl Writer {
    fn run(mut self, messages: &mpsc::Receiver<Message>) {
        while let Ok(first) = messages.recv() {
            let (mut bytes, mut waiting, mut anew) = (Vec::new(), Vec::new(), None);
            let mut next = Some(first);
            let mut taken = 0;
            while let Some(message) = next {
                match message {
                    Message::Append(lines, who) => {
                        bytes.extend_from_slice(&lines);
                        waiting.extend(who);
                    }
                    Message::Rewrite(lines) => {
                        // It holds everything that was handed over before it.
                        bytes.clear();
                        anew = Some(lines);
                    }
                }
                taken += 1;
                next = if taken < BATCH { messages.try_recv().ok() } else { None };
            }
            let done = anew.map_or(Ok(()), |lines| self.write_anew(&lines)).and_then(|()| self.write(&bytes));
            if let Err(error) = &done {
                tracing::error!(%error, path = %self.path.display(), "reservations cannot be kept");
            }
            let done = done.map_err(|error| error.to_string());
            for who in waiting {
                // Nobody waiting any more is no error.
                let _ = who.send(done.clone());
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.sync_name()?;
        let before = self.bytes.load(Ordering::Relaxed);
        let written = self.file.write_all(bytes).and_then(|()| if self.sync { self.file.sync_data() } else { Ok(()) });
        if written.is_err() {
            // What is half there would hide what comes after it.
            let _ = self.file.set_len(before);
        } else {
            self.bytes.store(before + bytes.len() as u64, Ordering::Relaxed);
        }
        written
    }

    fn write_anew(&mut self, lines: &[u8]) -> io::Result<()> {
        let new = self.path.with_extension("log.new");
        let mut file = OpenOptions::new().create(true).append(true).open(&new)?;
        file.set_len(0)?;
        file.write_all(lines)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        // From here on this is the file, whatever fails: the old one has no name any more.
        self.file = file;
        self.bytes.store(lines.len() as u64, Ordering::Relaxed);
        self.name_at_risk = true;
        self.sync_name()
    }

    fn sync_name(&mut self) -> io::Result<()> {
        if self.name_at_risk {
            if let Some(dir) = self.path.parent() {
                File::open(dir)?.sync_all()?;
            }
            self.name_at_risk = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Timestamp, Usd};
    use signals::money::budget::{Reserved, Who};

    use super::*;

    fn reserve(id: u32) -> Op {
        Op::Reserve(Reserved {
            id: Arc::from(format!("r{id}")),
            who: Who::default(),
            usd: Usd::from_pico(i128::from(id)),
            at: Timestamp::from_nanos(1),
            expires: Timestamp::from_nanos(2),
        })
    }

    #[tokio::test]
    async fn what_was_answered_is_there_after_a_restart_and_a_torn_end_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let (log, before) = Log::open(dir.path(), true).unwrap();
        assert!(before.is_empty());
        let waiting: Vec<_> = (0..100).map(|id| log.append(&reserve(id))).collect();
        for written in waiting {
            written.wait().await.unwrap();
        }
        drop(log);
        let path = dir.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"0badc0de {\"op\":\"rel"].concat()).unwrap();
        let (log, ops) = Log::open(dir.path(), true).unwrap();
        assert_eq!(ops, (0..100).map(reserve).collect::<Vec<_>>());
        log.append(&reserve(100)).wait().await.unwrap();
        log.rewrite(&[reserve(7)]);
        log.append(&reserve(101)).wait().await.unwrap();
        drop(log);
        assert_eq!(Log::open(dir.path(), true).unwrap().1, [reserve(7), reserve(101)]);
    }

    #[tokio::test]
    async fn a_damaged_line_costs_itself_and_the_file_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (log, _) = Log::open(dir.path(), true).unwrap();
        for id in 0..10 {
            log.append(&reserve(id)).wait().await.unwrap();
        }
        drop(log);
        let path = dir.path().join(FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        let third = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(2).unwrap().0;
        bytes[third - 2] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let (log, ops) = Log::open(dir.path(), true).unwrap();
        assert_eq!(ops, [0, 1, 3, 4, 5, 6, 7, 8, 9].map(reserve));
        assert_eq!(std::fs::read(path.with_added_extension("damaged")).unwrap(), bytes);
        log.rewrite(&[reserve(7)]);
        log.append(&reserve(11)).wait().await.unwrap();
        drop(log);
        assert_eq!(Log::open(dir.path(), true).unwrap().1, [reserve(7), reserve(11)]);
    }
}
