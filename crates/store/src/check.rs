//! Checking all there is: every page of every segment, every reference between them, the catalog, the log.
//!
//! Memory: 16 bytes a span and a run, 8 a body, 24 a body that a trace's spans in a segment refer to, and one segment's file at a time.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{TimestampNanosecondType, UInt64Type};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use model::{Timestamp, TraceId};
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use crate::attributes::{decode_value, each_reference};
use crate::backup::STATE;
use crate::bodies::BodyHash;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::files::{Files, QUARANTINE};
use crate::retention::{DroppedByLayer, Layer};
use crate::schema::Table;
use crate::segment::about::About;
use crate::segment::read::sorted_runs;
use crate::segment::stored::Reading;
use crate::segment::write::Order;
use crate::snapshot::SegmentMeta;
use crate::threads::Threads;
use crate::wal::verify;

/// Faults that are told in words; further ones are only counted.
const FAULTS_SHOWN: usize = 200;
/// A text whose body is gone is no fault where retention of bodies may have taken it: bodies go with the first span of
/// their trace that carried them, and a trace rarely takes longer than this.
const TRACE_NANOS: i64 = 7 * 86_400 * 1_000_000_000;

/// How the column `told` begins in rows that only say which traces are one run.
const JOIN: &str = "join:";

const RESTORE: &str =
    "restore the file from a backup; without one, move it away and start with --allow-missing-segments";
const RESTORE_STATE: &str = "restore the file from a backup; without one, stop the server and move it away: counters, findings and budgets begin anew";
const REBUILD: &str = "stop the server and run `tawny store rebuild`";

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file, or the part of the store.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: String,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Segments read.
    pub segments: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bodies whose name was compared with their text.
    pub bodies: u64,
    /// References to bodies that were followed.
    pub references: u64,
    /// References whose body retention removed.
    pub references_expired: u64,
    /// Log files read.
    pub log_files: u64,
    /// Their records.
    pub log_records: u64,
    /// Files of series read, by who knows them: the store only carries them along.
    pub series_files: u64,
    /// How many faults there are.
    pub faults_found: u64,
    /// The first of them.
    pub faults: Vec<Fault>,
    /// What is worth knowing and no fault.
    pub notes: Vec<String>,
}

impl Checked {
    /// Adds a fault.
    pub fn fault(&mut self, place: impl ToString, problem: impl ToString, advice: &str) {
        self.faults_found += 1;
        if self.faults.len() < FAULTS_SHOWN {
            let (place, problem) = (place.to_string(), problem.to_string());
            self.faults.push(Fault { place, problem, advice: advice.to_owned() });
        }
    }

    /// Adds what SQLite found wrong with the catalog.
    pub(crate) fn catalog(&mut self, faults: Vec<String>) {
        for fault in faults {
            self.fault("catalog.db", fault, REBUILD);
        }
    }
}

/// What is to be checked, as it was at one moment.
pub(crate) struct Inventory {
    pub segments: Vec<(Arc<SegmentMeta>, Arc<Vec<u32>>)>,
    pub dropped: DroppedByLayer,
    /// Files that were replaced and are not removed yet.
    pub removals: HashSet<String>,
    /// Nothing is being written: a file nobody names was left behind.
    pub at_rest: bool,
}

/// Checks an inventory. Reads everything.
pub(crate) async fn check(
    inventory: Inventory,
    files: &Files,
    threads: &dyn Threads,
    data: &Path,
) -> Result<Checked, StoreError> {
    let mut checked = Checked::default();
    let store = files.origin()?;
    let lister = files.clone();
    let there: HashMap<String, u64> = threads.result(move || lister.list()).await?.into_iter().collect();
    let mut across = Across::default();
    for (at, (meta, deleted)) in inventory.segments.iter().enumerate() {
        match there.get(meta.path.as_ref()) {
            None => checked.fault(&meta.path, "the catalog lists this segment, but there is no such file", RESTORE),
            Some(bytes) if *bytes != meta.bytes => {
                let problem = format!("the file has {bytes} bytes, the catalog says {}", meta.bytes);
                checked.fault(&meta.path, problem, RESTORE);
            }
            Some(_) => {
                let (meta, deleted) = (Arc::clone(meta), Arc::clone(deleted));
                match fetch(&*store, &meta).await {
                    Err(error) => checked.fault(&meta.path, format!("cannot be read: {error}"), RESTORE),
                    Ok(bytes) => {
                        // Decoding takes a while: not on a thread that answers requests.
                        let work = move || {
                            let wrong = across.segment(&mut checked, at as u32, &meta, &deleted, bytes);
                            if let Err(problem) = wrong {
                                checked.fault(&meta.path, problem, RESTORE);
                            }
                            Ok((checked, across))
                        };
                        (checked, across) = threads.result(work).await?;
                    }
                }
            }
        }
    }
    if inventory.at_rest {
        let listed: HashSet<&str> = inventory.segments.iter().map(|(meta, _)| meta.path.as_ref()).collect();
        let unknown = |path: &&String| !listed.contains(path.as_str()) && !inventory.removals.contains(*path);
        let unknown: Vec<&String> = there.keys().filter(unknown).collect();
        if let Some(first) = unknown.first() {
            let count = unknown.len();
            checked.notes.push(format!(
                "{count} files are named by no catalog entry, one is {first}; the next start moves them to quarantine/"
            ));
        }
    }
    let (data, disk) = (data.to_owned(), Arc::clone(files.disk()));
    let work = move || {
        across.finish(&mut checked, &inventory);
        log(&mut checked, &*disk, &data)?;
        state(&mut checked, &data.join(STATE));
        let quarantine = data.join(QUARANTINE);
        let aside = disk.list_all(&quarantine).map_err(|error| StoreError::io("list", &quarantine, error))?;
        if !aside.is_empty() {
            checked.notes.push(format!("{} files were set aside earlier, in quarantine/", aside.len()));
        }
        Ok(checked)
    };
    threads.result(work).await
}

