//! What stands behind the bars of a query.

use super::metrics::{FUNCTIONS, Function, Metrics};
use super::{Field, Literal, Parser, Search};

impl Parser<'_> {
    /// Whether a call of this function follows; takes its name.
    fn function(&mut self, name: &str) -> bool {
        let called = self.rest.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('('));
        called && self.take(name)
    }

    /// What follows a bar.
    pub(super) fn stage(&mut self, search: &mut Search) -> Result<(), String> {
        if search.metrics.is_some() {
            return self.top(search);
        }
        if self.rest.starts_with('{') {
            search.narrowed.push(self.filter()?);
            return Ok(());
        }
        if self.function("select") {
            search.select.extend(self.fields()?);
            return Ok(());
        }
        if self.function("by") {
            let by = self.fields()?;
            search.select.extend(by.iter().cloned());
            search.by = by;
            return Ok(());
        }
        if self.function("coalesce") {
            self.expect("(")?;
            search.by.clear();
            return self.expect(")");
        }
        if let Some(name) = FUNCTIONS.into_iter().find(|name| self.function(name)) {
            search.metrics = Some(self.metrics(name, std::mem::take(&mut search.by))?);
            return Ok(());
        }
        if let Some(name) = ["count", "avg", "min", "max", "sum"].into_iter().find(|name| self.function(name)) {
            search.having.push(self.having(name)?);
            return Ok(());
        }
        let expected =
            "{ … }, select, by, coalesce, count, avg, min, max, sum, or a function of numbers over time such as rate()";
        Err(self.unexpected(&format!("{expected}; other stages are not supported")))
    }

    /// Fields in parentheses.
    fn fields(&mut self) -> Result<Vec<(String, String)>, String> {
        self.expect("(")?;
        let mut fields = Vec::new();
        loop {
            let before = self.rest;
            let field = self.field()?;
            let name = before[..before.len() - self.rest.len()].trim_end().replace('"', "");
            let (Field::Text(expression) | Field::Millis(expression)) = field else {
                return Err(self.unexpected("a field of spans before this"));
            };
            fields.push((name, expression));
            if !self.take(",") {
                self.expect(")")?;
                return Ok(fields);
            }
        }
    }

    /// A field of spans as a number; durations are seconds.
    fn number_field(&mut self) -> Result<String, String> {
        match self.field()? {
            Field::Millis(expression) => Ok(format!("({expression} / 1000.0)")),
            Field::Text(expression) => Ok(format!("TRY_CAST({expression} AS DOUBLE)")),
            Field::Run(_) | Field::RunMillis => Err(self.unexpected("a field of spans before this")),
        }
    }

    /// What follows the name of a function of numbers over time.
    fn metrics(&mut self, name: &str, mut by: Vec<(String, String)>) -> Result<Metrics, String> {
        self.expect("(")?;
        let function = match name {
            "rate" => Function::Rate,
            "count_over_time" => Function::Count,
            "quantile_over_time" => {
                let field = self.number_field()?;
                let mut quantiles = Vec::new();
                while self.take(",") {
                    match self.value()? {
                        Literal::Number(quantile) if (0.0..=1.0).contains(&quantile) => quantiles.push(quantile),
                        _ => return Err(self.unexpected("quantiles between 0 and 1 before this")),
                    }
                }
                if quantiles.is_empty() || quantiles.len() > 10 {
                    return Err(self.unexpected("one to ten quantiles before this"));
                }
                Function::Quantiles(field, quantiles)
            }
            "histogram_over_time" => Function::Histogram(self.number_field()?),
            "min_over_time" => Function::Of("min", self.number_field()?),
            "max_over_time" => Function::Of("max", self.number_field()?),
            "avg_over_time" => Function::Of("avg", self.number_field()?),
            _ => Function::Of("sum", self.number_field()?),
        };
        self.expect(")")?;
        if self.function("by") {
            by = self.fields()?;
        }
        Ok(Metrics { function, by, top: None })
    }

    /// `topk(5)` or `bottomk(5)` behind numbers.
    fn top(&mut self, search: &mut Search) -> Result<(), String> {
        let Some(name) = ["topk", "bottomk"].into_iter().find(|name| self.function(name)) else {
            return Err(self.unexpected("topk or bottomk; other stages behind numbers are not supported"));
        };
        self.expect("(")?;
        let Literal::Number(count) = self.value()? else { return Err(self.unexpected("a number before this")) };
        self.expect(")")?;
        if let Some(metrics) = &mut search.metrics {
            metrics.top = Some((name == "topk", count.max(0.0) as usize));
        }
        Ok(())
    }

    /// `with (exemplars=true)`: hints, which change no answer here.
    pub(super) fn hints(&mut self) -> Result<(), String> {
        if self.function("with") {
            let inside = self.rest.split_once(')').ok_or_else(|| self.unexpected(")"))?;
            self.rest = inside.1.trim_start();
        }
        Ok(())
    }

    /// What follows the name of an aggregate: its field and a comparison.
    fn having(&mut self, function: &str) -> Result<String, String> {
        self.expect("(")?;
        let field = if function == "count" { Field::Millis("*".into()) } else { self.field()? };
        self.expect(")")?;
        let (aggregate, is_time) = match (&field, function) {
            (_, "count") => ("count(*)".to_owned(), false),
            (Field::Millis(expression), _) => (format!("{function}({expression})"), true),
            (Field::Text(expression), _) => (format!("{function}(TRY_CAST({expression} AS DOUBLE))"), false),
            (Field::Run(_) | Field::RunMillis, _) => return Err(self.unexpected("a field of spans before this")),
        };
        let operators = [("!=", "<>"), (">=", ">="), ("<=", "<="), ("=", "="), (">", ">"), ("<", "<")];
        let Some((_, order)) = operators.into_iter().find(|(operator, _)| self.take(operator)) else {
            return Err(self.unexpected("a comparison (= != > >= < <=)"));
        };
        let wanted = match self.value()? {
            // A bare number is nanoseconds.
            Literal::Number(number) if is_time => number / 1e6,
            Literal::Number(number) => number,
            Literal::Millis(millis) if is_time => millis,
            Literal::Millis(millis) => millis * 1e6,
            Literal::Text(_) | Literal::Nil => return Err(self.unexpected("a number or a duration before this")),
        };
        Ok(format!("{aggregate} {order} {wanted}"))
    }
}
