//! Passwords: Argon2id with the parameters OWASP recommends (19 MiB, two passes, one lane).

use argon2::{Config, Variant, Version};

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
    let config = Config {
        variant: Variant::Argon2id,
        version: Version::Version13,
        mem_cost: 19_456,
        time_cost: 2,
        lanes: 1,
        hash_length: 32,
        ..Config::default()
    };
    argon2::hash_encoded(password.as_bytes(), &salt, &config).map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Whether a password is the one that was hashed. Takes about as long where there is no hash: who exists is not to be found out by a clock.
pub(crate) fn fits(password: &str, hash: Option<&str>) -> bool {
    /// A hash of no password, with the parameters of [`hash`].
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    if password.len() > MAX_PASSWORD {
        return false;
    }
    let fits = argon2::verify_encoded(hash.unwrap_or(NOBODY), password.as_bytes());
    fits.unwrap_or(false) && hash.is_some()
}
