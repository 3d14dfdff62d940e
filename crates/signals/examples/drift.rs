//! Counts alarms of drift in one process, with the code that the server judges by.
//!
//! `cargo run --release -p signals --example drift -- [healthy runs] [seed] [streams] [milliseconds]`: healthy runs of the simulator, all
//! industries, dealt out to so many fresh streams, begin so many milliseconds after one another and are judged as they end, at the threshold that
//! ships. Printed: alarms of drift with the 95 % bound of their rate, where in their stream they came, and critical findings, each of which would
//! wake somebody.
//!
//! `… --example drift -- streams`: reads OTLP/JSON from standard input, a run a line; an empty line ends a stream, which is answered with a line of
//! JSON: the number of each run that raised an alarm, with its dimension. What is only worth knowing alerts nobody and is left out.
//! `cargo xtask bench detect --drift` asks it.

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, Write};

use model::raw::Batch;
use model::{RunStatus, Severity, Timestamp};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use signals::detect::{Beside, DRIFT, Night, Verdict};
use simulator::{Payload, Plan, Simulator, tell};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "streams") {
        return streams();
    }
    let mut numbers = arguments.iter().filter_map(|text| text.parse().ok());
    let healthy = numbers.next().unwrap_or(200_000);
    let (seed, streams) = (numbers.next().unwrap_or(2_026), numbers.next().unwrap_or(1).max(1));
    simulated(healthy, seed, streams, numbers.next().unwrap_or(4_000));
    Ok(())
}

/// Judges the runs of a batch, in the order of time.
fn judged(night: &mut Night, batch: Batch<'_>) -> Vec<(RunStatus, Verdict)> {
    let judge = |told: support::Told| {
        let contents = told.contents.iter().collect();
        let now = support::later(told.run.end);
        (told.run.status, night.judge(&told.run, &told.steps, contents, now, Beside::default()))
    };
    support::runs(&[batch]).into_iter().map(judge).collect()
}

/// Dimensions of drift in what is said of a run, of findings as grave as that.
fn dimensions(verdict: &Verdict, least: Severity) -> impl Iterator<Item = &str> {
    let drifts = verdict.findings.iter().filter(move |it| it.detector == DRIFT && it.severity >= least);
    drifts.map(|finding| finding.evidence["dimension"].as_str().unwrap_or_default())
}

fn streams() -> std::io::Result<()> {
    let (mut night, mut number) = (Night::default(), 0u64);
    let mut alarms: Vec<(u64, String)> = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{}", serde_json::to_string(&alarms)?)?;
            out.flush()?;
            (night, number) = (Night::default(), 0);
            alarms.clear();
            continue;
        }
        let batch = wire::decode(wire::Signal::Traces, wire::Encoding::Json, line.as_bytes());
        let batch = batch.map_err(|error| std::io::Error::other(error.to_string()))?;
        for (_, verdict) in judged(&mut night, batch) {
            alarms.extend(dimensions(&verdict, Severity::Warning).map(|dimension| (number, dimension.to_owned())));
        }
        number += 1;
    }
    Ok(())
}

/// Plans of a simulator by when their runs end: those that begin side by side end in another order.
fn as_they_end(seed: u64, runs: u64, every_ms: u64) -> impl Iterator<Item = (Timestamp, Plan)> {
    let (mut simulator, mut begun) = (Simulator::new(seed), 0);
    let mut open: BTreeMap<(u64, u64), (Timestamp, Plan)> = BTreeMap::new();
    std::iter::from_fn(move || {
        loop {
            let start = begun * every_ms * 1_000_000;
            let ends = open.first_key_value().map(|(key, _)| key.0);
            if begun == runs || ends.is_some_and(|end| end <= start) {
                return open.pop_first().map(|(_, run)| run);
            }
            let plan = simulator.next_plan();
            let at = Timestamp::from_millis(1_790_000_000_000).plus_nanos(start as i64);
            open.insert((start + plan.duration(), begun), (at, plan));
            begun += 1;
        }
    })
}

fn simulated(healthy: u64, seed: u64, streams: u64, every_ms: u64) {
    let (mut drifts, mut pages, mut alarmed, mut failed) = (Vec::new(), 0u64, HashSet::new(), 0u64);
    for stream in 0..streams {
        let mut night = Night::default();
        for (number, (start, plan)) in as_they_end(seed + stream, healthy / streams, every_ms).enumerate() {
            let spans = tell(&plan, start).into_iter().filter_map(|emission| match emission.payload {
                Payload::Spans(spans) => Some(spans),
                Payload::Logs(_) => None,
            });
            let bytes = ExportTraceServiceRequest { resource_spans: spans.collect() }.encode_to_vec();
            let Ok(batch) = wire::decode(wire::Signal::Traces, wire::Encoding::Protobuf, &bytes) else { continue };
            for (status, verdict) in judged(&mut night, batch) {
                failed += u64::from(status == RunStatus::Error);
                pages += verdict.findings.iter().filter(|it| it.severity == Severity::Critical).count() as u64;
                for dimension in dimensions(&verdict, Severity::Info) {
                    alarmed.insert(verdict.kind.key());
                    drifts.push((stream, number, verdict.kind.agent.clone(), dimension.to_owned()));
                }
            }
        }
    }
    let count = drifts.len() as f64;
    // Upper end of the 95 % interval of a Poisson count, by Byar's approximation.
    let upper = (count + 1.0) * (1.0 - 1.0 / (9.0 * (count + 1.0)) + 1.96 / (3.0 * (count + 1.0).sqrt())).powi(3);
    println!(
        "simulator, no change: {count} alarms of drift in {healthy} runs (95 % bound {upper:.1}; one in {:.0} or rarer), {} kinds; {pages} critical findings; {failed} runs failed; stream, run, agent, dimension: {drifts:?}",
        healthy as f64 / upper,
        alarmed.len()
    );
}
