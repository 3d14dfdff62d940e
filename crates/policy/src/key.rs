//! The operator's key: what is hashed or made into tokens under it.
//!
//! Keys for each use are derived from it by HMAC-SHA256 with a label (as NIST SP 800-108 derives keys).
//!
//! A token is AES-256-GCM under a nonce that is itself an HMAC of the value: the same value gives the same token, and two values share a
//! nonce only where two HMACs share 96 bits. Turning a token back checks the nonce against the value.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

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
    nonce: [u8; 32],
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
            nonce: derive("tawny policy 1 nonce"),
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

    /// A token that [`Key::reveal`] turns back, the same for the same value of the same sort.
    pub(crate) fn token(&self, sort: &str, value: &str) -> Option<String> {
        let nonce = self.nonce(sort, value);
        let mut sealed = value.as_bytes().to_vec();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.token).ok()?);
        let nonce_once = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce_once, Aad::from(sort.as_bytes()), &mut sealed).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    fn nonce(&self, sort: &str, value: &str) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&mac(&self.nonce, &[sort.as_bytes(), b"\0", value.as_bytes()])[..NONCE_LEN]);
        nonce
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
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(|| RevealError::NoToken(token.to_owned()))?;
        let key = UnboundKey::new(&AES_256_GCM, &self.token).map_err(|_| RevealError::WrongKey)?;
        let mut opened = sealed.to_vec();
        let nonce_once = Nonce::assume_unique_for_key(*nonce);
        let value = LessSafeKey::new(key).open_in_place(nonce_once, Aad::from(sort.as_bytes()), &mut opened);
        let value = value.ok().and_then(|value| std::str::from_utf8(value).ok()).ok_or(RevealError::WrongKey)?;
        if self.nonce(sort, value) == *nonce { Ok(value.to_owned()) } else { Err(RevealError::WrongKey) }
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    let mut tag = [0; 32];
    tag.copy_from_slice(context.sign().as_ref());
    tag
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
