//! What taking telemetry in costs: CPU until compaction has settled, disk, memory, and how long a client waits.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::common::{Kind, Measured, Set, Table, data_set, decoding_floor, grouped};
use super::load::{Sent, send};

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
    /// Clients sending at once, one measurement each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    clients: Vec<usize>,
    /// Measure how cost grows instead: 0.5, 1, 2 and 5 million spans.
    #[arg(long)]
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
    for kind in kinds {
        let share = if options.quick { 10 } else { 1 };
        let spans = options.spans.unwrap_or(if *kind == Kind::Lean { 1_000_000 } else { 200_000 }) / share;
        if options.growth {
            growth(&program, *kind, share)?;
        } else {
            let clients = if options.quick { &options.clients[..1] } else { &options.clients[..] };
            compare(&program, &data_set(*kind, spans)?, clients)?;
        }
    }
    Ok(())
}

/// One measurement.
struct Figures {
    sent: Sent,
    cpu: f64,
    peak: u64,
    disk: u64,
    flushes: u64,
    compactions: u64,
}

impl Figures {
    fn measure(program: &Path, set: &Set, clients: usize) -> Result<Self> {
        let measured = Measured::start(program, "bench-data")?;
        let sent = send(&measured.server.otlp_http, set, clients)?;
        let status = measured.settle()?;
        let store = &status["store"];
        let count = |key: &str| store[key].as_u64().unwrap_or(0);
        let kept = store["tables"]["spans"]["sealed_rows"].as_u64().unwrap_or(0);
        anyhow::ensure!(kept >= sent.spans, "{} spans were acknowledged, {kept} are there", sent.spans);
        let figures = Self {
            cpu: measured.cpu_seconds()?,
            peak: measured.peak_memory()?,
            disk: measured.disk(&status),
            flushes: count("flushes"),
            compactions: count("compactions"),
            sent,
        };
        measured.server.stop();
        Ok(figures)
    }

    fn per_cpu_second(&self) -> f64 {
        self.sent.spans as f64 / self.cpu
    }

    fn disk_per_span(&self) -> f64 {
        self.disk as f64 / self.sent.spans as f64
    }

    fn cells(&self) -> Vec<String> {
        let sent = &self.sent;
        vec![
            grouped(self.per_cpu_second()),
            format!("{:.0}", sent.bytes as f64 / 1e6 / self.cpu),
            format!("{:.2}", self.cpu * 1e6 / sent.spans as f64),
            format!("{:.1}", self.disk_per_span()),
            format!("{:.0}", self.peak as f64 / (1 << 20) as f64),
            format!("{:.1}", sent.quantile_ms(0.5)),
            format!("{:.1}", sent.quantile_ms(0.99)),
            grouped(sent.spans as f64 / sent.seconds),
            sent.put_off.to_string(),
            format!("{}+{}", self.flushes, self.compactions),
        ]
    }
}

const COLUMNS: [&str; 10] = [
    "spans/CPU s",
    "MB/CPU s",
    "µs/span",
    "disk B/span",
    "peak MiB",
    "ack p50 ms",
    "p99 ms",
    "spans/s",
    "put off",
    "flush+compact",
];

fn table(first: &str) -> Table {
    Table::new(&[&[first], &COLUMNS[..]].concat())
}

fn compare(program: &Path, set: &Set, clients: &[usize]) -> Result<()> {
    let floor = decoding_floor(set)?;
    let mut shown = table("clients");
    let mut best: Option<Figures> = None;
    let mut bytes_per_span = 0.0;
    for clients in clients {
        let figures = Figures::measure(program, set, *clients)?;
        shown.row(std::iter::once(clients.to_string()).chain(figures.cells()));
        bytes_per_span = figures.sent.bytes as f64 / figures.sent.spans as f64;
        if best.as_ref().is_none_or(|other| figures.per_cpu_second() > other.per_cpu_second()) {
            best = Some(figures);
        }
    }
    let Some(best) = best else { return Ok(()) };
    println!(
        "\n{} spans of {bytes_per_span:.0} bytes (`{}`), OTLP/HTTP protobuf over loopback, sync on, defaults; CPU is user and system\n\
         of the server until compaction has settled\n",
        grouped(best.sent.spans as f64),
        set.kind.name(),
    );
    print!("{shown}");
    let mut peers = Table::new(&["beside", "spans/CPU s", "ours is", "disk B/span", "ours is", ""]);
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

fn ratio(ours: f64, theirs: f64) -> String {
    format!("{:.2} times", ours / theirs)
}

fn growth(program: &Path, kind: Kind, share: u64) -> Result<()> {
    const SIZES: [u64; 4] = [500_000, 1_000_000, 2_000_000, 5_000_000];
    const CLIENTS: usize = 16;
    let mut shown = table("spans");
    for spans in SIZES {
        let figures = Figures::measure(program, &data_set(kind, spans / share)?, CLIENTS)?;
        shown.row(std::iter::once(grouped(figures.sent.spans as f64)).chain(figures.cells()));
    }
    println!("\nHow cost grows (`{}`, {CLIENTS} clients)\n\n{shown}", kind.name());
    Ok(())
}
