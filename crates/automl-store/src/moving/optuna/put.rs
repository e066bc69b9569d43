//! A study of Optuna put into the record, or brought up to date there.

use super::{ImportError, OptunaStudy, PROTOCOL, StudyCounts, known};
use crate::db::Sql;
use crate::studies::{
    self, Change, NewStudy, NewTrial, Objective, Param, StudiesError, Study, Trial, Wanted,
};
use std::collections::BTreeMap;

/// Puts a study with all its trials.
pub(super) fn put(
    sql: &mut dyn Sql,
    workspace: &str,
    study: &OptunaStudy,
) -> Result<StudyCounts, ImportError> {
    let mut counts = StudyCounts::default();
    let (id, there) = if let Some(own) = known(sql, workspace, &study.name)? {
        check_same(&own, study)?;
        (own.id, by_number(sql, own.id)?)
    } else {
        counts.n_studies = 1;
        let new = NewStudy {
            name: study.name.clone(),
            protocol: PROTOCOL,
            objectives: Objective::numbered(&study.directions),
            spec: "{}".to_owned(),
            lease_ms: None,
            n_retries: 0,
        };
        (studies::create(sql, workspace, &new)?, BTreeMap::new())
    };
    let attributes = studies::attributes(sql, id)?;
    for attribute in study
        .attributes
        .iter()
        .filter(|own| !attributes.contains(own))
    {
        studies::set_attribute(sql, id, attribute)?;
    }
    for (number, trial) in study.trials.iter().enumerate() {
        match there.get(&number) {
            None => {
                studies::add_trial(sql, id, trial)?;
                counts.n_trials += 1;
            }
            Some(own) => {
                check_trial(study, own, trial)?;
                let ends = !own.state.is_finished() && trial.state.is_finished();
                if ends {
                    end(sql, workspace, own, trial)?;
                    counts.n_ended += 1;
                } else {
                    counts.n_there += 1;
                }
            }
        }
    }
    Ok(counts)
}

/// What [`put`] would do.
pub(super) fn difference(
    sql: &mut dyn Sql,
    workspace: &str,
    study: &OptunaStudy,
) -> Result<StudyCounts, ImportError> {
    let n_all = study.trials.len() as u64;
    let Some(own) = known(sql, workspace, &study.name)? else {
        return Ok(StudyCounts {
            n_studies: 1,
            n_trials: n_all,
            ..StudyCounts::default()
        });
    };
    check_same(&own, study)?;
    let mut counts = StudyCounts::default();
    let there = by_number(sql, own.id)?;
    for (number, trial) in study.trials.iter().enumerate() {
        match there.get(&number) {
            None => counts.n_trials += 1,
            Some(own) => {
                check_trial(study, own, trial)?;
                if !own.state.is_finished() && trial.state.is_finished() {
                    counts.n_ended += 1;
                } else {
                    counts.n_there += 1;
                }
            }
        }
    }
    Ok(counts)
}

fn by_number(sql: &mut dyn Sql, study: i64) -> Result<BTreeMap<usize, Trial>, StudiesError> {
    let trials = studies::trials(sql, study, &Wanted::All)?;
    let numbered = trials.into_iter();
    Ok(numbered
        .filter_map(|trial| Some((usize::try_from(trial.number).ok()?, trial)))
        .collect())
}

fn another(study: &OptunaStudy) -> ImportError {
    ImportError::Another {
        what: "study",
        name: study.name.clone(),
    }
}

fn check_same(own: &Study, study: &OptunaStudy) -> Result<(), ImportError> {
    let directions = own.objectives.iter().map(|own| own.direction);
    if own.protocol == PROTOCOL && directions.eq(study.directions.iter().copied()) {
        Ok(())
    } else {
        Err(another(study))
    }
}

/// Trials of one number are the same trial if what both tried is the same.
fn check_trial(study: &OptunaStudy, own: &Trial, trial: &NewTrial) -> Result<(), ImportError> {
    let value = |param: &Param| -> Option<f64> { param.value.parse().ok() };
    let is_same = |own: &Param| {
        let other = trial.params.iter().find(|other| other.name == own.name);
        other.is_some_and(|other| value(own) == value(other))
    };
    let has_same_time = own.started_us.is_none() || own.started_us == trial.started_us;
    let has_ended_alike =
        !own.state.is_finished() || !trial.state.is_finished() || own.state == trial.state;
    if has_same_time && has_ended_alike && own.params.iter().all(is_same) {
        Ok(())
    } else {
        Err(another(study))
    }
}

/// Ends a trial that had only begun when it was copied.
fn end(
    sql: &mut dyn Sql,
    workspace: &str,
    own: &Trial,
    trial: &NewTrial,
) -> Result<(), StudiesError> {
    for param in trial
        .params
        .iter()
        .filter(|param| !own.params.contains(param))
    {
        studies::set_param(sql, workspace, own.id, param)?;
    }
    for one in trial
        .measurements
        .iter()
        .filter(|one| !own.measurements.contains(one))
    {
        studies::measure(sql, workspace, own.id, one)?;
    }
    for one in trial
        .attributes
        .iter()
        .filter(|one| !own.attributes.contains(one))
    {
        studies::set_trial_attribute(sql, workspace, own.id, one, false)?;
    }
    let change = Change {
        figures: trial.figures.clone(),
        ..Change::to(trial.state)
    };
    studies::change(sql, workspace, own.id, &change)?;
    studies::set_times(sql, own.id, trial.started_us, trial.ended_us)
}
