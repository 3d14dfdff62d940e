//! What taking telemetry in costs: CPU until compaction has settled, disk, memory, and how long a client waits.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::common::{Disk, Kind, Measured, Set, Table, data_set, decoding_floor, grouped};
use super::load::{Sent, quantile_ms, send};

/// Which sets to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sets {
    Lean,
    Rich,
    Both,
}

/// Options of `cargo xtask bench ingest`.
#[derive(Debug, Args)]
pub struct Options {
    /// What the spans carry.
    #[arg(long, value_enum, default_value = "both")]
    set: Sets,
    /// Spans to send; 1,000,000 lean and 200,000 rich ones where not given.
    #[arg(long)]
    spans: Option<u64>,
    /// Clients sending at once, one measurement each: 1, 16 and 64 where not given. With --growth one number, 16 where not given.
    #[arg(long, value_delimiter = ',')]
    clients: Vec<usize>,
    /// Measure how cost grows instead: 0.5, 1, 2 and 5 million spans of `lean`, a tenth of that of `rich` (whose 5 million would be 25 GB).
    #[arg(long, conflicts_with = "spans")]
    growth: bool,
    /// A program to measure, instead of building one.
    #[arg(long)]
    program: Option<PathBuf>,
    /// A tenth of the spans and one measurement: to see that it works.
    #[arg(long)]
    quick: bool,
}

/// A program measured elsewhere on the same bytes.
struct Peer {
    name: &'static str,
    /// Spans per CPU second, and bytes on disk per span.
    lean: (f64, Option<f64>),
    rich: (f64, Option<f64>),
    note: &'static str,
}

/// Measured on two cores like ours with the same requests, CPU until idle, before this bench existed.
const PEERS: [Peer; 3] = [
    Peer {
        name: "VictoriaTraces",
        lean: (54_000.0, Some(58.0)),
        rich: (10_000.0, Some(530.0)),
        note: "answers before it syncs",
    },
    Peer { name: "Tempo", lean: (46_000.0, None), rich: (9_700.0, None), note: "cuts attributes at 2 KB" },
    Peer { name: "Phoenix", lean: (200.0, None), rich: (200.0, None), note: "" },
];

impl Peer {
    fn of(&self, kind: Kind) -> (f64, Option<f64>) {
        if kind == Kind::Lean { self.lean } else { self.rich }
    }
}

/// Sends the sets to fresh servers and prints what came of it.
pub fn run(options: &Options) -> Result<()> {
    let program = options.program.clone().map_or_else(Measured::build, Ok)?;
    let kinds: &[Kind] = match options.set {
        Sets::Lean => &[Kind::Lean],
        Sets::Rich => &[Kind::Rich],
        Sets::Both => &[Kind::Lean, Kind::Rich],
    };
    let given = |otherwise: &[usize]| match &options.clients[..] {
        [] => otherwise.to_vec(),
        given => given.to_vec(),
    };
    for kind in kinds {
        let share = if options.quick { 10 } else { 1 };
        let spans = options.spans.unwrap_or(if *kind == Kind::Lean { 1_000_000 } else { 200_000 }) / share;
        if options.growth {
            let clients = given(&[16]);
            ensure!(
                clients.len() == 1,
                "--growth measures with one number of clients, --clients names {}",
                clients.len()
            );
            growth(&program, *kind, share, clients[0])?;
        } else {
            let mut clients = given(&[1, 16, 64]);
            clients.truncate(if options.quick { 1 } else { usize::MAX });
            compare(&program, &data_set(*kind, spans)?, &clients)?;
        }
    }
    Ok(())
}

/// One measurement.
struct Figures {
    sent: Sent,
    /// CPU seconds of the server until the last answer was there.
    cpu_acknowledged: f64,
    /// Until compaction has settled and every run is judged.
    cpu: f64,
    peak: u64,
    disk: Disk,
    flushes: u64,
    compactions: u64,
    /// Limits that were reached, each with how often, in words.
    limits: String,
    /// Rules and detectors that were on, in words.
    watched_by: String,
}

