//! Series a script has loaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::nhcb;
use super::script::{Load, Loaded};
use crate::histogram::{Histogram, set_hints};
use crate::labels::Labels;
use crate::parse::SequenceValue;
use crate::plan::SelectorNeed;
use crate::series::Series;

/// One sample.
#[derive(Clone)]
pub(super) enum Sample {
    Float(f64),
    Histogram(Arc<Histogram>),
}

#[derive(Default)]
pub(super) struct Storage {
    samples: BTreeMap<Labels, BTreeMap<i64, Sample>>,
    /// Since when samples count, where a script says so.
    starts: BTreeMap<Labels, BTreeMap<i64, i64>>,
    series: Vec<Arc<Series>>,
}

impl Storage {
    /// Adds what a `load` describes. Of two descriptions with the same labels the later counts.
    pub fn load(&mut self, load: &Load) -> Result<(), String> {
        let mut loaded: BTreeMap<Labels, BTreeMap<i64, Sample>> = BTreeMap::new();
        for Loaded { labels, values, starts } in &load.series {
            let mut samples = BTreeMap::new();
            for (at, value) in values.iter().enumerate() {
                let time = at as i64 * load.step;
                match value {
                    SequenceValue::Omitted => {}
                    SequenceValue::Float(value) => {
                        samples.insert(time, Sample::Float(*value));
                    }
                    SequenceValue::Histogram(histogram) => {
                        samples.insert(time, Sample::Histogram(histogram.clone()));
                    }
                }
            }
            self.keep_starts(labels, samples.keys().copied(), starts, load.step);
            loaded.insert(labels.clone(), samples);
        }
        if load.with_nhcb {
            let native = nhcb::convert(&loaded)?;
            loaded.extend(native);
        }
        for (labels, samples) in loaded {
            self.samples.entry(labels).or_default().extend(samples);
        }
        let none = BTreeMap::new();
        let starts = |labels: &Labels| self.starts.get(labels).unwrap_or(&none);
        let all = self.samples.iter();
        self.series = all.map(|(labels, samples)| Arc::new(series(labels, samples, starts(labels)))).collect();
        Ok(())
    }

    /// Keeps the starts of samples that were loaded at `times`.
    fn keep_starts(&mut self, labels: &Labels, times: impl Iterator<Item = i64>, offsets: &[Option<i64>], step: i64) {
        let known = self.starts.entry(labels.clone()).or_default();
        for time in times {
            // A sample that is loaded again tells of its start anew.
            known.remove(&time);
            let at = time.checked_div(step).unwrap_or(0) as usize;
            if let Some(offset) = offsets.get(at).copied().flatten() {
                known.insert(time, time.saturating_add(offset));
            }
        }
    }

    /// The series that fulfil a need, ordered by labels.
    pub fn select(&self, need: &SelectorNeed) -> Vec<Arc<Series>> {
        let fits = |series: &&Arc<Series>| need.matchers.iter().all(|matcher| matcher.matches(&series.labels));
        self.series.iter().filter(fits).cloned().collect()
    }
}

fn series(labels: &Labels, samples: &BTreeMap<i64, Sample>, starts: &BTreeMap<i64, i64>) -> Series {
    let mut series = Series { labels: labels.clone(), ..Series::default() };
    for (&time, sample) in samples {
        let start = starts.get(&time).copied().unwrap_or(0);
        match sample {
            Sample::Float(value) => {
                series.times.push(time);
                series.values.push(*value);
                series.starts.push(start);
            }
            Sample::Histogram(histogram) => {
                series.histograms.push((time, histogram.clone()));
                series.histogram_starts.push(start);
            }
        }
    }
    if starts.is_empty() {
        series.starts.clear();
        series.histogram_starts.clear();
    }
    set_hints(&mut series.histograms, &series.times);
    series
}
