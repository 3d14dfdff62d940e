//! What an alert shows of itself: the series behind it, the runs that show it worst, and what detectors saw meanwhile.
//!
//! Gathered as an alert fires, with the series once more as it ends, and kept with its history: it is there after the series are thinned.
//! A busy server may have no time for all of it before the page must go; the rest is then looked for after it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use alerts::evaluate::{ActiveAlert, Outcome};
use alerts::rules::{Group, Rule};
use model::{RunStatus, Tenant, Timestamp, TraceId};
use promql::{Labels, Params, Value};
use query::{Page, RunFilter, Sort, SortKey};

use super::{keep, limits, present, threshold, time_text, watched_or_all};
use crate::api::types::{AlertEvidence, EvidencePoint, EvidenceRun, Finding};
use crate::app::{App, Opened};
use crate::findings::ask::{self as findings, Filter};
use crate::limits::LimitName;
use crate::series::{ask, millis};

/// Runs kept with an alert.
const RUNS_MAX: usize = 3;
/// Runs of an agent that are looked through for those in which detectors saw something.
const SEEN_RUNS_MAX: usize = 500;
/// A run may have begun so long before something was seen in it, in nanoseconds.
const LONG_RUN: i64 = 6 * 3_600 * 1_000_000_000;
/// Findings kept with an alert.
const FINDINGS_MAX: usize = 10;
/// Points of the series kept with an alert.
const POINTS_MAX: i64 = 120;
/// Least time between two of them.
const STEP_MIN_MS: i64 = 15_000;
/// Labels that name something runs are of.
const ABOUT_RUNS: &[&str] = &["agent_id", "agent", "workflow", "workflow_name", "tool_name", "tool", "model"];
/// How far before the condition began to hold series, runs and findings are looked at.
const BEFORE_MS: i64 = 3_600_000;

/// Evidence of one alert.
#[derive(Debug)]
pub struct Gathered {
    /// The alert.
    pub labels: Labels,
    /// When it fired, in milliseconds since 1970.
    pub fired_at: i64,
    /// What is kept; of an alert that ends only its end and its series are new.
    pub evidence: AlertEvidence,
}

/// An alert that evidence is looked for.
#[derive(Debug, Clone)]
struct Asked {
    rule: Arc<Rule>,
    alert: ActiveAlert,
    /// It ended; else it fired.
    ends: bool,
}

/// What began or ended in one evaluation, as far as evidence is looked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    asked: Vec<Asked>,
    now: i64,
}

/// Where evidence is looked for.
trait Look: Sync {
    /// The runs that show an alert, the worst first.
    fn runs(&self, alert: &ActiveAlert) -> impl Future<Output = Vec<EvidenceRun>> + Send;
    /// What the compared part of a rule gave, by series.
    fn series(&self, rule: &Rule, from: i64, to: i64) -> impl Future<Output = Vec<promql::ResultSeries>> + Send;
    /// What detectors saw of an alert's agent.
    fn findings(&self, alert: &ActiveAlert) -> impl Future<Output = Vec<Finding>> + Send;
}

impl Look for App {
    async fn runs(&self, alert: &ActiveAlert) -> Vec<EvidenceRun> {
        runs(self, &alert.labels, alert.active_at).await
    }

    async fn series(&self, rule: &Rule, from: i64, to: i64) -> Vec<promql::ResultSeries> {
        series(self, rule, from, to).await
    }

    async fn findings(&self, alert: &ActiveAlert) -> Vec<Finding> {
        findings_of(self, &alert.labels, alert.active_at).await
    }
}

/// Gathers evidence for what began or ended in an evaluation at `now`: for the first alerts, in the time there is. The page must not wait
/// for more; what there was no time for is given back, for [`later`].
pub async fn gather(app: &App, group: &Group, outcomes: &[Outcome], now: i64) -> (Vec<Gathered>, Option<Wanted>) {
    let (wanted, left_out) = Wanted::of(group, outcomes, now);
    if left_out {
        app.counters.limit_reached(LimitName::EvidenceAlertsMax);
    }
    let (found, complete) = wanted.look(app, limits::EVIDENCE_TIME).await;
    if complete {
        return (found, None);
    }
    app.counters.limit_reached(LimitName::EvidenceTime);
    (found, Some(wanted))
}

