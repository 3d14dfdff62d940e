//! The protocols of other vendors' SDKs: in pieces, in any order, again, wrongly, and with keys.

use serde_json::{Value, json};
use server::config::IngestKeys;
use tempfile::TempDir;

use crate::support::Server;

const JSON: (&str, &str) = ("content-type", "application/json");
const ROOT: &str = "edfd5c72-4802-429f-9e07-17737d7092ba";
const CHILD: &str = "01a1fc81-470f-7721-a784-8b640425dc7c";

fn post(server: &Server, path: &str, body: &Value) -> crate::support::Answer {
    server.post_to(&format!("{}{path}", server.http), &[JSON], body.to_string().as_bytes())
}

fn run(server: &Server, trace: &str) -> Value {
    server.get(&format!("/api/v1/runs/{trace}?content=full")).ok().json()
}

fn step<'r>(run: &'r Value, name: &str) -> &'r Value {
    let steps = run["steps"].as_array().unwrap();
    steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("no step {name} in {run:#}"))
}

fn langfuse(kind: &str, at: &str, body: Value) -> Value {
    json!({"id": format!("{kind}-{at}"), "type": kind, "timestamp": format!("2026-11-21T05:08:{at}Z"), "body": body})
}

fn ingestion(server: &Server, events: &[Value]) -> Value {
    let answer = post(server, "/api/public/ingestion", &json!({ "batch": events }));
    assert_eq!(answer.status, 207, "{}", answer.text());
    answer.json()
}

const TRACE: &str = "1f9123a0-84c6-4901-892b-905f4a084a54";
const TRACE_HEX: &str = "1f9123a084c64901892b905f4a084a54";

fn generation() -> [Value; 3] {
    [
        langfuse(
            "trace-create",
            "01",
            json!({"id": TRACE, "name": "agent", "sessionId": "s1", "userId": "u1", "input": "hi", "timestamp": "2026-11-21T05:08:01Z"}),
        ),
        langfuse(
            "generation-create",
            "02",
            json!({"id": "g1", "traceId": TRACE, "name": "chat", "model": "gpt-4o-mini",
            "startTime": "2026-11-21T05:08:02Z", "input": [{"role": "user", "content": "hi"}]}),
        ),
        langfuse(
            "generation-update",
            "04",
            json!({"id": "g1", "traceId": TRACE, "endTime": "2026-11-21T05:08:04Z",
            "output": "hello", "usage": {"input": 57, "output": 23}}),
        ),
    ]
}

#[test]
fn an_update_before_its_create_is_one_step_with_both() {
    for order in [[0, 1, 2], [2, 1, 0], [2, 0, 1], [1, 2, 0]] {
        let server = Server::start();
        let events = generation();
        for at in order {
            let answer = ingestion(&server, std::slice::from_ref(&events[at]));
            assert_eq!(answer["successes"][0]["status"], 201, "{answer}");
        }
        let run = run(&server, TRACE_HEX);
        let step = step(&run, "chat");
        assert_eq!(run["steps"].as_array().unwrap().len(), 2, "{order:?}");
        assert_eq!((&step["kind"], &step["status"]), (&json!("llm"), &json!("ok")), "{order:?}");
        assert_eq!(step["duration_ms"], 2000.0, "{order:?}");
        assert_eq!(step["messages"]["output"][0]["parts"][0]["text"], "hello", "{order:?}: {step:#}");
        assert_eq!(run["run"]["usage"]["input_tokens"], 57, "{order:?}");
        assert_eq!((&run["run"]["session_id"], &run["run"]["user_id"]), (&json!("s1"), &json!("u1")));
        assert_eq!((&run["run"]["name"], &run["run"]["status"]), (&json!("agent"), &json!("ok")));
    }
}

#[test]
fn a_langfuse_trace_that_ends_with_a_failure_and_no_answer_failed() {
    let server = Server::start();
    let trace = "0f9123a0-84c6-4901-892b-905f4a084a54";
    let create = json!({"id": "g1", "traceId": trace, "name": "chat", "startTime": "2026-11-21T05:08:28Z"});
    let update = json!({"id": "g1", "traceId": trace, "endTime": "2026-11-21T05:08:29Z",
        "level": "ERROR", "statusMessage": "exploded"});
    let events = [
        langfuse("trace-create", "27", json!({"id": trace, "name": "ask"})),
        langfuse("generation-create", "28", create),
        langfuse("generation-update", "29", update),
    ];
    ingestion(&server, &events);
    let failed = run(&server, &trace.replace('-', ""))["run"].clone();
    assert_eq!((&failed["status"], &failed["error"]["message"]), (&json!("error"), &json!("exploded")), "{failed:#}");
    ingestion(&server, &[langfuse("trace-create", "30", json!({"id": trace, "output": "sorry"}))]);
    let answered = run(&server, &trace.replace('-', ""))["run"].clone();
    assert_eq!((&answered["status"], &answered["errors"]), (&json!("ok"), &json!(1)), "{answered:#}");
}

