//! Runs and their columns.

use std::borrow::Borrow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::record_batch::RecordBatch;
use model::{AgentNode, KindCounts, Run, RunStatus, StepKind, Tenant};

use super::columns::{self, Columns};
use crate::error::RowError;
use crate::schema::Table;

/// Bytes a run takes in memory, about.
pub(crate) fn bytes(run: &Run) -> usize {
    /// What the index of a run takes beside the row.
    const RUN_INDEX_BYTES: usize = 128;
    let texts = [&run.input_preview, &run.output_preview, &run.error_message];
    let texts: usize = texts.into_iter().flatten().map(|text| text.len() + 16).sum();
    let lists = (run.models.len() + run.tools.len() + run.tags.len()) * size_of::<Arc<str>>();
    size_of::<Run>() + RUN_INDEX_BYTES + texts + lists + run.agents.len() * size_of::<AgentNode>()
}

/// Runs as columns of [`Table::Runs`], in the order given.
pub fn to_batch<R: Borrow<Run>>(runs: &[R]) -> RecordBatch {
    let rows = || runs.iter().map(Borrow::borrow);
    let agents: Vec<String> = rows().map(|run| agents_json(&run.agents)).collect();
    let kinds: Vec<String> = rows().map(|run| kinds_json(&run.kinds)).collect();
    let names: Vec<Vec<Arc<str>>> = rows().map(agent_names).collect();
    let mut arrays: Vec<ArrayRef> = vec![
        columns::text(rows().map(|run| &*run.tenant.project)),
        columns::text(rows().map(|run| &*run.tenant.environment)),
        columns::hex(rows().map(|run| Some(run.trace_id.as_bytes()))),
        columns::version(rows().map(|run| run.version)),
        columns::text(rows().map(|run| &*run.name)),
        columns::hex(rows().map(|run| run.root_span_id.as_ref().map(|id| id.as_bytes()))),
        columns::text_opt(rows().map(|run| run.agent.as_deref())),
        columns::texts(names.iter().map(Vec::as_slice)),
        columns::text(agents.iter().map(String::as_str)),
        columns::text_opt(rows().map(|run| run.service.as_deref())),
        columns::text_opt(rows().map(|run| run.workflow.as_deref())),
        columns::text_opt(rows().map(|run| run.session_id.as_deref())),
        columns::text_opt(rows().map(|run| run.user_id.as_deref())),
        columns::text_opt(rows().map(|run| run.agent_version.as_deref())),
        columns::text_opt(rows().map(|run| run.query_type.as_deref())),
        columns::text(rows().map(|run| run.status.as_str())),
        columns::text_opt(rows().map(|run| run.error_type.as_deref())),
        columns::text_opt(rows().map(|run| run.error_message.as_deref())),
        columns::text_opt(rows().map(|run| run.outcome.as_deref())),
        columns::time(rows().map(|run| run.start)),
        columns::time_opt(rows().map(|run| run.end)),
        columns::time(rows().map(|run| run.last_received)),
        Arc::new(Float64Array::from_iter_values(rows().map(|run| run.duration_ms))),
        columns::count(rows().map(|run| run.kinds.total())),
        columns::text(kinds.iter().map(String::as_str)),
        columns::count(rows().map(|run| run.llm_calls)),
        columns::count(rows().map(|run| run.tool_calls)),
        columns::count(rows().map(|run| run.retrievals)),
        columns::count(rows().map(|run| run.rounds)),
        columns::count(rows().map(|run| run.errors)),
        columns::count(rows().map(|run| run.retries)),
    ];
    arrays.extend(columns::usage(rows().map(|run| &run.usage)));
    arrays.extend([
        columns::cost(rows().map(|run| run.cost)),
        columns::texts(rows().map(|run| run.models.as_slice())),
        columns::texts(rows().map(|run| run.tools.as_slice())),
        columns::texts(rows().map(|run| run.tags.as_slice())),
        columns::text_opt(rows().map(|run| run.input_preview.as_deref())),
        columns::text_opt(rows().map(|run| run.output_preview.as_deref())),
        columns::truth(rows().map(|run| run.provisional)),
    ]);
    RecordBatch::try_new(Table::Runs.schema(), arrays).expect("columns are built in schema order")
}

/// The runs of a batch of [`Table::Runs`]; columns in any order, text columns of any text type.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<Run>, RowError> {
    let mut columns = Columns::new(Table::Runs, batch)?;
    (0..columns.len()).map(|row| from_row(&mut columns, row)).collect()
}

