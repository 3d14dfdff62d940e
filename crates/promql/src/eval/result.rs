//! The final result: names dropped, series that became the same merged.

use super::{Assembler, Column, Grid};
use crate::error::Evaluated;
use crate::labels::Labels;
use crate::series::{Point, ResultSample, ResultSeries, Value};

/// A scalar for an instant query, a series without labels for a range query.
pub(super) fn scalar(values: Vec<f64>, grid: &Grid, instant: bool) -> Value {
    if instant {
        return Value::Scalar(values.first().copied().unwrap_or(f64::NAN));
    }
    let points = grid.times().zip(values.into_iter().map(Point::Float)).collect();
    Value::Matrix(vec![ResultSeries { labels: Labels::default(), points }])
}

/// A vector in order for an instant query, series ordered by labels for a range query.
pub(super) fn vector(columns: Vec<Column>, grid: &Grid, instant: bool) -> Evaluated<Value> {
    let mut assembler = Assembler::new(grid.len());
    for mut column in columns {
        if column.drop_name {
            column.labels = column.labels.without_metadata();
            column.drop_name = false;
        }
        assembler.add_column(column)?;
    }
    let columns = assembler.into_columns();
    if instant {
        let sample = |column: Column| {
            let point = column.points.into_iter().next().filter(Point::is_some)?;
            Some(ResultSample { labels: column.labels, time: grid.start, point })
        };
        return Ok(Value::Vector(columns.into_iter().filter_map(sample).collect()));
    }
    let series = |column: Column| {
        let points = grid.times().zip(column.points).filter(|(_, point)| point.is_some()).collect();
        ResultSeries { labels: column.labels, points }
    };
    let mut series: Vec<ResultSeries> = columns.into_iter().map(series).collect();
    series.retain(|series| !series.points.is_empty());
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(Value::Matrix(series))
}
