//! `/api/v1/store`: what the store holds, a check of it, a backup.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::unfold;
use store::StoreError;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::params::Params;
use super::status::limits;
use super::types::{Problem, StoreCheck, StoreReport};
use crate::app::App;
use crate::limits::LimitName;

/// Bytes of a backup that are handed to the connection at once.
const CHUNK: usize = 256 * 1024;
/// Chunks that may wait for the connection.
const CHUNKS: usize = 4;
/// A client that takes nothing for so long loses its backup: a backup keeps replaced files from being removed.
const STALLED: Duration = Duration::from_secs(60);

/// What the store holds.
#[utoipa::path(get, path = "/api/v1/store", operation_id = "getStore", tag = "server",
    summary = "What the store holds, and how long it is kept",
    description = "Rows, segments by level and bytes by project and table; bytes of what is beside them; what retention keeps, removes next and has \
        removed; limits.",
    responses((status = 200, body = StoreReport, description = "What it holds")))]
pub async fn get(State(app): State<Arc<App>>, params: Params) -> Result<Json<StoreReport>, Problem> {
    params.end()?;
    let store = app.store()?;
    let stats = store.stats();
    // It lists directories: not on a thread that answers requests.
    let shared = store.clone();
    let report = tokio::task::spawn_blocking(move || shared.report()).await;
    let report = report.map_err(|error| Problem::internal(format!("the report stopped: {error}")))?;
    let mut report = StoreReport::from(report?);
    report.retention.extend(super::keeping::findings_by_project(&app).await?);
    Ok(Json(StoreReport {
        hot_bytes: stats.hot_bytes,
        body_bytes_seen: stats.body_bytes_seen,
        body_bytes_kept: stats.body_bytes_kept,
        limits: limits(&app),
        ..report
    }))
}

/// Checks the store.
#[utoipa::path(post, path = "/api/v1/store/check", operation_id = "checkStore", tag = "server",
    summary = "Check every segment, every reference, the log, the series and the state",
    description = "Reads everything the store has and takes its time; ingest and reads go on.",
    responses((status = 200, body = StoreCheck, description = "What was found"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Too many checks or backups are under way")))]
pub async fn check(State(app): State<Arc<App>>, params: Params) -> Result<Json<StoreCheck>, Problem> {
    params.end()?;
    let mut checked = counted(&app, app.store()?.check().await)?;
    let data = app.settings.data.clone();
    let series = tokio::task::spawn_blocking(move || {
        crate::state_file::check(&data, &mut checked);
        crate::series::check(&data, &mut checked).map(|()| checked)
    });
    let checked = series.await.map_err(|error| Problem::internal(format!("the check stopped: {error}")))?;
    Ok(Json(checked.map_err(|error| Problem::internal(error.to_string()))?.into()))
}

/// Backs the store up.
#[utoipa::path(get, path = "/api/v1/store/backup", operation_id = "backUpStore", tag = "server",
    summary = "A backup of everything, as a tar archive",
    description = "Everything acknowledged before is in it, exactly once; ingest goes on. `tawny restore` puts it back. An archive whose last \
        file is not `tawny-backup.sums` broke off.",
    responses((status = 200, body = String, content_type = "application/x-tar", description = "The archive"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Too many checks or backups are under way")))]
pub async fn backup(State(app): State<Arc<App>>, params: Params) -> Result<Response, Problem> {
    params.end()?;
    let plan = counted(&app, app.store()?.backup().await)?;
    let (sender, receiver) = mpsc::channel(CHUNKS);
    tokio::task::spawn_blocking(move || {
        let mut out = Chunks { sender, chunk: BytesMut::new(), handle: Handle::current() };
        match plan.write(&mut out) {
            Ok(about) => tracing::info!(segments = about.segments, bytes = about.segment_bytes, "backed up"),
            Err(error) => {
                tracing::error!(%error, "a backup broke off");
                // The connection is cut, so that the archive cannot be taken for a whole one.
                let _ = out.sender.blocking_send(Err(io::Error::other(error.to_string())));
            }
        }
    });
    let body = unfold(receiver, |mut receiver| async move {
        let chunk: io::Result<Bytes> = receiver.recv().await?;
        Some((chunk, receiver))
    });
    // Compressed already, nearly all of it.
    let headers = [
        (header::CONTENT_ENCODING, "identity"),
        (header::CONTENT_TYPE, "application/x-tar"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"tawny-backup.tar\""),
    ];
    Ok((headers, Body::from_stream(body.fuse())).into_response())
}

/// What came of a check or a backup; counts where too many were under way.
fn counted<T>(app: &App, done: Result<T, StoreError>) -> Result<T, Problem> {
    if let Err(StoreError::Busy { .. }) = &done {
        app.counters.limit_reached(LimitName::BackupsMax);
    }
    Ok(done?)
}

/// Hands what is written to a connection.
struct Chunks {
    sender: mpsc::Sender<io::Result<Bytes>>,
    chunk: BytesMut,
    handle: Handle,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = self.chunk.split().freeze();
        let sent = self.handle.block_on(self.sender.send_timeout(Ok(chunk), STALLED));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client takes no more"))
    }
}
