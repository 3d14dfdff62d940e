//! OTLP over gRPC.

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message;
use server::Limits;
use tonic::Code;
use tonic::codec::CompressionEncoding;

use crate::support::{LOGS_EXPORT, METRICS_EXPORT, Server, TRACE_EXPORT, agent_run, request, span, trace_id};

#[test]
fn a_run_arrives_plain_and_compressed() {
    let server = Server::start();
    for (trace, compression) in [(1, None), (2, Some(CompressionEncoding::Gzip)), (3, Some(CompressionEncoding::Zstd))]
    {
        let answer = server.grpc(TRACE_EXPORT, compression, &agent_run(trace)).unwrap();
        assert!(answer.is_empty(), "full success is an empty message");
        let run = server.get(&format!("/api/v1/runs/{}?content=none", trace_id(trace))).ok().json();
        assert_eq!(run["run"]["usage"]["total_tokens"], 300);
    }
    server.grpc(LOGS_EXPORT, None, b"").unwrap();
    server.grpc(METRICS_EXPORT, None, b"").unwrap();
}

#[test]
fn refused_spans_are_told_with_count_and_reason() {
    let server = Server::start();
    let mut bad = span(1, 2, 0, "bad", vec![]);
    bad.trace_id = vec![0; 16];
    let answer = server.grpc(TRACE_EXPORT, None, &request("s", vec![span(1, 1, 0, "good", vec![]), bad])).unwrap();
    let ExportTraceServiceResponse { partial_success } = ExportTraceServiceResponse::decode(answer).unwrap();
    let ExportTracePartialSuccess { rejected_spans, error_message } = partial_success.unwrap();
    assert_eq!(rejected_spans, 1);
    assert!(!error_message.is_empty());
}

#[test]
fn what_cannot_be_read_is_an_invalid_argument() {
    let server = Server::start();
    let status = server.grpc(TRACE_EXPORT, None, b"\xff\xff\xff").unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("protobuf"), "{status}");
    let status =
        server.grpc("/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export", None, b"").unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("TraceService"), "{status}");
}

#[test]
fn a_message_over_the_limit_is_not_to_be_sent_again() {
    let server = Server::with(Limits { max_body_bytes: 10_000, ..Limits::default() });
    let large = request("s", vec![span(1, 1, 0, &"x".repeat(20_000), vec![])]);
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        let status = server.grpc(TRACE_EXPORT, compression, &large).unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(status.message().contains("10000"), "{status}");
        assert!(status.details().is_empty(), "no RetryInfo");
    }
    server.grpc(TRACE_EXPORT, None, &agent_run(2)).unwrap();
}

#[test]
fn back_pressure_says_when_to_send_again() {
    let server = Server::with(Limits { inflight_bytes: 100, ..Limits::default() });
    let status = server.grpc(TRACE_EXPORT, None, &agent_run(1)).unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("inflight_bytes"), "{status}");
    let details = String::from_utf8_lossy(status.details()).into_owned();
    assert!(details.contains("type.googleapis.com/google.rpc.RetryInfo"), "{details}");
    let answer = server.post_proto("/v1/traces", &agent_run(1));
    assert_eq!((answer.status, answer.header("retry-after")), (429, "1"));
}

#[test]
fn grpc_works_on_every_port() {
    let mut server = Server::start();
    for (trace, port) in [(1, server.http.clone()), (2, server.otlp_http.clone())] {
        server.otlp_grpc = port;
        server.grpc(TRACE_EXPORT, None, &agent_run(trace)).unwrap();
    }
}
