//! Asking series in PromQL.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use ::series::{Db, DbError, Fill, SelectLimits};
use alerts::backtest::Made;
use model::Timestamp;
use promql::{Answer, EvalError, Labels, Matcher, Params, Query, Series, Source, Value};

use super::spelt::{self, Named};
use super::{SeriesStore, dotted, limits, millis};
use crate::app::App;
use crate::clock::SystemClock;
use crate::limits::LimitName;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The text is no query, or does not fit the way it was asked.
    #[error("{0}")]
    Bad(String),
    /// It cannot be computed on this data.
    #[error("{0}")]
    Execution(String),
    /// It needs more than a limit allows.
    #[error("{1}")]
    Limit(LimitName, String),
    /// It took too long.
    #[error("the query took longer than {} s (promql_time); select fewer series, a shorter range or a larger step", .0.as_secs_f64())]
    Timeout(Duration),
    /// The series cannot be read now.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of the server.
    #[error("{0}")]
    Internal(String),
}

impl From<DbError> for AskError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::TooManySeries { limit } => Self::Limit(
                LimitName::PromqlSeriesMax,
                format!("the selectors find more than {limit} series (promql_series_max); add label matchers"),
            ),
            DbError::TooManySamples { limit } => Self::Limit(
                LimitName::PromqlSamplesMax,
                format!(
                    "the query would read more than {limit} samples (promql_samples_max); select fewer series or a shorter range"
                ),
            ),
            DbError::Io { .. } | DbError::Damaged { .. } => {
                tracing::error!(%error, "series cannot be read");
                Self::Unavailable(error.to_string())
            }
        }
    }
}

/// Why an evaluation that might take `time` gave nothing, with the limits by the names they have here.
pub fn evaluated(error: EvalError, time: Duration) -> AskError {
    match error {
        EvalError::Invalid(message) => AskError::Bad(message),
        EvalError::Stopped => AskError::Timeout(time),
        EvalError::TooManySeries { found, limit } => AskError::Limit(
            LimitName::PromqlSeriesMax,
            format!("a selector finds {found} series, more than {limit} (promql_series_max); add label matchers"),
        ),
        EvalError::TooManyPoints { limit } => AskError::Limit(
            LimitName::PromqlPointsMax,
            format!(
                "the query computes more than {limit} points (promql_points_max); select fewer series, a shorter range or a larger step"
            ),
        ),
        EvalError::TooManySteps { found, limit } => AskError::Limit(
            LimitName::PromqlSubqueryStepsMax,
            format!("{found} steps are more than {limit} (promql_subquery_steps_max); use a larger step"),
        ),
        other => AskError::Execution(other.to_string()),
    }
}

/// Counts where a limit stood in the way.
pub fn count(app: &App, error: &AskError) {
    match error {
        AskError::Timeout(_) => app.counters.limit_reached(LimitName::PromqlTime),
        AskError::Limit(name, _) => app.counters.limit_reached(*name),
        _ => {}
    }
}

/// Bounds of one selection.
pub fn select_limits() -> SelectLimits {
    SelectLimits { series_max: limits::PROMQL_SERIES_MAX, samples_max: limits::PROMQL_SAMPLES_MAX }
}

/// Which series somebody may see. Tawny's own metrics, and what rules record and say of them, are about all projects and are kept with the
/// first one: who has no rights in every project sees of these only what names theirs.
#[derive(Debug, Clone)]
pub enum Sees {
    /// All.
    Everything,
    /// What is of this project.
    Of(Arc<str>),
    /// Of Tawny's own metrics, and of what rules record and say of them, what is of this project; and nothing else.
    TawnysOf(Arc<str>),
}

impl Sees {
    /// Whether a series may be seen.
    pub fn shows(&self, labels: &Labels) -> bool {
        let (project, others) = match self {
            Self::Everything => return true,
            Self::Of(project) => (project, true),
            Self::TawnysOf(project) => (project, false),
        };
        let value = |name: &str| labels.iter().find(|label| *label.name == *name).map(|label| &*label.value);
        let name = labels.metric_name();
        // What rules record has a colon in its name by custom, and no job.
        let of_all = value("job") == Some("tawny") || name.contains(':') || name.starts_with("ALERTS");
        if of_all { value("project") == Some(&**project) } else { others }
    }
}

