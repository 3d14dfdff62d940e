//! Compaction: small segments of one tenant and day become large ones, rows that no longer count are dropped.
//!
//! What to merge is decided by [`plan`], a pure function of the list of segments. Large files are put one behind the other
//! as they are (`compact/join.rs`); small ones, and those with rows that no longer count, are read side by side, a batch of
//! each in memory, and sorted into each other. Neither stands in the way of commits or flushes.

mod join;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::record_batch::RecordBatch;
use arrow::row::Rows;
use bytes::Bytes;
use futures::StreamExt;
use model::Timestamp;

use crate::error::StoreError;
use crate::resolver::RunResolver;
use crate::rows;
use crate::schema::Table;
use crate::segment::layout;
use crate::segment::read::{Batches, Reader, SortedRun};
use crate::segment::write::{Order, SegmentWriter, Target};
use crate::snapshot::SegmentMeta;

/// Files of about one size that are merged into one of the next size: each row is written again once a size.
const FAN_IN: usize = 8;
/// Files merged at once at most.
const INPUTS_MAX: usize = 32;
/// Files below this size count as one size; each further size is eight times as large.
const SMALLEST_BYTES: u64 = 256 * 1024;
/// A file is written again for itself when one row of so many no longer counts.
const DELETED_SHARE: u64 = 3;
/// Days back from which on a day is no longer expected to grow: then its files are merged however few they are.
const COLD_DAYS: i64 = 2;

/// A segment that may be merged.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub meta: Arc<SegmentMeta>,
    pub deleted: Arc<Vec<u32>>,
}

/// Segments to merge into one.
pub(crate) type Job = Vec<Candidate>;

/// What to merge, most urgent first. Segments are merged only with those of their table, tenant and day, scores only with scores, and
/// only up to `segment_bytes`.
pub(crate) fn plan(segments: &[Candidate], now: Timestamp, segment_bytes: u64) -> Vec<Job> {
    type Group<'a> = (Table, bool, &'a str, Option<&'a str>, &'a str);
    let mut groups: BTreeMap<Group<'_>, Vec<&Candidate>> = BTreeMap::new();
    for segment in segments {
        let meta = &segment.meta;
        let group = (meta.table, meta.holds_scores(), &*meta.project, meta.environment.as_deref(), meta.day.as_str());
        groups.entry(group).or_default().push(segment);
    }
    let cold = layout::day_name(layout::day(now.as_nanos()) - COLD_DAYS);
    let mut jobs: Vec<Job> = Vec::new();
    for ((.., day), group) in groups {
        let small: Vec<&Candidate> =
            group.iter().copied().filter(|segment| segment.meta.bytes < segment_bytes / 2).collect();
        let job = same_size(&small, segment_bytes)
            .or_else(|| (*day <= *cold).then(|| cold_day(&small, segment_bytes)).flatten())
            .or_else(|| group.iter().find(|segment| mostly_deleted(segment)).map(|segment| vec![(*segment).clone()]));
        jobs.extend(job);
    }
    // The more files a job removes, the more every reader gains.
    jobs.sort_by_key(|job| std::cmp::Reverse(job.len()));
    jobs
}

fn mostly_deleted(segment: &Candidate) -> bool {
    segment.deleted.len() as u64 * DELETED_SHARE >= segment.meta.rows
}

fn size_class(bytes: u64) -> u32 {
    (bytes / SMALLEST_BYTES).max(1).ilog(FAN_IN as u64) + u32::from(bytes >= SMALLEST_BYTES)
}

/// Enough files of one size, the smallest size first.
fn same_size(small: &[&Candidate], segment_bytes: u64) -> Option<Job> {
    let mut classes: BTreeMap<u32, Vec<&Candidate>> = BTreeMap::new();
    for segment in small {
        classes.entry(size_class(segment.meta.bytes)).or_default().push(segment);
    }
    classes.into_values().filter(|class| class.len() >= FAN_IN).find_map(|class| up_to(class, segment_bytes))
}

/// The files of a day that is over. A large file is left alone until those beside it are a third of it: an import into
/// old days must not write it again with every flush.
fn cold_day(small: &[&Candidate], segment_bytes: u64) -> Option<Job> {
    let mut files = small.to_vec();
    files.sort_by_key(|segment| std::cmp::Reverse(segment.meta.bytes));
    let mut rest: u64 = files.iter().map(|segment| segment.meta.bytes).sum();
    let mut from = 0;
    while let Some(segment) = files.get(from) {
        rest -= segment.meta.bytes;
        if rest * 3 >= segment.meta.bytes {
            break;
        }
        from += 1;
    }
    let mut files = files.split_off(from);
    files.sort_by_key(|segment| segment.meta.id);
    up_to(files, segment_bytes)
}

