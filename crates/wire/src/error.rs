//! Why a whole request could not be read.

use crate::Signal;

/// A request that cannot be read at all. The message says what to do; answer it with 400 (gRPC `INVALID_ARGUMENT`),
/// after which clients do not try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not OTLP in protobuf.
    #[error("cannot read the body as OTLP protobuf: {problem} at byte {offset}{hint}")]
    Protobuf {
        /// What is wrong there.
        problem: &'static str,
        /// Where, in bytes from the start of the decompressed body.
        offset: usize,
        /// What the body looks like instead; empty or a text that begins with a separator.
        hint: &'static str,
    },
    /// Not OTLP in JSON.
    #[error("cannot read the body as OTLP JSON: {problem} (line {line}, column {column}){hint}")]
    Json {
        /// What is wrong there.
        problem: String,
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
        /// What the body looks like instead; empty or a text that begins with a separator.
        hint: &'static str,
    },
    /// Not log records in a form that is none of OpenTelemetry's.
    #[error("cannot read the body as {form}: {problem} (line {line}, column {column}){hint}")]
    Records {
        /// What was expected, for example `JSON lines`.
        form: &'static str,
        /// What is wrong there.
        problem: String,
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
        /// What the body looks like instead; empty or a text that begins with a separator.
        hint: &'static str,
    },
    /// The request holds another signal than its address says.
    #[error("the request holds {found} but was sent as {expected}; send {found} to {}", .found.path())]
    WrongSignal {
        /// What the address says.
        expected: Signal,
        /// What the body holds.
        found: Signal,
    },
    /// Nothing says which signal the request holds.
    #[error(
        "cannot tell whether the body holds traces, logs or metrics; send it to /v1/traces, /v1/logs or /v1/metrics"
    )]
    UnknownSignal,
    /// The request would take too much memory.
    #[error("the decoded request needs more than {limit} bytes of memory (MAX_DECODED_BYTES); send smaller batches")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Bytes of a file that are neither one message nor a row of length-prefixed ones.
    #[error(
        "cannot read the file as OTLP protobuf: it is neither one request nor a row of requests with a length before each \
         (4 bytes big-endian as the Collector writes, or a varint)"
    )]
    UnknownFile,
}

/// What `body` looks like, for a hint in an error about reading it as something else.
pub(crate) fn looks_like(body: &[u8]) -> &'static str {
    match body {
        [0x1f, 0x8b, ..] => "; it looks compressed with gzip: set Content-Encoding: gzip",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "; it looks compressed with zstd: set Content-Encoding: zstd",
        [b'<', ..] => "; it looks like HTML or XML",
        _ => match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{' | b'[') => "; it looks like JSON: set Content-Type: application/json",
            _ => "",
        },
    }
}

/// What a body looks like that was sent as JSON.
pub(crate) fn looks_like_other(body: &[u8]) -> &'static str {
    match body {
        // Field 1, a message: how every OTLP request in protobuf begins.
        [0x0a, next, ..] if !next.is_ascii_whitespace() && *next != b'{' => {
            "; it looks like protobuf: set Content-Type: application/x-protobuf"
        }
        _ if looks_like(body).contains("JSON") => "",
        _ => looks_like(body),
    }
}

/// What serde_json says is wrong, without the place that its words end with.
pub(crate) fn problem_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem).to_owned()
}
