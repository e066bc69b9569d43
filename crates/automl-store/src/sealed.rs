//! Secrets that must be read again, such as those that sign deliveries: sealed in the record by a key that is not in it.
//!
//! ChaCha20-Poly1305 (RFC 8439) with a random nonce; what a secret belongs to is authenticated with it, so that one sealed text
//! cannot stand in for another. The key is `AUTOML_SECRET_KEY`, or a file of the workspace that only its owner can read.

use crate::hex::hex;
use automl_core::Coded;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a key.
const KEY_LEN: usize = 32;

/// Why there is no key, or a secret cannot be had.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum SealError {
    #[error("the file with the key of secrets cannot be read or made: {}", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{place} is no key: it needs {} hexadecimal digits", KEY_LEN * 2)]
    Key { place: String },
    #[error("{n_sealed} secrets of the record are sealed, and their key is not here: {}", .path.display())]
    Missing { path: PathBuf, n_sealed: usize },
    #[error("another key is there already: {}", .path.display())]
    Taken { path: PathBuf },
    #[error("a secret was sealed by another key, or altered: {what}")]
    Sealed { what: String },
    #[error("no randomness")]
    Random(#[from] getrandom::Error),
}

impl Coded for SealError {
    fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "secret-key-file",
            Self::Key { .. } => "secret-key-invalid",
            Self::Missing { .. } => "secret-key-missing",
            Self::Taken { .. } => "secret-key-taken",
            Self::Sealed { .. } => "secret-sealed",
            Self::Random(_) => "secret-random",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Key { .. } => Some("`openssl rand -hex 32` makes one".into()),
            Self::Sealed { .. } => Some(
                "bring back the key (`secret.key` of the workspace, or AUTOML_SECRET_KEY), or set the secret anew"
                    .into(),
            ),
            Self::Missing { path, .. } => Some(format!(
                "bring the key back, there or as AUTOML_SECRET_KEY; if it is lost, make a new one with `openssl rand -hex 32 > {}` and set the secrets anew",
                path.display()
            )),
            Self::Taken { .. } => {
                Some("restore where it is not, or move it away and give it as AUTOML_SECRET_KEY to what needs it".into())
            }
            Self::File { .. } | Self::Random(_) => None,
        }
    }
}

/// Seals and opens secrets. Clones have the same key.
#[derive(Clone)]
pub struct Sealer(Arc<LessSafeKey>);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    /// The key that a text of 64 hexadecimal digits is; `place` says where it stands.
    ///
    /// # Errors
    /// If it is no key.
    pub fn of_text(text: &str, place: &str) -> Result<Self, SealError> {
        let odd = || SealError::Key {
            place: place.to_owned(),
        };
        let bytes = bytes_of(text.trim()).filter(|bytes| bytes.len() == KEY_LEN);
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes.ok_or_else(odd)?);
        // ring says nothing of why.
        let key = key.map_err(|_unspecified| odd())?;
        Ok(Self(Arc::new(LessSafeKey::new(key))))
    }

    /// The key of a file, which is made if it is not there; two that make it at once get the same.
    ///
    /// # Errors
    /// If the file cannot be read or made, or holds no key.
    pub fn of_file(path: &Path) -> Result<Self, SealError> {
        if let Some(sealer) = Self::of_file_there(path)? {
            return Ok(sealer);
        }
        let mut key = [0; KEY_LEN];
        getrandom::fill(&mut key)?;
        put_file(path, &format!("{}\n", hex(&key)))?;
        let text = fs::read_to_string(path).map_err(failed(path))?;
        Self::of_text(&text, &path.display().to_string())
    }

    /// The key of a file, if there is one.
    ///
    /// # Errors
    /// If the file cannot be read, or holds no key.
    pub fn of_file_there(path: &Path) -> Result<Option<Self>, SealError> {
        match fs::read_to_string(path) {
            Ok(text) => Self::of_text(&text, &path.display().to_string()).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(path)(error)),
        }
    }

    /// A secret as it can be kept: nonce and cipher text in hexadecimal digits. `owner` is what it belongs to.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn seal(&self, owner: &str, secret: &str) -> Result<String, SealError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        let mut text = secret.as_bytes().to_vec();
        let aad = Aad::from(owner.as_bytes());
        let sealed =
            self.0
                .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text);
        sealed.map_err(|_unspecified| SealError::Sealed {
            what: owner.to_owned(),
        })?;
        Ok(format!("{}{}", hex(&nonce), hex(&text)))
    }

    /// The secret of a sealed text.
    ///
    /// # Errors
    /// If it was sealed by another key or for another owner, or was altered.
    pub fn open(&self, owner: &str, sealed: &str) -> Result<String, SealError> {
        let odd = || SealError::Sealed {
            what: owner.to_owned(),
        };
        let bytes = bytes_of(sealed).ok_or_else(odd)?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE_LEN>().ok_or_else(odd)?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(owner.as_bytes()), &mut text)
            .map_err(|_unspecified| odd())?;
        String::from_utf8(plain.to_vec()).map_err(|_no_text| odd())
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> SealError {
    move |source| SealError::File {
        path: path.to_owned(),
        source,
    }
}

/// Makes a file with a key, whole from the moment that it is there, for its owner alone; one that is there stays. Tells whether
/// it was made.
pub(crate) fn put_file(path: &Path, text: &str) -> Result<bool, SealError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    // Temporary files are for their owner alone from the beginning.
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(failed(path))?;
    file.write_all(text.as_bytes()).map_err(failed(path))?;
    file.as_file().sync_all().map_err(failed(path))?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(path)(error.error)),
    }
}

/// The bytes of hexadecimal digits.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_its_key_for_its_owner_alone() {
        let [one, other] =
            ["0a", "0b"].map(|byte| Sealer::of_text(&byte.repeat(32), "here").unwrap());
        let sealed = one.seal("w1", "hush").unwrap();
        assert!(!sealed.contains(&hex(b"hush")), "it is not there in plain");
        assert_ne!(sealed, one.seal("w1", "hush").unwrap(), "nonces differ");
        assert_eq!(one.open("w1", &sealed).unwrap(), "hush");
        assert!(one.open("w2", &sealed).is_err(), "another owner");
        assert!(other.open("w1", &sealed).is_err(), "another key");
        for place in 0..sealed.len() {
            let mut altered = sealed.clone().into_bytes();
            altered[place] = if altered[place] == b'0' { b'1' } else { b'0' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(one.open("w1", &altered).is_err(), "digit {place}");
        }
        for odd in ["", "00", "é", "zz"] {
            assert!(one.open("w1", odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let sealed = Sealer::of_file(&path).unwrap().seal("w", "hush").unwrap();
        assert_eq!(
            Sealer::of_file(&path).unwrap().open("w", &sealed).unwrap(),
            "hush"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(&path, "hello").unwrap();
        let error = Sealer::of_file(&path).unwrap_err();
        assert_eq!(error.code(), "secret-key-invalid");
        assert!(
            error.to_string().contains("secret.key is no key"),
            "{error}"
        );
    }
}