fn up_to(files: Vec<&Candidate>, segment_bytes: u64) -> Option<Job> {
    let mut bytes = 0;
    let fits = files.into_iter().take(INPUTS_MAX).take_while(|segment| {
        bytes += segment.meta.bytes;
        bytes <= segment_bytes
    });
    let job: Job = fits.cloned().collect();
    (job.len() > 1).then_some(job)
}

/// A merged segment, not yet in the catalog.
pub(crate) struct Merged {
    /// The file; `None` where no row was left.
    pub output: Option<(Bytes, SegmentMeta)>,
    /// For each row of the output: the input and the row it was there.
    origins: Vec<(u32, u32)>,
}

impl Merged {
    /// Rows of the output that stopped counting in the inputs since they were read.
    pub fn late_deletions(&self, job: &[Candidate], now: &[Arc<Vec<u32>>]) -> Vec<u32> {
        let mut late: HashSet<(u32, u32)> = HashSet::new();
        for (input, (candidate, now)) in job.iter().zip(now).enumerate() {
            let new = now.iter().filter(|row| candidate.deleted.binary_search(row).is_err());
            late.extend(new.map(|row| (input as u32, *row)));
        }
        if late.is_empty() {
            return Vec::new();
        }
        let rows = self.origins.iter().enumerate().filter(|(_, origin)| late.contains(origin));
        rows.map(|(row, _)| row as u32).collect()
    }
}

/// What the output of a job is to hold; without content where it is taken out on the way.
fn target(job: &[Candidate], strip: bool) -> Target {
    let first = &job[0].meta;
    Target {
        table: first.table,
        project: Arc::clone(&first.project),
        environment: first.environment.clone(),
        day: first.day.clone(),
        level: job.iter().map(|candidate| candidate.meta.level).max().unwrap_or(0).saturating_add(1),
        arrived: job.iter().map(|candidate| candidate.meta.arrived).max().unwrap_or_default(),
        content: !strip && job.iter().any(|candidate| candidate.meta.content),
        scores: first.holds_scores(),
        bytes: job.iter().map(|candidate| candidate.meta.bytes as usize).sum(),
    }
}

/// Makes one file of the inputs of a job: puts them one behind the other where that does, else merges them row by row.
/// In memory are the compressed output and, of each input, a batch or its compressed bytes.
///
/// With `strip` content is taken out of the rows on the way; it says which attributes are content.
pub(crate) async fn merge(
    reader: &Reader,
    job: &[Candidate],
    id: u64,
    log_flushed: u64,
    strip: Option<&dyn RunResolver>,
) -> Result<Merged, StoreError> {
    if strip.is_none()
        && let Some(joined) = join::join(reader, job, id, log_flushed).await?
    {
        return Ok(joined);
    }
    let order = Order::new(job[0].meta.table)?;
    let mut inputs = Vec::with_capacity(job.len());
    for (number, candidate) in job.iter().enumerate() {
        for run in reader.sorted_runs(&candidate.meta).await? {
            inputs.push(Input::open(reader, candidate, number as u32, run, &order, strip).await?);
        }
    }
    let mut writer = SegmentWriter::new(target(job, strip.is_some()))?;
    let mut merge = Merge { picks: Vec::new(), origins: Vec::new(), bodies: HashSet::new() };
    while let Some(next) = merge.step(&inputs) {
        let done = merge.take_run(&mut inputs, next);
        if done {
            merge.write(&inputs, &mut writer)?;
            inputs[next.input].advance(&order, strip).await?;
        }
    }
    merge.write(&inputs, &mut writer)?;
    let replaces: Vec<u64> = job.iter().map(|candidate| candidate.meta.id).collect();
    let output = if writer.rows() > 0 { Some(writer.finish(id, log_flushed, &replaces)?) } else { None };
    Ok(Merged { output, origins: merge.origins })
}

/// A sorted run of a file being read.
struct Input {
    table: Table,
    /// Which file of the job.
    number: u32,
    stream: Batches,
    path: String,
    deleted: Arc<Vec<u32>>,
    /// The batch at hand, its sort keys, and its rows' identities where the table keeps each once.
    batch: RecordBatch,
    keys: Option<Rows>,
    names: Vec<(u128, u128)>,
    /// Number of the batch's first row in the file, and the next row in the batch.
    base: u32,
    at: usize,
}

impl Input {
    async fn open(
        reader: &Reader,
        candidate: &Candidate,
        number: u32,
        run: SortedRun,
        order: &Order,
        strip: Option<&dyn RunResolver>,
    ) -> Result<Self, StoreError> {
        let table = candidate.meta.table;
        let mut input = Self {
            table,
            number,
            stream: reader.groups(&candidate.meta, run.groups).await?,
            path: candidate.meta.path.to_string(),
            deleted: Arc::clone(&candidate.deleted),
            batch: RecordBatch::new_empty(table.schema()),
            keys: None,
            names: Vec::new(),
            base: run.first_row,
            at: 0,
        };
        input.advance(order, strip).await?;
        Ok(input)
    }

