//! Measures the detectors on labelled runs: `cargo run --release -p signals --example measure -- ../shared/data`.
//!
//! Reads `<set>/dev/otlp.jsonl.zst` with its labels and prints, per set: precision and recall of every detector against failed runs with 95 %
//! intervals, baselines to beat, the order by suspicion against failures that no error tells of, how near findings come to labelled
//! steps, findings per thousand healthy runs, and the time a step costs.

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;
use std::fs;
use std::path::Path;

use model::{Finding, SpanId, SpanStatus};
use signals::detect::baseline::{Baselines, Kind, learns_from};
use signals::detect::{ALL, Evidence, Settings, features, judge, suspicion};
use support::Told;

/// Requests decoded at a time: bounds the memory.
const CHUNK: usize = 400;
/// Largest file after decompression.
const MOST: usize = 1 << 30;

struct Judged {
    id: String,
    findings: Vec<Finding>,
    suspicion: f64,
    any_error: bool,
    streak: usize,
    output: f64,
    /// Steps in the order of time.
    order: Vec<SpanId>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "../shared/data".into());
    let only = std::env::args().nth(2);
    let mut sets: Vec<_> = fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    sets.sort();
    for set in sets.iter().map(|set| set.join("dev")).filter(|set| set.is_dir()) {
        let name = set.parent().and_then(Path::file_name).map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        if only.as_ref().is_none_or(|only| *only == name) {
            measure(&name, &set)?;
        }
    }
    Ok(())
}

fn measure(name: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let packed = fs::read(folder.join("otlp.jsonl.zst"))?;
    let lines = wire::decompress(wire::Compression::Zstd, &packed, MOST)?;
    let lines: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let mut baselines = Baselines::default();
    let settings = Settings::default();
    let (mut judged, mut steps, mut nanos) = (Vec::new(), 0usize, 0u64);
    for chunk in lines.chunks(CHUNK) {
        let batches: Result<Vec<_>, _> = chunk.iter().map(|line| wire::decode_json_line(line)).collect();
        let batches: Vec<_> = batches?.into_iter().map(|(_, batch)| batch).collect();
        let all = support::runs(&batches);
        let begun = busy();
        judged.extend(all.iter().map(|told| judge_one(told, &mut baselines, &settings)));
        nanos += busy() - begun;
        steps += all.iter().map(|told| told.steps.len()).sum::<usize>();
    }
    let labels = table(&folder.join("labels.csv"))?;
    let labels: HashMap<&str, &HashMap<String, String>> =
        labels.iter().filter_map(|row| Some((row.get("run_id")?.as_str(), row))).collect();
    println!("\n=== {name}: {} runs, {steps} steps, {:.1} µs a step", judged.len(), nanos as f64 / 1e3 / steps as f64);
    if std::env::args().any(|argument| argument == "--show") {
        for finding in judged.iter().flat_map(|one| &one.findings) {
            println!("    {} {} {}", finding.detector, finding.severity, finding.message);
        }
    }
    report_runs(&judged, &labels);
    if let Ok(rows) = table(&folder.join("step_labels.csv")) {
        report_steps(&judged, &rows);
    }
    Ok(())
}

/// Nanoseconds that this thread was at work, by the kernel's count: other programs on the machine do not matter.
fn busy() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

fn judge_one(told: &Told, baselines: &mut Baselines, settings: &Settings) -> Judged {
    let kind = Kind::of(&told.run).key();
    let evidence = Evidence::new(&told.run, &told.steps, told.contents.iter().collect(), support::later(told.run.end));
    let version = told.run.agent_version.as_deref().unwrap_or_default();
    let evidence = evidence.against(baselines.of(&kind, version));
    let features = features::features(&evidence, None);
    let findings = judge(&evidence, settings);
    let suspicion = suspicion::suspicion(&evidence, &features, &findings);
    let mut streak = usize::from(!evidence.calls.is_empty());
    let mut now = streak;
    for pair in evidence.calls.windows(2) {
        now = if pair[0].key == pair[1].key { now + 1 } else { 1 };
        streak = streak.max(now);
    }
    let mut order: Vec<_> = told.steps.iter().map(|step| (step.span.start, step.span.span_id)).collect();
    order.sort_unstable_by_key(|(start, _)| *start);
    let any_error = told.steps.iter().any(|step| step.span.status == SpanStatus::Error);
    let learns = learns_from(&told.run, &findings);
    let judged = Judged {
        id: told.id.clone(),
        findings,
        suspicion,
        any_error,
        streak,
        output: told.run.usage.output_tokens.unwrap_or(0) as f64,
        order: order.into_iter().map(|(_, id)| id).collect(),
    };
    if learns {
        baselines.learn(&kind, version, &evidence.against(None), &features);
    }
    judged
}

