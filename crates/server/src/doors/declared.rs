//! Ingest keys that stand in the settings (`--ingest-key`), for senders that are set up together with the server.
//!
//! Only hashes are held. They may send telemetry; everything else is for keys in the state (`tawny keys`).

use std::fmt;

use access::Declared;
use model::Tenant;

/// The keys the operator declared.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct IngestKeys(Vec<Declared>);

/// A setting that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing, or nothing before the `=`.
    #[error("an ingest key is empty: give KEY or KEY=PROJECT")]
    Empty,
    /// A project's name that would make a poor folder and path.
    #[error("the project {0:?} of an ingest key is no name: use up to 64 letters, digits, `-`, `_`, `.` and `@`")]
    Project(String),
}

impl fmt::Debug for IngestKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

impl IngestKeys {
    /// Reads keys, each `KEY` or `KEY=PROJECT`. A Langfuse key pair is written as it is sent: `pk-lf-…:sk-lf-…`, or as the secret alone.
    ///
    /// # Errors
    /// When one is empty or its project no name.
    pub fn parse<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, KeyError> {
        keys.into_iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Hash and project of each.
    pub fn declared(&self) -> Vec<Declared> {
        self.0.clone()
    }
}

fn one(text: &str) -> Result<Declared, KeyError> {
    let text = text.trim();
    // Keys may end in `=` themselves (Base64); a project never holds one.
    let (key, project) = match text.rsplit_once('=') {
        Some((key, project)) if !project.is_empty() => (key, project),
        _ => (text, Tenant::DEFAULT_PROJECT),
    };
    if key.is_empty() {
        return Err(KeyError::Empty);
    }
    if !access::is_name(project) {
        return Err(KeyError::Project(project.to_owned()));
    }
    Ok((access::hash(key), project.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_show_in_no_log_and_name_their_project() {
        let keys = IngestKeys::parse(["sk-secret", "b==team", "c="]).unwrap();
        assert_eq!(format!("{keys:?}"), "3 keys");
        let declared = keys.declared();
        let projects: Vec<&str> = declared.iter().map(|(_, project)| &**project).collect();
        assert_eq!(projects, ["default", "team", "default"]);
        assert_eq!(declared[1].0, access::hash("b="));
        assert_eq!(IngestKeys::parse(["=team"]), Err(KeyError::Empty));
        assert!(matches!(IngestKeys::parse(["key=../up"]), Err(KeyError::Project(_))));
    }
}
