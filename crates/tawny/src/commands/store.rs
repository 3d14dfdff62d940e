//! `tawny store`: what the data holds, whether it is whole, and its catalog made again.

use std::process::ExitCode;

use anyhow::{Context, Result};
use server::SystemClock;
use server::api::types::{StoreCheck, StoreDrop, StoreReport};
use store::Offline;

use crate::cli::{Place, Rebuild, Source, Store, StoreCommand};
use crate::client::{Client, parse};
use crate::show;
use crate::style::{self, Look, bad, bytes, count, faint, paint, plural, strong};

/// Does what the command says.
pub fn run(args: &Store) -> Result<ExitCode> {
    match &args.command {
        StoreCommand::Stats(source) => stats(source),
        StoreCommand::Check(source) => check(source),
        StoreCommand::Rebuild(args) => rebuild(args),
    }
}

/// A runtime for what the store does.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")
}

/// The store's settings for a place.
pub fn settings(place: &Place) -> Result<store::Settings> {
    let (data, bucket) = server::config::place(&place.data, place.data_local.as_deref())?;
    Ok(store::Settings { bucket, ..store::Settings::new(data) })
}

/// The directory that was named instead of a server, if one was.
pub fn offline(source: &Source) -> Result<Option<store::Settings>> {
    let place = |data: &String| settings(&Place { data: data.clone(), data_local: source.data_local.clone() });
    source.data.as_ref().map(place).transpose()
}