/// Lets SQLite check what the server remembers, if it remembers anything.
fn state(checked: &mut Checked, path: &Path) {
    if !path.is_file() {
        return;
    }
    let lines = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(|connection| {
        let mut query = connection.prepare("PRAGMA integrity_check")?;
        let lines = query.query_map([], |row| row.get::<_, String>(0))?;
        lines.collect::<rusqlite::Result<Vec<String>>>()
    });
    for line in lines.unwrap_or_else(|error| vec![error.to_string()]).into_iter().filter(|line| line != "ok") {
        checked.fault(STATE, line, RESTORE_STATE);
    }
}

async fn fetch(store: &dyn ObjectStore, meta: &SegmentMeta) -> object_store::Result<Bytes> {
    store.get(&meta.path).await?.bytes().await
}

fn log(checked: &mut Checked, disk: &dyn Disk, data: &Path) -> Result<(), StoreError> {
    for file in verify::verify(disk, &data.join("wal"))? {
        checked.log_files += 1;
        checked.log_records += file.records;
        for (from, until) in &file.damaged {
            let advice = "the next start copies this part to quarantine/ and reads everything around it";
            let problem = format!("bytes {from} to {until} are no valid records");
            checked.fault(format!("wal/{}", file.name), problem, advice);
        }
        if file.torn > 0 {
            let note = "bytes of a request that was being written and was never answered; the next start cuts them off";
            checked.notes.push(format!("wal/{} ends in {} {note}", file.name, file.torn));
        }
    }
    Ok(())
}

/// What is compared across segments. Keys are hashes of 64 bits: at a billion rows a wrong match is still unlikely, and it
/// could only hide a fault.
#[derive(Default)]
struct Across {
    /// Spans and runs that count, each with the segment it is in.
    spans: Vec<(u64, u32)>,
    runs: Vec<(u64, u32)>,
    /// Traces with spans.
    traces: Vec<(u64, u32)>,
    /// Traces that hold a witness that they belong to another trace's run (`join:…`), or only such witnesses.
    joined: HashSet<u64>,
    bodies: Vec<u64>,
    /// References to bodies: the body, the segment, how many, the start of the latest span. Those of a trace's spans that stand together in
    /// a segment are one entry for each body: a conversation refers to its beginning in every round.
    references: Vec<(u64, u32, u32, Timestamp)>,
    /// Trace and segment of the last of them, and where its references are.
    referring: Option<(u64, u32)>,
    referred: HashMap<u64, usize>,
}

