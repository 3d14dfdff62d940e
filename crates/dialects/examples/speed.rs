//! Measures how long reading takes: `cargo run --release -p dialects --example speed`.
//!
//! Figures on one core of a two-core machine, optimised: see `docs/recipes/dialect.md`.
#![allow(clippy::disallowed_methods, reason = "a stopwatch needs a clock")]

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Instant;

use model::raw::{RawSpan, Resource, Scope};
use model::{Attributes, Tenant, Timestamp, Value};

fn attributes(pairs: &[(&'static str, Value<'static>)]) -> Attributes<'static> {
    Attributes(pairs.iter().map(|(key, value)| (Cow::Borrowed(*key), value.clone())).collect())
}

fn span(name: &'static str, pairs: &[(&'static str, Value<'static>)]) -> RawSpan<'static> {
    RawSpan {
        name: name.into(),
        start: Timestamp::from_millis(1),
        end: Timestamp::from_millis(2),
        attributes: attributes(pairs),
        ..RawSpan::default()
    }
}

fn measure(name: &str, raw: &RawSpan<'static>, resource: &Resource<'static>, scope: &Scope<'static>) {
    let tenant = Tenant::default();
    let mut best = f64::MAX;
    for _ in 0..5 {
        let rounds = 100_000;
        let begin = Instant::now();
        for _ in 0..rounds {
            black_box(dialects::understand(black_box(raw), resource, scope, &tenant, Timestamp::default()));
        }
        best = best.min(begin.elapsed().as_nanos() as f64 / f64::from(rounds));
    }
    println!("{name:<34} {:>3} attributes {best:>8.0} ns", raw.attributes.0.len());
}

fn main() {
    let resource = Resource {
        attributes: attributes(&[
            ("telemetry.sdk.language", "python".into()),
            ("telemetry.sdk.name", "opentelemetry".into()),
            ("telemetry.sdk.version", "1.45.2".into()),
            ("service.instance.id", "6051f9b9-1529-43b8-97fb-fddc9e6b8dd0".into()),
            ("deployment.environment.name", "staging".into()),
            ("service.version", "1.2.3".into()),
            ("service.name", "demo-agent".into()),
        ]),
    };
    let scope = Scope { name: "opentelemetry.instrumentation.genai.openai".into(), ..Scope::default() };
    let lean = [
        ("gen_ai.operation.name", "chat".into()),
        ("gen_ai.provider.name", "openai".into()),
        ("gen_ai.request.model", "gpt-4o-mini".into()),
        ("server.address", "127.0.0.1".into()),
        ("server.port", Value::Int(18080)),
        ("gen_ai.request.temperature", Value::Double(0.2)),
        ("gen_ai.request.max_tokens", Value::Int(100)),
        ("gen_ai.response.finish_reasons", Value::Array(vec!["stop".into()])),
        ("gen_ai.response.model", "gpt-4o-mini-2024-07-18".into()),
        ("gen_ai.response.id", "chatcmpl-fake0001".into()),
        ("gen_ai.usage.input_tokens", Value::Int(57)),
        ("gen_ai.usage.output_tokens", Value::Int(23)),
        ("gen_ai.usage.cache_read.input_tokens", Value::Int(32)),
        ("gen_ai.conversation.id", "sess-42".into()),
    ];
    measure("lean model call", &span("chat gpt-4o-mini", &lean), &resource, &scope);
    let mut talking = lean.to_vec();
    let turns: Vec<String> = (0..20)
        .map(|turn| {
            format!(
                "{{\"role\":\"{}\",\"parts\":[{{\"type\":\"text\",\"content\":\"{}\"}}]}}",
                if turn % 2 == 0 { "user" } else { "assistant" },
                "word ".repeat(60)
            )
        })
        .collect();
    talking.push(("gen_ai.input.messages", Value::Str(Cow::Owned(format!("[{}]", turns.join(","))))));
    talking.push(("gen_ai.output.messages", "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"It is 18C and sunny in Paris.\"}],\"finish_reason\":\"stop\"}]".into()));
    measure("the same with 6 KB of conversation", &span("chat gpt-4o-mini", &talking), &resource, &scope);
    let http = [
        ("http.request.method", "GET".into()),
        ("url.full", "https://api/x".into()),
        ("http.response.status_code", Value::Int(200)),
        ("server.address", "api".into()),
    ];
    measure("plain HTTP span", &span("GET", &http), &resource, &scope);
    let tool = [
        ("openinference.span.kind", "TOOL".into()),
        ("tool.name", "get_weather".into()),
        ("input.value", "{\"city\": \"Paris\"}".into()),
        ("output.value", "18C sunny".into()),
        ("session.id", "sess-42".into()),
        ("user.id", "user-7".into()),
    ];
    measure("OpenInference tool", &span("get_weather", &tool), &resource, &scope);
}
