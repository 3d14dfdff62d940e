//! The two text formats: Prometheus' (version 0.0.4) and OpenMetrics (1.0.0), which has exemplars.

use std::fmt::Write;

use super::exposed::{Exposed, Labels, Value, bound};
use super::family::Kind;
use super::registry::Exemplar;

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own.
    Prometheus,
    /// OpenMetrics.
    OpenMetrics,
}

impl Format {
    /// The format that a request with this `Accept` header asks for. Weights are honoured, wildcards get Prometheus' own.
    pub fn accepted(accept: &str) -> Self {
        let weight = |wanted: &str| {
            let ranges = accept.split(',').filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                if !parts.next()?.eq_ignore_ascii_case(wanted) {
                    return None;
                }
                let q = parts.find_map(|part| part.strip_prefix("q=").and_then(|q| q.parse().ok()));
                Some(q.unwrap_or(1.0))
            });
            ranges.fold(0.0, f64::max)
        };
        let open = weight("application/openmetrics-text");
        if open > 0.0 && open >= weight("text/plain") { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Its content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Writes families.
pub fn write<'a>(families: impl IntoIterator<Item = &'a Exposed>, format: Format) -> String {
    let mut text = String::new();
    for family in families {
        self::family(&mut text, family, format);
    }
    if format == Format::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

fn family(text: &mut String, family: &Exposed, format: Format) {
    let open = format == Format::OpenMetrics;
    // A counter's family has no suffix there, its samples have one.
    let name = match family.kind {
        Kind::Counter if open => family.name.strip_suffix("_total").unwrap_or(&family.name),
        _ => &family.name,
    };
    let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
    let help = if open { help.replace('"', "\\\"") } else { help };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {}", family.kind.as_str());
    if open && !family.unit.is_empty() && name.strip_suffix(family.unit).is_some_and(|rest| rest.ends_with('_')) {
        let _ = writeln!(text, "# UNIT {name} {}", family.unit);
    }
    for point in &family.points {
        match &point.value {
            Value::Number(value) => {
                let suffix = if open && family.kind == Kind::Counter { "_total" } else { "" };
                sample(text, name, suffix, &point.labels, None, *value, None);
            }
            Value::Histogram { buckets, sum } => {
                for (le, count, exemplar) in buckets {
                    sample(text, name, "_bucket", &point.labels, Some(*le), *count, exemplar.filter(|_| open));
                }
                sample(text, name, "_sum", &point.labels, None, *sum, None);
                let count = buckets.last().map_or(0.0, |(_, count, _)| *count);
                sample(text, name, "_count", &point.labels, None, count, None);
            }
        }
    }
}

fn sample(
    text: &mut String,
    name: &str,
    suffix: &str,
    labels: &Labels,
    le: Option<f64>,
    value: f64,
    exemplar: Option<Exemplar>,
) {
    let _ = write!(text, "{name}{suffix}");
    let mut separator = '{';
    for (label, value) in labels {
        let _ = write!(text, "{separator}{label}=\"");
        escape(text, value);
        text.push('"');
        separator = ',';
    }
    if let Some(le) = le {
        let _ = write!(text, "{separator}le=\"{}\"", bound(le));
        separator = ',';
    }
    if separator == ',' {
        text.push('}');
    }
    let _ = write!(text, " {}", number(value));
    if let Some(exemplar) = exemplar {
        let _ = write!(text, " # {{trace_id=\"{}\"", exemplar.trace_id);
        if let Some(span_id) = exemplar.span_id {
            let _ = write!(text, ",span_id=\"{span_id}\"");
        }
        let seconds = exemplar.at.as_millis() as f64 / 1e3;
        let _ = write!(text, "}} {} {seconds}", number(exemplar.value));
    }
    text.push('\n');
}

/// A number as both formats write it.
fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        value => value.to_string(),
    }
}

fn escape(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}
