//! From bytes on a wire to [`model::raw`], and back.
//!
//! Reads the OpenTelemetry protocol (OTLP): protobuf and JSON, traces, logs and metrics; log records also as JSON lines
//! ([`decode_lines`]) and as Loki's clients push them ([`decode_loki_json`]); Prometheus' remote write ([`remote_write`]). Text is borrowed from the
//! request wherever its bytes are already the text, so decoding a span costs a walk over its bytes and one vector per list.
//! The crate is pure: no clock, no I/O, no async. Sizes and depths are bounded by the constants in [`limits`].
//!
//! What a client did wrong is never a panic. A request that cannot be read at all is a [`DecodeError`]; an item that
//! cannot be kept is counted in [`Batch::rejected`](model::raw::Batch::rejected) with the reason and costs its neighbours nothing.
//!
//! ```
//! use wire::{Encoding, Signal};
//! let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[
//!     {"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","name":"chat"},
//!     {"traceId":"","spanId":"00f067aa0ba902b7","name":"lost"}]}]}]}"#;
//! let batch = wire::decode(Signal::Traces, Encoding::Json, body)?;
//! assert_eq!(batch.spans[0].items[0].name, "chat");
//! assert_eq!(batch.rejected.count, 1);
//! # Ok::<(), wire::DecodeError>(())
//! ```

mod answer;
mod compression;
mod context;
mod error;
mod export;
mod ids;
mod json;
pub mod limits;
pub mod lines;
mod loki;
mod metric;
mod protobuf;
pub mod remote_write;
mod signal;
mod transcode;

pub use answer::{response, status};
pub use compression::{Compression, DecompressError, UnknownCompression, decompress, unsnap};
pub use error::DecodeError;
pub use export::{SpanPieces, each, export_logs, export_samples, export_spans};
pub use lines::decode_lines;
pub use loki::{decode_loki_json, decode_loki_protobuf};
pub use metric::STALE_NAN_BITS;
pub use protobuf::{SplitFile, sniff_protobuf, split_protobuf_file};
pub use signal::{Encoding, Signal};
pub use transcode::json_to_protobuf;

use model::raw::Batch;

/// Reads one OTLP request of a known signal.
///
/// `body` is the request after decompression (see [`decompress`]). An empty protobuf body and an empty JSON object are
/// valid, empty requests. Unknown fields are ignored.
///
/// # Errors
/// When the request as a whole cannot be read: not protobuf or JSON, too much for [`limits::MAX_DECODED_BYTES`], or
/// holding another signal than the one named. Bad items are no error: they are counted in the batch.
pub fn decode<'a>(signal: Signal, encoding: Encoding, body: &'a [u8]) -> Result<Batch<'a>, DecodeError> {
    match encoding {
        Encoding::Protobuf => protobuf::decode(signal, body),
        Encoding::Json => json::decode(Some(signal), body).map(|(_, batch)| batch),
    }
}

/// Reads one OTLP request whose signal is not known from its address (a base URL without `/v1/traces`, a file).
///
/// JSON says it by its key (`resourceSpans`, `resourceLogs`, `resourceMetrics`); protobuf is told by the shape of its
/// first items (see [`sniff_protobuf`]). An empty request counts as traces.
///
/// # Errors
/// As [`decode`], and [`DecodeError::UnknownSignal`] when nothing tells the signal.
pub fn decode_unknown<'a>(encoding: Encoding, body: &'a [u8]) -> Result<(Signal, Batch<'a>), DecodeError> {
    match encoding {
        Encoding::Json => json::decode(None, body),
        Encoding::Protobuf if body.is_empty() => Ok((Signal::Traces, Batch::default())),
        Encoding::Protobuf => {
            let signal = sniff_protobuf(body).ok_or(DecodeError::UnknownSignal)?;
            Ok((signal, protobuf::decode(signal, body)?))
        }
    }
}

/// Reads one line of an OTLP/JSON lines file: a whole request, whose key says the signal.
///
/// # Errors
/// As [`decode_unknown`].
pub fn decode_json_line<'a>(line: &'a [u8]) -> Result<(Signal, Batch<'a>), DecodeError> {
    decode_unknown(Encoding::Json, line)
}
