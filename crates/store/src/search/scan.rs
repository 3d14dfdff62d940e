//! Looking through blocks of rows, the newest first.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, StringArray};
use arrow::datatypes::TimestampNanosecondType;
use arrow::record_batch::RecordBatch;
use model::{SpanId, Timestamp, TraceId};
use tokio::task::JoinSet;

use super::needle::Needle;
use super::{Values, columns};
use crate::bodies::BodyHash;
use crate::error::StoreError;
use crate::schema::Table;
use crate::segment::read::Reader;
use crate::snapshot::{SegmentMeta, SegmentView, Snapshot};

/// Tables with text.
const TABLES: [Table; 3] = [Table::Bodies, Table::Spans, Table::Logs];
/// Blocks looked through at first at once, and at most. A block is about 128 KiB of text.
const ROUND: (usize, usize) = (16, 256);
/// Rows of a block of a segment that has no index.
const BLOCK_ROWS_UNINDEXED: u32 = 8192;

/// Where a needle was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Trace it belongs to.
    pub trace_id: TraceId,
    /// Time of the row.
    pub time: Timestamp,
    /// The row.
    pub source: Source,
}

/// What kind of row a needle was found in.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A large text, which spans of the trace may refer to.
    Body {
        /// Its name.
        hash: BodyHash,
        /// The needle with what stands around it.
        snippet: Arc<str>,
    },
    /// Attributes or events of a span.
    Span(SpanId),
    /// A log record, by its id.
    Log(u128),
}

/// Rows that are looked through together.
enum Piece {
    Hot(Table, RecordBatch),
    Rows(SegmentView, Range<u32>),
}

/// A search under way.
pub struct Scan {
    reader: Reader,
    needle: Arc<Needle>,
    project: Arc<str>,
    /// Pieces with their smallest and largest time, the one with the largest last.
    pieces: Vec<(i64, i64, Piece)>,
    round: usize,
    /// Blocks that were skipped by the index.
    skipped: usize,
}

impl Snapshot {
    /// Begins to look for a needle in what traces of `project` say: rows with a time in `from..=until`.
    pub async fn search(
        &self,
        project: &str,
        needle: Needle,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Scan, StoreError> {
        let mut scan = Scan {
            reader: self.reader.clone(),
            needle: Arc::new(needle),
            project: project.into(),
            pieces: Vec::new(),
            round: ROUND.0,
            skipped: 0,
        };
        let range = (from.as_nanos(), until.as_nanos());
        for table in TABLES {
            let rows = self.table(table);
            for batch in rows.hot.iter().filter(|batch| batch.num_rows() > 0) {
                let times = times(batch, table);
                let least = times.iter().copied().min().unwrap_or(i64::MAX);
                let most = times.iter().copied().max().unwrap_or(i64::MIN);
                scan.add(range, (least, most), Piece::Hot(table, batch.clone()));
            }
            for segment in rows.segments.iter().filter(|segment| *segment.meta.project == *project) {
                scan.segment(segment, range).await?;
            }
        }
        scan.pieces.sort_by_key(|(_, most, _)| *most);
        Ok(scan)
    }

    /// Blocks of the segments of a table that may hold all of the needles, as row ranges by segment. A segment that is
    /// not named may hold them anywhere.
    pub async fn blocks_with(
        &self,
        table: Table,
        project: &str,
        needles: &[Needle],
    ) -> Result<Vec<(u64, Vec<Range<u32>>)>, StoreError> {
        let mut found = Vec::new();
        for segment in self.table(table).segments.iter().filter(|segment| *segment.meta.project == *project) {
            let Some(index) = self.reader.index(&segment.meta).await? else { continue };
            let may_hold = |block| needles.iter().all(|needle| index.may_hold(block, needle.grams(false)));
            let blocks = index.blocks().iter().filter(|block| may_hold(block));
            let mut ranges: Vec<Range<u32>> = Vec::new();
            for block in blocks {
                match ranges.last_mut() {
                    Some(range) if range.end == block.first => range.end += block.rows,
                    _ => ranges.push(block.first..block.first + block.rows),
                }
            }
            found.push((segment.meta.id, ranges));
        }
        Ok(found)
    }
}

impl Scan {
    fn add(&mut self, (from, until): (i64, i64), (least, most): (i64, i64), piece: Piece) {
        if most >= from && least <= until {
            self.pieces.push((least, most, piece));
        }
    }

    async fn segment(&mut self, segment: &SegmentView, range: (i64, i64)) -> Result<(), StoreError> {
        let meta = &segment.meta;
        let times = (meta.min_time.as_nanos(), meta.max_time.as_nanos());
        if times.1 < range.0 || times.0 > range.1 {
            return Ok(());
        }
        let Some(index) = self.reader.index(meta).await? else {
            let rows = u32::try_from(meta.rows).unwrap_or(u32::MAX);
            for first in (0..rows).step_by(BLOCK_ROWS_UNINDEXED as usize) {
                let until = first.saturating_add(BLOCK_ROWS_UNINDEXED).min(rows);
                self.add(range, times, Piece::Rows(segment.clone(), first..until));
            }
            return Ok(());
        };
        let needle = Arc::clone(&self.needle);
        let grams = needle.grams(meta.table == Table::Spans);
        for block in index.blocks() {
            if index.may_hold(block, grams) {
                let rows = block.first..block.first + block.rows;
                self.add(range, block.times, Piece::Rows(segment.clone(), rows));
            } else {
                self.skipped += 1;
            }
        }
        Ok(())
    }

    /// No row that is still to be looked through is later than this; `None` at the end.
    pub fn horizon(&self) -> Option<Timestamp> {
        self.pieces.last().map(|(_, most, _)| Timestamp::from_nanos(*most))
    }

