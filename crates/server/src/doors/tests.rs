//! Every route, tried by everybody: nobody, each scope, each role.
//!
//! The server replays its log all the while: whoever is let through is told so by the handler, or gets what needs no store.

use std::sync::Arc;

use access::{Doors, NewKey, Role, Scope};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use model::Timestamp;
use tokio::runtime::Handle;
use tower::ServiceExt;

use super::rules::{self, RULES, Rule};
use crate::api::types::Endpoints;
use crate::config::Settings;
use crate::money::Money;
use crate::{Doorway, MoneyFiles, app, routes};
use access::Need;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// All routes of the API as its document lists them.
fn documented() -> Vec<(Method, String)> {
    let document = routes::api().split_for_parts().1;
    let document = serde_json::to_value(&document).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let routes = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys().filter_map(|word| word.to_uppercase().parse::<Method>().ok());
        methods
            .filter(|method| ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()))
            .map(|method| (method, path.clone()))
            .collect::<Vec<_>>()
    });
    let routes: Vec<_> = routes.collect();
    assert!(routes.len() > 20, "the document lists no routes");
    routes
}

/// Where the routes of others' protocols are made, which the document does not describe, with what stands before their paths.
const PROTOCOLS: [(&str, &str); 5] = [
    ("", include_str!("../grafana/jaeger.rs")),
    ("", include_str!("../grafana/loki.rs")),
    ("", include_str!("../grafana/tempo.rs")),
    ("/prometheus/api/v1", include_str!("../series/prometheus.rs")),
    ("/alertmanager/api/v2", include_str!("../alerting/alertmanager.rs")),
];

/// All routes of others' protocols, as the code makes them.
fn of_protocols() -> Vec<(Method, String)> {
    let mut routes = Vec::new();
    for (before, code) in PROTOCOLS {
        let made = code.matches(".route(").count();
        let mut found = 0;
        for line in code.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")) {
            let (path, handlers) = line.split_once('"').unwrap();
            let root = before.split('/').nth(1).unwrap_or_default();
            let whole = before.is_empty() || path.starts_with(&format!("/{root}/"));
            let path = if whole { path.to_owned() } else { format!("{before}{path}") };
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
                if handlers.contains(&format!("{}(", method.as_str().to_lowercase())) {
                    routes.push((method, path.clone()));
                }
            }
            found += 1;
        }
        assert_eq!(found, made, "a route of {before} is not read: write it in one line");
    }
    routes
}

struct Place {
    router: Router,
    telemetry: Router,
    doors: Arc<Doors>,
    _dir: tempfile::TempDir,
}

fn place(change: impl FnOnce(&mut Settings)) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let state = state::State::open(dir.path(), crate::app::STATE_PARTS).unwrap();
    let doors = Arc::new(Doors::open(state, Vec::new()).unwrap());
    let url = || "http://127.0.0.1:1".to_owned();
    let endpoints = Endpoints { http: url(), otlp_http: url(), otlp_grpc: url() };
    let mut settings = Settings { data: dir.path().to_owned(), ..Settings::default() };
    change(&mut settings);
    let threads = [Handle::current(), Handle::current()];
    let money = Arc::new(Money::new(&MoneyFiles::default()).unwrap());
    let doorway = Doorway { doors: Arc::clone(&doors), tls: None, loopback: true };
    let app = app(settings, endpoints, threads, None, money, doorway);
    let telemetry = routes::telemetry(Arc::clone(&app));
    Place { router: routes::everything(app), telemetry, doors, _dir: dir }
}

impl Place {
    fn key(&self, project: &str, scopes: &[Scope]) -> String {
        let random = [scopes.iter().map(|scope| *scope as u8 + 1).sum::<u8>() + project.len() as u8 * 10; 32];
        let new = NewKey { name: "test", project, scopes };
        let made = self.doors.state().write(|tx| access::create_key(tx, &new, random, NOW)).unwrap();
        self.doors.reload().unwrap();
        made.1
    }

    fn session(&self, role: Role) -> String {
        let (name, now) = (role.as_str(), super::super::SystemClock::time());
        let made = self.doors.state().write(|tx| {
            access::add_user(tx, name, "a password of twelve", [1; 16], NOW).unwrap()?;
            access::set_role(tx, name, "shop", Some(role))?;
            access::open_session(tx, name, [role as u8 + 100; 32], now)
        });
        self.doors.reload().unwrap();
        made.unwrap()
    }
}

fn filled(path: &str) -> String {
    path.replace("{trace_id}", &"ab".repeat(16))
        .replace("{span_id}", &"cd".repeat(8))
        .replace("{id}", "k_0")
        .replace("{fingerprint}", "f0")
        .replace("{name}", "n")
        .replace("{other}", &"ef".repeat(16))
        .replace("{*rest}", "x/y")
        .replace("{project}", "p")
        .replace("{service}", "s")
        .replace("{tag}", "t")
}

