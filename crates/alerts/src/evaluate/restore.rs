//! After a pause (a restart, a machine asleep): what the time nobody looked means for pending alerts.

use super::alert::State;
use super::group::GroupState;
use crate::rules::{Group, RuleKind};

/// A pending alert gets at least this long after a pause before it fires, as in Prometheus: ten minutes.
pub const GRACE_MS: i64 = 10 * 60_000;

/// Moves the times of a group's alerts over a pause that began with its last evaluation and ends at `now`.
///
/// The pause does not count as time during which the expression held: a pending alert has the same time before it as when the pause
/// began, but no less than [`GRACE_MS`] (or its whole `for`, where that is shorter). Firing alerts go on firing; the next evaluation says whether
/// they still do. Where the clock was set back, times that lie ahead become `now`.
pub fn restore(group: &Group, state: &mut GroupState, now: i64) {
    let Some(last) = state.evaluated_at else { return };
    let pause = (now - last).max(0);
    for (rule, rule_state) in group.rules.iter().zip(&mut state.rules) {
        let RuleKind::Alert { hold_ms, .. } = rule.kind else { continue };
        for alert in rule_state.alerts.values_mut() {
            for time in
                [Some(&mut alert.active_at), alert.fired_at.as_mut(), alert.resolved_at.as_mut()].into_iter().flatten()
            {
                *time = (*time).min(now);
            }
            for time in [&mut alert.sent_at, &mut alert.keep_firing_since, &mut alert.no_data_since] {
                *time = time.map(|time| time.min(now));
            }
            if alert.state != State::Pending || pause <= 2 * group.interval() {
                continue;
            }
            let remaining = hold_ms - (last - alert.active_at).max(0);
            let remaining = remaining.max(GRACE_MS.min(hold_ms));
            alert.active_at = now + remaining - hold_ms;
        }
    }
}
