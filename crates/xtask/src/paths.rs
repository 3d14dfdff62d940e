//! Where things are in the repository.

use std::path::PathBuf;

/// The repository's root: two levels above this crate.
pub fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root.pop();
    root
}

/// Cargo's target directory.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(path) => root().join(path),
        None => root().join("target"),
    }
}

/// Stamps, the Python environment, demo data: what xtask keeps between calls.
pub fn scratch() -> PathBuf {
    target().join("xtask")
}

/// The browser UI.
pub fn ui() -> PathBuf {
    root().join("ui")
}

/// The `tawny` program of a cargo profile.
pub fn program(profile: &str) -> PathBuf {
    built(profile, "tawny")
}

/// A program of a cargo profile.
pub fn built(profile: &str, name: &str) -> PathBuf {
    let folder = if profile == "dev" { "debug" } else { profile };
    target().join(folder).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
