//! Series from OTLP metrics, remote write and Tawny itself, asked through Prometheus' HTTP API.

use std::time::{Duration, Instant};

use prost::Message;
use serde_json::{Value, json};

use crate::support::{Server, now};

#[derive(Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    time: i64,
}

#[derive(Message)]
struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    time: i64,
}

#[derive(Message)]
struct Series {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    exemplars: Vec<Exemplar>,
}

#[derive(Message)]
struct Metadata {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    family: String,
    #[prost(string, tag = "4")]
    help: String,
    #[prost(string, tag = "5")]
    unit: String,
}

#[derive(Message)]
struct Write {
    #[prost(message, repeated, tag = "1")]
    series: Vec<Series>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<Metadata>,
}

#[derive(Message)]
struct ExemplarV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    time: i64,
}

#[derive(Message)]
struct Span {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

#[derive(Message)]
struct Histogram {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(double, tag = "3")]
    sum: f64,
    #[prost(double, tag = "5")]
    zero_threshold: f64,
    #[prost(message, repeated, tag = "11")]
    spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "12")]
    deltas: Vec<i64>,
    #[prost(int64, tag = "15")]
    time: i64,
}

#[derive(Message)]
struct MetadataV2 {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint32, tag = "3")]
    help: u32,
    #[prost(uint32, tag = "4")]
    unit: u32,
}

/// `io.prometheus.write.v2.TimeSeries`.
#[derive(Message)]
struct SeriesV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    histograms: Vec<Histogram>,
    #[prost(message, repeated, tag = "4")]
    exemplars: Vec<ExemplarV2>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<MetadataV2>,
    #[prost(int64, tag = "6")]
    created: i64,
}

/// `io.prometheus.write.v2.Request`.
#[derive(Message)]
struct WriteV2 {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    series: Vec<SeriesV2>,
}

/// Milliseconds since 1970, now.
fn now_ms() -> i64 {
    (now() / 1_000_000) as i64
}

fn written(series: &[(&[(&str, &str)], &[(i64, f64)])]) -> Vec<u8> {
    let series = series.iter().map(|(labels, samples)| Series {
        labels: labels.iter().map(|(name, value)| Label { name: (*name).into(), value: (*value).into() }).collect(),
        samples: samples.iter().map(|&(time, value)| Sample { value, time }).collect(),
        exemplars: Vec::new(),
    });
    packed(&Write { series: series.collect(), metadata: Vec::new() })
}

fn packed(write: &Write) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&write.encode_to_vec()).unwrap()
}

/// A request with a text wherever remote write has room for one.
pub fn with_words(text: &str) -> Vec<u8> {
    let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
    let exemplar = Exemplar { labels: vec![label("why", text)], value: 1.0, time: now_ms() };
    let series = Series {
        labels: vec![label("__name__", "words_total"), label("who", text)],
        samples: vec![Sample { value: 1.0, time: now_ms() }],
        exemplars: vec![exemplar],
    };
    let metadata = Metadata { kind: 1, family: "words_total".into(), help: text.into(), unit: text.into() };
    packed(&Write { series: vec![series], metadata: vec![metadata] })
}

/// Sends a request of remote write.
pub fn remote_write(server: &Server, body: &[u8]) -> crate::support::Answer {
    let headers = [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
    ];
    server.post_to(&format!("{}/prometheus/api/v1/write", server.http), &headers, body)
}

