//! Numbers over time of the spans a query finds: `| rate() by (resource.service.name)`.

/// What is computed.
#[derive(Debug, PartialEq)]
pub struct Metrics {
    /// The function.
    pub function: Function,
    /// By what spans are put together: name and expression.
    pub by: Vec<(String, String)>,
    /// Of how many series the largest (or, where the flag is false, the smallest) values are shown.
    pub top: Option<(bool, usize)>,
}

/// A function of spans.
#[derive(Debug, PartialEq)]
pub enum Function {
    /// Spans a second.
    Rate,
    /// Spans.
    Count,
    /// `min`, `max`, `avg` or `sum` of an expression.
    Of(&'static str, String),
    /// Quantiles of an expression.
    Quantiles(String, Vec<f64>),
    /// Spans by the power of two an expression is at most.
    Histogram(String),
}

/// The names of functions.
pub const FUNCTIONS: [&str; 8] = [
    "rate",
    "count_over_time",
    "min_over_time",
    "max_over_time",
    "avg_over_time",
    "sum_over_time",
    "quantile_over_time",
    "histogram_over_time",
];

impl Metrics {
    /// The name that stands for a series without labels.
    pub fn name(&self) -> &'static str {
        match &self.function {
            Function::Rate => "rate",
            Function::Count => "count_over_time",
            Function::Of("min", _) => "min_over_time",
            Function::Of("max", _) => "max_over_time",
            Function::Of("avg", _) => "avg_over_time",
            Function::Of(..) => "sum_over_time",
            Function::Quantiles(..) => "quantile_over_time",
            Function::Histogram(_) => "histogram_over_time",
        }
    }

    /// Whether no span means zero, and not nothing.
    pub fn counts(&self) -> bool {
        matches!(self.function, Function::Rate | Function::Count | Function::Histogram(_))
    }

    /// The question: time (where a step is given), the labels, the edge of a histogram, and the value, which for quantiles is a list.
    pub fn sql(&self, condition: &str, step_ms: Option<i64>) -> String {
        let (mut columns, mut groups) = (Vec::new(), Vec::new());
        if let Some(step) = step_ms {
            columns.push(format!("date_bin(INTERVAL '{step} milliseconds', started_at) AS bin"));
            groups.push("bin".to_owned());
        }
        for (at, (_, expression)) in self.by.iter().enumerate() {
            columns.push(format!("CAST({expression} AS VARCHAR) AS by_{at}"));
            groups.push(format!("by_{at}"));
        }
        let mut wanted = format!("({condition})");
        let value = match &self.function {
            Function::Rate | Function::Count => "count(*)".to_owned(),
            Function::Of(name, expression) => format!("{name}({expression})"),
            Function::Quantiles(expression, quantiles) => {
                let list: Vec<String> = quantiles.iter().map(|quantile| format!("{quantile:?}")).collect();
                format!("quantiles({expression}, {})", list.join(", "))
            }
            Function::Histogram(expression) => {
                columns.push(format!("power(2.0, ceil(log2({expression}))) AS edge"));
                groups.push("edge".to_owned());
                wanted.push_str(&format!(" AND {expression} > 0"));
                "count(*)".to_owned()
            }
        };
        columns.push(format!("{value} AS value"));
        let groups = if groups.is_empty() { String::new() } else { format!(" GROUP BY {}", groups.join(", ")) };
        format!("SELECT {} FROM spans WHERE {wanted}{groups}", columns.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_become_aggregates_by_time_and_label() {
        let by = vec![("resource.service.name".to_owned(), "service".to_owned())];
        let rate = Metrics { function: Function::Rate, by, top: None };
        assert_eq!(
            rate.sql("name = 'a'", Some(15_000)),
            "SELECT date_bin(INTERVAL '15000 milliseconds', started_at) AS bin, CAST(service AS VARCHAR) AS by_0, count(*) AS value \
             FROM spans WHERE (name = 'a') GROUP BY bin, by_0"
        );
        let quantiles = Function::Quantiles("duration_ms / 1000".into(), vec![0.5, 1.0]);
        let quantiles = Metrics { function: quantiles, by: Vec::new(), top: None };
        assert_eq!(
            quantiles.sql("TRUE", None),
            "SELECT quantiles(duration_ms / 1000, 0.5, 1.0) AS value FROM spans WHERE (TRUE)"
        );
        assert!(rate.counts() && !quantiles.counts());
    }
}
