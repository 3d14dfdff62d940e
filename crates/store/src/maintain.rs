//! Flush and compaction as the store does them: one change of the list of segments at a time, each one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::TraceId;

use crate::catalog::Change;
use crate::compact::{self, Candidate, Merged};
use crate::error::StoreError;
use crate::files::Files;
use crate::flush::{Job, Written};
use crate::hot::{Hot, HotView, TraceKey};
use crate::known::{self, OfTrace};
use crate::repair;
use crate::retention::{DroppedByLayer, Layer};
use crate::schema::Table;
use crate::settle::Refresh;
use crate::snapshot::SegmentMeta;
use crate::state::State;
use crate::stats::{Stats, TableStats};
use crate::store::Inner;
use crate::uncommitted::Uncommitted;
use crate::wal::committer::Message;

/// Pause before a catalog that does not answer is asked again what became of a change.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What a flush did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Rows written.
    pub rows: u64,
    /// Files written.
    pub segments: u64,
}

/// What one step of compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Files merged; 0 when there was nothing to do.
    pub inputs: u64,
    /// Files that took their place.
    pub outputs: u64,
    /// Replaced files whose grace period ended, removed.
    pub removed: u64,
}

impl State {
    /// Sets the hot rows aside for a flush, unless a failed one left some; false when there is nothing to do.
    fn freeze(&mut self) -> bool {
        if self.frozen.is_some() {
            return true;
        }
        if self.active.is_empty() && self.applied == self.flushed {
            return false;
        }
        let frozen = std::mem::take(&mut self.active);
        self.frozen_views = Table::ALL.map(|table| (table, frozen.view(table))).into();
        self.frozen = Some(frozen);
        self.frozen_through = self.applied;
        self.active_since = None;
        true
    }

    /// Rows of segments that the frozen rows replace: the whole new list of each segment.
    fn frozen_deletions(&self) -> Vec<(u64, Vec<u32>)> {
        let Some(frozen) = &self.frozen else { return Vec::new() };
        let merged = |(id, rows): (&u64, &std::collections::BTreeSet<u32>)| {
            let segment = self.segments.iter().find_map(|table| table.get(id))?;
            let mut all: Vec<u32> = segment.deleted.iter().copied().chain(rows.iter().copied()).collect();
            all.sort_unstable();
            all.dedup();
            Some((*id, all))
        };
        frozen.replaces.iter().filter_map(merged).collect()
    }

    /// Marks rows of segments as replaced.
    pub(crate) fn set_deletions(&mut self, deletions: Vec<(u64, Vec<u32>)>) {
        for (id, rows) in deletions {
            if let Some(segment) = self.segments.iter_mut().find_map(|table| table.get_mut(&id)) {
                segment.deleted = Arc::new(rows);
            }
        }
    }
}

impl Inner {
    /// See [`crate::Store::flush`].
    pub async fn flush(&self) -> Result<Flushed, StoreError> {
        let _change = self.change.lock().await;
        if !self.prepared(Refresh::No, State::freeze).await? {
            return Ok(Flushed::default());
        }
        let job = {
            let state = self.shared.state();
            Job {
                views: state.frozen_views.clone(),
                files: self.files.clone(),
                next_segment: Arc::clone(&self.next_segment),
                through: state.frozen_through,
                now: self.clock.now(),
                environments: state.environments.clone(),
            }
        };
        let (through, now) = (job.through, job.now);
        let bodies = job.views.iter().find_map(|(_, view)| match view {
            HotView::Bodies(chunks) => Some(chunks.clone()),
            _ => None,
        });
        let retention = self.settings.retention.clone();
        let work = move || {
            let known =
                known::of_flush(&bodies.unwrap_or_default(), now, |project| retention.keep(project, Layer::Bodies));
            Ok((job.write()?, known))
        };
        let (written, known) = self.threads.result(work).await?;
        let Written { segments, files, rows, days_folded, environments_folded } = written;
        let flushed = Flushed { rows, segments: segments.len() as u64 };
        let change = Change {
            id: self.next_segment.fetch_add(1, Ordering::Relaxed),
            added: segments.into_iter().map(Arc::new).collect(),
            deletions: self.shared.state().frozen_deletions(),
            log_flushed: Some(through),
            next_segment: self.next_segment.load(Ordering::Relaxed),
            ..Change::default()
        };
        let change = self.commit_change(change, files).await?;
        self.flushed((days_folded, environments_folded), known, change, through);
        Ok(flushed)
    }

