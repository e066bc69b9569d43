//! Passwords as argon2id hashes. Both functions take tens of milliseconds and 19 MiB: not for threads that run futures.

use crate::tracking::TrackingError;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};

/// Characters of a password.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=1024;

/// The hash of a password, with a salt of its own.
///
/// # Errors
/// If it is too short or too long, or the system has no randomness.
pub fn hash(password: &str) -> Result<String, TrackingError> {
    if !LENGTH.contains(&password.chars().count()) {
        return Err(TrackingError::Invalid(format!(
            "a password has {} to {} characters",
            LENGTH.start(),
            LENGTH.end()
        )));
    }
    let hash: PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|error| {
            TrackingError::Invalid(format!("the password cannot be hashed: {error}"))
        })?;
    Ok(hash.to_string())
}

/// Whether a password is the one of a hash. Without a hash it takes as long, so that names cannot be guessed by the clock.
pub fn is_right(password: &str, hash: Option<&str>) -> bool {
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBmaXhlZCBzYWx0$WBJnOhWnkSFnSKoCDcMPbZzXd2CtBBqvfNMyHJNQRGQ";
    let known = PasswordHash::new(hash.unwrap_or(NOBODY));
    let is_it = known.is_ok_and(|known| {
        Argon2::default()
            .verify_password(password.as_bytes(), &known)
            .is_ok()
    });
    is_it && hash.is_some()
}
