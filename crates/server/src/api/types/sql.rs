//! SQL questions and answers.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

/// A SQL question.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SqlRequest {
    /// One read-only statement over the views that `GET /api/v1/sql/schema` lists.
    #[schema(example = "SELECT agent, count(*) AS runs FROM runs GROUP BY agent ORDER BY runs DESC")]
    pub query: String,
    /// Rows to answer with at most; the server has a limit of its own.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// Rows.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SqlAnswer {
    /// Columns in order.
    pub columns: Vec<SqlColumn>,
    /// Rows; each has one JSON value per column.
    #[schema(value_type = Vec<Vec<Value>>)]
    pub rows: Vec<Vec<Json>>,
    /// More rows matched than the limit lets through.
    pub truncated: bool,
    /// Milliseconds the query took.
    pub elapsed_ms: f64,
}

/// A column of an answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SqlColumn {
    /// Name.
    pub name: String,
    /// Type: `text`, `integer`, `number`, `boolean`, `time`, `duration`, `list`, `object` or `null`.
    pub r#type: String,
}

/// The views SQL can read.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SqlSchema {
    /// The views.
    pub views: Vec<SqlView>,
}

/// One view.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SqlView {
    /// Name to use after `FROM`.
    pub name: String,
    /// What a row is.
    pub description: String,
    /// Its columns.
    pub columns: Vec<SqlViewColumn>,
}

/// One column of a view.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SqlViewColumn {
    /// Name.
    pub name: String,
    /// Type: `text`, `integer`, `number`, `boolean`, `time`, `duration`, `list`, `object`.
    pub r#type: String,
    /// Whether it can be null.
    pub nullable: bool,
    /// What it means.
    pub description: String,
}
