//! Words of ours that are values of labels.

macro_rules! words {
    ($($variant:ident = $word:literal),+ $(,)?) => {
        /// A word that tells the series of a family apart, beside the texts of senders.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is its own text")]
        pub enum Word { $($variant),+ }

        impl Word {
            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words!(
    None = "",
    Unknown = "unknown",
    Success = "success",
    Failure = "failure",
    Abandoned = "abandoned",
    Timeout = "timeout",
    Input = "input",
    Output = "output",
    CacheRead = "cache_read",
    CacheWrite = "cache_write",
    Reasoning = "reasoning",
    Completed = "completed",
    ToolCallFailed = "tool_call_failed",
    Hallucination = "hallucination",
    Recovery = "recovery",
    MaxSteps = "max_steps",
    SafetyBlocked = "safety_blocked",
    Retry = "retry",
    Fallback = "fallback",
    Passed = "passed",
    Triggered = "triggered",
    Hit = "hit",
    Empty = "empty",
    Granted = "granted",
    Denied = "denied",
    Positive = "positive",
    Negative = "negative",
    Neutral = "neutral",
);
