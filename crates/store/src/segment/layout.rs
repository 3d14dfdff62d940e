//! Which file a row belongs to, and what the file is called.

use model::Timestamp;

use crate::settings::{BUCKET_MINUTES, FUTURE_DAYS_MAX, PAST_DAYS_MAX};

const DAY_NANOS: i64 = 86_400 * 1_000_000_000;

/// A time for sorting and for choosing a file: a clock that is wrong by years is not followed there.
pub(crate) fn clamp_time(time: Timestamp, received: Timestamp) -> Timestamp {
    let (from, until) =
        (received.plus_nanos(-PAST_DAYS_MAX * DAY_NANOS), received.plus_nanos(FUTURE_DAYS_MAX * DAY_NANOS));
    time.clamp(from, until)
}

/// Number of the ten-minute bucket of a (clamped) time.
pub(crate) fn bucket(nanos: i64) -> i64 {
    nanos.div_euclid(BUCKET_MINUTES * 60 * 1_000_000_000)
}

/// Number of the day of a (clamped) time, from 1970.
pub(crate) fn day(nanos: i64) -> i64 {
    nanos.div_euclid(DAY_NANOS)
}

/// `2026-11-21` of a day's number.
pub(crate) fn day_name(day: i64) -> String {
    let text = Timestamp::from_nanos(day.saturating_mul(DAY_NANOS)).to_string();
    text.get(..10).unwrap_or("unknown").to_owned()
}

/// Directory name of rows of environments beyond the limit.
pub(crate) const OTHER: &str = "other";

/// Directory of segments of log records that are scores. To retention they are a layer of their own, and it removes whole segments.
pub(crate) const SCORES: &str = "scores";

/// Whether the segment of that path holds scores and nothing else.
pub(crate) fn holds_scores(path: &str) -> bool {
    path.strip_prefix("segments/").and_then(|rest| rest.split_once('/')).is_some_and(|(folder, _)| folder == SCORES)
}

/// Path of a segment: `segments/spans/project=default/environment=prod/2026-11-21/0000000000000001.parquet`.
///
/// `folder` is the name of its table, or [`SCORES`]. `environment` is `None` for rows of several environments; a name of its own (`environment=`) keeps them apart from an
/// environment that is called `other`.
pub(crate) fn path(folder: &str, project: &str, environment: Option<&str>, day: &str, id: u64) -> String {
    let environment =
        environment.map_or_else(|| format!("environments={OTHER}"), |name| format!("environment={}", escape(name)));
    format!("segments/{folder}/project={}/{environment}/{day}/{id:016}.parquet", escape(project))
}

/// Longest name that is written out; longer ones are cut and told apart by a hash.
const NAME_BYTES_MAX: usize = 80;

/// A name as a part of a path: letters, digits, `.`, `_` and `-` as they are, any other byte as `=` and two hexadecimal
/// digits.
fn escape(name: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "={byte:02X}");
        }
    }
    if out.len() > NAME_BYTES_MAX {
        out.truncate(NAME_BYTES_MAX);
        let _ = write!(out, "=={:.16}", blake3::hash(name.as_bytes()).to_hex());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_safe_distinct_and_short_path_parts() {
        assert_eq!(escape("prod-eu_1.2"), "prod-eu_1.2");
        assert_eq!(escape("../ü"), "..=2F=C3=BC");
        let (long, other) = (escape(&"ä".repeat(500)), escape(&format!("{}b", "ä".repeat(499))));
        assert!(long.len() < 120 && long != other);
    }

    #[test]
    fn a_path_says_whether_a_segment_holds_scores() {
        let path = |folder: &str| path(folder, "scores", Some("scores"), "2026-11-21", 1);
        assert_eq!(path("logs"), "segments/logs/project=scores/environment=scores/2026-11-21/0000000000000001.parquet");
        assert!(holds_scores(&path(SCORES)));
        assert!(!holds_scores(&path("logs")) && !holds_scores("segments/1"));
    }

    #[test]
    fn a_mad_clock_is_moved_near_the_time_of_arrival_and_a_sane_one_is_left_alone() {
        let received = Timestamp::parse_rfc3339("2026-11-21T08:00:00Z").unwrap();
        let name = |text: &str| day_name(day(clamp_time(Timestamp::parse_rfc3339(text).unwrap(), received).as_nanos()));
        assert_eq!(name("1970-01-01T00:00:00Z"), "2025-10-17");
        assert_eq!(name("2100-01-01T00:00:00Z"), "2026-11-22");
        assert_eq!(name("2026-03-01T23:59:59Z"), "2026-03-01");
    }
}
