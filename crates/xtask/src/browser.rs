//! Finding a browser for the UI's end-to-end tests.

use std::path::PathBuf;

use crate::shell;

/// Names under which Chromium and Chrome are installed.
const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A Chromium, installed first where that is possible. Gives why there is none.
pub fn find() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("CHROMIUM_PATH").map(PathBuf::from).filter(|path| path.is_file()) {
        return Ok(path);
    }
    shell::ensure(|| installed().is_some(), &["chromium"]).map_err(|why| format!("Chromium: {why}"))?;
    installed().ok_or_else(|| "Chromium: not found on PATH".to_string())
}

fn installed() -> Option<PathBuf> {
    NAMES.iter().find_map(|name| shell::output("sh", &["-c", &format!("command -v {name}")])).map(PathBuf::from)
}
