//! `GET /api/v1/export`: runs as they were sent, one OTLP/JSON request per line and run.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use model::TraceId;
use query::{Page, RunFilter};
use store::{Room, StoredSpan};

use super::params::{Params, RunFilterParams};
use super::types::Problem;
use super::whole::Pieces;
use crate::app::App;

/// Exports runs.
#[utoipa::path(get, path = "/api/v1/export", operation_id = "exportRuns", tag = "runs", summary = "Export runs as OTLP/JSON lines",
    description = "Every line is an OTLP request that holds one run: the run's spans, and after them a line with its log records where it \
        has any. Any OTLP receiver takes them, and so does `tawny import`.",
    params(RunFilterParams),
    responses((status = 200, body = String, content_type = "application/x-ndjson", description = "One OTLP/JSON request per line"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn export(State(app): State<Arc<App>>, mut params: Params) -> Result<Response, Problem> {
    let filter = params.run_filter(app.now())?;
    params.end()?;
    // The first page is read before anything is answered, so that a wrong filter is an error and not a broken download.
    let mut walk = Walk {
        project: app.project(),
        app,
        filter,
        page: Page { limit: query::MAX_PAGE, total: false, ..Page::default() },
        runs: Vec::new(),
        open: None,
        done: false,
    };
    walk.next_page().await?;
    let pieces = stream::try_unfold(walk, |mut walk| async move {
        let piece = walk.next_piece().await.map_err(|problem| std::io::Error::other(problem.detail))?;
        Ok::<_, std::io::Error>(piece.map(|piece| (piece, walk)))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"tawny-runs.otlp.jsonl\""),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Goes through all pages of a list, holding one page of ids and one run as it is kept at a time.
struct Walk {
    app: Arc<App>,
    /// The project of the request; what is streamed is read after the request was let go.
    project: Arc<str>,
    filter: RunFilter,
    page: Page,
    /// Runs of the current page that are still to come, last first.
    runs: Vec<TraceId>,
    /// The run that is being written.
    open: Option<(TraceId, Pieces)>,
    done: bool,
}

impl Walk {
    async fn next_page(&mut self) -> Result<(), Problem> {
        let (project, filter, page) = (Arc::clone(&self.project), self.filter.clone(), self.page.clone());
        let found = self.app.ask(|engine| async move { engine.runs(&project, &filter, &page).await }).await?;
        self.runs = found.runs.iter().rev().map(|run| run.trace_id).collect();
        self.done = found.next.is_none();
        self.page.cursor = found.next;
        Ok(())
    }

    async fn next_piece(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            if let Some((trace_id, pieces)) = &mut self.open {
                if let Some(piece) = pieces.next_piece()? {
                    return Ok(Some(piece.into()));
                }
                let (trace_id, has_begun) = (*trace_id, pieces.has_begun());
                self.open = None;
                if has_begun {
                    return Ok(Some(self.after_spans(trace_id).await?.into()));
                }
                // Removed since the page was read.
            } else if let Some(trace_id) = self.runs.pop() {
                let within = self.app.store()?.traces_within(&self.project, &[trace_id], Room::default()).await?;
                self.open = Some((trace_id, Pieces::of(within.traces, is_no_join)));
            } else if self.done {
                return Ok(None);
            } else {
                self.next_page().await?;
            }
        }
    }

    /// What follows the spans of a run: the end of their line, and a line of the run's log records where it has any.
    async fn after_spans(&self, trace_id: TraceId) -> Result<String, Problem> {
        let mut text = String::from("\n");
        let logs = self.app.store()?.trace_logs(&self.project, trace_id).await?;
        if !logs.is_empty() {
            text.push_str(&wire::export_logs(logs.iter().map(|log| (&*log.resource, &*log.scope, &log.raw))));
            text.push('\n');
        }
        Ok(text)
    }
}

/// What joins a run to others is seen again where it is imported.
fn is_no_join(span: &StoredSpan<'_>) -> bool {
    !dialects::is_join(&span.raw)
}
