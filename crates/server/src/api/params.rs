//! Query parameters: what they are called, and reading them with errors that say what to do.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use model::{RunStatus, SpanId, Timestamp, TraceId};
use query::{Aggregate, AggregateKey, FacetKey, LogFilter, Measure, Of, Page, RunFilter, SessionSortKey, Sort};
use utoipa::IntoParams;

use super::times::parse_distance;
pub use super::times::parse_time;
use crate::doors::credentials;
use crate::problem::Problem;

/// Longest query string that is read, in bytes.
const MAX_QUERY_BYTES: usize = 16 << 10;

/// The query parameters of a request. Taking them out one by one leaves those that nobody knows, which are refused by
/// [`Params::end`]: a misspelt filter must not silently answer with everything.
#[derive(Debug, Default)]
pub struct Params(BTreeMap<String, Vec<String>>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Params {
    /// Reads a query string. Empty values count as not given.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        if query.len() > MAX_QUERY_BYTES {
            return Err(Problem::bad_request(format!("the query string is longer than {MAX_QUERY_BYTES} bytes")));
        }
        let mut params: BTreeMap<String, Vec<String>> = BTreeMap::new();
        // Which project it is about is read where it is seen who asks.
        let own = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != credentials::PROJECT);
        for (name, value) in own {
            let values = params.entry(name.into_owned()).or_default();
            if !value.is_empty() {
                values.push(value.into_owned());
            }
        }
        Ok(Self(params))
    }

    /// All values of a parameter.
    pub fn all(&mut self, name: &str) -> Vec<String> {
        self.0.remove(name).unwrap_or_default()
    }

    /// The value of a parameter that is given at most once.
    pub fn one(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            n => Err(Problem::bad_request(format!("`{name}` is given {n} times: give it once"))),
        }
    }

    /// The value of a parameter, read as `T`; `expected` says what it should be.
    pub fn read<T: FromStr>(&mut self, name: &str, expected: &str) -> Result<Option<T>, Problem> {
        self.one(name)?.map(|text| text.parse().map_err(|_| unreadable(name, &text, expected))).transpose()
    }

    /// A time: RFC 3339, a day, or a distance from `now`.
    pub fn time(&mut self, name: &str, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
        let expected = "an RFC 3339 time (2026-01-31T12:00:00Z), a day (2026-01-31), or a distance from now such as 15m, 1h, 24h, 7d";
        self.one(name)?.map(|text| parse_time(&text, now).ok_or_else(|| unreadable(name, &text, expected))).transpose()
    }

    /// Refuses parameters that nothing has taken.
    pub fn end(self) -> Result<(), Problem> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Problem::bad_request(format!(
                "there is no parameter `{name}` here; GET /api/v1/openapi.json lists those there are"
            ))),
        }
    }

    /// The filters of [`RunFilterParams`].
    pub fn run_filter(&mut self, now: Timestamp) -> Result<RunFilter, Problem> {
        let status = self.all("status").into_iter().map(|word| {
            word.parse::<RunStatus>().map_err(|()| unreadable("status", &word, "ok, error, running or abandoned"))
        });
        Ok(RunFilter {
            status: status.collect::<Result<_, _>>()?,
            from: self.time("from", now)?,
            to: self.time("to", now)?,
            text: self.one("q")?,
            agent: self.all("agent"),
            service: self.all("service"),
            model: self.all("model"),
            tool: self.all("tool"),
            session: self.all("session"),
            user: self.all("user"),
            workflow: self.all("workflow"),
            environment: self.all("environment"),
            version: self.all("version"),
            tag: self.all("tag"),
            min_duration_ms: self.duration("min_duration_ms")?,
            max_duration_ms: self.duration("max_duration_ms")?,
            min_tokens: self.read("min_tokens", "a whole number")?,
            max_tokens: self.read("max_tokens", "a whole number")?,
            min_steps: self.read("min_steps", "a whole number")?,
            max_steps: self.read("max_steps", "a whole number")?,
            errors: self.read("errors", "true or false")?.unwrap_or(false),
            content: false,
        })
    }

    /// A number of milliseconds: finite, not negative.
    fn duration(&mut self, name: &str) -> Result<Option<f64>, Problem> {
        let expected = "a number of milliseconds, 0 or more";
        match self.read::<f64>(name, expected)? {
            Some(number) if !number.is_finite() || number < 0.0 => Err(unreadable(name, &number.to_string(), expected)),
            number => Ok(number),
        }
    }

    /// Where `q` is looked for, from [`ContentSearchParams`].
    pub fn in_content(&mut self) -> Result<bool, Problem> {
        match self.one("in")?.as_deref() {
            None | Some("names") => Ok(false),
            Some("content") => Ok(true),
            Some(other) => Err(unreadable("in", other, "names or content")),
        }
    }

    /// The question of [`AggregateParams`] and [`RunFilterParams`].
    pub fn aggregate(&mut self, now: Timestamp) -> Result<Aggregate, Problem> {
        let mut by: Vec<AggregateKey> = Vec::new();
        for name in self.listed("by") {
            by.push(name.parse()?);
        }
        let quantiles = self.listed("quantiles").into_iter().map(|text| {
            text.parse::<f64>()
                .map_err(|_| unreadable("quantiles", &text, "numbers from 0 to 1, such as 0.5,0.95,0.99"))
        });
        Ok(Aggregate {
            quantiles: quantiles.collect::<Result<_, _>>()?,
            of: self.one("of")?.map_or(Ok(Of::Runs), |of| of.parse())?,
            measure: self.one("measure")?.map_or(Ok(Measure::Count), |measure| measure.parse())?,
            step: self.step()?,
            by,
            filter: self.run_filter(now)?,
        })
    }

    /// A length of time, from [`StepParams`].
    pub fn step(&mut self) -> Result<Option<Duration>, Problem> {
        let expected = "a length of time such as 30s, 5m, 1h, 1d";
        self.one("step")?
            .map(|text| parse_distance(&text).ok_or_else(|| unreadable("step", &text, expected)))
            .transpose()
    }

    /// Values separated by commas, or of a repeated parameter.
    pub fn listed(&mut self, name: &str) -> Vec<String> {
        let values = self.all(name);
        let parts = values.iter().flat_map(|value| value.split(','));
        parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// The page of [`RunPageParams`].
    pub fn run_page(&mut self) -> Result<Page, Problem> {
        let mut page = self.page()?;
        if let Some(sort) = self.one("sort")? {
            page.sort = sort.parse()?;
        }
        for name in self.listed("facets") {
            page.facets.push(name.parse::<FacetKey>()?);
        }
        Ok(page)
    }

    /// Order and page of [`SessionPageParams`].
    pub fn session_page(&mut self) -> Result<(Sort<SessionSortKey>, Page), Problem> {
        let sort: Option<Sort<SessionSortKey>> = self.one("sort")?.map(|sort| sort.parse()).transpose()?;
        Ok((sort.unwrap_or_default(), self.page()?))
    }

    /// The page of [`PageParams`].
    pub fn page(&mut self) -> Result<Page, Problem> {
        let expected = format!("a number from 1 to {}", query::MAX_PAGE);
        let limit = self.read("limit", &expected)?.unwrap_or(query::DEFAULT_PAGE);
        if !(1..=query::MAX_PAGE).contains(&limit) {
            return Err(unreadable("limit", &limit.to_string(), &expected));
        }
        Ok(Page { limit, cursor: self.one("cursor")?, ..Page::default() })
    }

    /// The filters of [`LogFilterParams`].
    pub fn log_filter(&mut self, now: Timestamp) -> Result<LogFilter, Problem> {
        let severity = self.one("severity")?.map(|text| {
            let expected = "a number from 1 to 24, or trace, debug, info, warn, error, fatal";
            parse_severity(&text).ok_or_else(|| unreadable("severity", &text, expected))
        });
        Ok(LogFilter {
            from: self.time("from", now)?,
            to: self.time("to", now)?,
            text: self.one("q")?,
            trace_id: self.one("trace_id")?.map(|text| trace_id(&text)).transpose()?,
            span_id: self.one("span_id")?.map(|text| span_id(&text)).transpose()?,
            min_severity: severity.transpose()?,
            service: self.all("service"),
            event: self.all("event"),
            environment: self.all("environment"),
            agent: self.all("agent"),
            attributes: self
                .all("attr")
                .into_iter()
                .map(|pair| match pair.split_once('=') {
                    Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
                    _ => Err(unreadable("attr", &pair, "a key and a value: attr=http.method=GET")),
                })
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether content is wanted, from [`ContentParams`].
    pub fn content(&mut self) -> Result<bool, Problem> {
        match self.one("content")?.as_deref() {
            None | Some("full") => Ok(true),
            Some("none") => Ok(false),
            Some(other) => Err(unreadable("content", other, "full or none")),
        }
    }
}

fn unreadable(name: &str, text: &str, expected: &str) -> Problem {
    let shown: String = text.chars().take(100).collect();
    Problem::bad_request(format!("cannot read `{name}={shown}`: give {expected}"))
}

/// Reads a trace id from a path or parameter.
pub fn trace_id(text: &str) -> Result<TraceId, Problem> {
    text.parse()
        .map_err(|error| unreadable("trace_id", text, &format!("32 hexadecimal digits, not all zero ({error})")))
}

/// Reads a span id from a path.
pub fn span_id(text: &str) -> Result<SpanId, Problem> {
    text.parse().map_err(|error| unreadable("span_id", text, &format!("16 hexadecimal digits, not all zero ({error})")))
}

/// OTLP severity numbers begin their ranges at these (OpenTelemetry logs data model).
fn parse_severity(text: &str) -> Option<u8> {
    let named = match text.to_ascii_lowercase().as_str() {
        "trace" => 1,
        "debug" => 5,
        "info" => 9,
        "warn" | "warning" => 13,
        "error" => 17,
        "fatal" | "critical" => 21,
        other => other.parse().ok()?,
    };
    (1..=24).contains(&named).then_some(named)
}

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
    /// Fewest steps.
    pub min_steps: Option<u64>,
    /// Most steps.
    pub max_steps: Option<u64>,
    /// Only runs with a failed step.
    pub errors: Option<bool>,
}

/// Where a list of runs looks for `q`.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct ContentSearchParams {
    /// `names` (when not given), or `content`: `q` may also stand in messages, tool arguments and results, attributes and
    /// log records. Then the newest 2,000 runs that say it are found.
    pub r#in: Option<String>,
}

/// Parameters of aggregates.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct AggregateParams {
    /// `runs` (when not given) or `steps`.
    pub of: Option<String>,
    /// `count` (when not given), `errors`, `tokens`, `cost_usd`, `duration_ms`, of runs `steps`, of steps `ttft_ms`.
    #[param(example = "duration_ms")]
    pub measure: Option<String>,
    /// At most two keys, separated by commas: `agent`, `service`, `status`, `environment`, `workflow`, `version`, `user`,
    /// `name`, `error`; of steps also `model`, `provider`, `tool`, `kind`.
    #[param(example = "agent")]
    pub by: Option<String>,
    /// A row for each stretch of this length: `30s`, `5m`, `1h`, `1d`. Without it the whole time is one.
    #[param(example = "1h")]
    pub step: Option<String>,
    /// Quantiles of the measure, separated by commas: numbers from 0 to 1.
    #[param(example = "0.5,0.95,0.99")]
    pub quantiles: Option<String>,
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

/// Parameters of a list of sessions.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct SessionPageParams {
    /// `last_at`, `duration_ms`, `total_tokens`, `cost_usd`, `errors` or `runs`, each of all runs of a session; a `-` in front turns the order round.
    #[param(example = "-last_at")]
    pub sort: Option<String>,
    /// Sessions on the page: 1 to 500, 50 when not given.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
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
    /// Text in body, attributes, event name or service; case is ignored.
    pub q: Option<String>,
    /// Records of this run.
    pub trace_id: Option<String>,
    /// Records of this step.
    pub span_id: Option<String>,
    /// Name of the event; repeatable.
    pub event: Option<Vec<String>>,
    /// Environment; repeatable.
    pub environment: Option<Vec<String>>,
    /// Agent that works in the record's run; repeatable.
    pub agent: Option<Vec<String>>,
    /// An attribute's exact value, `key=value`; values that are no text as JSON writes them. Repeatable; all must hold.
    #[param(example = "http.method=GET")]
    pub attr: Option<Vec<String>>,
    /// Lowest severity: a number from 1 to 24, or `trace`, `debug`, `info`, `warn`, `error`, `fatal`.
    pub severity: Option<String>,
    /// Service; repeatable.
    pub service: Option<Vec<String>>,
}

