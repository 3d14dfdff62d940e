//! One evaluation of a group.

use std::collections::{BTreeMap, BTreeSet};

use promql::{Labels, Point, Query, ResultSample, STALE_NAN_BITS};
use serde::{Deserialize, Serialize};

use super::alert::{ActiveAlert, RESOLVED_RETENTION_MS, State};
use super::vanished;
use super::{Sample, Settings, Source, written};
use crate::rules::{Group, Rule, RuleKind};
use crate::template::{Value, World};

/// How the last evaluation of a rule went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Not evaluated yet.
    #[default]
    Unknown,
    /// Well.
    Ok,
    /// With an error.
    Err,
}

/// State of one rule. Times are milliseconds since 1970.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RuleState {
    /// Alerts by labels; those of recording rules have none.
    #[serde(with = "alerts_list")]
    pub alerts: BTreeMap<Labels, ActiveAlert>,
    /// How the last evaluation went.
    pub health: Health,
    /// What went wrong in it.
    pub last_error: String,
    /// When it was.
    pub evaluated_at: Option<i64>,
    /// Series the last evaluation wrote.
    #[serde(with = "labels_list")]
    written: BTreeSet<Labels>,
}

impl RuleState {
    /// Series the last evaluation wrote.
    pub fn series_written(&self) -> usize {
        self.written.len()
    }
}

/// State of a group.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct GroupState {
    /// One for each rule, in their order.
    pub rules: Vec<RuleState>,
    /// When the group was last evaluated.
    pub evaluated_at: Option<i64>,
}

impl GroupState {
    /// State for the rules of `group`, with what `old` knew about rules that are the same.
    ///
    /// A rule is the same by name, labels, expression and annotations' names; what else changed (its `for`, its texts) applies from
    /// the next evaluation.
    pub fn carried_over(group: &Group, old: Option<(&Group, &Self)>) -> Self {
        let same = |a: &Rule, b: &Rule| {
            // By name: what was kept has them in another order.
            fn labels(rule: &Rule) -> BTreeMap<&str, &str> {
                rule.labels.iter().map(|(name, value)| (name.as_str(), value.text())).collect()
            }
            a.name == b.name && a.is_alert() == b.is_alert() && a.query.text == b.query.text && labels(a) == labels(b)
        };
        let mut left: Vec<Option<(&Rule, &RuleState)>> = old.map_or_else(Vec::new, |(group, state)| {
            group.rules.iter().map(|rule| &**rule).zip(&state.rules).map(Some).collect()
        });
        let mut take = |rule: &Rule| {
            let slot = left.iter_mut().find(|slot| slot.is_some_and(|(old, _)| same(old, rule)))?;
            slot.take().map(|(_, state)| state.clone())
        };
        let rules = group.rules.iter().map(|rule| take(rule).unwrap_or_default()).collect();
        Self { rules, evaluated_at: old.and_then(|(_, state)| state.evaluated_at) }
    }
}

/// What an evaluation of one rule came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Alerts that began to fire.
    pub fired: Vec<ActiveAlert>,
    /// Alerts that were resolved.
    pub resolved: Vec<ActiveAlert>,
    /// Templates that could not be expanded; the alert carries the error in its text, as in Prometheus.
    pub template_errors: Vec<String>,
}

/// Evaluates the rules of a group at `now`, one after the other. An error of one rule is kept in its state; the others go on.
pub fn evaluate(
    group: &Group,
    state: &mut GroupState,
    now: i64,
    source: &mut dyn Source,
    settings: &Settings,
) -> Vec<Outcome> {
    state.rules.resize_with(group.rules.len(), RuleState::default);
    state.evaluated_at = Some(now);
    let mut outcomes = Vec::with_capacity(group.rules.len());
    for (rule, rule_state) in group.rules.iter().zip(&mut state.rules) {
        let mut turn = Turn { rule, group, now, source: &mut *source, settings, outcome: Outcome::default() };
        let result = turn.evaluate(rule_state);
        rule_state.evaluated_at = Some(now);
        match result {
            Ok(samples) => {
                rule_state.health = Health::Ok;
                rule_state.last_error.clear();
                turn.write(rule_state, samples);
            }
            Err(error) => {
                rule_state.health = Health::Err;
                rule_state.last_error = error;
            }
        }
        outcomes.push(turn.outcome);
    }
    outcomes
}

/// The evaluation of one rule.
struct Turn<'a> {
    rule: &'a Rule,
    group: &'a Group,
    now: i64,
    source: &'a mut dyn Source,
    settings: &'a Settings,
    outcome: Outcome,
}

