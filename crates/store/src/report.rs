//! What the store holds, by project and table: for people and scripts, from an open store or from its directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use model::Timestamp;
use serde::Serialize;

use crate::backup::{FORWARD, RESERVATIONS, SERIES, STATE};
use crate::disk::Disk;
use crate::error::StoreError;
use crate::files::QUARANTINE;
use crate::retention::{Dropped, DroppedByLayer, Layer, Retention};
use crate::schema::Table;
use crate::snapshot::SegmentMeta;

/// Segments that expire within this time after the next one are counted with it.
const TOGETHER_NANOS: i64 = 3600 * 1_000_000_000;

/// What the store holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// The data directory.
    pub data: String,
    /// URL of the bucket, where segments are in one.
    pub bucket: Option<String>,
    /// By project and table.
    pub tables: Vec<TableReport>,
    /// Rows in memory, by table; empty where the store is not open.
    pub hot_rows: BTreeMap<&'static str, u64>,
    /// Log files, and their bytes.
    pub log_files: u64,
    /// Bytes of log files.
    pub log_bytes: u64,
    /// Every request up to this sequence number is in segments.
    pub log_flushed: u64,
    /// Files that compaction or retention replaced and that go once their grace period is over.
    pub removals: u64,
    /// Bytes of a bucket's segments in the cache.
    pub cache_bytes: u64,
    /// Bytes of what the server remembers beside telemetry, with SQLite's log of it and the log of reservations.
    pub state_bytes: u64,
    /// Bytes of time series.
    pub series_bytes: u64,
    /// Bytes of telemetry that waits to be passed on.
    pub forward_bytes: u64,
    /// Bytes of files that were set aside in the data directory.
    pub quarantine_bytes: u64,
    /// By project and layer, where something is kept for a limited time or was removed.
    pub retention: Vec<RetentionReport>,
}

/// One table of one project.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TableReport {
    /// The project.
    pub project: String,
    /// The table.
    pub table: &'static str,
    /// Rows in segments that count.
    pub rows: u64,
    /// Rows in segments that newer ones replaced.
    pub replaced_rows: u64,
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Segments and bytes by level: 0 as flushed, one more with each compaction.
    pub levels: BTreeMap<u8, (u64, u64)>,
    /// Oldest and newest time of a row, as sent.
    pub oldest: Timestamp,
    /// Newest time of a row, as sent.
    pub newest: Timestamp,
}

/// How long one layer of a project is kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetentionReport {
    /// The project.
    pub project: String,
    /// The layer.
    pub layer: Layer,
    /// Seconds it is kept; `None` for ever.
    pub keep_seconds: Option<u64>,
    /// What goes next.
    pub next: Option<NextDrop>,
    /// What is gone.
    pub dropped: Dropped,
}

/// What retention will remove next: the first segment that expires, and those that do within the hour after it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NextDrop {
    /// When the first expires.
    pub at: Timestamp,
    /// Segments.
    pub segments: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Report {
    /// The same, with what the directory has beside telemetry.
    pub(crate) fn with_beside(self, disk: &dyn Disk, data: &Path) -> Result<Self, StoreError> {
        let below = |name: &str| -> Result<u64, StoreError> {
            let directory = data.join(name);
            let files = disk.list_all(&directory).map_err(|error| StoreError::io("list", &directory, error))?;
            Ok(files.iter().map(|(_, bytes)| bytes).sum())
        };
        let files = disk.list(data).map_err(|error| StoreError::io("list", data, error))?;
        let state = files.iter().filter(|(name, _)| name.starts_with(STATE) || name.starts_with(RESERVATIONS));
        Ok(Self {
            state_bytes: state.map(|(_, bytes)| bytes).sum(),
            series_bytes: below(SERIES)?,
            forward_bytes: below(FORWARD)?,
            quarantine_bytes: below(QUARANTINE)?,
            ..self
        })
    }
}

/// Figures of segments, each with the number of its rows that no longer count.
pub(crate) fn tables<'a>(segments: impl Iterator<Item = (&'a SegmentMeta, u64)>) -> Vec<TableReport> {
    let mut tables: BTreeMap<(&str, Table), TableReport> = BTreeMap::new();
    for (meta, replaced) in segments {
        let table = tables.entry((&*meta.project, meta.table)).or_insert_with(|| TableReport {
            project: meta.project.to_string(),
            table: meta.table.name(),
            oldest: meta.min_time,
            newest: meta.max_time,
            ..TableReport::default()
        });
        table.rows += meta.rows - replaced.min(meta.rows);
        table.replaced_rows += replaced;
        table.segments += 1;
        table.bytes += meta.bytes;
        let level = table.levels.entry(meta.level).or_default();
        *level = (level.0 + 1, level.1 + meta.bytes);
        table.oldest = table.oldest.min(meta.min_time);
        table.newest = table.newest.max(meta.max_time);
    }
    tables.into_values().collect()
}

/// How long things are kept, what goes next, what is gone.
pub(crate) fn retention<'a>(
    retention: &Retention,
    segments: impl Iterator<Item = &'a SegmentMeta> + Clone,
    dropped: &DroppedByLayer,
) -> Vec<RetentionReport> {
    let mut projects: BTreeSet<String> = segments.clone().map(|meta| meta.project.to_string()).collect();
    projects.extend(retention.projects.keys().cloned());
    projects.extend(dropped.keys().map(|(project, _)| project.clone()));
    let pairs = projects.iter().flat_map(|project| Layer::ALL.map(|layer| (project, layer)));
    let report = |(project, layer): (&String, Layer)| {
        let keep = retention.keep(project, layer);
        let dropped = dropped.get(&(project.clone(), layer)).copied().unwrap_or_default();
        if keep.is_none() && dropped.segments == 0 {
            return None;
        }
        let own = segments.clone().filter(|meta| *meta.project == **project);
        let times = own.filter_map(|meta| {
            let removed = if Layer::of(meta) == layer { retention.drop_at(meta) } else { None };
            let stripped = if layer == Layer::Bodies { retention.strip_at(meta) } else { None };
            removed.into_iter().chain(stripped).min().map(|at| (at, meta))
        });
        let times: Vec<(Timestamp, &SegmentMeta)> = times.collect();
        let next = times.iter().map(|(at, _)| *at).min().map(|at| {
            let due = times.iter().filter(|(other, _)| *other <= at.plus_nanos(TOGETHER_NANOS));
            due.fold(NextDrop { at, segments: 0, rows: 0, bytes: 0 }, |sum, (_, meta)| NextDrop {
                segments: sum.segments + 1,
                rows: sum.rows + meta.rows,
                bytes: sum.bytes + meta.bytes,
                ..sum
            })
        });
        let keep_seconds = keep.map(|keep| keep.as_secs());
        Some(RetentionReport { project: project.clone(), layer, keep_seconds, next, dropped })
    };
    pairs.filter_map(report).collect()
}
