//! Endpoints themselves.

use super::capture::{self, Capture};
use super::change::{Who, first_change};
use super::deployment::{Deployment, of_revision};
use super::error::EndpointError as Error;
use crate::args;
use crate::db::{Row, Sql};
use crate::tracking::{next_number, now_ms};
use automl_core::nearest;
use serde::Serialize;

/// A name under which models answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Endpoint {
    /// Its number, never used again.
    #[serde(skip)]
    pub id: i64,
    /// Its name, one of a kind in its workspace.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Requests that it answers at once; others are told to come again.
    pub max_at_once: u32,
    /// When it was made.
    pub created_ms: i64,
    /// Who made it.
    pub user_id: String,
    /// The number of its last change.
    pub revision: i64,
    /// The revision that a server said it serves.
    pub served_revision: Option<i64>,
    /// Why that is not the last one.
    pub problem: Option<String>,
    /// What is to answer.
    pub deployments: Vec<Deployment>,
    /// What is kept of its requests; nothing if it is not said.
    pub capture: Option<Capture>,
}

/// The problem of an endpoint whose models somebody let go.
pub const UNLOADED: &str =
    "it was unloaded over the inference protocol; load it there, or change it";

impl Endpoint {
    /// One that the record does not have: what a folder holds.
    pub fn of_folder(name: &str, max_at_once: u32) -> Self {
        Self {
            id: NO_ID,
            name: name.to_owned(),
            description: None,
            max_at_once,
            created_ms: now_ms(),
            user_id: String::new(),
            revision: 0,
            served_revision: None,
            problem: None,
            deployments: Vec::new(),
            capture: None,
        }
    }

    /// Whether it is such a one.
    pub fn is_of_folder(&self) -> bool {
        self.id == NO_ID
    }

    /// What can be said of it in a word: `empty`, `stopped` as no server runs, `waiting` for a server, `serving`, `unloaded`, or
    /// `failed`.
    pub fn state(&self, is_server_alive: bool) -> &'static str {
        if self.deployments.is_empty() && self.problem.is_none() {
            "empty"
        } else if !is_server_alive {
            "stopped"
        } else if self.problem.as_deref() == Some(UNLOADED) {
            "unloaded"
        } else if self.problem.is_some() {
            "failed"
        } else if self.served_revision == Some(self.revision) {
            "serving"
        } else {
            "waiting"
        }
    }
}

/// An endpoint to be.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of `Endpoint`")]
pub struct NewEndpoint {
    pub name: String,
    pub description: Option<String>,
    pub max_at_once: u32,
}

/// The number of what has none in the record.
const NO_ID: i64 = -1;
/// The longest name.
const NAME_MAX: usize = 63;
/// The most requests at once.
const AT_ONCE_MAX: u32 = 10_000;

/// What a name may be: it is a part of addresses, and of metrics.
pub(super) fn check_name(field: &'static str, name: &str) -> Result<(), Error> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if name.is_empty() || name.len() > NAME_MAX {
        let reason = format!("it needs one to {NAME_MAX} letters");
        return Err(Error::invalid(field, reason));
    }
    if !name.chars().all(is_plain) || !name.starts_with(|first: char| first.is_ascii_alphanumeric())
    {
        let reason =
            "it may have letters, digits, '.', '_' and '-', and begins with one of the first two";
        return Err(Error::invalid(field, reason));
    }
    Ok(())
}

/// How many requests an endpoint may answer at once.
pub(super) fn check_at_once(max_at_once: u32) -> Result<(), Error> {
    if (1..=AT_ONCE_MAX).contains(&max_at_once) {
        return Ok(());
    }
    let reason = format!("it must be from 1 to {AT_ONCE_MAX}");
    Err(Error::invalid("the number of requests at once", reason))
}

/// Makes an endpoint, which has no deployments yet.
///
/// # Errors
/// If one of this name is there, or the name cannot be one.
pub fn create(
    sql: &mut dyn Sql,
    workspace: &str,
    new: &NewEndpoint,
    who: Who<'_>,
) -> Result<Endpoint, Error> {
    check_name("the name of the endpoint", &new.name)?;
    check_at_once(new.max_at_once)?;
    let id = next_number(sql, "endpoint")?;
    let n_made = sql.execute(
        "INSERT INTO endpoints (id, workspace, name, description, max_at_once, created_ms, user_id, revision) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1) ON CONFLICT DO NOTHING",
        args![
            id,
            workspace,
            &new.name,
            new.description.as_deref(),
            i64::from(new.max_at_once),
            now_ms(),
            who.user
        ],
    )?;
    if n_made == 0 {
        let name = new.name.clone();
        return Err(Error::Exists { name });
    }
    first_change(sql, id, who)?;
    by_name(sql, workspace, &new.name)
}