impl SeriesStore {
    /// Evaluates a query over all series of a project that may be seen. Blocks, for `time` at most.
    pub fn evaluate(
        &self,
        whose: (&str, &Sees),
        query: &Query,
        params: &Params,
        time: Duration,
    ) -> Result<Answer, AskError> {
        self.evaluate_with(whose, query, params, time, &Made::default())
    }

    /// As [`SeriesStore::evaluate`], with series made by rules under test in the place of those they hide.
    pub fn evaluate_with(
        &self,
        (project, sees): (&str, &Sees),
        query: &Query,
        params: &Params,
        time: Duration,
        made: &Made,
    ) -> Result<Answer, AskError> {
        let now = SystemClock::time();
        let once = |matchers: &[Matcher], found: &mut Vec<Named>| self.derived.once(project, matchers, found);
        evaluate(&*self.of(project, now)?, (sees, &once), query, params, time, made)
    }

    /// Before this time only hourly samples of a project are left, in milliseconds since 1970.
    pub fn thin_before(&self, project: &str) -> Result<Option<i64>, AskError> {
        Ok(self.of(project, SystemClock::time())?.thin_before())
    }
}

/// For each need the stored series, unpacked one by one while the query is computed, and after them those that were made.
struct With {
    stored: Vec<Vec<Named>>,
    made: Vec<Vec<Arc<Series>>>,
}

impl With {
    fn stored(&self, need: usize) -> &[Named] {
        self.stored.get(need).map_or(&[][..], Vec::as_slice)
    }
}

impl Source for With {
    fn count(&self, need: usize) -> usize {
        self.stored(need).len() + self.made.count(need)
    }

    fn series(&self, need: usize, at: usize) -> Arc<Series> {
        match self.stored(need).get(at) {
            Some(stored) => Arc::new(stored.unpack()),
            None => self.made.series(need, at - self.stored(need).len()),
        }
    }
}

/// Leaves out of what a selector found what would count twice.
type Once<'a> = &'a dyn Fn(&[Matcher], &mut Vec<Named>);

fn evaluate(
    db: &Db,
    (sees, once): (&Sees, Once<'_>),
    query: &Query,
    params: &Params,
    time: Duration,
    made: &Made,
) -> Result<Answer, AskError> {
    let query = &in_kept_names(db, query)?;
    let until = SystemClock::time().plus_nanos(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
    let invalid = |error: EvalError| AskError::Bad(error.to_string());
    let needs = query.selectors(params).map_err(invalid)?;
    let thin = db.thin_before();
    let mut left = select_limits();
    let mut stored = Vec::with_capacity(needs.len());
    for need in &needs {
        let asked = (need.from_ms, need.to_ms);
        let fill = Fill::of(thin, asked, need.window_ms);
        let mut found = spelt::select(db, &need.matchers, fill.map_or(asked, |fill| fill.needs()), left)?;
        found.iter_mut().for_each(|series| series.fill = fill);
        found.retain(|series| sees.shows(&series.found.labels) && !made.hides(&series.found.labels));
        once(&need.matchers, &mut found);
        let samples: u64 = found.iter().map(|series| series.found.samples()).sum();
        left.samples_max -= samples.min(left.samples_max);
        stored.push(found);
    }
    let stop: Arc<dyn Fn() -> bool + Send + Sync> = Arc::new(move || SystemClock::time() > until);
    let bounds =
        promql::Limits { max_series: limits::PROMQL_SERIES_MAX, stop: Some(stop), ..promql::Limits::default() };
    let made = needs.iter().map(|need| made.select(need)).collect();
    promql::evaluate(query, &With { stored, made }, params, &bounds).map_err(|error| evaluated(error, time))
}

/// The query in the names series are kept under: as it stands, or, where no series has a name of OpenTelemetry that it uses, in
/// those of Prometheus.
pub(super) fn in_kept_names<'a>(db: &Db, query: &'a Query) -> Result<Cow<'a, Query>, AskError> {
    let Some(translated) = dotted::translated(query) else { return Ok(Cow::Borrowed(query)) };
    let needs = query.selectors(&Params::instant(0)).map_err(|error| AskError::Bad(error.to_string()))?;
    let names = needs.iter().flat_map(|need| &need.matchers).filter(|matcher| dotted::is_dotted(matcher));
    for name in names {
        if !db.labels(&[vec![name.clone()]], 0, i64::MAX, limits::PROMQL_SERIES_MAX)?.is_empty() {
            return Ok(Cow::Borrowed(query));
        }
    }
    Ok(Cow::Owned(translated))
}

