//! What a receiver answers: `Export…ServiceResponse` and `google.rpc.Status`.

use model::raw::Rejected;
use serde_json::json;

use crate::{Encoding, Signal};

/// Bytes of an error message in an answer; clients log it, some of them whole.
const MAX_MESSAGE: usize = 2_000;

/// The body of a 200 answer: an `ExportTraceServiceResponse`, `ExportLogsServiceResponse` or
/// `ExportMetricsServiceResponse`. Empty (`{}` in JSON) when everything was taken; otherwise a partial success with how many
/// items were refused and why. Reasons without refused items are warnings, which OTLP sends with a count of 0.
pub fn response(signal: Signal, encoding: Encoding, rejected: &Rejected) -> Vec<u8> {
    let complete = rejected.count == 0 && rejected.reasons.is_empty();
    let message = rejected.reasons.join("; ");
    let message = shorten(&message);
    match encoding {
        Encoding::Protobuf if complete => Vec::new(),
        Encoding::Protobuf => {
            let mut partial = Vec::new();
            put_number(&mut partial, 1, rejected.count);
            put_bytes(&mut partial, 2, message.as_bytes());
            let mut response = Vec::new();
            put_bytes(&mut response, 1, &partial);
            response
        }
        Encoding::Json if complete => b"{}".to_vec(),
        Encoding::Json => {
            let key = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Logs => "rejectedLogRecords",
                Signal::Metrics => "rejectedDataPoints",
            };
            let count = rejected.count.to_string();
            json!({ "partialSuccess": { key: count, "errorMessage": message } }).to_string().into_bytes()
        }
    }
}

/// A `google.rpc.Status`, the body of every OTLP/HTTP answer that is an error. `code` is a gRPC status code
/// (3 `INVALID_ARGUMENT`, 8 `RESOURCE_EXHAUSTED`, 14 `UNAVAILABLE`, 16 `UNAUTHENTICATED`).
pub fn status(encoding: Encoding, code: i32, message: &str) -> Vec<u8> {
    let message = shorten(message);
    match encoding {
        Encoding::Protobuf => {
            let mut status = Vec::new();
            // int32 is written as a 64-bit number with its sign.
            put_number(&mut status, 1, i64::from(code) as u64);
            put_bytes(&mut status, 2, message.as_bytes());
            status
        }
        Encoding::Json => json!({ "code": code, "message": message }).to_string().into_bytes(),
    }
}

fn shorten(message: &str) -> &str {
    &message[..message.floor_char_boundary(MAX_MESSAGE)]
}

/// Writes a number field; 0 is not written, as proto3 has it.
fn put_number(out: &mut Vec<u8>, field: u8, number: u64) {
    if number != 0 {
        out.push(field << 3);
        put_varint(out, number);
    }
}

/// Writes a text or message field; empty ones are not written.
fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        out.push(field << 3 | 2);
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
