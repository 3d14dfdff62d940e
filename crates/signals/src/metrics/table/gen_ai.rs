//! OpenTelemetry's own metrics of generative AI, under the names Prometheus gives them: those of the conventions until 1.41 with those
//! of today beside them. They are for clients that send spans alone; for a service that sends one of them itself it is not derived.

use super::super::bounds::{GEN_AI_SECONDS, GEN_AI_TOKENS};
use super::super::family::{Family, Label, Spelling};
use super::super::id::Id;
use super::super::word::Word;
use super::{AGENT_SECONDS, LLM_SECONDS, LLM_SIZES};

use Label::{
    ErrorType, GenAiAgent, GenAiOperation, GenAiProvider, GenAiRequestModel, GenAiResponseModel, GenAiTokenType,
    GenAiTool,
};

/// The families of this file.
pub const GEN_AI: &[Id] =
    &[Id::GenAiTokenUsage, Id::GenAiDuration, Id::GenAiFirstChunk, Id::GenAiInvokeAgent, Id::GenAiExecuteTool];

const USED_BY: &str = "OTel";

pub(super) const TOKEN_USAGE: Family = Family {
    id: Id::GenAiTokenUsage,
    name: "gen_ai_client_token_usage",
    unit: "tokens",
    help: "Tokens of one call, as OpenTelemetry's gen_ai.client.token.usage.",
    source: "every call of a language or embedding model whose usage counts; not for services that send it themselves",
    labels: &[GenAiOperation, GenAiProvider, GenAiRequestModel, GenAiResponseModel, GenAiTokenType],
    words: &[Word::Input, Word::Output],
    buckets: GEN_AI_TOKENS,
    used_by: USED_BY,
    spellings: &[
        Spelling {
            only: &[(GenAiOperation, "chat"), (GenAiTokenType, "input")],
            sum: true,
            ..Spelling::of("gen_ai_client_inference_usage_input_tokens_total", USED_BY)
        },
        Spelling {
            only: &[(GenAiOperation, "chat"), (GenAiTokenType, "output")],
            sum: true,
            ..Spelling::of("gen_ai_client_inference_usage_output_tokens_total", USED_BY)
        },
    ],
    ..LLM_SIZES
};

pub(super) const DURATION: Family = Family {
    id: Id::GenAiDuration,
    name: "gen_ai_client_operation_duration_seconds",
    help: "Length of calls, as OpenTelemetry's gen_ai.client.operation.duration.",
    source: "the calls counted by agent_llm_calls_total that ended, and calls of embedding models; not for services that send it \
             themselves",
    labels: &[GenAiOperation, GenAiProvider, GenAiRequestModel, GenAiResponseModel, ErrorType],
    buckets: GEN_AI_SECONDS,
    used_by: USED_BY,
    spellings: &[
        Spelling {
            only: &[(GenAiOperation, "chat")],
            ..Spelling::of("gen_ai_client_inference_duration_seconds", USED_BY)
        },
        Spelling {
            only: &[(GenAiOperation, "embeddings")],
            ..Spelling::of("gen_ai_client_embeddings_duration_seconds", USED_BY)
        },
    ],
    ..LLM_SECONDS
};

pub(super) const FIRST_CHUNK: Family = Family {
    id: Id::GenAiFirstChunk,
    name: "gen_ai_client_inference_time_to_first_chunk_seconds",
    help: "Time to the first chunk of an answer, as OpenTelemetry's gen_ai.client.inference.time_to_first_chunk.",
    source: "calls whose sender gives it; not for services that send it themselves",
    labels: &[GenAiOperation, GenAiProvider, GenAiRequestModel, GenAiResponseModel],
    buckets: GEN_AI_SECONDS,
    used_by: USED_BY,
    spellings: &[Spelling::of("gen_ai_client_operation_time_to_first_chunk_seconds", USED_BY)],
    ..LLM_SECONDS
};

pub(super) const INVOKE_AGENT: Family = Family {
    id: Id::GenAiInvokeAgent,
    name: "gen_ai_invoke_agent_duration_seconds",
    help: "Length of an agent's work, as OpenTelemetry's gen_ai.invoke_agent.duration.",
    source: "every agent step of a settled run that ended; not for services that send it themselves",
    labels: &[GenAiAgent, ErrorType],
    buckets: GEN_AI_SECONDS,
    used_by: USED_BY,
    ..AGENT_SECONDS
};

pub(super) const EXECUTE_TOOL: Family = Family {
    id: Id::GenAiExecuteTool,
    name: "gen_ai_execute_tool_duration_seconds",
    help: "Length of tool executions, as OpenTelemetry's gen_ai.execute_tool.duration.",
    source: "every tool step of a settled run that ended; not for services that send it themselves",
    labels: &[GenAiTool, GenAiAgent, ErrorType],
    buckets: GEN_AI_SECONDS,
    used_by: USED_BY,
    ..AGENT_SECONDS
};
