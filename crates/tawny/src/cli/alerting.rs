//! Flags of commands about alerts.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Reading;

/// Flags of `serve` about alerts.
#[derive(Debug, Clone, Args)]
pub struct Alerting {
    /// Rule files in Prometheus' format, or folders of them; followed while the server runs (docs/rules.md). Repeatable.
    #[arg(long, env = "TAWNY_RULES", value_name = "PATH", value_delimiter = ',')]
    pub rules: Vec<PathBuf>,
    /// Packs of rules that are on: watch, checklist, seeds, or none. `watch` where nothing is said.
    #[arg(long, env = "TAWNY_RULE_PACKS", value_name = "NAME", value_delimiter = ',')]
    pub rule_packs: Option<Vec<String>>,
    /// An alertmanager.yml: routes, receivers, inhibition, time intervals.
    #[arg(long, env = "TAWNY_ALERTMANAGER_CONFIG", value_name = "FILE")]
    pub alertmanager_config: Option<PathBuf>,
    /// Without an alertmanager.yml: Slack's incoming webhook for all alerts.
    #[arg(
        long,
        env = "TAWNY_SLACK_WEBHOOK",
        hide_env_values = true,
        value_name = "URL",
        conflicts_with = "alertmanager_config"
    )]
    pub slack_webhook: Option<String>,
    /// Without an alertmanager.yml: PagerDuty's routing key for P1 alerts.
    #[arg(
        long,
        env = "TAWNY_PAGERDUTY_KEY",
        hide_env_values = true,
        value_name = "KEY",
        conflicts_with = "alertmanager_config"
    )]
    pub pagerduty_key: Option<String>,
    /// Where people reach this server; links in messages begin with it.
    #[arg(long, env = "TAWNY_EXTERNAL_URL", value_name = "URL")]
    pub external_url: Option<String>,
    /// Label of this server, as Prometheus' `external_labels`: `$externalLabels` in templates of rules, and on alerts that other
    /// Alertmanagers are told of. Repeatable.
    #[arg(
        long = "external-label",
        env = "TAWNY_EXTERNAL_LABELS",
        value_name = "NAME=VALUE",
        value_delimiter = ',',
        value_parser = label
    )]
    pub external_labels: Vec<(String, String)>,
    /// An Alertmanager that is told of every alert as well. Repeatable.
    #[arg(long, env = "TAWNY_FORWARD_ALERTS", value_name = "URL", value_delimiter = ',')]
    pub forward_alerts: Vec<String>,
    /// Asked once a minute while rules are evaluated, so that an outside monitor notices when Tawny itself is silent.
    #[arg(long, env = "TAWNY_HEARTBEAT_URL", value_name = "URL")]
    pub heartbeat_url: Option<String>,
}

/// A label as `NAME=VALUE`.
fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is no label: write NAME=VALUE"))?;
    let fits = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    if name.is_empty() || !name.bytes().all(fits) || name.as_bytes()[0].is_ascii_digit() {
        return Err(format!("{name:?} is no name of a label: use letters, digits and _, and no digit in front"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Flags of `alerts`.
#[derive(Debug, Args)]
pub struct Alerts {
    /// What to do; without it: list.
    #[command(subcommand)]
    pub command: Option<AlertsCommand>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// A command of `alerts`.
#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// Alerts that fire, are pending, or ended lately.
    List(AlertsList),
    /// What shows an alert: its series, the worst runs, findings, and what happened to it.
    Show(AlertsShow),
    /// Mute alerts for a while, list silences, or end one.
    Silence(AlertsSilence),
    /// Take care of an alert: while it fires, messages about it are not repeated.
    Ack(AlertsAck),
    /// What happened to alerts, newest first.
    History(AlertsHistory),
    /// Which rules earned their place over a week, and what to change.
    Review(AlertsReview),
}

/// Flags of `alerts list`.
#[derive(Debug, Args)]
pub struct AlertsList {
    /// Only alerts in this state: firing, pending, resolved, no_data. Repeatable.
    #[arg(long, value_name = "STATE")]
    pub state: Vec<String>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `alerts show`.
#[derive(Debug, Args)]
pub struct AlertsShow {
    /// Fingerprint of the alert, as the list shows it.
    pub fingerprint: String,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `alerts silence`.
#[derive(Debug, Args)]
pub struct AlertsSilence {
    /// Conditions, such as alertname=AgentQuiet or agent_id=~"a|b"; without any, silences are listed.
    #[arg(value_name = "MATCHER")]
    pub matchers: Vec<String>,
    /// How long.
    #[arg(long = "for", value_name = "TIME", default_value = "2h")]
    pub length: String,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub comment: String,
    /// Who you are; to be said where the environment has no USER.
    #[arg(long, env = "USER", value_name = "NAME", default_value = "")]
    pub by: String,
    /// End the silence with this id.
    #[arg(long, value_name = "ID", conflicts_with = "matchers")]
    pub expire: Option<String>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `alerts ack`.
#[derive(Debug, Args)]
pub struct AlertsAck {
    /// Fingerprint of the alert, as the list shows it.
    pub fingerprint: String,
    /// What you do about it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub comment: String,
    /// Who you are; to be said where the environment has no USER.
    #[arg(long, env = "USER", value_name = "NAME", default_value = "")]
    pub by: String,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `alerts history`.
#[derive(Debug, Args)]
pub struct AlertsHistory {
    /// Not before: a time, a day, or a distance from now such as 7d.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub since: String,
    /// Only of this alert.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Events to show, up to 1000.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `alerts review`.
#[derive(Debug, Args)]
pub struct AlertsReview {
    /// The last seven days, which is what is reviewed where nothing is said.
    #[arg(long, conflicts_with = "since")]
    pub week: bool,
    /// Since when: a time, a day, or a distance from now.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub since: String,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}
