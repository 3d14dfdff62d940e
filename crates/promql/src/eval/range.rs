//! Range selectors and subqueries: the samples of each series in a window before every step.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use super::select::forward;
use super::{Column, Evaluator, Grid};
use crate::ast::{Expr, Extension, Node, Selector, Subquery};
use crate::error::{EvalError, Evaluated};
use crate::histogram::{Histogram, ResetHint};
use crate::labels::Labels;
use crate::plan::{Shift, resolve};
use crate::series::{Point, ResultSeries, Series, Value, is_stale};
use crate::starts::Counted;

/// The samples of one series in one range, without stale markers.
pub(crate) struct Window<'w> {
    pub times: &'w [i64],
    pub values: &'w [f64],
    pub histograms: &'w [(i64, Arc<Histogram>)],
    /// Starts of the floats and of the histograms; empty where none is known.
    pub starts: &'w [i64],
    pub histogram_starts: &'w [i64],
    /// Start of the range; samples come after it, unless the range is anchored or smoothed.
    pub start: i64,
    /// End of the range, inclusive.
    pub end: i64,
    /// Position of the first float among those of the series.
    first: usize,
    /// Where among the floats of the series counter resets are, found once for all windows.
    resets: &'w OnceCell<Vec<usize>>,
    all: &'w Samples<'w>,
}

impl Window<'_> {
    /// What a counter had before each reset inside the range.
    pub fn lost_to_resets(&self) -> impl Iterator<Item = f64> {
        let resets = self.resets.get_or_init(|| self.all.resets());
        let from = resets.partition_point(|&at| at <= self.first);
        let to = resets.partition_point(|&at| at < self.first + self.values.len());
        resets[from..to.max(from)].iter().map(|&at| self.all.values[at - 1])
    }

    pub fn is_empty(&self) -> bool {
        self.times.is_empty() && self.histograms.is_empty()
    }

    /// All samples in order of time.
    pub fn points(&self) -> Vec<(i64, Point)> {
        let floats = self.times.iter().copied().zip(self.values.iter().copied().map(Point::Float));
        let histograms = self.histograms.iter().map(|(at, value)| (*at, Point::Histogram(value.clone())));
        let mut points: Vec<(i64, Point)> = floats.chain(histograms).collect();
        points.sort_by_key(|&(at, _)| at);
        points
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.end.saturating_sub(self.start) as f64 / 1000.0
    }
}

/// One call of a function over a range.
pub(crate) struct RangeCall<'c> {
    pub window: Window<'c>,
    /// Other arguments at this step.
    pub scalars: &'c [f64],
    /// Time of the step.
    pub time: i64,
    /// Metric name, for annotations.
    pub metric: &'c str,
    pub extension: Extension,
    /// Place of the first argument in the text.
    pub first_at: usize,
    pub evaluator: &'c Evaluator<'c>,
}

/// A series whose windows are asked for.
pub(crate) struct Windows<'w> {
    pub labels: &'w Labels,
    pub drop_name: bool,
    samples: Samples<'w>,
    shift: Shift,
    range: i64,
    before: i64,
    after: i64,
    pub extension: Extension,
    resets: OnceCell<Vec<usize>>,
}

impl Windows<'_> {
    /// Calls `take` with the window of every step of `grid`, empty ones included.
    pub fn each(&self, grid: &Grid, mut take: impl FnMut(usize, i64, Window<'_>) -> Evaluated<()>) -> Evaluated<()> {
        let Samples { times, values, starts, histograms, histogram_starts } = &self.samples;
        let (mut low, mut high, mut histogram_low, mut histogram_high) = (0, 0, 0, 0);
        for (step, time) in grid.times().enumerate() {
            let end = self.shift.apply(time);
            let start = end.saturating_sub(self.range);
            let (after, until) = (start.saturating_sub(self.before), end.saturating_add(self.after));
            low = forward(times.len(), low, |at| times[at] <= after);
            high = forward(times.len(), high.max(low), |at| times[at] <= until);
            histogram_low = forward(histograms.len(), histogram_low, |at| histograms[at].0 <= after);
            histogram_high =
                forward(histograms.len(), histogram_high.max(histogram_low), |at| histograms[at].0 <= until);
            let window = Window {
                times: &times[low..high],
                values: &values[low..high],
                histograms: &histograms[histogram_low..histogram_high],
                starts: starts.get(low..high).unwrap_or_default(),
                histogram_starts: histogram_starts.get(histogram_low..histogram_high).unwrap_or_default(),
                start,
                end,
                first: low,
                resets: &self.resets,
                all: &self.samples,
            };
            take(step, time, window)?;
        }
        Ok(())
    }
}

