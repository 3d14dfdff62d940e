//! `GET /api/v1/policy`: what is kept of content, and what was removed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::params::Params;
use super::types::{PolicyReport, Problem, Removed};
use crate::app::App;

/// Reports.
#[utoipa::path(get, path = "/api/v1/policy", operation_id = "getPolicy", tag = "access",
    summary = "What is kept of content, and what was removed since the server started",
    responses((status = 200, body = PolicyReport, description = "Policies and removals in the project")))]
pub async fn get(State(app): State<Arc<App>>, params: Params) -> Result<Json<PolicyReport>, Problem> {
    params.end()?;
    let (policy, project) = (app.ingest.policy(), app.project());
    let report = policy.removed();
    let own = report.iter().filter(|(removal, _)| removal.project == *project);
    let mut removed: Vec<Removed> = own
        .map(|(removal, times)| Removed {
            environment: removal.environment.clone(),
            field: removal.field.clone(),
            action: removal.action.clone(),
            times,
        })
        .collect();
    removed.sort_by_key(|one| std::cmp::Reverse(one.times));
    let policies = policy.policies().map(|policies| policies.describe(Some(&project))).unwrap_or_default();
    Ok(Json(PolicyReport { policies, removed }))
}
