//! The one table of families. `docs/metrics.md` is made from it.
//!
//! The guides the names come from: A "Workflow Observability" and E "Production Monitoring and Alerting for AI Agent Systems"
//! (CallSphere), B "Monitoring and Observability for AI Workflows", C the chapter on observability with `agent.run.*` metrics,
//! D the article on four signal layers. Where they use one name with other buckets or labels, a family has all of them.

mod gen_ai;

pub use self::gen_ai::GEN_AI;
use super::bounds::{CALL_BOUNDS, COUNTS, DOLLARS, RUN_BOUNDS, SHARES, STEP_BOUNDS, STEPS, TOKENS, TOOL_BOUNDS, TURNS};
use super::family::{Family, Kind, Label, Layer, Spelling, When};
use super::id::Id;
use super::word::Word;

const NONE: Family = Family {
    id: Id::Requests,
    name: "",
    kind: Kind::Counter,
    unit: "",
    help: "",
    source: "",
    labels: &[],
    words: &[Word::None],
    buckets: &[],
    layer: Layer::Standard,
    when: When::Settled,
    used_by: "",
    spellings: &[],
};

const SECONDS: Family = Family { kind: Kind::Histogram, unit: "seconds", ..NONE };
const LLM: Family = Family { layer: Layer::Llm, ..NONE };
const LLM_SECONDS: Family = Family { layer: Layer::Llm, ..SECONDS };
const LLM_SIZES: Family = Family { kind: Kind::Histogram, ..LLM };
const AGENT: Family = Family { layer: Layer::Agent, ..NONE };
const AGENT_SECONDS: Family = Family { layer: Layer::Agent, ..SECONDS };
const AGENT_SIZES: Family = Family { kind: Kind::Histogram, ..AGENT };
const BUSINESS: Family = Family { layer: Layer::Business, ..NONE };

use Label::{Agent, Direction, ErrorType, Model, Outcome, Provider, Status, Step, TaskType, Tool, Workflow};

const RUN: &[Label] = &[Agent, Workflow];
const CALL: &[Label] = &[Agent, Workflow, Model, Provider];