async fn ask(router: &Router, method: &Method, path: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
    let mut request = Request::builder().method(method.clone()).uri(filled(path)).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(Body::from("{}")).unwrap()).await.unwrap();
    let code = response.headers().get("grpc-status").map_or("", |value| value.to_str().unwrap()).to_owned();
    (response.status(), code)
}

fn is_refused(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

#[test]
fn every_route_has_a_rule_and_every_rule_of_the_api_a_route() {
    let routes = documented();
    let without: Vec<_> = routes.iter().filter(|(method, path)| rules::said(method, path).is_none()).collect();
    assert!(without.is_empty(), "say in doors/rules.rs what these ask of their caller: {without:?}");
    let idle: Vec<_> = RULES
        .iter()
        .filter(|(_, path, rule)| path.starts_with("/api/") && matches!(rule, Rule::Needs(_) | Rule::Server(_)))
        .filter(|(known, pattern, _)| !routes.iter().any(|(method, path)| known == method && path == pattern))
        .collect();
    assert!(idle.is_empty(), "these rules are for no route: {idle:?}");
    let others = of_protocols();
    let without: Vec<_> = others.iter().filter(|(method, path)| rules::said(method, path).is_none()).collect();
    assert!(without.is_empty(), "say in doors/rules.rs what these ask of their caller: {without:?}");
    // What the document does not describe (Grafana's doors) has a rule at least.
    let is_route = |known: &str| match known.strip_suffix('*') {
        Some(begin) => RULES.iter().any(|(_, path, _)| path.starts_with(begin)),
        None => routes.iter().any(|(_, path)| path == known),
    };
    let gone: Vec<_> = rules::CONTENT.iter().filter(|known| !is_route(known)).collect();
    assert!(gone.is_empty(), "these are no routes: {gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_through_who_may_and_nobody_else() {
    let place = place(|_| {});
    let mut callers: Vec<(String, [String; 2], access::Rights)> = Vec::new();
    for (scope, word) in Scope::ALL {
        for project in ["shop", "*"] {
            let bearer = format!("Bearer {}", place.key(project, &[scope]));
            callers.push((format!("key {word} {project}"), ["authorization".into(), bearer], scope.rights()));
        }
    }
    for (role, word) in Role::ALL {
        let token = place.session(role);
        callers.push((format!("user {word}"), ["cookie".into(), format!("tawny_session={token}")], role.rights()));
    }
    // Signing out ends the sessions that the others are asked with.
    let routes = documented().into_iter().filter(|(_, path)| path != "/api/v1/logout");
    for (method, path) in routes.chain(of_protocols()) {
        let rule = rules::of(&method, &path);
        let nobody = ask(&place.router, &method, &path, &[]).await.0;
        assert_eq!(nobody == StatusCode::UNAUTHORIZED, rule != Rule::Open, "{method} {path}: {nobody}");
        let wrong = ask(&place.router, &method, &path, &[("authorization", "Bearer twy_wrong")]).await.0;
        assert_eq!(is_refused(wrong), is_refused(nobody), "{method} {path}: {wrong}");
        for (who, [name, value], rights) in &callers {
            let status = ask(&place.router, &method, &path, &[(name.as_str(), value.as_str())]).await.0;
            let allowed = match rule {
                Rule::Open => true,
                Rule::Itself => rights.meet(Need::Ingest),
                Rule::Needs(need) => rights.meet(need),
                Rule::Server(need) => rights.meet(need) && who.ends_with('*'),
            };
            assert_eq!(!is_refused(status), allowed, "{who}: {method} {path}: {status}");
            let elsewhere = [(name.as_str(), value.as_str()), ("tawny-project", "bank")];
            let status = ask(&place.router, &method, &path, &elsewhere).await.0;
            let allowed = rule == Rule::Open || allowed && who.ends_with('*');
            assert_eq!(!is_refused(status), allowed, "{who} in another project: {method} {path}: {status}");
            // What a browser asks for by itself names the project in its address.
            if method == Method::GET && rule != Rule::Itself {
                let address = format!("{path}?tawny-project=bank");
                let status = ask(&place.router, &method, &address, &elsewhere[..1]).await.0;
                assert_eq!(!is_refused(status), allowed, "{who} in another project, by its address: {path}: {status}");
            }
        }
    }
}

/// Where the receivers take telemetry or give it back, with what each needs.
const RECEIVERS: &[(&str, &str, Need)] = &[
    ("POST", "/", Need::Ingest),
    ("POST", "/v1/traces", Need::Ingest),
    ("POST", "/v1/logs", Need::Ingest),
    ("POST", "/v1/metrics", Need::Ingest),
    ("POST", "/any/prefix/v1/traces", Need::Ingest),
    ("POST", "/api/any/prefix/v1/traces", Need::Ingest),
    ("POST", "/v1/traces/ingest", Need::Ingest),
    ("POST", "/v1/projects/p/spans", Need::Ingest),
    ("POST", "/v1/span_annotations", Need::Ingest),
    ("POST", "/v1/trace_annotations", Need::Ingest),
    ("GET", "/v1/projects", Need::Ingest),
    ("POST", "/api/public/ingestion", Need::Ingest),
    ("POST", "/api/public/scores", Need::Ingest),
    ("POST", "/api/public/otel/v1/traces", Need::Ingest),
    ("GET", "/api/public/projects", Need::Ingest),
    ("GET", "/api/public/traces/abc", Need::Read),
    ("POST", "/runs", Need::Ingest),
    ("POST", "/runs/batch", Need::Ingest),
    ("POST", "/runs/multipart", Need::Ingest),
    ("PATCH", "/runs/abc", Need::Ingest),
    ("POST", "/feedback", Need::Ingest),
    ("POST", "/api/v1/runs/batch", Need::Ingest),
    ("PATCH", "/api/v1/runs/abc", Need::Ingest),
    ("POST", "/langsmith/runs", Need::Ingest),
    ("PUT", "/v0.4/traces", Need::Ingest),
    ("POST", "/api/v2/llmobs", Need::Ingest),
    ("POST", "/evp_proxy/v2/api/v2/llmobs", Need::Ingest),
    ("POST", "/loki/api/v1/push", Need::Ingest),
    ("POST", "/api/v1/logs", Need::Ingest),
    ("GET", "/langsmith/runs/abc", Need::Read),
    ("POST", "/runs/query", Need::Read),
    ("POST", "/langsmith/v2/runs/query", Need::Read),
    ("GET", "/feedback", Need::Read),
    ("GET", "/langsmith/feedback/abc", Need::Read),
    ("GET", "/api/runs/abc", Need::Read),
];

#[tokio::test(flavor = "multi_thread")]
async fn receivers_ask_for_keys_on_every_port() {
    let place = place(|_| {});
    let (ingest, read) = (place.key("shop", &[Scope::Ingest]), place.key("shop", &[Scope::Read]));
    for (method, path, need) in RECEIVERS {
        let method: Method = method.parse().unwrap();
        for (port, router) in [("everything", &place.router), ("telemetry", &place.telemetry)] {
            let at = format!("{method} {path} at the port for {port}");
            let nobody = ask(router, &method, path, &[]).await.0;
            assert_eq!(nobody, StatusCode::UNAUTHORIZED, "{at}");
            let status = ask(router, &method, path, &[("x-api-key", &ingest)]).await.0;
            assert_eq!(is_refused(status), *need == Need::Read, "{at}: {status}");
            if *need == Need::Read {
                let status = ask(router, &method, path, &[("x-api-key", &read)]).await.0;
                assert!(!is_refused(status), "{at}, for who may read: {status}");
            }
            if *need == Need::Ingest {
                assert_eq!(ask(router, &method, path, &[("x-api-key", &read)]).await.0, StatusCode::FORBIDDEN, "{at}");
            }
        }
    }
    for signal in ["trace.v1.TraceService", "logs.v1.LogsService", "metrics.v1.MetricsService"] {
        let path = format!("/opentelemetry.proto.collector.{signal}/Export");
        let with = |key: &'static str| [("content-type", "application/grpc"), ("x-api-key", key)];
        let read: &'static str = Box::leak(read.clone().into_boxed_str());
        // gRPC's codes for "unauthenticated" and "permission denied".
        assert_eq!(ask(&place.telemetry, &Method::POST, &path, &with("wrong")).await.1, "16", "{path}");
        assert_eq!(ask(&place.telemetry, &Method::POST, &path, &with(read)).await.1, "7", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_server_answers_everybody_but_pages_of_strangers() {
    let place = place(|settings| settings.allow_origins = vec!["https://pages.example".into()]);
    let status = async |headers: &[(&str, &str)]| {
        let mut request = Request::builder().method("POST").uri("/api/v1/sql");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        place.router.clone().oneshot(request.body(Body::from("{}")).unwrap()).await.unwrap().status()
    };
    let passes = StatusCode::BAD_REQUEST;
    assert_eq!(status(&[("host", "localhost:8296")]).await, passes);
    assert_eq!(status(&[("host", "localhost:8296"), ("origin", "http://localhost:8296")]).await, passes);
    assert_eq!(status(&[("host", "localhost:8296"), ("origin", "https://pages.example")]).await, passes);
    assert_eq!(status(&[("host", "localhost:8296"), ("origin", "https://evil.example")]).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&[("host", "evil.example:8296")]).await, StatusCode::FORBIDDEN);
}

#[test]
fn an_error_in_the_file_of_a_provider_does_not_repeat_what_is_secret() {
    let file = "issuer = \"https://id.example\"\nclient_id = \"tawny\"\nclient_secret = \"hunter2\"\n";
    let error = super::oidc::Oidc::parse(file).err().unwrap().to_string();
    assert!(error.contains("line 3") && error.contains("client_secret_file"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}
