//! The families by name in code.

use super::family::Family;
use super::table::FAMILIES;

/// The families, in the order of [`FAMILIES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is described by its row in the table")]
pub enum Id {
    Requests,
    Started,
    Duration,
    Errors,
    Active,
    LastStep,
    ActiveSessions,
    StepDuration,
    StepErrors,
    LlmCalls,
    LlmErrors,
    LlmCallsPerRun,
    LlmDuration,
    TimeToFirstToken,
    Tokens,
    TokensByClass,
    Cost,
    TokensPerRequest,
    TokensPerStep,
    ContextTokens,
    GenAiTokenUsage,
    GenAiDuration,
    GenAiFirstChunk,
    GenAiInvokeAgent,
    GenAiExecuteTool,
    ToolCalls,
    ToolFailures,
    ToolDuration,
    ToolCallsPerRun,
    ReasoningSteps,
    StepOutcomes,
    Recoveries,
    Handoffs,
    Guardrails,
    Hallucinations,
    Retrievals,
    CostPerRun,
    Feedback,
    RetriesPerRun,
    ParseFailures,
    Approvals,
    ContextShare,
    ConversationTurns,
    Loops,
}

impl Id {
    /// The row of the table.
    pub const fn family(self) -> &'static Family {
        &FAMILIES[self as usize]
    }
}
