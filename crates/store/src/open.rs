//! Opening a store: lock, catalog, files, log.

use std::collections::{BTreeSet, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use arrow::record_batch::RecordBatch;
use model::{Run, Timestamp};

use crate::apply::Applier;
use crate::cache::Cached;
use crate::calls;
use crate::catalog::{Catalog, Contents};
use crate::disk::Disk;
use crate::entry::{LogEntry, Rows};
use crate::error::{RowError, StoreError};
use crate::files::Files;
use crate::hot::TraceKey;
use crate::location::Bucket;
use crate::repair;
use crate::resolver::RunResolver;
use crate::rows;
use crate::schema::Table;
use crate::segment::read::Reader;
use crate::settings::{RECENT_IDS, Settings};
use crate::snapshot::SegmentMeta;
use crate::state::{Counters, Segment, State};
use crate::store::{Inner, Machine, Shared, Store};
use crate::wal::committer::CommitThread;
use crate::wal::log::LogFigures;
use crate::wal::replay::Replayed;
use crate::wal::{Log, replay, verify};

/// What opening found.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Opened {
    pub log_damaged: u64,
    pub log_torn_bytes: u64,
    pub missing_segments: u64,
    pub set_aside: u64,
}

type Replay = Arc<dyn Fn(&LogEntry) -> Rows + Send + Sync>;

impl Store {
    /// [`Store::open`] on a machine of the caller's choice: a simulation's, for one.
    pub async fn open_on(
        machine: Machine,
        settings: Settings,
        resolver: Arc<dyn RunResolver>,
        replay: Replay,
    ) -> Result<Self, StoreError> {
        let Machine { disk, threads, clock } = machine;
        let mut files = Files::new(Arc::clone(&disk), &settings);
        let listed = {
            let (settings, files, disk, now) = (settings.clone(), files.clone(), Arc::clone(&disk), clock.now());
            threads.result(move || list(&disk, &settings, &files, now)).await?
        };
        let Listed { lock, catalog, contents, mut opened, mut lost, cache, process } = listed;
        if let Some(cache) = &cache {
            files = files.through(Arc::clone(cache) as _);
        }
        let lock = Arc::new(lock);
        files = files.held_by(process).locked_by(Arc::clone(&lock));
        let (flushed, next_segment) = (contents.log_flushed, contents.next_segment);
        let reader = Reader::new(files.object_store()?);
        let mut state = State::new(flushed);
        state.dropped = contents.dropped;
        state.add_segments(contents.segments.into_iter().map(|(meta, deleted)| (Arc::new(meta), deleted)));
        // Before replaying: the log may repeat what is in segments.
        seed_recent(&reader, &mut state, Table::Logs, rows::logs::ids).await?;
        seed_recent(&reader, &mut state, Table::Samples, rows::samples::ids).await?;
        calls::seed(&reader, &mut state, &*resolver).await?;
        lost.extend(watch_open_runs(&reader, &mut state, clock.now()).await?);
        let gone = repair::repair(&reader, &mut state, &lost).await?;

        let figures = Arc::new(LogFigures::default());
        let (mut state, log, replayed) = {
            let (settings, figures) = (settings.clone(), Arc::clone(&figures));
            let resolver = Arc::clone(&resolver);
            let work = move || replay_log(&disk, &settings, &replay, &*resolver, figures, state);
            threads.result(work).await?
        };
        opened.log_damaged = replayed.damaged.len() as u64;
        state.note_log_damage(&replayed.damaged);
        opened.log_torn_bytes = replayed.torn_bytes;
        let left = state.watch.is_due(clock.now());
        let shared = Arc::new(Shared::new(state, settings.flush_bytes));
        if left {
            shared.refresh_wanted.notify_one();
        }
        let applier =
            Applier { shared: Arc::clone(&shared), resolver: Arc::clone(&resolver), threads: Arc::clone(&threads) };
        let commits = CommitThread::start(&threads, log, replayed.last + 1, applier)
            .map_err(|error| StoreError::io("start a thread for", &settings.data, error))?;
        let store = Self {
            inner: Arc::new(Inner {
                settings,
                clock,
                threads,
                resolver,
                shared,
                catalog,
                files,
                reader,
                commits,
                log: figures,
                next_segment: Arc::new(AtomicU64::new(next_segment)),
                prepare: tokio::sync::Mutex::new(()),
                change: tokio::sync::Mutex::new(()),
                compaction: tokio::sync::Mutex::new(()),
                holds: Arc::default(),
                catalog_copied: tokio::sync::Mutex::default(),
                cache,
                hot_limit_reached: AtomicU64::new(0),
                queue_limit_reached: AtomicU64::new(0),
                opened,
                aside_due: AtomicI64::new(i64::MIN),
                _lock: lock,
            }),
        };
        if !lost.is_empty() {
            store.inner.finish_repair(&lost, gone).await;
        }
        Ok(store)
    }
}

