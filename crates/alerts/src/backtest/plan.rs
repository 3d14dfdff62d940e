//! Which rules are evaluated, in which order, how finely, and from when on.

use std::sync::Arc;

use promql::{METRIC_NAME, Params, SelectorNeed};

use super::{ALERT_SERIES, Bounds, Span};
use crate::rules::{Group, Rule, RuleKind};

/// How far before the span a rule begins at most: baselines of a week, with a week before them, and some days to spare.
const LEAD_MAX_MS: i64 = 16 * 86_400_000;

/// One rule to be evaluated.
pub(super) struct Task<'a> {
    pub rule: &'a Rule,
    /// A group with this rule alone: without texts for people, which nobody reads here.
    pub alone: Group,
    /// Where among all rules, in the order of the files.
    pub place: usize,
    /// Milliseconds between evaluations in the group.
    pub interval: i64,
    /// Milliseconds between evaluations here.
    pub step: i64,
    /// The first evaluation.
    pub from: i64,
    /// It looks at what it made before, so that its steps cannot be asked for together.
    pub reads_itself: bool,
}

/// Every rule to be evaluated, in order: each after those whose series it reads.
pub(super) struct Plan<'a> {
    pub tasks: Vec<Task<'a>>,
    /// Some rule looks at the series alerts make.
    pub alerts_are_read: bool,
}

/// A rule before it is known whether it is needed.
struct Candidate<'a> {
    group: &'a Group,
    rule: &'a Rule,
    place: usize,
    needs: Vec<SelectorNeed>,
}

impl<'a> Plan<'a> {
    pub fn new(groups: &[&'a Group], wanted: &dyn Fn(&Rule) -> bool, span: Span, bounds: Bounds) -> Self {
        let at = Params::instant(span.from);
        let rules = groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (*group, &**rule)));
        let candidates = rules.enumerate().map(|(place, (group, rule))| {
            let needs = rule.query.selectors(&at).unwrap_or_default();
            Candidate { group, rule, place, needs }
        });
        let ordered = ordered(candidates.collect());
        let mut tasks = Vec::new();
        // From the last to the first: when a rule is reached, all that read what it makes are known, but for circles.
        let mut needed: Vec<(&Candidate<'_>, i64)> = Vec::new();
        for made in ordered.iter().rev() {
            let readers = needed.iter().filter_map(|(reader, lead)| {
                reader.lookback(made.rule, span.from).map(|lookback| lead.saturating_add(lookback))
            });
            let asked = wanted(made.rule).then(|| own_lead(made.rule));
            let Some(lead) = readers.chain(asked).max() else { continue };
            let lead = lead.clamp(0, LEAD_MAX_MS);
            needed.push((made, lead));
            tasks.push(made.task(lead, span, bounds));
        }
        tasks.reverse();
        let alerts_are_read = needed.iter().any(|(reader, _)| {
            needed.iter().any(|(made, _)| made.rule.is_alert() && reader.lookback(made.rule, span.from).is_some())
        });
        Self { tasks, alerts_are_read }
    }
}

impl<'a> Candidate<'a> {
    /// How far back from an evaluation at `at` this rule looks at what `made` makes; `None` where it does not.
    fn lookback(&self, made: &Rule, at: i64) -> Option<i64> {
        let names: &[&str] = if made.is_alert() { &ALERT_SERIES } else { &[&made.name] };
        let reads = |need: &SelectorNeed, name: &str| {
            need.matchers.iter().all(|matcher| match &*matcher.name {
                METRIC_NAME => matcher.is_match(name),
                "alertname" if made.is_alert() => matcher.is_match(&made.name),
                _ => true,
            })
        };
        let lookback = self.needs.iter().filter_map(|need| {
            let read = names.iter().any(|name| reads(need, name));
            read.then_some(at.saturating_sub(need.from_ms).max(0))
        });
        lookback.max()
    }

    fn task(&self, lead: i64, span: Span, bounds: Bounds) -> Task<'a> {
        let interval = self.group.interval();
        let step = span.step.unwrap_or_else(|| {
            let steps = (span.to - span.from) / interval.max(1);
            interval * (1 + (steps - 1).max(0) / bounds.steps_max.max(1))
        });
        let mut plain = self.rule.clone();
        if let RuleKind::Alert { annotations, .. } = &mut plain.kind {
            annotations.clear();
        }
        let alone = Group {
            name: self.group.name.clone(),
            interval_ms: Some(step),
            query_offset_ms: self.group.query_offset_ms,
            limit: self.group.limit,
            rules: vec![Arc::new(plain)],
        };
        let from = (span.from.saturating_sub(lead)).div_euclid(step) * step;
        let reads_itself = self.lookback(self.rule, span.from).is_some();
        Task { rule: self.rule, alone, place: self.place, interval, step, from, reads_itself }
    }
}

/// How long before the span an alert must be watched, so that one that had begun before is known to fire.
fn own_lead(rule: &Rule) -> i64 {
    match rule.kind {
        RuleKind::Alert { hold_ms, keep_firing_ms, .. } => hold_ms.saturating_add(keep_firing_ms),
        RuleKind::Record => 0,
    }
}

/// Rules in an order in which each comes after those whose series it reads; those in a circle stay as they are.
fn ordered(candidates: Vec<Candidate<'_>>) -> Vec<Candidate<'_>> {
    let reads = |reader: &Candidate<'_>, made: &Candidate<'_>| {
        reader.place != made.place && reader.lookback(made.rule, 0).is_some()
    };
    let mut waits: Vec<Vec<usize>> = candidates
        .iter()
        .map(|reader| candidates.iter().filter(|made| reads(reader, made)).map(|made| made.place).collect())
        .collect();
    let mut left: Vec<Option<Candidate<'_>>> = candidates.into_iter().map(Some).collect();
    let mut order = Vec::with_capacity(left.len());
    while order.len() < left.len() {
        let there = |place: &usize| left[*place].is_some();
        let free = (0..left.len()).find(|place| there(place) && waits[*place].is_empty());
        let Some(next) = free.or_else(|| (0..left.len()).find(there)) else { break };
        order.extend(left[next].take());
        waits.iter_mut().for_each(|others| others.retain(|other| *other != next));
    }
    order
}
