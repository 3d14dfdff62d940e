//! `tawny export`: runs as OTLP/JSON lines, which any OTLP receiver and `tawny import` take.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use flate2::write::GzEncoder;

use crate::cli::Export;
use crate::client::Client;
use crate::filters::Query;
use crate::style::{bytes, faint};

/// Level at which zstd is fast and still small.
const ZSTD_LEVEL: i32 = 3;

/// Exports runs.
pub fn run(args: &Export) -> Result<ExitCode> {
    let client = Client::new(&args.url)?;
    let source = client.get(&Query::new().with_filters(&args.filters).after("/api/v1/export"))?;
    let (lines, size) = match &args.output {
        None => copy(source, &mut BufWriter::new(io::stdout().lock()))?,
        Some(path) => {
            let to_file = || format!("cannot write {}", path.display());
            let file = BufWriter::new(File::create(path).with_context(to_file)?);
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("zst") => {
                    let mut encoder = zstd::Encoder::new(file, ZSTD_LEVEL).with_context(to_file)?;
                    let copied = copy(source, &mut encoder)?;
                    encoder.finish().and_then(|mut file| file.flush()).with_context(to_file)?;
                    copied
                }
                Some("gz") => {
                    let mut encoder = GzEncoder::new(file, flate2::Compression::default());
                    let copied = copy(source, &mut encoder)?;
                    encoder.finish().and_then(|mut file| file.flush()).with_context(to_file)?;
                    copied
                }
                _ => copy(source, &mut { file })?,
            }
        }
    };
    let place = args.output.as_deref().map_or("standard output".into(), Path::to_string_lossy);
    eprintln!("{}", faint(&format!("{lines} requests, {} to {place}", bytes(size))));
    Ok(ExitCode::SUCCESS)
}

/// Copies whole lines: a download that breaks off is an error, and leaves no half request behind it.
fn copy(source: impl io::Read, target: &mut impl Write) -> Result<(u64, u64)> {
    let mut source = BufReader::with_capacity(1 << 20, source);
    let (mut lines, mut size) = (0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = source.read_until(b'\n', &mut line).context("the export broke off")?;
        if read == 0 {
            target.flush()?;
            return Ok((lines, size));
        }
        if line.last() != Some(&b'\n') {
            anyhow::bail!("the export broke off in the middle of a request, after {lines} whole ones");
        }
        target.write_all(&line)?;
        lines += 1;
        size += read as u64;
    }
}
