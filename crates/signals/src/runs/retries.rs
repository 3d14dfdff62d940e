//! Steps that repeat a failed sibling.

use std::collections::HashMap;

use model::{SpanId, SpanStatus, StepKind};

use super::tree::Tree;

/// For every step the failed sibling it repeats.
///
/// A step repeats the step before it of the same parent, kind and name (a tool's own name where it has one) when that one failed and had
/// ended. Arguments are not compared: a model that calls the failed tool again with better arguments is retrying. Siblings may share a parent
/// that never arrived. Second tellings of a call repeat nothing.
pub(super) fn retry_of(tree: &Tree, representatives: &[usize]) -> Vec<Option<usize>> {
    let mut last: HashMap<(Option<SpanId>, StepKind, &str), usize> = HashMap::new();
    let mut retry_of = vec![None; tree.nodes.len()];
    if tree.nodes.iter().all(|node| node.span.status != SpanStatus::Error) {
        return retry_of;
    }
    // Pre-order visits siblings by start.
    for at in (0..tree.nodes.len()).filter(|&at| representatives[at] == at) {
        let span = tree.span(at);
        let name = span.tool_name.as_deref().filter(|_| span.kind == StepKind::Tool).unwrap_or(&span.name);
        if let Some(earlier) = last.insert((span.parent_span_id, span.kind, name), at) {
            let before = tree.span(earlier);
            if before.status == SpanStatus::Error && !before.end.is_unset() && span.start >= before.end {
                retry_of[at] = Some(earlier);
            }
        }
    }
    retry_of
}
