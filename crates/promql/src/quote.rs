//! Texts and numbers written the way Go writes them, since Prometheus' messages and results are.

use std::fmt::Write;

/// `text` in double quotes with Go's escapes.
pub fn quoted(text: &str) -> String {
    quoted_bytes(text.as_bytes())
}

/// Bytes in double quotes with Go's escapes; what is not UTF-8 becomes `\xNN`.
pub fn quoted_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{7}' => out.push_str("\\a"),
                '\u{8}' => out.push_str("\\b"),
                '\u{b}' => out.push_str("\\v"),
                '\u{c}' => out.push_str("\\f"),
                control if (control as u32) < 0x20 || control as u32 == 0x7f => {
                    let _ = write!(out, "\\x{:02x}", control as u32);
                }
                other => out.push(other),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

/// A float in plain decimal with as few digits as read back the same (Go's `'f', -1`).
pub fn plain_float(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        value => value.to_string(),
    }
}

/// A float as Go's `%g` has it: an exponent below 1e-4 and from 1e21 on.
pub fn short_float(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return if value == 0.0 && value.is_sign_negative() { "-0".into() } else { plain_float(value) };
    }
    let exponent = {
        let scientific = format!("{value:e}");
        scientific.rsplit_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok()).unwrap_or(0)
    };
    if (-4..21).contains(&exponent) {
        return value.to_string();
    }
    let scientific = format!("{value:e}");
    let (digits, _) = scientific.rsplit_once('e').unwrap_or((&scientific, ""));
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_like_go_does() {
        assert_eq!(quoted("a\"b\\c\n"), r#""a\"b\\c\n""#);
        assert_eq!(quoted_bytes(b"a\xc5z"), r#""a\xc5z""#);
    }

    #[test]
    fn floats_are_short_like_in_go() {
        for (value, text) in [
            (1.1, "1.1"),
            (-0.001, "-0.001"),
            (1e-5, "1e-05"),
            (1e21, "1e+21"),
            (3.5e100, "3.5e+100"),
            (f64::INFINITY, "+Inf"),
            (1e20, "100000000000000000000"),
        ] {
            assert_eq!(short_float(value), text);
        }
        assert_eq!(plain_float(1e21), "1000000000000000000000");
    }
}
