//! What reading costs as data grows: one run, a list, quantiles, search; warm, with files not in the page cache, and on a fresh process.

#![allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use super::common::{Kind, Measured, Set, Table, data_set, grouped};
use super::load::send;
use crate::program;

/// Which set to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sets {
    Lean,
    Rich,
}

/// Options of `cargo xtask bench read`.
#[derive(Debug, Args)]
pub struct Options {
    /// What the spans carry.
    #[arg(long, value_enum, default_value = "lean")]
    set: Sets,
    /// Spans to measure at, one column each; further ones are added to those before.
    #[arg(long, value_delimiter = ',', default_values_t = [500_000, 1_000_000, 2_000_000, 5_000_000])]
    spans: Vec<u64>,
    /// Most repetitions of a question, and most seconds spent on it.
    #[arg(long, default_value_t = 200)]
    repeat: usize,
    /// A program to measure, instead of building one.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Leave the fresh processes out.
    #[arg(long)]
    warm: bool,
    /// A data directory that holds as many spans of the set already: it is read as it is, and nothing is loaded.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// A question, and what its answer may take.
struct Question {
    name: &'static str,
    /// Path and query; `{run}` is the id of a run, another one each time, `{n}` a number.
    path: &'static str,
    /// Milliseconds.
    aim: Option<f64>,
    /// Only asked of spans with content.
    content: bool,
}

const QUESTIONS: [Question; 13] = [
    ask("run by id", "/api/v1/runs/{run}", Some(10.0)),
    ask("run, without content", "/api/v1/runs/{run}?content=none", Some(10.0)),
    ask("run, its tree", "/api/v1/runs/{run}/tree", None),
    ask("newest 50 runs", "/api/v1/runs?limit=50", Some(50.0)),
    ask("50 runs of an agent that failed", "/api/v1/runs?limit=50&agent=refund&errors=true&from=24h", Some(50.0)),
    ask(
        "the same with facets",
        "/api/v1/runs?limit=50&agent=refund&errors=true&from=24h&facets=agent,status,model,tool",
        None,
    ),
    ask("50 runs by name", "/api/v1/runs?limit=50&q=planner&from=24h", Some(50.0)),
    ask(
        "latency of runs by agent",
        "/api/v1/aggregate?from=24h&by=agent&measure=duration_ms&quantiles=0.5,0.95,0.99",
        Some(200.0),
    ),
    ask(
        "latency of steps by agent",
        "/api/v1/aggregate?of=steps&from=24h&by=agent&measure=duration_ms&quantiles=0.5,0.95,0.99",
        Some(200.0),
    ),
    ask("tokens by model and hour", "/api/v1/aggregate?of=steps&from=24h&step=1h&by=model&measure=tokens", None),
    said("search, a common phrase", "/api/v1/search?q=refund+order&from=24h", Some(1000.0)),
    said("search, an id", "/api/v1/search?q=%22order_id%22:+{n}&from=24h", Some(1000.0)),
    said("search, nothing there", "/api/v1/search?q=quetzalcoatl&from=24h", Some(1000.0)),
];

const fn ask(name: &'static str, path: &'static str, aim: Option<f64>) -> Question {
    Question { name, path, aim, content: false }
}

const fn said(name: &'static str, path: &'static str, aim: Option<f64>) -> Question {
    Question { name, path, aim, content: true }
}

/// Longest time spent on one question.
const LONGEST: Duration = Duration::from_secs(8);
/// How often a cold question is asked.
const COLD_TIMES: usize = 5;

/// Times of one question in milliseconds, sorted, and CPU milliseconds a time.
struct Times {
    sorted: Vec<f64>,
    cpu: f64,
}

impl Times {
    fn quantile(&self, share: f64) -> f64 {
        let at = ((self.sorted.len() as f64 * share) as usize).min(self.sorted.len().saturating_sub(1));
        self.sorted.get(at).copied().unwrap_or(f64::NAN)
    }
}

/// Loads the sets step by step and prints what reading them costs.
pub fn run(options: &Options) -> Result<()> {
    let program = options.program.clone().map_or_else(Measured::build, Ok)?;
    let kind = if options.set == Sets::Lean { Kind::Lean } else { Kind::Rich };
    let mut names = vec!["milliseconds".to_owned(), "aim".to_owned()];
    names.extend(options.spans.iter().map(|spans| format!("{} k spans", spans / 1000)));
    let titles: Vec<&str> = names.iter().map(String::as_str).collect();
    let [mut warm, mut cpu, mut cold, mut first] = [(); 4].map(|()| Table::new(&titles));
    let questions: Vec<&Question> = QUESTIONS.iter().filter(|one| kind == Kind::Rich || !one.content).collect();
    let mut columns: Vec<Vec<[String; 4]>> = Vec::new();
    let mut about = vec![vec!["memory, peak MiB".to_owned(), "1,024".into()], vec!["segments".into(), String::new()]];
    let loaded = options.data.is_some();
    anyhow::ensure!(!loaded || options.spans.len() == 1, "a directory holds one number of spans: name it with --spans");
    let data = options.data.clone().map_or_else(|| program::fresh_folder("bench-read"), Ok)?;
    let mut sent = 0;
    for spans in &options.spans {
        let whole = data_set(kind, *spans)?;
        let next = Set { files: whole.files[sent..].to_vec(), ..whole.clone() };
        sent = whole.files.len();
        let server = Measured::open(&program, data.clone())?;
        if !loaded {
            send(&server.server.otlp_http, &next, 4, 0)?;
        }
        let status = server.settle()?;
        server.server.stop();
        about[1].push(segments(&status).to_string());
        let ids = &whole.trace_ids;
        let server = Measured::open(&program, data.clone())?;
        let measured =
            questions.iter().map(|one| times(&server, one, ids, options.repeat)).collect::<Result<Vec<_>>>()?;
        about[0].push(grouped(server.peak_memory()? as f64 / f64::from(1 << 20)));
        let uncached = if options.warm {
            vec!["-".to_owned(); questions.len()]
        } else {
            questions.iter().map(|one| uncached(&server, one, ids)).collect::<Result<Vec<_>>>()?
        };
        server.server.stop();
        let mut column = Vec::new();
        for ((one, times), uncached) in questions.iter().zip(measured).zip(uncached) {
            let fresh = if options.warm { "-".to_owned() } else { fresh(&program, &data, one, ids)? };
            column.push([
                format!("{:.1} / {:.1}", times.quantile(0.5), times.quantile(0.99)),
                format!("{:.1}", times.cpu),
                uncached,
                fresh,
            ]);
        }
        columns.push(column);
        println!("measured at {} spans", grouped(*spans as f64));
    }
    for (at, one) in questions.iter().enumerate() {
        let aim = one.aim.map_or(String::new(), |aim| format!("{aim:.0}"));
        let row = |part: usize| {
            [one.name.to_owned(), aim.clone()]
                .into_iter()
                .chain(columns.iter().map(move |column| column[at][part].clone()))
        };
        warm.row(row(0).collect::<Vec<_>>());
        cpu.row(row(1).collect::<Vec<_>>());
        cold.row(row(2).collect::<Vec<_>>());
        first.row(row(3).collect::<Vec<_>>());
    }
    about.into_iter().for_each(|row| warm.row(row));
    println!("\nSet `{}`. Warm, p50 / p99 of up to {} times each\n{warm}", kind.name(), options.repeat);
    println!("CPU of the server, a time\n{cpu}");
    if !options.warm {
        println!("The same server, {}; the middle of {COLD_TIMES}\n{cold}", cold_how());
        println!(
            "First answer of a fresh process, {}, nor is the program; the middle of {COLD_TIMES}\n{first}",
            cold_how()
        );
    }
    Ok(())
}

fn segments(status: &serde_json::Value) -> u64 {
    let tables = status["store"]["tables"].as_object().into_iter().flat_map(|tables| tables.values());
    tables.map(|table| table["segments"].as_u64().unwrap_or(0)).sum()
}

fn path(one: &Question, ids: &[String], at: usize) -> Result<String> {
    // Far apart, so that neighbours in a file are not asked for after each other.
    let id = ids.get((at * 7919) % ids.len().max(1)).context("the set names no runs")?;
    Ok(one.path.replace("{run}", id).replace("{n}", &(10_000 + at * 131 % 80_000).to_string()))
}

fn once(agent: &ureq::Agent, url: &str) -> Result<f64> {
    let begun = Instant::now();
    let mut answer = agent.get(url).call().with_context(|| format!("no answer to {url}"))?;
    let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec()?;
    let taken = begun.elapsed().as_secs_f64() * 1e3;
    if answer.status() != 200 {
        bail!("{url} answered {}: {}", answer.status(), String::from_utf8_lossy(&body));
    }
    Ok(taken)
}

fn agent() -> ureq::Agent {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(120)));
    config.build().into()
}

