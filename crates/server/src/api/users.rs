//! People who may sign in, for administrators.
//!
//! An account is of the whole server, so changing one needs all projects; who may do what in a project, its administrators see.

use std::sync::Arc;

use access::{Caller, Role, User};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::de::DeserializeOwned;
use state::rusqlite::{self, Transaction};

use super::params::Params;
use super::types::{NewUser, Problem, RoleIn, UserChange, UserInfo, Users};
use crate::app::App;
use crate::doors;

/// Lists people.
#[utoipa::path(get, path = "/api/v1/users", operation_id = "listUsers", tag = "access", summary = "People with a role in the project",
    responses((status = 200, body = Users, description = "People; those with a role in all projects too")))]
pub async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Json<Users>, Problem> {
    params.end()?;
    let (open, project) = (Arc::clone(&app.doors), app.project());
    let users = doors::blocking(move || open.state().read(access::users)).await?;
    let users = users.into_iter().filter_map(|mut user| {
        user.roles.retain(|(named, _)| *named == *project || named == "*");
        (!user.roles.is_empty()).then(|| UserInfo::from(user))
    });
    Ok(Json(Users { users: users.collect() }))
}

impl From<User> for UserInfo {
    fn from(user: User) -> Self {
        let roles = user.roles.into_iter().map(|(project, role)| RoleIn { project, role: role.as_str().to_owned() });
        Self {
            roles: roles.collect(),
            signs_in: if user.identity.is_some() { "oidc" } else { "password" }.to_owned(),
            id: user.name,
            created_at: user.created,
            disabled_at: user.disabled,
        }
    }
}

/// Adds a person.
#[utoipa::path(post, path = "/api/v1/users", operation_id = "createUser", tag = "access", summary = "Add a person",
    description = "Once there is a person, the server asks everybody who they are: the first needs the role admin in all projects.",
    request_body = NewUser,
    responses((status = 200, body = UserInfo, description = "The person"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "Name, password or roles cannot be used"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "There is one of that name, or nobody would be administrator")))]
pub async fn create(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<UserInfo>, Problem> {
    let example = r#"{"name": "jane", "password": "…", "roles": [{"project": "*", "role": "admin"}]}"#;
    let new: NewUser = read(&body, example)?;
    if !access::is_name(&new.name) {
        return Err(Problem::bad_request(format!(
            "a name has up to {} letters, digits, `-`, `_`, `.` and `@`",
            access::MAX_NAME
        )));
    }
    let roles = roles(&new.roles)?;
    if !roles.iter().any(|(_, role)| role.is_some()) {
        return Err(Problem::bad_request(
            "a person needs a role in a project: viewer, responder, editor or admin in `roles`",
        ));
    }
    let (now, salt, name) = (app.now(), doors::random()?, new.name.clone());
    let made = change(&app, &caller, &name, move |tx, note| {
        if access::users(tx)?.iter().any(|user| user.name == new.name) {
            return Ok(Err(taken(&new.name)));
        }
        if let Err(error) = access::add_user(tx, &new.name, &new.password, salt, now) {
            return Ok(Err(Problem::bad_request(error.to_string())));
        }
        give(tx, &new.name, &roles)?;
        note(tx, "user.add", &words(&roles))?;
        Ok(Ok(()))
    });
    made.await.map(Json)
}

/// Changes a person.
#[utoipa::path(patch, path = "/api/v1/users/{id}", operation_id = "changeUser", tag = "access",
    summary = "Give a person roles or another password, or keep them from signing in",
    params(("id" = String, Path, description = "Name of the person")), request_body = UserChange,
    responses((status = 200, body = UserInfo, description = "The person as changed"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "Password or roles cannot be used"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such person"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Nobody would be administrator any more")))]
pub async fn edit(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<UserInfo>, Problem> {
    let wanted: UserChange = read(&body, r#"{"disabled": true}"#)?;
    let roles = roles(&wanted.roles)?;
    let (now, salt, name) = (app.now(), doors::random()?, id.clone());
    let changed = change(&app, &caller, &name, move |tx, note| {
        let users = access::users(tx)?;
        let Some(user) = users.iter().find(|user| user.name == id) else { return Ok(Err(nobody(&id))) };
        if let Some(password) = &wanted.password {
            if user.identity.is_some() {
                return Ok(Err(Problem::bad_request("this person signs in elsewhere and has no password here")));
            }
            if let Err(error) = access::set_password(tx, &id, password, salt) {
                return Ok(Err(Problem::bad_request(error.to_string())));
            }
            note(tx, "user.password", "")?;
        }
        if let Some(disabled) = wanted.disabled.filter(|disabled| *disabled != user.disabled.is_some()) {
            access::set_disabled(tx, &id, disabled.then_some(now))?;
            note(tx, if disabled { "user.disable" } else { "user.enable" }, "")?;
        }
        if !roles.is_empty() {
            give(tx, &id, &roles)?;
            note(tx, "user.role", &words(&roles))?;
        }
        Ok(Ok(()))
    });
    changed.await.map(Json)
}

/// Removes a person.
#[utoipa::path(delete, path = "/api/v1/users/{id}", operation_id = "removeUser", tag = "access", summary = "Remove a person",
    params(("id" = String, Path, description = "Name of the person")),
    responses((status = 204, description = "Removed; their sessions have ended"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such person"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Nobody would be administrator any more")))]
