//! The bundle of signals in four layers, of all runs or of one agent, since counting began or of the last five minutes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::Timestamp;

use super::counted::Cell;
use super::family::Label;
use super::id::Id;
use super::registry::{Registry, Series, TENANT_LABELS};

/// Which runs, and of what time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scope<'a> {
    /// Of this project.
    pub project: Option<&'a str>,
    /// Of this environment.
    pub environment: Option<&'a str>,
    /// Of this agent.
    pub agent: Option<&'a str>,
    /// Only the last five minutes ([`super::WINDOW_NANOS`]); else everything since counting began.
    pub recent: bool,
}

/// Is the service alive?
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standard {
    /// Runs that ended.
    pub request_count: f64,
    /// Of these, by status.
    pub request_count_by_status: BTreeMap<String, f64>,
    /// Half of the runs are shorter, in milliseconds; `None` without runs. From buckets, as PromQL estimates it.
    pub latency_p50_ms: Option<f64>,
    /// 95 of 100 are.
    pub latency_p95_ms: Option<f64>,
    /// 99 of 100 are.
    pub latency_p99_ms: Option<f64>,
    /// Runs that failed.
    pub error_count: f64,
}

/// What do the models cost, and how fast are they?
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Llm {
    /// Tokens.
    pub tokens_consumed: f64,
    /// Tokens of model calls, by upper bound of the bucket: the last has none.
    pub tokens_per_step: Vec<(f64, f64)>,
    /// Mean length of a model call in milliseconds.
    pub model_latency_ms: Option<f64>,
    /// Tokens sent.
    pub input_tokens: f64,
    /// Tokens produced.
    pub output_tokens: f64,
    /// Tokens for a dollar; `None` where nothing was spent.
    pub tokens_per_dollar: Option<f64>,
    /// Runs by how full the model's context window was at most, of 1, as [`Llm::tokens_per_step`].
    pub context_share: Vec<(f64, f64)>,
    /// Model calls.
    pub calls: f64,
    /// Of these, failed.
    pub errors: f64,
    /// Dollars.
    pub cost_usd: f64,
}

/// How good are the agents' decisions?
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Agent {
    /// Tool executions that did not fail, of 1; `None` without any.
    pub tool_call_success_rate: Option<f64>,
    /// Runs by tool executions, as [`Llm::tokens_per_step`].
    pub tool_call_count_per_run: Vec<(f64, f64)>,
    /// Runs by rounds.
    pub reasoning_step_count: Vec<(f64, f64)>,
    /// Hallucinations found.
    pub hallucination_detected: f64,
    /// Attempts to recover.
    pub recovery_attempt_count: f64,
    /// Rounds by outcome.
    pub step_outcome_distribution: BTreeMap<String, f64>,
    /// Tool executions by tool.
    pub tool_selection_distribution: BTreeMap<String, f64>,
    /// Handoffs.
    pub handoff_count: f64,
    /// Guardrails triggered.
    pub guardrail_trigger_count: f64,
    /// Approvals asked for.
    pub approval_trigger_count: f64,
    /// Of these, not answered in time.
    pub approval_timeout_count: f64,
    /// Searches that found something, of those that tell; `None` without any.
    pub retrieval_hit_rate: Option<f64>,
    /// Loops that detectors saw.
    pub loop_count: f64,
}

/// Do the agents deliver?
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Business {
    /// Runs that succeeded, of 1.
    pub task_completion_rate: Option<f64>,
    /// Positive feedback, of the feedback that is not neutral.
    pub user_feedback_score: Option<f64>,
    /// Feedback.
    pub user_feedback_count: f64,
    /// Dollars a run.
    pub cost_per_task: Option<f64>,
    /// Dollars a thousand runs.
    pub cost_per_1k_requests: Option<f64>,
    /// Runs that were abandoned, of 1.
    pub abandonment_rate: Option<f64>,
    /// Runs of a conversation from its first to its last, on average; `None` where none has come to its end.
    pub conversation_turns: Option<f64>,
}

/// All four layers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bundle {
    /// Layer 1.
    pub standard: Standard,
    /// Layer 2.
    pub llm: Llm,
    /// Layer 3.
    pub agent: Agent,
    /// Layer 4.
    pub business: Business,
}

