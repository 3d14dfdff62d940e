//! Traces that are one run.
//!
//! [`linked`] says which other traces the spans of one lead to; [`divide`] takes the spans of all of them and gives each run its own.
//! A trace that another called goes below the span that called it. Steps told by log records go to the run whose spans tell them;
//! where several could, to the one during which they happened. What nothing claims stays a run of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use model::{Join, JoinReason, Relation, Span, SpanId, ToldPart, TraceId};

use super::told;

/// A record is written this long after its step at most, in nanoseconds.
const SLACK_NANOS: i64 = 2_000_000_000;

/// A run's spans, of whichever traces.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    /// The trace the run goes by.
    pub trace_id: TraceId,
    /// The other traces that are part of it, and why.
    pub joined: Vec<(TraceId, JoinReason)>,
    /// The spans.
    pub spans: Vec<Arc<Span>>,
}

fn join(span: &Span) -> Option<Join> {
    span.told.as_deref().and_then(Join::parse)
}

/// Other traces that the spans of the trace `of` lead to.
///
/// From a trace of log records it leads on only where it holds any: else a long conversation would lead to all its turns.
pub fn linked(of: TraceId, spans: &[Arc<Span>]) -> BTreeSet<TraceId> {
    let mine = || spans.iter().filter(|span| span.trace_id == of && span.told.is_some());
    let tells = mine().any(|span| join(span).is_none());
    let leads = |join: &Join| join.relation != Relation::Told || tells;
    mine().filter_map(|span| join(span)).filter(leads).map(|join| join.other).collect()
}

/// Gives each run of some linked traces its spans. Rows that only keep a join are no spans of a run.
pub fn divide(spans: &[Arc<Span>]) -> Vec<Gathered> {
    let mut by_trace: BTreeMap<TraceId, Vec<Arc<Span>>> = BTreeMap::new();
    let mut joins: BTreeMap<(TraceId, String), Join> = BTreeMap::new();
    for span in spans {
        match join(span) {
            Some(join) => _ = joins.insert((span.trace_id, join.to_string()), join),
            None => by_trace.entry(span.trace_id).or_default().push(span.clone()),
        }
    }
    let sent: BTreeSet<TraceId> =
        by_trace.iter().filter(|(_, spans)| spans.iter().any(|span| span.told.is_none())).map(|(id, _)| *id).collect();
    let links = Links::of(&joins, &by_trace, &sent);

    let mut runs: BTreeMap<TraceId, Gathered> = BTreeMap::new();
    for trace in &sent {
        let (primary, reason) = links.primary(*trace);
        let run = runs.entry(primary).or_insert_with(|| Gathered {
            trace_id: primary,
            joined: Vec::new(),
            spans: Vec::new(),
        });
        run.joined.extend(reason.map(|reason| (*trace, reason)));
        run.spans.extend(by_trace.remove(trace).into_iter().flatten().map(|span| links.below(span)));
    }
    for (trace, told) in by_trace {
        let homes: BTreeMap<TraceId, JoinReason> = links
            .told
            .get(&trace)
            .into_iter()
            .flatten()
            .map(|(home, reason)| (links.primary(*home).0, *reason))
            .collect();
        let mut left = Vec::new();
        for span in told {
            match home(&span, &homes, &runs) {
                Some(run) => {
                    if let Some(run) = runs.get_mut(&run) {
                        if !run.joined.iter().any(|(known, _)| *known == trace) {
                            run.joined.push((trace, homes[&run.trace_id]));
                        }
                        run.spans.push(span);
                    }
                }
                None => left.push(span),
            }
        }
        // That a conversation began is no run where its turns are runs.
        let tells_work = left.iter().any(|span| told::part(span) != ToldPart::Root);
        if tells_work || (homes.is_empty() && !left.is_empty()) {
            runs.insert(trace, Gathered { trace_id: trace, joined: Vec::new(), spans: left });
        }
    }
    runs.into_values().collect()
}

/// The run a told span belongs to: the only one there is, else the only one during which it happened.
fn home(span: &Span, homes: &BTreeMap<TraceId, JoinReason>, runs: &BTreeMap<TraceId, Gathered>) -> Option<TraceId> {
    if homes.len() < 2 {
        return homes.keys().next().copied();
    }
    let moment = told::moment(span);
    let during = |run: &&TraceId| {
        let spans = || runs.get(*run).into_iter().flat_map(|run| &run.spans).filter(|span| span.told.is_none());
        let begun = spans().map(|span| span.start).min();
        let ended = spans().map(|span| told::moment(span)).max();
        begun.zip(ended).is_some_and(|(begun, ended)| {
            moment.plus_nanos(SLACK_NANOS) >= begun && moment <= ended.plus_nanos(SLACK_NANOS)
        })
    };
    let mut found = homes.keys().filter(during);
    // Turns follow each other closely: of two that could be, the later has begun.
    found.next_back().copied()
}

/// Who called whom, and which traces are one.
struct Links {
    /// For a trace that was called: the trace that called it.
    above: HashMap<TraceId, (TraceId, JoinReason)>,
    /// For a called span, the one that called it.
    caller: HashMap<(TraceId, SpanId), SpanId>,
    /// For traces that are one: the earliest of them.
    first: HashMap<TraceId, (TraceId, JoinReason)>,
    /// Traces with spans for what a trace of log records tells.
    told: HashMap<TraceId, BTreeMap<TraceId, JoinReason>>,
}