/// Every family.
pub const FAMILIES: &[Family] = &[
    Family {
        id: Id::Requests,
        name: "agent_requests_total",
        help: "Runs that ended, by how: success, failure, abandoned.",
        source: "every settled run, by its status",
        labels: &[Agent, Workflow, TaskType, Status],
        words: &[Word::Success, Word::Failure, Word::Abandoned],
        used_by: "D",
        spellings: &[
            Spelling { words: &[(Status, "failure", "failed")], ..Spelling::of("agent_workflow_completed_total", "A") },
            Spelling::of("workflow_executions_total", "B"),
            Spelling::of("agent_workflow_completions_total", "E"),
        ],
        ..NONE
    },
    Family {
        id: Id::Started,
        name: "agent_workflow_started_total",
        help: "Runs that started.",
        source: "every run, once its root is known",
        labels: RUN,
        when: When::AtOnce,
        used_by: "A",
        ..NONE
    },
    Family {
        id: Id::Duration,
        name: "agent_workflow_duration_seconds",
        help: "Length of runs.",
        source: "every settled run that ended: from the start of its root to the root's end",
        labels: RUN,
        buckets: RUN_BOUNDS,
        used_by: "A E",
        spellings: &[
            Spelling::of("agent_request_duration_seconds", "D"),
            Spelling::of("workflow_duration_seconds", "B"),
            Spelling { scale: 1_000.0, ..Spelling::of("agent_run_duration_ms", "C") },
        ],
        ..SECONDS
    },
    Family {
        id: Id::Errors,
        name: "agent_errors_total",
        help: "Runs that failed, by error.",
        source: "every settled run that failed: its error class",
        labels: &[Agent, Workflow, ErrorType],
        used_by: "C D",
        ..NONE
    },
    Family {
        id: Id::Active,
        name: "agent_active_workflows",
        kind: Kind::Gauge,
        help: "Runs that are running.",
        source: "runs whose root has not ended and that are not abandoned",
        labels: RUN,
        when: When::Now,
        used_by: "A E",
        spellings: &[Spelling::of("active_workflows", "B")],
        ..NONE
    },
    Family {
        id: Id::LastStep,
        name: "agent_workflow_last_step_timestamp",
        kind: Kind::Gauge,
        unit: "seconds",
        help: "When the running run that has been quiet for longest last began or ended a step, in Unix seconds.",
        source: "running runs only: without any there is no series",
        labels: RUN,
        when: When::Now,
        used_by: "A",
        ..NONE
    },
    Family {
        id: Id::ActiveSessions,
        name: "agent_active_sessions",
        kind: Kind::Gauge,
        help: "Conversations with a run that is running.",
        source: "running runs that name a conversation",
        labels: &[Agent],
        when: When::Now,
        used_by: "D",
        ..NONE
    },
    Family {
        id: Id::StepDuration,
        name: "agent_step_duration_seconds",
        help: "Length of steps of every kind.",
        source: "every step that ended and has a kind",
        labels: &[Workflow, Step, Label::StepType, Label::SpanType],
        buckets: STEP_BOUNDS,
        when: When::AtOnce,
        used_by: "A",
        spellings: &[Spelling::of("step_duration_seconds", "B"), Spelling::of("agent_span_duration_seconds", "E")],
        ..SECONDS
    },
    Family {
        id: Id::StepErrors,
        name: "agent_step_errors_total",
        help: "Steps that failed.",
        source: "every step with an error",
        labels: &[Workflow, Step, ErrorType],
        when: When::AtOnce,
        used_by: "A",
        ..NONE
    },
    Family {
        id: Id::LlmCalls,
        name: "agent_llm_calls_total",
        help: "Calls of language models, failed ones included.",
        source: "every model call that really happened, answered or not: no wrapper, no second telling, no embedding. A call outside \
                 of every agent is counted here and is no round; llm_calls of runs is agent_llm_calls_per_run",
        labels: CALL,
        used_by: "E",
        ..LLM
    },
    Family {
        id: Id::LlmErrors,
        name: "agent_llm_errors_total",
        help: "Calls of language models that failed; labels as agent_llm_calls_total.",
        source: "of the calls counted by agent_llm_calls_total those with an error",
        labels: CALL,
        used_by: "E",
        ..LLM
    },
    Family {
        id: Id::LlmCallsPerRun,
        name: "agent_llm_calls_per_run",
        help: "Answered model calls of a run, embeddings among them: its llm_calls in the API, in SQL and on pages.",
        source: "every settled run",
        labels: RUN,
        buckets: COUNTS,
        ..LLM_SIZES
    },
    Family {
        id: Id::LlmDuration,
        name: "agent_llm_call_duration_seconds",
        help: "Length of calls of language models.",
        source: "the calls counted by agent_llm_calls_total that ended",
        labels: &[Agent, Workflow, Model, Provider, Step],
        buckets: CALL_BOUNDS,
        used_by: "A E",
        spellings: &[
            Spelling::of("agent_model_latency_seconds", "D"),
            Spelling { more: &[("span_type", "generation")], ..Spelling::of("agent_llm_duration_seconds", "E") },
        ],
        ..LLM_SECONDS
    },
    Family {
        id: Id::TimeToFirstToken,
        name: "agent_llm_time_to_first_token_seconds",
        help: "Time to the first token of calls that stream.",
        source: "calls whose sender gives it",
        labels: CALL,
        buckets: CALL_BOUNDS,
        used_by: "E",
        ..LLM_SECONDS
    },
    Family {
        id: Id::Tokens,
        name: "agent_tokens_total",
        unit: "tokens",
        help: "Tokens, input including cached ones, output including reasoning.",
        source: "the usage of every step that counts in its run's totals",
        labels: &[Agent, Workflow, Model, Provider, Direction],
        words: &[Word::Input, Word::Output, Word::Unknown],
        used_by: "C E",
        spellings: &[
            Spelling::of("agent_llm_tokens_total", "A"),
            Spelling::of("agent_tokens_consumed_total", "D"),
            Spelling { only: &[(Direction, "input")], ..Spelling::of("agent_tokens_input_total", "E") },
            Spelling { only: &[(Direction, "output")], ..Spelling::of("agent_tokens_output_total", "E") },
        ],
        ..LLM
    },
    Family {
        id: Id::TokensByClass,
        name: "agent_tokens_by_class_total",
        unit: "tokens",
        help: "The same tokens by what they cost: input, cache_read, cache_write, output, reasoning; each once.",
        source: "as agent_tokens_total; cached tokens are taken off the input, reasoning off the output",
        labels: &[Agent, Workflow, Model, Provider, Label::Class],
        words: &[Word::Input, Word::CacheRead, Word::CacheWrite, Word::Output, Word::Reasoning],
        ..LLM
    },
    Family {
        id: Id::Cost,
        name: "agent_llm_cost_usd_total",
        unit: "dollars",
        help: "Cost in US dollars, reported or computed from dated prices.",
        source: "the cost of every step that counts in its run's total",
        labels: CALL,
        used_by: "A",
        spellings: &[Spelling { more: &[("cost_type", "total")], ..Spelling::of("agent_cost_dollars_total", "E") }],
        ..LLM
    },
    Family {
        id: Id::TokensPerRequest,
        name: "agent_llm_tokens_per_request",
        unit: "tokens",
        help: "Tokens of a run.",
        source: "every settled run that tells tokens",
        labels: RUN,
        buckets: TOKENS,
        used_by: "D",
        ..LLM_SIZES
    },
    Family {
        id: Id::TokensPerStep,
        name: "agent_tokens_per_step",
        unit: "tokens",
        help: "Tokens of one model call.",
        source: "every step whose usage counts in its run's totals",
        labels: &[Agent, Workflow, Model],
        buckets: TOKENS,
        used_by: "D",
        ..LLM_SIZES
    },
    Family {
        id: Id::ContextTokens,
        name: "agent_llm_context_tokens",
        unit: "tokens",
        help: "Tokens sent to the model in the largest call of a run.",
        source: "every settled run: the most input tokens of any of its calls",
        labels: &[Agent, Workflow, Model],
        buckets: TOKENS,
        ..LLM_SIZES
    },
    gen_ai::TOKEN_USAGE,
    gen_ai::DURATION,
    gen_ai::FIRST_CHUNK,
    gen_ai::INVOKE_AGENT,
    gen_ai::EXECUTE_TOOL,
    Family {
        id: Id::ToolCalls,
        name: "agent_tool_calls_total",
        help: "Tool executions that ended, by how: success, failure, timeout.",
        source: "every tool step that ended; a call that a framework and an instrumentation both tell counts once",
        labels: &[Agent, Workflow, Tool, Status],
        words: &[Word::Success, Word::Failure, Word::Timeout],
        when: When::AtOnce,
        used_by: "C D",
        ..AGENT
    },
    Family {
        id: Id::ToolFailures,
        name: "agent_tool_calls_failed_total",
        help: "Tool executions that failed or ran into their time limit.",
        source: "every tool step that ended with an error",
        labels: &[Agent, Workflow, Tool],
        when: When::AtOnce,
        used_by: "D",
        spellings: &[Spelling::of("agent_tool_errors_total", "E")],
        ..AGENT
    },
    Family {
        id: Id::ToolDuration,
        name: "agent_tool_duration_seconds",
        help: "Length of tool executions.",
        source: "every tool step that ended",
        labels: &[Agent, Workflow, Tool],
        buckets: TOOL_BOUNDS,
        when: When::AtOnce,
        used_by: "E",
        ..AGENT_SECONDS
    },
    Family {
        id: Id::ToolCallsPerRun,
        name: "agent_tool_calls_per_run",
        help: "Tool executions of a run.",
        source: "every settled run",
        labels: RUN,
        buckets: COUNTS,
        used_by: "D",
        ..AGENT_SIZES
    },
    Family {
        id: Id::ReasoningSteps,
        name: "agent_reasoning_steps",
        help: "Rounds of a run: model calls in its agents' loops.",
        source: "every settled run",
        labels: RUN,
        buckets: STEPS,
        used_by: "D",
        spellings: &[Spelling::of("agent_run_steps", "C")],
        ..AGENT_SIZES
    },
    Family {
        id: Id::StepOutcomes,
        name: "agent_step_outcomes_total",
        help: "Rounds by outcome: completed, tool_call_failed, hallucination, recovery, max_steps, safety_blocked.",
        source: "every model call of a settled run: blocked by its provider, found to hallucinate, the last before the step \
                 limit, its tools failed, it (or one of its tools) repeats a failed step, else completed",
        labels: &[Agent, Outcome],
        words: &[
            Word::Completed,
            Word::ToolCallFailed,
            Word::Hallucination,
            Word::Recovery,
            Word::MaxSteps,
            Word::SafetyBlocked,
        ],
        used_by: "D",
        ..AGENT
    },
    Family {
        id: Id::Recoveries,
        name: "agent_recovery_attempts_total",
        help: "Attempts to recover from a failed step: retry of the same, fallback to another model.",
        source: "every step that repeats a failed sibling; a model call with another model after one that failed is a fallback",
        labels: &[Agent, Label::Strategy],
        words: &[Word::Retry, Word::Fallback],
        used_by: "D",
        ..AGENT
    },
    Family {
        id: Id::Handoffs,
        name: "agent_handoffs_total",
        help: "Times control passed from one agent to another.",
        source: "every handoff step",
        labels: RUN,
        used_by: "E",
        ..AGENT
    },
    Family {
        id: Id::Guardrails,
        name: "agent_guardrail_checks_total",
        help: "Checks by guardrails: passed, or triggered.",
        source: "every guardrail step; one that failed, or whose outcome says so, was triggered",
        labels: &[Agent, Label::Guardrail, Outcome],
        words: &[Word::Passed, Word::Triggered],
        used_by: "E",
        ..AGENT
    },
    Family {
        id: Id::Hallucinations,
        name: "agent_hallucination_total",
        help: "Hallucinations that an evaluator or a person found.",
        source: "every score whose name says hallucination, faithfulness or groundedness and whose value says there is one",
        labels: &[Agent, Label::HallucinationType],
        used_by: "D",
        ..AGENT
    },
    Family {
        id: Id::Retrievals,
        name: "agent_retrievals_total",
        help: "Searches for documents: hit, empty, or unknown where their number is not told.",
        source: "every retriever step",
        labels: &[Agent, Workflow, Outcome],
        words: &[Word::Hit, Word::Empty, Word::Unknown],
        used_by: "C",
        ..AGENT
    },
    Family {
        id: Id::CostPerRun,
        name: "agent_run_cost_usd",
        kind: Kind::Histogram,
        unit: "dollars",
        help: "Cost of a run.",
        source: "every settled run with a cost",
        labels: RUN,
        buckets: DOLLARS,
        used_by: "C E",
        ..BUSINESS
    },
    Family {
        id: Id::Feedback,
        name: "agent_user_feedback_total",
        help: "What users said of runs: positive, negative, neutral.",
        source: "every score that a user gave, or that is named feedback, thumbs or rating",
        labels: &[Agent, Label::Sentiment],
        words: &[Word::Positive, Word::Negative, Word::Neutral],
        used_by: "C D",
        ..BUSINESS
    },
    Family {
        id: Id::RetriesPerRun,
        name: "agent_retries_per_run",
        help: "Steps of a run that repeat a failed one.",
        source: "every settled run",
        labels: RUN,
        buckets: COUNTS,
        used_by: "A E",
        ..AGENT_SIZES
    },
    Family {
        id: Id::ParseFailures,
        name: "agent_parse_failures_total",
        help: "Answers that could not be read as the structure that was asked for; labels as agent_llm_calls_total.",
        source: "every model call or chain whose error is one of parsing or validating its output (OutputParserException, \
                 ValidationError, JSONDecodeError, NoObjectGenerated and the like)",
        labels: CALL,
        used_by: "C",
        ..LLM
    },
    Family {
        id: Id::Approvals,
        name: "agent_approvals_total",
        help: "Approvals that agents asked for: granted, denied, timeout.",
        source: "every step or score whose name says approval; a step that failed was denied, or ran into its time limit",
        labels: &[Agent, Outcome],
        words: &[Word::Granted, Word::Denied, Word::Timeout],
        used_by: "D",
        ..AGENT
    },
    Family {
        id: Id::ContextShare,
        name: "agent_llm_context_share",
        help: "How full the model's context window was in the fullest call of a run, of 1.",
        source: "every settled run with a call of a model whose window is known: input tokens of the call by tokens of the window",
        labels: &[Agent, Workflow, Model],
        buckets: SHARES,
        ..LLM_SIZES
    },
    Family {
        id: Id::ConversationTurns,
        name: "agent_conversation_turns",
        kind: Kind::Histogram,
        help: "Length of conversations: runs from the first to the last.",
        source: "every conversation (session id) once nothing was heard of it for 30 minutes; one that goes on later is another",
        labels: &[Agent],
        buckets: TURNS,
        ..BUSINESS
    },
    Family {
        id: Id::Loops,
        name: "agent_loops_total",
        help: "Loops that detectors saw: the same calls, the same answers, the same handoffs again and again.",
        source: "every finding of the detectors loop, duplicate_call, handoff_ping_pong and retry_storm",
        labels: &[Agent, Workflow, Label::Detector],
        ..AGENT
    },
];
