//! Making the catalog again from the segments, which describe themselves.
//!
//! What has to be found out:
//!
//! - Which files count. Compaction names in its output the segments it replaced, whose files may still be there.
//! - Which rows count. Of several rows of a span or run the one that the store would keep: the same rule as for hot rows.
//! - How far the log is in segments. A flush names its log position in every file it writes; but a flush that was killed
//!   leaves files of which the old catalog knew nothing. So where the log still has requests of the last flush they are read
//!   again: spans replace themselves, log records and samples are recognised by their ids.
//!
//! What cannot be brought back is in [`Rebuilt::lost`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{TimestampNanosecondType, UInt64Type};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use model::{SpanId, Timestamp, TraceId};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Serialize;

use crate::bloom::TraceBloom;
use crate::catalog::{Catalog, Change};
use crate::disk::{Disk, RealDisk};
use crate::error::StoreError;
use crate::files::Files;
use crate::location::CATALOG_COPY;
use crate::open::{fresh_id, lock};
use crate::retention::DroppedByLayer;
use crate::rows;
use crate::schema::Table;
use crate::segment::about::About;
use crate::settings::Settings;
use crate::snapshot::SegmentMeta;
use crate::wal::verify::{self, Verified};

/// Numbers of segments that are left out where a bucket is taken over: more than its last process can use before it learns.
const NUMBERS_APART: u64 = 1000;

/// What making the catalog again came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Segments listed.
    pub segments: u64,
    /// Their rows.
    pub rows: u64,
    /// Rows that newer ones replace.
    pub replaced_rows: u64,
    /// Files that a later segment had taken over; they go at the next start.
    pub superseded: u64,
    /// Files that cannot be read, and why; the next start moves them to `quarantine/`.
    pub unreadable: Vec<(String, String)>,
    /// The log is read again from after this sequence number.
    pub log_flushed: u64,
    /// Where the old catalog was put.
    pub old_catalog: Option<PathBuf>,
    /// What could not be brought back, a sentence each.
    pub lost: Vec<String>,
}

/// Makes the catalog of the directory in `settings` again. The old one is moved to `quarantine/`.
///
/// Memory: 64 bytes a span and a run, and one segment's file at a time.
pub async fn rebuild(settings: Settings, now: Timestamp) -> Result<Rebuilt, StoreError> {
    let bucket = settings.bucket.clone();
    let old_copy = match &bucket {
        Some(bucket) => match bucket.store.get(&CATALOG_COPY.into()).await {
            Ok(found) => Some(found.bytes().await.map_err(|error| bucket.error(error))?),
            Err(object_store::Error::NotFound { .. }) => None,
            Err(error) => return Err(bucket.error(error)),
        },
        None => None,
    };
    if let Some(bucket) = &bucket {
        // Whoever had it and still runs learns of it, and changes nothing any more: only then what is there can be listed.
        bucket.enter(fresh_id(&settings.data, now)).await?;
    }
    let handle = tokio::runtime::Handle::current();
    let work = move || Rebuild::new(settings, now)?.run(&handle, old_copy);
    let (rebuilt, store_id) = crate::threads::blocking(work).await?;
    if let Some(bucket) = bucket {
        bucket.take_over(store_id).await?;
    }
    Ok(rebuilt)
}

/// A file that can be read.
struct Found {
    about: About,
    meta: SegmentMeta,
}

struct Rebuild {
    settings: Settings,
    now: Timestamp,
    files: Files,
    store: Arc<dyn ObjectStore>,
    rows: Candidates,
    rebuilt: Rebuilt,
    _lock: std::fs::File,
}

