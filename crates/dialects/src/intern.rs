//! Shared texts: service names, models and agents repeat on every span, so equal ones share one allocation.

use std::cell::RefCell;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Texts remembered per thread; a power of two. A new text replaces the one in its place, so memory is bounded.
const SLOTS: usize = 1024;
/// Longer texts are not worth remembering.
const MAX_BYTES: usize = 96;
/// Names are repeated in every list, so a longer one is cut there; what was sent keeps it whole.
pub(crate) const NAME_BYTES_MAX: usize = 1024;

thread_local! {
    static TEXTS: RefCell<Vec<Option<Arc<str>>>> = RefCell::new(vec![None; SLOTS]);
}

/// `text` as a shared text, cut to [`NAME_BYTES_MAX`].
pub(crate) fn intern(text: &str) -> Arc<str> {
    if text.len() > MAX_BYTES {
        return text[..text.floor_char_boundary(NAME_BYTES_MAX)].into();
    }
    let slot = Hasher::default().hash_one(text) as usize & (SLOTS - 1);
    TEXTS.with_borrow_mut(|texts| match &texts[slot] {
        Some(known) if known.as_ref() == text => Arc::clone(known),
        _ => {
            let new: Arc<str> = text.into();
            texts[slot] = Some(Arc::clone(&new));
            new
        }
    })
}

/// Hashing that gives the same answer in every process.
pub(crate) type Hasher = foldhash::fast::FixedState;
