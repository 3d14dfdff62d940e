//! Numbers for charts: counts, sums and quantiles of runs or steps, over time and by one or two keys.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{AggregateUDF, Expr};
use datafusion::prelude::{DataFrame, JoinType, cast, coalesce, col, lit};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use store::Table;

use crate::exprs::{self, all, any, conditions, is_one_of};
use crate::filter::keys;
use crate::parts::Sums;
use crate::provider::ProjectTable;
use crate::quantiles::Sketches;
use crate::{Engine, LimitName, QueryError, RunFilter, sql, text};

/// Most rows of an answer.
pub const MAX_AGGREGATE_ROWS: usize = 10_000;
/// Most keys rows are made for.
pub const MAX_KEYS: usize = 2;
/// Most quantiles asked for at once.
const MAX_QUANTILES: usize = 10;
/// Shortest step of time.
const MIN_STEP: Duration = Duration::from_secs(1);

keys!(
    /// What is counted.
    Of, "thing to aggregate" {
        /// Runs.
        Runs = "runs",
        /// Steps of runs: spans.
        Steps = "steps",
    }
);

keys!(
    /// What about them.
    Measure, "measure" {
        /// How many there are.
        Count = "count",
        /// Failed ones.
        Errors = "errors",
        /// Tokens, input and output together.
        Tokens = "tokens",
        /// Cost in US dollars.
        CostUsd = "cost_usd",
        /// How long they took, in milliseconds.
        DurationMs = "duration_ms",
        /// Milliseconds to the first token; of steps only.
        TtftMs = "ttft_ms",
        /// Steps of a run; of runs only.
        Steps = "steps",
    }
);

keys!(
    /// What rows are made for.
    AggregateKey, "key" {
        /// Top agent of a run, agent of a step.
        Agent = "agent",
        /// Service.
        Service = "service",
        /// Status.
        Status = "status",
        /// Environment.
        Environment = "environment",
        /// Workflow.
        Workflow = "workflow",
        /// Version of agent or service.
        Version = "version",
        /// User.
        User = "user",
        /// Model of a step.
        Model = "model",
        /// Provider of a step.
        Provider = "provider",
        /// Tool of a step.
        Tool = "tool",
        /// Kind of a step.
        Kind = "kind",
        /// Name of a run or step.
        Name = "name",
        /// Error class.
        Error = "error",
    }
);

/// A question for numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Runs or steps.
    pub of: Of,
    /// What about them.
    pub measure: Measure,
    /// Rows are made for each combination of values of these, at most [`MAX_KEYS`].
    pub by: Vec<AggregateKey>,
    /// Rows are made for each stretch of this length, counted from 1970; `None` for the whole time.
    pub step: Option<Duration>,
    /// Quantiles of the measure, each from 0 to 1; for measures that are not counts.
    pub quantiles: Vec<f64>,
    /// Which runs, or which steps: for steps `model`, `tool`, `status` and so on are those of the step itself, and `agent` is the one it
    /// names, or where it names none the one that leads its run.
    pub filter: RunFilter,
}

/// A row of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateRow {
    /// Beginning of the stretch of time, where there is a step.
    pub time: Option<Timestamp>,
    /// Values of the keys, `None` where there is none.
    pub by: Vec<Option<String>>,
    /// Runs or steps.
    pub count: u64,
    /// The measure: a count or a sum; of durations and steps the mean. `None` where nothing has a value.
    pub value: Option<f64>,
    /// The quantiles asked for, in that order; none where nothing has a value.
    pub quantiles: Vec<f64>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Aggregated {
    /// By time, then by the values of the keys.
    pub rows: Vec<AggregateRow>,
}

impl AggregateKey {
    /// The column of a key; `None` where runs have it not.
    fn column(self, of: Of) -> Option<&'static str> {
        Some(match self {
            Self::Agent => "agent",
            Self::Service => "service",
            Self::Status => "status",
            Self::Environment => "environment",
            Self::Workflow => "workflow",
            Self::Version => "agent_version",
            Self::User => "user_id",
            Self::Name => "name",
            Self::Error => "error_type",
            Self::Model | Self::Provider | Self::Tool | Self::Kind if of == Of::Runs => return None,
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Tool => "tool_name",
            Self::Kind => "kind",
        })
    }
}

