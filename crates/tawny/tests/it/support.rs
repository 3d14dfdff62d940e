//! The binary, and a server run by it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Set this environment variable to write golden files anew.
const REWRITE: &str = "TAWNY_REWRITE";

/// The program, with an environment that does not depend on who runs the test.
pub fn tawny() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tawny"));
    command.env("TZ", "UTC").env("TAWNY_LOG", "warn").stdin(Stdio::null());
    for name in [
        "TAWNY_URL",
        "TAWNY_DATA",
        "TAWNY_DATA_LOCAL",
        "TAWNY_RETENTION",
        "TAWNY_HTTP",
        "TAWNY_OTLP_HTTP",
        "TAWNY_OTLP_GRPC",
        "TAWNY_MEMORY",
        "TAWNY_ALLOW_OPEN",
        "TAWNY_RENAMES",
        "TAWNY_FORWARD",
        "TAWNY_KEY",
        "TAWNY_PROJECT",
        "TAWNY_CA",
        "TAWNY_POLICY",
        "TAWNY_POLICY_KEY",
        "TAWNY_POLICY_KEY_FILE",
    ] {
        command.env_remove(name);
    }
    command
}

pub struct Server {
    child: Child,
    pub announced: Value,
    pub dir: TempDir,
}

impl Server {
    pub fn start() -> Self {
        Self::open(TempDir::new().unwrap())
    }

    pub fn open(dir: TempDir) -> Self {
        Self::open_with(dir, &[])
    }

    /// The same with more flags.
    pub fn open_with(dir: TempDir, flags: &[&str]) -> Self {
        let data = dir.path().join("data");
        let mut command = tawny();
        command.args([
            "serve",
            "--json",
            "--http",
            "127.0.0.1:0",
            "--otlp-http",
            "127.0.0.1:0",
            "--otlp-grpc",
            "127.0.0.1:0",
            "--data",
        ]);
        let mut child = command.arg(&data).args(flags).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let announced = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, announced, dir }
    }

    pub fn url(&self) -> &str {
        self.announced["http"].as_str().unwrap()
    }

    /// Runs a command against this server.
    pub fn run(&self, args: &[&str]) -> Output {
        tawny().args(args).env("TAWNY_URL", self.url()).output().unwrap()
    }

    /// Standard output of a command that succeeded.
    #[track_caller]
    pub fn out(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let text = self.out(args);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }

    /// Runs a command that reads `input`.
    pub fn run_with_input(&self, args: &[&str], input: &[u8]) -> Output {
        let mut command = tawny();
        command
            .args(args)
            .env("TAWNY_URL", self.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Asks the server to stop and waits until it has.
    pub fn stop(mut self) -> (ExitStatus, TempDir) {
        self.signal("-TERM");
        let status = self.child.wait().unwrap();
        (status, std::mem::replace(&mut self.dir, TempDir::new().unwrap()))
    }

    /// Ends the server without any chance to tidy up.
    pub fn kill(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.dir, TempDir::new().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone after `stop` and `kill`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Compares with `golden/NAME`, where each line's trailing space does not count.
#[track_caller]
pub fn assert_golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    if std::env::var_os(REWRITE).is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "golden/{name} differs (rewrite with {REWRITE}=1 and look at the difference)\nexpected:\n{expected}\nactual:\n{actual}"
    );
}

pub fn write(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}
