//! Rows that no sender sent: spans that log records tell, and the witness that two traces are one run.

use std::collections::BTreeMap;

use dialects::Dialects;
use model::raw::{Group, RawLog, RawSpan, Resource, Scope};
use model::{Log, Span, SpanId, TraceId};
use signals::prices::Prices;
use store::Rows;

/// Adds the span that `raw` tells, if it tells one.
pub fn push(
    rows: &mut Rows,
    (dialects, prices): (&Dialects, &Prices),
    raw: &RawLog<'_>,
    group: &Group<'_, RawLog<'_>>,
    log: &Log,
) {
    let (resource, scope) = (&group.resource, &group.scope);
    let Some(told) = dialects::told(raw, resource, scope, &log.tenant.project, log.id, log.received) else { return };
    let (mut span, billing) = dialects.understand_with_billing(&told, resource, scope, &log.tenant, log.received);
    prices.price(&mut span, &billing);
    rows.push_span(span, &dialects::told_lean(told), resource, scope);
}

/// What the spans of a request say about traces that belong together, each once.
#[derive(Default)]
pub struct Joins(BTreeMap<(TraceId, SpanId), (Span, RawSpan<'static>)>);

impl Joins {
    /// Notes what a span says.
    pub fn note(&mut self, raw: &RawSpan<'_>, span: &Span) {
        for join in dialects::joins(raw, span) {
            for (holder, join) in [(raw.trace_id, join), (join.other, join.turned(raw.trace_id))] {
                let row = dialects::join_span(holder, &join, span);
                self.0.entry((holder, row.0.span_id)).or_insert(row);
            }
        }
    }

    /// Adds the rows that keep it.
    pub fn push(self, rows: &mut Rows) {
        let (resource, scope) = (Resource::default(), Scope::default());
        for (span, raw) in self.0.into_values() {
            rows.push_span(span, &raw, &resource, &scope);
        }
    }
}
