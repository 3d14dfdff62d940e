//! What is counted of runs: the same in `/metrics`, in the API and in SQL; across restarts; and as a real Prometheus sees it.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use signals::metrics::{FAMILIES, IN_SQL};
use tempfile::TempDir;

use crate::support::{Answer, Server, agent_run, attribute, count, request, span};

/// A server whose runs settle almost at once.
fn server(dir: TempDir) -> Server {
    Server::configured(dir, |settings| {
        settings.runs.settle_nanos = 1_000_000;
        settings.hourly_token_budget = Some(1_000_000);
    })
}

/// Asks until the answer is as wanted.
#[track_caller]
fn wait<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("not in time");
}

fn signals(server: &Server, query: &str) -> Value {
    server.get(&format!("/api/v1/signals{query}")).ok().json()
}

/// Waits until so many runs were counted.
fn counted(server: &Server, runs: u64) -> Value {
    wait(|| {
        let signals = signals(server, "");
        (signals["signals"]["standard"]["request_count"] == json!(runs as f64)).then_some(signals)
    })
}

/// A run that fails, with a tool that fails.
fn failed_run(trace: u8) -> Vec<u8> {
    let error = |mut span: opentelemetry_proto::tonic::trace::v1::Span| {
        span.status = Some(opentelemetry_proto::tonic::trace::v1::Status { code: 2, message: "no".into() });
        span.attributes.push(attribute("error.type", "ToolError"));
        span
    };
    let agent = vec![attribute("gen_ai.operation.name", "invoke_agent"), attribute("gen_ai.agent.name", "planner")];
    let tool = vec![attribute("gen_ai.operation.name", "execute_tool"), attribute("gen_ai.tool.name", "refund")];
    let call = vec![
        attribute("gen_ai.operation.name", "chat"),
        attribute("gen_ai.provider.name", "openai"),
        attribute("gen_ai.request.model", "gpt-4o"),
        count("gen_ai.usage.input_tokens", 1_000),
        count("gen_ai.usage.output_tokens", 10),
    ];
    let spans = vec![
        error(span(trace, 1, 0, "invoke_agent planner", agent)),
        error(span(trace, 2, 1, "chat gpt-4o", call)),
        error(span(trace, 3, 1, "execute_tool refund", tool)),
    ];
    request("planner-service", spans)
}

/// Values of `/metrics` by series.
fn metrics(server: &Server) -> BTreeMap<String, f64> {
    let text = server.get("/metrics").ok().text();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
        .collect()
}

fn sum(metrics: &BTreeMap<String, f64>, name: &str, label: &str) -> f64 {
    let is_it = |series: &&String| {
        series.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')) && series.contains(label)
    };
    metrics.keys().filter(is_it).map(|series| metrics[series]).sum()
}

#[test]
fn metrics_api_and_sql_agree_and_a_restart_neither_repeats_nor_drops() {
    let start = server(TempDir::new().unwrap());
    for trace in 1..=4 {
        start.post_proto("/v1/traces", &agent_run(trace)).ok();
        // The same again, as a client does that heard no answer.
        start.post_proto("/v1/traces", &agent_run(trace)).ok();
    }
    start.post_proto("/v1/traces", &failed_run(9)).ok();
    let before = counted(&start, 5);
    let server = server(start.stop());
    assert_eq!(signals(&server, ""), before, "what was counted is there before anything is looked at again");
    server.post_proto("/v1/traces", &agent_run(5)).ok();
    let signals = counted(&server, 6);

    let sql = "SELECT count(*), sum(total_tokens), sum(tool_calls), sum(cost_usd) FROM runs";
    let rows = server.post_to(
        &format!("{}/api/v1/sql", server.http),
        &[("content-type", "application/json")],
        json!({"query": sql}).to_string().as_bytes(),
    );
    let row = rows.ok().json()["rows"][0].clone();
    assert_eq!(row[0], json!(6));
    assert_eq!(json!(row[1].as_f64()), signals["signals"]["llm"]["tokens_consumed"]);
    let tools: f64 = signals["signals"]["agent"]["tool_selection_distribution"]
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_f64().unwrap())
        .sum();
    assert_eq!(row[2].as_f64(), Some(tools));
    let cost = signals["signals"]["llm"]["cost_usd"].as_f64().unwrap();
    let in_sql: f64 = row[3].to_string().trim_matches('"').parse().unwrap();
    assert!((in_sql - cost).abs() < 1e-9, "{row} {cost}");

    // New series are zero at first, so that whoever scrapes sees them rise.
    let metrics = wait(|| {
        let metrics = metrics(&server);
        (sum(&metrics, "agent_requests_total", "") == 6.0).then_some(metrics)
    });
    assert_eq!(sum(&metrics, "agent_workflow_completed_total", "status=\"failed\""), 1.0);
    assert_eq!(sum(&metrics, "agent_tool_calls_total", "tool_name=\"search\""), 5.0);
    assert_eq!(sum(&metrics, "agent_tool_errors_total", "tool=\"refund\""), 1.0);
    assert_eq!(sum(&metrics, "agent_tokens_input_total", "model=\"gpt-4o\""), 5.0 * 250.0 + 1_000.0);
    assert_eq!(metrics["agent_hourly_token_budget"], 1_000_000.0);
    assert_eq!(sum(&metrics, "tawny_signal_corrections_total", ""), 0.0);
    assert_eq!(metrics["tawny_watch_judge_failures_total"], 0.0);
    assert_eq!(server.get("/health").ok().json()["status"], "ok");
}

