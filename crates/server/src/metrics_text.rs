//! `GET /metrics`: what Tawny counts of runs, and its own counters, in Prometheus' text format or OpenMetrics.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use signals::metrics::{Beside, Exposed, FINDINGS, Format, Kind, NEW_ISSUES, OUTCOMES, SILENCE, Show, write};

use crate::api::status::limits;
use crate::app::{App, Phase};
use crate::findings::ask::{self, Totals};
use crate::series::Sees;

/// Counters for Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics", tag = "server",
    summary = "What is counted of runs, and Tawny's own counters, for Prometheus",
    description = "Prometheus' text format, or OpenMetrics with exemplars where `Accept` prefers `application/openmetrics-text`. Families are \
        listed under every name they go by; `GET /api/v1/signals/families` says what each means.",
    responses((status = 200, body = String, content_type = "text/plain", description = "The metrics")))]
pub async fn get(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let format = Format::accepted(&accept.collect::<Vec<_>>().join(","));
    let text = tokio::task::spawn_blocking(move || {
        let signals = signals(&app, Show { spellings: true, zero_first: true });
        write(signals.iter().chain(&own(&app)), format)
    });
    match text.await {
        Ok(text) => ([(header::CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(error) => crate::problem::Problem::internal(error.to_string()).into_response(),
    }
}

/// All of it as a page of OpenMetrics, with exemplars, each family under one name: what the self-scrape keeps.
pub fn text(app: &App) -> String {
    let signals = signals(app, Show { spellings: false, zero_first: true });
    write(signals.iter().chain(&own(app)), Format::OpenMetrics)
}

/// What is counted of runs.
pub fn signals(app: &App, show: Show) -> Vec<Exposed> {
    let mut signals = app.metrics.registry().exposed(app.now(), show);
    signals.extend(app.metrics.of_settings());
    signals
}

/// Tawny's own counters.
pub fn own(app: &App) -> Vec<Exposed> {
    let mut page = Page::default();
    page.family("tawny_build_info", "gauge", "Version of Tawny.");
    page.sample("tawny_build_info", &[("version", crate::VERSION)], 1.0);
    page.family("tawny_start_time_seconds", "gauge", "When the server started, in Unix seconds.");
    page.sample("tawny_start_time_seconds", &[], app.started.as_nanos() as f64 / 1e9);
    page.family("tawny_ready", "gauge", "1 while requests are taken.");
    page.sample("tawny_ready", &[], f64::from(u8::from(app.phase() == Phase::Ready)));
    ingest(&mut page, app);
    page.family("tawny_inflight_bytes", "gauge", "Bytes of requests being received or decoded.");
    page.sample("tawny_inflight_bytes", &[], app.ingest.inflight_bytes() as f64);
    page.family("tawny_intake_bytes", "gauge", "Bytes of large requests that were let in.");
    page.sample("tawny_intake_bytes", &[], app.ingest.intake_bytes() as f64);
    page.family("tawny_intake_waits_total", "counter", "Requests that waited for their turn before they were read.");
    page.sample("tawny_intake_waits_total", &[], app.ingest.waited() as f64);
    page.family("tawny_live_watchers", "gauge", "Clients that watch runs as they change.");
    page.sample("tawny_live_watchers", &[], app.live.watchers() as f64);
    let limits = limits(app);
    page.family("tawny_limit", "gauge", "Limits, by name.");
    for limit in &limits {
        page.sample("tawny_limit", &[("name", &limit.name), ("unit", &limit.unit)], limit.value as f64);
    }
    page.family("tawny_limit_reached_total", "counter", "How often a limit was reached.");
    for limit in &limits {
        page.sample("tawny_limit_reached_total", &[("name", &limit.name)], limit.reached as f64);
    }
    watch(&mut page, app);
    money(&mut page, app);
    findings(&mut page, app);
    sampling(&mut page, app);
    store(&mut page, app);
    series(&mut page, app);
    if let Some(forwarder) = &app.forwarder {
        forward(&mut page, &crate::api::status::forward(forwarder));
    }
    page.families
}

fn money(page: &mut Page, app: &App) {
    for (name, kind, help, samples) in crate::money::figures::families(app) {
        page.family(name, kind, help);
        for (_, labels, value) in samples {
            let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            page.sample(name, &labels, value);
        }
    }
}

fn forward(page: &mut Page, status: &crate::api::types::ForwardStatus) {
    type Pick = fn(&crate::api::types::ForwardDestination) -> u64;
    let families: [(&'static str, &str, &'static str, Pick); 14] = [
        ("tawny_forward_failing", "gauge", "1 while attempts fail.", |it| u64::from(it.failing_since.is_some())),
        ("tawny_forward_queued_requests", "gauge", "Requests that wait.", |it| it.queued_requests),
        ("tawny_forward_queued_bytes", "gauge", "Bytes that wait.", |it| it.queued_bytes),
        ("tawny_forward_queue_bytes_max", "gauge", "Bytes that may wait.", |it| it.queue_bytes_max),
        ("tawny_forward_sent_requests_total", "counter", "Requests taken.", |it| it.sent_requests),
        ("tawny_forward_sent_items_total", "counter", "Items taken.", |it| it.sent_items),
        ("tawny_forward_sent_bytes_total", "counter", "Bytes taken.", |it| it.sent_bytes),
        ("tawny_forward_refused_requests_total", "counter", "Requests refused for good.", |it| it.refused_requests),
        ("tawny_forward_rejected_items_total", "counter", "Items refused in taken requests.", |it| it.rejected_items),
        ("tawny_forward_filtered_items_total", "counter", "Items that filters held back.", |it| it.filtered_items),
        ("tawny_forward_dropped_requests_total", "counter", "Requests dropped from a full queue.", |it| {
            it.dropped_requests
        }),
        ("tawny_forward_expired_requests_total", "counter", "Requests that waited too long.", |it| it.expired_requests),
        ("tawny_forward_damaged_requests_total", "counter", "Requests damaged on disk.", |it| it.damaged_requests),
        ("tawny_forward_retries_total", "counter", "Attempts repeated.", |it| it.retries),
    ];
    for (name, kind, help, pick) in families {
        page.family(name, kind, help);
        for destination in &status.destinations {
            page.sample(name, &[("destination", &destination.name)], pick(destination) as f64);
        }
    }
    for (name, help, value) in [
        ("tawny_forward_circles_total", "Requests that came back and were not passed on again.", status.circles),
        ("tawny_forward_lost_total", "Requests that could not be queued.", status.lost),
    ] {
        page.family(name, "counter", help);
        page.sample(name, &[], value as f64);
    }
}

fn ingest(page: &mut Page, app: &App) {
    let counts = app.counters.ingest(&Sees::Everything);
    type Pick = fn(&crate::api::types::SignalCounts) -> u64;
    let families: [(&'static str, &'static str, Pick); 5] = [
        ("tawny_requests_accepted_total", "Requests kept.", |signal| signal.requests_accepted),
        ("tawny_items_accepted_total", "Spans, log records or data points kept.", |signal| signal.items_accepted),
        ("tawny_items_rejected_total", "Items refused inside requests that were kept.", |signal| signal.items_rejected),
        ("tawny_received_bytes_total", "Bytes received, as sent.", |signal| signal.bytes),
        ("tawny_decompressed_bytes_total", "Bytes received, after decompression.", |signal| signal.bytes_decompressed),
    ];
    for (name, help, pick) in families {
        page.family(name, "counter", help);
        for (signal, counts) in &counts.signals {
            page.sample(name, &[("signal", signal)], pick(counts) as f64);
        }
    }
    page.family("tawny_requests_rejected_total", "counter", "Requests refused as a whole, by reason.");
    for (signal, counts) in &counts.signals {
        for (reason, count) in &counts.requests_rejected {
            page.sample("tawny_requests_rejected_total", &[("signal", signal), ("reason", reason)], *count as f64);
        }
    }
    page.family("tawny_spans_by_dialect_total", "counter", "Spans by the dialect that understood them.");
    for (dialect, count) in &counts.spans_by_dialect {
        page.sample("tawny_spans_by_dialect_total", &[("dialect", dialect)], *count as f64);
    }
    page.family("tawny_unmapped_attributes_total", "counter", "Attributes no dialect names; they are kept as sent.");
    page.sample("tawny_unmapped_attributes_total", &[], counts.unmapped_attributes as f64);
}

fn series(page: &mut Page, app: &App) {
    let Ok(opened) = app.opened() else { return };
    let stats = opened.series.stats();
    type Pick = fn(&::series::Stats) -> u64;
    let families: [(&str, &str, Pick); 8] = [
        ("tawny_series", "Series in memory.", |stats| stats.series),
        ("tawny_series_samples", "Samples in memory.", |stats| stats.samples),
        ("tawny_series_memory_bytes", "Bytes of memory these take, about.", |stats| stats.memory_bytes),
        ("tawny_series_blocks", "Blocks of series.", |stats| stats.blocks),
        ("tawny_series_block_samples", "Samples in blocks.", |stats| stats.block_samples),
        ("tawny_series_block_bytes", "Bytes of blocks.", |stats| stats.block_bytes),
        ("tawny_series_log_bytes", "Bytes of the log of series.", |stats| stats.log_bytes),
        ("tawny_series_damaged_files", "Files of series set aside as damaged.", |stats| stats.damaged),
    ];
    for (name, help, pick) in families {
        page.family(name, "gauge", help);
        for (project, stats) in &stats {
            page.sample(name, &[("project", project)], pick(stats) as f64);
        }
    }
    let counts = opened.series.counts();
    for (name, help, value) in [
        ("tawny_series_samples_written_total", "Samples written.", counts.samples),
        ("tawny_series_exemplars_written_total", "Exemplars written.", counts.exemplars),
        ("tawny_series_samples_repeated_total", "Samples that were there already.", counts.repeated),
    ] {
        page.family(name, "counter", help);
        page.sample(name, &[], value as f64);
    }
    page.family("tawny_series_samples_refused_total", "counter", "Samples not taken, by reason.");
    for reason in ::series::Refused::ALL {
        let count = counts.refused.get(&reason).copied().unwrap_or(0);
        page.sample("tawny_series_samples_refused_total", &[("reason", reason.word())], count as f64);
    }
}

fn watch(page: &mut Page, app: &App) {
    let figures = app.watch.figures(app.now());
    for (name, kind, help, value) in [
        ("tawny_watch_waiting_runs", "gauge", "Runs that have not settled or were not judged yet.", figures.waiting),
        ("tawny_watch_lag_runs", "gauge", "Of these, runs that should have been judged by now.", figures.lag),
        ("tawny_watch_behind", "gauge", "1 while earlier changes are being asked for.", u64::from(figures.behind)),
        ("tawny_watch_judged_runs_total", "counter", "Settled runs judged.", figures.judged),
        ("tawny_watch_looks_total", "counter", "Looks at runs that had not settled.", figures.looks),
        ("tawny_watch_backfilled_runs_total", "counter", "Judged runs that were history.", figures.backfilled),
        ("tawny_watch_judge_failures_total", "counter", "Runs a judge failed on.", figures.failures),
        ("tawny_watch_unreadable_runs_total", "counter", "Reads of runs that failed.", figures.unreadable),
    ] {
        page.family(name, kind, help);
        page.sample(name, &[], value as f64);
    }
}

fn store(page: &mut Page, app: &App) {
    let Ok(opened) = app.opened() else { return };
    let stats = opened.store.stats();
    type Pick = fn(&store::TableStats) -> u64;
    let families: [(&'static str, &'static str, Pick); 5] = [
        ("tawny_store_hot_rows", "Rows in memory.", |table| table.hot_rows),
        ("tawny_store_segments", "Segment files.", |table| table.segments),
        ("tawny_store_sealed_rows", "Rows in segments, replaced ones included.", |table| table.sealed_rows),
        ("tawny_store_replaced_rows", "Rows in segments that newer ones replaced.", |table| table.replaced_rows),
        ("tawny_store_segment_bytes", "Bytes of segments.", |table| table.bytes),
    ];
    for (name, help, pick) in families {
        page.family(name, "gauge", help);
        for (table, counts) in &stats.tables {
            page.sample(name, &[("table", table)], pick(counts) as f64);
        }
    }
    type Count = fn(&store::Dropped) -> u64;
    let families: [(&'static str, &'static str, Count); 3] = [
        ("tawny_store_expired_segments_total", "Segments that retention removed or emptied of content.", |dropped| {
            dropped.segments
        }),
        ("tawny_store_expired_rows_total", "Rows of these.", |dropped| dropped.rows),
        ("tawny_store_expired_bytes_total", "Bytes of these.", |dropped| dropped.bytes),
    ];
    for (name, help, value) in families {
        page.family(name, "counter", help);
        for ((project, layer), dropped) in &opened.store.dropped() {
            page.sample(name, &[("project", project), ("layer", layer.name())], value(dropped) as f64);
        }
    }
    let gauges = [
        ("tawny_store_hot_bytes", "Bytes of rows in memory.", stats.hot_bytes),
        ("tawny_store_queue_bytes", "Bytes of requests that wait for the log.", stats.queue_bytes),
        ("tawny_store_log_files", "Files of the write-ahead log.", stats.log_files),
        ("tawny_store_log_bytes", "Bytes of the write-ahead log.", stats.log_bytes),
        ("tawny_store_filter_bytes", "Bytes of the filters in memory.", stats.filter_bytes),
        ("tawny_store_missing_segments", "Segments of the catalog whose file is missing.", stats.missing_segments),
    ];
    for (name, help, value) in gauges {
        page.family(name, "gauge", help);
        page.sample(name, &[], value as f64);
    }
    let counters = [
        ("tawny_store_commits_total", "Requests committed.", stats.commits),
        ("tawny_store_syncs_total", "Syncs of the write-ahead log.", stats.syncs),
        ("tawny_store_replayed_total", "Requests read back from the log at start.", stats.replayed),
        ("tawny_store_duplicate_spans_total", "Spans that were there already.", stats.duplicate_spans),
        ("tawny_store_duplicate_logs_total", "Log records that were there already.", stats.duplicate_logs),
        ("tawny_store_duplicate_samples_total", "Data points that were there already.", stats.duplicate_samples),
        ("tawny_store_log_failures_total", "Failed writes or syncs of the log.", stats.log_failures),
        ("tawny_store_log_damaged_total", "Damaged parts of the log, set aside.", stats.log_damaged),
        ("tawny_store_flushes_total", "Flushes.", stats.flushes),
        ("tawny_store_compactions_total", "Compactions.", stats.compactions),
    ];
    for (name, help, value) in counters {
        page.family(name, "counter", help);
        page.sample(name, &[], value as f64);
    }
}

/// Families as they are put together: samples belong to the family before them.
#[derive(Default)]
struct Page {
    families: Vec<Exposed>,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &'static str) {
        let kind = if kind == "counter" { Kind::Counter } else { Kind::Gauge };
        self.families.push(Exposed::new(name, kind, help));
    }

    fn beside(&mut self, family: &Beside) {
        self.families.push(family.exposed());
    }

    fn sample(&mut self, name: &str, labels: &[(&'static str, &str)], value: f64) {
        if let Some(family) = self.families.last_mut() {
            debug_assert_eq!(family.name, name, "a sample follows its family");
            family.number(labels, value);
        }
    }
}

/// What detectors saw and what runs came to. Nothing while the log is replayed: nothing is counted yet.
fn findings(page: &mut Page, app: &App) {
    let totals: Totals = app
        .opened()
        .ok()
        .and_then(|opened| opened.state.read(|connection| ask::totals(connection, app.now())).ok())
        .unwrap_or_default();
    page.beside(&FINDINGS);
    for ([project, agent, detector, severity], count) in &totals.findings {
        let labels = [
            ("agent_id", agent.as_str()),
            ("detector", detector.as_str()),
            ("severity", severity.as_str()),
            ("project", project.as_str()),
        ];
        // Of those that earlier versions counted the project is not known.
        let known = if project.is_empty() { 3 } else { 4 };
        page.sample(FINDINGS.name, &labels[..known], *count as f64);
    }
    page.beside(&OUTCOMES);
    for ([agent, outcome], count) in &totals.outcomes {
        page.sample(OUTCOMES.name, &[("agent", agent), ("outcome", outcome)], *count as f64);
    }
    page.beside(&NEW_ISSUES);
    for [project, agent, environment, detector, severity, state, issue] in &totals.new {
        let labels = [
            ("agent_id", agent.as_str()),
            ("environment", environment.as_str()),
            ("detector", detector.as_str()),
            ("finding_severity", severity.as_str()),
            ("state", state.as_str()),
            ("issue", issue.as_str()),
            ("project", project.as_str()),
        ];
        page.sample(NEW_ISSUES.name, &labels, 1.0);
    }
    if let Some(embedder) = &app.embedder {
        page.family("tawny_embeddings_total", "counter", "Answers for the embedding endpoint, by what became of them.");
        for (result, count) in embedder.counts() {
            page.sample("tawny_embeddings_total", &[("result", result)], count as f64);
        }
    }
    page.beside(&SILENCE);
    for silence in app.silent.get() {
        let labels = [
            ("agent_id", silence.agent.as_str()),
            ("environment", silence.environment.as_str()),
            ("project", silence.project.as_str()),
        ];
        page.sample(SILENCE.name, &labels, silence.seconds);
    }
}

/// What sampling dropped.
fn sampling(page: &mut Page, app: &App) {
    let dropped =
        app.opened().ok().and_then(|opened| opened.state.read(crate::sampling::dropped).ok()).unwrap_or_default();
    page.family(
        "tawny_sampling_dropped_runs_total",
        "counter",
        "Settled runs that sampling dropped, after all counted them.",
    );
    for (project, runs, _) in &dropped {
        page.sample("tawny_sampling_dropped_runs_total", &[("project", project)], *runs as f64);
    }
    page.family("tawny_sampling_dropped_rows_total", "counter", "Rows of these.");
    for (project, _, rows) in &dropped {
        page.sample("tawny_sampling_dropped_rows_total", &[("project", project)], *rows as f64);
    }
}
