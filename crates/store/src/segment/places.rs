//! Where the rows of each trace are in a segment, for segments that are asked for traces again.
//!
//! The page index leads to a page in each stretch of sorted rows, and of most of them only to learn that the trace is not
//! there. Who asks a second time is worth one look through the ids of all rows.

use std::ops::Range;
use std::sync::{Arc, PoisonError};

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use model::TraceId;

use crate::error::StoreError;
use crate::segment::read::{Found, Reader};
use crate::snapshot::SegmentMeta;

/// Bytes of places that are kept, of all segments.
pub(crate) const PLACES_BYTES_MAX: usize = 32 << 20;
/// Bytes of places of one segment: one of more traces is read by its page index.
const ONE_BYTES_MAX: usize = 8 << 20;

/// What is known of a segment that was asked for traces.
#[derive(Clone)]
pub(crate) enum Asked {
    /// Nothing yet.
    Once,
    /// Its places are not kept: they are too many, or could not be read.
    Without,
    Known(Arc<Places>),
}

/// Rows of one trace that follow on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    trace: TraceId,
    first: u32,
    rows: u32,
}

/// The stretches of a segment, by trace.
#[derive(Debug, Default)]
pub(crate) struct Places {
    stretches: Vec<Stretch>,
}

impl Places {
    /// The rows of some traces, by row.
    pub fn of(&self, traces: &[TraceId]) -> Vec<(TraceId, Range<u32>)> {
        let mut traces = traces.to_vec();
        traces.sort_unstable();
        traces.dedup();
        let mut found: Vec<(TraceId, Range<u32>)> = Vec::new();
        for trace in traces {
            let from = self.stretches.partition_point(|stretch| stretch.trace < trace);
            let own = self.stretches[from..].iter().take_while(|stretch| stretch.trace == trace);
            found.extend(own.map(|stretch| (trace, stretch.first..stretch.first + stretch.rows)));
        }
        found.sort_unstable_by_key(|(_, rows)| rows.start);
        found
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.stretches.len() * size_of::<Stretch>()
    }
}

/// Places while the ids of the rows are looked through, in order.
#[derive(Default)]
struct Finding {
    places: Places,
    next: u32,
    /// The id of the row before; empty where it had none.
    last: String,
}

impl Finding {
    fn note(&mut self, ids: &StringArray) {
        for id in ids {
            let id = id.unwrap_or_default();
            match self.places.stretches.last_mut().filter(|_| !id.is_empty() && id == self.last) {
                Some(stretch) => stretch.rows += 1,
                None => {
                    let stretch = id.parse().map(|trace| Stretch { trace, first: self.next, rows: 1 });
                    self.last.clear();
                    if let Ok(stretch) = stretch {
                        self.last.push_str(id);
                        self.places.stretches.push(stretch);
                    }
                }
            }
            self.next += 1;
        }
    }
}

impl Reader {
    /// Where the rows of traces are; `None` where that is not known.
    pub(super) async fn places(&self, meta: &SegmentMeta) -> Option<Arc<Places>> {
        let lock = || self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = lock().get(meta.id);
        match asked {
            None => lock().put(meta.id, Asked::Once, size_of::<Asked>()),
            Some(Asked::Without) => {}
            Some(Asked::Known(places)) => return Some(places),
            Some(Asked::Once) => {
                // Where a page cannot be read, the others still can: whoever needs it learns of it.
                let places = self.look_for_places(meta).await.ok().flatten().map(Arc::new);
                let size = places.as_ref().map_or(size_of::<Asked>(), |places| places.size());
                let known = places.clone().map_or(Asked::Without, Asked::Known);
                lock().put(meta.id, known, size);
                return places;
            }
        }
        None
    }

    /// Looks through the ids of all rows; `None` where they are of too many traces.
    async fn look_for_places(&self, meta: &SegmentMeta) -> Result<Option<Places>, StoreError> {
        let failed = |error| StoreError::segment("read", &meta.path, error);
        let mut finding = Finding::default();
        let mut batches = self.all(meta, Some(&["trace_id"])).await?;
        while let Some(batch) = batches.try_next().await.map_err(failed)? {
            let ids = batch.column_by_name("trace_id").and_then(|ids| ids.as_string_opt::<i32>());
            finding.note(ids.ok_or_else(|| StoreError::segment("read", &meta.path, "no column trace_id"))?);
            if finding.places.size() > ONE_BYTES_MAX {
                return Ok(None);
            }
        }
        let mut places = finding.places;
        places.stretches.sort_unstable();
        places.stretches.shrink_to_fit();
        Ok(Some(places))
    }
}

/// Rows as they are found, with no columns but the trace.
pub(super) fn found(meta: &SegmentMeta, places: &[(TraceId, Range<u32>)]) -> Result<Found, StoreError> {
    let ids = places.iter().flat_map(|(trace, rows)| std::iter::repeat_n(trace.to_string(), rows.len()));
    let ids: ArrayRef = Arc::new(ids.map(Some).collect::<StringArray>());
    let batch = RecordBatch::try_from_iter([("trace_id", ids)]);
    let batch = batch.map_err(|error| StoreError::segment("read", &meta.path, error))?;
    Ok(Found { batch, rows: places.iter().flat_map(|(_, rows)| rows.clone()).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stretch_of_a_trace_is_found_and_nothing_else() {
        let [a, b, c] = [1, 2, 3].map(|number| TraceId::from_array([number; 16]));
        let (x, z) = (a.to_string(), c.to_string());
        let (x, z) = (x.as_str(), z.as_str());
        let mut finding = Finding::default();
        // In two batches; a row without a trace parts two stretches, and so does one that is none.
        finding.note(&StringArray::from(vec![x, x, z]));
        finding.note(&StringArray::from(vec![Some(z), None, Some(z), Some("no id"), Some(x)]));
        let mut places = finding.places;
        places.stretches.sort_unstable();
        assert_eq!(places.of(&[a]), [(a, 0..2), (a, 7..8)]);
        assert_eq!(places.of(&[c, a, c]), [(a, 0..2), (c, 2..4), (c, 5..6), (a, 7..8)]);
        assert!(places.of(&[b]).is_empty());
    }
}
