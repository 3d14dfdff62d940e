//! Values of labels by number, so that a series is found by comparing numbers.

use std::sync::Arc;

use super::FastMap;

/// Characters of a label's value; the rest is cut.
pub const LABEL_CHARS: usize = 120;

/// A text as a label's value.
pub(super) fn cut(text: &str) -> &str {
    if text.len() <= LABEL_CHARS {
        return text;
    }
    text.char_indices().nth(LABEL_CHARS).map_or(text, |(end, _)| &text[..end])
}

/// The texts that some series has as a label.
#[derive(Debug, Default)]
pub(super) struct Texts(FastMap<Arc<str>, u32>);

impl Texts {
    /// The number of a text that some series has.
    pub fn known(&self, text: &str) -> Option<u32> {
        self.0.get(text).copied()
    }

    /// The number of a text, a new one where it has none, and the text itself, held once.
    pub fn keep(&mut self, text: &str) -> (u32, Arc<str>) {
        if let Some((text, number)) = self.0.get_key_value(text) {
            return (*number, Arc::clone(text));
        }
        let (number, text) = (self.0.len() as u32, Arc::<str>::from(text));
        self.0.insert(Arc::clone(&text), number);
        (number, text)
    }
}
