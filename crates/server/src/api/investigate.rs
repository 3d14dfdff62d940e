//! `/api/v1/runs/{trace_id}/investigate` and `/diff/{other}`: a run explained in one page, two runs side by side.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use model::{Content, Timestamp, TraceId};
use signals::detect::baseline::{Baseline, Kind};
use signals::detect::compare::{self, Difference};
use signals::detect::features::derived_version;
use signals::detect::outcomes::Outcomes;
use signals::detect::{Evidence, Settings, investigate as page, judge};
use signals::runs::Resolved;
use store::StoredLog;

use super::convert;
use super::joined;
use super::params::Params;
use super::said::Said;
use super::types::{
    BesideGoodRuns, ContextSnapshot, Departure, DiffAnswer, DiffPair, FailedStep, Finding, InvestigateAnswer, Problem,
};
use super::whole;
use crate::app::App;
use crate::findings::ask::{self, Filter};

/// Log records shown with a run.
const LOGS: usize = 20;
/// Similar runs named.
const SIMILAR: usize = 5;
/// OTLP's number of the severity WARN.
const WARN: u8 = 13;

/// A run with what was said in it, and what is known of such runs.
pub struct Loaded {
    resolved: Resolved,
    contents: Vec<Content>,
    logs: Vec<StoredLog>,
    known: Option<Arc<Baseline>>,
    outcomes: Outcomes,
    now: Timestamp,
}

impl Loaded {
    /// Whose findings those of the run are, as they are kept; empty where it has no name.
    pub fn agent(&self) -> &str {
        let run = &self.resolved.run;
        run.agent_or_service().unwrap_or_default()
    }

    fn evidence(&self) -> Evidence<'_> {
        let Resolved { run, steps, .. } = &self.resolved;
        let evidence = Evidence::new(run, steps, self.contents.iter().collect(), self.now);
        evidence.declared(&self.outcomes).against(self.known.clone())
    }

    /// The version whose baseline it is compared with: as it is told, else derived as the judge derives it.
    fn version(&self) -> String {
        let told = self.resolved.run.agent_version.as_deref();
        told.map_or_else(|| derived_version(&self.evidence()), str::to_owned)
    }

    /// What detectors see in it.
    pub fn judge(&self, settings: &Settings) -> Vec<model::Finding> {
        judge(&self.evidence(), settings)
    }
}

/// Reads a run.
pub async fn load(app: &Arc<App>, trace_id: TraceId) -> Result<Loaded, Problem> {
    let whole = whole::read(app, trace_id).await?;
    let (now, settings, shared) = (app.now(), app.run_settings, Arc::clone(app));
    let outcomes = app.settings.detection.outcomes.clone();
    let built = tokio::task::spawn_blocking(move || {
        let spans = whole.sources.narrow();
        let Some(resolved) = joined::one(signals::runs::resolve_linked(&spans, now, &settings), trace_id) else {
            return Ok::<_, store::StoreError>(None);
        };
        let contents = {
            let stored = whole.sources.sent()?;
            let said = Said::of(&shared.settings.dialects, &stored, &whole.sources.logs);
            resolved.steps.iter().map(|step| said.content(step)).collect()
        };
        let logs = whole.sources.logs;
        let loaded = Loaded { resolved, contents, logs, known: None, outcomes, now };
        let version = loaded.version();
        Ok(Some((loaded, version)))
    });
    let loaded = built.await.map_err(|error| Problem::internal(error.to_string()))??;
    let (mut loaded, version) = loaded.ok_or_else(|| joined::no_run(&trace_id.to_string()))?;
    let kind = Kind::of(&loaded.resolved.run).key();
    let known = app.with_state(move |state| state.read(|it| crate::findings::known(it, &kind, &version))).await?;
    loaded.known = known.map(Arc::new);
    Ok(loaded)
}

