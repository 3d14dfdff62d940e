//! Python environments of our own under target/, for tests with real clients.

use std::path::PathBuf;

use anyhow::Result;

use crate::stamp::Stamp;
use crate::{paths, shell};

/// Installs packages in seconds where pip's search for versions that fit together takes many minutes.
const INSTALLER: &str = "uv==0.13.9";

/// The interpreter of the environment `name` with what the file `requirements` (below the root) lists, made or brought up
/// to date first. Gives why that is not possible.
pub fn environment(name: &str, requirements: &str) -> Result<PathBuf, String> {
    let has_venv = || shell::output("python3", &["-c", "import venv, ensurepip"]).is_some();
    shell::ensure(has_venv, &["python3", "python3-venv"]).map_err(|why| format!("Python 3 with venv: {why}"))?;
    let requirements = paths::root().join(requirements);
    let folder = paths::scratch().join(name);
    let python = folder.join("bin/python");
    let stamp = Stamp::of(name, std::slice::from_ref(&requirements)).map_err(|error| error.to_string())?;
    if stamp.is_current() && python.is_file() {
        return Ok(python);
    }
    let make = || -> Result<()> {
        std::fs::create_dir_all(paths::scratch())?;
        shell::run(&mut shell::command("python3", &["-m", "venv", "--clear", &folder.to_string_lossy()]))?;
        let python = python.to_string_lossy();
        shell::run(&mut shell::command(
            &python,
            &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", INSTALLER],
        ))?;
        let file = requirements.to_string_lossy();
        let install = ["-m", "uv", "pip", "install", "--quiet", "--python", &python, "--requirement", &file];
        shell::run(&mut shell::command(&python, &install))?;
        stamp.keep()
    };
    make().map_err(|error| format!("cannot prepare the Python environment {name}: {error:#}"))?;
    Ok(python)
}
