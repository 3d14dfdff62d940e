//! What a telling adds to what is known of a step.

use model::{CostSource, Span, SpanStatus, StepKind};

/// Fills what `into` leaves open from another telling of the same step. What is known stays, but for a failure that only the
/// other reports, reasoning that the counted output leaves out, and a cost that is better known.
pub(in crate::runs) fn take(into: &mut Span, from: &Span) {
    macro_rules! fill {
        ($($field:ident),+) => { $(if into.$field.is_none() { into.$field.clone_from(&from.$field); })+ };
    }
    if from.status == SpanStatus::Error {
        if into.status != SpanStatus::Error {
            into.status = SpanStatus::Error;
            (into.error_type, into.error_message) = (None, None);
        }
        fill!(error_type, error_message);
    }
    fill!(
        service,
        agent,
        agent_version,
        workflow,
        session_id,
        user_id,
        query_type,
        outcome,
        request_model,
        provider,
        response_id,
        ttft_ms,
        finish_reason,
        tool_name,
        tool_call_id,
        documents,
        prompt_name,
        prompt_version,
        input_preview,
        output_preview,
        model
    );
    if matches!(into.kind, StepKind::Other | StepKind::Chain) && from.kind != StepKind::Other {
        into.kind = from.kind;
    }
    if into.requested_tool_calls.is_empty() {
        into.requested_tool_calls.clone_from(&from.requested_tool_calls);
    }
    if into.tags.is_empty() {
        into.tags.clone_from(&from.tags);
    }
    let changed = usage(into, from);
    let reported = |span: &Span| span.cost_source == Some(CostSource::Reported);
    if from.cost.is_some() && (into.cost.is_none() || !reported(into) && (changed || reported(from))) {
        (into.cost, into.cost_source) = (from.cost, from.cost_source);
    }
}

/// Fills token counts; whether one that was known has changed, or all are new.
fn usage(into: &mut Span, from: &Span) -> bool {
    let (mine, theirs) = (&mut into.usage, &from.usage);
    if mine.is_empty() {
        *mine = *theirs;
        into.usage_role = from.usage_role;
        return !theirs.is_empty();
    }
    // Gemini CLI's spans leave out the thoughts that its log records count.
    let hidden = theirs.reasoning_tokens.filter(|_| mine.reasoning_tokens.is_none()).unwrap_or(0);
    let changed = hidden > 0 && mine.output_tokens.map(|output| output + hidden) == theirs.output_tokens;
    if changed {
        (mine.output_tokens, mine.reported_total) =
            (theirs.output_tokens, theirs.reported_total.or(mine.reported_total));
    }
    for (mine, theirs) in [
        (&mut mine.input_tokens, theirs.input_tokens),
        (&mut mine.output_tokens, theirs.output_tokens),
        (&mut mine.cache_read_tokens, theirs.cache_read_tokens),
        (&mut mine.cache_write_tokens, theirs.cache_write_tokens),
        (&mut mine.reasoning_tokens, theirs.reasoning_tokens),
    ] {
        *mine = mine.or(theirs);
    }
    changed
}
