//! Whole data directories that earlier versions of the server wrote, one folder a version below `tests/fixtures`, each with a backup of
//! it: today's server reads them and goes on with them.
//!
//! A folder is written once, by the last program of its version, and never again:
//! `TAWNY_WRITE_FIXTURE=crates/server/tests/fixtures/vN cargo test -p server --test it fixtures`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};
use state::rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{Answer, Server, attribute, count, request, span, trace_id};

/// When everything in a fixture happened: 2026-01-01, in nanoseconds since 1970.
const START: u64 = 1_767_225_600_000_000_000;
/// The run that is in segments and was passed on.
const SEALED: u8 = 0x11;
/// The runs that are in the log and in the queue of what is passed on, as protobuf and as compressed JSON.
const LOGGED: [u8; 2] = [0x12, 0x13];
/// What the requests in the log are, by the table in `docs/formats/log.md`: traces as protobuf, as JSON with gzip, log records as JSON
/// with zstd, metrics as JSON.
const TAGS: [u32; 4] = [0x0100_0101, 0x0101_0201, 0x0103_0202, 0x0100_0203];
/// A reservation of a budget. Its end is moved: the server makes none that still holds when a later version reads it.
const RESERVATION: &str = "fixture-1";
const BUDGETS: &str = "
[[budget]]
name = 'of the fixture'
per = 'agent'
over = 'month'
usd = 1
hard = true
";

/// The steps of each run: id, parent, name, attributes.
fn steps() -> [(u8, u8, &'static str, Vec<(&'static str, Value)>); 2] {
    let asked =
        json!([{ "role": "user", "parts": [{ "type": "text", "content": "Where is my parcel? ".repeat(40) }] }]);
    let agent = vec![("gen_ai.operation.name", json!("invoke_agent")), ("gen_ai.agent.name", json!("planner"))];
    let call = vec![
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.request.model", json!("gpt-4o")),
        ("gen_ai.usage.input_tokens", json!(100)),
        ("gen_ai.usage.output_tokens", json!(20)),
        ("gen_ai.input.messages", json!(asked.to_string())),
    ];
    [(1, 0, "invoke_agent planner", agent), (2, 1, "chat gpt-4o", call)]
}

fn start_of(id: u8) -> u64 {
    START + u64::from(id) * 1_000_000
}

fn end_of(id: u8) -> u64 {
    START + 1_000_000_000 - u64::from(id) * 1_000_000
}

fn as_protobuf(trace: u8) -> Vec<u8> {
    let spans = steps().into_iter().map(|(id, parent, name, attributes)| {
        let attributes = attributes.into_iter().map(|(key, value)| match value.as_i64() {
            Some(number) => count(key, number),
            None => attribute(key, value.as_str().unwrap()),
        });
        Span {
            start_time_unix_nano: start_of(id),
            end_time_unix_nano: end_of(id),
            ..span(trace, id, parent, name, attributes.collect())
        }
    });
    request("planner-service", spans.collect())
}

fn resource() -> Value {
    json!({ "attributes": [{ "key": "service.name", "value": { "stringValue": "planner-service" } }] })
}

fn as_json(trace: u8) -> Value {
    let hex = |id: u8| if id == 0 { String::new() } else { format!("{id:02x}").repeat(8) };
    let spans = steps().into_iter().map(|(id, parent, name, attributes)| {
        let attributes = attributes.into_iter().map(|(key, value)| match value.as_i64() {
            Some(number) => json!({ "key": key, "value": { "intValue": number.to_string() } }),
            None => json!({ "key": key, "value": { "stringValue": value } }),
        });
        json!({ "traceId": trace_id(trace), "spanId": hex(id), "parentSpanId": hex(parent), "name": name,
            "startTimeUnixNano": start_of(id).to_string(), "endTimeUnixNano": end_of(id).to_string(),
            "attributes": attributes.collect::<Vec<Value>>() })
    });
    let spans: Vec<Value> = spans.collect();
    json!({ "resourceSpans": [{ "resource": resource(), "scopeSpans": [{ "spans": spans }] }] })
}

