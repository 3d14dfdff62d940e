//! What the steps around a model call say of it.
//!
//! Codex CLI names the model, and the time to the first token, on the request around the span that has the tokens; other
//! frameworks name the model on the agent only. A call that says nothing itself takes both from the nearest step above,
//! but never from beyond the agent or tool it works for.

use std::sync::Arc;

use model::{Billing, StepKind};

use super::tree::Tree;
use crate::prices::Prices;

/// Fills model and time to the first token, and the cost that a model now known allows.
pub(super) fn fill(tree: &mut Tree) {
    // For every step the position of the step that names the model for what lies below it.
    let mut names_model: Vec<Option<usize>> = Vec::with_capacity(tree.nodes.len());
    // And of the plumbing that knows when the first token came; the first call below it takes that.
    let mut has_ttft: Vec<Option<usize>> = Vec::with_capacity(tree.nodes.len());
    let mut taken = vec![false; tree.nodes.len()];
    for at in 0..tree.nodes.len() {
        let (span, parent) = (tree.span(at), tree.nodes[at].parent);
        let above = |of: &[Option<usize>]| parent.and_then(|parent| of[parent]);
        let is_plumbing = matches!(span.kind, StepKind::Chain | StepKind::Other);
        let (model_above, ttft_above) = (above(&names_model), above(&has_ttft));
        names_model.push(match span.model {
            Some(_) => Some(at),
            None => model_above.filter(|_| !tree.is_boundary(at)),
        });
        has_ttft.push(match span.ttft_ms {
            Some(_) if is_plumbing => Some(at),
            _ => ttft_above.filter(|_| is_plumbing),
        });
        if span.kind != StepKind::Llm {
            continue;
        }
        let model = model_above.filter(|_| span.model.is_none());
        let ttft = ttft_above.filter(|&above| span.ttft_ms.is_none() && !std::mem::replace(&mut taken[above], true));
        if let Some(above) = model {
            let (name, provider) = (tree.span(above).model.clone(), tree.span(above).provider.clone());
            let call = Arc::make_mut(&mut tree.nodes[at].span);
            call.model = name;
            call.provider = call.provider.take().or(provider);
            Prices::built_in().price(call, &Billing::default());
        }
        if let Some(above) = ttft {
            let ms = tree.span(above).ttft_ms;
            Arc::make_mut(&mut tree.nodes[at].span).ttft_ms = ms;
        }
    }
}
