//! Opening a directory: blocks, the newest checkpoint, the logs after it.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use super::files::{BlockFile, Kind, LogFile, read_log, remove};
use super::{Db, DbError, Log, Settings, State, note_exemplar, note_metadata};
use crate::head::Head;
use crate::log::{self, Names, Record};

impl Db {
    /// Opens the series in `dir`, which is made where it is not there. A damaged block is set aside under another name and counted, and
    /// so is what a log has from a damaged record on; what a torn record at its end leaves was never acknowledged.
    ///
    /// # Errors
    /// When a file cannot be read or the log not written.
    pub fn open(dir: &Path, settings: Settings, now: i64) -> Result<Self, DbError> {
        fs::create_dir_all(dir).map_err(|error| DbError::io("create", dir, error))?;
        let found = Listing::of(dir)?;
        let mut damaged = 0;
        let mut blocks = Vec::new();
        for path in found.blocks {
            match BlockFile::open(path) {
                Ok(block) => blocks.push(Arc::new(block)),
                Err(DbError::Damaged { path }) => {
                    damaged += 1;
                    let aside = path.with_added_extension("damaged");
                    fs::rename(&path, &aside).map_err(|error| DbError::io("rename", &path, error))?;
                }
                Err(error) => return Err(error),
            }
        }
        drop_merged(&mut blocks);
        let sealed = blocks.iter().map(|block| block.footer.end).max();
        let mut state = State {
            head: Head::new(Self::bounds(&settings), sealed.unwrap_or(i64::MIN)),
            blocks,
            metadata: BTreeMap::new(),
            exemplars: VecDeque::new(),
        };
        let checkpoint = restore(&mut state, &found.heads, &mut damaged)?;
        let mut last = (checkpoint.unwrap_or(0), 0);
        for number in found.logs {
            if checkpoint.is_some_and(|checkpoint| number < checkpoint) {
                continue;
            }
            last = (number, replay(&mut state, &dir.join(format!("{number}.log")), &mut damaged)?);
        }
        let oldest = (now - settings.late_window).div_euclid(settings.block) * settings.block;
        let min = sealed.unwrap_or(oldest).max(oldest);
        // What was replayed from before becomes a block with the next upkeep.
        state.head.set_min(min);
        let file = LogFile::open(dir, last.0, last.1)?;
        let synced = Mutex::new((file.number, file.bytes));
        Ok(Self {
            dir: dir.to_owned(),
            settings,
            // Numbers of series are given anew; the file describes them again.
            log: Mutex::new(Log { file, defined: HashSet::new() }),
            state: RwLock::new(state),
            synced,
            upkeep: Mutex::new(()),
            damaged,
        })
    }
}

/// Files of a directory by what they are.
#[derive(Default)]
struct Listing {
    blocks: Vec<PathBuf>,
    heads: Vec<(u64, PathBuf)>,
    logs: Vec<u64>,
}

impl Listing {
    fn of(dir: &Path) -> Result<Self, DbError> {
        let mut found = Self::default();
        for entry in fs::read_dir(dir).map_err(|error| DbError::io("list", dir, error))? {
            let path = entry.map_err(|error| DbError::io("list", dir, error))?.path();
            match Kind::of(&path) {
                Kind::Block => found.blocks.push(path),
                Kind::Head(number) => found.heads.push((number, path)),
                Kind::Log(number) => found.logs.push(number),
                Kind::Unfinished => remove(&path),
                Kind::Other => {}
            }
        }
        found.blocks.sort();
        found.heads.sort();
        found.logs.sort_unstable();
        Ok(found)
    }
}

/// A day's block and those it was made of may both be there: the program ended before it removed the latter.
fn drop_merged(blocks: &mut Vec<Arc<BlockFile>>) {
    let covered = |block: &Arc<BlockFile>, by: &Arc<BlockFile>| {
        let (block_span, by_span) = ((block.footer.start, block.footer.end), (by.footer.start, by.footer.end));
        by_span.0 <= block_span.0
            && block_span.1 <= by_span.1
            && (by_span != block_span || (by.footer.thin && !block.footer.thin))
    };
    let all = blocks.clone();
    blocks.retain(|block| {
        let merged = all.iter().any(|by| covered(block, by));
        if merged {
            remove(&block.path);
        }
        !merged
    });
    blocks.sort_by_key(|block| block.footer.start);
}

/// Reads the newest checkpoint that is whole; gives its number.
fn restore(state: &mut State, heads: &[(u64, PathBuf)], damaged: &mut u64) -> Result<Option<u64>, DbError> {
    for (number, path) in heads.iter().rev() {
        let read = BlockFile::open(path.clone()).and_then(|block| block.select(&[], i64::MIN, i64::MAX));
        match read {
            Ok(series) => {
                let min = state.head.min();
                for mut found in series {
                    found.chunks.retain(|chunk| chunk.max >= min);
                    if !found.chunks.is_empty() {
                        state.head.restore(found.labels, found.chunks);
                    }
                }
                return Ok(Some(*number));
            }
            Err(DbError::Damaged { .. }) => *damaged += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Reads a log back; gives the bytes of it that are good.
fn replay(state: &mut State, path: &Path, damaged: &mut u64) -> Result<u64, DbError> {
    let mut names = Names::new();
    let (good, rest) = read_log(path, |record| match record {
        Record::Samples { series, samples } => {
            names.extend(series);
            for sample in samples {
                if let Some(labels) = names.get(&sample.series) {
                    state.head.replay(labels, sample.time, sample.value);
                }
            }
        }
        Record::Metadata(entries) => entries.iter().for_each(|entry| _ = note_metadata(&mut state.metadata, entry)),
        Record::Exemplars(list) => list.iter().for_each(|exemplar| _ = note_exemplar(&mut state.exemplars, exemplar)),
    })?;
    if log::goes_on(&rest) {
        // Numbers of series may have been given in what is damaged, so the records after it cannot be read; they are kept for people.
        *damaged += 1;
        let aside = path.with_added_extension("damaged");
        fs::write(&aside, &rest).map_err(|error| DbError::io("write", &aside, error))?;
    }
    Ok(good)
}
