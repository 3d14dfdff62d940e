//! The operator's key: what is hashed or made into tokens under it.
//!
//! Three keys are derived from it, one for each use, by HMAC-SHA256 with a label (as NIST SP 800-108 derives keys).

use aes_siv::KeyInit;
use aes_siv::siv::Aes128Siv;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Fewest bytes of a key.
pub const MIN_KEY: usize = 16;

/// Characters of a pseudonym, hexadecimal: 48 bits, so that a million values meet by chance once in 500 cases.
const PSEUDONYM: usize = 12;

/// What a hash of content begins with.
pub(crate) const HASH_PREFIX: &str = "hmac-sha256:";

/// A key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy's key has {given} bytes: give at least {MIN_KEY}, for example the output of `openssl rand -hex 32`")]
pub struct KeyError {
    /// Bytes given.
    pub given: usize,
}

/// A token that cannot be turned back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevealError {
    /// Not written by a policy.
    #[error("`{0}` is no token: tokens look like [email~…]")]
    NoToken(String),
    /// Written under another key, or changed since.
    #[error("the token was written under another key, or was changed")]
    WrongKey,
}

/// The keys derived from the operator's.
#[derive(Clone)]
pub struct Key {
    hash: [u8; 32],
    pseudonym: [u8; 32],
    token: [u8; 32],
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Derives the keys from the operator's secret; white space around it does not count.
    ///
    /// # Errors
    /// When it is too short.
    pub fn new(secret: &str) -> Result<Self, KeyError> {
        let secret = secret.trim().as_bytes();
        if secret.len() < MIN_KEY {
            return Err(KeyError { given: secret.len() });
        }
        let derive = |label: &str| mac(secret, &[label.as_bytes()]);
        Ok(Self {
            hash: derive("tawny policy 1 hash"),
            pseudonym: derive("tawny policy 1 pseudonym"),
            token: derive("tawny policy 1 token"),
        })
    }

    /// The hash that stands for a content.
    pub(crate) fn hash(&self, text: &str) -> String {
        format!("{HASH_PREFIX}{}", hex(&mac(&self.hash, &[text.as_bytes()])))
    }

    /// A short name that is the same for the same value of the same sort.
    pub(crate) fn pseudonym(&self, sort: &str, value: &str) -> String {
        let mut name = hex(&mac(&self.pseudonym, &[sort.as_bytes(), b"\0", value.as_bytes()]));
        name.truncate(PSEUDONYM);
        name
    }

    /// A token that [`Key::reveal`] turns back, the same for the same value of the same sort (AES-SIV, RFC 5297).
    pub(crate) fn token(&self, sort: &str, value: &str) -> Option<String> {
        let sealed = Aes128Siv::new(&self.token.into()).encrypt([sort.as_bytes()], value.as_bytes()).ok()?;
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The value a token stands for, as it stands in telemetry: `[email~…]`.
    ///
    /// # Errors
    /// When the text is no token or was written under another key.
    pub fn reveal(&self, token: &str) -> Result<String, RevealError> {
        let inner = token.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let (sort, text) =
            inner.and_then(|inner| inner.split_once('~')).ok_or_else(|| RevealError::NoToken(token.to_owned()))?;
        let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| RevealError::NoToken(token.to_owned()))?;
        let value = Aes128Siv::new(&self.token.into()).decrypt([sort.as_bytes()], &sealed);
        let value = value.map_err(|_| RevealError::WrongKey)?;
        String::from_utf8(value).map_err(|_| RevealError::WrongKey)
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length (RFC 2104)");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
