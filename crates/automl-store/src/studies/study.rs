//! Studies themselves.

use super::StudiesError;
use super::log::{Entry, append};
use super::trial::Attribute;
use crate::args;
use crate::db::{Row, Sql};
use crate::tracking::next_number;
use automl_core::{Clock, nearest};
use serde::{Deserialize, Serialize};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say what each is")]
pub enum Direction {
    Minimize,
    Maximize,
}

/// One number that a study makes better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Objective {
    pub name: String,
    pub direction: Direction,
}

impl Objective {
    /// Objectives of a client that names none: `value`, or `value_0`, `value_1`, ….
    pub fn numbered(directions: &[Direction]) -> Vec<Self> {
        let named = |(place, &direction): (usize, &Direction)| Self {
            name: if directions.len() == 1 {
                "value".to_owned()
            } else {
                format!("value_{place}")
            },
            direction,
        };
        directions.iter().enumerate().map(named).collect()
    }
}

/// Whether a study goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub enum StudyState {
    Active,
    Inactive,
    Completed,
}

impl StudyState {
    /// As it is stored and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Completed => "completed",
        }
    }

    fn of(name: &str) -> Self {
        match name {
            "inactive" => Self::Inactive,
            "completed" => Self::Completed,
            _ => Self::Active,
        }
    }
}

/// A study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Study {
    /// Its number, never used again.
    pub id: i64,
    /// Its name, one of a kind in its workspace.
    pub name: String,
    /// The protocol that made it: `automl`, `optuna` or `vizier`.
    pub protocol: String,
    /// Whether it goes on.
    pub state: StudyState,
    /// What it makes better.
    pub objectives: Vec<Objective>,
    /// What else its protocol knows of it.
    pub spec: String,
    /// How long a trial is held without a sign of its worker; for ever if nothing.
    pub lease_ms: Option<i64>,
    /// How often a lost trial is given out again.
    pub n_retries: i64,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// How many trials it was given; the number of the next.
    pub n_trials: i64,
    /// How long its log is.
    pub n_events: i64,
}

/// A study to be made.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of `Study`")]
pub struct NewStudy {
    pub name: String,
    pub protocol: &'static str,
    pub objectives: Vec<Objective>,
    pub spec: String,
    pub lease_ms: Option<i64>,
    pub n_retries: i64,
}

/// The longest name.
const NAME_MAX: usize = 500;

fn check_name(name: &str) -> Result<(), StudiesError> {
    let reason = match name {
        name if name.trim().is_empty() => "it is empty".to_owned(),
        name if name.contains('\0') => "it holds a NUL character".to_owned(),
        name if name.chars().count() > NAME_MAX => format!("it is longer than {NAME_MAX} letters"),
        _ => return Ok(()),
    };
    Err(StudiesError::invalid("the name of the study", reason))
}

/// Makes a study and gives its id.
///
/// # Errors
/// If one of this name is there, the name cannot be one, or there is no objective.
pub fn create(sql: &mut dyn Sql, workspace: &str, new: &NewStudy) -> Result<i64, StudiesError> {
    check_name(&new.name)?;
    if new.objectives.is_empty() {
        return Err(StudiesError::invalid("the study", "it has no objective"));
    }
    if find(sql, workspace, &new.name)?.is_some() {
        return Err(exists(&new.name));
    }
    let objectives = serde_json::json!(new.objectives).to_string();
    let id = next_number(sql, "study")?;
    let n_made = sql.execute(
        "INSERT INTO studies (id, workspace, name, protocol, state, objectives, spec, lease_ms, n_retries, created_us, n_trials, n_events) \
         VALUES (?1, ?2, ?3, ?4, 'active', ?5, ?6, ?7, ?8, ?9, 0, 0) ON CONFLICT DO NOTHING",
        args![
            id,
            workspace,
            &new.name,
            new.protocol,
            &objectives,
            &new.spec,
            new.lease_ms,
            new.n_retries,
            Clock::unix_micros()
        ],
    )?;
    if n_made == 0 {
        return Err(exists(&new.name));
    }
    let entry = Entry {
        trial: None,
        what: "created",
        body: Some(new.spec.clone()),
        request: None,
    };
    append(sql, id, &entry)?;
    Ok(id)
}

fn exists(name: &str) -> StudiesError {
    StudiesError::StudyExists {
        name: name.to_owned(),
    }
}

pub(super) fn missing_id(id: i64) -> StudiesError {
    StudiesError::StudyMissing {
        name: id.to_string(),
        near: Vec::new(),
    }
}

const COLUMNS: &str = "id, name, protocol, state, objectives, spec, lease_ms, n_retries, created_us, n_trials, n_events";

fn study(row: &Row) -> Result<Study, StudiesError> {
    let objectives = row.text(4)?;
    Ok(Study {
        id: row.int(0)?,
        name: row.text(1)?,
        protocol: row.text(2)?,
        state: StudyState::of(&row.text(3)?),
        objectives: serde_json::from_str(&objectives)
            .map_err(|error| StudiesError::invalid("the stored study", error.to_string()))?,
        spec: row.text(5)?,
        lease_ms: row.maybe_int(6)?,
        n_retries: row.int(7)?,
        created_us: row.int(8)?,
        n_trials: row.int(9)?,
        n_events: row.int(10)?,
    })
}

