//! Load: prepared requests with fresh ids and times, as fast as memory can be copied.
//!
//! Whole runs are told and encoded once. Each further use patches the trace id (16 bytes) and the two times of every
//! span (fixed 64 bits) in place, which protobuf allows since none of them changes length. Content therefore repeats
//! between runs, though not within one: a fair load for receiving and understanding, a kind one for compression.

use std::time::Duration;

use model::Timestamp;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use prost::Message;

use crate::dialects::{Payload, tell};
use crate::random::Random;
use crate::simulator::Simulator;
use crate::traffic::{Signal, Timed};

/// Different runs that are prepared.
const PREPARED: usize = 64;

/// When prepared runs begin; every time is patched.
const PREPARED_AT: u64 = 1_700_000_000_000_000_000;

/// Tags of `start_time_unix_nano` and `end_time_unix_nano` in `Span`, and of an event's `time_unix_nano`, all fixed64.
const TIME_TAGS: [u8; 3] = [0x39, 0x41, 0x09];

#[derive(Debug)]
struct Prepared {
    body: Vec<u8>,
    trace_ids: Vec<usize>,
    times: Vec<usize>,
    spans: usize,
    takes: u64,
}

/// Whole runs as encoded OTLP trace requests, each run under ids and times of its own.
#[derive(Debug)]
pub struct Load {
    prepared: Vec<Prepared>,
    random: Random,
    at: usize,
}

impl Load {
    /// Load of a seed. Takes a moment: runs are prepared here.
    pub fn new(seed: u64) -> Self {
        let mut simulator = Simulator::new(seed);
        let prepared = (0..PREPARED).map(|_| prepare(&mut simulator)).collect();
        Self { prepared, random: Random::new(seed ^ 0x6c6f_6164), at: 0 }
    }

    /// The next `runs` runs, all ending at `end`, as one request.
    pub fn next_request(&mut self, end: Timestamp, runs: usize) -> Timed {
        let mut body = Vec::new();
        let mut spans = 0;
        for _ in 0..runs {
            // Protobuf messages one after the other are one message.
            spans += self.add_run(end, &mut body);
        }
        Timed::new(Duration::ZERO, Signal::Traces, body, spans, 0, runs)
    }

    /// Appends the next run to `out`; gives its spans.
    fn add_run(&mut self, end: Timestamp, out: &mut Vec<u8>) -> usize {
        let prepared = &self.prepared[self.at % self.prepared.len()];
        self.at += 1;
        let begin = out.len();
        out.extend_from_slice(&prepared.body);
        let body = &mut out[begin..];
        let trace_id: [u8; 16] = self.random.bytes();
        for at in &prepared.trace_ids {
            body[*at..at + 16].copy_from_slice(&trace_id);
        }
        let begins = (end.as_nanos().max(0) as u64).saturating_sub(prepared.takes);
        for at in &prepared.times {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&body[*at..at + 8]);
            let moved = u64::from_le_bytes(bytes) - PREPARED_AT + begins;
            body[*at..at + 8].copy_from_slice(&moved.to_le_bytes());
        }
        prepared.spans
    }
}

fn prepare(simulator: &mut Simulator) -> Prepared {
    let plan = simulator.next_plan();
    let start = Timestamp::from_unsigned_nanos(PREPARED_AT);
    let resource_spans: Vec<ResourceSpans> = tell(&plan, start)
        .into_iter()
        .filter_map(|emission| match emission.payload {
            Payload::Spans(spans) => Some(spans),
            Payload::Logs(_) => None,
        })
        .collect();
    let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    let trace_ids = positions(&body, plan.trace_id.as_bytes());
    let latest = PREPARED_AT + plan.duration() + 1_000_000_000;
    let times = (0..body.len().saturating_sub(8))
        .filter(|at| TIME_TAGS.contains(&body[*at]))
        .map(|at| at + 1)
        .filter(|at| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&body[*at..at + 8]);
            (PREPARED_AT..=latest).contains(&u64::from_le_bytes(bytes))
        })
        .collect();
    Prepared { trace_ids, times, spans: plan.steps.len(), takes: plan.duration(), body }
}

fn positions(body: &[u8], needle: &[u8]) -> Vec<usize> {
    body.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle).map(|(at, _)| at).collect()
}
