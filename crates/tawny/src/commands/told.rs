//! Runs out of decoded telemetry, without a server: for commands that look at files.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::raw::{Batch, RawLog};
use model::{Content, ResolvedStep, Run, Span, SpanId, Timestamp, TraceId};
use signals::prices::Prices;
use signals::runs::{Settings, resolve};

/// A run, resolved, with what was said in each step.
pub struct Told {
    /// The run.
    pub run: Run,
    /// Its steps.
    pub steps: Vec<ResolvedStep>,
    /// What was said in each, in the same order.
    pub contents: Vec<Content>,
    /// When it is looked at.
    pub now: Timestamp,
}

/// The runs in some batches, read as the server would read them with its own dialects and prices, as of `now`.
pub fn runs(batches: &[Batch<'_>], now: Timestamp) -> Vec<Told> {
    let mut logs: HashMap<(TraceId, SpanId), Vec<RawLog<'_>>> = HashMap::new();
    for log in batches.iter().flat_map(|batch| &batch.logs).flat_map(|group| &group.items) {
        if let (Some(trace), Some(span)) = (log.trace_id, log.span_id) {
            logs.entry((trace, span)).or_default().push(log.clone());
        }
    }
    let prices = Prices::built_in();
    let mut traces: BTreeMap<TraceId, (Vec<Arc<Span>>, HashMap<SpanId, Content>)> = BTreeMap::new();
    for group in batches.iter().flat_map(|batch| &batch.spans) {
        let tenant = dialects::tenant(model::Tenant::DEFAULT_PROJECT, &group.resource);
        for raw in &group.items {
            let dialects = dialects::Dialects::builtin();
            let (mut span, billing) =
                dialects.understand_with_billing(raw, &group.resource, &group.scope, &tenant, raw.end);
            prices.price(&mut span, &billing);
            let joined = logs.get(&(raw.trace_id, raw.span_id)).map_or(&[][..], Vec::as_slice);
            let trace = traces.entry(raw.trace_id).or_default();
            trace.0.push(Arc::new(span));
            trace.1.insert(raw.span_id, dialects::content(raw, &group.resource, &group.scope, joined));
        }
    }
    let told = |(spans, mut contents): (Vec<Arc<Span>>, HashMap<SpanId, Content>)| {
        let resolved = resolve(&spans, now, &Settings::default())?;
        let said = |step: &ResolvedStep| contents.remove(&step.span.span_id).unwrap_or_default();
        let contents = resolved.steps.iter().map(said).collect();
        Some(Told { run: resolved.run, steps: resolved.steps, contents, now })
    };
    traces.into_values().filter_map(told).collect()
}
