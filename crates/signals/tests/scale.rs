//! Runs of 100,000 spans in shapes that would hurt quadratic or recursive code.

use std::sync::Arc;

use model::{Span, SpanId, SpanStatus, StepKind, Tenant, Timestamp, TraceId, Usage};
use signals::runs::{Resolved, Settings, resolve};

const SPANS: u64 = 100_000;

fn run(shape: impl Fn(u64, &mut Span)) -> Resolved {
    let tenant = Tenant { project: "default".into(), environment: "default".into() };
    let id = |number: u64| SpanId::from_array((number + 1).to_be_bytes());
    let spans: Vec<Arc<Span>> = (0..SPANS)
        .map(|number| {
            let mut span = Span::new(tenant.clone(), TraceId::from_array([7; 16]), id(number));
            span.parent_span_id = number.checked_sub(1).map(|_| id(0));
            (span.start, span.end) =
                (Timestamp::from_nanos(number as i64 + 1), Timestamp::from_nanos(number as i64 + 2));
            shape(number, &mut span);
            Arc::new(span)
        })
        .collect();
    resolve(&spans, Timestamp::from_nanos(1), &Settings::default()).unwrap()
}

fn parent(number: u64) -> Option<SpanId> {
    Some(SpanId::from_array((number + 1).to_be_bytes()))
}

#[test]
fn a_chain_a_hundred_thousand_deep() {
    let resolved = run(|number, span| {
        span.parent_span_id = number.checked_sub(1).and_then(parent);
        span.kind = StepKind::ALL[number as usize % StepKind::ALL.len()];
        span.usage.input_tokens = Some(1);
    });
    assert_eq!(resolved.steps.last().unwrap().depth as u64, SPANS - 1);
}

#[test]
fn a_circle_of_a_hundred_thousand() {
    let resolved = run(|number, span| span.parent_span_id = parent((number + 1) % SPANS));
    assert_eq!(resolved.steps.iter().filter(|step| step.shown_parent.is_none()).count(), 1);
}

#[test]
fn a_hundred_thousand_calls_with_one_response_id_at_one_time() {
    let resolved = run(|number, span| {
        (span.kind, span.response_id) = (StepKind::Llm, Some("fake".into()));
        (span.start, span.end) = (Timestamp::from_nanos(5), Timestamp::from_nanos(50));
        span.usage = Usage { input_tokens: Some(number), output_tokens: Some(1), ..Usage::default() };
    });
    assert!(resolved.run.llm_calls > 0);
}

#[test]
fn calls_and_tools_in_turn_that_all_use_one_call_id() {
    let resolved = run(|number, span| {
        span.kind = if number % 2 == 1 { StepKind::Llm } else { StepKind::Tool };
        match span.kind {
            StepKind::Llm => span.requested_tool_calls = vec!["call_0".into()],
            _ => span.tool_call_id = Some("call_0".into()),
        }
        span.status = SpanStatus::Error;
    });
    let tool = &resolved.steps[50_000];
    assert_eq!(tool.called_by, Some(resolved.steps[49_999].span.span_id));
}

#[test]
fn tools_in_tools_in_tools_below_one_agent() {
    run(|number, span| {
        span.kind = StepKind::Tool;
        span.parent_span_id = number.checked_sub(1).and_then(parent);
        span.agent = Some(format!("agent {number}").into());
    });
}

#[test]
fn tools_below_one_running_call() {
    let resolved = run(|number, span| {
        span.kind = if number == 0 { StepKind::Llm } else { StepKind::Tool };
        if number == 0 {
            span.end = Timestamp::default();
        }
    });
    assert_eq!(resolved.steps[99_999].called_by, Some(resolved.steps[0].span.span_id));
}
