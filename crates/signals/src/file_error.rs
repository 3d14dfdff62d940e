//! Why a file of settings (prices, budgets, service levels) cannot be used, and where in it.

use std::fmt;
use std::ops::Range;

/// Why a TOML file cannot be used, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// What the file holds: `prices`, `budgets`, `service levels`.
    pub what: &'static str,
    /// The file, as its reader named it.
    pub file: String,
    /// Line, from 1.
    pub line: Option<usize>,
    /// Field, where the line has one.
    pub field: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read the {} in {}", self.what, self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(field) = &self.field {
            write!(f, ", field `{field}`")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A file being read, for telling mistakes with their place.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub what: &'static str,
    pub file: &'a str,
    pub text: &'a str,
}

impl Reader<'_> {
    /// Reads the text, if it is not longer than `most` bytes.
    pub fn parse<T: serde::de::DeserializeOwned>(&self, most: usize) -> Result<T, FileError> {
        if self.text.len() > most {
            return Err(self.fail(None, format!("cannot be larger than {most} bytes")));
        }
        toml::from_str(self.text).map_err(|error| self.fail(error.span(), error.message()))
    }

    /// The error for what is wrong at a place.
    pub fn fail(&self, span: Option<Range<usize>>, message: impl Into<String>) -> FileError {
        let (what, file) = (self.what, self.file.to_owned());
        let mut error = FileError { what, file, line: None, field: None, message: message.into() };
        if let Some(before) = span.as_ref().and_then(|span| self.text.get(..span.start)) {
            error.line = Some(before.matches('\n').count() + 1);
            let line = before.rsplit('\n').next().unwrap_or_default();
            error.field = match line.rsplit_once('=') {
                Some((key, _)) => Some(last_word(key)),
                // The place is the key itself.
                None => {
                    span.and_then(|span| self.text.get(span)).filter(|key| key.bytes().all(bare)).map(str::to_owned)
                }
            }
            .filter(|field| !field.is_empty());
        }
        error
    }
}

fn bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || byte == b'.'
}

fn last_word(text: &str) -> String {
    text.trim_end()
        .rsplit(|character: char| !(character.is_ascii() && bare(character as u8)))
        .next()
        .unwrap_or_default()
        .to_owned()
}
