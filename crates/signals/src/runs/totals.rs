//! The totals and names of a run.

use std::collections::HashMap;
use std::sync::Arc;

use model::{KindCounts, Run, Span, SpanStatus, StepKind, Usage, Usd};

use super::agents::Agents;
use super::counting::Counting;
use super::standing::Standing;
use super::times::Times;
use super::tree::Tree;

/// Models and tools listed for one run, the most used of them.
const MAX_LISTED: usize = 64;
/// Tags kept for one run, the first of them.
const MAX_TAGS: usize = 128;

type Text = Option<Arc<str>>;

/// Puts the run together.
pub(super) fn run(
    tree: &Tree,
    times: &Times,
    counting: &Counting,
    agents: &Agents,
    retry_of: &[Option<usize>],
    standing: Standing,
) -> Run {
    let spans = || tree.nodes.iter().map(|node| &*node.span);
    let root = tree.root().map(|at| tree.span(at));
    let first = root.unwrap_or_else(|| tree.span(0));
    // What the root says, else the first span that says something.
    let said = |what: fn(&Span) -> &Text| what(first).clone().or_else(|| spans().find_map(|span| what(span).clone()));

    let mut kinds = KindCounts::default();
    spans().for_each(|span| kinds.add(span.kind));
    let workflow = said(|span| &span.workflow);
    let (error_type, error_message) = error(tree, root);
    let (input_preview, output_preview) = previews(tree, counting, agents, root);
    let (usage, cost) = sums(tree, counting);
    let is_agents = |at: usize| agents.nodes.is_empty() || agents.node_of[at].is_some();
    let calls = || (0..tree.nodes.len()).filter(|&at| counting.call[at]);
    let models = (0..tree.nodes.len())
        .filter(|&at| counting.call[at] || (tree.kind(at) == StepKind::Embedding && counting.counted[at]))
        .filter_map(|at| tree.span(at).model.clone());
    let tool = |span: &Span| {
        (span.kind == StepKind::Tool).then(|| span.tool_name.clone().unwrap_or_else(|| span.name.clone()))
    };

    Run {
        tenant: first.tenant.clone(),
        trace_id: first.trace_id,
        version: spans().map(|span| span.version).max().unwrap_or_default(),
        name: name(first, root.is_some(), &workflow),
        root_span_id: root.map(|root| root.span_id),
        agent: top_agent(tree, agents).or_else(|| said(|span| &span.agent)),
        agents: agents.nodes.clone(),
        service: said(|span| &span.service),
        workflow,
        session_id: said(|span| &span.session_id),
        user_id: said(|span| &span.user_id),
        agent_version: said(|span| &span.agent_version),
        query_type: said(|span| &span.query_type),
        status: standing.status,
        error_type,
        error_message,
        outcome: said(|span| &span.outcome),
        start: times.start,
        end: times.end,
        last_received: standing.last_received,
        duration_ms: standing.duration_nanos as f64 / 1e6,
        kinds,
        llm_calls: counting.answered.iter().filter(|&&answered| answered).count() as u32,
        tool_calls: counting.tool.iter().filter(|&&call| call).count() as u32,
        retrievals: kinds.get(StepKind::Retriever),
        rounds: calls().filter(|&at| is_agents(at)).count() as u32,
        errors: spans().filter(|span| span.status == SpanStatus::Error).count() as u32,
        retries: retry_of.iter().flatten().count() as u32,
        usage,
        cost,
        models: most_used(models),
        tools: most_used(spans().filter_map(tool)),
        tags: tags(spans()),
        input_preview,
        output_preview,
        provisional: standing.provisional,
    }
}

/// The root's name; the workflow's where the root is plumbing or has not arrived.
fn name(first: &Span, rooted: bool, workflow: &Text) -> Arc<str> {
    let plumbing = !rooted || matches!(first.kind, StepKind::Chain | StepKind::Other) || first.name.is_empty();
    workflow.clone().filter(|_| plumbing).unwrap_or_else(|| first.name.clone())
}

/// The agent of the root where it has one, else the first agent.
fn top_agent(tree: &Tree, agents: &Agents) -> Text {
    let of_root = tree.root().and_then(|root| agents.names[root].clone());
    of_root.or_else(|| agents.nodes.first().map(|node| node.agent.clone()))
}

/// The root's error; where it says nothing, that of the step that failed first. A run may have recovered from it: its status says so.
fn error(tree: &Tree, root: Option<&Span>) -> (Text, Text) {
    let says =
        |span: &&Span| span.status == SpanStatus::Error && (span.error_type.is_some() || span.error_message.is_some());
    let failed = || tree.nodes.iter().map(|node| &*node.span).filter(says);
    // A failure ends the step it happens in before the steps around it.
    let first = || failed().min_by_key(|span| (span.end, span.start, span.span_id));
    match root.filter(says).or_else(first) {
        Some(span) => (span.error_type.clone(), span.error_message.clone()),
        None => (None, None),
    }
}

/// What was asked and answered: the root's own words, else the first input and the last output of the top agent's model calls, else of any.
fn previews(tree: &Tree, counting: &Counting, agents: &Agents, root: Option<&Span>) -> (Text, Text) {
    let top = tree.root().and_then(|root| agents.node_of[root]).or((!agents.nodes.is_empty()).then_some(0));
    let calls = |under: Option<usize>| {
        let mut calls: Vec<&Span> = (0..tree.nodes.len())
            .filter(|&at| counting.call[at] && (under.is_none() || agents.node_of[at] == under))
            .map(|at| tree.span(at))
            .collect();
        calls.sort_by_key(|span| (span.start, span.span_id));
        calls
    };
    let (mine, any) = (calls(top), calls(None));
    let input = |calls: &[&Span]| calls.iter().find_map(|span| span.input_preview.clone());
    let output = |calls: &[&Span]| calls.iter().rev().find_map(|span| span.output_preview.clone());
    (
        root.and_then(|root| root.input_preview.clone()).or_else(|| input(&mine)).or_else(|| input(&any)),
        root.and_then(|root| root.output_preview.clone()).or_else(|| output(&mine)).or_else(|| output(&any)),
    )
}

fn sums(tree: &Tree, counting: &Counting) -> (Usage, Option<Usd>) {
    let (mut usage, mut cost) = (Usage::default(), None::<Usd>);
    for (at, node) in tree.nodes.iter().enumerate() {
        if counting.counted[at] {
            usage.add(&node.span.usage);
        }
        if let Some(more) = node.span.cost.filter(|_| counting.cost[at]) {
            cost = Some(cost.unwrap_or_default().plus(more));
        }
    }
    (usage, cost)
}

/// Distinct texts, the most frequent first, equals in order of appearance.
fn most_used(texts: impl Iterator<Item = Arc<str>>) -> Vec<Arc<str>> {
    let mut counts: HashMap<Arc<str>, (usize, usize)> = HashMap::new();
    for (at, text) in texts.enumerate().filter(|(_, text)| !text.is_empty()) {
        counts.entry(text).or_insert((0, at)).0 += 1;
    }
    let mut listed: Vec<_> = counts.into_iter().collect();
    listed.sort_unstable_by_key(|&(_, (count, first))| (std::cmp::Reverse(count), first));
    listed.into_iter().take(MAX_LISTED).map(|(text, _)| text).collect()
}

/// Distinct tags in order of appearance.
fn tags<'a>(spans: impl Iterator<Item = &'a Span>) -> Vec<Arc<str>> {
    let mut seen = std::collections::HashSet::new();
    spans.flat_map(|span| &span.tags).filter(|tag| seen.insert(*tag)).take(MAX_TAGS).cloned().collect()
}
