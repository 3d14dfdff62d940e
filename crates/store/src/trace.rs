//! Reading traces: from memory and from the few segments whose filters say they may be there. Traces that are neighbours
//! in a segment are read much cheaper together, for its pages hold many of them.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;
use model::{Span, SpanId, TraceId};

use crate::bodies::BodyHash;
use crate::error::StoreError;
use crate::hot::{TraceKey, rank};
use crate::rows;
use crate::rows::logs::{LogRow, StoredLog};
use crate::rows::spans::{SpanRow, StoredSpan};
use crate::schema::Table;
use crate::segment::read::{Found, Reader};
use crate::settle;
use crate::snapshot::SegmentMeta;
use crate::state::State;

/// Segments that may hold a trace, and rows of them that no longer count.
pub(crate) type Places = Vec<(Arc<SegmentMeta>, Arc<Vec<u32>>)>;

/// How many spans may be read; nothing is left out by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Of all traces: the one that reaches this is the last.
    pub all: usize,
    /// Of one trace: a larger one is left out.
    pub each: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { all: usize::MAX, each: usize::MAX }
    }
}

/// The traces there was room for.
#[derive(Debug, Default)]
pub struct Within {
    /// Traces of which something is there, by id.
    pub traces: Vec<StoredTrace>,
    /// The traces that were left out, each with its spans, those that were sent twice counted twice.
    pub left: HashMap<TraceId, usize>,
}

/// Texts of one trace by their names. A text belongs to the trace that carried it: another trace's copy may have been removed for a
/// reason.
type Bodies = HashMap<BodyHash, Arc<str>>;

/// A trace as it is kept: rows of its spans, and the texts they refer to, each once. What was sent is decoded when it is asked for, and
/// borrows from here.
#[derive(Debug)]
pub struct StoredTrace {
    /// Which.
    pub trace_id: TraceId,
    /// By start, at least one.
    rows: Vec<Arc<SpanRow>>,
    bodies: Bodies,
}

impl StoredTrace {
    /// What was understood of its spans, by start.
    pub fn spans(&self) -> impl ExactSizeIterator<Item = &Arc<Span>> {
        self.rows.iter().map(|row| &row.span)
    }

    /// Its spans with everything that was sent, by start.
    ///
    /// # Errors
    /// When what is kept cannot be decoded.
    pub fn sent(&self) -> Result<Vec<StoredSpan<'_>>, StoreError> {
        Ok(SpanRow::stored(&self.rows, &|hash| self.bodies.get(hash).cloned())?)
    }

    /// Some of its spans with everything that was sent, by start: those from number `from` on, until they take about `bytes` with every
    /// text written out; at least one, where there is one. So a trace is gone through without holding all of it written out at once.
    ///
    /// # Errors
    /// When what is kept cannot be decoded.
    pub fn sent_part(&self, from: usize, bytes: usize) -> Result<Vec<StoredSpan<'_>>, StoreError> {
        let rows = self.rows.get(from..).unwrap_or_default();
        let mut taken = 0;
        let fit = rows.iter().enumerate().take_while(|(at, row)| {
            let fits = *at == 0 || taken < bytes;
            taken += self.expanded(row);
            fits
        });
        let fit = fit.count();
        Ok(SpanRow::stored(&rows[..fit], &|hash| self.bodies.get(hash).cloned())?)
    }

    /// Bytes it takes in memory, about.
    pub fn bytes(&self) -> usize {
        let rows = self.rows.iter().map(|row| row.bytes()).sum::<usize>();
        rows + self.bodies.values().map(|text| text.len()).sum::<usize>()
    }

    /// Bytes that [`StoredTrace::sent`] takes, about. A conversation that is sent again with every round is kept once and takes the square of
    /// its rounds when every text is written out where it was sent; this says so without writing anything out.
    pub fn expanded_bytes(&self) -> usize {
        self.rows.iter().map(|row| self.expanded(row)).sum()
    }

    fn expanded(&self, row: &SpanRow) -> usize {
        row.expanded_bytes(&|hash| self.bodies.get(hash).map_or(0, |text| text.len()))
    }
}