impl Links {
    fn of(
        joins: &BTreeMap<(TraceId, String), Join>,
        by_trace: &BTreeMap<TraceId, Vec<Arc<Span>>>,
        sent: &BTreeSet<TraceId>,
    ) -> Self {
        let mut links =
            Self { above: HashMap::new(), caller: HashMap::new(), first: HashMap::new(), told: HashMap::new() };
        // Where two sides of a call meet: caller and callee.
        type Side = Vec<(TraceId, SpanId, JoinReason)>;
        let mut meetings: BTreeMap<TraceId, (Side, Side)> = BTreeMap::new();
        let mut same: BTreeMap<TraceId, (BTreeSet<TraceId>, JoinReason)> = BTreeMap::new();
        for ((holder, _), join) in joins {
            let (here, other) = (*holder, join.other);
            match join.relation {
                Relation::Child => links.call(join, here, other, sent),
                Relation::Parent => links.call(join, other, here, sent),
                Relation::Told | Relation::Sent => {
                    let (told, spans) = if join.relation == Relation::Told { (here, other) } else { (other, here) };
                    if sent.contains(&spans) {
                        links.told.entry(told).or_default().insert(spans, join.reason);
                    }
                }
                Relation::Same => {
                    // Held by both sides: the meeting point is the one without spans of its own.
                    let (point, part) = if sent.contains(&here) { (other, here) } else { (here, other) };
                    same.entry(point).or_insert_with(|| (BTreeSet::new(), join.reason)).0.insert(part);
                }
                Relation::Calls | Relation::Caller | Relation::Answers | Relation::Callee => {
                    let calls = matches!(join.relation, Relation::Calls | Relation::Caller);
                    let at_point = matches!(join.relation, Relation::Caller | Relation::Callee);
                    let (point, side) = if at_point { (here, other) } else { (other, here) };
                    let meeting = meetings.entry(point).or_default();
                    let (list, span) =
                        if calls { (&mut meeting.0, join.caller) } else { (&mut meeting.1, join.callee) };
                    if let Some(span) = span.filter(|span| !list.contains(&(side, *span, join.reason))) {
                        list.push((side, span, join.reason));
                    }
                }
            }
        }
        for (callers, callees) in meetings.into_values() {
            // Several on one side: an id that is not what it claims to be.
            if let ([(above, caller, reason)], [(below, callee, _)]) = (callers.as_slice(), callees.as_slice()) {
                links.add_call((*above, *caller), (*below, *callee), *reason, sent);
            }
        }
        let begun = |trace: &TraceId| {
            by_trace.get(trace).into_iter().flatten().map(|span| span.start).min().unwrap_or_default()
        };
        for (point, (parts, reason)) in same {
            let parts: BTreeSet<TraceId> = parts.into_iter().filter(|part| sent.contains(part)).collect();
            if let Some(first) = parts.iter().min_by_key(|part| (begun(part), **part)).copied() {
                links.told.entry(point).or_default().insert(first, reason);
                links.first.extend(parts.into_iter().filter(|part| *part != first).map(|part| (part, (first, reason))));
            }
        }
        links
    }

    fn call(&mut self, join: &Join, below: TraceId, above: TraceId, sent: &BTreeSet<TraceId>) {
        if let (Some(caller), Some(callee)) = (join.caller, join.callee) {
            self.add_call((above, caller), (below, callee), join.reason, sent);
        }
    }

    fn add_call(
        &mut self,
        (above, caller): (TraceId, SpanId),
        (below, callee): (TraceId, SpanId),
        reason: JoinReason,
        sent: &BTreeSet<TraceId>,
    ) {
        if above == below || !sent.contains(&above) || !sent.contains(&below) {
            return;
        }
        // Several may claim a trace; the least id decides, so that the order does not.
        let claimed = self.above.get(&below).is_some_and(|(known, _)| *known < above);
        if !claimed {
            self.above.insert(below, (above, reason));
        }
        self.caller.insert((below, callee), caller);
    }

    /// The trace that a trace's run goes by, and why it is not its own.
    fn primary(&self, trace: TraceId) -> (TraceId, Option<JoinReason>) {
        let (mut at, mut reason) = (trace, None);
        let mut seen = BTreeSet::from([trace]);
        while let Some((next, why)) = self.above.get(&at).or_else(|| self.first.get(&at)) {
            if !seen.insert(*next) {
                // A circle of calls: the least id.
                let least = seen.into_iter().next().unwrap_or(trace);
                return (least, (least != trace).then_some(*why));
            }
            (at, reason) = (*next, reason.or(Some(*why)));
        }
        (at, reason)
    }

    /// The span below its caller.
    fn below(&self, span: Arc<Span>) -> Arc<Span> {
        match self.caller.get(&(span.trace_id, span.span_id)) {
            Some(caller) if span.parent_span_id.is_none() => {
                let mut below = (*span).clone();
                below.parent_span_id = Some(*caller);
                Arc::new(below)
            }
            _ => span,
        }
    }
}
