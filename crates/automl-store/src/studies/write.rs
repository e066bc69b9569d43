//! What is told of trials.

use super::log::{Entry, append, hold, waits_for_others};
use super::study::missing_id;
use super::trial::{Attribute, Measurement, Param, Trial, TrialState, find};
use super::{StudiesError, distribution, figures};
use crate::args;
use crate::db::Sql;
use crate::tracking::{next_number, now_ms};
use automl_core::Clock;
use serde_json::json;

/// A trial to be added, whatever its state.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of `Trial`")]
pub struct NewTrial {
    pub state: TrialState,
    pub params: Vec<Param>,
    pub figures: Option<Vec<f64>>,
    pub constraints: Vec<f64>,
    pub note: Option<String>,
    pub client: Option<String>,
    pub started_us: Option<i64>,
    pub ended_us: Option<i64>,
    pub measurements: Vec<Measurement>,
    pub attributes: Vec<Attribute>,
    pub extra: Option<String>,
    /// The key of the request that wants it.
    pub request: Option<String>,
}

impl NewTrial {
    /// A trial in a state, with nothing known of it.
    pub fn in_state(state: TrialState) -> Self {
        Self {
            state,
            params: Vec::new(),
            figures: None,
            constraints: Vec::new(),
            note: None,
            client: None,
            started_us: None,
            ended_us: None,
            measurements: Vec::new(),
            attributes: Vec::new(),
            extra: None,
            request: None,
        }
    }
}

/// Where a trial is from now on.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of `Trial`")]
pub struct Change {
    pub state: TrialState,
    pub figures: Option<Vec<f64>>,
    pub constraints: Vec<f64>,
    pub note: Option<String>,
    pub client: Option<String>,
    pub extra: Option<String>,
    /// The key of the request that wants it.
    pub request: Option<String>,
}

impl Change {
    /// To a state, with nothing more said.
    pub fn to(state: TrialState) -> Self {
        Self {
            state,
            figures: None,
            constraints: Vec::new(),
            note: None,
            client: None,
            extra: None,
            request: None,
        }
    }
}

/// A trial that is not finished, and that nobody else changes before this transaction ends.
pub(super) fn open(sql: &mut dyn Sql, workspace: &str, id: i64) -> Result<Trial, StudiesError> {
    let mut trial = find(sql, workspace, id)?;
    if waits_for_others(sql) {
        hold(sql, trial.study_id)?;
        trial = find(sql, workspace, id)?;
    }
    if trial.state.is_finished() {
        return Err(StudiesError::TrialFinished {
            number: trial.number,
            state: trial.state,
        });
    }
    Ok(trial)
}

/// Adds a trial and gives its id and number.
///
/// # Errors
/// If the study is not there, or a parameter had another distribution.
pub fn add_trial(
    sql: &mut dyn Sql,
    study: i64,
    new: &NewTrial,
) -> Result<(i64, i64), StudiesError> {
    let row = sql.query_one(
        "UPDATE studies SET n_trials = n_trials + 1 WHERE id = ?1 RETURNING n_trials, lease_ms",
        args![study],
    )?;
    let row = row.ok_or_else(|| missing_id(study))?;
    let (number, lease_ms) = (row.int(0)? - 1, row.maybe_int(1)?);
    let id = next_number(sql, "trial")?;
    let params: serde_json::Map<_, _> = new
        .params
        .iter()
        .map(|param| (param.name.clone(), json!(param.value)))
        .collect();
    let values = new.figures.as_deref().map(figures::write);
    let body =
        json!({ "number": number, "state": new.state.name(), "params": params, "values": values });
    let entry = Entry {
        request: new.request.as_deref(),
        ..Entry::of(id, "trial").with(&body)
    };
    let place = append(sql, study, &entry)?;
    let now_us = Clock::unix_micros();
    let runs = matches!(new.state, TrialState::Running | TrialState::Stopping);
    let expires_ms = lease_ms.filter(|_| runs).map(|lease| now_ms() + lease);
    let constraints = constraints_text(&new.constraints);
    sql.execute(
        "INSERT INTO trials (id, study_id, number, state, figures, constraints, note, client, started_us, ended_us, end_event, expires_ms, n_lost, extra) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, ?13)",
        args![
            id,
            study,
            number,
            new.state.name(),
            values.as_ref(),
            constraints.as_ref(),
            new.note.as_ref(),
            new.client.as_ref(),
            new.started_us.or(runs.then_some(now_us)),
            new.ended_us,
            new.state.is_finished().then_some(place),
            expires_ms,
            new.extra.as_ref()
        ],
    )?;
    for param in &new.params {
        put_param(sql, study, id, param)?;
    }
    for measurement in &new.measurements {
        push_measurement(sql, id, measurement)?;
    }
    for attribute in &new.attributes {
        put_attribute(sql, id, attribute)?;
    }
    Ok((id, number))
}

