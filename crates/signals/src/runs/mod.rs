//! Runs from spans.
//!
//! [`resolve`] takes every span of one trace that has arrived so far, in any order, and says what the run is:
//! its tree, which log records tell the same steps or further ones ([`told`]), what the steps around a model call say of
//! it ([`inherit`]), which steps' tokens and costs count ([`counting`]), which model call asked for which tool
//! ([`links`]), which steps repeat a failed one ([`retries`]), what each agent did ([`agents`]) and the totals
//! ([`totals`]). It keeps nothing: when a late span changes the picture, the run is resolved again.
//!
//! Time and memory grow with the number of spans times its logarithm, and nothing recurses, so a run of 100,000 spans or a
//! chain 100,000 deep is no danger.

mod agents;
mod counting;
mod critical;
mod duplicates;
mod inherit;
mod join;
mod links;
mod retries;
mod standing;
mod times;
mod told;
mod totals;
mod tree;

use std::collections::HashMap;
use std::sync::Arc;

use model::{JoinReason, ResolvedStep, Run, RunStatus, Span, SpanId, Timestamp, TraceId};

pub(crate) use self::counting::TOLD_TWICE;
pub use self::critical::critical_path;
pub use self::duplicates::told_in_two_traces;
pub use self::join::linked;
use self::join::{Gathered, divide};
use self::tree::Tree;

const SECOND: i64 = 1_000_000_000;

/// When a run counts as finished. Durations in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Quiet time after the last span before totals are no longer provisional, and before a run whose root never
    /// arrived is taken as ended. Default 30 seconds: batching exporters flush every 5, and a retry after a
    /// failure of the collector comes within 30.
    pub settle_nanos: i64,
    /// Quiet time after which a run whose root has not ended is abandoned. Default one hour.
    pub abandon_nanos: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { settle_nanos: 30 * SECOND, abandon_nanos: 3_600 * SECOND }
    }
}

/// A run with its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Totals.
    pub run: Run,
    /// Every span once, parents before children, children by start, then by id.
    pub steps: Vec<ResolvedStep>,
    /// Other traces that are part of the run, and why.
    pub joined: Vec<(TraceId, JoinReason)>,
}

/// Resolves the spans of traces that lead to each other ([`linked`]): one run for each that is none of another's.
pub fn resolve_linked(spans: &[Arc<Span>], now: Timestamp, settings: &Settings) -> Vec<Resolved> {
    // Nearly every run: one trace, told by spans.
    if spans.iter().all(|span| span.told.is_none()) {
        return resolve(spans, now, settings).into_iter().collect();
    }
    let run = |gathered: Gathered| {
        let mut resolved = resolve(&gathered.spans, now, settings)?;
        (resolved.run.trace_id, resolved.joined) = (gathered.trace_id, gathered.joined);
        Some(resolved)
    };
    divide(spans).into_iter().filter_map(run).collect()
}

/// Resolves the spans of one trace as of `now`; `None` when there are none.
///
/// The order of `spans` does not matter. Where a span id comes twice the higher version wins. A parent that never
/// arrived leaves its children at the top, marked as orphans; a cycle of parents is cut above its earliest member.
pub fn resolve(spans: &[Arc<Span>], now: Timestamp, settings: &Settings) -> Option<Resolved> {
    let parts = Parts::of(spans, now, settings)?;
    let run = parts.run(now, settings);
    let Parts { tree, times, representatives, counting, agents, retry_of, mut told_by } = parts;
    let called_by = links::called_by(&tree, &times, &counting, &representatives);
    let own = times::own_nanos(&tree, &times);
    let steps = tree.nodes.iter().enumerate().map(|(at, node)| ResolvedStep {
        span: node.span.clone(),
        shown_parent: node.parent.map(|parent| tree.nodes[parent].span.span_id),
        depth: node.depth,
        orphan: node.orphan,
        called_by: called_by[at].map(|caller| tree.nodes[caller].span.span_id),
        agent: agents.names[at].clone(),
        agent_node: agents.node_of[at],
        call: counting.call[at],
        tool_call: counting.tool[at],
        counted: counting.counted[at],
        cost_counted: counting.cost[at],
        not_counted_because: counting.because[at],
        retry_of: retry_of[at].map(|earlier| tree.nodes[earlier].span.span_id),
        own_ms: own[at] as f64 / 1e6,
        told_by: told_by.remove(&node.span.span_id).unwrap_or_default(),
    });
    Some(Resolved { steps: steps.collect(), run, joined: Vec::new() })
}

