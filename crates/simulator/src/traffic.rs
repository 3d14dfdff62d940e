//! Many runs at once: OTLP requests in the order of sending.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use model::{Timestamp, TraceId};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::dialects::{Payload, tell};
use crate::incidents::Incident;
use crate::random::Random;
use crate::simulator::Simulator;

/// What an OTLP request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// `ExportTraceServiceRequest`.
    Traces,
    /// `ExportLogsServiceRequest`.
    Logs,
}

impl Signal {
    /// Path of OTLP over HTTP.
    pub fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Logs => "/v1/logs",
        }
    }
}

/// One OTLP request to be sent at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timed {
    /// When to send it, from the traffic's start. Zero for load, which is sent at once.
    pub at: Duration,
    /// Breaks ties, so that the order is always the same.
    order: u64,
    /// What it carries.
    pub signal: Signal,
    /// The request, encoded as protobuf.
    pub body: Vec<u8>,
    /// Spans in it.
    pub spans: usize,
    /// Log records in it.
    pub logs: usize,
    /// Runs whose last span it carries.
    pub ends_runs: usize,
}

impl Timed {
    pub(crate) fn new(
        at: Duration,
        signal: Signal,
        body: Vec<u8>,
        spans: usize,
        logs: usize,
        ends_runs: usize,
    ) -> Self {
        Self { at, order: 0, signal, body, spans, logs, ends_runs }
    }
}

/// Runs that begin at random at a given rate and go on side by side. An iterator that never ends.
#[derive(Debug)]
pub struct Traffic {
    simulator: Simulator,
    random: Random,
    rate: f64,
    start: Timestamp,
    next_run: u64,
    order: u64,
    waiting: BinaryHeap<Reverse<Timed>>,
    incident: Option<Begun>,
}

/// An incident, when it begins in nanoseconds from the start, and how many runs it has hit.
#[derive(Debug)]
struct Begun {
    incident: Incident,
    from: u64,
    runs: u64,
}

impl Traffic {
    /// Traffic of `rate` runs per second on average, whose first run begins at `start`.
    ///
    /// A start in the past gives a history: send what is due at once, then go on as time passes.
    /// A rate that is no positive number counts as one run in a thousand seconds.
    pub fn new(seed: u64, rate: f64, start: Timestamp) -> Self {
        let rate = if rate.is_finite() && rate > 0.001 { rate } else { 0.001 };
        Self {
            simulator: Simulator::new(seed),
            random: Random::new(seed ^ 0x7261_7465),
            rate,
            start,
            next_run: 0,
            order: 0,
            waiting: BinaryHeap::new(),
            incident: None,
        }
    }

    /// The same traffic, in which something goes wrong from a moment on, counted from the start.
    pub fn with_incident(mut self, incident: Incident, from: Duration) -> Self {
        let from = u64::try_from(from.as_nanos()).unwrap_or(u64::MAX);
        self.incident = Some(Begun { incident, from, runs: 0 });
        self
    }

    /// Plans the run that begins next and queues what it will send.
    fn begin_run(&mut self) {
        let begun = self.next_run;
        let mut plan = self.simulator.next_plan();
        plan.trace_id = moved(plan.trace_id, self.start);
        let hit = |it: &&mut Begun| begun >= it.from && it.incident.industry() == plan.industry;
        if let Some(it) = self.incident.as_mut().filter(hit) {
            it.incident.change(&mut plan, it.runs);
            it.runs += 1;
        }
        let emissions = tell(&plan, self.start.plus_nanos(i64::try_from(begun).unwrap_or(i64::MAX)));
        let root = plan.steps.first().map(|step| step.span_id.as_bytes().to_vec()).unwrap_or_default();
        for emission in emissions {
            let at = Duration::from_nanos(begun.saturating_add(emission.at));
            self.order += 1;
            let timed = match emission.payload {
                Payload::Spans(spans) => {
                    let sent = spans.scope_spans.iter().flat_map(|scope| &scope.spans);
                    let (count, ends) =
                        sent.fold((0, 0), |(count, ends), span| (count + 1, ends + usize::from(span.span_id == root)));
                    let body = ExportTraceServiceRequest { resource_spans: vec![spans] }.encode_to_vec();
                    Timed {
                        at,
                        order: self.order,
                        signal: Signal::Traces,
                        body,
                        spans: count,
                        logs: 0,
                        ends_runs: ends,
                    }
                }
                Payload::Logs(logs) => {
                    let count = logs.scope_logs.iter().map(|scope| scope.log_records.len()).sum();
                    let body = ExportLogsServiceRequest { resource_logs: vec![logs] }.encode_to_vec();
                    Timed { at, order: self.order, signal: Signal::Logs, body, spans: 0, logs: count, ends_runs: 0 }
                }
            };
            self.waiting.push(Reverse(timed));
        }
        self.next_run = begun.saturating_add(self.random.gap(self.rate));
    }
}

/// A trace id of its own for each start of the traffic: a second demo over the same data must not write into the runs of
/// the first.
fn moved(trace_id: TraceId, start: Timestamp) -> TraceId {
    let salt: [u8; 16] = Random::new(start.as_nanos() as u64).bytes();
    let mut bytes = *trace_id.as_bytes();
    bytes.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    bytes[15] |= 1;
    TraceId::from_array(bytes)
}

impl Iterator for Traffic {
    type Item = Timed;

    fn next(&mut self) -> Option<Timed> {
        // Whatever a run sends comes after its beginning: once the earliest request is due before the next run
        // begins, nothing earlier can turn up.
        loop {
            let due = self.waiting.peek().map(|Reverse(timed)| timed.at);
            match due {
                Some(at) if at <= Duration::from_nanos(self.next_run) => break,
                _ => self.begin_run(),
            }
        }
        self.waiting.pop().map(|Reverse(timed)| timed)
    }
}