impl Rebuild {
    fn new(settings: Settings, now: Timestamp) -> Result<Self, StoreError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        disk.create_dir(&settings.data).map_err(|error| StoreError::io("create", &settings.data, error))?;
        let lock = lock(&settings.data)?;
        let files = Files::new(disk, &settings);
        files.prepare()?;
        let store = files.origin()?;
        let (rows, rebuilt) = (Candidates::default(), Rebuilt::default());
        Ok(Self { settings, now, files, store, rows, rebuilt, _lock: lock })
    }

    fn run(mut self, handle: &tokio::runtime::Handle, copy: Option<Bytes>) -> Result<(Rebuilt, u64), StoreError> {
        let mut found = Vec::new();
        for (path, bytes) in self.files.list()? {
            match handle.block_on(self.describe(&path, bytes)) {
                Ok(one) => found.push(one),
                Err(error @ StoreError::NewerFormat { .. }) => return Err(error),
                Err(error) => self.rebuilt.unreadable.push((path, error.to_string())),
            }
        }
        // A later segment counts more where rows are equal.
        found.sort_by_key(|one| one.about.id);
        // Whoever had the bucket may be about to write one more file: it must not have the name of one of ours.
        let apart = if self.settings.bucket.is_some() { NUMBERS_APART } else { 1 };
        let next_segment = found.iter().map(|one| one.about.id).max().unwrap_or(0) + apart;
        let dead = superseded(&found);
        let (live, gone): (Vec<Found>, Vec<Found>) = found.into_iter().partition(|one| !dead.contains(&one.about.id));
        for (at, one) in live.iter().enumerate() {
            handle.block_on(self.collect(at as u32, &one.meta))?;
        }
        let deletions: Vec<(u64, Vec<u32>)> =
            self.rows.replaced().into_iter().map(|(at, rows)| (live[at as usize].meta.id, rows)).collect();
        let log = verify::verify(&RealDisk, &self.settings.data.join("wal"))?;
        let log_flushed = log_position(live.iter().chain(&gone).map(|one| &one.about), &log);
        let (dropped, store_id) = self.old_state(copy)?;
        self.rebuilt.segments = live.len() as u64;
        self.rebuilt.rows = live.iter().map(|one| one.meta.rows).sum();
        self.rebuilt.replaced_rows = deletions.iter().map(|(_, rows)| rows.len() as u64).sum();
        self.rebuilt.superseded = gone.len() as u64;
        self.rebuilt.log_flushed = log_flushed;
        let change = Change {
            added: live.into_iter().map(|one| Arc::new(one.meta)).collect(),
            deletions,
            log_flushed: Some(log_flushed),
            next_segment,
            dropped,
            ..Change::default()
        };
        let removals: Vec<String> = gone.iter().map(|one| one.meta.path.to_string()).collect();
        self.write(&change, &removals, store_id)?;
        Ok((self.rebuilt, store_id))
    }

    /// Reads what a file says of itself, and the traces in it.
    async fn describe(&self, path: &str, size: u64) -> Result<Found, StoreError> {
        let path = ObjectPath::from(path);
        let failed = |error: &dyn std::fmt::Display| StoreError::segment("read", &path, error.to_string());
        let bytes = self.bytes(&path).await?;
        let checksum = crc32fast::hash(&bytes);
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| failed(&error))?;
        let about =
            About::read(builder.metadata().file_metadata().key_value_metadata()).map_err(|error| failed(&error))?;
        let rows = builder.metadata().file_metadata().num_rows();
        if rows != about.rows as i64 {
            return Err(failed(&format!("it has {rows} rows and says {}", about.rows)));
        }
        let mut traces: HashSet<TraceId> = HashSet::new();
        let schema = builder.parquet_schema();
        let mask = ProjectionMask::columns(schema, ["trace_id"]);
        let filtered = about.table != Table::Samples.name();
        if filtered {
            let reader = builder.with_projection(mask).build().map_err(|error| failed(&error))?;
            for batch in reader {
                let batch = batch.map_err(|error| failed(&error))?;
                let column = batch.column(0).as_string::<i32>();
                traces.extend(column.iter().flatten().filter_map(|trace| trace.parse::<TraceId>().ok()));
            }
        }
        let bloom = if filtered { TraceBloom::new(traces.into_iter()) } else { TraceBloom::all() };
        let meta = about.meta(&path, size, checksum, bloom)?;
        Ok(Found { about, meta })
    }

    async fn bytes(&self, path: &ObjectPath) -> Result<Bytes, StoreError> {
        let failed = |error: object_store::Error| StoreError::segment("read", path, error);
        self.store.get(path).await.map_err(failed)?.bytes().await.map_err(failed)
    }

    /// Notes every span and run of a segment.
    async fn collect(&mut self, at: u32, meta: &SegmentMeta) -> Result<(), StoreError> {
        let columns: &[&str] = match meta.table {
            Table::Spans => &["trace_id", "span_id", "version", "ended_at"],
            Table::Runs => &["trace_id", "version", "status", "provisional"],
            _ => return Ok(()),
        };
        let failed = |error: &dyn std::fmt::Display| StoreError::segment("read", &meta.path, error.to_string());
        let bytes = self.bytes(&meta.path).await?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| failed(&error))?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let project = self.rows.project(&meta.project);
        let mut first = 0u32;
        for batch in builder.with_projection(mask).build().map_err(|error| failed(&error))? {
            let batch = batch.map_err(|error| failed(&error))?;
            self.rows.add(meta.table, project, at, first, &batch)?;
            first += batch.num_rows() as u32;
        }
        Ok(())
    }

    /// What the old catalog kept beside segments, from it or from its copy in the bucket.
    fn old_state(&mut self, copy: Option<Bytes>) -> Result<(DroppedByLayer, u64), StoreError> {
        let database = self.settings.data.join("catalog.db");
        let read = |path: &Path| {
            let catalog = Catalog::open(Arc::new(RealDisk), path).ok()?;
            let id = catalog.store_id(|| fresh_id(&self.settings.data, self.now)).ok()?;
            Some((catalog.load().ok()?.dropped, id))
        };
        if let Some(state) = database.is_file().then(|| read(&database)).flatten() {
            return Ok(state);
        }
        if let Some(bytes) = copy {
            let path = self.settings.data.join("tmp/catalog-copy.db");
            std::fs::write(&path, &bytes).map_err(|error| StoreError::io("write", &path, error))?;
            let state = read(&path);
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(path.with_file_name(format!("catalog-copy.db{suffix}")));
            }
            if let Some(state) = state {
                return Ok(state);
            }
        }
        self.rebuilt.lost.push("what retention removed before is no longer counted".to_owned());
        Ok((DroppedByLayer::new(), fresh_id(&self.settings.data, self.now)))
    }

    /// Writes the new catalog beside the old one, then changes their places.
    fn write(&mut self, change: &Change, removals: &[String], store_id: u64) -> Result<(), StoreError> {
        let data = &self.settings.data;
        let (database, fresh) = (data.join("catalog.db"), data.join("tmp/catalog-new.db"));
        {
            let catalog = Catalog::open(Arc::new(RealDisk), &fresh)?;
            catalog.store_id(|| store_id)?;
            catalog.commit(change)?;
            catalog.remove_later(removals)?;
        }
        let io = |what, path: &Path| {
            let path = path.to_owned();
            move |error| StoreError::io(what, path, error)
        };
        std::fs::File::open(&fresh).and_then(|file| file.sync_all()).map_err(io("sync", &fresh))?;
        if database.exists() {
            let quarantine = data.join("quarantine");
            RealDisk.create_dir(&quarantine).map_err(io("create", &quarantine))?;
            let aside = format!("catalog-{}.db", self.now.as_nanos());
            for suffix in ["-wal", "-shm", ""] {
                let from = data.join(format!("catalog.db{suffix}"));
                let to = quarantine.join(format!("{aside}{suffix}"));
                if from.exists() {
                    std::fs::rename(&from, &to).map_err(io("move", &from))?;
                }
            }
            self.rebuilt.old_catalog = Some(quarantine.join(aside));
        }
        for suffix in ["-wal", "-shm"] {
            // Of a catalog whose main file was lost: they must not be taken for the new one's.
            let _ = std::fs::remove_file(data.join(format!("catalog.db{suffix}")));
        }
        std::fs::rename(&fresh, &database).map_err(io("move", &fresh))?;
        RealDisk.sync_dir(data).map_err(io("sync", data))
    }
}

