//! The tree of a run: every span once, in pre-order, whatever its parents claim.

use std::sync::Arc;

use model::{Span, SpanId, StepKind};

/// One span in its place.
pub(super) struct Node {
    pub span: Arc<Span>,
    /// Position of the parent; always lower than the node's own.
    pub parent: Option<usize>,
    pub depth: u32,
    /// A parent was named but has not arrived.
    pub orphan: bool,
    /// Nodes of the subtree, this one included: the subtree is `at..at + size`.
    pub size: usize,
}

/// The nodes in pre-order: parents before children, siblings by start, then by id.
pub(super) struct Tree {
    pub nodes: Vec<Node>,
}

impl Tree {
    /// Builds the tree of what [`newest_by_start`] gave; `None` for no spans.
    pub fn build(spans: Vec<Arc<Span>>) -> Option<Self> {
        if spans.is_empty() {
            return None;
        }
        let places = Places::of(&spans);
        let mut parents: Vec<Option<usize>> =
            spans.iter().map(|span| span.parent_span_id.and_then(|id| places.find(id))).collect();
        // Before cycles are cut: a member of one is at the top with a parent that did arrive, and is no orphan.
        let orphans: Vec<bool> = spans
            .iter()
            .zip(&parents)
            .map(|(span, parent)| span.parent_span_id.is_some() && parent.is_none())
            .collect();
        cut_cycles(&mut parents);
        Some(Self { nodes: pre_order(spans, &parents, &orphans) })
    }

    /// Kind of the step at `at`.
    pub fn kind(&self, at: usize) -> StepKind {
        self.nodes[at].span.kind
    }

    /// The span at `at`.
    pub fn span(&self, at: usize) -> &Span {
        &self.nodes[at].span
    }

    /// Positions of the children of `at`, in order.
    pub fn children(&self, at: usize) -> impl Iterator<Item = usize> {
        let end = at + self.nodes[at].size;
        let mut next = at + 1;
        std::iter::from_fn(move || {
            let child = (next < end).then_some(next)?;
            next += self.nodes[child].size;
            Some(child)
        })
    }

    /// Positions of the nodes without a shown parent, in order.
    pub fn tops(&self) -> impl Iterator<Item = usize> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let top = (next < self.nodes.len()).then_some(next)?;
            next += self.nodes[top].size;
            Some(top)
        })
    }

    /// The run's root: the earliest span that names no parent.
    pub fn root(&self) -> Option<usize> {
        self.tops().find(|&top| self.span(top).parent_span_id.is_none())
    }

    /// Whether work below `at` is work of its own and not a part of the model call above `at`: a tool, a sub-agent
    /// or a search may call models, and those calls are not a second telling of the call that asked for it.
    pub fn is_boundary(&self, at: usize) -> bool {
        matches!(self.kind(at), StepKind::Agent | StepKind::Tool | StepKind::Handoff | StepKind::Retriever)
    }
}

/// One span for each id, the newest version of it, ordered by start, then by id.
pub(super) fn newest_by_start(spans: &[Arc<Span>]) -> Vec<Arc<Span>> {
    // What follows the version only makes the choice independent of the order of arrival.
    let newness = |span: &Span| (span.version, span.received, span.end, span.start);
    let mut spans = spans.to_vec();
    spans.sort_unstable_by(|a, b| a.span_id.cmp(&b.span_id).then_with(|| newness(b).cmp(&newness(a))));
    spans.dedup_by_key(|span| span.span_id);
    spans.sort_unstable_by_key(|span| (span.start, span.span_id));
    spans
}

/// Where each span is, by id. Sorted ids rather than a hash table: most runs are small.
struct Places(Vec<(SpanId, usize)>);

impl Places {
    fn of(spans: &[Arc<Span>]) -> Self {
        let mut places: Vec<_> = spans.iter().enumerate().map(|(at, span)| (span.span_id, at)).collect();
        places.sort_unstable();
        Self(places)
    }

    fn find(&self, id: SpanId) -> Option<usize> {
        let place = self.0.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(self.0[place].1)
    }
}

/// Takes the parent from the earliest member of every cycle. `parents` are positions in order of start.
fn cut_cycles(parents: &mut [Option<usize>]) {
    const UNSEEN: usize = usize::MAX;
    // The walk (named by where it began) in which each node was first reached.
    let mut walk = vec![UNSEEN; parents.len()];
    for begin in 0..parents.len() {
        let mut at = begin;
        while walk[at] == UNSEEN {
            walk[at] = begin;
            match parents[at] {
                Some(parent) => at = parent,
                None => break,
            }
        }
        if walk[at] != begin || parents[at].is_none() {
            continue;
        }
        // The walk came back to itself: once around for the earliest member.
        let (mut earliest, mut member) = (at, parents[at]);
        while let Some(next) = member.filter(|&next| next != at) {
            earliest = earliest.min(next);
            member = parents[next];
        }
        parents[earliest] = None;
    }
}

fn pre_order(spans: Vec<Arc<Span>>, parents: &[Option<usize>], orphans: &[bool]) -> Vec<Node> {
    const NONE: usize = usize::MAX;
    let (mut first_child, mut next_sibling) = (vec![NONE; spans.len()], vec![NONE; spans.len()]);
    let mut stack = Vec::new();
    for at in (0..spans.len()).rev() {
        match parents[at] {
            Some(parent) => next_sibling[at] = std::mem::replace(&mut first_child[parent], at),
            None => stack.push((at, None, 0)),
        }
    }
    // Pushed from last to first, so the earliest top comes off first.
    let mut nodes: Vec<Node> = Vec::with_capacity(spans.len());
    while let Some((at, parent, depth)) = stack.pop() {
        let span = spans[at].clone();
        let here = nodes.len();
        nodes.push(Node { span, parent, depth, orphan: orphans[at], size: 1 });
        let from = stack.len();
        let mut child = first_child[at];
        while child != NONE {
            stack.push((child, Some(here), depth + 1));
            child = next_sibling[child];
        }
        stack[from..].reverse();
    }
    for at in (0..nodes.len()).rev() {
        if let Some(parent) = nodes[at].parent {
            nodes[parent].size += nodes[at].size;
        }
    }
    nodes
}
