//! Ids of other systems as trace and span ids.
//!
//! What is already a W3C id stays it, so that a score of a span that came over OTLP finds it. A UUID gives a trace id by its
//! sixteen bytes. Everything else is hashed (BLAKE3): span ids always, because the first half of a UUIDv7 is a time, and two
//! spans of one millisecond would collide. The original stays with the span as an attribute.

use model::{SpanId, TraceId};

/// The trace id for an id of any form.
pub fn trace_id(id: &str) -> TraceId {
    match uuid(id) {
        Some(bytes) => TraceId::from_slice(&bytes).unwrap_or_else(|_| TraceId::from_array(hash(id.as_bytes()))),
        None => TraceId::from_array(hash(id.as_bytes())),
    }
}

/// The span id for an id of any form.
pub fn span_id(id: &str) -> SpanId {
    if let Ok(own) = id.parse() {
        return own;
    }
    // A UUID names the same span however it is written.
    match uuid(id) {
        Some(bytes) => SpanId::from_array(hash(&bytes)),
        None => SpanId::from_array(hash(id.as_bytes())),
    }
}

/// The id of the span that stands for a whole trace, where a protocol tells of traces apart from spans.
pub fn root_span_id(trace: TraceId) -> SpanId {
    let mut name = *b"root of 0123456789abcdef";
    name[8..].copy_from_slice(trace.as_bytes());
    SpanId::from_array(hash(&name))
}

/// The sixteen bytes of a UUID, with or without hyphens, braces or `urn:uuid:`.
pub(crate) fn uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.trim();
    let text = text.strip_prefix("urn:uuid:").unwrap_or(text).trim_start_matches('{').trim_end_matches('}');
    let mut bytes = [0u8; 16];
    let mut digits = 0;
    for character in text.chars() {
        if character == '-' {
            continue;
        }
        let digit = character.to_digit(16)? as u8;
        *bytes.get_mut(digits / 2)? |= if digits % 2 == 0 { digit << 4 } else { digit };
        digits += 1;
    }
    (digits == 32).then_some(bytes)
}

/// Milliseconds since 1970 in a UUIDv7 (RFC 9562).
pub(crate) fn uuid7_millis(text: &str) -> Option<i64> {
    let bytes = uuid(text)?;
    (bytes[6] >> 4 == 7).then(|| bytes[..6].iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte)))
}

/// The first bytes of the hash; never all zero, which no id may be.
fn hash<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0u8; N];
    out.copy_from_slice(&blake3::hash(bytes).as_bytes()[..N]);
    if out == [0; N] {
        out[N - 1] = 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_names_one_trace_and_one_span_however_it_is_written() {
        let written = ["01a1fc48-b8b9-78e3-b5e8-b2905c8eb53b", "01A1FC48B8B978E3B5E8B2905C8EB53B"];
        assert_eq!(trace_id(written[0]).to_string(), "01a1fc48b8b978e3b5e8b2905c8eb53b");
        assert_eq!(trace_id(written[0]), trace_id(written[1]));
        assert_eq!(span_id(written[0]), span_id(written[1]));
    }

    #[test]
    fn spans_of_one_millisecond_get_ids_of_their_own() {
        assert_ne!(span_id("01a1fc81-6c3f-7000-8000-02f65e626eea"), span_id("01a1fc81-6c3f-7000-8000-033b2f5bdb26"));
    }

    #[test]
    fn w3c_ids_stay_and_free_texts_get_stable_ones() {
        assert_eq!(span_id("7be185cfddd18d55").to_string(), "7be185cfddd18d55");
        assert_eq!(trace_id("7ea469ac83f81a4f52c1bf64a56b7e04").to_string(), "7ea469ac83f81a4f52c1bf64a56b7e04");
        assert_eq!(trace_id("my trace"), trace_id("my trace"));
        assert_ne!(trace_id("my trace"), trace_id("my other trace"));
        // All zero is no id.
        assert_ne!(trace_id(&"0".repeat(32)).as_bytes(), &[0; 16]);
        assert_ne!(span_id(&"0".repeat(16)).as_bytes(), &[0; 8]);
    }

    #[test]
    fn a_uuid7_tells_its_time() {
        assert_eq!(uuid7_millis("01a1fc48-b8b9-78e3-b5e8-b2905c8eb53b"), Some(0x01a1_fc48_b8b9));
        assert_eq!(uuid7_millis("edfd5c72-4802-429f-9e07-17737d7092ba"), None);
    }
}
