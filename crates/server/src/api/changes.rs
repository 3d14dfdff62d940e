//! `/api/v1/changes`: what changed in agents and around them, told or seen.

use std::sync::Arc;

use access::Caller;
use axum::body::Bytes;
use axum::extract::State;
use axum::{Extension, Json};
use utoipa::IntoParams;

use super::body;
use super::params::Params;
use super::types::{Change, ChangesAnswer, NewChange, Problem};
use crate::app::App;
use crate::incident::CHANGES_KEPT;
use crate::incident::changes::{self, KINDS, Wanted};

/// Characters of an id, a version, the name of an agent or environment.
pub(super) const NAME_MAX: usize = 200;
/// Characters of a title, an address or a reason.
pub(super) const TEXT_MAX: usize = 1_000;
/// A change may be told of so long before it happens, in nanoseconds: a day.
const AHEAD: i64 = 86_400 * 1_000_000_000;

/// Which changes.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct ChangeParams {
    /// From this time: RFC 3339, a day, or a distance from now such as `15m`, `1h`, `24h`, `7d`.
    pub from: Option<String>,
    /// Before this time; as `from`.
    pub to: Option<String>,
    /// Environment; changes that name none are shown too. Repeatable.
    pub environment: Option<Vec<String>>,
    /// Agent; changes that name none are shown too. Repeatable.
    pub agent: Option<Vec<String>>,
    /// Kind: `deploy`, `model`, `prompt`, `tool_schema`, `index_version` or `config`; repeatable.
    pub kind: Option<Vec<String>>,
    /// `told` or `seen`.
    pub source: Option<String>,
    /// Changes on a page, 1 to 500; 50 where not given.
    pub limit: Option<usize>,
    /// Cursor: `next` of the page before.
    pub cursor: Option<String>,
}

/// Lists changes.
#[utoipa::path(get, path = "/api/v1/changes", operation_id = "listChanges", tag = "incidents",
    summary = "What changed, newest first: for annotations of charts, and to see what came before a failure",
    description = "Changes that were told, and those telemetry shows: the first run with another version, model, prompt or set of tools than \
        the agent had before. One that was told is not shown a second time as seen.",
    params(ChangeParams),
    responses((status = 200, body = ChangesAnswer, description = "One page of changes"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn list(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<ChangesAnswer>, Problem> {
    let now = app.now();
    let told = match params.one("source")?.as_deref() {
        None => None,
        Some("told") => Some(true),
        Some("seen") => Some(false),
        Some(other) => {
            return Err(Problem::bad_request(format!("cannot read `source={other}`: give told or seen")));
        }
    };
    let kinds = params.all("kind");
    kinds.iter().try_for_each(|kind| known_kind(kind))?;
    let (from, to) = (params.time("from", now)?, params.time("to", now)?);
    let (environments, agents) = (params.all("environment"), params.all("agent"));
    let page = params.page()?;
    params.end()?;
    let after = page.cursor.as_deref().map(cursor).transpose()?;
    let wanted = Wanted { from, to, environments, agents, kinds, told, after, limit: page.limit };
    let project = app.project();
    let mut found =
        app.with_state(move |state| state.read(|connection| changes::list(connection, &project, &wanted))).await?;
    let more = found.len() > page.limit;
    found.truncate(page.limit);
    let next = found.last().filter(|_| more).map(|last| format!("{}-{}", last.at.as_nanos(), last.id));
    Ok(Json(ChangesAnswer { changes: found.into_iter().map(Change::from).collect(), next }))
}

/// A cursor is time and id of the last change: `123-abc`.
fn cursor(text: &str) -> Result<(i64, String), Problem> {
    let read = || {
        let (at, id) = text.split_once('-')?;
        Some((at.parse().ok()?, id.to_owned()))
    };
    read().ok_or_else(|| Problem::bad_request("cannot read `cursor`: give the `next` of the page before, as it is"))
}

fn known_kind(kind: &str) -> Result<(), Problem> {
    if KINDS.contains(&kind) {
        return Ok(());
    }
    Err(Problem::bad_request(format!("there is no kind of change `{kind}`: give {}", KINDS.join(", "))))
}

/// Tells of a change.
#[utoipa::path(post, path = "/api/v1/changes", operation_id = "tellChange", tag = "incidents",
    summary = "Tell of a change: a deployment, another model, prompt, tool schema or index",
    description = "To be called from a pipeline. With an `id` of the caller's the same change may be told again: it replaces what was told \
        before. Kept for 400 days.",
    request_body = NewChange,
    responses((status = 200, body = Change, description = "The change as it is kept"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The change cannot be read")))]
pub async fn tell(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Change>, Problem> {
    let new: NewChange = body::json(&body, r#"{"kind": "deploy", "title": "checkout 2.4.1", "agent": "checkout"}"#)?;
    known_kind(&new.kind)?;
    body::short("title", &new.title, TEXT_MAX)?;
    for (name, text, most) in [
        ("id", &new.id, NAME_MAX),
        ("environment", &new.environment, NAME_MAX),
        ("agent", &new.agent, NAME_MAX),
        ("version", &new.version, NAME_MAX),
        ("url", &new.url, TEXT_MAX),
    ] {
        text.as_ref().map_or(Ok(()), |text| body::short(name, text, most))?;
    }
    if let Some(url) = new.url.as_ref().filter(|url| !["http://", "https://"].iter().any(|it| url.starts_with(it))) {
        return Err(Problem::bad_request(format!("`url` is `{url}`: give one that begins with http:// or https://")));
    }
    let now = app.now();
    let at = new.at.unwrap_or(now);
    if at < now.plus_nanos(-CHANGES_KEPT) || at > now.plus_nanos(AHEAD) {
        return Err(Problem::bad_request(format!(
            "`at` is {at}: changes are kept for 400 days, and told of a day ahead"
        )));
    }
    // Commit messages hold tokens and addresses, too.
    let (project, environment) = (app.project(), new.environment.clone());
    let left = |field: &str, text: String| app.ingest.policy().told(&project, environment.as_deref(), field, text);
    let change = changes::Change {
        id: new.id.map_or_else(|| crate::alerting::new_id(now), |id| left("change.id", id)),
        at,
        kind: new.kind,
        environment: new.environment.map(|name| left("change.environment", name)),
        agent: new.agent.map(|name| left("change.agent", name)),
        version: new.version.map(|version| left("change.version", version)),
        previous: None,
        title: left("change.title", new.title),
        url: new.url.map(|url| left("change.url", url)),
        by: Some(caller.who.to_string()),
        trace: None,
    };
    let kept = change.clone();
    app.with_state(move |state| state.write(|tx| changes::keep(tx, &project, &kept, now))).await?;
    Ok(Json(change.into()))
}

impl From<changes::Change> for Change {
    fn from(change: changes::Change) -> Self {
        Self {
            id: change.id,
            at: change.at,
            kind: change.kind,
            source: if change.by.is_some() { "told" } else { "seen" }.to_owned(),
            environment: change.environment,
            agent: change.agent,
            version: change.version,
            previous: change.previous,
            title: change.title,
            url: change.url,
            by: change.by,
            trace_id: change.trace,
        }
    }
}
