//! A run, or a tool in it, that took far longer than usual.
//!
//! Finds: a run that took over 2 times the 95th percentile of good runs of its kind (the figure of the observability chapter's baselines);
//! a tool call that took over 5 times the 95th percentile of its own calls and at least a second. Where a slow tool explains a slow
//! run, the tool is named.
//!
//! Silent before enough is known.

use model::Severity;

use super::{Detector, Draft, Evidence, Setting, Tuned, When};
use crate::detect::baseline::ENOUGH;
use crate::detect::text;

pub(super) const DETECTOR: Detector = Detector {
    name: "latency_outlier",
    source: include_str!("latency_outlier.rs"),
    when: When::Steps,
    settings: &[
        Setting { name: "factor", default: 2.0, about: "times the 95th percentile of runs" },
        Setting { name: "tool_factor", default: 5.0, about: "times the 95th percentile of a tool's calls" },
        Setting { name: "tool_ms", default: 1_000.0, about: "milliseconds of a tool call that are never too many" },
    ],
    check,
};

/// How long a call took beside what calls of its tool take.
pub fn said(tool: &str, ms: f64, p95: f64) -> String {
    format!("`{tool}` took {}; 95 % of its calls take {} or less", text::duration(ms), text::duration(p95))
}

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let Some(known) = evidence.known() else { return Vec::new() };
    let mut found: Vec<Draft> = Vec::new();
    let slow = evidence.calls.iter().filter_map(|call| {
        let ms = call.ms.filter(|_| !call.state.is_failure())?;
        let habit = known.tools.get(call.name).filter(|habit| habit.ms.count() >= ENOUGH)?;
        let p95 = habit.ms.quantile(0.95)?;
        (ms > tuned.get(2) && ms > p95 * tuned.get(1)).then_some((call, ms, p95))
    });
    if let Some((call, ms, p95)) = slow.max_by(|a, b| a.1.total_cmp(&b.1)) {
        let message = said(call.name, ms, p95);
        found.push(
            Draft::new(Severity::Warning, call.name, message)
                .spans([evidence.span_id(call.step)])
                .with("tool", call.name)
                .with("ms", ms.round())
                .with("p95_ms", p95.round()),
        );
    }
    let usual = evidence.usual("duration_ms", 0.95).filter(|_| evidence.ended());
    if let Some(p95) = usual.filter(|p95| evidence.run.duration_ms > p95 * tuned.get(0))
        && found.is_empty()
    {
        let longest = evidence.steps.iter().filter(|step| step.depth > 0).max_by(|a, b| a.own_ms.total_cmp(&b.own_ms));
        let name = longest.map(|step| format!("; most of it in `{}`", step.span.name)).unwrap_or_default();
        let message = format!(
            "the run took {}; 95 % of such runs take {} or less{name}",
            text::duration(evidence.run.duration_ms),
            text::duration(p95)
        );
        found.push(
            Draft::new(Severity::Info, "run", message)
                .spans(longest.map(|step| step.span.span_id))
                .with("ms", evidence.run.duration_ms.round())
                .with("p95_ms", p95.round()),
        );
    }
    found
}
