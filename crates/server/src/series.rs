//! Time series: kept per project, written by receivers and the scrape of Tawny itself, asked in PromQL.
//!
//! [`SeriesStore::evaluate`] answers a query on the calling thread; [`ask`] does it on the threads for queries, within limits.

mod ask;
mod derived;
mod dotted;
pub mod http;
pub mod json;
pub mod prometheus;
mod remote_out;
pub mod remote_write;
pub mod scrape;
mod spelt;
mod status;
mod tree;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ::series::{Batch, Db, DbError, Maintained, Refused, Stats, Taken, Written};
use model::raw::Group;
use model::{Sample, Timestamp, Value};

pub use self::ask::{AskError, Sees, ask, at_time, count, evaluated, on_threads};
use crate::config::Settings;
use crate::counters::Counters;
use crate::limits::LimitName;

/// Where in the data directory series are, one directory a project.
const SERIES_DIR: &str = "series";

/// Limits of a query in PromQL.
pub mod limits {
    use std::time::Duration;

    /// How long a query may take, reading included; a shorter `timeout` may be asked for.
    pub const PROMQL_TIME: Duration = Duration::from_secs(60);
    /// Samples in the chunks a query reads. They are unpacked one series at a time, so that this bounds time and not memory; the chunks
    /// themselves take one to two bytes a sample.
    pub const PROMQL_SAMPLES_MAX: u64 = 500_000_000;
    /// Series one selector may find.
    pub const PROMQL_SERIES_MAX: usize = 200_000;
    /// Points of one series in a range query, as in Prometheus.
    pub const PROMQL_STEPS_MAX: i64 = 11_000;
    /// Queries at the same time; a further one waits.
    pub const PROMQL_QUERIES_MAX: usize = 4;
}

/// Series of all projects.
#[derive(Debug)]
pub struct SeriesStore {
    dir: PathBuf,
    settings: Settings,
    projects: Mutex<HashMap<Arc<str>, Arc<Db>>>,
    counters: Arc<Counters>,
    /// What was written and refused.
    written: Mutex<WriteCounts>,
    /// Who passes series on, where a destination takes them.
    forwarder: Option<Arc<forward::Forwarder>>,
    /// Services whose spans are counted, and so not what they send under the same names.
    pub derived: derived::Derived,
    /// Queries that may still run at the same time.
    pub permits: Arc<tokio::sync::Semaphore>,
}

/// What became of samples since the server started.
#[derive(Debug, Clone, Default)]
pub struct WriteCounts {
    /// Samples written, histograms included.
    pub samples: u64,
    /// Exemplars written.
    pub exemplars: u64,
    /// Samples that were there already.
    pub repeated: u64,
    /// Samples refused, by reason.
    pub refused: BTreeMap<Refused, u64>,
}

impl SeriesStore {
    /// Opens the series of every project there is. Blocks.
    pub fn open(
        settings: &Settings,
        counters: Arc<Counters>,
        forwarder: Option<Arc<forward::Forwarder>>,
        now: Timestamp,
    ) -> Result<Self, DbError> {
        let store = Self {
            dir: settings.data.join(SERIES_DIR),
            settings: settings.clone(),
            projects: Mutex::default(),
            counters,
            written: Mutex::default(),
            forwarder: forwarder.filter(|forwarder| forwarder.wants_series()),
            derived: derived::Derived::default(),
            permits: Arc::new(tokio::sync::Semaphore::new(limits::PROMQL_QUERIES_MAX)),
        };
        let found = match std::fs::read_dir(&store.dir) {
            Ok(entries) => entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect(),
            Err(_) => Vec::new(),
        };
        for project in found.iter().filter_map(|name| project_of(name)) {
            store.of(&project, now)?;
        }
        Ok(store)
    }

    /// The series of a project; its directory is made where it is not there. Blocks.
    pub fn of(&self, project: &str, now: Timestamp) -> Result<Arc<Db>, DbError> {
        let mut projects = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = projects.get(project) {
            return Ok(Arc::clone(db));
        }
        let keep = self.settings.retention.keep(project, store::Layer::Samples);
        let settings = ::series::Settings {
            keep: keep.map(|keep| i64::try_from(keep.as_millis()).unwrap_or(i64::MAX)),
            sync: self.settings.sync,
            ..::series::Settings::default()
        };
        let db = Arc::new(Db::open(&self.dir.join(directory_of(project)), settings, millis(now))?);
        projects.insert(project.into(), Arc::clone(&db));
        Ok(db)
    }

    /// Writes a batch into the series of a project; returns when it is durable, and in the queue of whoever it is passed on to.
    pub async fn write(self: &Arc<Self>, project: &Arc<str>, batch: Batch, now: Timestamp) -> Result<Written, String> {
        self.write_as(project, batch, now, false).await
    }

    /// As [`SeriesStore::write`], for what Tawny counts itself: it is passed on under every name it goes by.
    pub async fn write_own(
        self: &Arc<Self>,
        project: &Arc<str>,
        batch: Batch,
        now: Timestamp,
    ) -> Result<Written, String> {
        self.write_as(project, batch, now, true).await
    }

