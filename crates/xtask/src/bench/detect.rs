//! How good the detectors are: labelled runs sent to a real server over OTLP, findings read through its API, joined with the labels by
//! trace and span id. What is printed of them is in `detect/report.rs`; changes spliced into streams are in `detect/drift.rs`.

#![allow(clippy::disallowed_methods, reason = "a measurement needs a clock, and waits for another process")]

mod drift;
mod labels;
mod report;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use super::common::Measured;
use crate::{paths, shell};

/// Options of `cargo xtask bench detect`.
#[derive(Debug, Args)]
pub struct Options {
    /// Folder of the labelled sets.
    #[arg(long, default_value = "../shared/data")]
    data: PathBuf,
    /// Only these sets; with `--drift`, also only changes whose name holds this.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Splice streams with a change instead of judging whole sets, with so many seeds each (20 where the figures are to be published).
    /// They are judged in one process, by the code that the server judges with.
    #[arg(long, value_name = "SEEDS")]
    drift: Option<u64>,
    /// Send the streams to a real server instead.
    #[arg(long)]
    through_server: bool,
    /// Count false alarms over so many healthy runs of the simulator, at the threshold that ships (200,000 where the figures are to be
    /// published).
    #[arg(long, value_name = "RUNS")]
    no_change: Option<u64>,
    /// Measure what judging costs a step.
    #[arg(long)]
    cost: bool,
    /// Print every figure: the sets, 200,000 runs without a change, 20 seeds of every change, the cost.
    #[arg(long, conflicts_with_all = ["drift", "no_change", "cost"])]
    all: bool,
    /// Measure this program instead of building one.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// Measures and prints.
pub fn run(options: &Options) -> Result<()> {
    let data = if options.data.is_absolute() { options.data.clone() } else { paths::root().join(&options.data) };
    if !data.is_dir() {
        bail!("the bench needs labelled runs in {}, which is not there", data.display());
    }
    let (no_change, cost) = (options.no_change.or(options.all.then_some(200_000)), options.cost || options.all);
    if let Some(runs) = no_change {
        example("drift", &[runs.to_string()])?;
    }
    if cost {
        example("detect_cost", &[data.display().to_string()])?;
    }
    let seeds = options.drift.or(options.all.then_some(20));
    let sets = options.all || (seeds.is_none() && no_change.is_none() && !cost);
    let program = match &options.program {
        Some(program) => Some(program.clone()),
        None if sets || (seeds.is_some() && options.through_server) => Some(Measured::build()?),
        None => None,
    };
    if let Some(program) = program.as_deref().filter(|_| sets) {
        of_sets(options, program, &data)?;
    }
    let program = program.as_deref().filter(|_| options.through_server);
    seeds.map_or(Ok(()), |seeds| drift::run(program, &data, seeds, &options.only))
}

/// Runs a measurement that needs no server: an example of the crate `signals`, in a release build.
fn example(name: &str, arguments: &[String]) -> Result<()> {
    let mut command = shell::cargo(&["run", "--release", "--quiet", "-p", "signals", "--example", name, "--"]);
    let status = command.args(arguments).status().context("cannot start cargo")?;
    if !status.success() {
        bail!("the example `{name}` of the crate `signals` failed; its message is above");
    }
    Ok(())
}

/// Judges every set and prints how good that was.
fn of_sets(options: &Options, program: &Path, data: &Path) -> Result<()> {
    let mut sets: Vec<PathBuf> = std::fs::read_dir(data)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    sets.sort();
    for set in sets {
        let name = set.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        let wanted = options.only.is_empty() || options.only.contains(&name);
        if wanted && set.join("dev/otlp.jsonl.zst").is_file() {
            let runs = judged(program, &name, &set.join("dev"))?;
            let labels = labels::read(&set.join("dev"))?;
            report::print(&name, &runs, &labels);
        }
    }
    Ok(())
}

/// A run with what the server says of it.
#[derive(Debug, Default)]
pub struct Judged {
    /// As labels name it.
    pub id: String,
    /// Its spans in the order of time.
    pub order: Vec<String>,
    /// A span has the status of an error.
    pub any_error: bool,
    /// Longest row of equal tool calls.
    pub streak: usize,
    /// Tokens that models put out.
    pub output_tokens: f64,
    /// How suspicious it is, once judged.
    pub suspicion: Option<f64>,
    /// What was found: detector, severity, spans.
    pub findings: Vec<Found>,
}

/// A finding.
#[derive(Debug)]
pub struct Found {
    /// Detector.
    pub detector: String,
    /// More than something to know.
    pub grave: bool,
    /// Spans that prove it.
    pub spans: Vec<String>,
}

/// Sends a set to a server of its own and reads what it says.
fn judged(program: &Path, name: &str, folder: &Path) -> Result<Vec<Judged>> {
    let lines = unpacked(&folder.join("otlp.jsonl.zst"))?;
    let mut runs: HashMap<String, Judged> = HashMap::new();
    let mut requests = Vec::new();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let request: Value = serde_json::from_str(line).context("a line of the set is no JSON")?;
        let (trace, start, run) = read_run(&request);
        requests.push((start, trace.clone(), line));
        runs.insert(trace, run);
    }
    requests.sort();
    let measured = Measured::start(program, &format!("bench-detect-{name}"))?;
    let begun = Instant::now();
    send(&measured.server.otlp_http, requests.iter().map(|(_, _, line)| *line))?;
    wait(&measured.server.http, runs.len())?;
    read_suspicion(&measured.server.http, &mut runs)?;
    read_findings(&measured.server.http, &mut runs)?;
    println!(
        "\n{name}: {} runs sent, judged and read in {:.0} s; {:.1} s of CPU in the server",
        runs.len(),
        begun.elapsed().as_secs_f64(),
        measured.cpu_seconds()?
    );
    measured.server.stop();
    Ok(runs.into_values().collect())
}