impl Bundle {
    /// The signals of the article's flat snapshot under its names; what is not known is left out.
    pub fn snapshot(&self) -> Vec<(&'static str, f64)> {
        let all = [
            ("agent_requests_total", Some(self.standard.request_count)),
            ("agent_errors_total", Some(self.standard.error_count)),
            ("agent_latency_p99_ms", self.standard.latency_p99_ms),
            ("agent_tokens_consumed_total", Some(self.llm.tokens_consumed)),
            ("agent_model_latency_ms", self.llm.model_latency_ms),
            ("agent_tool_call_success_rate", self.agent.tool_call_success_rate),
            ("agent_hallucination_total", Some(self.agent.hallucination_detected)),
            ("agent_recovery_attempts_total", Some(self.agent.recovery_attempt_count)),
            ("agent_task_completion_rate", self.business.task_completion_rate),
            ("agent_user_feedback_score", self.business.user_feedback_score),
            ("agent_cost_per_task_usd", self.business.cost_per_task),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl Registry {
    /// The bundle of a scope.
    pub fn bundle(&self, scope: Scope<'_>, now: Timestamp) -> Bundle {
        Sums::of(self, scope, now).bundle()
    }

    /// Every agent that has counted a run or a step, by name; those of a project, where one is said.
    pub fn agents(&self, project: Option<&str>) -> Vec<Arc<str>> {
        let own = |series: &&Series| {
            project.is_none_or(|project| series.labels.first().is_some_and(|label| **label == *project))
        };
        let series = self.series.iter().flatten().filter(own);
        let mut agents: Vec<Arc<str>> = series.filter_map(|series| value(series, Label::Agent)).collect();
        agents.sort_unstable();
        agents.dedup();
        agents
    }
}

/// The value a series has for a label.
pub(super) fn value(series: &Series, label: Label) -> Option<Arc<str>> {
    let at = series.family.family().labels.iter().position(|other| *other == label)?;
    series.labels.get(TENANT_LABELS + at).cloned()
}

/// The series of a scope with their numbers.
pub(super) struct Sums<'a>(HashMap<Id, Vec<(&'a Series, Vec<f64>)>>);

impl<'a> Sums<'a> {
    pub fn of(registry: &'a Registry, scope: Scope<'_>, now: Timestamp) -> Self {
        let recent = scope.recent.then(|| registry.recent.sums(now));
        let mut by_family: HashMap<Id, Vec<(&Series, Vec<f64>)>> = HashMap::new();
        for (id, series) in registry.series.iter().enumerate() {
            let Some(series) = series else { continue };
            let tenant = [scope.project, scope.environment];
            let other_tenant =
                tenant.iter().zip(&*series.labels).any(|(asked, own)| asked.is_some_and(|asked| *asked != **own));
            let other_agent = scope.agent.is_some_and(|agent| value(series, Label::Agent).as_deref() != Some(agent));
            if other_tenant || other_agent {
                continue;
            }
            let cells = match &recent {
                None => series.cells.to_vec(),
                Some(sums) => (0..series.cells.len())
                    .map(|at| sums.get(&Cell::new(id as u32, at)).copied().unwrap_or(0.0))
                    .collect(),
            };
            by_family.entry(series.family).or_default().push((series, cells));
        }
        Self(by_family)
    }

    /// What was counted in the last minutes, by project, environment and agent, in one go: there may be thousands of agents.
    pub fn recent_by_agent(registry: &'a Registry, now: Timestamp) -> BTreeMap<[Arc<str>; 3], Self> {
        let series = |id: u32| registry.series.get(id as usize).and_then(Option::as_ref);
        let mut increases: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for (cell, more) in registry.recent.sums(now) {
            let Some(series) = series(cell.series()) else { continue };
            let cells = increases.entry(cell.series()).or_insert_with(|| vec![0.0; series.cells.len()]);
            if let Some(place) = cells.get_mut(cell.at()) {
                *place = more;
            }
        }
        let mut agents: BTreeMap<[Arc<str>; 3], Self> = BTreeMap::new();
        for (id, cells) in increases {
            let Some(series) = series(id) else { continue };
            let Some(agent) = value(series, Label::Agent) else { continue };
            let scope = [Arc::clone(&series.labels[0]), Arc::clone(&series.labels[1]), agent];
            let sums = agents.entry(scope).or_insert_with(|| Self(HashMap::new()));
            sums.0.entry(series.family).or_default().push((series, cells));
        }
        agents
    }

    fn series(&self, id: Id) -> impl Iterator<Item = &(&'a Series, Vec<f64>)> {
        self.0.get(&id).into_iter().flatten()
    }

    pub fn total(&self, id: Id) -> f64 {
        // The sum of nothing is -0 with `sum`, and answers would show it.
        self.series(id).fold(0.0, |sum, (_, cells)| sum + cells[0])
    }

    fn with(&self, id: Id, label: Label, wanted: &str) -> f64 {
        self.by(id, label).get(wanted).copied().unwrap_or(0.0)
    }

    pub fn by(&self, id: Id, label: Label) -> BTreeMap<String, f64> {
        self.by_where(id, label, None)
    }

    /// Sums by the values of a label, of the series with a value of another only where one is given.
    pub fn by_where(&self, id: Id, label: Label, only: Option<(Label, &str)>) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        let fits = |series: &Series| {
            only.is_none_or(|(label, wanted)| self::value(series, label).is_some_and(|value| *value == *wanted))
        };
        for (series, cells) in self.series(id).filter(|(series, cells)| cells[0] > 0.0 && fits(series)) {
            if let Some(value) = value(series, label) {
                *sums.entry(value.to_string()).or_insert(0.0) += cells[0];
            }
        }
        sums
    }