fn constraints_text(constraints: &[f64]) -> Option<String> {
    (!constraints.is_empty()).then(|| figures::write(constraints))
}

fn put_param(sql: &mut dyn Sql, study: i64, trial: i64, param: &Param) -> Result<(), StudiesError> {
    if let Some(new) = &param.distribution {
        sql.execute(
            "INSERT INTO study_distributions (study_id, name, distribution) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            args![study, &param.name, new],
        )?;
        let row = sql.query_one(
            "SELECT distribution FROM study_distributions WHERE study_id = ?1 AND name = ?2",
            args![study, &param.name],
        )?;
        let first = row.map(|row| row.text(0)).transpose()?;
        if let Some(reason) = first.and_then(|first| distribution::difference(&first, new)) {
            return Err(StudiesError::Incompatible {
                name: param.name.clone(),
                reason,
            });
        }
    }
    sql.execute(
        "INSERT INTO trial_params (trial_id, name, place, value, distribution) \
         VALUES (?1, ?2, (SELECT COUNT(*) FROM trial_params WHERE trial_id = ?1), ?3, ?4) \
         ON CONFLICT (trial_id, name) DO UPDATE SET value = excluded.value, distribution = excluded.distribution",
        args![
            trial,
            &param.name,
            &param.value,
            param.distribution.as_ref()
        ],
    )?;
    Ok(())
}

/// Keeps a measurement in place of the one of its step, if there is one.
fn put_measurement(
    sql: &mut dyn Sql,
    trial: i64,
    measurement: &Measurement,
) -> Result<(), StudiesError> {
    let n_replaced = sql.execute(
        "UPDATE trial_measurements SET figures = ?3, extra = ?4 WHERE trial_id = ?1 AND step = ?2",
        args![
            trial,
            measurement.step,
            &figures::write(&measurement.figures),
            measurement.extra.as_ref()
        ],
    )?;
    match n_replaced {
        0 => push_measurement(sql, trial, measurement),
        _ => Ok(()),
    }
}

/// Keeps a measurement after all others.
fn push_measurement(
    sql: &mut dyn Sql,
    trial: i64,
    measurement: &Measurement,
) -> Result<(), StudiesError> {
    sql.execute(
        "INSERT INTO trial_measurements (trial_id, place, step, figures, extra) \
         VALUES (?1, (SELECT COALESCE(MAX(place) + 1, 0) FROM trial_measurements WHERE trial_id = ?1), ?2, ?3, ?4)",
        args![
            trial,
            measurement.step,
            &figures::write(&measurement.figures),
            measurement.extra.as_ref()
        ],
    )?;
    Ok(())
}

fn put_attribute(sql: &mut dyn Sql, trial: i64, attribute: &Attribute) -> Result<(), StudiesError> {
    sql.execute(
        "INSERT INTO trial_attributes (trial_id, scope, key, value) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (trial_id, scope, key) DO UPDATE SET value = excluded.value",
        args![trial, &attribute.scope, &attribute.key, &attribute.value],
    )?;
    Ok(())
}

/// Sets a parameter of a trial that is not finished.
///
/// # Errors
/// If the trial is not there or finished, or the parameter had another distribution in the study.
pub fn set_param(
    sql: &mut dyn Sql,
    workspace: &str,
    id: i64,
    param: &Param,
) -> Result<(), StudiesError> {
    let trial = open(sql, workspace, id)?;
    let body = json!([param.name, param.value, param.distribution]);
    append(sql, trial.study_id, &Entry::of(id, "param").with(&body))?;
    put_param(sql, trial.study_id, id, param)
}

/// Keeps what a trial measured; of one step the last counts. It is also a sign of life of its worker.
///
/// # Errors
/// If the trial is not there or finished.
pub fn measure(
    sql: &mut dyn Sql,
    workspace: &str,
    id: i64,
    measurement: &Measurement,
) -> Result<(), StudiesError> {
    measured(sql, workspace, id, measurement)?;
    put_measurement(sql, id, measurement)?;
    super::leases::renew(sql, id)
}

/// Keeps what a trial measured after all that it measured before, of whatever step. It is also a sign of life of its
/// worker.
///
/// # Errors
/// If the trial is not there or finished.
pub fn measure_also(
    sql: &mut dyn Sql,
    workspace: &str,
    id: i64,
    measurement: &Measurement,
) -> Result<(), StudiesError> {
    measured(sql, workspace, id, measurement)?;
    push_measurement(sql, id, measurement)?;
    super::leases::renew(sql, id)
}