impl Inner {
    /// Writes what a repair resolved again, and only then lets the catalog forget the lost segments. Where that fails the
    /// next start repairs again.
    async fn finish_repair(&self, lost: &[Arc<SegmentMeta>], gone: repair::Deletions) {
        let finish = async {
            self.flush().await?;
            let _change = self.change.lock().await;
            let ids: Vec<u64> = lost.iter().map(|meta| meta.id).collect();
            let deletions: Vec<(u64, Vec<u32>)> = {
                let state = self.shared.state();
                let segments = &state.segments[Table::Runs as usize];
                let now = gone.iter().filter_map(|(id, _)| segments.get(id));
                now.map(|segment| (segment.meta.id, segment.deleted.to_vec())).collect()
            };
            let (files, catalog) = (self.files.clone(), self.catalog.clone());
            let paths: Vec<String> = lost.iter().map(|meta| meta.path.to_string()).collect();
            let work = move || {
                let there: HashSet<String> = files.list()?.into_iter().map(|(path, _)| path).collect();
                for path in paths.iter().filter(|path| there.contains(*path)) {
                    files.set_aside(path)?;
                }
                catalog.forget(&ids, &deletions)
            };
            self.threads.result(work).await
        };
        if let Err(error) = finish.await {
            tracing::error!(%error, "runs were resolved again but cannot be written; the next start does it again");
        }
    }
}

/// A directory that is ours, with catalog and files agreeing.
struct Listed {
    lock: File,
    catalog: Catalog,
    contents: Contents,
    opened: Opened,
    /// Segments the catalog names whose files are gone.
    lost: Vec<Arc<SegmentMeta>>,
    cache: Option<Arc<Cached>>,
    process: u64,
}

/// Locks the directory and reads the catalog. Blocks.
fn list(disk: &Arc<dyn Disk>, settings: &Settings, files: &Files, now: Timestamp) -> Result<Listed, StoreError> {
    let data = &settings.data;
    disk.create_dir(data).map_err(|error| StoreError::io("create", data, error))?;
    let lock = lock(data)?;
    files.prepare()?;
    let database = data.join("catalog.db");
    let fresh = !database.exists();
    if fresh && !files.list()?.is_empty() {
        return Err(match files.bucket() {
            // Its catalog is in another directory, or lost.
            Some(bucket) => StoreError::OtherOwner { url: bucket.url().to_owned() },
            None => StoreError::NoCatalog { path: database },
        });
    }
    let catalog = Catalog::open(Arc::clone(disk), &database)?;
    let mut contents = catalog.load()?;
    if let Some(reads) = settings.reads {
        // Before anything is moved, cut or taken over.
        verify::all_can_be_read(&**disk, &data.join("wal"), contents.log_flushed, reads)?;
    }
    let process = fresh_id(data, now);
    if let Some(bucket) = files.bucket() {
        let id = catalog.store_id(|| fresh_id(data, now))?;
        let handle = tokio::runtime::Handle::current();
        handle.block_on(bucket.claim(id))?;
        handle.block_on(bucket.enter(process))?;
    }
    let mut opened = Opened::default();
    let lost = reconcile(settings, files, &catalog, &mut contents, &mut opened)?;
    let cache = files.bucket().map(|bucket| cache(settings, bucket, &contents)).transpose()?;
    Ok(Listed { lock, catalog, contents, opened, lost, cache, process })
}

