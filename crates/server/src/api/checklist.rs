//! `GET /api/v1/checklist`: the production monitoring checklist with its values now.

use std::sync::Arc;

use ::alerts::checklist::{Question, questions};
use ::alerts::evaluate::samples;
use axum::Json;
use axum::extract::State;
use promql::Params as QueryParams;

use super::alerts::map;
use super::params::Params;
use super::types::{ChecklistAnswer, ChecklistRow, Problem};
use crate::app::App;
use crate::series::{ask, limits, millis};

/// A series as its labels and value.
type Found = (promql::Labels, f64);

/// The checklist.
#[utoipa::path(get, path = "/api/v1/checklist", operation_id = "getChecklist", tag = "alerts",
    summary = "The production monitoring checklist: value, baseline, threshold and state of its rows",
    description = "Of each row the series that is furthest towards its threshold. Computed from the expressions of the rule pack \
        `checklist`, whether the pack is on or not.",
    responses((status = 200, body = ChecklistAnswer, description = "Nineteen rows")))]
pub async fn get(State(app): State<Arc<App>>, params: Params) -> Result<Json<ChecklistAnswer>, Problem> {
    params.end()?;
    let mut rows = Vec::new();
    for question in questions() {
        rows.push(row(&app, &question).await?);
    }
    Ok(Json(ChecklistAnswer { rows }))
}

async fn row(app: &App, question: &Question) -> Result<ChecklistRow, Problem> {
    let mut measured = Measured {
        values: evaluated(app, &question.value).await?,
        baselines: evaluated(app, &question.baseline).await?,
        thresholds: evaluated(app, question.threshold.as_deref().unwrap_or_default()).await?,
        beyond: evaluated(app, question.beyond.as_deref().unwrap_or_default()).await?,
        ..Measured::default()
    };
    if measured.beyond.is_empty() && !measured.values.is_empty() {
        for guard in &question.guards {
            measured.counted = evaluated(app, &guard.counted).await?;
            if measured.counted.is_empty() {
                measured.lacks = Some(if guard.baseline { "no_baseline" } else { "too_few" });
                break;
            }
        }
    }
    Ok(measured.row(question))
}

/// What a row's expressions give now.
#[derive(Debug, Default)]
struct Measured {
    values: Vec<Found>,
    baselines: Vec<Found>,
    thresholds: Vec<Found>,
    /// Series for which the whole condition of the alert holds.
    beyond: Vec<Found>,
    /// Values there is enough of to judge by; looked for where no series is beyond, and the condition asks for it.
    counted: Vec<Found>,
    /// Why there are none, as the state of a value past the threshold.
    lacks: Option<&'static str>,
}

impl Measured {
    /// How far a value is on the way to the threshold, where there is one to go to: past 1 it is past it.
    fn way(&self, question: &Question, found: &Found) -> f64 {
        match of_series(&self.thresholds, &found.0) {
            Some(limit) if question.above && limit > 0.0 => found.1 / limit,
            Some(limit) if !question.above && limit > 0.0 && found.1 <= 0.0 => f64::INFINITY,
            Some(limit) if !question.above => limit / found.1,
            _ => found.1,
        }
    }

    /// The series the state is judged by: one that is beyond, else of those there is enough of, else of all the one nearest to it.
    fn worst(&self, question: &Question) -> Option<&Found> {
        let beyond: Vec<&Found> =
            self.values.iter().filter(|found| of_series(&self.beyond, &found.0).is_some()).collect();
        let groups = [beyond, self.counted.iter().collect(), self.values.iter().collect()];
        let group = groups.into_iter().find(|group| !group.is_empty())?;
        group.into_iter().max_by(|one, other| self.way(question, one).total_cmp(&self.way(question, other)))
    }

