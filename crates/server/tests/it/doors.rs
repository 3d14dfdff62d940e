//! Who may do what, over real connections: projects apart, sessions, limits, TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use access::{NewKey, PART, Role, Scope};
use serde_json::{Value, json};
use server::{Limits, Settings, SystemClock};
use state::State;
use tempfile::TempDir;

use crate::support::{Answer, Server, agent_run, trace_id};

/// Makes a key as `tawny keys create` does.
pub fn key(data: &Path, project: &str, scopes: &[Scope], byte: u8) -> (String, String) {
    std::fs::create_dir_all(data).unwrap();
    let state = State::open(data, &[PART]).unwrap();
    let new = NewKey { name: "test", project, scopes };
    state.write(|tx| access::create_key(tx, &new, [byte; 32], SystemClock::time())).unwrap()
}

fn get(server: &Server, path: &str, key: &str) -> Answer {
    let bearer = format!("Bearer {key}");
    server.send("GET", &format!("{}{path}", server.http), &[("authorization", &bearer)], b"")
}

#[test]
fn no_question_shows_rows_of_another_project() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let all = [Scope::Ingest, Scope::Read, Scope::Write];
    let (shop, bank) = (key(&data, "shop", &all, 1).1, key(&data, "bank", &all, 2).1);
    let server = Server::open(dir, Limits::default());
    for (key, trace) in [(&shop, 1), (&bank, 2)] {
        let bearer = format!("Bearer {key}");
        let headers = [("content-type", "application/x-protobuf"), ("authorization", bearer.as_str())];
        server.post("/v1/traces", &headers, &agent_run(trace)).ok();
    }
    let foreign = trace_id(2);
    assert_eq!(get(&server, &format!("/api/v1/runs/{foreign}"), &bank).status, 200);
    for path in [format!("/api/public/traces/{foreign}"), format!("/langsmith/runs/{foreign}")] {
        assert_eq!(get(&server, &path, &shop).status, 404, "{path}");
    }
    for path in ["", "/tree", "/raw", "/logs", &format!("/steps/{}", "03".repeat(8))] {
        assert_eq!(get(&server, &format!("/api/v1/runs/{foreign}{path}"), &shop).status, 404, "{path}");
    }
    for path in [
        "/api/v1/runs?limit=500",
        "/api/v1/runs?q=owls&in=content",
        "/api/v1/sessions",
        "/api/v1/search?q=owls",
        "/api/v1/summary",
        "/api/v1/logs",
        "/api/v1/export",
        "/api/v1/doctor",
    ] {
        let text = get(&server, path, &shop).text();
        assert!(!text.contains(&foreign), "{path}: {text}");
    }
    assert_eq!(get(&server, "/api/v1/aggregate?of=runs", &shop).ok().json()["rows"][0]["count"], json!(1));
    let own = trace_id(1);
    for query in [
        "SELECT trace_id FROM runs",
        "SELECT DISTINCT trace_id FROM spans",
        "SELECT trace_id FROM runs WHERE true OR project = 'bank'",
        "SELECT trace_id FROM (SELECT * FROM runs) AS r JOIN spans USING (trace_id) GROUP BY trace_id",
        "WITH x AS (SELECT trace_id FROM runs) SELECT trace_id FROM x UNION SELECT trace_id FROM spans",
        "SELECT trace_id FROM runs WHERE trace_id IN (SELECT trace_id FROM spans)",
    ] {
        let bearer = format!("Bearer {shop}");
        let body = json!({ "query": query }).to_string();
        let answer =
            server.post_to(&format!("{}/api/v1/sql", server.http), &[("authorization", &bearer)], body.as_bytes());
        if answer.status == 200 {
            let rows: Vec<Value> = answer.json()["rows"].as_array().unwrap().iter().map(|row| row[0].clone()).collect();
            assert_eq!(rows, [json!(own)], "{query}");
        } else {
            assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        }
    }
    assert_eq!(get(&server, "/api/v1/runs", "").status, 401);
}

