//! What queries in PromQL cost in time of a processor, what a series takes in memory and a sample on the disk: Tawny beside Debian's
//! Prometheus, with the same samples, over the same HTTP API.
//!
//! The samples come from an example of the crate `series`: Tawny's as a directory, Prometheus' by remote write. Both are started anew before they are
//! measured, so that neither is measured with what loading left behind.

#![allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use super::common::{Measured, Table, cpu_of, grouped, memory_of};
use crate::program::{Listen, Server, fresh_folder, stop};
use crate::shell;

/// Blocks of both are of two hours.
const BLOCK_SECONDS: i64 = 7_200;
/// CPU time a measurement takes at least: the kernel counts hundredths of a second.
const MEASURED: f64 = 0.5;
/// Queries are asked for times so long after multiples of 15 seconds: neither samples nor the steps of subqueries lie at the ends of their ranges,
/// where versions of Prometheus differ.
const PHASE: i64 = 3;
/// A query is asked at least and at most so often.
const ASKED: (u32, u32) = (3, 50);
/// Answers may differ by so much of their size: sums of floats depend on the order.
const TOLERANCE: f64 = 1e-9;

/// The queries, of the kinds the guides' dashboards and rules have.
const QUERIES: [(&str, &str); 12] = [
    ("rate", "sum(rate(agent_requests_total[5m]))"),
    ("rate by agent", "sum by (agent) (rate(agent_requests_total[5m]))"),
    (
        "ratio",
        "sum by (agent) (rate(agent_requests_total{status=\"failure\"}[5m])) / sum by (agent) (rate(agent_requests_total[5m]))",
    ),
    ("quantile", "histogram_quantile(0.95, sum by (le) (rate(agent_duration_seconds_bucket[5m])))"),
    ("quantile by agent", "histogram_quantile(0.95, sum by (le, agent) (rate(agent_duration_seconds_bucket[5m])))"),
    ("offset", "sum(rate(agent_requests_total[5m])) / sum(rate(agent_requests_total[5m] offset 30m))"),
    ("topk", "topk(5, sum by (agent) (rate(agent_requests_total[5m])))"),
    ("subquery", "max_over_time(sum(rate(agent_requests_total[5m]))[30m:1m])"),
    ("sum", "sum(agent_requests_total)"),
    ("mean over time", "avg by (agent) (avg_over_time(agent_queue_depth[15m]))"),
    ("increase", "sum by (status) (increase(agent_requests_total[1h]))"),
    ("count", "count by (agent) (agent_queue_depth > 10)"),
];

/// What rules ask: one number of a long range.
const LONG: [(&str, &str, i64); 4] = [
    ("increase [24h]", "sum(increase(agent_requests_total[24h]))", 24),
    ("mean [24h]", "sum by (agent) (avg_over_time(agent_queue_depth[24h]))", 24),
    ("increase [7d]", "sum(increase(agent_requests_total[7d]))", 168),
    ("quantile [7d]", "histogram_quantile(0.95, sum by (le) (rate(agent_duration_seconds_bucket[7d])))", 168),
];

/// Options of `cargo xtask bench promql`.
#[derive(Debug, Args)]
pub struct Options {
    /// Numbers of series and hours of samples, as `1000:168`.
    #[arg(long, value_delimiter = ',', default_values = ["1000:168", "20000:24"])]
    sets: Vec<String>,
    /// Measure this program, and use the example beside it, instead of building both.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// Measures and prints.
pub fn run(options: &Options) -> Result<()> {
    if shell::output("prometheus", &["--version"]).is_none() {
        bail!("the bench compares with Prometheus, which is not installed (Debian: apt-get install prometheus)");
    }
    let program = match &options.program {
        Some(program) => program.clone(),
        None => Measured::build()?,
    };
    let maker = program.with_file_name("examples/promql_bench");
    let idle = [Side::tawny(&program, "bench-promql-empty")?, Side::prometheus("bench-promql-empty-prometheus")?];
    let idle = idle.map(|side| side.own_memory());
    for set in &options.sets {
        let (series, hours) = set.split_once(':').context("a set is SERIES:HOURS")?;
        let set = Set { series: series.parse()?, hours: hours.parse()?, end: end() };
        measure(&program, &maker, &set, &idle)?;
    }
    Ok(())
}

/// Samples to measure with.
struct Set {
    series: u64,
    hours: i64,
    /// When they end, in seconds since 1970.
    end: i64,
}

impl Set {
    /// Lets the example make the samples; says how many.
    fn make(&self, maker: &Path, how: &str, to: &str) -> Result<f64> {
        let (series, hours, end) = (self.series.to_string(), self.hours.to_string(), (self.end * 1_000).to_string());
        let said = shell::output(&maker.to_string_lossy(), &[how, &series, &hours, &end, to]);
        said.and_then(|said| said.parse().ok()).with_context(|| format!("{} failed", maker.display()))
    }
}

/// The end of the last whole block: recent, so that nothing is thinned, and past, so that all of it may be asked for.
fn end() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    now / BLOCK_SECONDS * BLOCK_SECONDS
}

