//! The calls on trials, each in one transaction.

#![expect(
    clippy::needless_pass_by_value,
    reason = "every call takes its message"
)]

use super::ask::given;
use super::kept::Kept;
use super::metadata::{plain, text_of};
use super::names::{self, StudyName};
use super::refused::{Refused, invalid};
use super::trials::{decoded, is_repeated, measurement, new_trial, wire_trial};
use super::wire::{
    self, AddTrialMeasurementRequest, CompleteTrialRequest, CreateTrialRequest, DeleteTrialRequest,
    GetOperationRequest, GetTrialRequest, ListTrialsRequest, ListTrialsResponse, Operation,
    StopTrialRequest, Trial,
};
use automl_store::db::Sql;
use automl_store::studies::{self, Change, StudiesError, TrialState, Wanted};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;

pub(super) fn create(sql: &mut dyn Sql, ask: CreateTrialRequest) -> Result<Trial, Refused> {
    let kept = Kept::read(sql, StudyName::read(&ask.parent)?)?;
    kept.check_open()?;
    let new = new_trial(&kept, ask.trial.unwrap_or_default())?;
    let (_id, number) = studies::add_trial(sql, kept.study.id, &new)?;
    wire_trial(&kept, &kept.trial(sql, number)?)
}

pub(super) fn get(sql: &mut dyn Sql, ask: GetTrialRequest) -> Result<Trial, Refused> {
    let (kept, trial) = Kept::with_trial(sql, &ask.name)?;
    wire_trial(&kept, &trial)
}

pub(super) fn list(
    sql: &mut dyn Sql,
    ask: ListTrialsRequest,
) -> Result<ListTrialsResponse, Refused> {
    let kept = Kept::read(sql, StudyName::read(&ask.parent)?)?;
    let found = studies::trials(sql, kept.study.id, &Wanted::All)?;
    let trials = found.iter().map(|trial| wire_trial(&kept, trial));
    Ok(ListTrialsResponse {
        trials: trials.collect::<Result<_, _>>()?,
    })
}

/// A trial must run to be measured or ended.
pub(super) fn check_runs(trial: &studies::Trial) -> Result<(), Refused> {
    let (number, state) = (trial.number, trial.state);
    match state {
        TrialState::Running | TrialState::Stopping => Ok(()),
        TrialState::Waiting => Err(Refused::Waits { number }),
        _ => Err(StudiesError::TrialFinished { number, state }.into()),
    }
}

/// Adds a measurement. What comes for a trial that was given up is dropped without an error, and so is the last measurement
/// sent again.
pub(super) fn measure(
    sql: &mut dyn Sql,
    ask: AddTrialMeasurementRequest,
) -> Result<Trial, Refused> {
    let (kept, trial) = Kept::to_change(sql, &ask.trial_name)?;
    if trial.state == TrialState::Failed {
        return wire_trial(&kept, &trial);
    }
    check_runs(&trial)?;
    let bytes = ask.measurement.unwrap_or_default();
    if is_repeated(&trial, &bytes)? {
        return wire_trial(&kept, &trial);
    }
    let measured = measurement(&kept, &bytes, trial.measurements.len())?;
    studies::measure_also(sql, W, trial.id, &measured)?;
    wire_trial(&kept, &kept.trial(sql, trial.number)?)
}

/// Ends a trial: with the measurement that is sent, with the last one that it measured, or as infeasible. Sent again, it is
/// answered as before.
pub(super) fn complete(sql: &mut dyn Sql, ask: CompleteTrialRequest) -> Result<Trial, Refused> {
    let (kept, trial) = Kept::to_change(sql, &ask.name)?;
    if trial.state.is_finished() && is_done(&kept, &trial, &ask)? {
        return wire_trial(&kept, &trial);
    }
    check_runs(&trial)?;
    let change = ending(&kept, &trial, &ask)?;
    studies::change(sql, W, trial.id, &change)?;
    wire_trial(&kept, &kept.trial(sql, trial.number)?)
}

/// Whether a trial that has ended did so by this request. One that names no measurement says too little to tell.
fn is_done(
    kept: &Kept,
    trial: &studies::Trial,
    ask: &CompleteTrialRequest,
) -> Result<bool, Refused> {
    if !ask.trial_infeasible && told(ask)?.is_none() {
        return Ok(false);
    }
    let wanted = ending(kept, trial, ask)?;
    Ok(wanted.state == trial.state && wanted.extra == trial.extra && wanted.note == trial.note)
}

/// The measurement that a request names, and its text; one without metrics is none.
fn told(ask: &CompleteTrialRequest) -> Result<Option<(wire::Measurement, String)>, Refused> {
    let Some(bytes) = &ask.final_measurement else {
        return Ok(None);
    };
    let told = decoded(bytes)?;
    Ok((!told.metrics.is_empty()).then(|| (told, text_of(bytes))))
}

/// How a request ends a trial.
fn ending(
    kept: &Kept,
    trial: &studies::Trial,
    ask: &CompleteTrialRequest,
) -> Result<Change, Refused> {
    let sent = told(ask)?;
    if ask.trial_infeasible {
        plain("the reason", &ask.infeasible_reason)?;
        return Ok(Change {
            note: Some(ask.infeasible_reason.clone()),
            extra: sent.map(|(_told, text)| text),
            ..Change::to(TrialState::Failed)
        });
    }
    if let Some((told, text)) = sent {
        let (figures, constraints) = kept.metrics.outcome(&told).unzip();
        return Ok(Change {
            figures,
            constraints: constraints.unwrap_or_default(),
            extra: Some(text),
            ..Change::to(TrialState::Complete)
        });
    }
    let reason = "neither the request nor the trial has a measurement to end with";
    let last = (trial.measurements.last()).ok_or_else(|| invalid("the trial", reason))?;
    let mut change = Change {
        figures: (!last.figures.is_empty()).then(|| last.figures.clone()),
        extra: last.extra.clone(),
        ..Change::to(TrialState::Complete)
    };
    if let Some(extra) = &last.extra {
        let told = decoded(&super::metadata::bytes_of(extra)?)?;
        let (figures, constraints) = kept.metrics.outcome(&told).unzip();
        (change.figures, change.constraints) = (figures, constraints.unwrap_or_default());
    }
    Ok(change)
}

pub(super) fn delete(sql: &mut dyn Sql, ask: DeleteTrialRequest) -> Result<(), Refused> {
    let (_kept, trial) = Kept::to_change(sql, &ask.name)?;
    Ok(studies::delete_trial(sql, W, trial.id)?)
}

/// Asks for the end of a trial. One that was asked already, or is complete, stays as it is.
pub(super) fn stop(sql: &mut dyn Sql, ask: StopTrialRequest) -> Result<Trial, Refused> {
    let (kept, trial) = Kept::to_change(sql, &ask.name)?;
    match trial.state {
        TrialState::Running => studies::stop(sql, W, trial.id)?,
        TrialState::Complete => {}
        _ => check_runs(&trial)?,
    }
    wire_trial(&kept, &kept.trial(sql, trial.number)?)
}

/// Answers what the operation was answered with when it was begun: all are done by then, and their names say of what.
pub(super) fn operation(sql: &mut dyn Sql, ask: GetOperationRequest) -> Result<Operation, Refused> {
    let (name, client, numbers) = names::operation(&ask.name)?;
    let kept = Kept::read(sql, name)?;
    let trials = numbers.iter().map(|&number| kept.trial(sql, number));
    let trials = trials.collect::<Result<Vec<_>, _>>()?;
    given(&kept, &client, &trials)
}
