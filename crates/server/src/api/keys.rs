//! Keys of a project, for its administrators.

use std::sync::Arc;

use access::{Caller, Scope};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};

use super::body;
use super::params::Params;
use super::types::{KeyInfo, Keys, MadeKey, NewKey, Problem};
use crate::app::App;
use crate::doors;

/// Characters of what a key is for.
const MAX_LABEL: usize = 200;

/// Lists keys.
#[utoipa::path(get, path = "/api/v1/keys", operation_id = "listKeys", tag = "access", summary = "Keys of the project, without their secrets",
    responses((status = 200, body = Keys, description = "Keys, revoked ones too")))]
pub async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Json<Keys>, Problem> {
    params.end()?;
    let (open, project) = (Arc::clone(&app.doors), app.project());
    let keys = doors::blocking(move || open.state().read(access::keys)).await?;
    let keys = keys.into_iter().filter(|key| key.project == *project).map(KeyInfo::from);
    Ok(Json(Keys { keys: keys.collect() }))
}

impl From<access::Key> for KeyInfo {
    fn from(key: access::Key) -> Self {
        Self {
            id: key.id,
            name: key.name,
            project: key.project,
            scopes: key.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            created_at: key.created,
            last_used_at: key.last_used,
            revoked_at: key.revoked,
        }
    }
}

/// Makes a key.
#[utoipa::path(post, path = "/api/v1/keys", operation_id = "createKey", tag = "access", summary = "Make a key of the project",
    description = "The answer is the only place where the secret is ever shown. Once there is a key, the server asks everybody for one.",
    request_body = NewKey,
    responses((status = 200, body = MadeKey, description = "Id and secret"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "Name or scopes cannot be used")))]
pub async fn create(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<MadeKey>, Problem> {
    let new: NewKey = body::json(&body, r#"{"name": "ci", "scopes": ["ingest"]}"#)?;
    let scopes: Result<Vec<Scope>, _> = new.scopes.iter().map(|word| word.parse()).collect();
    let scopes = scopes.map_err(|error: access::UnknownWord| Problem::bad_request(error.to_string()))?;
    if scopes.is_empty() || new.name.trim().is_empty() || new.name.chars().count() > MAX_LABEL {
        return Err(Problem::bad_request(format!(
            "a key has a name of up to {MAX_LABEL} characters and at least one scope: ingest, read, write, admin"
        )));
    }
    let (now, random) = (app.now(), doors::random()?);
    let made = change(&app, move |tx| {
        let key = access::NewKey { name: &new.name, project: &caller.project, scopes: &scopes };
        let (id, secret) = access::create_key(tx, &key, random, now)?;
        let detail = format!("{} ({})", new.name, new.scopes.join(", "));
        access::append(tx, now, &caller.project, &caller.who.to_string(), ["key.create", &id, &detail])?;
        Ok((id, secret))
    });
    let (id, key) = made.await?;
    Ok(Json(MadeKey { id, key }))
}

/// Revokes a key.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", operation_id = "revokeKey", tag = "access", summary = "Revoke a key",
    params(("id" = String, Path, description = "Id of the key")),
    responses((status = 204, description = "It opens nothing any more"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such key in the project")))]
pub async fn revoke(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let (now, missing) = (app.now(), no_key(&id));
    let revoked = change(&app, move |tx| {
        let revoked = is_of(tx, &id, &caller.project)? && access::revoke_key(tx, &id, now)?;
        if revoked {
            access::append(tx, now, &caller.project, &caller.who.to_string(), ["key.revoke", &id, ""])?;
        }
        Ok(revoked)
    });
    if revoked.await? { Ok(StatusCode::NO_CONTENT) } else { Err(missing) }
}

/// Rotates a key.
#[utoipa::path(post, path = "/api/v1/keys/{id}/rotate", operation_id = "rotateKey", tag = "access",
    summary = "Make a key like another, and revoke that one",
    params(("id" = String, Path, description = "Id of the key")),
    responses((status = 200, body = MadeKey, description = "Id and secret of the new one"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such key in the project")))]
pub async fn rotate(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<MadeKey>, Problem> {
    let (now, random, missing) = (app.now(), doors::random()?, no_key(&id));
    let made = change(&app, move |tx| {
        if !is_of(tx, &id, &caller.project)? {
            return Ok(None);
        }
        let made = access::rotate_key(tx, &id, random, now)?;
        if let Some((new, _)) = &made {
            access::append(tx, now, &caller.project, &caller.who.to_string(), ["key.rotate", &id, new])?;
        }
        Ok(made)
    });
    let (id, key) = made.await?.ok_or(missing)?;
    Ok(Json(MadeKey { id, key }))
}

fn no_key(id: &str) -> Problem {
    let id: String = id.chars().take(64).collect();
    Problem::not_found(format!("the project has no key `{id}` that could be used; GET /api/v1/keys lists them"))
}

fn is_of(tx: &state::rusqlite::Transaction<'_>, id: &str, project: &str) -> state::rusqlite::Result<bool> {
    Ok(access::keys(tx)?.iter().any(|key| key.id == id && key.project == project))
}

/// Changes the state, and lets the doors know at once.
async fn change<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&state::rusqlite::Transaction<'_>) -> state::rusqlite::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let open = Arc::clone(&app.doors);
    doors::blocking(move || {
        let answer = open.state().write(work)?;
        open.reload()?;
        Ok::<_, state::StateError>(answer)
    })
    .await
}
