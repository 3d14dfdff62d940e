//! `tawny serve`: the server, until it is told to stop.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use server::config::{Detection, Embeddings, IngestKeys, TlsFiles};
use server::{ConfigError, Limits, Running, Settings};
use tokio::signal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::cli::Serve;
use crate::style::{faint, strong};

/// How long the line with the addresses waits for the store, so that a script which reads it can send at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the server.
pub fn run(args: &Serve) -> Result<ExitCode> {
    log_to_stderr();
    let settings = settings(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(serve(settings, args.json))
}

/// What detection goes by, from the files named.
fn detection(args: &Serve) -> Result<Detection> {
    let read = |path: &PathBuf| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let mut detection = Detection::default();
    if let Some(path) = &args.detectors {
        detection.detectors =
            signals::detect::Settings::parse(&read(path)?).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &args.outcomes {
        detection.outcomes =
            signals::detect::outcomes::Outcomes::parse(&read(path)?).with_context(|| path.display().to_string())?;
    }
    if let (Some(url), Some(model)) = (&args.embeddings_url, &args.embeddings_model) {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("--embeddings-url {url} is no address: give it whole, such as http://127.0.0.1:11434/v1/embeddings");
        }
        let key = args.embeddings_key.clone();
        detection.embeddings = Some(Embeddings { url: url.clone(), model: model.clone(), key });
    }
    Ok(detection)
}

/// Who else vouches for people.
fn oidc(path: &PathBuf) -> Result<server::config::Oidc> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    server::config::Oidc::parse(&text).with_context(|| path.display().to_string())
}

fn settings(args: &Serve) -> Result<Settings> {
    if args.memory < server::config::MIN_MEMORY {
        bail!(ConfigError::Memory { given: args.memory });
    }
    let (data, bucket) = server::config::place(&args.place.data, args.place.data_local.as_deref())?;
    let (retention, keeping) = server::config::retention(&args.retention)?;
    let trust = &args.trust;
    let mut limits = Limits::for_memory(args.memory).with_max_body(args.max_body);
    for setting in &args.limits {
        limits = limits.with(setting).context("--limit")?;
    }
    let wanted = limits.open_files;
    let limits = limits.with_open_files(open_files(wanted)?);
    Ok(Settings {
        data,
        bucket,
        retention,
        keeping,
        http: args.http.clone(),
        otlp_http: args.otlp_http.clone(),
        otlp_grpc: args.otlp_grpc.clone(),
        allow_open: args.allow_open,
        sync: !args.no_sync,
        forward: args.forward.clone(),
        alerts: alerting(&args.alerting),
        allow_missing_segments: args.allow_missing_segments,
        dialects: super::dialects::with_renames(&args.renames)?,
        hourly_token_budget: args.hourly_token_budget,
        runs: Settings::default().runs,
        money: args.money.settings(),
        detection: detection(args)?,
        limits: Limits {
            cache_bytes: args.cache as u64,
            flush_bytes: args.flush_bytes,
            requests_per_second: trust.rate,
            ..limits
        },
        policy: trust.policy.as_deref().map(|file| super::policy::load(file, &trust.policy_key)).transpose()?,
        sampling: trust.sampling.as_deref().map(super::sampling::load).transpose()?,
        oidc: trust.oidc.as_ref().map(oidc).transpose()?,
        audit_agents: trust.audit_agents.clone(),
        tls: trust.tls_cert.clone().zip(trust.tls_key.clone()).map(|(certificate, key)| TlsFiles { certificate, key }),
        allow_hosts: trust.allow_hosts.clone(),
        allow_origins: trust.allow_origins.clone(),
        ingest_keys: IngestKeys::parse(args.ingest_keys.iter().map(String::as_str)).context("--ingest-key")?,
    })
}

fn alerting(args: &crate::cli::Alerting) -> server::AlertSettings {
    server::AlertSettings {
        rules: args.rules.clone(),
        packs: args.rule_packs.clone(),
        config: args.alertmanager_config.clone(),
        slack: args.slack_webhook.clone(),
        pagerduty: args.pagerduty_key.clone(),
        external_url: args.external_url.clone(),
        external_labels: args.external_labels.clone(),
        forward: args.forward_alerts.clone(),
        heartbeat: args.heartbeat_url.clone(),
    }
}

/// Files the process may have open, after asking the system for as many as are wanted.
fn open_files(wanted: usize) -> Result<usize> {
    let allowed = rlimit::increase_nofile_limit(wanted as u64);
    let allowed = allowed.map_or(wanted, |allowed| usize::try_from(allowed).unwrap_or(wanted));
    if allowed > wanted && wanted != server::config::OPEN_FILES_WANTED {
        // Somebody asked for fewer than the system gives.
        let (_, most) =
            rlimit::getrlimit(rlimit::Resource::NOFILE).context("cannot read how many files may be open")?;
        let set = rlimit::setrlimit(rlimit::Resource::NOFILE, wanted as u64, most);
        set.context("cannot bound how many files may be open")?;
        return Ok(wanted);
    }
    Ok(allowed)
}

