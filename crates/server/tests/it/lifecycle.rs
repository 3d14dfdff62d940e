//! Starting, stopping, starting again.

use serde_json::json;
use server::{Limits, Settings, StartError};

use crate::support::{Server, agent_run, trace_id};

#[test]
fn a_restart_loses_nothing() {
    let server = Server::start();
    for trace in 1..=3 {
        server.post_proto("/v1/traces", &agent_run(trace)).ok();
    }
    let path = format!("/api/v1/runs/{}", trace_id(2));
    let mut before = server.get(&path).ok().json();
    let server = Server::open(server.stop(), Limits::default());
    let mut after = server.get(&path).ok().json();
    for run in [&mut before, &mut after] {
        run["run"]["provisional"] = json!(null);
    }
    assert_eq!(before, after);
    assert_eq!(server.get("/api/v1/runs").ok().json()["total"], 3);
    // And again without an orderly stop: the log alone brings it back.
    server.post_proto("/v1/traces", &agent_run(4)).ok();
    assert_eq!(server.get("/api/v1/runs").ok().json()["total"], 4);
}

#[test]
fn a_port_that_is_taken_is_named_with_the_flag_that_changes_it() {
    let server = Server::start();
    let taken = server.otlp_grpc.trim_start_matches("http://").to_owned();
    let dir = tempfile::TempDir::new().unwrap();
    let settings = Settings {
        data: dir.path().into(),
        http: "127.0.0.1:0".into(),
        otlp_http: "127.0.0.1:0".into(),
        otlp_grpc: taken.clone(),
        ..Settings::default()
    };
    let Err(error) = server.runtime.block_on(server::start(settings)) else { panic!("the port is taken") };
    assert!(matches!(error, StartError::Listen(_)));
    let message = error.to_string();
    assert!(message.contains(&taken) && message.contains("--otlp-grpc"), "{message}");
}

#[test]
fn a_directory_in_use_is_refused() {
    let server = Server::start();
    let status = server.get("/api/v1/status").ok().json();
    assert_eq!(status["state"], "ready");
    let dir = server.data_dir();
    let settings = Settings {
        data: dir,
        http: "127.0.0.1:0".into(),
        otlp_http: "127.0.0.1:0".into(),
        otlp_grpc: "127.0.0.1:0".into(),
        ..Settings::default()
    };
    let error = server.runtime.block_on(async {
        let mut second = server::start(settings).await.unwrap();
        second.ready().await.unwrap_err()
    });
    assert!(error.to_string().contains("another process"), "{error}");
}