/// A file, unpacked by the program `zstd`.
fn unpacked(file: &Path) -> Result<String> {
    let out = Command::new("zstd").args(["-dcq", "--long=27"]).arg(file).stderr(Stdio::inherit()).output();
    let out = out.context("cannot start `zstd`, which unpacks the sets: install it (Debian: apt-get install zstd)")?;
    if !out.status.success() {
        bail!("zstd cannot unpack {}", file.display());
    }
    String::from_utf8(out.stdout).context("the set is not UTF-8")
}

fn spans(request: &Value) -> impl Iterator<Item = &Value> {
    fn items<'a>(value: &'a Value, key: &str) -> std::slice::Iter<'a, Value> {
        value[key].as_array().map(Vec::as_slice).unwrap_or_default().iter()
    }
    items(request, "resourceSpans").flat_map(|it| items(it, "scopeSpans")).flat_map(|it| items(it, "spans"))
}

fn attribute<'a>(holder: &'a Value, key: &str) -> Option<&'a Value> {
    holder["attributes"].as_array()?.iter().find(|it| it["key"] == key)?["value"].as_object()?.values().next()
}

fn nanos(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

/// Trace, start, and what the labels' baselines need of a run.
fn read_run(request: &Value) -> (String, u64, Judged) {
    let id = attribute(&request["resourceSpans"][0]["resource"], "dataset.run_id").and_then(Value::as_str);
    let mut run = Judged { id: id.unwrap_or_default().to_owned(), ..Judged::default() };
    let mut sorted: Vec<&Value> = spans(request).collect();
    sorted.sort_by_key(|span| nanos(&span["startTimeUnixNano"]));
    let (mut now, mut before) = (0, None);
    for span in &sorted {
        run.any_error |= span["status"]["code"] == 2;
        let number = |key: &str| attribute(span, key).map_or(0, nanos);
        let kind = attribute(span, "gen_ai.operation.name").and_then(Value::as_str);
        let kind = kind.or_else(|| attribute(span, "openinference.span.kind").and_then(Value::as_str));
        match kind {
            Some("chat" | "LLM") => {
                let tokens = number("gen_ai.usage.output_tokens").max(number("llm.token_count.completion"));
                run.output_tokens += tokens as f64;
            }
            Some("execute_tool" | "TOOL") => {
                let arguments = attribute(span, "gen_ai.tool.call.arguments").or(attribute(span, "input.value"));
                let call = (span["name"].clone(), arguments.cloned());
                now = if before.as_ref() == Some(&call) { now + 1 } else { 1 };
                run.streak = run.streak.max(now);
                before = Some(call);
            }
            _ => {}
        }
    }
    let text = |span: &Value, key: &str| span[key].as_str().unwrap_or_default().to_ascii_lowercase();
    run.order = sorted.iter().map(|span| text(span, "spanId")).collect();
    let trace = sorted.first().map(|span| text(span, "traceId")).unwrap_or_default();
    (trace, sorted.first().map_or(0, |span| nanos(&span["startTimeUnixNano"])), run)
}

/// Sends requests one after another; one that is put off is sent again.
pub fn send<'a>(url: &str, requests: impl Iterator<Item = &'a str>) -> Result<()> {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent: ureq::Agent = config.timeout_global(Some(Duration::from_secs(120))).build().into();
    for body in requests {
        loop {
            let answer = agent.post(format!("{url}/v1/traces")).content_type("application/json").send(body);
            let mut answer = answer.context("the server does not answer")?;
            let said = answer.body_mut().read_to_string()?;
            match answer.status().as_u16() {
                200 => break,
                429 | 503 => std::thread::sleep(Duration::from_millis(200)),
                other => bail!("the server answers {other}: {said}"),
            }
        }
    }
    Ok(())
}