/// Explains a run.
#[utoipa::path(get, path = "/api/v1/runs/{trace_id}/investigate", operation_id = "investigateRun", tag = "findings",
    summary = "One run explained in one page",
    description = "How it stands, what failed and how often it was tried, findings, the step at which it first leaves what such runs do, its \
        numbers beside those of good runs, what its last model call knew, logs, similar runs.",
    params(("trace_id" = String, Path, description = "Trace id, 32 hexadecimal digits")),
    responses((status = 200, body = InvestigateAnswer, description = "The page"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such run")))]
pub async fn investigate(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<InvestigateAnswer>, Problem> {
    params.end()?;
    let trace_id = joined::find(&app, &id).await?;
    let loaded = load(&app, trace_id).await?;
    let (project, filter) = (app.project(), Filter { trace: Some(trace_id), ..Filter::default() });
    let (kept, similar) = app
        .with_state(move |state| {
            state.read(|it| {
                let kept = ask::findings(it, &project, &filter, None, signals::detect::MOST_FINDINGS * 10)?;
                let kept: Vec<model::Finding> = kept.into_iter().map(|kept| kept.finding).collect();
                let similar = ask::similar(it, &project, trace_id, SIMILAR)?;
                Ok((kept, similar))
            })
        })
        .await?;
    // Before it has settled nothing is kept: it is looked at now.
    let settings = app.settings.detection.detectors.clone();
    let answer = move || {
        let run = &loaded.resolved.run;
        let findings = if kept.is_empty() && run.provisional { loaded.judge(&settings) } else { kept };
        let found = page::investigate(&loaded.evidence(), findings);
        let text = found.text();
        let grave = loaded.logs.iter().filter(|stored| stored.log.severity >= WARN).rev().take(LOGS);
        InvestigateAnswer {
            run: run.into(),
            state: found.state,
            failed: found.failed.into_iter().map(failed).collect(),
            findings: found.findings.into_iter().map(|finding| Finding::of(loaded.agent(), finding)).collect(),
            departure: found.departure.map(|(span_id, words)| Departure { span_id, words }),
            beside: found
                .beside
                .into_iter()
                .map(|it| BesideGoodRuns {
                    feature: it.feature.into(),
                    value: it.value,
                    median: it.median,
                    p95: it.p95,
                })
                .collect(),
            context: found.context.map(|it| ContextSnapshot {
                span_id: it.span_id,
                messages: it.messages,
                input_tokens: it.input_tokens,
                last: it.last,
            }),
            logs: grave.map(|stored| convert::raw_log_record(&stored.log, &stored.raw)).collect(),
            similar,
            text,
        }
    };
    let answer = tokio::task::spawn_blocking(answer).await;
    Ok(Json(answer.map_err(|error| Problem::internal(error.to_string()))?))
}

fn failed(step: page::FailedStep) -> FailedStep {
    let page::FailedStep { step, span_id, attempts, recovered, error } = step;
    FailedStep { step, span_id, attempts, recovered, error }
}

/// Compares two runs.
#[utoipa::path(get, path = "/api/v1/runs/{trace_id}/diff/{other}", operation_id = "diffRuns", tag = "findings",
    summary = "Two runs side by side: steps aligned, the first place where they part, cost and time",
    params(("trace_id" = String, Path, description = "Trace id of the first run"), ("other" = String, Path, description = "Trace id of the second")),
    responses((status = 200, body = DiffAnswer, description = "The comparison"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such run")))]
pub async fn diff(
    State(app): State<Arc<App>>,
    Path((left, right)): Path<(String, String)>,
    params: Params,
) -> Result<Json<DiffAnswer>, Problem> {
    params.end()?;
    let (left, right) = (joined::find(&app, &left).await?, joined::find(&app, &right).await?);
    let (left, right) = (load(&app, left).await?, load(&app, right).await?);
    let compared = tokio::task::spawn_blocking(move || {
        let compared = compare::compare(&left.evidence(), &right.evidence());
        let (a, b) = (&left.resolved.run, &right.resolved.run);
        let mut more: BTreeMap<String, f64> = BTreeMap::new();
        let mut put = |name: &str, left: Option<f64>, right: Option<f64>| {
            if let (Some(left), Some(right)) = (left, right) {
                more.insert(name.into(), right - left);
            }
        };
        put("duration_ms", Some(a.duration_ms), Some(b.duration_ms));
        put("cost_usd", a.cost.map(|cost| cost.as_f64()), b.cost.map(|cost| cost.as_f64()));
        let tokens = |run: &model::Run| run.usage.total_tokens().map(|tokens| tokens as f64);
        put("total_tokens", tokens(a), tokens(b));
        put("rounds", Some(f64::from(a.rounds)), Some(f64::from(b.rounds)));
        put("tool_calls", Some(f64::from(a.tool_calls)), Some(f64::from(b.tool_calls)));
        let pairs = compared.pairs.into_iter().map(pair).collect();
        let compare::Comparison { first_divergence, same, cut, .. } = compared;
        DiffAnswer { left: a.into(), right: b.into(), pairs, first_divergence, same, cut, more }
    });
    Ok(Json(compared.await.map_err(|error| Problem::internal(error.to_string()))?))
}

fn pair(pair: compare::Pair) -> DiffPair {
    let difference = match pair.difference {
        Difference::Same => "same",
        Difference::Input => "input",
        Difference::Output => "output",
        Difference::Removed => "removed",
        Difference::Added => "added",
    };
    DiffPair {
        step: pair.step,
        left: pair.left,
        right: pair.right,
        difference: difference.into(),
        left_text: pair.left_text,
        right_text: pair.right_text,
        left_ms: pair.ms[0],
        right_ms: pair.ms[1],
    }
}