/// What of some traces of a project is where, at one moment.
pub(crate) struct TraceView {
    traces: Vec<TraceId>,
    spans: Vec<Arc<SpanRow>>,
    bodies: HashMap<TraceId, Bodies>,
    logs: Vec<Arc<LogRow>>,
    sealed: HashMap<Table, Places>,
}

impl TraceView {
    /// Looks, under the lock.
    pub fn new(state: &State, project: &str, traces: &[TraceId]) -> Self {
        let traces = traces.to_vec();
        let mut view =
            Self { traces, spans: Vec::new(), bodies: HashMap::new(), logs: Vec::new(), sealed: HashMap::new() };
        let Some(project_number) = state.known_project(project) else { return view };
        for trace in view.traces.iter().copied() {
            let key = TraceKey { project: project_number, trace };
            for hot in state.hot() {
                view.spans.extend(hot.spans_of(key).cloned());
                for body in hot.bodies_of(key) {
                    view.bodies.entry(trace).or_default().insert(body.hash, Arc::clone(&body.text));
                }
                view.logs.extend(hot.logs_of(key).cloned());
            }
        }
        for table in [Table::Spans, Table::Bodies, Table::Logs] {
            let segments = state.segments[table as usize].values();
            let segments = segments.filter(|segment| {
                *segment.meta.project == *project && view.traces.iter().any(|trace| segment.meta.may_contain(*trace))
            });
            let places = segments.map(|segment| (Arc::clone(&segment.meta), state.deleted_rows(segment)));
            view.sealed.insert(table, places.collect());
        }
        view
    }

    /// Batches of the traces' rows in segments.
    async fn sealed(
        &self,
        reader: &Reader,
        table: Table,
        columns: Option<&[&str]>,
    ) -> Result<Vec<RecordBatch>, StoreError> {
        let mut batches = Vec::new();
        for (meta, deleted) in self.sealed.get(&table).into_iter().flatten() {
            let found = reader.find(meta, &self.traces, &[]).await?;
            let rows = found.iter().flat_map(|found| &found.rows).copied();
            let rows: Vec<u32> = rows.filter(|row| deleted.binary_search(row).is_err()).collect();
            if !rows.is_empty() {
                batches.extend(reader.rows_set(meta, &rows, columns).await?);
            }
        }
        Ok(batches)
    }

    /// The narrow part of every span, by trace and start.
    pub async fn narrow(self, reader: &Reader) -> Result<Vec<Arc<Span>>, StoreError> {
        let mut spans: Vec<Arc<Span>> = Vec::new();
        for batch in self.sealed(reader, Table::Spans, Some(&rows::spans::narrow_columns())).await? {
            spans.extend(rows::spans::narrow_from_batch(&batch)?.into_iter().map(Arc::new));
        }
        spans.extend(self.spans.iter().map(|row| Arc::clone(&row.span)));
        Ok(settle::newest(spans))
    }

