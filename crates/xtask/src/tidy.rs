//! The repository's own rules, as tests: what a reviewer would otherwise have to remember.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use crate::paths;

/// Folders that hold nothing written by hand.
const SKIPPED: &[&str] = &[".git", "target", "node_modules", "dist", "tawny-data", "__pycache__"];

/// Lines a source file may have; a longer one holds more than one concept.
const MOST_LINES: usize = 500;

/// Lines a file of tests may have.
const MOST_TEST_LINES: usize = 900;

/// Files that are longer for now. This list only shrinks: an entry that is no longer needed fails the test.
const LONG_FILES: &[&str] = &[];

/// Our crates by what they may depend on among ours (see ARCHITECTURE.md).
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &["model"]),
    ("dialects", &["model"]),
    ("receivers", &["model", "wire"]),
    ("signals", &["model"]),
    ("policy", &["model"]),
    ("access", &["model", "state"]),
    ("promql", &["model"]),
    ("series", &["model", "promql"]),
    ("simulator", &["model"]),
    ("alerts", &["promql"]),
    ("forward", &["dialects", "model", "wire"]),
    ("state", &[]),
    ("store", &["model"]),
    ("query", &["model", "promql", "store"]),
    (
        "server",
        &[
            "dialects",
            "forward",
            "model",
            "promql",
            "query",
            "receivers",
            "series",
            "signals",
            "state",
            "store",
            "wire",
            "alerts",
            "access",
            "policy",
        ],
    ),
    (
        "tawny",
        &[
            "dialects",
            "forward",
            "model",
            "promql",
            "query",
            "server",
            "signals",
            "simulator",
            "store",
            "wire",
            "alerts",
            "access",
            "policy",
            "state",
        ],
    ),
    ("simulation", &["model", "signals", "store"]),
    ("xtask", &[]),
];

fn files(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    walk(&paths::root(), extensions, &mut found);
    assert!(!found.is_empty(), "no files found: the walk is broken");
    found
}

fn walk(folder: &Path, extensions: &[&str], found: &mut Vec<(PathBuf, String)>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if SKIPPED.contains(&name.as_str()) || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            walk(&path, extensions, found);
        } else if path.extension().is_some_and(|it| extensions.iter().any(|wanted| it == *wanted)) {
            let text = fs::read_to_string(&path).unwrap_or_default();
            found.push((path.strip_prefix(paths::root()).unwrap().to_owned(), text));
        }
    }
}

fn is_test(path: &Path) -> bool {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let named = path.file_stem().is_some_and(|stem| {
        let stem = stem.to_string_lossy();
        stem == "tests" || stem.starts_with("test_") || stem.ends_with("_tests") || stem.ends_with(".test")
    });
    named || parts.iter().any(|part| part == "tests" || part == "e2e" || part == "benches")
}

#[track_caller]
fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}\n", broken.join("\n  "));
}

#[test]
fn every_rust_file_opens_by_saying_what_it_is_for() {
    let broken: Vec<String> = files(&["rs"])
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_none("these files do not begin with `//!`", &broken);
}

#[test]
fn files_stay_short_enough_to_hold_one_concept() {
    let mut broken = Vec::new();
    let mut needed = BTreeSet::new();
    for (path, text) in files(&["rs", "ts", "tsx", "py", "css"]) {
        let name = path.display().to_string();
        let generated = text.lines().take(5).any(|line| line.contains("auto-generated"));
        let most = if is_test(&path) { MOST_TEST_LINES } else { MOST_LINES };
        let lines = text.lines().count();
        if generated || lines <= most {
            continue;
        }
        if LONG_FILES.contains(&name.as_str()) {
            needed.insert(name);
        } else {
            broken.push(format!("{name}: {lines} lines, at most {most}"));
        }
    }
    assert_none("split these files by concept", &broken);
    let stale: Vec<String> =
        LONG_FILES.iter().filter(|name| !needed.contains(**name)).map(|name| (*name).to_string()).collect();
    assert_none("short enough now, take them off LONG_FILES", &stale);
}