#[test]
fn what_came_before_a_restart_is_added_to_after_it() {
    let server = Server::start();
    let events = generation();
    ingestion(&server, &events[..2]);
    let server = Server::open(server.stop(), server::Limits::default());
    assert_eq!(step(&run(&server, TRACE_HEX), "chat")["status"], "running");
    ingestion(&server, &events[2..]);
    let once = run(&server, TRACE_HEX);
    let step_now = step(&once, "chat").clone();
    assert_eq!((&step_now["status"], &step_now["model"]), (&json!("ok"), &json!("gpt-4o-mini")));
    // Again, and after another restart: nothing changes.
    ingestion(&server, &events);
    assert_eq!(run(&server, TRACE_HEX), once);
    let server = Server::open(server.stop(), server::Limits::default());
    ingestion(&server, &events);
    let again = run(&server, TRACE_HEX);
    assert_eq!(again["run"]["usage"], once["run"]["usage"]);
    assert_eq!(step(&again, "chat")["messages"], step_now["messages"]);
    assert_eq!(again["steps"].as_array().unwrap().len(), 2);
}

#[test]
fn bad_events_are_told_by_id_and_their_neighbours_are_kept() {
    let server = Server::start();
    let mut events = generation().to_vec();
    events.insert(1, json!({"id": "broken", "type": "span-create"}));
    let answer = ingestion(&server, &events);
    assert_eq!(answer["successes"].as_array().unwrap().len(), 3);
    assert_eq!((&answer["errors"][0]["id"], &answer["errors"][0]["status"]), (&json!("broken"), &json!(400)));
    assert_eq!(run(&server, TRACE_HEX)["steps"].as_array().unwrap().len(), 2);
    assert_eq!(server.counts("traces")["items_rejected"], 1);
    let answer = post(&server, "/api/public/ingestion", &json!([1]));
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("InvalidRequestError")));
}

#[test]
fn scores_show_on_the_run_and_on_the_step_and_a_later_one_replaces() {
    let server = Server::start();
    ingestion(&server, &generation());
    let score = |id: &str, value: f64, at: &str, observation: Option<&str>| {
        json!({"id": id, "name": id, "traceId": TRACE, "observationId": observation, "value": value, "comment": "because",
            "timestamp": format!("2026-11-21T05:08:{at}Z")})
    };
    let list = json!([score("quality", 0.4, "05", None), score("tone", 1.0, "05", Some("g1"))]);
    assert_eq!(post(&server, "/api/public/scores", &list).status, 202);
    let one = post(&server, "/api/public/scores", &score("quality", 0.9, "06", None));
    assert_eq!((one.status, &one.json()["id"]), (200, &json!("quality")));
    let run = run(&server, TRACE_HEX);
    let scores = run["scores"].as_array().unwrap();
    assert_eq!(scores.len(), 2, "{scores:?}");
    let quality = scores.iter().find(|score| score["name"] == "quality").unwrap();
    assert_eq!(
        (&quality["value"], &quality["comment"], &quality["span_id"]),
        (&json!(0.9), &json!("because"), &Value::Null)
    );
    assert_eq!(step(&run, "chat")["scores"][0]["name"], "tone");
    let read = server.get(&format!("/api/public/traces/{TRACE}")).ok().json();
    assert_eq!((&read["name"], &read["sessionId"]), (&json!("agent"), &json!("s1")));
    assert_eq!(read["observations"][0]["id"], "g1");
    assert_eq!(read["observations"][0]["usage"]["input"], 57);
    assert_eq!(read["scores"].as_array().unwrap().len(), 2);
}