fn api(server: &Server, path: &str, params: &[(&str, &str)]) -> Value {
    let query: Vec<String> = params.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    server.get(&format!("/prometheus/api/v1/{path}?{}", query.join("&"))).json()
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The result of a query that succeeds.
#[track_caller]
fn result(server: &Server, query: &str) -> Value {
    let answer = api(server, "query", &[("query", query)]);
    assert_eq!(answer["status"], "success", "{answer}");
    answer["data"]["result"].clone()
}

/// The value of a query with one sample.
#[track_caller]
fn value(server: &Server, query: &str) -> f64 {
    let result = result(server, query);
    assert_eq!(result.as_array().unwrap().len(), 1, "{query}: {result}");
    result[0]["value"][1].as_str().unwrap().parse().unwrap()
}

fn metrics(temporality: u8, value: f64, start: u64, time: u64) -> Value {
    json!({"resourceMetrics": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "planner"}},
            {"key": "host.name", "value": {"stringValue": "h1"}},
        ]},
        "scopeMetrics": [{"metrics": [
            {"name": "agent.tool.calls", "unit": "{call}", "description": "Calls of tools.", "sum": {
                "aggregationTemporality": temporality, "isMonotonic": true,
                "dataPoints": [{"asDouble": value, "startTimeUnixNano": start.to_string(), "timeUnixNano": time.to_string(),
                    "attributes": [{"key": "gen_ai.tool.name", "value": {"stringValue": "search"}}]}]}},
            {"name": "gen_ai.client.operation.duration", "unit": "s", "histogram": {
                "aggregationTemporality": temporality,
                "dataPoints": [{"count": "4", "sum": 3.0, "bucketCounts": ["1", "2", "1"], "explicitBounds": [0.5, 1.0],
                    "startTimeUnixNano": start.to_string(), "timeUnixNano": time.to_string(),
                    "exemplars": [{"timeUnixNano": time.to_string(), "asDouble": 0.7,
                        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7"}]}]}},
        ]}],
    }]})
}

#[test]
fn otlp_metrics_are_series_with_their_resource_and_exemplars() {
    let server = Server::start();
    let now = now();
    let second = 1_000_000_000;
    server.post_json("/v1/metrics", &metrics(1, 5.0, now - 60 * second, now - 30 * second)).ok();
    let again = metrics(1, 2.0, now - 30 * second, now - second);
    server.post_json("/v1/metrics", &again).ok();
    // A sender that repeats a request counts nothing twice.
    server.post_json("/v1/metrics", &again).ok();
    let selector = r#"agent_tool_calls_total{job="planner", gen_ai_tool_name="search"}"#;
    assert_eq!(value(&server, selector), 7.0);
    assert_eq!(value(&server, "gen_ai_client_operation_duration_seconds_bucket{le=\"1\"}"), 6.0);
    let quantile =
        value(&server, "histogram_quantile(0.5, sum by (le) (gen_ai_client_operation_duration_seconds_bucket))");
    assert!((0.5..=1.0).contains(&quantile), "{quantile}");
    // The first samples are counted from zero on.
    let raw = result(&server, &format!("{selector}[5m]"));
    let values: Vec<&str> = raw[0]["values"].as_array().unwrap().iter().map(|it| it[1].as_str().unwrap()).collect();
    assert_eq!(values, ["0", "5", "7"]);
    assert_eq!(
        value(&server, r#"target_info{host_name="h1"} * on (job) group_left () (agent_tool_calls_total > 0)"#),
        7.0
    );

    // As OpenTelemetry's guides write it, with its own names.
    let theirs = r#"sum by ("gen_ai.tool.name") ({"agent.tool.calls", "host.name"=""})"#;
    assert_eq!(result(&server, theirs)[0]["metric"], json!({"gen_ai_tool_name": "search"}));
    assert_eq!(value(&server, r#"sum({"gen_ai.client.operation.duration_count"})"#), 8.0);
    let listed = api(&server, "series", &[("match[]", r#"{"agent.tool.calls"}"#)]);
    assert_eq!(listed["data"][0]["__name__"], "agent_tool_calls_total", "{listed}");

    let known = api(&server, "metadata", &[("metric", "agent_tool_calls_total")]);
    let expected = json!([{"type": "counter", "help": "Calls of tools.", "unit": "{call}"}]);
    assert_eq!(known["data"]["agent_tool_calls_total"], expected);
    let exemplars =
        api(&server, "query_exemplars", &[("query", "rate(gen_ai_client_operation_duration_seconds_bucket[5m])")]);
    let first = &exemplars["data"][0];
    assert_eq!(
        (first["seriesLabels"]["le"].as_str(), first["exemplars"][0]["value"].as_str()),
        (Some("1"), Some("0.7"))
    );
    assert_eq!(first["exemplars"][0]["labels"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[test]
fn what_remote_write_was_answered_for_is_there_after_a_restart() {
    let server = Server::start();
    let now = now_ms();
    let samples: Vec<(i64, f64)> = (0..240).map(|at| (now - (240 - at) * 15_000, at as f64 * 2.5)).collect();
    let labels: &[(&str, &str)] = &[("__name__", "spend_usd_total"), ("agent", "a")];
    let body = written(&[(labels, &samples)]);
    let answer = remote_write(&server, &body);
    assert_eq!((answer.status, answer.header("x-prometheus-remote-write-samples-written")), (204, "240"));
    let again = remote_write(&server, &body);
    // Repeats are written too: a sender takes what the header leaves out as lost.
    assert_eq!((again.status, again.header("x-prometheus-remote-write-samples-written")), (204, "240"));
    assert!(server.get("/metrics").text().contains("tawny_series_samples_repeated_total 240"));
    let server = Server::open(server.stop(), server::Limits::default());
    assert_eq!(value(&server, "count_over_time(spend_usd_total[2h])"), 240.0);
    assert_eq!(value(&server, "spend_usd_total"), 239.0 * 2.5);
    let (start, end) = ((now - 600_000) as f64 / 1e3, now as f64 / 1e3);
    let params = [("query", "rate(spend_usd_total[1m])"), ("step", "60")];
    let times = [("start".to_owned(), start.to_string()), ("end".to_owned(), end.to_string())];
    let params: Vec<(&str, &str)> =
        params.into_iter().chain(times.iter().map(|(name, value)| (name.as_str(), value.as_str()))).collect();
    let answer = api(&server, "query_range", &params);
    let series = &answer["data"]["result"][0];
    assert_eq!(
        (answer["data"]["resultType"].as_str(), series["metric"]["agent"].as_str()),
        (Some("matrix"), Some("a"))
    );
    let points = series["values"].as_array().unwrap();
    assert_eq!(points.len(), 11);
    let rate: f64 = points[5][1].as_str().unwrap().parse().unwrap();
    assert!((rate - 2.5 / 15.0).abs() < 1e-9, "{rate}");
}

#[test]
fn remote_write_2_brings_histograms_exemplars_metadata_and_when_counters_began() {
    let server = Server::start();
    let now = now_ms();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let symbols =
        ["", "__name__", "orders_total", "shop", "a", "trace_id", trace, "Orders.", "orders", "latency_seconds"];
    let counter = SeriesV2 {
        labels: vec![1, 2, 3, 4],
        samples: vec![Sample { value: 3.0, time: now - 15_000 }, Sample { value: 5.0, time: now }],
        exemplars: vec![ExemplarV2 { labels: vec![5, 6], value: 1.0, time: now }],
        metadata: Some(MetadataV2 { kind: 1, help: 7, unit: 8 }),
        created: now - 30_000,
        ..SeriesV2::default()
    };
    let spans = vec![Span { offset: 0, length: 2 }];
    let native = Histogram { count: 3, sum: 4.0, zero_threshold: 0.001, spans, deltas: vec![1, 1], time: now };
    let histogram = SeriesV2 { labels: vec![1, 9], histograms: vec![native], ..SeriesV2::default() };
    let write = WriteV2 { symbols: symbols.map(str::to_owned).into(), series: vec![counter, histogram] };
    let body = snap::raw::Encoder::new().compress_vec(&write.encode_to_vec()).unwrap();
    let headers = [
        ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "2.0.0"),
    ];
    let url = format!("{}/prometheus/api/v1/write", server.http);
    for _ in 0..2 {
        // Also what is repeated because no answer came is written.
        let answer = server.post_to(&url, &headers, &body);
        let written = |what: &str| answer.header(&format!("x-prometheus-remote-write-{what}-written")).to_owned();
        assert_eq!(answer.status, 204, "{}", answer.text());
        assert_eq!([written("samples"), written("histograms"), written("exemplars")], ["2", "1", "1"]);
    }
    let raw = result(&server, "orders_total{shop=\"a\"}[1m]");
    let values: Vec<&str> = raw[0]["values"].as_array().unwrap().iter().map(|it| it[1].as_str().unwrap()).collect();
    assert_eq!(values, ["0", "3", "5"], "a zero where it began");
    assert_eq!(value(&server, "histogram_count(latency_seconds)"), 3.0);
    let buckets = result(&server, "latency_seconds")[0]["histogram"][1]["buckets"].clone();
    assert_eq!(buckets, json!([[0, "0.5", "1", "1"], [0, "1", "2", "2"]]));
    let known = api(&server, "metadata", &[("metric", "orders_total")]);
    assert_eq!(known["data"]["orders_total"], json!([{"type": "counter", "help": "Orders.", "unit": "orders"}]));
    let exemplars = api(&server, "query_exemplars", &[("query", "rate(orders_total[5m])")]);
    assert_eq!(exemplars["data"][0]["exemplars"][0]["labels"]["trace_id"], trace);
}

#[test]
fn samples_that_cannot_be_taken_are_named_and_the_others_kept() {
    let server = Server::start();
    let now = now_ms();
    let name: &[(&str, &str)] = &[("__name__", "a")];
    let unnamed: &[(&str, &str)] = &[("x", "y")];
    let answer = remote_write(&server, &written(&[(name, &[(now, 1.0), (1_000, 2.0)]), (unnamed, &[(now, 1.0)])]));
    let text = answer.text();
    assert_eq!(answer.status, 400);
    assert!(text.contains("late_window") && text.contains("metric name"), "{text}");
    assert_eq!(value(&server, "a"), 1.0);
    let page = server.get("/metrics").text();
    assert!(page.contains("tawny_series_samples_refused_total{reason=\"too_old\"} 1"), "{page}");
    for (headers, status) in [
        ([("content-type", "application/json"), ("content-encoding", "snappy")], 415),
        ([("content-type", "application/x-protobuf"), ("content-encoding", "gzip")], 415),
        ([("content-type", "application/x-protobuf"), ("content-encoding", "snappy")], 400),
    ] {
        let answer = server.post_to(&format!("{}/prometheus/api/v1/write", server.http), &headers, b"no snappy");
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.text());
    }
}

#[test]
fn tawny_scrapes_itself() {
    let server = Server::start();
    let began = Instant::now();
    // The first scrape is at the start.
    while result(&server, "tawny_build_info").as_array().unwrap().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "no sample of Tawny's own metrics");
        std::thread::sleep(Duration::from_millis(50));
    }
    let found = result(&server, "tawny_build_info");
    assert_eq!((found[0]["metric"]["job"].as_str(), found[0]["value"][1].as_str()), (Some("tawny"), Some("1")));
    let kind = api(&server, "metadata", &[("metric", "tawny_requests_accepted_total")]);
    assert_eq!(kind["data"]["tawny_requests_accepted_total"][0]["type"], "counter");
}

#[test]
fn labels_and_series_are_listed_by_matcher_and_time() {
    let server = Server::start();
    let now = now_ms();
    let a: &[(&str, &str)] = &[("__name__", "a"), ("agent", "x")];
    let b: &[(&str, &str)] = &[("__name__", "b"), ("agent", "y"), ("tool", "t")];
    assert_eq!(remote_write(&server, &written(&[(a, &[(now, 1.0)]), (b, &[(now - 1_800_000, 1.0)])])).status, 204);
    let recent = ((now - 60_000) / 1000).to_string();
    let values = |params: &[(&str, &str)]| api(&server, "label/agent/values", params)["data"].clone();
    assert_eq!(values(&[]), json!(["x", "y"]));
    assert_eq!(values(&[("start", &recent)]), json!(["x"]));
    assert_eq!(values(&[("match[]", "b")]), json!(["y"]));
    assert_eq!(values(&[("limit", "1")]), json!(["x"]));
    let names = api(&server, "labels", &[("match[]", "b"), ("match[]", r#"{agent="x", __name__="a"}"#)]);
    assert_eq!(names["data"], json!(["__name__", "agent", "tool"]));
    let series = api(&server, "series", &[("match[]", r#"{agent=~"y|z"}"#)]);
    assert_eq!(series["data"], json!([{"__name__": "b", "agent": "y", "tool": "t"}]));
}

#[test]
fn errors_have_prometheus_words_and_codes() {
    let server = Server::start();
    let error = |path: &str| {
        let answer = server.get(&format!("/prometheus/api/v1/{path}"));
        let body = answer.json();
        assert_eq!(body["status"], "error", "{path}");
        (answer.status, body["errorType"].as_str().unwrap().to_owned(), body["error"].as_str().unwrap().to_owned())
    };
    for (path, status, kind, message) in [
        ("query?query=1%2B", 400, "bad_data", "invalid parameter \"query\": 1:3: parse error: unexpected end of input"),
        (
            "query?query=1&time=x",
            400,
            "bad_data",
            "invalid parameter \"time\": cannot parse \"x\" to a valid timestamp",
        ),
        (
            "query_range?query=1&start=5&end=4&step=1",
            400,
            "bad_data",
            "invalid parameter \"end\": end timestamp must not be before start time",
        ),
        (
            "query_range?query=1&start=1&end=4&step=0",
            400,
            "bad_data",
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ),
        (
            "query_range?query=1&start=1&end=90000&step=1",
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ),
        (
            "query_range?query=a%5B5m%5D&start=1&end=2&step=1",
            400,
            "bad_data",
            "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
        ),
        ("series", 400, "bad_data", "no match[] parameter provided"),
        ("nothing", 404, "not_found", "Prometheus' API has no /nothing here"),
    ] {
        let (found_status, found_kind, found) = error(path);
        assert_eq!((found_status, found_kind.as_str()), (status, kind), "{path}: {found}");
        assert!(found.ends_with(message) || found.contains(message), "{path}: {found}");
    }
}

#[test]
fn queries_are_formatted_parsed_and_posted_as_forms() {
    let server = Server::start();
    let formatted = api(&server, "format_query", &[("query", "sum  by(a)( rate( x [5m]))")]);
    assert_eq!(formatted["data"], "sum by (a) (rate(x[5m]))");
    let tree = api(&server, "parse_query", &[("query", "a{b=\"c\"} offset 5m > bool 2")]);
    assert_eq!((tree["data"]["type"].as_str(), tree["data"]["bool"].as_bool()), (Some("binaryExpr"), Some(true)));
    assert_eq!(tree["data"]["lhs"]["offset"], 300_000);
    let url = format!("{}/prometheus/api/v1/query", server.http);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = server.post_to(&url, &form, b"query=1%2B1&time=7.5").ok().json();
    assert_eq!(answer["data"], json!({"resultType": "scalar", "result": [7.5, "2"]}));
    let built = api(&server, "status/buildinfo", &[]);
    assert_eq!(built["data"]["version"], "3.0.0");
    for path in ["config", "flags", "runtimeinfo", "tsdb"] {
        assert_eq!(api(&server, &format!("status/{path}"), &[])["status"], "success", "{path}");
    }
}

#[test]
fn an_editor_learns_what_can_be_written_in_promql() {
    let server = Server::start();
    let words = server.get("/api/v1/promql/words").ok().json();
    let signature = |list: &str, name: &str| {
        let found = words[list].as_array().unwrap().iter().find(|word| word["name"] == name).unwrap();
        found["signature"].as_str().unwrap().to_owned()
    };
    assert_eq!(signature("functions", "rate"), "rate(range) vector");
    assert_eq!(signature("functions", "round"), "round(vector, [number]) vector");
    assert_eq!(signature("aggregations", "topk"), "topk by (labels) (number, vector) vector");
}
