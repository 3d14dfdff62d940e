//! Durations as Prometheus writes them: `1h30m`, `15s`, `250ms`.

/// Units from the largest to the smallest, in milliseconds. A year has 365 days.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a duration in milliseconds: numbers with units, each unit once, the larger first; `0` needs no unit.
pub fn parse(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut total, mut units) = (text, 0i64, UNITS.iter());
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().ok()?;
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = &rest[digits..digits + letters];
        let (_, millis) = units.by_ref().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.checked_mul(*millis)?)?;
        rest = &rest[digits + letters..];
    }
    (!text.is_empty()).then_some(total)
}

/// Writes milliseconds as Prometheus does: whole years, weeks or days only where nothing smaller is left.
pub fn format(millis: i64) -> String {
    if millis == 0 {
        return "0s".into();
    }
    let mut out = if millis < 0 { "-".to_owned() } else { String::new() };
    let mut rest = millis.unsigned_abs();
    for (name, unit) in UNITS {
        let unit = unit as u64;
        // `1y1d` is written `366d`, but `1d1h` stays as it is.
        if matches!(name, "y" | "w") && !rest.is_multiple_of(unit) {
            continue;
        }
        if rest / unit > 0 {
            out += &format!("{}{name}", rest / unit);
            rest %= unit;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_back() {
        for (text, millis) in
            [("5m", 300_000), ("1h30m", 5_400_000), ("10s53ms", 10_053), ("1w", 604_800_000), ("1d2h", 93_600_000)]
        {
            assert_eq!(parse(text), Some(millis));
            assert_eq!(format(millis), text);
        }
        assert_eq!(format(-90_000), "-1m30s");
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "m", "5m1h", "1s1s", "99999999999999y", "5 m", "-5m"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