#[test]
fn what_tawny_has_not_is_said_in_each_protocols_own_form() {
    let server = Server::start();
    let prompt = server.get("/api/public/v2/prompts/greeting");
    assert_eq!((prompt.status, &prompt.json()["error"]), (404, &json!("LangfuseNotFoundError")));
    assert_eq!(server.get("/api/public/traces/none").status, 404);
    let media = post(&server, "/api/public/media", &json!({"traceId": "t", "field": "input"}));
    assert!(media.status == 404 && media.text().contains("LANGFUSE_MEDIA_UPLOAD_ENABLED=false"), "{}", media.text());
    assert_eq!(server.get("/api/public/health").ok().json()["status"], "OK");
    assert_eq!(server.get("/api/public/projects").ok().json()["data"].as_array().unwrap().len(), 1);
    let datasets = server.get("/langsmith/datasets");
    assert!(datasets.status == 404 && datasets.json()["detail"].as_str().unwrap().contains("data sets"));
    for prefix in ["", "/api", "/api/v1", "/langsmith", "/langsmith/api/v1"] {
        assert_eq!(
            server.get(&format!("{prefix}/info")).ok().json()["instance_flags"]["zstd_compression_enabled"],
            true
        );
    }
    assert_eq!(server.get("/arize_phoenix_version").ok().text(), "12.0.0");
    for (path, member) in [("/api/public/ingestion", "message"), ("/langsmith/runs/batch", "detail")] {
        let wrong = server.send("DELETE", &format!("{}{path}", server.http), &[], b"");
        assert_eq!((wrong.status, wrong.header("allow")), (405, "POST"), "{path}");
        let said = wrong.json()[member].as_str().unwrap().to_owned();
        assert!(said.contains("takes POST, not DELETE"), "{path}: {said}");
    }
    // Tawny's own answers stay its own.
    assert!(server.get("/api/v1/runs").ok().json()["runs"].is_array());
    assert!(server.get("/api/v1/sessions").ok().json()["sessions"].is_array());
    let sessions = server.send("GET", &format!("{}/sessions?name=demo", server.http), &[("x-api-key", "k")], b"");
    assert_eq!(sessions.ok().json()[0]["name"], "demo");
}

fn root_run() -> Value {
    json!({"id": ROOT, "trace_id": ROOT, "name": "agent", "run_type": "chain", "start_time": "2026-11-21T05:08:13Z", "inputs": {"q": "hi"}})
}

fn child_run() -> Value {
    json!({"id": CHILD, "trace_id": ROOT, "parent_run_id": ROOT, "name": "get_weather", "run_type": "tool",
        "start_time": "2026-11-21T05:08:14Z", "end_time": "2026-11-21T05:08:15Z", "inputs": {"city": "Paris"}, "outputs": {"temp_c": 18}})
}

fn multipart(parts: &[(&str, String)]) -> Vec<u8> {
    let part = |(name, content): &(&str, String)| {
        format!(
            "--b0\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: application/json; length={}\r\n\r\n{content}\r\n",
            content.len()
        )
    };
    (parts.iter().map(part).collect::<String>() + "--b0--\r\n").into_bytes()
}

fn send_multipart(server: &Server, body: &[u8]) -> crate::support::Answer {
    let kind = ("content-type", "multipart/form-data; boundary=b0");
    server.post_to(&format!("{}/runs/multipart", server.http), &[kind], body)
}

#[test]
fn half_a_multipart_keeps_what_is_whole_and_names_the_cut_part() {
    let server = Server::start();
    let (root, child) = (format!("post.{ROOT}"), format!("post.{CHILD}"));
    let body = multipart(&[(root.as_str(), root_run().to_string()), (child.as_str(), child_run().to_string())]);
    let answer = send_multipart(&server, &body[..body.len() - 40]);
    assert_eq!(answer.status, 422);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(&child) && detail.contains("1 are kept"), "{detail}");
    let trace = ROOT.replace('-', "");
    assert_eq!(run(&server, &trace)["steps"].as_array().unwrap().len(), 1);
    // The whole of it, then: the same run, complete.
    assert_eq!(send_multipart(&server, &body).status, 202);
    assert_eq!(step(&run(&server, &trace), "get_weather")["tool"]["arguments"], json!({"city": "Paris"}));
    let other = server.post_to(&format!("{}/runs/multipart", server.http), &[JSON], b"{}");
    assert!(other.status == 400 && other.json()["detail"].as_str().unwrap().contains("boundary"), "{}", other.text());
}