/// A server on this directory that passes on to `url`, and for which every run has settled.
fn server(dir: TempDir, data: &Path, url: Option<&str>) -> Server {
    let forward = url.map(|url| {
        let file = dir.path().join("forward.toml");
        // What waits is older than any that is worth sending.
        fs::write(&file, format!("[[destination]]\nname = \"next\"\nurl = \"{url}\"\nmax_age = \"400000h\"\n"))
            .unwrap();
        file
    });
    Server::configured(dir, |settings| {
        settings.data = data.to_owned();
        settings.runs.settle_nanos = 1_000_000;
        settings.forward = forward;
    })
}

fn send(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    server.send(method, &format!("{}{path}", server.http), &[], body.as_bytes())
}

/// Waits until this number of runs was judged, each of which has one row. They are history: counters leave them out.
fn until_judged(data: &Path, runs: i64) {
    let mut found = 0;
    for _ in 0..1200 {
        let connection = Connection::open(data.join("state.sqlite")).unwrap();
        found = connection.query_row("SELECT count(*) FROM watch_runs", [], |row| row.get(0)).unwrap();
        if found == runs {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("{found} runs were judged, not {runs}");
}

/// Waits until so many requests wait to be passed on.
fn until_queued(server: &Server, requests: u64) {
    server.until("/api/v1/status", |status| {
        let next = &status["forward"]["destinations"][0];
        next["queued_requests"] == requests && (requests > 0 || next["sent_requests"].as_u64() > Some(0))
    });
}

/// Writes a fixture.
fn write(folder: &Path) {
    let work = TempDir::new().unwrap();
    let data = work.path().join("data");
    let fresh = || TempDir::new().unwrap();
    let next = Server::start();
    let first = server(fresh(), &data, Some(next.otlp_http.as_str()));
    first.post_proto("/v1/traces", &as_protobuf(SEALED)).ok();
    until_queued(&first, 0);
    until_judged(&data, 1);
    // An orderly stop writes everything into segments.
    drop(first.stop());

    let second = server(fresh(), &data, Some("http://127.0.0.1:9"));
    second.post_proto("/v1/traces", &as_protobuf(LOGGED[0])).ok();
    let packed = |encoding: &str, path: &str, body: &[u8]| {
        second.post(path, &[("content-type", "application/json"), ("content-encoding", encoding)], body).ok();
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(as_json(LOGGED[1]).to_string().as_bytes()).unwrap();
    packed("gzip", "/v1/traces", &gzip.finish().unwrap());
    let record = json!({ "timeUnixNano": START.to_string(), "severityNumber": 9, "traceId": trace_id(LOGGED[0]),
        "body": { "stringValue": "said by the fixture" } });
    let logs = json!({ "resourceLogs": [{ "resource": resource(), "scopeLogs": [{ "logRecords": [record] }] }] });
    packed("zstd", "/v1/logs", &zstd::encode_all(logs.to_string().as_bytes(), 3).unwrap());
    let gauge = json!({ "name": "fixture", "gauge": { "dataPoints": [{ "timeUnixNano": START.to_string(), "asDouble": 1.5 }] } });
    let metrics = json!({ "resourceMetrics": [{ "resource": resource(), "scopeMetrics": [{ "metrics": [gauge] }] }] });
    second.post_json("/v1/metrics", &metrics).ok();
    send(&second, "PUT", "/api/v1/budgets", BUDGETS).ok();
    let reserve =
        json!({ "agent": "planner", "usd": 0.25, "reserve": true, "reservation": RESERVATION, "hold_seconds": 86_400 });
    send(&second, "POST", "/api/v1/budgets/check", &reserve.to_string()).ok();
    let silence = json!({ "matchers": "alertname=\"Fixture\"", "ends_at": "2100-01-01T00:00:00Z", "created_by": "ada",
        "comment": "silenced by the fixture" });
    send(&second, "POST", "/api/v1/silences", &silence.to_string()).ok();
    let dashboard = json!({ "title": "drawn by the fixture" });
    send(&second, "POST", "/api/v1/dashboards", &dashboard.to_string()).ok();
    until_queued(&second, TAGS.len() as u64);
    let backup = second.get("/api/v1/store/backup").ok().body;
    // No orderly stop: what is in the log stays there.
    drop(second);
    closed(&data);

    let _ = fs::remove_dir_all(folder);
    copy(&data, &folder.join("data"));
    fs::write(folder.join("backup.tar.zst"), zstd::encode_all(&backup[..], 19).unwrap()).unwrap();
}

/// Waits until nobody has the directory open, and leaves in it what belongs to it.
fn closed(data: &Path) {
    let lock = fs::File::open(data.join("lock")).unwrap();
    while lock.try_lock().is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
    for name in ["catalog.db", "state.sqlite"] {
        let connection = Connection::open(data.join(name)).unwrap();
        let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
        assert_eq!(busy, 0, "{name} is still in use");
        // The last one to close removes SQLite's own log, which is empty now.
        drop(connection);
        for left in ["-wal", "-shm"] {
            let _ = fs::remove_file(data.join(format!("{name}{left}")));
        }
    }
    for left in ["lock", "forward/lock"] {
        let _ = fs::remove_file(data.join(left));
    }
    let path = data.join("reservations.log");
    let line = fs::read_to_string(&path).unwrap();
    let (before, rest) = line.trim_end()[9..].split_once("\"expires\":\"").expect("a line of one reservation");
    let json = format!("{before}\"expires\":\"2100-01-01T00:00:00Z{}", &rest[rest.find('"').unwrap()..]);
    fs::write(&path, format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()))).unwrap();
}

/// Copies a directory; what is empty in it is left out, as in a repository.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::create_dir_all(to).unwrap();
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    if let Some(folder) = std::env::var_os("TAWNY_WRITE_FIXTURE") {
        write(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder));
    }
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "the fixtures are gone");
    folders
}

