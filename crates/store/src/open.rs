//! Opening a store: lock, catalog, files, log.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use model::Timestamp;

use crate::catalog::{Catalog, Contents};
use crate::disk::Disk;
use crate::entry::{LogEntry, Rows};
use crate::error::StoreError;
use crate::files::Files;
use crate::hot::TraceKey;
use crate::rows;
use crate::schema::Table;
use crate::segment::read::Reader;
use crate::settings::{Clock, RECENT_IDS, Settings};
use crate::state::State;
use crate::store::{Applier, Inner, RunResolver, Shared, Store, join};
use crate::wal::log::LogFigures;
use crate::wal::committer::CommitThread;
use crate::wal::{Log, replay};

/// What opening found.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Opened {
    pub log_damaged: u64,
    pub log_torn_bytes: u64,
    pub missing_segments: u64,
    pub orphans_removed: u64,
}

/// What replaying needs, and what it leaves.
struct Ready {
    state: State,
    contents_next: u64,
    log: Log,
    figures: Arc<LogFigures>,
    next_sequence: u64,
    opened: Opened,
    catalog: Catalog,
    lock: File,
}

type Replay = Arc<dyn Fn(&LogEntry) -> Rows + Send + Sync>;

impl Store {
    /// [`Store::open`] on a disk of the caller's choice: a simulation's, for one.
    pub async fn open_on(
        disk: Arc<dyn Disk>,
        settings: Settings,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn RunResolver>,
        replay: Replay,
    ) -> Result<Self, StoreError> {
        let files = Files::new(Arc::clone(&disk), &settings.data);
        let blocking = {
            let (settings, files, replay) = (settings.clone(), files.clone(), Arc::clone(&replay));
            move || ready(&disk, &settings, &files, &replay)
        };
        let ready = join(tokio::task::spawn_blocking(blocking)).await?;
        let reader = Reader::new(files.object_store()?);
        let mut state = ready.state;
        seed_recent_logs(&reader, &mut state).await?;
        watch_open_runs(&reader, &mut state, clock.now()).await?;
        let shared = Arc::new(Shared::new(state, settings.flush_bytes));
        let commits = CommitThread::start(ready.log, ready.next_sequence, Applier(Arc::clone(&shared)))
            .map_err(|error| StoreError::io("start a thread for", &settings.data, error))?;
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                clock,
                resolver,
                shared,
                catalog: ready.catalog,
                files,
                reader,
                commits,
                log: ready.figures,
                next_segment: Arc::new(AtomicU64::new(ready.contents_next)),
                prepare: tokio::sync::Mutex::new(()),
                change: tokio::sync::Mutex::new(()),
                compaction: tokio::sync::Mutex::new(()),
                hot_limit_reached: AtomicU64::new(0),
                queue_limit_reached: AtomicU64::new(0),
                opened: ready.opened,
                _lock: ready.lock,
            }),
        })
    }
}

/// The part of opening that blocks.
fn ready(disk: &Arc<dyn Disk>, settings: &Settings, files: &Files, replay: &Replay) -> Result<Ready, StoreError> {
    let data = &settings.data;
    disk.create_dir(data).map_err(|error| StoreError::io("create", data, error))?;
    let lock = lock(data)?;
    files.prepare()?;
    let catalog = Catalog::open(&data.join("catalog.db"))?;
    let mut contents = catalog.load()?;
    let mut opened = Opened::default();
    reconcile(settings, files, &catalog, &mut contents, &mut opened)?;
    let mut state = State::new(contents.log_flushed);
    state.add_segments(contents.segments.into_iter().map(|(meta, deleted)| (Arc::new(meta), deleted)));

    let (directory, quarantine) = (data.join("wal"), data.join("quarantine"));
    let replayed = replay::replay(&**disk, &directory, &quarantine, contents.log_flushed, |entry| {
        let rows = replay(&entry);
        state.apply(entry.sequence, entry.received, rows);
    })?;
    state.counters.replayed = replayed.entries;
    state.counters.commits = 0;
    opened.log_damaged = replayed.damaged;
    opened.log_torn_bytes = replayed.torn_bytes;
    let figures = Arc::new(LogFigures::default());
    let mut log = Log::new(
        Arc::clone(disk),
        directory,
        settings.sync,
        settings.log_file_bytes,
        replayed.files,
        Arc::clone(&figures),
    );
    log.remove_through(contents.log_flushed);
    let next_sequence = replayed.last + 1;
    Ok(Ready { state, contents_next: contents.next_segment, log, figures, next_sequence, opened, catalog, lock })
}

