//! What a segment's file says of itself, in its metadata: enough to list it in a new catalog.

use std::sync::Arc;

use model::Timestamp;
use object_store::path::Path;
use parquet::file::metadata::KeyValue;
use serde::{Deserialize, Serialize};

use crate::bloom::TraceBloom;
use crate::error::StoreError;
use crate::schema::Table;
use crate::snapshot::SegmentMeta;

/// Key of the file's metadata.
pub(crate) const KEY: &str = "tawny.segment";
/// Version of the files; those of version 1 have no `runs`, those of spans before version 3 all columns of their table.
pub(crate) const VERSION: i64 = 3;

/// The value under [`KEY`], as JSON. Fields are only ever added; what an older file lacks has a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct About {
    pub format: i64,
    pub id: u64,
    pub table: String,
    pub project: String,
    pub environment: Option<String>,
    pub day: String,
    pub level: u8,
    pub rows: u64,
    pub min_time: i64,
    pub max_time: i64,
    pub min_version: u64,
    pub max_version: u64,
    pub provisional: u64,
    /// The log position the file belongs to.
    pub log_flushed: u64,
    /// Segments whose rows it took over.
    pub replaces: Vec<u64>,
    /// When its rows were flushed; files of before say nothing.
    #[serde(default)]
    pub arrived: Option<i64>,
    /// Whether its rows may hold content.
    #[serde(default = "yes")]
    pub content: bool,
    /// Row groups at which a sorted run of rows begins; the first is 0.
    #[serde(default = "one_run")]
    pub runs: Vec<usize>,
}

fn one_run() -> Vec<usize> {
    vec![0]
}

fn yes() -> bool {
    true
}

impl About {
    /// What a file says in its metadata; the error says why that is of no use.
    pub fn read(metadata: Option<&Vec<KeyValue>>) -> Result<Self, String> {
        let value = metadata.into_iter().flatten().find(|entry| entry.key == KEY);
        let value =
            value.and_then(|entry| entry.value.as_deref()).ok_or("it does not say that it is a segment of Tawny")?;
        let about: Self =
            serde_json::from_str(value).map_err(|error| format!("cannot read what it says of itself: {error}"))?;
        if about.format > VERSION {
            let format = about.format;
            return Err(format!("its format is version {format}, this program knows {VERSION}; use a newer Tawny"));
        }
        if about.runs.first() != Some(&0) || !about.runs.is_sorted_by(|a, b| a < b) {
            return Err(format!("its sorted runs cannot begin at the row groups {:?}", about.runs));
        }
        Ok(about)
    }

    /// The same, to be written.
    pub fn metadata(&self) -> Result<KeyValue, StoreError> {
        let text = serde_json::to_string(self).map_err(|error| StoreError::segment("describe", &self.id, error))?;
        Ok(KeyValue::new(KEY.to_owned(), text))
    }

    /// The catalog's entry of a file at `path` with these bytes.
    pub fn meta(&self, path: &Path, bytes: u64, checksum: u32, traces: TraceBloom) -> Result<SegmentMeta, StoreError> {
        let unknown = || StoreError::segment("list", path, format!("no table is called {}", self.table));
        Ok(SegmentMeta {
            id: self.id,
            table: Table::from_name(&self.table).ok_or_else(unknown)?,
            project: self.project.as_str().into(),
            environment: self.environment.as_deref().map(Into::into),
            day: self.day.clone(),
            path: path.clone(),
            rows: self.rows,
            bytes,
            min_time: Timestamp::from_nanos(self.min_time),
            max_time: Timestamp::from_nanos(self.max_time),
            min_version: self.min_version,
            max_version: self.max_version,
            level: self.level,
            provisional: self.provisional,
            arrived: Timestamp::from_nanos(self.arrived.unwrap_or(self.max_time)),
            content: self.content,
            checksum: Some(checksum),
            traces: Arc::new(traces),
        })
    }
}
