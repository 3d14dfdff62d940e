//! What each route asks of its caller: one table. A route that is not in it is for administrators of the whole server.
//!
//! A test goes through the routes and fails for one that has no row here.

use access::Need;
use axum::http::Method;

/// What a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Nothing: health, pages without data, signing in.
    Open,
    /// The route asks itself, because its protocol has its own way to refuse.
    Itself,
    /// The caller's right in the project of the request.
    Needs(Need),
    /// The caller's right in every project: the route is about the whole server.
    Server(Need),
}

use Rule::{Itself, Needs, Open, Server};

/// Method (`*` for any), path as the router has it (a `*` at the end for all below), and what it asks for; the first row that fits counts.
pub const RULES: &[(&str, &str, Rule)] = &[
    // Pages, health, the description
    ("GET", "/", Open),
    ("GET", "/healthz", Open),
    ("GET", "/readyz", Open),
    ("GET", "/health", Open),
    ("GET", "/api/v1/openapi.json", Open),
    ("GET", "/api/v1/login", Open),
    ("POST", "/api/v1/login", Open),
    ("GET", "/api/v1/login/oidc", Open),
    ("GET", "/api/v1/login/oidc/callback", Open),
    ("POST", "/api/v1/logout", Open),
    ("GET", "/api/v1/me", Needs(Need::Known)),
    // Receivers
    ("POST", "/", Itself),
    ("POST", "/opentelemetry.proto.collector*", Itself),
    ("*", "/v1/*", Itself),
    ("GET", "/arize_phoenix_version", Open),
    ("*", "/api/public/*", Itself),
    ("*", "/langsmith/*", Itself),
    ("*", "/info", Itself),
    ("*", "/runs*", Itself),
    ("*", "/v2/runs*", Itself),
    ("*", "/sessions*", Itself),
    ("*", "/feedback*", Itself),
    ("GET", "/api/info", Itself),
    ("*", "/api/runs*", Itself),
    ("*", "/api/v2/runs*", Itself),
    ("*", "/api/sessions*", Itself),
    ("*", "/api/feedback*", Itself),
    ("GET", "/api/v1/info", Itself),
    ("POST", "/api/v1/runs", Itself),
    ("POST", "/api/v1/runs/batch", Itself),
    ("POST", "/api/v1/runs/multipart", Itself),
    ("POST", "/api/v1/runs/query", Itself),
    ("POST", "/api/v1/v2/runs/query", Itself),
    ("PATCH", "/api/v1/runs/{trace_id}", Itself),
    ("POST", "/api/v1/sessions", Itself),
    ("*", "/api/v1/feedback*", Itself),
    ("POST", "/api/v1/logs", Itself),
    ("POST", "/loki/api/v1/push", Itself),
    ("POST", "/prometheus/api/v1/write", Itself),
    ("*", "/v0.3/traces", Itself),
    ("*", "/v0.4/traces", Itself),
    ("POST", "/evp_proxy/*", Itself),
    ("POST", "/api/v2/llmobs", Itself),
    ("POST", "/api/intake/llm-obs/*", Itself),
    ("*", "/api/{*rest}", Itself),
    // Reading
    ("GET", "/api/v1/runs", Needs(Need::Read)),
    ("GET", "/api/v1/runs/{trace_id}", Needs(Need::Read)),
    ("GET", "/api/v1/runs/{trace_id}/tree", Needs(Need::Read)),
    ("GET", "/api/v1/runs/{trace_id}/logs", Needs(Need::Read)),
    ("GET", "/api/v1/runs/{trace_id}/raw", Needs(Need::Read)),
    ("GET", "/api/v1/runs/{trace_id}/costs", Needs(Need::Read)),
    ("GET", "/api/v1/runs/{trace_id}/steps/{span_id}", Needs(Need::Read)),
    ("GET", "/api/v1/sessions", Needs(Need::Read)),
    ("GET", "/api/v1/summary", Needs(Need::Read)),
    ("GET", "/api/v1/search", Needs(Need::Read)),
    ("GET", "/api/v1/aggregate", Needs(Need::Read)),
    ("GET", "/api/v1/logs", Needs(Need::Read)),
    ("GET", "/api/v1/agents", Needs(Need::Read)),
    ("GET", "/api/v1/dashboards", Needs(Need::Read)),
    ("POST", "/api/v1/dashboards", Needs(Need::Write)),
    ("GET", "/api/v1/dashboards/{id}", Needs(Need::Read)),
    ("PUT", "/api/v1/dashboards/{id}", Needs(Need::Write)),
    ("DELETE", "/api/v1/dashboards/{id}", Needs(Need::Write)),
    ("GET", "/api/v1/logs/counts", Needs(Need::Read)),
    ("GET", "/api/v1/checklist", Needs(Need::Read)),
    ("POST", "/api/v1/sql", Needs(Need::Read)),
    ("GET", "/api/v1/sql/schema", Needs(Need::Read)),
    ("GET", "/api/v1/export", Needs(Need::Read)),
    ("GET", "/api/v1/live", Needs(Need::Read)),
    ("GET", "/api/v1/doctor", Needs(Need::Read)),
    ("GET", "/api/v1/setup", Needs(Need::Read)),
    ("GET", "/api/v1/status", Needs(Need::Read)),
    ("GET", "/api/v1/policy", Needs(Need::Read)),
    ("GET", "/api/v1/signals", Needs(Need::Read)),
    ("GET", "/api/v1/signals/families", Needs(Need::Read)),
    ("GET", "/api/v1/promql/words", Needs(Need::Read)),
    ("GET", "/api/v1/findings", Needs(Need::Read)),
    ("GET", "/api/v1/suspects", Needs(Need::Read)),
    ("POST", "/api/v1/runs/{trace_id}/mark", Needs(Need::Respond)),
    ("GET", "/api/v1/issues", Needs(Need::Read)),
    ("GET", "/api/v1/issues/{fingerprint}", Needs(Need::Read)),
    ("PATCH", "/api/v1/issues/{fingerprint}", Needs(Need::Respond)),
    ("GET", "/api/v1/detectors", Needs(Need::Read)),
    ("POST", "/api/v1/detectors/test", Needs(Need::Read)),
    ("GET", "/api/v1/runs/{trace_id}/investigate", Needs(Need::Read)),
    ("GET", "/api/v1/runs/{trace_id}/diff/{other}", Needs(Need::Read)),
    ("GET", "/api/v1/sla", Needs(Need::Read)),
    ("GET", "/api/v1/costs", Needs(Need::Read)),
    ("GET", "/api/v1/costs.csv", Needs(Need::Read)),
    ("GET", "/api/v1/costs/forecast", Needs(Need::Read)),
    ("GET", "/api/v1/costs/unpriced", Needs(Need::Read)),
    ("GET", "/api/v1/costs/what-if", Needs(Need::Read)),
    ("POST", "/api/v1/costs/reprice", Server(Need::Write)),
    ("GET", "/api/v1/prices", Needs(Need::Read)),
    ("PUT", "/api/v1/prices", Server(Need::Write)),
    ("GET", "/api/v1/prices/of", Needs(Need::Read)),
    ("GET", "/api/v1/budgets", Needs(Need::Read)),
    ("PUT", "/api/v1/budgets", Server(Need::Write)),
    // Agents ask before they spend, with the key they send telemetry with
    ("POST", "/api/v1/budgets/check", Needs(Need::Ingest)),
    ("POST", "/api/v1/budgets/settle", Needs(Need::Ingest)),
    ("POST", "/api/v1/budgets/release", Needs(Need::Ingest)),
    // A pipeline tells of what it deployed, with the key it has
    ("GET", "/api/v1/changes", Needs(Need::Read)),
    ("POST", "/api/v1/changes", Needs(Need::Ingest)),
    ("GET", "/api/v1/brakes", Needs(Need::Read)),
    ("POST", "/api/v1/brakes", Needs(Need::Respond)),
    ("DELETE", "/api/v1/brakes/{id}", Needs(Need::Respond)),
    ("GET", "/api/v1/incidents/{fingerprint}", Needs(Need::Read)),
    ("GET", "/api/v1/incidents/{fingerprint}/runs.csv", Needs(Need::Read)),
    // Alerts are of the project they name; those that name none, and rules, are of the whole server
    ("GET", "/api/v1/alerts", Needs(Need::Read)),
    ("GET", "/api/v1/alerts/history", Needs(Need::Read)),
    ("GET", "/api/v1/alerts/review", Server(Need::Read)),
    ("GET", "/api/v1/alerts/{fingerprint}", Needs(Need::Read)),
    ("POST", "/api/v1/alerts/{fingerprint}/ack", Needs(Need::Respond)),
    ("GET", "/api/v1/silences", Server(Need::Read)),
    ("POST", "/api/v1/silences", Server(Need::Respond)),
    ("DELETE", "/api/v1/silences/{id}", Server(Need::Respond)),
    ("GET", "/api/v1/rules", Server(Need::Read)),
    ("GET", "/api/v1/rules/values", Server(Need::Read)),
    ("GET", "/api/v1/rules/{name}/explain", Server(Need::Read)),
    ("POST", "/api/v1/rules/backtest", Server(Need::Read)),
    ("GET", "/api/v1/receivers", Server(Need::Read)),
    ("POST", "/api/v1/receivers/{name}/test", Server(Need::Admin)),
    ("GET", "/runbooks/{name}", Open),
    ("GET", "/metrics", Server(Need::Read)),
    // What others ask: Prometheus, Grafana, Jaeger, Alertmanager
    ("GET", "/prometheus/-/*", Open),
    ("GET", "/prometheus/api/v1/rules", Server(Need::Read)),
    ("GET", "/prometheus/api/v1/alerts", Server(Need::Read)),
    ("GET", "/prometheus/api/v1/*", Needs(Need::Read)),
    ("POST", "/prometheus/api/v1/*", Needs(Need::Read)),
    ("GET", "/loki/ready", Open),
    ("GET", "/loki/*", Needs(Need::Read)),
    ("POST", "/loki/*", Needs(Need::Read)),
    ("GET", "/tempo/ready", Open),
    ("GET", "/tempo/api/echo", Open),
    ("GET", "/tempo/*", Needs(Need::Read)),
    ("GET", "/jaeger/*", Needs(Need::Read)),
    ("GET", "/alertmanager/-/*", Open),
    ("GET", "/alertmanager/*", Server(Need::Read)),
    ("POST", "/alertmanager/api/v2/alerts", Server(Need::Write)),
    ("POST", "/alertmanager/webhook", Server(Need::Write)),
    ("POST", "/alertmanager/api/v2/silences", Server(Need::Respond)),
    ("DELETE", "/alertmanager/api/v2/silence/{id}", Server(Need::Respond)),
    // Administration
    ("GET", "/api/v1/store", Server(Need::Admin)),
    ("POST", "/api/v1/store/check", Server(Need::Admin)),
    ("GET", "/api/v1/store/backup", Server(Need::Admin)),
    ("GET", "/api/v1/keys", Needs(Need::Admin)),
    ("POST", "/api/v1/keys", Needs(Need::Admin)),
    ("DELETE", "/api/v1/keys/{id}", Needs(Need::Admin)),
    ("POST", "/api/v1/keys/{id}/rotate", Needs(Need::Admin)),
    ("GET", "/api/v1/retention", Needs(Need::Read)),
    ("GET", "/api/v1/holds", Needs(Need::Admin)),
    ("POST", "/api/v1/holds", Needs(Need::Admin)),
    ("DELETE", "/api/v1/holds/{id}", Needs(Need::Admin)),
    ("GET", "/api/v1/erasures", Needs(Need::Admin)),
    ("POST", "/api/v1/erasures", Needs(Need::Admin)),
    ("POST", "/api/v1/sampling/try", Needs(Need::Read)),
    ("GET", "/api/v1/users", Needs(Need::Admin)),
    ("POST", "/api/v1/users", Server(Need::Admin)),
    ("PATCH", "/api/v1/users/{id}", Server(Need::Admin)),
    ("DELETE", "/api/v1/users/{id}", Server(Need::Admin)),
    ("GET", "/api/v1/audit", Needs(Need::Admin)),
    ("GET", "/api/v1/audit/verify", Server(Need::Admin)),
];