fn key(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

impl Across {
    /// Reads a whole segment; an error is what is wrong with it.
    fn segment(
        &mut self,
        checked: &mut Checked,
        at: u32,
        meta: &SegmentMeta,
        deleted: &[u32],
        bytes: Bytes,
    ) -> Result<(), String> {
        let checksum = crc32fast::hash(&bytes);
        if meta.checksum.is_some_and(|known| known != checksum) {
            return Err(format!("its checksum is {checksum:08x}, the catalog says {:08x}", meta.checksum.unwrap_or(0)));
        }
        checked.segments += 1;
        checked.bytes += bytes.len() as u64;
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| error.to_string())?;
        let about = About::read(builder.metadata().file_metadata().key_value_metadata())?;
        agrees(&about, meta)?;
        let runs: Vec<u64> =
            sorted_runs(&about, builder.metadata()).iter().map(|run| u64::from(run.first_row)).collect();
        let order = Order::new(meta.table).map_err(|error| error.to_string())?;
        let reading = Reading::of(meta.table, None, |_| true);
        let mut seen = Seen::default();
        let mut last: Option<arrow::row::OwnedRow> = None;
        for batch in builder.with_batch_size(1024).build().map_err(|error| error.to_string())? {
            let batch = batch.map_err(|error| error.to_string())?;
            let batch = reading.whole(batch).map_err(|error| error.to_string())?;
            let batch =
                crate::compact::adapt(meta.table, batch, &meta.path.to_string()).map_err(|error| error.to_string())?;
            let keys = order.keys(&batch).map_err(|error| error.to_string())?;
            for row in 0..keys.num_rows() {
                let before = if row > 0 { Some(keys.row(row - 1)) } else { last.as_ref().map(|last| last.row()) };
                let number = seen.rows + row as u64;
                if before.is_some_and(|before| before > keys.row(row)) && runs.binary_search(&number).is_err() {
                    return Err(format!("row {number} is out of order"));
                }
            }
            if keys.num_rows() > 0 {
                last = Some(keys.row(keys.num_rows() - 1).owned());
            }
            seen.batch(meta, &batch)?;
            self.rows(checked, at, meta, deleted, &batch, seen.rows - batch.num_rows() as u64)?;
        }
        checked.rows += seen.rows;
        seen.agrees(meta, deleted)
    }

    fn rows(
        &mut self,
        checked: &mut Checked,
        at: u32,
        meta: &SegmentMeta,
        deleted: &[u32],
        batch: &RecordBatch,
        first: u64,
    ) -> Result<(), String> {
        let text = |name: &str| batch.column_by_name(name).map(|column| column.as_string::<i32>());
        let Some(traces) = text("trace_id") else { return Ok(()) };
        let live = |row: usize| deleted.binary_search(&((first + row as u64) as u32)).is_err();
        let rows = || (0..batch.num_rows()).filter(|row| live(*row));
        match meta.table {
            Table::Spans => {
                let (Some(ids), Some(attributes), Some(events), Some(told)) =
                    (text("span_id"), text("attributes"), text("events"), text("told"))
                else {
                    return Err("columns are missing".into());
                };
                let starts = times(batch, "started_at")?;
                for row in rows() {
                    let trace = traces.value(row);
                    self.spans.push((key(&[&meta.project, trace, ids.value(row)]), at));
                    let trace_key = (key(&[&meta.project, trace]), at);
                    if self.traces.last() != Some(&trace_key) {
                        self.traces.push(trace_key);
                    }
                    if told.is_valid(row) && told.value(row).starts_with(JOIN) {
                        self.joined.insert(trace_key.0);
                    }
                    for column in [attributes, events] {
                        let text = if column.is_null(row) { "" } else { column.value(row) };
                        if !text.contains("$body") {
                            continue;
                        }
                        // That it can be read at all is part of what is checked.
                        decode_value(text, &|_| None)
                            .map_err(|error| format!("row {}: {error}", first + row as u64))?;
                        each_reference(text, |hash| {
                            let body = key(&[&meta.project, trace, &hash.to_string()]);
                            self.refer(body, trace_key.0, at, starts[row]);
                        });
                    }
                }
            }
            Table::Runs => self.runs.extend(rows().map(|row| (key(&[&meta.project, traces.value(row)]), at))),
            Table::Bodies => {
                let (Some(hashes), Some(texts)) = (text("hash"), text("text")) else {
                    return Err("columns are missing".into());
                };
                for row in rows() {
                    checked.bodies += 1;
                    if BodyHash::of(texts.value(row)).to_string() != hashes.value(row) {
                        return Err(format!("the text of body {} is not what it was", hashes.value(row)));
                    }
                    self.bodies.push(key(&[&meta.project, traces.value(row), hashes.value(row)]));
                }
            }
            Table::Logs | Table::Samples => {}
        }
        Ok(())
    }

    /// Notes that a span of a trace refers to a body.
    fn refer(&mut self, body: u64, trace: u64, at: u32, start: Timestamp) {
        if self.referring.replace((trace, at)) != Some((trace, at)) {
            self.referred.clear();
        }
        let next = self.references.len();
        let place = *self.referred.entry(body).or_insert(next);
        match self.references.get_mut(place) {
            Some((_, _, count, known)) => (*count, *known) = (count.saturating_add(1), start.max(*known)),
            None => self.references.push((body, at, 1, start)),
        }
    }

    /// Compares what was collected.
    fn finish(mut self, checked: &mut Checked, inventory: &Inventory) {
        let path = |at: u32| inventory.segments[at as usize].0.path.to_string();
        let project = |at: u32| inventory.segments[at as usize].0.project.to_string();
        for (what, rows) in [("span", &mut self.spans), ("run", &mut self.runs)] {
            rows.sort_unstable();
            for pair in rows.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
                let problem = format!("a {what} is here and in {} at once", path(pair[1].1));
                checked.fault(path(pair[0].1), problem, REBUILD);
            }
        }
        self.traces.sort_unstable();
        self.traces.dedup_by_key(|(trace, _)| *trace);
        for (trace, at) in &self.traces {
            // A trace that is part of another's run has none of its own.
            let known = self.runs.binary_search_by_key(trace, |(run, _)| *run).is_ok() || self.joined.contains(trace);
            if !known && !inventory.dropped.contains_key(&(project(*at), Layer::Spans)) {
                checked.fault(path(*at), "a trace here has spans and no run", REBUILD);
            }
        }
        for (run, at) in &self.runs {
            let known = self.traces.binary_search_by_key(run, |(trace, _)| *trace).is_ok();
            if !known && !inventory.dropped.contains_key(&(project(*at), Layer::Spans)) {
                checked.fault(path(*at), "a run here has no spans", REBUILD);
            }
        }
        self.bodies.sort_unstable();
        for (body, at, count, start) in &self.references {
            checked.references += u64::from(*count);
            if self.bodies.binary_search(body).is_ok() {
                continue;
            }
            let gone = inventory.dropped.get(&(project(*at), Layer::Bodies));
            if gone.is_some_and(|gone| *start <= gone.until.plus_nanos(TRACE_NANOS)) {
                checked.references_expired += u64::from(*count);
            } else {
                checked.fault(path(*at), "a text of a span here is in no segment of bodies", RESTORE);
            }
        }
    }
}

