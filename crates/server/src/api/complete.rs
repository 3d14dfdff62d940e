//! What the state adds to runs and their spans: what was judged, broken promises, and the ledger's costs.
//!
//! A span keeps the cost it came in with. Where prices changed since, by `tawny costs reprice` or before the run was judged, the ledger
//! knows better; lists, runs and steps show what it says, so that they never disagree with `/api/v1/costs`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use model::{CostSource, Span, SpanId, TraceId};
use signals::money::ledger::{Basis, Entry};

use super::types::{Problem, Run, SlaBroken};
use crate::app::App;
use crate::findings::ask;
use crate::money::{kept, levels};

/// Completes runs as they are shown.
pub async fn runs(app: &App, runs: &mut [Run]) -> Result<(), Problem> {
    let (project, traces) = (app.project(), runs.iter().map(|run| run.trace_id).collect::<Vec<_>>());
    let read = move |state: &state::State| {
        state.read(|it| {
            let judged = ask::judged(it, &project, &traces)?;
            let costs = traces.iter().map(|trace| kept::cost(it, &project, *trace));
            let costs = costs.collect::<state::rusqlite::Result<Vec<_>>>()?;
            let broken = traces.iter().map(|trace| levels::broken_by(it, &project, *trace));
            let broken = broken.collect::<state::rusqlite::Result<Vec<_>>>()?;
            Ok(judged.into_iter().zip(costs).zip(broken).collect::<Vec<_>>())
        })
    };
    for (run, ((judged, cost), broken)) in runs.iter_mut().zip(app.with_state(read).await?) {
        (run.findings, run.suspicion, run.good) = (judged.findings, judged.suspicion, judged.good);
        if run.outcome.is_none() {
            run.outcome = judged.outcome;
        }
        run.sla_broken = broken.into_iter().map(SlaBroken::from).collect();
        // Of a run that goes on, the ledger may not know the latest spans.
        if let Some(cost) = cost.filter(|_| !run.provisional) {
            run.cost_usd = Some(cost.as_f64());
        }
    }
    Ok(())
}

/// Spans of a run with what the ledger says they cost, before the run is resolved from them.
pub async fn priced(app: &App, mut spans: Vec<Arc<Span>>) -> Result<Vec<Arc<Span>>, Problem> {
    let traces: BTreeSet<TraceId> = spans.iter().map(|span| span.trace_id).collect();
    let project = app.project();
    let read = move |state: &state::State| {
        state.read(|it| {
            let ledgers = traces.iter().map(|trace| kept::ledger(it, &project, *trace));
            ledgers.collect::<state::rusqlite::Result<Vec<_>>>()
        })
    };
    let ledgers = app.with_state(read).await?.into_iter().flatten();
    let entries: HashMap<SpanId, Entry> =
        ledgers.flat_map(|(_, ledger)| ledger.entries).map(|entry| (entry.span_id, entry)).collect();
    for span in &mut spans {
        let Some(entry) = entries.get(&span.span_id).filter(|entry| !entry.is_guess()) else { continue };
        let source = match entry.basis {
            Basis::Computed(_) => CostSource::Computed,
            Basis::Estimated(..) => CostSource::Estimated,
            _ => continue,
        };
        if span.cost != entry.cost || span.cost_source != Some(source) {
            let span = Arc::make_mut(span);
            (span.cost, span.cost_source) = (entry.cost, Some(source));
        }
    }
    Ok(spans)
}
