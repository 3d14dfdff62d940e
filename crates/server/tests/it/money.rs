//! Costs, budgets and service levels, from spans on the wire to answers.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, Server, agent_run, attribute, count, request, span, trace_id};

/// A server whose runs settle after `millis` of quiet.
fn settling(dir: TempDir, millis: i64, change: impl FnOnce(&mut server::MoneyFiles)) -> Server {
    Server::configured(dir, |settings| {
        settings.runs.settle_nanos = millis * 1_000_000;
        change(&mut settings.money);
    })
}

fn quick() -> Server {
    settling(TempDir::new().unwrap(), 200, |_| {})
}

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    server.post_to(&format!("{}{path}", server.http), &[], body.to_string().as_bytes())
}

fn put(server: &Server, path: &str, text: &str) -> Answer {
    server.send("PUT", &format!("{}{path}", server.http), &[("content-type", "application/toml")], text.as_bytes())
}

/// Asks until the answer is as wanted.
#[track_caller]
fn near(value: &Value, dollars: f64) -> bool {
    value.as_f64().is_some_and(|value| (value - dollars).abs() < 1e-12)
}

fn chat(model: &str, input: i64, output: i64, more: Vec<KeyValue>) -> Vec<KeyValue> {
    let mut attributes = vec![
        attribute("gen_ai.operation.name", "chat"),
        attribute("gen_ai.response.model", model),
        count("gen_ai.usage.input_tokens", input),
        count("gen_ai.usage.output_tokens", output),
    ];
    attributes.extend(more);
    attributes
}

fn agent(name: &str) -> Vec<KeyValue> {
    vec![attribute("gen_ai.operation.name", "invoke_agent"), attribute("gen_ai.agent.name", name)]
}

#[test]
fn a_settled_run_is_in_the_ledger_once_however_often_it_is_sent() {
    let server = quick();
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    let costs = server.until("/api/v1/costs?by=agent,model", |costs| costs["total"]["calls"] == 2);
    // 250 tokens in at 2.5 and 50 out at 10 dollars a million.
    assert!(near(&costs["total"]["cost_usd"], 0.001125), "{costs:#}");
    assert_eq!(costs["rows"][0]["by"], json!(["planner", "gpt-4o"]));
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    server.post_proto("/v1/traces", &agent_run(2)).ok();
    let by_run = server.until("/api/v1/costs?by=run&session=conversation-1", |costs| costs["total"]["calls"] == 4);
    assert!(by_run["rows"].as_array().unwrap().iter().all(|row| near(&row["cost_usd"], 0.001125)), "{by_run:#}");
    assert!(by_run["entries_since"].is_string());
    let calls = server.get(&format!("/api/v1/runs/{}/costs", trace_id(1))).ok().json();
    let call = &calls["calls"][0];
    let says = |field: &str, text: &str| call[field].as_str().is_some_and(|said| said.contains(text));
    assert!(says("basis", "computed") && says("price_row", "openai/gpt-4o"), "{calls:#}");
    assert!(says("price_source", "openai.com"), "{calls:#}");
    assert!(near(&calls["cost_usd"], 0.001125) && call["price_read"].is_string(), "{calls:#}");
    assert_eq!(server.get(&format!("/api/v1/runs/{}/costs", trace_id(99))).status, 404);
    let csv = server.get("/api/v1/costs.csv?by=agent").ok();
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.text().lines().nth(1).unwrap(), "planner,4,500,100,0,0,0,0,0.00225,0");
    let forecast = server.get("/api/v1/costs/forecast").ok().json();
    assert!(forecast["month_usd"].as_f64().unwrap() >= forecast["month_to_date_usd"].as_f64().unwrap());
    for wrong in ["by=team", "by=agent,model,tool", "step=week", "agents=x"] {
        assert_eq!(server.get(&format!("/api/v1/costs?{wrong}")).status, 400, "{wrong}");
    }
}