    fn flushed(
        &self,
        (days_folded, environments_folded): (u64, u64),
        known: Vec<(Arc<str>, TraceId, OfTrace)>,
        change: Change,
        through: u64,
    ) {
        let mut state = self.shared.state();
        for (project, trace, bodies) in known {
            let project = state.project(&project);
            state.known.note(TraceKey { project, trace }, bodies);
        }
        state.set_deletions(change.deletions);
        let old: Option<Hot> = state.frozen.take();
        state.frozen_views.clear();
        state.flushed = through;
        state.counters.flushes += 1;
        state.counters.days_folded += days_folded;
        state.counters.environments_folded += environments_folded;
        state.add_segments(change.added.into_iter().map(|meta| (meta, Vec::new())));
        state.forget_cold_traces();
        self.shared.measure(&state);
        drop(state);
        // Freeing many rows takes a while: not under the lock.
        drop(old);
        self.commits.send(Message::Flushed(through));
    }

    /// Commits to the catalog. Where SQLite reports an error, what counts is what it kept: that is looked up, again and
    /// again if need be, because going on without knowing could list rows twice. The files of a change that was not kept
    /// are removed, those of one that was not begun too.
    pub(crate) async fn commit_change(&self, change: Change, files: Uncommitted) -> Result<Change, StoreError> {
        let (catalog, commit) = (self.catalog.clone(), Arc::new(change));
        let change = Arc::clone(&commit);
        let begin = move || {
            // Before the first step: nobody may remove what the catalog may name.
            files.hand_over();
            catalog.commit(&commit)
        };
        let committed = self.threads.result(begin).await;
        while let Err(error) = &committed {
            let (catalog, looked_for) = (self.catalog.clone(), Arc::clone(&change));
            match self.threads.result(move || catalog.kept(&looked_for)).await {
                Ok(true) => {
                    tracing::warn!(%error, "the catalog reported an error but kept the change");
                    break;
                }
                Ok(false) => {
                    let files = self.files.clone();
                    self.threads
                        .result(move || {
                            remove_added(&files, &change);
                            Ok(())
                        })
                        .await?;
                    return Err(error.clone());
                }
                Err(unknown) => {
                    tracing::error!(%error, %unknown, "the catalog does not say what became of a change; asking again");
                    tokio::time::sleep(ASK_AGAIN).await;
                }
            }
        }
        // Whoever else held it has ended.
        Arc::try_unwrap(change).map_err(|_| StoreError::Stopped("a change of the catalog is still in use".into()))
    }

