//! The numbers of families as a count over the tables: what anybody can ask in SQL to see that a counter is right.
//!
//! Families that are not here have no such query: what they count is decided when a run is resolved (which call of several tellings
//! counts, what a round came to), and no column says it.

use super::id::Id;

/// A number of a family, asked in SQL.
#[derive(Debug, Clone, Copy)]
pub struct InSql {
    /// The family.
    pub family: Id,
    /// Which of its numbers, summed over all labels: empty for a counter, `_count` or `_sum` of a histogram.
    pub part: &'static str,
    /// The query that gives the same number.
    pub query: &'static str,
}

const fn of(family: Id, part: &'static str, query: &'static str) -> InSql {
    InSql { family, part, query }
}

/// Every number that has a query.
pub const IN_SQL: &[InSql] = &[
    of(Id::Requests, "", "SELECT count(*) FROM runs WHERE NOT provisional"),
    of(Id::Started, "", "SELECT count(*) FROM runs WHERE root_span_id IS NOT NULL OR NOT provisional"),
    of(Id::Duration, "_count", "SELECT count(*) FROM runs WHERE NOT provisional AND status <> 'abandoned'"),
    of(
        Id::Duration,
        "_sum",
        "SELECT sum(duration_ms) / 1000 FROM runs WHERE NOT provisional AND status <> 'abandoned'",
    ),
    of(Id::Errors, "", "SELECT count(*) FROM runs WHERE NOT provisional AND status = 'error'"),
    of(Id::StepDuration, "_count", "SELECT count(*) FROM spans WHERE kind <> 'other' AND ended_at IS NOT NULL"),
    of(Id::StepErrors, "", "SELECT count(*) FROM spans WHERE kind <> 'other' AND status = 'error'"),
    of(Id::LlmCalls, "", "SELECT sum(rounds) FROM runs WHERE NOT provisional"),
    of(Id::LlmCallsPerRun, "_sum", "SELECT sum(llm_calls) FROM runs WHERE NOT provisional"),
    of(Id::Tokens, "", "SELECT sum(total_tokens) FROM runs WHERE NOT provisional"),
    of(Id::Cost, "", "SELECT sum(cost_usd) FROM runs WHERE NOT provisional"),
    of(Id::TokensPerRequest, "_sum", "SELECT sum(total_tokens) FROM runs WHERE NOT provisional"),
    of(Id::TokensPerRequest, "_count", "SELECT count(total_tokens) FROM runs WHERE NOT provisional"),
    of(Id::ToolCalls, "", "SELECT sum(tool_calls) FROM runs WHERE root_span_id IS NOT NULL OR NOT provisional"),
    of(Id::ToolCallsPerRun, "_sum", "SELECT sum(tool_calls) FROM runs WHERE NOT provisional"),
    of(Id::ReasoningSteps, "_sum", "SELECT sum(rounds) FROM runs WHERE NOT provisional"),
    of(Id::StepOutcomes, "", "SELECT sum(rounds) FROM runs WHERE NOT provisional"),
    of(Id::Handoffs, "", "SELECT count(*) FROM spans WHERE kind = 'handoff'"),
    of(Id::Guardrails, "", "SELECT count(*) FROM spans WHERE kind = 'guardrail'"),
    of(Id::Retrievals, "", "SELECT sum(retrievals) FROM runs WHERE NOT provisional"),
    of(Id::CostPerRun, "_sum", "SELECT sum(cost_usd) FROM runs WHERE NOT provisional"),
    of(Id::CostPerRun, "_count", "SELECT count(cost_usd) FROM runs WHERE NOT provisional"),
    of(Id::RetriesPerRun, "_sum", "SELECT sum(retries) FROM runs WHERE NOT provisional"),
];
