//! Money: ledgers of runs, budgets and reservations, service levels.

#[path = "money/budgets.rs"]
mod budgets;
#[path = "money/files.rs"]
mod files;
#[path = "money/ledgers.rs"]
mod ledgers;
#[path = "money/reservations.rs"]
mod reservations;
#[path = "money/sums.rs"]
mod sums;

use std::sync::Arc;

use model::{CostSource, Span, SpanId, SpanStatus, StepKind, Tenant, Timestamp, TraceId, Usage, Usd};
use signals::prices::Prices;
use signals::runs::{Resolved, Settings, resolve};

/// A moment at which every built-in price used here holds.
fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap_or_else(|| panic!("not a time: {text}"))
}

fn now() -> Timestamp {
    at("2026-11-21T15:00:00Z")
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap_or_else(|()| panic!("not an amount: {text}"))
}

fn span(id: u64, parent: Option<u64>, kind: StepKind) -> Span {
    let mut span = Span::new(Tenant::default(), TraceId::from_array([7; 16]), id_of(id));
    span.parent_span_id = parent.map(id_of);
    (span.kind, span.name) = (kind, format!("step {id}").into());
    span.start = now().plus_nanos(id as i64 * 1_000_000_000);
    span.end = span.start.plus_nanos(500_000_000);
    span.status = SpanStatus::Ok;
    span
}

fn id_of(id: u64) -> SpanId {
    SpanId::from_array(id.to_be_bytes())
}

fn call(id: u64, parent: Option<u64>, model: &str, input: u64, output: u64) -> Span {
    let mut span = span(id, parent, StepKind::Llm);
    span.model = Some(model.into());
    span.usage = Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() };
    span
}

fn reported(mut span: Span, cost: &str) -> Span {
    (span.cost, span.cost_source) = (Some(usd(cost)), Some(CostSource::Reported));
    span
}

/// Spans priced as at the door, and the run they make.
fn run(spans: Vec<Span>) -> Resolved {
    run_with(spans, &Prices::built_in())
}

fn run_with(spans: Vec<Span>, prices: &Prices) -> Resolved {
    let spans: Vec<Arc<Span>> = spans
        .into_iter()
        .map(|mut span| {
            prices.price(&mut span, &model::Billing::default());
            Arc::new(span)
        })
        .collect();
    resolve(&spans, now().plus_nanos(3_600_000_000_000), &Settings::default()).expect("a run")
}