/// Reads the log into the state. Blocks.
fn replay_log(
    disk: &Arc<dyn Disk>,
    settings: &Settings,
    replay: &Replay,
    resolver: &dyn RunResolver,
    figures: Arc<LogFigures>,
    mut state: State,
) -> Result<(State, Log, Replayed), StoreError> {
    let (directory, quarantine) = (settings.data.join("wal"), settings.data.join("quarantine"));
    let flushed = state.flushed;
    let mut replayed = replay::replay(&**disk, &directory, &quarantine, flushed, |entry| {
        let rows = replay(&entry);
        state.apply(entry.sequence, entry.received, rows, resolver);
    })?;
    state.counters = Counters { replayed: replayed.entries, ..Counters::default() };
    let closed = std::mem::take(&mut replayed.files);
    let mut log = Log::new(Arc::clone(disk), directory, settings.sync, settings.log_file_bytes, closed, figures);
    log.remove_through(flushed);
    Ok((state, log, replayed))
}

/// The cache in front of the bucket.
fn cache(settings: &Settings, bucket: &Bucket, contents: &Contents) -> Result<Arc<Cached>, StoreError> {
    let root = settings.data.join("cache");
    let listed = contents.segments.iter().map(|(meta, _)| (meta.path.to_string(), meta.bytes)).collect();
    let cached = Cached::new(Arc::clone(&bucket.store), &root, settings.cache_bytes_max, &listed);
    cached.map(Arc::new).map_err(|error| StoreError::io("use the cache in", &root, error))
}

/// A number no other store has: from when and where it was made.
pub(crate) fn fresh_id(data: &Path, now: Timestamp) -> u64 {
    let place = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
    let text = format!("{} {} {}", now.as_nanos(), std::process::id(), place.display());
    u64::from_be_bytes(blake3::hash(text.as_bytes()).as_bytes()[..8].try_into().unwrap_or_default()) >> 1
}

/// Keeps every other process out of the directory.
pub(crate) fn lock(data: &Path) -> Result<File, StoreError> {
    let path = data.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| StoreError::io("open", &path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: data.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path, error)),
    }
}

/// Makes files and catalog agree: files no entry names are what a killed flush or compaction left, or the catalog is older
/// than they are; they are set aside, never destroyed. Entries without a file are lost data, and opening stops unless told
/// otherwise; but runs can be resolved again. Gives those entries; they are no longer among the contents.
fn reconcile(
    settings: &Settings,
    files: &Files,
    catalog: &Catalog,
    contents: &mut Contents,
    opened: &mut Opened,
) -> Result<Vec<Arc<SegmentMeta>>, StoreError> {
    let there: BTreeSet<String> = files.list()?.into_iter().map(|(path, _)| path).collect();
    let listed: HashSet<String> = contents.segments.iter().map(|(meta, _)| meta.path.to_string()).collect();
    let is_there = |(meta, _): &mut (SegmentMeta, Vec<u32>)| there.contains(meta.path.as_ref());
    let lost: Vec<SegmentMeta> =
        contents.segments.extract_if(.., |segment| !is_there(segment)).map(|(meta, _)| meta).collect();
    let mut data = lost.iter().filter(|meta| meta.table != Table::Runs);
    if let Some(first) = data.next()
        && !settings.allow_missing_segments
    {
        return Err(StoreError::MissingSegments { count: 1 + data.count(), first: first.path.to_string() });
    }
    for meta in &lost {
        let what = if meta.table == Table::Runs { "its runs are resolved again" } else { "its rows are gone" };
        tracing::error!(path = %meta.path, "a segment is missing; {what}");
    }
    opened.missing_segments = lost.len() as u64;
    // Nobody reads replaced files any more: their grace period ended with the process that gave it.
    let replaced: HashSet<&String> = contents.removals.iter().map(|(path, _)| path).collect();
    for path in there.iter().filter(|path| !listed.contains(*path)) {
        if replaced.contains(path) {
            files.remove(path)?;
        } else {
            files.set_aside(path)?;
            tracing::warn!(path, "no catalog entry names this file: moved to quarantine/");
            opened.set_aside += 1;
        }
    }
    let replaced: Vec<String> = contents.removals.iter().map(|(path, _)| path.clone()).collect();
    if !replaced.is_empty() {
        catalog.removed(&replaced)?;
    }
    Ok(lost.into_iter().map(Arc::new).collect())
}

