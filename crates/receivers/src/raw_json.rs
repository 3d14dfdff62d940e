//! JSON objects whose members stay text until somebody asks: a prompt of ten megabytes is neither parsed nor copied to be kept,
//! and is given back exactly as it was written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::{Timestamp, Value};
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

/// The members of one object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Members<'a> {
    /// Reads an object; the error is a sentence.
    pub fn read(bytes: &'a [u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map(Self).map_err(|error| format!("not a JSON object: {error}"))
    }

    /// The object in a member; empty where there is none.
    pub fn object(&self, key: &str) -> Self {
        self.raw(key).and_then(|text| serde_json::from_str(text).ok()).map(Self).unwrap_or_default()
    }

    /// Puts a member in, over one that is there.
    pub fn insert(&mut self, key: &str, value: &'a RawValue) {
        self.0.insert(key.to_owned(), value);
    }

    /// Puts all members of another object in, over those that are there.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Names and texts of all members that are not null.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.get())).filter(|(_, text)| *text != "null")
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A member's JSON text; `None` for null.
    pub fn raw(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(|value| value.get()).filter(|text| *text != "null")
    }

    /// A member as parsed JSON; `None` for null and for what is nested too deep to parse.
    pub fn json(&self, key: &str) -> Option<Json> {
        serde_json::from_str(self.raw(key)?).ok()
    }

    /// A member's text, if it is non-empty text. A number stands for its digits (ids are sent so).
    pub fn text(&self, key: &str) -> Option<String> {
        match self.json_scalar(key)? {
            Json::String(text) => Some(text).filter(|text| !text.is_empty()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A member's number, also from text.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.json_scalar(key)? {
            Json::Number(number) => number.as_f64(),
            Json::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A member's time: RFC 3339 text, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970.
    pub fn time(&self, key: &str) -> Option<Timestamp> {
        time(&self.json_scalar(key)?)
    }

    /// A member's list of texts.
    pub fn texts(&self, key: &str) -> Vec<String> {
        match self.json(key) {
            Some(Json::Array(items)) => items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
            Some(Json::String(text)) if !text.is_empty() => vec![text],
            _ => Vec::new(),
        }
    }

    /// A member that is neither list nor object; those can be large and are not parsed in vain.
    fn json_scalar(&self, key: &str) -> Option<Json> {
        let text = self.raw(key)?;
        if text.starts_with(['{', '[']) { None } else { serde_json::from_str(text).ok() }
    }
}

/// The items of a list, each as its text.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Items<'a>(#[serde(borrow)] pub Vec<&'a RawValue>);

/// JSON text as an attribute: plain text and numbers as such, lists and objects as their JSON text; `None` for null.
pub(crate) fn attribute(text: &str) -> Option<Value<'static>> {
    match text.as_bytes().first()? {
        b'{' | b'[' => Some(Value::Str(Cow::Owned(text.to_owned()))),
        _ => match serde_json::from_str(text).ok()? {
            Json::Null => None,
            Json::Bool(truth) => Some(Value::Bool(truth)),
            Json::Number(number) => {
                Some(number.as_i64().map_or_else(|| Value::Double(number.as_f64().unwrap_or_default()), Value::Int))
            }
            Json::String(text) => Some(Value::Str(Cow::Owned(text))),
            other => Some(Value::Str(Cow::Owned(other.to_string()))),
        },
    }
}

/// Text as an attribute.
pub(crate) fn string(text: impl Into<String>) -> Value<'static> {
    Value::Str(Cow::Owned(text.into()))
}

/// A time in any of the forms these protocols use. JavaScript sends milliseconds where Python sends text.
pub(crate) fn time(json: &Json) -> Option<Timestamp> {
    match json {
        Json::String(text) => {
            let text = text.trim();
            // Python's naive times are UTC in all of these SDKs.
            Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_rfc3339(&format!("{text}Z")))
        }
        Json::Number(number) => {
            let number = number.as_f64().filter(|number| *number > 0.0)?;
            let nanos = match number {
                number if number < 1e11 => number * 1e9,
                number if number < 1e14 => number * 1e6,
                number if number < 1e17 => number * 1e3,
                number => number,
            };
            Some(Timestamp::from_nanos(nanos.min(9.2e18) as i64))
        }
        _ => None,
    }
    .filter(|time| !time.is_unset())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_read_in_every_form_that_is_sent() {
        let expected = Timestamp::from_millis(1_795_237_702_827);
        for form in [
            json!("2026-11-21T05:08:22.827Z"),
            json!("2026-11-21T05:08:22.827+00:00"),
            json!("2026-11-21T05:08:22.827"),
            json!(1_795_237_702_827_u64),
            json!(1_795_237_702.827),
        ] {
            let found = time(&form).unwrap();
            assert!(found.nanos_since(expected).abs() < 1_000, "{form}: {found}");
        }
        assert_eq!(time(&json!("yesterday")), None);
        assert_eq!(time(&json!(-5)), None);
    }

    #[test]
    fn large_members_stay_as_they_were_written() {
        let members = Members::read(br#"{"inputs": {"b": 1,  "a": [1.0]}, "name": "x", "none": null}"#).unwrap();
        assert_eq!(members.raw("inputs"), Some(r#"{"b": 1,  "a": [1.0]}"#));
        assert_eq!(members.text("name").as_deref(), Some("x"));
        assert_eq!(members.raw("none"), None);
        assert_eq!(members.text("inputs"), None);
    }
}
