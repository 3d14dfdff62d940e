//! Bodies and their columns.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use model::{Tenant, Timestamp, TraceId};

use super::columns::{self, Columns};
use crate::bodies::BodyHash;
use crate::error::RowError;
use crate::schema::Table;

/// A large text of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyRow {
    /// Whose.
    pub tenant: Tenant,
    /// The trace whose spans refer to it.
    pub trace_id: TraceId,
    /// Its name.
    pub hash: BodyHash,
    /// Log sequence number of the request that first brought it.
    pub version: u64,
    /// Clamped start of the span that first carried it.
    pub started: Timestamp,
    /// The text.
    pub text: Arc<str>,
}

impl BodyRow {
    /// Bytes it takes in memory, about.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + BODY_INDEX_BYTES + self.text.len()
    }
}

/// What the index of a body takes: its key twice over, for the free places of a hash table.
const BODY_INDEX_BYTES: usize = 120;

/// Bodies as columns of [`Table::Bodies`].
pub fn to_batch(rows: &[&BodyRow]) -> RecordBatch {
    let rows = || rows.iter();
    let arrays = vec![
        columns::text(rows().map(|row| &*row.tenant.project)),
        columns::text(rows().map(|row| &*row.tenant.environment)),
        columns::hex(rows().map(|row| Some(row.trace_id.as_bytes()))),
        columns::hex(rows().map(|row| Some(row.hash.as_bytes()))),
        columns::version(rows().map(|row| row.text.len() as u64)),
        columns::version(rows().map(|row| row.version)),
        columns::time(rows().map(|row| row.started)),
        columns::text(rows().map(|row| &*row.text)),
    ];
    RecordBatch::try_new(Table::Bodies.schema(), arrays).expect("columns are built in schema order")
}

/// The bodies of a batch of [`Table::Bodies`].
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<BodyRow>, RowError> {
    let mut columns = Columns::new(Table::Bodies, batch)?;
    let row = |row| {
        let hash = columns.str("hash", row).parse().map_err(|()| columns.invalid("hash", row))?;
        Ok(BodyRow {
            trace_id: columns.parse("trace_id", row)?,
            hash,
            version: columns.u64_opt("version", row).unwrap_or(0),
            started: columns.time("started_at", row),
            text: columns.str("text", row).into(),
            tenant: Tenant { project: columns.shared("project", row), environment: columns.shared("environment", row) },
        })
    };
    (0..batch.num_rows()).map(row).collect()
}
