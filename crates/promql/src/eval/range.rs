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

/// The samples of one series in one range, without stale markers.
pub(crate) struct Window<'w> {
    pub times: &'w [i64],
    pub values: &'w [f64],
    pub histograms: &'w [(i64, Arc<Histogram>)],
    /// Start of the range; samples come after it, unless the range is anchored or smoothed.
    pub start: i64,
    /// End of the range, inclusive.
    pub end: i64,
    /// Position of the first float among those of the series.
    first: usize,
    /// Where among the floats of the series counter resets are, found once for all windows.
    resets: &'w OnceCell<Vec<usize>>,
    all_values: &'w [f64],
}

impl Window<'_> {
    /// What a counter had before each reset inside the range.
    pub fn lost_to_resets(&self) -> impl Iterator<Item = f64> {
        let resets = self.resets.get_or_init(|| {
            let falls = |at: &usize| self.all_values[*at] < self.all_values[at - 1];
            (1..self.all_values.len()).filter(falls).collect()
        });
        let from = resets.partition_point(|&at| at <= self.first);
        let to = resets.partition_point(|&at| at < self.first + self.values.len());
        resets[from..to.max(from)].iter().map(|&at| self.all_values[at - 1])
    }

    pub fn is_empty(&self) -> bool {
        self.times.is_empty() && self.histograms.is_empty()
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
    times: Cow<'w, [i64]>,
    values: Cow<'w, [f64]>,
    histograms: Cow<'w, [(i64, Arc<Histogram>)]>,
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
        let (mut low, mut high, mut histogram_low, mut histogram_high) = (0, 0, 0, 0);
        for (step, time) in grid.times().enumerate() {
            let end = self.shift.apply(time);
            let start = end.saturating_sub(self.range);
            let (after, until) = (start.saturating_sub(self.before), end.saturating_add(self.after));
            low = forward(self.times.len(), low, |at| self.times[at] <= after);
            high = forward(self.times.len(), high.max(low), |at| self.times[at] <= until);
            histogram_low = forward(self.histograms.len(), histogram_low, |at| self.histograms[at].0 <= after);
            histogram_high =
                forward(self.histograms.len(), histogram_high.max(histogram_low), |at| self.histograms[at].0 <= until);
            let window = Window {
                times: &self.times[low..high],
                values: &self.values[low..high],
                histograms: &self.histograms[histogram_low..histogram_high],
                start,
                end,
                first: low,
                resets: &self.resets,
                all_values: &self.values,
            };
            if self.extension != Extension::None && !window.histograms.is_empty() {
                return Err(no_histograms());
            }
            take(step, time, window)?;
        }
        Ok(())
    }
}

/// `anchored` and `smoothed` are for floats only.
pub(super) fn no_histograms() -> EvalError {
    EvalError::execution("smoothed and anchored modifiers do not work with native histograms")
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
            let (times, values, histograms) = without_stale(&series, oldest, newest);
            take(Windows {
                labels: &series.labels,
                drop_name: false,
                times,
                values,
                histograms,
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
                    times: Cow::Borrowed(&series.0.times),
                    values: Cow::Borrowed(&series.0.values),
                    histograms: Cow::Borrowed(&series.0.histograms),
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
                let mut points: Vec<(i64, Point)> = if extension == Extension::None {
                    let floats = window.times.iter().copied().zip(window.values.iter().copied().map(Point::Float));
                    floats.collect()
                } else {
                    crate::functions::extended_points(&window, extension)
                };
                points.extend(window.histograms.iter().map(|(at, value)| (*at, Point::Histogram(value.clone()))));
                points.sort_by_key(|&(at, _)| at);
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

type Samples<'s> = (Cow<'s, [i64]>, Cow<'s, [f64]>, Cow<'s, [(i64, Arc<Histogram>)]>);

/// The samples after `oldest` up to `newest` that are no stale markers.
fn without_stale(series: &Series, oldest: i64, newest: i64) -> Samples<'_> {
    let from = series.times.partition_point(|&time| time <= oldest);
    let to = series.times.partition_point(|&time| time <= newest).max(from);
    let (times, values) = (&series.times[from..to], &series.values[from..to]);
    let (times, values) = if values.iter().any(|&value| is_stale(value)) {
        let kept = times.iter().zip(values).filter(|&(_, &value)| !is_stale(value));
        let (times, values): (Vec<i64>, Vec<f64>) = kept.map(|(&time, &value)| (time, value)).unzip();
        (Cow::Owned(times), Cow::Owned(values))
    } else {
        (Cow::Borrowed(times), Cow::Borrowed(values))
    };
    let histograms = if series.histograms.iter().any(|(_, histogram)| histogram.is_stale()) {
        Cow::Owned(series.histograms.iter().filter(|(_, histogram)| !histogram.is_stale()).cloned().collect())
    } else {
        Cow::Borrowed(&series.histograms[..])
    };
    (times, values, histograms)
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
