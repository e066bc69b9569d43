//! What workers do that hold trials for a time: `automl tune`, on the record or through a server.
//!
//! Only whoever holds a trial says what it measured and how it ended, so that one which was given to another meanwhile is not
//! told of twice.

use super::spec::{go_on, named, open};
use super::told::{has_told, measure, tell};
use super::{Spec, Tell, TuneError};
use automl_store::db::Sql;
use automl_store::studies::{self, Study, Trial, TrialState, Wanted};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use serde_json::Value;

/// How long a trial is held without a sign of life of its worker, and how often it is given out again, if the study says
/// nothing of it.
const LEASE_S: f64 = 60.0;
const RETRIES: i64 = 3;

/// A study that a worker joins. From then on its trials are held for a time, if it says what to run and no client runs any that
/// knows of no such time, and so gives no sign of life.
///
/// # Errors
/// If it is not there, or its own clients propose its trials.
pub fn join(sql: &mut dyn Sql, name: &str) -> Result<(Study, Spec), TuneError> {
    let (study, mut spec) = open(sql, name)?;
    let running = Wanted::In(TrialState::Running);
    let is_run = spec.run.is_some() && spec.lease_s.is_none();
    if is_run && studies::trials(sql, study.id, &running)?.is_empty() {
        spec.lease_s = Some(LEASE_S);
        spec.retries = spec.retries.or(Some(RETRIES));
        go_on(sql, name, &spec)?;
    }
    Ok((studies::get(sql, W, study.id)?, spec))
}

/// Keeps what a trial measured that its worker still holds.
///
/// # Errors
/// If another worker holds it or it has ended, and as [`measure`].
pub fn measure_held(
    sql: &mut dyn Sql,
    (name, number): (&str, i64),
    client: &str,
    step: i64,
    values: &Value,
) -> Result<Trial, TuneError> {
    let study = named(sql, name)?;
    let id = studies::id_of_number(sql, study.id, number)?;
    studies::beat(sql, W, id, client)?;
    measure(sql, name, number, step, values)
}

/// Says how a trial ended that its worker still holds. Told again by the same request, it is done once.
///
/// # Errors
/// If another worker holds it or it has ended, and as [`tell`].
pub fn tell_held(
    sql: &mut dyn Sql,
    (name, number): (&str, i64),
    client: &str,
    told: &Tell,
) -> Result<Trial, TuneError> {
    let study = named(sql, name)?;
    let id = studies::id_of_number(sql, study.id, number)?;
    if !has_told(sql, study.id, id, told)? {
        studies::beat(sql, W, id, client)?;
    }
    tell(sql, name, number, told)
}
