//! What benches share: data sets, a server to measure, waiting until it has settled, tables.
//!
//! The sets are made by `../shared/bench/gen_otlp.py` in chunks, each kept under target/xtask and made once.

#![allow(clippy::disallowed_methods, reason = "a measurement needs a clock, and waits for another process")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::program::{self, Listen, Server};
use crate::{paths, python, shell};

/// Agent runs of a chunk of a set, about twelve spans each.
const CHUNK_RUNS: usize = 10_000;
/// When the first run of a set begins, in seconds since 1970; sending moves it (see `load.rs`).
const FIRST_START: f64 = 1_790_000_000.0;
/// Seconds between the starts of two runs, as the generator has it.
const RUN_EVERY: f64 = 0.05;

/// What a span carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Names, times and numbers: 462 bytes a span.
    Lean,
    /// Messages, arguments and results too: 5 KB a span.
    Rich,
}

impl Kind {
    /// As the generator calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lean => "lean",
            Self::Rich => "rich",
        }
    }
}

/// A data set: requests in files, one `ExportTraceServiceRequest` of about 500 spans each.
#[derive(Debug, Clone)]
pub struct Set {
    /// What its spans carry.
    pub kind: Kind,
    /// The requests, in the order of their times.
    pub files: Vec<PathBuf>,
    /// Spans in them, about.
    pub spans: u64,
    /// Some of their traces, spread evenly.
    pub trace_ids: Vec<String>,
    /// When its last run begins, in nanoseconds since 1970.
    pub ends: i64,
}

/// The first `spans` spans of a set, made first where they are not there yet.
pub fn data_set(kind: Kind, spans: u64) -> Result<Set> {
    let script = paths::root().join("../shared/bench/gen_otlp.py");
    if !script.is_file() {
        bail!("the bench needs ../shared/bench/gen_otlp.py beside the repository, which is not there");
    }
    let mut set = Set { kind, files: Vec::new(), spans: 0, trace_ids: Vec::new(), ends: 0 };
    for chunk in 0.. {
        let about = make_chunk(&script, kind, chunk, spans.saturating_sub(set.spans))?;
        let number = |key: &str| about[key].as_u64().unwrap_or(0);
        let (files, in_chunk) = (number("files").max(1), number("spans"));
        let wanted = (spans - set.spans).min(in_chunk);
        let taken = (wanted * files).div_ceil(in_chunk.max(1));
        let folder = chunk_folder(kind, chunk);
        set.files.extend((0..taken).map(|file| folder.join(format!("{file:06}.pb"))));
        let ids = about["trace_ids"].as_array().map(Vec::as_slice).unwrap_or_default();
        // Not the last of a chunk that is taken in part: its spans may lie behind the cut.
        let sure = ids.len() * taken as usize / files as usize;
        set.trace_ids.extend(ids.iter().take(sure.saturating_sub(1)).filter_map(|id| Some(id.as_str()?.to_owned())));
        set.spans += in_chunk * taken / files;
        let runs = (chunk * CHUNK_RUNS) as f64 + CHUNK_RUNS as f64 * taken as f64 / files as f64;
        set.ends = ((FIRST_START + runs * RUN_EVERY) * 1e9) as i64;
        if taken < files || set.spans >= spans {
            return Ok(set);
        }
    }
    unreachable!("the loop ends when there are enough spans")
}

fn chunk_folder(kind: Kind, chunk: usize) -> PathBuf {
    paths::scratch().join(format!("bench-sets/{}/{chunk:04}", kind.name()))
}

/// What a chunk holds, by its `meta.json`. Where it has to be made, further ones that will be needed are made beside it.
fn make_chunk(script: &Path, kind: Kind, chunk: usize, spans: u64) -> Result<Value> {
    let folder = chunk_folder(kind, chunk);
    let about = folder.join("meta.json");
    if !about.is_file() {
        let python = python::environment("python", "e2e/requirements.txt").map_err(anyhow::Error::msg)?;
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let needed = (spans as usize).div_ceil(CHUNK_RUNS * 12).max(1);
        let missing = (chunk..chunk + needed.min(at_once)).filter(|at| !chunk_folder(kind, *at).exists());
        let children = missing.map(|at| {
            // Made under another name, so that a chunk is whole or not there.
            let part = chunk_folder(kind, at).with_extension("part");
            let start = FIRST_START + (at * CHUNK_RUNS) as f64 * RUN_EVERY;
            println!("making chunk {at} of the set `{}`", kind.name());
            let mut command = Command::new(&python);
            command.arg(script).arg(&part).args([CHUNK_RUNS.to_string(), kind.name().into(), (7 + at).to_string()]);
            let child = command.arg(start.to_string()).stdout(std::process::Stdio::null()).spawn();
            Ok((at, part, child.context("cannot start Python")?))
        });
        for (at, part, mut child) in children.collect::<Result<Vec<_>>>()? {
            if !child.wait()?.success() {
                bail!("gen_otlp.py failed; its message is above");
            }
            fs::rename(&part, chunk_folder(kind, at))?;
        }
    }
    let text = fs::read_to_string(&about).with_context(|| format!("cannot read {}", about.display()))?;
    serde_json::from_str(&text).with_context(|| format!("cannot read {}", about.display()))
}

