//! Figures, checks and backups of an open store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::backup::{self, Hold, Plan};
use crate::check::{Checked, Inventory, check};
use crate::error::StoreError;
use crate::report::{Report, retention, tables};
use crate::retention::Layer;
use crate::schema::Table;
use crate::snapshot::SegmentMeta;
use crate::store::{Inner, Store};

impl Store {
    /// How long a layer of a project is kept, whether anything of it was written into segments yet or not; `None` for ever.
    pub fn keeps(&self, project: &str, layer: Layer) -> Option<Duration> {
        self.inner.settings.retention.keep(project, layer)
    }
}

impl Inner {
    /// See [`crate::Store::report`].
    pub fn report(&self) -> Result<Report, StoreError> {
        let removals = self.catalog.load_removals()?.len() as u64;
        let state = self.shared.state();
        let segments = || state.segments.iter().flat_map(BTreeMap::values);
        let report = Report {
            data: self.settings.data.display().to_string(),
            bucket: self.files.bucket().map(|bucket| bucket.url().to_owned()),
            tables: tables(segments().map(|segment| (&*segment.meta, segment.deleted.len() as u64))),
            hot_rows: Table::ALL.map(|table| (table.name(), state.hot_rows(table) as u64)).into(),
            log_files: self.log.files.load(Ordering::Relaxed),
            log_bytes: self.log.bytes.load(Ordering::Relaxed),
            log_flushed: state.flushed,
            removals,
            cache_bytes: self.cache.as_ref().map_or(0, |cache| cache.bytes()),
            retention: retention(&self.settings.retention, segments().map(|segment| &*segment.meta), &state.dropped),
            ..Report::default()
        };
        drop(state);
        report.with_beside(&**self.files.disk(), &self.settings.data)
    }

    /// See [`crate::Store::check`].
    pub async fn check(&self) -> Result<Checked, StoreError> {
        let _hold = Hold::new(&self.holds)?;
        let inventory = {
            let _change = self.change.lock().await;
            let state = self.shared.state();
            let segments = state.segments.iter().flat_map(BTreeMap::values);
            Inventory {
                segments: segments.map(|segment| (Arc::clone(&segment.meta), Arc::clone(&segment.deleted))).collect(),
                dropped: state.dropped.clone(),
                removals: Default::default(),
                at_rest: false,
            }
        };
        let catalog = self.catalog.clone();
        let faults = self.threads.result(move || catalog.faults()).await?;
        let mut checked = check(inventory, &self.files, &*self.threads, &self.settings.data).await?;
        checked.catalog(faults);
        Ok(checked)
    }

    /// See [`crate::Store::backup`].
    pub async fn backup(&self) -> Result<Plan, StoreError> {
        let hold = Hold::new(&self.holds)?;
        // Flush and compaction wait until catalog and log are fixed: they then belong together.
        let _change = self.change.lock().await;
        let segments: Vec<Arc<SegmentMeta>> = {
            let state = self.shared.state();
            state.segments.iter().flat_map(BTreeMap::values).map(|segment| Arc::clone(&segment.meta)).collect()
        };
        backup::plan(&self.settings, &self.catalog, &self.files, segments, self.clock.now(), Some(hold)).await
    }
}