impl Engine {
    /// Numbers over the runs or steps of `project` that the filter lets through.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] for a question that makes no sense, [`QueryError::Limit`] for more than
    /// [`MAX_AGGREGATE_ROWS`] rows, `list_time` and `query_bytes`.
    pub async fn aggregate(&self, project: &str, question: &Aggregate) -> Result<Aggregated, QueryError> {
        let (groups, values) = (groups(question)?, values(question)?);
        let groups = groups.into_iter().enumerate().map(|(at, group)| group.alias(group_name(at))).collect();
        let sums = Summing { groups, values };
        let passes = passes(question)?;
        self.bounded(LimitName::ListTime, self.limits().list_time, async {
            let snapshot = self.snapshot().await?;
            let table = |table| self.table(&snapshot, table, project);
            // Segments that are remembered, or will be, are not read with the rest.
            let (mut found, kept) = self.sums_of_segments(&snapshot, project, question, &sums).await?;
            let rest = |table| self.read(&snapshot, ProjectTable::new(&snapshot, table, project).without(kept));
            let agents = &question.filter.agent;
            let rows = match question.of {
                Of::Runs => rest(Table::Runs)?.filter(passes),
                Of::Steps => steps(rest(Table::Spans)?, table(Table::Spans)?, table(Table::Runs)?, passes).await,
            };
            let rows = match question.of {
                Of::Steps if !agents.is_empty() => {
                    let runs = table(Table::Runs)?;
                    rows.and_then(|rows| of_agents(rows, runs, agents))
                }
                _ => rows,
            };
            let frame = rows.and_then(|rows| sums.over(rows)).map_err(sql::errors::convert)?;
            found.add(&Sums::read(&frame.collect().await.map_err(sql::errors::convert)?, question)?);
            found.rows(question)
        })
        .await
    }
}

/// What of `question` is asked of each row.
pub(crate) fn passes(question: &Aggregate) -> Result<Expr, QueryError> {
    Ok(all(match question.of {
        Of::Runs => conditions(&question.filter)?.into_iter().map(|(_, condition)| condition).collect::<Vec<_>>(),
        Of::Steps => step_conditions(&question.filter)?,
    }))
}

/// Groups, and what is added up in each.
pub(crate) struct Summing {
    groups: Vec<Expr>,
    values: Vec<Expr>,
}

impl Summing {
    /// The sums over some rows, as far as an answer may have them.
    pub fn over(&self, rows: DataFrame) -> Result<DataFrame, DataFusionError> {
        rows.aggregate(self.groups.clone(), self.values.clone())?.limit(0, Some(MAX_AGGREGATE_ROWS + 1))
    }
}

/// The column of a group.
pub(crate) fn group_name(at: usize) -> String {
    format!("g{at}")
}

/// Steps that pass: `part` of the spans, and what log records tell of runs that have no spans.
async fn steps(part: DataFrame, spans: DataFrame, runs: DataFrame, passes: Expr) -> Result<DataFrame, DataFusionError> {
    let part = part.filter(is_sent())?.filter(passes.clone())?;
    let told = spans.clone().filter(passes.and(any(TOLD_STEPS.map(|part| col("told").like(lit(part))))))?;
    if told.clone().limit(0, Some(1))?.count().await? == 0 {
        return Ok(part);
    }
    let of = |frame: DataFrame, name| frame.select(vec![col("trace_id").alias(name)]);
    let told = told.join(of(runs, "run")?, JoinType::LeftSemi, &["trace_id"], &["run"], None)?;
    let sent = of(spans.filter(is_sent())?, "sent")?;
    part.union(told.join(sent, JoinType::LeftAnti, &["trace_id"], &["sent"], None)?)
}

/// Whether a span was sent as one, and not told by log records.
pub(crate) fn is_sent() -> Expr {
    col("told").is_null()
}

/// Steps of these agents: those that name one of them, and those without a name in runs that one of them leads. Most libraries name
/// the agent on its own step only, and not on the calls it makes.
fn of_agents(steps: DataFrame, runs: DataFrame, agents: &[String]) -> Result<DataFrame, DataFusionError> {
    let named = steps.clone().filter(is_one_of("agent", agents))?;
    let led = runs.filter(is_one_of("agent", agents))?.select(vec![col("trace_id").alias("run")])?;
    let nameless = steps.filter(col("agent").is_null())?;
    named.union(nameless.join(led, JoinType::LeftSemi, &["trace_id"], &["run"], None)?)
}

/// Records of which each tells a step of its own; what else log records tell adds to one of these.
const TOLD_STEPS: [&str; 3] = ["whole:%", "end:%", "call:%"];

/// What rows are made for: time first.
fn groups(question: &Aggregate) -> Result<Vec<Expr>, QueryError> {
    if question.by.len() > MAX_KEYS {
        return Err(QueryError::invalid(format!("`by` names {} keys; at most {MAX_KEYS}", question.by.len())));
    }
    let mut groups = Vec::new();
    if let Some(step) = question.step {
        groups.push(time_group("started_at", step)?);
    }
    for key in &question.by {
        let column = key.column(question.of).ok_or_else(|| {
            QueryError::invalid(format!("runs have more than one {key}: ask with of=steps, or name another key"))
        })?;
        groups.push(col(column));
    }
    Ok(groups)
}

/// The beginning of the stretch of time, counted from 1970, in which a time lies, as nanoseconds.
pub(crate) fn time_group(column: &str, step: Duration) -> Result<Expr, QueryError> {
    if step < MIN_STEP {
        return Err(QueryError::invalid("`step` is shorter than a second"));
    }
    let step = i64::try_from(step.as_nanos()).map_err(|_| QueryError::invalid("`step` is too long"))?;
    // Whole numbers: rounding a time to a calendar would cost more than everything else together.
    let nanos = || cast(col(column), DataType::Int64);
    Ok(nanos() - nanos() % lit(step))
}

