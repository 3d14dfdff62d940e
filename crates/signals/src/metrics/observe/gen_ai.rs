//! What a step gives to OpenTelemetry's own metrics.

use std::sync::Arc;

use model::{ResolvedStep, StepKind};

use super::{About, UNKNOWN, directions, error_type, failed, seconds, tool};
use crate::metrics::Id;

pub(super) fn gen_ai<'a>(
    about: &About<'a>,
    step: &'a ResolvedStep,
    at: usize,
    out: &mut impl FnMut(Id, &[&'a str], f64, Option<usize>),
) {
    let (span, some) = (&*step.span, Some(at));
    let error = if failed(step) { error_type(span.error_type.as_deref()) } else { "" };
    let operation = match span.kind {
        StepKind::Llm => "chat",
        StepKind::Embedding => "embeddings",
        StepKind::Agent => {
            if let Some(seconds) = seconds(step) {
                out(Id::GenAiInvokeAgent, &[about.agent_of(step), error], seconds, some);
            }
            return;
        }
        StepKind::Tool => {
            if let Some(seconds) = seconds(step).filter(|_| step.tool_call) {
                out(Id::GenAiExecuteTool, &[tool(step), about.agent_of(step), error], seconds, some);
            }
            return;
        }
        _ => return,
    };
    let text = |text: &'a Option<Arc<str>>| text.as_deref().unwrap_or(UNKNOWN);
    let (provider, model) = (text(&span.provider), text(&span.model));
    let asked = span.request_model.as_deref().unwrap_or(model);
    let labels = |last| [operation, provider, asked, model, last];
    if step.counted {
        for (direction, tokens) in directions(&span.usage).filter(|(direction, _)| *direction != UNKNOWN) {
            out(Id::GenAiTokenUsage, &labels(direction), tokens as f64, some);
        }
    }
    if let Some(seconds) = seconds(step).filter(|_| step.call || span.kind == StepKind::Embedding) {
        out(Id::GenAiDuration, &labels(error), seconds, some);
    }
    if let Some(millis) = span.ttft_ms.filter(|_| step.call) {
        out(Id::GenAiFirstChunk, &labels("")[..4], millis / 1e3, some);
    }
}