/// Whether a run failed by its label: 1 or 0 under the name each set uses.
fn failed(label: &HashMap<String, String>) -> Option<bool> {
    let number = |name: &str| label.get(name).and_then(|text| text.parse::<f64>().ok());
    number("failed")
        .map(|it| it > 0.0)
        .or_else(|| number("success").map(|it| it == 0.0))
        .or_else(|| number("overall").map(|overall| overall < 3.5))
}

fn report_runs(judged: &[Judged], labels: &HashMap<&str, &HashMap<String, String>>) {
    let truth: Vec<Option<bool>> = judged.iter().map(|one| labels.get(one.id.as_str()).and_then(|label| failed(label))).collect();
    let failures = truth.iter().filter(|it| **it == Some(true)).count();
    let healthy = truth.iter().filter(|it| **it == Some(false)).count();
    println!("{failures} failed, {healthy} healthy, {} without a label", truth.len() - failures - healthy);
    let line = |name: &str, fired: &dyn Fn(&Judged) -> bool| {
        let (mut hit, mut wrong) = (0usize, 0usize);
        for (one, truth) in judged.iter().zip(&truth) {
            if fired(one) {
                hit += usize::from(*truth == Some(true));
                wrong += usize::from(*truth == Some(false));
            }
        }
        if hit + wrong > 0 {
            println!("  {name:<28} fired {:>5}  precision {}  recall {}", hit + wrong, share(hit, hit + wrong), share(hit, failures));
        }
    };
    let mut outputs: Vec<f64> = judged.iter().map(|one| one.output).collect();
    outputs.sort_by(f64::total_cmp);
    let p95 = outputs.get(outputs.len() * 95 / 100).copied().unwrap_or(f64::MAX);
    line("= always", &|_| true);
    line("= exact repeat twice", &|one| one.streak >= 2);
    line("= exact repeat three times", &|one| one.streak >= 3);
    line("= any error status", &|one| one.any_error);
    line("= output above p95", &|one| one.output > p95);
    for detector in ALL {
        line(detector.name, &|one| one.findings.iter().any(|finding| finding.detector == detector.name));
    }
    line("any warning", &|one| one.findings.iter().any(|finding| finding.severity > model::Severity::Info));
    let of_healthy = judged.iter().zip(&truth).filter(|(_, truth)| **truth == Some(false));
    let (all, grave) = of_healthy.fold((0, 0), |(all, grave), (one, _)| {
        let warnings = one.findings.iter().filter(|finding| finding.severity > model::Severity::Info).count();
        (all + one.findings.len(), grave + warnings)
    });
    if healthy > 0 {
        let per = |count: usize| count as f64 * 1e3 / healthy as f64;
        println!("  per 1,000 healthy runs: {:.0} findings, {:.0} of them warnings", per(all), per(grave));
    }
    // Silent failures: failed, and no span says so.
    let quiet: Vec<(f64, bool)> = judged
        .iter()
        .zip(&truth)
        .filter(|(one, _)| !one.any_error)
        .filter_map(|(one, truth)| truth.map(|failed| (one.suspicion, failed)))
        .collect();
    ranking("suspicion", quiet);
    let outputs: Vec<(f64, bool)> = judged
        .iter()
        .zip(&truth)
        .filter(|(one, _)| !one.any_error)
        .filter_map(|(one, truth)| truth.map(|failed| (one.output, failed)))
        .collect();
    ranking("= output length", outputs);
}

