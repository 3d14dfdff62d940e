//! Numbers for people, as Prometheus' template functions write them.

use super::format::format_g;

const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

fn four(value: f64) -> String {
    format_g(value, 4)
}

fn small(value: f64) -> (f64, &'static str) {
    let (mut value, mut prefix) = (value, "");
    for next in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        (value, prefix) = (value * 1000.0, next);
    }
    (value, prefix)
}

/// With metric prefixes: `1.049M`.
pub fn si(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return four(value);
    }
    if value.abs() < 1.0 {
        let (value, prefix) = small(value);
        return four(value) + prefix;
    }
    scaled(value, 1000.0, &["k", "M", "G", "T", "P", "E", "Z", "Y"])
}

/// With binary prefixes: `1Mi`.
pub(super) fn binary(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return four(value);
    }
    scaled(value, 1024.0, &["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"])
}

fn scaled(value: f64, base: f64, prefixes: &[&'static str]) -> String {
    let (mut value, mut prefix) = (value, "");
    for next in prefixes {
        if value.abs() < base {
            break;
        }
        (value, prefix) = (value / base, *next);
    }
    four(value) + prefix
}

/// A ratio as percent: `95.9%`.
pub fn percentage(value: f64) -> String {
    four(value * 100.0) + "%"
}

/// Seconds as days, hours, minutes and seconds: `2m 15s`.
pub fn duration(value: f64) -> String {
    if !value.is_finite() {
        return four(value);
    }
    if value == 0.0 {
        return four(value) + "s";
    }
    if value.abs() < 1.0 {
        let (value, prefix) = small(value);
        return four(value) + prefix + "s";
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let whole = value.abs() as i64;
    let (seconds, minutes, hours, days) = (whole % 60, whole / 60 % 60, whole / 3600 % 24, whole / 86_400);
    if days != 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours != 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes != 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{sign}{}s", four(value.abs()))
    }
}

/// Seconds since 1970 as Go prints a time.
pub(super) fn timestamp(value: f64) -> String {
    if !value.is_finite() {
        return four(value);
    }
    time_text((value * 1000.0) as i64)
}

/// Milliseconds since 1970 as Go prints a time.
pub(super) fn time_text(millis: i64) -> String {
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(time) => {
            let text = time.strftime("%Y-%m-%d %H:%M:%S").to_string();
            let fraction = match millis.rem_euclid(1000) {
                0 => String::new(),
                rest => format!(".{rest:03}").trim_end_matches('0').to_owned(),
            };
            format!("{text}{fraction} +0000 UTC")
        }
        Err(_) => millis.to_string(),
    }
}
