//! Running other programs.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::paths;

/// A command that runs in the repository's root.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    command_in(&paths::root(), program, arguments)
}

/// A command that runs in `folder`.
pub fn command_in(folder: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command
}

/// Cargo, the same one that runs us.
///
/// What `cargo run` sets for the program it runs is not passed on: build scripts ask for some of it (that of `ring`), and a
/// build from here would compile them again, and with them the query engine, after each build by hand.
pub fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = command(&cargo, arguments);
    let ours = |name: &str| {
        ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix)) || name == "CARGO_BIN_NAME"
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(ours) {
            command.env_remove(name);
        }
    }
    command
}

/// Shows the command, runs it with its output passed through, and fails unless it succeeds.
pub fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    println!("$ {line}");
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// What a command prints, without surrounding white space; `None` when it is missing or fails.
pub fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = command(program, arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
    output.status.success().then_some(text)
}

/// Whether a program can be started.
pub fn exists(program: &str) -> bool {
    output(program, &["--version"]).is_some()
}

/// Whether we may install Debian packages: there is apt-get, and we are root.
fn may_install() -> bool {
    exists("apt-get") && output("id", &["-u"]).as_deref() == Some("0")
}

/// Makes sure that `probe` answers, installing Debian `packages` where that is possible. Gives why it is not.
pub fn ensure(probe: impl Fn() -> bool, packages: &[&str]) -> Result<(), String> {
    if probe() {
        return Ok(());
    }
    let wanted = packages.join(" ");
    if !may_install() {
        return Err(format!("not installed; install it (Debian: apt-get install {wanted})"));
    }
    let quiet = |arguments: &[&str]| {
        let mut command = command("apt-get", arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        run(&mut command)
    };
    quiet(&["update", "-q"])
        .and_then(|()| quiet(&[&["install", "-q", "-y", "--no-install-recommends"], packages].concat()))
        .map_err(|error| format!("cannot install {wanted}: {error}"))?;
    if probe() { Ok(()) } else { Err(format!("{wanted} was installed but does not answer")) }
}

/// A command as a person would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words
        .map(|word| {
            let word = word.to_string_lossy();
            let short = word.rsplit('/').next().unwrap_or(&word).to_string();
            if word.starts_with('/') { short } else { word.into_owned() }
        })
        .collect();
    words.join(" ")
}
