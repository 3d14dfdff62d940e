//! Filters as DataFusion expressions. Values go in as literals, never as text of a query.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{coalesce, col, lit};
use model::{RunStatus, Timestamp, Usd};
use store::schema::{COST_PRECISION, COST_SCALE};

use crate::{FacetKey, QueryError, RunFilter, sql, text};

/// A time as a literal of the tables' time type.
pub(crate) fn time(time: Timestamp) -> Expr {
    lit(ScalarValue::TimestampNanosecond(Some(time.as_nanos()), Some("UTC".into())))
}

/// An amount as a literal of the tables' money type.
pub(crate) fn money(cost: Usd) -> Expr {
    lit(ScalarValue::Decimal128(Some(cost.as_pico()), COST_PRECISION, COST_SCALE))
}

/// All of them; true for none.
pub(crate) fn all(filters: impl IntoIterator<Item = Expr>) -> Expr {
    filters.into_iter().reduce(Expr::and).unwrap_or_else(|| lit(true))
}

/// Any of them; false for none.
pub(crate) fn any(filters: impl IntoIterator<Item = Expr>) -> Expr {
    filters.into_iter().reduce(Expr::or).unwrap_or_else(|| lit(false))
}

/// `value` where the condition holds, else null.
pub(crate) fn when(condition: Expr, value: Expr) -> Result<Expr, QueryError> {
    datafusion::logical_expr::when(condition, value).end().map_err(sql::errors::convert)
}

/// Whether a column has one of the values.
pub(crate) fn is_one_of(column: &str, values: &[String]) -> Expr {
    match values {
        [value] => col(column).eq(lit(value)),
        _ => col(column).in_list(values.iter().map(lit).collect(), false),
    }
}

/// Where the values of a facet are.
pub(crate) enum Place {
    /// One value per run.
    Column(&'static str),
    /// Several values per run.
    List(&'static str),
}

/// The column of a facet.
pub(crate) fn place(key: FacetKey) -> Place {
    match key {
        FacetKey::Agent => Place::List("agent_names"),
        FacetKey::Service => Place::Column("service"),
        FacetKey::Model => Place::List("models"),
        FacetKey::Tool => Place::List("tools"),
        FacetKey::Status => Place::Column("status"),
        FacetKey::Environment => Place::Column("environment"),
        FacetKey::Workflow => Place::Column("workflow"),
        FacetKey::Version => Place::Column("agent_version"),
        FacetKey::User => Place::Column("user_id"),
        FacetKey::Tag => Place::List("tags"),
    }
}

/// The conditions of a filter, each with the facet it belongs to. `content` is not among them.
pub(crate) fn conditions(filter: &RunFilter) -> Result<Vec<(Option<FacetKey>, Expr)>, QueryError> {
    let statuses: Vec<String> = filter.status.iter().map(|status| status.as_str().to_owned()).collect();
    let by_facet = [
        (FacetKey::Agent, &filter.agent),
        (FacetKey::Service, &filter.service),
        (FacetKey::Model, &filter.model),
        (FacetKey::Tool, &filter.tool),
        (FacetKey::Status, &statuses),
        (FacetKey::Environment, &filter.environment),
        (FacetKey::Workflow, &filter.workflow),
        (FacetKey::Version, &filter.version),
        (FacetKey::User, &filter.user),
        (FacetKey::Tag, &filter.tag),
    ];
    let mut conditions: Vec<(Option<FacetKey>, Expr)> = Vec::new();
    for (key, values) in by_facet {
        if !values.is_empty() {
            let condition = match place(key) {
                Place::Column(column) => is_one_of(column, values),
                Place::List(column) => text::has_one_of(column, values),
            };
            conditions.push((Some(key), condition));
        }
    }
    conditions.extend(plain_conditions(filter).into_iter().map(|condition| (None, condition)));
    if let Some(text) = text::wanted(&filter.text) {
        conditions.push((None, says(text)?));
    }
    Ok(conditions)
}

/// The conditions that no facet shows.
fn plain_conditions(filter: &RunFilter) -> Vec<Expr> {
    let tokens = || coalesce(vec![col("total_tokens"), lit(0i64)]);
    let mut conditions = Vec::new();
    conditions.extend(filter.from.map(|from| col("started_at").gt_eq(time(from))));
    conditions.extend(filter.to.map(|to| col("started_at").lt(time(to))));
    if !filter.session.is_empty() {
        conditions.push(is_one_of("session_id", &filter.session));
    }
    conditions.extend(filter.min_duration_ms.map(|min| col("duration_ms").gt_eq(lit(min))));
    conditions.extend(filter.max_duration_ms.map(|max| col("duration_ms").lt_eq(lit(max))));
    conditions.extend(filter.min_tokens.map(|min| tokens().gt_eq(lit(clamped(min)))));
    conditions.extend(filter.max_tokens.map(|max| tokens().lt_eq(lit(clamped(max)))));
    conditions.extend(filter.min_steps.map(|min| col("steps").gt_eq(lit(clamped_steps(min)))));
    conditions.extend(filter.max_steps.map(|max| col("steps").lt_eq(lit(clamped_steps(max)))));
    if filter.errors {
        conditions.push(col("errors").gt(lit(0u32)).or(col("status").eq(lit(RunStatus::Error.as_str()))));
    }
    conditions
}

/// Whether what is known of a run without its content contains a text.
pub(crate) fn says(text: &str) -> Result<Expr, QueryError> {
    const COLUMNS: [&str; 11] = [
        "name",
        "service",
        "workflow",
        "input_preview",
        "output_preview",
        "error_type",
        "error_message",
        "agent_names",
        "models",
        "tools",
        "tags",
    ];
    let needle = text::needle(text)?;
    Ok(any(COLUMNS.map(|column| text::contains(column, text, &needle))))
}

/// Token columns are signed; no run has more than that many.
fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The column of steps has 32 bits.
fn clamped_steps(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
