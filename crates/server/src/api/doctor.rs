//! `GET /api/v1/doctor`: what is wrong with the instrumentation of what arrived, and what to change.
//!
//! One statement a view counts everything that arrived in the time asked about, for all checks at once; a bounded number of recent
//! runs is looked at as trees. What the counts mean is `signals::doctor`'s to say.

mod counting;
mod server;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use model::{Timestamp, TraceId};
use signals::doctor::{self, Finding, Origin};

use super::params::Params;
use super::types::{DoctorAnswer, DoctorExample, DoctorFinding, DoctorOrigin, DoctorRemedy, Examined, Problem};
use crate::app::App;

/// What is looked at where nothing else is asked: the last hour.
const DEFAULT_WINDOW: i64 = 3_600_000_000_000;
/// Recent runs whose trees are looked at.
const RUNS: usize = 200;
/// Steps of these runs, together; a run that would exceed it is left out.
const STEPS: u64 = 20_000;

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub from: Timestamp,
    pub to: Timestamp,
    pub service: Option<String>,
    pub trace: Option<TraceId>,
}

/// The doctor.
#[utoipa::path(get, path = "/api/v1/doctor", operation_id = "runDoctor", tag = "server",
    summary = "What is wrong with the instrumentation, and what to change",
    description = "About what arrived in a stretch of time, the last hour by default. Each finding has a count, a share, an example and the line to change.",
    params(
        ("from" = Option<String>, Query, description = "Arrived from this time; `1h` ago by default"),
        ("to" = Option<String>, Query, description = "Arrived before this time; now by default"),
        ("service" = Option<String>, Query, description = "Only this service"),
        ("trace_id" = Option<String>, Query, description = "Only this run")),
    responses((status = 200, body = DoctorAnswer, description = "Findings, the worst first"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn get(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<DoctorAnswer>, Problem> {
    let now = app.now();
    let question = Question {
        from: params.time("from", now)?.unwrap_or_else(|| now.plus_nanos(-DEFAULT_WINDOW)),
        to: params.time("to", now)?.unwrap_or(now),
        service: params.one("service")?,
        trace: params.read("trace_id", "a trace id: 32 hexadecimal digits")?,
    };
    params.end()?;
    if question.from >= question.to {
        return Err(Problem::bad_request("`from` is not before `to`: nothing can have arrived in between"));
    }
    examine(&app, &question).await.map(Json)
}

async fn examine(app: &App, question: &Question) -> Result<DoctorAnswer, Problem> {
    let counted = counting::count(app, question).await?;
    let events = counting::log_events(app, question).await?;
    let mut findings = doctor::counted(counted.counts, &events);
    for finding in &mut findings {
        if finding.check.id == "no-cost" {
            finding.details = counting::unpriced_models(app, question, &finding.origin).await?;
        }
        // Rows of other views carry no dialect: the one most of the service's spans have decides which remedy fits.
        if finding.check.view != Some(doctor::View::Spans)
            && let Some(most) = most_common(&counted.origins, &finding.origin)
        {
            *finding = finding.clone().of_origin(most);
        }
    }
    let (runs, more_runs) = recent_runs(app, question).await?;
    findings.extend(doctor::traces::examine(&runs));
    findings.extend(counting::metrics_without_spans(app, question, &counted.origins).await?);
    if question.service.is_none() && question.trace.is_none() {
        findings.extend(server::findings(app));
    }
    doctor::sort(&mut findings);
    let origins = counted.origins.iter().map(|(origin, spans)| shown_origin(origin, Some(*spans)));
    Ok(DoctorAnswer {
        examined: Examined {
            from: question.from,
            to: question.to,
            spans: counted.origins.values().sum(),
            origins: origins.collect(),
            runs: runs.len() as u64,
            cut: counted.cut || more_runs,
        },
        findings: findings.iter().map(shown).collect(),
    })
}

/// The origin that sent most of a service's spans that a dialect understood.
fn most_common(origins: &BTreeMap<Origin, u64>, of: &Origin) -> Option<Origin> {
    let of_service = origins.iter().filter(|(origin, _)| origin.service == of.service && !origin.dialect.is_empty());
    of_service.max_by_key(|(_, spans)| **spans).map(|(origin, _)| origin.clone())
}

/// The newest runs, resolved, and whether there are more than are looked at.
async fn recent_runs(app: &App, question: &Question) -> Result<(Vec<signals::runs::Resolved>, bool), Problem> {
    let found = counting::recent_runs(app, question, RUNS).await?;
    let mut more = found.len() >= RUNS;
    let (mut traces, mut steps) = (Vec::new(), 0);
    for (trace, size) in found {
        if steps + size > STEPS {
            more = true;
            continue;
        }
        steps += size;
        traces.push(trace);
    }
    // All at once: one by one the same pages of the segments would be read for each.
    let spans = app.store()?.traces_narrow(&app.project(), &traces).await?;
    let mut by_trace: HashMap<TraceId, _> = spans
        .chunk_by(|one, next| one.trace_id == next.trace_id)
        // As of the end of the time asked about: a run that still comes in then is no broken one.
        .filter_map(|of_run| {
            Some((of_run[0].trace_id, signals::runs::resolve(of_run, question.to, &app.run_settings)?))
        })
        .collect();
    Ok((traces.iter().filter_map(|trace| by_trace.remove(trace)).collect(), more))
}

fn shown_origin(origin: &Origin, spans: Option<u64>) -> DoctorOrigin {
    DoctorOrigin {
        service: origin.service.clone(),
        dialect: origin.dialect.clone(),
        scope: origin.scope.clone(),
        version: origin.version.clone(),
        spans,
    }
}

fn shown(finding: &Finding) -> DoctorFinding {
    DoctorFinding {
        id: finding.check.id.clone(),
        severity: finding.check.severity.as_str().into(),
        title: finding.check.title.clone(),
        why: finding.check.why.clone(),
        origin: shown_origin(&finding.origin, None),
        count: finding.count,
        of: finding.of,
        noun: finding.check.noun.clone(),
        share: finding.share(),
        example: finding.example.map(|example| DoctorExample {
            trace_id: example.trace_id.to_string(),
            span_id: example.span_id.map(|span| span.to_string()),
        }),
        remedy: finding.remedy.map(|remedy| DoctorRemedy { text: remedy.text.clone(), line: remedy.line.clone() }),
        details: finding.details.clone(),
    }
}
