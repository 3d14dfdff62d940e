//! `tawny dialects`, and a server with renames of its user.

use tempfile::TempDir;

use crate::data::{BOOKING, lines};
use crate::support::{Server, tawny, text, write};

/// Makes the user id the session, and reads a key nobody sends.
const RENAMES: &str = "[[rename]]\nfrom = \"user.id\"\nto = \"session_id\"\n\n[[rename]]\nfrom = \"acme.model\"\nto = \"gen_ai.request.model\"\n";

#[test]
fn the_dialects_are_listed_with_what_they_are() {
    let output = tawny().args(["dialects", "list"]).output().unwrap();
    let said = text(&output.stdout);
    assert!(said.contains("otel_genai") && said.contains("OpenTelemetry GenAI, all generations"), "{said}");
    let output = tawny().args(["dialects", "list", "--json"]).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = listed["dialects"].as_array().unwrap();
    assert!(all.len() >= 25, "{}", all.len());
    assert!(all.iter().all(|one| one["keys"].as_u64().is_some() && !one["about"].as_str().unwrap().is_empty()));
}

#[test]
fn spans_in_a_file_are_shown_as_they_are_understood() {
    let dir = TempDir::new().unwrap();
    let file = write(dir.path(), "runs.jsonl", lines());
    let output = tawny().args(["dialects", "try", &file]).output().unwrap();
    let said = text(&output.stdout);
    assert!(said.contains("chat house-model-1") && said.contains("input_tokens            820"), "{said}");
    assert!(said.contains("tool_arguments          {\"to\":\"Vienna\"}"), "{said}");
    // One request printed over many lines is read too, and so are renames.
    let first = lines().lines().next().unwrap().to_owned();
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&first).unwrap()).unwrap();
    let (pretty, renames) = (write(dir.path(), "pretty.json", pretty), write(dir.path(), "renames.toml", RENAMES));
    let output = tawny().args(["dialects", "try", &pretty, "--renames", &renames, "--json"]).output().unwrap();
    let spans: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(spans["spans"][0]["understood"]["session_id"], "u-1", "{spans}");
    let nothing = write(dir.path(), "empty.json", "{\"resourceSpans\": []}");
    let output = tawny().args(["dialects", "try", &nothing]).output().unwrap();
    assert!(!output.status.success() && text(&output.stderr).contains("cannot find any span"));
}

#[test]
fn a_file_of_renames_is_tried_on_stored_spans_before_it_is_used() {
    let server = Server::start();
    let (runs, renames) =
        (write(server.dir.path(), "runs.jsonl", lines()), write(server.dir.path(), "renames.toml", RENAMES));
    server.out(&["import", &runs]);
    let said = server.out(&["dialects", "test", &renames, "--since", "2026-01-01"]);
    assert!(said.contains("6 spans looked at, 2 would be read differently."), "{said}");
    assert!(said.contains("No span carries acme.model."), "{said}");
    let row = said.lines().find(|line| line.starts_with("session_id")).unwrap_or_else(|| panic!("{said}"));
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells[..4], ["session_id", "2", "c-7", "u-1"], "{said}");
    let compared = server.json(&["dialects", "test", &renames, "--run", BOOKING, "--json"]);
    assert_eq!((&compared["spans"], &compared["changed_spans"]), (&5.into(), &1.into()));
    assert_eq!(compared["changes"]["session_id"]["examples"][0]["trace_id"], BOOKING);
    assert_eq!(compared["keys"]["user.id"], 1);
    // Trying changes nothing.
    assert_eq!(
        server.out(&["sql", "SELECT DISTINCT session_id FROM spans WHERE session_id IS NOT NULL", "--csv"]),
        "session_id\nc-7\n"
    );
}

#[test]
fn a_server_reads_with_the_renames_it_was_given_also_after_a_crash() {
    let dir = TempDir::new().unwrap();
    let (runs, renames) = (write(dir.path(), "runs.jsonl", lines()), write(dir.path(), "renames.toml", RENAMES));
    let ask = ["sql", "SELECT DISTINCT session_id FROM spans WHERE session_id IS NOT NULL", "--csv"];
    let server = Server::open_with(dir, &["--renames", &renames]);
    server.out(&["import", &runs]);
    assert_eq!(server.out(&ask), "session_id\nu-1\n");
    let dir = server.kill();
    let server = Server::open_with(dir, &["--renames", &renames]);
    assert_eq!(server.out(&ask), "session_id\nu-1\n");
}

#[test]
fn renames_that_cannot_work_stop_the_start_and_say_where() {
    let dir = TempDir::new().unwrap();
    let renames = write(dir.path(), "renames.toml", "[[rename]]\nfrom = \"a\"\nto = \"modle\"\n");
    let data = dir.path().join("data");
    let output = tawny().args(["serve", "--renames", &renames, "--data"]).arg(&data).output().unwrap();
    let said = text(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("renames.toml") && said.contains("line 3: cannot fill \"modle\""), "{said}");
    assert!(!data.exists(), "nothing was opened");
}
