//! CrewAI, under its instrumentations by OpenInference and Traceloop: crews and flows are known by the names of spans, and results are
//! objects whose words stand in `raw`.

use model::{Span, StepKind};
use serde_json::Value as Json;

use crate::intern::intern;
use crate::messages::json_of;
use crate::preview::{PARSE_LIMIT, short};
use crate::reading::Reading;

/// The crew as a workflow, and words instead of objects.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    let name: &str = &reading.raw.name;
    // Traceloop calls the whole crew an agent; it is what its agents work in.
    if name == "crewai.workflow" {
        (span.kind, span.agent) = (StepKind::Chain, None);
    }
    let crew = reading.attribute("crew_id").is_some() || reading.attribute("flow_id").is_some();
    if crew
        && span.workflow.is_none()
        && let Some(named) = name.strip_suffix(".kickoff")
    {
        span.workflow = Some(intern(named));
    }
    let result = object(reading, "output.value");
    let text = |key: &str| result.as_ref()?.get(key)?.as_str();
    if span.output_preview.is_none() {
        span.output_preview = text("raw").and_then(short);
    }
    // An agent's input names the agent itself; its task stands in what it made of it.
    if span.input_preview.is_none() && span.kind == StepKind::Agent && object(reading, "input.value").is_some() {
        let task = reading.attribute_text("formatted_description").or_else(|| text("description"));
        span.input_preview = task.and_then(short);
    }
}

/// An attribute that holds a small JSON object.
fn object(reading: &Reading<'_>, key: &str) -> Option<Json> {
    let value = reading.attribute(key)?;
    let small = value.as_str().is_some_and(|text| text.starts_with('{') && text.len() <= PARSE_LIMIT);
    small.then(|| json_of(value)).filter(Json::is_object)
}
