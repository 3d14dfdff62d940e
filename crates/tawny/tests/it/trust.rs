//! `tawny keys`, `users`, `audit` and `policy`, in a directory and beside a server at work in it.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Server, tawny, text, write};

/// Runs a command on a data directory; its output where it succeeds.
#[track_caller]
fn at(data: &Path, args: &[&str]) -> String {
    let output = tawny().args(args).arg("--data").arg(data).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_key_made_beside_a_running_server_closes_it_and_opens_it() {
    let server = Server::start();
    let data = server.dir.path().join("data");
    assert!(server.run(&["runs"]).status.success());
    let key = at(&data, &["keys", "create", "night shift", "--scope", "read"]).trim().to_owned();
    assert!(key.starts_with("twy_"), "{key}");
    for _ in 0..100 {
        if !server.run(&["runs"]).status.success() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let refused = server.run(&["runs"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("asks for a key"), "{}", text(&refused.stderr));
    assert!(server.run(&["runs", "--key", &key]).status.success());
    let elsewhere = server.run(&["runs", "--key", &key, "--in-project", "bank"]);
    assert!(text(&elsewhere.stderr).contains("no part in the project `bank`"), "{}", text(&elsewhere.stderr));
    let listed: Value = serde_json::from_str(&at(&data, &["keys", "list", "--json"])).unwrap();
    let id = listed["keys"][0]["id"].as_str().unwrap().to_owned();
    assert!(!at(&data, &["keys", "list"]).contains(&key));
    let other = at(&data, &["keys", "rotate", &id]);
    assert_ne!(other.trim(), key);
    let gone = tawny().args(["keys", "revoke", &id, "--data"]).arg(&data).output().unwrap();
    assert!(!gone.status.success() && text(&gone.stderr).contains("tawny keys list"), "{}", text(&gone.stderr));
}

#[test]
fn people_are_added_and_the_audit_log_is_verified() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let add = |password: &str| {
        let mut command = tawny();
        command.args(["users", "add", "jane", "--role", "responder", "--project", "shop", "--data"]).arg(&data);
        let file = write(dir.path(), "password", password);
        command.stdin(std::fs::File::open(file).unwrap()).output().unwrap()
    };
    let short = add("short\n");
    assert!(!short.status.success() && text(&short.stderr).contains("at least 12"), "{}", text(&short.stderr));
    assert!(add("correct horse battery\n").status.success());
    at(&data, &["users", "role", "jane", "admin", "--project", "bank"]);
    let listed: Value = serde_json::from_str(&at(&data, &["users", "list", "--json"])).unwrap();
    assert_eq!(listed["users"][0]["roles"][0]["role"], "admin");
    let verified = at(&data, &["audit", "verify"]);
    assert!(verified.contains("2 entries, 0 wrong"), "{verified}");
    let head = verified.split_whitespace().last().unwrap().to_owned();
    let lines = at(&data, &["audit", "export"]);
    let actions: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["action"].clone()).collect();
    assert_eq!(actions, ["user.add", "user.role"]);
    std::fs::remove_file(data.join("state.sqlite")).unwrap();
    let cut = tawny().args(["audit", "verify", "--head", &head, "--data"]).arg(&data).output().unwrap();
    assert!(!cut.status.success() && text(&cut.stdout).contains("entries 1 to 2 are missing"), "{}", text(&cut.stdout));
}

#[test]
fn a_policy_is_checked_used_and_its_tokens_are_turned_back() {
    let dir = TempDir::new().unwrap();
    let wrong = write(dir.path(), "wrong.toml", "[[policy]]\ncontent = \"some\"\n");
    let output = tawny().args(["policy", "check"]).arg(&wrong).output().unwrap();
    assert!(!output.status.success() && text(&output.stderr).contains("wrong.toml:2:"), "{}", text(&output.stderr));
    let file = write(
        dir.path(),
        "policy.toml",
        "[[policy]]\ncontent = \"full\"\n[policy.redact]\ndetectors = [\"email\"]\nmark = \"token\"\n",
    );
    let key = write(dir.path(), "key", "0123456789abcdef0123456789abcdef\n");
    let checked = tawny().args(["policy", "check", &file, "--policy-key-file", &key]).output().unwrap();
    assert!(text(&checked.stdout).contains("takes out email"), "{}", text(&checked.stderr));
    let server = Server::open_with(dir, &["--policy", &file, "--policy-key-file", &key]);
    let line = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","name":"for jane@example.com","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001000000000"}]}]}]}"#;
    assert!(server.run_with_input(&["import", "-"], line.as_bytes()).status.success());
    let runs = server.json(&["runs", "--json"]);
    let name = runs["runs"][0]["name"].as_str().unwrap();
    let token = name.strip_prefix("for ").unwrap();
    assert!(token.starts_with("[email~"), "{name}");
    let revealed = tawny().args(["policy", "reveal", token, "--policy-key-file", &key]).output().unwrap();
    assert_eq!(text(&revealed.stdout).trim(), "jane@example.com");
    let report = server.out(&["policy", "report"]);
    assert!(report.contains("email") && report.contains("span.name"), "{report}");
}

#[test]
fn a_server_with_a_certificate_of_its_own_is_asked_over_tls() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/it/tls");
    let file = |name: &str| files.join(name).display().to_string();
    let (certificate, key) = (file("first.cert.pem"), file("first.key.pem"));
    let server = Server::open_with(TempDir::new().unwrap(), &["--tls-cert", &certificate, "--tls-key", &key]);
    assert!(server.url().starts_with("https://"), "{}", server.url());
    assert!(server.out(&["runs", "--ca", &certificate]).contains("No runs"));
    let refused = |args: &[&str], says: &str| {
        let output = server.run(args);
        assert!(!output.status.success() && text(&output.stderr).contains(says), "{args:?}: {}", text(&output.stderr));
    };
    refused(&["runs"], "--ca FILE");
    refused(&["runs", "--ca", &file("second.cert.pem")], "--ca FILE");
    refused(&["runs", "--ca", &key], "there is no certificate in it");
    refused(&["runs", "--ca", "missing.pem"], "cannot use missing.pem");
    let plain = server.url().replace("https://", "http://");
    refused(&["runs", "--url", &plain], "asked with https://");
}

#[test]
fn a_certificate_that_is_an_authoritys_is_refused_with_how_to_make_one() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/it/tls");
    let file = |name: &str| files.join(name).display().to_string();
    let (certificate, key) = (file("authority.cert.pem"), file("authority.key.pem"));
    let server = Server::open_with(TempDir::new().unwrap(), &["--tls-cert", &certificate, "--tls-key", &key]);
    let output = server.run(&["runs", "--ca", &certificate]);
    assert!(!output.status.success() && text(&output.stderr).contains("CA:FALSE"), "{}", text(&output.stderr));
}