fn stats(source: &Source) -> Result<ExitCode> {
    let report: StoreReport = match offline(source)? {
        Some(settings) => runtime()?.block_on(Offline::open(settings))?.report()?.into(),
        None => parse(&Client::new(&source.reading.url)?.text("/api/v1/store")?)?,
    };
    if source.reading.json {
        show::out(&serde_json::to_string(&report)?)?;
    } else {
        show::out(&render(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn render(report: &StoreReport) -> String {
    let mut out = format!("{} {}\n", faint("data   "), report.data);
    if let Some(bucket) = &report.bucket {
        out.push_str(&format!("{} {bucket}, {} in the cache\n", faint("bucket "), bytes(report.cache_bytes)));
    }
    let mut beside = format!("{} of state, {} of series", bytes(report.state_bytes), bytes(report.series_bytes));
    for (size, what) in
        [(report.forward_bytes, "to be passed on"), (report.quarantine_bytes, "set aside in quarantine/")]
    {
        if size > 0 {
            beside.push_str(&format!(", {} {what}", bytes(size)));
        }
    }
    out.push_str(&format!("{} {beside}\n", faint("beside ")));
    let log = plural(report.log_files, "file");
    out.push_str(&format!("{} {log}, {}\n", faint("log    "), bytes(report.log_bytes)));
    if !report.hot_rows.is_empty() {
        let rows: Vec<String> =
            report.hot_rows.iter().map(|(table, rows)| format!("{table} {}", count(*rows))).collect();
        out.push_str(&format!("{} {}, {}\n", faint("memory "), bytes(report.hot_bytes), rows.join(" · ")));
    }
    if report.body_bytes_kept > 0 {
        let ratio = report.body_bytes_seen as f64 / report.body_bytes_kept as f64;
        let (seen, kept) = (bytes(report.body_bytes_seen), bytes(report.body_bytes_kept));
        out.push_str(&format!("{} {seen} seen since the start, {kept} kept (1 in {ratio:.1})\n", faint("bodies ")));
    }
    let mut table =
        show::table(&["PROJECT", "TABLE", "ROWS", "REPLACED", "SEGMENTS", "BY LEVEL", "BYTES", "OLDEST", "NEWEST"]);
    for one in &report.tables {
        let levels: Vec<String> =
            one.levels.iter().map(|level| format!("{}:{}", level.level, level.segments)).collect();
        table.add_row(vec![
            show::cell(&one.project),
            show::cell(&one.table),
            show::figure(count(one.rows)),
            show::figure(count(one.replaced_rows)),
            show::figure(count(one.segments)),
            show::cell(levels.join(" ")),
            show::figure(bytes(one.bytes)),
            show::cell(show::local(one.oldest)),
            show::cell(show::local(one.newest)),
        ]);
    }
    out.push('\n');
    out.push_str(&show::render(&mut table));
    let mut table = show::table(&["PROJECT", "LAYER", "KEPT", "GOES NEXT", "GONE"]);
    for one in &report.retention {
        let kept = one.keep_seconds.map_or("for ever".into(), |seconds| style::duration(seconds as f64 * 1e3));
        let segments = |what: &Option<StoreDrop>, word: &str| {
            what.as_ref().map_or("-".to_owned(), |what| {
                if what.segments == 0 {
                    return format!("{word} {}: {} rows", show::local(what.at), count(what.rows));
                }
                let (segments, size) = (plural(what.segments, "segment"), bytes(what.bytes));
                format!("{word} {}: {segments}, {} rows, {size}", show::local(what.at), count(what.rows))
            })
        };
        table.add_row(vec![
            show::cell(&one.project),
            show::cell(&one.layer),
            show::cell(kept),
            show::cell(segments(&one.next, "at")),
            show::cell(segments(&one.dropped, "up to")),
        ]);
    }
    out.push('\n');
    if !report.retention.is_empty() {
        out.push_str(&show::render(&mut table));
    }
    if report.retention.iter().all(|one| one.layer == "findings") {
        out.push_str("Telemetry is kept for ever; `tawny serve --retention spans=90d,bodies=30d` would change that.\n");
    }
    if !report.limits.is_empty() {
        let mut table = show::table(&["LIMIT", "VALUE", "REACHED"]);
        for limit in &report.limits {
            let value = if limit.unit == "bytes" {
                bytes(limit.value)
            } else {
                format!("{} {}", count(limit.value), limit.unit)
            };
            table.add_row(vec![show::cell(&limit.name), show::figure(value), show::failures(limit.reached)]);
        }
        out.push('\n');
        out.push_str(&show::render(&mut table));
    }
    out
}

fn check(source: &Source) -> Result<ExitCode> {
    let checked: StoreCheck = match offline(source)? {
        Some(settings) => {
            let data = settings.data.clone();
            let mut checked = runtime()?.block_on(Offline::check_directory(settings))?;
            server::check_state(&data, &mut checked);
            server::series::check(&data, &mut checked)?;
            checked.into()
        }
        None => parse(&Client::patient(&source.reading.url)?.post_json("/api/v1/store/check", &())?)?,
    };
    if source.reading.json {
        show::out(&serde_json::to_string(&checked)?)?;
    } else {
        show::out(&render_check(&checked))?;
    }
    Ok(if checked.faults_found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn render_check(checked: &StoreCheck) -> String {
    let mut out = format!(
        "Read {} ({} rows, {}), compared {} with their names, followed {}, read {} in {}, {} of series, the state.\n",
        plural(checked.segments, "segment"),
        count(checked.rows),
        bytes(checked.bytes),
        plural(checked.bodies, "text"),
        plural(checked.references, "reference"),
        plural(checked.log_records, "request"),
        plural(checked.log_files, "log file"),
        plural(checked.series_files, "file"),
    );
    if checked.references_expired > 0 {
        out.push_str(&format!(
            "{} of texts that retention removed.\n",
            plural(checked.references_expired, "reference")
        ));
    }
    for note in &checked.notes {
        out.push_str(&format!("{} {note}\n", faint("note")));
    }
    for fault in &checked.faults {
        out.push_str(&format!("\n{} {}\n  {}\n  {}\n", bad("!"), strong(&fault.place), fault.problem, fault.advice));
    }
    if checked.faults_found > checked.faults.len() as u64 {
        let more = checked.faults_found - checked.faults.len() as u64;
        out.push_str(&format!("\nand {} more\n", count(more)));
    }
    out.push('\n');
    out.push_str(&match checked.faults_found {
        0 => format!("{}\n", paint("Nothing is wrong.", Look::Green)),
        found => format!("{}\n", bad(&format!("{} found.", plural(found, "fault")))),
    });
    out
}

fn rebuild(args: &Rebuild) -> Result<ExitCode> {
    let settings = settings(&args.place)?;
    let rebuilt = runtime()?.block_on(store::rebuild(settings, SystemClock::time()))?;
    if args.json {
        show::out(&serde_json::to_string(&rebuilt)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = format!(
        "The catalog lists {} with {} rows, {} of them replaced by newer ones.\n",
        plural(rebuilt.segments, "segment"),
        count(rebuilt.rows),
        count(rebuilt.replaced_rows)
    );
    if rebuilt.superseded > 0 {
        let files = plural(rebuilt.superseded, "file");
        out.push_str(&format!("{files} had been merged into others and will be removed.\n"));
    }
    if let Some(old) = &rebuilt.old_catalog {
        out.push_str(&format!("The old catalog is in {}.\n", old.display()));
    }
    for (file, reason) in &rebuilt.unreadable {
        out.push_str(&format!("{} {file}: {reason}\n  the next start moves it to quarantine/\n", bad("!")));
    }
    for lost in &rebuilt.lost {
        out.push_str(&format!("{} {lost}\n", faint("note")));
    }
    show::out(&out)?;
    Ok(if rebuilt.unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
