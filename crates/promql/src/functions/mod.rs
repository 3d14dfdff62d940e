//! Functions: the table of all there are, and how each kind is called.

mod absent;
mod changes;
mod classic;
mod date;
mod extended;
mod extended_histograms;
mod info;
mod labels;
mod math;
mod over_time;
mod quantiles;
mod rate;
mod regression;
mod sort;
mod table;

use std::sync::Arc;

use crate::annotations::Note;
use crate::ast::{Call, Expr, Extension, Node, ValueType};
use crate::error::{EvalError, Evaluated};
use crate::eval::{Column, Evaluator, Found, Grid, RangeCall, Sink};
use crate::histogram::Histogram;
use crate::labels::Labels;
use crate::series::Point;

pub(crate) use self::extended::extended_points;
pub(crate) use self::extended_histograms::interpolated;
pub(crate) use self::sort::by_value;
pub use self::table::FUNCTIONS;

/// A function of PromQL.
pub struct Function {
    /// Name.
    pub name: &'static str,
    /// Types of the arguments.
    pub args: &'static [ValueType],
    /// How many more arguments of the last type may follow: 0 for none; n > 0 for the last being optional and up to n of it; −1 for any number,
    /// the last being optional.
    pub variadic: i8,
    /// What it gives.
    pub returns: ValueType,
    /// Whether Prometheus has it behind a feature flag.
    pub experimental: bool,
    pub(crate) kind: Kind,
}

