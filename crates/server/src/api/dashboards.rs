//! Dashboards of people's own: made, changed, listed, removed. What they show is asked by the browser.

use std::sync::Arc;

use access::Caller;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::de::DeserializeOwned;
use state::Part;
use state::rusqlite::{self, Connection, OptionalExtension, Row, params};

use super::params::Params;
use super::types::{Dashboard, DashboardChange, DashboardInfo, DashboardPanel, DashboardSpec, Dashboards, Problem};
use crate::app::App;
use crate::limits::LimitName;
use model::Timestamp;

/// Dashboards of one project.
pub const DASHBOARDS_MAX: i64 = 500;
/// Bytes of one dashboard.
pub const DASHBOARD_BYTES_MAX: usize = 256 << 10;
/// Panels on one dashboard.
pub const DASHBOARD_PANELS_MAX: usize = 100;
/// Questions of one panel.
pub const PANEL_QUERIES_MAX: usize = 10;
/// Columns of the grid, and rows of the highest panel.
const COLUMNS: u16 = 24;
const ROWS: u16 = 40;
/// Characters of a title.
const TITLE_MAX: usize = 200;

/// The tables.
pub const PART: Part = Part {
    name: "dashboards",
    migrations: &["
        CREATE TABLE dashboards (
            project TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, updated INTEGER NOT NULL, by TEXT NOT NULL,
            spec TEXT NOT NULL,
            PRIMARY KEY (project, id)
        ) STRICT, WITHOUT ROWID;
    "],
};

/// Lists dashboards.
#[utoipa::path(get, path = "/api/v1/dashboards", operation_id = "listDashboards", tag = "dashboards", summary = "Dashboards of the project",
    responses((status = 200, body = Dashboards, description = "By title")))]
pub async fn list(State(app): State<Arc<App>>, params: Params) -> Result<Json<Dashboards>, Problem> {
    params.end()?;
    let project = app.project();
    let read = move |connection: &Connection| {
        let mut query = connection.prepare_cached(&format!("{SELECT} WHERE project = ?1"))?;
        query.query_map([&*project], dashboard)?.collect::<rusqlite::Result<Vec<_>>>()
    };
    let found = app.with_state(move |state| state.read(read)).await?;
    let mut dashboards: Vec<DashboardInfo> = found
        .into_iter()
        .map(|one| DashboardInfo {
            id: one.id,
            title: one.spec.title,
            description: one.spec.description,
            panels: one.spec.panels.len(),
            updated_at: one.updated_at,
            updated_by: one.updated_by,
        })
        .collect();
    dashboards.sort_by(|a, b| (&a.title, &a.id).cmp(&(&b.title, &b.id)));
    Ok(Json(Dashboards { dashboards }))
}

/// Makes a dashboard.
#[utoipa::path(post, path = "/api/v1/dashboards", operation_id = "createDashboard", tag = "dashboards", summary = "Make a dashboard",
    request_body = DashboardSpec,
    responses((status = 200, body = Dashboard, description = "The dashboard with its id"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "It cannot be read; the detail says why"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "The project has as many as it may have")))]
pub async fn create(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Dashboard>, Problem> {
    let spec = left(&app, checked(&app, read::<DashboardSpec>(&app, &body)?)?);
    let (now, project) = (app.now(), app.project());
    let id = crate::alerting::new_id(now);
    let made = Dashboard { id, revision: 1, updated_at: now, updated_by: caller.who.to_string(), spec };
    let kept = made.clone();
    let fits = app.with_state(move |state| {
        state.write(|tx| {
            let count: i64 =
                tx.query_row("SELECT count(*) FROM dashboards WHERE project = ?1", [&*project], |row| row.get(0))?;
            if count >= DASHBOARDS_MAX {
                return Ok(false);
            }
            keep(tx, &project, &kept)?;
            Ok(true)
        })
    });
    if !fits.await? {
        app.counters.limit_reached(LimitName::DashboardsMax);
        let detail = format!("the project has {DASHBOARDS_MAX} dashboards (limit dashboards_max): remove one first");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too-many", "There are too many", detail));
    }
    Ok(Json(made))
}

/// One dashboard.
#[utoipa::path(get, path = "/api/v1/dashboards/{id}", operation_id = "getDashboard", tag = "dashboards", summary = "One dashboard",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = Dashboard, description = "The dashboard"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such dashboard")))]
pub async fn get(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Dashboard>, Problem> {
    let (project, missing) = (app.project(), no_dashboard(&id));
    let found = app.with_state(move |state| state.read(|connection| one(connection, &project, &id))).await?;
    found.map(Json).ok_or(missing)
}

/// Changes a dashboard.
#[utoipa::path(put, path = "/api/v1/dashboards/{id}", operation_id = "putDashboard", tag = "dashboards", summary = "Change a dashboard",
    params(("id" = String, Path, description = "Its id")), request_body = DashboardChange,
    responses((status = 200, body = Dashboard, description = "The dashboard as it is now"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "It cannot be read; the detail says why"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such dashboard"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Somebody else has changed it meanwhile")))]
