//! Running tests.

use std::collections::{BTreeMap, BTreeSet};

use promql::{Labels, Point};

use super::compare::same;
use super::{AlertCase, ExpectedAlert, QueryCase, Test, TestFile};
use crate::evaluate::{self, GroupState, Settings, Source, State};
use crate::memory::Memory;
use crate::rules::{Group, RuleFile};
use crate::yaml::Place;

/// Evaluations one test may take; promtool has no bound, and a mistyped time would run for years.
const MAX_EVALUATIONS: i64 = 20_000_000;

/// A case that did not come out as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Where in the test file.
    pub place: Place,
    /// What was expected and what was found.
    pub message: String,
}

/// How one test went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// The test's name; empty where it has none.
    pub name: String,
    /// Where in the test file.
    pub place: Place,
    /// Cases compared.
    pub cases: usize,
    /// What failed.
    pub failures: Vec<Failure>,
}

/// Runs the tests of a file for which `chosen` says yes, over the rules of its rule files.
pub fn run(file: &TestFile, rules: &[RuleFile], chosen: impl Fn(&Test) -> bool) -> Vec<TestResult> {
    let mut groups: Vec<&Group> = rules.iter().flat_map(|file| &file.groups).collect();
    let rank = |group: &Group| file.group_eval_order.iter().position(|name| *name == group.name).unwrap_or(usize::MAX);
    groups.sort_by_key(|group| rank(group));
    file.tests.iter().filter(|test| chosen(test)).map(|test| Run::new(file, test, &groups).run()).collect()
}

struct Run<'a> {
    file: &'a TestFile,
    test: &'a Test,
    groups: &'a [&'a Group],
    states: Vec<GroupState>,
    memory: Memory,
    settings: Settings,
    failures: Vec<Failure>,
}

impl<'a> Run<'a> {
    fn new(file: &'a TestFile, test: &'a Test, groups: &'a [&'a Group]) -> Self {
        let settings = Settings {
            external_labels: test.external_labels.clone(),
            external_url: test.external_url.clone(),
            hold_no_data_ms: 0,
        };
        Self {
            file,
            test,
            groups,
            states: vec![GroupState::default(); groups.len()],
            memory: Memory::new(file.evaluation_interval_ms),
            settings,
            failures: Vec::new(),
        }
    }

    fn run(mut self) -> TestResult {
        let step = self.file.evaluation_interval_ms;
        let alert_times: BTreeSet<i64> = self.test.alerts.iter().map(|case| case.at_ms).collect();
        let end = alert_times.iter().copied().chain(self.test.queries.iter().map(|case| case.at_ms)).max().unwrap_or(0);
        let cases = self.test.alerts.len() + self.test.queries.len();
        if end / step > MAX_EVALUATIONS {
            self.fail(
                self.test.place,
                format!("the test takes more than {MAX_EVALUATIONS} evaluations; raise `evaluation_interval`"),
            );
        } else {
            let mut loaded = 0;
            let mut errors = BTreeMap::new();
            for now in (0..=end).step_by(usize::try_from(step).unwrap_or(1)) {
                self.load(&mut loaded, now);
                self.evaluate(now, &mut errors);
                for &at in alert_times.range(now..now + step) {
                    self.check_alerts(at);
                }
            }
            self.load(&mut loaded, end);
            for (message, at) in errors {
                self.fail(self.test.place, format!("{message}, at {}", promql::format_duration(at)));
            }
            for case in &self.test.queries {
                self.check_query(case);
            }
        }
        TestResult { name: self.test.name.clone(), place: self.test.place, cases, failures: self.failures }
    }

    fn fail(&mut self, place: Place, message: String) {
        self.failures.push(Failure { place, message });
    }

    /// Adds the samples of the input up to `until`.
    fn load(&mut self, loaded: &mut usize, until: i64) {
        let longest = self.test.input.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        while *loaded < longest && *loaded as i64 * self.test.interval_ms <= until {
            let time = *loaded as i64 * self.test.interval_ms;
            for (labels, values) in &self.test.input {
                if let Some(value) = values.get(*loaded) {
                    self.memory.push_described(labels, time, value);
                }
            }
            *loaded += 1;
        }
    }

    fn evaluate(&mut self, now: i64, errors: &mut BTreeMap<String, i64>) {
        for (group, state) in self.groups.iter().zip(&mut self.states) {
            evaluate::evaluate(group, state, now, &mut self.memory, &self.settings);
            for (rule, state) in group.rules.iter().zip(&state.rules).filter(|(_, state)| !state.last_error.is_empty())
            {
                // Each error once, at its first time.
                let message = format!("group {:?}, rule {:?}: {}", group.name, rule.name, state.last_error);
                errors.entry(message).or_insert(now);
            }
        }
    }

    fn check_alerts(&mut self, at: i64) {
        let cases: Vec<&AlertCase> = self.test.alerts.iter().filter(|case| case.at_ms == at).collect();
        for case in cases {
            let mut found = Vec::new();
            for (group, state) in self.groups.iter().zip(&self.states) {
                for (rule, state) in group.rules.iter().zip(&state.rules) {
                    if rule.is_alert() && rule.name == case.alertname {
                        let firing = state.alerts.values().filter(|alert| alert.state == State::Firing);
                        found.extend(firing.map(|alert| ExpectedAlert {
                            labels: alert.labels.clone(),
                            annotations: Labels::new(alert.annotations.iter().cloned()),
                        }));
                    }
                }
            }
            found.sort();
            let mut expected = case.expected.clone();
            expected.sort();
            if found != expected {
                let message = format!(
                    "alertname {}, time {}:\n  expected {}\n  found    {}",
                    case.alertname,
                    promql::format_duration(at),
                    show_alerts(&expected),
                    show_alerts(&found)
                );
                self.fail(case.place, message);
            }
        }
    }

    fn check_query(&mut self, case: &QueryCase) {
        let head = format!("expr {:?}, time {}", case.expr, promql::format_duration(case.at_ms));
        let answer = promql::parse(&case.expr).map_err(|error| error.to_string());
        let found = match answer.and_then(|query| self.memory.instant(&query, case.at_ms)) {
            Ok(found) => found,
            Err(error) => return self.fail(case.place, format!("{head}: {error}")),
        };
        let mut found: Vec<(Labels, Point)> = found.into_iter().map(|sample| (sample.labels, sample.point)).collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let mut expected = case.expected.clone();
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        let equal = expected.len() == found.len()
            && expected
                .iter()
                .zip(&found)
                .all(|(want, have)| want.0 == have.0 && same(&want.1, &have.1, self.file.fuzzy));
        if !equal {
            let want: Vec<String> = expected.iter().map(|(labels, value)| format!("{labels} {value:?}")).collect();
            let have: Vec<String> = found.iter().map(|(labels, point)| format!("{labels} {point:?}")).collect();
            let list = |items: &[String]| if items.is_empty() { "nothing".to_owned() } else { items.join(", ") };
            self.fail(case.place, format!("{head}:\n  expected {}\n  found    {}", list(&want), list(&have)));
        }
    }
}

fn show_alerts(alerts: &[ExpectedAlert]) -> String {
    if alerts.is_empty() {
        return "no alert".into();
    }
    let one = |alert: &ExpectedAlert| format!("{} with annotations {}", alert.labels, alert.annotations);
    alerts.iter().map(one).collect::<Vec<_>>().join(", ")
}