    async fn write_as(
        self: &Arc<Self>,
        project: &Arc<str>,
        batch: Batch,
        now: Timestamp,
        own: bool,
    ) -> Result<Written, String> {
        let (store, name) = (Arc::clone(self), Arc::clone(project));
        let write = tokio::task::spawn_blocking(move || {
            let db = store.of(&name, now)?;
            if store.forwarder.is_none() {
                return Ok((db.write(batch, millis(now))?, Vec::new()));
            }
            let mut taken = Taken::default();
            let written = db.write_and_tell(batch, millis(now), Some(&mut taken))?;
            if own {
                spelt::add_other_names(&mut taken);
            }
            Ok((written, remote_out::records(&name, &taken, now)))
        });
        let (written, records) = match write.await {
            Ok(written) => written.map_err(|error: DbError| error.to_string())?,
            Err(error) => return Err(format!("writing series stopped at a fault: {error}")),
        };
        if let Some(forwarder) = &self.forwarder {
            for record in records {
                forwarder.offer(record).await;
            }
        }
        let mut counts = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        counts.samples += written.samples + written.histograms;
        counts.exemplars += written.exemplars;
        counts.repeated += written.repeated;
        for (&reason, &count) in &written.refused {
            *counts.refused.entry(reason).or_default() += count;
            if reason == Refused::TooManySeries {
                self.counters.limit_reached(LimitName::SeriesMax);
            }
        }
        Ok(written)
    }

    /// Does the upkeep that is due. Blocks.
    pub fn maintain(&self, now: Timestamp) -> Result<Maintained, DbError> {
        let mut done = Maintained::default();
        for (_, db) in self.all() {
            let one = db.maintain(millis(now))?;
            done.sealed += one.sealed;
            done.merged += one.merged;
            done.thinned += one.thinned;
            done.expired += one.expired;
        }
        Ok(done)
    }

    /// The series of every project there is.
    pub fn all(&self) -> Vec<(Arc<str>, Arc<Db>)> {
        let projects = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
        projects.iter().map(|(project, db)| (Arc::clone(project), Arc::clone(db))).collect()
    }

    /// Sizes by project.
    pub fn stats(&self) -> BTreeMap<Arc<str>, Stats> {
        self.all().into_iter().map(|(project, db)| (project, db.stats())).collect()
    }

    /// What was written since the server started.
    pub fn counts(&self) -> WriteCounts {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Milliseconds since 1970.
pub fn millis(time: Timestamp) -> i64 {
    time.as_nanos().div_euclid(1_000_000)
}

/// The directory of a project: its name, with `%` and two hexadecimal digits for bytes a file name should not have.
fn directory_of(project: &str) -> String {
    let mut name = String::new();
    for byte in project.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    name
}

/// The project of a directory; `None` for a directory that is none of ours.
fn project_of(directory: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = directory.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let project = String::from_utf8(bytes).ok()?;
    (directory_of(&project) == directory).then_some(project)
}

/// Checks the files of every project's series below a data directory, in use or not, and adds what is wrong. Blocks.
///
/// # Errors
/// When a file cannot be read.
pub fn check(data: &Path, checked: &mut store::Checked) -> Result<(), DbError> {
    const ADVICE: &str =
        "restore the file from a backup; without one, stop the server and move it away: the samples in it are lost";
    let Ok(entries) = std::fs::read_dir(data.join(SERIES_DIR)) else { return Ok(()) };
    let mut directories: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    directories.retain(|path| path.is_dir());
    directories.sort();
    for directory in directories {
        let found = ::series::check_files(&directory)?;
        checked.series_files += found.files;
        for (path, problem) in found.faults {
            let place = path.strip_prefix(data).unwrap_or(&path).display().to_string();
            checked.fault(place, problem, ADVICE);
        }
        if found.set_aside > 0 {
            let place = directory.strip_prefix(data).unwrap_or(&directory).display();
            checked.notes.push(format!("{} damaged files were set aside earlier, in {place}/", found.set_aside));
        }
    }
    Ok(())
}

/// The series of OpenTelemetry's data points.
pub fn of_points(project: &str, groups: &[Group<'_, Sample>], now: Timestamp) -> Batch {
    let mut batch = Batch::default();
    for group in groups {
        let tenant = dialects::tenant(project, &group.resource);
        let attributes = group.resource.attributes.iter().map(|(key, value)| (key.to_owned(), text(value)));
        let origin = ::series::otel::Origin::new(attributes, &tenant);
        for sample in &group.items {
            ::series::otel::add(sample, &origin, now, &mut batch);
        }
        if let Some(last) = batch.writes.iter().map(|write| write.time).max().filter(|_| !group.items.is_empty()) {
            origin.describe(last, &mut batch);
        }
    }
    batch
}

fn text(value: &Value<'_>) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Null => String::new(),
        other => other.to_json().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_project_has_a_directory_of_its_own() {
        for project in ["default", "a/b", "..", "Ünïcode %41", "A"] {
            let directory = directory_of(project);
            assert!(!directory.contains(['/', '.']), "{directory}");
            assert_eq!(project_of(&directory).as_deref(), Some(project));
        }
        assert_eq!(project_of("lost+found"), None);
    }
}
