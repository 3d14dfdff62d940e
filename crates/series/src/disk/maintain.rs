//! Upkeep: from memory to blocks, from blocks of hours to one of a day, to hourly summaries, to nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use promql::Labels;

use super::files::{BlockFile, BlockWriter, LogFile, remove, write_block};
use super::{Db, DbError, locked};
use crate::block::by_metric;
use crate::chunk::{CHUNK_SAMPLES, Chunk, pack};
use crate::found::Found;
use crate::log;
use crate::thin;

/// A day in milliseconds: blocks older than this are merged by day.
const DAY: i64 = 86_400_000;

/// What upkeep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Blocks written from memory.
    pub sealed: u64,
    /// Days merged into one block.
    pub merged: u64,
    /// Blocks of which only hourly summaries stayed.
    pub thinned: u64,
    /// Blocks that retention removed.
    pub expired: u64,
}

impl Db {
    /// Does what is due at `now` (milliseconds since 1970). Writes and reads go on meanwhile.
    ///
    /// # Errors
    /// When a file cannot be read or written; what was due is due again, and nothing is lost.
    pub fn maintain(&self, now: i64) -> Result<Maintained, DbError> {
        let _one = locked(&self.upkeep);
        let sealed = self.seal(now)?;
        let mut done = Maintained { sealed, expired: self.expire(now), ..Maintained::default() };
        for (day, blocks) in self.by_day(now) {
            let thin = self.settings.thin_after.is_some_and(|age| day + DAY + age <= now);
            let as_should_be = blocks.len() == 1 && blocks[0].footer.thin == thin;
            let whole_day = blocks.len() == 1 && blocks[0].footer.end - blocks[0].footer.start == DAY;
            if as_should_be && (whole_day || !thin) {
                continue;
            }
            self.merge(day, &blocks, thin)?;
            done.merged += u64::from(blocks.len() > 1);
            done.thinned += u64::from(thin);
        }
        Ok(done)
    }

    /// Makes blocks of everything before the window for late samples.
    fn seal(&self, now: i64) -> Result<u64, DbError> {
        let length = self.settings.block;
        let boundary = (now - self.settings.late_window).div_euclid(length) * length;
        let (sealed, rest, number) = {
            let mut log = locked(&self.log);
            let mut state = self.change();
            let sealed = state.head.close_before(boundary);
            if sealed.is_empty() {
                return Ok(0);
            }
            let mut file = LogFile::open(&self.dir, log.file.number + 1, 0)?;
            let mut records = log::metadata(state.metadata.iter());
            records.extend(log::exemplars(state.exemplars.iter()));
            file.append(&records)?;
            log.file = file;
            log.defined.clear();
            (sealed, state.head.everything(boundary), log.file.number)
        };
        let mut blocks = Vec::new();
        for (window, series) in by_window(sealed, length) {
            let (start, end) = (window * length, (window + 1) * length);
            blocks.push(Arc::new(write_block(self.path(start, end, false), start, end, by_metric(series))?));
        }
        let head = self.dir.join(format!("{number}.head"));
        write_block(head, boundary, i64::MAX, by_metric(rest))?;
        {
            let mut log = locked(&self.log);
            let mut state = self.change();
            state.blocks.extend(blocks.iter().cloned());
            state.blocks.sort_by_key(|block| block.footer.start);
            state.head.forget_before(boundary);
            let head = &state.head;
            log.defined.retain(|&id| head.labels(id).is_some());
        }
        for before in (0..number).rev() {
            let paths = [self.dir.join(format!("{before}.head")), self.dir.join(format!("{before}.log"))];
            if !paths.iter().any(|path| path.exists()) {
                break;
            }
            paths.iter().for_each(|path| remove(path));
        }
        Ok(blocks.len() as u64)
    }

    fn path(&self, start: i64, end: i64, thin: bool) -> PathBuf {
        self.dir.join(format!("{start}-{end}.{}", if thin { "thin" } else { "block" }))
    }