/// Keeps every other process out of the directory.
fn lock(data: &Path) -> Result<File, StoreError> {
    let path = data.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| StoreError::io("open", &path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: data.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path, error)),
    }
}

/// Makes files and catalog agree: files no entry names are what a killed flush or compaction left and are removed;
/// entries without a file are lost data, and opening stops unless told otherwise.
fn reconcile(
    settings: &Settings,
    files: &Files,
    catalog: &Catalog,
    contents: &mut Contents,
    opened: &mut Opened,
) -> Result<(), StoreError> {
    let there: HashSet<String> = files.list()?.into_iter().collect();
    let listed: HashSet<String> = contents.segments.iter().map(|(meta, _)| meta.path.to_string()).collect();
    let missing: Vec<(u64, String)> = contents
        .segments
        .iter()
        .filter(|(meta, _)| !there.contains(meta.path.as_ref()))
        .map(|(meta, _)| (meta.id, meta.path.to_string()))
        .collect();
    if let Some((_, first)) = missing.first() {
        if !settings.allow_missing_segments {
            return Err(StoreError::MissingSegments { count: missing.len(), first: first.clone() });
        }
        tracing::error!(count = missing.len(), first, "segments are missing; their rows are gone");
        let ids: Vec<u64> = missing.iter().map(|(id, _)| *id).collect();
        catalog.forget(&ids)?;
        contents.segments.retain(|(meta, _)| !ids.contains(&meta.id));
        opened.missing_segments = ids.len() as u64;
    }
    // Nobody reads replaced files any more: their grace period ended with the process that gave it.
    let replaced: HashSet<&String> = contents.removals.iter().map(|(path, _)| path).collect();
    for path in there.iter().filter(|path| !listed.contains(*path)) {
        files.remove(path)?;
        if !replaced.contains(path) {
            tracing::warn!(path, "removed a file that no catalog entry names");
            opened.orphans_removed += 1;
        }
    }
    let replaced: Vec<String> = contents.removals.iter().map(|(path, _)| path.clone()).collect();
    if !replaced.is_empty() {
        catalog.removed(&replaced)?;
    }
    Ok(())
}

/// Remembers the ids of the log records that came last, so that a request repeated across a restart adds nothing.
async fn seed_recent_logs(reader: &Reader, state: &mut State) -> Result<(), StoreError> {
    let mut segments: Vec<_> = state.segments[Table::Logs as usize].values().map(|segment| Arc::clone(&segment.meta)).collect();
    segments.sort_by_key(|meta| std::cmp::Reverse(meta.max_version));
    let mut room = RECENT_IDS;
    for meta in segments {
        let rows: Vec<u32> = (0..u32::try_from(meta.rows).unwrap_or(u32::MAX)).collect();
        if room == 0 {
            break;
        }
        let project = state.project(&meta.project);
        for batch in reader.rows(&meta, &rows, Some(&["id"])).await? {
            for id in rows::logs::ids(&batch)? {
                state.recent_logs.insert((project, id), RECENT_IDS);
            }
        }
        room = room.saturating_sub(rows.len());
    }
    Ok(())
}

/// Finds runs in segments that time alone may change.
async fn watch_open_runs(reader: &Reader, state: &mut State, now: Timestamp) -> Result<(), StoreError> {
    let segments: Vec<_> = state.segments[Table::Runs as usize].values().filter(|segment| segment.meta.provisional > 0).cloned().collect();
    for segment in segments {
        let rows: Vec<u32> = (0..u32::try_from(segment.meta.rows).unwrap_or(u32::MAX))
            .filter(|row| segment.deleted.binary_search(row).is_err())
            .collect();
        // Most runs are settled: two columns tell which are not.
        let mut open = Vec::new();
        let mut numbers = rows.iter();
        for batch in reader.rows(&segment.meta, &rows, Some(&["status", "provisional"])).await? {
            open.extend(rows::runs::open(&batch)?.into_iter().zip(numbers.by_ref()).filter(|(open, _)| *open).map(|(_, row)| *row));
        }
        if open.is_empty() {
            continue;
        }
        for batch in reader.rows(&segment.meta, &open, None).await? {
            for run in rows::runs::from_batch(&batch)? {
                let project = state.project(&run.tenant.project);
                state.watch.note(TraceKey { project, trace: run.trace_id }, &run, now);
            }
        }
    }
    Ok(())
}
