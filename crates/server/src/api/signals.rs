//! `GET /api/v1/signals`: the four layers of signals, and the families behind them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use model::Timestamp;
use signals::metrics::{BESIDE, Bundle, Exposed, FAMILIES, Label, RATES, Registry, Scope};

use super::params::Params;
use super::types::{
    AgentSignalBundle, AgentSignals, BusinessSignals, LlmSignals, MetricFamilies, MetricFamily, Problem, SignalBundle,
    SignalsAnswer, SizeCount, StandardSignals,
};
use crate::app::App;

/// Agents listed apart.
const AGENTS_MAX: usize = 100;

/// The signals.
#[utoipa::path(get, path = "/api/v1/signals", operation_id = "getSignals", tag = "signals",
    summary = "Signals in four layers: standard, LLM, agent, business",
    description = "From the counters that `/metrics` shows, of all agents together and of each, or of one.",
    params(("agent" = Option<String>, Query, description = "Only this agent"),
        ("environment" = Option<String>, Query, description = "Only this environment"),
        ("window" = Option<String>, Query, description = "`5m` for the last five minutes, `all` (the default) since counting began")),
    responses((status = 200, body = SignalsAnswer, description = "The signals"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn get(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<SignalsAnswer>, Problem> {
    let (agent, environment) = (params.one("agent")?, params.one("environment")?);
    let window = params.one("window")?.unwrap_or_else(|| "all".into());
    params.end()?;
    let recent = match window.as_str() {
        "all" => false,
        "5m" => true,
        other => return Err(Problem::bad_request(format!("`window` is `{other}`: it can be `5m` or `all`"))),
    };
    app.store()?;
    let (now, project) = (app.now(), app.project());
    let answer = tokio::task::spawn_blocking(move || {
        let registry = app.metrics.registry();
        let bundle = |agent: Option<&str>| {
            let scope = Scope { project: Some(&project), environment: environment.as_deref(), agent, recent };
            SignalBundle::from(registry.bundle(scope, now))
        };
        let of = |agent: Arc<str>| AgentSignalBundle { signals: bundle(Some(&agent)), agent: agent.to_string() };
        let agents = if agent.is_none() { registry.agents(Some(&project)) } else { Vec::new() };
        let agents = agents.into_iter().take(AGENTS_MAX).map(of).collect();
        SignalsAnswer { window, signals: bundle(agent.as_deref()), agent, agents }
    });
    answer.await.map(Json).map_err(|error| Problem::internal(error.to_string()))
}

/// The families.
#[utoipa::path(get, path = "/api/v1/signals/families", operation_id = "listMetricFamilies", tag = "signals",
    summary = "Every family of metrics: what it means, its labels, how many series it has",
    responses((status = 200, body = MetricFamilies, description = "The families")))]
pub async fn families(State(app): State<Arc<App>>, params: Params) -> Result<Json<MetricFamilies>, Problem> {
    params.end()?;
    let answer = tokio::task::spawn_blocking(move || {
        let mut beside = crate::metrics_text::own(&app);
        beside.extend(app.metrics.of_settings());
        MetricFamilies { families: list(&app.metrics.registry(), &beside, app.now()) }
    });
    answer.await.map(Json).map_err(|error| Problem::internal(error.to_string()))
}

fn list(registry: &Registry, exposed: &[Exposed], now: Timestamp) -> Vec<MetricFamily> {
    let sets = registry.sets(now);
    let sets_of = |name: &str| sets.get(name).copied().unwrap_or_default() as u64;
    let derived = FAMILIES.iter().map(|family| MetricFamily {
        name: family.name.into(),
        kind: family.kind.as_str().into(),
        unit: family.unit.into(),
        help: family.help.into(),
        source: family.source.into(),
        counted: family.when.as_str().into(),
        layer: family.layer.as_str().into(),
        labels: family.labels.iter().flat_map(|label| label.names()).map(|name| (*name).into()).collect(),
        buckets: family.buckets.to_vec(),
        spellings: family.spellings.iter().map(|spelling| spelling.name.into()).collect(),
        label_sets: sets_of(family.name),
        label_sets_max: registry.limits().label_sets as u64,
    });
    let rates = RATES.iter().map(|rate| MetricFamily {
        name: rate.name.into(),
        kind: "gauge".into(),
        unit: String::new(),
        help: rate.help.into(),
        source: "the counters of the last five minutes".into(),
        counted: "at the scrape".into(),
        layer: "business".into(),
        labels: [Label::Agent].into_iter().chain(rate.by).flat_map(Label::names).map(|name| (*name).into()).collect(),
        buckets: Vec::new(),
        spellings: Vec::new(),
        label_sets: sets_of(rate.name),
        label_sets_max: registry.limits().label_sets as u64,
    });
    let beside = BESIDE.iter().map(|beside| MetricFamily {
        name: beside.name.into(),
        kind: beside.kind.as_str().into(),
        unit: beside.unit.into(),
        help: beside.help.into(),
        source: beside.source.into(),
        counted: "at the scrape".into(),
        layer: beside.layer.as_str().into(),
        labels: beside.labels.iter().map(|name| (*name).into()).collect(),
        buckets: Vec::new(),
        spellings: Vec::new(),
        label_sets: exposed.iter().filter(|it| it.name == beside.name).map(|it| it.points.len() as u64).sum(),
        label_sets_max: 0,
    });
    derived.chain(rates).chain(beside).collect()
}

fn sizes(buckets: Vec<(f64, f64)>) -> Vec<SizeCount> {
    buckets.into_iter().map(|(bound, count)| SizeCount { up_to: bound.is_finite().then_some(bound), count }).collect()
}

impl From<Bundle> for SignalBundle {
    fn from(bundle: Bundle) -> Self {
        let snapshot = bundle.snapshot().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let Bundle { standard, llm, agent, business } = bundle;
        Self {
            standard: StandardSignals {
                request_count: standard.request_count,
                request_count_by_status: standard.request_count_by_status,
                latency_p50_ms: standard.latency_p50_ms,
                latency_p95_ms: standard.latency_p95_ms,
                latency_p99_ms: standard.latency_p99_ms,
                error_count: standard.error_count,
            },
            llm: LlmSignals {
                tokens_consumed: llm.tokens_consumed,
                tokens_per_step: sizes(llm.tokens_per_step),
                model_latency_ms: llm.model_latency_ms,
                input_tokens: llm.input_tokens,
                output_tokens: llm.output_tokens,
                tokens_per_dollar: llm.tokens_per_dollar,
                context_share: sizes(llm.context_share),
                calls: llm.calls,
                errors: llm.errors,
                cost_usd: llm.cost_usd,
            },
            agent: AgentSignals {
                tool_call_success_rate: agent.tool_call_success_rate,
                tool_call_count_per_run: sizes(agent.tool_call_count_per_run),
                reasoning_step_count: sizes(agent.reasoning_step_count),
                hallucination_detected: agent.hallucination_detected,
                recovery_attempt_count: agent.recovery_attempt_count,
                step_outcome_distribution: agent.step_outcome_distribution,
                tool_selection_distribution: agent.tool_selection_distribution,
                handoff_count: agent.handoff_count,
                guardrail_trigger_count: agent.guardrail_trigger_count,
                approval_trigger_count: agent.approval_trigger_count,
                approval_timeout_count: agent.approval_timeout_count,
                retrieval_hit_rate: agent.retrieval_hit_rate,
                loop_count: agent.loop_count,
            },
            business: BusinessSignals {
                task_completion_rate: business.task_completion_rate,
                user_feedback_score: business.user_feedback_score,
                user_feedback_count: business.user_feedback_count,
                cost_per_task: business.cost_per_task,
                cost_per_1k_requests: business.cost_per_1k_requests,
                abandonment_rate: business.abandonment_rate,
                conversation_turns: business.conversation_turns,
            },
            snapshot,
        }
    }
}
