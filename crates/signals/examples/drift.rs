//! Counts false alarms: `cargo run --release -p signals --example drift -- [healthy runs] [seed]`.
//!
//! Healthy runs of the simulator, all industries, are judged one after another at the threshold that ships. Printed: alarms of drift with the 95 %
//! bound of their rate, and critical findings, each of which would wake somebody. How fast drift is found says `cargo xtask bench detect --drift`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::HashSet;

use model::{RunStatus, Timestamp};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use signals::detect::{Beside, DRIFT, Night};
use simulator::{Payload, Simulator, tell};

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let healthy = numbers.next().unwrap_or(200_000);
    simulated(healthy, numbers.next().unwrap_or(2_026));
}

fn simulated(healthy: u64, seed: u64) {
    let (mut simulator, mut night) = (Simulator::new(seed), Night::default());
    let (mut drifts, mut pages, mut alarmed, mut failed) = (Vec::new(), 0u64, HashSet::new(), 0u64);
    for number in 0..healthy {
        let start = Timestamp::from_millis(1_790_000_000_000).plus_nanos(number as i64 * 4_000_000_000);
        let spans = tell(&simulator.next_plan(), start).into_iter().filter_map(|emission| match emission.payload {
            Payload::Spans(spans) => Some(spans),
            Payload::Logs(_) => None,
        });
        let bytes = ExportTraceServiceRequest { resource_spans: spans.collect() }.encode_to_vec();
        let Ok(batch) = wire::decode(wire::Signal::Traces, wire::Encoding::Protobuf, &bytes) else { continue };
        for told in support::runs(&[batch]) {
            failed += u64::from(told.run.status == RunStatus::Error);
            let contents = told.contents.iter().collect();
            let verdict =
                night.judge(&told.run, &told.steps, contents, support::later(told.run.end), Beside::default());
            pages += verdict.findings.iter().filter(|it| it.severity == model::Severity::Critical).count() as u64;
            for finding in verdict.findings.iter().filter(|it| it.detector == DRIFT) {
                alarmed.insert(verdict.kind.key());
                drifts.push((number, finding.evidence["dimension"].as_str().unwrap_or_default().to_owned()));
            }
        }
    }
    let count = drifts.len() as f64;
    // Upper end of the 95 % interval of a Poisson count, by Byar's approximation.
    let upper = (count + 1.0) * (1.0 - 1.0 / (9.0 * (count + 1.0)) + 1.96 / (3.0 * (count + 1.0).sqrt())).powi(3);
    println!(
        "simulator, no change: {count} alarms of drift in {healthy} runs (95 % bound {upper:.1}; one in {:.0} or rarer), {} kinds; {pages} critical findings; {failed} runs failed; {drifts:?}",
        healthy as f64 / upper,
        alarmed.len()
    );
}
