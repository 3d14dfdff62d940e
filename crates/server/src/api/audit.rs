//! The audit log, for administrators.

use std::sync::Arc;

use access::Head;
use axum::Json;
use axum::extract::State;
use model::Timestamp;
use utoipa::IntoParams;

use super::params::Params;
use super::types::{AuditCheck, AuditEntries, AuditEntry, Problem};
use crate::app::App;
use crate::doors;

/// Entries of one page.
const PAGE: usize = 500;

/// Where a page begins.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct AuditParams {
    /// Only entries after this number.
    pub after: Option<i64>,
}

/// Lists entries.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "listAudit", tag = "access", summary = "Who did what in the project",
    params(AuditParams), responses((status = 200, body = AuditEntries, description = "Entries, oldest first")))]
pub async fn list(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<AuditEntries>, Problem> {
    let after: i64 = params.read("after", "the number of an entry")?.unwrap_or(0);
    params.end()?;
    let (open, project) = (Arc::clone(&app.doors), app.project());
    let entries = doors::blocking(move || open.state().read(|conn| access::entries(conn, after, PAGE, Some(&project)))).await?;
    let next = if entries.len() == PAGE { entries.last().map(|entry| entry.seq) } else { None };
    Ok(Json(AuditEntries { entries: entries.into_iter().map(AuditEntry::from).collect(), next }))
}

impl From<access::Entry> for AuditEntry {
    fn from(entry: access::Entry) -> Self {
        let access::Entry { seq, at, project, actor, action, target, detail, hash } = entry;
        Self { seq, at: Timestamp::from_nanos(at), project, actor, action, target, detail, hash }
    }
}

/// What was noted.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct VerifyParams {
    /// A `head` of an earlier answer: it must still be in the log.
    pub head: Option<String>,
}

/// Verifies the chain.
#[utoipa::path(get, path = "/api/v1/audit/verify", operation_id = "verifyAudit", tag = "access",
    summary = "Whether an entry of the audit log was changed or taken out",
    params(VerifyParams), responses((status = 200, body = AuditCheck, description = "What was found")))]
pub async fn verify(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<AuditCheck>, Problem> {
    let noted = params.one("head")?.map(|text| {
        parse_head(&text).ok_or_else(|| Problem::bad_request("cannot read `head`: give it as an earlier answer has it, NUMBER:HASH"))
    });
    let noted = noted.transpose()?;
    params.end()?;
    let open = Arc::clone(&app.doors);
    let found = doors::blocking(move || open.state().read(|conn| access::verify(conn, noted.as_ref()))).await?;
    Ok(Json(AuditCheck {
        ok: found.broken.is_empty(),
        entries: found.entries,
        first: found.first,
        head: format!("{}:{}", found.head.seq, found.head.hash),
        broken: found.broken.iter().map(ToString::to_string).collect(),
    }))
}

/// Reads `12:9f3c…`.
fn parse_head(text: &str) -> Option<Head> {
    let (seq, hash) = text.split_once(':')?;
    let whole = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some(Head { seq: seq.parse().ok()?, hash: whole.then(|| hash.to_ascii_lowercase())? })
}
