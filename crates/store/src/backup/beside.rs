//! Files of others in a backup: series, and logs of which every beginning is one a crash could have left.
//!
//! Of series the store knows only that any listing of their directories is one a crash could have left, that a file keeps what it has and at
//! most grows, and that unfinished ones are of no worth: so a listing with all its files open is a consistent copy.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::StoreError;

/// Where in the data directory series are, one directory a project.
pub(crate) const SERIES: &str = "series";
/// Ending of files that are being written.
const UNFINISHED: &str = "new";
/// Listings until two in a row are the same: upkeep changes files for moments, hours apart.
const LISTINGS_MAX: usize = 20;

/// Opens every file of series: name in the archive, file, bytes.
pub(super) fn series(data: &Path) -> Result<Vec<(String, File, u64)>, StoreError> {
    let root = data.join(SERIES);
    for _ in 0..LISTINGS_MAX {
        let before = names(&root)?;
        let mut files = Vec::with_capacity(before.len());
        for name in &before {
            match File::open(data.join(name)).and_then(|file| Ok((file.metadata()?.len(), file))) {
                Ok((bytes, file)) => files.push((name.clone(), file, bytes)),
                // Upkeep has replaced it: another listing.
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(StoreError::io("read", data.join(name), error)),
            }
        }
        if files.len() == before.len() && names(&root)? == before {
            return Ok(files);
        }
    }
    Err(StoreError::Backup { reason: format!("{} does not stop changing; try again", root.display()) })
}

/// Opens a file of the data directory that only grows, or is replaced by another of its name; its last line may be half there, which who
/// reads it copes with. `None` where there is none.
pub(super) fn file(data: &Path, name: &str) -> Result<Option<(String, File, u64)>, StoreError> {
    let path = data.join(name);
    match File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file))) {
        Ok((bytes, file)) => Ok(Some((name.to_owned(), file, bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read", path, error)),
    }
}

/// Names of all files of all projects, from the data directory.
fn names(root: &Path) -> Result<BTreeSet<String>, StoreError> {
    let mut names = BTreeSet::new();
    for project in list(root)? {
        for file in list(&root.join(&project))? {
            if Path::new(&file).extension().is_none_or(|ending| ending != UNFINISHED) {
                names.insert(format!("{SERIES}/{project}/{file}"));
            }
        }
    }
    Ok(names)
}

fn list(directory: &Path) -> Result<Vec<String>, StoreError> {
    let failed = |error| StoreError::io("list", directory, error);
    match fs::read_dir(directory) {
        Ok(entries) => {
            entries.map(|entry| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned())).collect()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finished_file_of_every_project_is_taken_with_what_it_has_now() {
        let data = tempfile::tempdir().unwrap();
        assert!(series(data.path()).unwrap().is_empty(), "there need be none");
        for (name, text) in
            [("a/1.log", "one"), ("a/0-9.block", "block"), ("b%2f/1.head", "head"), ("a/2.head.new", "x")]
        {
            let path = data.path().join(SERIES).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let found = series(data.path()).unwrap();
        let names: Vec<(&str, u64)> = found.iter().map(|(name, _, bytes)| (name.as_str(), *bytes)).collect();
        assert_eq!(names, [("series/a/0-9.block", 5), ("series/a/1.log", 3), ("series/b%2f/1.head", 4)]);
    }
}