/// Remembers the ids of the rows that came last, so that a request repeated across a restart adds nothing.
async fn seed_recent(
    reader: &Reader,
    state: &mut State,
    table: Table,
    ids: fn(&RecordBatch) -> Result<Vec<u128>, RowError>,
) -> Result<(), StoreError> {
    let segments = state.segments[table as usize].values();
    let mut segments: Vec<_> = segments.map(|segment| Arc::clone(&segment.meta)).collect();
    segments.sort_by_key(|meta| std::cmp::Reverse(meta.max_version));
    let mut room = RECENT_IDS;
    let mut known = Vec::new();
    for meta in segments {
        if room == 0 {
            break;
        }
        let rows: Vec<u32> = (0..u32::try_from(meta.rows).unwrap_or(u32::MAX)).collect();
        let columns = if table == Table::Logs { Some(&["id"][..]) } else { None };
        let batches = match reader.rows(&meta, &rows, columns).await {
            Ok(batches) => batches,
            Err(error) if repair::is_damaged(reader, &meta).await => {
                state.give_up_on(&meta, &error);
                continue;
            }
            Err(error) => return Err(error),
        };
        for batch in batches {
            known.push((state.project(&meta.project), ids(&batch)?));
        }
        room = room.saturating_sub(rows.len());
    }
    let recent = if table == Table::Logs { &mut state.recent_logs } else { &mut state.recent_samples };
    // Oldest first: they are forgotten first.
    for (project, ids) in known.into_iter().rev() {
        for id in ids {
            recent.insert((project, id), 0);
        }
    }
    Ok(())
}

/// Finds runs in segments that time alone may change. Gives segments of runs that cannot be read; they are taken off the
/// list.
async fn watch_open_runs(
    reader: &Reader,
    state: &mut State,
    now: Timestamp,
) -> Result<Vec<Arc<SegmentMeta>>, StoreError> {
    let segments: Vec<_> = state.segments[Table::Runs as usize].values().cloned().collect();
    let mut lost = Vec::new();
    for segment in segments {
        match open_runs(reader, &segment).await {
            Ok(runs) => {
                for run in runs {
                    let project = state.project(&run.tenant.project);
                    // How long ago it was resolved is not known: it is looked at again.
                    state.watch.note_due(TraceKey { project, trace: run.trace_id }, &run, now);
                }
            }
            Err(error) if repair::is_damaged(reader, &segment.meta).await => {
                tracing::error!(path = %segment.meta.path, %error, "a segment cannot be read; its runs are resolved again");
                state.note_damage(segment.meta.path.to_string(), format!("{error}; its runs were resolved again"));
                lost.push(segment.meta);
            }
            Err(error) => return Err(error),
        }
    }
    state.remove_segments(&lost.iter().map(|meta| meta.id).collect());
    Ok(lost)
}

/// The runs of a segment that time alone may change. At least its footer is read.
async fn open_runs(reader: &Reader, segment: &Segment) -> Result<Vec<Run>, StoreError> {
    let meta = &segment.meta;
    let rows: Vec<u32> = (0..u32::try_from(meta.rows).unwrap_or(u32::MAX))
        .filter(|row| meta.provisional > 0 && segment.deleted.binary_search(row).is_err())
        .collect();
    // Most runs are settled: two columns tell which are not.
    let mut open = Vec::new();
    let mut numbers = rows.iter();
    for batch in reader.rows(meta, &rows, Some(&["status", "provisional"])).await? {
        let batch = rows::runs::open(&batch)?;
        open.extend(batch.into_iter().zip(numbers.by_ref()).filter(|(open, _)| *open).map(|(_, row)| *row));
    }
    let mut runs = Vec::new();
    if !open.is_empty() {
        for batch in reader.rows(meta, &open, None).await? {
            runs.extend(rows::runs::from_batch(&batch)?);
        }
    }
    Ok(runs)
}