#[test]
fn tiers_lifetimes_and_unknown_models_cost_what_they_come_to_by_hand() {
    let server = quick();
    let spans = vec![
        span(3, 1, 0, "agent", agent("writer")),
        // Flex: half of 1.25 in, half of 10 out, half of 0.125 for what was cached: 600*0.625 + 400*0.0625 + 1000*5 millionths.
        span(
            3,
            2,
            1,
            "chat",
            chat(
                "gpt-5",
                1000,
                1000,
                vec![
                    attribute("gen_ai.provider.name", "openai"),
                    count("gen_ai.usage.cache_read.input_tokens", 400),
                    attribute("openai.response.service_tier", "flex"),
                ],
            ),
        ),
        // An hour in the cache costs 6, not 3.75: 500*3 + 1000*6 + 100*15 millionths.
        span(
            3,
            3,
            1,
            "chat",
            chat(
                "claude-sonnet-4-5",
                1500,
                100,
                vec![
                    attribute("gen_ai.provider.name", "anthropic"),
                    count("gen_ai.usage.cache_creation.input_tokens", 1000),
                    count("anthropic.usage.cache_creation.ephemeral_1h_input_tokens", 1000),
                ],
            ),
        ),
        span(3, 4, 1, "chat", chat("in-house-7b", 5000, 500, vec![])),
    ];
    server.post_proto("/v1/traces", &request("writer", spans)).ok();
    let costs = server.until("/api/v1/costs?by=model,source", |costs| costs["total"]["calls"] == 3);
    let of = |model: &str| {
        let rows = costs["rows"].as_array().unwrap();
        rows.iter().find(|row| row["by"][0] == model).unwrap_or_else(|| panic!("{model}: {costs:#}")).clone()
    };
    assert!(near(&of("gpt-5")["cost_usd"], 0.0054), "{costs:#}");
    assert!(near(&of("claude-sonnet-4-5")["cost_usd"], 0.009), "{costs:#}");
    assert_eq!(of("in-house-7b")["by"][1], "unknown_model");
    assert_eq!(costs["total"]["unpriced_tokens"], 5500);
    // The step shows the same.
    let run = server.get(&format!("/api/v1/runs/{}", trace_id(3))).ok().json();
    assert!(near(&run["run"]["cost_usd"], 0.0144), "{run:#}");
    let unpriced = server.get("/api/v1/costs/unpriced").ok().json();
    assert_eq!(
        (&unpriced["models"][0]["model"], &unpriced["models"][0]["tokens"]),
        (&json!("in-house-7b"), &json!(5500))
    );

    // A price that comes late, and a mistake in one.
    let wrong = put(&server, "/api/v1/prices", "[[price]]\nmodel = 'in-house-7b'\ninput = 'x'\noutput = 2");
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("line 3, field `input`"), "{}", wrong.text());
    let put_in = put(&server, "/api/v1/prices", "[[price]]\nmodel = 'in-house-7b'\ninput = 1\noutput = 2").ok().json();
    assert_eq!(put_in["own"][0]["model"], "in-house-7b");
    let dry = post(&server, "/api/v1/costs/reprice", &json!({"since": "1h", "dry_run": true})).ok().json();
    let done = post(&server, "/api/v1/costs/reprice", &json!({"since": "1h"})).ok().json();
    assert_eq!((&dry["changed_calls"], &done["changed_calls"]), (&json!(1), &json!(1)));
    assert!(near(&done["after_usd"], 0.0144 + 0.006), "{done}");
    // Lists, the run, its tree and the step show the same as the ledger.
    let id = trace_id(3);
    let listed = server.get("/api/v1/runs").ok().json();
    assert!(near(&listed["runs"][0]["cost_usd"], 0.0204), "{listed:#}");
    let whole = server.get(&format!("/api/v1/runs/{id}")).ok().json();
    let tree = server.get(&format!("/api/v1/runs/{id}/tree")).ok().json();
    assert!(near(&whole["run"]["cost_usd"], 0.0204) && near(&tree["run"]["cost_usd"], 0.0204), "{whole:#}");
    assert!(near(&whole["run"]["agents"][0]["cost_usd"], 0.0204), "{whole:#}");
    let step = server.get(&format!("/api/v1/runs/{id}/steps/0404040404040404")).ok().json();
    assert!(near(&step["step"]["cost_usd"], 0.006) && step["step"]["cost_source"] == "computed", "{step:#}");
    let again = post(&server, "/api/v1/costs/reprice", &json!({})).ok().json();
    assert_eq!(again["changed_calls"], 0);
    assert_eq!(server.get("/api/v1/costs/unpriced").ok().json()["models"], json!([]));
    let what_if = server.get("/api/v1/costs/what-if?model=gpt-4o-mini&from=1h").ok().json();
    // 7500 in, 400 of them cached, 1600 out: 7100*0.15 + 400*0.075 + 1600*0.6 millionths.
    assert!(near(&what_if["would_cost_usd"], 0.002055), "{what_if}");
    assert_eq!(server.get("/api/v1/costs/what-if?model=no-such").status, 400);

    // Prices given over the API are there after a restart.
    let server = settling(server.stop(), 200, |_| {});
    assert_eq!(server.get("/api/v1/prices").ok().json()["own"][0]["model"], "in-house-7b");
    let own = server.get("/api/v1/prices/of?model=in-house-7b").ok().json();
    assert_eq!((&own["rates"]["output"], &own["rates"]["reasoning"]), (&json!(2.0), &json!(2.0)), "{own:#}");
    let built_in = server.get("/api/v1/prices/of?model=gpt-4o-2024-08-06&provider=openai").ok().json();
    assert_eq!(
        (&built_in["id"], &built_in["rates"]["input"]),
        (&json!("openai/gpt-4o-2024-08-06"), &json!(2.5)),
        "{built_in:#}"
    );
    assert!(built_in["source"].as_str().is_some_and(|source| source.contains("openai.com")), "{built_in:#}");
    let unknown = server.get("/api/v1/prices/of?model=nobodys-model");
    assert!(unknown.status == 404 && unknown.text().contains("docs/prices.md"), "{}", unknown.text());
}