pub async fn put(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Dashboard>, Problem> {
    let DashboardChange { revision, spec } = read(&app, &body)?;
    let spec = left(&app, checked(&app, spec)?);
    let (now, project, missing) = (app.now(), app.project(), no_dashboard(&id));
    let changed = app.with_state(move |state| {
        state.write(|tx| {
            let Some(before) = one(tx, &project, &id)? else { return Ok(None) };
            if before.revision != revision {
                return Ok(Some(Err(before)));
            }
            let updated_by = caller.who.to_string();
            let after = Dashboard { id, revision: revision + 1, updated_at: now, updated_by, spec };
            keep(tx, &project, &after)?;
            Ok(Some(Ok(after)))
        })
    });
    changed.await?.ok_or(missing)?.map(Json).map_err(|before| {
        let detail = format!(
            "{} has changed it at {} (revision {}): load it again, or save yours as another",
            before.updated_by, before.updated_at, before.revision
        );
        Problem::new(StatusCode::CONFLICT, "conflict", "Somebody else has changed the dashboard", detail)
    })
}

/// Removes a dashboard.
#[utoipa::path(delete, path = "/api/v1/dashboards/{id}", operation_id = "deleteDashboard", tag = "dashboards", summary = "Remove a dashboard",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "It is gone"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such dashboard")))]
pub async fn delete(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let (project, missing) = (app.project(), no_dashboard(&id));
    let remove = move |tx: &rusqlite::Transaction<'_>| {
        tx.execute("DELETE FROM dashboards WHERE project = ?1 AND id = ?2", params![&*project, id])
    };
    let removed = app.with_state(move |state| state.write(remove)).await?;
    if removed > 0 { Ok(StatusCode::NO_CONTENT) } else { Err(missing) }
}

const SELECT: &str = "SELECT id, revision, updated, by, spec FROM dashboards";

fn dashboard(row: &Row<'_>) -> rusqlite::Result<Dashboard> {
    let spec: String = row.get(4)?;
    let spec = serde_json::from_str(&spec)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, error.into()))?;
    let updated_at = Timestamp::from_nanos(row.get(2)?);
    Ok(Dashboard { id: row.get(0)?, revision: row.get(1)?, updated_at, updated_by: row.get(3)?, spec })
}

fn one(connection: &Connection, project: &str, id: &str) -> rusqlite::Result<Option<Dashboard>> {
    let mut query = connection.prepare_cached(&format!("{SELECT} WHERE project = ?1 AND id = ?2"))?;
    query.query_row(params![project, id], dashboard).optional()
}

fn keep(tx: &rusqlite::Transaction<'_>, project: &str, one: &Dashboard) -> rusqlite::Result<()> {
    let spec = serde_json::to_string(&one.spec).unwrap_or_default();
    tx.execute(
        "INSERT OR REPLACE INTO dashboards (project, id, revision, updated, by, spec) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![project, one.id, one.revision, one.updated_at.as_nanos(), one.updated_by, spec],
    )?;
    Ok(())
}

fn no_dashboard(id: &str) -> Problem {
    let id: String = id.chars().take(64).collect();
    Problem::not_found(format!("the project has no dashboard `{id}`; GET /api/v1/dashboards lists them"))
}

fn read<T: DeserializeOwned>(app: &App, body: &[u8]) -> Result<T, Problem> {
    if body.len() > DASHBOARD_BYTES_MAX {
        app.counters.limit_reached(LimitName::DashboardBytesMax);
        return Err(Problem::bad_request(format!(
            "the dashboard has {} bytes; it may have {DASHBOARD_BYTES_MAX} (limit dashboard_bytes_max)",
            body.len()
        )));
    }
    serde_json::from_slice(body).map_err(|error| Problem::bad_request(format!("cannot read the dashboard: {error}")))
}

/// What the content policy leaves of the words on a dashboard. Its questions stay as they are: another question has another answer.
fn left(app: &App, mut spec: DashboardSpec) -> DashboardSpec {
    let mut words = vec![&mut spec.title, &mut spec.description];
    for DashboardPanel { title, description, text, .. } in &mut spec.panels {
        words.extend([title, description, text]);
    }
    for text in words {
        *text = app.told("dashboard", std::mem::take(text));
    }
    spec
}

/// A dashboard that can be shown.
fn checked(app: &App, spec: DashboardSpec) -> Result<DashboardSpec, Problem> {
    let wrong = |what: String| Err(Problem::bad_request(what));
    if spec.title.trim().is_empty() || spec.title.chars().count() > TITLE_MAX {
        return wrong(format!("`title` must have 1 to {TITLE_MAX} characters"));
    }
    if spec.panels.len() > DASHBOARD_PANELS_MAX {
        app.counters.limit_reached(LimitName::DashboardPanelsMax);
        return wrong(format!(
            "the dashboard has {} panels; it may have {DASHBOARD_PANELS_MAX} (limit dashboard_panels_max)",
            spec.panels.len()
        ));
    }
    let mut ids = std::collections::BTreeSet::new();
    for (at, panel) in spec.panels.iter().enumerate() {
        let DashboardPanel { id, x, w, h, .. } = panel;
        if id.is_empty() || !ids.insert(id) {
            return wrong(format!("panel {} has the id `{id}`: each needs one of its own", at + 1));
        }
        if !(1..=COLUMNS).contains(w) || !(1..=ROWS).contains(h) || x.saturating_add(*w) > COLUMNS {
            return wrong(format!(
                "panel `{id}` lies outside: x + w may be {COLUMNS} at most, w from 1 to {COLUMNS}, h from 1 to {ROWS}"
            ));
        }
        if panel.queries.len() > PANEL_QUERIES_MAX {
            return wrong(format!(
                "panel `{id}` asks {} questions; it may ask {PANEL_QUERIES_MAX}",
                panel.queries.len()
            ));
        }
    }
    Ok(spec)
}