/// Nothing that names the other project's words, by any address that reads: those of the API's own description, and of the protocols of
/// others, each with what might talk a server into looking elsewhere.
#[test]
fn no_address_that_reads_tells_of_another_project() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let all = [Scope::Ingest, Scope::Read, Scope::Write];
    // The first project holds Tawny's own metrics, which are about all: its key is the one to attack with.
    let (own, bank) = (key(&data, "default", &all, 1).1, key(&data, "bank", &all, 2).1);
    let server = Server::configured(dir, |settings| settings.runs.settle_nanos = 100_000_000);
    let word = "vault";
    // Both watch what happens.
    let [mut own_live, mut bank_live] = [&own, &bank].map(|key| {
        let mut stream = TcpStream::connect(server.http.trim_start_matches("http://")).unwrap();
        write!(stream, "GET /api/v1/live HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        stream
    });
    let bearer = format!("Bearer {bank}");
    let trace = "5a".repeat(16);
    let attribute = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let now = crate::support::now();
    let span = |id: &str, parent: &str, operation: &str| {
        json!({ "traceId": trace, "spanId": id, "parentSpanId": parent, "name": format!("{word}-span"),
            "startTimeUnixNano": (now - 1_000_000_000).to_string(), "endTimeUnixNano": now.to_string(), "status": { "code": 2, "message": format!("{word}-error") },
            "attributes": [attribute("gen_ai.operation.name", operation), attribute("gen_ai.agent.name", "vault-agent"),
                attribute("gen_ai.request.model", "vault-model"), attribute("gen_ai.tool.name", "vault-tool"), attribute("user.id", "vault-user"),
                attribute("gen_ai.conversation.id", "vault-session"), attribute("input.value", "vault-words")] })
    };
    let resource = json!({ "attributes": [attribute("service.name", "vault-service")] });
    let spans = [
        span("00000000000000a1", "", "invoke_agent"),
        span("00000000000000a2", "00000000000000a1", "chat"),
        span("00000000000000a3", "00000000000000a1", "execute_tool"),
    ];
    let log = json!({ "timeUnixNano": now.to_string(), "body": { "stringValue": "vault-log" }, "traceId": trace });
    let point =
        json!({ "timeUnixNano": now.to_string(), "asDouble": 1.0, "attributes": [attribute("place", "vault-label")] });
    for (path, body) in [
        ("/v1/traces", json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [{ "spans": spans }] }] })),
        ("/v1/logs", json!({ "resourceLogs": [{ "resource": resource, "scopeLogs": [{ "logRecords": [log] }] }] })),
        (
            "/v1/metrics",
            json!({ "resourceMetrics": [{ "resource": resource, "scopeMetrics": [{ "metrics": [{ "name": "vault_metric", "gauge": { "dataPoints": [point] } }] }] }] }),
        ),
    ] {
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        server.post(path, &headers, body.to_string().as_bytes()).ok();
    }
    // What people and programs of the project tell besides, and what is refused of it.
    let item = json!({ "id": "e1", "type": "vault-type", "timestamp": "2026-11-21T05:08:01Z", "body": {} });
    let headers = [("authorization", bearer.as_str())];
    let tell = |path: &str, body: Value| {
        server.post_to(&format!("{}{path}", server.http), &headers, body.to_string().as_bytes())
    };
    let dashboard = tell("/api/v1/dashboards", json!({ "title": "vault-dashboard", "panels": [] })).ok().json();
    let dashboard = dashboard["id"].as_str().unwrap();
    tell("/api/v1/changes", json!({ "kind": "deploy", "title": "vault-change", "agent": "vault-agent" })).ok();
    tell("/api/v1/brakes", json!({ "action": "hold", "agent": "vault-agent", "why": "vault-why" })).ok();
    tell("/api/v1/budgets/check", json!({ "user": "vault-user", "usd": 0.01, "reserve": true })).ok();
    assert_eq!(tell("/api/public/ingestion", json!({ "batch": [item] })).status, 207);
    assert!(get(&server, "/api/v1/status", &bank).ok().text().contains("vault-type"), "its own senders' mistakes");
    // Until Tawny's own metrics tell of it, to those who may know.
    let told = "/prometheus/api/v1/series?match[]=agent_llm_calls_total&match[]=%7Bproject%3D%22bank%22%7D";
    for round in 0.. {
        if get(&server, "/api/v1/runs", &bank).ok().text().contains(word) {
            break;
        }
        assert!(round < 300, "the run did not appear");
        std::thread::sleep(Duration::from_millis(100));
    }
    // Long enough to be judged, and for the metrics that tell of it to be taken.
    std::thread::sleep(Duration::from_secs(20));
    let seen = |stream: &mut TcpStream| {
        let (mut seen, mut chunk) = (String::new(), [0; 65_536]);
        while let Ok(read @ 1..) = stream.read(&mut chunk) {
            seen.push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
        seen
    };
    let (own_seen, bank_seen) = (seen(&mut own_live), seen(&mut bank_live));
    assert!(!own_seen.contains(word), "{own_seen}");
    assert!(bank_seen.contains(word), "{bank_seen}");
    let mut paths: Vec<String> = Vec::new();
    let document = get(&server, "/api/v1/openapi.json", &own).ok().json();
    for (path, item) in document["paths"].as_object().unwrap() {
        let endless =
            ["/api/v1/live", "/api/v1/login/oidc", "/api/v1/store/backup"].iter().any(|known| path.starts_with(known));
        if item.get("get").is_some() && !endless {
            let path =
                path.replace("{trace_id}", &trace).replace("{other}", &trace).replace("{span_id}", "00000000000000a1");
            paths.push(path.replace("{name}", "vault-agent").replace("{fingerprint}", "f").replace("{id}", dashboard));
        }
    }
    let asked = paths.len();
    assert!(asked > 30, "{paths:?}");
    paths.extend(
        [
            told,
            "/api/v1/runs?q=vault&in=content",
            "/api/v1/runs?facets=agent,service,model,user,tag",
            "/api/v1/search?q=vault",
            "/api/v1/aggregate?of=runs&by=agent",
            "/api/v1/costs?by=agent&from=1h",
            "/api/v1/costs.csv?by=user&since=1h",
            "/api/v1/signals?agent=vault-agent",
            "/prometheus/api/v1/query?query=%7B__name__%3D~%22.%2B%22%7D",
            "/prometheus/api/v1/query?query=count%20by%20(project,agent_id,agent,model)(%7B__name__%3D~%22.%2B%22%7D)",
            "/prometheus/api/v1/query?query=count%20by%20(project)(%7Bproject%3D%22bank%22%7D)",
            "/prometheus/api/v1/labels",
            "/prometheus/api/v1/label/agent_id/values",
            "/prometheus/api/v1/label/project/values",
            "/prometheus/api/v1/label/__name__/values",
            "/prometheus/api/v1/query_exemplars?query=%7B__name__%3D~%22.%2B%22%7D",
            "/prometheus/api/v1/metadata?metric=vault_metric",
            "/prometheus/api/v1/status/tsdb",
            "/loki/api/v1/query_range?query=%7Bservice_name%3D~%22.%2B%22%7D",
            "/loki/api/v1/label/service_name/values",
            "/loki/api/v1/series?match[]=%7Bservice_name%3D~%22.%2B%22%7D",
            "/tempo/api/search?q=%7B%7D",
            "/tempo/api/search/tag/service.name/values",
            "/tempo/api/v2/search/tag/resource.service.name/values",
            "/jaeger/api/services",
            "/jaeger/api/traces?service=vault-service",
            "/jaeger/api/operations?service=vault-service",
        ]
        .map(str::to_owned),
    );
    paths.extend(
        ["/tempo/api/traces", "/tempo/api/v2/traces", "/jaeger/api/traces", "/api/public/traces"]
            .map(|path| format!("{path}/{trace}")),
    );
    let bearer = format!("Bearer {own}");
    let everything = ["spans", "runs", "bodies", "logs", "samples", "told"].map(|view| {
        let query = format!("SELECT * FROM {view} WHERE project = 'bank' OR project <> 'bank'");
        ("/api/v1/sql", json!({ "query": query }))
    });
    let questions = everything.into_iter().chain([
        ("/api/v1/sampling/try", json!({ "rules": "[[sampling]]\nkeep_percent = 0", "since": "1h" })),
        ("/api/v1/budgets/check", json!({ "agent": "nobody", "user": "nobody", "usd": 1.0 })),
        ("/langsmith/runs/query", json!({ "trace": trace })),
        ("/api/v1/runs/query", json!({})),
    ]);
    for (path, body) in questions {
        for headers in [vec![], vec![("tawny-project", "bank")]] {
            let headers: Vec<(&str, &str)> = [("authorization", bearer.as_str())].into_iter().chain(headers).collect();
            let url = format!("{}{path}", server.http);
            let answer = server.post_to(&url, &headers, body.to_string().as_bytes());
            let told = answer.text();
            assert!(answer.status >= 400 || !told.contains(word), "{path} {body}: {told}");
        }
    }
    // Nothing of it can be changed or removed either.
    for (method, path) in [
        ("DELETE", format!("/api/v1/dashboards/{dashboard}")),
        ("POST", format!("/api/v1/runs/{trace}/mark")),
        ("POST", format!("/api/v1/runs/{trace}/mark?project=bank")),
    ] {
        let url = format!("{}{path}", server.http);
        let answer = server.send(method, &url, &[("authorization", &bearer)], b"{\"good\": true}");
        assert!((400..500).contains(&answer.status), "{method} {path}: {}", answer.text());
    }
    for path in &paths {
        for more in ["", "project=bank", "tenant=bank&project=*", "tawny-project=bank"] {
            let join = if path.contains('?') { "&" } else { "?" };
            let url = format!(
                "{}{path}{}",
                server.http,
                if more.is_empty() { String::new() } else { format!("{join}{more}") }
            );
            for headers in [vec![], vec![("x-scope-orgid", "bank")], vec![("tawny-project", "bank")]] {
                let headers: Vec<(&str, &str)> =
                    [("authorization", bearer.as_str())].into_iter().chain(headers).collect();
                let answer = server.send("GET", &url, &headers, b"");
                // What was asked for may be repeated.
                let mut told = answer.text().replace("vault-service", "").replace("vault_metric", "");
                if path.contains("agent=vault-agent") {
                    told = told.replace("\"agent\":\"vault-agent\"", "");
                }
                assert!(answer.status >= 400 || !told.contains(word) && !told.contains("\"bank\""), "{url}: {told}");
            }
        }
    }
}

