//! What becomes of one piece of content: kept, shortened, hashed or removed.

use std::borrow::Cow;

use model::Value;
use serde::Deserialize;

use crate::json;
use crate::key::{HASH_PREFIX, Key};

/// Characters of a text that a preview keeps where nothing else is set.
pub const DEFAULT_PREVIEW: usize = 200;
/// Text of a field that nothing knows counts as content when it has more characters than this.
pub const UNKNOWN_LONGER_THAN: usize = 200;

/// What stands at the end of a shortened text.
const ELLIPSIS: char = '…';

/// How content is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// All of it.
    Full,
    /// The first characters of every text in it; what is not text stays.
    Preview,
    /// An HMAC-SHA256 under the policy's key: equal contents have equal hashes.
    Hash,
    /// In full for a share of the traces, for the others as `otherwise` says.
    Sample,
    /// Not at all.
    None,
}

impl Keep {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Preview => "preview",
            Self::Hash => "hash",
            Self::Sample => "sample",
            Self::None => "none",
        }
    }
}

/// The first `limit` characters; `None` when the text has no more. What was shortened before stays as it is.
pub(crate) fn shorten(text: &str, limit: usize) -> Option<String> {
    let (end, _) = text.char_indices().nth(limit)?;
    if text[end..].chars().eq([ELLIPSIS]) {
        return None;
    }
    let mut short = text[..end].to_owned();
    short.push(ELLIPSIS);
    Some(short)
}

/// Shortens every text in a value. Whether anything was shortened.
pub(crate) fn preview(value: &mut Value<'_>, limit: usize) -> bool {
    match value {
        Value::Str(text) => {
            let short = if json::is_structure(text) {
                json::rewrite(text, &mut |_, text| shorten(text, limit))
            } else {
                shorten(text, limit)
            };
            let changed = short.is_some();
            if let Some(short) = short {
                *text = Cow::Owned(short);
            }
            changed
        }
        Value::Bytes(bytes) if bytes.len() > limit => {
            bytes.to_mut().truncate(limit);
            true
        }
        Value::Array(items) => items.iter_mut().fold(false, |changed, item| preview(item, limit) | changed),
        Value::Map(entries) => entries.iter_mut().fold(false, |changed, (_, item)| preview(item, limit) | changed),
        _ => false,
    }
}

/// Puts a hash in the place of a value. Whether it was not one before.
pub(crate) fn hash(value: &mut Value<'_>, key: &Key) -> bool {
    let text = match &*value {
        Value::Null => return false,
        Value::Str(text) if is_hash(text) => return false,
        Value::Str(text) => Cow::Borrowed(&**text),
        other => Cow::Owned(other.to_json().to_string()),
    };
    let hash = key.hash(&text);
    *value = Value::Str(hash.into());
    true
}

fn is_hash(text: &str) -> bool {
    text.strip_prefix(HASH_PREFIX)
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Characters of the longest text in a value, counted until they are more than `limit`.
pub(crate) fn is_longer(value: &Value<'_>, limit: usize) -> bool {
    match value {
        Value::Str(text) => text.len() > limit && text.chars().nth(limit).is_some() && !is_hash(text),
        Value::Bytes(bytes) => bytes.len() > limit,
        Value::Array(items) => items.iter().any(|item| is_longer(item, limit)),
        Value::Map(entries) => entries.iter().any(|(_, item)| is_longer(item, limit)),
        _ => false,
    }
}
