//! Dashboards: JSON that people arrange and share.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Dashboards of a project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Dashboards {
    /// By title.
    pub dashboards: Vec<DashboardInfo>,
}

/// One in the list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardInfo {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// Panels on it.
    pub panels: usize,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: String,
}

/// A dashboard.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Dashboard {
    /// Its id.
    pub id: String,
    /// Counts its changes from 1. Whoever changes it says which one they saw.
    pub revision: i64,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: String,
    /// What it shows.
    pub spec: DashboardSpec,
}

/// A change of a dashboard.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DashboardChange {
    /// The revision that was changed.
    pub revision: i64,
    /// What it is to show.
    pub spec: DashboardSpec,
}

/// What a dashboard shows: the whole file, as it is exported and imported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DashboardSpec {
    /// Its title.
    pub title: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The time it shows at first: a distance from now such as `6h`.
    #[serde(default = "six_hours")]
    pub from: String,
    /// Values that are put into queries where they say `$name`.
    #[serde(default)]
    pub variables: Vec<DashboardVariable>,
    /// Panels.
    #[serde(default)]
    pub panels: Vec<DashboardPanel>,
}

fn six_hours() -> String {
    "6h".into()
}

/// A value that is chosen above the panels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DashboardVariable {
    /// Its name in queries, without the `$`.
    pub name: String,
    /// Its name for people; the other one where empty.
    #[serde(default)]
    pub label: String,
    /// The label whose values are offered.
    #[serde(default)]
    pub label_values: String,
    /// Only of series that this selects.
    #[serde(default)]
    pub of: String,
    /// Values that are offered besides.
    #[serde(default)]
    pub options: Vec<String>,
    /// What it is at first; empty for any (`.*`).
    #[serde(default)]
    pub value: String,
}

/// What a panel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DashboardPanelKind {
    /// One number, the last.
    Stat,
    /// Lines or bars over time.
    Timeseries,
    /// Rows and columns.
    Table,
    /// One bar for each series, by its last number.
    Barchart,
    /// Counts by size over time: series with the label `le`.
    Heatmap,
    /// One number between two ends.
    Gauge,
    /// Words, in Markdown.
    Text,
}

/// A panel on a grid of 24 columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DashboardPanel {
    /// Tells it from the others.
    pub id: String,
    /// What it is.
    pub kind: DashboardPanelKind,
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// What it shows, for the one who wonders.
    #[serde(default)]
    pub description: String,
    /// Columns from the left, 0 to 23.
    pub x: u16,
    /// Rows from the top.
    pub y: u16,
    /// Columns wide, 1 to 24.
    pub w: u16,
    /// Rows high, 1 to 40.
    pub h: u16,
    /// What is asked.
    #[serde(default)]
    pub queries: Vec<DashboardQuery>,
    /// The words of a text panel.
    #[serde(default)]
    pub text: String,
    /// Unit of the numbers, as Grafana names it: `short`, `s`, `ms`, `percent`, `percentunit`, `currencyUSD`, `bytes`.
    #[serde(default)]
    pub unit: String,
    /// Bars instead of lines, one on the other.
    #[serde(default)]
    pub stacked: bool,
    /// Lower end of a gauge or axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Upper end of a gauge or axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Where the colour changes.
    #[serde(default)]
    pub thresholds: Vec<DashboardThreshold>,
}

/// A question of a panel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DashboardQuery {
    /// Its language.
    pub language: DashboardLanguage,
    /// The question.
    pub query: String,
    /// How a series is called: words with `{{label}}`; by all its labels where empty.
    #[serde(default)]
    pub legend: String,
}

/// A language of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DashboardLanguage {
    /// PromQL over series.
    Promql,
    /// SQL over spans, runs and logs.
    Sql,
}

/// From this value on, a number has that colour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DashboardThreshold {
    /// The value.
    pub value: f64,
    /// The colour.
    pub tone: DashboardTone,
}

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DashboardTone {
    /// All is well.
    Ok,
    /// Look at it.
    Warn,
    /// It is bad.
    Bad,
}
