//! What was removed, how often and where.

use std::collections::BTreeMap;

/// Different removals that a report tells apart; further ones count under the field `(other)`.
pub const MAX_REMOVALS: usize = 2_000;

/// One sort of removal at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Removal {
    /// Project.
    pub project: String,
    /// Environment, as the sender named it.
    pub environment: String,
    /// The attribute, with `#` for numbers in its name, or `span.name`, `status.message`, `log.body` and the like.
    pub field: String,
    /// What was done: `preview`, `hash`, `none`, or the name of the detector or pattern that found something.
    pub action: String,
}

/// What policies removed: each sort with how often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report(BTreeMap<Removal, u64>);

impl Report {
    /// Counts removals.
    pub fn add(&mut self, removal: Removal, times: u64) {
        if let Some(count) = self.0.get_mut(&removal) {
            *count += times;
            return;
        }
        let removal =
            if self.0.len() < MAX_REMOVALS { removal } else { Removal { field: "(other)".into(), ..removal } };
        *self.0.entry(removal).or_default() += times;
    }

    /// Adds what another report counted.
    pub fn merge(&mut self, other: Self) {
        for (removal, times) in other.0 {
            self.add(removal, times);
        }
    }

    /// Each sort with how often.
    pub fn iter(&self) -> impl Iterator<Item = (&Removal, u64)> {
        self.0.iter().map(|(removal, times)| (removal, *times))
    }

    /// Removals together.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Whether nothing was removed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A field's name for reports: numbers in it are one.
pub(crate) fn folded(field: &str) -> String {
    /// A sender chooses its keys: a report does not repeat long ones.
    const LONGEST: usize = 120;
    let mut name = String::with_capacity(field.len().min(LONGEST));
    for letter in field.chars().take(LONGEST) {
        match (letter.is_ascii_digit(), name.ends_with('#')) {
            (true, true) => {}
            (true, false) => name.push('#'),
            (false, _) => name.push(letter),
        }
    }
    name
}