    fn row(&self, question: &Question) -> ChecklistRow {
        let worst = self.worst(question);
        let threshold = worst.and_then(|worst| of_series(&self.thresholds, &worst.0));
        let state = match (worst, threshold) {
            (None, _) => "no_data",
            _ if !self.beyond.is_empty() => "beyond",
            // A threshold made of the days before, or a number that somebody has to set.
            (Some(_), None) if question.row.has_baseline() => "no_baseline",
            (Some(_), None) if question.threshold.is_some() => "no_threshold",
            (Some(worst), Some(limit)) if limit > 0.0 && self.way(question, worst) > 1.0 => self.lacks.unwrap_or("ok"),
            _ => "ok",
        };
        let row = question.row;
        ChecklistRow {
            category: row.category.to_owned(),
            metric: row.metric.to_owned(),
            why: row.why.to_owned(),
            unit: row.unit.to_owned(),
            state: state.to_owned(),
            value: worst.map(|worst| worst.1),
            labels: worst.map(|worst| map(&worst.0)).unwrap_or_default(),
            baseline: worst.and_then(|worst| of_series(&self.baselines, &worst.0)),
            threshold,
            above: question.above,
            alert: row.alert.map(str::to_owned),
            query: question.value.clone(),
        }
    }
}

/// The value that belongs to a series: of the same labels, else the only one there is, if it has none.
fn of_series(found: &[Found], labels: &promql::Labels) -> Option<f64> {
    let same = found.iter().find(|(other, _)| other == labels);
    same.or_else(|| found.first().filter(|(only, _)| found.len() == 1 && only.is_empty())).map(|(_, value)| *value)
}

async fn evaluated(app: &App, text: &str) -> Result<Vec<Found>, Problem> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let query = promql::parse(text).map_err(|error| Problem::internal(error.to_string()))?;
    let now = millis(app.now());
    let answer = ask(app, &app.project(), query, QueryParams::instant(now), limits::PROMQL_TIME).await;
    let value = answer.map_err(|error| Problem::unavailable(format!("the row cannot be computed: {error}")))?.value;
    let samples = samples(value, now).map_err(Problem::internal)?;
    let found = samples.into_iter().filter_map(|sample| {
        let value = sample.point.float().filter(|value| value.is_finite())?;
        Some((sample.labels.without_metadata(), value))
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use promql::Labels;

    use super::*;

    fn question(metric: &str) -> Question {
        questions().into_iter().find(|question| question.row.metric == metric).unwrap()
    }

    fn of(model: &str, value: f64) -> Found {
        (Labels::new([("model", model)]), value)
    }

    /// State, value and model of a row.
    fn read(measured: &Measured, question: &Question) -> (String, Option<f64>, Option<String>) {
        let row = measured.row(question);
        (row.state, row.value, row.labels.get("model").cloned())
    }

    #[test]
    fn a_row_shows_the_value_its_state_is_judged_by() {
        let errors = question("LLM error rate");
        let limit = || vec![(Labels::default(), 0.05)];
        let mut measured =
            Measured { values: vec![of("rare", 1.0), of("busy", 0.02)], thresholds: limit(), ..Measured::default() };
        // One failed call of one, beside a model with enough calls to judge by.
        measured.counted = vec![of("busy", 0.02)];
        assert_eq!(read(&measured, &errors), ("ok".into(), Some(0.02), Some("busy".into())));
        // The busy one beyond: that one, though the other is further.
        measured = Measured { beyond: vec![of("busy", 0.2)], ..measured };
        measured.values = vec![of("rare", 1.0), of("busy", 0.2)];
        assert_eq!(read(&measured, &errors), ("beyond".into(), Some(0.2), Some("busy".into())));
        // No model has enough calls: the row says so, or that all is well where nothing failed.
        let few = |value: f64| Measured {
            values: vec![of("rare", value)],
            thresholds: limit(),
            lacks: Some("too_few"),
            ..Measured::default()
        };
        assert_eq!(read(&few(1.0), &errors), ("too_few".into(), Some(1.0), Some("rare".into())));
        assert_eq!(read(&few(0.0), &errors).0, "ok");
    }

    #[test]
    fn nothing_found_at_all_is_the_worst_of_what_should_be_high() {
        let hits = question("Retrieval hit rate");
        let measured = Measured {
            values: vec![of("a", 0.95), of("b", 0.0)],
            thresholds: vec![(Labels::default(), 0.9)],
            lacks: Some("too_few"),
            ..Measured::default()
        };
        assert_eq!(read(&measured, &hits), ("too_few".into(), Some(0.0), Some("b".into())));
    }
}
