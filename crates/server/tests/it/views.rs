//! What people look at is written down, whichever way they look.

use std::path::Path;

use access::{Log, PART, Role, Scope};
use serde_json::json;
use server::{Limits, SystemClock};
use state::State;
use tempfile::TempDir;

use crate::doors::key;
use crate::support::{Server, agent_run, trace_id};

/// A state with a viewer of the project `shop`.
fn with_jane(data: &Path) -> State {
    std::fs::create_dir_all(data).unwrap();
    let state = State::open(data, &[PART]).unwrap();
    state
        .write(|tx| {
            access::add_user(tx, "jane", "correct horse battery", [1; 16], SystemClock::time()).unwrap()?;
            access::set_role(tx, "jane", "shop", Some(Role::Viewer))
        })
        .unwrap();
    state
}

#[test]
fn views_through_the_doors_of_other_tools_are_written_down_and_doors_for_programs_take_no_session() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let state = with_jane(&data);
    let shop = format!("Bearer {}", key(&data, "shop", &[Scope::Ingest, Scope::Read], 1).1);
    let server = Server::open(dir, Limits::default());
    let headers = [("content-type", "application/x-protobuf"), ("authorization", shop.as_str())];
    server.post("/v1/traces", &headers, &agent_run(1)).ok();
    let body = json!({ "name": "jane", "password": "correct horse battery" }).to_string();
    let signed = server.post_to(&format!("{}/api/v1/login", server.http), &[], body.as_bytes());
    let cookie = signed.header("set-cookie").split(';').next().unwrap().to_owned();
    let trace = trace_id(1);
    let get = |path: &str, header: (&str, &str)| server.send("GET", &format!("{}{path}", server.http), &[header], b"");
    let query = "/loki/api/v1/query_range?query=%7Bservice_name%3D~%22.%2B%22%7D";
    let ways = [
        format!("/tempo/api/traces/{trace}"),
        format!("/jaeger/api/traces/{trace}"),
        query.to_owned(),
        format!("/api/v1/runs/{trace}/tree"),
        "/api/v1/sessions".to_owned(),
        "/api/v1/findings".to_owned(),
        "/api/v1/issues".to_owned(),
    ];
    for way in &ways {
        let answer = get(way, ("cookie", &cookie));
        assert_eq!(answer.status, 200, "{way}: {}", answer.text());
        // Programs are not people: what they read is not written down.
        get(way, ("authorization", &shop)).ok();
    }
    let log = state.read(|connection| access::entries(connection, Log::People, 0, 100, None)).unwrap();
    let views: Vec<(&str, &str)> =
        log.iter().filter(|entry| &*entry.action == "view").map(|entry| (&*entry.actor, &*entry.target)).collect();
    let expected: Vec<(&str, &str)> =
        ways.iter().map(|way| ("user:jane", way.split('?').next().unwrap_or(way))).collect();
    assert_eq!(views, expected, "what was looked for is not written down");
    for way in [format!("/api/public/traces/{trace}"), format!("/langsmith/runs/{trace}")] {
        let answer = get(&way, ("cookie", &cookie));
        assert_eq!(answer.status, 401, "{way}: {}", answer.text());
        assert_ne!(get(&way, ("authorization", &shop)).status, 401, "{way}");
    }
}