fn measure(program: &Path, maker: &Path, set: &Set, idle: &[Result<u64>; 2]) -> Result<()> {
    let names = [format!("bench-promql-{}", set.series), format!("bench-promql-{}-prometheus", set.series)];
    let folder = fresh_folder(&names[0])?;
    let samples = set.make(maker, "write", &folder.join("series/default").to_string_lossy())?;
    let ours = Side::open(program, &folder)?;
    let theirs = Side::prometheus(&names[1])?;
    set.make(maker, "send", &format!("{}/api/v1/write", theirs.base))?;
    let theirs = theirs.again()?;
    println!("{} series, {} hours at 15 s, {} samples", set.series, set.hours, grouped(samples));
    let memory = |side: &Side, idle: &Result<u64>| -> Result<f64> {
        let idle = idle.as_ref().map_or(0, |idle| *idle);
        Ok(side.own_memory()?.saturating_sub(idle) as f64 / set.series as f64)
    };
    let (our_memory, their_memory) = (memory(&ours, &idle[0])?, memory(&theirs, &idle[1])?);
    let mut table = Table::new(&["", "Tawny", "Prometheus", "ratio"]);
    let mut compared = |what: &str, ours: f64, theirs: f64, digits: usize| {
        table.row([
            what.into(),
            format!("{ours:.digits$}"),
            format!("{theirs:.digits$}"),
            format!("{:.2}", ours / theirs),
        ]);
    };
    compared("memory, bytes a series", our_memory, their_memory, 0);
    compared("disk, bytes a sample", ours.disk()? as f64 / samples, theirs.disk()? as f64 / samples, 2);
    let (hour, day) = ((3_600, 15), (86_400, 60));
    for (range, (seconds, step)) in [("1h", hour), ("24h", day)] {
        // The longest look back of a query is an hour and a half.
        let seconds = seconds.min(set.hours * 3_600 - 5_400);
        for (name, text) in QUERIES {
            let question = Question { text, start: set.end - seconds + PHASE, end: set.end - 15 + PHASE, step };
            let (a, b) = question.both(&ours, &theirs)?;
            compared(&format!("{name}, {range}, CPU ms"), a, b, 2);
        }
    }
    for (name, text, _) in LONG.iter().filter(|(.., hours)| *hours <= set.hours) {
        let question = Question { text, start: set.end - 15 + PHASE, end: set.end - 15 + PHASE, step: 15 };
        let (a, b) = question.both(&ours, &theirs)?;
        compared(&format!("{name}, CPU ms"), a, b, 2);
    }
    println!("{table}");
    Ok(())
}

struct Question<'q> {
    text: &'q str,
    start: i64,
    end: i64,
    step: i64,
}

