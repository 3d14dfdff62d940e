//! Values of labels by number, so that a series is found by comparing numbers.

use std::sync::Arc;

use super::FastMap;

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

/// Numbers of texts by where they lie, while none of them moves: the observations of a step have most of their labels in common.
pub(super) struct Near([(usize, usize, u32); Self::SLOTS]);

impl Default for Near {
    fn default() -> Self {
        Self([(0, 0, 0); Self::SLOTS])
    }
}

impl Near {
    const SLOTS: usize = 64;

    /// As [`Texts::known`]; `text` must live as long as this.
    #[inline]
    pub fn known(&mut self, texts: &Texts, text: &str) -> Option<u32> {
        let (place, length) = (text.as_ptr() as usize, text.len());
        // Texts are eight bytes apart at least; what is above changes most.
        let slot = &mut self.0[(place >> 3 ^ place >> 9 ^ length) % Self::SLOTS];
        if (slot.0, slot.1) != (place, length) || length == 0 {
            *slot = (place, length, texts.known(text)?);
        }
        Some(slot.2)
    }
}
