//! The agents of a run: which step belongs to which, and what each did itself and delegated.

use std::collections::HashMap;
use std::sync::Arc;

use model::{AgentNode, SpanStatus, StepKind};

use super::counting::Counting;
use super::times::{Times, union_nanos};
use super::tree::Tree;

/// Agents listed for one run. Steps of further ones count for the agent above them.
pub(super) const MAX_AGENTS: usize = 256;

/// Agents and their steps.
pub(super) struct Agents {
    /// Every agent, in pre-order of first steps.
    pub nodes: Vec<AgentNode>,
    /// For every step the agent's name: its own, else its nearest ancestor's.
    pub names: Vec<Option<Arc<str>>>,
    /// For every step its agent's position in `nodes`.
    pub node_of: Vec<Option<usize>>,
}

/// Finds the agents and sums up what each did.
///
/// An agent is a name under a parent agent: the same name below two agents is two entries, below itself it is one. A step that
/// enters an agent is one whose agent differs from that of the step above it.
pub(super) fn agents(tree: &Tree, times: &Times, counting: &Counting) -> Agents {
    let count = tree.nodes.len();
    let mut agents = Agents { nodes: Vec::new(), names: vec![None; count], node_of: vec![None; count] };
    let mut known: HashMap<(Option<usize>, Arc<str>), usize> = HashMap::new();
    let mut entries: Vec<Vec<(i64, i64)>> = Vec::new();
    for at in 0..count {
        let parent = tree.nodes[at].parent;
        let above = parent.and_then(|parent| agents.node_of[parent]);
        let own = own_name(tree, at);
        agents.names[at] = own.clone().or_else(|| parent.and_then(|parent| agents.names[parent].clone()));
        agents.node_of[at] = above;
        let Some(name) = own.filter(|name| above.is_none_or(|above| agents.nodes[above].agent != *name)) else {
            continue;
        };
        let node = match known.get(&(above, name.clone())) {
            Some(&node) => node,
            None if agents.nodes.len() == MAX_AGENTS => continue,
            None => {
                known.insert((above, name.clone()), agents.nodes.len());
                agents.nodes.push(new_node(name, tree, at, above));
                entries.push(Vec::new());
                agents.nodes.len() - 1
            }
        };
        agents.node_of[at] = Some(node);
        agents.nodes[node].calls += u32::from(tree.kind(at) == StepKind::Agent);
        entries[node].push(times.interval(tree.span(at)));
    }
    for at in 0..count {
        if let Some(node) = agents.node_of[at] {
            add_step(&mut agents.nodes[node], tree, at, counting);
        }
    }
    add_times(&mut agents.nodes, entries);
    agents
}

/// The agent a step names; an agent step without one goes by its own name.
fn own_name(tree: &Tree, at: usize) -> Option<Arc<str>> {
    let span = tree.span(at);
    let named = span.agent.clone().or_else(|| (span.kind == StepKind::Agent).then(|| span.name.clone()));
    named.filter(|name| !name.is_empty())
}

fn new_node(agent: Arc<str>, tree: &Tree, at: usize, parent: Option<usize>) -> AgentNode {
    AgentNode {
        agent,
        span_id: tree.span(at).span_id,
        parent,
        calls: 0,
        llm_calls: 0,
        tool_calls: 0,
        errors: 0,
        usage: model::Usage::default(),
        cost: None,
        own_ms: 0.0,
        delegated_ms: 0.0,
    }
}

fn add_step(node: &mut AgentNode, tree: &Tree, at: usize, counting: &Counting) {
    let span = tree.span(at);
    node.llm_calls += u32::from(counting.answered[at]);
    node.tool_calls += u32::from(counting.tool[at]);
    node.errors += u32::from(span.status == SpanStatus::Error);
    if counting.counted[at] {
        node.usage.add(&span.usage);
    }
    if let Some(cost) = span.cost.filter(|_| counting.cost[at]) {
        node.cost = Some(node.cost.unwrap_or_default().plus(cost));
    }
}

/// An agent is at work while any step by which it was entered lasts. What agents below it took is delegated; the rest of
/// its time is its own. Work an agent below does after its caller returned is delegated time as well.
fn add_times(nodes: &mut [AgentNode], mut entries: Vec<Vec<(i64, i64)>>) {
    let mut below: Vec<Vec<(i64, i64)>> = vec![Vec::new(); nodes.len()];
    for (at, intervals) in entries.iter_mut().enumerate() {
        intervals.sort_unstable();
        if let Some(parent) = nodes[at].parent {
            below[parent].extend_from_slice(intervals);
        }
    }
    for (at, node) in nodes.iter_mut().enumerate() {
        // An agent seen only as a name on other steps was entered at least once.
        node.calls = node.calls.max(1);
        below[at].sort_unstable();
        let delegated = union_nanos(below[at].iter().copied());
        let mut either = [entries[at].as_slice(), below[at].as_slice()].concat();
        either.sort_unstable();
        node.own_ms = union_nanos(either).saturating_sub(delegated) as f64 / 1e6;
        node.delegated_ms = delegated as f64 / 1e6;
    }
}
