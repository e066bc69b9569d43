//! Trials as they are read.

use super::{StudiesError, figures};
use crate::args;
use crate::db::{Arg, Row, Sql};
use std::collections::BTreeMap;

/// Where a trial is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialState {
    /// Nobody runs it yet.
    Waiting,
    /// Somebody runs it.
    Running,
    /// Somebody runs it, and was asked to end it.
    Stopping,
    /// It ended with a value for each objective.
    Complete,
    /// It was ended early.
    Pruned,
    /// It ended without a value.
    Failed,
}

impl TrialState {
    /// As it is stored and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Complete => "complete",
            Self::Pruned => "pruned",
            Self::Failed => "failed",
        }
    }

    pub(super) fn of(name: &str) -> Self {
        match name {
            "waiting" => Self::Waiting,
            "running" => Self::Running,
            "stopping" => Self::Stopping,
            "complete" => Self::Complete,
            "pruned" => Self::Pruned,
            _ => Self::Failed,
        }
    }

    /// Whether nothing more comes of it.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Complete | Self::Pruned | Self::Failed)
    }
}

/// A parameter of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its value, as its protocol writes it.
    pub value: String,
    /// What it was drawn from, as its protocol writes it.
    pub distribution: Option<String>,
}

/// What a trial measured on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// After how much work.
    pub step: i64,
    /// A number for each objective, or one alone.
    pub figures: Vec<f64>,
    /// What else its protocol knows of it.
    pub extra: Option<String>,
}

/// A text by scope and key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Attribute {
    pub scope: String,
    pub key: String,
    pub value: String,
}

/// A trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its id, rising over all studies.
    pub id: i64,
    /// The study that it is of.
    pub study_id: i64,
    /// Its number within the study, from 0.
    pub number: i64,
    /// Where it is in its life.
    pub state: TrialState,
    /// A number for each objective, once there is.
    pub figures: Option<Vec<f64>>,
    /// By how much each constraint is exceeded.
    pub constraints: Vec<f64>,
    /// Why it failed.
    pub note: Option<String>,
    /// Who runs it.
    pub client: Option<String>,
    /// When it began, in microseconds since 1970.
    pub started_us: Option<i64>,
    /// When it ended, in microseconds since 1970.
    pub ended_us: Option<i64>,
    /// Where in the log it ended.
    pub end_event: Option<i64>,
    /// When it is given to another, in milliseconds since 1970.
    pub expires_ms: Option<i64>,
    /// How often its worker was lost.
    pub n_lost: i64,
    /// What else its protocol knows of it.
    pub extra: Option<String>,
    /// What it tries, in the order in which it was told.
    pub params: Vec<Param>,
    /// What it measured, in the order in which it was told.
    pub measurements: Vec<Measurement>,
    /// Texts by scope and key.
    pub attributes: Vec<Attribute>,
}

/// Which trials of a study are wanted.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// All.
    All,
    /// Those after an id, and these.
    After(i64, Vec<i64>),
    /// These.
    These(Vec<i64>),
    /// Those in a state.
    In(TrialState),
}

impl Wanted {
    /// As a condition on the table `trials`. Ids are numbers, so they cannot be anything else in a statement.
    fn condition(&self) -> String {
        let listed = |ids: &[i64]| match ids {
            [] => "1 = 0".to_owned(),
            ids => {
                let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
                format!("trials.id IN ({})", ids.join(", "))
            }
        };
        match self {
            Self::All => "1 = 1".to_owned(),
            Self::After(id, ids) => format!("(trials.id > {id} OR {})", listed(ids)),
            Self::These(ids) => listed(ids),
            Self::In(state) => format!("trials.state = '{}'", state.name()),
        }
    }
}

const COLUMNS: &str = "trials.id, study_id, number, state, figures, constraints, note, client, started_us, ended_us, end_event, expires_ms, n_lost, extra";

fn numbers(text: Option<String>) -> Result<Option<Vec<f64>>, StudiesError> {
    let damaged = || StudiesError::invalid("the stored trial", "its numbers cannot be read");
    text.map(|text| figures::read(&text).ok_or_else(damaged))
        .transpose()
}

fn bare(row: &Row) -> Result<Trial, StudiesError> {
    Ok(Trial {
        id: row.int(0)?,
        study_id: row.int(1)?,
        number: row.int(2)?,
        state: TrialState::of(&row.text(3)?),
        figures: numbers(row.maybe_text(4)?)?,
        constraints: numbers(row.maybe_text(5)?)?.unwrap_or_default(),
        note: row.maybe_text(6)?,
        client: row.maybe_text(7)?,
        started_us: row.maybe_int(8)?,
        ended_us: row.maybe_int(9)?,
        end_event: row.maybe_int(10)?,
        expires_ms: row.maybe_int(11)?,
        n_lost: row.int(12)?,
        extra: row.maybe_text(13)?,
        params: Vec::new(),
        measurements: Vec::new(),
        attributes: Vec::new(),
    })
}