#[test]
fn a_person_signs_in_sees_their_project_and_signs_out() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let state = State::open(&data, &[PART]).unwrap();
    state
        .write(|tx| {
            access::add_user(tx, "jane", "correct horse battery", [1; 16], SystemClock::time()).unwrap()?;
            access::set_role(tx, "jane", "shop", Some(Role::Viewer))
        })
        .unwrap();
    let server = Server::open(dir, Limits::default());
    let url = |path: &str| format!("{}{path}", server.http);
    let login = |password: &str| {
        server.post_to(
            &url("/api/v1/login"),
            &[],
            json!({ "name": "jane", "password": password }).to_string().as_bytes(),
        )
    };
    assert_eq!(login("wrong password").status, 401);
    let signed = login("correct horse battery");
    assert_eq!(signed.status, 204, "{}", signed.text());
    let cookie = signed.header("set-cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("Secure"),
        "{cookie}"
    );
    // Behind a proxy that speaks TLS no browser sends it without.
    let body = json!({ "name": "jane", "password": "correct horse battery" }).to_string();
    let behind = server.post_to(&url("/api/v1/login"), &[("x-forwarded-proto", "https")], body.as_bytes());
    assert!(behind.header("set-cookie").contains("Secure"), "{}", behind.header("set-cookie"));
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let with = |method: &str, path: &str, more: &[(&str, &str)]| {
        let mut headers = vec![("cookie", cookie.as_str())];
        headers.extend_from_slice(more);
        server.send(method, &url(path), &headers, b"{}")
    };
    let me = with("GET", "/api/v1/me", &[]).ok().json();
    assert_eq!((&me["who"], &me["project"], &me["rights"]), (&json!("user:jane"), &json!("shop"), &json!(["read"])));
    assert_eq!(with("GET", "/api/v1/runs", &[]).status, 200);
    assert_eq!(with("GET", "/api/v1/keys", &[]).status, 403);
    assert_eq!(with("GET", "/api/v1/runs", &[("tawny-project", "bank")]).status, 403);
    // That content was asked for is written down, once for a page that asks again, and without what was looked for.
    for _ in 0..3 {
        assert_eq!(with("GET", "/api/v1/search?q=owls", &[]).status, 200);
    }
    let log = state.read(|conn| access::entries(conn, access::Log::People, 0, 100, None)).unwrap();
    let told: Vec<[&str; 3]> = log.iter().map(|entry| [&*entry.actor, &*entry.action, &*entry.target]).collect();
    let jane = "user:jane";
    assert_eq!(told[..3], [[jane, "login.failed", "jane"], [jane, "login", "jane"], [jane, "login", "jane"]]);
    assert_eq!(told[3..], ["/api/v1/runs", "/api/v1/search"].map(|path| [jane, "view", path]));
    // A page of somebody else makes the browser send the cookie.
    assert_eq!(with("POST", "/api/v1/sql", &[("origin", "https://evil.example")]).status, 403);
    assert_eq!(with("POST", "/api/v1/logout", &[]).status, 204);
    assert_eq!(with("GET", "/api/v1/me", &[]).status, 401);
    for _ in 0..30 {
        if login("guess after guess").status == 429 {
            return;
        }
    }
    panic!("passwords may be tried without end");
}