/// Looks once more for what there was no time for, without a page behind it. It is then in the history, and in the next message.
pub async fn later(app: Arc<App>, wanted: Wanted) {
    let Ok(opened) = app.opened() else { return };
    let Ok(_permit) = Arc::clone(&opened.alerting.late_evidence).try_acquire_owned() else {
        app.counters.limit_reached(LimitName::EvidenceLateMax);
        return;
    };
    let (found, complete) = wanted.look(&*app, limits::EVIDENCE_LATE_TIME).await;
    if !complete {
        app.counters.limit_reached(LimitName::EvidenceLateTime);
    }
    keep_late(&app, opened, found).await;
}

/// An alert that another system sent and that began.
#[derive(Debug, Clone, PartialEq)]
pub struct Begun {
    /// The alert.
    pub labels: Labels,
    /// Since when it fires, in milliseconds since 1970.
    pub since: i64,
}

impl Begun {
    /// Whether its labels name something that runs are of: else every run would show it.
    pub fn is_about_runs(&self) -> bool {
        ABOUT_RUNS.iter().any(|name| !self.labels.get(name).is_empty())
    }
}

/// Looks for what shows alerts of others, by the labels they have in common with ours. There is no rule here whose series would show
/// them. Their sender waits for its answer, so this is behind it: mostly within the time that a group of alerts waits for more.
pub async fn of_others(app: Arc<App>, mut begun: Vec<Begun>) {
    let Ok(opened) = app.opened() else { return };
    let Ok(_permit) = Arc::clone(&opened.alerting.late_evidence).try_acquire_owned() else {
        app.counters.limit_reached(LimitName::EvidenceLateMax);
        return;
    };
    if begun.len() > limits::EVIDENCE_ALERTS_MAX {
        app.counters.limit_reached(LimitName::EvidenceAlertsMax);
        begun.truncate(limits::EVIDENCE_ALERTS_MAX);
    }
    let mut found = Vec::new();
    let look = async {
        for alert in begun {
            let evidence = AlertEvidence {
                fired_at: time_text(alert.since),
                runs: runs(&app, &alert.labels, alert.since).await,
                findings: findings_of(&app, &alert.labels, alert.since).await,
                ..AlertEvidence::default()
            };
            if !evidence.runs.is_empty() || !evidence.findings.is_empty() {
                found.push(Gathered { labels: alert.labels, fired_at: alert.since, evidence });
            }
        }
    };
    if tokio::time::timeout(limits::EVIDENCE_LATE_TIME, look).await.is_err() {
        app.counters.limit_reached(LimitName::EvidenceLateTime);
    }
    if !found.is_empty() {
        keep_late(&app, opened, found).await;
    }
}

/// Keeps what was found after alerts were handed on, and adds it to their next messages.
async fn keep_late(app: &Arc<App>, opened: &Opened, found: Vec<Gathered>) {
    let url = super::evaluate::external_url(app);
    {
        let mut inner = opened.alerting.lock();
        for gathered in found.iter().filter(|gathered| fires(gathered)) {
            let known = inner.dispatcher.alert(&gathered.labels);
            if known.is_some_and(|alert| alert.starts_at == gathered.fired_at) {
                let shown = annotations(&gathered.labels, &gathered.evidence.runs, &url);
                inner.dispatcher.annotate(&gathered.labels, shown);
            }
        }
    }
    let kept = app.with_state(move |state| {
        state.write(|transaction| found.iter().try_for_each(|found| keep::put_evidence(transaction, found)))
    });
    if let Err(problem) = kept.await {
        tracing::warn!(detail = problem.detail, "what shows an alert cannot be kept");
    }
}

fn fires(gathered: &Gathered) -> bool {
    gathered.evidence.ended_at.is_none()
}

impl Wanted {
    /// The first alerts of an evaluation, and whether others were left out.
    fn of(group: &Group, outcomes: &[Outcome], now: i64) -> (Self, bool) {
        let mut asked = Vec::new();
        let mut left_out = false;
        for (rule, outcome) in group.rules.iter().zip(outcomes) {
            for (alerts, ends) in [(&outcome.fired, false), (&outcome.resolved, true)] {
                let left = limits::EVIDENCE_ALERTS_MAX - asked.len();
                left_out |= alerts.len() > left;
                asked.extend(alerts.iter().take(left).map(|alert| Asked {
                    rule: Arc::clone(rule),
                    alert: alert.clone(),
                    ends,
                }));
            }
        }
        (Self { asked, now }, left_out)
    }

    /// What is found in a time, and whether that is all.
    async fn look(&self, look: &impl Look, time: Duration) -> (Vec<Gathered>, bool) {
        let begun = |asked: &Asked| begun(&asked.rule, &asked.alert, asked.ends, self.now);
        let mut found: Vec<Gathered> = self.asked.iter().map(begun).collect();
        let complete = tokio::time::timeout(time, self.fill(look, &mut found)).await.is_ok();
        (found, complete)
    }