impl Figures {
    fn measure(program: &Path, set: &Set, clients: usize) -> Result<Self> {
        let measured = Measured::start(program, "bench-data")?;
        let sent = send(&measured.server.otlp_http, set, clients, 0)?;
        let cpu_acknowledged = measured.cpu_seconds()?;
        let status = measured.settle()?;
        let cpu = measured.cpu_seconds()?;
        let store = &status["store"];
        let count = |key: &str| store[key].as_u64().unwrap_or(0);
        let kept = store["tables"]["spans"]["sealed_rows"].as_u64().unwrap_or(0);
        ensure!(kept >= sent.spans, "{} spans were acknowledged, {kept} are there", sent.spans);
        let figures = Self {
            cpu_acknowledged,
            cpu,
            peak: measured.peak_memory()?,
            disk: measured.disk(&status),
            flushes: count("flushes"),
            compactions: count("compactions"),
            limits: limits_reached(&status),
            watched_by: measured.watched_by()?,
            sent,
        };
        measured.server.stop();
        Ok(figures)
    }

    fn per_cpu_second(&self) -> f64 {
        self.sent.spans as f64 / self.cpu
    }

    /// Bytes of segments and catalog: what peers' figures are of, too.
    fn disk_per_span(&self) -> f64 {
        self.disk.telemetry as f64 / self.sent.spans as f64
    }

    fn cost(&self) -> Vec<String> {
        let (sent, spans) = (&self.sent, self.sent.spans as f64);
        vec![
            grouped(self.per_cpu_second()),
            format!("{:.0}", sent.bytes as f64 / 1e6 / self.cpu),
            format!("{:.2}", self.cpu * 1e6 / spans),
            format!("{:.2}", self.cpu_acknowledged * 1e6 / spans),
            format!("{:.0}", self.peak as f64 / (1 << 20) as f64),
            grouped(spans / sent.seconds),
            format!("{}+{}", self.flushes, self.compactions),
        ]
    }

    fn waiting(&self) -> Vec<String> {
        let sent = &self.sent;
        let mut cells: Vec<String> = [&sent.latencies, &sent.attempts]
            .into_iter()
            .flat_map(|times| [0.5, 0.99, 1.0].map(|share| format!("{:.1}", quantile_ms(times, share))))
            .collect();
        cells.extend([grouped(sent.latencies.len() as f64), grouped(sent.put_off as f64), self.limits.clone()]);
        cells
    }

    fn disk(&self) -> Vec<String> {
        let disk = &self.disk;
        let a_span = |bytes: u64| format!("{:.1}", bytes as f64 / self.sent.spans as f64);
        [disk.telemetry, disk.state, disk.series, disk.whole].map(a_span).into()
    }
}

const COST: [&str; 7] =
    ["spans/CPU s", "MB/CPU s", "µs/span", "until acknowledged", "peak MiB", "spans/s", "flush+compact"];
const WAITING: [&str; 9] =
    ["ack p50 ms", "p99", "longest", "last attempt p50 ms", "p99", "longest", "requests", "put off", "limits reached"];
const DISK: [&str; 4] = ["segments+catalog", "state", "series", "whole directory"];

/// The figures of some measurements, one row each.
struct Tables {
    cost: Table,
    waiting: Table,
    disk: Table,
    watched_by: String,
}

impl Tables {
    fn new(first: &str) -> Self {
        let table = |columns: &[&str]| Table::new(&[&[first][..], columns].concat());
        Self { cost: table(&COST), waiting: table(&WAITING), disk: table(&DISK), watched_by: String::new() }
    }

    fn add(&mut self, first: &str, figures: &Figures) {
        for (table, cells) in
            [(&mut self.cost, figures.cost()), (&mut self.waiting, figures.waiting()), (&mut self.disk, figures.disk())]
        {
            table.row(std::iter::once(first.to_owned()).chain(cells));
        }
        self.watched_by.clone_from(&figures.watched_by);
    }
}