#[test]
fn who_asks_is_told_of_the_projects_they_may_choose() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let (_, admin) = key(&data, "*", &[Scope::Admin, Scope::Ingest], 1);
    let (_, shop) = key(&data, "shop", &[Scope::Read], 2);
    let state = State::open(&data, &[PART]).unwrap();
    let password = "correct horse battery";
    state
        .write(|tx| {
            access::add_user(tx, "jane", password, [1; 16], SystemClock::time()).unwrap()?;
            access::set_role(tx, "jane", "shop", Some(Role::Viewer))?;
            access::set_role(tx, "jane", "bank", Some(Role::Editor))
        })
        .unwrap();
    let server = Server::open(dir, Limits::default());
    let url = |path: &str| format!("{}{path}", server.http);
    let me = |headers: &[(&str, &str)]| server.send("GET", &url("/api/v1/me"), headers, b"").ok().json();
    let signed = server.post_to(
        &url("/api/v1/login"),
        &[],
        json!({ "name": "jane", "password": password }).to_string().as_bytes(),
    );
    let cookie = signed.header("set-cookie").split(';').next().unwrap().to_owned();
    let jane = me(&[("cookie", &cookie)]);
    assert_eq!((&jane["project"], &jane["projects"]), (&json!("bank"), &json!(["bank", "shop"])));
    let elsewhere = me(&[("cookie", &cookie), ("tawny-project", "shop")]);
    assert_eq!((&elsewhere["project"], &elsewhere["rights"]), (&json!("shop"), &json!(["read"])));
    assert_eq!(me(&[("x-api-key", &shop)])["projects"], json!(["shop"]));
    // Who may see all is told of those with a key, and of those that only telemetry names.
    assert_eq!(me(&[("x-api-key", &admin)])["projects"], json!(["default", "shop"]));
    let sent =
        json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [{ "body": { "stringValue": "hello" } }] }] }] });
    let headers = [("x-api-key", admin.as_str()), ("tawny-project", "lab"), ("content-type", "application/json")];
    assert_eq!(server.send("POST", &url("/v1/logs"), &headers, sent.to_string().as_bytes()).status, 200);
    assert_eq!(me(&[("x-api-key", &admin)])["projects"], json!(["default", "lab", "shop"]));
    // The page that asks for credentials needs none to be drawn.
    assert_eq!(server.send("GET", &url("/api/v1/login"), &[], b"").ok().json(), json!({ "oidc": false }));
}

