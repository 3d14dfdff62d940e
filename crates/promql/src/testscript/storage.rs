//! Series a script has loaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::nhcb;
use super::script::Load;
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
    series: Vec<Arc<Series>>,
}

impl Storage {
    /// Adds what a `load` describes. Of two descriptions with the same labels the later counts.
    pub fn load(&mut self, load: &Load) -> Result<(), String> {
        let mut loaded: BTreeMap<Labels, BTreeMap<i64, Sample>> = BTreeMap::new();
        for (labels, values) in &load.series {
            let mut samples = BTreeMap::new();
            for (time, value) in (0i64..).map(|at| at * load.step).zip(values) {
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
            loaded.insert(labels.clone(), samples);
        }
        if load.with_nhcb {
            let native = nhcb::convert(&loaded)?;
            loaded.extend(native);
        }
        for (labels, samples) in loaded {
            self.samples.entry(labels).or_default().extend(samples);
        }
        self.series = self.samples.iter().map(|(labels, samples)| Arc::new(series(labels, samples))).collect();
        Ok(())
    }

    /// The series that fulfil a need, ordered by labels.
    pub fn select(&self, need: &SelectorNeed) -> Vec<Arc<Series>> {
        let fits = |series: &&Arc<Series>| need.matchers.iter().all(|matcher| matcher.matches(&series.labels));
        self.series.iter().filter(fits).cloned().collect()
    }
}

fn series(labels: &Labels, samples: &BTreeMap<i64, Sample>) -> Series {
    let mut series = Series { labels: labels.clone(), ..Series::default() };
    for (&time, sample) in samples {
        match sample {
            Sample::Float(value) => {
                series.times.push(time);
                series.values.push(*value);
            }
            Sample::Histogram(histogram) => series.histograms.push((time, histogram.clone())),
        }
    }
    set_hints(&mut series.histograms, &series.times);
    series
}
