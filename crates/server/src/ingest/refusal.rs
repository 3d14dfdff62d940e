//! Why a request was not kept, and how each protocol says so.

use std::time::Duration;

use axum::http::StatusCode;
use tonic::Code;

use crate::limits::LimitName;

/// A request that was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is larger than the limit, before or after decompression. Sending it again cannot help.
    #[error("the request is larger than {limit} bytes (limit `max_body_bytes`); send smaller batches")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// It names no key, or one that is not known.
    #[error("{0}")]
    Unauthorized(String),
    /// Its key is known and may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// Its content type or compression is not supported.
    #[error("{0}")]
    Unsupported(String),
    /// It cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// The sender stopped half way.
    #[error("the request ended before its body did: {0}")]
    Aborted(String),
    /// The sender sent nothing for too long in the middle of it.
    #[error("the request ended before its body did: nothing came for {seconds} seconds (limit stalled)")]
    Stalled {
        /// How long that may be.
        seconds: u64,
    },
    /// A limit is reached; the same request will be taken later.
    #[error("Tawny is busy: the limit `{limit}` is reached; send again later")]
    Busy {
        /// Which one.
        limit: LimitName,
        /// When to try again.
        retry_after: Duration,
    },
    /// The server is starting or stopping, or not the one to send to any more.
    #[error("Tawny is {state}; send again later")]
    NotReady {
        /// `replaying` or `stopping`, or that the bucket was taken over.
        state: &'static str,
    },
    /// The log could not be written.
    #[error("the request could not be kept: {0}; send again later")]
    NotKept(String),
    /// What it asks for is more than is answered at once.
    #[error("{detail}")]
    TooMuch {
        /// The limit.
        limit: LimitName,
        /// What is too much, and what to do.
        detail: String,
    },
    /// A fault of the server in reading this request; sending it again would meet the same fault.
    #[error("the request met a fault in Tawny itself and was not kept")]
    Fault,
}

/// When a sender should try again where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Refusal {
    /// Another process has the bucket now: what this one keeps nobody would find.
    pub const TAKEN_OVER: Self = Self::NotReady { state: "no longer the server of its bucket" };

    /// The reason in a word, for counting.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Unauthorized(_) => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::Unsupported(_) => "unsupported",
            Self::Malformed(_) => "malformed",
            Self::Aborted(_) | Self::Stalled { .. } => "aborted",
            Self::Busy { .. } => "busy",
            Self::NotReady { .. } => "not_ready",
            Self::NotKept(_) => "not_kept",
            Self::TooMuch { .. } => "too_much",
            Self::Fault => "fault",
        }
    }

    /// The HTTP status OTLP asks for. Clients retry 429, 502, 503 and 504, and nothing else.
    pub fn http_status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Malformed(_) | Self::Aborted(_) | Self::Stalled { .. } => StatusCode::BAD_REQUEST,
            Self::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::NotReady { .. } | Self::NotKept(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooMuch { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The gRPC code OTLP asks for. RESOURCE_EXHAUSTED without `RetryInfo` means "do not retry".
    pub fn grpc_code(&self) -> Code {
        match self {
            Self::TooLarge { .. } | Self::TooMuch { .. } => Code::ResourceExhausted,
            Self::Unauthorized(_) => Code::Unauthenticated,
            Self::Forbidden(_) => Code::PermissionDenied,
            Self::Unsupported(_) => Code::Unimplemented,
            Self::Malformed(_) | Self::Aborted(_) | Self::Stalled { .. } => Code::InvalidArgument,
            Self::Busy { .. } | Self::NotReady { .. } | Self::NotKept(_) => Code::Unavailable,
            Self::Fault => Code::Internal,
        }
    }

    /// When to send again; `None` where that would not help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => Some(*retry_after),
            Self::NotReady { .. } | Self::NotKept(_) => Some(RETRY_AFTER),
            _ => None,
        }
    }

    /// The limit that was reached, if that is the reason.
    pub fn limit(&self) -> Option<LimitName> {
        match self {
            Self::TooLarge { .. } => Some(LimitName::MaxBodyBytes),
            Self::Stalled { .. } => Some(LimitName::Stalled),
            Self::Busy { limit, .. } | Self::TooMuch { limit, .. } => Some(*limit),
            _ => None,
        }
    }
}
