//! Series with their files: a log of what was written, checkpoints of the memory, blocks of what left it.
//!
//! A write goes to memory and log; when it returns, the log is durable. Every two hours what is older than the window for late samples becomes a
//! block, the memory is written as a checkpoint, and a new log begins. Blocks of a day become one; old ones keep only what hourly summaries need,
//! and go when retention says so. The caller has the clock and calls [`Db::maintain`] now and then.

mod check;
mod files;
mod labels;
mod maintain;
mod open;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use promql::{Labels, Matcher};

pub use self::check::{Checked, check_files};
use self::files::{BlockFile, LogFile};
pub use self::maintain::Maintained;
use crate::found::Found;
use crate::head::{Applied, Bounds, Head};
use crate::log;
use crate::write::{Batch, Exemplar, Metadata, Refused, SampleValue};

/// Exemplars kept for a project; the oldest goes first.
pub const EXEMPLARS_MAX: usize = 20_000;
/// Metrics whose type, meaning and unit are kept.
pub const METADATA_MAX: usize = 20_000;

/// How series are kept. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Series in memory.
    pub series_max: usize,
    /// Length of a block.
    pub block: i64,
    /// How late a sample may come at least.
    pub late_window: i64,
    /// Age from which only hourly summaries are kept; `None` keeps every sample.
    pub thin_after: Option<i64>,
    /// Age at which blocks go; `None` keeps them.
    pub keep: Option<i64>,
    /// Wait for the disk before a write returns.
    pub sync: bool,
}

/// Two hours, as in Prometheus: small enough to be in memory, large enough to compress.
pub const BLOCK: i64 = 7_200_000;

impl Default for Settings {
    fn default() -> Self {
        Self {
            series_max: 200_000,
            block: BLOCK,
            late_window: BLOCK / 2,
            thin_after: Some(15 * 86_400_000),
            keep: None,
            sync: true,
        }
    }
}

/// Why series cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A file cannot be used.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} is damaged: restore it from a backup or remove it; the samples in it are lost")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A query needs more series than allowed.
    #[error("the selectors find more than {limit} series (series_max); add label matchers")]
    TooManySeries {
        /// The limit.
        limit: usize,
    },
    /// A query needs more samples than allowed.
    #[error("the query would read more than {limit} samples (samples_max); select fewer series or a shorter range")]
    TooManySamples {
        /// The limit.
        limit: u64,
    },
}

impl DbError {
    fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { what, path: path.to_owned(), source }
    }

    /// Whether a file was gone: one that upkeep has replaced in the meantime.
    fn is_gone(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// What became of a write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Floats the series did not have yet.
    pub samples: u64,
    /// Native histograms likewise.
    pub histograms: u64,
    /// Exemplars taken.
    pub exemplars: u64,
    /// Samples that were there already.
    pub repeated: u64,
    /// Floats of the batch that the series have now: new ones and repeats, without the zeros that were added.
    pub kept_samples: u64,
    /// Native histograms likewise.
    pub kept_histograms: u64,
    /// Samples not taken, by reason.
    pub refused: BTreeMap<Refused, u64>,
}

/// What a write added, for whoever passes it on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taken {
    /// Samples as the series have them now: sums instead of deltas, and zeros that were added. In the order they were written.
    pub samples: Vec<(Labels, i64, SampleValue)>,
    /// Observations with traces.
    pub exemplars: Vec<Exemplar>,
    /// Metrics of which something new is known.
    pub metadata: Vec<(String, Metadata)>,
}

/// Bounds of one selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectLimits {
    /// Series.
    pub series_max: usize,
    /// Samples in the chunks found.
    pub samples_max: u64,
}

/// Sizes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Series in memory.
    pub series: u64,
    /// Samples in memory.
    pub samples: u64,
    /// Bytes of memory they take, about.
    pub memory_bytes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Samples in blocks.
    pub block_samples: u64,
    /// Bytes of blocks.
    pub block_bytes: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Samples before this are no longer taken, in milliseconds since 1970.
    pub min_time: i64,
    /// Newest sample in memory, in milliseconds since 1970.
    pub max_time: Option<i64>,
    /// Exemplars.
    pub exemplars: u64,
    /// Files found damaged when the directory was opened, and set aside.
    pub damaged: u64,
}

#[derive(Debug)]
struct State {
    head: Head,
    blocks: Vec<Arc<BlockFile>>,
    metadata: BTreeMap<String, Metadata>,
    exemplars: VecDeque<Exemplar>,
}

#[derive(Debug)]
struct Log {
    file: LogFile,
    /// Series the file has described.
    defined: HashSet<u32>,
}