/// Tag and payload of each record in a directory's log, read by nothing but `docs/formats/log.md`.
fn records(data: &Path) -> Vec<(u32, Vec<u8>)> {
    let mut files: Vec<PathBuf> = fs::read_dir(data.join("wal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut found = Vec::new();
    for path in files {
        let file = fs::read(&path).unwrap();
        let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        assert_eq!((&file[..8], number(8), number(20)), (&b"TAWNYLOG"[..], 1, crc32fast::hash(&file[..20])));
        let mut at = 24;
        while at < file.len() {
            let end = at + 8 + number(at) as usize;
            let body = &file[at + 8..end];
            assert_eq!(number(at + 4), crc32fast::hash(&[&file[at..at + 4], body].concat()), "{}", path.display());
            let project = 22 + usize::from(u16::from_le_bytes(body[20..22].try_into().unwrap()));
            assert_eq!(&body[22..project], b"default");
            found.push((number(at + 8 + 16), body[project..].to_vec()));
            at = end;
        }
    }
    found
}

/// Everything that a fixture says is there, whoever kept it.
fn check(server: &Server, data: &Path, version: &str) {
    let path = |trace: u8| format!("/api/v1/runs/{}", trace_id(trace));
    let raw =
        |trace: u8| server.get(&format!("{}/raw", path(trace))).ok().text().replace(&trace_id(trace), "the trace");
    let sealed = raw(SEALED);
    let (said, ended) = ("Where is my parcel? ".repeat(40), end_of(2).to_string());
    for part in ["gen_ai.usage.input_tokens", "planner-service", said.as_str(), ended.as_str()] {
        assert!(sealed.contains(part), "{version}: {part} is not in {sealed}");
    }
    for trace in LOGGED {
        assert_eq!(raw(trace), sealed, "{version}: the same however it was sent and wherever it is");
    }
    for trace in [SEALED, LOGGED[0], LOGGED[1]] {
        let run = server.get(&path(trace)).ok().json()["run"].clone();
        let told = (&run["agent"], &run["status"], &run["steps"], &run["usage"]["total_tokens"]);
        assert_eq!(told, (&json!("planner"), &json!("ok"), &json!(2), &json!(120)), "{version}: {run:#}");
    }
    let found = server.get("/api/v1/search?q=my+parcel").ok().json();
    assert_eq!(found["results"].as_array().unwrap().len(), 3, "{version}: {found:#}");
    let logs = server.get(&format!("{}/logs", path(LOGGED[0]))).ok().json();
    assert_eq!(logs["logs"][0]["body"], "said by the fixture", "{version}: {logs:#}");
    for (view, rows) in [("logs", 1), ("samples", 1), ("spans", 6)] {
        let query = json!({ "query": format!("SELECT count(*) FROM {view}") });
        let answer = send(server, "POST", "/api/v1/sql", &query.to_string()).ok().json();
        assert_eq!(answer["rows"], json!([[rows]]), "{version}: {view}");
    }
    // Once each, whether that was before or is now.
    until_judged(data, 3);
    let kept = |path: &str| server.get(path).ok().text();
    assert!(kept("/api/v1/budgets").contains("of the fixture"), "{version}");
    assert!(kept("/api/v1/silences").contains("silenced by the fixture"), "{version}");
    assert!(kept("/api/v1/dashboards").contains("drawn by the fixture"), "{version}");
    let checked = send(server, "POST", "/api/v1/store/check", "").ok().json();
    assert_eq!(checked["faults_found"], 0, "{version}: {checked:#}");
}

#[test]
fn a_directory_and_a_backup_of_an_earlier_version_are_read_and_gone_on_with() {
    for folder in folders() {
        let version = folder.file_name().unwrap().to_string_lossy().into_owned();
        let records = records(&folder.join("data"));
        assert_eq!(records.iter().map(|(tag, _)| *tag).collect::<Vec<u32>>(), TAGS, "{version}");
        assert_eq!(records[0].1, as_protobuf(LOGGED[0]), "{version}: as it was received");

        let (next, dir) = (Server::start(), TempDir::new().unwrap());
        let data = dir.path().join("data");
        copy(&folder.join("data"), &data);
        let read = server(dir, &data, Some(next.otlp_http.as_str()));
        let replayed = |server: &Server| server.get("/api/v1/status").ok().json()["store"]["replayed"].clone();
        assert_eq!(replayed(&read), TAGS.len(), "{version}");
        check(&read, &data, &version);
        // The queue goes on behind what was passed on before.
        until_queued(&read, 0);
        for (trace, status) in [(SEALED, 404), (LOGGED[0], 200), (LOGGED[1], 200)] {
            assert_eq!(next.get(&format!("/api/v1/runs/{}", trace_id(trace))).status, status, "{version}: {trace:x}");
        }
        assert_eq!(read.get("/api/v1/budgets").ok().json()["open_reservations"], 1, "{version}");
        let settle = json!({ "reservation": RESERVATION, "usd": 0.1 }).to_string();
        let settled =
            |server: &Server| send(server, "POST", "/api/v1/budgets/settle", &settle).ok().json()["settled"].clone();
        assert_eq!(settled(&read), "now", "{version}");
        // What today's server made of it.
        let again = server(read.stop(), &data, Some(next.otlp_http.as_str()));
        assert_eq!(replayed(&again), 0, "{version}");
        check(&again, &data, &version);
        assert_eq!(settled(&again), "again", "{version}");

        let dir = TempDir::new().unwrap();
        let (archive, data) = (dir.path().join("backup.tar"), dir.path().join("data"));
        let packed = fs::read(folder.join("backup.tar.zst")).unwrap();
        fs::write(&archive, zstd::decode_all(&packed[..]).unwrap()).unwrap();
        let restore = store::restore(archive, store::Settings::new(&data));
        let restored = next.runtime.block_on(restore).unwrap();
        assert_eq!(restored.about.format, 1, "{version}");
        check(&server(dir, &data, None), &data, &version);
    }
}
