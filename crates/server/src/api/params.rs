//! Query parameters: what they are called, and reading them with errors that say what to do.

use utoipa::IntoParams;

/// Parameters that filter runs. Values of a repeated parameter are alternatives; different parameters must all hold.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct RunFilterParams {
    /// Runs that started at this time or later: RFC 3339, or a distance from now such as `15m`, `1h`, `24h`, `7d`.
    pub from: Option<String>,
    /// Runs that started before this time; as `from`.
    pub to: Option<String>,
    /// Text in name, agent, service, workflow, previews, error, models, tools or tags.
    pub q: Option<String>,
    /// Top agent; repeatable.
    pub agent: Option<Vec<String>>,
    /// Service; repeatable.
    pub service: Option<Vec<String>>,
    /// Model that answered; repeatable.
    pub model: Option<Vec<String>>,
    /// Tool that ran; repeatable.
    pub tool: Option<Vec<String>>,
    /// Status: `ok`, `error`, `running`, `abandoned`; repeatable.
    pub status: Option<Vec<String>>,
    /// Session id; repeatable.
    pub session: Option<Vec<String>>,
    /// User id; repeatable.
    pub user: Option<Vec<String>>,
    /// Workflow; repeatable.
    pub workflow: Option<Vec<String>>,
    /// Environment; repeatable.
    pub environment: Option<Vec<String>>,
    /// Version of agent or service; repeatable.
    pub version: Option<Vec<String>>,
    /// Tag; repeatable.
    pub tag: Option<Vec<String>>,
    /// Shortest duration in milliseconds.
    pub min_duration_ms: Option<f64>,
    /// Longest duration in milliseconds.
    pub max_duration_ms: Option<f64>,
    /// Fewest tokens in total.
    pub min_tokens: Option<u64>,
    /// Most tokens in total.
    pub max_tokens: Option<u64>,
    /// Only runs with a failed step.
    pub errors: Option<bool>,
}

/// Parameters of a list of runs.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct RunPageParams {
    /// `started_at`, `duration_ms`, `total_tokens`, `cost_usd`, `errors`, `steps` or `llm_calls`; a `-` in front turns the order round.
    #[param(example = "-started_at")]
    pub sort: Option<String>,
    /// Runs on the page: 1 to 500, 50 when not given.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
    /// Facets to count, separated by commas: `agent`, `service`, `model`, `tool`, `status`, `environment`, `workflow`, `version`, `user`, `tag`.
    #[param(example = "agent,status")]
    pub facets: Option<String>,
}

/// Parameters of other lists.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct PageParams {
    /// Entries on the page: 1 to 500, 50 when not given.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// Parameters that filter log records.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct LogFilterParams {
    /// Records of this time or later: RFC 3339, or a distance from now such as `15m`, `1h`, `24h`, `7d`.
    pub from: Option<String>,
    /// Records before this time; as `from`.
    pub to: Option<String>,
    /// Text in body, attributes, event name or service.
    pub q: Option<String>,
    /// Records of this run.
    pub trace_id: Option<String>,
    /// Lowest severity: a number from 1 to 24, or `trace`, `debug`, `info`, `warn`, `error`, `fatal`.
    pub severity: Option<String>,
    /// Service; repeatable.
    pub service: Option<Vec<String>>,
}

/// A time range.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct RangeParams {
    /// Start of the range: RFC 3339, or a distance from now such as `15m`, `1h`, `24h`, `7d`.
    pub from: Option<String>,
    /// End of the range; as `from`.
    pub to: Option<String>,
}

/// How much of a run to answer with.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct ContentParams {
    /// `full` (when not given) or `none`: without messages, attributes, events, arguments, results and documents.
    #[param(example = "none")]
    pub content: Option<String>,
}
