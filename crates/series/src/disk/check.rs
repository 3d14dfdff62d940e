//! Checking a directory of series: every checksum of every block and checkpoint, every record of the logs.

use std::fs;
use std::path::{Path, PathBuf};

use super::DbError;
use super::files::{BlockFile, Kind, read_log};
use crate::log;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files read.
    pub files: u64,
    /// Files that are not as they must be, each with what is wrong.
    pub faults: Vec<(PathBuf, String)>,
    /// Damaged files that were set aside at a start.
    pub set_aside: u64,
}

/// Reads every file of the series in `dir`, which may be in use: a file that upkeep replaces meanwhile is left out.
///
/// # Errors
/// When the directory cannot be listed or a file not be read; what is wrong with a file is a fault.
pub fn check_files(dir: &Path) -> Result<Checked, DbError> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| DbError::io("list", dir, error))? {
        paths.push(entry.map_err(|error| DbError::io("list", dir, error))?.path());
    }
    paths.sort();
    let number = |path: &PathBuf| if let Kind::Head(number) = Kind::of(path) { Some(number) } else { None };
    let checkpoint = paths.iter().filter_map(number).max();
    let mut checked = Checked::default();
    for path in paths {
        let read = match Kind::of(&path) {
            Kind::Block => block(path.clone()),
            // What a newer checkpoint took the place of is no longer read.
            Kind::Head(number) if checkpoint == Some(number) => block(path.clone()),
            Kind::Log(number) if checkpoint.is_none_or(|checkpoint| number >= checkpoint) => records(&path),
            _ => {
                checked.set_aside += u64::from(path.extension().is_some_and(|extension| extension == "damaged"));
                continue;
            }
        };
        match read {
            Ok(None) => checked.files += 1,
            Ok(Some(problem)) => {
                checked.files += 1;
                checked.faults.push((path, problem));
            }
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(checked)
}

/// What is wrong with a block or a checkpoint, if anything.
fn block(path: PathBuf) -> Result<Option<String>, DbError> {
    let damaged = |error: DbError, what: String| match error {
        DbError::Damaged { .. } => Ok(Some(what)),
        error => Err(error),
    };
    let block = match BlockFile::open(path) {
        Ok(block) => block,
        Err(error) => return damaged(error, "its last bytes are not those of a block".into()),
    };
    for section in &block.footer.sections {
        match block.section(section, &[], i64::MIN, i64::MAX) {
            Ok(found) => {
                if found.iter().any(|found| found.unpack().1.is_err()) {
                    return Ok(Some(format!("samples of {} cannot be read", section.metric)));
                }
            }
            Err(error) => return damaged(error, format!("the series of {} are not what they were", section.metric)),
        }
    }
    Ok(None)
}

/// What is wrong with a log, if anything. Its end may be torn, or be being written.
fn records(path: &Path) -> Result<Option<String>, DbError> {
    let (good, rest) = read_log(path, |_| {})?;
    let damaged = log::goes_on(&rest);
    Ok(damaged.then(|| format!("what begins at byte {good} is no valid record, and more follows it")))
}
