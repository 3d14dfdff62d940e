//! A flush: hot rows become segments.
//!
//! The generation of rows that takes new ones is set aside ("frozen") and stays visible until its files are in the
//! catalog; a new generation takes over at once, so ingest never waits. Files, replaced rows and log position are one
//! transaction. If anything fails the frozen rows stay, and the next flush writes them again.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;
use model::Timestamp;

use crate::error::StoreError;
use crate::files::Files;
use crate::hot::HotView;
use crate::schema::Table;
use crate::segment::layout;
use crate::segment::write::{Order, SegmentWriter, Target, clamped_times, write_rows};
use crate::settings::{ENVIRONMENTS_MAX, FLUSH_DAYS_MAX};
use crate::snapshot::SegmentMeta;

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
#[derive(Default)]
pub(crate) struct Written {
    pub segments: Vec<SegmentMeta>,
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
}

impl Job {
    /// Writes all files. Blocks. Files of a failed attempt are removed, or at the next start.
    pub fn write(mut self) -> Result<Written, StoreError> {
        let mut written = Written::default();
        let views = std::mem::take(&mut self.views);
        for (table, view) in &views {
            if let Err(error) = self.write_table(*table, view, &mut written) {
                for meta in &written.segments {
                    let _ = self.files.remove(meta.path.as_ref());
                }
                return Err(error);
            }
        }
        Ok(written)
    }

    fn write_table(&mut self, table: Table, view: &HotView, written: &mut Written) -> Result<(), StoreError> {
        let batches = view.batches();
        if batches.is_empty() {
            return Ok(());
        }
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        let order = Order::new(table)?;
        let keys = batches.iter().map(|batch| order.keys(batch)).collect::<Result<Vec<_>, _>>()?;
        for (file, mut rows) in self.partition(table, &batches, written) {
            rows.sort_unstable_by(|a, b| (keys[a.0].row(a.1), a).cmp(&(keys[b.0].row(b.1), b)));
            let mut writer = SegmentWriter::new(Target {
                table,
                project: file.project,
                environment: file.environment,
                day: layout::day_name(file.day),
                level: 0,
                arrived: self.now,
                content: true,
            })?;
            for rows in rows.chunks(write_rows(table)) {
                writer.gather(&batches, rows)?;
            }
            written.rows += writer.rows();
            let id = self.next_segment.fetch_add(1, Ordering::Relaxed);
            let (bytes, meta) = writer.finish(id, self.through, &[])?;
            self.files.put(&meta, &bytes)?;
            written.segments.push(meta);
        }
        Ok(())
    }

    /// Rows by file, `(batch, row)` each.
    fn partition(
        &mut self,
        table: Table,
        batches: &[&RecordBatch],
        written: &mut Written,
    ) -> Vec<(FileKey, Vec<(usize, usize)>)> {
        let mut files: HashMap<FileKey, Vec<(usize, usize)>> = HashMap::new();
        for (at, batch) in batches.iter().enumerate() {
            let text =
                |name: &str| batch.column_by_name(name).expect("every table has its tenant").as_string::<i32>().clone();
            let (projects, environments) = (text("project"), text("environment"));
            let mut last: Option<(&str, &str, FileKey)> = None;
            for (row, time) in clamped_times(table, batch).into_iter().enumerate() {
                let (project, environment) = (projects.value(row), environments.value(row));
                let day = layout::day(time);
                let file = match last.take() {
                    Some((p, e, file)) if p == project && e == environment => FileKey { day, ..file },
                    _ => FileKey {
                        project: project.into(),
                        environment: self.environment(project, environment, written),
                        day,
                    },
                };
                match files.get_mut(&file) {
                    Some(rows) => rows.push((at, row)),
                    None => {
                        files.insert(file.clone(), vec![(at, row)]);
                    }
                }
                last = Some((project, environment, file));
            }
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
fn fold_days(
    files: HashMap<FileKey, Vec<(usize, usize)>>,
    written: &mut Written,
) -> Vec<(FileKey, Vec<(usize, usize)>)> {
    type Days = Vec<(FileKey, Vec<(usize, usize)>)>;
    let mut tenants: HashMap<(Arc<str>, Option<Arc<str>>), Days> = HashMap::new();
    for (file, rows) in files {
        tenants.entry((Arc::clone(&file.project), file.environment.clone())).or_default().push((file, rows));
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