fn ranking(name: &str, mut runs: Vec<(f64, bool)>) {
    let failures = runs.iter().filter(|(_, failed)| *failed).count();
    if failures == 0 || failures == runs.len() {
        return;
    }
    runs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let top = |part: f64| {
        let count = ((runs.len() as f64 * part).ceil() as usize).max(1);
        share(runs[..count].iter().filter(|(_, failed)| *failed).count(), count)
    };
    // The chance that a failed run is ranked above a healthy one, ties counted half.
    let (mut above, mut ties) = (0u64, 0u64);
    for (score, _) in runs.iter().filter(|(_, failed)| *failed) {
        for (other, _) in runs.iter().filter(|(_, failed)| !*failed) {
            above += u64::from(score > other);
            ties += u64::from(score == other);
        }
    }
    let pairs = (failures * (runs.len() - failures)) as f64;
    let area = (above as f64 + ties as f64 / 2.0) / pairs;
    println!("  silent by {name:<16} {failures} of {} failed; top 5 %: {}; top 10 %: {}; area {area:.3}", runs.len(), top(0.05), top(0.1));
}

/// Of the labelled steps of each category, how many have a finding on a step at most three away; and how many findings are near one.
fn report_steps(judged: &[Judged], rows: &[HashMap<String, String>]) {
    let mut labels: BTreeMap<(String, &str), Vec<SpanId>> = BTreeMap::new();
    for row in rows {
        let (Some(run), Some(span)) = (row.get("run_id"), row.get("span_id").and_then(|id| id.parse().ok())) else { continue };
        let category = row.get("category").filter(|it| !it.is_empty()).or(row.get("source")).cloned().unwrap_or_default();
        labels.entry((category, run)).or_default().push(span);
    }
    let mut near: BTreeMap<(&str, &str), [usize; 2]> = BTreeMap::new();
    let mut totals: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let runs: HashMap<&str, &Judged> = judged.iter().map(|one| (one.id.as_str(), one)).collect();
    for ((category, run), spans) in &labels {
        let Some(one) = runs.get(run) else { continue };
        let place = |id: &SpanId| one.order.iter().position(|other| other == id);
        let places: Vec<usize> = spans.iter().filter_map(place).collect();
        let total = totals.entry(category).or_default();
        total[0] += 1;
        total[1] += places.len();
        let mut seen: HashSet<&str> = HashSet::new();
        for finding in &one.findings {
            let found: Vec<usize> = finding.span_ids.iter().filter_map(place).collect();
            let hits = places.iter().filter(|at| found.iter().any(|other| other.abs_diff(**at) <= 3)).count();
            if hits > 0 {
                for name in [finding.detector.as_str(), "any"] {
                    if seen.insert(if name == "any" { "any" } else { detector_name(name) }) {
                        let count = near.entry((category, if name == "any" { "any" } else { detector_name(name) })).or_default();
                        count[0] += 1;
                        count[1] += hits;
                    }
                }
            }
        }
    }
    for ((category, detector), [runs, steps]) in near {
        let [all_runs, all_steps] = totals[category];
        if runs * 20 >= all_runs {
            println!("  step {category:<36} {detector:<20} runs {}  steps {}", share(runs, all_runs), share(steps, all_steps));
        }
    }
}

fn detector_name(name: &str) -> &'static str {
    ALL.iter().find(|detector| detector.name == name).map_or("", |detector| detector.name)
}

/// A share with its 95 % interval by Wilson.
fn share(hits: usize, of: usize) -> String {
    if of == 0 {
        return "-".into();
    }
    let (n, p, z) = (of as f64, hits as f64 / of as f64, 1.96f64);
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    format!("{:>3.0} % [{:.0}, {:.0}] ({hits}/{of})", p * 100.0, (middle - half) * 100.0, (middle + half) * 100.0)
}

/// A CSV file with quoted fields as rows by column.
fn table(path: &Path) -> Result<Vec<HashMap<String, String>>, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field).trim_end_matches('\r').to_string());
                rows.push(std::mem::take(&mut row));
            }
            other => field.push(other),
        }
    }
    let mut rows = rows.into_iter();
    let names = rows.next().unwrap_or_default();
    Ok(rows.map(|row| names.iter().cloned().zip(row).collect()).collect())
}
