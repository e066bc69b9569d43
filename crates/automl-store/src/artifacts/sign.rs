//! Addresses that are good for one thing and for a while: signed with a key that only the workspace has.

use super::ArtifactError;
use crate::args;
use crate::db::{Database, DbError};
use crate::hex::hex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::io;

/// How long a signed address is good.
pub const SECONDS_SIGNED: i64 = 3600;

/// The setting that holds the key.
const KEY: &str = "signing-key";

/// Signs and checks texts.
#[derive(Clone)]
pub struct Signatures(Hmac<Sha256>);

impl Signatures {
    /// Takes the key of a workspace, which is made when it is first wanted.
    ///
    /// # Errors
    /// If the record cannot be reached or the system has no randomness.
    pub fn open(db: &Database) -> Result<Self, ArtifactError> {
        let key = setting(db, KEY)?;
        let signer = Hmac::new_from_slice(key.as_bytes());
        let signer = signer.map_err(|_odd_length| ArtifactError::Refused {
            reason: "the key of the workspace is not usable".into(),
        })?;
        Ok(Self(signer))
    }

    /// The signature of a text that is good until a second since 1970.
    pub fn sign(&self, text: &str, until: i64) -> String {
        hex(&self.over(text, until).finalize().into_bytes())
    }

    /// Whether a signature is that of the text; the time is for the caller to look at. Takes as long for any wrong one.
    pub fn is_of(&self, text: &str, until: i64, signature: &str) -> bool {
        let digits = signature.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = digits
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        bytes.is_some_and(|bytes| self.over(text, until).verify_slice(&bytes).is_ok())
    }

    fn over(&self, text: &str, until: i64) -> Hmac<Sha256> {
        let mut signer = self.0.clone();
        signer.update(format!("{until}\n{text}").as_bytes());
        signer
    }
}

/// A random text that the workspace keeps under a name, from the first time it is asked for.
pub(super) fn setting(db: &Database, name: &'static str) -> Result<String, ArtifactError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| ArtifactError::Io {
        source: io::Error::other(error.to_string()),
    })?;
    let new = hex(&bytes);
    let kept = db.write(move |sql| {
        sql.execute(
            "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
            args![name, &new],
        )?;
        let row = sql.query_one("SELECT value FROM settings WHERE name = ?1", args![name])?;
        row.map_or(Ok(new), |row| row.text(0))
    });
    Ok(kept.wait().map_err(|error: DbError| error)?)
}