impl Evaluator<'_> {
    /// Hands over every series of a range selector or subquery.
    pub fn each_range(
        &self,
        node: &Node,
        grid: &Grid,
        take: &mut dyn FnMut(Windows<'_>) -> Evaluated<()>,
    ) -> Evaluated<()> {
        match &node.bare().expr {
            Expr::Matrix(selector, range) => {
                let range = resolve(range, &self.params, true)?;
                self.each_selected_range(node.bare(), selector, range, grid, take)
            }
            Expr::Subquery(subquery) => self.each_subquery_range(subquery, grid, take),
            _ => Err(EvalError::execution(format!("expected a range vector, got {node}"))),
        }
    }

    fn each_selected_range(
        &self,
        node: &Node,
        selector: &Selector,
        range: i64,
        grid: &Grid,
        take: &mut dyn FnMut(Windows<'_>) -> Evaluated<()>,
    ) -> Evaluated<()> {
        let shift = Shift::of(&selector.when, &self.params)?;
        let lookback = self.params.lookback;
        let (before, after) = match selector.extension {
            Extension::None => (0, 0),
            Extension::Anchored => (lookback, 0),
            Extension::Smoothed => (lookback, lookback),
        };
        // Samples outside all windows are not looked at.
        let oldest = shift.apply(grid.start).saturating_sub(range).saturating_sub(before);
        let newest = shift.apply(grid.last()).saturating_add(after);
        for series in self.series_at(node.start) {
            self.spend(0)?;
            take(Windows {
                labels: &series.labels,
                drop_name: false,
                samples: Samples::without_stale(&series, oldest, newest),
                shift,
                range,
                before,
                after,
                extension: selector.extension,
                resets: OnceCell::new(),
            })?;
        }
        Ok(())
    }

    fn each_subquery_range(
        &self,
        subquery: &Subquery,
        grid: &Grid,
        take: &mut dyn FnMut(Windows<'_>) -> Evaluated<()>,
    ) -> Evaluated<()> {
        let shift = Shift::of(&subquery.when, &self.params)?;
        let range = resolve(&subquery.range, &self.params, true)?;
        let inner = self.subquery_grid(subquery, grid, shift, range)?;
        // Any sample may be the one a subquery takes, so that buckets matter again.
        self.counting(false, || {
            self.vector(&subquery.inner, &inner, &mut |column| {
                let series = series_of(column, &inner);
                take(Windows {
                    labels: &series.0.labels,
                    drop_name: series.1,
                    samples: Samples::all_of(&series.0),
                    shift,
                    range,
                    before: 0,
                    after: 0,
                    extension: Extension::None,
                    resets: OnceCell::new(),
                })
            })
        })
    }

    fn subquery_grid(&self, subquery: &Subquery, grid: &Grid, shift: Shift, range: i64) -> Evaluated<Grid> {
        let step = match &subquery.step {
            Some(step) => resolve(step, &self.params, true)?,
            None => self.params.subquery_step,
        };
        let (first, last) = (shift.apply(grid.start), shift.apply(grid.last()));
        let inner = Grid::aligned(first.saturating_sub(range), last, step);
        self.check_steps(&inner)?;
        Ok(inner)
    }

    /// The samples themselves, for an instant query that asks for a range.
    pub(super) fn raw_matrix(&self, node: &Node, grid: &Grid) -> Evaluated<Value> {
        let mut all = Vec::new();
        self.each_range(node, grid, &mut |windows| {
            let extension = windows.extension;
            windows.each(grid, |_, _, window| {
                let points = match extension {
                    Extension::None => window.points(),
                    _ => crate::functions::extended_points(&window, extension),
                };
                if !points.is_empty() {
                    self.spend(points.len())?;
                    let labels =
                        if windows.drop_name { windows.labels.without_metadata() } else { windows.labels.clone() };
                    all.push(ResultSeries { labels, points });
                }
                Ok(())
            })
        })?;
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(Value::Matrix(all))
    }
}

/// Samples of a series, without stale markers.
pub(crate) struct Samples<'s> {
    times: Cow<'s, [i64]>,
    values: Cow<'s, [f64]>,
    starts: Cow<'s, [i64]>,
    histograms: Cow<'s, [(i64, Arc<Histogram>)]>,
    histogram_starts: Cow<'s, [i64]>,
}

impl<'s> Samples<'s> {
    /// All of a series that has no stale markers.
    fn all_of(series: &'s Series) -> Self {
        Self {
            times: Cow::Borrowed(&series.times),
            values: Cow::Borrowed(&series.values),
            starts: Cow::Borrowed(&series.starts),
            histograms: Cow::Borrowed(&series.histograms),
            histogram_starts: Cow::Borrowed(&series.histogram_starts),
        }
    }

    /// The samples after `oldest` up to `newest` that are no stale markers.
    fn without_stale(series: &'s Series, oldest: i64, newest: i64) -> Self {
        let from = series.times.partition_point(|&time| time <= oldest);
        let to = series.times.partition_point(|&time| time <= newest).max(from);
        let (times, values) = (&series.times[from..to], &series.values[from..to]);
        let starts = series.starts.get(from..to).unwrap_or_default();
        let mut samples = Self {
            times: Cow::Borrowed(times),
            values: Cow::Borrowed(values),
            starts: Cow::Borrowed(starts),
            ..Self::all_of(series)
        };
        if values.iter().any(|&value| is_stale(value)) {
            let fresh = |at: &usize| !is_stale(values[*at]);
            samples.starts = Cow::Owned((0..starts.len()).filter(fresh).map(|at| starts[at]).collect());
            let kept = times.iter().zip(values).filter(|&(_, &value)| !is_stale(value));
            let (times, values): (Vec<i64>, Vec<f64>) = kept.map(|(&time, &value)| (time, value)).unzip();
            (samples.times, samples.values) = (Cow::Owned(times), Cow::Owned(values));
        }
        if series.histograms.iter().any(|(_, histogram)| histogram.is_stale()) {
            let fresh = |at: &usize| !series.histograms[*at].1.is_stale();
            let kept = (0..series.histograms.len()).filter(fresh).map(|at| series.histograms[at].clone()).collect();
            samples.histograms = Cow::Owned(kept);
            let starts = &series.histogram_starts;
            samples.histogram_starts = Cow::Owned((0..starts.len()).filter(fresh).map(|at| starts[at]).collect());
        }
        samples
    }

    /// Positions of the floats before which a counter was reset.
    fn resets(&self) -> Vec<usize> {
        let falls = |at: &usize| self.values[*at] < self.values[at - 1];
        let counted = |at: usize| Counted::of(&self.starts, at, self.times[at]);
        let anew = |at: &usize| !self.starts.is_empty() && counted(*at).is_anew_after(counted(at - 1));
        (1..self.values.len()).filter(|at| falls(at) || anew(at)).collect()
    }
}

/// A column as a series; the flag says whether its name is to be dropped.
///
/// Hints about counter resets are forgotten: a subquery may skip the sample with the reset, or repeat it.
fn series_of(column: Column, grid: &Grid) -> (Series, bool) {
    let mut series = Series { labels: column.labels, ..Series::default() };
    for (time, point) in grid.times().zip(column.points) {
        match point {
            Point::None => {}
            Point::Float(value) => {
                series.times.push(time);
                series.values.push(value);
            }
            Point::Histogram(mut histogram) => {
                if matches!(histogram.hint, ResetHint::Reset | ResetHint::NotReset) {
                    Arc::make_mut(&mut histogram).hint = ResetHint::Unknown;
                }
                series.histograms.push((time, histogram));
            }
        }
    }
    (series, column.drop_name)
}
