//! Measures drift: `cargo run --release -p signals --example drift -- ../shared/data [healthy runs]`.
//!
//! Streams are spliced from labelled runs: some drawn from those before a change, then from those after it, the model's name left out
//! so that the change shows in behaviour alone. Printed: runs from the change to the first alarm over 20 seeds (median, 90th percentile,
//! how many were found), alarms on streams without a change from the same runs, and alarms on healthy runs of the simulator.

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fs;
use std::path::Path;

use model::{RunStatus, Timestamp};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use signals::detect::drift::{Settings, Watch};
use signals::detect::features::{Features, features};
use signals::detect::outcomes::Outcomes;
use signals::detect::{Evidence, Night};
use simulator::{Payload, Simulator, tell};
use support::Told;

/// Streams of each splice.
const SEEDS: u64 = 20;
/// Largest file after decompression.
const MOST: usize = 1 << 30;

/// A run with what it is measured by.
type Measured = (model::Run, Features);

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "../shared/data".into());
    let healthy: u64 = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let retail = measured(&Path::new(&folder).join("tau_retail/dev"))?;
    let by_variant = |name: &str| select(&retail, "variant", &[name]);
    let (baseline, preconditions) = (by_variant("baseline"), by_variant("preconditions"));
    for (share, ramp) in [(1.0, 0), (0.5, 0), (1.0, 100)] {
        splice(&format!("tau_retail baseline to preconditions, share {share}, ramp {ramp}"), &baseline, &preconditions, share, ramp);
    }
    control("tau_retail baseline", &baseline);
    let intercode = measured(&Path::new(&folder).join("intercode/dev"))?;
    let sql: Vec<_> = intercode.iter().filter(|(label, _)| label.get("environment").is_some_and(|it| it == "sql")).cloned().collect();
    for model in ["gpt-4", "gpt-3.5-turbo"] {
        let of_model: Vec<_> = sql.iter().filter(|(label, _)| label.get("model").is_some_and(|it| it == model)).cloned().collect();
        let (given, withheld) = (select(&of_model, "schema_given", &["1"]), select(&of_model, "schema_given", &["0"]));
        if given.len() > 20 && withheld.len() > 20 {
            splice(&format!("intercode {model} schema given to withheld"), &given, &withheld, 1.0, 0);
            splice(&format!("intercode {model} schema given to withheld, share 0.5"), &given, &withheld, 0.5, 0);
        }
    }
    let models = |name: &str| {
        let of_model: Vec<_> = sql.iter().filter(|(label, _)| label.get("schema_given").is_some_and(|it| it == "0")).cloned().collect();
        select(&of_model, "model", &[name])
    };
    let (before, after) = (models("gpt-4"), models("gpt-3.5-turbo"));
    if !before.is_empty() && !after.is_empty() {
        splice("intercode model gpt-4 to gpt-3.5-turbo", &before, &after, 1.0, 0);
        control("intercode gpt-4", &before);
    }
    simulated(healthy);
    Ok(())
}

fn select(runs: &[(HashMap<String, String>, Measured)], column: &str, values: &[&str]) -> Vec<Measured> {
    let fits = |label: &HashMap<String, String>| label.get(column).is_some_and(|it| values.contains(&it.as_str()));
    runs.iter().filter(|(label, _)| fits(label)).map(|(_, run)| run.clone()).collect()
}

/// The runs of a set with their labels and features, the model's name left out.
fn measured(folder: &Path) -> Result<Vec<(HashMap<String, String>, Measured)>, Box<dyn Error>> {
    let packed = fs::read(folder.join("otlp.jsonl.zst"))?;
    let lines = wire::decompress(wire::Compression::Zstd, &packed, MOST)?;
    let lines: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let labels = fs::read_to_string(folder.join("labels.csv"))?;
    let mut rows = labels.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let names = rows.next().unwrap_or_default();
    let rows: HashMap<String, HashMap<String, String>> =
        rows.map(|row| (row[0].clone(), names.iter().cloned().zip(row).collect())).collect();
    let mut found = Vec::new();
    for chunk in lines.chunks(400) {
        let batches: Result<Vec<_>, _> = chunk.iter().map(|line| wire::decode_json_line(line)).collect();
        let batches: Vec<_> = batches?.into_iter().map(|(_, batch)| batch).collect();
        for told in support::runs(&batches) {
            if let Some(label) = rows.get(&told.id) {
                found.push((label.clone(), (told.run.clone(), measure(&told))));
            }
        }
    }
    Ok(found)
}

fn measure(told: &Told) -> Features {
    let evidence = Evidence::new(&told.run, &told.steps, told.contents.iter().collect(), support::later(told.run.end));
    let mut features = features(&evidence, Outcomes::default().of(&evidence).as_deref());
    features.values.remove("model");
    features.groups.clear();
    features
}

/// A small generator, so that the streams are the same on every machine.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed ^ (mixed >> 33)
    }

    fn pick<'a>(&mut self, runs: &'a [Measured]) -> &'a Measured {
        &runs[(self.next() % runs.len() as u64) as usize]
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn splice(name: &str, before: &[Measured], after: &[Measured], share: f64, ramp: u64) {
    let (mut delays, mut early, mut what) = (Vec::new(), 0, HashMap::<String, u32>::new());
    for seed in 0..SEEDS {
        let (mut watch, mut draw) = (Watch::default(), Draw(seed + 1));
        for number in 0..800u64 {
            let changed = number >= 300 && {
                let part = if ramp == 0 { 1.0 } else { ((number - 299) as f64 / ramp as f64).min(1.0) };
                draw.unit() < share * part
            };
            let (run, features) = draw.pick(if changed { after } else { before });
            if let Some(shift) = watch.push(run, features, &Settings::default()) {
                if number < 300 {
                    early += 1;
                    continue;
                }
                delays.push(number - 299);
                *what.entry(shift.feature).or_default() += 1;
                break;
            }
        }
    }
    delays.sort_unstable();
    let at = |q: f64| delays.get(((delays.len() as f64 - 1.0) * q).round().max(0.0) as usize);
    println!("{name}: found in {} of {SEEDS}, median {:?} runs, 90 % {:?}, alarms before the change {early}; named {what:?}", delays.len(), at(0.5), at(0.9));
}

/// Alarms on streams drawn from one side alone.
fn control(name: &str, runs: &[Measured]) {
    let (mut alarms, mut all) = (0u64, 0u64);
    for seed in 0..SEEDS {
        let (mut watch, mut draw) = (Watch::default(), Draw(1_000 + seed));
        for _ in 0..1_000 {
            let (run, features) = draw.pick(runs);
            alarms += u64::from(watch.push(run, features, &Settings::default()).is_some());
            all += 1;
        }
    }
    println!("{name}, no change: {alarms} alarms in {all} runs");
}

fn simulated(healthy: u64) {
    let (mut simulator, mut night) = (Simulator::new(2_026), Night::default());
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
            let verdict = night.judge(&told.run, &told.steps, contents, support::later(told.run.end), false);
            pages += verdict.findings.iter().filter(|it| it.severity == model::Severity::Critical).count() as u64;
            if let Some(shift) = verdict.shift {
                alarmed.insert(verdict.kind.key());
                drifts.push((number, shift.feature));
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
