//! Values of labels by number, so that a series is found by comparing numbers.

use std::sync::Arc;

use super::FastMap;
use super::family::Label;

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

/// Stands for no number.
const NONE: u32 = u32::MAX;

/// Numbers of a run's texts: by label the last one, since most steps of a run have agent, workflow and model in common, and by where
/// they lie, since the observations of a step have.
pub(super) struct Near<'a> {
    /// Numbers of project and environment, once they are known.
    pub tenant: Option<(u32, u32)>,
    by_label: [(&'a str, u32); Label::COUNT],
    by_place: [(usize, usize, u32); SLOTS],
}

/// Places remembered.
const SLOTS: usize = 64;

impl Default for Near<'_> {
    fn default() -> Self {
        Self { tenant: None, by_label: [("", NONE); Label::COUNT], by_place: [(0, 0, 0); SLOTS] }
    }
}

impl<'a> Near<'a> {
    /// As [`Texts::known`].
    #[inline]
    pub fn known(&mut self, texts: &Texts, label: Label, text: &'a str) -> Option<u32> {
        let last = &mut self.by_label[label as usize];
        if last.1 != NONE && (std::ptr::eq(last.0, text) || last.0 == text) {
            return Some(last.1);
        }
        let (place, length) = (text.as_ptr() as usize, text.len());
        // Texts are eight bytes apart at least; what is above changes most.
        let slot = &mut self.by_place[(place >> 3 ^ place >> 9 ^ length) % SLOTS];
        if (slot.0, slot.1) != (place, length) || length == 0 {
            *slot = (place, length, texts.known(text)?);
        }
        *last = (text, slot.2);
        Some(slot.2)
    }
}
