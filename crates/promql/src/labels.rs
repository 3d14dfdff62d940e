//! Label sets: what names a series.

use std::fmt;
use std::sync::Arc;

use crate::quote::quoted;

/// The label that holds the metric name.
pub const METRIC_NAME: &str = "__name__";
/// The label of a classic histogram's bucket bound.
pub const BUCKET: &str = "le";

/// Labels that describe the metric rather than the series: an operation that changes what the values mean drops them, and vectors are
/// matched without them.
pub(crate) const METADATA: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

/// One label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// Name; any UTF-8 text but the empty one.
    pub name: Arc<str>,
    /// Value; never empty, since an empty value is the same as no label.
    pub value: Arc<str>,
}

/// A set of labels, ordered by name. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Arc<[Label]>);

impl Default for Labels {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl Labels {
    /// From pairs in any order. Empty values are left out; of two with one name the last counts.
    pub fn new<N: Into<Arc<str>>, V: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut labels: Vec<Label> =
            pairs.into_iter().map(|(name, value)| Label { name: name.into(), value: value.into() }).collect();
        labels.sort_by(|a, b| a.name.cmp(&b.name));
        labels.dedup_by(|later, earlier| {
            let same = later.name == earlier.name;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        labels.retain(|label| !label.value.is_empty());
        Self(labels.into())
    }

    /// The value of `name`; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).map_or("", |label| &label.value)
    }

    fn find(&self, name: &str) -> Option<&Label> {
        // Sets are small: a scan beats a search.
        self.0.iter().find(|label| &*label.name == name)
    }

    /// The labels, ordered by name.
    pub fn iter(&self) -> std::slice::Iter<'_, Label> {
        self.0.iter()
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The metric name; empty where there is none.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME)
    }

    /// The labels for which `keep` holds.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        if self.0.iter().all(|label| keep(&label.name)) {
            return self.clone();
        }
        Self(self.0.iter().filter(|label| keep(&label.name)).cloned().collect())
    }

    /// Without `names`.
    #[must_use]
    pub fn without<S: AsRef<str>>(&self, names: &[S]) -> Self {
        self.filtered(|name| !names.iter().any(|other| other.as_ref() == name))
    }

    /// Only `names`.
    #[must_use]
    pub fn only<S: AsRef<str>>(&self, names: &[S]) -> Self {
        self.filtered(|name| names.iter().any(|other| other.as_ref() == name))
    }

    /// Without metric name, type and unit.
    #[must_use]
    pub fn without_metadata(&self) -> Self {
        self.without(&METADATA)
    }

    /// With `name` set to `value`; an empty value removes it.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut labels: Vec<Label> = self.0.iter().filter(|label| &*label.name != name).cloned().collect();
        if !value.is_empty() {
            let at = labels.partition_point(|label| &*label.name < name);
            labels.insert(at, Label { name: name.into(), value: value.into() });
        }
        Self(labels.into())
    }

    /// Prometheus' own hash of the set (xxHash64 of lengths and texts), so that `limit_ratio` picks the same series.
    pub fn hash_like_prometheus(&self) -> u64 {
        let mut bytes = Vec::with_capacity(64);
        let mut push = |text: &str| {
            match u8::try_from(text.len()) {
                Ok(length) if length < 255 => bytes.push(length),
                _ => {
                    bytes.push(255);
                    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes()[..3]);
                }
            }
            bytes.extend_from_slice(text.as_bytes());
        };
        for label in self.iter() {
            push(&label.name);
            push(&label.value);
        }
        twox_hash::XxHash64::oneshot(0, &bytes)
    }
}

/// Whether `name` can be written without quotes as a label.
pub fn is_plain_label(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(plain) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Whether `name` can be written without quotes as a metric.
pub fn is_plain_metric(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':';
    name.bytes().all(plain) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

impl fmt::Display for Labels {
    /// `{a="1", b="2"}`, as Prometheus' messages have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, label) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            if is_plain_label(&label.name) {
                f.write_str(&label.name)?;
            } else {
                f.write_str(&quoted(&label.name))?;
            }
            write!(f, "={}", quoted(&label.value))?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_is_no_label_and_the_last_of_two_counts() {
        let labels = Labels::new([("b", "2"), ("a", "1"), ("c", ""), ("b", "3")]);
        assert_eq!(labels.to_string(), r#"{a="1", b="3"}"#);
        assert_eq!(labels.with("a", "").with("aa", "x").to_string(), r#"{aa="x", b="3"}"#);
    }

    #[test]
    fn order_is_by_names_and_values_then_by_length() {
        let mut sets = [Labels::new([("a", "2")]), Labels::new([("a", "1"), ("b", "1")]), Labels::new([("a", "1")])];
        sets.sort();
        assert_eq!(format!("{sets:?}"), r#"[{a="1"}, {a="1", b="1"}, {a="2"}]"#);
    }
}
