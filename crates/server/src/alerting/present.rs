//! What an alert carries beside its labels: value, threshold and links.

use alerts::evaluate::{ActiveAlert, State};
use alerts::manager::dispatch::GivenAlert;
use alerts::rules::Rule;
use promql::Labels;

/// The annotation with the trace ids of runs that show it.
pub const TRACES: &str = "traces";
/// The annotation with a line for each of them: where it can be seen, and what it was.
pub const WORST_RUNS: &str = "worst_runs";

/// A time as messages have it.
pub fn time_text(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |time| time.to_string())
}

/// An alert of a rule, for the dispatcher.
pub fn given(rule: &Rule, alert: &ActiveAlert, now: i64, url: &str) -> GivenAlert {
    let mut annotations = Labels::new(alert.annotations.iter().cloned());
    if annotations.get("value").is_empty() {
        annotations = annotations.with("value", &value_text(rule, alert.value));
    }
    if let Some(since) = alert.no_data_since {
        annotations = annotations.with("no_data_since", &time_text(since));
    }
    let page = format!("{url}/alerts/{:016x}", alerts::manager::fingerprint(&alert.labels));
    annotations = annotations.with("alert_url", &page);
    let expression: String = form_urlencoded::byte_serialize(rule.query.text.trim().as_bytes()).collect();
    GivenAlert {
        labels: alert.labels.clone(),
        annotations,
        starts_at: alert.fired_at.unwrap_or(alert.active_at),
        ends_at: alert.resolved_at.filter(|_| alert.state == State::Inactive),
        generator_url: format!("{url}/graph?g0.expr={expression}&g0.tab=1"),
        updated_at: now,
    }
}

/// The value, and how far it is over the threshold where the expression names one.
fn value_text(rule: &Rule, value: f64) -> String {
    match threshold(&rule.query.root) {
        Some(Threshold { limit, .. }) if limit != 0.0 && value / limit >= 1.0 => {
            format!("{} (threshold {}, {}×)", plain(value), plain(limit), plain(value / limit))
        }
        Some(Threshold { limit, .. }) => format!("{} (threshold {})", plain(value), plain(limit)),
        None => plain(value),
    }
}

/// A number as people write it, with four digits that count. No prefixes: `50m` for 0.05 reads as minutes.
fn plain(value: f64) -> String {
    if value == 0.0 || !(1e-4..1e7).contains(&value.abs()) {
        return promql::short_float(value);
    }
    let digits = (3 - value.abs().log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A number that a value is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// The number.
    pub limit: f64,
    /// The rule fires below it, not above.
    pub below: bool,
}

impl Threshold {
    /// How near a value is: 1 is where the rule would fire, less is quiet; `None` where a ratio says nothing.
    pub fn nearness(self, value: f64) -> Option<f64> {
        let near = if self.below { self.limit / value } else { value / self.limit };
        near.is_finite().then_some(near)
    }
}

/// What the value is compared with: the number of the leftmost comparison with one.
pub fn threshold(node: &promql::ast::Node) -> Option<Threshold> {
    use promql::ast::{BinaryOp, Expr};
    let Expr::Binary(binary) = &node.bare().expr else { return None };
    if binary.op.is_comparison() {
        let number = |node: &promql::ast::Node| match &node.bare().expr {
            Expr::Number { value, .. } => Some(*value),
            _ => None,
        };
        let less = matches!(binary.op, BinaryOp::Less | BinaryOp::LessEqual);
        let more = matches!(binary.op, BinaryOp::Greater | BinaryOp::GreaterEqual);
        return number(&binary.right)
            .map(|limit| Threshold { limit, below: less })
            .or_else(|| number(&binary.left).map(|limit| Threshold { limit, below: more }))
            .or_else(|| threshold(&binary.left));
    }
    matches!(binary.op, BinaryOp::And | BinaryOp::Unless).then(|| threshold(&binary.left)).flatten()
}
