//! Which tokens and costs count: each model call once.
//!
//! 1. Tokens count on model and embedding calls only. Where no such call of the run carries any, those of the topmost
//!    other step that does are counted: they are then the only source there is.
//! 2. A call with calls below it that carry tokens of their own is a wrapper: shown, not added. What lies behind a tool, a
//!    sub-agent, a handoff or a search is work of its own and makes no wrapper.
//! 3. Of one call told twice, one telling counts (`duplicates`). A wrapper of a duplicate is still a wrapper; a call with only
//!    its own second telling below it is not.
//! 4. A usage that its dialect knows to be a total counts only where nothing below it tells any: the topmost of those then.
//!
//! The calls of a run are those its tokens come from: a call that failed unanswered is not one of them, nor is one beside others
//! that tell their tokens and itself tells none. Where no call tells any, they are the calls that ended without error: a sender
//! that never tells tokens still shows its calls. One that names them and has lost the number is not such a sender.
//!
//! A cost counts unless the same money is reported nearer to where it was spent: on a call below (for a call), on any step below (for
//! other steps), or on the kept telling of the same call.

use model::{SpanStatus, StepKind, ToldPart, UsageRole};

use super::told;
use super::tree::Tree;

const TOTAL: &str = "it is a total over other steps";
const NOT_A_CALL: &str = "tokens are counted on model and embedding calls only";
const WRAPPER: &str = "it repeats the calls below it, which carry their own tokens";
pub(crate) const TOLD_TWICE: &str = "another span tells the same call";
const TOLD_IN_OTHER_TRACE: &str = "a span of another trace tells the same call";
const COST_BELOW: &str = "its cost is already in the steps below it";

/// What counts, by position.
pub(super) struct Counting {
    /// Its usage is part of the totals.
    pub counted: Vec<bool>,
    /// Why usage it carries is not.
    pub because: Vec<Option<&'static str>>,
    /// A cost of its own is, or would be, part of the totals: no other step tells the same money.
    pub cost: Vec<bool>,
    /// It is a call of a language model that really happened, answered or not: no wrapper, no second telling.
    pub call: Vec<bool>,
    /// It is one of the answered calls, of language and embedding models, that the totals are made of.
    pub answered: Vec<bool>,
    /// It is a call of a tool, and no second telling of the call it lies in.
    pub tool: Vec<bool>,
}

/// Decides for every step.
pub(super) fn count(tree: &Tree, representatives: &[usize]) -> Counting {
    let all = 0..tree.nodes.len();
    let own_tokens =
        |at: usize| is_call(tree, at) && tree.span(at).usage_role == UsageRole::Own && !tree.span(at).usage.is_empty();
    let below = calls_below(tree, representatives, own_tokens);
    let mut because: Vec<Option<&'static str>> = all
        .clone()
        .map(|at| match () {
            () if tree.span(at).usage.is_empty() => None,
            () if tree.span(at).usage_role == UsageRole::Aggregate => Some(TOTAL),
            () if !is_call(tree, at) => Some(NOT_A_CALL),
            () if below[at].any_but(representatives[at]) => Some(WRAPPER),
            () if representatives[at] != at => Some(TOLD_TWICE),
            () if tree.span(at).told_in.is_some() => Some(TOLD_IN_OTHER_TRACE),
            () => None,
        })
        .collect();
    let mut counted: Vec<bool> =
        all.clone().map(|at| !tree.span(at).usage.is_empty() && because[at].is_none()).collect();
    if !counted.contains(&true) && !because.contains(&Some(TOLD_IN_OTHER_TRACE)) {
        count_topmost(tree, NOT_A_CALL, &mut counted, &mut because);
        if !counted.contains(&true) {
            count_topmost(tree, TOTAL, &mut counted, &mut because);
        }
    }
    let told_above = count_only_word(tree, &mut counted, &mut because);

    let cost = costs(tree, representatives);
    for at in all.clone() {
        let span = tree.span(at);
        if span.usage.is_empty() && span.cost.is_some() && !cost[at] {
            because[at] = Some(match () {
                () if representatives[at] != at => TOLD_TWICE,
                () if span.told_in.is_some() => TOLD_IN_OTHER_TRACE,
                () => COST_BELOW,
            });
        }
    }

    let is_llm = |at: usize| tree.kind(at) == StepKind::Llm;
    let happened = |at: usize| representatives[at] == at && tree.span(at).told_in.is_none();
    let below = calls_below(tree, representatives, is_llm);
    let call = all.clone().map(|at| is_llm(at) && happened(at) && !below[at].any_but(at)).collect();
    let answered = if all.clone().any(|at| counted[at] && is_call(tree, at)) {
        all.map(|at| is_call(tree, at) && (counted[at] || told_above[at] && happened(at))).collect()
    } else {
        let below = calls_below(tree, representatives, |at| is_call(tree, at));
        let ended = |at: usize| tree.span(at).status == SpanStatus::Ok && tree.span(at).usage_role != UsageRole::Lost;
        all.map(|at| is_call(tree, at) && ended(at) && happened(at) && !below[at].any_but(at)).collect()
    };
    let tool = (0..tree.nodes.len()).map(|at| is_tool_call(tree, at)).collect();
    Counting { counted, because, cost, call, answered, tool }
}