/// Routes that show what was said, a `*` at the end for all below: that a person asked for it is written into the audit log.
pub const CONTENT: &[&str] = &[
    "/api/v1/runs/{trace_id}",
    "/api/v1/runs/{trace_id}/logs",
    "/api/v1/runs/{trace_id}/raw",
    "/api/v1/runs/{trace_id}/steps/{span_id}",
    "/api/v1/runs/{trace_id}/investigate",
    "/api/v1/runs/{trace_id}/diff/{other}",
    "/api/v1/search",
    "/api/v1/logs",
    "/api/v1/sql",
    "/api/v1/export",
    "/api/v1/runs",
    "/api/v1/runs/{trace_id}/tree",
    "/api/v1/sessions",
    "/api/v1/live",
    "/api/v1/findings",
    "/api/v1/issues",
    "/api/v1/issues/{fingerprint}",
    "/api/v1/detectors/test",
    "/api/v1/alerts/{fingerprint}",
    "/api/v1/incidents/{fingerprint}",
    "/api/v1/incidents/{fingerprint}/runs.csv",
    "/tempo/*",
    "/jaeger/*",
    "/loki/*",
];

/// Whether a route shows what was said.
pub fn shows_content(path: &str) -> bool {
    CONTENT.iter().any(|known| match known.strip_suffix('*') {
        Some(begin) => path.starts_with(begin),
        None => path == *known,
    })
}