#[test]
fn an_old_clients_change_finds_its_run_and_a_lost_one_is_said_to_be() {
    let server = Server::start();
    let url = format!("{}/api/v1/runs/{CHILD}", server.http);
    let lost = server.send("PATCH", &url, &[JSON], br#"{"end_time": "2026-11-21T05:08:16Z", "outputs": {"x": 1}}"#);
    assert!(lost.status == 422 && lost.text().contains("send the run first"), "{} {}", lost.status, lost.text());
    assert_eq!(post(&server, "/api/v1/runs", &root_run()).status, 202);
    let mut child = child_run();
    child.as_object_mut().unwrap().remove("end_time");
    assert_eq!(post(&server, "/langsmith/runs", &child).status, 202);
    let server = Server::open(server.stop(), server::Limits::default());
    let url = format!("{}/api/v1/runs/{CHILD}", server.http);
    let found = server.send("PATCH", &url, &[JSON], br#"{"end_time": "2026-11-21T05:08:16Z"}"#);
    assert_eq!(found.status, 202, "{}", found.text());
    assert_eq!(step(&run(&server, &ROOT.replace('-', "")), "get_weather")["duration_ms"], 2000.0);
}

#[test]
fn feedback_finds_its_run_whether_it_comes_before_or_after() {
    let server = Server::start();
    let feedback = |id: &str, run: &str| json!({"id": id, "run_id": run, "key": id, "score": 1, "created_at": "2026-11-21T05:08:20Z"});
    for (id, run) in [("early-root", ROOT), ("early-child", CHILD)] {
        assert_eq!(post(&server, "/feedback", &feedback(id, run)).status, 200);
    }
    assert_eq!(post(&server, "/runs/batch", &json!({"post": [root_run(), child_run()]})).status, 202);
    for (id, run) in [("late-root", ROOT), ("late-child", CHILD), ("late-child", CHILD)] {
        assert_eq!(post(&server, "/feedback", &feedback(id, run)).ok().json()["id"], id);
    }
    let run = run(&server, &ROOT.replace('-', ""));
    let names = |scores: &Value| {
        let mut names: Vec<String> =
            scores.as_array().unwrap().iter().map(|score| score["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&step(&run, "get_weather")["scores"]), ["early-child", "late-child"]);
    assert_eq!(names(&step(&run, "agent")["scores"]), ["early-root", "late-root"]);
    let read = server.get(&format!("/langsmith/runs/{CHILD}")).ok().json();
    assert_eq!((&read["name"], &read["outputs"]), (&json!("get_weather"), &json!({"temp_c": 18})));
    let all = post(&server, "/runs/query", &json!({"trace": ROOT})).ok().json();
    assert_eq!(all["runs"].as_array().unwrap().len(), 2);
    let roots = post(&server, "/api/v1/runs/query", &json!({"is_root": true, "limit": 5})).ok().json();
    assert_eq!(roots["runs"][0]["id"], ROOT);
    assert_eq!(post(&server, "/runs/query", &json!({"filter": "eq(name, \"x\")"})).status, 400);
    let second = post(&server, "/langsmith/api/v2/runs/query", &json!({"ids": [CHILD], "page_size": 3})).ok().json();
    assert_eq!((&second["items"][0]["id"], &second["next_cursor"]), (&json!(CHILD), &Value::Null));
    let one = server.get(&format!("/langsmith/api/v2/runs/{CHILD}")).ok().json();
    assert_eq!(one["name"], "get_weather");
}

#[test]
fn feedback_is_read_back_and_changed_by_its_id() {
    let server = Server::start();
    assert_eq!(post(&server, "/runs/batch", &json!({"post": [root_run(), child_run()]})).status, 202);
    let id = "01a1fc81-15da-7456-91e8-e50974a87b16";
    let now = model::Timestamp::from_nanos(crate::support::now() as i64).to_string();
    let told =
        json!({"id": id, "run_id": CHILD, "key": "correct", "score": 0.5, "comment": "so so", "created_at": now});
    assert_eq!(post(&server, "/feedback", &told).status, 200);
    let list = |query: &str| server.get(&format!("/langsmith/feedback?{query}")).ok().json();
    let of_run = list(&format!("run={CHILD}&limit=100&offset=0"));
    assert_eq!((&of_run[0]["id"], &of_run[0]["run_id"]), (&json!(id), &json!(CHILD)), "{of_run:#}");
    assert_eq!(list(&format!("run={ROOT}&run={CHILD}&key=other")), json!([]));
    assert_eq!(list(&format!("run={CHILD}&offset=1")), json!([]));
    let url = format!("{}/langsmith/feedback/{id}", server.http);
    let changed = server.send("PATCH", &url, &[JSON], br#"{"score": true, "correction": {"a": 1}}"#).ok().json();
    assert_eq!((&changed["score"], &changed["comment"]), (&json!(1.0), &json!("so so")));
    let one = server.get(&format!("/feedback/{id}")).ok().json();
    assert_eq!((&one["score"], &one["key"], &one["correction"]), (&json!(1.0), &json!("correct"), &json!({"a": 1})));
    let shown = run(&server, &ROOT.replace('-', ""));
    assert_eq!(step(&shown, "get_weather")["scores"].as_array().unwrap().len(), 1, "changed, not added to");
    assert_eq!(server.get("/feedback/none").status, 404);
    assert_eq!(server.get("/langsmith/feedback").status, 400);
    let ended =
        server.send("PATCH", &format!("{}/sessions/p1", server.http), &[JSON], br#"{"end_time": "2026-11-21"}"#);
    assert_eq!(ended.ok().json()["end_time"], "2026-11-21");
}

#[test]
fn feedback_that_came_before_its_run_waits_over_a_restart() {
    let server = Server::start();
    let feedback =
        json!({"id": "f1", "run_id": CHILD, "key": "early", "score": 0.5, "created_at": "2026-11-21T05:08:20Z"});
    assert_eq!(post(&server, "/feedback", &feedback).status, 200);
    let server = Server::open(server.stop(), server::Limits::default());
    assert_eq!(post(&server, "/runs/batch", &json!({"post": [root_run(), child_run()]})).status, 202);
    // What waits is looked for in the background.
    let trace = ROOT.replace('-', "");
    let scores = |server: &Server| step(&run(server, &trace), "get_weather")["scores"].clone();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while scores(&server) == json!([]) && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    for _ in 0..2 {
        let scores = scores(&server);
        assert_eq!((scores.as_array().unwrap().len(), &scores[0]["value"]), (1, &json!(0.5)), "{scores}");
    }
    let server = Server::open(server.stop(), server::Limits::default());
    assert_eq!(scores(&server).as_array().unwrap().len(), 1);
}

#[test]
fn phoenix_annotations_show_on_the_span_and_an_unknown_span_is_said_to_be() {
    let server = Server::start();
    let span = json!({"data": [{"name": "call", "context": {"trace_id": TRACE_HEX, "span_id": "7be185cfddd18d55"}, "span_kind": "LLM",
        "start_time": "2026-11-21T05:08:13Z", "end_time": "2026-11-21T05:08:14Z", "status_code": "OK",
        "attributes": {"llm.model_name": "gpt-4o-mini", "llm.token_count.prompt": 3}}]});
    let logged = post(&server, "/v1/projects/demo/spans", &span);
    assert_eq!((logged.status, &logged.json()["total_queued"]), (202, &json!(1)));
    let annotation = |span: &str| json!({"data": [{"name": "correct", "annotator_kind": "HUMAN", "span_id": span, "result": {"label": "yes", "score": 1}}]});
    assert_eq!(post(&server, "/v1/span_annotations", &annotation("7be185cfddd18d55")).status, 200);
    assert_eq!(post(&server, "/v1/span_annotations", &annotation("00000000000000aa")).status, 404);
    let run = run(&server, TRACE_HEX);
    let step = step(&run, "call");
    assert_eq!((&step["kind"], &step["usage"]["input_tokens"]), (&json!("llm"), &json!(3)));
    assert_eq!((&step["scores"][0]["label"], &step["scores"][0]["source"]), (&json!("yes"), &json!("HUMAN")));
}

#[test]
fn keys_are_asked_for_in_each_protocols_own_form() {
    let server = Server::configured(TempDir::new().unwrap(), |settings| {
        settings.ingest_keys = IngestKeys::parse(["pk-1:sk-1", "lsv2-2=team"]).unwrap();
    });
    let url = |path: &str| format!("{}{path}", server.http);
    let batch = json!({ "batch": generation() }).to_string();
    let basic = ("authorization", "Basic cGstMTpzay0x"); // pk-1:sk-1
    for (path, field) in [
        ("/api/public/ingestion", "error"),
        ("/runs/batch", "detail"),
        ("/v1/traces/ingest", "error"),
        ("/v1/span_annotations", "detail"),
        ("/v1/traces", "message"),
        ("/v1/logs", "message"),
        ("/api/v1/logs", "detail"),
    ] {
        for headers in [&[JSON][..], &[JSON, ("x-api-key", "wrong")]] {
            let answer = server.post_to(&url(path), headers, batch.as_bytes());
            assert_eq!(answer.status, 401, "{path}: {}", answer.text());
            assert!(!answer.json()[field].is_null(), "{path}: {}", answer.text());
        }
    }
    assert_eq!(server.send("GET", &url("/api/public/projects"), &[], b"").status, 401);
    for path in ["/api/v1/logs", "/loki/api/v1/push"] {
        let push =
            json!({"streams": [{"stream": {"app": "a"}, "values": [["1795237700000000000", "hello"]]}]}).to_string();
        assert_eq!(server.post_to(&url(path), &[JSON], push.as_bytes()).status, 401, "{path}");
        assert!(server.post_to(&url(path), &[JSON, basic], push.as_bytes()).status < 300, "{path}");
    }
    assert_eq!(server.post_to(&url("/api/public/ingestion"), &[JSON, basic], batch.as_bytes()).status, 207);
    assert_eq!(run(&server, TRACE_HEX)["steps"].as_array().unwrap().len(), 2);
    // The other key's telemetry is another project's.
    let team = ("x-api-key", "lsv2-2");
    let runs = json!({"post": [root_run()]}).to_string();
    assert_eq!(server.post_to(&url("/runs/batch"), &[JSON, team], runs.as_bytes()).status, 202);
    assert_eq!(server.get(&format!("/api/v1/runs/{}", ROOT.replace('-', ""))).status, 404);
    let read = server.send("GET", &url(&format!("/langsmith/runs/{ROOT}")), &[team], b"");
    assert_eq!(read.ok().json()["name"], "agent");
    assert_eq!(server.send("GET", &url(&format!("/langsmith/runs/{ROOT}")), &[basic], b"").status, 404);
    let status = server.grpc("/opentelemetry.proto.collector.trace.v1.TraceService/Export", None, b"").unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
    let method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    server.grpc_with(method, None, &[("authorization", "Bearer lsv2-2")], b"").unwrap();
    assert_eq!(server.counts("traces")["requests_rejected"]["unauthorized"], 11);
}

#[test]
fn ten_megabytes_of_input_are_kept_whole() {
    let server = Server::start();
    let large = "x".repeat(10 << 20);
    let mut child = child_run();
    child["inputs"] = json!({ "document": large });
    let (root, child_name) = (format!("post.{ROOT}"), format!("post.{CHILD}"));
    let body = multipart(&[(root.as_str(), root_run().to_string()), (child_name.as_str(), child.to_string())]);
    assert_eq!(send_multipart(&server, &body).status, 202);
    let run = run(&server, &ROOT.replace('-', ""));
    assert_eq!(step(&run, "get_weather")["tool"]["arguments"]["document"].as_str().unwrap().len(), 10 << 20);
    let too_large = server.post_to(&format!("{}/runs/batch", server.http), &[JSON], &vec![b' '; 65 << 20]);
    assert!(too_large.status == 413 && too_large.text().contains("max_body_bytes"));
}

#[test]
fn updates_at_once_are_all_in_the_result() {
    let server = Server::start();
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for n in 0..10 {
                    let key = format!("k{worker}_{n}");
                    ingestion(
                        server,
                        &[langfuse("span-update", "10", json!({"id": "o", "traceId": TRACE, "metadata": {key: n}}))],
                    );
                }
            });
        }
    });
    let run = run(&server, TRACE_HEX);
    let step = run["steps"].as_array().unwrap().iter().find(|step| !step["parent_span_id"].is_null()).unwrap();
    let kept =
        step["attributes"].as_object().unwrap().keys().filter(|key| key.starts_with("langfuse.observation.metadata.k"));
    assert_eq!(kept.count(), 80);
}

#[test]
fn logs_posted_to_the_address_of_traces_are_refused_with_the_cause() {
    let server = Server::start();
    let logs = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}}]}]}]});
    for path in ["/api/public/otel/v1/traces", "/langsmith/otel/v1/traces", "/v1/traces"] {
        let answer = post(&server, path, &logs);
        assert!(answer.status == 400 && answer.text().contains("logs"), "{path}: {} {}", answer.status, answer.text());
    }
}
