//! What the store costs beyond taking in: bodies once, compaction under steady ingest, memory to serve, upkeep.

#![allow(clippy::disallowed_methods, reason = "a measurement needs a clock, and waits between samples")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::common::{Kind, Measured, Set, Table, data_set, grouped};
use super::load::{self, Sent, quantile_ms};
use crate::{paths, program, shell};

/// Options of `cargo xtask bench store`.
#[derive(Debug, Args)]
pub struct Options {
    /// Spans on disk while memory to serve them and upkeep are measured.
    #[arg(long, default_value_t = 5_000_000)]
    spans: u64,
    /// Seconds of steady ingest while compaction is watched.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Only these parts, separated by commas: bodies, compaction, memory, upkeep.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Cargo profile of the program.
    #[arg(long, default_value = "release")]
    profile: String,
    /// A program to measure, instead of building one.
    #[arg(long, conflicts_with = "profile")]
    program: Option<PathBuf>,
}

/// Memory the issue allows for serving the spans on disk.
const MEMORY_AIM: u64 = 1 << 30;

/// Runs the parts.
pub fn run(options: &Options) -> Result<()> {
    let program = options.program.clone().map_or_else(|| program::build(&options.profile, false), Ok)?;
    let wanted = |part: &str| options.only.is_empty() || options.only.iter().any(|only| only == part);
    if wanted("bodies") {
        bodies(&program)?;
    }
    if wanted("compaction") {
        compaction(&program, options.seconds)?;
    }
    if wanted("memory") || wanted("upkeep") {
        large(&program, options, wanted("memory"), wanted("upkeep"))?;
    }
    Ok(())
}

/// Bytes of rows in memory at which a flush begins, where one is wanted after each round: any round has more.
const FLUSH_EACH_ROUND: &str = "1KiB";

/// One run over a growing conversation: what is sent grows with the square of the rounds, what is kept with its unique text. As it comes when
/// the server has nothing else to do, and under load, where many flushes lie between the rounds.
fn bodies(program: &Path) -> Result<()> {
    for (flushed, title) in [(false, "all rounds in one flush"), (true, "a flush between rounds")] {
        let mut table = Table::new(&["rounds", "sent", "unique text", "on disk", "disk / unique", "sent / disk"]);
        for rounds in [25u64, 50, 100, 200] {
            table.row(conversation(program, rounds, flushed)?);
        }
        println!(
            "\nBodies once: one run of so many rounds, bytes (random words, which hardly compress); disk is segments and catalog; {title}\n{table}"
        );
    }
    Ok(())
}

/// One row of the table.
fn conversation(program: &Path, rounds: u64, flushed: bool) -> Result<[String; 6]> {
    let settings = [("TAWNY_FLUSH_BYTES", Path::new(FLUSH_EACH_ROUND))];
    let measured = Measured::start_with(program, "bench-store", &settings[..usize::from(flushed)])?;
    let (mut sent, mut unique) = (0, 0);
    let mut messages: Vec<Value> = Vec::new();
    let mut words = Words(rounds);
    for round in 0..rounds {
        let role = if round % 2 == 0 { "user" } else { "assistant" };
        let message = json!({"role": role, "parts": [{"type": "text", "content": words.text(2000)}]});
        unique += message.to_string().len();
        messages.push(message);
        let request = round_request(round, &serde_json::to_string(&messages)?);
        sent += request.len();
        post(&measured.server.otlp_http, &request)?;
        if flushed {
            measured.flushed()?;
        }
    }
    // The run is over with this, else it would wait to be judged until it is taken for abandoned.
    post(&measured.server.otlp_http, &root_request())?;
    let status = measured.settle()?;
    let disk = measured.disk(&status).telemetry as f64;
    let (unique, sent) = (unique as f64, sent as f64);
    measured.server.stop();
    Ok([
        rounds.to_string(),
        grouped(sent),
        grouped(unique),
        grouped(disk),
        format!("{:.2}", disk / unique),
        format!("{:.0}", sent / disk),
    ])
}

/// Text of words that repeat no more than a language's.
struct Words(u64);

impl Words {
    fn text(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 16);
        while text.len() < bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(&format!("{:x} ", self.0 >> 24));
        }
        text
    }
}

fn round_request(round: u64, messages: &str) -> String {
    let now = now_nanos();
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "00000000000000000000000000000b0d", "spanId": format!("{:016x}", round + 2),
        "parentSpanId": "0000000000000001", "name": "chat",
        "startTimeUnixNano": now.to_string(), "endTimeUnixNano": (now + 1_000_000).to_string(),
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": "gen_ai.input.messages", "value": {"stringValue": messages}},
        ],
    }]}]}]})
    .to_string()
}

