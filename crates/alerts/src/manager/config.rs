//! An `alertmanager.yml` as it stands.

mod integrations;
mod read;

use std::collections::BTreeMap;

use promql::Labels;

pub use self::integrations::{Http, Integration, Kind, Rows, Secret};
use super::inhibit::InhibitRule;
use super::intervals::TimeInterval;
use super::matchers::Matchers;
use crate::yaml::Problem;

/// A configuration. Durations are milliseconds.
#[derive(Debug, Clone)]
pub struct Config {
    /// The root of the routes.
    pub route: Route,
    /// Receivers by name.
    pub receivers: Vec<Receiver>,
    /// What mutes what.
    pub inhibit_rules: Vec<InhibitRule>,
    /// Intervals by name.
    pub time_intervals: BTreeMap<String, TimeInterval>,
    /// Files with templates, as written.
    pub templates: Vec<String>,
    /// When an alert without an end counts as resolved.
    pub resolve_timeout_ms: i64,
    /// Settings of mail, for every receiver.
    pub smtp: Smtp,
    /// Things that are read but not done, each with its reason; notifications that need them fail visibly.
    pub warnings: Vec<Problem>,
}

/// How mail is sent, where an `email_configs` does not say.
#[derive(Debug, Clone, Default)]
pub struct Smtp {
    /// Settings under their names without `smtp_`.
    pub texts: BTreeMap<String, String>,
    /// Whether TLS is required.
    pub require_tls: bool,
    /// The password.
    pub password: Option<Secret>,
}

/// One route. What it does not say it takes from its parent; that is resolved here.
#[derive(Debug, Clone)]
pub struct Route {
    /// What identifies it: the matchers from the root down.
    pub key: String,
    /// Which alerts; the root takes all.
    pub matchers: Matchers,
    /// Receiver.
    pub receiver: String,
    /// Labels alerts must share to go together.
    pub group_by: GroupBy,
    /// How long a new group waits for more alerts.
    pub group_wait_ms: i64,
    /// How long a group waits after a message before telling of changes.
    pub group_interval_ms: i64,
    /// When a message that is still true is repeated.
    pub repeat_interval_ms: i64,
    /// Whether the routes after this one are tried as well.
    pub goes_on: bool,
    /// Intervals in which nothing is sent.
    pub mute_time_intervals: Vec<String>,
    /// Intervals outside of which nothing is sent, if any.
    pub active_time_intervals: Vec<String>,
    /// Routes below.
    pub routes: Vec<Route>,
}

/// Labels alerts must share to go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// These.
    Labels(Vec<String>),
    /// All of them (`'...'`): each alert on its own.
    All,
}

impl GroupBy {
    /// The labels of an alert that make its group.
    pub fn of(&self, labels: &Labels) -> Labels {
        match self {
            Self::All => labels.clone(),
            Self::Labels(names) => labels.only(names),
        }
    }
}

impl Route {
    /// The routes an alert takes, in order.
    pub fn of(&self, labels: &Labels) -> Vec<&Self> {
        if !self.matchers.matches(labels) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for route in &self.routes {
            let below = route.of(labels);
            let matched = !below.is_empty();
            found.extend(below);
            if matched && !route.goes_on {
                break;
            }
        }
        if found.is_empty() {
            found.push(self);
        }
        found
    }

    /// This route and all below.
    pub fn all(&self) -> Vec<&Self> {
        let mut found = vec![self];
        found.extend(self.routes.iter().flat_map(Self::all));
        found
    }
}

/// Where messages go.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Name.
    pub name: String,
    /// Its integrations, in order.
    pub integrations: Vec<Integration>,
}

impl Config {
    /// Reads a configuration. All its mistakes come back together.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        read::config(text)
    }

    /// A receiver by name.
    pub fn receiver(&self, name: &str) -> Option<&Receiver> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }

    /// Why a route sends nothing now, if so.
    pub fn muted_by_time(&self, route: &Route, now: i64) -> Option<String> {
        let inside = |name: &&String| self.time_intervals.get(*name).is_some_and(|interval| interval.contains(now));
        if let Some(name) = route.mute_time_intervals.iter().find(inside) {
            return Some(format!("muted by the time interval {name:?}"));
        }
        let active = &route.active_time_intervals;
        (!active.is_empty() && !active.iter().any(|name| inside(&name)))
            .then(|| format!("outside of the time intervals {active:?}"))
    }

    /// What is done where nobody configured anything: P1 wakes somebody, P2 is told at once, P3 is told without a ping.
    ///
    /// `slack` is the URL of an incoming webhook and `pagerduty` a routing key; what is missing is left out.
    pub fn default_routing(slack: Option<&str>, pagerduty: Option<&str>) -> Self {
        let url = |url: &str| serde_json::Value::from(url).to_string();
        let slack_with = |ping: &str| {
            slack.map_or_else(String::new, |slack| {
                format!("\n    slack_configs:\n      - api_url: {}\n        send_resolved: true\n        text: '{ping}{{{{ template \"slack.default.text\" . }}}}'", url(slack))
            })
        };
        let page = pagerduty
            .map_or_else(String::new, |key| format!("\n    pagerduty_configs:\n      - routing_key: {}", url(key)));
        let text = format!(
            r#"
route:
  receiver: trends
  group_by: [alertname, severity]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  routes:
    - receiver: page
      matchers: ['severity=~"P1|critical|page"']
    - receiver: here
      matchers: ['severity=~"P2|warning"']
# Several rules see the same trouble; one of them is told.
inhibit_rules:
  - source_matchers: [alertname="AgentErrorRateSpike"]
    target_matchers: ['alertname=~"high_failure_rate|AgentHighErrorRate|WorkflowErrorRate"']
    equal: [project, agent_id]
  - source_matchers: [alertname="AgentP99LatencySpike"]
    target_matchers: ['alertname=~"AgentLatencyDegraded"']
    equal: [project, agent_id]
  - source_matchers: [alertname="AgentCompositeDegradation"]
    target_matchers: ['alertname=~"AgentErrorRateSpike|AgentToolCallFailureSpike|AgentHallucinationTrend"']
    equal: [project, agent_id]
  - source_matchers: [alertname="TelemetryQuiet", signal="traces"]
    target_matchers: ['alertname=~"AgentQuiet|AgentSilent|AgentToolQuiet"']
  - source_matchers: [alertname="AgentSilent"]
    target_matchers: [alertname="AgentQuiet"]
    equal: [project, agent_id]
receivers:
  - name: page{page}{}
  - name: here{}
  - name: trends{}
"#,
            slack_with("<!channel> "),
            slack_with("<!here> "),
            slack_with("")
        );
        Self::parse(&text).unwrap_or_else(|problems| unreachable!("the default routing is valid: {problems:?}"))
    }
}

#[cfg(test)]
mod tests;
