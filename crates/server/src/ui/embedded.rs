//! The built UI, embedded. A debug build reads the files from the folder instead, so that they can change under it.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};

use super::Asset;

#[cfg(not(debug_assertions))]
fn bytes(path: &str) -> Option<Cow<'static, [u8]>> {
    static DIST: include_dir::Dir<'_> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/../../ui/dist");
    DIST.get_file(path).map(|file| Cow::Borrowed(file.contents()))
}

#[cfg(debug_assertions)]
fn bytes(path: &str) -> Option<Cow<'static, [u8]>> {
    // What leaves the folder is not a file of the UI.
    let inside = std::path::Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let file = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/dist")).join(path);
    std::fs::read(file).ok().filter(|_| inside).map(Cow::Owned)
}

/// A file of the UI by its path.
pub fn get(path: &str) -> Option<Asset> {
    let bytes = bytes(path)?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    let kind = mime_guess::from_path(path).first_or_octet_stream().to_string();
    Some(Asset { kind, tag: format!("\"{:016x}\"", hasher.finish()), bytes, packed: false })
}
