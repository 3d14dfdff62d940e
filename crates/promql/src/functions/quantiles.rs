//! `histogram_quantile`, `histogram_quantiles` and `histogram_fraction`, over native and classic histograms.

use std::collections::HashMap;
use std::sync::Arc;

use super::classic::{self, Bucket};
use crate::annotations::Note;
use crate::ast::{Call, Node};
use crate::error::Evaluated;
use crate::eval::{Assembler, Column, Evaluator, Grid, Sink};
use crate::histogram::Histogram;
use crate::labels::{BUCKET, Labels};
use crate::quote::plain_float;
use crate::series::Point;

/// A classic histogram: its labels without `le`, and the series of its buckets by bound.
struct Classic {
    labels: Labels,
    buckets: Vec<(f64, usize)>,
}

/// The series of a vector, sorted into native and classic histograms.
struct Histograms {
    columns: Vec<Column>,
    classic: Vec<Classic>,
    /// The classic histogram with exactly the labels of a series.
    classic_of: Vec<Option<usize>>,
}

/// One histogram at one step.
enum Found<'h> {
    Native(&'h Histogram),
    Classic(Vec<Bucket>),
}

impl Evaluator<'_> {
    pub(super) fn histogram_quantile(&self, call: &Call, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let [q_at, vector_at] = [0, 1].map(|at| call.args[at].bare().start);
        let qs = self.scalar(&call.args[0], grid)?;
        self.check_quantiles(&qs, q_at);
        let histograms = self.histograms(&call.args[1], grid)?;
        let mut assembler = Assembler::new(grid.len());
        self.each_histogram(&histograms, grid, vector_at, &mut |step, labels, metric, found| {
            let value = self.quantile_of(qs[step], found, metric, q_at, vector_at);
            assembler.add(labels, true, step, Point::Float(value))
        })?;
        assembler.drain(sink)
    }

    pub(super) fn histogram_quantiles(&self, call: &Call, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let label = self.text_argument(&call.args[1])?;
        let vector_at = call.args[0].bare().start;
        let mut qs = Vec::new();
        for arg in &call.args[2..] {
            let values = self.scalar(arg, grid)?;
            self.check_quantiles(&values, arg.bare().start);
            qs.push(values);
        }
        let histograms = self.histograms(&call.args[0], grid)?;
        let mut assembler = Assembler::new(grid.len());
        self.each_histogram(&histograms, grid, vector_at, &mut |step, labels, metric, found| {
            for q in qs.iter().map(|values| values[step]) {
                let value = self.quantile_of(q, found, metric, vector_at, vector_at);
                assembler.add(&labels.with(&label, &open_metrics_float(q)), true, step, Point::Float(value))?;
            }
            Ok(())
        })?;
        assembler.drain(sink)
    }

    pub(super) fn histogram_fraction(&self, call: &Call, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let [first_at, vector_at] = [0, 2].map(|at| call.args[at].bare().start);
        let (lower, upper) = (self.scalar(&call.args[0], grid)?, self.scalar(&call.args[1], grid)?);
        let histograms = self.histograms(&call.args[2], grid)?;
        let mut assembler = Assembler::new(grid.len());
        self.each_histogram(&histograms, grid, vector_at, &mut |step, labels, metric, found| {
            let value = match found {
                Found::Native(histogram) => {
                    if histogram.has_nan_observations() && histogram.count != 0.0 {
                        self.note(Note::NanFraction { metric }, first_at);
                    }
                    histogram.fraction(lower[step], upper[step])
                }
                Found::Classic(buckets) => classic::fraction(lower[step], upper[step], buckets),
            };
            assembler.add(labels, true, step, Point::Float(value))
        })?;
        assembler.drain(sink)
    }

    fn check_quantiles(&self, qs: &[f64], at: usize) {
        for q in qs.iter().filter(|q| !(0.0..=1.0).contains(*q)) {
            self.note(Note::InvalidQuantile(*q), at);
        }
    }

    fn quantile_of(&self, q: f64, found: &mut Found<'_>, metric: &str, q_at: usize, vector_at: usize) -> f64 {
        match found {
            Found::Native(histogram) => {
                let value = histogram.quantile(q);
                let valid = (0.0..=1.0).contains(&q) && histogram.count != 0.0;
                if valid && histogram.has_nan_observations() {
                    let skewed = Note::NanSkewedQuantile { metric };
                    self.note(if value.is_nan() { Note::NanQuantile { metric } } else { skewed }, q_at);
                }
                value
            }
            Found::Classic(buckets) => {
                let (value, forced) = classic::quantile(q, buckets);
                if forced {
                    self.note(Note::ForcedMonotonicity { metric }, vector_at);
                }
                value
            }
        }
    }

    fn histograms(&self, arg: &Node, grid: &Grid) -> Evaluated<Histograms> {
        let columns = self.collect(arg, grid)?;
        let (mut classic, mut positions) = (Vec::<Classic>::new(), HashMap::<Labels, usize>::new());
        for (at, column) in columns.iter().enumerate() {
            if !column.points.iter().any(|point| matches!(point, Point::Float(_))) {
                continue;
            }
            let Some(bound) = parse_bound(column.labels.get(BUCKET)) else {
                let (metric, label) = (column.labels.metric_name(), column.labels.get(BUCKET));
                self.note(Note::BadBucket { metric, label }, arg.bare().start);
                continue;
            };
            let labels = column.labels.without(&[BUCKET]);
            let position = *positions.entry(labels.clone()).or_insert_with(|| {
                classic.push(Classic { labels, buckets: Vec::new() });
                classic.len() - 1
            });
            classic[position].buckets.push((bound, at));
        }
        let classic_of = columns.iter().map(|column| positions.get(&column.labels).copied()).collect();
        Ok(Histograms { columns, classic, classic_of })
    }

    /// Calls `take` for every histogram at every step. A native and a classic one with the same labels at the same step cancel each other out.
    fn each_histogram(
        &self,
        histograms: &Histograms,
        grid: &Grid,
        at: usize,
        take: &mut dyn FnMut(usize, &Labels, &str, &mut Found<'_>) -> Evaluated<()>,
    ) -> Evaluated<()> {
        let Histograms { columns, classic, classic_of } = histograms;
        for step in 0..grid.len() {
            let is_float = |column: usize| matches!(columns[column].points[step], Point::Float(_));
            let mut cancelled = vec![false; classic.len()];
            for (column, classic_of) in columns.iter().zip(classic_of) {
                let Point::Histogram(native) = &column.points[step] else { continue };
                let metric = column.labels.metric_name();
                if let Some(same) = classic_of.filter(|&same| classic[same].buckets.iter().any(|&(_, at)| is_float(at)))
                {
                    cancelled[same] = true;
                    self.note(Note::MixedClassicNative { metric }, at);
                    continue;
                }
                take(step, &column.labels, metric, &mut Found::Native(native))?;
            }
            for (classic, _) in classic.iter().zip(&cancelled).filter(|(_, cancelled)| !**cancelled) {
                let bucket =
                    |&(upper, at): &(f64, usize)| Some(Bucket { upper, count: columns[at].points[step].float()? });
                let buckets: Vec<Bucket> = classic.buckets.iter().filter_map(bucket).collect();
                if !buckets.is_empty() {
                    take(step, &classic.labels, classic.labels.metric_name(), &mut Found::Classic(buckets))?;
                }
            }
        }
        Ok(())
    }
}

fn parse_bound(text: &str) -> Option<f64> {
    let bound = crate::parse::parse_number(text).filter(|_| !text.contains('_'))?;
    // A leading zero means nothing special in a label.
    if text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        Some(bound)
    }
}

/// As OpenMetrics writes a float: always with a decimal point.
fn open_metrics_float(value: f64) -> Arc<str> {
    let text = plain_float(value);
    if value.is_finite() && !text.contains('.') { format!("{text}.0").into() } else { text.into() }
}