    /// Blocks by the day they begin in, of days that are over and that no block can be added to.
    fn by_day(&self, now: i64) -> BTreeMap<i64, Vec<Arc<BlockFile>>> {
        let state = self.read();
        let mut days: BTreeMap<i64, Vec<Arc<BlockFile>>> = BTreeMap::new();
        for block in &state.blocks {
            let day = block.footer.start.div_euclid(DAY) * DAY;
            if day + DAY <= state.head.min() && day + DAY <= now && block.footer.end <= day + DAY {
                days.entry(day).or_default().push(Arc::clone(block));
            }
        }
        days
    }

    /// Makes one block of those of a day.
    fn merge(&self, day: i64, blocks: &[Arc<BlockFile>], thin: bool) -> Result<(), DbError> {
        let mut sections: BTreeMap<Arc<str>, Vec<(usize, usize)>> = BTreeMap::new();
        for (at, block) in blocks.iter().enumerate() {
            for (place, section) in block.footer.sections.iter().enumerate() {
                sections.entry(Arc::clone(&section.metric)).or_default().push((at, place));
            }
        }
        let mut writer = BlockWriter::new(self.path(day, day + DAY, thin), day, day + DAY, thin)?;
        for (metric, places) in sections {
            let mut series: BTreeMap<Labels, Vec<Chunk>> = BTreeMap::new();
            for (at, place) in places {
                let block = &blocks[at];
                for found in block.section(&block.footer.sections[place], &[], i64::MIN, i64::MAX)? {
                    series.entry(found.labels).or_default().extend(found.chunks);
                }
            }
            let counter = thin::is_counter(&metric);
            let series: Vec<Found> = series
                .into_iter()
                .map(|(labels, chunks)| Found { labels, chunks })
                .map(|found| if thin { thinned(&found, counter) } else { found })
                .collect();
            writer.section(&metric, &series)?;
        }
        let merged = Arc::new(writer.finish()?);
        {
            let mut state = self.change();
            state.blocks.retain(|block| !blocks.iter().any(|gone| Arc::ptr_eq(gone, block)));
            state.blocks.push(Arc::clone(&merged));
            state.blocks.sort_by_key(|block| block.footer.start);
        }
        blocks.iter().filter(|block| block.path != merged.path).for_each(|block| remove(&block.path));
        Ok(())
    }

    /// Removes blocks past their time.
    fn expire(&self, now: i64) -> u64 {
        let Some(keep) = self.settings.keep else { return 0 };
        let gone: Vec<Arc<BlockFile>> = {
            let mut state = self.change();
            let (gone, stay) = state.blocks.drain(..).partition(|block| block.footer.end + keep <= now);
            state.blocks = stay;
            gone
        };
        gone.iter().for_each(|block| remove(&block.path));
        gone.len() as u64
    }
}

/// Series by the block their chunks belong to.
fn by_window(series: Vec<Found>, length: i64) -> BTreeMap<i64, Vec<Found>> {
    let mut windows: BTreeMap<i64, Vec<Found>> = BTreeMap::new();
    for Found { labels, mut chunks } in series {
        chunks.sort_by_key(|chunk| chunk.min);
        for part in chunks.chunk_by(|a, b| a.min.div_euclid(length) == b.min.div_euclid(length)) {
            let window = part[0].min.div_euclid(length);
            windows.entry(window).or_default().push(Found { labels: labels.clone(), chunks: part.to_vec() });
        }
    }
    windows
}

/// A series with only what hourly summaries need.
fn thinned(found: &Found, counter: bool) -> Found {
    let (series, _) = found.unpack();
    let (times, values) = thin::floats(&series.times, &series.values, counter);
    let mut chunks = pack(&times, &values);
    for part in thin::histograms(&series.histograms).chunks(CHUNK_SAMPLES as usize) {
        chunks.extend(Chunk::of_histograms(part));
    }
    Found { labels: series.labels, chunks }
}
