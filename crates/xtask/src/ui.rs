//! Building the browser UI with Node.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;

use crate::{paths, shell, stamp::Stamp};

/// The oldest Node the UI builds with, as `engines` in ui/package.json says.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// Options of `cargo xtask ui`.
#[derive(Debug, Args)]
pub struct Options {
    /// Build even where nothing changed.
    #[arg(long)]
    force: bool,
}

/// Builds the UI.
pub fn run(options: &Options) -> Result<()> {
    if let Err(why) = node() {
        bail!("{why}");
    }
    build(options.force)
}

/// Whether Node and npm can be used; if not, why.
pub fn node() -> Result<(), String> {
    let how = "install Node 20.19 or newer with npm from https://nodejs.org or your system's packages";
    let Some(version) = shell::output("node", &["--version"]) else {
        return Err(format!("Node is not installed; {how}"));
    };
    let mut numbers = version.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < OLDEST_NODE {
        return Err(format!("Node {version} is too old; {how}"));
    }
    if !shell::exists("npm") {
        return Err(format!("npm is not installed; {how}"));
    }
    Ok(())
}

/// Installs the UI's packages.
pub fn install() -> Result<()> {
    install_in(&paths::ui())
}

/// Installs a folder's packages unless npm did so after its lock file last changed.
pub fn install_in(folder: &Path) -> Result<()> {
    let changed = |path: &str| std::fs::metadata(folder.join(path)).and_then(|meta| meta.modified());
    // npm writes its own copy of the lock file when it is done.
    if let (Ok(locked), Ok(installed)) = (changed("package-lock.json"), changed("node_modules/.package-lock.json"))
        && installed >= locked
    {
        return Ok(());
    }
    shell::run(&mut shell::command_in(folder, "npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"]))
}

/// Builds the UI into ui/dist where its sources changed.
pub fn build(force: bool) -> Result<()> {
    let inputs =
        ["src", "public", "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"];
    let inputs: Vec<_> = inputs.iter().map(|name| paths::ui().join(name)).collect();
    let stamp = Stamp::of("ui", &inputs)?;
    if !force && stamp.is_current() && paths::ui().join("dist/index.html").is_file() {
        println!("UI: ui/dist is up to date");
        return Ok(());
    }
    install()?;
    npm(&["run", "--silent", "build"])?;
    stamp.keep()
}

/// Runs npm in ui/.
pub fn npm(arguments: &[&str]) -> Result<()> {
    shell::run(&mut shell::command_in(&paths::ui(), "npm", arguments))
}
