//! `label_replace` and `label_join`.

use crate::ast::Call;
use crate::error::{EvalError, Evaluated};
use crate::eval::{Assembler, Column, Evaluator, Grid, Sink};
use crate::labels::METRIC_NAME;
use crate::matcher::anchored;

impl Evaluator<'_> {
    pub(super) fn label_replace(&self, call: &Call, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let target = self.label_name(call, 1, "destination")?;
        let [replacement, source, pattern] = [2, 3, 4].map(|at| self.text_argument(&call.args[at]));
        let (replacement, source, pattern) = (replacement?, source?, pattern?);
        let regex = anchored(&pattern)
            .map_err(|_| EvalError::Execution(format!("invalid regular expression in label_replace(): {pattern}")))?;
        self.relabel(call, grid, sink, |column| {
            let value = column.labels.get(&source);
            let Some(captures) = regex.captures(value) else { return };
            let mut expanded = String::new();
            captures.expand(&replacement, &mut expanded);
            set(column, &target, &expanded);
        })
    }

    pub(super) fn label_join(&self, call: &Call, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let separator = self.text_argument(&call.args[2])?;
        let sources =
            (3..call.args.len()).map(|at| self.label_name(call, at, "source")).collect::<Evaluated<Vec<_>>>()?;
        let target = self.label_name(call, 1, "destination")?;
        self.relabel(call, grid, sink, |column| {
            let values: Vec<&str> = sources.iter().map(|source| column.labels.get(source)).collect();
            let joined = values.join(&separator);
            set(column, &target, &joined);
        })
    }

    /// A label name given as argument `at`.
    fn label_name(&self, call: &Call, at: usize, what: &str) -> Evaluated<std::sync::Arc<str>> {
        let name = self.text_argument(&call.args[at]).ok().filter(|name| !name.is_empty());
        name.ok_or_else(|| {
            let (function, given) = (call.function.name, call.args[at].bare());
            EvalError::Execution(format!("invalid {what} label name in {function}(): {given}"))
        })
    }

    /// Changes the labels of every series. Series that become the same are merged as long as they are never there together.
    fn relabel(&self, call: &Call, grid: &Grid, sink: Sink<'_>, change: impl Fn(&mut Column)) -> Evaluated<()> {
        let mut assembler = Assembler::new(grid.len());
        self.vector(&call.args[0], grid, &mut |mut column| {
            change(&mut column);
            assembler.add_column(column)
        })?;
        assembler.drain(sink)
    }
}

fn set(column: &mut Column, name: &str, value: &str) {
    column.labels = column.labels.with(name, value);
    if name == METRIC_NAME {
        column.drop_name = false;
    }
}
