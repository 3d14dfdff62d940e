//! The built UI, embedded. A debug build reads the files from the folder instead, so that they can change under it.

use rust_embed::RustEmbed;

use super::Asset;

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
struct Dist;

/// A file of the UI by its path.
pub fn get(path: &str) -> Option<Asset> {
    let file = Dist::get(path)?;
    let hash: String = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Asset { kind: file.metadata.mimetype().to_owned(), tag: format!("\"{hash}\""), bytes: file.data })
}
