//! The record of what was trained: experiments, runs and what they log, as MLflow knows them.
//!
//! Functions take the statements of one transaction and do one thing; [`crate::db::Database`] says on which thread and
//! with whom. Names, limits and messages are those that MLflow's clients expect.

mod check;
pub mod curve;
mod error;
pub mod events;
pub mod experiments;
pub mod history;
pub mod inputs;
pub mod log;
pub mod logged_models;
pub mod overview;
pub mod runs;
pub mod search;

pub use check::{LIMITS, Limits, check_key, check_length};
pub(crate) use check::{check_text, cut};
pub use error::{ErrorCode, TrackingError};

use crate::args;
use crate::db::Sql;
use crate::hex::hex;
use automl_core::Clock;

/// A key with its value, of a param or a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct KeyValue {
    pub key: String,
    pub value: String,
}

/// Whether something is in use or was deleted and can be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum Stage {
    Active,
    Deleted,
}

impl Stage {
    /// As it is stored and sent.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
        }
    }
}

/// Which stages a search looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum View {
    ActiveOnly,
    DeletedOnly,
    All,
}

impl View {
    pub(crate) fn condition(self, column: &str) -> String {
        match self {
            Self::ActiveOnly => format!("{column} = 'active'"),
            Self::DeletedOnly => format!("{column} = 'deleted'"),
            Self::All => format!("{column} IN ('active', 'deleted')"),
        }
    }
}

/// One page of what a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What was found.
    pub items: Vec<T>,
    /// What brings the next page, if there is one.
    pub next: Option<String>,
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    Clock::unix_micros() / 1000
}

/// A random identifier of 32 hexadecimal digits.
///
/// # Errors
/// If the system has no randomness.
pub fn new_id() -> Result<String, TrackingError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| TrackingError::Invalid(format!("no randomness: {error}")))?;
    Ok(hex(&bytes))
}

/// The next whole number of a named sequence; two transactions never get the same.
pub(crate) fn next_number(sql: &mut dyn Sql, name: &str) -> Result<i64, TrackingError> {
    let row = sql.query_one(
        "INSERT INTO counters (name, value) VALUES (?1, 1) \
         ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value",
        args![name],
    )?;
    match row {
        Some(row) => Ok(row.int(0)?),
        None => Err(TrackingError::Invalid(format!("no number for {name}"))),
    }
}

/// The rows of a page, of which one more than fits was asked for, and the token of the next.
pub(crate) fn page<T>(mut items: Vec<T>, n_max: usize, offset: usize) -> Page<T> {
    let has_more = items.len() > n_max;
    items.truncate(n_max);
    Page {
        items,
        next: has_more.then(|| token(offset + n_max)),
    }
}

const TOKEN_MARK: &str = "p1-";

fn token(offset: usize) -> String {
    format!("{TOKEN_MARK}{offset:x}")
}

/// Where the page of a token starts.
pub(crate) fn offset(token: Option<&str>) -> Result<usize, TrackingError> {
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Ok(0);
    };
    token
        .strip_prefix(TOKEN_MARK)
        .and_then(|digits| usize::from_str_radix(digits, 16).ok())
        .filter(|&offset| i64::try_from(offset).is_ok())
        .ok_or_else(|| TrackingError::Invalid(format!("Invalid page token '{token}'")))
}

#[cfg(test)]
pub(crate) mod tests;
