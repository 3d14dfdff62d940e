//! What a start does about files that are gone or cannot be read: runs are resolved again from spans, and runs whose spans
//! are all lost are no longer listed.
//!
//! The catalog keeps naming such files until what was repaired is in segments, so that a start that is cut short is
//! repeated by the next.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use model::TraceId;
use object_store::ObjectStoreExt;

use crate::error::StoreError;
use crate::hot::TraceKey;
use crate::schema::Table;
use crate::segment::read::Reader;
use crate::snapshot::SegmentMeta;
use crate::state::State;

/// Rows of a segment, for a catalog's list of those that no longer count.
pub(crate) type Deletions = Vec<(u64, Vec<u32>)>;

/// Whether an error comes from the file itself: then it will stay. A store of files that does not answer at all is another
/// matter, and passes.
pub(crate) async fn is_damaged(reader: &Reader, meta: &SegmentMeta) -> bool {
    match reader.store().head(&meta.path).await {
        Ok(_) | Err(object_store::Error::NotFound { .. }) => true,
        Err(_) => false,
    }
}

/// Notes what has to be resolved again because segments are lost. Gives rows of runs that nothing is left of, for the
/// catalog; they no longer count here from now on.
pub(crate) async fn repair(
    reader: &Reader,
    state: &mut State,
    lost: &[Arc<SegmentMeta>],
) -> Result<Deletions, StoreError> {
    let of = |table: Table| lost.iter().filter(|meta| meta.table == table).cloned().collect::<Vec<_>>();
    let (lost_runs, lost_spans) = (of(Table::Runs), of(Table::Spans));
    if !lost_runs.is_empty() {
        for (key, ..) in rows_of(reader, state, Table::Spans, &lost_runs).await? {
            resolve_again(state, key);
        }
    }
    let mut gone: HashMap<u64, Vec<u32>> = HashMap::new();
    if !lost_spans.is_empty() {
        let runs = rows_of(reader, state, Table::Runs, &lost_spans).await?;
        let left = with_spans(reader, state, runs.iter().map(|(key, ..)| *key).collect()).await?;
        for (key, segment, row) in runs {
            if left.contains(&key) {
                resolve_again(state, key);
            } else {
                gone.entry(segment).or_default().push(row);
            }
        }
    }
    let mut deletions = Vec::new();
    for (id, rows) in gone {
        let Some(segment) = state.segments[Table::Runs as usize].get_mut(&id) else { continue };
        let mut all: Vec<u32> = segment.deleted.iter().copied().chain(rows).collect();
        all.sort_unstable();
        all.dedup();
        segment.deleted = Arc::new(all.clone());
        deletions.push((id, all));
    }
    Ok(deletions)
}

fn resolve_again(state: &mut State, key: TraceKey) {
    state.touched.insert(key);
    state.mark_dirty(key);
}

/// Rows of a table whose trace may have been in one of the lost segments: trace, segment, number.
async fn rows_of(
    reader: &Reader,
    state: &mut State,
    table: Table,
    lost: &[Arc<SegmentMeta>],
) -> Result<Vec<(TraceKey, u64, u32)>, StoreError> {
    let segments: Vec<_> = state.segments[table as usize].values().cloned().collect();
    let mut found = Vec::new();
    for segment in segments {
        let meta = &segment.meta;
        let lost: Vec<&Arc<SegmentMeta>> = lost.iter().filter(|lost| lost.project == meta.project).collect();
        if lost.is_empty() || state.unreadable.contains(&meta.id) {
            continue;
        }
        let project = state.project(&meta.project);
        let rows: Vec<u32> = (0..u32::try_from(meta.rows).unwrap_or(u32::MAX)).collect();
        let batches = match reader.rows(meta, &rows, Some(&["trace_id"])).await {
            Ok(batches) => batches,
            Err(error) if is_damaged(reader, meta).await => {
                state.give_up_on(meta, &error);
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut row = 0;
        for batch in batches {
            let traces = batch.column(0).as_string::<i32>();
            for at in 0..traces.len() {
                let trace: Option<TraceId> = traces.is_valid(at).then(|| traces.value(at).parse().ok()).flatten();
                if let Some(trace) = trace
                    && lost.iter().any(|lost| lost.may_contain(trace))
                    && segment.deleted.binary_search(&row).is_err()
                {
                    found.push((TraceKey { project, trace }, meta.id, row));
                }
                row += 1;
            }
        }
    }
    Ok(found)
}

/// Which of the traces have a span in the segments that are left.
async fn with_spans(
    reader: &Reader,
    state: &State,
    traces: HashSet<TraceKey>,
) -> Result<HashSet<TraceKey>, StoreError> {
    let mut left = HashSet::new();
    for segment in state.segments[Table::Spans as usize].values() {
        let meta = &segment.meta;
        let project = state.known_project(&meta.project);
        let asked: Vec<TraceKey> = traces
            .iter()
            .filter(|key| Some(key.project) == project && meta.may_contain(key.trace) && !left.contains(*key))
            .copied()
            .collect();
        if asked.is_empty() || state.unreadable.contains(&meta.id) {
            continue;
        }
        let ids: Vec<TraceId> = asked.iter().map(|key| key.trace).collect();
        for found in reader.find(meta, &ids, &[]).await? {
            let Some(column) = found.batch.column_by_name("trace_id") else { continue };
            let column = column.as_string::<i32>();
            for (at, row) in found.rows.iter().enumerate() {
                if let Ok(trace) = column.value(at).parse::<TraceId>()
                    && segment.deleted.binary_search(row).is_err()
                    && let Some(project) = project
                {
                    left.insert(TraceKey { project, trace });
                }
            }
        }
    }
    Ok(left)
}