fn times(batch: &RecordBatch, name: &str) -> Result<Vec<Timestamp>, String> {
    let column = batch.column_by_name(name).ok_or_else(|| format!("no column {name}"))?;
    let column = column.as_primitive_opt::<TimestampNanosecondType>().ok_or_else(|| format!("{name} is no time"))?;
    Ok(column.values().iter().map(|nanos| Timestamp::from_nanos(*nanos)).collect())
}

/// Whether file and catalog say the same.
fn agrees(about: &About, meta: &SegmentMeta) -> Result<(), String> {
    let of_file = (about.id, about.table.as_str(), about.project.as_str(), about.environment.as_deref(), about.rows);
    let of_catalog = (meta.id, meta.table.name(), &*meta.project, meta.environment.as_deref(), meta.rows);
    if of_file != of_catalog {
        return Err(format!("it says it is {of_file:?}, the catalog says {of_catalog:?}"));
    }
    let bounds = (about.min_time, about.max_time, about.min_version, about.max_version, about.content);
    let (from, until) = (meta.min_time.as_nanos(), meta.max_time.as_nanos());
    if bounds != (from, until, meta.min_version, meta.max_version, meta.content) {
        return Err("its bounds of time or version are not those of the catalog".into());
    }
    Ok(())
}

/// What was seen in a segment's rows.
#[derive(Default)]
struct Seen {
    rows: u64,
    times: Option<(Timestamp, Timestamp)>,
    versions: Option<(u64, u64)>,
}

impl Seen {
    fn batch(&mut self, meta: &SegmentMeta, batch: &RecordBatch) -> Result<(), String> {
        self.rows += batch.num_rows() as u64;
        for time in times(batch, meta.table.time_column())? {
            let (from, until) = self.times.unwrap_or((time, time));
            self.times = Some((from.min(time), until.max(time)));
        }
        let versions = batch.column_by_name("version").ok_or("no column version")?;
        for version in versions.as_primitive::<UInt64Type>().values() {
            let (from, until) = self.versions.unwrap_or((*version, *version));
            self.versions = Some((from.min(*version), until.max(*version)));
        }
        if let Some(traces) = batch.column_by_name("trace_id") {
            let mut last = "";
            for trace in traces.as_string::<i32>().iter().flatten().filter(|trace| !trace.is_empty()) {
                if trace == last {
                    continue;
                }
                last = trace;
                let id: TraceId = trace.parse().map_err(|_| format!("{trace} is no trace id"))?;
                if !meta.may_contain(id) {
                    return Err(format!("the filter in the catalog does not know trace {trace}"));
                }
            }
        }
        Ok(())
    }

    fn agrees(&self, meta: &SegmentMeta, deleted: &[u32]) -> Result<(), String> {
        if self.rows != meta.rows {
            return Err(format!("it has {} rows, the catalog says {}", self.rows, meta.rows));
        }
        if self.times != Some((meta.min_time, meta.max_time))
            || self.versions != Some((meta.min_version, meta.max_version))
        {
            return Err("times or versions of its rows are not within the bounds the catalog has".into());
        }
        if deleted.windows(2).any(|pair| pair[0] >= pair[1])
            || deleted.last().is_some_and(|row| u64::from(*row) >= meta.rows)
        {
            return Err("the catalog's list of its replaced rows is not sorted or leads past its end".into());
        }
        Ok(())
    }
}
