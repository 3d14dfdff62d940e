//! Files of blocks and of the log: names, writing whole, reading parts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use promql::Matcher;

use super::DbError;
use crate::block::{self, Entry, Footer, MAGIC, Section, TAIL};
use crate::found::Found;
use crate::log::{self, Record};

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `1700000000000-1700007200000.block`, `.thin` where only hourly summaries are left.
    Block,
    /// `7.head`: everything in memory when log 7 began.
    Head(u64),
    /// `7.log`.
    Log(u64),
    /// A file that was being written when the program ended.
    Unfinished,
    /// Nothing of ours.
    Other,
}

impl Kind {
    pub fn of(path: &Path) -> Self {
        let number = || path.file_stem()?.to_str()?.parse().ok();
        match path.extension().and_then(|it| it.to_str()) {
            Some("block" | "thin") => Self::Block,
            Some("head") => number().map_or(Self::Other, Self::Head),
            Some("log") => number().map_or(Self::Other, Self::Log),
            Some("new") => Self::Unfinished,
            _ => Self::Other,
        }
    }
}

/// A block on disk: its footer, which stays in memory.
#[derive(Debug)]
pub(super) struct BlockFile {
    pub path: PathBuf,
    pub bytes: u64,
    pub footer: Footer,
}

impl BlockFile {
    /// Reads the footer of a block.
    pub fn open(path: PathBuf) -> Result<Self, DbError> {
        let read = || -> io::Result<Option<(u64, Footer)>> {
            let mut file = File::open(&path)?;
            let bytes = file.metadata()?.len();
            if bytes < (MAGIC.len() + TAIL) as u64 {
                return Ok(None);
            }
            let mut tail = [0; TAIL];
            file.seek(SeekFrom::End(-(TAIL as i64)))?;
            file.read_exact(&mut tail)?;
            let length = Footer::length(&tail).filter(|&length| (length + TAIL) as u64 <= bytes);
            let Some(length) = length else { return Ok(None) };
            file.seek(SeekFrom::End(-((length + TAIL) as i64)))?;
            let mut footer = vec![0; length];
            file.read_exact(&mut footer)?;
            Ok(Footer::decode(&footer, &tail).map(|footer| (bytes, footer)))
        };
        match read() {
            Ok(Some((bytes, footer))) => Ok(Self { path, bytes, footer }),
            Ok(None) => Err(DbError::Damaged { path }),
            Err(error) => Err(DbError::io("read", &path, error)),
        }
    }

    /// Whether samples after `from` up to `to` may be in it.
    pub fn overlaps(&self, from: i64, to: i64) -> bool {
        self.footer.end > from && self.footer.start <= to
    }

    /// Labels of the series that fulfil the matchers.
    pub fn entries(&self, section: &Section, matchers: &[Matcher]) -> Result<Vec<Entry>, DbError> {
        let index = self.read(section.offset, section.index_bytes)?;
        block::decode_index(section, &index, matchers).ok_or_else(|| DbError::Damaged { path: self.path.clone() })
    }

    /// Series of a section with their chunks.
    pub fn section(&self, section: &Section, matchers: &[Matcher], from: i64, to: i64) -> Result<Vec<Found>, DbError> {
        let entries = self.entries(section, matchers)?;
        let entries: Vec<Entry> = entries.into_iter().filter(|entry| entry.overlaps(from, to)).collect();
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(Vec::new()) };
        let data = section.offset + section.index_bytes;
        let (start, end) = (first.offset, last.offset + last.bytes);
        let wanted: u64 = entries.iter().map(|entry| entry.bytes).sum();
        // One read of everything between, unless most of that is not wanted.
        let together = if wanted * 4 >= end - start { Some(self.read(data + start, end - start)?) } else { None };
        let found = |entry: Entry| {
            let bytes = match &together {
                Some(all) => all.slice((entry.offset - start) as usize..(entry.offset - start + entry.bytes) as usize),
                None => self.read(data + entry.offset, entry.bytes)?,
            };
            entry.found(&bytes, from, to).ok_or_else(|| DbError::Damaged { path: self.path.clone() })
        };
        entries.into_iter().map(found).collect()
    }

    /// All series that fulfil the matchers and have chunks after `from` up to `to`.
    pub fn select(&self, matchers: &[Matcher], from: i64, to: i64) -> Result<Vec<Found>, DbError> {
        let mut found = Vec::new();
        for section in self.footer.matching(matchers) {
            found.extend(self.section(section, matchers, from, to)?);
        }
        Ok(found)
    }

    fn read(&self, offset: u64, length: u64) -> Result<Bytes, DbError> {
        let read = || -> io::Result<Bytes> {
            if offset.saturating_add(length) > self.bytes {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = vec![0; length as usize];
            file.read_exact(&mut bytes)?;
            Ok(bytes.into())
        };
        read().map_err(|error| DbError::io("read", &self.path, error))
    }
}