/// Where handlers write into the audit log themselves, with more than the path says, and where programs and not people change things.
const TOLD_THEMSELVES: &[&str] = &[
    "/api/v1/keys",
    "/api/v1/users",
    "/api/v1/holds",
    "/api/v1/erasures",
    "/alertmanager/api/v2/alerts",
    "/alertmanager/webhook",
];

/// How the audit log calls what was done by a request to a route; `None` where it is no change, or told elsewhere.
pub fn deed(method: &Method, path: &str) -> Option<&'static str> {
    if path == "/api/v1/store/backup" {
        return Some("backup");
    }
    let changes = match of(method, path) {
        Needs(need) | Server(need) => need >= Need::Respond,
        Open | Itself => false,
    };
    let told = TOLD_THEMSELVES.iter().any(|known| path.starts_with(known));
    (changes && !told && ![Method::GET, Method::HEAD].contains(method)).then_some("change")
}

/// What the route of that path asks for; `None` where nothing is said.
pub fn said(method: &Method, path: &str) -> Option<Rule> {
    // Every route that answers GET answers HEAD.
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let fits = |(known, pattern, _): &&(&str, &str, Rule)| {
        (*known == "*" || *known == method)
            && match pattern.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => path == *pattern,
            }
    };
    RULES.iter().find(fits).map(|(.., rule)| *rule)
}

/// What a route asks for, also where nothing is said.
pub fn of(method: &Method, path: &str) -> Rule {
    said(method, path).unwrap_or(Server(Need::Admin))
}
