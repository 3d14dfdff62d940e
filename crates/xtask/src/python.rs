//! A Python environment of our own under target/, for tests with real clients.

use std::path::PathBuf;

use anyhow::Result;

use crate::stamp::Stamp;
use crate::{paths, shell};

/// The interpreter of the environment, made or brought up to date first. Gives why that is not possible.
pub fn environment() -> Result<PathBuf, String> {
    let has_venv = || shell::output("python3", &["-c", "import venv, ensurepip"]).is_some();
    shell::ensure(has_venv, &["python3", "python3-venv"]).map_err(|why| format!("Python 3 with venv: {why}"))?;
    let requirements = paths::root().join("e2e/requirements.txt");
    let folder = paths::scratch().join("python");
    let python = folder.join("bin/python");
    let stamp = Stamp::of("python", std::slice::from_ref(&requirements)).map_err(|error| error.to_string())?;
    if stamp.is_current() && python.is_file() {
        return Ok(python);
    }
    let make = || -> Result<()> {
        std::fs::create_dir_all(paths::scratch())?;
        shell::run(&mut shell::command("python3", &["-m", "venv", "--clear", &folder.to_string_lossy()]))?;
        let file = requirements.to_string_lossy();
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", &file];
        shell::run(&mut shell::command(&python.to_string_lossy(), &pip))?;
        stamp.keep()
    };
    make().map_err(|error| format!("cannot prepare the Python environment: {error:#}"))?;
    Ok(python)
}