/// The step around all rounds.
fn root_request() -> String {
    let now = now_nanos();
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "00000000000000000000000000000b0d", "spanId": "0000000000000001",
        "name": "invoke_agent", "startTimeUnixNano": now.to_string(), "endTimeUnixNano": (now + 1_000_000).to_string(),
        "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}}],
    }]}]}]})
    .to_string()
}

fn now_nanos() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

fn post(url: &str, body: &str) -> Result<()> {
    let answer = ureq::post(format!("{url}/v1/traces")).content_type("application/json").send(body);
    answer.map(drop).context("the server refused a request")
}

/// Segments and the time of a list and a run while spans keep coming, each pass over the set as other runs, so that data grows.
fn compaction(program: &Path, seconds: u64) -> Result<()> {
    let set = data_set(Kind::Lean, 500_000)?;
    let measured = Measured::start(program, "bench-store")?;
    let url = measured.server.otlp_http.clone();
    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds);
    let mut table = Table::new(&[
        "second",
        "spans",
        "kept",
        "segments",
        "flushes",
        "compactions",
        "list ms",
        "run ms",
        "told to wait",
    ]);
    std::thread::scope(|scope| -> Result<()> {
        let sending = scope.spawn(|| -> Result<()> {
            for pass in 0.. {
                if Instant::now() >= until {
                    break;
                }
                load::send(&url, &set, 2, pass)?;
            }
            Ok(())
        });
        let mut next = begun;
        while Instant::now() < until {
            next += Duration::from_secs((seconds / 12).max(1));
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            let status = measured.status()?;
            let store = &status["store"];
            let segments: u64 = store["tables"]
                .as_object()
                .into_iter()
                .flat_map(|tables| tables.values())
                .map(|table| table["segments"].as_u64().unwrap_or(0))
                .sum();
            let number = |value: &Value| grouped(value.as_f64().unwrap_or(0.0));
            let spans = &store["tables"]["spans"];
            let rows = |key: &str| spans[key].as_f64().unwrap_or(0.0);
            table.row([
                begun.elapsed().as_secs().to_string(),
                number(&status["ingest"]["signals"]["traces"]["items_accepted"]),
                // Less than came would say that rows replaced each other.
                grouped(rows("hot_rows") + rows("sealed_rows") - rows("replaced_rows")),
                segments.to_string(),
                number(&store["flushes"]),
                number(&store["compactions"]),
                format!("{:.1}", get_ms(&measured, "/api/v1/runs?limit=50")?),
                format!("{:.1}", get_ms(&measured, &format!("/api/v1/runs/{}", set.trace_ids[0]))?),
                number(&store["hot_limit_reached"]),
            ]);
        }
        sending.join().unwrap_or_else(|_| bail!("the sender panicked"))
    })?;
    println!(
        "\nCompaction under steady ingest ({seconds} s, two clients as fast as they go, always other runs)\n{table}"
    );
    let settled = Instant::now();
    measured.settle()?;
    println!("settled {:.0} s after the last request", settled.elapsed().as_secs_f64());
    measured.server.stop();
    Ok(())
}

