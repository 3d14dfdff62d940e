//! Scalars from their JSON text.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::context::Reason;

/// The content of a JSON string, or `None` for other JSON. Half surrogate pairs become replacement characters.
pub(super) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.as_bytes().contains(&b'\\') {
        return Some(Cow::Borrowed(inner));
    }
    let text = serde_json::from_str::<String>(raw).or_else(|_| serde_json::from_str(&repair_surrogates(raw)));
    text.ok().map(Cow::Owned)
}

/// Replaces escapes of surrogates that have no partner by the escape of the replacement character.
/// JavaScript cuts text between the two halves of a pair, and writes what is left as an escape.
fn repair_surrogates(raw: &str) -> String {
    let escape = |at: usize| -> Option<u16> {
        let digits = raw.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let bytes = raw.as_bytes();
    let mut out = String::with_capacity(raw.len());
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        match escape(at) {
            Some(0xd800..=0xdbff) if matches!(escape(at + 6), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => {
                out.push_str(&raw[copied..at]);
                out.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            Some(_) => at += 6,
            None => at += 2,
        }
    }
    out.push_str(&raw[copied..]);
    out
}

/// A text field: a string; null is empty; numbers and truth values are taken as written.
pub(super) fn text(raw: &str) -> Result<Cow<'_, str>, Reason> {
    if let Some(text) = string(raw) {
        return Ok(text);
    }
    match raw.as_bytes().first() {
        Some(b'n') => Ok(Cow::Borrowed("")),
        Some(b't' | b'f' | b'-' | b'0'..=b'9') => Ok(Cow::Borrowed(raw)),
        _ => Err(Reason::Borrowed("text was expected where a list or an object stands")),
    }
}

/// The inside of a string without escapes, or the JSON text itself: numbers come both ways.
fn bare(raw: &str) -> &str {
    raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw).trim()
}

/// An unsigned 64-bit number, as number or text; null and empty text are 0.
pub(super) fn unsigned(raw: &str) -> Result<u64, Reason> {
    let digits = bare(raw);
    if digits.is_empty() || raw == "null" {
        return Ok(0);
    }
    digits.parse().or_else(|_| match digits.parse::<f64>() {
        // Scripts that compute times as floats write 1.7e18.
        Ok(number) if (0.0..=u64::MAX as f64).contains(&number) => Ok(number as u64),
        _ => Err(Reason::Owned(format!("an unsigned number was expected where {} stands", shorten(raw)))),
    })
}

/// An unsigned 32-bit number; what does not fit is clamped.
pub(super) fn unsigned32(raw: &str) -> Result<u32, Reason> {
    unsigned(raw).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// A signed 64-bit number, as number or text.
pub(super) fn signed(raw: &str) -> Option<i64> {
    let digits = bare(raw);
    digits.parse().ok().or_else(|| match digits.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 => Some(number as i64),
        _ => None,
    })
}

/// A float, as number or text; null is NaN, because that is what JavaScript makes of NaN.
pub(super) fn double(raw: &str) -> Option<f64> {
    if raw == "null" { Some(f64::NAN) } else { bare(raw).parse().ok() }
}

/// A float of a metric point, where nothing else will do.
pub(super) fn required_double(raw: &str) -> Result<f64, Reason> {
    double(raw).ok_or_else(|| Reason::Owned(format!("a number was expected where {} stands", shorten(raw))))
}

/// A truth value, also as text or number.
pub(super) fn boolean(raw: &str) -> Option<bool> {
    match bare(raw) {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// An enum as OTLP/JSON has it (a number) or as protobuf's own JSON has it (a name, with or without its prefix).
/// What is unknown is 0, which every OTLP enum has as its "not given".
pub(super) fn enumeration(raw: &str, prefix: &str, names: &[&str]) -> i64 {
    signed(raw).unwrap_or_else(|| {
        let name = bare(raw).to_ascii_uppercase();
        let name = name.strip_prefix(prefix).unwrap_or(&name);
        names.iter().position(|known| *known == name).map_or(0, |at| at as i64)
    })
}

/// Bytes in base64, standard or URL-safe, with or without padding.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    const ANY_PADDING: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// The start of a value, for an error.
fn shorten(raw: &str) -> String {
    let mut start: String = raw.chars().take(40).collect();
    if start.len() < raw.len() {
        start.push('…');
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_escapes_is_borrowed() {
        assert!(matches!(text("\"chat\""), Ok(Cow::Borrowed("chat"))));
        assert_eq!(text(r#""a\nb \ud83d\ude00""#).unwrap(), "a\nb \u{1f600}");
    }

    #[test]
    fn half_a_surrogate_pair_becomes_a_replacement_character() {
        assert_eq!(text(r#""cut \ud83d""#).unwrap(), "cut \u{fffd}");
        assert_eq!(text(r#""\ude00 \\ud83d \ud83d\n\ud83d\ude00""#).unwrap(), "\u{fffd} \\ud83d \u{fffd}\n\u{1f600}");
    }

    #[test]
    fn numbers_come_as_numbers_and_as_text() {
        assert_eq!(unsigned("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(unsigned("\"1763700000123456789\""), Ok(1_763_700_000_123_456_789));
        assert_eq!((unsigned("null"), unsigned("\"\""), unsigned("1.5e3")), (Ok(0), Ok(0), Ok(1_500)));
        assert!(unsigned("-1").is_err());
        assert_eq!(
            (signed("\"-5\""), signed("7"), signed("7.0"), signed("7.5"), signed("null")),
            (Some(-5), Some(7), Some(7), None, None)
        );
    }

    #[test]
    fn floats_are_exact_and_null_is_nan() {
        assert_eq!(double("0.1"), Some(0.1));
        assert_eq!(double("5e-324"), Some(5e-324));
        assert!(double("null").unwrap().is_nan());
        assert_eq!((double("\"-Infinity\""), double("\"x\"")), (Some(f64::NEG_INFINITY), None));
    }

    #[test]
    fn bytes_of_any_base64_are_read() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(bytes(text), Some(vec![0xfb, 0xff]), "{text}");
        }
        assert_eq!(bytes("!"), None);
    }
}