/// What is added up: the number of rows; where there is a measure its sum, how many rows have it, and with quantiles its sketch.
fn values(question: &Aggregate) -> Result<Vec<Expr>, QueryError> {
    let runs = question.of == Of::Runs;
    // The tokens of a total over other steps are in those steps; a call told in two traces counts in one.
    let counts = || col("usage_role").eq(lit("own")).and(col("told_in").is_null());
    let of_calls = |column: &str| {
        if runs { Ok(col(column)) } else { exprs::when(counts(), col(column)) }
    };
    let number = |expr: Expr| cast(expr, DataType::Float64);
    let failed = if runs {
        col("status").eq(lit("error")).or(col("errors").gt(lit(0u32)))
    } else {
        col("status").eq(lit("error"))
    };
    let measured = match question.measure {
        Measure::Count => None,
        Measure::Errors => Some(cast(failed, DataType::Int64)),
        Measure::Tokens => Some(of_calls("total_tokens")?),
        Measure::CostUsd => Some(number(of_calls("cost_usd")?)),
        Measure::DurationMs => Some(col("duration_ms")),
        Measure::TtftMs if runs => {
            return Err(QueryError::invalid("runs have no time to the first token: ask with of=steps"));
        }
        Measure::TtftMs => Some(col("ttft_ms")),
        Measure::Steps if runs => Some(cast(col("steps"), DataType::Int64)),
        Measure::Steps => return Err(QueryError::invalid("a step has no steps: ask with of=runs")),
    };
    if question.quantiles.len() > MAX_QUANTILES || question.quantiles.iter().any(|wanted| !(0.0..=1.0).contains(wanted))
    {
        return Err(QueryError::invalid(format!("`quantiles` must be at most {MAX_QUANTILES} numbers from 0 to 1")));
    }
    let mut values = vec![count(lit(1)).alias("count")];
    if !question.quantiles.is_empty() && matches!(question.measure, Measure::Count | Measure::Errors) {
        return Err(QueryError::invalid("counts have no quantiles: take another measure or leave `quantiles` out"));
    }
    if let Some(measured) = measured {
        values.push(number(sum(measured.clone())).alias("sum"));
        values.push(count(measured.clone()).alias("known"));
        if !question.quantiles.is_empty() {
            values.push(AggregateUDF::from(Sketches::new()).call(vec![measured]).alias("sketch"));
        }
    }
    Ok(values)
}

/// The filter as conditions on steps.
fn step_conditions(filter: &RunFilter) -> Result<Vec<Expr>, QueryError> {
    if filter.min_steps.is_some() || filter.max_steps.is_some() {
        return Err(QueryError::invalid("a step has no number of steps: leave `min_steps` and `max_steps` out"));
    }
    let statuses: Vec<String> = filter.status.iter().map(|status| status.as_str().to_owned()).collect();
    let tokens = || coalesce(vec![col("total_tokens"), lit(0i64)]);
    let count = |count: u64| lit(i64::try_from(count).unwrap_or(i64::MAX));
    let mut conditions = Vec::new();
    conditions.extend(filter.from.map(|from| col("started_at").gt_eq(exprs::time(from))));
    conditions.extend(filter.to.map(|to| col("started_at").lt(exprs::time(to))));
    // Agents are not here: see `of_agents`.
    for (column, values) in [
        ("service", &filter.service),
        ("model", &filter.model),
        ("tool_name", &filter.tool),
        ("status", &statuses),
        ("session_id", &filter.session),
        ("user_id", &filter.user),
        ("workflow", &filter.workflow),
        ("environment", &filter.environment),
        ("agent_version", &filter.version),
    ] {
        if !values.is_empty() {
            conditions.push(is_one_of(column, values));
        }
    }
    if !filter.tag.is_empty() {
        conditions.push(text::has_one_of("tags", &filter.tag));
    }
    conditions.extend(filter.min_duration_ms.map(|min| col("duration_ms").gt_eq(lit(min))));
    conditions.extend(filter.max_duration_ms.map(|max| col("duration_ms").lt_eq(lit(max))));
    conditions.extend(filter.min_tokens.map(|min| tokens().gt_eq(count(min))));
    conditions.extend(filter.max_tokens.map(|max| tokens().lt_eq(count(max))));
    if filter.errors {
        conditions.push(col("status").eq(lit("error")));
    }
    if let Some(text) = text::wanted(&filter.text) {
        const COLUMNS: [&str; 9] = [
            "name",
            "service",
            "workflow",
            "agent",
            "model",
            "tool_name",
            "input_preview",
            "output_preview",
            "error_message",
        ];
        let needle = text::needle(text)?;
        conditions.push(any(COLUMNS.map(|column| text::contains(column, text, &needle))));
    }
    Ok(conditions)
}