impl Question<'_> {
    /// CPU milliseconds of both sides; their answers must agree.
    fn both(&self, ours: &Side, theirs: &Side) -> Result<(f64, f64)> {
        let (a, our_sum) = self.cost(ours)?;
        let (b, their_sum) = self.cost(theirs)?;
        if (our_sum - their_sum).abs() > TOLERANCE * their_sum.abs().max(1.0) {
            bail!("the answers to {} differ: {our_sum} here, {their_sum} from Prometheus", self.text);
        }
        Ok((a, b))
    }

    /// CPU milliseconds of an answer, less what the process does anyway, and the sum of its values.
    fn cost(&self, side: &Side) -> Result<(f64, f64)> {
        let sum = self.ask(side)?;
        let (from, begun, mut asked) = (side.cpu()?, Instant::now(), 0);
        while asked < ASKED.0 || (asked < ASKED.1 && side.cpu()? - from < MEASURED) {
            self.ask(side)?;
            asked += 1;
        }
        let spent = side.cpu()? - from - side.idle_cpu * begun.elapsed().as_secs_f64();
        Ok((spent.max(0.0) * 1e3 / f64::from(asked), sum))
    }

    fn ask(&self, side: &Side) -> Result<f64> {
        let url = format!("{}/api/v1/query_range", side.base);
        let times = [("start", self.start), ("end", self.end), ("step", self.step)];
        let mut request = ureq::get(&url).query("query", self.text);
        for (name, value) in times {
            request = request.query(name, value.to_string());
        }
        let mut answer = request.call().with_context(|| format!("no answer to {}", self.text))?;
        let text = answer.body_mut().with_config().limit(1 << 30).read_to_string()?;
        let answer: Value = serde_json::from_str(&text)?;
        let series = answer["data"]["result"].as_array().with_context(|| format!("no result: {text:.200}"))?;
        if series.is_empty() {
            bail!("nothing was found by {}", self.text);
        }
        let values = series.iter().flat_map(|series| series["values"].as_array().into_iter().flatten());
        let numbers = values.filter_map(|value| value[1].as_str()?.parse::<f64>().ok());
        Ok(numbers.filter(|number| number.is_finite()).sum())
    }
}

/// A program that answers queries.
struct Side {
    process: Process,
    /// Address of Prometheus' API, without `/api/v1`.
    base: String,
    /// Its directory of series.
    folder: PathBuf,
    /// CPU seconds a second it spends without being asked.
    idle_cpu: f64,
}

enum Process {
    Tawny(Server),
    Prometheus(Child),
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Self::Prometheus(child) = self {
            stop(child);
        }
    }
}

impl Side {
    fn tawny(program: &Path, name: &str) -> Result<Self> {
        Self::open(program, &fresh_folder(name)?)
    }

    fn open(program: &Path, folder: &Path) -> Result<Self> {
        let server = Server::start(program, folder, &Listen::anywhere(), &folder.with_extension("log"))?;
        let base = format!("{}/prometheus", server.http);
        Self { process: Process::Tawny(server), base, folder: folder.join("series"), idle_cpu: 0.0 }.ready()
    }

    fn prometheus(name: &str) -> Result<Self> {
        let folder = fresh_folder(name)?;
        fs::write(folder.join("prometheus.yml"), "global: {}\n")?;
        Self::prometheus_over(&folder)
    }

    fn prometheus_over(folder: &Path) -> Result<Self> {
        // Free a moment ago; nothing else on the machine asks for ports at this rate.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = fs::File::create(folder.join("log"))?;
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--web.enable-remote-write-receiver", "--query.max-samples=500000000"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start Prometheus")?;
        let base = format!("http://127.0.0.1:{port}");
        Self { process: Process::Prometheus(child), base, folder: folder.join("data"), idle_cpu: 0.0 }.ready()
    }

    /// Stops Prometheus and starts it over what it has.
    fn again(self) -> Result<Self> {
        let folder = self.folder.parent().context("a folder")?.to_owned();
        drop(self);
        Self::prometheus_over(&folder)
    }

    /// Waits until it answers, and sees what it does while nobody asks.
    fn ready(mut self) -> Result<Self> {
        const LONGEST: Duration = Duration::from_secs(300);
        const QUIET: Duration = Duration::from_secs(5);
        let begun = Instant::now();
        let url = format!("{}/api/v1/query?query=1", self.base);
        while ureq::get(&url).call().is_err() {
            if begun.elapsed() > LONGEST {
                bail!("{url} does not answer");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        std::thread::sleep(QUIET);
        let from = self.cpu()?;
        std::thread::sleep(QUIET);
        self.idle_cpu = (self.cpu()? - from) / QUIET.as_secs_f64();
        Ok(self)
    }

    fn id(&self) -> u32 {
        match &self.process {
            Process::Tawny(server) => server.id(),
            Process::Prometheus(child) => child.id(),
        }
    }

    fn cpu(&self) -> Result<f64> {
        cpu_of(self.id())
    }

    /// Memory that is its own: without the files it has mapped.
    fn own_memory(&self) -> Result<u64> {
        memory_of(self.id(), "RssAnon")
    }

    /// Bytes of the directory of series.
    fn disk(&self) -> Result<u64> {
        let said = shell::output("du", &["-sb", &self.folder.to_string_lossy()]).context("du failed")?;
        said.split_whitespace().next().and_then(|bytes| bytes.parse().ok()).context("du gave no number")
    }
}
