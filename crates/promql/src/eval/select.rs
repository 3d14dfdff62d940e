//! Instant selectors: the latest sample of each series at every step.

use std::sync::Arc;

use super::{Column, Evaluator, Grid, Sink};
use crate::annotations::Note;
use crate::ast::{Extension, Node, Selector};
use crate::error::Evaluated;
use crate::functions::interpolated;
use crate::histogram::Histogram;
use crate::plan::Shift;
use crate::series::{Point, Series, is_stale};

/// Takes a series with what was found of it at every step.
pub(crate) type TakeFound<'t> = &'t mut dyn FnMut(&Series, Vec<Option<Found>>) -> Evaluated<()>;

/// A sample as found: its own time and its value.
pub(crate) struct Found {
    pub time: i64,
    pub point: Point,
}

impl Evaluator<'_> {
    pub(super) fn instant_selector(
        &self,
        node: &Node,
        selector: &Selector,
        grid: &Grid,
        sink: Sink<'_>,
    ) -> Evaluated<()> {
        if selector.extension == Extension::Smoothed {
            return self.smoothed_selector(node, selector, grid, sink);
        }
        self.each_found(node, selector, grid, &mut |series, found| {
            let points = found.into_iter().map(|found| found.map_or(Point::None, |found| found.point)).collect();
            sink(Column { labels: series.labels.clone(), drop_name: false, points })
        })
    }

    /// For each series the samples found at all steps; series without any are left out.
    pub fn each_found(&self, node: &Node, selector: &Selector, grid: &Grid, take: TakeFound<'_>) -> Evaluated<()> {
        let shift = Shift::of(&selector.when, &self.params)?;
        for series in self.series_at(node.start) {
            let mut search = Search { series: &series, lookback: self.params.lookback, floats: 0, histograms: 0 };
            let found: Vec<Option<Found>> = if shift.is_fixed() {
                (0..grid.len()).map(|_| search.at(shift.apply(0))).collect()
            } else {
                grid.times().map(|time| search.at(shift.apply(time))).collect()
            };
            if found.iter().any(Option::is_some) {
                take(&series, found)?;
            } else {
                self.spend(0)?;
            }
        }
        Ok(())
    }

    /// `metric smoothed`: interpolated between the samples around each step.
    fn smoothed_selector(&self, node: &Node, selector: &Selector, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let shift = Shift::of(&selector.when, &self.params)?;
        let lookback = self.params.lookback;
        let note = |note: Note<'_>| self.note(note, node.start);
        for series in self.series_at(node.start) {
            let times = series.times.iter().copied();
            let floats: Vec<(i64, f64)> =
                times.zip(series.values.iter().copied()).filter(|&(_, value)| !is_stale(value)).collect();
            let histograms: Vec<(i64, Arc<Histogram>)> =
                series.histograms.iter().filter(|(_, histogram)| !histogram.is_stale()).cloned().collect();
            let metric = series.labels.metric_name();
            let at = |time: i64| match (around(&floats, time, lookback), around(&histograms, time, lookback)) {
                ((None, None), (before, Some(after))) if before.is_some() || after.0 == time => {
                    let found = interpolated(before.unwrap_or(after), after, time, false, metric, &note);
                    found.map_or(Point::None, |found| Point::Histogram(found.into()))
                }
                ((None, None), (Some((_, value)), None)) => Point::Histogram(value.clone()),
                ((None, None), _) => Point::None,
                ((_, Some(&(at, value))), (None, None)) if at == time => Point::Float(value),
                ((Some(&(from, a)), Some(&(to, b))), (None, None)) => {
                    Point::Float(a + (b - a) * (time - from) as f64 / (to - from) as f64)
                }
                ((Some(&(_, value)), None), (None, None)) => Point::Float(value),
                (_, (None, None)) => Point::None,
                _ => {
                    note(Note::MixedFloatsHistograms { metric });
                    Point::None
                }
            };
            let points = grid.times().map(|time| at(shift.apply(time))).collect();
            let column = Column { labels: series.labels.clone(), drop_name: false, points };
            if !column.is_empty() {
                sink(column)?;
            }
        }
        Ok(())
    }
}

/// The samples before `time` and at or after it, where they are within the look-back of it.
fn around<T>(samples: &[(i64, T)], time: i64, lookback: i64) -> (Option<&(i64, T)>, Option<&(i64, T)>) {
    let next = samples.partition_point(|(at, _)| *at < time);
    let before = next.checked_sub(1).map(|at| &samples[at]).filter(|(at, _)| *at > time.saturating_sub(lookback));
    let after = samples.get(next).filter(|(at, _)| *at <= time.saturating_add(lookback));
    (before, after)
}

/// A search that moves forward in time, from wherever it stands.
struct Search<'a> {
    series: &'a Series,
    lookback: i64,
    /// Floats and histograms at or before the last time asked for.
    floats: usize,
    histograms: usize,
}

impl Search<'_> {
    /// The latest sample at or before `time` and less than the look-back before it; none where it marks the end of the series.
    fn at(&mut self, time: i64) -> Option<Found> {
        let Series { times, values, histograms, .. } = self.series;
        // Times only grow from step to step: a few strides, then a search.
        self.floats = forward(times.len(), self.floats, |at| times[at] <= time);
        self.histograms = forward(histograms.len(), self.histograms, |at| histograms[at].0 <= time);
        let float = self.floats.checked_sub(1).map(|at| (times[at], values[at]));
        let histogram = self.histograms.checked_sub(1).map(|at| (histograms[at].0, &histograms[at].1));
        let oldest = time.saturating_sub(self.lookback);
        match (float, histogram) {
            (Some((at, value)), other) if other.is_none_or(|(other, _)| other <= at) => {
                (at > oldest && !is_stale(value)).then_some(Found { time: at, point: Point::Float(value) })
            }
            (_, Some((at, histogram))) => (at > oldest && !histogram.is_stale())
                .then(|| Found { time: at, point: Point::Histogram(Arc::clone(histogram)) }),
            _ => None,
        }
    }
}

/// The first position from `from` on where `before` no longer holds.
pub(crate) fn forward(len: usize, from: usize, before: impl Fn(usize) -> bool) -> usize {
    const STRIDES: usize = 8;
    for at in from..len.min(from + STRIDES) {
        if !before(at) {
            return at;
        }
    }
    let (mut low, mut high) = (len.min(from + STRIDES), len);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
