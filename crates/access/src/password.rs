//! Passwords: Argon2id with the parameters OWASP recommends (19 MiB, two passes, one lane), which the crate has as its defaults.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// Fewest characters of a password (NIST SP 800-63B asks for eight; nobody types these often).
pub const MIN_PASSWORD: usize = 12;
/// Most bytes of a password that is hashed.
const MAX_PASSWORD: usize = 1024;

/// Why a password cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("the password has {given} characters: use at least {MIN_PASSWORD}, for example four random words")]
    Short {
        /// Characters given.
        given: usize,
    },
    /// Too long.
    #[error("the password has more than {MAX_PASSWORD} bytes")]
    Long,
    /// The hash cannot be made.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// Hashes a password with a fresh salt.
pub(crate) fn hash(password: &str, salt: [u8; 16]) -> Result<String, PasswordError> {
    let given = password.chars().count();
    if given < MIN_PASSWORD {
        return Err(PasswordError::Short { given });
    }
    if password.len() > MAX_PASSWORD {
        return Err(PasswordError::Long);
    }
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Whether a password is the one that was hashed. Takes about as long where there is no hash: who exists is not to be found out by a clock.
pub(crate) fn fits(password: &str, hash: Option<&str>) -> bool {
    /// A hash of no password, with the parameters of [`hash`].
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    if password.len() > MAX_PASSWORD {
        return false;
    }
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODY)) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && hash.is_some()
}
