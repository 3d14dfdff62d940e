//! `cargo xtask openapi`: the committed description of the API, written again from the code.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::{paths, shell};

/// Writes docs/openapi.json.
pub fn run() -> Result<()> {
    let output = shell::cargo(&["run", "--quiet", "--package", "tawny", "--", "openapi"])
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cannot print the API description:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let file = paths::root().join("docs/openapi.json");
    fs::write(&file, &output.stdout).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{} written", file.display());
    Ok(())
}
