//! Trials that workers hold for a time.

use super::log::{Entry, append, hold};
use super::study::get;
use super::trial::{Trial, TrialState, Wanted, trial, trials};
use super::write::{Change, change, open};
use super::{StudiesError, Study};
use crate::args;
use crate::db::{Row, Sql};
use crate::tracking::now_ms;
use serde_json::json;

/// What is noted of a trial that is not given out again.
const LOST: &str = "its worker was lost";

/// Puts off the end of the lease of a trial, if its study has any: its worker has given a sign of life.
///
/// # Errors
/// If the database fails.
pub fn renew(sql: &mut dyn Sql, id: i64) -> Result<(), StudiesError> {
    sql.execute(
        "UPDATE trials SET expires_ms = ?1 + (SELECT lease_ms FROM studies WHERE studies.id = study_id) \
         WHERE id = ?2 AND state IN ('running', 'stopping')",
        args![now_ms(), id],
    )?;
    Ok(())
}

/// Holds the trials of all studies of a protocol for a time without a sign of life from now on, those that run for the whole
/// time from this moment. So it is done by who could not hear of signs of life until now.
///
/// # Errors
/// If the database fails.
pub fn lease_all(
    sql: &mut dyn Sql,
    workspace: &str,
    protocol: &str,
    lease_ms: i64,
) -> Result<(), StudiesError> {
    lease(sql, (workspace, protocol), lease_ms, "")
}

/// The same for those studies alone that have no such time yet.
///
/// # Errors
/// If the database fails.
pub fn lease_new(
    sql: &mut dyn Sql,
    workspace: &str,
    protocol: &str,
    lease_ms: i64,
) -> Result<(), StudiesError> {
    lease(
        sql,
        (workspace, protocol),
        lease_ms,
        " AND lease_ms IS NULL",
    )
}

/// Gives a protocol's studies of which also this is true a time, and their running trials the whole of it.
fn lease(
    sql: &mut dyn Sql,
    (workspace, protocol): (&str, &str),
    lease_ms: i64,
    and: &str,
) -> Result<(), StudiesError> {
    let change = "UPDATE studies SET lease_ms = ?1 WHERE workspace = ?2 AND protocol = ?3";
    let rows = sql.query(
        &format!("{change}{and} RETURNING id"),
        args![lease_ms, workspace, protocol],
    )?;
    renew_running(sql, &rows)
}

/// Renews the leases of all trials that run in these studies.
fn renew_running(sql: &mut dyn Sql, studies: &[Row]) -> Result<(), StudiesError> {
    for study in studies {
        sql.execute(
            "UPDATE trials SET expires_ms = ?1 + (SELECT lease_ms FROM studies WHERE studies.id = study_id) \
             WHERE study_id = ?2 AND state IN ('running', 'stopping')",
            args![now_ms(), study.int(0)?],
        )?;
    }
    Ok(())
}

/// A worker's sign of life. Says whether it should end the trial.
///
/// # Errors
/// If the trial is finished, or the worker does not hold it.
pub fn beat(
    sql: &mut dyn Sql,
    workspace: &str,
    id: i64,
    client: &str,
) -> Result<bool, StudiesError> {
    let trial = held(sql, workspace, id, client)?;
    renew(sql, id)?;
    Ok(trial.state == TrialState::Stopping)
}

/// A trial that a worker holds.
fn held(sql: &mut dyn Sql, workspace: &str, id: i64, client: &str) -> Result<Trial, StudiesError> {
    let trial = open(sql, workspace, id)?;
    let is_held = trial.client.as_deref() == Some(client) && trial.state != TrialState::Waiting;
    if !is_held {
        return Err(StudiesError::TrialNotHeld {
            number: trial.number,
            client: client.to_owned(),
        });
    }
    Ok(trial)
}

