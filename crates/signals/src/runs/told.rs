//! Steps told by log records, beside the spans that tell the same work, or alone.
//!
//! Records of one step become one step ([`steps`]). Where a span of the run tells that step too, the record's facts fill what the
//! span leaves open and the step is shown once ([`same`]); else it is a step of its own, below the span in which it was
//! written or below the run's root. A run of records alone gets a root that spans them. Nothing depends on the order of arrival.

mod facts;
mod same;
mod steps;

use std::collections::HashMap;
use std::sync::Arc;

use model::{Span, SpanId, SpanStatus, StepKind, Timestamp, Told, ToldPart, TraceId};

pub(super) use self::facts::take;
use self::same::Spans;
use self::steps::ToldStep;
use super::Settings;

/// Spans of a run with told ones put in their place.
pub(super) struct Folded {
    /// One for each step.
    pub spans: Vec<Arc<Span>>,
    /// For a step, the told spans that are part of it.
    pub told_by: HashMap<SpanId, Vec<SpanId>>,
}

/// Whether a log record told the span.
pub(super) fn is_told(span: &Span) -> bool {
    span.told.is_some()
}

/// What of the run a told span tells.
fn told(span: &Span) -> Told<'_> {
    span.told.as_deref().and_then(Told::parse).unwrap_or(Told { part: ToldPart::Note, step: "" })
}

/// What a told span tells.
pub(super) fn part(span: &Span) -> ToldPart {
    told(span).part
}

/// The moment a told span speaks of: when the step began where it tells that, else when it ended.
pub(super) fn moment(span: &Span) -> Timestamp {
    if span.end.is_unset() { span.start } else { span.end }
}

/// Puts told spans in their place; `None` where there are none. `spans` holds each span once.
pub(super) fn fold(spans: &[Arc<Span>], now: Timestamp, settings: &Settings) -> Option<Folded> {
    let (told, sent): (Vec<&Arc<Span>>, Vec<&Arc<Span>>) = spans.iter().partition(|span| is_told(span));
    let first = *told.first()?;
    let (steps, root) = steps::steps(told);
    let mut spans = Spans::new(sent.iter().map(|span| (**span).clone()).collect());
    let mut apart: Vec<ToldStep> = Vec::new();
    let mut told_by: HashMap<SpanId, Vec<SpanId>> = HashMap::new();
    let (top, mut root) = (spans.root(), root);
    // Before the steps: what a person asked is the run's question, not what was made of it for the first call.
    let prompted = top.zip(root.take_if(|_| top.is_some())).map(|(at, root)| {
        spans.fill_prompt(at, &root.span);
        (spans.id(at), root.parts)
    });
    // Where each told step is shown: steps inside it go there too.
    let mut shown: Vec<SpanId> = Vec::with_capacity(steps.len());
    for step in steps {
        match spans.same(&step) {
            Some(at) => {
                spans.fill(at, &step.span);
                shown.push(spans.id(at));
                told_by.entry(spans.id(at)).or_default().extend(step.parts);
            }
            None => {
                shown.push(step.span.span_id);
                apart.push(step);
            }
        }
    }
    let top = match top {
        // Below a model call a told one would make it a wrapper: beside it then.
        Some(at) => spans.is_frame(at).then(|| spans.id(at)),
        // The root is still to come; steps without a parent must not be taken for it.
        None if !spans.is_empty() => Some(root_id(first.trace_id)),
        None => {
            // A step alone is its own root; rows that only keep joins make no run.
            let alone = root.is_none() && apart.len() < 2;
            (!alone).then(|| {
                let root = run_root(&apart, root, first, now, settings);
                let id = root.span.span_id;
                told_by.insert(id, root.parts.clone());
                spans.add(root.span);
                id
            })
        }
    };
    for step in apart {
        let ToldStep { mut span, parts, inside, .. } = step;
        let written_in = span.parent_span_id.filter(|id| spans.has(*id));
        span.parent_span_id = written_in.or(inside.map(|at| shown[at])).or(top).filter(|id| *id != span.span_id);
        if span.kind == StepKind::Other {
            span.kind = StepKind::Chain;
        }
        told_by.insert(span.span_id, parts);
        spans.add(span);
    }
    for parts in told_by.values_mut() {
        parts.sort_unstable();
        parts.dedup();
    }
    // After the steps: a root that is a call was asked what its own records say.
    if let Some((id, parts)) = prompted {
        told_by.entry(id).or_default().extend(parts);
    }
    Some(Folded { spans: spans.into_spans(), told_by })
}

/// A root for a run of records alone. It has ended when nothing is open and nothing has been heard of for the settling time,
/// by our clock or by the records' own (an import of old logs). It failed if the last step did.
fn run_root(steps: &[ToldStep], root: Option<ToldStep>, first: &Span, now: Timestamp, settings: &Settings) -> ToldStep {
    let mut root = root.unwrap_or_else(|| ToldStep::of(made_root(steps, first)));
    let spans = || steps.iter().map(|step| &step.span);
    let begun = spans().map(|span| span.start).filter(|start| !start.is_unset()).min();
    let ended = spans().map(moment).chain([root.last]).max().unwrap_or_default();
    let span = &mut root.span;
    span.start = begun.map_or(span.start, |begun| if span.start.is_unset() { begun } else { span.start.min(begun) });
    span.parent_span_id = None;
    let received = spans().map(|span| span.received).chain([span.received]).max().unwrap_or_default();
    let quiet = now.nanos_since(received).max(now.nanos_since(ended)) >= settings.settle_nanos;
    let is_open = spans().any(|span| span.end.is_unset());
    (span.end, span.status) = if quiet && !is_open {
        let last = spans().max_by_key(|span| (span.end, span.start, span.span_id));
        (ended, last.map_or(SpanStatus::Ok, |last| last.status))
    } else {
        (Timestamp::default(), SpanStatus::Running)
    };
    root
}

/// The root nobody told of: named after the workflow, else the service, and an agent where there is no workflow.
fn made_root(steps: &[ToldStep], first: &Span) -> Span {
    let mut root = Span::new(first.tenant.clone(), first.trace_id, root_id(first.trace_id));
    let said = |what: fn(&Span) -> &Option<Arc<str>>| steps.iter().find_map(|step| what(&step.span).clone());
    root.workflow = said(|span| &span.workflow);
    root.service = said(|span| &span.service);
    root.told = Some(Told { part: ToldPart::Root, step: "" }.to_string().into());
    root.dialect = first.dialect.clone();
    root.received = first.received;
    root.kind = StepKind::Chain;
    let name = root.workflow.clone().or_else(|| root.service.clone());
    root.name = name.unwrap_or_else(|| "run told by log records".into());
    root
}

/// Id of the root of a run that only log records tell of.
fn root_id(trace: TraceId) -> SpanId {
    let bytes = trace.as_bytes();
    let mut id = [0; 8];
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = bytes[at] ^ bytes[at + 8].rotate_left(3) ^ 0x5a;
    }
    SpanId::from_slice(&id).unwrap_or(SpanId::from_array([0x5a; 8]))
}
