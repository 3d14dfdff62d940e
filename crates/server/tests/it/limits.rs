//! Limits that are reached: the answer says which one, and when to come back where that helps; and it is counted under its name.
//!
//! `label_sets` has its own tests (`label_budget.rs`), `cache_bytes` those of the store over a bucket. `open_files` cannot be reached
//! by connections, of which at most half as many are let in. What takes hundreds of thousands of series, runs or alerts is left out.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use server::Limits;
use tempfile::TempDir;

use crate::support::{Answer, Server, agent_run, now, request, span};

/// Requests after which a limit that is reached by chance of time must have been.
const TRIES: usize = 300;

/// How often the page of metrics says that a limit was reached.
#[track_caller]
fn reached(server: &Server, limit: &str) -> u64 {
    let start = format!("tawny_limit_reached_total{{name=\"{limit}\"}} ");
    // Where requests are counted as well, this one may be one too many.
    for _ in 0..TRIES {
        let page = server.get("/metrics");
        if page.status != 429 {
            let page = page.ok().text();
            let count = page.lines().find_map(|line| line.strip_prefix(&start));
            let count = count.unwrap_or_else(|| panic!("{limit} is not on the page"));
            return count.parse::<f64>().unwrap() as u64;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the page of metrics is not given any more");
}

/// The limit was told in the answer, with when to come back where that helps, and counted.
#[track_caller]
fn is_told(server: &Server, limit: &str, status: u16, answer: &Answer) {
    let text = answer.text();
    assert_eq!(answer.status, status, "{limit}: {text}");
    assert!(text.contains(limit), "{limit}: {text}");
    // Prometheus' own answer to a query that takes too long has none.
    let comes_back = [429, 503].contains(&status) && limit != "promql_time";
    assert_eq!(!answer.header("retry-after").is_empty(), comes_back, "{limit}");
    assert!(reached(server, limit) > 0, "{limit} is not counted");
}

/// The first answer that is not as if there were no limit.
#[track_caller]
fn refused(ask: impl Fn() -> Answer) -> Answer {
    for _ in 0..TRIES {
        let answer = ask();
        if answer.status != 200 {
            return answer;
        }
    }
    panic!("the limit was never in the way");
}

/// Asks from many sides at once, until an answer is as wanted.
#[track_caller]
fn at_once(ask: impl Fn() -> Answer + Sync, wanted: impl Fn(&Answer) -> bool + Sync) -> Answer {
    const SIDES: usize = 12;
    let found = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..SIDES {
            scope.spawn(|| {
                for _ in 0..TRIES {
                    if found.lock().unwrap().is_some() {
                        return;
                    }
                    let answer = ask();
                    if wanted(&answer) {
                        *found.lock().unwrap() = Some(answer);
                    }
                }
            });
        }
    });
    found.into_inner().unwrap().expect("the limit was never in the way")
}

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    server.post_to(&format!("{}{path}", server.http), &[], body.to_string().as_bytes())
}

fn sql(server: &Server, query: &str) -> Answer {
    post(server, "/api/v1/sql", &json!({ "query": query }))
}

