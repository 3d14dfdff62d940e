//! Series in memory that rules can read and write: those of unit tests, and those a backtest makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use promql::histogram::set_hints;
use promql::{
    Labels, Limits, METRIC_NAME, Params, Point, Query, ResultSample, SelectorNeed, SequenceValue, Series, Value,
};

use crate::evaluate::{Sample, Source, samples};

/// Series in memory, by labels. Samples must come in order of time.
#[derive(Debug, Default)]
pub struct Memory {
    series: BTreeMap<Labels, Arc<Series>>,
    samples: usize,
    /// Step of subqueries that name none.
    subquery_step_ms: Option<i64>,
}

impl Memory {
    /// No series; subqueries without a step use `interval_ms`.
    pub fn new(interval_ms: i64) -> Self {
        Self { subquery_step_ms: Some(interval_ms), ..Self::default() }
    }

    /// Adds one sample.
    pub fn push(&mut self, labels: &Labels, time_ms: i64, point: Point) {
        let series = self
            .series
            .entry(labels.clone())
            .or_insert_with(|| Arc::new(Series { labels: labels.clone(), ..Series::default() }));
        let series = Arc::make_mut(series);
        match point {
            Point::None => {}
            Point::Float(value) if series.times.last().is_some_and(|&last| last >= time_ms) => {
                // The same time again: the later value counts. Earlier ones come too late.
                if let (Some(last), Some(slot)) = (series.times.last(), series.values.last_mut())
                    && *last == time_ms
                {
                    *slot = value;
                }
            }
            Point::Float(value) => {
                self.samples += 1;
                series.times.push(time_ms);
                series.values.push(value);
            }
            Point::Histogram(histogram) => {
                self.samples += 1;
                series.histograms.push((time_ms, histogram));
                set_hints(&mut series.histograms, &series.times);
            }
        }
    }

    /// Adds one described value.
    pub fn push_described(&mut self, labels: &Labels, time_ms: i64, value: &SequenceValue) {
        let point = match value {
            SequenceValue::Omitted => Point::None,
            SequenceValue::Float(value) => Point::Float(*value),
            SequenceValue::Histogram(histogram) => Point::Histogram(histogram.clone()),
        };
        self.push(labels, time_ms, point);
    }

    /// The value of a query at one time.
    pub fn value(&self, query: &Query, at_ms: i64) -> Result<Value, String> {
        let mut params = Params::instant(at_ms);
        params.subquery_step = self.subquery_step_ms.unwrap_or(params.subquery_step);
        let needs = query.selectors(&params).map_err(|error| error.to_string())?;
        let fetched: Vec<Vec<Arc<Series>>> = needs.iter().map(|need| self.select(need)).collect();
        let answer =
            promql::evaluate(query, &fetched, &params, &Limits::default()).map_err(|error| error.to_string())?;
        Ok(answer.value)
    }

    /// Samples it holds.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The series a need finds, by labels.
    pub fn select(&self, need: &SelectorNeed) -> Vec<Arc<Series>> {
        let fits = |series: &&Arc<Series>| need.matchers.iter().all(|matcher| matcher.matches(&series.labels));
        self.series.values().filter(fits).cloned().collect()
    }

    /// Names of metrics there are samples of.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.series.keys().map(|labels| labels.get(METRIC_NAME)).collect();
        names.dedup();
        names
    }
}

impl Source for Memory {
    fn instant(&mut self, query: &Query, at_ms: i64) -> Result<Vec<ResultSample>, String> {
        samples(self.value(query, at_ms)?, at_ms)
    }

    fn write(&mut self, samples: Vec<Sample>) {
        for sample in samples {
            self.push(&sample.labels, sample.time_ms, sample.point);
        }
    }
}