    /// Goes to the next batch; `keys` is `None` at the end.
    async fn advance(&mut self, order: &Order, strip: Option<&dyn RunResolver>) -> Result<(), StoreError> {
        self.base += self.batch.num_rows() as u32;
        self.at = 0;
        self.keys = None;
        match self.stream.next().await {
            None => self.batch = RecordBatch::new_empty(self.table.schema()),
            Some(batch) => {
                let batch = batch.map_err(|error| StoreError::segment("read", &self.path, error))?;
                self.batch = adapt(self.table, batch, &self.path)?;
                if let Some(meaning) = strip {
                    self.batch = rows::without_content(self.table, &self.batch, meaning)?;
                }
                self.keys = Some(order.keys(&self.batch)?);
                self.names = if self.table == Table::Bodies { names(&self.batch) } else { Vec::new() };
            }
        }
        Ok(())
    }

    fn key(&self) -> Option<arrow::row::Row<'_>> {
        self.keys.as_ref().map(|keys| keys.row(self.at))
    }
}

/// The input whose row comes next, and the one after whose row its run must stop.
#[derive(Clone, Copy)]
struct Next {
    input: usize,
    second: Option<usize>,
}

struct Merge {
    /// Rows to write: input and row of its current batch.
    picks: Vec<(usize, usize)>,
    origins: Vec<(u32, u32)>,
    /// Trace and hash of bodies written.
    bodies: HashSet<(u128, u128)>,
}

impl Merge {
    fn step(&self, inputs: &[Input]) -> Option<Next> {
        let mut first: Option<usize> = None;
        let mut second: Option<usize> = None;
        for (at, input) in inputs.iter().enumerate() {
            let Some(key) = input.key() else { continue };
            if first.is_none_or(|other| Some(key) < inputs[other].key()) {
                second = first;
                first = Some(at);
            } else if second.is_none_or(|other| Some(key) < inputs[other].key()) {
                second = Some(at);
            }
        }
        first.map(|input| Next { input, second })
    }

    /// Takes rows from one input while they come before every other input's; true when its batch is used up.
    fn take_run(&mut self, inputs: &mut [Input], next: Next) -> bool {
        let rows = inputs[next.input].batch.num_rows();
        loop {
            let input = &inputs[next.input];
            let row = input.base + input.at as u32;
            // A row that no longer counts must not stand for one that does.
            let counts = input.deleted.binary_search(&row).is_err();
            if counts && input.names.get(input.at).is_none_or(|name| self.bodies.insert(*name)) {
                self.picks.push((next.input, input.at));
                self.origins.push((input.number, row));
            }
            inputs[next.input].at += 1;
            if inputs[next.input].at == rows {
                return true;
            }
            if next.second.is_some_and(|second| inputs[next.input].key() > inputs[second].key()) {
                return false;
            }
        }
    }

    fn write(&mut self, inputs: &[Input], writer: &mut SegmentWriter) -> Result<(), StoreError> {
        let batches: Vec<&RecordBatch> = inputs.iter().map(|input| &input.batch).collect();
        writer.gather(&batches, &self.picks)?;
        self.picks.clear();
        Ok(())
    }
}

/// Trace and hash of each body.
fn names(batch: &RecordBatch) -> Vec<(u128, u128)> {
    let column =
        |name: &str| batch.column_by_name(name).expect("a column of the table's own schema").as_string::<i32>();
    let number = |text: &str| u128::from_str_radix(text, 16).unwrap_or(0);
    let (traces, hashes) = (column("trace_id"), column("hash"));
    (0..batch.num_rows()).map(|row| (number(traces.value(row)), number(hashes.value(row)))).collect()
}

/// A batch of an older file with today's columns: what it lacks is null.
pub(crate) fn adapt(table: Table, batch: RecordBatch, path: &String) -> Result<RecordBatch, StoreError> {
    let schema = table.schema();
    if batch.schema().fields() == schema.fields() {
        return RecordBatch::try_new(schema, batch.columns().to_vec())
            .map_err(|error| StoreError::segment("read", path, error));
    }
    let mut known: HashMap<&str, &Arc<dyn Array>> = HashMap::new();
    let old = batch.schema();
    for (field, column) in old.fields().iter().zip(batch.columns()) {
        known.insert(field.name(), column);
    }
    let column = |field: &Arc<arrow::datatypes::Field>| match known.get(field.name().as_str()) {
        Some(column) => cast(column, field.data_type()).map_err(|error| StoreError::segment("read", path, error)),
        None => Ok(arrow::array::new_null_array(field.data_type(), batch.num_rows())),
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(schema, columns).map_err(|error| StoreError::segment("read", path, error))
}

#[cfg(test)]
#[path = "compact/tests.rs"]
mod tests;
