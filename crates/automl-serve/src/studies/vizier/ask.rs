//! The calls that samplers and rules answer. They compute between transactions, on threads that may wait.

use super::kept::{Kept, wire_state};
use super::metadata::plain;
use super::names::StudyName;
use super::refused::{Refused, invalid};
use super::times::timestamp;
use super::trial_calls::check_runs;
use super::trials::wire_trial;
use super::wire::{
    Any, CheckTrialEarlyStoppingStateRequest, CheckTrialEarlyStoppingStateResponse,
    ListOptimalTrialsRequest, ListOptimalTrialsResponse, Operation, SuggestTrialsRequest,
    SuggestTrialsResponse,
};
use crate::tuning::{self, Ask, Desk};
use automl_store::db::Database;
use automl_store::studies::{self, Trial, TrialState};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use prost::Message;

/// Trials that are asked for at once.
const COUNT_MAX: i32 = 1000;

/// Gives a client trials: those that it runs, those that wait, then new ones. Asked again, it gives the same ones, so that
/// the operation needs no memory of its own; it is done when it is answered.
pub(super) fn suggest(
    desk: &Desk,
    db: &Database,
    ask: &SuggestTrialsRequest,
) -> Result<Operation, Refused> {
    let name = StudyName::read(&ask.parent)?;
    let client = ask.client_id.clone();
    plain("the client", &client)?;
    if client.is_empty() || client.contains('/') {
        let reason = format!("'{client}' is empty or holds a slash");
        return Err(invalid("the client", reason));
    }
    // Clients that say no number send zero.
    let count = ask
        .suggestion_count
        .max(i32::from(ask.suggestion_count == 0));
    if !(1..=COUNT_MAX).contains(&count) {
        let reason = format!("{count} is not from 1 to {COUNT_MAX}");
        return Err(invalid("the number of suggestions", reason));
    }
    let kept = read(db, name)?;
    kept.check_open()?;
    let wanted = Ask {
        // Within the bounds above.
        count: count as usize,
        client: Some(client.clone()),
        resumes: true,
        ..Ask::default()
    };
    let (_study, trials) = desk.suggest(db, &kept.study.name, &wanted)?;
    given(&kept, &client, &trials)
}

fn read(db: &Database, name: StudyName) -> Result<Kept, Refused> {
    db.read(move |sql| Kept::read(sql, name)).wait()
}

/// An operation that gave these trials.
pub(super) fn given(kept: &Kept, client: &str, trials: &[Trial]) -> Result<Operation, Refused> {
    let numbers: Vec<i64> = trials.iter().map(|trial| trial.number).collect();
    let newest = trials.iter().filter_map(|trial| trial.started_us).max();
    let response = SuggestTrialsResponse {
        trials: (trials.iter().map(|trial| wire_trial(kept, trial))).collect::<Result<_, _>>()?,
        study_state: wire_state(kept.study.state).into(),
        start_time: newest.map(timestamp),
        end_time: newest.map(timestamp),
    };
    Ok(Operation {
        name: kept.name.operation(client, &numbers),
        done: true,
        response: Some(Any {
            type_url: "type.googleapis.com/vizier.SuggestTrialsResponse".to_owned(),
            value: response.encode_to_vec(),
        }),
    })
}

/// Whether a trial should end. One that the study's rule ends is asked to: so the answer stays, whatever others measure.
pub(super) fn check_stopping(
    desk: &Desk,
    db: &Database,
    ask: CheckTrialEarlyStoppingStateRequest,
) -> Result<CheckTrialEarlyStoppingStateResponse, Refused> {
    let path = ask.trial_name;
    let found = db.read(move |sql| Kept::with_trial(sql, &path)).wait();
    let (kept, trial) = found?;
    kept.check_open()?;
    check_runs(&trial)?;
    let should_stop = tuning::should_stop(desk, db, &kept.study.name, &trial)?;
    if should_stop && trial.state == TrialState::Running {
        let written = db.write(move |sql| {
            studies::hold(sql, trial.study_id)?;
            let now = studies::trial(sql, W, trial.id)?;
            match now.state {
                TrialState::Running => studies::stop(sql, W, now.id),
                _ => Ok(()),
            }
        });
        written.wait()?;
    }
    Ok(CheckTrialEarlyStoppingStateResponse { should_stop })
}

/// The best trials: one, or the front of several objectives; only those that keep the thresholds of safety metrics.
pub(super) fn optimal(
    desk: &Desk,
    db: &Database,
    ask: &ListOptimalTrialsRequest,
) -> Result<ListOptimalTrialsResponse, Refused> {
    let kept = read(db, StudyName::read(&ask.parent)?)?;
    let numbers: Vec<i64> = desk.with(db, &kept.study.name, |study, _spec| {
        let best = study.best();
        best.iter()
            .filter_map(|trial| i64::try_from(trial.id).ok())
            .collect()
    })?;
    let read = db.read(move |sql| {
        let trials = numbers.iter().map(|&number| {
            let trial = kept.trial(sql, number)?;
            wire_trial(&kept, &trial)
        });
        trials.collect::<Result<Vec<_>, Refused>>()
    });
    Ok(ListOptimalTrialsResponse {
        optimal_trials: read.wait()?,
    })
}
