//! The audit log, for administrators.

use std::sync::Arc;

use access::{Head, Log};
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
    /// `people` (what people, keys and commands did; so where it is left out) or `agents` (what agents did).
    pub of: Option<String>,
}

fn log(params: &mut Params) -> Result<Log, Problem> {
    match params.one("of")?.as_deref() {
        None | Some("people") => Ok(Log::People),
        Some("agents") => Ok(Log::Agents),
        Some(_) => Err(Problem::bad_request("cannot read `of`: it is people or agents")),
    }
}

/// Lists entries.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "listAudit", tag = "access", summary = "Who did what in the project",
    params(AuditParams), responses((status = 200, body = AuditEntries, description = "Entries, oldest first")))]
pub async fn list(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<AuditEntries>, Problem> {
    let after: i64 = params.read("after", "the number of an entry")?.unwrap_or(0);
    let log = log(&mut params)?;
    params.end()?;
    let (open, project) = (Arc::clone(&app.doors), app.project());
    let entries = doors::blocking(move || {
        open.state().read(|conn| match log {
            Log::Agents => access::deeds(conn, after, PAGE, Some(&project)),
            Log::People => {
                let entries = access::entries(conn, log, after, PAGE, Some(&project))?;
                Ok(entries.into_iter().map(|entry| (entry, None)).collect())
            }
        })
    })
    .await?;
    let next = if entries.len() == PAGE { entries.last().map(|(entry, _)| entry.seq) } else { None };
    Ok(Json(AuditEntries { entries: entries.into_iter().map(AuditEntry::from).collect(), next }))
}

impl From<(access::Entry, Option<String>)> for AuditEntry {
    fn from((entry, said): (access::Entry, Option<String>)) -> Self {
        let access::Entry { seq, at, project, actor, action, target, detail, hash } = entry;
        Self { seq, at: Timestamp::from_nanos(at), project, actor, action, target, detail, said, hash }
    }
}

/// What was noted.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct VerifyParams {
    /// A `head` of an earlier answer: it must still be in the log.
    pub head: Option<String>,
    /// `people` (so where it is left out) or `agents`.
    pub of: Option<String>,
}

/// Verifies the chain.
#[utoipa::path(get, path = "/api/v1/audit/verify", operation_id = "verifyAudit", tag = "access",
    summary = "Whether an entry of the audit log was changed or taken out",
    params(VerifyParams), responses((status = 200, body = AuditCheck, description = "What was found")))]
pub async fn verify(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<AuditCheck>, Problem> {
    let noted = params.one("head")?.map(|text| {
        parse_head(&text)
            .ok_or_else(|| Problem::bad_request("cannot read `head`: give it as an earlier answer has it, NUMBER:HASH"))
    });
    let noted = noted.transpose()?;
    let log = log(&mut params)?;
    params.end()?;
    let open = Arc::clone(&app.doors);
    let found = doors::blocking(move || open.state().read(|conn| access::verify(conn, log, noted.as_ref()))).await?;
    Ok(Json(AuditCheck {
        ok: found.broken.is_empty(),
        entries: found.entries,
        emptied: found.emptied,
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
