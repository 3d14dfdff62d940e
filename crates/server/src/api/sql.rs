//! `POST /api/v1/sql` and the views it can read.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;

use super::body;
use super::types::{Problem, SqlAnswer, SqlColumn, SqlRequest, SqlSchema, SqlView, SqlViewColumn};
use crate::app::App;

/// Asks a question.
#[utoipa::path(post, path = "/api/v1/sql", operation_id = "runSql", tag = "sql", summary = "Ask a question in SQL",
    description = "One read-only statement, bounded in time, memory and rows. The answer says when rows were cut off.",
    request_body = SqlRequest,
    responses((status = 200, body = SqlAnswer, description = "Rows"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The statement is wrong; the detail says where"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "A limit was reached")))]
pub async fn run(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<SqlAnswer>, Problem> {
    // Not axum's `Json`: a person with curl should not have to set a content type, and errors should say what to send.
    let request: SqlRequest = body::json(&body, r#"{"query": "SELECT …", "limit": 100}"#)?;
    let (project, begun) = (app.project(), app.now());
    let answer = app.ask_sql(|engine| async move {
        let own = engine.limits().sql;
        let limits = query::SqlLimits { rows: request.limit.unwrap_or(own.rows), ..own };
        engine.sql(&project, &request.query, own.tightened_to(limits)).await
    });
    let answer = answer.await?;
    Ok(Json(SqlAnswer {
        columns: answer
            .columns
            .into_iter()
            .map(|column| SqlColumn { name: column.name, r#type: column.kind.into() })
            .collect(),
        rows: answer.rows,
        truncated: answer.truncated,
        elapsed_ms: app.now().millis_since(begun),
    }))
}

/// The views.
#[utoipa::path(get, path = "/api/v1/sql/schema", operation_id = "getSqlSchema", tag = "sql", summary = "The views SQL can read",
    responses((status = 200, body = SqlSchema, description = "Views and their columns")))]
pub async fn schema() -> Json<SqlSchema> {
    let views = query::schema_docs().into_iter().map(|view| SqlView {
        name: view.name.to_owned(),
        description: view.description.to_owned(),
        columns: view
            .columns
            .into_iter()
            .map(|column| SqlViewColumn {
                name: column.name,
                r#type: column.kind.to_owned(),
                nullable: column.nullable,
                description: column.description.to_owned(),
            })
            .collect(),
    });
    Json(SqlSchema { views: views.collect() })
}
