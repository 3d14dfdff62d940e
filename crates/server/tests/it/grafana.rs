//! Tempo's, Jaeger's and Loki's query APIs, and the dashboards that come with Tawny.

use serde_json::{Value, json};

use crate::support::{Server, agent_run, attribute, now, request, span, trace_id};

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn log(service: &str, severity: u8, body: &str, time: u64) -> Value {
    json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
        "scopeLogs": [{"logRecords": [{
            "timeUnixNano": time.to_string(), "severityNumber": severity, "body": {"stringValue": body},
            "traceId": trace_id(7), "spanId": "0303030303030303",
            "attributes": [{"key": "tool.name", "value": {"stringValue": "search"}}],
        }]}],
    }]})
}

#[test]
fn tempo_finds_traces_and_gives_them_as_grafana_asks_for_them() {
    let server = Server::start();
    server.post_proto("/v1/traces", &agent_run(7)).ok();
    server.post_proto("/v1/traces", &agent_run(8)).ok();
    let id = trace_id(7);
    let found = server.get(&format!("/tempo/api/traces/{id}")).ok().json();
    assert_eq!(found["batches"][0]["scopeSpans"][0]["spans"].as_array().unwrap().len(), 4);
    let url = format!("{}/tempo/api/traces/{id}", server.http);
    let answer = server.send("GET", &url, &[("accept", "application/protobuf")], b"").ok();
    use prost::Message;
    let trace =
        opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest::decode(&answer.body[..]).unwrap();
    let spans: usize = trace.resource_spans.iter().flat_map(|it| &it.scope_spans).map(|it| it.spans.len()).sum();
    assert_eq!((answer.header("content-type"), spans), ("application/protobuf", 4));
    let v2 = server.get(&format!("/tempo/api/v2/traces/{id}")).ok().json();
    assert_eq!(v2["trace"]["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"], "planner-service");
    assert_eq!(server.get(&format!("/tempo/api/traces/{}", trace_id(99))).status, 404);

    let search = |q: &str| server.get(&format!("/tempo/api/search?limit=10&q={}", escaped(q))).ok().json();
    let all = search(r#"{ resource.service.name = "planner-service" && span.gen_ai.operation.name = "chat" }"#);
    let traces = all["traces"].as_array().unwrap();
    assert_eq!(traces.len(), 2, "{all}");
    assert_eq!(
        (traces[0]["rootServiceName"].as_str(), traces[0]["spanSets"][0]["matched"].as_u64()),
        (Some("planner-service"), Some(2))
    );
    for (query, count) in [
        (r#"{ span.gen_ai.usage.input_tokens > 140 }"#, 2),
        (r#"{ name =~ "execute_tool.*" && duration > 100ms }"#, 2),
        (r#"{ status = error }"#, 0),
        (r#"{ name = "chat gpt-4o" } && { span.gen_ai.tool.name = "search" }"#, 2),
        (r#"{ .gen_ai.tool.name != nil && rootName = "nothing" }"#, 0),
        (r#"{ name = "chat gpt-4o" } | count() > 1"#, 2),
        (r#"{ name = "chat gpt-4o" } | count() > 2"#, 0),
        ("{} | avg(duration) > 1h", 0),
        (r#"{ !(name = "chat gpt-4o") && nestedSetParent<0 }"#, 2),
        (r#"{ name =~ "invoke_agent.*" } >> { name = "chat gpt-4o" }"#, 2),
        (r#"{ name =~ "invoke_agent.*" } > { span.gen_ai.tool.name = "search" } | count() = 1"#, 2),
        (r#"{ name = "chat gpt-4o" } >> { name =~ "invoke_agent.*" }"#, 0),
        (r#"{ name = "chat gpt-4o" } << { nestedSetParent<0 }"#, 2),
        (r#"{ name = "chat gpt-4o" } ~ { span.gen_ai.tool.name = "search" } && { status != error }"#, 2),
        (r#"{ name = "chat gpt-4o" } !> { span.gen_ai.tool.name = "search" }"#, 2),
        (r#"{} | { name = "chat gpt-4o" } | by(name) | count() = 2"#, 2),
        ("{}", 2),
    ] {
        assert_eq!(search(query)["traces"].as_array().unwrap().len(), count, "{query}");
    }
    let chosen = search(r#"{ name = "chat gpt-4o" } | select(span.gen_ai.request.model, kind)"#);
    let attributes = chosen["traces"][0]["spanSets"][0]["spans"][0]["attributes"].to_string();
    assert!(attributes.contains(r#"{"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}}"#), "{attributes}");
    // The spans that lie so are those that are shown.
    let below = search(r#"{ name =~ "invoke_agent.*" } >> { name = "chat gpt-4o" }"#);
    assert_eq!(below["traces"][0]["spanSets"][0]["matched"], 2, "{below}");
    assert_eq!(below["traces"][0]["spanSets"][0]["spans"][0]["name"], "chat gpt-4o");

    // Numbers over time, as Traces Drilldown asks for them.
    let end = now() / 1_000_000_000 + 60;
    let metrics = |path: &str, q: &str| {
        let url = format!("/tempo/api/metrics/{path}?q={}&start={}&end={end}&step=60s", escaped(q), end - 3_600);
        server.get(&url).ok().json()["series"].clone()
    };
    let sum = |series: &Value| -> f64 {
        series["samples"].as_array().unwrap().iter().map(|sample| sample["value"].as_f64().unwrap()).sum()
    };
    let rate = metrics("query_range", "{ nestedSetParent<0 && true } | rate()");
    assert_eq!(rate[0]["labels"], json!([{"key": "__name__", "value": {"stringValue": "rate"}}]), "{rate}");
    assert!((sum(&rate[0]) * 60.0 - 2.0).abs() < 1e-9, "{rate}");
    let counted = metrics("query_range", "{} | count_over_time() by (resource.service.name, name)");
    let chats =
        counted.as_array().unwrap().iter().find(|series| series["promLabels"].to_string().contains("chat gpt-4o"));
    assert_eq!(sum(chats.unwrap()), 4.0, "{counted}");
    assert_eq!(
        chats.unwrap()["labels"][0],
        json!({"key": "resource.service.name", "value": {"stringValue": "planner-service"}})
    );
    let related = metrics("query", r#"{ name =~ "invoke_agent.*" } >> { name = "chat gpt-4o" } | count_over_time()"#);
    assert_eq!(related[0]["value"], 4.0, "{related}");
    let quantiles = metrics("query_range", "{ duration > 0ms } | quantile_over_time(duration, .5, .99)");
    assert_eq!(quantiles.as_array().unwrap().len(), 2, "{quantiles}");
    assert_eq!(quantiles[0]["labels"], json!([{"key": "p", "value": {"doubleValue": 0.5}}]));
    let histogram = metrics("query_range", "{ duration > 0ms } | histogram_over_time(duration)");
    assert!(histogram.as_array().unwrap().iter().all(|series| series["labels"][0]["key"] == "__bucket"), "{histogram}");
    let longest = metrics("query", "{} | max_over_time(duration) by (name) | topk(1)");
    assert_eq!(longest.as_array().unwrap().len(), 1, "{longest}");
    for (path, q, part) in [
        ("metrics/query_range", "{}", "asks for no numbers"),
        ("search", "{} | rate()", "numbers over time"),
        ("metrics/query_range", "{} | compare({status=error})", "not supported"),
    ] {
        let refused = server.get(&format!("/tempo/api/{path}?q={}", escaped(q)));
        assert!(refused.status == 400 && refused.text().contains(part), "{q}: {}", refused.text());
    }
    let error = server.get(&format!("/tempo/api/search?q={}", escaped("{ a = }")));
    assert_eq!(error.status, 400);
    let values = server.get("/tempo/api/v2/search/tag/span.gen_ai.tool.name/values").ok().json();
    assert_eq!(values["tagValues"], json!([{"type": "string", "value": "search"}]));
    for tag in ["span:status", "status"] {
        let values = server.get(&format!("/tempo/api/v2/search/tag/{tag}/values")).ok().json();
        assert_eq!(values["tagValues"][0], json!({"type": "keyword", "value": "error"}), "{tag}");
    }
    let roots = server.get("/tempo/api/v2/search/tag/trace:rootName/values").ok().json();
    assert_eq!(roots["tagValues"], json!([{"type": "string", "value": "invoke_agent planner"}]));
    assert!(server.get("/tempo/api/v2/search/tags").ok().text().contains("gen_ai.request.model"));
    assert_eq!(server.get("/tempo/api/echo").ok().text(), "echo");
}

#[test]
fn jaeger_lists_services_operations_and_traces() {
    let server = Server::start();
    server.post_proto("/v1/traces", &agent_run(7)).ok();
    let get = |path: &str| server.get(&format!("/jaeger/api/{path}")).ok().json();
    assert_eq!(get("services")["data"], json!(["planner-service"]));
    let names = json!(["chat gpt-4o", "execute_tool search", "invoke_agent planner"]);
    assert_eq!(get("services/planner-service/operations")["data"], names);
    let tags = escaped(r#"{"gen_ai.tool.name":"search"}"#);
    let start = now() / 1_000 - 3_600_000_000;
    let found = get(&format!("traces?service=planner-service&tags={tags}&start={start}&minDuration=10ms"));
    let trace = &found["data"][0];
    assert_eq!(trace["traceID"], trace_id(7));
    let spans = trace["spans"].as_array().unwrap();
    let tool = spans.iter().find(|span| span["operationName"] == "execute_tool search").unwrap();
    assert_eq!(
        (tool["references"][0]["spanID"].as_str(), tool["processID"].as_str()),
        (Some("0101010101010101"), Some("p1"))
    );
    assert_eq!(trace["processes"]["p1"]["serviceName"], "planner-service");
    assert!(
        tool["tags"]
            .as_array()
            .unwrap()
            .contains(&json!({"key": "gen_ai.tool.name", "type": "string", "value": "search"}))
    );
    assert_eq!(get("traces?service=other")["data"], json!([]));
    assert_eq!(get(&format!("traces/{}", trace_id(7)))["data"][0]["spans"].as_array().unwrap().len(), 4);
    let kind = |kind: &str| {
        let tags = escaped(&json!({"span.kind": kind}).to_string());
        get(&format!("traces?service=planner-service&tags={tags}"))["data"].as_array().unwrap().len()
    };
    assert_eq!((kind("server"), kind("internal")), (0, 1));

    // Another agent's service is asked by this one.
    assert_eq!(get("dependencies")["data"], json!([]));
    let asked = span(7, 9, 1, "invoke_agent researcher", vec![attribute("gen_ai.operation.name", "invoke_agent")]);
    server.post_proto("/v1/traces", &request("researcher-service", vec![asked])).ok();
    let millis = now() / 1_000_000;
    let found = get(&format!("dependencies?endTs={millis}&lookback=3600000"));
    assert_eq!(
        found["data"],
        json!([{"parent": "planner-service", "child": "researcher-service", "callCount": 1}]),
        "{found}"
    );
    assert_eq!(get("dependencies?endTs=1000&lookback=1000")["data"], json!([]));
}

#[test]
fn loki_gives_records_and_counts_them() {
    let server = Server::start();
    let time = now() - 60_000_000_000;
    for (at, (service, severity, body)) in
        [("shop", 9, "order 41 placed"), ("shop", 17, "order 42 failed"), ("desk", 17, "ticket failed")]
            .into_iter()
            .enumerate()
    {
        server.post_json("/v1/logs", &log(service, severity, body, time + at as u64 * 1_000_000_000)).ok();
    }
    let ask = |path: &str, query: &str| server.get(&format!("/loki/api/v1/{path}query={}", escaped(query)));
    let lines = |query: &str| -> Vec<String> {
        let answer = ask("query_range?", query).ok().json();
        let streams = answer["data"]["result"].as_array().unwrap().clone();
        let values = streams.iter().flat_map(|stream| stream["values"].as_array().unwrap().clone());
        let mut lines: Vec<String> = values.map(|value| value[1].as_str().unwrap().to_owned()).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(r#"{service_name="shop"}"#), ["order 41 placed", "order 42 failed"]);
    assert_eq!(lines(r#"{level="error"} |= "failed" != "ticket""#), ["order 42 failed"]);
    assert_eq!(
        lines(r#"{service_name=~".+"} |~ "4\\d" | json | tool_name="search" | level="info""#),
        ["order 41 placed"]
    );
    assert_eq!(lines(&format!("{{trace_id=\"{}\", service_name=\"desk\"}}", trace_id(7))), ["ticket failed"]);
    let absent = ask("query?", r#"absent_over_time({service_name="nobody"}[1h])"#).ok().json();
    assert_eq!(absent["data"]["result"][0]["metric"], json!({"service_name": "nobody"}), "{absent}");
    // Grafana wants what is no label apart.
    let url = format!("{}/loki/api/v1/query_range?query={}", server.http, escaped(r#"{service_name="desk"}"#));
    let apart = server.send("GET", &url, &[("x-loki-response-encoding-flags", "categorize-labels")], b"").ok().json();
    let stream = &apart["data"]["result"][0];
    assert_eq!(stream["stream"], json!({"environment": "default", "level": "error", "service_name": "desk"}));
    assert_eq!(stream["values"][0][2]["structuredMetadata"]["trace_id"], trace_id(7));
    // Numbers.
    let answer = ask("query?", r#"sum by (level) (count_over_time({service_name=~".+"}[1h]))"#).ok().json();
    let mut counts: Vec<(String, String)> = answer["data"]["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["metric"]["level"].as_str().unwrap().to_owned(), it["value"][1].as_str().unwrap().to_owned()))
        .collect();
    counts.sort();
    assert_eq!(counts, [("error", "2"), ("info", "1")].map(|(level, count)| (level.to_owned(), count.to_owned())));
    // What Grafana asks to see whether the data source works.
    let health = ask("query?", "vector(1)+vector(1)").ok().json();
    assert_eq!(health["data"]["result"][0]["value"][1], "2");
    assert_eq!(server.get("/loki/api/v1/label/service_name/values").ok().json()["data"], json!(["desk", "shop"]));
    // Of what labels say, and without some of them.
    assert_eq!(lines(r#"{level="info"} |= "42" or "41""#), ["order 41 placed"]);
    assert_eq!(lines(r#"{service_name="shop"} | level="info" or level="warn""#), ["order 41 placed"]);
    let volume =
        r#"sum by (level, detected_level) (count_over_time({service_name="shop"} |= `` | drop __error__[1h]))"#;
    assert_eq!(ask("query?", volume).ok().json()["data"]["result"].as_array().unwrap().len(), 2);
    let kept = ask("query_range?", r#"{service_name="desk"} | keep service_name"#).ok().json();
    assert_eq!(kept["data"]["result"][0]["stream"], json!({"service_name": "desk"}));
    // What Loki has and Tawny has not is no page.
    for path in ["/loki/api/v1/patterns", "/tempo/api/metrics/summary", "/jaeger/api/metrics/calls"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    assert_eq!(
        lines(r#"{service_name="shop"} |= "42" | json | line_format "{{.level}} of {{.tool_name}}: {{__line__}}""#),
        ["error of search: order 42 failed"]
    );
    // Stages take lines apart, and what they find is computed with.
    assert_eq!(
        lines(r#"{service_name="shop"} | pattern "order <id> <what>" | id > 41 | line_format "{{.what | upper}}""#),
        ["FAILED"]
    );
    let sums = r#"sum by (kind) (sum_over_time({service_name="shop"} | regexp `order (?P<id>\d+)` | label_format kind=tool_name | unwrap id [1h]))"#;
    let answer = ask("query?", sums).ok().json();
    assert_eq!(answer["data"]["result"][0]["metric"], json!({"kind": "search"}), "{answer}");
    assert_eq!(answer["data"]["result"][0]["value"][1], "83", "{answer}");
    let refused = ask("query_range?", r#"{a="b"} | distinct x"#);
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("there is no such stage"), "{}", refused.text());
}

/// Dashboards stand outside of the crates.
fn deployed(file: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/grafana").join(file);
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn every_query_of_the_dashboards_is_answered() {
    let server = Server::start();
    server.post_proto("/v1/traces", &agent_run(7)).ok();
    let mut asked = 0;
    for file in ["dashboards/agent-overview.json", "dashboards/agent-deep-dive.json"] {
        let dashboard = deployed(file);
        let known = ["tawny-prometheus", "tawny-loki", "tawny-tempo"];
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        for variable in variables {
            assert_eq!(variable["datasource"]["uid"], "tawny-prometheus", "{file}");
        }
        for panel in dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
            let (title, source) = (&panel["title"], panel["datasource"]["uid"].as_str().unwrap());
            assert!(known.contains(&source), "{file}, {title}: {source}");
            for target in panel["targets"].as_array().unwrap() {
                let query = target["expr"].as_str().unwrap_or_else(|| panic!("{file}, {title}: no query"));
                // As Grafana fills in its variables.
                let query = query.replace("$__rate_interval", "5m").replace("$__range", "1h").replace("$agent", ".*");
                assert!(!query.contains('$'), "{file}, {title}: a variable is left in {query}");
                let end = now() / 1_000_000_000;
                let path = match source {
                    "tawny-loki" => "/loki/api/v1/query_range",
                    _ => "/prometheus/api/v1/query_range",
                };
                let url = format!("{path}?query={}&start={}&end={end}&step=60", escaped(&query), end - 3_600);
                let answer = server.get(&url);
                assert_eq!(answer.status, 200, "{file}, {title}: {query}: {}", answer.text());
                asked += 1;
            }
        }
    }
    assert!(asked > 30, "{asked} queries");
}
