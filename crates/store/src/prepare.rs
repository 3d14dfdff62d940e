//! Looking at the state once it is consistent: the loop around `settle.rs` that does what needs the disk or time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{TimestampNanosecondType, UInt64Type};
use model::{Run, Span, Timestamp, TraceId};

use crate::error::StoreError;
use crate::hot::TraceKey;
use crate::repair;
use crate::rows::spans::{narrow_columns, narrow_from_batch};
use crate::schema::Table;
use crate::segment::read::Found;
use crate::settle::{Ahead, Learnt, Lookup, Portion, Refresh, Resolution, SpansRead, Step, Unresolved, newest};
use crate::snapshot::SegmentMeta;
use crate::state::{SealedSpan, State};
use crate::store::{Inner, Store};
use crate::trace::TraceView;

/// Traces that are looked at for one run. A conversation has tens of turns, a team of agents that publish their
/// messages five traces a turn; an id that everything shares must not join all there is.
const LINKED_MAX: usize = 256;

/// Looks at the state after which commits are held up until the view is consistent: traffic that touches sealed traces
/// faster than they are looked up must not keep a reader waiting for ever.
const PATIENCE: usize = 16;

/// Spans that are read ahead for a portion of runs; what more there is of it is read when it is its turn.
const AHEAD_SPANS_MAX: usize = 50_000;

impl Store {
    /// Returns when readers left runs that time alone has changed: a loop waits for it and then calls [`Store::refresh`].
    pub async fn refresh_wanted(&self) {
        self.inner.shared.refresh_wanted.notified().await;
    }

    /// Resolves some of the runs that time alone has changed; says whether there are more. What is in segments is read before it
    /// is their turn, so readers wait as long as it takes to resolve them.
    ///
    /// # Errors
    /// As of [`Store::snapshot`].
    pub async fn refresh(&self) -> Result<bool, StoreError> {
        let now = self.inner.clock.now();
        let ahead = self.inner.read_ahead(now).await;
        self.inner.prepared(Refresh::Upkeep(ahead), |state| state.watch.is_due(now)).await
    }
}

impl Inner {
    /// Runs `look` on the state when every hot row is compared with segments and every run with new spans resolved; with
    /// `refresh`, also some of the runs that only time has changed. Readers want that; a flush need not write them for it.
    pub async fn prepared<T>(&self, mut refresh: Refresh, look: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        let _one = self.prepare.lock().await;
        let by_reader = matches!(refresh, Refresh::Reader);
        let read = match &mut refresh {
            Refresh::Upkeep(ahead) => std::mem::take(&mut ahead.spans),
            Refresh::No | Refresh::Reader => SpansRead::new(),
        };
        let mut gate = None;
        for round in 0.. {
            if round == PATIENCE {
                gate = Some(self.shared.gate.lock().await);
            }
            let now = self.clock.now();
            let step = {
                let mut state = self.shared.state();
                match state.next_step(now, &mut refresh) {
                    Step::Ready => {
                        // Only where somebody reads: to resolve each run once more costs as much as the first time.
                        if by_reader && state.watch.is_due(now) {
                            self.shared.refresh_wanted.notify_one();
                        }
                        let seen = look(&mut state);
                        self.shared.measure(&state);
                        return Ok(seen);
                    }
                    step => step,
                }
            };
            match step {
                Step::Lookup(lookups, generation) => {
                    let mut learnt = Vec::with_capacity(lookups.len());
                    for lookup in lookups {
                        match self.look_up(&lookup).await {
                            Ok((spans, runs)) => learnt.push(Learnt { lookup, spans, runs }),
                            // A store of files that does not answer would make old rows look as if they were not there.
                            Err(error) if !repair::is_damaged(&self.reader, &lookup.meta).await => return Err(error),
                            Err(error) => {
                                self.shared.state().give_up_on(&lookup.meta, &error);
                                learnt.push(Learnt { lookup, spans: Vec::new(), runs: Vec::new() });
                            }
                        }
                    }
                    self.shared.state().learn(learnt, generation);
                }
                Step::Resolve(unresolved) => self.resolve(unresolved, &read, now).await?,
                Step::Ready => {}
            }
        }
        drop(gate);
        Err(StoreError::Closed)
    }

