//! `tawny store`, `tawny backup`, `tawny restore`, retention: with a server and without.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::data::{BOOKING, lines};
use crate::support::{Server, tawny, text, write};

fn with_runs() -> Server {
    let server = Server::start();
    let file = write(server.dir.path(), "runs.jsonl", lines());
    server.out(&["import", &file]);
    server
}

/// Standard output of a command without a server, and whether it succeeded.
fn offline(args: &[&str]) -> (bool, String) {
    let output = tawny().args(args).output().unwrap();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn figures_and_checks_say_the_same_with_and_without_a_server() {
    let server = with_runs();
    let stats = server.json(&["store", "stats", "--json"]);
    assert!(stats["hot_rows"]["spans"].as_u64().unwrap() > 5, "{stats}");
    let limits: Vec<&str> =
        stats["limits"].as_array().unwrap().iter().map(|limit| limit["name"].as_str().unwrap()).collect();
    for name in ["hot_bytes_max", "queue_bytes_max", "query_bytes", "open_files", "connections", "max_body_bytes"] {
        assert!(limits.contains(&name), "{name} in {limits:?}");
    }
    for beside in ["state_bytes", "series_bytes", "forward_bytes", "quarantine_bytes"] {
        assert!(stats[beside].is_u64(), "{beside}: {stats}");
    }
    assert!(stats["state_bytes"].as_u64().unwrap() > 0, "{stats}");
    let told = server.out(&["store", "stats"]);
    assert!(told.contains("kept for ever") && told.contains("state") && told.contains("of series"), "{told}");
    assert!(server.out(&["store", "check"]).contains("Nothing is wrong"));
    let data = server.dir.path().join("data").to_str().unwrap().to_owned();
    let (ok, said) = offline(&["store", "stats", "--data", &data]);
    assert!(!ok && said.contains("another process"), "{said}");
    let (_, dir) = server.stop();

    let (ok, said) = offline(&["store", "stats", "--json", "--data", &data]);
    assert!(ok, "{said}");
    let spans =
        json(&said)["tables"].as_array().unwrap().iter().find(|table| table["table"] == "spans").cloned().unwrap();
    assert_eq!((&spans["project"], spans["rows"].as_u64().unwrap() > 5), (&Value::from("default"), true), "{spans}");
    let (ok, said) = offline(&["store", "check", "--data", &data]);
    assert!(ok && said.contains("Nothing is wrong"), "{said}");

    let mut folder = dir.path().join("data/segments/spans");
    while folder.is_dir() {
        folder = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    }
    let mut bytes = fs::read(&folder).unwrap();
    bytes[500] ^= 1;
    fs::write(&folder, bytes).unwrap();
    let (ok, said) = offline(&["store", "check", "--data", &data]);
    let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(!ok && said.contains(&name) && said.contains("restore the file from a backup"), "{said}");
    // The state has no checksums, but its structure can be checked.
    let state = dir.path().join("data/state.sqlite");
    let mut bytes = fs::read(&state).unwrap();
    // The first page, after the file's own header; a log beside it would have a whole one.
    bytes[100..4096].fill(0xFF);
    fs::write(&state, bytes).unwrap();
    let _ = fs::remove_file(dir.path().join("data/state.sqlite-wal"));
    let (ok, said) = offline(&["store", "check", "--data", &data]);
    assert!(!ok && said.contains("state.sqlite") && said.contains("restore it from a backup"), "{said}");
    let (ok, said) = offline(&["store", "check", "--data", dir.path().to_str().unwrap()]);
    assert!(!ok && said.contains("--data"), "{said}");
}

#[test]
fn a_run_that_is_held_is_erased_by_command_when_the_hold_ends() {
    let server = with_runs();
    let about = ["--run", BOOKING];
    let held = server.out(&[&["hold", "add", "--reason", "case 17"][..], &about].concat());
    assert!(held.contains("hold 1 is in force"), "{held}");
    assert!(server.out(&["hold", "list"]).contains("case 17"));
    let refused = server.run(&[&["erase"][..], &about].concat());
    assert!(!refused.status.success() && text(&refused.stderr).contains("a hold covers"), "{}", text(&refused.stderr));
    assert!(server.out(&["hold", "end", "1"]).contains("hold 1 has ended"));
    let erased = server.out(&[&["erase"][..], &about].concat());
    assert!(erased.contains("a search afterwards finds nothing"), "{erased}");
    assert!(!server.run(&["run", BOOKING]).status.success());
    assert!(server.out(&["erase"]).contains(BOOKING), "orders are listed");
}

#[test]
fn a_backup_of_a_server_at_work_is_restored_as_it_was() {
    let server = with_runs();
    let run = server.out(&["run", BOOKING, "--content"]);
    let target = TempDir::new().unwrap();
    let path = |name: &str| target.path().join(name).to_str().unwrap().to_owned();
    assert!(server.out(&["backup", &path("backup.tar")]).contains("Every checksum holds"));
    server.out(&["backup", &path("backup")]);
    let again = server.run(&["backup", &path("backup.tar")]);
    assert!(!again.status.success() && text(&again.stderr).contains("is there already"));
    for (from, to) in [("backup.tar", "one/data"), ("backup", "two/data")] {
        let (ok, said) = offline(&["restore", &path(from), "--data", &path(to)]);
        assert!(ok, "{said}");
        let (ok, said) = offline(&["restore", &path(from), "--data", &path(to)]);
        assert!(!ok && said.contains("not empty"), "{said}");
        let dir = TempDir::new().unwrap();
        fs::rename(target.path().join(to), dir.path().join("data")).unwrap();
        let restored = Server::open(dir);
        assert_eq!(restored.out(&["run", BOOKING, "--content"]), run);
    }
    let (_, dir) = server.stop();
    let data = dir.path().join("data").to_str().unwrap().to_owned();
    let (ok, said) = offline(&["backup", &path("offline"), "--data", &data]);
    assert!(ok, "{said}");
    let (ok, said) = offline(&["restore", &path("offline"), "--data", &path("three")]);
    assert!(ok, "{said}");
}

#[test]
fn a_lost_catalog_is_made_again() {
    let server = with_runs();
    let runs = server.out(&["runs"]);
    let (_, dir) = server.stop();
    let data = dir.path().join("data").to_str().unwrap().to_owned();
    fs::remove_file(dir.path().join("data/catalog.db")).unwrap();
    let (ok, said) = offline(&["serve", "--http", "0", "--otlp-http", "0", "--otlp-grpc", "0", "--data", &data]);
    assert!(!ok && said.contains("tawny store rebuild"), "{said}");
    let (ok, said) = offline(&["store", "rebuild", "--data", &data]);
    assert!(ok && said.contains("The catalog lists"), "{said}");
    assert_eq!(Server::open(dir).out(&["runs"]), runs);
}

#[test]
fn settings_that_cannot_be_meant_are_refused_with_what_to_write() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data").to_str().unwrap().to_owned();
    for (args, told) in [
        (["--max-body", "0"], "--max-body"),
        (["--retention", "spans"], "spans=90d"),
        (["--retention", "opinions=30d"], "bodies, spans, logs, samples"),
        (["--data-local", "elsewhere"], "s3://bucket/prefix"),
    ] {
        let (ok, said) = offline(&[&["serve", "--data", &data][..], &args].concat());
        assert!(!ok && said.contains(told), "{args:?}: {said}");
    }
    let (ok, said) = offline(&["serve", "--data", "gs://bucket"]);
    assert!(!ok && said.contains("s3://bucket/prefix"), "{said}");
}

#[test]
fn retention_is_shown_with_what_it_removes_next() {
    let server = Server::open_with(TempDir::new().unwrap(), &["--retention", "spans=90d,bodies=30d"]);
    let file = write(server.dir.path(), "runs.jsonl", lines());
    server.out(&["import", &file]);
    let dir = server.stop().1;
    let server = Server::open_with(dir, &["--retention", "spans=90d,bodies=30d"]);
    let stats = server.json(&["store", "stats", "--json"]);
    let layers = stats["retention"].as_array().unwrap();
    let spans = layers.iter().find(|one| one["layer"] == "spans").unwrap();
    assert_eq!(spans["keep_seconds"], 90 * 86_400);
    assert!(spans["next"]["segments"].as_u64().unwrap() > 0, "{spans}");
    assert!(server.out(&["store", "stats"]).contains("bodies"));
}