fn get(url: &str) -> Result<String> {
    ureq::get(url).call().context("the server does not answer")?.body_mut().read_to_string().context("no text")
}

fn json(url: &str) -> Result<Value> {
    serde_json::from_str(&get(url)?).context("the answer is no JSON")
}

/// Waits until so many runs were judged.
pub fn wait(http: &str, runs: usize) -> Result<()> {
    const LONGEST: Duration = Duration::from_secs(3_600);
    let begun = Instant::now();
    loop {
        let page = get(&format!("{http}/metrics"))?;
        let value = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
            line.trim().parse::<f64>().unwrap_or(0.0)
        };
        if value("tawny_watch_judged_runs_total ") >= runs as f64 && value("tawny_watch_waiting_runs ") == 0.0 {
            return Ok(());
        }
        if begun.elapsed() > LONGEST {
            bail!("not all runs were judged within {LONGEST:?}");
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Everything a list of the API holds, page by page.
pub fn pages(url: &str, list: &str, mut each: impl FnMut(&Value)) -> Result<()> {
    let mut cursor = String::new();
    loop {
        let page = json(&format!("{url}{cursor}"))?;
        page[list].as_array().map(Vec::as_slice).unwrap_or_default().iter().for_each(&mut each);
        let Some(next) = page["next"].as_str() else { return Ok(()) };
        cursor = format!("&cursor={next}");
    }
}

fn read_suspicion(http: &str, runs: &mut HashMap<String, Judged>) -> Result<()> {
    pages(&format!("{http}/api/v1/runs?limit=500&from=2000-01-01T00:00:00Z"), "runs", |run| {
        if let Some(known) = run["trace_id"].as_str().and_then(|trace| runs.get_mut(trace)) {
            known.suspicion = run["suspicion"].as_f64();
        }
    })
}

fn read_findings(http: &str, runs: &mut HashMap<String, Judged>) -> Result<()> {
    pages(&format!("{http}/api/v1/findings?limit=500&from=2000-01-01T00:00:00Z"), "findings", |finding| {
        let Some(run) = finding["trace_id"].as_str().and_then(|trace| runs.get_mut(trace)) else { return };
        let spans = finding["span_ids"].as_array().map(Vec::as_slice).unwrap_or_default();
        run.findings.push(Found {
            detector: finding["detector"].as_str().unwrap_or_default().to_owned(),
            grave: finding["severity"] != "info",
            spans: spans.iter().filter_map(|id| Some(id.as_str()?.to_owned())).collect(),
        });
    })
}