/// Series of one project in a directory.
#[derive(Debug)]
pub struct Db {
    dir: PathBuf,
    settings: Settings,
    /// Taken before `state`; whoever holds it decides the order of writes.
    log: Mutex<Log>,
    state: RwLock<State>,
    /// Number of the log and bytes of it that are durable. One sync serves all who wait.
    synced: Mutex<(u64, u64)>,
    upkeep: Mutex<()>,
    damaged: u64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Db {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn bounds(settings: &Settings) -> Bounds {
        Bounds { block: settings.block, series_max: settings.series_max }
    }

    /// Writes a batch. What cannot be taken is counted and costs its neighbours nothing. `now` in milliseconds since 1970.
    ///
    /// # Errors
    /// When the log cannot be written or made durable: then nothing is acknowledged, and sending again does no harm.
    pub fn write(&self, batch: Batch, now: i64) -> Result<Written, DbError> {
        self.write_and_tell(batch, now, None)
    }

    /// As [`Db::write`], and puts what was added into `taken`.
    ///
    /// # Errors
    /// As there; then `taken` means nothing.
    pub fn write_and_tell(&self, batch: Batch, now: i64, taken: Option<&mut Taken>) -> Result<Written, DbError> {
        let mut written = Written::default();
        let mut applied = Vec::with_capacity(batch.writes.len());
        let mut log = locked(&self.log);
        let mut records = Vec::new();
        {
            let mut state = self.change();
            for write in batch.writes {
                let before = applied.len();
                let is_float = matches!(write.value, SampleValue::Float(_));
                match state.head.write(write, now, &mut applied) {
                    Ok(()) => {
                        written.repeated += u64::from(applied.len() == before);
                        written.kept_samples += u64::from(is_float);
                        written.kept_histograms += u64::from(!is_float);
                    }
                    Err(refused) => *written.refused.entry(refused).or_default() += 1,
                }
            }
            if !applied.is_empty() {
                records.extend(log::samples(&applied, &state.head, &mut log.defined));
            }
            let metadata: Vec<(String, Metadata)> =
                batch.metadata.into_iter().filter(|entry| note_metadata(&mut state.metadata, entry)).collect();
            if !metadata.is_empty() {
                records.extend(log::metadata(metadata.iter().map(|(name, metadata)| (name, metadata))));
            }
            let mut exemplars = batch.exemplars;
            exemplars.retain(|exemplar| note_exemplar(&mut state.exemplars, exemplar));
            written.exemplars = exemplars.len() as u64;
            if !exemplars.is_empty() {
                records.extend(log::exemplars(exemplars.iter()));
            }
            if let Some(taken) = taken {
                let named = |sample: &Applied| {
                    state.head.labels(sample.series).map(|labels| (labels.clone(), sample.time, sample.value.clone()))
                };
                *taken = Taken { samples: applied.iter().filter_map(named).collect(), exemplars, metadata };
            }
        }
        for sample in &applied {
            match sample.value {
                SampleValue::Float(_) => written.samples += 1,
                SampleValue::Histogram(_) => written.histograms += 1,
            }
        }
        if records.is_empty() {
            return Ok(written);
        }
        if let Err(error) = log.file.append(&records) {
            // Series the record would have described are described again.
            log.defined.clear();
            return Err(error);
        }
        let (number, bytes, file) = (log.file.number, log.file.bytes, Arc::clone(&log.file.file));
        drop(log);
        if self.settings.sync {
            self.sync(number, bytes, &file)?;
        }
        Ok(written)
    }

    /// Waits until the first `bytes` of log `number` are durable.
    fn sync(&self, number: u64, bytes: u64, file: &File) -> Result<(), DbError> {
        let mut synced = locked(&self.synced);
        if *synced >= (number, bytes) {
            return Ok(());
        }
        // What others have appended by now is made durable with it; the file's length says how much that is.
        let length = file.metadata().map(|about| about.len()).unwrap_or(bytes);
        file.sync_data().map_err(|error| DbError::io("sync", &self.dir.join(format!("{number}.log")), error))?;
        *synced = (*synced).max((number, length.max(bytes)));
        Ok(())
    }

    /// Series that fulfil all matchers and may have samples after `from` up to `to` (milliseconds), ordered by labels.
    ///
    /// # Errors
    /// When a limit is reached or a block cannot be read.
    pub fn select(
        &self,
        matchers: &[Matcher],
        from: i64,
        to: i64,
        limits: SelectLimits,
    ) -> Result<Vec<Found>, DbError> {
        self.patiently(|| {
            let (mut found, blocks) = {
                let state = self.read();
                (state.head.select(matchers, from, to), overlapping(&state.blocks, from, to))
            };
            let mut samples: u64 = found.iter().map(Found::samples).sum();
            let mut places: HashMap<Labels, usize> = HashMap::new();
            if !blocks.is_empty() {
                places.extend(found.iter().enumerate().map(|(at, found)| (found.labels.clone(), at)));
            }
            for block in blocks {
                for section in block.footer.matching(matchers) {
                    for more in block.section(section, matchers, from, to)? {
                        samples += more.samples();
                        match places.get(&more.labels) {
                            Some(&at) => found[at].chunks.extend(more.chunks),
                            None => {
                                places.insert(more.labels.clone(), found.len());
                                found.push(more);
                            }
                        }
                    }
                    check(found.len(), samples, limits)?;
                }
            }
            check(found.len(), samples, limits)?;
            for found in &mut found {
                found.chunks.sort_by_key(|chunk| chunk.min);
            }
            found.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
            Ok(found)
        })
    }

    /// Runs `look` again where a block has been replaced while it looked.
    fn patiently<T>(&self, mut look: impl FnMut() -> Result<T, DbError>) -> Result<T, DbError> {
        /// Upkeep replaces blocks hours apart; twice in a row is chance, more is a missing file.
        const PATIENCE: usize = 3;
        let mut last = look();
        for _ in 1..PATIENCE {
            match &last {
                Err(error) if error.is_gone() => last = look(),
                _ => break,
            }
        }
        last
    }

    /// What is known of metrics, by family name.
    pub fn metadata(&self) -> BTreeMap<String, Metadata> {
        self.read().metadata.clone()
    }

    /// Exemplars of series that fulfil any of `sets`, from `from` up to `to` (milliseconds), oldest first.
    pub fn exemplars(&self, sets: &[Vec<Matcher>], from: i64, to: i64) -> Vec<Exemplar> {
        let fits = |exemplar: &&Exemplar| {
            (from..=to).contains(&exemplar.time)
                && sets.iter().any(|matchers| matchers.iter().all(|matcher| matcher.matches(&exemplar.series)))
        };
        let mut found: Vec<Exemplar> = self.read().exemplars.iter().filter(fits).cloned().collect();
        found.sort_by_key(|exemplar| exemplar.time);
        found
    }

    /// Before this time only hourly summaries are left, in milliseconds since 1970; `None` where nothing is thinned.
    pub fn thin_before(&self) -> Option<i64> {
        self.read().blocks.iter().filter(|block| block.footer.thin).map(|block| block.footer.end).max()
    }

    /// Sizes.
    pub fn stats(&self) -> Stats {
        let log_bytes = locked(&self.log).file.bytes;
        let state = self.read();
        let (samples, memory) = state.head.size();
        let sections = || state.blocks.iter().flat_map(|block| &block.footer.sections);
        Stats {
            series: state.head.len() as u64,
            samples,
            memory_bytes: memory as u64,
            blocks: state.blocks.len() as u64,
            block_samples: sections().map(|section| section.samples).sum(),
            block_bytes: state.blocks.iter().map(|block| block.bytes).sum(),
            log_bytes,
            min_time: state.head.min(),
            max_time: state.head.newest(),
            exemplars: state.exemplars.len() as u64,
            damaged: self.damaged,
        }
    }
}

fn overlapping(blocks: &[Arc<BlockFile>], from: i64, to: i64) -> Vec<Arc<BlockFile>> {
    blocks.iter().filter(|block| block.overlaps(from, to)).cloned().collect()
}

fn check(series: usize, samples: u64, limits: SelectLimits) -> Result<(), DbError> {
    if series > limits.series_max {
        return Err(DbError::TooManySeries { limit: limits.series_max });
    }
    if samples > limits.samples_max {
        return Err(DbError::TooManySamples { limit: limits.samples_max });
    }
    Ok(())
}

/// Notes what is known of a metric; says whether that is news.
fn note_metadata(known: &mut BTreeMap<String, Metadata>, (name, metadata): &(String, Metadata)) -> bool {
    let news = known.get(name) != Some(metadata) && (known.len() < METADATA_MAX || known.contains_key(name));
    if news {
        known.insert(name.clone(), metadata.clone());
    }
    news
}

/// Notes an exemplar; says whether that is news. Repeats come right after each other, as a scrape or a retry sends them.
fn note_exemplar(known: &mut VecDeque<Exemplar>, exemplar: &Exemplar) -> bool {
    /// How far back a repeat is looked for.
    const REPEATS: usize = 512;
    if known.iter().rev().take(REPEATS).any(|other| other == exemplar) {
        return false;
    }
    if known.len() >= EXEMPLARS_MAX {
        known.pop_front();
    }
    known.push_back(exemplar.clone());
    true
}

#[cfg(test)]
mod tests;
