//! `tawny status`: state, counts and limits of the server.

use std::process::ExitCode;

use anyhow::Result;
use server::api::types::Status;

use crate::cli::Reading;
use crate::client::{Client, parse};
use crate::show;
use crate::style::{self, bad, bytes, count, faint, strong};

/// Shows the status.
pub fn run(args: &Reading) -> Result<ExitCode> {
    let client = Client::new(&args.url)?;
    let text = client.text("/api/v1/status")?;
    if args.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    show::out(&render(&parse(&text)?))?;
    Ok(ExitCode::SUCCESS)
}

fn render(status: &Status) -> String {
    let mut out = format!(
        "{} {}, {}, up {}\n\n",
        strong("Tawny"),
        status.version,
        status.state,
        style::duration(status.uptime_seconds * 1e3)
    );
    for (what, place) in [
        ("UI, API", &status.endpoints.http),
        ("OTLP HTTP", &status.endpoints.otlp_http),
        ("OTLP gRPC", &status.endpoints.otlp_grpc),
    ] {
        out.push_str(&format!("{} {place}\n", faint(&format!("{what:<10}"))));
    }
    let mut table = show::table(&["RECEIVED", "REQUESTS", "REFUSED", "ITEMS", "REFUSED", "BYTES", "UNCOMPRESSED"]);
    for (signal, counts) in &status.ingest.signals {
        let refused: u64 = counts.requests_rejected.values().sum();
        table.add_row(vec![
            show::cell(signal),
            show::figure(count(counts.requests_accepted)),
            show::failures(refused),
            show::figure(count(counts.items_accepted)),
            show::failures(counts.items_rejected),
            show::figure(bytes(counts.bytes)),
            show::figure(bytes(counts.bytes_decompressed)),
        ]);
    }
    out.push('\n');
    out.push_str(&show::render(&mut table));
    for (signal, counts) in &status.ingest.signals {
        for (reason, refused) in &counts.requests_rejected {
            out.push_str(&format!("{} {signal}: {} requests refused: {reason}\n", bad("!"), count(*refused)));
        }
        for reason in &counts.item_reasons {
            out.push_str(&format!("{} {signal}: {reason}\n", bad("!")));
        }
    }
    if !status.ingest.spans_by_dialect.is_empty() {
        let dialects: Vec<String> =
            status.ingest.spans_by_dialect.iter().map(|(name, spans)| format!("{name} {}", count(*spans))).collect();
        out.push_str(&format!("\n{} {}\n", faint("dialects  "), dialects.join(" · ")));
        out.push_str(&format!(
            "{} {} attributes (kept as sent)\n",
            faint("unmapped  "),
            count(status.ingest.unmapped_attributes)
        ));
    }
    let mut table = show::table(&["LIMIT", "VALUE", "REACHED"]);
    for limit in &status.limits {
        let value =
            if limit.unit == "bytes" { bytes(limit.value) } else { format!("{} {}", count(limit.value), limit.unit) };
        table.add_row(vec![show::cell(&limit.name), show::figure(value), show::failures(limit.reached)]);
    }
    out.push('\n');
    out.push_str(&show::render(&mut table));
    out
}
