//! Measures what judging costs: `cargo run --release -p signals --example detect_cost -- ../shared/data [set]`.
//!
//! Prints, per labelled set and for healthy runs of the simulator, the microseconds a step costs in all detectors, baselines and drift
//! together, and in taking the run apart alone. How good detectors are says `cargo xtask bench detect`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::error::Error;
use std::fs;
use std::path::Path;

use model::Timestamp;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use signals::detect::{Beside, Evidence, Night};
use simulator::{Payload, Simulator, tell};
use support::Told;

/// Requests decoded at a time: bounds the memory.
const CHUNK: usize = 400;
/// Largest file after decompression.
const MOST: usize = 1 << 30;
/// Runs of the simulator.
const SIMULATED: i64 = 4_000;

/// What was measured.
#[derive(Default)]
struct Cost {
    night: Night,
    runs: usize,
    steps: usize,
    apart: u64,
    judged: u64,
}

impl Cost {
    fn add(&mut self, told: &[Told]) {
        self.runs += told.len();
        self.steps += told.iter().map(|told| told.steps.len()).sum::<usize>();
        let begun = busy();
        for told in told {
            let evidence =
                Evidence::new(&told.run, &told.steps, told.contents.iter().collect(), support::later(told.run.end));
            std::hint::black_box(&evidence);
        }
        let apart = busy();
        for told in told {
            let contents = told.contents.iter().collect();
            let now = support::later(told.run.end);
            std::hint::black_box(self.night.judge(&told.run, &told.steps, contents, now, Beside::default()));
        }
        self.apart += apart - begun;
        self.judged += busy() - apart;
    }

    fn print(&self, name: &str) {
        let each = |nanos: u64| nanos as f64 / 1e3 / self.steps.max(1) as f64;
        println!(
            "{name}: {} runs, {} steps; {:.1} µs a step, of which taking apart {:.1}",
            self.runs,
            self.steps,
            each(self.judged),
            each(self.apart)
        );
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "../shared/data".into());
    let only = std::env::args().nth(2);
    let mut sets: Vec<_> = fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    sets.sort();
    for set in sets.iter().filter(|set| set.join("dev").is_dir()) {
        let name = set.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        if only.as_ref().is_none_or(|only| *only == name) {
            of_set(&name, &set.join("dev"))?;
        }
    }
    of_simulator();
    Ok(())
}

fn of_set(name: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let packed = fs::read(folder.join("otlp.jsonl.zst"))?;
    let lines = wire::decompress(wire::Compression::Zstd, &packed, MOST)?;
    let lines: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let mut cost = Cost::default();
    for chunk in lines.chunks(CHUNK) {
        let batches: Result<Vec<_>, _> = chunk.iter().map(|line| wire::decode_json_line(line)).collect();
        let batches: Vec<_> = batches?.into_iter().map(|(_, batch)| batch).collect();
        cost.add(&support::runs(&batches));
    }
    cost.print(name);
    Ok(())
}

fn of_simulator() {
    let (mut simulator, mut cost) = (Simulator::new(2_026), Cost::default());
    for number in 0..SIMULATED {
        let start = Timestamp::from_millis(1_790_000_000_000).plus_nanos(number * 4_000_000_000);
        let spans = tell(&simulator.next_plan(), start).into_iter().filter_map(|emission| match emission.payload {
            Payload::Spans(spans) => Some(spans),
            Payload::Logs(_) => None,
        });
        let bytes = ExportTraceServiceRequest { resource_spans: spans.collect() }.encode_to_vec();
        if let Ok(batch) = wire::decode(wire::Signal::Traces, wire::Encoding::Protobuf, &bytes) {
            cost.add(&support::runs(&[batch]));
        }
    }
    cost.print("simulator");
}

/// Nanoseconds that this thread was at work, by the kernel's count: other programs on the machine do not matter.
fn busy() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}