/// Logs go to standard error: standard output belongs to the addresses.
fn log_to_stderr() {
    let mut filter = EnvFilter::try_from_env("TAWNY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // At `debug` the query engine says each question with all words in it, names of people among them: only for who asks it to.
    let said = std::env::var("TAWNY_LOG").unwrap_or_default();
    let much = filter.max_level_hint().is_none_or(|level| level > LevelFilter::INFO);
    for engine in ["sqlparser", "datafusion"] {
        if let (true, false, Ok(quiet)) = (much, said.contains(engine), format!("{engine}=info").parse()) {
            filter = filter.add_directive(quiet);
        }
    }
    // What cannot be written there is left out. The subscriber would tell it with `eprintln!`, which panics where standard error
    // is a file on a full disk, and would take the thread along that keeps telemetry.
    let builder = tracing_subscriber::fmt().log_internal_errors(false);
    let builder = builder.with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only where a logger is set already, which is then as good.
    let _ = builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init();
}

async fn serve(settings: Settings, json: bool) -> Result<ExitCode> {
    let open = settings.allow_open;
    let mut stop = std::pin::pin!(stop_signal()?);
    let mut running = server::start(settings.clone()).await?;
    if open && settings.addresses().is_ok_and(|addresses| !addresses.http.ip().is_loopback()) {
        tracing::warn!(
            "listening on addresses that other machines reach, and nothing asks for credentials (TAWNY_ALLOW_OPEN)"
        );
    }
    let ready = tokio::select! {
        opened = running.ready() => { opened?; true }
        () = tokio::time::sleep(PATIENCE) => false,
        () = &mut stop => { running.stop().await; return Ok(ExitCode::SUCCESS) }
    };
    announce(&running, &settings, json, ready)?;
    if !ready {
        tokio::select! {
            opened = running.ready() => { opened?; tracing::info!("the log is replayed; requests are taken") }
            () = &mut stop => { running.stop().await; return Ok(ExitCode::SUCCESS) }
        }
    }
    stop.await;
    tracing::info!("stopping: open requests finish, then everything is written and closed");
    tokio::select! {
        () = running.stop() => Ok(ExitCode::SUCCESS),
        () = stop_signal()? => {
            tracing::warn!("stopped at once; the next start replays the log");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Completes at the first SIGINT or SIGTERM.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    let context = "cannot listen for signals";
    let mut interrupt = signal::unix::signal(signal::unix::SignalKind::interrupt()).context(context)?;
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate()).context(context)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// The line of JSON that scripts read.
#[derive(Serialize)]
struct Announcement<'a> {
    http: &'a str,
    otlp_http: &'a str,
    otlp_grpc: &'a str,
    data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<&'a str>,
    version: &'a str,
    state: &'a str,
}

fn announce(running: &Running, settings: &Settings, json: bool, ready: bool) -> Result<()> {
    let endpoints = running.endpoints();
    let data = std::fs::canonicalize(&settings.data).unwrap_or_else(|_| settings.data.clone()).display().to_string();
    let mut out = std::io::stdout().lock();
    if json {
        let line = Announcement {
            http: &endpoints.http,
            otlp_http: &endpoints.otlp_http,
            otlp_grpc: &endpoints.otlp_grpc,
            data,
            bucket: settings.bucket.as_ref().map(store::Bucket::url),
            version: server::VERSION,
            state: if ready { "ready" } else { "replaying" },
        };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    } else {
        writeln!(out, "{} {}", strong("Tawny"), server::VERSION)?;
        writeln!(out)?;
        for (what, place, note) in [
            (if server::HAS_UI { "UI and API" } else { "API" }, &endpoints.http, "tawny runs, tawny tail"),
            ("OTLP HTTP", &endpoints.otlp_http, "OTEL_EXPORTER_OTLP_ENDPOINT, http/protobuf or http/json"),
            ("OTLP gRPC", &endpoints.otlp_grpc, "OTEL_EXPORTER_OTLP_ENDPOINT, grpc"),
            ("Data", &data, if settings.bucket.is_some() { "catalog and log" } else { "" }),
        ] {
            writeln!(out, "  {what:<11} {place:<26} {}", faint(note))?;
        }
        if let Some(bucket) = &settings.bucket {
            writeln!(out, "  {:<11} {:<26} {}", "Bucket", bucket.url(), faint("segments"))?;
        }
        writeln!(out)?;
        if !ready {
            writeln!(out, "The log is being replayed; requests are refused with \"try again\" until that is done.")?;
        }
    }
    out.flush()?;
    Ok(())
}