#[test]
fn nothing_names_a_place_on_somebodys_machine() {
    // Written in two parts, so that this file keeps its own rule.
    let places: Vec<String> =
        ["ho|me", "ro|ot", "wo|rk", "Use|rs"].iter().map(|word| format!("/{}/", word.replace('|', ""))).collect();
    let mut broken = Vec::new();
    for (path, text) in files(&["rs", "ts", "tsx", "py", "md", "toml", "json", "sh", "yml", "yaml", "html"]) {
        let dir = path.display().to_string();
        if dir.ends_with("package-lock.json") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for place in places.iter().filter(|place| names(line, place)) {
                broken.push(format!("{dir}:{}: {place}", number + 1));
            }
        }
    }
    assert_none("absolute paths of one machine", &broken);
}

#[test]
fn code_cites_only_documents_that_the_repository_has() {
    let missing =
        ["DES|IGN.md", "MIS|SION.md", "STO|RAGE.md", "WI|RE.md", "EXAM|PLES.md"].map(|name| name.replace('|', ""));
    let mut broken = Vec::new();
    for (path, text) in files(&["rs", "ts", "tsx", "py", "md", "toml", "sh", "html"]) {
        for (number, line) in text.lines().enumerate() {
            if missing.iter().any(|name| line.contains(name.as_str())) {
                broken.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert_none("say it here, or in ARCHITECTURE.md or docs/", &broken);
}

/// Whether a line names an absolute path that begins with `place` (not a URL's or a relative path's middle).
fn names(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|character| character.is_alphanumeric() || "._-}*$/".contains(character))
    })
}

#[test]
fn nothing_is_left_for_later_in_the_code() {
    let marks: Vec<String> = ["TO|DO", "FIX|ME", "X|XX", "todo|!(", "unimplemented|!(", "dbg|!("]
        .iter()
        .map(|mark| mark.replace('|', ""))
        .collect();
    let mut broken = Vec::new();
    for (path, text) in files(&["rs", "ts", "tsx", "py"]) {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark.as_str())) {
                broken.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert_none("do it or write an issue", &broken);
}

/// The names under `[dependencies]` of a crate's manifest.
fn dependencies(name: &str) -> BTreeSet<String> {
    let manifest = paths::root().join("crates").join(name).join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    let body = text.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let body = body.split("\n[").next().unwrap_or_default();
    body.lines()
        .filter_map(|line| line.split(['.', '=', ' ']).next())
        .map(|word| word.trim().to_string())
        .filter(|word| !word.is_empty() && !word.starts_with('#'))
        .collect()
}