impl Turn<'_> {
    fn queried_at(&self) -> i64 {
        self.now - self.group.query_offset_ms
    }

    fn evaluate(&mut self, state: &mut RuleState) -> Result<Vec<Sample>, String> {
        let found = self.source.instant(&self.rule.query, self.queried_at())?;
        match self.rule.kind {
            RuleKind::Record => self.record(found),
            RuleKind::Alert { .. } => self.alerts(found, state),
        }
    }

    fn record(&self, found: Vec<ResultSample>) -> Result<Vec<Sample>, String> {
        let mut seen = BTreeSet::new();
        let mut samples = Vec::with_capacity(found.len());
        for sample in found {
            let mut labels = sample.labels.with(promql::METRIC_NAME, &self.rule.name);
            for (name, value) in &self.rule.labels {
                labels = labels.with(name, value.text());
            }
            if !seen.insert(labels.clone()) {
                return Err("vector contains metrics with the same labelset after applying rule labels".into());
            }
            samples.push(Sample { labels, time_ms: self.queried_at(), point: sample.point });
        }
        self.check_limit(samples.len(), "series")?;
        Ok(samples)
    }

    fn check_limit(&self, found: usize, what: &str) -> Result<(), String> {
        let limit = self.group.limit;
        if limit > 0 && found > limit {
            return Err(format!("exceeded limit of {limit} with {found} {what}"));
        }
        Ok(())
    }

    fn alerts(&mut self, found: Vec<ResultSample>, state: &mut RuleState) -> Result<Vec<Sample>, String> {
        self.check_limit(found.len(), "alerts")
            .inspect_err(|_| state.alerts.retain(|_, alert| alert.state == State::Firing))?;
        let mut current = BTreeMap::new();
        for sample in found {
            let alert = self.alert_of(&sample);
            if current.insert(alert.labels.clone(), alert).is_some() {
                return Err("vector contains metrics with the same labelset after applying alert labels".into());
            }
        }
        let gone = self.without_data(state, &current);
        for (labels, alert) in &current {
            match state.alerts.get_mut(labels).filter(|known| known.is_active()) {
                Some(known) => {
                    known.value = alert.value;
                    known.annotations.clone_from(&alert.annotations);
                    known.source = alert.source.clone();
                    known.no_data_since = None;
                }
                None => {
                    state.alerts.insert(labels.clone(), alert.clone());
                }
            }
        }
        let mut samples = Vec::new();
        let now = self.now;
        state
            .alerts
            .retain(|labels, alert| self.advance(alert, current.contains_key(labels), gone.contains(labels), now));
        for alert in state.alerts.values().filter(|alert| alert.is_active()) {
            samples.extend(self.series_of(alert));
        }
        Ok(samples)
    }

    /// Moves one alert; says whether it is still to be remembered.
    fn advance(&mut self, alert: &mut ActiveAlert, holds: bool, no_data: bool, now: i64) -> bool {
        let RuleKind::Alert { hold_ms, keep_firing_ms, .. } = self.rule.kind else { return false };
        if holds {
            alert.keep_firing_since = None;
            if alert.state == State::Pending && now - alert.active_at >= hold_ms {
                alert.state = State::Firing;
                alert.fired_at = Some(now);
                self.outcome.fired.push(alert.clone());
            }
            return true;
        }
        match alert.state {
            State::Pending => return false,
            State::Inactive => return alert.resolved_at.is_some_and(|at| now - at <= RESOLVED_RETENTION_MS),
            State::Firing => {}
        }
        if keep_firing_ms > 0 {
            let since = *alert.keep_firing_since.get_or_insert(now);
            if now - since < keep_firing_ms {
                return true;
            }
        }
        if no_data {
            let since = *alert.no_data_since.get_or_insert(now);
            if now - since < self.settings.hold_no_data_ms {
                return true;
            }
        } else {
            alert.no_data_since = None;
        }
        alert.state = State::Inactive;
        alert.resolved_at = Some(now);
        self.outcome.resolved.push(alert.clone());
        true
    }

    /// Firing alerts whose series are gone rather than below the threshold.
    fn without_data(&mut self, state: &RuleState, current: &BTreeMap<Labels, ActiveAlert>) -> BTreeSet<Labels> {
        let missing: Vec<&ActiveAlert> = state
            .alerts
            .values()
            .filter(|alert| alert.state == State::Firing && !current.contains_key(&alert.labels))
            .collect();
        if missing.is_empty() {
            return BTreeSet::new();
        }
        let at = self.queried_at();
        let Some(Ok(samples)) = vanished::watched(&self.rule.query).map(|query| self.source.instant(&query, at)) else {
            return BTreeSet::new();
        };
        let gone = missing.into_iter().filter(|alert| !vanished::is_there(&samples, &alert.source));
        gone.map(|alert| alert.labels.clone()).collect()
    }

    fn alert_of(&mut self, sample: &ResultSample) -> ActiveAlert {
        let value = sample.point.float().unwrap_or(0.0);
        let data = Value::structure(
            "AlertTemplateData",
            [
                ("Labels", Value::labels(&sample.labels)),
                ("ExternalLabels", Value::texts(self.settings.external_labels.iter().cloned())),
                ("ExternalURL", Value::text(&self.settings.external_url)),
                ("Value", Value::Float(value)),
            ],
        );
        let mut labels = sample.labels.without(&[promql::METRIC_NAME]);
        for (name, template) in &self.rule.labels {
            let text = self.expand(template, &data);
            labels = labels.with(name, &text);
        }
        labels = labels.with("alertname", &self.rule.name);
        let annotations = self
            .rule
            .annotations()
            .iter()
            .map(|(name, template)| (name.clone(), self.expand(template, &data)))
            .collect();
        ActiveAlert {
            labels,
            source: sample.labels.clone(),
            annotations,
            value,
            state: State::Pending,
            active_at: self.now,
            fired_at: None,
            resolved_at: None,
            keep_firing_since: None,
            no_data_since: None,
            sent_at: None,
        }
    }

    fn expand(&mut self, template: &crate::template::Template, data: &Value) -> String {
        let mut world = RuleWorld {
            source: &mut *self.source,
            at: self.now - self.group.query_offset_ms,
            url: &self.settings.external_url,
        };
        template.expand(data, &[], &mut world).unwrap_or_else(|error| {
            self.outcome.template_errors.push(format!("rule {:?}: {error}", self.rule.name));
            format!("<error expanding template: {error}>")
        })
    }

    fn series_of(&self, alert: &ActiveAlert) -> [Sample; 2] {
        let time_ms = self.queried_at();
        let alerts = alert.labels.with(promql::METRIC_NAME, "ALERTS").with("alertstate", alert.state.as_str());
        let state = alert.labels.with(promql::METRIC_NAME, "ALERTS_FOR_STATE");
        let active = alert.active_at.div_euclid(1000) as f64;
        [
            Sample { labels: alerts, time_ms, point: Point::Float(1.0) },
            Sample { labels: state, time_ms, point: Point::Float(active) },
        ]
    }

    /// Writes what the rule gave, and an end for each series it gave last time and no longer does.
    fn write(&mut self, state: &mut RuleState, mut samples: Vec<Sample>) {
        let current: BTreeSet<Labels> = samples.iter().map(|sample| sample.labels.clone()).collect();
        let stale = Point::Float(f64::from_bits(STALE_NAN_BITS));
        for labels in state.written.difference(&current) {
            samples.push(Sample { labels: labels.clone(), time_ms: self.queried_at(), point: stale.clone() });
        }
        state.written = current;
        if !samples.is_empty() {
            self.source.write(samples);
        }
    }
}

