//! `cargo xtask test`: everything that must be true, in sections.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::program::{self, Listen, Server};
use crate::report::{Report, Stop};
use crate::{browser, paths, python, shell, supply, ui};

/// A part of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// `cargo fmt --check`.
    Format,
    /// Clippy, warnings denied.
    Lints,
    /// Licences, sources and checksums of dependencies.
    Supply,
    /// Known faults of dependencies, where the lists of them can be fetched.
    Advisories,
    /// The UI: formatting, types, unit tests, build.
    Ui,
    /// Every Rust test, the repository's own rules among them.
    Rust,
    /// The detectors over a whole quiet day: 20,000 healthy runs, none of which may page anybody. In a release build.
    QuietDay,
    /// The store's suites over a bucket of a real S3 server.
    Bucket,
    /// The real program against recorded data, captured requests and real Python clients.
    EndToEnd,
    /// The real program in a real browser.
    Browser,
}

impl Section {
    fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Lints => "lints",
            Self::Supply => "supply",
            Self::Advisories => "advisories",
            Self::Ui => "ui",
            Self::Rust => "rust",
            Self::QuietDay => "quiet day",
            Self::Bucket => "bucket",
            Self::EndToEnd => "end to end",
            Self::Browser => "browser",
        }
    }
}

/// Options of `cargo xtask test`.
#[derive(Debug, Args)]
pub struct Options {
    /// Run only these sections.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Section>,
    /// Leave these sections out.
    #[arg(long, value_enum, value_delimiter = ',')]
    skip: Vec<Section>,
}

/// Runs the sections that were asked for, all of them by default.
pub fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    for section in Section::value_variants() {
        let asked = options.only.is_empty() || options.only.contains(section);
        if !asked || options.skip.contains(section) {
            report.leave_out(section.name(), "not asked for");
            continue;
        }
        report.section(section.name(), || match section {
            Section::Format => Ok(shell::run(&mut shell::cargo(&["fmt", "--all", "--check"]))?),
            Section::Lints => lints(),
            Section::Supply => supply::check(),
            Section::Advisories => supply::advisories(),
            Section::Ui => ui_checks(),
            Section::Rust => rust(),
            Section::QuietDay => quiet_day(),
            Section::Bucket => bucket(),
            Section::EndToEnd => end_to_end(),
            Section::Browser => in_browser(),
        });
    }
    report.finish()
}

fn lints() -> Result<(), Stop> {
    let mut arguments = vec!["clippy", "--workspace", "--all-targets", "--quiet"];
    arguments.extend(program::features(ui::node().is_ok()));
    arguments.extend(["--", "--deny", "warnings"]);
    Ok(shell::run(&mut shell::cargo(&arguments))?)
}

fn rust() -> Result<(), Stop> {
    // The same features as the program of the sections below: the server is compiled once.
    let features = program::features(ui::node().is_ok());
    if shell::output("cargo", &["nextest", "--version"]).is_none() {
        println!("cargo-nextest is not installed; plain `cargo test` does as well");
        return Ok(shell::run(shell::cargo(&["test", "--workspace"]).args(features))?);
    }
    let mut tests = shell::cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]);
    tests.args(features);
    if std::env::var_os("CI").is_some() {
        // A log wants failures and the closing count, not a line for each test.
        tests.env("NEXTEST_SHOW_PROGRESS", "none");
        tests.env("NEXTEST_STATUS_LEVEL", "fail").env("NEXTEST_FINAL_STATUS_LEVEL", "fail");
    }
    shell::run(&mut tests)?;
    // nextest leaves examples in documentation to cargo.
    Ok(shell::run(shell::cargo(&["test", "--workspace", "--doc", "--quiet"]).args(features))?)
}

fn quiet_day() -> Result<(), Stop> {
    let day = "a_quiet_day_sends_no_page";
    let mut test = shell::cargo(&["test", "--release", "--quiet", "-p", "signals", "--test", "incidents", day]);
    Ok(shell::run(test.env("TAWNY_DAY", "1"))?)
}

fn ui_checks() -> Result<(), Stop> {
    ui::node().map_err(Stop::Skipped)?;
    ui::install()?;
    ui::npm(&["run", "check"])?;
    ui::npm(&["run", "test"])?;
    Ok(ui::build(true)?)
}