/// Takes back trials whose lease ran out before `now_ms`: they wait for another worker, without what the lost one
/// measured, or have failed if they were lost too often. Those that were asked to end are pruned with what they measured, since
/// nobody wants more of them. Gives their ids.
///
/// # Errors
/// If the database fails.
pub fn expire(
    sql: &mut dyn Sql,
    workspace: &str,
    study: &Study,
    now_ms: i64,
) -> Result<Vec<i64>, StudiesError> {
    hold(sql, study.id)?;
    let rows = sql.query(
        "SELECT id, n_lost, state FROM trials WHERE study_id = ?1 AND state IN ('running', 'stopping') AND expires_ms < ?2 ORDER BY number",
        args![study.id, now_ms],
    )?;
    let mut lost = Vec::new();
    for row in &rows {
        let (id, n_lost) = (row.int(0)?, row.int(1)? + 1);
        if row.text(2)? == TrialState::Stopping.name() {
            prune(sql, workspace, id, Some(LOST))?;
        } else if n_lost > study.n_retries {
            let failed = Change {
                note: Some(LOST.to_owned()),
                ..Change::to(TrialState::Failed)
            };
            change(sql, workspace, id, &failed)?;
        } else {
            wait_again(sql, study.id, id, n_lost)?;
        }
        sql.execute(
            "UPDATE trials SET n_lost = ?1 WHERE id = ?2",
            args![n_lost, id],
        )?;
        lost.push(id);
    }
    Ok(lost)
}

/// Does so in all studies of a protocol. Gives the ids of the trials.
///
/// # Errors
/// If the database fails.
pub fn expire_all(
    sql: &mut dyn Sql,
    workspace: &str,
    protocol: &str,
    now_ms: i64,
) -> Result<Vec<i64>, StudiesError> {
    let rows = sql.query(
        "SELECT DISTINCT study_id FROM trials WHERE state IN ('running', 'stopping') AND expires_ms < ?1 \
         AND study_id IN (SELECT id FROM studies WHERE workspace = ?2 AND protocol = ?3) ORDER BY study_id",
        args![now_ms, workspace, protocol],
    )?;
    let mut lost = Vec::new();
    for row in &rows {
        let study = get(sql, workspace, row.int(0)?)?;
        lost.extend(expire(sql, workspace, &study, now_ms)?);
    }
    Ok(lost)
}

/// Ends a trial early on what it measured by its last step.
fn prune(
    sql: &mut dyn Sql,
    workspace: &str,
    id: i64,
    note: Option<&str>,
) -> Result<(), StudiesError> {
    let stopped = trial(sql, workspace, id)?;
    let last = stopped.measurements.iter().max_by_key(|own| own.step);
    let figures = last.map(|own| own.figures.clone());
    let pruned = Change {
        figures: figures.filter(|figures| !figures.is_empty()),
        extra: last.and_then(|own| own.extra.clone()),
        note: note.map(str::to_owned),
        ..Change::to(TrialState::Pruned)
    };
    change(sql, workspace, id, &pruned)?;
    Ok(())
}

/// Lets a trial wait for another worker, without what the one that had it measured.
fn wait_again(sql: &mut dyn Sql, study: i64, id: i64, n_lost: i64) -> Result<(), StudiesError> {
    let body = json!({ "n_lost": n_lost });
    append(sql, study, &Entry::of(id, "waiting").with(&body))?;
    sql.execute(
        "DELETE FROM trial_measurements WHERE trial_id = ?1",
        args![id],
    )?;
    sql.execute(
        "UPDATE trials SET state = 'waiting', client = NULL, started_us = NULL, expires_ms = NULL WHERE id = ?1",
        args![id],
    )?;
    Ok(())
}

/// Takes a trial back that its worker gives up, which is not counted as a loss. One that was asked to end is pruned.
///
/// # Errors
/// If the trial is finished, or the worker does not hold it.
pub fn release(
    sql: &mut dyn Sql,
    workspace: &str,
    id: i64,
    client: &str,
) -> Result<(), StudiesError> {
    let trial = held(sql, workspace, id, client)?;
    if trial.state == TrialState::Stopping {
        return prune(sql, workspace, id, None);
    }
    wait_again(sql, trial.study_id, id, trial.n_lost)
}

/// Gives a worker at most `n_max` of the trials that wait, the oldest first.
///
/// # Errors
/// If the database fails.
pub fn claim(
    sql: &mut dyn Sql,
    workspace: &str,
    study: i64,
    client: Option<&str>,
    n_max: usize,
    request: Option<&str>,
) -> Result<Vec<i64>, StudiesError> {
    hold(sql, study)?;
    let waiting = trials(sql, study, &Wanted::In(TrialState::Waiting))?;
    let mut claimed = Vec::new();
    for trial in waiting.iter().take(n_max) {
        let run = Change {
            client: client.map(str::to_owned),
            request: request.map(str::to_owned),
            ..Change::to(TrialState::Running)
        };
        if change(sql, workspace, trial.id, &run)? {
            claimed.push(trial.id);
        }
    }
    Ok(claimed)
}