/// A server of the release build under measurement, over a data folder of its own.
pub struct Measured {
    /// The server.
    pub server: Server,
    data: PathBuf,
    begun: f64,
}

impl Measured {
    /// Builds the program in release mode, without the UI: nothing that is measured here asks for a page of it (`ui.rs` builds its own).
    pub fn build() -> Result<PathBuf> {
        program::build("release", false)
    }

    /// Starts `program` over an empty folder called `name`.
    pub fn start(program: &Path, name: &str) -> Result<Self> {
        Self::open(program, program::fresh_folder(name)?)
    }

    /// The same, with settings as the environment names them.
    pub fn start_with(program: &Path, name: &str, settings: &[(&str, &Path)]) -> Result<Self> {
        Self::open_with(program, program::fresh_folder(name)?, settings)
    }

    /// Starts `program` over a folder that may hold data already.
    pub fn open(program: &Path, data: PathBuf) -> Result<Self> {
        Self::open_with(program, data, &[])
    }

    fn open_with(program: &Path, data: PathBuf, settings: &[(&str, &Path)]) -> Result<Self> {
        let log = data.with_extension("log");
        let server = Server::start_with(program, &data, &Listen::anywhere(), &log, settings)?;
        let mut measured = Self { server, data, begun: 0.0 };
        measured.begun = measured.total_cpu()?;
        Ok(measured)
    }

    /// User and system seconds since the start was complete.
    pub fn cpu_seconds(&self) -> Result<f64> {
        Ok(self.total_cpu()? - self.begun)
    }

    fn total_cpu(&self) -> Result<f64> {
        cpu_of(self.server.id())
    }

    /// Most memory it ever held, in bytes.
    pub fn peak_memory(&self) -> Result<u64> {
        memory_of(self.server.id(), "VmHWM")
    }

    /// What its directory takes, as of a status.
    pub fn disk(&self, status: &Value) -> Disk {
        let file = |name: &str| fs::metadata(self.data.join(name)).map_or(0, |meta| meta.len());
        let segments = tables(&status["store"]).map(|table| table["bytes"].as_u64().unwrap_or(0));
        Disk {
            telemetry: segments.sum::<u64>() + file("catalog.db"),
            state: file("state.sqlite") + file("state.sqlite-wal"),
            series: bytes_below(&self.data.join("series")),
            whole: bytes_below(&self.data),
        }
    }

    /// What judges its runs and watches it, in words: "everything on" says little without it.
    pub fn watched_by(&self) -> Result<String> {
        let (rules, detectors) = (self.get("/api/v1/rules")?, self.get("/api/v1/detectors")?);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let groups = list(&rules["groups"]);
        let kinds: Vec<Value> = groups.iter().flat_map(|group| list(&group["rules"])).collect();
        let of = |kind: &str| kinds.iter().filter(|rule| rule["kind"] == kind).count();
        // A group of a pack says `pack/file.yml`.
        let packs: BTreeSet<&str> =
            groups.iter().filter_map(|group| group["file"].as_str()?.split('/').next()).collect();
        Ok(format!(
            "{} detectors; {} alerts and {} recorded series of the rules {}",
            list(&detectors["detectors"]).len(),
            of("alert"),
            of("record"),
            packs.into_iter().collect::<Vec<_>>().join(", "),
        ))
    }

    /// What the server says about itself.
    pub fn status(&self) -> Result<Value> {
        self.get("/api/v1/status")
    }

    fn get(&self, path: &str) -> Result<Value> {
        let text = ureq::get(format!("{}{path}", self.server.http))
            .call()
            .with_context(|| format!("the server does not answer {path}"))?
            .body_mut()
            .read_to_string()?;
        serde_json::from_str(&text).with_context(|| format!("cannot read the answer to {path}"))
    }