const BUDGETS: &str = "
[[budget]]
name = 'run'
per = 'run'
over = 'request'
usd = 1
hard = true
levels = [{ percent = 50, do = 'downgrade', to = 'gpt-4o-mini' }, { percent = 100, do = 'reject', message = 'Enough for now.' }]
";

#[test]
fn an_agent_is_told_what_it_may_do_and_both_reports_settle_once() {
    let server = settling(TempDir::new().unwrap(), 1500, |_| {});
    let mistake = put(&server, "/api/v1/budgets", "[[budget]]\nname = 'x'");
    assert_eq!(mistake.status, 400);
    put(&server, "/api/v1/budgets", BUDGETS).ok();
    let run = trace_id(9);
    let ask = |more: Value| {
        let mut body = json!({"run": run, "agent": "writer", "model": "gpt-4o"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        post(&server, "/api/v1/budgets/check", &body)
    };
    let first = ask(json!({"usd": 0.4, "reserve": true})).ok().json();
    assert_eq!((&first["verdict"], &first["reservation"]["usd"]), (&json!("allow"), &json!(0.4)));
    // What a call costs at most can be told in tokens: 100,000 in and 10,000 out of gpt-4o are 0.35.
    let tokens = ask(json!({"input_tokens": 100_000, "max_output_tokens": 10_000, "reserve": true})).ok().json();
    assert!(near(&tokens["reservation"]["usd"], 0.35), "{tokens}");
    let third = ask(json!({"usd": 0.3, "reserve": true})).ok().json();
    assert_eq!((&third["verdict"], &third["message"]), (&json!("reject"), &json!("Enough for now.")), "{third}");
    assert!(third["reservation"].is_null());
    let downgraded = ask(json!({})).ok().json();
    assert_eq!((&downgraded["verdict"], &downgraded["model"]), (&json!("downgrade"), &json!("gpt-4o-mini")));
    assert_eq!(ask(json!({"reserve": true, "model": "no-such", "input_tokens": 5})).status, 422);
    assert_eq!(ask(json!({"usd": -1.0, "reserve": true})).status, 400);
    assert_eq!(ask(json!({"teams": 1})).status, 400);

    // The span of the first call names its reservation; the caller says the same. The cost counts once, at once.
    let id = first["reservation"]["id"].as_str().unwrap();
    let named = vec![attribute("tawny.reservation_id", id), attribute("gen_ai.provider.name", "openai")];
    let spans =
        vec![span(9, 1, 0, "agent", agent("writer")), span(9, 2, 1, "chat", chat("gpt-4o", 40_000, 10_000, named))];
    server.post_proto("/v1/traces", &request("writer", spans)).ok();
    let account =
        |budgets: &Value| budgets["accounts"].as_array().unwrap().iter().find(|it| it["key"] == *run).cloned();
    let told = server
        .until("/api/v1/budgets", |budgets| account(budgets).is_some_and(|account| near(&account["spent_usd"], 0.2)));
    assert!(near(&account(&told).unwrap()["held_usd"], 0.35), "{told:#}");
    let settled = post(&server, "/api/v1/budgets/settle", &json!({"reservation": id, "usd": 0.2})).ok().json();
    assert_eq!(settled["settled"], "again");
    // The run settles: what was provisional is the ledger's now, and still counts once.
    let after = server.until("/api/v1/budgets", |budgets| {
        account(budgets).is_some_and(|account| near(&account["provisional_usd"], 0.0))
    });
    assert!(near(&account(&after).unwrap()["spent_usd"], 0.2), "{after:#}");
    let other = tokens["reservation"]["id"].as_str().unwrap();
    let released = post(&server, "/api/v1/budgets/release", &json!({"reservation": other})).ok().json();
    assert_eq!(released["released"], true);
    assert_eq!(post(&server, "/api/v1/budgets/settle", &json!({"reservation": "nobody", "usd": 1})).status, 404);
}

#[test]
fn reservations_and_what_was_spent_outlive_a_restart() {
    let server = quick();
    put(&server, "/api/v1/budgets", &BUDGETS.replace("per = 'run'", "per = 'agent'").replace("'request'", "'month'"))
        .ok();
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    server.until("/api/v1/costs", |costs| costs["total"]["calls"] == 2);
    let ask = |server: &Server, usd: f64| {
        let body = json!({"agent": "planner", "usd": usd, "reserve": true, "hold_seconds": 3600});
        post(server, "/api/v1/budgets/check", &body).ok().json()
    };
    let made = ask(&server, 0.45);
    let before = server.until("/api/v1/budgets", |budgets| near(&budgets["accounts"][0]["spent_usd"], 0.001125));
    let server = settling(server.stop(), 200, |_| {});
    let after = server.get("/api/v1/budgets").ok().json();
    assert_eq!((&after["budgets"], &after["accounts"]), (&before["budgets"], &before["accounts"]));
    assert_eq!(after["open_reservations"], 1);
    assert_eq!(ask(&server, 0.6)["verdict"], "reject");
    let settle = json!({"reservation": made["reservation"]["id"], "usd": 0.1});
    assert_eq!(post(&server, "/api/v1/budgets/settle", &settle).ok().json()["settled"], "now");
    let server = settling(server.stop(), 200, |_| {});
    let last = server.get("/api/v1/budgets").ok().json();
    assert!(near(&last["accounts"][0]["spent_usd"], 0.101125), "{last:#}");
    assert_eq!(post(&server, "/api/v1/budgets/settle", &settle).ok().json()["settled"], "again");
}

#[test]
fn what_was_reserved_is_reserved_after_a_restore() {
    let server = quick();
    put(&server, "/api/v1/budgets", &BUDGETS.replace("per = 'run'", "per = 'agent'").replace("'request'", "'month'"))
        .ok();
    let ask = |server: &Server, usd: f64| {
        let body = json!({"agent": "planner", "usd": usd, "reserve": true, "hold_seconds": 3600});
        post(server, "/api/v1/budgets/check", &body).ok().json()
    };
    let made = ask(&server, 0.45);
    assert!(made["reservation"].is_object(), "{made}");
    let backup = server.get("/api/v1/store/backup").ok();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("backup.tar");
    std::fs::write(&file, &backup.body).unwrap();
    let into = store::Settings::new(dir.path().join("data"));
    server.runtime.block_on(store::restore(file, into)).unwrap();
    server.stop();
    let server = settling(dir, 200, |_| {});
    assert_eq!(server.get("/api/v1/budgets").ok().json()["open_reservations"], 1);
    assert_eq!(ask(&server, 0.6)["verdict"], "reject");
    let settle = json!({"reservation": made["reservation"]["id"], "usd": 0.1});
    assert_eq!(post(&server, "/api/v1/budgets/settle", &settle).ok().json()["settled"], "now");
}

#[test]
fn a_level_is_told_once_over_restarts() {
    let server = quick();
    put(&server, "/api/v1/budgets", &BUDGETS.replace("per = 'run'", "per = 'user'").replace("'request'", "'month'"))
        .ok();
    let asked = json!({"agent": "planner", "user": "ann", "usd": 0.95, "reserve": true});
    let made = post(&server, "/api/v1/budgets/check", &asked).ok().json();
    let settle = json!({"reservation": made["reservation"]["id"], "usd": 0.95});
    assert_eq!(post(&server, "/api/v1/budgets/settle", &settle).ok().json()["settled"], "now");
    let told = server.until("/api/v1/budgets", |budgets| budgets["passed"].as_array().is_some_and(|it| !it.is_empty()));
    let server = settling(server.stop(), 200, |_| {});
    // A level of another user is told after the restart: whatever the restart would have told is told by then.
    let other = json!({"agent": "planner", "user": "bob", "usd": 0.95, "reserve": true});
    let made = post(&server, "/api/v1/budgets/check", &other).ok().json();
    let settle = json!({"reservation": made["reservation"]["id"], "usd": 0.95});
    assert_eq!(post(&server, "/api/v1/budgets/settle", &settle).ok().json()["settled"], "now");
    let of = |budgets: &Value, user: &str| {
        let mine = budgets["passed"].as_array().unwrap().iter().filter(|passed| passed["key"] == user);
        mine.map(|passed| passed["percent"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let after = server.until("/api/v1/budgets", |budgets| !of(budgets, "bob").is_empty());
    assert_eq!(of(&after, "ann"), of(&told, "ann"), "{after:#}");
    assert_eq!(of(&after, "bob"), of(&told, "ann"), "{after:#}");
}

#[test]
fn parallel_callers_do_not_pass_the_limit_together() {
    let server = quick();
    put(&server, "/api/v1/budgets", &BUDGETS.replace("per = 'run'", "per = 'project'").replace("'request'", "'day'"))
        .ok();
    let granted: usize = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..16)
            .map(|caller| {
                let server = &server;
                scope.spawn(move || {
                    let body = json!({"agent": format!("a{caller}"), "usd": 0.013, "reserve": true});
                    let ask = |_| post(server, "/api/v1/budgets/check", &body).ok().json()["reservation"].is_object();
                    (0..10).filter(|time| ask(*time)).count()
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    // 76 times 0.013 is 0.988; one more would be 1.001.
    assert_eq!(granted, 76);
    let account = server.get("/api/v1/budgets").ok().json()["accounts"][0].clone();
    assert!(near(&account["held_usd"], 0.988), "{account}");
}

/// A receiver that answers the first `refusals` posts with 503 and hands bodies over.
fn receiver(refusals: usize) -> (String, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
            let body = loop {
                let count = stream.read(&mut buffer).unwrap();
                read.extend_from_slice(&buffer[..count]);
                let text = String::from_utf8_lossy(&read).into_owned();
                if let Some(json) = text.split("\r\n\r\n").nth(1).and_then(|body| serde_json::from_str(body).ok()) {
                    break json;
                }
                assert!(count > 0, "{text}");
            };
            let status = if number < refusals { "503 Later" } else { "204 Taken" };
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            if number >= refusals && sender.send(body).is_err() {
                return;
            }
        }
    });
    (url, receiver)
}

#[test]
fn a_run_that_passes_its_budget_is_told_to_the_hook_while_it_goes_on() {
    let dir = TempDir::new().unwrap();
    let (url, told) = receiver(0);
    let file = dir.path().join("budgets.toml");
    std::fs::write(&file, BUDGETS).unwrap();
    // It does not settle within the test.
    let server = settling(dir, 600_000, |money| (money.budgets, money.hook) = (Some(file), Some(url)));
    let from_file = put(&server, "/api/v1/budgets", "");
    assert_eq!(from_file.status, 409, "{}", from_file.text());
    let dear = chat("gpt-4o", 10_000, 100_000, vec![attribute("gen_ai.provider.name", "openai")]);
    let spans = vec![span(5, 1, 0, "agent", agent("writer")), span(5, 2, 1, "chat", dear)];
    server.post_proto("/v1/traces", &request("writer", spans)).ok();
    let posted = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(
        (&posted["budget"], &posted["run"], &posted["action"]),
        (&json!("run"), &json!(trace_id(5)), &json!("reject"))
    );
    assert!(near(&posted["spent_usd"], 1.025), "{posted}");
    let metrics = server.get("/metrics").ok().text();
    assert!(metrics.contains("tawny_budget_full_accounts{budget=\"run\"} 1"), "{metrics}");
    assert!(metrics.contains("tawny_budget_used_ratio{budget=\"run\"} 1.025"), "{metrics}");
    assert_eq!(server.get("/api/v1/budgets").ok().json()["passed"][0]["percent"], 100);
}

#[test]
fn a_workflow_is_held_against_what_it_promises() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("sla.toml");
    std::fs::write(&file, "[[sla]]\nworkflow = 'support'\nlatency_seconds = 15.0\ntokens = 200\ntarget = 0.5\n")
        .unwrap();
    let server = settling(dir, 200, |money| money.sla = Some(file));
    let send = |trace: u8, tokens: i64| {
        let mut root = agent("helper");
        root.push(attribute("gen_ai.workflow.name", "support"));
        let spans =
            vec![span(trace, 1, 0, "agent", root), span(trace, 2, 1, "chat", chat("gpt-4o", tokens, 1, vec![]))];
        server.post_proto("/v1/traces", &request("helper", spans)).ok();
    };
    send(1, 100);
    send(2, 100);
    send(3, 500);
    let sla = server.until("/api/v1/sla", |sla| sla["workflows"][0]["runs"] == 3);
    let level = &sla["workflows"][0];
    assert_eq!(
        (&level["good"], &level["broken"]["tokens"], &level["broken"]["latency"]),
        (&json!(2), &json!(1), &json!(0))
    );
    let breach = &level["latest"][0];
    assert_eq!((&breach["trace_id"], &breach["broken"][0]["was"]), (&json!(trace_id(3)), &json!("501")), "{level:#}");
    let run = server.get(&format!("/api/v1/runs/{}?content=none", trace_id(3))).ok().json();
    assert_eq!(run["run"]["sla_broken"][0], json!({"objective": "tokens", "promised": "200", "was": "501"}), "{run:#}");
    let runs = server.get("/api/v1/runs").ok().json();
    let broke = runs["runs"].as_array().unwrap().iter().filter(|run| run["sla_broken"].is_array());
    assert_eq!(broke.count(), 1, "{runs:#}");
    // A third of the runs broke it, half may: two thirds of the error budget are used.
    assert!((level["burn_rate"]["1h"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9, "{level:#}");
    let metrics = |server: &Server| server.get("/metrics").ok().text();
    let wanted = "tawny_sla_kept_total{objective=\"all\",workflow=\"support\"} 2";
    for _ in 0..600 {
        if metrics(&server).contains(wanted) {
            break;
        }
        server.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
    }
    assert!(metrics(&server).contains(wanted), "{}", metrics(&server));
    // A late span changes what a run came to: it is judged again, not twice.
    server
        .post_proto("/v1/traces", &request("helper", vec![span(1, 7, 1, "chat", chat("gpt-4o", 900, 1, vec![]))]))
        .ok();
    let sla = server.until("/api/v1/sla", |sla| sla["workflows"][0]["good"] == 1);
    assert_eq!(sla["workflows"][0]["runs"], 3);
}
