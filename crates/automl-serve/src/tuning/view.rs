//! Studies and trials as JSON, whatever protocol made them.

use super::plain::{number, plain};
use super::{Desk, TuneError};
use crate::insight::{Insight, Log};
use automl_store::db::{Database, Sql};
use automl_store::studies::{self, StudiesError, Study, Trial, Wanted};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use serde_json::{Map, Value, json};

fn numbers(values: &[f64]) -> Vec<Value> {
    values.iter().map(|&value| number(value)).collect()
}

/// A trial.
pub fn trial_view(study: &Study, trial: &Trial) -> Value {
    let named = |figures: &[f64]| -> Value {
        if figures.len() == study.objectives.len() {
            let pairs = study.objectives.iter().zip(figures);
            let pairs: Map<String, Value> = pairs
                .map(|(own, &value)| (own.name.clone(), number(value)))
                .collect();
            Value::Object(pairs)
        } else {
            json!(numbers(figures))
        }
    };
    let params: Map<String, Value> = trial
        .params
        .iter()
        .map(|param| (param.name.clone(), plain(param)))
        .collect();
    let measured: Vec<Value> = trial
        .measurements
        .iter()
        .map(|one| json!({ "step": one.step, "values": named(&one.figures) }))
        .collect();
    let attributes: Vec<Value> = trial
        .attributes
        .iter()
        .map(|one| json!({ "scope": one.scope, "key": one.key, "value": one.value }))
        .collect();
    json!({
        "number": trial.number,
        "state": trial.state.name(),
        "params": params,
        "values": trial.figures.as_deref().map(named),
        "constraints": numbers(&trial.constraints),
        "measurements": measured,
        "attributes": attributes,
        "client": trial.client,
        "note": trial.note,
        "started_us": trial.started_us,
        "ended_us": trial.ended_us,
        "expires_ms": trial.expires_ms,
        "n_lost": trial.n_lost,
    })
}

/// A study without its trials.
pub fn study_view(study: &Study) -> Value {
    json!({
        "name": study.name,
        "protocol": study.protocol,
        "state": study.state.name(),
        "objectives": study.objectives,
        "spec": serde_json::from_str::<Value>(&study.spec).unwrap_or_else(|_odd| json!(study.spec)),
        "n_trials": study.n_trials,
        "n_events": study.n_events,
        "created_us": study.created_us,
    })
}

/// A study with all its trials and attributes.
///
/// # Errors
/// If it is not there.
pub fn export(sql: &mut dyn Sql, name: &str) -> Result<Value, StudiesError> {
    let study = studies::by_name(sql, W, name)?;
    let trials = studies::trials(sql, study.id, &Wanted::All)?;
    let attributes: Vec<Value> = studies::attributes(sql, study.id)?
        .iter()
        .map(|one| json!({ "scope": one.scope, "key": one.key, "value": one.value }))
        .collect();
    let mut view = study_view(&study);
    view["attributes"] = json!(attributes);
    view["trials"] = trials
        .iter()
        .map(|trial| trial_view(&study, trial))
        .collect();
    Ok(view)
}

/// The best trials: one, or the front of several objectives.
///
/// # Errors
/// If the study is not there.
pub fn best(desk: &Desk, db: &Database, name: &str) -> Result<Vec<Value>, TuneError> {
    let proposed = desk.with(db, name, |study, _| {
        let best = study.best();
        let numbers = best.iter().filter_map(|trial| i64::try_from(trial.id).ok());
        numbers.collect::<Vec<i64>>()
    });
    let name = name.to_owned();
    let numbers = match proposed {
        // Clients that propose trials themselves record what it takes to tell which are good.
        Err(TuneError::Foreign { .. }) => {
            let wanted = name.clone();
            let log = db.read(move |sql| Log::read(sql, &wanted)).wait()?;
            Insight::of(log).best().map(|best| best.0).collect()
        }
        proposed => proposed?,
    };
    let read = db.read(move |sql| {
        let study = studies::by_name(sql, W, &name)?;
        let mut ids = Vec::new();
        for number in numbers {
            ids.push(studies::id_of_number(sql, study.id, number)?);
        }
        let trials = studies::trials(sql, study.id, &Wanted::These(ids))?;
        let views = trials.iter().map(|trial| trial_view(&study, trial));
        Ok::<_, StudiesError>(views.collect::<Vec<_>>())
    });
    Ok(read.wait()?)
}
