//! Checks that look at the trees of recent runs: missing parents, clocks, calls told twice, context that was lost.

use std::collections::BTreeMap;

use model::{ResolvedStep, Run, Span, SpanId, StepKind, TraceId};

use super::{Finding, Origin};
use crate::runs::Resolved;

/// Milliseconds by which a step may begin before its parent and still count as begun with it: clocks of one process
/// are read one after the other, and some SDKs round to milliseconds.
const SAME_CLOCK_MS: f64 = 2.0;
/// The same between services, whose clocks NTP keeps together to a few milliseconds.
const OTHER_CLOCK_MS: f64 = 20.0;
/// Least runs to speak of a share.
const ENOUGH_RUNS: u64 = 8;
/// Share of runs that lack spans from which sampling is suspected.
const SAMPLED_SHARE: f64 = 0.25;
/// Share of runs that are one lonely call from which lost context is suspected.
const LONELY_SHARE: f64 = 0.8;
/// Agents side by side in one trace from which it is a whole process.
const MANY_AGENTS: usize = 20;
/// … which lasts at least this long, in milliseconds.
const LONG_TRACE_MS: f64 = 600_000.0;

/// Hits of a check among the runs, by origin.
#[derive(Default)]
struct Tally(BTreeMap<Origin, (u64, u64, Option<(TraceId, Option<SpanId>)>)>);

impl Tally {
    fn look(&mut self, origin: Origin, hit: bool, trace: TraceId, span: Option<SpanId>) {
        let entry = self.0.entry(origin).or_default();
        entry.1 += 1;
        if hit {
            entry.0 += 1;
            entry.2 = Some((trace, span));
        }
    }

    fn findings(self, id: &str, enough: impl Fn(u64, u64) -> bool) -> impl Iterator<Item = Finding> {
        let worth = self.0.into_iter().filter(move |(_, (count, of, _))| *count > 0 && enough(*count, *of));
        worth.map(move |(origin, (count, of, seen))| {
            let finding = Finding::new(id, origin, count, of);
            match seen {
                Some((trace, span)) => finding.seen(trace, span),
                None => finding,
            }
        })
    }
}

fn origin(span: &Span) -> Origin {
    Origin {
        service: span.service.as_deref().map(str::to_owned),
        dialect: span.dialect.to_string(),
        ..Origin::default()
    }
}

/// Who is asked about a whole run: the service of its run, and the dialect of its first step that has one.
fn run_origin(run: &Run, steps: &[ResolvedStep]) -> Origin {
    let dialect = steps.iter().map(|step| &step.span.dialect).find(|dialect| !dialect.is_empty());
    Origin {
        service: run.service.as_deref().map(str::to_owned),
        dialect: dialect.map_or(String::new(), |dialect| dialect.to_string()),
        ..Origin::default()
    }
}

/// Looks at recent runs that have settled.
pub fn examine(runs: &[Resolved]) -> Vec<Finding> {
    let (mut orphans, mut holes, mut lonely, mut endless) =
        (Tally::default(), Tally::default(), Tally::default(), Tally::default());
    let (mut skew, mut early, mut twice) = (Tally::default(), Tally::default(), Tally::default());
    for Resolved { run, steps, .. } in runs.iter().filter(|resolved| !resolved.run.provisional) {
        let whole = run_origin(run, steps);
        let by_id: BTreeMap<SpanId, &ResolvedStep> = steps.iter().map(|step| (step.span.span_id, step)).collect();
        // A parent in another process may well send elsewhere: that is no hole of this trace.
        let missing = |step: &ResolvedStep| step.orphan && !step.span.remote_parent;
        let has_root = steps.iter().any(|step| step.span.parent_span_id.is_none());
        holes.look(whole.clone(), has_root && steps.iter().any(missing), run.trace_id, None);
        lonely.look(whole.clone(), is_lonely(steps), run.trace_id, None);
        endless.look(whole, is_endless(run, steps), run.trace_id, None);
        for step in steps {
            let (span, id) = (&step.span, Some(step.span.span_id));
            if span.parent_span_id.is_some() {
                orphans.look(origin(span), missing(step), run.trace_id, id);
            }
            if let Some(parent) = span.parent_span_id.and_then(|parent| by_id.get(&parent)) {
                let ahead = parent.span.start.millis_since(span.start);
                if parent.span.service == span.service {
                    early.look(origin(span), ahead > SAME_CLOCK_MS, run.trace_id, id);
                } else {
                    skew.look(origin(span), ahead > OTHER_CLOCK_MS, run.trace_id, id);
                }
            }
            if span.kind == StepKind::Llm {
                twice.look(origin(span), step.not_counted_because == Some(crate::runs::TOLD_TWICE), run.trace_id, id);
            }
        }
    }
    let share = |count: u64, of: u64| count as f64 / of.max(1) as f64;
    let mut findings: Vec<Finding> = Vec::new();
    let sampled = move |count, of| of >= ENOUGH_RUNS && share(count, of) >= SAMPLED_SHARE;
    findings.extend(holes.findings("sampled", sampled));
    // Where sampling explains the holes, naming each again would say the same twice.
    let explained: Vec<_> = findings.iter().map(|finding| finding.origin.service.clone()).collect();
    findings.extend(orphans.findings("orphans", |_, _| true).filter(|it| !explained.contains(&it.origin.service)));
    findings.extend(skew.findings("clock-skew", |_, _| true));
    findings.extend(early.findings("child-before-parent", |_, _| true));
    findings.extend(twice.findings("double-instrumentation", |_, _| true));
    let alone = move |count, of| of >= ENOUGH_RUNS && share(count, of) >= LONELY_SHARE;
    findings.extend(lonely.findings("context-lost", alone));
    findings.extend(endless.findings("endless-trace", |_, _| true));
    findings
}

/// One model or tool call and nothing around it.
fn is_lonely(steps: &[ResolvedStep]) -> bool {
    matches!(steps, [only] if matches!(only.span.kind, StepKind::Llm | StepKind::Tool) && only.span.agent.is_none())
}

/// Many agents side by side over a long time.
fn is_endless(run: &Run, steps: &[ResolvedStep]) -> bool {
    let mut side_by_side: BTreeMap<Option<SpanId>, usize> = BTreeMap::new();
    for step in steps.iter().filter(|step| step.span.kind == StepKind::Agent) {
        *side_by_side.entry(step.shown_parent).or_default() += 1;
    }
    run.duration_ms >= LONG_TRACE_MS && side_by_side.into_values().any(|agents| agents >= MANY_AGENTS)
}
