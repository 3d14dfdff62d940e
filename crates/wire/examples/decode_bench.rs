//! How many spans per second of CPU time this crate decodes, against prost, on two made-up requests.
//!
//! `cargo run --release -p wire --example decode_bench [-- --json]`; with `-- --files FILE…` it decodes these requests and
//! prints the one number spans per CPU second. A *lean* span is what a service sends (410 bytes, eight
//! attributes); a *rich* one is a model call with its conversation (5.7 KB). CPU time of this thread is taken from
//! `/proc/thread-self/schedstat`, so that other work on the machine does not count; elsewhere the wall clock is used.

#![allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]

use std::hint::black_box;
use std::time::Instant;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use wire::{Encoding, Signal};

/// The allocator of the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// CPU seconds per measurement.
const SECONDS: f64 = 1.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("--files", files)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        let requests: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).expect("a readable file")).collect();
        let decode = |request| wire::decode(Signal::Traces, Encoding::Protobuf, request).expect("a valid request");
        let spans = |request| decode(request).spans.iter().map(|group| group.items.len()).sum::<usize>();
        let total = requests.iter().map(|request| spans(request.as_slice())).sum();
        let rate = rate(total, || requests.iter().for_each(|request| drop(black_box(decode(request.as_slice())))));
        return println!("{rate:.0}");
    }
    let json = std::env::args().any(|argument| argument == "--json");
    let mut rows = Vec::new();
    for (name, request) in [("lean", request(512, lean)), ("rich", request(128, rich))] {
        let spans = request.resource_spans[0].scope_spans[0].spans.len();
        let body = request.encode_to_vec();
        let batch = wire::decode(Signal::Traces, Encoding::Protobuf, &body).expect("a valid request");
        let text = wire::export_spans(wire::each(&batch.spans));
        let size = body.len() / spans;
        let ours = rate(spans, || {
            black_box(wire::decode(Signal::Traces, Encoding::Protobuf, black_box(&body)).expect("a valid request"));
        });
        let prost = rate(spans, || {
            black_box(ExportTraceServiceRequest::decode(black_box(body.as_slice())).expect("a valid request"));
        });
        let from_json = rate(spans, || {
            black_box(
                wire::decode(Signal::Traces, Encoding::Json, black_box(text.as_bytes())).expect("a valid request"),
            );
        });
        rows.push((name, size, ours, prost, from_json));
    }
    for (name, size, ours, prost, from_json) in rows {
        if json {
            println!(
                r#"{{"span":"{name}","bytes":{size},"wire_spans_per_cpu_s":{ours:.0},"prost_spans_per_cpu_s":{prost:.0},"wire_json_spans_per_cpu_s":{from_json:.0}}}"#
            );
        } else {
            println!(
                "{name} span, {size} bytes: wire {ours:>9.0} spans/CPU s ({:.0} ns), prost {prost:>9.0} ({:.0} ns), {:.1} times; JSON {from_json:>9.0}",
                1e9 / ours,
                1e9 / prost,
                ours / prost,
            );
        }
    }
}

/// Spans per CPU second, the best of five.
fn rate(spans: usize, mut work: impl FnMut()) -> f64 {
    let mut best = 0.0f64;
    for _ in 0..5 {
        let (start, clock) = (cpu_nanos(), Instant::now());
        let mut rounds = 0;
        let mut seconds = 0.0;
        while seconds < SECONDS / 5.0 {
            for _ in 0..20 {
                work();
            }
            rounds += 20;
            seconds = match (start, cpu_nanos()) {
                (Some(start), Some(now)) => (now - start) as f64 / 1e9,
                _ => clock.elapsed().as_secs_f64(),
            };
        }
        best = best.max(f64::from(rounds) * spans as f64 / seconds);
    }
    best
}

/// Time this thread has been running, as Linux counts it.
fn cpu_nanos() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().next()?.parse().ok()
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.into())) }),
        ..KeyValue::default()
    }
}

fn number(key: &str, value: i64) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(Value::IntValue(value)) }), ..KeyValue::default() }
}

fn request(spans: u64, make: fn(u64) -> Span) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans {
        scope: Some(InstrumentationScope {
            name: "bench".into(),
            version: "1.0".into(),
            ..InstrumentationScope::default()
        }),
        spans: (0..spans).map(make).collect(),
        ..ScopeSpans::default()
    }];
    let resource = Some(Resource { attributes: vec![text("service.name", "bench")], ..Resource::default() });
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

fn base(at: u64) -> Span {
    let start = 1_763_700_000_000_000_000 + at * 1_000_000;
    Span {
        trace_id: [[0xab; 8], (at / 12 + 1).to_be_bytes()].concat(),
        span_id: (at + 1).to_be_bytes().to_vec(),
        parent_span_id: if at.is_multiple_of(12) { Vec::new() } else { (at / 12 * 12 + 1).to_be_bytes().to_vec() },
        start_time_unix_nano: start,
        end_time_unix_nano: start + 1_500_000_000,
        kind: 3,
        status: Some(Status { code: 1, message: String::new() }),
        flags: 257,
        ..Span::default()
    }
}

fn lean(at: u64) -> Span {
    Span {
        name: "GET /api/orders/{id}".into(),
        attributes: vec![
            text("http.request.method", "GET"),
            text("url.full", &format!("https://orders.example.com/api/orders/{at}?expand=lines")),
            text("url.path", "/api/orders/{id}"),
            text("server.address", "orders.example.com"),
            number("server.port", 443),
            number("http.response.status_code", 200),
            text("network.protocol.version", "1.1"),
            text("user_agent.original", "example-client/1.4.2 (linux; x86_64)"),
        ],
        ..base(at)
    }
}

fn rich(at: u64) -> Span {
    let mut messages = String::from("[");
    for turn in 0..9 {
        let role = if turn % 2 == 0 { "user" } else { "assistant" };
        let said = "Please look at the order again: two of the three lines were delivered, the third one is missing. "
            .repeat(5);
        messages.push_str(&format!(r#"{{"role":"{role}","parts":[{{"type":"text","content":"{turn}: {said}"}}]}},"#));
    }
    messages.push_str(r#"{"role":"user","parts":[]}]"#);
    Span {
        name: "chat gpt-4o".into(),
        attributes: vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", "openai"),
            text("gen_ai.request.model", "gpt-4o"),
            text("gen_ai.response.model", "gpt-4o-2024-08-06"),
            text("gen_ai.response.id", &format!("chatcmpl-{at:024x}")),
            number("gen_ai.usage.input_tokens", 1_420),
            number("gen_ai.usage.output_tokens", 87),
            text("gen_ai.conversation.id", "conversation-4711"),
            text("gen_ai.agent.name", "orders"),
            text("gen_ai.input.messages", &messages),
            text(
                "gen_ai.output.messages",
                r#"[{"role":"assistant","parts":[{"type":"text","content":"I have sent the third line again."}],"finish_reason":"stop"}]"#,
            ),
            text("server.address", "api.openai.com"),
        ],
        ..base(at)
    }
}
