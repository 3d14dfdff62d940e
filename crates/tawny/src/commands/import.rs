//! `tawny import FILE…`: recorded telemetry, sent like any client would send it; `tawny logs import FILE…`: log records as JSON lines.
//!
//! Files are read as streams (only protobuf files are held whole) and sent in requests of bounded size, several at a time.
//! A line that cannot be read costs its neighbours nothing.

mod report;
mod sender;
mod source;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::report::{Report, Totals};
use self::sender::Sender;
use self::source::{Piece, Request};
use crate::cli::Import;
use crate::client::Client;
use crate::show;
use crate::style;

/// What the files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// OTLP.
    Otlp,
    /// Log records as JSON lines.
    Logs,
}

/// Imports files.
pub fn run(args: &Import, holds: Holds) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    // Before the first byte is read: the usual mistake is that no server runs.
    client.text("/healthz")?;
    let mut totals = Totals::default();
    for path in &args.files {
        let report = import(&client, args, holds, path)?;
        if !args.reading.json {
            show::out(&report.text(path))?;
        }
        let failed = report.failed();
        totals.add(path, report);
        if failed && args.strict {
            break;
        }
    }
    if args.reading.json {
        show::out(&serde_json::to_string(&totals)?)?;
    }
    Ok(if totals.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Imports one file.
fn import(client: &Client, args: &Import, holds: Holds, path: &Path) -> Result<Report> {
    let (file, size) = open(path)?;
    let bar = progress(path, size, args.reading.json);
    let file = bar.wrap_read(file);
    let report = Mutex::new(Report::default());
    let jobs = usize::from(args.jobs);
    // A queue as long as there are senders: memory holds at most twice as many requests.
    let (queue, waiting) = sync_channel::<Request>(jobs);
    let waiting = Mutex::new(waiting);
    let sender = Sender::new(client, &report, args.strict);
    let read = thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| work(&sender, &waiting));
        }
        let queue = queue; // moved in, so that the senders end when reading does
        let mut take = |piece: Piece| match piece {
            Piece::Request(request) => !sender.stopped() && queue.send(request).is_ok(),
            Piece::Unreadable { line, problem } => {
                sender.unreadable(line, problem);
                !sender.stopped()
            }
        };
        match holds {
            Holds::Otlp => source::read(file, &mut take),
            Holds::Logs => source::read_logs(file, &mut take),
        }
    });
    let seconds = bar.elapsed().as_secs_f64();
    bar.finish_and_clear();
    if let Some(error) = sender.into_fatal() {
        return Err(error.context(format!("the import of {} stopped", path.display())));
    }
    let bytes = read.with_context(|| format!("cannot read {}", path.display()))?;
    let mut report = report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    (report.bytes, report.seconds) = (bytes, seconds);
    Ok(report)
}

fn work(sender: &Sender<'_>, waiting: &Mutex<Receiver<Request>>) {
    loop {
        let next = {
            let waiting = waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            waiting.recv()
        };
        let Ok(request) = next else { return };
        // After a fatal error the queue is emptied, so that reading is not stuck at a full one.
        if !sender.stopped() {
            sender.send(request);
        }
    }
}

fn open(path: &Path) -> Result<(Box<dyn Read + Send>, Option<u64>)> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let context = || format!("cannot open {}", path.display());
    let file = File::open(path).with_context(context)?;
    let size = file.metadata().with_context(context)?;
    if size.is_dir() {
        anyhow::bail!("cannot import {}: it is a directory; name the files in it", path.display());
    }
    Ok((Box::new(file), Some(size.len())))
}

fn progress(path: &Path, size: Option<u64>, json: bool) -> ProgressBar {
    let target = if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(size, target);
    let template = match size {
        Some(_) => "{msg} {wide_bar} {bytes}/{total_bytes} {eta}",
        None => "{msg} {spinner} {bytes}",
    };
    if let Ok(look) = ProgressStyle::with_template(template) {
        bar.set_style(look);
    }
    bar.set_message(style::clip(
        &path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()),
        30,
    ));
    bar
}
