//! That spans of two traces belong to one run, as one of them, or a third, bears witness.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{SpanId, Told, ToldPart, TraceId};

crate::kind::words!(
    /// What the trace that holds a [`Join`] is to the other.
    Relation {
        /// The other called this one: a span of this lies below one of the other.
        Child = "child",
        /// This one called the other.
        Parent = "parent",
        /// Log records tell in this one what spans tell in the other.
        Told = "told",
        /// Spans tell in this one what log records tell in the other.
        Sent = "sent",
        /// Both are parts of one run, neither below the other.
        Same = "same",
        /// The other is where the two sides of a call meet; this one called.
        Calls = "calls",
        /// The other called, and this is where it meets its callee.
        Caller = "caller",
        /// The other is where the two sides of a call meet; this one was called.
        Answers = "answers",
        /// The other was called, and this is where it meets its caller.
        Callee = "callee",
    }
);

crate::kind::words!(
    /// What makes a join certain.
    JoinReason {
        /// The consumer of a message links to the one span that sent it, or its sender to the one that made it.
        Link = "link",
        /// The first span names its parent in an attribute.
        ParentId = "parent_id",
        /// Both sides give the same MCP session and request.
        Mcp = "mcp",
        /// Both sides of a tool call give its id and the same conversation.
        ToolCall = "tool_call",
        /// Both name the same prompt of the same session.
        Prompt = "prompt",
        /// Log records and spans name the same execution.
        Execution = "execution",
        /// Log records and spans name the same conversation.
        Conversation = "conversation",
    }
);

impl JoinReason {
    /// The reason in a sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Link => "its first span handles a message, and links to the one span it is from",
            Self::ParentId => "its first span names its parent in an attribute",
            Self::Mcp => "both sides give the same MCP session and request",
            Self::ToolCall => "both sides of a tool call give its id and the same conversation",
            Self::Prompt => "both name the same prompt of the same session",
            Self::Execution => "log records and spans name the same execution",
            Self::Conversation => "log records and spans name the same conversation",
        }
    }
}

/// One witness, kept as a row of its own among the spans of the trace that holds it: so it is found with the trace, replayed,
/// moved and forgotten like any span. [`Span::told`](crate::Span::told) of such a row holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Join {
    /// What the holder is to the other.
    pub relation: Relation,
    /// The other trace.
    pub other: TraceId,
    /// The span that called, where one did.
    pub caller: Option<SpanId>,
    /// The span that was called, where one was.
    pub callee: Option<SpanId>,
    /// What makes it certain.
    pub reason: JoinReason,
}

impl Join {
    /// The same witness as the other trace holds it, `holder` being this one.
    pub fn turned(self, holder: TraceId) -> Self {
        let relation = match self.relation {
            Relation::Child => Relation::Parent,
            Relation::Parent => Relation::Child,
            Relation::Told => Relation::Sent,
            Relation::Sent => Relation::Told,
            Relation::Same => Relation::Same,
            Relation::Calls => Relation::Caller,
            Relation::Caller => Relation::Calls,
            Relation::Answers => Relation::Callee,
            Relation::Callee => Relation::Answers,
        };
        Self { relation, other: holder, ..self }
    }

    /// Reads what [`Span::told`](crate::Span::told) holds; `None` where it is no join.
    pub fn parse(text: &str) -> Option<Self> {
        let told = Told::parse(text).filter(|told| told.part == ToldPart::Join)?;
        let mut parts = told.step.split('/');
        let mut next = || parts.next();
        let span = |text: &str| text.parse().ok();
        Some(Self {
            relation: next()?.parse().ok()?,
            other: next()?.parse().ok()?,
            caller: span(next()?),
            callee: span(next()?),
            reason: next()?.parse().ok()?,
        })
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = |id: Option<SpanId>| id.map_or("-".to_owned(), |id| id.to_string());
        let (caller, callee) = (id(self.caller), id(self.callee));
        write!(f, "{}:{}/{}/{caller}/{callee}/{}", ToldPart::Join, self.relation, self.other, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_is_read_back_as_written_from_either_side() {
        let (here, there) = (TraceId::from_array([1; 16]), TraceId::from_array([2; 16]));
        for relation in Relation::ALL {
            let caller = Some(SpanId::from_array([3; 8]));
            let join = Join { relation: *relation, other: there, caller, callee: None, reason: JoinReason::Link };
            assert_eq!(Join::parse(&join.to_string()), Some(join));
            assert_eq!(join.turned(here).turned(there), join);
        }
        assert_eq!(Join::parse("end:fetch"), None);
        assert_eq!(Join::parse("join:child/x"), None);
    }
}
