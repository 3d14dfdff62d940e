//! `info`: adding labels of info metrics, such as `target_info`, to the series they belong to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::ast::{Call, Expr, Node};
use crate::error::{EvalError, Evaluated};
use crate::eval::{Assembler, Column, Evaluator, Grid, Sink};
use crate::labels::{Labels, METRIC_NAME};
use crate::matcher::Matcher;
use crate::plan::{implied_info_name, info_shift};
use crate::series::is_stale;

/// Labels by which an info series and the series it describes find each other.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// An info series at one step: the time of its sample.
struct InfoSeries {
    labels: Labels,
    metric: Arc<str>,
    identity: Labels,
    times: Vec<Option<i64>>,
}

impl Evaluator<'_> {
    pub(super) fn info(&self, node: &Node, call: &Call, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let mut matchers: Vec<Matcher> = match call.args.get(1).map(|arg| &arg.expr) {
            Some(Expr::Vector(selector)) => selector.matchers.clone(),
            _ => Vec::new(),
        };
        matchers.extend(implied_info_name(&matchers));
        let (names, conditions): (Vec<Matcher>, Vec<Matcher>) =
            matchers.into_iter().partition(|matcher| &*matcher.name == METRIC_NAME);
        let is_info = |name: &str| names.iter().all(|matcher| matcher.is_match(name));
        let info = self.info_series(node, call, grid)?;
        let base = self.collect(&call.args[0], grid)?;
        let mut assembler = Assembler::new(grid.len());
        for column in base {
            if is_info(column.labels.metric_name()) {
                assembler.add_column(column)?;
            } else {
                enrich(column, &info, &conditions, &mut assembler)?;
            }
        }
        assembler.drain(sink)
    }

    fn info_series(&self, node: &Node, call: &Call, grid: &Grid) -> Evaluated<HashMap<Labels, Vec<InfoSeries>>> {
        let shift = info_shift(call, &self.params)?;
        let mut by_identity: HashMap<Labels, Vec<InfoSeries>> = HashMap::new();
        for series in self.series_at(node.start) {
            self.spend(grid.len())?;
            if !series.histograms.is_empty() {
                let message = format!("this should be an info metric, with float samples: {}", series.labels);
                return Err(EvalError::Execution(message));
            }
            let latest = |time: i64| {
                let at = series.times.partition_point(|&at| at <= time).checked_sub(1)?;
                let fresh =
                    series.times[at] > time.saturating_sub(self.params.lookback) && !is_stale(series.values[at]);
                fresh.then_some(series.times[at])
            };
            let info = InfoSeries {
                labels: series.labels.clone(),
                metric: series.labels.metric_name().into(),
                identity: series.labels.only(&IDENTIFYING),
                times: grid.times().map(|time| latest(shift.apply(time))).collect(),
            };
            by_identity.entry(info.identity.clone()).or_default().push(info);
        }
        Ok(by_identity)
    }
}

/// Adds the column with the info labels of each step.
fn enrich(
    column: Column,
    info: &HashMap<Labels, Vec<InfoSeries>>,
    conditions: &[Matcher],
    assembler: &mut Assembler,
) -> Evaluated<()> {
    let candidates = info.get(&column.labels.only(&IDENTIFYING)).map_or(&[][..], Vec::as_slice);
    for (step, point) in column.points.into_iter().enumerate().filter(|(_, point)| point.is_some()) {
        let mut labels = column.labels.clone();
        let mut from: BTreeMap<&str, &str> = BTreeMap::new();
        let newest = newest_by_metric(candidates, step)?;
        // Without a series that fulfils the conditions, those that an absent label does not fulfil leave this one out.
        if newest.is_empty() && !conditions.iter().all(|matcher| matcher.is_match("")) {
            continue;
        }
        for found in newest {
            for label in found.labels.iter() {
                let wanted = conditions.is_empty() || conditions.iter().any(|matcher| matcher.name == label.name);
                if &*label.name == METRIC_NAME || !wanted {
                    continue;
                }
                // Labels the series has already stay as they are.
                if !column.labels.get(&label.name).is_empty() {
                    continue;
                }
                let other = from.insert(&label.name, &label.value);
                if other.is_some_and(|other| other != &*label.value) {
                    return Err(EvalError::Execution(format!("conflicting label: {}", label.name)));
                }
                labels = labels.with(&label.name, &label.value);
            }
        }
        assembler.add(&labels, column.drop_name, step, point)?;
    }
    Ok(())
}

/// For each info metric the series with the newest sample; two of one age cannot be told apart.
fn newest_by_metric(candidates: &[InfoSeries], step: usize) -> Evaluated<Vec<&InfoSeries>> {
    let mut newest: BTreeMap<&str, (i64, &InfoSeries)> = BTreeMap::new();
    for candidate in candidates {
        let Some(time) = candidate.times[step] else { continue };
        match newest.get(&*candidate.metric) {
            Some(&(other, _)) if other == time => {
                let message = format!("found duplicate series for info metric {}", candidate.metric);
                return Err(EvalError::Execution(message));
            }
            Some(&(other, _)) if other > time => {}
            _ => {
                newest.insert(&candidate.metric, (time, candidate));
            }
        }
    }
    Ok(newest.into_values().map(|(_, info)| info).collect())
}
