//! API tokens: random, shown once, kept as SHA-256.

use super::changed;
use super::users::{self, User};
use crate::args;
use crate::db::{DbError, Row, Sql};
use crate::hex::hex;
use crate::tracking::{TrackingError, now_ms};
use sha2::{Digest, Sha256};

/// What every token starts with, so that people and scanners of secrets recognise one.
pub const MARK: &str = "automl_";
/// Random bytes of a token.
const N_BYTES: usize = 32;
/// Digits behind the mark that name a token; the other 56 keep it secret.
const N_NAMED: usize = 8;

/// How much a token may be used; what is not said is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Requests a second, in the long run.
    pub requests_per_second: Option<f64>,
    /// Requests at once, after a pause; at least 1.
    pub burst: Option<f64>,
    /// Bytes of artifacts up and down in a day of UTC.
    pub artifact_bytes_per_day: Option<i64>,
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Token {
    /// The start of the token, which names it.
    pub prefix: String,
    pub user: String,
    pub created_ms: i64,
    pub expires_ms: Option<i64>,
    pub revoked_ms: Option<i64>,
    pub limits: Limits,
}

/// Makes a token for a user and gives its secret, which cannot be had again.
///
/// # Errors
/// If there is no such user, or the system has no randomness.
pub fn create(
    sql: &mut dyn Sql,
    workspace: &str,
    user: &str,
    expires_ms: Option<i64>,
    limits: &Limits,
) -> Result<String, TrackingError> {
    let user = users::get(sql, workspace, user)?;
    let mut bytes = [0_u8; N_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| TrackingError::Invalid(format!("no randomness: {error}")))?;
    let secret = format!("{MARK}{}", hex(&bytes));
    sql.execute(
        "INSERT INTO tokens (prefix, user_id, hash, created_ms, expires_ms, requests_per_second, burst, artifact_bytes_per_day) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        args![
            &secret[..MARK.len() + N_NAMED],
            user.id,
            hash(&secret).as_slice(),
            now_ms(),
            expires_ms,
            limits.requests_per_second,
            limits.burst,
            limits.artifact_bytes_per_day,
        ],
    )?;
    changed(sql)?;
    Ok(secret)
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Whether a text has the form of a token.
pub fn is_token(text: &str) -> bool {
    text.strip_prefix(MARK).is_some_and(|digits| {
        digits.len() == 2 * N_BYTES && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

const COLUMNS: &str = "SELECT tokens.prefix, users.name, tokens.created_ms, tokens.expires_ms, tokens.revoked_ms, \
     tokens.requests_per_second, tokens.burst, tokens.artifact_bytes_per_day FROM tokens \
     JOIN users ON users.id = tokens.user_id";

fn token(row: &Row) -> Result<Token, DbError> {
    Ok(Token {
        prefix: row.text(0)?,
        user: row.text(1)?,
        created_ms: row.int(2)?,
        expires_ms: row.maybe_int(3)?,
        revoked_ms: row.maybe_int(4)?,
        limits: Limits {
            requests_per_second: row.maybe_real(5)?,
            burst: row.maybe_real(6)?,
            artifact_bytes_per_day: row.maybe_int(7)?,
        },
    })
}

/// The user and the token of a secret, if it is one that holds now.
///
/// # Errors
/// If the database fails.
pub fn holder(
    sql: &mut dyn Sql,
    workspace: &str,
    secret: &str,
) -> Result<Option<(User, Token)>, TrackingError> {
    let row = sql.query_one(
        &format!(
            "{COLUMNS} WHERE tokens.hash = ?1 AND tokens.revoked_ms IS NULL AND (tokens.expires_ms IS NULL OR tokens.expires_ms > ?2)"
        ),
        args![hash(secret).as_slice(), now_ms()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let token = token(&row)?;
    Ok(Some((users::get(sql, workspace, &token.user)?, token)))
}

/// All tokens, those of one user if it is named, oldest first.
///
/// # Errors
/// If the database fails.
pub fn list(sql: &mut dyn Sql, user: Option<&str>) -> Result<Vec<Token>, TrackingError> {
    let rows = sql.query(
        &format!(
            "{COLUMNS} WHERE (?1 = '' OR users.name = ?1) ORDER BY tokens.created_ms, tokens.prefix"
        ),
        args![user.unwrap_or_default()],
    )?;
    Ok(rows.iter().map(token).collect::<Result<_, _>>()?)
}

/// Ends a token for good.
///
/// # Errors
/// If there is none that starts so and holds.
pub fn revoke(sql: &mut dyn Sql, prefix: &str) -> Result<(), TrackingError> {
    // A whole token may be given: it is named by its start.
    let named = prefix.get(..MARK.len() + N_NAMED).unwrap_or(prefix);
    let touched = sql.execute(
        "UPDATE tokens SET revoked_ms = ?1 WHERE prefix = ?2 AND revoked_ms IS NULL",
        args![now_ms(), named],
    )?;
    if touched == 0 {
        return Err(TrackingError::Absent(format!(
            "no token that holds starts with '{}'",
            named.escape_debug()
        )));
    }
    changed(sql)
}

/// Artifact bytes that a token moved on a day, in days since 1970.
///
/// # Errors
/// If the database fails.
pub fn used(sql: &mut dyn Sql, prefix: &str, day: i64) -> Result<i64, DbError> {
    let row = sql.query_one(
        "SELECT artifact_bytes FROM token_days WHERE prefix = ?1 AND day = ?2",
        args![prefix, day],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Adds to the artifact bytes of a token on a day.
///
/// # Errors
/// If the database fails.
pub fn add_used(sql: &mut dyn Sql, prefix: &str, day: i64, n_bytes: i64) -> Result<(), DbError> {
    // A token that went away with its user has nothing to be counted for.
    sql.execute(
        "INSERT INTO token_days (prefix, day, artifact_bytes) SELECT prefix, CAST(?2 AS BIGINT), CAST(?3 AS BIGINT) \
         FROM tokens WHERE prefix = ?1 \
         ON CONFLICT (prefix, day) DO UPDATE SET artifact_bytes = token_days.artifact_bytes + excluded.artifact_bytes",
        args![prefix, day, n_bytes],
    )?;
    Ok(())
}
