//! What calls cost: hand-checked bills, names, days, a user's own prices, and what holds for any call.

#[path = "prices/built_in.rs"]
mod built_in;
#[path = "prices/captures.rs"]
mod captures;
#[path = "prices/ledger.rs"]
mod ledger;
#[path = "prices/names.rs"]
mod names;
#[path = "prices/overrides.rs"]
mod overrides;
#[path = "prices/properties.rs"]
mod properties;
#[path = "prices/spans.rs"]
mod spans;

use model::{Span, SpanId, StepKind, Tenant, Timestamp, TraceId, Usage, Usd};

/// The day the built-in prices were read.
fn today() -> Timestamp {
    at("2026-11-21")
}

fn at(text: &str) -> Timestamp {
    let full = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    Timestamp::parse_rfc3339(&full).unwrap_or_else(|| panic!("not a time: {text}"))
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap_or_else(|()| panic!("not an amount: {text}"))
}

fn usage(input: u64, output: u64) -> Usage {
    Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() }
}

/// An LLM span of a model.
fn llm(provider: Option<&str>, model: &str, usage: Usage) -> Span {
    let tenant = Tenant { project: "default".into(), environment: "default".into() };
    let mut span = Span::new(tenant, TraceId::from_array([7; 16]), SpanId::from_array([1; 8]));
    span.kind = StepKind::Llm;
    span.provider = provider.map(Into::into);
    span.model = Some(model.into());
    span.usage = usage;
    span.start = today();
    span
}