    /// What messages carry first: the runs of each alert that fires; then the series of each rule, and findings.
    async fn fill(&self, look: &impl Look, found: &mut [Gathered]) {
        for (gathered, asked) in found.iter_mut().zip(&self.asked) {
            if fires(gathered) {
                gathered.evidence.runs = look.runs(&asked.alert).await;
            }
        }
        let mut left = found;
        for asked in self.asked.chunk_by(|one, next| Arc::ptr_eq(&one.rule, &next.rule)) {
            let (own, others) = std::mem::take(&mut left).split_at_mut(asked.len());
            left = others;
            let Some(earliest) = asked.iter().map(|asked| asked.alert.active_at).min() else { continue };
            let series = look.series(&asked[0].rule, earliest - BEFORE_MS, self.now).await;
            for (gathered, asked) in own.iter_mut().zip(asked) {
                gathered.evidence.points = points_of(&series, &asked.alert);
                if fires(gathered) {
                    gathered.evidence.findings = look.findings(&asked.alert).await;
                }
            }
        }
    }
}

/// What is known of an alert that fires or ends without asking for more.
fn begun(rule: &Rule, alert: &ActiveAlert, ends: bool, now: i64) -> Gathered {
    let fired_at = if ends { alert.fired_at.unwrap_or(alert.active_at) } else { now };
    let evidence = if ends {
        AlertEvidence { ended_at: Some(time_text(now)), ..AlertEvidence::default() }
    } else {
        AlertEvidence {
            query: watched_or_all(&rule.query).text.trim().to_owned(),
            threshold: threshold(&rule.query.root).map(|it| it.limit),
            ..AlertEvidence::default()
        }
    };
    let evidence = AlertEvidence { fired_at: time_text(fired_at), ..evidence };
    Gathered { labels: alert.labels.clone(), fired_at, evidence }
}

/// What the compared part of the rule gave, by series.
async fn series(app: &App, rule: &Rule, from: i64, to: i64) -> Vec<promql::ResultSeries> {
    let step = ((to - from) / POINTS_MAX).max(STEP_MIN_MS);
    let params = Params::range(from, to, step);
    let asked = ask(app, &app.project(), watched_or_all(&rule.query), params, limits::EVIDENCE_TIME).await;
    match asked.map(|answer| answer.value) {
        Ok(Value::Matrix(series)) => series,
        Ok(_) => Vec::new(),
        Err(error) => {
            tracing::warn!(rule = rule.name, %error, "the series behind an alert cannot be read");
            Vec::new()
        }
    }
}

fn points_of(series: &[promql::ResultSeries], alert: &ActiveAlert) -> Vec<EvidencePoint> {
    let source = alert.source.without_metadata();
    let own = series.iter().find(|series| series.labels.without_metadata() == source);
    let points = own.map_or(&[][..], |series| &series.points);
    let point = |(at, point): &(i64, promql::Point)| {
        let value = point.float().filter(|value| value.is_finite())?;
        Some(EvidencePoint { at: time_text(*at), value })
    };
    points.iter().filter_map(point).collect()
}

/// The value of the first of these labels that there is.
fn one(labels: &Labels, names: [&str; 2]) -> Vec<String> {
    names.iter().map(|name| labels.get(name)).find(|value| !value.is_empty()).map(str::to_owned).into_iter().collect()
}

/// The project an alert is about: that of its label, else that of the rules.
fn project_of(app: &App, labels: &Labels) -> Arc<str> {
    match labels.get("project") {
        "" => app.project(),
        named => named.into(),
    }
}

