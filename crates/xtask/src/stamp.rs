//! Whether files changed since something was last made of them.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::paths;

/// Folders that are made, not written.
const MADE: &[&str] = &["node_modules", "dist", "__pycache__"];

/// A remembered state of a set of files.
#[derive(Debug)]
pub struct Stamp {
    file: PathBuf,
    state: String,
}

impl Stamp {
    /// The state of `inputs` (files, or folders with all that is in them) as they are now.
    pub fn of(name: &str, inputs: &[PathBuf]) -> Result<Self> {
        let mut files = Vec::new();
        for input in inputs {
            collect(input, &mut files)?;
        }
        files.sort();
        let mut hasher = DefaultHasher::new();
        for file in files {
            file.hash(&mut hasher);
            fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?.hash(&mut hasher);
        }
        Ok(Self { file: paths::scratch().join(format!("{name}.stamp")), state: format!("{:016x}", hasher.finish()) })
    }

    /// Whether the files are as they were at the last [`Stamp::keep`].
    pub fn is_current(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|state| state == self.state)
    }

    /// Remembers this state.
    pub fn keep(&self) -> Result<()> {
        fs::create_dir_all(paths::scratch())?;
        fs::write(&self.file, &self.state).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    if !path.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
        let path = entry?.path();
        let made = path.file_name().is_some_and(|name| MADE.iter().any(|folder| name == *folder));
        if !made {
            collect(&path, files)?;
        }
    }
    Ok(())
}
