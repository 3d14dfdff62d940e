//! Series found for a query, still compressed.

use promql::histogram::set_hints;
use promql::{Labels, Series};

use crate::chunk::{Chunk, Damaged};

/// A series with the chunks that may have what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The series.
    pub labels: Labels,
    /// Its chunks, in no particular order.
    pub chunks: Vec<Chunk>,
}

impl Found {
    /// Samples its chunks hold.
    pub fn samples(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.count)).sum()
    }

    /// The samples, in order of time, each time once. Those of a damaged chunk are left out.
    pub fn unpack(&self) -> (Series, Result<(), Damaged>) {
        let mut series = Series { labels: self.labels.clone(), ..Series::default() };
        let mut whole = Ok(());
        for chunk in &self.chunks {
            let before = (series.times.len(), series.histograms.len());
            if let Err(damaged) = chunk.unpack(&mut series.times, &mut series.values, &mut series.histograms) {
                series.times.truncate(before.0);
                series.values.truncate(before.0);
                series.histograms.truncate(before.1);
                whole = Err(damaged);
            }
        }
        if !series.times.is_sorted_by(|a, b| a < b) {
            let mut samples: Vec<(i64, f64)> =
                series.times.iter().copied().zip(series.values.iter().copied()).collect();
            samples.sort_by_key(|&(time, _)| time);
            samples.dedup_by_key(|sample| sample.0);
            (series.times, series.values) = samples.into_iter().unzip();
        }
        if !series.histograms.is_sorted_by(|a, b| a.0 < b.0) {
            series.histograms.sort_by_key(|&(time, _)| time);
            series.histograms.dedup_by_key(|sample| sample.0);
        }
        set_hints(&mut series.histograms, &series.times);
        (series, whole)
    }
}
