//! A store's directory while no server has it open: figures, a check, a backup, without replaying the log.

use std::fs::File;
use std::sync::Arc;

use model::Timestamp;

use crate::backup::{self, Plan};
use crate::catalog::{Catalog, Contents};
use crate::check::{Checked, Inventory, check};
use crate::disk::{Disk, RealDisk};
use crate::error::StoreError;
use crate::files::Files;
use crate::open::lock;
use crate::report::{Report, retention, tables};
use crate::settings::Settings;
use crate::threads::RealThreads;

/// A directory, locked. Only figures, checks and backups: opening it is [`crate::Store::open`].
pub struct Offline {
    settings: Settings,
    disk: Arc<dyn Disk>,
    files: Files,
    catalog: Catalog,
    contents: Contents,
    _lock: File,
}

impl Offline {
    /// Locks the directory of `settings` and reads its catalog.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while a server has it open, [`StoreError::NoCatalog`] where there is no store.
    pub async fn open(settings: Settings) -> Result<Self, StoreError> {
        let open = move || {
            let database = settings.data.join("catalog.db");
            if !database.is_file() {
                return Err(StoreError::NoStore { path: settings.data });
            }
            let lock = lock(&settings.data)?;
            let catalog = Catalog::open(Arc::new(RealDisk), &database)?;
            let contents = catalog.load()?;
            let disk: Arc<dyn Disk> = Arc::new(RealDisk);
            let files = Files::new(Arc::clone(&disk), &settings);
            Ok(Self { settings, disk, files, catalog, contents, _lock: lock })
        };
        crate::threads::blocking(open).await
    }

    /// Opens and checks the directory of `settings`. A catalog that cannot be read is a fault, and then the only one looked for.
    ///
    /// # Errors
    /// As [`Offline::open`], and when a file cannot be read.
    pub async fn check_directory(settings: Settings) -> Result<Checked, StoreError> {
        let checked = match Self::open(settings).await {
            Ok(offline) => offline.check().await,
            Err(error) => Err(error),
        };
        match checked {
            Err(StoreError::Catalog { what, source }) => {
                let mut checked = Checked::default();
                checked.catalog(vec![format!("cannot {what}: {source}")]);
                Ok(checked)
            }
            checked => checked,
        }
    }

    /// What it holds.
    pub fn report(&self) -> Result<Report, StoreError> {
        let wal = self.settings.data.join("wal");
        let logs = self.disk.list(&wal).map_err(|error| StoreError::io("list", &wal, error))?;
        let segments = || self.contents.segments.iter().map(|(meta, _)| meta);
        let report = Report {
            data: self.settings.data.display().to_string(),
            bucket: self.files.bucket().map(|bucket| bucket.url().to_owned()),
            tables: tables(self.contents.segments.iter().map(|(meta, deleted)| (meta, deleted.len() as u64))),
            log_files: logs.len() as u64,
            log_bytes: logs.iter().map(|(_, bytes)| bytes).sum(),
            log_flushed: self.contents.log_flushed,
            removals: self.contents.removals.len() as u64,
            retention: retention(&self.settings.retention, segments(), &self.contents.dropped),
            ..Report::default()
        };
        report.with_beside(&*self.disk, &self.settings.data)
    }

    /// Checks all of it.
    pub async fn check(&self) -> Result<Checked, StoreError> {
        let segments = self.contents.segments.iter();
        let inventory = Inventory {
            segments: segments.map(|(meta, deleted)| (Arc::new(meta.clone()), Arc::new(deleted.clone()))).collect(),
            dropped: self.contents.dropped.clone(),
            removals: self.contents.removals.iter().map(|(path, _)| path.clone()).collect(),
            at_rest: true,
        };
        let faults = self.catalog.faults()?;
        let mut checked = check(inventory, &self.files, &RealThreads, &self.settings.data).await?;
        checked.catalog(faults);
        Ok(checked)
    }

    /// Prepares a backup.
    pub async fn backup(&self, now: Timestamp) -> Result<Plan, StoreError> {
        let segments = self.contents.segments.iter().map(|(meta, _)| Arc::new(meta.clone())).collect();
        backup::plan(&self.settings, &self.catalog, &self.files, segments, now, None).await
    }
}