fn crates() -> BTreeSet<String> {
    fs::read_dir(paths::root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn crates_depend_in_one_direction() {
    let ours = crates();
    let listed: BTreeSet<String> = MAY_DEPEND_ON.iter().map(|(name, _)| (*name).to_string()).collect();
    assert_eq!(ours, listed, "every crate has its row in MAY_DEPEND_ON");
    let mut broken = Vec::new();
    for (name, allowed) in MAY_DEPEND_ON {
        for dependency in dependencies(name).intersection(&ours) {
            if !allowed.contains(&dependency.as_str()) {
                broken.push(format!("{name} must not depend on {dependency}"));
            }
        }
    }
    assert_none("the direction of crates", &broken);
}

#[test]
fn heavy_dependencies_stay_behind_their_fence() {
    let mut broken = Vec::new();
    for name in crates() {
        let dependencies = dependencies(&name);
        if dependencies.contains("datafusion") && name != "query" {
            broken.push(format!("{name} names datafusion; only query does"));
        }
        let pure = ["model", "wire", "dialects", "receivers", "signals", "policy", "promql", "simulator"]
            .contains(&name.as_str());
        for heavy in ["tokio", "arrow", "parquet", "object_store", "axum", "rusqlite", "ureq"] {
            if pure && dependencies.contains(heavy) {
                broken.push(format!("{name} is pure and names {heavy}"));
            }
        }
        let manifest = fs::read_to_string(paths::root().join("crates").join(&name).join("Cargo.toml")).unwrap();
        if !manifest.contains("[lints]\nworkspace = true") {
            broken.push(format!("{name} does not use the workspace's lints"));
        }
        if !manifest.contains("\ndescription = ") {
            broken.push(format!("{name} has no description"));
        }
    }
    assert_none("manifests", &broken);
}

#[test]
fn the_store_starts_no_thread_behind_the_simulation() {
    let mut broken = Vec::new();
    for (path, text) in files(&["rs"]) {
        let name = path.display().to_string();
        if !name.starts_with("crates/store/src/") || name.ends_with("/threads.rs") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for call in ["spawn_blocking(", "block_in_place(", "thread::spawn(", "thread::Builder", "blocking_lock("] {
                if line.contains(call) {
                    broken.push(format!("{name}:{}: {call}", number + 1));
                }
            }
        }
    }
    assert_none("blocking work goes through `store::Threads`, so that a simulation decides its order", &broken);
}

#[test]
fn documents_name_commands_that_exist() {
    let arguments = crate::Arguments::command();
    let ours: BTreeSet<&str> = arguments.get_subcommands().map(clap::Command::get_name).collect();
    let commands = paths::root().join("crates/tawny/src/commands");
    let programs: BTreeSet<String> = fs::read_dir(&commands)
        .unwrap_or_else(|error| panic!("{}: {error}", commands.display()))
        .filter_map(|entry| entry.unwrap().path().file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .filter(|name| name != "mod")
        .collect();
    let mut broken = Vec::new();
    for (path, text) in files(&["md"]) {
        for (number, line) in text.lines().enumerate() {
            let at = format!("{}:{}", path.display(), number + 1);
            for word in following(line, "cargo xtask ") {
                if !ours.contains(word.as_str()) {
                    broken.push(format!("{at}: `cargo xtask {word}`"));
                }
            }
            for word in following(line, "`tawny ").into_iter().chain(starting(line, "tawny ")) {
                if !programs.contains(&word) {
                    broken.push(format!("{at}: `tawny {word}`"));
                }
            }
        }
    }
    assert_none("these commands do not exist", &broken);
}

/// The words that follow each `phrase` in a line.
fn following(line: &str, phrase: &str) -> Vec<String> {
    line.match_indices(phrase).filter_map(|(at, _)| command_word(&line[at + phrase.len()..])).collect()
}

/// The word after `phrase` where a line of a code block begins with it.
fn starting(line: &str, phrase: &str) -> Option<String> {
    let line = line.trim_start().trim_start_matches("$ ");
    line.strip_prefix(phrase).and_then(command_word)
}

/// A command's name: lower case letters up to the next space or quote.
fn command_word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|letter| letter.is_ascii_lowercase()).collect();
    let next = text[word.len()..].chars().next();
    (!word.is_empty() && next.is_none_or(|letter| " `\"\n".contains(letter))).then_some(word)
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in files(&["md"]) {
        let folder = paths::root().join(path.parent().unwrap_or(Path::new("")));
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split([')', '#', ' ']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if !folder.join(target).exists() {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert_none("links that lead nowhere", &broken);
}

#[test]
fn every_threat_names_a_test_that_exists() {
    let document = fs::read_to_string(paths::root().join("docs/security.md")).unwrap();
    let threats = document.split("## Threats").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = threats.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 20, "the table of threats is not read: {rows:?}");
    let code = files(&["rs"]);
    let mut broken = Vec::new();
    for row in rows {
        let threat = row.trim_start_matches("| ").split(" | ").next().unwrap_or_default();
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        // Every second part stands between backticks; commands are no tests.
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).filter(|name| !name.contains(' ')).collect();
        if named.is_empty() {
            broken.push(format!("{threat}: no test"));
        }
        let gone = named.into_iter().filter(|name| !is_test_there(name, &code));
        broken.extend(gone.map(|name| format!("{threat}: there is no {name}")));
    }
    assert_none("docs/security.md promises tests that are not there", &broken);
}

/// Whether there is a test of that name (`module::name`, `…` at its end for more letters), module, file or folder.
fn is_test_there(name: &str, code: &[(PathBuf, String)]) -> bool {
    if name.contains('/') {
        return ["", "crates"].iter().any(|place| paths::root().join(place).join(name).exists());
    }
    let (module, test) = name.rsplit_once("::").unwrap_or(("", name));
    let written = match test.strip_suffix('…') {
        Some(begin) => format!("fn {begin}"),
        None => format!("fn {test}("),
    };
    code.iter().any(|(path, text)| {
        let parts: Vec<_> = path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let of_module = module.split("::").all(|wanted| wanted.is_empty() || parts.iter().any(|part| part == wanted));
        of_module && text.contains(&written) || module.is_empty() && parts.last().is_some_and(|part| part == test)
    })
}
