//! Retention as the store does it: whole segments go, and content goes out of rows that stay.
//!
//! Which and when is `retention.rs`. Each step is one transaction of the catalog; files go after the grace period, like
//! those that compaction replaced, so that queries under way still read them. Ingest is never held up.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::Timestamp;

use crate::catalog::Change;
use crate::compact::Candidate;
use crate::error::StoreError;
use crate::location::CATALOG_COPY;
use crate::repair;
use crate::retention::{Dropped, DroppedByLayer, Held, Layer};
use crate::schema::Table;
use crate::settings::QUARANTINE_KEPT;
use crate::snapshot::SegmentMeta;
use crate::state::{Segment, State};
use crate::store::{Expired, Inner};
use crate::uncommitted::Uncommitted;

/// How often `quarantine/` is looked through: a bucket asks money for it.
const ASIDE_CHECK: Duration = Duration::from_secs(3600);

impl State {
    /// Counts what retention removed.
    pub fn note_dropped(&mut self, dropped: &DroppedByLayer) {
        for (key, more) in dropped {
            let sum = self.dropped.entry(key.clone()).or_default();
            sum.until = sum.until.max(more.until);
            sum.segments += more.segments;
            sum.rows += more.rows;
            sum.bytes += more.bytes;
        }
    }

    fn all_segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().flat_map(std::collections::BTreeMap::values)
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

impl Inner {
    /// See [`crate::Store::expire`].
    pub async fn expire(&self, held: &Held) -> Result<Expired, StoreError> {
        self.forget_aside(self.clock.now()).await;
        if !self.settings.retention.is_set() {
            return Ok(Expired::default());
        }
        let _one = self.compaction.lock().await;
        let now = self.clock.now();
        let removed = self.drop_expired(now, held).await?;
        let stripped = self.strip_one(now, held).await?;
        Ok(Expired { removed, stripped })
    }

    /// Removes segments that were set aside long ago, whatever is kept for how long otherwise.
    async fn forget_aside(&self, now: Timestamp) {
        if now.as_nanos() < self.aside_due.load(Ordering::Relaxed) {
            return;
        }
        let files = self.files.clone();
        let before = now.plus_nanos(-nanos(QUARANTINE_KEPT));
        match self.threads.result(move || files.forget_aside(before)).await {
            Ok(removed) => {
                self.aside_due.store(now.plus_nanos(nanos(ASIDE_CHECK)).as_nanos(), Ordering::Relaxed);
                if removed > 0 {
                    tracing::info!(removed, "segments that were set aside in quarantine/ long ago are gone");
                }
            }
            // The next turn tries again; retention goes on.
            Err(error) => tracing::warn!(%error, "segments that were set aside long ago cannot be removed"),
        }
    }

    async fn drop_expired(&self, now: Timestamp, held: &Held) -> Result<u64, StoreError> {
        let _change = self.change.lock().await;
        let retention = &self.settings.retention;
        let due: Vec<Arc<SegmentMeta>> = {
            let state = self.shared.state();
            let due = state.all_segments().filter(|segment| {
                retention.drop_at(&segment.meta).is_some_and(|at| at <= now) && !held.keeps(&segment.meta)
            });
            due.map(|segment| Arc::clone(&segment.meta)).collect()
        };
        if due.is_empty() {
            return Ok(0);
        }
        let mut dropped = DroppedByLayer::new();
        for meta in &due {
            dropped.entry((meta.project.to_string(), Layer::of(meta))).or_default().add(meta);
        }
        let change = Change {
            id: self.next_segment.fetch_add(1, Ordering::Relaxed),
            removed: due,
            not_before: now.plus_nanos(nanos(self.settings.grace)),
            next_segment: self.next_segment.load(Ordering::Relaxed),
            dropped,
            ..Change::default()
        };
        let change = self.commit_change(change, Uncommitted::none(&self.files)).await?;
        let mut state = self.shared.state();
        let ids: HashSet<u64> = change.removed.iter().map(|meta| meta.id).collect();
        state.remove_segments(&ids);
        if change.removed.iter().any(|meta| meta.table == Table::Bodies) {
            state.known.clear();
        }
        state.note_dropped(&change.dropped);
        for ((project, layer), dropped) in &change.dropped {
            let Dropped { until, segments, rows, bytes } = dropped;
            tracing::info!(project, %layer, %until, segments, rows, bytes, "retention removed segments");
        }
        Ok(ids.len() as u64)
    }

    /// Writes one segment again without its content.
    async fn strip_one(&self, now: Timestamp, held: &Held) -> Result<u64, StoreError> {
        let retention = &self.settings.retention;
        let job = {
            let state = self.shared.state();
            let due = state.all_segments().find(|segment| {
                !state.unreadable.contains(&segment.meta.id)
                    && retention.strip_at(&segment.meta).is_some_and(|at| at <= now)
                    && !held.keeps(&segment.meta)
            });
            let Some(segment) = due else { return Ok(0) };
            let candidate = Candidate { meta: Arc::clone(&segment.meta), deleted: Arc::clone(&segment.deleted) };
            vec![candidate]
        };
        let meta = Arc::clone(&job[0].meta);
        let (job, merged, file) = match self.merged(job, true).await {
            Ok(done) => done,
            Err(error) => {
                // One that cannot be read must not keep the others from losing their content.
                if let StoreError::Segment { .. } | StoreError::Rows(_) | StoreError::Value(_) = error
                    && repair::is_damaged(&self.reader, &meta).await
                {
                    self.shared.state().give_up_on(&meta, &error);
                }
                return Err(error);
            }
        };
        let left = merged.output.as_ref().map_or(0, |(_, meta)| meta.bytes);
        let mut dropped = Dropped::default();
        dropped.add(&meta);
        dropped.bytes = meta.bytes.saturating_sub(left);
        let dropped = DroppedByLayer::from([((meta.project.to_string(), Layer::Bodies), dropped)]);
        Ok(u64::from(self.commit_merged(&job, merged, file, dropped).await?))
    }

    /// See [`crate::Store::copy_catalog`].
    pub async fn copy_catalog(&self) -> Result<bool, StoreError> {
        let Some(bucket) = self.files.bucket().cloned() else { return Ok(false) };
        let mut copied = self.catalog_copied.lock().await;
        let changes = self.catalog.changes()?;
        if *copied == Some(changes) {
            return Ok(false);
        }
        self.files.must_be_ours().await?;
        let (catalog, path) = (self.catalog.clone(), self.settings.data.join("tmp/catalog-copy.db"));
        let copy = move || {
            let _ = std::fs::remove_file(&path);
            catalog.copy_to(&path)?;
            let bytes = std::fs::read(&path).map_err(|error| StoreError::io("read", &path, error));
            let _ = std::fs::remove_file(&path);
            bytes
        };
        let bytes = self.threads.result(copy).await?;
        let put = object_store::ObjectStoreExt::put(&bucket.store, &CATALOG_COPY.into(), bytes.into()).await;
        put.map_err(|error| bucket.error(error))?;
        *copied = Some(changes);
        Ok(true)
    }
}