const COLUMNS: &str =
    "id, name, description, max_at_once, created_ms, user_id, revision, served_revision, problem";

fn whole(sql: &mut dyn Sql, row: &Row) -> Result<Endpoint, Error> {
    let (id, revision) = (row.int(0)?, row.int(6)?);
    Ok(Endpoint {
        id,
        name: row.text(1)?,
        description: row.maybe_text(2)?,
        max_at_once: row.int(3)? as u32,
        created_ms: row.int(4)?,
        user_id: row.text(5)?,
        revision,
        served_revision: row.maybe_int(7)?,
        problem: row.maybe_text(8)?,
        deployments: of_revision(sql, id, revision)?,
        capture: capture::of_endpoint(sql, id)?,
    })
}

/// The endpoint of a name.
///
/// # Errors
/// If it is not there.
pub fn by_name(sql: &mut dyn Sql, workspace: &str, name: &str) -> Result<Endpoint, Error> {
    let query = format!("SELECT {COLUMNS} FROM endpoints WHERE workspace = ?1 AND name = ?2");
    match sql.query_one(&query, args![workspace, name])? {
        Some(row) => whole(sql, &row),
        None => Err(missing(sql, workspace, name)?),
    }
}

pub(super) fn missing(sql: &mut dyn Sql, workspace: &str, name: &str) -> Result<Error, Error> {
    let rows = sql.query(
        "SELECT name FROM endpoints WHERE workspace = ?1",
        args![workspace],
    )?;
    let known: Vec<String> = rows
        .iter()
        .map(|row| row.text(0))
        .collect::<Result<_, _>>()?;
    Ok(Error::Missing {
        name: name.to_owned(),
        near: nearest(name, known.iter().map(String::as_str)),
    })
}

/// All endpoints of a workspace, by name.
///
/// # Errors
/// If the database fails.
pub fn list(sql: &mut dyn Sql, workspace: &str) -> Result<Vec<Endpoint>, Error> {
    let query = format!("SELECT {COLUMNS} FROM endpoints WHERE workspace = ?1 ORDER BY name");
    let rows = sql.query(&query, args![workspace])?;
    rows.iter().map(|row| whole(sql, row)).collect()
}

/// The deployments that an endpoint had after one of its changes.
///
/// # Errors
/// If versions that it had are gone, or the database fails.
pub fn at_revision(
    sql: &mut dyn Sql,
    endpoint: &Endpoint,
    revision: i64,
) -> Result<Vec<Deployment>, Error> {
    let found = of_revision(sql, endpoint.id, revision)?;
    let row = sql.query_one(
        "SELECT n_deployments FROM endpoint_changes WHERE endpoint_id = ?1 AND revision = ?2",
        args![endpoint.id, revision],
    )?;
    // Deployments go with a version that is deleted.
    match row {
        Some(row) if row.int(0)? as usize == found.len() => Ok(found),
        _ => Err(Error::Gone {
            endpoint: endpoint.name.clone(),
            revision,
        }),
    }
}

/// Deletes an endpoint with its history.
///
/// # Errors
/// If it is not there, or has deployments and `loses_deployments` does not say that they may go.
pub fn delete(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    loses_deployments: bool,
) -> Result<Endpoint, Error> {
    let endpoint = by_name(sql, workspace, name)?;
    if !endpoint.deployments.is_empty() && !loses_deployments {
        return Err(Error::WouldLose {
            endpoint: endpoint.name,
            n_deployments: endpoint.deployments.len(),
        });
    }
    sql.execute("DELETE FROM endpoints WHERE id = ?1", args![endpoint.id])?;
    Ok(endpoint)
}

/// Notes what a server serves of an endpoint, and why that is not its last revision.
///
/// # Errors
/// If the database fails.
pub fn note_served(
    sql: &mut dyn Sql,
    id: i64,
    revision: Option<i64>,
    problem: Option<&str>,
) -> Result<(), Error> {
    sql.execute(
        "UPDATE endpoints SET served_revision = ?1, problem = ?2 WHERE id = ?3",
        args![revision, problem, id],
    )?;
    Ok(())
}