/// Segments whose rows are in a later one. A compaction that was killed before its commit leaves an output too: it is told by
/// its inputs, which a later compaction took as well, or which are simply there with it; then either has all rows.
fn superseded(found: &[Found]) -> HashSet<u64> {
    let mut by_id: Vec<&About> = found.iter().map(|one| &one.about).collect();
    by_id.sort_by_key(|about| std::cmp::Reverse(about.id));
    let mut replaced: HashSet<u64> = HashSet::new();
    let mut never_committed: HashSet<u64> = HashSet::new();
    for about in by_id {
        if !replaced.contains(&about.id) && about.replaces.iter().any(|input| replaced.contains(input)) {
            never_committed.insert(about.id);
        } else {
            replaced.extend(&about.replaces);
        }
    }
    replaced.extend(never_committed);
    replaced
}

/// From where on the log has to be read again.
fn log_position<'a>(abouts: impl Iterator<Item = &'a About>, log: &[Verified]) -> u64 {
    let (mut flushes, mut certain) = (Vec::new(), 0);
    for about in abouts {
        // Compaction runs on what is committed, and names the position of then.
        if about.replaces.is_empty() {
            flushes.push(about.log_flushed)
        } else {
            certain = certain.max(about.log_flushed)
        }
    }
    flushes.sort_unstable();
    flushes.dedup();
    let last = flushes.pop().unwrap_or(0);
    // A flush begins when the one before is committed.
    let certain = certain.max(flushes.pop().unwrap_or(0));
    if last <= certain {
        return certain;
    }
    let has_some = log.iter().any(|file| file.first.is_some_and(|first| first <= last) && file.last > Some(certain));
    if has_some { certain } else { last }
}