/// The run alone, as [`resolve`] gives it, for those who keep totals and show no steps.
pub fn resolve_run(spans: &[Arc<Span>], now: Timestamp, settings: &Settings) -> Option<Run> {
    Some(Parts::of(spans, now, settings)?.run(now, settings))
}

/// The runs alone, as [`resolve_linked`] gives them.
pub fn resolve_linked_runs(spans: &[Arc<Span>], now: Timestamp, settings: &Settings) -> Vec<Run> {
    if spans.iter().all(|span| span.told.is_none()) {
        return resolve_run(spans, now, settings).into_iter().collect();
    }
    resolve_linked(spans, now, settings).into_iter().map(|resolved| resolved.run).collect()
}

/// When time alone will change a run that stands so at `now`; `None` for one that only a span can change.
pub fn changes(run: &Run, now: Timestamp, settings: &Settings) -> Option<Timestamp> {
    let settles = run.last_received.plus_nanos(settings.settle_nanos);
    let abandoned = run.last_received.plus_nanos(settings.abandon_nanos);
    match run.status {
        // One whose top span's parent is remote is judged once it settles.
        RunStatus::Running => Some(if now < settles { settles } else { abandoned }),
        _ => run.provisional.then_some(settles),
    }
}

/// A run that ended as it stands at `now`, told from its totals; `None` where it stands as it did. One that goes on has to be resolved
/// from its spans: how it came out is seen in them.
pub fn aged(run: &Run, now: Timestamp, settings: &Settings) -> Option<Run> {
    let settled = now.nanos_since(run.last_received) >= settings.settle_nanos;
    let ended = matches!(run.status, RunStatus::Ok | RunStatus::Error);
    (run.provisional && ended && settled).then(|| Run { provisional: false, ..run.clone() })
}

/// What the totals of a run rest on.
struct Parts {
    tree: Tree,
    times: times::Times,
    representatives: Vec<usize>,
    counting: counting::Counting,
    agents: agents::Agents,
    retry_of: Vec<Option<usize>>,
    /// Spans of log records that were folded into a step.
    told_by: HashMap<SpanId, Vec<SpanId>>,
}

impl Parts {
    fn of(spans: &[Arc<Span>], now: Timestamp, settings: &Settings) -> Option<Self> {
        let newest = tree::newest_by_start(spans);
        let (newest, told_by) = match told::fold(&newest, now, settings) {
            Some(folded) => (tree::newest_by_start(&folded.spans), folded.told_by),
            None => (newest, HashMap::new()),
        };
        let mut tree = Tree::build(newest)?;
        inherit::fill(&mut tree);
        let times = times::Times::of(&tree, now);
        let representatives = duplicates::representatives(&tree, &times);
        let counting = counting::count(&tree, &representatives);
        let retry_of = retries::retry_of(&tree, &representatives);
        let agents = agents::agents(&tree, &times, &counting);
        Some(Self { tree, times, representatives, counting, agents, retry_of, told_by })
    }

    fn run(&self, now: Timestamp, settings: &Settings) -> Run {
        let standing = standing::standing(&self.tree, &self.times, now, settings);
        totals::run(&self.tree, &self.times, &self.counting, &self.agents, &self.retry_of, standing)
    }
}