/// One trial, of any study of a workspace.
const OF_WORKSPACE: &str =
    "trials.id = ?1 AND trials.study_id IN (SELECT id FROM studies WHERE workspace = ?2)";

/// A trial of any study of a workspace, without what hangs on it.
pub(super) fn find(sql: &mut dyn Sql, workspace: &str, id: i64) -> Result<Trial, StudiesError> {
    let row = sql.query_one(
        &format!("SELECT {COLUMNS} FROM trials WHERE {OF_WORKSPACE}"),
        args![id, workspace],
    )?;
    bare(&row.ok_or(StudiesError::TrialMissing { id })?)
}

/// A trial of any study of a workspace.
///
/// # Errors
/// If it is not there.
pub fn trial(sql: &mut dyn Sql, workspace: &str, id: i64) -> Result<Trial, StudiesError> {
    let found = whole(sql, OF_WORKSPACE, args![id, workspace])?;
    found
        .into_iter()
        .next()
        .ok_or(StudiesError::TrialMissing { id })
}

/// Trials of a study, by number.
///
/// # Errors
/// If the database fails.
pub fn trials(sql: &mut dyn Sql, study: i64, wanted: &Wanted) -> Result<Vec<Trial>, StudiesError> {
    let condition = format!("trials.study_id = ?1 AND {}", wanted.condition());
    whole(sql, &condition, args![study])
}

fn whole(sql: &mut dyn Sql, condition: &str, args: &[Arg<'_>]) -> Result<Vec<Trial>, StudiesError> {
    let rows = sql.query(
        &format!("SELECT {COLUMNS} FROM trials WHERE {condition} ORDER BY number"),
        args,
    )?;
    let mut found = rows.iter().map(bare).collect::<Result<Vec<_>, _>>()?;
    let places: BTreeMap<i64, usize> = found
        .iter()
        .enumerate()
        .map(|(at, trial)| (trial.id, at))
        .collect();
    if found.is_empty() {
        return Ok(found);
    }
    let only = match found.as_slice() {
        [only] => Some(only.id),
        _ => None,
    };
    let mut parts = |table: &str, columns: &str, order: &str| {
        match only {
        // By far the most frequent question, and the quickest to answer.
        Some(id) => sql.query(
            &format!("SELECT trial_id, {columns} FROM {table} WHERE trial_id = ?1 ORDER BY {order}"),
            args![id],
        ),
        None => sql.query(
            &format!(
                "SELECT trial_id, {columns} FROM {table} JOIN trials ON trials.id = trial_id WHERE {condition} ORDER BY trial_id, {order}"
            ),
            args,
        ),
    }
    };
    let params = parts("trial_params", "name, value, distribution", "place")?;
    let measured = parts(
        "trial_measurements",
        "step, trial_measurements.figures, trial_measurements.extra",
        "place",
    )?;
    let attributes = parts("trial_attributes", "scope, key, value", "scope, key")?;
    for row in &params {
        if let Some(&at) = places.get(&row.int(0)?) {
            found[at].params.push(Param {
                name: row.text(1)?,
                value: row.text(2)?,
                distribution: row.maybe_text(3)?,
            });
        }
    }
    for row in &measured {
        if let Some(&at) = places.get(&row.int(0)?) {
            found[at].measurements.push(Measurement {
                step: row.int(1)?,
                figures: numbers(row.maybe_text(2)?)?.unwrap_or_default(),
                extra: row.maybe_text(3)?,
            });
        }
    }
    for row in &attributes {
        if let Some(&at) = places.get(&row.int(0)?) {
            found[at].attributes.push(Attribute {
                scope: row.text(1)?,
                key: row.text(2)?,
                value: row.text(3)?,
            });
        }
    }
    Ok(found)
}

/// The ids of the trials that a client runs and was not asked to end, the oldest first.
///
/// # Errors
/// If the database fails.
pub fn running_of(sql: &mut dyn Sql, study: i64, client: &str) -> Result<Vec<i64>, StudiesError> {
    let rows = sql.query(
        "SELECT id FROM trials WHERE study_id = ?1 AND state = 'running' AND client = ?2 ORDER BY number",
        args![study, client],
    )?;
    rows.iter().map(|row| Ok(row.int(0)?)).collect()
}

/// The id of the trial with a number.
///
/// # Errors
/// If there is none.
pub fn id_of_number(sql: &mut dyn Sql, study: i64, number: i64) -> Result<i64, StudiesError> {
    let row = sql.query_one(
        "SELECT id FROM trials WHERE study_id = ?1 AND number = ?2",
        args![study, number],
    )?;
    Ok(row
        .ok_or(StudiesError::TrialMissing { id: number })?
        .int(0)?)
}