/// What templates of a rule may ask.
struct RuleWorld<'a> {
    source: &'a mut dyn Source,
    at: i64,
    url: &'a str,
}

impl World for RuleWorld<'_> {
    fn query(&mut self, query: &str) -> Result<Vec<(Labels, f64)>, String> {
        let query: Query = promql::parse(query).map_err(|error| error.to_string())?;
        let samples = self.source.instant(&query, self.at)?;
        Ok(samples.into_iter().map(|sample| (sample.labels, sample.point.float().unwrap_or(0.0))).collect())
    }

    fn now_ms(&self) -> i64 {
        self.at
    }

    fn external_url(&self) -> &str {
        self.url
    }
}

mod labels_list {
    //! A set of label sets as a list.
    use std::collections::BTreeSet;

    use promql::Labels;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::written;

    pub fn serialize<S: Serializer>(set: &BTreeSet<Labels>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(set.iter().map(written::pairs))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Labels>, D::Error> {
        Ok(Vec::<Vec<(String, String)>>::deserialize(deserializer)?.into_iter().map(Labels::new).collect())
    }
}

mod alerts_list {
    //! Alerts as a list; each knows its labels.
    use std::collections::BTreeMap;

    use promql::Labels;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::ActiveAlert;

    pub fn serialize<S: Serializer>(map: &BTreeMap<Labels, ActiveAlert>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.values())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Labels, ActiveAlert>, D::Error> {
        let list = Vec::<ActiveAlert>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|alert| (alert.labels.clone(), alert)).collect())
    }
}