#[test]
fn administrators_make_rotate_and_revoke_keys_and_the_log_tells_of_it() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let (admin_id, admin) = key(&data, "shop", &[Scope::Admin], 1);
    let (other, _) = key(&data, "bank", &[Scope::Read], 2);
    let (_, everywhere) = key(&data, "*", &[Scope::Admin], 3);
    let server = Server::open(dir, Limits::default());
    let bearer = format!("Bearer {admin}");
    let ask = |method: &str, path: &str, body: Value| {
        server.send(
            method,
            &format!("{}{path}", server.http),
            &[("authorization", &bearer)],
            body.to_string().as_bytes(),
        )
    };
    let made = ask("POST", "/api/v1/keys", json!({ "name": "ci", "scopes": ["read"] })).ok().json();
    let (id, secret) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(get(&server, "/api/v1/runs", secret).status, 200);
    let listed = ask("GET", "/api/v1/keys", json!({})).ok();
    assert!(!listed.text().contains(secret) && !listed.text().contains(&other) && listed.text().contains(&admin_id));
    let rotated = ask("POST", &format!("/api/v1/keys/{id}/rotate"), json!({})).ok().json();
    assert_eq!(get(&server, "/api/v1/runs", secret).status, 401);
    assert_eq!(get(&server, "/api/v1/runs", rotated["key"].as_str().unwrap()).status, 200);
    let new = rotated["id"].as_str().unwrap();
    assert_eq!(ask("DELETE", &format!("/api/v1/keys/{new}"), json!({})).status, 204);
    assert_eq!(ask("DELETE", &format!("/api/v1/keys/{new}"), json!({})).status, 404);
    assert_eq!(ask("DELETE", &format!("/api/v1/keys/{other}"), json!({})).status, 404);
    let wrong = ask("POST", "/api/v1/keys", json!({ "name": "ci", "scopes": ["everything"] }));
    assert!(wrong.status == 400 && wrong.text().contains("ingest, read, write, admin"), "{}", wrong.text());
    let log = ask("GET", "/api/v1/audit", json!({})).ok();
    let actions: Vec<String> = log.json()["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(actions, ["key.create", "key.rotate", "key.revoke"]);
    assert!(!log.text().contains(secret));
    // The chain is one for all projects.
    assert_eq!(ask("GET", "/api/v1/audit/verify", json!({})).status, 403);
    let verify = |query: &str| get(&server, &format!("/api/v1/audit/verify{query}"), &everywhere).ok().json();
    let check = verify("");
    assert_eq!(check["ok"], json!(true));
    let head = check["head"].as_str().unwrap();
    State::open(&data, &[PART]).unwrap().write(|tx| tx.execute("DELETE FROM audit_log WHERE seq = 3", [])).unwrap();
    let check = verify(&format!("?head={head}"));
    assert_eq!(check["broken"], json!(["entries 3 to 3 are missing"]));
    // Without a head nobody can tell that the end was cut off; that something is missing before it shows.
    State::open(&data, &[PART]).unwrap().write(|tx| tx.execute("DELETE FROM audit_log WHERE seq = 1", [])).unwrap();
    let bearer = format!("Bearer {everywhere}");
    let whole = server.post_to(&format!("{}/api/v1/store/check", server.http), &[("authorization", &bearer)], b"");
    let whole = whole.ok().json();
    assert_eq!(whole["faults"][0]["problem"], "entries 1 to 1 are missing", "{whole}");
}