pub async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let name = id.clone();
    let removed = change(&app, &caller, &name, move |tx, note| {
        if !access::remove_user(tx, &id)? {
            return Ok(Err(nobody(&id)));
        }
        note(tx, "user.remove", "")?;
        Ok(Ok(()))
    });
    removed.await.map(|_| StatusCode::NO_CONTENT)
}

/// Reads a body without repeating it: it may hold a password.
fn read<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|_| Problem::bad_request(format!("cannot read the body; send {example}")))
}

/// Roles that are asked for, `None` for those to be taken away.
type Roles = Vec<(String, Option<Role>)>;

fn roles(asked: &[RoleIn]) -> Result<Roles, Problem> {
    let one = |asked: &RoleIn| {
        if asked.project != "*" && !access::is_name(&asked.project) {
            return Err(Problem::bad_request("a role names a project that cannot be one; `*` is all of them"));
        }
        let role = if asked.role == "none" { None } else { Some(asked.role.parse()) };
        let role = role.transpose().map_err(|error: access::UnknownWord| Problem::bad_request(error.to_string()))?;
        Ok((asked.project.clone(), role))
    };
    asked.iter().map(one).collect()
}

fn give(tx: &Transaction<'_>, name: &str, roles: &Roles) -> rusqlite::Result<()> {
    roles.iter().try_for_each(|(project, role)| access::set_role(tx, name, project, *role))
}

fn words(roles: &Roles) -> String {
    let word = |(project, role): &(String, Option<Role>)| format!("{} of {project}", role.map_or("none", Role::as_str));
    roles.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn nobody(id: &str) -> Problem {
    let id: String = id.chars().take(access::MAX_NAME).collect();
    Problem::not_found(format!("there is nobody named `{id}`; GET /api/v1/users lists who there is"))
}

fn taken(name: &str) -> Problem {
    let detail =
        format!("there is somebody named `{name}` already; PATCH /api/v1/users/{name} changes what they may do");
    Problem::new(StatusCode::CONFLICT, "conflict", "The name is taken", detail)
}

fn left_without_administrator() -> Problem {
    let detail = "nobody could administer the server after that: first give somebody, or a key, the rights of an \
        administrator in all projects (`*`)";
    Problem::new(StatusCode::CONFLICT, "conflict", "No administrator would be left", detail)
}

/// Writes what was done into the audit log.
type Note<'a> = dyn Fn(&Transaction<'_>, &str, &str) -> rusqlite::Result<()> + 'a;

/// Changes a person in one transaction, of which nothing stays where it is refused or would leave nobody in charge.
async fn change(
    app: &App,
    caller: &Caller,
    name: &str,
    work: impl FnOnce(&Transaction<'_>, &Note<'_>) -> rusqlite::Result<Result<(), Problem>> + Send + 'static,
) -> Result<UserInfo, Problem> {
    let (open, now) = (Arc::clone(&app.doors), app.now());
    let (who, name) = (caller.who.to_string(), name.to_owned());
    let changed = doors::blocking(move || {
        let mut refused = None;
        let written = open.state().write(|tx| {
            let before = access::users(tx)?.into_iter().find(|user| user.name == name);
            let note = |tx: &Transaction<'_>, action: &str, detail: &str| {
                access::append(tx, now, "*", &who, [action, &name, detail]).map(drop)
            };
            let mut done = work(tx, &note)?;
            if done.is_ok() && !access::has_administrator(tx)? {
                done = Err(left_without_administrator());
            }
            if let Err(problem) = done {
                refused = Some(problem);
                // Undoes what was written.
                return Err(rusqlite::Error::QueryReturnedNoRows);
            }
            let after = access::users(tx)?.into_iter().find(|user| user.name == name);
            Ok(after.or(before))
        });
        if let Some(problem) = refused {
            return Ok(Err(problem));
        }
        let user = written?;
        open.reload()?;
        Ok::<_, state::StateError>(user.map(UserInfo::from).ok_or_else(|| nobody(&name)))
    });
    changed.await?
}
