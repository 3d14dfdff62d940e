//! A list of OTLP attributes in the making.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value};
use serde_json::Value as Json;

/// Attributes in the order they were added.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.push(key, text(value));
    }

    pub(super) fn int(&mut self, key: &str, value: u64) {
        self.push(key, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    /// Only where there is something to say.
    pub(super) fn some_int(&mut self, key: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.int(key, value);
        }
    }

    pub(super) fn double(&mut self, key: &str, value: f64) {
        self.push(key, Value::DoubleValue(value));
    }

    pub(super) fn bool(&mut self, key: &str, value: bool) {
        self.push(key, Value::BoolValue(value));
    }

    pub(super) fn texts(&mut self, key: &str, values: &[&str]) {
        let values = values.iter().map(|value| any(text(value))).collect();
        self.push(key, Value::ArrayValue(ArrayValue { values }));
    }

    /// JSON as the structured value it is.
    pub(super) fn json(&mut self, key: &str, value: &Json) {
        self.0.push(KeyValue { key: key.into(), value: Some(structured(value)), ..KeyValue::default() });
    }

    /// JSON as text, as spans carry it.
    pub(super) fn json_text(&mut self, key: &str, value: &Json) {
        self.text(key, &value.to_string());
    }

    fn push(&mut self, key: &str, value: Value) {
        self.0.push(KeyValue { key: key.into(), value: Some(any(value)), ..KeyValue::default() });
    }

    pub(super) fn into_vec(self) -> Vec<KeyValue> {
        self.0
    }
}

pub(super) fn text(value: &str) -> Value {
    Value::StringValue(value.to_string())
}

pub(super) fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn structured(value: &Json) -> AnyValue {
    any(match value {
        Json::Null => return AnyValue { value: None },
        Json::Bool(value) => Value::BoolValue(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::IntValue(whole),
            None => Value::DoubleValue(number.as_f64().unwrap_or(0.0)),
        },
        Json::String(value) => text(value),
        Json::Array(values) => Value::ArrayValue(ArrayValue { values: values.iter().map(structured).collect() }),
        Json::Object(entries) => Value::KvlistValue(KeyValueList {
            values: entries
                .iter()
                .map(|(key, value)| KeyValue {
                    key: key.clone(),
                    value: Some(structured(value)),
                    ..KeyValue::default()
                })
                .collect(),
        }),
    })
}