    /// Blocks still to be looked through, and those the index ruled out.
    pub fn blocks(&self) -> (usize, usize) {
        (self.pieces.len(), self.skipped)
    }

    /// Looks through the next blocks: what was found in them, in no order. `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Hit>>, StoreError> {
        if self.pieces.is_empty() {
            return Ok(None);
        }
        let taken = self.pieces.split_off(self.pieces.len().saturating_sub(self.round));
        self.round = (self.round * 2).min(ROUND.1);
        let mut hits = Vec::new();
        let mut by_segment: Vec<(SegmentView, Vec<Range<u32>>)> = Vec::new();
        for (_, _, piece) in taken {
            match piece {
                Piece::Hot(table, batch) => {
                    hits.extend(find(table, &batch, &self.needle, Some(&self.project))?);
                    // Rows in memory need no waiting: others get their turn, and a time limit is looked at.
                    tokio::task::yield_now().await;
                }
                Piece::Rows(segment, rows) => {
                    match by_segment.iter_mut().find(|(other, _)| other.meta.id == segment.meta.id) {
                        Some((_, ranges)) => ranges.push(rows),
                        None => by_segment.push((segment, vec![rows])),
                    }
                }
            }
        }
        let mut tasks = JoinSet::new();
        for (segment, mut ranges) in by_segment {
            ranges.sort_unstable_by_key(|range| range.start);
            // Halves, so that one large segment has both of two threads.
            let rest = ranges.split_off(ranges.len() / 2);
            for ranges in [ranges, rest].into_iter().filter(|ranges| !ranges.is_empty()) {
                tasks.spawn(look_through(self.reader.clone(), segment.clone(), ranges, Arc::clone(&self.needle)));
            }
        }
        while let Some(done) = tasks.join_next().await {
            hits.extend(done.unwrap_or_else(|error| Err(StoreError::Stopped(error.to_string())))?);
        }
        Ok(Some(hits))
    }
}

/// Columns that say which row it is.
const fn keys(table: Table) -> &'static [&'static str] {
    match table {
        Table::Bodies => &["trace_id", "started_at", "hash"],
        Table::Spans => &["trace_id", "started_at", "span_id"],
        Table::Logs | Table::Runs | Table::Samples => &["trace_id", "time", "id"],
    }
}

async fn look_through(
    reader: Reader,
    segment: SegmentView,
    ranges: Vec<Range<u32>>,
    needle: Arc<Needle>,
) -> Result<Vec<Hit>, StoreError> {
    let meta: &SegmentMeta = &segment.meta;
    let living = |row: &u32| segment.deleted.binary_search(row).is_err();
    let rows: Vec<u32> = ranges.into_iter().flatten().filter(living).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: Vec<&str> = keys(meta.table).iter().chain(columns(meta.table)).copied().collect();
    let mut stream = reader.some(meta, &rows, Some(&wanted)).await?;
    let mut hits = Vec::new();
    while let Some(batch) = futures::StreamExt::next(&mut stream).await {
        let batch = batch.map_err(|error| StoreError::segment("read", &meta.path, error))?;
        hits.extend(find(meta.table, &batch, &needle, None)?);
        tokio::task::yield_now().await;
    }
    Ok(hits)
}

fn times(batch: &RecordBatch, table: Table) -> &[i64] {
    let column = batch.column_by_name(table.time_column()).expect("every batch has the table's time");
    column.as_primitive::<TimestampNanosecondType>().values()
}

/// Rows of a batch in which the needle stands; of one project where the batch may hold several.
fn find(table: Table, batch: &RecordBatch, needle: &Needle, project: Option<&str>) -> Result<Vec<Hit>, StoreError> {
    let text = |name: &str| -> Result<&StringArray, StoreError> {
        let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        column.ok_or_else(|| StoreError::segment("read", &table, format!("no text column {name}")))
    };
    let encoded = table == Table::Spans;
    let mut rows: Vec<usize> = Vec::new();
    for name in columns(table) {
        let texts = text(name)?;
        let found = needle.rows(texts, encoded);
        // In attributes the needle may stand in a key, which does not count.
        rows.extend(found.into_iter().filter(|row| !encoded || in_a_value(texts.value(*row), needle)));
    }
    rows.sort_unstable();
    rows.dedup();
    let projects = project.map(|project| Ok::<_, StoreError>((text("project")?, project))).transpose()?;
    rows.retain(|row| projects.is_none_or(|(projects, own)| projects.value(*row) == own));
    let (traces, ids, times) = (text("trace_id")?, text(keys(table)[2])?, times(batch, table));
    let mut hits = Vec::with_capacity(rows.len());
    for row in rows {
        // A log record of no trace belongs to no run.
        let Some(trace_id) = traces.is_valid(row).then(|| traces.value(row).parse().ok()).flatten() else { continue };
        let source = match table {
            Table::Spans => ids.value(row).parse().ok().map(Source::Span),
            Table::Bodies => ids
                .value(row)
                .parse()
                .ok()
                .zip(needle.snippet(text("text")?.value(row)))
                .map(|(hash, snippet)| Source::Body { hash, snippet: snippet.into() }),
            Table::Logs | Table::Runs | Table::Samples => {
                u128::from_str_radix(ids.value(row), 16).ok().map(Source::Log)
            }
        };
        hits.extend(source.map(|source| Hit { trace_id, time: Timestamp::from_nanos(times[row]), source }));
    }
    Ok(hits)
}

fn in_a_value(json: &str, needle: &Needle) -> bool {
    Values::of(json).any(|value| {
        let folded = value.as_bytes().to_ascii_lowercase();
        needle.finders(true).iter().any(|finder| finder.find(&folded).is_some())
    })
}
