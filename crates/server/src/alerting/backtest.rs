//! Rules over stored history, on the threads for queries.

use std::sync::Arc;
use std::time::Duration;

use alerts::backtest::{self, BacktestError, Bounds, History, Made, RuleReport, Span};
use alerts::evaluate::Settings;
use alerts::rules::{Group, Rule};
use promql::{Params, Query, Value};

use super::{evaluate, limits};
use crate::app::App;
use crate::clock::SystemClock;
use crate::limits::LimitName;
use crate::problem::Problem;
use crate::series::{Sees, SeriesStore, on_threads};

/// Times of firing told of one rule.
const INTERVALS_MAX: usize = 500;
/// How long one range query may take.
const QUERY_TIME: Duration = Duration::from_secs(60);

/// One rule and what came of it.
pub struct Tested {
    /// The rule.
    pub rule: Rule,
    /// Milliseconds between evaluations as its group has it.
    pub interval_ms: i64,
    /// What came of it.
    pub report: RuleReport,
}

/// What came of a backtest.
pub struct Backtest {
    /// Rules, in the order of their files.
    pub rules: Vec<Tested>,
    /// Before this time only hourly samples are left, in milliseconds since 1970.
    pub thin_before: Option<i64>,
}

/// Runs the rules of `groups` over the series of the project: all of them, or the one named, with what it needs.
///
/// # Errors
/// When another one runs, the span cannot be used, or a limit is reached.
pub async fn run(app: &App, groups: Vec<Arc<Group>>, only: Option<String>, span: Span) -> Result<Backtest, Problem> {
    let permit = Arc::clone(&app.alerting()?.backtests).try_acquire_owned().map_err(|_| {
        app.counters.limit_reached(LimitName::BacktestsMax);
        Problem::unavailable("another backtest is running (backtests_max); ask again when it is done")
    })?;
    let bounds = Bounds {
        steps_max: limits::BACKTEST_STEPS_MAX,
        intervals_max: INTERVALS_MAX,
        samples_max: limits::BACKTEST_SAMPLES_MAX,
    };
    let settings = Settings {
        external_labels: app.settings.alerts.external_labels.clone(),
        external_url: evaluate::external_url(app),
        hold_no_data_ms: limits::NO_DATA_HOLD.as_millis() as i64,
    };
    let sees = app.sees();
    let work = move |store: Arc<SeriesStore>, project: Arc<str>| {
        let _permit = permit;
        let until = SystemClock::time().plus_nanos(limits::BACKTEST_TIME.as_nanos() as i64);
        let thin_before = store.thin_before(&project)?;
        let mut history = Stored { store, project, sees };
        let wanted = |rule: &Rule| only.as_ref().is_none_or(|name| *name == rule.name);
        let stop = || SystemClock::time() > until;
        let borrowed: Vec<&Group> = groups.iter().map(|group| &**group).collect();
        let tested = backtest::run(&borrowed, &wanted, span, bounds, &settings, &mut history, &stop);
        let owned = |tested: backtest::Tested<'_>| Tested {
            rule: tested.rule.clone(),
            interval_ms: tested.interval,
            report: tested.report,
        };
        Ok(tested.map(|tested| Backtest { rules: tested.into_iter().map(owned).collect(), thin_before }))
    };
    // The rules are the server's, and so are the series they would have looked at, whatever project is looked at.
    let done = on_threads(app, work, &super::project()).await;
    done.map_err(|error| Problem::unavailable(format!("series cannot be read: {error}")))?.map_err(|error| match error {
        BacktestError::Empty | BacktestError::Step(_) => Problem::bad_request(error.to_string()),
        BacktestError::Stopped => {
            app.counters.limit_reached(LimitName::BacktestTime);
            let seconds = limits::BACKTEST_TIME.as_secs();
            limit(format!("the backtest took longer than {seconds} s (backtest_time); choose a larger step, a shorter time or fewer rules"))
        }
        BacktestError::Samples { .. } => {
            app.counters.limit_reached(LimitName::BacktestSamplesMax);
            limit(error.to_string())
        }
    })
}

fn limit(detail: String) -> Problem {
    Problem::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "limit", "A limit was reached", detail)
}

/// The series of a project. Lives on a thread for blocking work.
struct Stored {
    store: Arc<SeriesStore>,
    project: Arc<str>,
    sees: Sees,
}

impl History for Stored {
    fn value(&mut self, query: &Query, params: &Params, made: &Made) -> Result<Value, String> {
        let answer = self.store.evaluate_with((&self.project, &self.sees), query, params, QUERY_TIME, made);
        answer.map(|answer| answer.value).map_err(|error| error.to_string())
    }
}
