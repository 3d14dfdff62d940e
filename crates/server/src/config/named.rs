//! Limits by the names that errors and `/api/v1/status` give them.

use std::time::Duration;

use model::{number_and_unit, parse_bytes};

use super::{ConfigError, Limits};

/// Names that can be set.
const NAMES: &str = "hot_bytes_max, queue_bytes_max, inflight_bytes, intake_bytes, query_bytes, run_content_bytes, list_time, search_time, sql_time, connections, open_files, label_sets";
/// The smallest bound of bytes that leaves room for the work itself.
const MIN_BYTES: usize = 1 << 20;
/// The longest time a query may be given.
const MAX_TIME: Duration = Duration::from_secs(86_400);
/// Sets of labels that the numbers of all families' series leave room for.
const MAX_LABEL_SETS: usize = 1_000_000;

impl Limits {
    /// The same limits with one set by name: `query_bytes=300MiB`, `sql_time=60s`, `connections=500`.
    ///
    /// # Errors
    /// For a name that is none, and a value that cannot be used.
    pub fn with(mut self, setting: &str) -> Result<Self, ConfigError> {
        let wrong = |reason: String| ConfigError::Limit { setting: setting.to_owned(), reason };
        let Some((name, value)) = setting.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else {
            return Err(wrong("give NAME=VALUE, for example query_bytes=300MiB".into()));
        };
        let bytes = || {
            let bytes = parse_bytes(value).and_then(|bytes| usize::try_from(bytes).ok());
            bytes
                .filter(|bytes| *bytes >= MIN_BYTES)
                .ok_or_else(|| wrong("give a number of bytes, for example 300MiB, and at least 1MiB".into()))
        };
        let time = || time(value).ok_or_else(|| wrong("give a time from 1s to 24h, for example 30s".into()));
        let count = || {
            let count = value.parse().ok().filter(|count: &usize| *count > 0);
            count.ok_or_else(|| wrong("give a number from 1 on".into()))
        };
        match name {
            "hot_bytes_max" => self.hot_bytes = bytes()?,
            "queue_bytes_max" => self.queue_bytes = bytes()?,
            "inflight_bytes" => {
                self.inflight_bytes = bytes()?;
                if self.inflight_bytes < self.max_body_bytes.saturating_mul(2) {
                    return Err(wrong("it has to hold a request of --max-body twice, compressed and not".into()));
                }
            }
            "intake_bytes" => self.intake_bytes = bytes()?,
            "query_bytes" => self.query_bytes = bytes()?,
            "run_content_bytes" => self.run_content_bytes = bytes()?,
            "list_time" => self.list_time = time()?,
            "search_time" => self.search_time = time()?,
            "sql_time" => self.sql_time = time()?,
            "connections" => self.connections = count()?,
            "open_files" => self.open_files = count()?,
            "label_sets" => {
                self.label_sets = count()?;
                if self.label_sets > MAX_LABEL_SETS {
                    return Err(wrong(format!("give a number up to {MAX_LABEL_SETS}")));
                }
            }
            _ => return Err(wrong(format!("there is no such setting; there are {NAMES}"))),
        }
        Ok(self)
    }
}

/// Whole seconds, minutes or hours.
fn time(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let seconds = match unit {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    } * number;
    let whole = seconds.is_finite() && seconds.fract() == 0.0;
    (whole && seconds >= 1.0 && seconds <= MAX_TIME.as_secs_f64()).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_set_by_the_names_that_errors_give_them() {
        let with = |setting| Limits::default().with(setting);
        assert_eq!(with("query_bytes=300MiB").unwrap().query_bytes, 300 << 20);
        assert_eq!(with("run_content_bytes=512MiB").unwrap().run_content_bytes, 512 << 20);
        assert_eq!(with("hot_bytes_max = 64MiB").unwrap().hot_bytes, 64 << 20);
        assert_eq!(with("queue_bytes_max=2MiB").unwrap().queue_bytes, 2 << 20);
        assert_eq!(with("inflight_bytes=1GiB").unwrap().inflight_bytes, 1 << 30);
        assert_eq!(with("intake_bytes=64MiB").unwrap().intake_bytes, 64 << 20);
        assert_eq!(with("sql_time=2m").unwrap().sql_time, Duration::from_secs(120));
        assert_eq!(with("list_time=5").unwrap().list_time, Duration::from_secs(5));
        assert_eq!(with("search_time=1h").unwrap().search_time, Duration::from_secs(3600));
        assert_eq!(with("connections=7").unwrap().connections, 7);
        assert_eq!(with("open_files=500").unwrap().open_files, 500);
        assert_eq!(with("label_sets=10000").unwrap().label_sets, 10_000);
    }

    #[test]
    fn a_limit_that_cannot_be_set_is_refused_with_what_can() {
        for (setting, reason) in [
            ("query_bytes", "NAME=VALUE"),
            ("memory=1GiB", "there are hot_bytes_max"),
            ("query_bytes=5", "at least 1MiB"),
            ("query_bytes=much", "a number of bytes"),
            ("inflight_bytes=1MiB", "--max-body"),
            ("sql_time=0s", "from 1s to 24h"),
            ("sql_time=1.5s", "from 1s to 24h"),
            ("sql_time=2d", "from 1s to 24h"),
            ("connections=0", "from 1 on"),
            ("open_files=-1", "from 1 on"),
            ("label_sets=1000001", "up to 1000000"),
        ] {
            let error = Limits::default().with(setting).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(setting), "{setting}: {error}");
        }
    }
}
