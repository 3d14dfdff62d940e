//! What kind of telemetry a request holds, and how it is written.

use std::fmt;

/// OTLP's signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Metric data points.
    Metrics,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    /// `traces`, `logs` or `metrics`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }

    /// What one item is called, in the plural: `spans`, `log records`, `data points`.
    pub const fn items(self) -> &'static str {
        match self {
            Self::Traces => "spans",
            Self::Logs => "log records",
            Self::Metrics => "data points",
        }
    }

    /// The path OTLP/HTTP gives it.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Logs => "/v1/logs",
            Self::Metrics => "/v1/metrics",
        }
    }

    /// The signal a request path names: one that ends in `/v1/traces`, `/v1/logs` or `/v1/metrics` (a prefix and a
    /// trailing slash are accepted, because users append these paths to all kinds of base URLs). `path` has no query string.
    pub fn from_path(path: &str) -> Option<Self> {
        let path = path.trim_end_matches('/');
        Self::ALL.into_iter().find(|signal| path.ends_with(signal.path()))
    }

    /// The JSON key under which a request lists its resources.
    pub(crate) const fn json_key(self) -> &'static str {
        match self {
            Self::Traces => "resourceSpans",
            Self::Logs => "resourceLogs",
            Self::Metrics => "resourceMetrics",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a request is written; the answer is written the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Binary protobuf.
    Protobuf,
    /// OTLP/JSON: protobuf's JSON mapping, but ids in hexadecimal and enums as integers.
    Json,
}

impl Encoding {
    /// From a `Content-Type` header; parameters such as `; charset=utf-8` are ignored. `None` for any other type.
    pub fn from_content_type(header: &str) -> Option<Self> {
        let kind = header.split(';').next().unwrap_or_default().trim();
        if ["application/x-protobuf", "application/protobuf", "application/vnd.google.protobuf"]
            .iter()
            .any(|known| kind.eq_ignore_ascii_case(known))
        {
            Some(Self::Protobuf)
        } else if ["application/json", "text/json"].iter().any(|known| kind.eq_ignore_ascii_case(known)) {
            Some(Self::Json)
        } else {
            None
        }
    }

    /// The `Content-Type` of an answer.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_signal_behind_any_prefix() {
        assert_eq!(Signal::from_path("/v1/traces"), Some(Signal::Traces));
        assert_eq!(Signal::from_path("/api/public/otel/v1/logs/"), Some(Signal::Logs));
        assert_eq!(Signal::from_path("/v1/metrics"), Some(Signal::Metrics));
        assert_eq!(Signal::from_path("/"), None);
        assert_eq!(Signal::from_path("/v1/tracesque"), None);
    }

    #[test]
    fn content_types_with_parameters_and_odd_case_are_known() {
        assert_eq!(Encoding::from_content_type("application/json; charset=utf-8"), Some(Encoding::Json));
        assert_eq!(Encoding::from_content_type("Application/X-Protobuf"), Some(Encoding::Protobuf));
        assert_eq!(Encoding::from_content_type("text/html"), None);
    }
}
