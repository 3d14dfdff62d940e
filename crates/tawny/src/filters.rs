//! Flags that filter runs, and the query string they make.

use clap::Args;

/// Which runs. Values of a repeated flag are alternatives; different flags must all hold.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct RunFilters {
    /// Started at this time or later: RFC 3339, a day, or a distance from now (15m, 24h, 7d).
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Started before this time.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Text in name, agent, service, previews, error, models, tools or tags.
    #[arg(long, short = 'q', value_name = "TEXT")]
    pub q: Option<String>,
    /// Agent.
    #[arg(long, value_name = "NAME")]
    pub agent: Vec<String>,
    /// Service.
    #[arg(long, value_name = "NAME")]
    pub service: Vec<String>,
    /// Model that answered.
    #[arg(long, value_name = "NAME")]
    pub model: Vec<String>,
    /// Tool that ran.
    #[arg(long, value_name = "NAME")]
    pub tool: Vec<String>,
    /// Status: ok, error, running, abandoned.
    #[arg(long, value_name = "STATUS")]
    pub status: Vec<String>,
    /// Session.
    #[arg(long, value_name = "ID")]
    pub session: Vec<String>,
    /// User.
    #[arg(long, value_name = "ID")]
    pub user: Vec<String>,
    /// Workflow.
    #[arg(long, value_name = "NAME")]
    pub workflow: Vec<String>,
    /// Environment.
    #[arg(long, value_name = "NAME")]
    pub environment: Vec<String>,
    /// Version of agent or service.
    #[arg(long = "agent-version", value_name = "VERSION")]
    pub version: Vec<String>,
    /// Tag.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Shortest duration in milliseconds.
    #[arg(long, value_name = "MS")]
    pub min_duration_ms: Option<f64>,
    /// Longest duration in milliseconds.
    #[arg(long, value_name = "MS")]
    pub max_duration_ms: Option<f64>,
    /// Fewest tokens.
    #[arg(long, value_name = "N")]
    pub min_tokens: Option<u64>,
    /// Most tokens.
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<u64>,
    /// Fewest steps.
    #[arg(long, value_name = "N")]
    pub min_steps: Option<u64>,
    /// Most steps.
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u64>,
    /// Only runs with a failed step.
    #[arg(long)]
    pub errors: bool,
}

/// A query string in the making.
pub struct Query(form_urlencoded::Serializer<'static, String>);

impl Query {
    /// An empty one.
    pub fn new() -> Self {
        Self(form_urlencoded::Serializer::new(String::new()))
    }

    /// Adds a parameter if there is a value.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.0.append_pair(name, &value.to_string());
        }
        self
    }

    /// Adds a parameter as often as there are values.
    #[must_use]
    pub fn with_all(mut self, name: &str, values: &[String]) -> Self {
        for value in values {
            self.0.append_pair(name, value);
        }
        self
    }

    /// Adds the filters.
    #[must_use]
    pub fn with_filters(self, filters: &RunFilters) -> Self {
        self.with("from", filters.from.as_ref())
            .with("to", filters.to.as_ref())
            .with("q", filters.q.as_ref())
            .with_all("agent", &filters.agent)
            .with_all("service", &filters.service)
            .with_all("model", &filters.model)
            .with_all("tool", &filters.tool)
            .with_all("status", &filters.status)
            .with_all("session", &filters.session)
            .with_all("user", &filters.user)
            .with_all("workflow", &filters.workflow)
            .with_all("environment", &filters.environment)
            .with_all("version", &filters.version)
            .with_all("tag", &filters.tag)
            .with("min_duration_ms", filters.min_duration_ms)
            .with("max_duration_ms", filters.max_duration_ms)
            .with("min_tokens", filters.min_tokens)
            .with("max_tokens", filters.max_tokens)
            .with("min_steps", filters.min_steps)
            .with("max_steps", filters.max_steps)
            .with("errors", filters.errors.then_some(true))
    }

    /// `path` with the query string behind it.
    pub fn after(mut self, path: &str) -> String {
        let query = self.0.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_repeated() {
        let filters = RunFilters { agent: vec!["a b".into(), "c&d".into()], errors: true, ..RunFilters::default() };
        assert_eq!(Query::new().with_filters(&filters).after("/x"), "/x?agent=a+b&agent=c%26d&errors=true");
        assert_eq!(Query::new().after("/x"), "/x");
    }
}