/// As [`in_kept_names`], for the conditions of one selector.
pub(super) fn selector_in_kept_names(db: &Db, matchers: Vec<Matcher>) -> Result<Vec<Matcher>, AskError> {
    let Some(translated) = dotted::translated_selector(&matchers) else { return Ok(matchers) };
    let kept = db.labels(std::slice::from_ref(&matchers), 0, i64::MAX, limits::PROMQL_SERIES_MAX)?;
    Ok(if kept.is_empty() { translated } else { matchers })
}

/// Evaluates a query on the threads for queries.
pub async fn ask(
    app: &App,
    project: &Arc<str>,
    query: Query,
    params: Params,
    time: Duration,
) -> Result<Answer, AskError> {
    let sees = app.sees();
    on_threads(app, move |store, project| store.evaluate((&project, &sees), &query, &params, time), project).await
}

/// Runs blocking work on series where queries run, as many at a time as there are permits.
pub async fn on_threads<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(Arc<SeriesStore>, Arc<str>) -> Result<T, AskError> + Send + 'static,
    project: &Arc<str>,
) -> Result<T, AskError> {
    let opened = app.opened().map_err(|phase| AskError::Unavailable(format!("Tawny is {}", phase.as_str())))?;
    let (store, project) = (Arc::clone(&opened.series), Arc::clone(project));
    let permit = match Arc::clone(&store.permits).try_acquire_owned() {
        Ok(permit) => Ok(permit),
        Err(_) => {
            app.counters.limit_reached(LimitName::PromqlQueriesMax);
            Arc::clone(&store.permits).acquire_owned().await
        }
    };
    let done = app.query_threads.spawn_blocking(move || {
        let _permit = permit;
        work(store, project)
    });
    let done = done.await.unwrap_or_else(|error| Err(AskError::Internal(format!("the query stopped: {error}"))));
    if let Err(error) = &done {
        count(app, error);
    }
    done
}

/// The value of an expression over all series of a project at one time: what rules ask.
///
/// # Errors
/// When the text is no query, or it cannot be computed within the limits.
pub async fn at_time(app: &App, project: &Arc<str>, text: &str, time: Timestamp) -> Result<Value, AskError> {
    let query = promql::parse(text).map_err(|error| AskError::Bad(error.to_string()))?;
    let answer = ask(app, project, query, Params::instant(millis(time)), limits::PROMQL_TIME).await?;
    Ok(answer.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_one_project_sees_what_is_of_it() {
        let own =
            |project: &str| Labels::new([("__name__", "agent_requests_total"), ("job", "tawny"), ("project", project)]);
        let recorded = Labels::new([("__name__", "a:b"), ("project", "bank")]);
        let sent = Labels::new([("__name__", "load"), ("host", "h1")]);
        let all = [own("bank"), own("shop"), recorded, sent];
        let seen = |sees: &Sees| all.each_ref().map(|labels| sees.shows(labels));
        assert_eq!(seen(&Sees::Everything), [true; 4]);
        assert_eq!(seen(&Sees::Of("bank".into())), [true, false, true, true]);
        assert_eq!(seen(&Sees::TawnysOf("bank".into())), [true, false, true, false]);
    }
}
