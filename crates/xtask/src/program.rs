//! The `tawny` program: building it, starting its server, stopping it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{paths, shell};

/// Cargo's arguments for a program with the UI inside, or without.
pub fn features(ui: bool) -> &'static [&'static str] {
    if ui { &["--features", "tawny/ui"] } else { &[] }
}

/// Builds the program with a cargo profile; with the UI inside where `ui`. Gives its path.
pub fn build(profile: &str, ui: bool) -> Result<PathBuf> {
    // The whole workspace with its examples has the same features of dependencies as the tests have; the program alone has
    // slightly fewer, and cargo would compile the query engine a second time for that.
    let mut arguments = vec!["build", "--workspace", "--bins", "--examples", "--profile", profile];
    arguments.extend(features(ui));
    shell::run(&mut shell::cargo(&arguments))?;
    Ok(paths::program(profile))
}

/// An empty folder under target/xtask.
pub fn fresh_folder(name: &str) -> Result<PathBuf> {
    let folder = paths::scratch().join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Base address of UI and API.
    pub http: String,
    /// Base address of OTLP over HTTP.
    pub otlp_http: String,
    /// Base address of OTLP over gRPC.
    pub otlp_grpc: String,
}

/// Addresses to listen on.
#[derive(Debug, Clone)]
pub struct Listen {
    /// UI and API.
    pub http: String,
    /// OTLP over HTTP.
    pub otlp_http: String,
    /// OTLP over gRPC.
    pub otlp_grpc: String,
}

impl Listen {
    /// Ports chosen by the system.
    pub fn anywhere() -> Self {
        let any = || "127.0.0.1:0".to_string();
        Self { http: any(), otlp_http: any(), otlp_grpc: any() }
    }
}

impl Server {
    /// Starts a server over `data` and waits until it says where it listens. Its log goes to `log`.
    pub fn start(program: &Path, data: &Path, listen: &Listen, log: &Path) -> Result<Self> {
        Self::start_with(program, data, listen, log, &[])
    }

    /// The same, with settings as the environment names them.
    pub fn start_with(
        program: &Path,
        data: &Path,
        listen: &Listen,
        log: &Path,
        settings: &[(&str, &Path)],
    ) -> Result<Self> {
        let log_file = fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = Command::new(program)
            .args(["serve", "--json", "--http", &listen.http, "--otlp-http", &listen.otlp_http])
            .args(["--otlp-grpc", &listen.otlp_grpc, "--data"])
            .arg(data)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let Some(stdout) = child.stdout.take() else { bail!("the server has no standard output") };
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        // Whatever else it prints must be read, or it blocks.
        std::thread::spawn(move || lines.lines().for_each(drop));
        let Ok(said) = serde_json::from_str::<serde_json::Value>(&line) else {
            let _ = child.kill();
            let _ = child.wait();
            let why = fs::read_to_string(log).unwrap_or_default();
            bail!("the server did not start:\n{}{}", line, last_lines(&why, 20));
        };
        let address = |key: &str| said[key].as_str().map(base_address).unwrap_or_default();
        Ok(Self { http: address("http"), otlp_http: address("otlp_http"), otlp_grpc: address("otlp_grpc"), child })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to stop and waits.
    pub fn stop(mut self) {
        stop(&mut self.child);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// `host:port` or a URL as a URL.
fn base_address(said: &str) -> String {
    if said.contains("://") { said.trim_end_matches('/').to_string() } else { format!("http://{said}") }
}

/// Asks a child to stop as Ctrl-C would, and waits for it.
pub fn stop(child: &mut Child) {
    if matches!(child.try_wait(), Ok(None)) {
        let id = child.id().to_string();
        let asked = Command::new("kill").args(["-INT", &id]).stderr(Stdio::null()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = child.kill();
        }
    }
    let _ = child.wait();
}

/// The last `count` lines of a text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
