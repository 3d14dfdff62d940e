//! Requests that real clients sent (`../shared/captures` beside the project), whole and mutilated. Skipped where absent.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::common::expect;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::Value as Json;
use wire::{Compression, Encoding, Signal};

/// Largest request accepted here, after decompression.
const LIMIT: usize = 64 << 20;

fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(folder);
    if path.is_dir() {
        Some(path)
    } else {
        println!("skipped: {} is not there", path.display());
        None
    }
}

/// An OTLP request of a capture.
struct Request {
    name: String,
    signal: Signal,
    encoding: Encoding,
    body: Vec<u8>,
}

fn header<'j>(headers: &'j Json, name: &str) -> &'j str {
    let pairs = headers["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pair = pairs.iter().find(|pair| pair[0].as_str().is_some_and(|key| key.eq_ignore_ascii_case(name)));
    pair.and_then(|pair| pair[1].as_str()).unwrap_or_default()
}

/// Reads a request by its recorded headers; `None` where it is no OTLP.
fn request(folder: &Path, file: &str) -> Option<Request> {
    let headers = fs::read(folder.join(file.replace(".body", ".headers.json"))).unwrap();
    let headers: Json = serde_json::from_slice(&headers).unwrap();
    let body = fs::read(folder.join(file)).unwrap();
    let (signal, encoding, compression) = if let Some(method) = headers["grpc_method"].as_str() {
        let signal = Signal::ALL.into_iter().find(|signal| {
            let package = match signal {
                Signal::Traces => ".trace.",
                Signal::Logs => ".logs.",
                Signal::Metrics => ".metrics.",
            };
            method.contains(package)
        });
        (signal?, Encoding::Protobuf, Compression::None)
    } else {
        let path = headers["path"].as_str().unwrap();
        let signal = Signal::from_path(path.split('?').next().unwrap())?;
        let encoding = Encoding::from_content_type(header(&headers, "content-type")).expect("a known content type");
        (signal, encoding, Compression::from_header(header(&headers, "content-encoding")).unwrap())
    };
    let body = wire::decompress(compression, &body, LIMIT).unwrap().into_owned();
    Some(Request { name: format!("{}/{file}", folder.display()), signal, encoding, body })
}

/// All captures: name, what the index says, OTLP requests.
fn captures() -> Vec<(String, Json, Vec<Request>)> {
    let Some(root) = shared("captures") else { return Vec::new() };
    let index: Json = serde_json::from_slice(&fs::read(root.join("index.json")).unwrap()).unwrap();
    let capture = |(name, entry): (&String, &Json)| {
        let folder = root.join(name);
        let files = entry["requests"].as_array().unwrap().iter().filter_map(|request| request["file"].as_str());
        let requests = files.filter_map(|file| request(&folder, file)).collect();
        (name.clone(), entry.clone(), requests)
    };
    index.as_object().unwrap().iter().map(capture).collect()
}

#[test]
fn every_capture_has_the_spans_logs_and_metrics_its_index_says() {
    let mut requests_seen = 0;
    for (name, index, requests) in captures() {
        let (mut spans, mut logs, mut metrics) = (0, 0, BTreeSet::new());
        for request in &requests {
            requests_seen += 1;
            let batch = wire::decode(request.signal, request.encoding, &request.body).expect(&request.name);
            assert_eq!(batch.rejected.reasons, Vec::<String>::new(), "{}", request.name);
            spans += batch.spans.iter().map(|group| group.items.len()).sum::<usize>();
            logs += batch.logs.iter().map(|group| group.items.len()).sum::<usize>();
            metrics.extend(batch.samples.iter().flat_map(|group| &group.items).map(|sample| sample.metric.clone()));
            let (found, _) = wire::decode_unknown(request.encoding, &request.body).expect(&request.name);
            assert_eq!(found, request.signal, "{}", request.name);
        }
        let count = |key: &str| index[key].as_u64().unwrap_or(0) as usize;
        assert_eq!((spans, logs), (count("spans"), count("log_records")), "{name}");
        let expected: BTreeSet<String> = index["metric_names"]
            .as_array()
            .map(|names| names.iter().map(|name| name.as_str().unwrap().to_owned()).collect())
            .unwrap_or_default();
        assert_eq!(metrics, expected, "{name}");
    }
    println!("{requests_seen} requests");
}

