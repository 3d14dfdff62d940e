//! `GET /api/v1/agents`: the agents that telemetry tells of, and who calls whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use model::{StepKind, Timestamp};
use utoipa::IntoParams;

use super::params::Params;
use super::types::{AgentCalls, AgentEdge, AgentInfo, AgentsAnswer, Problem};
use crate::agents::{Calls, Graph, graph_of};
use crate::app::App;

/// Edges of one answer; the busiest.
const EDGES_MAX: usize = 2_000;
/// Agents of one answer; the busiest.
const AGENTS_MAX: usize = 1_000;
/// What is looked at where nothing is said: a day.
const DEFAULT_NANOS: i64 = 86_400 * 1_000_000_000;

/// What the graph is asked by.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters; they are read by `Params`")]
pub struct AgentsParams {
    /// Calls of the hour of this time and later; the last 24 hours where left out.
    pub from: Option<String>,
    /// Calls before the end of the hour of this time; now where left out.
    pub to: Option<String>,
    /// Only this environment.
    pub environment: Option<String>,
}

/// The agents.
#[utoipa::path(get, path = "/api/v1/agents", operation_id = "listAgents", tag = "runs",
    summary = "Agents found in telemetry, and who calls whom",
    description = "Summed by hour over all settled runs: from outside into agents, from agents into agents, tools, models, retrievers and \
        guardrails, each with calls, failures and durations. Quantiles lie within 10 % of the exact ones.",
    params(AgentsParams),
    responses((status = 200, body = AgentsAnswer, description = "Agents, the busiest first"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn list(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<AgentsAnswer>, Problem> {
    let now = app.now();
    let to = params.time("to", now)?.unwrap_or(now);
    let from = params.time("from", now)?.unwrap_or_else(|| to.plus_nanos(-DEFAULT_NANOS));
    let environment = params.one("environment")?;
    params.end()?;
    let project = app.project();
    let read = move |connection: &_| graph_of(connection, &project, environment.as_deref(), from, to);
    let graph = app.with_state(move |state| state.read(read)).await?;
    Ok(Json(answer(graph, from, to)))
}

fn answer(graph: Graph, from: Timestamp, to: Timestamp) -> AgentsAnswer {
    let mut agents: BTreeMap<String, Agent> = BTreeMap::new();
    for ((caller, kind, callee), calls) in &graph {
        if kind == StepKind::Agent.as_str() {
            let agent = agents.entry(callee.clone()).or_default();
            agent.entered.merge(calls);
            agent.runs += if caller.is_empty() { calls.calls } else { 0 };
        }
        if !caller.is_empty() {
            let agent = agents.entry(caller.clone()).or_default();
            *agent.called.entry(kind.clone()).or_default() += calls.calls;
        }
    }
    let mut agents: Vec<AgentInfo> = agents
        .into_iter()
        .map(|(name, agent)| AgentInfo { name, runs: agent.runs, called: agent.called, entered: shown(&agent.entered) })
        .collect();
    agents.sort_by(|a, b| b.entered.calls.cmp(&a.entered.calls).then_with(|| a.name.cmp(&b.name)));
    let mut edges: Vec<AgentEdge> = graph
        .into_iter()
        .map(|((caller, kind, callee), calls)| AgentEdge {
            caller: Some(caller).filter(|caller| !caller.is_empty()),
            kind,
            callee,
            calls: shown(&calls),
        })
        .collect();
    edges.sort_by_key(|edge| std::cmp::Reverse(edge.calls.calls));
    let truncated = edges.len() > EDGES_MAX || agents.len() > AGENTS_MAX;
    edges.truncate(EDGES_MAX);
    agents.truncate(AGENTS_MAX);
    AgentsAnswer { from, to, agents, edges, truncated }
}

#[derive(Default)]
struct Agent {
    runs: u64,
    entered: Calls,
    called: BTreeMap<String, u64>,
}

fn shown(calls: &Calls) -> AgentCalls {
    AgentCalls {
        calls: calls.calls,
        errors: calls.errors,
        mean_ms: calls.mean_ms(),
        p50_ms: calls.quantile(0.5),
        p95_ms: calls.quantile(0.95),
        first_at: (calls.calls > 0).then(|| Timestamp::from_nanos(calls.first_at)),
        last_at: (calls.calls > 0).then(|| Timestamp::from_nanos(calls.last_at)),
    }
}