    /// See [`crate::Store::compact`].
    pub async fn compact(&self) -> Result<Compacted, StoreError> {
        let _one = self.compaction.lock().await;
        let removed = self.remove_files().await?;
        let candidates = {
            let state = self.shared.state();
            let segments = state.segments.iter().flat_map(BTreeMap::values);
            let segments = segments.filter(|segment| !state.unreadable.contains(&segment.meta.id));
            let candidate = |segment: &crate::state::Segment| Candidate {
                meta: Arc::clone(&segment.meta),
                deleted: Arc::clone(&segment.deleted),
            };
            segments.map(candidate).collect::<Vec<_>>()
        };
        let Some(job) = compact::plan(&candidates, self.clock.now(), self.settings.segment_bytes).into_iter().next()
        else {
            return Ok(Compacted { removed, ..Compacted::default() });
        };
        let inputs: Vec<Arc<SegmentMeta>> = job.iter().map(|candidate| Arc::clone(&candidate.meta)).collect();
        let (job, merged, file) = match self.merged(job, false).await {
            Ok(done) => done,
            Err(error) => {
                // Without the file that cannot be read the others can be merged next time.
                if let StoreError::Segment { path, .. } = &error
                    && let Some(meta) = inputs.iter().find(|meta| meta.path.as_ref() == path)
                    && repair::is_damaged(&self.reader, meta).await
                {
                    self.shared.state().give_up_on(meta, &error);
                }
                return Err(error);
            }
        };
        let outputs = u64::from(merged.output.is_some());
        let done = self.commit_merged(&job, merged, file, DroppedByLayer::new()).await?;
        let (inputs, outputs) = if done { (job.len() as u64, outputs) } else { (0, 0) };
        Ok(Compacted { inputs, outputs, removed })
    }

    /// Makes one file of the segments of a job, with `strip` without the content of their rows. The file goes again unless it is
    /// given to [`Inner::commit_merged`].
    pub(crate) async fn merged(
        &self,
        job: compact::Job,
        strip: bool,
    ) -> Result<(compact::Job, Merged, Uncommitted), StoreError> {
        let log_flushed = self.shared.state().flushed;
        let id = self.next_segment.fetch_add(1, Ordering::Relaxed);
        let (reader, files, threads) = (self.reader.clone(), self.files.clone(), Arc::clone(&self.threads));
        let resolver = Arc::clone(&self.resolver);
        // Decoding and compressing would keep other tasks waiting: it gets a thread.
        let work = move || {
            let strip = strip.then_some(&*resolver);
            let merged = threads.block_on(compact::merge(&reader, &job, id, log_flushed, strip))?;
            let mut file = Uncommitted::none(&files);
            if let Some((bytes, meta)) = &merged.output {
                file.put(meta, bytes)?;
            }
            Ok((job, merged, file))
        };
        self.threads.result(work).await
    }

    /// Puts a merged segment in the place of its inputs. Rows that stopped counting meanwhile stop counting there.
    pub(crate) async fn commit_merged(
        &self,
        job: &[Candidate],
        merged: Merged,
        file: Uncommitted,
        dropped: DroppedByLayer,
    ) -> Result<bool, StoreError> {
        let _change = self.change.lock().await;
        let now: Option<Vec<Arc<Vec<u32>>>> = {
            let state = self.shared.state();
            let deleted = |candidate: &Candidate| {
                let segments = &state.segments[candidate.meta.table as usize];
                segments.get(&candidate.meta.id).map(|segment| Arc::clone(&segment.deleted))
            };
            // A failed flush left rows whose effect on the inputs is not in the catalog yet: let it finish first.
            if state.frozen.is_some() { None } else { job.iter().map(deleted).collect() }
        };
        let Some(now) = now else {
            self.threads.result(move || file.remove()).await?;
            return Ok(false);
        };
        let late = merged.late_deletions(job, &now);
        let output: Vec<Arc<SegmentMeta>> = merged.output.into_iter().map(|(_, meta)| Arc::new(meta)).collect();
        let grace = i64::try_from(self.settings.grace.as_nanos()).unwrap_or(i64::MAX);
        let change = Change {
            id: self.next_segment.fetch_add(1, Ordering::Relaxed),
            deletions: output.iter().filter(|_| !late.is_empty()).map(|meta| (meta.id, late.clone())).collect(),
            added: output,
            removed: job.iter().map(|candidate| Arc::clone(&candidate.meta)).collect(),
            not_before: self.clock.now().plus_nanos(grace),
            log_flushed: None,
            next_segment: self.next_segment.load(Ordering::Relaxed),
            dropped,
        };
        let change = self.commit_change(change, file).await?;
        let mut state = self.shared.state();
        let ids: HashSet<u64> = change.removed.iter().map(|meta| meta.id).collect();
        state.remove_segments(&ids);
        state.add_segments(change.added.into_iter().map(|meta| (meta, late.clone())));
        state.note_dropped(&change.dropped);
        state.counters.compactions += 1;
        Ok(true)
    }

