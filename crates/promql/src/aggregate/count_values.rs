//! `count_values`: how many series have which value.

use std::collections::HashMap;

use crate::ast::Aggregate;
use crate::error::{EvalError, Evaluated};
use crate::eval::{Assembler, Evaluator, Grid, Sink};
use crate::labels::Labels;
use crate::quote::plain_float;
use crate::series::Point;

impl Evaluator<'_> {
    pub(super) fn count_values(&self, aggregate: &Aggregate, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let Some(parameter) = &aggregate.parameter else { return Err(EvalError::execution("a parameter is missing")) };
        let name = self.text_argument(parameter).ok().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| EvalError::Execution(format!("invalid label name {}", parameter.bare())))?;
        let group = |labels: &Labels, value: &str| {
            let labels = labels.with(&name, value);
            if aggregate.without {
                super::group_labels(aggregate, &labels)
            } else {
                labels.filtered(|label| label == &*name || aggregate.labels.iter().any(|kept| &**kept == label))
            }
        };
        let mut counts: HashMap<(usize, usize), u64> = HashMap::new();
        let mut assembler = Assembler::new(grid.len());
        self.vector(&aggregate.input, grid, &mut |column| {
            for (step, point) in column.points.iter().enumerate() {
                let value = match point {
                    Point::None => continue,
                    Point::Float(value) => plain_float(*value),
                    Point::Histogram(histogram) => histogram.to_string(),
                };
                let position = assembler.position(&group(&column.labels, &value), false);
                *counts.entry((position, step)).or_default() += 1;
            }
            self.spend(column.points.len())
        })?;
        for ((position, step), count) in counts {
            assembler.put(position, step, Point::Float(count as f64))?;
        }
        assembler.drain(sink)
    }
}