#[test]
fn a_key_revoked_on_the_command_line_soon_opens_nothing() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let (_, kept) = key(&data, "default", &[Scope::Read], 1);
    let (id, lost) = key(&data, "default", &[Scope::Read], 2);
    let server = Server::open(dir, Limits::default());
    assert_eq!(get(&server, "/api/v1/runs", &lost).status, 200);
    State::open(&data, &[PART]).unwrap().write(|tx| access::revoke_key(tx, &id, SystemClock::time())).unwrap();
    for _ in 0..100 {
        if get(&server, "/api/v1/runs", &lost).status == 401 {
            assert_eq!(get(&server, "/api/v1/runs", &kept).status, 200);
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("a revoked key still opens the server");
}

#[test]
fn beyond_loopback_only_with_credentials() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let settings = Settings {
        data: data.clone(),
        http: "0.0.0.0:0".into(),
        otlp_http: "127.0.0.1:0".into(),
        otlp_grpc: "127.0.0.1:0".into(),
        ..Settings::default()
    };
    let refused = match runtime.block_on(server::start(settings.clone())) {
        Ok(_) => panic!("open to everybody"),
        Err(error) => error.to_string(),
    };
    assert!(refused.contains("tawny keys create") && refused.contains("TAWNY_ALLOW_OPEN"), "{refused}");
    key(&data, "default", &[Scope::Admin], 1);
    runtime.block_on(async { server::start(settings).await.unwrap().stop().await });
}

#[test]
fn too_many_requests_of_one_key_wait_and_others_do_not() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let (busy, quiet) = (key(&data, "default", &[Scope::Read], 1).1, key(&data, "default", &[Scope::Read], 2).1);
    let sender = key(&data, "default", &[Scope::Ingest], 3).1;
    let server = Server::configured(dir, |settings| settings.limits.requests_per_second = Some(5));
    let statuses: Vec<u16> = (0..30).map(|_| get(&server, "/api/v1/setup", &busy).status).collect();
    assert!(statuses.contains(&429) && statuses[0] == 200, "{statuses:?}");
    assert_eq!(get(&server, "/api/v1/setup", &quiet).status, 200);
    // Receivers count as well, and say when to come back.
    let sender = format!("Bearer {sender}");
    let headers = [("content-type", "application/json"), ("authorization", sender.as_str())];
    let answers: Vec<Answer> = (0..30).map(|_| server.post("/v1/logs", &headers, b"{}")).collect();
    let refused = answers.iter().find(|answer| answer.status == 429).expect("senders may send without end");
    assert!(answers[0].status == 200 && !refused.header("retry-after").is_empty());
}