/// The runs that show what an alert is about, the worst first. Of an alert about what detectors saw these are the runs in which they saw it.
async fn runs(app: &App, labels: &Labels, active_at: i64) -> Vec<EvidenceRun> {
    if ["issue", "detector"].iter().any(|name| !labels.get(name).is_empty()) {
        let seen = findings_of(app, labels, active_at).await;
        let traces: BTreeSet<TraceId> = seen.iter().map(|finding| finding.trace_id).collect();
        let from = seen.iter().map(|finding| finding.at).min().map_or(since(active_at), |at| at.plus_nanos(-LONG_RUN));
        let filter = RunFilter { from: Some(from), agent: one(labels, ["agent_id", "agent"]), ..RunFilter::default() };
        let sort = Sort { key: SortKey::StartedAt, descending: true };
        let mut found = asked(app, labels, filter, Page { sort, limit: SEEN_RUNS_MAX, ..Page::default() }).await;
        found.retain(|run| traces.contains(&run.trace_id));
        if !found.is_empty() {
            return found.iter().take(RUNS_MAX).map(evidence_run).collect();
        }
    }
    let about = labels.get("alertname").to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| about.contains(word));
    // A budget of tokens is one of tokens.
    let (key, failed) = if says(&["cost", "spend", "burn"]) {
        (SortKey::CostUsd, false)
    } else if says(&["token"]) {
        (SortKey::TotalTokens, false)
    } else if says(&["budget"]) {
        (SortKey::CostUsd, false)
    } else if says(&["latency", "slow", "duration", "stuck"]) {
        (SortKey::DurationMs, false)
    } else {
        (SortKey::Errors, says(&["error", "fail"]))
    };
    let filter = RunFilter {
        from: Some(since(active_at)),
        agent: one(labels, ["agent_id", "agent"]),
        workflow: one(labels, ["workflow", "workflow_name"]),
        tool: one(labels, ["tool_name", "tool"]),
        model: one(labels, ["model", "model"]),
        status: if failed { vec![RunStatus::Error] } else { Vec::new() },
        ..RunFilter::default()
    };
    let page = Page { sort: Sort { key, descending: true }, limit: RUNS_MAX, ..Page::default() };
    asked(app, labels, filter, page).await.iter().map(evidence_run).collect()
}

/// Runs of an alert's project.
async fn asked(app: &App, labels: &Labels, filter: RunFilter, page: Page) -> Vec<model::Run> {
    let project = project_of(app, labels);
    match app.ask(|engine| async move { engine.runs(&project, &filter, &page).await }).await {
        Ok(page) => page.runs,
        Err(problem) => {
            tracing::warn!(detail = problem.detail, "runs for an alert cannot be read");
            Vec::new()
        }
    }
}

/// What messages say of the runs that show an alert: their trace ids, and a line for each with the address of its page. Where its labels
/// name another project than pages are about by themselves, so does the address.
pub fn annotations(labels: &Labels, runs: &[EvidenceRun], url: &str) -> Vec<(String, String)> {
    let project = match labels.get("project") {
        "" | Tenant::DEFAULT_PROJECT => String::new(),
        named => format!("?project={}", form_urlencoded::byte_serialize(named.as_bytes()).collect::<String>()),
    };
    let line = |run: &EvidenceRun| {
        let mut said = vec![run.agent.clone().unwrap_or_else(|| run.name.clone()), run.status.to_string()];
        said.push(format!("{:.1} s", run.duration_ms / 1000.0));
        said.extend(run.cost_usd.map(|cost| format!("${cost:.4}")));
        format!("{url}/runs/{}{project} ({})", run.trace_id, said.join(", "))
    };
    let traces: Vec<&str> = runs.iter().map(|run| run.trace_id.as_str()).collect();
    let lines: Vec<String> = runs.iter().map(line).collect();
    vec![(present::TRACES.to_owned(), traces.join(" ")), (present::WORST_RUNS.to_owned(), lines.join("\n"))]
}

fn since(active_at: i64) -> Timestamp {
    Timestamp::from_nanos(active_at.saturating_sub(BEFORE_MS).saturating_mul(1_000_000))
}

fn evidence_run(run: &model::Run) -> EvidenceRun {
    let run = crate::api::types::Run::from(run);
    EvidenceRun {
        trace_id: run.trace_id.to_string(),
        name: run.name,
        agent: run.agent,
        status: run.status,
        started_at: time_text(millis(run.started_at)),
        duration_ms: run.duration_ms,
        errors: run.errors,
        cost_usd: run.cost_usd,
    }
}

/// What detectors saw in runs of the agent since shortly before the condition held, the newest first.
async fn findings_of(app: &App, labels: &Labels, active_at: i64) -> Vec<Finding> {
    let issue = one(labels, ["issue", "issue"]).pop();
    let filter = Filter {
        agents: one(labels, ["agent_id", "agent"]),
        detectors: one(labels, ["detector", "detector"]),
        // An issue may be older than the alert about it.
        from: Some(since(active_at)).filter(|_| issue.is_none()),
        fingerprint: issue,
        ..Filter::default()
    };
    let project = project_of(app, labels);
    let read = app
        .with_state(move |state| {
            state.read(|connection| findings::findings(connection, &project, &filter, None, FINDINGS_MAX))
        })
        .await;
    match read {
        Ok(found) => found.into_iter().map(|kept| Finding::of(&kept.agent, kept.finding)).collect(),
        Err(problem) => {
            tracing::warn!(detail = problem.detail, "findings for an alert cannot be read");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests;
