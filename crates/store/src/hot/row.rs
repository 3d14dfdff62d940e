//! What every row in memory can say: its columns, its size, and where it belongs in a file.

use arrow::record_batch::RecordBatch;
use model::{Run, SpanId, Tenant, Timestamp, TraceId};

use crate::rows;
use crate::rows::bodies::BodyRow;
use crate::rows::logs::LogRow;
use crate::rows::samples::SampleRow;
use crate::rows::spans::SpanRow;
use crate::segment::layout;

/// A row that can be kept in memory.
pub(crate) trait HotRow {
    /// Orders rows inside a ten-minute bucket as [`crate::segment::write::Order`] orders columns.
    type Key<'a>: Ord
    where
        Self: 'a;
    /// Columns of some rows.
    fn batch(rows: &[&Self]) -> RecordBatch;
    /// Bytes in memory, about.
    fn size(&self) -> usize;
    /// Whose row it is.
    fn tenant(&self) -> &Tenant;
    /// Its time for sorting and for choosing a file, clamped.
    fn time(&self) -> Timestamp;
    /// Its place inside the bucket.
    fn key(&self) -> Self::Key<'_>;
    /// Whether it is a score, which goes into a file with others.
    fn is_score(&self) -> bool {
        false
    }
}

impl HotRow for SpanRow {
    type Key<'a> = (TraceId, Timestamp, SpanId);
    fn batch(rows: &[&Self]) -> RecordBatch {
        rows::spans::to_batch(rows)
    }
    fn size(&self) -> usize {
        self.bytes()
    }
    fn tenant(&self) -> &Tenant {
        &self.span.tenant
    }
    fn time(&self) -> Timestamp {
        layout::clamp_time(self.span.start, self.span.received)
    }
    fn key(&self) -> Self::Key<'_> {
        (self.span.trace_id, self.span.start, self.span.span_id)
    }
}

impl HotRow for BodyRow {
    type Key<'a> = (TraceId, u64);
    fn batch(rows: &[&Self]) -> RecordBatch {
        rows::bodies::to_batch(rows)
    }
    fn size(&self) -> usize {
        self.bytes()
    }
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }
    fn time(&self) -> Timestamp {
        self.started
    }
    fn key(&self) -> Self::Key<'_> {
        (self.trace_id, self.version)
    }
}

impl HotRow for Run {
    type Key<'a> = TraceId;
    fn batch(rows: &[&Self]) -> RecordBatch {
        rows::runs::to_batch(rows)
    }
    fn size(&self) -> usize {
        rows::runs::bytes(self)
    }
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }
    fn time(&self) -> Timestamp {
        layout::clamp_time(self.start, self.last_received)
    }
    fn key(&self) -> Self::Key<'_> {
        self.trace_id
    }
}

impl HotRow for LogRow {
    type Key<'a> = (Option<TraceId>, Timestamp);
    fn batch(rows: &[&Self]) -> RecordBatch {
        rows::logs::to_batch(rows)
    }
    fn size(&self) -> usize {
        self.bytes()
    }
    fn tenant(&self) -> &Tenant {
        &self.log.tenant
    }
    fn time(&self) -> Timestamp {
        layout::clamp_time(self.log.time, self.log.received)
    }
    fn key(&self) -> Self::Key<'_> {
        (self.log.trace_id, self.log.time)
    }
    fn is_score(&self) -> bool {
        self.log.event_name.as_deref() == Some(rows::logs::SCORE)
    }
}

impl HotRow for SampleRow {
    type Key<'a> = (&'a str, String, Timestamp);
    fn batch(rows: &[&Self]) -> RecordBatch {
        rows::samples::to_batch(rows)
    }
    fn size(&self) -> usize {
        self.bytes()
    }
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }
    fn time(&self) -> Timestamp {
        layout::clamp_time(self.sample.time, self.received)
    }
    fn key(&self) -> Self::Key<'_> {
        (&*self.sample.metric, rows::samples::labels_json(&self.sample.labels), self.sample.time)
    }
}