#[test]
fn the_same_limits_are_shown_everywhere() {
    let server = Server::start();
    let status = server.get("/api/v1/status").ok().json();
    let limits = status["limits"].as_array().unwrap();
    let names: BTreeSet<&str> = limits.iter().map(|limit| limit["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), limits.len(), "{limits:?}");
    let page = server.get("/metrics").ok().text();
    for family in ["tawny_limit", "tawny_limit_reached_total"] {
        let start = format!("{family}{{name=\"");
        let shown = page.lines().filter_map(|line| line.strip_prefix(&start)?.split('"').next());
        assert_eq!(shown.collect::<BTreeSet<&str>>(), names, "{family}");
    }
    let store = server.get("/api/v1/store").ok().json();
    assert_eq!(store["limits"].as_array().unwrap().len(), limits.len());
    for name in ["sql_bytes", "aggregate_rows", "login_tries", "brakes_max", "holds_max", "backups_max", "cache_bytes"]
    {
        assert!(names.contains(name), "{name}");
    }
    assert!(!names.contains("requests_per_second"), "it is not set");
}

#[test]
fn senders_are_told_which_limit_is_in_the_way() {
    let limits = Limits::default;
    for (limit, status, limits) in [
        ("max_body_bytes", 413, Limits { max_body_bytes: 1 << 10, ..limits() }),
        ("inflight_bytes", 429, Limits { inflight_bytes: 100, ..limits() }),
        // The first request is taken whatever its size, because nothing else is there.
        ("hot_bytes_max", 429, Limits { hot_bytes: 1, ..limits() }),
    ] {
        let server = Server::with(limits);
        let run = request("shop", vec![span(1, 1, 0, &"x".repeat(2 << 10), vec![])]);
        let answer = refused(|| server.post_proto("/v1/traces", &run));
        is_told(&server, limit, status, &answer);
    }
    let server = Server::with(Limits { queue_bytes: 1, ..limits() });
    let answer = at_once(|| server.post_proto("/v1/traces", &agent_run(1)), |answer| answer.status != 200);
    is_told(&server, "queue_bytes_max", 429, &answer);
}

#[test]
fn a_sender_that_stalls_is_told_after_how_long() {
    let server = Server::with(Limits { stalled: Duration::from_millis(50), ..Limits::default() });
    let mut stream = TcpStream::connect(server.otlp_http.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head =
        "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 2048];
    let read = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("limit stalled"), "{answer}");
    assert_eq!(reached(&server, "stalled"), 1);
}

#[test]
fn connections_past_the_limit_wait_until_others_close() {
    // Each of the three ports has one place for whoever comes next; two are left for the port that is asked.
    let server = Server::with(Limits { connections: 5, ..Limits::default() });
    let connect = || TcpStream::connect(server.otlp_http.trim_start_matches("http://")).unwrap();
    let held: Vec<TcpStream> = (0..3).map(|_| connect()).collect();
    let mut waiting = connect();
    waiting.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut answer = [0; 12];
    assert!(waiting.peek(&mut answer).is_err(), "{}", String::from_utf8_lossy(&answer));
    drop(held);
    waiting.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    waiting.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    assert!(reached(&server, "connections") > 0);
}

#[test]
fn who_knocks_too_often_is_told_so() {
    let dir = TempDir::new().unwrap();
    let server = Server::configured(dir, |settings| settings.limits.requests_per_second = Some(5));
    let answer = refused(|| server.get("/api/v1/setup"));
    is_told(&server, "requests_per_second", 429, &answer);
    let login = json!({ "name": "nobody", "password": "guess after guess" });
    let guesses = || Some(post(&server, "/api/v1/login", &login)).filter(|answer| answer.status != 401);
    let answer = (0..TRIES).find_map(|_| guesses()).expect("passwords may be tried without end");
    is_told(&server, "login_tries", 429, &answer);
}

#[test]
fn questions_that_are_too_large_are_told_by_which_limit() {
    let server = Server::start();
    let begin = now() / 1_000_000_000 - 20_000;
    // More bars of a chart than an answer has.
    let record = |at: u64| json!({ "timeUnixNano": format!("{}000000000", begin + at), "severityNumber": 9 });
    let records: Vec<Value> = (0..10_001).map(record).collect();
    server.post_json("/v1/logs", &json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": records }] }] })).ok();
    is_told(&server, "aggregate_rows", 422, &server.get("/api/v1/logs/counts?step=1s"));
    is_told(&server, "sql_bytes", 422, &sql(&server, &format!("SELECT '{}'", "x".repeat(100_000))));
    is_told(&server, "sql_words", 422, &sql(&server, &format!("SELECT 1{}", "+1".repeat(3_000))));
    let promql = |path: &str| server.get(&format!("/prometheus/api/v1/{path}"));
    let subquery = |range: &str| format!("query?query=sum_over_time(vector(1)%5B{range}:1s%5D)");
    is_told(&server, "promql_subquery_steps_max", 422, &promql(&subquery("100d")));
    is_told(&server, "promql_time", 503, &promql(&format!("{}&timeout=0", subquery("1d"))));
    // In Prometheus' words, which clients know.
    let answer = promql("query_range?query=1&start=1&end=90000&step=1");
    assert!(answer.status == 400 && answer.text().contains("exceeded maximum resolution"), "{}", answer.text());
    assert_eq!(reached(&server, "promql_steps_max"), 1);
    let rules = json!({ "rules": "#".repeat((1 << 20) + 1), "from": "1h" });
    is_told(&server, "backtest_bytes_max", 400, &post(&server, "/api/v1/rules/backtest", &rules));
}

#[test]
fn things_of_which_there_are_too_many_are_told_by_which_limit() {
    let server = Server::start();
    let text = |bytes: usize| json!({ "title": "Night", "description": "x".repeat(bytes) });
    is_told(&server, "dashboard_bytes_max", 400, &post(&server, "/api/v1/dashboards", &text(256 << 10)));
    let panel = |at: u64| json!({ "id": at.to_string(), "kind": "stat", "x": 0, "y": at, "w": 1, "h": 1 });
    let panels: Vec<Value> = (0..101).map(panel).collect();
    let dashboard = json!({ "title": "Night", "panels": panels });
    is_told(&server, "dashboard_panels_max", 400, &post(&server, "/api/v1/dashboards", &dashboard));
    let alert = json!([{ "labels": { "alertname": "Big", "x": "y".repeat(70_000) } }]);
    is_told(&server, "alert_bytes_max", 400, &post(&server, "/alertmanager/api/v2/alerts", &alert));
    let hold = json!({ "about": { "user": "ada" }, "reason": "case 17" });
    let answer = refused(|| post(&server, "/api/v1/holds", &hold));
    is_told(&server, "holds_max", 409, &answer);
}

#[test]
fn questions_that_need_too_much_memory_are_told_so() {
    let server = Server::with(Limits { query_bytes: 1, ..Limits::default() });
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    let wide = "SELECT a.name, b.name, count(*) FROM spans a, spans b GROUP BY 1, 2";
    is_told(&server, "query_bytes", 422, &sql(&server, wide));
}

#[test]
fn questions_that_take_too_long_are_told_so() {
    // A limit is looked at when a question waits, and a short one may be done before it first does: so ask until one is caught.
    let none = Duration::ZERO;
    let server = Server::with(Limits { list_time: none, sql_time: none, ..Limits::default() });
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    is_told(&server, "list_time", 422, &refused(|| server.get("/api/v1/sessions")));
    let wide = "SELECT a.name, b.name, count(*) FROM spans a, spans b GROUP BY 1, 2 ORDER BY 3";
    is_told(&server, "sql_time", 422, &refused(|| sql(&server, wide)));

    let server = Server::with(Limits { search_time: none, ..Limits::default() });
    for trace in 1..=4 {
        server.post_proto("/v1/traces", &agent_run(trace)).ok();
    }
    // What was found until then is an answer, which says how far it got.
    let caught = || Some(server.get("/api/v1/search?q=owls").ok().json()).filter(|page| !page["searched_to"].is_null());
    let page = (0..TRIES).find_map(|_| caught()).expect("one of many searches takes longer than no time at all");
    assert!(!page["next"].is_null(), "it goes on from there: {page:#}");
    assert!(reached(&server, "search_time") > 0);
}

#[test]
fn too_many_questions_at_once_are_told_so() {
    let server = Server::with(Limits { sql_time: Duration::from_millis(500), ..Limits::default() });
    let spans = (0..200u8).map(|at| {
        let mut one = span(1, 1, 0, "x", vec![]);
        one.span_id = vec![at + 1; 8];
        one
    });
    server.post_proto("/v1/traces", &request("shop", spans.collect())).ok();
    // Eight million combinations: more than are looked at before others ask.
    let long = "SELECT count(*) FROM spans a, spans b, spans c WHERE a.span_id || b.span_id || c.span_id LIKE '%zzz%'";
    let answer = at_once(|| sql(&server, long), |answer| answer.text().contains("sql_queries_max"));
    is_told(&server, "sql_queries_max", 503, &answer);

    let check = || post(&server, "/api/v1/store/check", &json!({}));
    let answer = at_once(check, |answer| answer.status != 200);
    is_told(&server, "backups_max", 503, &answer);

    // One more of these waits, and is answered.
    let query = || server.get("/prometheus/api/v1/query?query=sum_over_time(vector(1)%5B1d:1s%5D)");
    at_once(query, |answer| {
        assert_eq!(answer.status, 200, "{}", answer.text());
        reached(&server, "promql_queries_max") > 0
    });
}
