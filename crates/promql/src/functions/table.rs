//! All functions.

use super::Kind::{Date, Histogram, Map, Range, Special};
use super::{Function, Kind, Special as S, changes, date, math, over_time, rate, regression};
use crate::ast::ValueType::{self, Matrix, Scalar, String, Vector};

const fn stable(
    name: &'static str,
    args: &'static [ValueType],
    variadic: i8,
    returns: ValueType,
    kind: Kind,
) -> Function {
    Function { name, args, variadic, returns, experimental: false, kind }
}

const fn experimental(
    name: &'static str,
    args: &'static [ValueType],
    variadic: i8,
    returns: ValueType,
    kind: Kind,
) -> Function {
    Function { name, args, variadic, returns, experimental: true, kind }
}

const fn map(name: &'static str, function: fn(f64, &[f64]) -> Option<f64>) -> Function {
    stable(name, &[Vector], 0, Vector, Map(function))
}

const fn date(name: &'static str, function: fn(i64) -> f64) -> Function {
    stable(name, &[Vector], 1, Vector, Date(function))
}

/// Every function, ordered by name.
pub static FUNCTIONS: &[Function] = &[
    map("abs", |value, _| Some(value.abs())),
    stable("absent", &[Vector], 0, Vector, Special(S::Absent)),
    stable("absent_over_time", &[Matrix], 0, Vector, Special(S::AbsentOverTime)),
    map("acos", |value, _| Some(value.acos())),
    map("acosh", |value, _| Some(value.acosh())),
    map("asin", |value, _| Some(value.asin())),
    map("asinh", |value, _| Some(value.asinh())),
    map("atan", |value, _| Some(value.atan())),
    map("atanh", |value, _| Some(value.atanh())),
    stable("avg_over_time", &[Matrix], 0, Vector, Range(over_time::avg, false)),
    map("ceil", |value, _| Some(value.ceil())),
    stable("changes", &[Matrix], 0, Vector, Range(changes::changes, false)),
    stable(
        "clamp",
        &[Vector, Scalar, Scalar],
        0,
        Vector,
        Map(|value, bounds| math::clamp(value, bounds[0], bounds[1])),
    ),
    stable(
        "clamp_max",
        &[Vector, Scalar],
        0,
        Vector,
        Map(|value, bound| math::clamp(value, f64::NEG_INFINITY, bound[0])),
    ),
    stable("clamp_min", &[Vector, Scalar], 0, Vector, Map(|value, bound| math::clamp(value, bound[0], f64::INFINITY))),
    map("cos", |value, _| Some(value.cos())),
    map("cosh", |value, _| Some(value.cosh())),
    stable("count_over_time", &[Matrix], 0, Vector, Range(over_time::count, false)),
    date("day_of_month", date::day_of_month),
    date("day_of_week", date::day_of_week),
    date("day_of_year", date::day_of_year),
    date("days_in_month", date::days_in_month),
    map("deg", |value, _| Some(value * 180.0 / std::f64::consts::PI)),
    stable("delta", &[Matrix], 0, Vector, Range(rate::delta, false)),
    stable("deriv", &[Matrix], 0, Vector, Range(regression::deriv, false)),
    experimental(
        "double_exponential_smoothing",
        &[Matrix, Scalar, Scalar],
        0,
        Vector,
        Range(regression::double_exponential_smoothing, false),
    ),
    experimental("end", &[], 0, Scalar, Special(S::End)),
    map("exp", |value, _| Some(value.exp())),
    stable("first_over_time", &[Matrix], 0, Vector, Range(over_time::first, true)),
    map("floor", |value, _| Some(value.floor())),
    stable("histogram_avg", &[Vector], 0, Vector, Histogram(|histogram| histogram.mean())),
    stable("histogram_count", &[Vector], 0, Vector, Histogram(|histogram| histogram.count)),
    stable("histogram_fraction", &[Scalar, Scalar, Vector], 0, Vector, Special(S::HistogramFraction)),
    stable("histogram_quantile", &[Scalar, Vector], 0, Vector, Special(S::HistogramQuantile)),
    experimental("histogram_quantiles", &[Vector, String, Scalar, Scalar], 9, Vector, Special(S::HistogramQuantiles)),
    stable("histogram_stddev", &[Vector], 0, Vector, Histogram(|histogram| histogram.variance().sqrt())),
    stable("histogram_stdvar", &[Vector], 0, Vector, Histogram(|histogram| histogram.variance())),
    stable("histogram_sum", &[Vector], 0, Vector, Histogram(|histogram| histogram.sum)),
    date("hour", date::hour),
    stable("idelta", &[Matrix], 0, Vector, Range(rate::idelta, false)),
    stable("increase", &[Matrix], 0, Vector, Range(rate::increase, false)),
    experimental("info", &[Vector, Vector], 1, Vector, Special(S::Info)),
    stable("irate", &[Matrix], 0, Vector, Range(rate::irate, false)),
    stable("label_join", &[Vector, String, String, String], -1, Vector, Special(S::LabelJoin)),
    stable("label_replace", &[Vector, String, String, String, String], 0, Vector, Special(S::LabelReplace)),
    stable("last_over_time", &[Matrix], 0, Vector, Range(over_time::last, true)),
    map("ln", |value, _| Some(value.ln())),
    map("log10", |value, _| Some(value.log10())),
    map("log2", |value, _| Some(value.log2())),
    experimental("mad_over_time", &[Matrix], 0, Vector, Range(over_time::mad, false)),
    experimental("max_of", &[Scalar, Scalar], 0, Scalar, Special(S::MaxOf)),
    stable("max_over_time", &[Matrix], 0, Vector, Range(over_time::max, false)),
    experimental("min_of", &[Scalar, Scalar], 0, Scalar, Special(S::MinOf)),
    stable("min_over_time", &[Matrix], 0, Vector, Range(over_time::min, false)),
    date("minute", date::minute),
    date("month", date::month),
    stable("pi", &[], 0, Scalar, Special(S::Pi)),
    stable("predict_linear", &[Matrix, Scalar], 0, Vector, Range(regression::predict_linear, false)),
    stable("present_over_time", &[Matrix], 0, Vector, Range(over_time::present, false)),
    stable("quantile_over_time", &[Scalar, Matrix], 0, Vector, Range(over_time::quantile, false)),
    map("rad", |value, _| Some(value * std::f64::consts::PI / 180.0)),
    experimental("range", &[], 0, Scalar, Special(S::RangeOfQuery)),
    stable("rate", &[Matrix], 0, Vector, Range(rate::rate, false)),
    stable("resets", &[Matrix], 0, Vector, Range(changes::resets, false)),
    stable(
        "round",
        &[Vector, Scalar],
        1,
        Vector,
        Map(|value, to| Some(math::round(value, to.first().copied().unwrap_or(1.0)))),
    ),
    stable("scalar", &[Vector], 0, Scalar, Special(S::Scalar)),
    map("sgn", |value, _| Some(math::sign(value))),
    map("sin", |value, _| Some(value.sin())),
    map("sinh", |value, _| Some(value.sinh())),
    stable("sort", &[Vector], 0, Vector, Special(S::Sort { descending: false })),
    experimental("sort_by_label", &[Vector, String], -1, Vector, Special(S::SortByLabel { descending: false })),
    experimental("sort_by_label_desc", &[Vector, String], -1, Vector, Special(S::SortByLabel { descending: true })),
    stable("sort_desc", &[Vector], 0, Vector, Special(S::Sort { descending: true })),
    map("sqrt", |value, _| Some(value.sqrt())),
    experimental("start", &[], 0, Scalar, Special(S::Start)),
    experimental("start_timestamp", &[Vector], 0, Vector, Special(S::StartTimestamp)),
    stable("stddev_over_time", &[Matrix], 0, Vector, Range(over_time::stddev, false)),
    stable("stdvar_over_time", &[Matrix], 0, Vector, Range(over_time::stdvar, false)),
    experimental("step", &[], 0, Scalar, Special(S::Step)),
    stable("sum_over_time", &[Matrix], 0, Vector, Range(over_time::sum, false)),
    map("tan", |value, _| Some(value.tan())),
    map("tanh", |value, _| Some(value.tanh())),
    stable("time", &[], 0, Scalar, Special(S::Time)),
    stable("timestamp", &[Vector], 0, Vector, Special(S::Timestamp)),
    experimental("ts_of_first_over_time", &[Matrix], 0, Vector, Range(over_time::time_of_first, false)),
    experimental("ts_of_last_over_time", &[Matrix], 0, Vector, Range(over_time::time_of_last, false)),
    experimental("ts_of_max_over_time", &[Matrix], 0, Vector, Range(over_time::time_of_max, false)),
    experimental("ts_of_min_over_time", &[Matrix], 0, Vector, Range(over_time::time_of_min, false)),
    stable("vector", &[Scalar], 0, Vector, Special(S::Vector)),
    date("year", date::year),
];
