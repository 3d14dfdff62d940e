//! Times as people write them in parameters.

use std::time::Duration;

use model::Timestamp;

/// Reads RFC 3339, a day (its beginning in UTC), or a distance into the past: `30s`, `15m`, `24h`, `7d`, `2w`, also with a `-` in front.
pub fn parse_time(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if text == "now" {
        return Some(now);
    }
    // A `+` of a time zone that was not escaped arrives as a space.
    let zoned = text.replace(' ', "+");
    if let Some(time) = Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_rfc3339(&zoned)) {
        return Some(time);
    }
    if let Some(day) = Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")) {
        return Some(day);
    }
    let distance = parse_distance(text.strip_prefix('-').unwrap_or(text))?;
    Some(now.plus_nanos(i64::try_from(distance.as_nanos()).unwrap_or(i64::MAX).saturating_neg()))
}

/// Reads a length of time: `30s`, `15m`, `24h`, `7d`, `2w`.
pub fn parse_distance(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number: u32 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    Some(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_and_browsers_write_them() {
        let now = Timestamp::parse_rfc3339("2026-03-02T12:00:00Z").unwrap();
        let read = |text: &str| parse_time(text, now).map(|time| time.to_string());
        assert_eq!(read("15m").as_deref(), Some("2026-03-02T11:45:00Z"));
        assert_eq!(read("-7d").as_deref(), Some("2026-02-23T12:00:00Z"));
        assert_eq!(read("2026-03-01").as_deref(), Some("2026-03-01T00:00:00Z"));
        assert_eq!(read("2026-03-01T10:00:00 02:00").as_deref(), Some("2026-03-01T08:00:00Z"));
        assert_eq!(read("now").as_deref(), Some("2026-03-02T12:00:00Z"));
        for bad in ["", "yesterday", "15", "m", "15µ", "99999999999999999999d"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
