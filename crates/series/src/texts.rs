//! Texts of labels, each held once: thousands of series share a few hundred names and values.

use std::collections::HashSet;
use std::sync::Arc;

/// The texts that some series has.
#[derive(Debug, Default)]
pub(crate) struct Texts(HashSet<Arc<str>>);

impl Texts {
    /// The text, shared with all who asked for it.
    pub fn of(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new = Arc::<str>::from(text);
        self.0.insert(Arc::clone(&new));
        new
    }

    /// Lets go of what nobody else holds.
    pub fn forget_unused(&mut self) {
        self.0.retain(|text| Arc::strong_count(text) > 1);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_held_once_and_as_long_as_somebody_has_it() {
        let mut texts = Texts::default();
        let (one, other) = (texts.of("agent"), texts.of(&String::from("agent")));
        assert!(Arc::ptr_eq(&one, &other));
        texts.of("nobody's");
        texts.forget_unused();
        assert_eq!(texts.iter().map(|text| &**text).collect::<Vec<_>>(), ["agent"]);
    }
}