fn times(server: &Measured, one: &Question, ids: &[String], repeat: usize) -> Result<Times> {
    let agent = agent();
    // What is read for the first time belongs to the other table.
    for at in 0..3 {
        once(&agent, &format!("{}{}", server.server.http, path(one, ids, at)?))?;
    }
    let (begun, cpu) = (Instant::now(), server.cpu_seconds()?);
    let mut times = Vec::new();
    while times.len() < repeat && begun.elapsed() < LONGEST {
        times.push(once(&agent, &format!("{}{}", server.server.http, path(one, ids, times.len() + 3)?))?);
    }
    let cpu = (server.cpu_seconds()? - cpu) * 1e3 / times.len() as f64;
    times.sort_unstable_by(f64::total_cmp);
    Ok(Times { sorted: times, cpu })
}

/// The middle of some answers of a server that has answered before, the page cache dropped before each.
fn uncached(server: &Measured, one: &Question, ids: &[String]) -> Result<String> {
    let agent = agent();
    middle(|at| {
        drop_page_cache();
        once(&agent, &format!("{}{}", server.server.http, path(one, ids, at + 2000)?))
    })
}

/// The middle of the first answers of some fresh processes.
fn fresh(program: &Path, data: &Path, one: &Question, ids: &[String]) -> Result<String> {
    middle(|at| {
        drop_page_cache();
        let server = Measured::open(program, data.to_owned())?;
        let taken = once(&agent(), &format!("{}{}", server.server.http, path(one, ids, at + 1000)?))?;
        server.server.stop();
        Ok(taken)
    })
}

fn middle(take: impl Fn(usize) -> Result<f64>) -> Result<String> {
    let mut times = (0..COLD_TIMES).map(take).collect::<Result<Vec<_>>>()?;
    times.sort_unstable_by(f64::total_cmp);
    Ok(format!("{:.1}", times[COLD_TIMES / 2]))
}

const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

fn drop_page_cache() -> bool {
    fs::write(DROP_CACHES, "1").is_ok()
}

fn cold_how() -> &'static str {
    if drop_page_cache() {
        "files not in the page cache"
    } else {
        "files in the page cache (it may not be dropped here)"
    }
}