    /// Reads what segments hold of the next runs that readers left, while readers go on. What cannot be read here is read again
    /// where it is needed, and what is wrong is told there.
    async fn read_ahead(&self, now: Timestamp) -> Ahead {
        let Portion { keys, lookups, generation } = self.shared.state().portion(now);
        let mut ahead = Ahead { keys, generation, ..Ahead::default() };
        for lookup in lookups {
            let Ok((spans, runs)) = self.look_up(&lookup).await else {
                ahead.learnt.clear();
                return ahead;
            };
            ahead.learnt.push(Learnt { lookup, spans, runs });
        }
        for Learnt { lookup, spans, .. } in &ahead.learnt {
            let mut rows: Vec<u32> = spans.iter().map(|(_, span)| span.row).collect();
            rows.sort_unstable();
            rows.dedup();
            if rows.is_empty() || ahead.spans.len() + rows.len() > AHEAD_SPANS_MAX {
                continue;
            }
            let Ok(spans) = self.load_rows(&lookup.meta, &rows).await else { break };
            ahead.spans.extend(rows.into_iter().map(|row| (lookup.meta.id, row)).zip(spans));
        }
        ahead
    }

    /// Reads the keys of some traces' rows in a segment: of spans, or of runs.
    async fn look_up(&self, lookup: &Lookup) -> Result<Keys, StoreError> {
        let mut by_trace: HashMap<String, TraceKey> = HashMap::new();
        by_trace.extend(lookup.keys.iter().map(|key| (key.trace.to_string(), *key)));
        let traces: Vec<_> = lookup.keys.iter().map(|key| key.trace).collect();
        let of_spans = lookup.meta.table == Table::Spans;
        let columns: &[&str] = if of_spans { &["span_id", "version", "ended_at"] } else { &[] };
        let (mut spans, mut runs) = (Vec::new(), Vec::new());
        for Found { batch, rows } in self.reader.find(&lookup.meta, &traces, columns).await? {
            let column = |name: &str| {
                let missing = || StoreError::segment("read", &lookup.meta.path, format!("no column {name}"));
                batch.column_by_name(name).ok_or_else(missing)
            };
            let traces = column("trace_id")?.as_string::<i32>();
            let keys = (0..batch.num_rows()).map(|row| by_trace.get(traces.value(row)).copied());
            if !of_spans {
                runs.extend(keys.zip(rows).filter_map(|(key, row)| Some((key?, row))));
                continue;
            }
            let ids = column("span_id")?.as_string::<i32>();
            let versions = column("version")?.as_primitive::<UInt64Type>();
            let ends = column("ended_at")?.as_primitive::<TimestampNanosecondType>();
            for (at, (key, row)) in keys.zip(rows).enumerate() {
                let (Some(key), Ok(span_id)) = (key, ids.value(at).parse()) else { continue };
                let (segment, version, ended) = (lookup.meta.id, versions.value(at), ends.is_valid(at));
                spans.push((key, SealedSpan { segment, row, span_id, version, ended }));
            }
        }
        Ok((spans, runs))
    }

    /// Resolves runs and hands them to the state. Of their spans, `read` need not be read again.
    async fn resolve(&self, unresolved: Vec<Unresolved>, read: &SpansRead, now: Timestamp) -> Result<(), StoreError> {
        let unresolved = self.load_linked(self.load_sealed(unresolved, read).await).await;
        let resolver = Arc::clone(&self.resolver);
        let work = move || {
            let resolve = |one: Unresolved| {
                let Unresolved { key, change, hot, linked, incomplete, .. } = one;
                let traces: BTreeSet<TraceId> =
                    std::iter::once(key.trace).chain(linked.iter().map(|span| span.trace_id)).collect();
                let runs = match () {
                    () if incomplete => Vec::new(),
                    () if linked.is_empty() => resolver.resolve_linked(&newest(hot), now),
                    () => resolver.resolve_linked(&[newest(hot), linked].concat(), now),
                };
                // A trace that is part of another's run has none of its own.
                let parts = traces
                    .into_iter()
                    .filter(|trace| !runs.is_empty() && runs.iter().all(|run| run.trace_id != *trace));
                let parts = parts.collect();
                let changes = |run: Run| (resolver.changes(&run, now), run);
                Resolution { key, change, parts, runs: runs.into_iter().map(changes).collect() }
            };
            Ok(unresolved.into_iter().map(resolve).collect::<Vec<_>>())
        };
        let runs = self.threads.result(work).await?;
        let mut state = self.shared.state();
        state.resolved(runs, now);
        self.shared.measure(&state);
        Ok(())
    }