/// The program as a developer builds it, with the UI inside where Node is there.
fn whole_program() -> Result<std::path::PathBuf> {
    let with_ui = ui::node().is_ok();
    if with_ui {
        ui::build(false)?;
    }
    program::build("dev", with_ui)
}

fn bucket() -> Result<(), Stop> {
    let python = python::environment("python", "e2e/requirements.txt").map_err(Stop::Skipped)?;
    s3_server().map_err(Stop::Skipped)?;
    // Of the whole workspace, so that nothing is compiled again with other features.
    let mut tests = shell::cargo(&["test", "--workspace", "--test", "bucket", "--quiet"]);
    tests.args(program::features(ui::node().is_ok()));
    let mut command = shell::command(&python.to_string_lossy(), &["-B", "e2e/s3.py"]);
    command.arg(tests.get_program()).args(tests.get_args());
    for (name, value) in tests.get_envs() {
        if value.is_none() {
            command.env_remove(name);
        }
    }
    Ok(shell::run(&mut command)?)
}

/// Sees to a real server of S3, unless `TAWNY_TEST_S3` says which is meant. Gives why there is none.
fn s3_server() -> Result<(), String> {
    if std::env::var_os("TAWNY_TEST_S3").is_some() {
        return Ok(());
    }
    let there = || ["radosgw", "ceph-mon", "ceph-osd", "ceph"].into_iter().all(shell::exists);
    shell::ensure(there, &["radosgw", "ceph-mon", "ceph-osd"]).map_err(|why| format!("Ceph: {why}"))
}

fn end_to_end() -> Result<(), Stop> {
    shell::ensure(|| shell::exists("zstd"), &["zstd"]).map_err(|why| Stop::Skipped(format!("zstd: {why}")))?;
    if let Err(why) = s3_server() {
        println!("tests of buckets run on a simulation of S3, no real server is here: {why}");
    }
    let python = python::environment("python", "e2e/requirements.txt").map_err(Stop::Skipped)?;
    let clients = python::environment("python-clients", "e2e/clients/requirements.txt").map_err(Stop::Skipped)?;
    if ui::node().is_ok() {
        // Tests of JavaScript clients say that they are skipped where this is not there.
        ui::install_in(&paths::root().join("e2e/clients"))?;
    }
    let program = whole_program()?;
    // Most of a test is waiting: for a run to settle, for a rule to fire. Each file has servers of its own, so three at once
    // take little more than the longest.
    let mut command = shell::command(&python.to_string_lossy(), &["-B", "-m", "pytest", "--numprocesses", "3"]);
    command.args(["--dist", "loadfile", "-p", "no:cacheprovider", "--durations", "20", "e2e"]);
    command.env("TAWNY_BIN", program).env("TAWNY_CLIENTS_PYTHON", clients);
    Ok(shell::run(&mut command)?)
}

fn in_browser() -> Result<(), Stop> {
    ui::node().map_err(Stop::Skipped)?;
    let chromium = browser::find().map_err(Stop::Skipped)?;
    let program = whole_program()?;
    ui::install()?;
    let data = program::fresh_folder("browser-data")?;
    let log = paths::scratch().join("browser.log");
    // Rules that fire for runs of the tests, at once.
    let rules = paths::ui().join("e2e/rules.yml");
    let (receivers, port) = told()?;
    let settings = [("TAWNY_RULES", &*rules), ("TAWNY_ALERTMANAGER_CONFIG", &*receivers)];
    let server = Server::start_with(&program, &data, &Listen::anywhere(), &log, &settings)?;
    let mut command = shell::command_in(&paths::ui(), "npm", &["run", "e2e"]);
    // Tests that would lock the others out start a server of their own.
    command.env("TAWNY_URL", &server.http).env("CHROMIUM", chromium).env("TAWNY_BIN", &program);
    command.env("E2E_RECEIVER", port.to_string());
    shell::run(&mut command)?;
    server.stop();
    Ok(())
}

/// Who is told of alerts in the tests in a browser, as a file for the server: the tests, which listen at the port it gives.
fn told() -> Result<(PathBuf, u16)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let config = fs::read_to_string(paths::ui().join("e2e/alertmanager.yml"))?.replace("$PORT", &port.to_string());
    let file = program::fresh_folder("browser-alerting")?.join("alertmanager.yml");
    fs::write(&file, config)?;
    Ok((file, port))
}
