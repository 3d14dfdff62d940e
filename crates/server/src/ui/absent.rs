//! Built without the UI.

use super::Asset;

/// No file.
pub fn get(_path: &str) -> Option<Asset> {
    None
}