/// The study of an id in a workspace.
///
/// # Errors
/// If it is not there.
pub fn get(sql: &mut dyn Sql, workspace: &str, id: i64) -> Result<Study, StudiesError> {
    let row = sql.query_one(
        &format!("SELECT {COLUMNS} FROM studies WHERE id = ?1 AND workspace = ?2"),
        args![id, workspace],
    )?;
    study(&row.ok_or_else(|| missing_id(id))?)
}

fn find(sql: &mut dyn Sql, workspace: &str, name: &str) -> Result<Option<Study>, StudiesError> {
    let row = sql.query_one(
        &format!("SELECT {COLUMNS} FROM studies WHERE workspace = ?1 AND name = ?2"),
        args![workspace, name],
    )?;
    row.as_ref().map(study).transpose()
}

/// The study of a name.
///
/// # Errors
/// If it is not there.
pub fn by_name(sql: &mut dyn Sql, workspace: &str, name: &str) -> Result<Study, StudiesError> {
    if let Some(found) = find(sql, workspace, name)? {
        return Ok(found);
    }
    let known = list(sql, workspace)?;
    let names = known.iter().map(|study| study.name.as_str());
    Err(StudiesError::StudyMissing {
        name: name.to_owned(),
        near: nearest(name, names),
    })
}

/// The study that a trial is of.
///
/// # Errors
/// If there is no such trial.
pub fn of_trial(sql: &mut dyn Sql, workspace: &str, trial: i64) -> Result<Study, StudiesError> {
    let row = sql.query_one(
        &format!(
            "SELECT {COLUMNS} FROM studies WHERE workspace = ?1 AND id = (SELECT study_id FROM trials WHERE id = ?2)"
        ),
        args![workspace, trial],
    )?;
    study(&row.ok_or(StudiesError::TrialMissing { id: trial })?)
}

/// All studies of a workspace, oldest first.
///
/// # Errors
/// If the database fails.
pub fn list(sql: &mut dyn Sql, workspace: &str) -> Result<Vec<Study>, StudiesError> {
    let rows = sql.query(
        &format!("SELECT {COLUMNS} FROM studies WHERE workspace = ?1 ORDER BY id"),
        args![workspace],
    )?;
    rows.iter().map(study).collect()
}

/// Deletes a study with all its trials.
///
/// # Errors
/// If it is not there.
pub fn delete(sql: &mut dyn Sql, workspace: &str, id: i64) -> Result<(), StudiesError> {
    let n_deleted = sql.execute(
        "DELETE FROM studies WHERE id = ?1 AND workspace = ?2",
        args![id, workspace],
    )?;
    match n_deleted {
        0 => Err(missing_id(id)),
        _ => Ok(()),
    }
}

/// Says whether a study goes on.
///
/// # Errors
/// If it is not there.
pub fn set_state(sql: &mut dyn Sql, id: i64, state: StudyState) -> Result<(), StudiesError> {
    let entry = Entry {
        trial: None,
        what: "state",
        body: Some(serde_json::json!(state.name()).to_string()),
        request: None,
    };
    append(sql, id, &entry)?;
    sql.execute(
        "UPDATE studies SET state = ?1 WHERE id = ?2",
        args![state.name(), id],
    )?;
    Ok(())
}

/// Replaces what a study was made of, and how long its trials are held and how often they are given out again.
///
/// # Errors
/// If the database fails.
pub fn set_spec(
    sql: &mut dyn Sql,
    id: i64,
    spec: &str,
    (lease_ms, n_retries): (Option<i64>, i64),
) -> Result<(), StudiesError> {
    let entry = Entry {
        trial: None,
        what: "spec",
        body: Some(spec.to_owned()),
        request: None,
    };
    append(sql, id, &entry)?;
    sql.execute(
        "UPDATE studies SET spec = ?1, lease_ms = ?2, n_retries = ?3 WHERE id = ?4",
        args![spec, lease_ms, n_retries, id],
    )?;
    Ok(())
}

/// Sets an attribute; one of the same scope and key is replaced.
///
/// # Errors
/// If the study is not there.
pub fn set_attribute(
    sql: &mut dyn Sql,
    id: i64,
    attribute: &Attribute,
) -> Result<(), StudiesError> {
    let entry = Entry {
        trial: None,
        what: "attribute",
        body: Some(
            serde_json::json!([attribute.scope, attribute.key, attribute.value]).to_string(),
        ),
        request: None,
    };
    append(sql, id, &entry)?;
    sql.execute(
        "INSERT INTO study_attributes (study_id, scope, key, value) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (study_id, scope, key) DO UPDATE SET value = excluded.value",
        args![id, &attribute.scope, &attribute.key, &attribute.value],
    )?;
    Ok(())
}

/// All attributes of a study, by scope and key.
///
/// # Errors
/// If the database fails.
pub fn attributes(sql: &mut dyn Sql, id: i64) -> Result<Vec<Attribute>, StudiesError> {
    let rows = sql.query(
        "SELECT scope, key, value FROM study_attributes WHERE study_id = ?1 ORDER BY scope, key",
        args![id],
    )?;
    let attribute = |row: &Row| {
        Ok(Attribute {
            scope: row.text(0)?,
            key: row.text(1)?,
            value: row.text(2)?,
        })
    };
    rows.iter().map(attribute).collect()
}