/// Rows of spans and runs, to find those that count.
#[derive(Default)]
struct Candidates {
    projects: HashMap<Arc<str>, u32>,
    spans: Vec<Row>,
    runs: Vec<Row>,
}

/// A row: who it is, how much it counts, where it is. Sorted, the last of equals counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    project: u32,
    trace: TraceId,
    span: SpanId,
    /// Of spans: ended, version. Of runs: version, settled (time alone settles a run).
    rank: (u64, u64),
    segment: u32,
    row: u32,
}

impl Candidates {
    fn project(&mut self, name: &Arc<str>) -> u32 {
        let next = self.projects.len() as u32;
        *self.projects.entry(Arc::clone(name)).or_insert(next)
    }

    fn add(
        &mut self,
        table: Table,
        project: u32,
        segment: u32,
        first: u32,
        batch: &RecordBatch,
    ) -> Result<(), StoreError> {
        let missing = |name: &str| StoreError::segment("read", &table, format!("no column {name}"));
        let column = |name: &str| batch.column_by_name(name).ok_or_else(|| missing(name));
        let traces = column("trace_id")?.as_string::<i32>();
        let versions = column("version")?.as_primitive::<UInt64Type>();
        let bad = |row: usize| StoreError::segment("read", &table, format!("row {row} has no ids"));
        let trace = |row: usize| traces.value(row).parse::<TraceId>().map_err(|_| bad(row));
        let place = |row: usize| (segment, first + row as u32);
        if table == Table::Spans {
            let ids = column("span_id")?.as_string::<i32>();
            let ends = column("ended_at")?.as_primitive::<TimestampNanosecondType>();
            for row in 0..batch.num_rows() {
                let span = ids.value(row).parse::<SpanId>().map_err(|_| bad(row))?;
                let rank = (u64::from(ends.is_valid(row)), versions.value(row));
                let (segment, number) = place(row);
                self.spans.push(Row { project, trace: trace(row)?, span, rank, segment, row: number });
            }
        } else {
            for (row, open) in rows::runs::open(batch)?.into_iter().enumerate() {
                let rank = (versions.value(row), u64::from(!open));
                let (segment, number) = place(row);
                let span = SpanId::from_array([0; 8]);
                self.runs.push(Row { project, trace: trace(row)?, span, rank, segment, row: number });
            }
        }
        Ok(())
    }

    /// Rows that do not count, by segment, sorted.
    fn replaced(&mut self) -> BTreeMap<u32, Vec<u32>> {
        let mut replaced: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for rows in [&mut self.spans, &mut self.runs] {
            rows.sort_unstable();
            for pair in rows.windows(2) {
                let same = |row: &Row| (row.project, row.trace, row.span);
                if same(&pair[0]) == same(&pair[1]) {
                    replaced.entry(pair[0].segment).or_default().push(pair[0].row);
                }
            }
        }
        replaced.values_mut().for_each(|rows| rows.sort_unstable());
        replaced
    }
}