#[test]
fn a_client_that_stops_sending_is_answered_and_let_go() {
    let server =
        Server::configured(TempDir::new().unwrap(), |settings| settings.limits.stalled = Duration::from_millis(300));
    let mut stream = TcpStream::connect(server.otlp_http.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{").unwrap();
    let mut answer = [0; 2048];
    let read = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("nothing came for"), "{answer}");
}

#[test]
fn administrators_add_change_and_remove_people_and_never_lock_themselves_out() {
    let server = Server::open(TempDir::new().unwrap(), Limits::default());
    let ask = |cookie: &str, method: &str, path: &str, body: Value| {
        let url = format!("{}{path}", server.http);
        server.send(method, &url, &[("cookie", cookie)], body.to_string().as_bytes())
    };
    let login = |name: &str, password: &str| {
        let answer = ask("", "POST", "/api/v1/login", json!({ "name": name, "password": password }));
        (answer.status, answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned())
    };
    let person = |name: &str, project: &str, role: &str| json!({ "name": name, "password": "correct horse battery", "roles": [{ "project": project, "role": role }] });
    // Open: whoever is first must be able to let in the others.
    let refused = ask("", "POST", "/api/v1/users", person("jane", "shop", "admin"));
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert_eq!(ask("", "POST", "/api/v1/users", person("ada", "*", "admin")).status, 200);
    assert_eq!(ask("", "GET", "/api/v1/users", json!({})).status, 401, "the first person closes the doors");
    let (status, ada) = login("ada", "correct horse battery");
    assert_eq!(status, 204);
    assert_eq!(ask(&ada, "POST", "/api/v1/users", person("jane", "shop", "viewer")).status, 200);
    assert_eq!(ask(&ada, "POST", "/api/v1/users", person("jane", "*", "admin")).status, 409);
    let short = json!({ "name": "bob", "password": "hunter2-x", "roles": [{ "project": "shop", "role": "viewer" }] });
    let short = ask(&ada, "POST", "/api/v1/users", short);
    assert!(short.status == 400 && !short.text().contains("hunter2"), "{}", short.text());
    let (_, jane) = login("jane", "correct horse battery");
    assert_eq!(
        ask(&jane, "PATCH", "/api/v1/users/jane", json!({ "roles": [{ "project": "*", "role": "admin" }] })).status,
        403
    );
    let change = json!({ "disabled": true, "roles": [{ "project": "shop", "role": "editor" }] });
    let changed = ask(&ada, "PATCH", "/api/v1/users/jane", change).ok().json();
    assert_eq!(changed["roles"], json!([{ "project": "shop", "role": "editor" }]));
    assert!(changed["disabled_at"].is_string());
    assert_eq!(ask(&jane, "GET", "/api/v1/runs", json!({})).status, 401, "a session ends with its person");
    assert_eq!(login("jane", "correct horse battery").0, 401);
    assert_eq!(
        ask(&ada, "PATCH", "/api/v1/users/jane", json!({ "disabled": false, "password": "another horse battery" }))
            .status,
        200
    );
    assert_eq!(login("jane", "another horse battery").0, 204);
    for change in [json!({ "disabled": true }), json!({ "roles": [{ "project": "*", "role": "none" }] })] {
        assert_eq!(ask(&ada, "PATCH", "/api/v1/users/ada", change).status, 409);
    }
    assert_eq!(ask(&ada, "DELETE", "/api/v1/users/ada", json!({})).status, 409);
    assert_eq!(ask(&ada, "DELETE", "/api/v1/users/jane", json!({})).status, 204);
    assert_eq!(ask(&ada, "DELETE", "/api/v1/users/jane", json!({})).status, 404);
    let listed = ask(&ada, "GET", "/api/v1/users", json!({})).ok().json();
    assert_eq!(listed["users"].as_array().unwrap().len(), 1);
    let log = ask(&ada, "GET", "/api/v1/audit", json!({})).ok().json();
    let told: Vec<&str> =
        log["entries"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    for action in ["user.add", "user.disable", "user.role", "user.password", "user.enable", "user.remove"] {
        assert!(told.contains(&action), "{action} is not in {told:?}");
    }
}
