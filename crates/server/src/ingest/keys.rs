//! Keys that senders of telemetry name, each in the way its client does.
//!
//! Without keys in the settings everything is taken, whatever key it names: SDKs of other vendors insist on having one. With keys,
//! a request must name one of them. Only hashes are held, and comparing takes the same time whatever is compared.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Tenant;

use super::Refusal;

/// Headers that hold a key and nothing else: LangSmith's two, Phoenix', Datadog's, and what others use.
const KEY_HEADERS: &[&str] = &["x-api-key", "x-service-key", "api_key", "api-key", "dd-api-key"];

/// The keys the operator set.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct IngestKeys(Vec<(blake3::Hash, Arc<str>)>);

/// A setting that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing, or nothing before the `=`.
    #[error("an ingest key is empty: give KEY or KEY=PROJECT")]
    Empty,
    /// A project's name that would make a poor folder and path.
    #[error("the project {0:?} of an ingest key is no name: use up to 64 letters, digits, `-`, `_` and `.`")]
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

    /// Whether any key is asked for.
    pub fn are_set(&self) -> bool {
        !self.0.is_empty()
    }

    /// The projects that senders can name, each once.
    pub fn projects(&self) -> BTreeSet<Arc<str>> {
        let named = self.0.iter().map(|(_, project)| Arc::clone(project));
        named.chain([Tenant::DEFAULT_PROJECT.into()]).collect()
    }

    /// The project of a request with these headers.
    ///
    /// # Errors
    /// When keys are set and the request names none of them.
    pub fn admit(&self, headers: &HeaderMap) -> Result<Arc<str>, Refusal> {
        if !self.are_set() {
            return Ok(Tenant::DEFAULT_PROJECT.into());
        }
        let named = named(headers);
        if named.is_empty() {
            return Err(Refusal::Unauthorized(
                "this server takes telemetry with a key only: send `Authorization: Bearer KEY`, `x-api-key: KEY` or HTTP Basic \
                 public:secret"
                    .into(),
            ));
        }
        let mut project = None;
        for key in named {
            let hash = blake3::hash(key.as_bytes());
            // Every key is compared, also after one fitted; comparing two hashes takes the same time for all.
            for (known, owner) in &self.0 {
                if hash == *known {
                    project = Some(Arc::clone(owner));
                }
            }
        }
        project.ok_or_else(|| {
            Refusal::Unauthorized(
                "the key is not known here: see --ingest-key (TAWNY_INGEST_KEYS) of the server".into(),
            )
        })
    }
}

fn one(text: &str) -> Result<(blake3::Hash, Arc<str>), KeyError> {
    let text = text.trim();
    // Keys may end in `=` themselves (Base64); a project never holds one.
    let (key, project) = match text.rsplit_once('=') {
        Some((key, project)) if !project.is_empty() => (key, project),
        _ => (text, Tenant::DEFAULT_PROJECT),
    };
    if key.is_empty() {
        return Err(KeyError::Empty);
    }
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if project.len() > 64 || project.starts_with('.') || !project.chars().all(fits) {
        return Err(KeyError::Project(project.to_owned()));
    }
    Ok((blake3::hash(key.as_bytes()), project.into()))
}

/// Everything in the headers that may be a key.
fn named(headers: &HeaderMap) -> Vec<String> {
    let text = |name: &str| headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>();
    let mut keys: Vec<String> =
        KEY_HEADERS.iter().flat_map(|name| text(name)).map(|key| key.trim().to_owned()).collect();
    for value in text(header::AUTHORIZATION.as_str()) {
        let Some((scheme, credentials)) = value.trim().split_once(' ') else {
            keys.push(value.trim().to_owned());
            continue;
        };
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            keys.push(credentials.to_owned());
        } else if scheme.eq_ignore_ascii_case("basic")
            && let Ok(pair) = STANDARD.decode(credentials)
            && let Ok(pair) = String::from_utf8(pair)
        {
            // The public half alone opens nothing.
            keys.extend(pair.split_once(':').map(|(_, secret)| secret.to_owned()));
            keys.push(pair);
        }
    }
    keys.retain(|key| !key.is_empty());
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn without_keys_every_request_is_taken() {
        let none = IngestKeys::default();
        assert_eq!(&*none.admit(&headers(&[("x-api-key", "anything")])).unwrap(), Tenant::DEFAULT_PROJECT);
    }

    #[test]
    fn each_clients_way_of_naming_a_key_is_understood() {
        let keys = IngestKeys::parse(["pk-lf-1:sk-lf-1", "sk-lf-2", "lsv2_pt_3=team-b"]).unwrap();
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for (pairs, project) in [
            (vec![("authorization", basic("pk-lf-1:sk-lf-1"))], Some("default")),
            (vec![("authorization", basic("pk-lf-9:sk-lf-2"))], Some("default")),
            (vec![("authorization", basic("sk-lf-2:wrong"))], None),
            (vec![("authorization", "Bearer sk-lf-2".to_owned())], Some("default")),
            (vec![("x-api-key", "lsv2_pt_3".to_owned())], Some("team-b")),
            (vec![("api_key", "lsv2_pt_3".to_owned())], Some("team-b")),
            (vec![("x-api-key", "lsv2_pt_4".to_owned())], None),
            (vec![("authorization", "Basic not-base64!".to_owned())], None),
            (vec![], None),
        ] {
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(keys.admit(&headers(&pairs)).ok().as_deref(), project, "{pairs:?}");
        }
    }

    #[test]
    fn keys_show_in_no_log() {
        let keys = IngestKeys::parse(["sk-secret"]).unwrap();
        assert_eq!(format!("{keys:?}"), "1 keys");
        assert_eq!(IngestKeys::parse(["=team"]), Err(KeyError::Empty));
        assert!(matches!(IngestKeys::parse(["key=../up"]), Err(KeyError::Project(_))));
    }
}