/// A run with two embeddings, an answered call, one that failed, and a tool that is told twice.
fn mixed_run(trace: u8) -> Vec<u8> {
    let of = |operation: &str| vec![attribute("gen_ai.operation.name", operation)];
    let model = |operation: &str, tokens: i64| {
        let mut said = of(operation);
        said.extend([attribute("gen_ai.provider.name", "openai"), attribute("gen_ai.request.model", "gpt-4o")]);
        said.extend((tokens > 0).then(|| count("gen_ai.usage.input_tokens", tokens)));
        said
    };
    let tool = || [of("execute_tool"), vec![attribute("gen_ai.tool.name", "search")]].concat();
    let agent = [of("invoke_agent"), vec![attribute("gen_ai.agent.name", "planner")]].concat();
    let mut failed = span(trace, 4, 1, "chat gpt-4o", model("chat", 0));
    failed.status = Some(opentelemetry_proto::tonic::trace::v1::Status { code: 2, message: "503".into() });
    let spans = vec![
        span(trace, 1, 0, "invoke_agent planner", agent),
        span(trace, 2, 1, "embeddings gpt-4o", model("embeddings", 10)),
        span(trace, 3, 1, "chat gpt-4o", model("chat", 500)),
        failed,
        span(trace, 5, 1, "execute_tool search", tool()),
        span(trace, 6, 5, "execute_tool search", tool()),
        span(trace, 7, 1, "embeddings gpt-4o", model("embeddings", 20)),
    ];
    request("planner-service", spans)
}

/// The first number that a query in SQL gives; 0 for none.
fn number_in_sql(server: &Server, query: &str) -> f64 {
    let rows = server.post_to(
        &format!("{}/api/v1/sql", server.http),
        &[("content-type", "application/json")],
        json!({"query": query}).to_string().as_bytes(),
    );
    let value = rows.ok().json()["rows"][0][0].clone();
    if value.is_null() { 0.0 } else { value.to_string().trim_matches('"').parse().unwrap() }
}

#[test]
fn every_number_that_has_a_query_in_sql_is_what_it_gives() {
    let server = server(TempDir::new().unwrap());
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    server.post_proto("/v1/traces", &failed_run(2)).ok();
    server.post_proto("/v1/traces", &mixed_run(3)).ok();
    counted(&server, 3);
    let in_sql: Vec<(String, f64)> = IN_SQL
        .iter()
        .map(|same| (format!("{}{}", same.family.family().name, same.part), number_in_sql(&server, same.query)))
        .collect();
    let wrong = || -> Vec<String> {
        let metrics = metrics(&server);
        let counted = in_sql.iter().map(|(name, in_sql)| (name, in_sql, sum(&metrics, name, "")));
        let differ = counted.filter(|(_, in_sql, counted)| (**in_sql - counted).abs() > 1e-9);
        differ.map(|(name, in_sql, counted)| format!("{name}: {counted} counted, {in_sql} in SQL")).collect()
    };
    // New series are zero at first.
    for _ in 0..300 {
        if wrong().is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(wrong(), Vec::<String>::new());
    let of = |name: &str| in_sql.iter().find(|(known, _)| known == name).unwrap().1;
    assert_eq!(of("agent_tool_calls_total"), 3.0, "a tool told twice is one call");
    // Attempts of language models, and answered calls with embeddings among them, are two things.
    assert_eq!((of("agent_llm_calls_total"), of("agent_llm_calls_per_run_sum")), (5.0, 6.0));
}

#[test]
fn metrics_that_a_client_sends_itself_are_not_derived_as_well() {
    let server = server(TempDir::new().unwrap());
    let now = server::SystemClock::time().as_nanos();
    let theirs = json!({"resourceMetrics": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "planner-service"}}]},
        "scopeMetrics": [{"metrics": [{"name": "gen_ai.client.operation.duration", "unit": "s", "histogram": {
            "aggregationTemporality": 2,
            "dataPoints": [{"count": "2", "sum": 1.5, "bucketCounts": ["2", "0"], "explicitBounds": [1.0],
                "startTimeUnixNano": (now - 60_000_000_000).to_string(), "timeUnixNano": now.to_string()}]}}]}],
    }]});
    server.post_json("/v1/metrics", &theirs).ok();
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    counted(&server, 1);
    let metrics = wait(|| {
        let metrics = metrics(&server);
        (sum(&metrics, "agent_requests_total", "") == 1.0).then_some(metrics)
    });
    assert_eq!(sum(&metrics, "gen_ai_client_operation_duration_seconds_count", ""), 0.0, "the client tells its calls");
    assert!(sum(&metrics, "gen_ai_client_token_usage_count", "") > 0.0, "that one it does not send");
}