    /// Reads the spans of traces that the ones to resolve lead to. Where they cannot be read the run stays as it was.
    async fn load_linked(&self, mut unresolved: Vec<Unresolved>) -> Vec<Unresolved> {
        for one in unresolved.iter_mut().filter(|one| one.hot.iter().any(|span| span.told.is_some())) {
            let project = Arc::clone(self.shared.state().project_name(one.key.project));
            match self.linked(&project, one.key.trace, &one.hot).await {
                Ok(linked) => one.linked = linked,
                Err(error) => {
                    tracing::error!(%error, "a trace that belongs to a run cannot be read");
                    one.incomplete = true;
                }
            }
        }
        unresolved
    }

    /// The spans of every trace that `spans` of the trace `of` lead to, and of those they lead to, as far as [`LINKED_MAX`].
    pub async fn linked(&self, project: &str, of: TraceId, spans: &[Arc<Span>]) -> Result<Vec<Arc<Span>>, StoreError> {
        let mut seen = BTreeSet::from([of]);
        let mut waiting = self.resolver.linked(of, spans);
        let mut found: Vec<Arc<Span>> = Vec::new();
        while let Some(next) = waiting.pop_first() {
            if !seen.insert(next) {
                continue;
            }
            if seen.len() > LINKED_MAX {
                tracing::warn!(trace = %of, limit = LINKED_MAX, "more traces belong to one run than are joined (LINKED_MAX)");
                break;
            }
            let view = TraceView::new(&self.shared.state(), project, &[next]);
            let spans = view.narrow(&self.reader).await?;
            waiting.extend(self.resolver.linked(next, &spans));
            found.extend(spans);
        }
        Ok(found)
    }

    /// Reads the spans that are in segments only, each segment once. A run some of whose spans cannot be read stays as
    /// it was last resolved.
    async fn load_sealed(&self, mut unresolved: Vec<Unresolved>, read: &SpansRead) -> Vec<Unresolved> {
        /// A segment, and its rows that are wanted, each with the place of its trace.
        type Wanted = (Arc<SegmentMeta>, Vec<(u32, usize)>);
        let mut by_segment: BTreeMap<u64, Wanted> = BTreeMap::new();
        for (at, one) in unresolved.iter_mut().enumerate() {
            for (meta, row) in std::mem::take(&mut one.sealed) {
                match read.get(&(meta.id, row)) {
                    Some(span) => one.hot.push(Arc::clone(span)),
                    None => by_segment.entry(meta.id).or_insert_with(|| (meta, Vec::new())).1.push((row, at)),
                }
            }
        }
        for (meta, mut wanted) in by_segment.into_values() {
            wanted.sort_unstable();
            let rows: Vec<u32> = wanted.iter().map(|(row, _)| *row).collect();
            match self.load_rows(&meta, &rows).await {
                Ok(spans) => {
                    for (span, (_, at)) in spans.into_iter().zip(wanted) {
                        unresolved[at].hot.push(span);
                    }
                }
                Err(error) => {
                    self.shared.state().give_up_on(&meta, &error);
                    for (_, at) in wanted {
                        unresolved[at].incomplete = true;
                    }
                }
            }
        }
        unresolved
    }

    /// The narrow spans in some rows of a segment (sorted, no repeats).
    async fn load_rows(&self, meta: &SegmentMeta, rows: &[u32]) -> Result<Vec<Arc<Span>>, StoreError> {
        let mut spans = Vec::with_capacity(rows.len());
        for batch in self.reader.rows_set(meta, rows, Some(&narrow_columns())).await? {
            spans.extend(narrow_from_batch(&batch)?.into_iter().map(Arc::new));
        }
        Ok(spans)
    }
}

/// Spans and runs found in a segment.
type Keys = (Vec<(TraceKey, SealedSpan)>, Vec<(TraceKey, u32)>);
