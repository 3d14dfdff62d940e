//! Which bodies an encoded value refers to, found without reading the value.

use memchr::memmem;

use super::apart::text_end;
use crate::bodies::BodyHash;

/// How the encoder begins a text that refers to bodies. Nothing else looks so: a quote inside of a text is escaped, and a map with a
/// key of the sender's that begins with `$` is written as `$map`.
const MARK: &[u8] = b"{\"$body\":[";

/// Calls `each` with every body that an encoded value refers to, in order, repeats included.
pub(crate) fn each_reference(text: &str, mut each: impl FnMut(BodyHash)) {
    let bytes = text.as_bytes();
    for found in memmem::find_iter(bytes, MARK) {
        let mut at = found + MARK.len();
        let mut is_name = false;
        while let Some(end) = text_end(bytes, at) {
            if is_name && let Some(hash) = text.get(at + 1..end - 1).and_then(|name| name.parse().ok()) {
                each(hash);
            }
            is_name = !is_name;
            if bytes.get(end) != Some(&b',') {
                break;
            }
            at = end + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Value;

    use super::*;
    use crate::attributes::{encode_value, write_value};
    use crate::bodies::{Splitter, Texts};

    fn references(text: &str) -> Vec<BodyHash> {
        let mut found = Vec::new();
        each_reference(text, |hash| found.push(hash));
        found
    }

    #[test]
    fn every_body_of_every_text_is_found_repeats_included() {
        let message = |text: &str| format!("{{\"content\":\"{}\"}}", text.repeat(80));
        let (one, two) = (message("one \\\" [ "), message("two"));
        let conversation = format!("[{one},{two},{one}]");
        let value = Value::Map(vec![
            ("a".into(), Value::Str(conversation.as_str().into())),
            ("$b".into(), Value::Bytes(vec![7; 300].into())),
            ("c".into(), Value::Array(vec![Value::Str("plain ".repeat(60).into()), Value::Str("short".into())])),
        ]);
        let mut texts = Texts::default();
        let mut splitter = Splitter::new(&mut texts);
        let mut text = String::new();
        write_value(&mut text, &value, Some(&mut splitter), 0);
        let kept: Vec<BodyHash> = splitter.bodies.iter().map(|(hash, _)| *hash).collect();
        assert_eq!(kept.len(), 5);
        assert_eq!(references(&text), kept);
    }

    #[test]
    fn what_a_sender_wrote_is_never_taken_for_a_reference() {
        let name = "ea8f163db38682925e4491c5e58d4bb3";
        let list = || Value::Array(vec![Value::Str("".into()), Value::Str(name.into())]);
        for value in [
            Value::Str(format!("{{\"$body\":[\"\",\"{name}\"]}}").into()),
            Value::Map(vec![("$body".into(), list())]),
            Value::Map(vec![(format!("{{\"$body\":[\"\",\"{name}\"]}}").into(), list())]),
        ] {
            assert!(references(&encode_value(&value)).is_empty());
        }
    }
}