/// How a function is computed.
pub(crate) enum Kind {
    /// From each float of a vector and the scalars behind it; `None` leaves the sample out. Histograms are left out.
    Map(fn(f64, &[f64]) -> Option<f64>),
    /// From each histogram of a vector.
    Histogram(fn(&Histogram) -> f64),
    /// From seconds since 1970: those of each float of a vector, or of the step itself without an argument.
    Date(fn(i64) -> f64),
    /// From the samples of a range. The flag says whether the metric name still fits.
    Range(fn(&RangeCall<'_>) -> Evaluated<Point>, bool),
    /// In a way of its own.
    Special(Special),
}

/// Functions that are like no other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    Absent,
    AbsentOverTime,
    End,
    HistogramFraction,
    HistogramQuantile,
    HistogramQuantiles,
    Info,
    LabelJoin,
    LabelReplace,
    MaxOf,
    MinOf,
    Pi,
    RangeOfQuery,
    Scalar,
    Sort { descending: bool },
    SortByLabel { descending: bool },
    Start,
    StartTimestamp,
    Step,
    Time,
    Timestamp,
    Vector,
}

impl Function {
    /// Whether the name is also a word of the grammar, so that it may be written in any case.
    pub(crate) fn is_keyword(&self) -> bool {
        matches!(self.name, "start" | "end" | "step" | "range")
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The function called `name`.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

impl Evaluator<'_> {
    /// A call that gives a scalar.
    pub fn scalar_call(&self, call: &Call, grid: &Grid) -> Evaluated<Vec<f64>> {
        let seconds = |millis: i64| millis as f64 / 1000.0;
        let constant = |value: f64| Ok(vec![value; grid.len()]);
        let Kind::Special(special) = call.function.kind else {
            return Err(EvalError::execution(format!("{} gives no scalar", call.function.name)));
        };
        match special {
            Special::Pi => constant(std::f64::consts::PI),
            Special::Start => constant(seconds(self.params.start)),
            Special::End => constant(seconds(self.params.end)),
            Special::Step => constant(seconds(self.params.step)),
            Special::RangeOfQuery => constant(seconds(self.params.end.saturating_sub(self.params.start))),
            Special::Time => Ok(grid.times().map(seconds).collect()),
            Special::MinOf | Special::MaxOf => {
                let (a, b) = (self.scalar(&call.args[0], grid)?, self.scalar(&call.args[1], grid)?);
                let choose = |(a, b): (f64, f64)| match special {
                    _ if a.is_nan() || b.is_nan() => f64::NAN,
                    Special::MinOf => a.min(b),
                    _ => a.max(b),
                };
                Ok(a.into_iter().zip(b).map(choose).collect())
            }
            Special::Scalar => self.scalar_of_vector(&call.args[0], grid),
            _ => Err(EvalError::execution(format!("{} gives no scalar", call.function.name))),
        }
    }

    /// The only float of a vector; NaN where there is none or more than one.
    fn scalar_of_vector(&self, arg: &Node, grid: &Grid) -> Evaluated<Vec<f64>> {
        let mut found: Vec<(u8, f64)> = vec![(0, f64::NAN); grid.len()];
        self.vector(arg, grid, &mut |column| {
            for (found, point) in found.iter_mut().zip(&column.points) {
                if let Point::Float(value) = point {
                    *found = (found.0.saturating_add(1), *value);
                }
            }
            Ok(())
        })?;
        Ok(found.into_iter().map(|(count, value)| if count == 1 { value } else { f64::NAN }).collect())
    }

    /// A call that gives a vector.
    pub fn vector_call(&self, node: &Node, call: &Call, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        match call.function.kind {
            Kind::Map(function) => self.map_call(call, grid, function, sink),
            Kind::Histogram(function) => {
                let counts_only = ["histogram_count", "histogram_sum", "histogram_avg"].contains(&call.function.name);
                self.counting(counts_only, || {
                    self.vector(&call.args[0], grid, &mut |column| {
                        let change = |point| match point {
                            Point::Histogram(histogram) => Point::Float(function(&histogram)),
                            _ => Point::None,
                        };
                        push_mapped(column, change, sink)
                    })
                })
            }
            Kind::Date(function) => self.date_call(call, grid, function, sink),
            Kind::Range(function, keeps_name) => self.range_call(call, grid, function, keeps_name, sink),
            Kind::Special(special) => self.special_call(node, call, special, grid, sink),
        }
    }

    fn map_call(
        &self,
        call: &Call,
        grid: &Grid,
        function: fn(f64, &[f64]) -> Option<f64>,
        sink: Sink<'_>,
    ) -> Evaluated<()> {
        let scalars = self.scalars_by_step(&call.args[1..], grid)?;
        let width = call.args.len() - 1;
        self.vector(&call.args[0], grid, &mut |column| {
            let mut step = 0;
            let change = |point| {
                let at = step * width;
                step += 1;
                match point {
                    Point::Float(value) => function(value, &scalars[at..at + width]).map_or(Point::None, Point::Float),
                    _ => Point::None,
                }
            };
            push_mapped(column, change, sink)
        })
    }

    fn date_call(&self, call: &Call, grid: &Grid, function: fn(i64) -> f64, sink: Sink<'_>) -> Evaluated<()> {
        let Some(arg) = call.args.first() else {
            let points = grid.times().map(|time| Point::Float(function(time.div_euclid(1000)))).collect();
            return sink(Column { labels: Labels::default(), drop_name: false, points });
        };
        self.vector(arg, grid, &mut |column| {
            let change = |point| match point {
                Point::Float(value) => Point::Float(function(value as i64)),
                _ => Point::None,
            };
            push_mapped(column, change, sink)
        })
    }

    fn range_call(
        &self,
        call: &Call,
        grid: &Grid,
        function: fn(&RangeCall<'_>) -> Evaluated<Point>,
        keeps_name: bool,
        sink: Sink<'_>,
    ) -> Evaluated<()> {
        let (range, others): (Vec<_>, Vec<_>) = call.args.iter().partition(|arg| arg.value_type() == ValueType::Matrix);
        let range = range[0];
        let scalars = self.scalars_by_step(others.iter().copied(), grid)?;
        let width = others.len();
        let first_at = call.args[0].bare().start;
        self.check_extension(call, range)?;
        let counter = matches!(call.function.name, "rate" | "increase");
        self.each_range(range, grid, &mut |windows| {
            let mut points = vec![Point::None; grid.len()];
            let metric = windows.labels.metric_name();
            windows.each(grid, |step, time, window| {
                if window.is_empty() {
                    return Ok(());
                }
                let scalars = &scalars[step * width..(step + 1) * width];
                let extension = windows.extension;
                let call = RangeCall { window, scalars, time, metric, extension, first_at, evaluator: self };
                points[step] = function(&call)?;
                Ok(())
            })?;
            if counter && !is_counter_name(metric) && points.iter().any(|point| matches!(point, Point::Float(_))) {
                self.note(Note::PossiblyNoCounter { metric }, first_at);
            }
            let drop_name = !keeps_name || windows.drop_name;
            let column = Column { labels: windows.labels.clone(), drop_name, points };
            if column.is_empty() { Ok(()) } else { sink(column) }
        })
    }

    /// Scalar arguments, those of one step side by side.
    fn scalars_by_step<'n>(&self, args: impl IntoIterator<Item = &'n Node>, grid: &Grid) -> Evaluated<Vec<f64>> {
        let columns = args.into_iter().map(|arg| self.scalar(arg, grid)).collect::<Evaluated<Vec<Vec<f64>>>>()?;
        Ok((0..grid.len()).flat_map(|step| columns.iter().map(move |column| column[step])).collect())
    }

    fn special_call(&self, node: &Node, call: &Call, special: Special, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        match special {
            Special::Absent => self.absent(&call.args[0], grid, sink),
            Special::AbsentOverTime => self.absent_over_time(&call.args[0], grid, sink),
            Special::HistogramQuantile => self.counting(false, || self.histogram_quantile(call, grid, sink)),
            Special::HistogramQuantiles => self.counting(false, || self.histogram_quantiles(call, grid, sink)),
            Special::HistogramFraction => self.counting(false, || self.histogram_fraction(call, grid, sink)),
            Special::Info => self.info(node, call, grid, sink),
            Special::LabelJoin => self.label_join(call, grid, sink),
            Special::LabelReplace => self.label_replace(call, grid, sink),
            Special::Sort { descending } => self.sort(node, call, descending, grid, sink),
            Special::SortByLabel { descending } => self.sort_by_label(node, call, descending, grid, sink),
            Special::StartTimestamp => self.start_timestamp(&call.args[0], grid, sink),
            Special::Timestamp => self.timestamp(&call.args[0], grid, sink),
            Special::Vector => {
                let points = self.scalar(&call.args[0], grid)?.into_iter().map(Point::Float).collect();
                sink(Column { labels: Labels::default(), drop_name: false, points })
            }
            _ => Err(EvalError::execution(format!("{} gives no vector", call.function.name))),
        }
    }

    /// `timestamp`: of a selector the samples' own times, of anything else the time of the step.
    fn timestamp(&self, arg: &Node, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let seconds = |millis: i64| Point::Float(millis as f64 / 1000.0);
        let arg = arg.bare();
        if let Expr::Vector(selector) = &arg.expr {
            return self.each_found(arg, selector, grid, &mut |series, found| {
                let points = found.into_iter().map(|found| found.map_or(Point::None, |found| seconds(found.time)));
                sink(Column { labels: series.labels.clone(), drop_name: true, points: points.collect() })
            });
        }
        self.vector(arg, grid, &mut |mut column| {
            for (point, time) in column.points.iter_mut().zip(grid.times()) {
                if point.is_some() {
                    *point = seconds(time);
                }
            }
            column.drop_name = true;
            sink(column)
        })
    }

    /// `start_timestamp`: of a selector since when the samples count, 0 where that is unknown; of anything else nothing, computed values began
    /// nowhere.
    fn start_timestamp(&self, arg: &Node, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let arg = arg.bare();
        let Expr::Vector(selector) = &arg.expr else { return Ok(()) };
        if selector.extension != Extension::None {
            return Ok(());
        }
        self.each_found(arg, selector, grid, &mut |series, found| {
            let start = |found: Found| {
                let (at, starts) = match found.point {
                    Point::Histogram(_) => (
                        series.histograms.binary_search_by_key(&found.time, |&(time, _)| time),
                        &series.histogram_starts,
                    ),
                    _ => (series.times.binary_search(&found.time), &series.starts),
                };
                let start = at.ok().and_then(|at| starts.get(at)).copied().unwrap_or(0);
                Point::Float(start as f64 / 1000.0)
            };
            let points = found.into_iter().map(|found| found.map_or(Point::None, start));
            sink(Column { labels: series.labels.clone(), drop_name: true, points: points.collect() })
        })
    }

    /// The bytes of a string argument as text.
    pub(crate) fn text_argument(&self, arg: &Node) -> Evaluated<Arc<str>> {
        match &arg.bare().expr {
            Expr::String(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.into()),
                Err(_) => Err(EvalError::execution(format!("the string {} is not UTF-8", arg.bare()))),
            },
            _ => Err(EvalError::execution(format!("expected a string, got {arg}"))),
        }
    }
}

/// Changes every point of a column, drops its name, and pushes it where anything is left.
fn push_mapped(mut column: Column, mut change: impl FnMut(Point) -> Point, sink: Sink<'_>) -> Evaluated<()> {
    for point in &mut column.points {
        *point = change(std::mem::take(point));
    }
    column.drop_name = true;
    if column.is_empty() { Ok(()) } else { sink(column) }
}

/// Whether a metric is named like a counter, or not at all.
fn is_counter_name(metric: &str) -> bool {
    metric.is_empty() || ["_total", "_sum", "_count", "_bucket"].iter().any(|suffix| metric.ends_with(suffix))
}