    /// Figures of the server's own metrics, by their names without labels, added up.
    pub fn metrics(&self, names: &[&str]) -> Result<f64> {
        let text = ureq::get(format!("{}/metrics", self.server.http))
            .call()
            .context("the server does not answer")?
            .body_mut()
            .with_config()
            .limit(64 << 20)
            .read_to_string()?;
        let metric = |name: &&str| -> Result<f64> {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.split(' ').next());
            let value = value.with_context(|| format!("the server has no metric {name}"))?;
            value.parse().with_context(|| format!("{name} is {value:?}"))
        };
        names.iter().map(metric).sum()
    }

    /// Waits until what was sent so far is in segments.
    pub fn flushed(&self) -> Result<()> {
        const LONGEST: Duration = Duration::from_secs(60);
        let begun = Instant::now();
        loop {
            let status = self.status()?;
            let store = &status["store"];
            if store["log_flushed"].is_u64() && store["log_flushed"] == store["log_sequence"] {
                return Ok(());
            }
            if begun.elapsed() > LONGEST {
                bail!("the server did not flush within {LONGEST:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until every row is in a segment, compaction found nothing more to do, and every run was judged (counters,
    /// costs, detectors).
    pub fn settle(&self) -> Result<Value> {
        /// Longer than compaction waits between two looks.
        const QUIET: Duration = Duration::from_secs(12);
        const LONGEST: Duration = Duration::from_secs(3600);
        let begun = Instant::now();
        let mut last = (Value::Null, Instant::now());
        loop {
            let status = self.status()?;
            let store = &status["store"];
            let hot: u64 = tables(store).map(|table| table["hot_rows"].as_u64().unwrap_or(0)).sum();
            let waiting = self.metrics(&["tawny_watch_waiting_runs", "tawny_watch_behind"])?;
            let changes = serde_json::json!([hot, store["flushes"], store["compactions"], waiting]);
            if last.0 != changes {
                last = (changes, Instant::now());
            } else if hot == 0 && waiting == 0.0 && last.1.elapsed() > QUIET {
                return Ok(status);
            }
            if begun.elapsed() > LONGEST {
                bail!("the server did not settle within {LONGEST:?}: {}", last.0);
            }
            // No more often than a Prometheus would: writing the page of metrics is work of the server, too.
            std::thread::sleep(Duration::from_secs(5));
        }
    }
}

/// Bytes of a data directory. What is counted is the length of files.
#[derive(Debug, Clone, Copy)]
pub struct Disk {
    /// Segments and catalog: what stays when the log is empty and replaced files are gone.
    pub telemetry: u64,
    /// What the server remembers beside telemetry (ledger, findings, baselines), with SQLite's log of it.
    pub state: u64,
    /// Time series.
    pub series: u64,
    /// All files there are: the above, what is left of the log, and files that were replaced and wait for the end of their grace period.
    pub whole: u64,
}

/// Bytes of all files below a folder; one that goes away meanwhile has none.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => bytes_below(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.map(bytes).sum()
}

/// User and system seconds of a process since it began.
pub fn cpu_of(process: u32) -> Result<f64> {
    /// Ticks a second in /proc: fixed at 100 for every architecture Linux runs on today.
    const TICKS: f64 = 100.0;
    let text = proc(process, "stat")?;
    // The name in parentheses may hold spaces; utime and stime are the 12th and 13th field after it (proc(5)).
    let fields: Vec<&str> = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
    Ok((ticks(11) + ticks(12)) / TICKS)
}

/// Memory of a process in bytes, by the name of a line of /proc/PID/status.
pub fn memory_of(process: u32, which: &str) -> Result<u64> {
    let text = proc(process, "status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':')).unwrap_or("");
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0);
    Ok(kib * 1024)
}

fn proc(process: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{process}/{file}");
    fs::read_to_string(&path).with_context(|| format!("cannot read {path}: benches run on Linux"))
}

fn tables(store: &Value) -> impl Iterator<Item = &Value> {
    store["tables"].as_object().into_iter().flat_map(serde_json::Map::values)
}

/// How fast this program decodes the files and does nothing else, one thread, in spans per CPU second.
pub fn decoding_floor(set: &Set) -> Result<f64> {
    let example = paths::program("release").with_file_name("examples/decode_bench");
    let some = set.files.iter().take(100).map(|file| file.to_string_lossy().into_owned()).collect::<Vec<_>>();
    let arguments: Vec<&str> = std::iter::once("--files").chain(some.iter().map(String::as_str)).collect();
    let said = shell::output(&example.to_string_lossy(), &arguments).context("decode_bench failed")?;
    said.parse().with_context(|| format!("decode_bench said {said:?}"))
}

/// A table in columns as wide as their widest cell; numbers to the right.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column names.
    pub fn new(names: &[&str]) -> Self {
        Self { rows: vec![names.iter().map(ToString::to_string).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (at, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
            if at == 0 {
                writeln!(f, "{}", "-".repeat(widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1)))?;
            }
        }
        Ok(())
    }
}

/// A number with a comma between each three digits.
pub fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0.0 { format!("-{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_its_columns_up() {
        let mut table = Table::new(&["set", "spans"]);
        table.row(["lean".to_owned(), grouped(1_234_567.0)]);
        table.row(["rich and long".to_owned(), grouped(7.0)]);
        let shown = table.to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "set                spans");
        assert_eq!(lines[2], "lean           1,234,567");
        assert_eq!(lines[3], "rich and long          7");
    }
}
