//! Who may do what: users with roles by workspace, their API tokens, and the log of what they did.
//!
//! Passwords are kept as argon2id hashes and tokens as SHA-256 of their random 256 bits: neither can be read back. Whatever
//! changes who may do what raises [`version`], so that a server that remembers answers knows when to forget them.

pub mod audit;
pub mod password;
pub mod tokens;
pub mod users;

use crate::args;
use crate::db::{DbError, Sql};
use crate::tracking::{TrackingError, next_number};

/// What a user may do in a workspace; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and writes.
    Editor,
    /// Reads, writes, and says who else may.
    Admin,
}

impl Role {
    /// As it is stored and typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// The role of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Viewer, Self::Editor, Self::Admin]
            .into_iter()
            .find(|role| role.name() == name)
    }
}

/// The counter that rises with every change.
const VERSION: &str = "access";

/// A number that rises whenever users, roles or tokens change.
pub fn version(sql: &mut dyn Sql) -> Result<i64, DbError> {
    let row = sql.query_one("SELECT value FROM counters WHERE name = ?1", args![VERSION])?;
    row.map_or(Ok(0), |row| row.int(0))
}

fn changed(sql: &mut dyn Sql) -> Result<(), TrackingError> {
    next_number(sql, VERSION).map(|_| ())
}

#[cfg(test)]
mod tests;
