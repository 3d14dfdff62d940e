//! `tawny serve`: what it prints, when it refuses, how it stops.

use std::fs;

use tempfile::TempDir;

use crate::data::lines;
use crate::support::{Server, tawny, text, write};

#[test]
fn the_line_of_json_says_where_everything_is() {
    let server = Server::start();
    for key in ["http", "otlp_http", "otlp_grpc"] {
        let url = server.announced[key].as_str().unwrap();
        assert!(url.starts_with("http://127.0.0.1:") && !url.ends_with(":0"), "{url}");
    }
    assert_eq!(server.announced["data"], fs::canonicalize(server.dir.path().join("data")).unwrap().to_str().unwrap());
    assert_eq!(server.announced["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(server.announced["state"], "ready");
}

#[test]
fn it_stops_when_told_and_starts_again_with_everything() {
    let server = Server::start();
    let file = write(server.dir.path(), "runs.jsonl", lines());
    server.out(&["import", &file]);
    let before = server.json(&["runs", "--json"])["total"].clone();
    let (status, dir) = server.stop();
    assert!(status.success(), "{status}");
    let server = Server::open(dir);
    assert_eq!(server.json(&["runs", "--json"])["total"], before);
    // Killed outright: what was acknowledged is still there.
    server.out(&["import", &file]);
    let server = Server::open(server.kill());
    assert_eq!(server.json(&["runs", "--json"])["total"], before);
}

#[test]
fn addresses_that_strangers_reach_are_refused() {
    let dir = TempDir::new().unwrap();
    let output = tawny().args(["serve", "--http", "0.0.0.0:0", "--data"]).arg(dir.path()).output().unwrap();
    let message = text(&output.stderr);
    assert!(!output.status.success() && message.contains("TAWNY_ALLOW_OPEN=1"), "{message}");
    let output = tawny().args(["serve", "--memory", "1MiB", "--data"]).arg(dir.path()).output().unwrap();
    assert!(text(&output.stderr).contains("256 MiB"), "{}", text(&output.stderr));
    let output = tawny().args(["serve", "--http", "nonsense", "--data"]).arg(dir.path()).output().unwrap();
    assert!(text(&output.stderr).contains("`nonsense`"), "{}", text(&output.stderr));
}

#[test]
fn a_directory_in_use_is_refused() {
    let server = Server::start();
    let mut command = tawny();
    command.args(["--http", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--data"]);
    let output = command.arg(server.dir.path().join("data")).output().unwrap();
    let message = text(&output.stderr);
    assert!(!output.status.success() && message.contains("another process"), "{message}");
}
