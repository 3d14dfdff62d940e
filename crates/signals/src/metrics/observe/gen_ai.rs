//! What a step gives to OpenTelemetry's own metrics.

use model::{ResolvedStep, StepKind};

use super::{About, Observer, directions, seconds};
use crate::metrics::Id;
use crate::metrics::word::Word;

pub(super) fn gen_ai(about: About, step: &ResolvedStep, to: &mut impl Observer) {
    let (span, seconds) = (&*step.span, seconds(step));
    match (span.kind, seconds) {
        (StepKind::Llm | StepKind::Embedding, _) => {}
        (StepKind::Agent, Some(seconds)) => return to.take(about, Id::GenAiInvokeAgent, Word::None, seconds),
        (StepKind::Tool, Some(seconds)) if step.tool_call => {
            return to.take(about, Id::GenAiExecuteTool, Word::None, seconds);
        }
        _ => return,
    }
    if step.counted {
        for (direction, tokens) in directions(&span.usage).filter(|(direction, _)| *direction != Word::Unknown) {
            to.take(about, Id::GenAiTokenUsage, direction, tokens as f64);
        }
    }
    if let Some(seconds) = seconds.filter(|_| step.call || span.kind == StepKind::Embedding) {
        to.take(about, Id::GenAiDuration, Word::None, seconds);
    }
    if let Some(millis) = span.ttft_ms.filter(|_| step.call) {
        to.take(about, Id::GenAiFirstChunk, Word::None, millis / 1e3);
    }
}