#[test]
fn what_a_client_counts_itself_is_not_added_to_what_its_spans_give() {
    let start = server(TempDir::new().unwrap());
    let now = server::SystemClock::time().as_nanos();
    let counter = |service: &str, value: f64| {
        json!({"resourceMetrics": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
            "scopeMetrics": [{"metrics": [{"name": "agent.tokens.total", "unit": "tokens", "sum": {
                "aggregationTemporality": 2, "isMonotonic": true,
                "dataPoints": [{"asDouble": value, "startTimeUnixNano": (now - 60_000_000_000).to_string(),
                    "timeUnixNano": now.to_string()}]}}]}],
        }]})
    };
    start.post_json("/v1/metrics", &counter("planner-service", 1_000_000.0)).ok();
    start.post_json("/v1/metrics", &counter("without-spans", 5.0)).ok();
    start.post_proto("/v1/traces", &agent_run(1)).ok();
    counted(&start, 1);
    let sum_of = |server: &Server, selector: &str| {
        let query: String = form_urlencoded::byte_serialize(format!("sum({selector})").as_bytes()).collect();
        let answer = server.get(&format!("/prometheus/api/v1/query?query={query}")).ok().json();
        answer["data"]["result"][0]["value"][1].as_str().map(|value| value.parse::<f64>().unwrap())
    };
    let others = r#"agent_tokens_total{source!="tawny"}"#;
    assert_eq!(sum_of(&start, others), Some(1_000_005.0), "what was sent is there for who asks for it");
    assert!(sum_of(&start, "agent_tokens_total").is_some_and(|sum| sum < 1_000_000.0), "once");
    assert_eq!(sum_of(&start, r#"agent_tokens_total{job="planner-service"}"#), Some(1_000_000.0));
    let again = server(start.stop());
    assert!(sum_of(&again, "agent_tokens_total").is_some_and(|sum| sum < 1_000_000.0), "also after a restart");
}

#[test]
fn signals_are_given_for_one_agent_and_for_the_last_minutes() {
    let server = server(TempDir::new().unwrap());
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    counted(&server, 1);
    let all = signals(&server, "?window=5m");
    assert_eq!((&all["window"], &all["signals"]["business"]["task_completion_rate"]), (&json!("5m"), &json!(1.0)));
    assert_eq!(all["agents"][0]["agent"], "planner");
    assert_eq!(all["agents"][0]["signals"]["llm"], all["signals"]["llm"]);
    assert_eq!(all["signals"]["snapshot"]["agent_requests_total"], 1.0);
    let nobody = signals(&server, "?agent=nobody");
    assert_eq!(nobody["signals"]["standard"]["request_count"], 0.0);
    assert_eq!(nobody["signals"]["standard"]["latency_p99_ms"], Value::Null, "unknown is not zero");
    let refused: Answer = server.get("/api/v1/signals?window=1h");
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("`5m` or `all`"), "{}", refused.text());
    let families = server.get("/api/v1/signals/families").ok().json();
    let tokens =
        families["families"].as_array().unwrap().iter().find(|family| family["name"] == "agent_tokens_total").unwrap();
    assert_eq!((&tokens["kind"], &tokens["label_sets"]), (&json!("counter"), &json!(2)));
    assert!(tokens["spellings"].as_array().unwrap().contains(&json!("agent_tokens_consumed_total")));

    // Whatever the page has of agents is listed, also what no run gives to.
    let list = families["families"].as_array().unwrap();
    let budget = list.iter().find(|family| family["name"] == "agent_hourly_token_budget").unwrap();
    assert_eq!((&budget["label_sets"], &budget["label_sets_max"]), (&json!(1), &json!(0)));
    let names = |family: &Value| {
        let spellings = family["spellings"].as_array().unwrap().clone();
        spellings.into_iter().chain([family["name"].clone()])
    };
    let listed: Vec<Value> = list.iter().flat_map(names).collect();
    let page = server.get("/metrics").ok().text();
    let shown = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let missing: Vec<&str> =
        shown.filter(|name| !name.starts_with("tawny_") && !listed.contains(&json!(name))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn queries_find_a_family_under_every_name_and_one_is_kept() {
    let server = server(TempDir::new().unwrap());
    server.post_proto("/v1/traces", &failed_run(1)).ok();
    counted(&server, 1);
    let api = |path: &str, parameter: &str, text: &str| {
        let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        server.get(&format!("/prometheus/api/v1/{path}?{parameter}={text}")).ok().json()["data"].clone()
    };
    let failed = wait(|| {
        let query = r#"agent_workflow_completed_total{status="failed"}"#;
        let found = api("query", "query", query)["result"].clone();
        (found[0]["value"][1] == "1").then_some(found)
    });
    assert_eq!(failed[0]["metric"]["__name__"], "agent_workflow_completed_total");
    let same = api("query", "query", "agent_requests_total")["result"].clone();
    assert_eq!((&same[0]["metric"]["status"], &same[0]["value"][1]), (&json!("failure"), &json!("1")));
    let exemplars = api("query_exemplars", "query", "rate(agent_run_duration_ms_bucket[5m])");
    assert_eq!(exemplars[0]["seriesLabels"]["__name__"], "agent_run_duration_ms_bucket", "{exemplars}");
    let words = api("label/status/values", "match[]", "agent_workflow_completed_total");
    assert_eq!(words, json!(["failed"]));
    let names = api("label/__name__/values", "match[]", r#"{job="tawny"}"#);
    assert!(names.as_array().unwrap().contains(&json!("agent_tokens_consumed_total")), "{names}");
    assert_eq!(
        api("metadata", "metric", "workflow_executions_total")["workflow_executions_total"][0]["type"],
        "counter"
    );
    let kept = api("status/tsdb", "limit", "10")["seriesCountByMetricName"].clone();
    let other: Vec<&str> = FAMILIES.iter().flat_map(|family| family.spellings).map(|spelling| spelling.name).collect();
    let is_other = |name: &str| other.iter().any(|other| name.starts_with(other));
    let kept: Vec<&str> = kept.as_array().unwrap().iter().map(|metric| metric["name"].as_str().unwrap()).collect();
    assert!(kept.contains(&"agent_step_duration_seconds_bucket"), "{kept:?}");
    assert!(!kept.iter().any(|name| is_other(name)), "{kept:?}");
}

#[test]
fn runs_that_ended_long_before_they_came_are_not_counted_as_traffic() {
    let server = server(TempDir::new().unwrap());
    let mut old = span(7, 1, 0, "invoke_agent planner", vec![attribute("gen_ai.operation.name", "invoke_agent")]);
    old.start_time_unix_nano -= 7_200_000_000_000;
    old.end_time_unix_nano -= 7_200_000_000_000;
    server.post_proto("/v1/traces", &request("planner-service", vec![old])).ok();
    wait(|| (metrics(&server)["tawny_watch_backfilled_runs_total"] == 1.0).then_some(()));
    assert_eq!(signals(&server, "")["signals"]["standard"]["request_count"], 0.0);
}

/// A program of Debian's package `prometheus`, where it is installed.
fn debian(program: &str) -> Option<Command> {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match found {
        Ok(status) if status.success() => Some(Command::new(program)),
        _ => {
            println!("skipped: `{program}` is not installed (Debian package prometheus)");
            None
        }
    }
}

#[test]
fn promtool_reads_the_page() {
    let Some(mut promtool) = debian("promtool") else { return };
    let server = server(TempDir::new().unwrap());
    server.post_proto("/v1/traces", &failed_run(1)).ok();
    counted(&server, 1);
    let text = server.get("/metrics").ok().text();
    let mut child = promtool
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    // It also has an opinion on names, which are not ours to choose: that is exit code 3.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
    assert!(!said.contains("tawny_"), "our own names follow the advice: {said}");
}

/// Ends what it started, whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Queries as the guides' dashboards and rules make them; those of rules without their thresholds.
const QUERIES: &[&str] = &[
    "rate(agent_workflow_completed_total{status='failed'}[5m])",
    "rate(agent_workflow_started_total[5m])",
    "histogram_quantile(0.95, rate(agent_llm_call_duration_seconds_bucket[5m]))",
    "rate(agent_llm_cost_usd_total[1h])",
    "sum by (workflow_name, status) (rate(workflow_executions_total[5m]))",
    "histogram_quantile(0.95, rate(workflow_duration_seconds_bucket[5m]))",
    "histogram_quantile(0.95, sum by (le, step_name) (rate(step_duration_seconds_bucket[5m])))",
    "rate(agent_errors_total[5m])",
    "histogram_quantile(0.95, rate(agent_run_duration_ms_bucket[5m]))",
    "sum(rate(agent_tokens_total[1h])) * 3600 < on() 1.5 * agent_hourly_token_budget",
    "rate(agent_requests_total{status=\"failure\"}[5m])",
    "histogram_quantile(0.99, rate(agent_request_duration_seconds_bucket[5m]))",
    "rate(agent_tokens_consumed_total[30m])",
    "rate(agent_tool_calls_total{status=\"failure\"}[5m]) / rate(agent_tool_calls_total[5m])",
    "rate(agent_tool_calls_total{tool_name=\"refund\"}[30m])",
    "rate(agent_tool_calls_failed_total[5m])",
    "histogram_quantile(0.95, rate(agent_workflow_duration_seconds_bucket[5m]))",
    "rate(agent_llm_errors_total[5m]) / rate(agent_llm_calls_total[5m])",
    "sum(increase(agent_tokens_total[1h]))",
    "rate(agent_tool_errors_total[5m]) / rate(agent_tool_duration_seconds_count[5m])",
    "histogram_quantile(0.5, rate(gen_ai_client_token_usage_bucket[5m]))",
    "agent_task_completion_rate",
    "agent_cost_per_task_usd",
];

#[test]
fn a_real_prometheus_scrapes_it_and_answers_the_guides_queries() {
    let Some(mut prometheus) = debian("prometheus") else { return };
    let server = server(TempDir::new().unwrap());
    let dir = TempDir::new().unwrap();
    let config = dir.path().join("prometheus.yml");
    let target = server.http.trim_start_matches("http://");
    let text = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: tawny\n    static_configs:\n      - targets: ['{target}']\n"
    );
    std::fs::write(&config, text).unwrap();
    // Free a moment ago; nothing else on the machine asks for ports at this rate.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let arguments = [
        format!("--config.file={}", config.display()),
        format!("--storage.tsdb.path={}", dir.path().join("data").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--enable-feature=exemplar-storage".into(),
    ];
    let _running = Running(prometheus.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let ask = |path: &str| -> Option<Value> {
        let url = format!("http://127.0.0.1:{port}/api/v1/{path}");
        serde_json::from_str(&ureq::get(url).call().ok()?.into_body().read_to_string().ok()?).ok()
    };
    let query = |query: &str| -> Option<Vec<Value>> {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        Some(ask(&format!("query?query={query}"))?["data"]["result"].as_array()?.clone())
    };
    wait(|| query("up").filter(|up| !up.is_empty()));
    for trace in 1..=3 {
        server.post_proto("/v1/traces", &agent_run(trace)).ok();
        server.post_proto("/v1/traces", &failed_run(100 + trace)).ok();
    }
    // Zero first, then what was counted: so a rate sees the very first runs.
    let rises = "sum(increase(agent_requests_total[5m])) > 5";
    wait(|| query(rises).filter(|result| !result.is_empty()));
    let empty: Vec<&&str> = QUERIES
        .iter()
        .filter(|text| {
            let values = query(text).unwrap_or_default();
            !values.iter().any(|series| series["value"][1].as_str().is_some_and(|value| value != "NaN"))
        })
        .collect();
    assert!(empty.is_empty(), "without an answer: {empty:#?}");
    let now = server::SystemClock::time().as_nanos() / 1_000_000_000;
    let exemplars = wait(|| {
        let path =
            format!("query_exemplars?query=agent_request_duration_seconds_bucket&start={}&end={}", now - 600, now + 60);
        let found = ask(&path)?["data"].as_array()?.clone();
        (!found.is_empty()).then_some(found)
    });
    let trace = exemplars[0]["exemplars"][0]["labels"]["trace_id"].as_str().unwrap().to_owned();
    assert_eq!(
        server.get(&format!("/api/v1/runs/{trace}")).ok().json()["run"]["trace_id"],
        json!(trace),
        "a point leads to its run"
    );
}
