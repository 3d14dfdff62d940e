//! Runs by when they last changed: what a reader that goes through all of them, once each, has still to look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use futures::TryStreamExt;
use model::TraceId;

use crate::error::StoreError;
use crate::hot::{Chunk, Hot};
use crate::schema::Table;
use crate::settle::Refresh;
use crate::snapshot::SegmentMeta;
use crate::store::Inner;

/// A run and the log position of the last request that changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedRun {
    /// Log position; of two changes the later has the higher one.
    pub version: u64,
    /// Its project.
    pub project: Arc<str>,
    /// Its trace.
    pub trace_id: TraceId,
}

/// Runs that changed after a log position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedRuns {
    /// The runs, oldest change first.
    pub runs: Vec<ChangedRun>,
    /// Every run that changed up to this position is among them (or did not change after the position asked for).
    pub through: u64,
    /// There are later ones.
    pub more: bool,
}

impl Inner {
    /// At most about `at_most` runs that changed after `position`. More only where one request changed more than that.
    pub async fn changed_since(&self, position: u64, at_most: usize) -> Result<ChangedRuns, StoreError> {
        let (hot, segments, applied) = self
            .prepared(Refresh::Reader, |state| {
                let hot: Vec<Arc<Chunk<model::Run>>> = state.hot().flat_map(Hot::run_chunks).collect();
                let segments = state.segments[Table::Runs as usize].values();
                let later = segments.filter(|segment| segment.meta.max_version > position);
                let segments: Vec<(Arc<SegmentMeta>, Arc<Vec<u32>>)> =
                    later.map(|segment| (Arc::clone(&segment.meta), state.deleted_rows(segment))).collect();
                (hot, segments, state.applied)
            })
            .await?;
        let mut found = Earliest { at_most, ..Earliest::default() };
        for run in hot.iter().flat_map(|chunk| chunk.rows()).filter(|run| run.version > position) {
            found.add(run.version, &run.tenant.project, run.trace_id);
        }
        for (meta, deleted) in segments {
            if !found.may_take(meta.min_version) {
                found.cut = true;
                continue;
            }
            let rows: Vec<u32> = (0..meta.rows as u32).filter(|row| deleted.binary_search(row).is_err()).collect();
            let mut batches = self.reader.some(&meta, &rows, Some(&["trace_id", "version"])).await?;
            let failed = |error| StoreError::segment("read", &meta.path, error);
            while let Some(batch) = batches.try_next().await.map_err(failed)? {
                let missing = |name| StoreError::segment("read", &meta.path, format!("no column {name}"));
                let traces = batch.column_by_name("trace_id").and_then(|column| column.as_string_opt::<i32>());
                let versions =
                    batch.column_by_name("version").and_then(|column| column.as_primitive_opt::<UInt64Type>());
                let traces = traces.ok_or_else(|| missing("trace_id"))?;
                let versions = versions.ok_or_else(|| missing("version"))?;
                for (trace, version) in traces.iter().zip(versions.values()).filter(|(_, version)| **version > position)
                {
                    if let Some(trace_id) = trace.and_then(|trace| trace.parse().ok()) {
                        found.add(*version, &meta.project, trace_id);
                    }
                }
            }
        }
        Ok(found.end(applied))
    }
}

/// The earliest changes, as many as are wanted. The changes of one request stay together.
#[derive(Default)]
struct Earliest {
    at_most: usize,
    by_version: BTreeMap<u64, Vec<ChangedRun>>,
    runs: usize,
    /// Later ones were left out.
    cut: bool,
}

impl Earliest {
    fn may_take(&self, version: u64) -> bool {
        self.runs < self.at_most || self.by_version.last_key_value().is_none_or(|(last, _)| version <= *last)
    }

    fn add(&mut self, version: u64, project: &Arc<str>, trace_id: TraceId) {
        if !self.may_take(version) {
            self.cut = true;
            return;
        }
        let run = ChangedRun { version, project: Arc::clone(project), trace_id };
        self.by_version.entry(version).or_default().push(run);
        self.runs += 1;
        while let Some(last) = self.by_version.last_entry()
            && self.runs - last.get().len() >= self.at_most
        {
            self.runs -= last.remove().len();
            self.cut = true;
        }
    }

    fn end(self, applied: u64) -> ChangedRuns {
        let last = self.by_version.last_key_value().map_or(applied, |(last, _)| *last);
        let through = if self.cut { last } else { applied };
        ChangedRuns { runs: self.by_version.into_values().flatten().collect(), through, more: self.cut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earliest(versions: &[u64], at_most: usize) -> ChangedRuns {
        let mut found = Earliest { at_most, ..Earliest::default() };
        for (at, version) in versions.iter().enumerate() {
            found.add(*version, &"p".into(), TraceId::from_array([at as u8; 16]));
        }
        found.end(100)
    }

    #[test]
    fn the_earliest_are_given_and_what_follows_is_told() {
        let some = earliest(&[5, 3, 9, 1, 7], 3);
        assert_eq!(some.runs.iter().map(|run| run.version).collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!((some.through, some.more), (5, true));
        let all = earliest(&[5, 3], 3);
        assert_eq!((all.runs.len(), all.through, all.more), (2, 100, false));
    }

    #[test]
    fn runs_of_one_request_stay_together_even_where_they_are_more_than_wanted() {
        let one = earliest(&[4, 4, 4, 4], 2);
        assert_eq!((one.runs.len(), one.more), (4, false));
        let two = earliest(&[8, 8, 4, 4, 4], 2);
        assert_eq!((two.runs.len(), two.through, two.more), (3, 4, true));
    }
}