    /// Removes replaced files whose grace period is over.
    async fn remove_files(&self) -> Result<u64, StoreError> {
        // A backup under way copies files that may just have been replaced.
        if self.holds.load(Ordering::Acquire) > 0 {
            return Ok(0);
        }
        let (now, catalog, files) = (self.clock.now(), self.catalog.clone(), self.files.clone());
        let remove = move || {
            let due = catalog.load_removals()?.into_iter().filter(|(_, not_before)| *not_before <= now);
            let mut removed = Vec::new();
            for (path, _) in due {
                files.remove(&path)?;
                removed.push(path);
            }
            if !removed.is_empty() {
                catalog.removed(&removed)?;
            }
            Ok(removed.len() as u64)
        };
        self.threads.result(remove).await
    }

    /// See [`crate::Store::stats`].
    pub fn stats(&self) -> Stats {
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let state = self.shared.state();
        let counters = &state.counters;
        let tables: HashMap<Table, TableStats> = Table::ALL.map(|table| (table, table_stats(&state, table))).into();
        let filters = state.segments.iter().flat_map(BTreeMap::values).map(|segment| segment.meta.traces.size() as u64);
        Stats {
            filter_bytes: filters.sum(),
            tables: tables.into_iter().map(|(table, stats)| (table.name(), stats)).collect(),
            hot_bytes: state.hot_bytes() as u64,
            hot_bytes_max: self.settings.hot_bytes_max as u64,
            queue_bytes: self.shared.queue_bytes.load(Ordering::Relaxed) as u64,
            queue_bytes_max: self.settings.queue_bytes_max as u64,
            log_files: load(&self.log.files),
            log_bytes: load(&self.log.bytes),
            log_sequence: state.applied,
            log_flushed: state.flushed,
            commits: counters.commits,
            syncs: load(&self.log.syncs),
            replayed: counters.replayed,
            duplicate_spans: counters.duplicate_spans,
            duplicate_logs: counters.duplicate_logs,
            duplicate_samples: counters.duplicate_samples,
            hot_limit_reached: load(&self.hot_limit_reached),
            queue_limit_reached: load(&self.queue_limit_reached),
            cache_limit_reached: self.cache.as_ref().map_or(0, |cache| cache.full()),
            log_failures: load(&self.log.failures),
            log_damaged: self.opened.log_damaged,
            log_torn_bytes: self.opened.log_torn_bytes,
            flushes: counters.flushes,
            compactions: counters.compactions,
            environments_folded: counters.environments_folded,
            days_folded: counters.days_folded,
            missing_segments: self.opened.missing_segments,
            unreadable_segments: state.unreadable.len() as u64,
            set_aside: self.opened.set_aside,
            body_bytes_seen: counters.body_bytes_seen,
            body_bytes_kept: counters.body_bytes_kept,
            known_bodies_bytes: state.known.bytes() as u64,
            known_bodies_let_go: state.known.let_go,
        }
    }
}

/// Removes the files of a change that did not come about; what cannot be removed is set aside at the next start.
fn remove_added(files: &Files, change: &Change) {
    for meta in &change.added {
        if let Err(error) = files.remove(meta.path.as_ref()) {
            tracing::warn!(%error, "a file that no catalog entry names stays until the next start");
        }
    }
}

fn table_stats(state: &State, table: Table) -> TableStats {
    let mut stats = TableStats { hot_rows: state.hot_rows(table) as u64, ..TableStats::default() };
    for segment in state.segments[table as usize].values() {
        stats.segments += 1;
        stats.sealed_rows += segment.meta.rows;
        stats.replaced_rows += segment.deleted.len() as u64;
        stats.bytes += segment.meta.bytes;
    }
    stats
}
