//! Identifiers as OTLP sends them, and what to do with invalid ones.

use model::{IdError, SpanId, TraceId};

use crate::context::Reason;

/// An identifier as sent: bytes in protobuf, hexadecimal in JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Id<'a> {
    Bytes(&'a [u8]),
    Hex(&'a str),
}

impl Default for Id<'_> {
    fn default() -> Self {
        Self::Bytes(&[])
    }
}

impl Id<'_> {
    fn trace(self) -> Result<TraceId, IdError> {
        match self {
            Self::Bytes(bytes) => TraceId::from_slice(bytes),
            Self::Hex(text) => text.parse(),
        }
    }

    fn span(self) -> Result<SpanId, IdError> {
        match self {
            Self::Bytes(bytes) => SpanId::from_slice(bytes),
            Self::Hex(text) => text.parse(),
        }
    }

    fn is_empty(self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Hex(text) => text.is_empty(),
        }
    }

    /// A span's trace id, which must be valid.
    pub fn required_trace(self) -> Result<TraceId, Reason> {
        self.trace().map_err(|error| Reason::Owned(format!("the trace id is invalid: {error}")))
    }

    /// A span's own id, which must be valid.
    pub fn required_span(self) -> Result<SpanId, Reason> {
        self.span().map_err(|error| Reason::Owned(format!("the span id is invalid: {error}")))
    }

    /// A parent id: empty or zero means a root, anything else must be valid.
    pub fn parent(self) -> Result<Option<SpanId>, Reason> {
        if self.is_empty() {
            return Ok(None);
        }
        match self.span() {
            Ok(id) => Ok(Some(id)),
            Err(IdError::Zero) => Ok(None),
            Err(error) => Err(Reason::Owned(format!("the parent span id is invalid: {error}"))),
        }
    }

    /// A trace id on a log record or exemplar: nothing there is worth losing the record for an invalid one.
    pub fn optional_trace(self) -> Option<TraceId> {
        self.trace().ok()
    }

    /// A span id on a log record or exemplar.
    pub fn optional_span(self) -> Option<SpanId> {
        self.span().ok()
    }
}
