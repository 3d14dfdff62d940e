//! `cargo xtask demo`: from a fresh clone to agents at work in the browser.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::program::{self, Listen, Server};
use crate::{paths, ui};

/// Ports by what they are for, as documented: UI and API, OTLP over HTTP, OTLP over gRPC.
const PORTS: [u16; 3] = [8296, 4318, 4317];

/// Options of `cargo xtask demo`.
#[derive(Debug, Args)]
pub struct Options {
    /// Runs that begin per second.
    #[arg(long, default_value_t = 0.5)]
    rate: f64,
    /// The same seed gives the same agents, words and mishaps.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stop after so many seconds, for scripts.
    #[arg(long)]
    seconds: Option<u64>,
}

/// Builds, starts, sends, and waits for Ctrl-C.
pub fn run(options: &Options) -> Result<()> {
    let with_ui = match ui::node() {
        Ok(()) => {
            ui::build(false)?;
            true
        }
        Err(why) => {
            println!("UI: left out. {why}, then start the demo again.");
            false
        }
    };
    println!("Building the server. The first build compiles the query engine and takes some minutes.");
    let program = program::build("dev", with_ui)?;
    let data = program::fresh_folder("demo-data")?;
    let log = paths::scratch().join("demo.log");
    let server = Server::start(&program, &data, &listen()?, &log)?;
    print_where(&server, &data, with_ui);
    let sender = Command::new(&program)
        .args(["demo", "--url", &server.http])
        .args(["--rate", &options.rate.to_string(), "--seed", &options.seed.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .context("cannot start the simulated agents")?;
    wait(server, sender, options.seconds)
}

/// The documented ports, or others for those that are taken.
fn listen() -> Result<Listen> {
    let mut addresses = Vec::new();
    for port in PORTS {
        let free = TcpListener::bind(("127.0.0.1", port)).is_ok();
        if !free {
            println!("Port {port} is in use by another program; the system chooses another.");
        }
        addresses.push(format!("127.0.0.1:{}", if free { port } else { 0 }));
    }
    match <[String; 3]>::try_from(addresses) {
        Ok([http, otlp_http, otlp_grpc]) => Ok(Listen { http, otlp_http, otlp_grpc }),
        Err(_) => bail!("cannot choose ports"),
    }
}

fn print_where(server: &Server, data: &std::path::Path, with_ui: bool) {
    println!();
    println!("  Tawny is running. Simulated agents of six industries are sending to it.");
    println!();
    println!("  {}   {}", if with_ui { "Look here " } else { "API       " }, server.http);
    println!("  Your own agents: OTLP over HTTP {}, over gRPC {}", server.otlp_http, server.otlp_grpc);
    println!("  Data            {} (emptied at the next demo)", data.display());
    println!("  Log             {}", paths::scratch().join("demo.log").display());
    println!();
    println!("  Ctrl-C stops everything.");
    println!();
}

/// Waits for Ctrl-C, the end of the given time, or the end of a child, then stops both.
fn wait(mut server: Server, mut sender: Child, seconds: Option<u64>) -> Result<()> {
    let (tell, told) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = tell.send(());
    })
    .context("cannot listen for Ctrl-C")?;
    let mut left = seconds.map(|seconds| seconds * 2);
    let ended = loop {
        if told.recv_timeout(Duration::from_millis(500)).is_ok() {
            break Ok(());
        }
        if !server.is_running() {
            break Err("the server ended by itself; see its log");
        }
        if let Ok(Some(status)) = sender.try_wait() {
            break if status.success() { Ok(()) } else { Err("the simulated agents ended by themselves") };
        }
        if let Some(halves) = &mut left {
            *halves = halves.saturating_sub(1);
            if *halves == 0 {
                break Ok(());
            }
        }
    };
    println!("\nStopping.");
    program::stop(&mut sender);
    server.stop();
    ended.map_err(|why| anyhow::anyhow!(why))
}
