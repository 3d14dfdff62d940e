//! Files in, runs out, and back into a file.

use std::fs;
use std::io::Write;

use serde_json::json;

use crate::data::{BOOKING, lines};
use crate::support::{Server, text, write};

#[test]
fn files_of_every_form_give_the_same_runs() {
    let lines = lines();
    let documents: Vec<String> = lines
        .lines()
        .map(|line| serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(line).unwrap()).unwrap())
        .collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(lines.as_bytes()).unwrap();
    let mut long = zstd::Encoder::new(Vec::new(), 3).unwrap();
    long.window_log(28).unwrap();
    long.include_contentsize(false).unwrap();
    long.write_all(lines.as_bytes()).unwrap();
    let forms = [
        ("plain.jsonl", lines.clone().into_bytes()),
        ("packed.jsonl.gz", gzip.finish().unwrap()),
        ("packed.jsonl.zst", long.finish().unwrap()),
        ("pretty.json", documents.join("\n").into_bytes()),
    ];
    for (name, bytes) in forms {
        let server = Server::start();
        let file = write(server.dir.path(), name, bytes);
        let report = server.json(&["import", &file, "--json"]);
        assert_eq!(report["files"][&file]["accepted"], json!({"traces": 6}), "{name}: {report}");
        assert_eq!(server.json(&["run", BOOKING, "--json"])["run"]["usage"]["total_tokens"], 2_265, "{name}");
    }
}

#[test]
fn standard_input_and_several_files() {
    let server = Server::start();
    let output = server.run_with_input(&["import", "-"], lines().as_bytes());
    assert!(
        output.status.success() && text(&output.stdout).contains("6 spans"),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    let file = write(server.dir.path(), "again.jsonl", lines());
    server.out(&["import", &file, &file]);
    assert_eq!(server.json(&["runs", "--json"])["total"], 2);
}

#[test]
fn bad_lines_are_told_and_the_rest_is_kept() {
    let server = Server::start();
    let good = lines();
    let zero = good.lines().next().unwrap().replace(BOOKING, &"0".repeat(32));
    let file =
        write(server.dir.path(), "mixed.jsonl", format!("{{\"resourceSpans\": [}}\n{good}{{\"hello\": 1}}\n{zero}\n"));
    let output = server.run(&["import", &file]);
    let report = text(&output.stdout);
    assert!(!output.status.success(), "{report}");
    assert!(report.contains("6 spans") && report.contains("line 1:") && report.contains("line 4:"), "{report}");
    assert!(report.contains("5 items refused"), "{report}");
    assert_eq!(server.json(&["runs", "--json"])["total"], 2);
    let missing = server.run(&["import", "no-such-file.jsonl"]);
    assert!(text(&missing.stderr).contains("no-such-file.jsonl"));
    let other = write(server.dir.path(), "other.txt", "hello world, this is text\n".repeat(20));
    let output = server.run(&["import", &other]);
    assert!(!output.status.success() && text(&output.stderr).contains("OTLP"), "{}", text(&output.stderr));
}

#[test]
fn what_is_exported_can_be_imported() {
    let server = Server::start();
    let file = write(server.dir.path(), "runs.jsonl", lines());
    server.out(&["import", &file]);
    let whole = server.out(&["export"]);
    assert_eq!(whole.lines().count(), 2);
    for name in ["out.jsonl", "out.jsonl.zst", "out.jsonl.gz"] {
        let path = server.dir.path().join(name);
        server.out(&["export", "--status", "ok", "-o", path.to_str().unwrap()]);
        assert!(fs::metadata(&path).unwrap().len() > 100);
        let other = Server::start();
        other.out(&["import", path.to_str().unwrap()]);
        let mut runs = [server.json(&["run", BOOKING, "--json"]), other.json(&["run", BOOKING, "--json"])];
        for run in &mut runs {
            run["run"]["provisional"] = serde_json::Value::Null;
        }
        assert_eq!(runs[0], runs[1], "{name}");
        assert_eq!(other.json(&["runs", "--json"])["total"], 1);
    }
}

#[test]
fn the_demo_sends_runs_that_are_understood() {
    let server = Server::start();
    server.out(&["demo", "--history", "2m", "--rate", "0.2", "--for", "3s"]);
    let runs = server.json(&["runs", "--json"]);
    assert!(runs["total"].as_u64().unwrap() >= 5, "{}", runs["total"]);
    let tokens: u64 =
        runs["runs"].as_array().unwrap().iter().map(|run| run["usage"]["total_tokens"].as_u64().unwrap()).sum();
    assert!(tokens > 1_000);
    assert_eq!(server.json(&["status", "--json"])["ingest"]["signals"]["traces"]["items_rejected"], 0);
}

#[test]
fn log_lines_are_imported_from_plain_and_packed_files() {
    let line = |at: u32, more: serde_json::Value| {
        let mut event = json!({"execution_id": "EXEC-9", "timestamp": format!("2026-11-21T10:00:{at:02}")});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event.to_string()
    };
    let lines = [
        line(0, json!({"event": "step_start", "step_name": "fetch", "step_type": "tool"})),
        "not a line".to_owned(),
        line(2, json!({"event": "step_complete", "step_name": "fetch", "duration_ms": 2000, "success": true})),
    ]
    .join("\n");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(lines.as_bytes()).unwrap();
    let forms = [
        ("lines.jsonl", lines.clone().into_bytes()),
        ("lines.jsonl.gz", gzip.finish().unwrap()),
        ("lines.zst", zstd::encode_all(lines.as_bytes(), 3).unwrap()),
    ];
    for (name, bytes) in forms {
        let server = Server::start();
        let file = write(server.dir.path(), name, bytes);
        let report = server.json(&["logs", "import", &file, "--json"]);
        let report = &report["files"][&file];
        assert_eq!((&report["accepted"], &report["rejected"]), (&json!({"logs": 2}), &json!(1)), "{name}: {report}");
        assert!(report["problems"][0].as_str().unwrap().contains("line 2: not JSON"), "{report}");
        let run = server.json(&["run", "EXEC-9", "--json"]);
        assert_eq!((&run["run"]["tool_calls"], &run["run"]["steps"]), (&json!(1), &json!(1)), "{name}");
        assert!(server.out(&["logs"]).contains("step_complete"));
    }
}