    /// Every span with all that was sent, by trace and start.
    pub async fn spans(self, reader: &Reader) -> Result<Vec<StoredSpan<'static>>, StoreError> {
        let traces = self.within(reader, Room::default()).await?.traces;
        let mut spans = Vec::with_capacity(traces.iter().map(|trace| trace.rows.len()).sum());
        for trace in &traces {
            spans.extend(trace.sent()?.into_iter().map(StoredSpan::into_owned));
        }
        Ok(spans)
    }

    /// As many of the traces, in their order, as there is room for.
    pub async fn within(mut self, reader: &Reader, room: Room) -> Result<Within, StoreError> {
        let sealed = self.numbered(reader).await?;
        let left = self.leave(&sealed, room);
        let mut found: BTreeMap<TraceId, Vec<Arc<SpanRow>>> = BTreeMap::new();
        let mut add = |row: Arc<SpanRow>| found.entry(row.span.trace_id).or_default().push(row);
        for (meta, rows) in sealed {
            let rows: Vec<u32> =
                rows.into_iter().filter(|(_, trace)| !left.contains_key(trace)).map(|(row, _)| row).collect();
            if !rows.is_empty() {
                for batch in reader.rows_set(&meta, &rows, None).await? {
                    rows::spans::from_batch(&batch)?.into_iter().map(Arc::new).for_each(&mut add);
                }
            }
        }
        self.spans.drain(..).for_each(add);
        for batch in self.sealed(reader, Table::Bodies, None).await? {
            self.keep(&batch)?;
        }
        let trace = |(trace_id, mut rows): (TraceId, Vec<Arc<SpanRow>>)| {
            // The better of two rows of one span comes first.
            rows.sort_by_key(|row| (row.span.span_id, Reverse(rank(&row.span))));
            rows.dedup_by_key(|row| row.span.span_id);
            rows.sort_unstable_by_key(|row| (row.span.start, row.span.span_id));
            StoredTrace { trace_id, rows, bodies: self.bodies.remove(&trace_id).unwrap_or_default() }
        };
        let traces = found.into_iter().map(trace).collect();
        Ok(Within { traces, left })
    }

    /// Numbers of the traces' rows of spans in segments, each with its trace.
    async fn numbered(&self, reader: &Reader) -> Result<Vec<(Arc<SegmentMeta>, Vec<(u32, TraceId)>)>, StoreError> {
        let mut segments = Vec::new();
        for (meta, deleted) in self.sealed.get(&Table::Spans).into_iter().flatten() {
            let mut rows = Vec::new();
            for Found { batch, rows: numbers } in reader.find(meta, &self.traces, &[]).await? {
                let ids = batch.column_by_name("trace_id").and_then(|ids| ids.as_string_opt::<i32>());
                let ids = ids.ok_or_else(|| StoreError::segment("read", &meta.path, "no column trace_id"))?;
                // Rows of a trace stand together: its id is read once.
                let mut last: Option<(&str, TraceId)> = None;
                for (row, id) in numbers.into_iter().zip(ids.iter().flatten()) {
                    if last.is_none_or(|(known, _)| known != id) {
                        last = id.parse().ok().map(|trace| (id, trace));
                    }
                    let Some((_, trace)) = last else { continue };
                    if deleted.binary_search(&row).is_err() {
                        rows.push((row, trace));
                    }
                }
            }
            if !rows.is_empty() {
                segments.push((Arc::clone(meta), rows));
            }
        }
        Ok(segments)
    }

    /// Leaves out the traces that there is no room for, and gives them with their rows.
    fn leave(&mut self, sealed: &[(Arc<SegmentMeta>, Vec<(u32, TraceId)>)], room: Room) -> HashMap<TraceId, usize> {
        if room.all == usize::MAX && room.each == usize::MAX {
            return HashMap::new();
        }
        let mut sizes: HashMap<TraceId, usize> = HashMap::new();
        let hot = self.spans.iter().map(|row| row.span.trace_id);
        for trace in sealed.iter().flat_map(|(_, rows)| rows).map(|(_, trace)| *trace).chain(hot) {
            *sizes.entry(trace).or_default() += 1;
        }
        let (mut taken, mut left) = (0, HashMap::new());
        self.traces.retain(|trace| {
            let size = sizes.get(trace).copied().unwrap_or(0);
            let fits = size <= room.each && taken < room.all;
            if fits {
                taken += size;
            } else {
                left.insert(*trace, size);
            }
            fits
        });
        self.spans.retain(|row| !left.contains_key(&row.span.trace_id));
        left
    }

    /// Keeps the bodies of a batch.
    fn keep(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        let read = rows::bodies::from_batch(batch)?;
        for body in read {
            self.bodies.entry(body.trace_id).or_default().insert(body.hash, body.text);
        }
        Ok(())
    }

    /// One span with all that was sent, and nothing else read with it; `None` where no trace has such a span.
    pub async fn span(mut self, reader: &Reader, span_id: SpanId) -> Result<Option<StoredSpan<'static>>, StoreError> {
        let mut found: Vec<Arc<SpanRow>> =
            self.spans.iter().filter(|row| row.span.span_id == span_id).cloned().collect();
        let name = span_id.to_string();
        for (meta, deleted) in self.sealed.get(&Table::Spans).into_iter().flatten() {
            let mut rows = Vec::new();
            for Found { batch, rows: numbers } in reader.find(meta, &self.traces, &["span_id"]).await? {
                let ids = batch.column_by_name("span_id").and_then(|ids| ids.as_string_opt::<i32>());
                let ids = ids.ok_or_else(|| StoreError::segment("read", &meta.path, "no column span_id"))?;
                let own = numbers.into_iter().zip(ids.iter()).filter(|(_, id)| *id == Some(name.as_str()));
                rows.extend(own.map(|(row, _)| row).filter(|row| deleted.binary_search(row).is_err()));
            }
            if !rows.is_empty() {
                for batch in reader.rows_set(meta, &rows, None).await? {
                    found.extend(rows::spans::from_batch(&batch)?.into_iter().map(Arc::new));
                }
            }
        }
        let Some(row) = found.into_iter().max_by_key(|row| rank(&row.span)) else { return Ok(None) };
        self.read_bodies(reader, &row).await?;
        let trace_id = row.span.trace_id;
        let bodies = self.bodies.remove(&trace_id).unwrap_or_default();
        let trace = StoredTrace { trace_id, rows: vec![row], bodies };
        Ok(trace.sent()?.pop().map(StoredSpan::into_owned))
    }

    /// Reads the bodies that a row refers to and that are not in memory.
    async fn read_bodies(&mut self, reader: &Reader, row: &SpanRow) -> Result<(), StoreError> {
        let missing: RefCell<HashSet<String>> = RefCell::default();
        let trace = row.span.trace_id;
        let known = self.bodies.get(&trace);
        row.sent(&|hash| {
            if known.is_none_or(|known| !known.contains_key(hash)) {
                missing.borrow_mut().insert(hash.to_string());
            }
            Some("".into())
        })?;
        let mut missing = missing.into_inner();
        let mut read = Vec::new();
        for (meta, deleted) in self.sealed.get(&Table::Bodies).into_iter().flatten() {
            if missing.is_empty() {
                break;
            }
            let mut rows = Vec::new();
            for Found { batch, rows: numbers } in reader.find(meta, &[trace], &["hash"]).await? {
                let hashes = batch.column_by_name("hash").and_then(|hashes| hashes.as_string_opt::<i32>());
                let hashes = hashes.ok_or_else(|| StoreError::segment("read", &meta.path, "no column hash"))?;
                let wanted = numbers.into_iter().zip(hashes.iter().flatten());
                let wanted = wanted.filter(|(row, hash)| deleted.binary_search(row).is_err() && missing.remove(*hash));
                rows.extend(wanted.map(|(row, _)| row));
            }
            if !rows.is_empty() {
                read.extend(reader.rows_set(meta, &rows, None).await?);
            }
        }
        read.iter().try_for_each(|batch| self.keep(batch))
    }

    /// Every log record of the traces, by trace and time.
    pub async fn logs(mut self, reader: &Reader) -> Result<Vec<StoredLog>, StoreError> {
        let mut found: Vec<Arc<LogRow>> = Vec::new();
        for batch in self.sealed(reader, Table::Logs, None).await? {
            found.extend(rows::logs::from_batch(&batch)?.into_iter().map(Arc::new));
        }
        found.append(&mut self.logs);
        found.sort_by_key(|row| (row.log.trace_id, row.log.time, row.log.version, row.log.id));
        Ok(found.iter().map(|row| row.stored()).collect::<Result<_, _>>()?)
    }
}
