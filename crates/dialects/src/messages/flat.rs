//! Lists that were flattened into attribute keys, `prefix.N.rest`: indices come in any order and with holes.

use model::{Attributes, Value};

/// Elements past this many of one list are not read: a key with a huge index must not cost memory.
pub(crate) const MAX_ITEMS: usize = 100_000;

/// One element of a flattened list: what follows its index in each key, and the values.
pub(crate) struct Item<'r> {
    /// Its index as sent.
    pub index: u64,
    /// `rest` and value, in the order sent.
    pub entries: Vec<(&'r str, &'r Value<'r>)>,
}

impl<'r> Item<'r> {
    /// The value of one key of the element.
    pub(crate) fn get(&self, rest: &str) -> Option<&'r Value<'r>> {
        self.entries.iter().find(|(key, _)| *key == rest).map(|(_, value)| *value)
    }

    /// Its non-empty text.
    pub(crate) fn text(&self, rest: &str) -> Option<&'r str> {
        self.get(rest).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A list inside the element.
    pub(crate) fn list(&self, prefix: &str) -> Vec<Item<'r>> {
        collect(self.entries.iter().copied(), prefix)
    }
}

/// The elements of the list under `prefix` (which ends with a dot), by index.
pub(crate) fn list<'r>(attributes: &'r Attributes<'r>, prefix: &str) -> Vec<Item<'r>> {
    collect(attributes.0.iter().map(|(key, value)| (key.as_ref(), value)), prefix)
}

fn collect<'r>(entries: impl Iterator<Item = (&'r str, &'r Value<'r>)>, prefix: &str) -> Vec<Item<'r>> {
    let mut items: Vec<Item<'r>> = Vec::new();
    let mut last = usize::MAX;
    for (key, value) in entries {
        let Some(rest) = key.strip_prefix(prefix) else { continue };
        let (digits, rest) = rest.split_once('.').unwrap_or((rest, ""));
        let Ok(index) = digits.parse::<u64>() else { continue };
        if items.get(last).is_none_or(|item| item.index != index) {
            last = match items.binary_search_by_key(&index, |item| item.index) {
                Ok(at) => at,
                Err(_) if items.len() >= MAX_ITEMS => continue,
                Err(at) => {
                    items.insert(at, Item { index, entries: Vec::new() });
                    at
                }
            };
        }
        items[last].entries.push((rest, value));
    }
    items
}