fn measured(
    sql: &mut dyn Sql,
    workspace: &str,
    id: i64,
    measurement: &Measurement,
) -> Result<(), StudiesError> {
    let trial = open(sql, workspace, id)?;
    let body = json!([measurement.step, figures::write(&measurement.figures)]);
    append(sql, trial.study_id, &Entry::of(id, "measured").with(&body))?;
    Ok(())
}

/// Sets an attribute of a trial; one of the same scope and key is replaced.
///
/// # Errors
/// If the trial is not there, or is finished and `of_finished` is not set.
pub fn set_trial_attribute(
    sql: &mut dyn Sql,
    workspace: &str,
    id: i64,
    attribute: &Attribute,
    of_finished: bool,
) -> Result<(), StudiesError> {
    let trial = if of_finished {
        find(sql, workspace, id)?
    } else {
        open(sql, workspace, id)?
    };
    let body = json!([attribute.scope, attribute.key, attribute.value]);
    append(sql, trial.study_id, &Entry::of(id, "attribute").with(&body))?;
    put_attribute(sql, id, attribute)
}

/// Brings a trial that is not finished into another state. One that is to run must wait: of several workers that want it,
/// one gets it, and the others are told that it did not change.
///
/// # Errors
/// If the trial is not there or finished.
pub fn change(
    sql: &mut dyn Sql,
    workspace: &str,
    id: i64,
    change: &Change,
) -> Result<bool, StudiesError> {
    let trial = open(sql, workspace, id)?;
    if change.state == TrialState::Running && trial.state != TrialState::Waiting {
        return Ok(false);
    }
    let values = change.figures.as_deref().map(figures::write);
    let constraints = constraints_text(&change.constraints);
    let body = json!({ "values": values, "constraints": constraints, "note": change.note, "client": change.client });
    let entry = Entry {
        request: change.request.as_deref(),
        ..Entry::of(id, change.state.name()).with(&body)
    };
    let place = append(sql, trial.study_id, &entry)?;
    let now = Clock::unix_micros();
    let (starts, ends) = (
        change.state == TrialState::Running,
        change.state.is_finished(),
    );
    sql.execute(
        "UPDATE trials SET state = ?1, figures = COALESCE(?2, figures), constraints = COALESCE(?3, constraints), note = COALESCE(?4, note), \
         client = COALESCE(?5, client), started_us = COALESCE(?6, started_us), ended_us = COALESCE(?7, ended_us), end_event = ?8, expires_ms = NULL, \
         extra = COALESCE(?9, extra) WHERE id = ?10",
        args![
            change.state.name(),
            values.as_ref(),
            constraints.as_ref(),
            change.note.as_ref(),
            change.client.as_ref(),
            starts.then_some(now),
            ends.then_some(now),
            ends.then_some(place),
            change.extra.as_ref(),
            id
        ],
    )?;
    if starts {
        super::leases::renew(sql, id)?;
    }
    Ok(true)
}

/// Says when a trial began and ended, where that was elsewhere.
///
/// # Errors
/// If the database fails.
pub fn set_times(
    sql: &mut dyn Sql,
    id: i64,
    started_us: Option<i64>,
    ended_us: Option<i64>,
) -> Result<(), StudiesError> {
    sql.execute(
        "UPDATE trials SET started_us = ?1, ended_us = ?2 WHERE id = ?3",
        args![started_us, ended_us, id],
    )?;
    Ok(())
}

/// Asks whoever runs a trial to end it.
///
/// # Errors
/// If the trial is not there or finished.
pub fn stop(sql: &mut dyn Sql, workspace: &str, id: i64) -> Result<(), StudiesError> {
    let trial = open(sql, workspace, id)?;
    append(sql, trial.study_id, &Entry::of(id, "stopping"))?;
    sql.execute(
        "UPDATE trials SET state = 'stopping' WHERE id = ?1",
        args![id],
    )?;
    Ok(())
}

/// Deletes a trial; its number is not used again.
///
/// # Errors
/// If it is not there.
pub fn delete_trial(sql: &mut dyn Sql, workspace: &str, id: i64) -> Result<(), StudiesError> {
    let trial = find(sql, workspace, id)?;
    append(sql, trial.study_id, &Entry::of(id, "trial-deleted"))?;
    sql.execute("DELETE FROM trials WHERE id = ?1", args![id])?;
    Ok(())
}