fn get_ms(measured: &Measured, path: &str) -> Result<f64> {
    let begun = Instant::now();
    ureq::get(format!("{}{path}", measured.server.http))
        .call()
        .context("the server does not answer")?
        .body_mut()
        .read_to_vec()?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

/// Many spans on disk: memory of a fresh server that is asked all sorts of things, and what upkeep takes.
fn large(program: &Path, options: &Options, memory: bool, upkeep: bool) -> Result<()> {
    let set = data_set(Kind::Lean, options.spans)?;
    let folder = paths::scratch().join("bench-store");
    let measured = Measured::start(program, "bench-store")?;
    let sent = load::send(&measured.server.otlp_http, &set, 4, 0)?;
    measured.settle()?;
    measured.server.stop();
    let mut table = Table::new(&["measure", "value", "aim"]);
    table.row(["spans on disk".into(), grouped(sent.spans as f64), String::new()]);
    if memory {
        let begun = Instant::now();
        let measured = Measured::open(program, folder.clone())?;
        table.row(["start, s".into(), format!("{:.2}", begun.elapsed().as_secs_f64()), String::new()]);
        let traces = set.trace_ids.iter().step_by((set.trace_ids.len() / 50).max(1));
        let lists = [
            "/api/v1/runs?limit=50",
            "/api/v1/runs?limit=500&facets=agent,model",
            "/api/v1/summary",
            "/api/v1/sessions",
        ];
        for path in lists.iter().map(ToString::to_string).chain(traces.map(|trace| format!("/api/v1/runs/{trace}"))) {
            get_ms(&measured, &path)?;
        }
        let query = json!({"query": "select kind, count(*), avg(duration_ms) from spans group by 1"});
        ureq::post(format!("{}/api/v1/sql", measured.server.http)).send_json(&query).context("SQL failed")?;
        let peak = measured.peak_memory()?;
        let mib = |bytes: u64| format!("{:.0} MiB", bytes as f64 / 1_048_576.0);
        table.row(["peak memory while served".into(), mib(peak), mib(MEMORY_AIM)]);
        measured.server.stop();
    }
    if upkeep {
        let data = folder.to_string_lossy().into_owned();
        let backup = paths::scratch().join("bench-backup.tar");
        let restored = paths::scratch().join("bench-restored");
        let _ = fs::remove_file(&backup);
        let _ = fs::remove_dir_all(&restored);
        let (to, back) = (backup.to_string_lossy().into_owned(), restored.to_string_lossy().into_owned());
        let commands: [(&str, Vec<&str>); 4] = [
            ("check", vec!["store", "check", "--data", &data]),
            ("backup", vec!["backup", &to, "--data", &data]),
            ("restore", vec!["restore", &to, "--data", &back]),
            ("rebuild", vec!["store", "rebuild", "--data", &back]),
        ];
        for (name, arguments) in commands {
            let begun = Instant::now();
            shell::run(Command::new(program).args(arguments).stdout(std::process::Stdio::null()))?;
            table.row([format!("{name}, s"), format!("{:.1}", begun.elapsed().as_secs_f64()), String::new()]);
        }
        fs::remove_file(&backup)?;
        fs::remove_dir_all(&restored)?;
        // Last: it adds spans.
        let live = live_backup(program, &folder, &set, &backup)?;
        for (name, value) in live {
            table.row([name.into(), value, String::new()]);
        }
        fs::remove_file(&backup)?;
    }
    println!("\nServing and upkeep, set `lean`\n{table}");
    Ok(())
}

/// A backup of a server at work: how long it takes while spans keep coming, and how long these wait for it.
fn live_backup(program: &Path, folder: &Path, set: &Set, to: &Path) -> Result<[(&'static str, String); 5]> {
    const CLIENTS: usize = 2;
    /// Requests between two looks at whether the backup is done.
    const PORTION: usize = 20;
    let measured = Measured::open(program, folder.to_owned())?;
    let url = measured.server.otlp_http.clone();
    let done = AtomicBool::new(false);
    let (took, sent) = std::thread::scope(|scope| -> Result<(Duration, Vec<Sent>)> {
        let sending = scope.spawn(|| -> Result<Vec<Sent>> {
            let none = Set { files: Vec::new(), trace_ids: Vec::new(), ..set.clone() };
            let portions = set.files.chunks(PORTION).map(|files| Set { files: files.to_vec(), ..none.clone() });
            let portions: Vec<Set> = portions.collect();
            let mut sent = Vec::new();
            // The runs on disk were pass 0.
            for (at, portion) in (portions.len()..).zip(portions.iter().cycle()) {
                if done.load(Ordering::Acquire) {
                    break;
                }
                sent.push(load::send(&url, portion, CLIENTS, (at / portions.len()) as u64)?);
            }
            Ok(sent)
        });
        let begun = Instant::now();
        let mut command = Command::new(program);
        command.arg("backup").arg(to).args(["--url", &measured.server.http]);
        let backed_up = shell::run(command.stdout(std::process::Stdio::null()));
        let took = begun.elapsed();
        done.store(true, Ordering::Release);
        let sent = sending.join().unwrap_or_else(|_| bail!("the sender panicked"))?;
        backed_up.map(|()| (took, sent))
    })?;
    let mut times: Vec<Duration> = sent.iter().flat_map(|sent| sent.latencies.iter().copied()).collect();
    times.sort_unstable();
    let sum = |of: fn(&Sent) -> u64| sent.iter().map(of).sum::<u64>() as f64;
    let figures = [
        ("backup of a server at work, s", format!("{:.1}", took.as_secs_f64())),
        ("its bytes", grouped(fs::metadata(to)?.len() as f64)),
        ("spans taken in meanwhile", grouped(sum(|sent| sent.spans))),
        (
            "their requests, ack p50 / p99 ms",
            format!("{:.1} / {:.1}", quantile_ms(&times, 0.5), quantile_ms(&times, 0.99)),
        ),
        ("requests put off", grouped(sum(|sent| sent.put_off))),
    ];
    measured.server.stop();
    Ok(figures)
}