/// Writes a block, section by section, under another name until it is whole.
pub(super) struct BlockWriter {
    file: io::BufWriter<File>,
    path: PathBuf,
    unfinished: PathBuf,
    at: u64,
    footer: Footer,
}

impl BlockWriter {
    pub fn new(path: PathBuf, start: i64, end: i64, thin: bool) -> Result<Self, DbError> {
        let unfinished = path.with_added_extension("new");
        let open = || {
            let mut file = io::BufWriter::new(File::create(&unfinished)?);
            file.write_all(MAGIC)?;
            Ok(file)
        };
        let file = open().map_err(|error| DbError::io("write", &unfinished, error))?;
        let footer = Footer { start, end, thin, sections: Vec::new() };
        Ok(Self { file, path, unfinished, at: MAGIC.len() as u64, footer })
    }

    /// Writes the series of one metric; metrics come in order.
    pub fn section(&mut self, metric: &str, series: &[Found]) -> Result<(), DbError> {
        let (section, bytes) = block::encode_section(metric, self.at, series);
        self.file.write_all(&bytes).map_err(|error| DbError::io("write", &self.unfinished, error))?;
        self.at += bytes.len() as u64;
        self.footer.sections.push(section);
        Ok(())
    }

    /// Makes the file durable under its name.
    pub fn finish(mut self) -> Result<BlockFile, DbError> {
        let footer = self.footer.encode();
        let write = |file: &mut io::BufWriter<File>| {
            file.write_all(&footer)?;
            file.flush()?;
            file.get_ref().sync_all()
        };
        write(&mut self.file).map_err(|error| DbError::io("write", &self.unfinished, error))?;
        fs::rename(&self.unfinished, &self.path).map_err(|error| DbError::io("rename", &self.unfinished, error))?;
        sync_dir(&self.path)?;
        Ok(BlockFile { bytes: self.at + footer.len() as u64, path: self.path, footer: self.footer })
    }
}

/// Writes series into a block.
pub(super) fn write_block(
    path: PathBuf,
    start: i64,
    end: i64,
    series: Vec<(Arc<str>, Vec<Found>)>,
) -> Result<BlockFile, DbError> {
    let mut writer = BlockWriter::new(path, start, end, false)?;
    for (metric, series) in series {
        writer.section(&metric, &series)?;
    }
    writer.finish()
}

/// The log being written.
#[derive(Debug)]
pub(super) struct LogFile {
    pub number: u64,
    pub path: PathBuf,
    pub bytes: u64,
    pub file: Arc<File>,
}

/// Hands over the records of the log at `path`, as long as it is now. Gives the bytes that are good, and what follows them: nothing, the
/// torn end of what was being written, or damage.
pub(super) fn read_log(path: &Path, take: impl FnMut(Record)) -> Result<(u64, Vec<u8>), DbError> {
    /// Bytes that are asked of the system at once.
    const PIECE: usize = 1 << 20;
    let read = || {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut file = BufReader::with_capacity(PIECE, file);
        let good = log::read((&mut file).take(length), take)?;
        let mut rest = Vec::new();
        file.seek(SeekFrom::Start(good))?;
        file.take(length - good).read_to_end(&mut rest)?;
        Ok((good, rest))
    };
    read().map_err(|error| DbError::io("read", path, error))
}

impl LogFile {
    /// Begins log `number`, or goes on with it after its first `good` bytes.
    pub fn open(dir: &Path, number: u64, good: u64) -> Result<Self, DbError> {
        let path = dir.join(format!("{number}.log"));
        let open = || {
            let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
            file.set_len(good)?;
            file.seek(SeekFrom::End(0))?;
            let mut bytes = good;
            if good == 0 {
                file.write_all(log::MAGIC)?;
                bytes = log::MAGIC.len() as u64;
            }
            file.sync_all()?;
            Ok((Arc::new(file), bytes))
        };
        let (file, bytes) = open().map_err(|error| DbError::io("open", &path, error))?;
        sync_dir(&path)?;
        Ok(Self { number, path, bytes, file })
    }

    /// Appends a record. What a failed write left is cut off again, so that later records can be read.
    pub fn append(&mut self, record: &[u8]) -> Result<(), DbError> {
        if let Err(error) = (&*self.file).write_all(record) {
            let _ = self.file.set_len(self.bytes);
            let _ = (&*self.file).seek(SeekFrom::Start(self.bytes));
            return Err(DbError::io("write", &self.path, error));
        }
        self.bytes += record.len() as u64;
        Ok(())
    }
}

/// Makes the names in a file's directory durable.
fn sync_dir(path: &Path) -> Result<(), DbError> {
    let Some(dir) = path.parent() else { return Ok(()) };
    // Directories cannot be opened everywhere; where they cannot, names are durable without it.
    match File::open(dir).map(|dir| dir.sync_all()) {
        Ok(Err(error)) => Err(DbError::io("sync", dir, error)),
        _ => Ok(()),
    }
}

/// Removes a file that is no longer needed; what cannot be removed now is removed by the next start.
pub(super) fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}
