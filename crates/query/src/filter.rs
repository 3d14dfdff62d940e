//! What a caller may ask of lists: filters, sorting, paging, facets.

use std::fmt;
use std::str::FromStr;

use model::{Run, RunStatus, SpanId, Timestamp, TraceId};
use serde::{Deserialize, Serialize};

/// Which runs. Values of one list are alternatives, lists and bounds must all hold. The default lets everything through.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunFilter {
    /// Runs that started at this time or later.
    pub from: Option<Timestamp>,
    /// Runs that started before this time.
    pub to: Option<Timestamp>,
    /// Text that name, agent, service, workflow, previews, error, a model, a tool or a tag must contain; case is ignored.
    pub text: Option<String>,
    /// Top agents.
    pub agent: Vec<String>,
    /// Services.
    pub service: Vec<String>,
    /// Models, any of which answered in the run.
    pub model: Vec<String>,
    /// Tools, any of which ran.
    pub tool: Vec<String>,
    /// Statuses.
    pub status: Vec<RunStatus>,
    /// Session ids.
    pub session: Vec<String>,
    /// User ids.
    pub user: Vec<String>,
    /// Workflows.
    pub workflow: Vec<String>,
    /// Environments.
    pub environment: Vec<String>,
    /// Versions of agent or service.
    pub version: Vec<String>,
    /// Tags, any of which the run carries.
    pub tag: Vec<String>,
    /// Shortest duration, in milliseconds.
    pub min_duration_ms: Option<f64>,
    /// Longest duration, in milliseconds.
    pub max_duration_ms: Option<f64>,
    /// Fewest tokens in total.
    pub min_tokens: Option<u64>,
    /// Most tokens in total.
    pub max_tokens: Option<u64>,
    /// Fewest steps.
    pub min_steps: Option<u64>,
    /// Most steps.
    pub max_steps: Option<u64>,
    /// Only runs with at least one failed step or with status `error`.
    pub errors: bool,
    /// `text` may also stand in what was said: messages, tool arguments and results, attributes, log records. For lists of
    /// runs; the newest [`CONTENT_RUNS_MAX`](crate::CONTENT_RUNS_MAX) runs that say it are found.
    pub content: bool,
}

macro_rules! keys {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word used in the API.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = crate::QueryError;
            fn from_str(word: &str) -> Result<Self, crate::QueryError> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(crate::QueryError::invalid(format!(
                        concat!("unknown ", $what, " `{}`; use one of {}"),
                        word,
                        [$($word),+].join(", "),
                    ))),
                }
            }
        }
    };
}

pub(crate) use keys;

keys!(
    /// What runs can be sorted by.
    SortKey, "sort key" {
        /// Start.
        StartedAt = "started_at",
        /// Duration.
        DurationMs = "duration_ms",
        /// Tokens in total.
        TotalTokens = "total_tokens",
        /// Cost; runs of unknown cost count as free.
        CostUsd = "cost_usd",
        /// Failed steps.
        Errors = "errors",
        /// Steps.
        Steps = "steps",
        /// Model calls.
        LlmCalls = "llm_calls",
    }
);

keys!(
    /// What sessions can be sorted by; each is of all runs of a session.
    SessionSortKey, "sort key" {
        /// Last activity.
        LastAt = "last_at",
        /// Time from the first start to the last activity.
        DurationMs = "duration_ms",
        /// Tokens in total.
        TotalTokens = "total_tokens",
        /// Cost; runs of unknown cost count as free.
        CostUsd = "cost_usd",
        /// Failed steps.
        Errors = "errors",
        /// Runs.
        Runs = "runs",
    }
);

keys!(
    /// What runs can be counted by.
    FacetKey, "facet" {
        /// Top agent.
        Agent = "agent",
        /// Service.
        Service = "service",
        /// Each model of a run.
        Model = "model",
        /// Each tool of a run.
        Tool = "tool",
        /// Status.
        Status = "status",
        /// Environment.
        Environment = "environment",
        /// Workflow.
        Workflow = "workflow",
        /// Version of agent or service.
        Version = "version",
        /// User.
        User = "user",
        /// Each tag of a run.
        Tag = "tag",
    }
);

