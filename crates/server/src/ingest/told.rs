//! Log records that tell of a step become a span beside their row.

use model::Log;
use model::raw::{Group, RawLog};
use signals::prices::Prices;
use store::Rows;

/// Adds the span that `raw` tells, if it tells one.
pub fn push(rows: &mut Rows, raw: &RawLog<'_>, group: &Group<'_, RawLog<'_>>, log: &Log) {
    let (resource, scope) = (&group.resource, &group.scope);
    let Some(told) = dialects::told(raw, resource, scope, &log.tenant.project, log.id, log.received) else { return };
    let mut span = dialects::understand(&told, resource, scope, &log.tenant, log.received);
    Prices::built_in().price(&mut span);
    rows.push_span(span, &dialects::told_lean(told), resource, scope);
}
