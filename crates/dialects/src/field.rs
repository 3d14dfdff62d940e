//! The fields a convention table may fill, by the names the tables use.

/// How the values of a field are checked before they count as present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Text, or a number or truth value written as text.
    Text,
    /// A count of tokens or documents.
    Count,
    /// A number with a fraction.
    Number,
    /// Anything that is not empty.
    Any,
    /// Likewise; JSON text of an empty list or object is empty too.
    Said,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident = $name:literal : $class:ident),+ $(,)?) => {
        /// One field of the vocabulary as tables name it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub(crate) enum Field { $($(#[$doc])* $variant),+ }

        impl Field {
            /// Every field.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];
            /// How many there are.
            pub(crate) const COUNT: usize = Self::ALL.len();

            /// The name used in tables.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// How its values are checked.
            pub(crate) const fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class),+ }
            }

            /// The field of that name.
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|field| field.name() == name)
            }
        }
    };
}

fields! {
    /// Value that the table's `kinds` turn into a step kind.
    Kind = "kind": Any,
    /// Model that answered.
    Model = "model": Text,
    /// Model asked for.
    RequestModel = "request_model": Text,
    /// Who serves the model.
    Provider = "provider": Text,
    /// Id of the provider's response.
    ResponseId = "response_id": Text,
    /// Tokens sent.
    InputTokens = "input_tokens": Count,
    /// Tokens received.
    OutputTokens = "output_tokens": Count,
    /// Tokens read from a prompt cache.
    CacheReadTokens = "cache_read_tokens": Count,
    /// Tokens written to a prompt cache.
    CacheWriteTokens = "cache_write_tokens": Count,
    /// Tokens of hidden reasoning.
    ReasoningTokens = "reasoning_tokens": Count,
    /// Total as reported.
    TotalTokens = "total_tokens": Count,
    /// Part of the cache writes that lives for an hour.
    CacheWrite1hTokens = "cache_write_1h_tokens": Count,
    /// Audio in the input.
    AudioInputTokens = "audio_input_tokens": Count,
    /// Audio in the output.
    AudioOutputTokens = "audio_output_tokens": Count,
    /// How the call was served, in the provider's word.
    ServiceTier = "service_tier": Text,
    /// Budget reservation of the call.
    Reservation = "reservation": Text,
    /// The same six as a sum over other spans.
    AggregateInputTokens = "aggregate_input_tokens": Count,
    AggregateOutputTokens = "aggregate_output_tokens": Count,
    AggregateCacheReadTokens = "aggregate_cache_read_tokens": Count,
    AggregateCacheWriteTokens = "aggregate_cache_write_tokens": Count,
    AggregateReasoningTokens = "aggregate_reasoning_tokens": Count,
    AggregateTotalTokens = "aggregate_total_tokens": Count,
    /// Dollars of the whole call.
    CostTotal = "cost_total": Number,
    /// Dollars of the input.
    CostInput = "cost_input": Number,
    /// Dollars of the output.
    CostOutput = "cost_output": Number,
    /// Time to the first token, milliseconds.
    TtftMs = "ttft_ms": Number,
    /// Time to the first token, seconds.
    TtftSeconds = "ttft_seconds": Number,
    /// Why the model stopped.
    FinishReason = "finish_reason": Any,
    /// Tool that ran.
    ToolName = "tool_name": Text,
    /// Id of the call the model made.
    ToolCallId = "tool_call_id": Text,
    /// Agent at work.
    Agent = "agent": Text,
    /// Version of the agent.
    AgentVersion = "agent_version": Text,
    /// Workflow.
    Workflow = "workflow": Text,
    /// Conversation.
    Session = "session_id": Text,
    /// End user.
    User = "user_id": Text,
    /// Task type.
    QueryType = "query_type": Text,
    /// What the run came to.
    Outcome = "outcome": Text,
    /// Prompt template's name.
    PromptName = "prompt_name": Text,
    /// Prompt template's version.
    PromptVersion = "prompt_version": Text,
    /// Tags: a list, JSON text of a list, or text separated by commas.
    Tags = "tags": Any,
    /// `service.name` (resource).
    Service = "service": Text,
    /// Version of service or agent (resource).
    ServiceVersion = "service_version": Text,
    /// Deployment environment.
    Environment = "environment": Text,
    /// Error class.
    ErrorType = "error_type": Text,
    /// What went wrong.
    ErrorMessage = "error_message": Text,
    /// A word that says how the work ended: the table's `failures` are errors.
    Result = "result": Any,
    /// Messages sent to the model.
    InputMessages = "input_messages": Said,
    /// Messages received.
    OutputMessages = "output_messages": Said,
    /// System prompt apart from the messages.
    System = "system_instructions": Said,
    /// Input that need not be a conversation.
    InputValue = "input_value": Any,
    /// Output that need not be a conversation.
    OutputValue = "output_value": Any,
    /// Arguments of a tool.
    ToolArguments = "tool_arguments": Any,
    /// Result of a tool.
    ToolResult = "tool_result": Any,
    /// Tools offered to the model.
    ToolDefinitions = "tool_definitions": Said,
    /// What a retriever or reranker was asked.
    Query = "query": Any,
    /// What it found: a list of documents.
    Documents = "documents": Any,
    /// How many it found, where only a count is sent.
    DocumentCount = "document_count": Count,
    /// What of which step a log record told, where no span was sent (`told.rs` writes it).
    Told = "told": Text,
}
