//! What comes from others: licences, sources and doubles of dependencies, and what is known to be wrong with them.
//!
//! `cargo deny` and `cargo audit` are used where they are installed; building them takes minutes, so that nothing here installs them.
//! The database of advisories comes from the network: where it cannot be fetched, that part is skipped with the reason.

use crate::report::Stop;
use crate::shell;

/// Checks.
pub fn check() -> Result<(), Stop> {
    let installed = |tool: &str| shell::output("cargo", &[tool, "--version"]).is_some();
    if installed("deny") {
        shell::run(&mut shell::cargo(&[
            "deny",
            "--offline",
            "--all-features",
            "check",
            "bans",
            "licenses",
            "sources",
        ]))?;
    } else {
        println!("cargo-deny is not installed (cargo install cargo-deny): the lock file alone is checked");
    }
    lock_file()?;
    if !installed("audit") {
        return Err(Stop::Skipped("advisories: cargo-audit is not installed (cargo install cargo-audit)".into()));
    }
    if shell::output("cargo", &["audit", "--json"]).is_none()
        && shell::output("cargo", &["audit", "--no-fetch"]).is_none()
    {
        return Err(Stop::Skipped("advisories: the database cannot be fetched from here".into()));
    }
    Ok(shell::run(&mut shell::cargo(&["audit", "--deny", "warnings"]))?)
}

/// Every dependency comes from the registry with a checksum, or is ours: no Git, no other registry.
fn lock_file() -> Result<(), Stop> {
    let path = crate::paths::root().join("Cargo.lock");
    let text = std::fs::read_to_string(&path).map_err(anyhow::Error::from)?;
    for package in text.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let line = package.lines().find(|line| line.starts_with(&format!("{name} = ")))?;
            line.split('"').nth(1)
        };
        let (name, source) = (field("name").unwrap_or_default(), field("source"));
        let ours = source.is_none();
        let pinned =
            source == Some("registry+https://github.com/rust-lang/crates.io-index") && field("checksum").is_some();
        if !ours && !pinned {
            return Err(
                anyhow::anyhow!("{name} comes from {source:?}: only crates.io with a checksum is allowed").into()
            );
        }
    }
    Ok(())
}
