//! Carrying out a script.

use super::script::{Command, Eval, When, read};
use super::storage::Storage;
use super::{Failure, Report};
use crate::annotations::Severity;
use crate::ast::{At, Expr, Node};
use crate::error::Limits;
use crate::eval::{Answer, evaluate};
use crate::plan::{Params, parse};
use crate::series::{Point, ResultSample, Value};

/// Functions whose result depends on the time of evaluation even where all selectors are fixed by `@`.
const TIME_DEPENDENT: [&str; 13] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "time",
    "timestamp",
    "start",
    "end",
];
/// Functions that say something about the query rather than about its series: a range query answers differently.
const ABOUT_THE_QUERY: [&str; 4] = ["start", "end", "step", "range"];

/// Runs a script.
pub fn run(text: &str) -> Report {
    let mut report = Report::default();
    let (mut storage, mut ignoring) = (Storage::default(), false);
    for command in read(text) {
        let fail = |line: usize, query: &str, message: String| Failure { line, query: query.into(), message };
        match command {
            Err(failure) => report.failed.push(failure),
            Ok(Command::Clear) => storage = Storage::default(),
            Ok(Command::Ignore(ignore)) => ignoring = ignore,
            Ok(Command::Load(load)) => {
                if let Err(message) = storage.load(&load) {
                    report.failed.push(fail(load.line, "load", message));
                }
            }
            Ok(Command::Eval(_)) if ignoring => report.ignored += 1,
            Ok(Command::Eval(eval)) => match eval.run(&storage) {
                Ok(()) => report.passed += 1,
                Err(message) => report.failed.push(fail(eval.line, &eval.query, message)),
            },
        }
    }
    report
}

fn ask(storage: &Storage, query: &str, params: &Params) -> Result<Answer, String> {
    let query = parse(query).map_err(|error| error.to_string())?;
    let needs = query.selectors(params).map_err(|error| error.to_string())?;
    let fetched: Vec<_> = needs.iter().map(|need| storage.select(need)).collect();
    evaluate(&query, &fetched, params, &Limits::default()).map_err(|error| error.to_string())
}

impl Eval {
    fn run(&self, storage: &Storage) -> Result<(), String> {
        let at = match self.when {
            When::Range { from, to, step } => {
                return self.check(&self.query, ask(storage, &self.query, &Params::range(from, to, step)));
            }
            When::Instant(at) => self.range_vector.map_or(at, |(_, to, _)| to),
        };
        self.run_instant(storage, &self.query, at)?;
        let Ok(query) = parse(&self.query) else { return Ok(()) };
        let mut root = query.root;
        if calls_any(&root, &TIME_DEPENDENT) {
            return Ok(());
        }
        fix_times(&mut root, at);
        let fixed = root.to_string();
        let others = if at == 0 { vec![-1000, 0, 1000] } else { vec![-10 * at, 0, at / 5, at, 10 * at] };
        for other in others {
            self.run_instant(storage, &fixed, other)
                .map_err(|message| format!("{message} (as `{fixed}` at {other} ms)"))?;
        }
        Ok(())
    }

    fn run_instant(&self, storage: &Storage, query: &str, at: i64) -> Result<(), String> {
        self.check(query, ask(storage, query, &Params::instant(at)))?;
        if self.fail.is_some() || self.string.is_some() || self.range_vector.is_some() || self.ordered {
            return Ok(());
        }
        if parse(query).is_ok_and(|query| calls_any(&query.root, &ABOUT_THE_QUERY)) {
            return Ok(());
        }
        self.run_as_range(storage, query, at).map_err(|message| format!("{message} (as a range query)"))
    }

    /// The same as the middle step of a range.
    fn run_as_range(&self, storage: &Storage, query: &str, at: i64) -> Result<(), String> {
        let answer = ask(storage, query, &Params::range(at - 60_000, at + 60_000, 60_000))?;
        let Value::Matrix(series) = answer.value else { return Err("expected a matrix".into()) };
        let middle =
            |points: Vec<(i64, Point)>| points.into_iter().find(|&(time, _)| time == at).map(|(_, point)| point);
        let samples = series.into_iter().filter_map(|series| {
            let point = middle(series.points)?;
            Some(ResultSample { labels: series.labels, time: at, point })
        });
        let samples: Vec<ResultSample> = samples.collect();
        if self.scalar.is_some() {
            let value = samples.first().and_then(|sample| sample.point.float());
            return self.compare(&Value::Scalar(value.ok_or("expected a scalar, got nothing")?));
        }
        self.compare_vector(&samples)
    }

    fn check(&self, query: &str, answer: Result<Answer, String>) -> Result<(), String> {
        let answer = match (answer, &self.fail) {
            (Err(message), None) => return Err(format!("error: {message}")),
            (Err(message), Some(Some(pattern))) if !pattern.matches(&message) => {
                return Err(format!("expected error {:?}, got {message:?}", pattern.as_str()));
            }
            (Err(_), Some(_)) => return Ok(()),
            (Ok(_), Some(_)) => return Err("expected an error, got none".into()),
            (Ok(answer), None) => answer,
        };
        self.warnings.compare(&answer.annotations.messages(Severity::Warning, query), "warning")?;
        self.infos.compare(&answer.annotations.messages(Severity::Info, query), "info")?;
        self.compare(&answer.value)
    }
}

fn calls_any(node: &Node, names: &[&str]) -> bool {
    let here = match &node.expr {
        Expr::Call(call) => names.contains(&call.function.name),
        // Durations are no expressions; as text they say what they ask for.
        Expr::Vector(_) | Expr::Matrix(..) | Expr::Subquery(_) => {
            let text = node.to_string();
            ["step", "range"].iter().any(|name| names.contains(name) && text.contains(&format!("{name}()")))
        }
        _ => false,
    };
    here || node.children().into_iter().any(|child| calls_any(child, names))
}

/// Fixes every selector and subquery without `@` at `time`; what is inside a fixed subquery stays as it is.
fn fix_times(node: &mut Node, time: i64) {
    let fix = |at: &mut Option<At>| {
        if !matches!(at, Some(At::Time(_))) {
            *at = Some(At::Time(time));
        }
    };
    match &mut node.expr {
        Expr::Vector(selector) | Expr::Matrix(selector, _) => fix(&mut selector.when.at),
        Expr::Subquery(subquery) => {
            fix(&mut subquery.when.at);
            return;
        }
        Expr::Call(call) if call.function.name == "info" => {
            // The second argument selects labels, not samples.
            return fix_times(&mut call.args[0], time);
        }
        _ => {}
    }
    node.children_mut().into_iter().for_each(|child| fix_times(child, time));
}
