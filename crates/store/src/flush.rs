//! A flush: hot rows become segments.
//!
//! The generation of rows that takes new ones is set aside ("frozen") and stays visible until its files are in the
//! catalog; a new generation takes over at once, so ingest never waits. Files, replaced rows and log position are one
//! transaction. If anything fails the frozen rows stay, and the next flush writes them again.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{Tenant, Timestamp};

use crate::error::StoreError;
use crate::files::Files;
use crate::hot::{Chunk, HotRow, HotView};
use crate::schema::Table;
use crate::segment::layout;
use crate::segment::write::{SegmentWriter, Target, write_rows};
use crate::settings::{ENVIRONMENTS_MAX, FLUSH_DAYS_MAX};
use crate::snapshot::SegmentMeta;
use crate::uncommitted::Uncommitted;

/// What writing one generation needs.
pub(crate) struct Job {
    pub views: Vec<(Table, HotView)>,
    pub files: Files,
    pub next_segment: Arc<AtomicU64>,
    /// Log position the rows belong to.
    pub through: u64,
    /// Now.
    pub now: Timestamp,
    /// Environments that have a directory of their own, by project.
    pub environments: HashMap<Arc<str>, BTreeSet<Arc<str>>>,
}

/// What was written.
pub(crate) struct Written {
    pub segments: Vec<SegmentMeta>,
    /// Their files.
    pub files: Uncommitted,
    pub rows: u64,
    pub days_folded: u64,
    pub environments_folded: u64,
}

/// Which file a row goes to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct FileKey {
    project: Arc<str>,
    environment: Option<Arc<str>>,
    day: i64,
    scores: bool,
}

/// A row on its way into a file, with what it is sorted by.
struct Sorted<'a, R: HotRow + 'a> {
    bucket: i64,
    key: R::Key<'a>,
    /// Its number among all rows of the table.
    at: usize,
    row: &'a R,
}

/// The rows of a file.
type File<'a, R> = (FileKey, Vec<Sorted<'a, R>>);

impl Job {
    /// Writes all files. Blocks. Files of a failed attempt are removed, or set aside at the next start.
    pub fn write(mut self) -> Result<Written, StoreError> {
        let mut written = Written {
            segments: Vec::new(),
            files: Uncommitted::none(&self.files),
            rows: 0,
            days_folded: 0,
            environments_folded: 0,
        };
        let views = std::mem::take(&mut self.views);
        for (table, view) in &views {
            let wrote = match view {
                HotView::Spans(chunks) => self.write_table(*table, chunks, &mut written),
                HotView::Bodies(chunks) => self.write_table(*table, chunks, &mut written),
                HotView::Runs(chunks) => self.write_table(*table, chunks, &mut written),
                HotView::Logs(chunks) => self.write_table(*table, chunks, &mut written),
                HotView::Samples(chunks) => self.write_table(*table, chunks, &mut written),
            };
            if let Err(error) = wrote {
                // What a full disk took of them would be missing from what it has left.
                let _ = written.files.remove();
                return Err(error);
            }
        }
        Ok(written)
    }

    fn write_table<R: HotRow>(
        &mut self,
        table: Table,
        chunks: &[Arc<Chunk<R>>],
        written: &mut Written,
    ) -> Result<(), StoreError> {
        for (file, mut rows) in self.partition(chunks, written) {
            // Rows that are equal in order stay in the order they came.
            rows.sort_unstable_by(|a, b| (a.bucket, &a.key, a.at).cmp(&(b.bucket, &b.key, b.at)));
            let mut writer = SegmentWriter::new(Target {
                table,
                project: file.project,
                environment: file.environment,
                day: layout::day_name(file.day),
                level: 0,
                arrived: self.now,
                content: true,
                scores: file.scores,
                bytes: 0,
            })?;
            for rows in rows.chunks(write_rows(table)) {
                writer.push(&R::batch(&rows.iter().map(|sorted| sorted.row).collect::<Vec<_>>()))?;
            }
            written.rows += writer.rows();
            let id = self.next_segment.fetch_add(1, Ordering::Relaxed);
            let (bytes, meta) = writer.finish(id, self.through, &[])?;
            written.files.put(&meta, &bytes)?;
            written.segments.push(meta);
        }
        Ok(())
    }

    /// Rows by file.
    fn partition<'a, R: HotRow>(&mut self, chunks: &'a [Arc<Chunk<R>>], written: &mut Written) -> Vec<File<'a, R>> {
        let mut files: HashMap<FileKey, Vec<Sorted<'a, R>>> = HashMap::new();
        let mut last: Option<(&Tenant, FileKey)> = None;
        for (at, row) in chunks.iter().flat_map(|chunk| chunk.rows()).enumerate() {
            let row: &'a R = row;
            let (tenant, time) = (row.tenant(), row.time().as_nanos());
            let (day, scores) = (layout::day(time), row.is_score());
            let file = match last.take() {
                Some((other, file)) if other == tenant => FileKey { day, scores, ..file },
                _ => {
                    let environment = self.environment(&tenant.project, &tenant.environment, written);
                    FileKey { project: Arc::clone(&tenant.project), environment, day, scores }
                }
            };
            let sorted = Sorted { bucket: layout::bucket(time), key: row.key(), at, row };
            match files.get_mut(&file) {
                Some(rows) => rows.push(sorted),
                None => {
                    files.insert(file.clone(), vec![sorted]);
                }
            }
            last = Some((tenant, file));
        }
        fold_days(files, written)
    }

    /// The directory of an environment: its own while there are few.
    fn environment(&mut self, project: &str, environment: &str, written: &mut Written) -> Option<Arc<str>> {
        if !self.environments.contains_key(project) {
            self.environments.insert(project.into(), BTreeSet::new());
        }
        let known = self.environments.get_mut(project)?;
        if let Some(name) = known.get(environment) {
            return Some(Arc::clone(name));
        }
        if known.len() >= ENVIRONMENTS_MAX {
            written.environments_folded += 1;
            return None;
        }
        let name: Arc<str> = environment.into();
        known.insert(Arc::clone(&name));
        Some(name)
    }
}

/// Clocks that are wrong in every direction must not make a file for every day of a year: of each tenant the days with
/// most rows get files, the rows of the others go to the fullest of them. Rows keep their times.
fn fold_days<'a, R: HotRow>(files: HashMap<FileKey, Vec<Sorted<'a, R>>>, written: &mut Written) -> Vec<File<'a, R>> {
    let mut tenants: HashMap<(Arc<str>, Option<Arc<str>>, bool), Vec<File<'a, R>>> = HashMap::new();
    for (file, rows) in files {
        let tenant = (Arc::clone(&file.project), file.environment.clone(), file.scores);
        tenants.entry(tenant).or_default().push((file, rows));
    }
    let mut folded = Vec::new();
    for mut days in tenants.into_values() {
        days.sort_unstable_by(|(a, x), (b, y)| y.len().cmp(&x.len()).then_with(|| b.day.cmp(&a.day)));
        let rest = days.split_off(days.len().min(FLUSH_DAYS_MAX));
        for (_, rows) in rest {
            written.days_folded += rows.len() as u64;
            days[0].1.extend(rows);
        }
        folded.append(&mut days);
    }
    folded.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    folded
}