/// For each run of a batch with the columns `status` and `provisional`, whether time alone may change it.
pub(crate) fn open(batch: &RecordBatch) -> Result<Vec<bool>, RowError> {
    let columns = Columns::partly(Table::Runs, batch, &["status", "provisional"])?;
    let open = |row| Ok(is_open(columns.parse("status", row)?, columns.truth("provisional", row).unwrap_or(false)));
    (0..columns.len()).map(open).collect()
}

/// Whether time alone may change a run: a running one may be abandoned, a provisional one settles.
pub(crate) fn is_open(status: RunStatus, provisional: bool) -> bool {
    provisional || status == RunStatus::Running
}

fn from_row(columns: &mut Columns, row: usize) -> Result<Run, RowError> {
    Ok(Run {
        tenant: Tenant { project: columns.shared("project", row), environment: columns.shared("environment", row) },
        trace_id: columns.parse("trace_id", row)?,
        version: columns.u64_opt("version", row).unwrap_or(0),
        name: columns.shared("name", row),
        root_span_id: columns.parse_opt("root_span_id", row)?,
        agent: columns.shared_opt("agent", row),
        agents: agents_from_json(columns.str("agents", row)).ok_or_else(|| columns.invalid("agents", row))?,
        service: columns.shared_opt("service", row),
        workflow: columns.shared_opt("workflow", row),
        session_id: columns.shared_opt("session_id", row),
        user_id: columns.shared_opt("user_id", row),
        agent_version: columns.shared_opt("agent_version", row),
        query_type: columns.shared_opt("query_type", row),
        status: columns.parse("status", row)?,
        error_type: columns.shared_opt("error_type", row),
        error_message: columns.shared_opt("error_message", row),
        outcome: columns.shared_opt("outcome", row),
        start: columns.time("started_at", row),
        end: columns.time("ended_at", row),
        last_received: columns.time("last_received_at", row),
        duration_ms: columns.float_opt("duration_ms", row).unwrap_or(0.0),
        kinds: kinds_from_json(columns.str("steps_by_kind", row))
            .ok_or_else(|| columns.invalid("steps_by_kind", row))?,
        llm_calls: columns.u32("llm_calls", row),
        tool_calls: columns.u32("tool_calls", row),
        retrievals: columns.u32("retrievals", row),
        rounds: columns.u32("rounds", row),
        errors: columns.u32("errors", row),
        retries: columns.u32("retries", row),
        usage: columns.usage(row),
        cost: columns.cost("cost_usd", row),
        models: columns.list("models", row),
        tools: columns.list("tools", row),
        tags: columns.list("tags", row),
        input_preview: columns.shared_opt("input_preview", row),
        output_preview: columns.shared_opt("output_preview", row),
        provisional: columns.truth("provisional", row).unwrap_or(false),
    })
}

/// Names of the agents, each once, in order.
fn agent_names(run: &Run) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    for agent in run.agents.iter().map(|node| &node.agent).chain(&run.agent) {
        if !names.contains(agent) {
            names.push(Arc::clone(agent));
        }
    }
    names
}

/// The agent tree as JSON. Costs are written as exact decimal text beside the API's number, so that reading them back
/// loses nothing.
fn agents_json(agents: &[AgentNode]) -> String {
    let nodes: Vec<serde_json::Value> = agents
        .iter()
        .map(|node| {
            let mut value = serde_json::to_value(node).unwrap_or_default();
            value["cost"] = node.cost.map_or(serde_json::Value::Null, |cost| cost.to_string().into());
            value
        })
        .collect();
    serde_json::Value::Array(nodes).to_string()
}

fn agents_from_json(text: &str) -> Option<Vec<AgentNode>> {
    let nodes: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
    nodes
        .into_iter()
        .map(|mut value| {
            let cost = match value["cost"].take() {
                serde_json::Value::String(text) => Some(text.parse().ok()?),
                _ => None,
            };
            let node: AgentNode = serde_json::from_value(value).ok()?;
            Some(AgentNode { cost, ..node })
        })
        .collect()
}

fn kinds_json(kinds: &KindCounts) -> String {
    let counts = StepKind::ALL.iter().filter(|kind| kinds.get(**kind) > 0);
    let counts = counts.map(|kind| (kind.as_str().to_owned(), kinds.get(*kind).into()));
    serde_json::Value::Object(counts.collect()).to_string()
}

fn kinds_from_json(text: &str) -> Option<KindCounts> {
    let counts: std::collections::BTreeMap<String, u32> = serde_json::from_str(text).ok()?;
    let mut kinds = KindCounts::default();
    for (word, count) in counts {
        // A kind only a newer program knows is shown as what it is for this one: something else.
        let kind = word.parse().unwrap_or(StepKind::Other);
        kinds.0[kind as usize] = kinds.0[kind as usize].saturating_add(count);
    }
    Some(kinds)
}
