//! Which model call asked for which tool.
//!
//! Seed C has tools beside the model call, seed D below it, frameworks put both under plumbing of their own. So: by call id
//! where both sides give it; else the last model call that ended before the tool started (or the one begun since), sought among the tool's
//! siblings, then in the loop the tool belongs to (up to the nearest agent, tool or handoff above), then in the loop around that. A model call that the
//! tool lies below asked for it, unless a nearer one inside that call did (a wrapper around several rounds).

use std::collections::HashMap;
use std::ops::Range;

use model::StepKind;

use super::counting::Counting;
use super::times::{Times, is_running};
use super::tree::Tree;

/// Loops around the tool's own that are searched outward; deeper nesting of agents and tools is no longer a call we could guess.
const MAX_LOOPS: usize = 64;
/// Calls of a loop looked at for one inside a given call, from the latest back.
const MAX_CALLS_BACK: usize = 256;

/// For every tool step the position of the model call that asked for it.
pub(super) fn called_by(
    tree: &Tree,
    times: &Times,
    counting: &Counting,
    representatives: &[usize],
) -> Vec<Option<usize>> {
    let asked = Asked::of(tree, counting, representatives);
    let order = Order::of(tree, times, counting);
    let find =
        |at: usize| asked.for_tool(tree, at).or_else(|| order.caller(tree, at)).map(|caller| representatives[caller]);
    (0..tree.nodes.len()).map(|at| (tree.kind(at) == StepKind::Tool).then(|| find(at)).flatten()).collect()
}

/// Model calls by the ids of the tool calls they asked for, each list by start.
struct Asked<'a> {
    /// By calls that really happened.
    real: HashMap<&'a str, Vec<usize>>,
    /// By wrappers and second tellings, for ids that only they know.
    other: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Asked<'a> {
    fn of(tree: &'a Tree, counting: &Counting, representatives: &[usize]) -> Self {
        let mut asked = Self { real: HashMap::new(), other: HashMap::new() };
        for at in (0..tree.nodes.len()).filter(|&at| tree.kind(at) == StepKind::Llm) {
            let map = if counting.call[representatives[at]] { &mut asked.real } else { &mut asked.other };
            for id in &tree.span(at).requested_tool_calls {
                map.entry(id).or_default().push(at);
            }
        }
        for list in asked.real.values_mut().chain(asked.other.values_mut()) {
            list.sort_by_key(|&at| (tree.span(at).start, tree.span(at).span_id));
        }
        asked
    }

    /// The latest call with the tool's call id that started before it (frameworks number calls anew in every round), else the first one.
    fn for_tool(&self, tree: &Tree, tool: usize) -> Option<usize> {
        let span = tree.span(tool);
        let id = span.tool_call_id.as_deref()?;
        let list = self.real.get(id).or_else(|| self.other.get(id))?;
        let before = list.partition_point(|&at| tree.span(at).start <= span.start);
        list.get(before.saturating_sub(1)).copied()
    }
}

/// Model calls of one place in order of time.
#[derive(Default)]
struct Calls {
    /// (end, position), by end.
    by_end: Vec<(i64, usize)>,
    /// (start, end, position), by start; the end of one that still runs lies beyond all others.
    by_start: Vec<(i64, i64, usize)>,
}

impl Calls {
    /// The call among the positions `inside` that had the last word before `moment`: the one that ended last; or, where the round after
    /// that has begun and still goes on, that one (a client that streams starts a tool before its model call is over). A call that begins
    /// in the very moment in which the tool does is the round after it: clocks of JavaScript tick once a millisecond.
    fn asker(&self, moment: i64, inside: &Range<usize>) -> Option<usize> {
        let ended = &self.by_end[..self.by_end.partition_point(|&(end, _)| end <= moment)];
        let ended = ended.iter().rev().take(MAX_CALLS_BACK).find(|(_, at)| inside.contains(at));
        let begun = &self.by_start[..self.by_start.partition_point(|&(start, ..)| start <= moment)];
        let latest = begun.iter().rev().take(MAX_CALLS_BACK).find(|(.., at)| inside.contains(at));
        let next_round = |&&(start, end, _): &&(i64, i64, usize)| {
            end > moment && ended.is_none_or(|&(last_end, _)| start >= last_end && start < moment)
        };
        latest.filter(next_round).map(|&(.., at)| at).or(ended.map(|&(_, at)| at))
    }
}

/// Model calls by place.
struct Order {
    /// Nearest loop owner above each step: an agent, tool or handoff.
    owner: Vec<Option<usize>>,
    /// Nearest model call above each step within its loop.
    call_above: Vec<Option<usize>>,
    /// Calls under each parent.
    by_parent: HashMap<Option<usize>, Calls>,
    /// Calls of each loop.
    by_owner: HashMap<Option<usize>, Calls>,
}

impl Order {
    fn of(tree: &Tree, times: &Times, counting: &Counting) -> Self {
        let count = tree.nodes.len();
        let mut order = Self {
            owner: vec![None; count],
            call_above: vec![None; count],
            by_parent: HashMap::new(),
            by_owner: HashMap::new(),
        };
        for (at, node) in tree.nodes.iter().enumerate() {
            if let Some(parent) = node.parent {
                (order.owner[at], order.call_above[at]) = match tree.kind(parent) {
                    StepKind::Agent | StepKind::Tool | StepKind::Handoff => (Some(parent), None),
                    StepKind::Llm => (order.owner[parent], Some(parent)),
                    _ => (order.owner[parent], order.call_above[parent]),
                };
            }
            if counting.call[at] {
                let (start, end) = times.interval(&node.span);
                let end = if is_running(&node.span) { i64::MAX } else { end };
                for calls in [
                    order.by_parent.entry(node.parent).or_default(),
                    order.by_owner.entry(order.owner[at]).or_default(),
                ] {
                    calls.by_start.push((start, end, at));
                    if end < i64::MAX {
                        calls.by_end.push((end, at));
                    }
                }
            }
        }
        for calls in order.by_parent.values_mut().chain(order.by_owner.values_mut()) {
            calls.by_start.sort_unstable();
            calls.by_end.sort_unstable();
        }
        order
    }

    fn caller(&self, tree: &Tree, tool: usize) -> Option<usize> {
        let start = tree.span(tool).start.as_nanos();
        let everywhere = 0..tree.nodes.len();
        let asker = |calls: Option<&Calls>, inside: &Range<usize>| calls.and_then(|calls| calls.asker(start, inside));
        let mut at = tool;
        for _ in 0..MAX_LOOPS {
            if let Some(call) = asker(self.by_parent.get(&tree.nodes[at].parent), &everywhere) {
                return Some(call);
            }
            let in_loop = self.by_owner.get(&self.owner[at]);
            if let Some(above) = self.call_above[at] {
                let below = above + 1..above + tree.nodes[above].size;
                return asker(in_loop, &below).or(Some(above));
            }
            if let Some(call) = asker(in_loop, &everywhere) {
                return Some(call);
            }
            at = self.owner[at]?;
        }
        None
    }
}