    /// Observations by bucket, and their sum.
    fn histogram(&self, id: Id) -> (Vec<(f64, f64)>, f64) {
        let family = id.family();
        let mut buckets: Vec<(f64, f64)> =
            family.buckets.iter().copied().chain([f64::INFINITY]).map(|bound| (bound, 0.0)).collect();
        let mut sum = 0.0;
        for (_, cells) in self.series(id) {
            buckets.iter_mut().zip(cells).for_each(|((_, count), more)| *count += more);
            sum += cells.last().copied().unwrap_or(0.0);
        }
        (buckets, sum)
    }

    pub fn bundle(&self) -> Bundle {
        let of = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        let (lengths, _) = self.histogram(Id::Duration);
        let latency = |q| quantile(q, &lengths).map(|seconds| seconds * 1e3);
        let requests = self.total(Id::Requests);
        let status = |word| self.with(Id::Requests, Label::Status, word);
        let (model, model_seconds) = self.histogram(Id::LlmDuration);
        let model_calls: f64 = model.iter().map(|(_, count)| count).sum();
        let (tokens, cost) = (self.total(Id::Tokens), self.total(Id::Cost));
        let (conversations, turns) = self.histogram(Id::ConversationTurns);
        let (calls, failed) = (self.total(Id::ToolCalls), self.total(Id::ToolFailures));
        let retrieved = |word| self.with(Id::Retrievals, Label::Outcome, word);
        let feedback = |word| self.with(Id::Feedback, Label::Sentiment, word);
        Bundle {
            standard: Standard {
                request_count: requests,
                request_count_by_status: self.by(Id::Requests, Label::Status),
                latency_p50_ms: latency(0.5),
                latency_p95_ms: latency(0.95),
                latency_p99_ms: latency(0.99),
                error_count: self.total(Id::Errors),
            },
            llm: Llm {
                tokens_consumed: tokens,
                tokens_per_step: self.histogram(Id::TokensPerStep).0,
                model_latency_ms: of(model_seconds * 1e3, model_calls),
                input_tokens: self.with(Id::Tokens, Label::Direction, "input"),
                output_tokens: self.with(Id::Tokens, Label::Direction, "output"),
                tokens_per_dollar: of(tokens, cost),
                context_share: self.histogram(Id::ContextShare).0,
                calls: self.total(Id::LlmCalls),
                errors: self.total(Id::LlmErrors),
                cost_usd: cost,
            },
            agent: Agent {
                tool_call_success_rate: of(calls - failed, calls),
                tool_call_count_per_run: self.histogram(Id::ToolCallsPerRun).0,
                reasoning_step_count: self.histogram(Id::ReasoningSteps).0,
                hallucination_detected: self.total(Id::Hallucinations),
                recovery_attempt_count: self.total(Id::Recoveries),
                step_outcome_distribution: self.by(Id::StepOutcomes, Label::Outcome),
                tool_selection_distribution: self.by(Id::ToolCalls, Label::Tool),
                handoff_count: self.total(Id::Handoffs),
                guardrail_trigger_count: self.with(Id::Guardrails, Label::Outcome, "triggered"),
                approval_trigger_count: self.total(Id::Approvals),
                approval_timeout_count: self.with(Id::Approvals, Label::Outcome, "timeout"),
                retrieval_hit_rate: of(retrieved("hit"), retrieved("hit") + retrieved("empty")),
                loop_count: self.total(Id::Loops),
            },
            business: Business {
                task_completion_rate: of(status("success"), requests),
                user_feedback_score: of(feedback("positive"), feedback("positive") + feedback("negative")),
                user_feedback_count: self.total(Id::Feedback),
                cost_per_task: of(cost, requests),
                cost_per_1k_requests: of(cost * 1e3, requests),
                abandonment_rate: of(status("abandoned"), requests),
                conversation_turns: of(turns, conversations.iter().map(|(_, count)| count).sum()),
            },
        }
    }
}

/// A quantile from buckets with their counts, as PromQL's `histogram_quantile` estimates it: linear within a bucket, the
/// highest bound where it lies beyond.
pub(super) fn quantile(q: f64, buckets: &[(f64, f64)]) -> Option<f64> {
    let total: f64 = buckets.iter().map(|(_, count)| count).sum();
    if total <= 0.0 {
        return None;
    }
    let (mut below, mut from) = (0.0, 0.0);
    for (bound, count) in buckets {
        if below + count >= q * total && *count > 0.0 {
            return Some(if bound.is_finite() { from + (bound - from) * (q * total - below) / count } else { from });
        }
        below += count;
        if bound.is_finite() {
            from = *bound;
        }
    }
    Some(from)
}
