//! Lists that were flattened into attribute keys, `prefix.N.rest`: indices come in any order and with holes.

use model::{Attributes, Value};

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
    debug_assert!(prefix.ends_with('.'), "`{prefix}` ends with no dot");
    let mut found: Vec<(u64, &'r str, &'r Value<'r>)> = Vec::new();
    for (key, value) in entries {
        // Most keys have no dot where the prefix ends, and need not be compared.
        if key.as_bytes().get(prefix.len() - 1) != Some(&b'.') {
            continue;
        }
        let Some(rest) = key.strip_prefix(prefix) else { continue };
        let (digits, rest) = rest.split_once('.').unwrap_or((rest, ""));
        if let Ok(index) = digits.parse::<u64>() {
            found.push((index, rest, value));
        }
    }
    // Stable: the keys of one element keep their order.
    found.sort_by_key(|(index, _, _)| *index);
    let mut items: Vec<Item<'r>> = Vec::new();
    for (index, rest, value) in found {
        match items.last_mut() {
            Some(item) if item.index == index => item.entries.push((rest, value)),
            _ => items.push(Item { index, entries: vec![(rest, value)] }),
        }
    }
    items
}
