//! A log record as LogQL sees it.

use std::collections::BTreeMap;

use model::Timestamp;

use super::stage::Shown;

/// A record with its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// When it was written.
    pub time: Timestamp,
    /// Its line.
    pub line: String,
    /// Labels of its stream.
    pub stream: BTreeMap<String, String>,
    /// All other labels.
    pub metadata: BTreeMap<String, String>,
}

impl Record {
    /// The value of a label; empty where it has none.
    pub fn value(&self, label: &str) -> &str {
        self.stream.get(label).or_else(|| self.metadata.get(label)).map_or("", String::as_str)
    }

    /// Sets a label, where it is kept already or among the others. An empty one is none.
    pub fn set(&mut self, label: &str, value: String) {
        let labels = if self.stream.contains_key(label) { &mut self.stream } else { &mut self.metadata };
        if value.is_empty() {
            labels.remove(label);
        } else {
            labels.insert(label.to_owned(), value);
        }
    }

    /// Takes a label away.
    pub fn take(&mut self, label: &str) -> Option<String> {
        self.stream.remove(label).or_else(|| self.metadata.remove(label))
    }

    /// Adds a label that was found in the line. One the record has already stays; the new one is set beside it, as Loki does, unless both say
    /// the same.
    pub fn extract(&mut self, label: &str, value: String) {
        match self.value(label) {
            "" => self.set(label, value),
            known if known == value => {}
            _ => self.set(&format!("{label}_extracted"), value),
        }
    }

    /// Leaves out the labels that are not shown.
    pub fn show(&mut self, shown: &Shown) {
        self.stream.retain(|label, value| shown.shows(label, value));
        self.metadata.retain(|label, value| shown.shows(label, value));
    }
}
