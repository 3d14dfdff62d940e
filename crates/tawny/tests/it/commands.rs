//! What the reading commands print.

use std::io::Read;
use std::process::Stdio;

use crate::data::{BOOKING, FAILED, lines};
use crate::support::{Server, assert_golden, tawny, text, write};

fn with_runs() -> Server {
    let server = Server::start();
    let file = write(server.dir.path(), "runs.jsonl", lines());
    server.out(&["import", &file]);
    server
}

#[test]
fn tables_and_trees() {
    let server = with_runs();
    assert_golden("runs.txt", &server.out(&["runs"]));
    assert_golden("runs-filtered.txt", &server.out(&["runs", "--status", "error", "--facets", "status,agent"]));
    assert_golden("run.txt", &server.out(&["run", BOOKING]));
    assert_golden("run-content.txt", &server.out(&["run", BOOKING, "--content"]));
    assert_golden("run-failed.txt", &server.out(&["run", "ab"]));
    assert_golden("sessions.txt", &server.out(&["sessions"]));
    assert_golden("summary.txt", &server.out(&["summary"]));
    assert_golden(
        "sql.csv",
        &server.out(&["sql", "SELECT name, status, steps FROM runs ORDER BY started_at", "--csv"]),
    );
    let coloured = server.out(&["runs", "--color", "always"]);
    assert!(coloured.contains("\u{1b}["), "{coloured}");
    let table = server.out(&["sql", "SELECT kind, count(*) AS n FROM spans GROUP BY kind ORDER BY kind"]);
    assert!(table.contains("agent  2") && table.contains("3 rows"), "{table}");
    assert!(server.out(&["sql", "--schema"]).contains("trace_id"));
    assert!(server.out(&["status"]).contains("ready"));
    let metrics = server.out(&["metrics", "tokens_consumed"]);
    assert!(metrics.contains("agent_tokens_total") && metrics.contains("  agent_tokens_consumed_total"), "{metrics}");
    assert!(!metrics.contains("agent_requests_total"), "{metrics}");
}

#[test]
fn json_is_what_the_api_answers() {
    let server = with_runs();
    let runs = server.json(&["runs", "--json", "--sort", "started_at"]);
    assert_eq!(runs["runs"][0]["trace_id"], BOOKING);
    assert_eq!(runs["runs"][0]["usage"]["input_tokens"], 2_130);
    let run = server.json(&["run", "aa", "--json"]);
    assert_eq!(run["steps"].as_array().unwrap().len(), 5);
    assert_eq!(run["steps"][1]["messages"]["input"][0]["parts"][0]["text"], "Book a night train to Vienna.");
    assert_eq!(server.json(&["sessions", "--json"])["sessions"][0]["runs"], 2);
    assert_eq!(server.json(&["summary", "--json"])["counters"]["runs_failed"], 1);
    assert_eq!(server.json(&["sql", "SELECT count(*) AS n FROM runs", "--json"])["rows"][0][0], 2);
    assert_eq!(server.json(&["status", "--json"])["ingest"]["signals"]["traces"]["items_accepted"], 6);
    assert!(server.json(&["logs", "--json"])["logs"].as_array().unwrap().is_empty());
}

#[test]
fn beginnings_of_ids() {
    let server = with_runs();
    let ambiguous = server.run(&["run", "a"]);
    let message = text(&ambiguous.stderr);
    assert!(!ambiguous.status.success() && message.contains(BOOKING) && message.contains(FAILED), "{message}");
    let missing = text(&server.run(&["run", "ffff"]).stderr);
    assert!(missing.contains("no run begins with `ffff`"), "{missing}");
    let wrong = text(&server.run(&["run", "booker"]).stderr);
    assert!(wrong.contains("hexadecimal"), "{wrong}");
}

#[test]
fn without_a_server_every_reading_command_says_what_to_do() {
    for args in [
        &["runs"][..],
        &["run", "aa"],
        &["sessions"],
        &["summary"],
        &["logs"],
        &["sql", "SELECT 1"],
        &["status"],
        &["doctor"],
        &["setup"],
        &["tail"],
        &["export"],
        &["demo"],
    ] {
        let output = tawny().args(args).args(["--url", "http://127.0.0.1:9"]).output().unwrap();
        let message = text(&output.stderr);
        assert!(!output.status.success());
        assert!(
            message.contains("no Tawny answers at http://127.0.0.1:9") && message.contains("tawny serve"),
            "{args:?}: {message}"
        );
    }
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let server = with_runs();
    let mut child = tawny()
        .args([
            "sql",
            "--json",
            "SELECT a.name FROM runs a, runs b, runs c, runs d, runs e, runs f, runs g, runs h, runs i, runs j, runs k",
        ])
        .env("TAWNY_URL", server.url())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 16];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap(); // and drop the pipe
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn mistakes_in_queries_are_explained() {
    let server = with_runs();
    let message = text(&server.run(&["sql", "SELECT nope FROM runs"]).stderr);
    assert!(message.contains("nope"), "{message}");
    let message = text(&server.run(&["runs", "--from", "yesterdayish"]).stderr);
    assert!(message.contains("yesterdayish") && message.contains("RFC 3339"), "{message}");
}

#[test]
fn completions_are_written_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let output = tawny().args(["completions", shell]).output().unwrap();
        assert!(output.status.success() && text(&output.stdout).contains("tawny"));
    }
}

#[test]
fn tail_shows_runs_as_they_come() {
    let server = Server::start();
    let mut child =
        tawny().args(["tail", "--json"]).env("TAWNY_URL", server.url()).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let file = write(server.dir.path(), "runs.jsonl", lines());
    // The stream may not be open yet when the first import comes; a repeated one changes the runs again.
    let reader = std::thread::spawn(move || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        line
    });
    while !reader.is_finished() {
        server.out(&["import", &file]);
    }
    let run: serde_json::Value = serde_json::from_str(&reader.join().unwrap()).unwrap();
    assert!([BOOKING, FAILED].contains(&run["trace_id"].as_str().unwrap()));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn promql_scripts_say_what_passed_and_where_it_failed() {
    let dir = tempfile::tempdir().unwrap();
    let load = "load 1m\n  jobs_total{agent=\"a\"} 0+60x10\n\n";
    let good = format!("{load}eval instant at 10m rate(jobs_total[5m])\n  {{agent=\"a\"}} 1\n");
    let bad = format!("{load}eval instant at 10m jobs_total\n  jobs_total{{agent=\"a\"}} 7\n");
    let (good, bad) = (write(dir.path(), "good.test", good), write(dir.path(), "bad.test", bad));

    let output = tawny().args(["promql", "test", &good]).output().unwrap();
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("1 passed, 0 failed"), "{}", text(&output.stdout));

    let output = tawny().args(["promql", "test", &good, &bad]).output().unwrap();
    let said = text(&output.stdout);
    assert!(!output.status.success() && said.contains("0 passed, 1 failed") && said.contains("line 4"), "{said}");
    assert!(said.contains("2 files: 1 passed, 1 failed"), "{said}");

    let output = tawny().args(["promql", "test", "nowhere.test", &good]).output().unwrap();
    let said = text(&output.stdout);
    assert!(!output.status.success() && said.contains("nowhere.test: 0 passed, 1 failed"), "{said}");
    assert!(said.contains("cannot be read") && said.contains("good.test: 1 passed, 0 failed"), "{said}");
}
