//! Runs as the server would hand them to detectors: OTLP bytes read by `wire`, understood by `dialects`, priced, resolved.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use model::raw::{Batch, RawLog};
use model::{Content, ResolvedStep, Run, SpanId, Tenant, Timestamp, TraceId};
use signals::prices::Prices;
use signals::runs::{Settings, resolve};

/// A resolved run with what was said in each step.
pub struct Told {
    pub run: Run,
    pub steps: Vec<ResolvedStep>,
    pub contents: Vec<Content>,
    /// The resource attribute by which labels of a data set refer to it.
    #[allow(dead_code, reason = "only the measurement reads labels")]
    pub id: String,
}

static PRICES: LazyLock<Prices> = LazyLock::new(Prices::built_in);

/// The runs in some batches, by start.
pub fn runs(batches: &[Batch<'_>]) -> Vec<Told> {
    let mut logs: HashMap<(TraceId, SpanId), Vec<RawLog<'_>>> = HashMap::new();
    for log in batches.iter().flat_map(|batch| &batch.logs).flat_map(|group| &group.items) {
        if let (Some(trace), Some(span)) = (log.trace_id, log.span_id) {
            logs.entry((trace, span)).or_default().push(log.clone());
        }
    }
    let mut traces: BTreeMap<TraceId, (String, Vec<Arc<model::Span>>, HashMap<SpanId, Content>)> = BTreeMap::new();
    for group in batches.iter().flat_map(|batch| &batch.spans) {
        for raw in &group.items {
            let (resource, scope) = (&group.resource, &group.scope);
            let tenant: Tenant = dialects::tenant("default", resource);
            let mut span = dialects::understand(raw, resource, scope, &tenant, raw.end);
            PRICES.price(&mut span);
            let joined = logs.get(&(raw.trace_id, raw.span_id)).map_or(&[][..], Vec::as_slice);
            let content = dialects::content(raw, resource, scope, joined);
            let id = || resource.attributes.text("dataset.run_id").unwrap_or_default().to_string();
            let trace = traces.entry(raw.trace_id).or_insert_with(|| (id(), Vec::new(), HashMap::new()));
            trace.1.push(Arc::new(span));
            trace.2.insert(raw.span_id, content);
        }
    }
    let mut told: Vec<Told> = traces
        .into_values()
        .filter_map(|(id, spans, mut contents)| {
            let last = spans.iter().map(|span| span.end).max()?;
            let resolved = resolve(&spans, later(last), &Settings::default())?;
            let said = |step: &ResolvedStep| contents.remove(&step.span.span_id).unwrap_or_default();
            let contents = resolved.steps.iter().map(said).collect();
            Some(Told { run: resolved.run, steps: resolved.steps, contents, id })
        })
        .collect();
    told.sort_by_key(|told| told.run.start);
    told
}

/// Some time after a run, when it has settled and is not yet abandoned.
pub fn later(time: Timestamp) -> Timestamp {
    time.plus_nanos(60_000_000_000)
}
