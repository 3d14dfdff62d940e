//! LiteLLM: details of usage are a Python dictionary as text; who serves the model is the first part of its name.

use model::{Span, StepKind, UsageRole};

use crate::intern::intern;
use crate::messages::{json_of, python};
use crate::normalise;
use crate::reading::Reading;
use crate::usage;

/// Classes of usage, and the provider.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    if !matches!(span.kind, StepKind::Llm | StepKind::Embedding | StepKind::Reranker) {
        return;
    }
    if let Some(value) = reading.attribute("metadata.usage_object") {
        let object = value.as_str().and_then(python::literal).unwrap_or_else(|| json_of(value));
        if let Some(found) = usage::read(&object) {
            usage::complete(&mut span.usage, &found);
            span.usage_role = UsageRole::Own;
        }
    }
    if span.provider.is_none()
        && let Some((provider, _)) =
            reading.attribute_text("litellm.provider.model").and_then(|name| name.split_once('/'))
    {
        span.provider = Some(intern(&normalise::provider(provider)));
    }
}
