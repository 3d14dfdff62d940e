//! What kind of work a span did, and how it ended.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:tt),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every value, in the order they are declared.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word used in the API, in storage and in the UI.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ();
            fn from_str(word: &str) -> Result<Self, ()> {
                match word { $($word => Ok(Self::$variant),)+ _ => Err(()) }
            }
        }
    };
}
pub(crate) use words;

words!(
    /// The kind of a step. Every span has one; what no dialect recognises is [`StepKind::Other`].
    StepKind {
        /// An agent at work: its children are the steps it took.
        Agent = "agent",
        /// One call of a language model.
        Llm = "llm",
        /// One execution of a tool or function.
        Tool = "tool",
        /// A search for documents.
        Retriever = "retriever",
        /// A call of an embedding model.
        Embedding = "embedding",
        /// A call that reorders documents.
        Reranker = "reranker",
        /// A check of input or output that may stop the run.
        Guardrail = "guardrail",
        /// Control passing from one agent to another.
        Handoff = "handoff",
        /// Plumbing of a framework around other steps: workflow, task, chain, parser, prompt.
        Chain = "chain",
        /// A judgement of another step.
        Evaluator = "evaluator",
        /// Anything else: HTTP, database, unrecognised.
        Other = "other",
    }
);

words!(
    /// How a span ended, as the dialect understood it (a failed tool may be `ok` for OpenTelemetry).
    SpanStatus {
        /// No error was reported.
        Ok = "ok",
        /// The span failed.
        Error = "error",
        /// The span has started and its end has not been seen.
        Running = "running",
    }
);
