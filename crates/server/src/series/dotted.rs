//! Queries written in OpenTelemetry's names, dots and all: `sum by ("gen_ai.request.model") ({"gen_ai.client.token.usage_sum"})`,
//! as OpenTelemetry's guides write them.
//!
//! OTLP metrics are kept under the names Prometheus gives them, with underscores and the unit at the end, so that everything else
//! finds them. Remote write may bring names with dots, and these stay. So a query is tried as it stands, and where no series has
//! its dotted names, in Prometheus' names.

use std::sync::Arc;

use ::series::names;
use promql::ast::{Expr, Node};
use promql::{METRIC_NAME, MatchOp, Matcher, Query};

/// `query` with every name that Prometheus would write otherwise written so; nothing where there is none.
pub fn translated(query: &Query) -> Option<Query> {
    let mut query = query.clone();
    node(&mut query.root).then_some(query)
}

/// A selector's conditions with every name that Prometheus would write otherwise written so; nothing where there is none.
pub fn translated_selector(matchers: &[Matcher]) -> Option<Vec<Matcher>> {
    let mut matchers = matchers.to_vec();
    all(matchers.iter_mut(), matcher).then_some(matchers)
}

/// Whether a condition names a metric as OpenTelemetry does.
pub fn is_dotted(matcher: &Matcher) -> bool {
    &*matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal && !promql::is_plain_metric(&matcher.value)
}

/// Translates a tree in place; whether anything was changed.
fn node(node: &mut Node) -> bool {
    let own = match &mut node.expr {
        Expr::Vector(selector) | Expr::Matrix(selector, _) => all(selector.matchers.iter_mut(), matcher),
        Expr::Aggregate(aggregate) => labels(&mut aggregate.labels),
        Expr::Binary(binary) => labels(&mut binary.matching.labels) | labels(&mut binary.matching.include),
        _ => false,
    };
    all(node.children_mut().into_iter(), self::node) || own
}

/// Translates every one; whether any was changed.
fn all<'a, T: 'a>(them: impl Iterator<Item = &'a mut T>, translate: impl Fn(&mut T) -> bool) -> bool {
    let mut changed = false;
    for one in them {
        changed |= translate(one);
    }
    changed
}

fn matcher(matcher: &mut Matcher) -> bool {
    let new = if is_dotted(matcher) {
        Matcher::new(METRIC_NAME, MatchOp::Matches, &names::pattern(&matcher.value))
    } else if promql::is_plain_label(&matcher.name) {
        return false;
    } else {
        Matcher::new(&names::label(&matcher.name), matcher.op, &matcher.value)
    };
    new.map(|new| *matcher = new).is_ok()
}

fn labels(labels: &mut [Arc<str>]) -> bool {
    let mut changed = false;
    for label in labels.iter_mut().filter(|label| !promql::is_plain_label(label)) {
        *label = names::label(label).into();
        changed = true;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_dots_are_written_as_prometheus_does() {
        let query = promql::parse(
            r#"sum by ("gen_ai.request.model", agent) (rate({"gen_ai.client.operation.duration_count", "a.b"="x"}[5m])) / on ("x.y") up"#,
        )
        .unwrap();
        let new = translated(&query).unwrap().root.to_string();
        assert!(new.starts_with("sum by (gen_ai_request_model, agent)"), "{new}");
        assert!(new.contains("a_b=\"x\"") && new.contains("on (x_y)"), "{new}");
    }

    #[test]
    fn plain_queries_stay() {
        assert_eq!(translated(&promql::parse("sum by (agent) (rate(agent_runs_total[5m]))").unwrap()), None);
    }
}