/// A framework and an instrumentation around it both tell a tool's call (AutoGen under OpenInference): the inner telling, directly
/// below one of the same tool, is no further call. Ids that differ tell of a tool that calls itself.
fn is_tool_call(tree: &Tree, at: usize) -> bool {
    let span = tree.span(at);
    let told = tree.nodes[at].parent.map(|parent| tree.span(parent)).is_some_and(|above| {
        let ids = span.tool_call_id.as_ref().zip(above.tool_call_id.as_ref());
        above.kind == StepKind::Tool
            && span.tool_name.is_some()
            && above.tool_name == span.tool_name
            && ids.is_none_or(|(own, above)| own == above)
    });
    span.kind == StepKind::Tool && !told && !calls_tools(tree, at)
}

/// A step of a workflow whose log records say which tools it called: those are the calls.
fn calls_tools(tree: &Tree, at: usize) -> bool {
    let tells = |at: usize, part: ToldPart| told::is_told(tree.span(at)) && told::part(tree.span(at)) == part;
    let is_call = |below: usize| tree.kind(below) == StepKind::Tool && tells(below, ToldPart::Call);
    tells(at, ToldPart::Start) && tree.children(at).any(is_call)
}

fn is_call(tree: &Tree, at: usize) -> bool {
    matches!(tree.kind(at), StepKind::Llm | StepKind::Embedding)
}

/// No model call carries tokens: count the topmost steps that do, of those that are not counted for one reason.
fn count_topmost(tree: &Tree, reason: &'static str, counted: &mut [bool], because: &mut [Option<&'static str>]) {
    let mut at = 0;
    while at < tree.nodes.len() {
        if because[at] == Some(reason) {
            (counted[at], because[at]) = (true, None);
            at += tree.nodes[at].size;
        } else {
            at += 1;
        }
    }
}

/// Counts the topmost totals over calls of which none tells its own tokens, where others of the run do: nothing else tells what
/// they used. Gives the calls below them.
fn count_only_word(tree: &Tree, counted: &mut [bool], because: &mut [Option<&'static str>]) -> Vec<bool> {
    let count = tree.nodes.len();
    let mut told_above = vec![false; count];
    let silent = |at: usize| {
        let span = tree.span(at);
        is_call(tree, at) && span.usage.is_empty() && span.status == SpanStatus::Ok
    };
    // Whether a step of the subtree tells what it used itself, and whether a call below one tells nothing.
    let (mut speaks, mut asks) = (vec![false; count], vec![false; count]);
    for at in (0..count).rev() {
        speaks[at] |= !tree.span(at).usage.is_empty() && because[at] != Some(TOTAL);
        if let Some(parent) = tree.nodes[at].parent {
            speaks[parent] |= speaks[at];
            asks[parent] |= asks[at] || silent(at);
        }
    }
    let mut at = 0;
    while at < count {
        let after = at + tree.nodes[at].size;
        if counted[at] {
            at = after;
        } else if because[at] == Some(TOTAL) && !is_call(tree, at) && asks[at] && !speaks[at] {
            (counted[at], because[at]) = (true, None);
            (at..after).for_each(|below| told_above[below] = silent(below));
            at = after;
        } else {
            at += 1;
        }
    }
    told_above
}

fn costs(tree: &Tree, representatives: &[usize]) -> Vec<bool> {
    let all = 0..tree.nodes.len();
    let has_cost = |at: usize| tree.span(at).cost.is_some();
    // Of a call told twice: the kept telling where it has a cost, else the first that has one.
    let mut told_by: Vec<Option<usize>> = vec![None; tree.nodes.len()];
    for at in all.clone().filter(|&at| has_cost(at)) {
        let kept = representatives[at];
        if told_by[kept].is_none() || at == kept {
            told_by[kept] = Some(at);
        }
    }
    let mut any_below = vec![false; tree.nodes.len()];
    for at in all.clone().rev() {
        if let Some(parent) = tree.nodes[at].parent {
            any_below[parent] |= any_below[at] || has_cost(at);
        }
    }
    let below = calls_below(tree, representatives, has_cost);
    all.map(|at| {
        let spent_below = if is_call(tree, at) { below[at].any_but(representatives[at]) } else { any_below[at] };
        tree.span(at).told_in.is_none() && told_by[representatives[at]].is_none_or(|by| by == at) && !spent_below
    })
    .collect()
}

/// Up to two different calls: enough to know whether there is any but a given one.
#[derive(Clone, Copy, Default)]
struct Calls([Option<usize>; 2]);

impl Calls {
    fn add(&mut self, call: usize) {
        match self.0 {
            [None, _] => self.0[0] = Some(call),
            [Some(first), None] if first != call => self.0[1] = Some(call),
            _ => {}
        }
    }

    fn any_but(self, call: usize) -> bool {
        self.0.into_iter().flatten().any(|other| other != call)
    }
}

/// For every step the calls strictly below it that carry something, not looking behind boundaries.
fn calls_below(tree: &Tree, representatives: &[usize], carries: impl Fn(usize) -> bool) -> Vec<Calls> {
    let mut below = vec![Calls::default(); tree.nodes.len()];
    for at in (0..tree.nodes.len()).rev() {
        let Some(parent) = tree.nodes[at].parent else { continue };
        if tree.is_boundary(at) {
            continue;
        }
        if carries(at) {
            below[parent].add(representatives[at]);
        }
        for call in below[at].0.into_iter().flatten() {
            below[parent].add(call);
        }
    }
    below
}
