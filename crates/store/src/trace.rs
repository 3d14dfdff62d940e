//! Reading one trace: from memory and from the few segments whose filter says it may be there.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use model::{Span, SpanId, TraceId};

use crate::bodies::BodyHash;
use crate::error::StoreError;
use crate::hot::{TraceKey, rank};
use crate::rows;
use crate::rows::logs::{LogRow, StoredLog};
use crate::rows::spans::{SpanRow, StoredSpan};
use crate::schema::Table;
use crate::segment::read::Reader;
use crate::settle;
use crate::snapshot::SegmentMeta;
use crate::state::State;

/// Segments that may hold a trace, and rows of them that no longer count.
pub(crate) type Places = Vec<(Arc<SegmentMeta>, Arc<Vec<u32>>)>;

/// What of a trace is where, at one moment.
pub(crate) struct TraceView {
    trace: TraceId,
    spans: Vec<Arc<SpanRow>>,
    bodies: HashMap<BodyHash, Arc<str>>,
    logs: Vec<Arc<LogRow>>,
    sealed: HashMap<Table, Places>,
}

impl TraceView {
    /// Looks, under the lock.
    pub fn new(state: &State, project: &str, trace: TraceId) -> Self {
        let mut view =
            Self { trace, spans: Vec::new(), bodies: HashMap::new(), logs: Vec::new(), sealed: HashMap::new() };
        let Some(project_number) = state.known_project(project) else { return view };
        let key = TraceKey { project: project_number, trace };
        for hot in state.hot() {
            view.spans.extend(hot.spans_of(key).cloned());
            view.bodies.extend(hot.bodies_of(key).map(|body| (body.hash, Arc::clone(&body.text))));
            view.logs.extend(hot.logs_of(key).cloned());
        }
        for table in [Table::Spans, Table::Bodies, Table::Logs] {
            let segments = state.segments[table as usize].values();
            let segments =
                segments.filter(|segment| *segment.meta.project == *project && segment.meta.may_contain(trace));
            let places = segments.map(|segment| (Arc::clone(&segment.meta), state.deleted_rows(segment)));
            view.sealed.insert(table, places.collect());
        }
        view
    }

    /// Batches of the trace's rows in segments.
    async fn sealed(
        &self,
        reader: &Reader,
        table: Table,
        columns: Option<&[&str]>,
    ) -> Result<Vec<RecordBatch>, StoreError> {
        let mut batches = Vec::new();
        for (meta, deleted) in self.sealed.get(&table).into_iter().flatten() {
            let found = reader.find(meta, &[self.trace], &[]).await?;
            let rows = found.iter().flat_map(|found| &found.rows).copied();
            let rows: Vec<u32> = rows.filter(|row| deleted.binary_search(row).is_err()).collect();
            if !rows.is_empty() {
                batches.extend(reader.rows(meta, &rows, columns).await?);
            }
        }
        Ok(batches)
    }

    /// The narrow part of every span.
    pub async fn narrow(self, reader: &Reader) -> Result<Vec<Arc<Span>>, StoreError> {
        let mut spans: Vec<Arc<Span>> = Vec::new();
        for batch in self.sealed(reader, Table::Spans, Some(&rows::spans::narrow_columns())).await? {
            spans.extend(rows::spans::narrow_from_batch(&batch)?.into_iter().map(Arc::new));
        }
        spans.extend(self.spans.iter().map(|row| Arc::clone(&row.span)));
        Ok(settle::newest(spans))
    }

    /// Every span with all that was sent.
    pub async fn spans(mut self, reader: &Reader) -> Result<Vec<StoredSpan>, StoreError> {
        let mut found: Vec<Arc<SpanRow>> = Vec::new();
        for batch in self.sealed(reader, Table::Spans, None).await? {
            found.extend(rows::spans::from_batch(&batch)?.into_iter().map(Arc::new));
        }
        found.append(&mut self.spans);
        // The better of two rows of one span comes first.
        found.sort_by_key(|row| (row.span.span_id, std::cmp::Reverse(rank(&row.span))));
        found.dedup_by_key(|row| row.span.span_id);
        found.sort_by_key(|row| (row.span.start, row.span.span_id));
        for batch in self.sealed(reader, Table::Bodies, None).await? {
            for body in rows::bodies::from_batch(&batch)? {
                self.bodies.insert(body.hash, body.text);
            }
        }
        let bodies = &self.bodies;
        Ok(SpanRow::stored(&found, &|hash| bodies.get(hash).cloned())?)
    }

    /// One span with all that was sent.
    pub async fn span(mut self, reader: &Reader, span_id: SpanId) -> Result<Option<StoredSpan>, StoreError> {
        self.spans.retain(|row| row.span.span_id == span_id);
        let mut found = std::mem::take(&mut self.spans);
        for batch in self.sealed(reader, Table::Spans, None).await? {
            let rows = rows::spans::from_batch(&batch)?.into_iter().filter(|row| row.span.span_id == span_id);
            found.extend(rows.map(Arc::new));
        }
        let Some(best) = found.into_iter().max_by_key(|row| rank(&row.span)) else { return Ok(None) };
        for batch in self.sealed(reader, Table::Bodies, None).await? {
            for body in rows::bodies::from_batch(&batch)? {
                self.bodies.insert(body.hash, body.text);
            }
        }
        let bodies = &self.bodies;
        Ok(SpanRow::stored(&[best], &|hash| bodies.get(hash).cloned())?.pop())
    }

    /// Every log record of the trace.
    pub async fn logs(mut self, reader: &Reader) -> Result<Vec<StoredLog>, StoreError> {
        let mut found: Vec<Arc<LogRow>> = Vec::new();
        for batch in self.sealed(reader, Table::Logs, None).await? {
            found.extend(rows::logs::from_batch(&batch)?.into_iter().map(Arc::new));
        }
        found.append(&mut self.logs);
        found.sort_by_key(|row| (row.log.time, row.log.version, row.log.id));
        Ok(found.iter().map(|row| row.stored()).collect::<Result<_, _>>()?)
    }
}