/// A sort key and its direction; entries that are equal in it are ordered by id. Text form: `duration_ms`, `-started_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort<K = SortKey> {
    /// By what.
    pub key: K,
    /// Largest first.
    pub descending: bool,
}

impl Default for Sort {
    /// Newest first.
    fn default() -> Self {
        Self { key: SortKey::StartedAt, descending: true }
    }
}

impl Default for Sort<SessionSortKey> {
    /// Last active first.
    fn default() -> Self {
        Self { key: SessionSortKey::LastAt, descending: true }
    }
}

impl<K: FromStr<Err = crate::QueryError>> FromStr for Sort<K> {
    type Err = crate::QueryError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (descending, key) = text.strip_prefix('-').map_or((false, text), |key| (true, key));
        Ok(Self { key: key.parse()?, descending })
    }
}

impl<K: fmt::Display> fmt::Display for Sort<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.key)
    }
}

/// Entries of a page when the caller does not say.
pub const DEFAULT_PAGE: usize = 50;
/// Most entries of a page.
pub const MAX_PAGE: usize = 500;
/// Most values of one facet.
pub const MAX_FACET_VALUES: usize = 100;

/// Which part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Order of runs (sessions have an order of their own; logs are ordered by time, newest first).
    pub sort: Sort,
    /// Entries wanted, 1 to [`MAX_PAGE`]; outside it the query is refused.
    pub limit: usize,
    /// `next` of the page before.
    pub cursor: Option<String>,
    /// Facets wanted (lists of runs only).
    pub facets: Vec<FacetKey>,
    /// Whether [`RunsPage::total`] is wanted; it costs a scan of what the filter lets through.
    pub total: bool,
}

impl Default for Page {
    fn default() -> Self {
        Self { sort: Sort::default(), limit: DEFAULT_PAGE, cursor: None, facets: Vec::new(), total: true }
    }
}

/// A value and the number of runs that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FacetValue {
    /// The value.
    pub value: String,
    /// Runs that have it.
    pub count: u64,
}

/// Values and counts by facet, most frequent first, at most [`MAX_FACET_VALUES`] each.
/// A facet is counted under all filters but its own key's, so that the alternatives stay in sight.
pub type Facets = std::collections::BTreeMap<FacetKey, Vec<FacetValue>>;

/// A page of runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunsPage {
    /// The runs.
    pub runs: Vec<Run>,
    /// Cursor of the next page; `None` on the last.
    pub next: Option<String>,
    /// The facets that were asked for.
    pub facets: Option<Facets>,
    /// Runs on all pages; 0 where it was not asked for.
    pub total: u64,
    /// More, older runs may say the text that was looked for in content: total and facets count those that were found.
    pub partial: bool,
}

/// Which log records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogFilter {
    /// Records of this time or later.
    pub from: Option<Timestamp>,
    /// Records before this time.
    pub to: Option<Timestamp>,
    /// Text that body or attributes (as kept beside the row), event name or service must contain; case is ignored.
    pub text: Option<String>,
    /// Records of this trace.
    pub trace_id: Option<TraceId>,
    /// Records of this span.
    pub span_id: Option<SpanId>,
    /// Lowest OTLP severity number (9 is INFO, 13 WARN, 17 ERROR).
    pub min_severity: Option<u8>,
    /// Services.
    pub service: Vec<String>,
    /// Names of events.
    pub event: Vec<String>,
    /// Environments.
    pub environment: Vec<String>,
    /// Attributes, all of which must have this value; numbers and other values as JSON writes them.
    pub attributes: Vec<(String, String)>,
    /// Agents: records of runs in which one of them works.
    pub agent: Vec<String>,
}