/// Into which stretches time is cut.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct StepParams {
    /// Length of a stretch: `30s`, `5m`, `1h`, `1d`.
    #[param(example = "5m")]
    pub step: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_filter_is_refused_rather_than_ignored() {
        let mut params = Params::parse("agent=a&agent=b%20c&agnet=d&q=").unwrap();
        let filter = params.run_filter(Timestamp::default()).unwrap();
        assert_eq!((filter.agent, filter.text), (vec!["a".into(), "b c".into()], None));
        assert!(params.end().unwrap_err().detail.contains("`agnet`"));
    }

    #[test]
    fn what_is_wrong_with_a_value_is_said_with_what_would_be_right() {
        let detail = |query: &str| {
            let mut params = Params::parse(query).unwrap();
            params.run_filter(Timestamp::default()).and_then(|_| params.run_page()).unwrap_err().detail
        };
        assert_eq!(detail("limit=many"), "cannot read `limit=many`: give a number from 1 to 500");
        assert_eq!(detail("limit=0"), "cannot read `limit=0`: give a number from 1 to 500");
        for number in ["nan", "-1", "1e999", "inf", "x"] {
            assert!(detail(&format!("min_duration_ms={number}")).contains("milliseconds, 0 or more"), "{number}");
        }
        assert!(detail("status=fine").contains("ok, error, running or abandoned"));
        assert!(detail("q=a&q=b").contains("give it once"));
        assert!(detail("sort=colour").contains("started_at"));
    }
}
