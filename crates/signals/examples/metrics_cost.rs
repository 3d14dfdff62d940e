//! What deriving every metric costs a span in time of a processor: runs of ten steps, resolved just before, counted and committed as the server does.
//!
//! `cargo run --release -p signals --example metrics_cost`

use std::sync::Arc;

use model::{Span, SpanId, StepKind, Tenant, Timestamp, TraceId, Usage, Usd};
use signals::metrics::{Counted, Limits, Registry};
use signals::runs::{Resolved, Settings, resolve};

const RUNS: usize = 20_000;
const STEPS: u8 = 10;
/// Runs of one transaction, as the server judges them.
const BATCH: usize = 256;

fn run(number: usize) -> Resolved {
    let trace = TraceId::from_array((number as u128 + 1).to_be_bytes());
    let at = |millis: i64| Timestamp::from_nanos(1_790_000_000_000_000_000 + millis * 1_000_000);
    let spans = (0..STEPS).map(|id| {
        let mut span = Span::new(Tenant::default(), trace, SpanId::from_array([id + 1; 8]));
        span.parent_span_id = (id > 0).then(|| SpanId::from_array([1; 8]));
        span.kind = match id {
            0 => StepKind::Agent,
            id if id % 2 == 1 => StepKind::Llm,
            _ => StepKind::Tool,
        };
        span.name = span.kind.as_str().into();
        span.agent = Some(format!("agent {}", number % 20).into());
        span.workflow = Some(format!("workflow {}", number % 10).into());
        (span.start, span.end, span.received) = (at(i64::from(id) * 100), at(i64::from(id) * 100 + 80), at(2_000));
        if span.kind == StepKind::Llm {
            (span.model, span.provider) = (Some("gpt-4o".into()), Some("openai".into()));
            span.usage = Usage { input_tokens: Some(1_000), output_tokens: Some(50), ..Usage::default() };
            span.cost = Some(Usd::from_pico(3_000_000_000));
        }
        if span.kind == StepKind::Tool {
            span.tool_name = Some(format!("tool {}", id % 5).into());
        }
        Arc::new(span)
    });
    let spans: Vec<Arc<Span>> = spans.collect();
    resolve(&spans, at(120_000), &Settings::default()).expect("a run of spans")
}

/// Nanoseconds this process has had a processor, as Linux counts them.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("Linux tells how long a process ran");
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds come first")
}

fn main() {
    let mut registry = Registry::new(Limits::default());
    let now = Timestamp::from_nanos(1_790_000_200_000_000_000);
    let numbers: Vec<usize> = (0..RUNS).collect();
    for round in 0..3 {
        let (mut nanos, mut bytes) = (0.0, 0);
        for batch in numbers.chunks(BATCH) {
            // Resolved just before, as in the server: what is counted is still near the processor.
            let runs: Vec<Resolved> = batch.iter().map(|number| run(*number)).collect();
            let start = processor();
            for Resolved { run, steps, .. } in &runs {
                let share = registry.share(run, steps, &[], now);
                let changes = share.counted.since(&Counted::default());
                bytes += share.counted.encode().len();
                registry.stage(&changes, share.exemplars);
                registry.note(run, steps);
            }
            std::hint::black_box(registry.new_rows());
            let kept = registry.changed(|id, cells| {
                std::hint::black_box((id, cells));
                Ok::<(), std::convert::Infallible>(())
            });
            assert!(kept.is_ok());
            registry.commit(now);
            nanos += processor() - start;
        }
        let spans = (RUNS * usize::from(STEPS)) as f64;
        println!("round {round}: {:.0} ns a span, {:.1} bytes kept a run", nanos / spans, bytes as f64 / RUNS as f64);
    }
}