impl std::fmt::Display for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cost, waiting, disk, watched_by } = self;
        writeln!(
            f,
            "CPU is user and system of the server until compaction has settled and every run is judged; \"until acknowledged\"\n\
             until the last answer, so what is between the two is for judging and compaction that were left over. Judged and\n\
             watched by {watched_by}.\n\n{cost}"
        )?;
        writeln!(
            f,
            "Acknowledgement, from the first attempt of a request on. A request that is put off (503, 429) is sent again after\n\
             the `Retry-After` of the answer, whole seconds, as OpenTelemetry's exporters do; that wait counts. Beside it the\n\
             attempts that were acknowledged, alone.\n\n{waiting}"
        )?;
        write!(
            f,
            "Disk, bytes a span, after the settling. The whole directory also has what is left of the log, and replaced files\n\
             whose grace period is not over.\n\n{disk}"
        )
    }
}

fn compare(program: &Path, set: &Set, clients: &[usize]) -> Result<()> {
    let floor = decoding_floor(set)?;
    let mut shown = Tables::new("clients");
    let mut best: Option<Figures> = None;
    let mut bytes_per_span = 0.0;
    for clients in clients {
        let figures = Figures::measure(program, set, *clients)?;
        shown.add(&clients.to_string(), &figures);
        bytes_per_span = figures.sent.bytes as f64 / figures.sent.spans as f64;
        if best.as_ref().is_none_or(|other| figures.per_cpu_second() > other.per_cpu_second()) {
            best = Some(figures);
        }
    }
    let Some(best) = best else { return Ok(()) };
    println!(
        "\n{} spans of {bytes_per_span:.0} bytes (`{}`), OTLP/HTTP protobuf over loopback, sync on, defaults.",
        grouped(best.sent.spans as f64),
        set.kind.name(),
    );
    print!("{shown}");
    let mut peers = Table::new(&["beside", "spans/CPU s", "ours is", "segments+catalog B/span", "ours is", ""]);
    peers.row(["decoding only, one thread".into(), grouped(floor), ratio(best.per_cpu_second(), floor)]);
    for peer in &PEERS {
        let (rate, disk) = peer.of(set.kind);
        peers.row([
            format!("{} (measured elsewhere on the same bytes)", peer.name),
            grouped(rate),
            ratio(best.per_cpu_second(), rate),
            disk.map_or("-".into(), |disk| format!("{disk:.0}")),
            disk.map_or("-".into(), |disk| ratio(best.disk_per_span(), disk)),
            peer.note.into(),
        ]);
    }
    println!("\n{peers}");
    Ok(())
}

/// Which limits a status says were reached, and how often.
fn limits_reached(status: &Value) -> String {
    let reached = status["limits"].as_array().into_iter().flatten().filter_map(|limit| {
        let times = limit["reached"].as_u64().filter(|times| *times > 0)?;
        Some(format!("{} {times}", limit["name"].as_str()?))
    });
    let words = reached.collect::<Vec<_>>().join(", ");
    if words.is_empty() { "-".into() } else { words }
}

fn ratio(ours: f64, theirs: f64) -> String {
    format!("{:.2} times", ours / theirs)
}

fn growth(program: &Path, kind: Kind, share: u64, clients: usize) -> Result<()> {
    const SIZES: [u64; 4] = [500_000, 1_000_000, 2_000_000, 5_000_000];
    // Ten times as many bytes a span: so many of them would be 25 GB, and hours.
    let share = if kind == Kind::Rich { share * 10 } else { share };
    let mut shown = Tables::new("spans");
    for spans in SIZES {
        let figures = Figures::measure(program, &data_set(kind, spans / share)?, clients)?;
        shown.add(&grouped(figures.sent.spans as f64), &figures);
    }
    println!("\nHow cost grows (`{}`, {clients} clients).", kind.name());
    print!("{shown}");
    Ok(())
}
