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

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
    use prost::Message;

    use super::*;

    fn rejected(count: u64, reasons: &[&str]) -> Rejected {
        Rejected { count, reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect() }
    }

    #[test]
    fn a_full_success_is_an_empty_message() {
        assert_eq!(response(Signal::Traces, Encoding::Protobuf, &Rejected::default()), b"");
        assert_eq!(response(Signal::Traces, Encoding::Json, &Rejected::default()), b"{}");
    }

    #[test]
    fn a_partial_success_counts_and_explains() {
        let rejected = rejected(300, &["no id", "no name"]);
        let bytes = response(Signal::Traces, Encoding::Protobuf, &rejected);
        let partial = ExportTraceServiceResponse::decode(bytes.as_slice()).unwrap().partial_success.unwrap();
        assert_eq!((partial.rejected_spans, partial.error_message.as_str()), (300, "no id; no name"));
        let bytes = response(Signal::Logs, Encoding::Protobuf, &rejected);
        let partial = ExportLogsServiceResponse::decode(bytes.as_slice()).unwrap().partial_success.unwrap();
        assert_eq!(partial.rejected_log_records, 300);
        for (signal, expected) in [
            (Signal::Traces, r#"{"partialSuccess":{"errorMessage":"no id; no name","rejectedSpans":"300"}}"#),
            (Signal::Logs, r#"{"partialSuccess":{"errorMessage":"no id; no name","rejectedLogRecords":"300"}}"#),
            (Signal::Metrics, r#"{"partialSuccess":{"errorMessage":"no id; no name","rejectedDataPoints":"300"}}"#),
        ] {
            assert_eq!(String::from_utf8(response(signal, Encoding::Json, &rejected)).unwrap(), expected);
        }
    }

    #[test]
    fn a_warning_is_a_message_with_a_count_of_zero() {
        let bytes = response(Signal::Traces, Encoding::Protobuf, &rejected(0, &["warning: odd"]));
        let partial = ExportTraceServiceResponse::decode(bytes.as_slice()).unwrap().partial_success.unwrap();
        assert_eq!((partial.rejected_spans, partial.error_message.as_str()), (0, "warning: odd"));
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let long = "ä".repeat(MAX_MESSAGE);
        let bytes = response(Signal::Traces, Encoding::Protobuf, &rejected(1, &[&long]));
        let partial = ExportTraceServiceResponse::decode(bytes.as_slice()).unwrap().partial_success.unwrap();
        assert_eq!(partial.error_message.len(), MAX_MESSAGE);
    }

    #[test]
    fn a_status_has_code_and_message() {
        /// `google.rpc.Status`, as its definition has it.
        #[derive(Clone, PartialEq, Message)]
        struct RpcStatus {
            #[prost(int32, tag = "1")]
            code: i32,
            #[prost(string, tag = "2")]
            message: String,
        }
        for code in [0, 3, 16, -1] {
            let decoded = RpcStatus::decode(status(Encoding::Protobuf, code, "too big").as_slice()).unwrap();
            assert_eq!((decoded.code, decoded.message.as_str()), (code, "too big"));
        }
        assert_eq!(status(Encoding::Json, 3, "too big"), br#"{"code":3,"message":"too big"}"#);
    }
}