#[test]
fn every_protobuf_capture_means_what_prost_says() {
    for (_, _, requests) in captures() {
        for Request { name, signal, body, .. } in
            requests.iter().filter(|request| request.encoding == Encoding::Protobuf)
        {
            let batch = wire::decode(*signal, Encoding::Protobuf, body).expect(name);
            match signal {
                Signal::Traces => {
                    assert!(
                        batch.spans == expect::traces(&ExportTraceServiceRequest::decode(&body[..]).unwrap()).0,
                        "{name}"
                    );
                }
                Signal::Logs => {
                    assert!(
                        batch.logs == expect::logs(&ExportLogsServiceRequest::decode(&body[..]).unwrap()).0,
                        "{name}"
                    );
                }
                Signal::Metrics => {
                    assert!(
                        batch.samples == expect::metrics(&ExportMetricsServiceRequest::decode(&body[..]).unwrap()).0,
                        "{name}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_capture_reads_back_the_same_after_export() {
    for (_, _, requests) in captures() {
        for request in &requests {
            let batch = wire::decode(request.signal, request.encoding, &request.body).expect(&request.name);
            // NaN differs from itself, so the texts are compared: equal text is equal in every type and bit but NaN's.
            let spans = wire::export_spans(wire::each(&batch.spans));
            let again = wire::decode_json_line(spans.as_bytes()).unwrap().1;
            assert_eq!(wire::export_spans(wire::each(&again.spans)), spans, "{}", request.name);
            assert_eq!(
                again.spans.iter().flat_map(|group| &group.items).count(),
                batch.spans.iter().flat_map(|group| &group.items).count()
            );
            let logs = wire::export_logs(wire::each(&batch.logs));
            let again = wire::decode_json_line(logs.as_bytes()).unwrap().1;
            assert!(
                again.logs.iter().flat_map(|group| &group.items).eq(batch.logs.iter().flat_map(|group| &group.items)),
                "{}",
                request.name
            );
            let samples = wire::export_samples(wire::each(&batch.samples));
            let again = wire::decode_json_line(samples.as_bytes()).unwrap().1;
            let kept = |batch: &model::raw::Batch<'_>| {
                format!("{:?}", batch.samples.iter().flat_map(|group| &group.items).collect::<Vec<_>>())
            };
            assert_eq!(kept(&again), kept(&batch), "{}", request.name);
        }
    }
}

#[test]
fn mutilated_captures_are_never_a_panic() {
    // Positions follow a fixed sequence, so that a failure repeats.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (mut refused, mut taken) = (0u32, 0u32);
    for (_, _, requests) in captures() {
        for Request { signal, encoding, body, .. } in requests {
            for _ in 0..(1_000_000 / (body.len() + 1)).clamp(4, 200) {
                let cut = &body[..next(body.len())];
                let mut flipped = body.clone();
                flipped[next(body.len())] ^= 1 << next(8);
                let mut shuffled = body.clone();
                let (from, to) = (next(body.len()), next(body.len()));
                let length = next(body.len() - from.max(to) + 1);
                shuffled.copy_within(from..from + length, to);
                for bytes in [cut, flipped.as_slice(), shuffled.as_slice()] {
                    match wire::decode(signal, encoding, bytes) {
                        Ok(_) => taken += 1,
                        Err(_) => refused += 1,
                    }
                    let _ = wire::split_protobuf_file(bytes);
                }
            }
        }
    }
    println!("{taken} taken, {refused} refused");
}

#[test]
fn lines_of_public_data_are_read_without_loss() {
    let Some(root) = shared("data") else { return };
    for folder in fs::read_dir(root).unwrap() {
        let file = folder.unwrap().path().join("dev/otlp.jsonl.zst");
        let Ok(file) = fs::File::open(&file) else { continue };
        let lines = BufReader::new(zstd::stream::read::Decoder::new(file).unwrap()).lines();
        for line in lines.take(10) {
            let line = line.unwrap();
            let (signal, batch) = wire::decode_json_line(line.as_bytes()).unwrap();
            assert_eq!(signal, Signal::Traces);
            assert_eq!(batch.rejected.reasons, Vec::<String>::new());
            // An independent count: every span has one end time, and the key cannot stand in text without a backslash.
            let spans: usize = batch.spans.iter().map(|group| group.items.len()).sum();
            assert_eq!(spans, line.matches("\"endTimeUnixNano\":").count());
        }
    }
}
