//! A run that nobody sends spans of stands still until the moment `changes` names.

use std::sync::Arc;

use model::{Run, RunStatus, Span, SpanId, SpanStatus, Tenant, Timestamp, TraceId};
use signals::runs::{Settings, changes, resolve_run};

const SECOND: i64 = 1_000_000_000;
const BEGUN: i64 = 1_795_248_000 * SECOND;

fn at(second: i64) -> Timestamp {
    Timestamp::from_nanos(BEGUN + second * SECOND)
}

fn span(id: u64, change: impl Fn(&mut Span)) -> Arc<Span> {
    let (trace, id) = (TraceId::from_array([7; 16]), SpanId::from_array(id.to_be_bytes()));
    let mut span = Span::new(Tenant::default(), trace, id);
    (span.start, span.end, span.received) = (at(0), at(1), at(2));
    change(&mut span);
    Arc::new(span)
}

fn stands(run: &Run) -> (RunStatus, bool) {
    (run.status, run.provisional)
}

#[test]
fn a_quiet_run_changes_when_it_was_said_to_and_not_before() {
    let parent = Some(SpanId::from_array([9; 8]));
    let running = |span: &mut Span| (span.end, span.status) = (Timestamp::default(), SpanStatus::Running);
    let remote = |span: &mut Span| (span.parent_span_id, span.remote_parent) = (parent, true);
    let both = |span: &mut Span| {
        remote(span);
        running(span);
    };
    let cases = [
        ("ended", vec![span(1, |_| {})]),
        ("failed", vec![span(1, |span| span.status = SpanStatus::Error)]),
        ("running", vec![span(1, running)]),
        ("without its root", vec![span(2, |span| span.parent_span_id = parent)]),
        ("entered from elsewhere", vec![span(2, remote)]),
        ("entered from elsewhere, running", vec![span(2, both)]),
    ];
    let settings = Settings::default();
    let mut seen = Vec::new();
    for (name, spans) in cases {
        let mut now = 2;
        let mut run = resolve_run(&spans, at(now), &settings).unwrap();
        let mut steps = 0;
        while let Some(next) = changes(&run, at(now), &settings) {
            let until = (next.as_nanos() - BEGUN) / SECOND;
            assert!(until > now, "{name}: {until} is not after {now}");
            for second in now..until {
                let same = resolve_run(&spans, at(second), &settings).unwrap();
                assert_eq!(stands(&same), stands(&run), "{name} after {second} s");
            }
            now = until;
            run = resolve_run(&spans, at(now), &settings).unwrap();
            steps += 1;
            assert!(steps < 5, "{name} is looked at for ever");
        }
        for second in (now..now + 100_000).step_by(997) {
            let same = resolve_run(&spans, at(second), &settings).unwrap();
            assert_eq!(stands(&same), stands(&run), "{name}, which nothing was to change, after {second} s");
        }
        seen.push((name, run.status));
    }
    assert!(seen.contains(&("running", RunStatus::Abandoned)) && seen.contains(&("failed", RunStatus::Error)));
}
