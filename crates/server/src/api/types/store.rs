//! What the store holds, checks of it, and backups.

use std::collections::BTreeMap;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Limit;

/// What the store holds, by project and table, and how long it is kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StoreReport {
    /// The data directory.
    pub data: String,
    /// URL of the bucket, where segments are in one.
    pub bucket: Option<String>,
    /// By project and table.
    pub tables: Vec<StoreTable>,
    /// Rows in memory by table; empty where no server has the store open.
    pub hot_rows: BTreeMap<String, u64>,
    /// Bytes of rows in memory.
    pub hot_bytes: u64,
    /// Files of the write-ahead log.
    pub log_files: u64,
    /// Their bytes.
    pub log_bytes: u64,
    /// Every request up to this number is in segments.
    pub log_flushed: u64,
    /// Files that were replaced and go after their grace period.
    pub removals: u64,
    /// Bytes of a bucket's segments in the cache.
    pub cache_bytes: u64,
    /// Bytes of what the server remembers beside telemetry: findings, ledger, counters, reservations and the like.
    pub state_bytes: u64,
    /// Bytes of time series.
    pub series_bytes: u64,
    /// Bytes of telemetry that waits to be passed on.
    pub forward_bytes: u64,
    /// Bytes of files that were set aside in the data directory.
    pub quarantine_bytes: u64,
    /// Bytes of bodies offered since the start, before each was kept once.
    pub body_bytes_seen: u64,
    /// Bytes of bodies kept of these.
    pub body_bytes_kept: u64,
    /// By project and layer, where something is kept for a limited time or was removed.
    pub retention: Vec<StoreRetention>,
    /// Every limit with its value and how often it was reached since the start.
    pub limits: Vec<Limit>,
}

/// One table of one project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StoreTable {
    /// The project.
    pub project: String,
    /// `spans`, `bodies`, `runs`, `logs` or `samples`.
    pub table: String,
    /// Rows in segments that count.
    pub rows: u64,
    /// Rows in segments that newer ones replaced and compaction has not dropped yet.
    pub replaced_rows: u64,
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// By level: 0 as flushed, one more with each compaction.
    pub levels: Vec<StoreLevel>,
    /// Oldest time of a row, as sent.
    #[schema(value_type = String, format = DateTime)]
    pub oldest: Timestamp,
    /// Newest time of a row, as sent.
    #[schema(value_type = String, format = DateTime)]
    pub newest: Timestamp,
}

/// Segments of one level.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StoreLevel {
    /// The level.
    pub level: u8,
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How long one layer of a project is kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StoreRetention {
    /// The project.
    pub project: String,
    /// `bodies`, `spans`, `logs`, `samples`, `scores` or `findings`.
    pub layer: String,
    /// Seconds it is kept; null for ever.
    pub keep_seconds: Option<u64>,
    /// What goes next; null where nothing will.
    pub next: Option<StoreDrop>,
    /// What is gone; its time is that up to which rows may be missing. Null where nothing is.
    pub dropped: Option<StoreDrop>,
}

/// Segments that go or are gone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StoreDrop {
    /// When, or up to when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Segments; 0 where what goes is in none.
    pub segments: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl From<store::Report> for StoreReport {
    fn from(report: store::Report) -> Self {
        let table = |table: store::TableReport| StoreTable {
            project: table.project,
            table: table.table.into(),
            rows: table.rows,
            replaced_rows: table.replaced_rows,
            segments: table.segments,
            bytes: table.bytes,
            levels: table
                .levels
                .into_iter()
                .map(|(level, (segments, bytes))| StoreLevel { level, segments, bytes })
                .collect(),
            oldest: table.oldest,
            newest: table.newest,
        };
        let retention = |retention: store::RetentionReport| StoreRetention {
            project: retention.project,
            layer: retention.layer.name().into(),
            keep_seconds: retention.keep_seconds,
            next: retention.next.map(|next| StoreDrop {
                at: next.at,
                segments: next.segments,
                rows: next.rows,
                bytes: next.bytes,
            }),
            dropped: Some(retention.dropped).filter(|dropped| dropped.segments > 0).map(|dropped| StoreDrop {
                at: dropped.until,
                segments: dropped.segments,
                rows: dropped.rows,
                bytes: dropped.bytes,
            }),
        };
        Self {
            data: report.data,
            bucket: report.bucket,
            tables: report.tables.into_iter().map(table).collect(),
            hot_rows: report.hot_rows.into_iter().map(|(table, rows)| (table.to_owned(), rows)).collect(),
            hot_bytes: 0,
            log_files: report.log_files,
            log_bytes: report.log_bytes,
            log_flushed: report.log_flushed,
            removals: report.removals,
            cache_bytes: report.cache_bytes,
            state_bytes: report.state_bytes,
            series_bytes: report.series_bytes,
            forward_bytes: report.forward_bytes,
            quarantine_bytes: report.quarantine_bytes,
            body_bytes_seen: 0,
            body_bytes_kept: 0,
            retention: report.retention.into_iter().map(retention).collect(),
            limits: Vec::new(),
        }
    }
}

/// What a check of the store found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StoreCheck {
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
    /// Files of series read.
    pub series_files: u64,
    /// How many faults there are; 0 when all is well.
    pub faults_found: u64,
    /// The first of them.
    pub faults: Vec<StoreFault>,
    /// What is worth knowing and no fault.
    pub notes: Vec<String>,
}

/// Something in the store that is not as it must be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StoreFault {
    /// The file, or the part of the store.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: String,
}

impl From<store::Checked> for StoreCheck {
    fn from(checked: store::Checked) -> Self {
        let fault =
            |fault: store::Fault| StoreFault { place: fault.place, problem: fault.problem, advice: fault.advice };
        Self {
            segments: checked.segments,
            rows: checked.rows,
            bytes: checked.bytes,
            bodies: checked.bodies,
            references: checked.references,
            references_expired: checked.references_expired,
            log_files: checked.log_files,
            log_records: checked.log_records,
            series_files: checked.series_files,
            faults_found: checked.faults_found,
            faults: checked.faults.into_iter().map(fault).collect(),
            notes: checked.notes,
        }
    }
}
