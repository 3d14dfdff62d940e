//! One model call told twice.
//!
//! A provider's SDK that instruments itself and an instrumentation around it both report the call, as parent and child or
//! as siblings, with the same response id. Test servers and caches repeat ids, so the two must also overlap in time and agree on tokens.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;

use model::{Span, StepKind, Usage};

use super::times::Times;
use super::tree::Tree;

/// Calls with one response id that a further span is compared with, the latest first. A real id belongs to one call
/// told two or three times; a test server may give thousands of calls the same id, and comparing all pairs would be quadratic.
const COMPARED: usize = 16;

/// Output tokens by which two tellings of one call may differ: 2, or 5 % of the larger. Some instrumentations add the tokens of the first
/// and the last streaming event (24 where the truth is 23).
fn nearly_equal(a: u64, b: u64) -> bool {
    a.abs_diff(b) <= 2.max(a.max(b) / 20)
}

/// Whether two usages can be of the same call. What one side does not say contradicts nothing.
pub(super) fn same_usage(a: &Usage, b: &Usage) -> bool {
    let input = a.input_tokens.zip(b.input_tokens);
    let output = a.output_tokens.zip(b.output_tokens);
    let total = a.total_tokens().zip(b.total_tokens());
    input.is_none_or(|(a, b)| a == b)
        && output.is_none_or(|(a, b)| nearly_equal(a, b))
        && (input.is_some() || output.is_some() || total.is_none_or(|(a, b)| nearly_equal(a, b)))
}

/// Whether two spans of different traces with one response id tell the same model call, and if so which one counts:
/// `Greater` for the first. The answer does not depend on the order but for being turned round.
///
/// The condition is that of one trace, and one of the two must be the provider SDK's own: between traces there is no tree
/// to vouch for the pair, and a test server that gives every call one id would lose calls.
pub fn told_in_two_traces(a: &Span, b: &Span) -> Option<Ordering> {
    let end = |span: &Span| span.end.max(span.start);
    let overlap = a.start.max(b.start) <= end(a).min(end(b));
    let same = a.kind == b.kind && a.response_id.is_some() && a.response_id == b.response_id;
    let preference = |span: &Span| (!span.usage.is_empty(), span.provider_sdk);
    (same && overlap && a.provider_sdk != b.provider_sdk && same_usage(&a.usage, &b.usage))
        .then(|| preference(a).cmp(&preference(b)))
}

/// For every step the position of the span that speaks for its model call: itself, or the telling that is kept of several.
///
/// Kept is the telling with tokens, of those the provider SDK's own, then the innermost, then the earliest.
pub(super) fn representatives(tree: &Tree, times: &Times) -> Vec<usize> {
    let mut representatives: Vec<usize> = (0..tree.nodes.len()).collect();
    let mut by_response: HashMap<(StepKind, &str), Vec<usize>> = HashMap::new();
    for at in 0..tree.nodes.len() {
        let span = tree.span(at);
        if let (StepKind::Llm | StepKind::Embedding, Some(id)) = (span.kind, span.response_id.as_deref()) {
            by_response.entry((span.kind, id)).or_default().push(at);
        }
    }
    for mut told in by_response.into_values().filter(|told| told.len() > 1) {
        told.sort_unstable_by_key(|&at| (tree.span(at).start, tree.span(at).span_id));
        let mut calls: Vec<Vec<usize>> = Vec::new();
        for at in told {
            let same = |call: &&mut Vec<usize>| is_same_call(tree.span(call[0]), tree.span(at), times);
            match calls.iter_mut().rev().take(COMPARED).find(same) {
                Some(call) => call.push(at),
                None => calls.push(vec![at]),
            }
        }
        for call in calls {
            let kept = *call.iter().max_by_key(|&&at| preference(tree, at)).expect("a call has a telling");
            call.iter().for_each(|&at| representatives[at] = kept);
        }
    }
    representatives
}

fn is_same_call(a: &Span, b: &Span, times: &Times) -> bool {
    let ((a_start, a_end), (b_start, b_end)) = (times.interval(a), times.interval(b));
    a_start.max(b_start) <= a_end.min(b_end) && same_usage(&a.usage, &b.usage)
}

fn preference(tree: &Tree, at: usize) -> impl Ord {
    let span = tree.span(at);
    (!span.usage.is_empty(), span.provider_sdk, tree.nodes[at].depth, Reverse((span.start, span.span_id)))
}
