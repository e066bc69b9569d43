//! The calls, each in one transaction.

#![expect(
    clippy::needless_pass_by_value,
    reason = "every call takes its message"
)]

use super::convert::{
    SYSTEM, USER, invalid, measurement, new_trial, of_scope, param, state_of, wire_trial,
};
use super::wire::{
    CreateNewStudyReply, CreateNewStudyRequest, CreateNewTrialReply, CreateNewTrialRequest,
    DeleteStudyReply, DeleteStudyRequest, GetAllStudiesReply, GetAllStudiesRequest,
    GetStudyDirectionsReply, GetStudyDirectionsRequest, GetStudyIdFromNameReply,
    GetStudyIdFromNameRequest, GetStudyNameFromIdReply, GetStudyNameFromIdRequest,
    GetStudySystemAttributesReply, GetStudySystemAttributesRequest, GetStudyUserAttributesReply,
    GetStudyUserAttributesRequest, GetTrialIdFromStudyIdTrialNumberReply,
    GetTrialIdFromStudyIdTrialNumberRequest, GetTrialReply, GetTrialRequest, GetTrialsReply,
    GetTrialsRequest, SetStudySystemAttributeReply, SetStudySystemAttributeRequest,
    SetStudyUserAttributeReply, SetStudyUserAttributeRequest, SetTrialIntermediateValueReply,
    SetTrialIntermediateValueRequest, SetTrialParameterReply, SetTrialParameterRequest,
    SetTrialStateValuesReply, SetTrialStateValuesRequest, SetTrialSystemAttributeReply,
    SetTrialSystemAttributeRequest, SetTrialUserAttributeReply, SetTrialUserAttributeRequest,
    StudyDirection,
};
use automl_store::db::{Database, Sql};
use automl_store::studies::{
    self, Attribute, Change, Direction, NewStudy, NewTrial, Objective, StudiesError, Study, Wanted,
};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;

/// The protocol of studies that Optuna's clients make.
pub(super) const PROTOCOL: &str = "optuna";

/// A study that Optuna's clients made: those of others have spaces that they do not know.
fn own(sql: &mut dyn Sql, id: i64) -> Result<Study, StudiesError> {
    let study = studies::get(sql, W, id)?;
    check_own(&study)?;
    Ok(study)
}

/// Such a study, by one of its trials.
fn own_of(sql: &mut dyn Sql, trial: i64) -> Result<Study, StudiesError> {
    let study = studies::of_trial(sql, W, trial)?;
    check_own(&study)?;
    Ok(study)
}

/// What a client says of a trial is a sign of life, as it has no other. It comes after what was said, so that the study is
/// locked before the trial, as by all others.
fn renew(sql: &mut dyn Sql, study: &Study, trial: i64) -> Result<(), StudiesError> {
    match study.lease_ms {
        Some(_) => studies::renew(sql, trial),
        None => Ok(()),
    }
}

fn check_own(study: &Study) -> Result<(), StudiesError> {
    if study.protocol == PROTOCOL {
        return Ok(());
    }
    let reason = format!(
        "'{}' was made through the protocol '{}', not by Optuna",
        study.name, study.protocol
    );
    Err(invalid("the study", reason))
}

/// A text that must be JSON, as clients read it so.
fn attribute(scope: &str, key: String, value: String) -> Result<Attribute, StudiesError> {
    serde_json::from_str::<serde::de::IgnoredAny>(&relaxed(&value))
        .map_err(|error| invalid("the attribute", error.to_string()))?;
    Ok(Attribute {
        scope: scope.to_owned(),
        key,
        value,
    })
}

/// Python writes numbers that JSON has not.
fn relaxed(value: &str) -> String {
    value
        .replace("-Infinity", "0")
        .replace("Infinity", "0")
        .replace("NaN", "0")
}

pub(super) fn create_study(
    sql: &mut dyn Sql,
    ask: CreateNewStudyRequest,
) -> Result<CreateNewStudyReply, StudiesError> {
    let directions = ask.directions().map(|direction| match direction {
        StudyDirection::Minimize => Direction::Minimize,
        StudyDirection::Maximize => Direction::Maximize,
    });
    let directions: Vec<Direction> = directions.collect();
    let new = NewStudy {
        name: ask.study_name.clone(),
        protocol: PROTOCOL,
        objectives: Objective::numbered(&directions),
        spec: "{}".to_owned(),
        lease_ms: None,
        n_retries: 0,
    };
    let study_id = studies::create(sql, W, &new)?;
    Ok(CreateNewStudyReply { study_id })
}

pub(super) fn delete_study(
    sql: &mut dyn Sql,
    ask: DeleteStudyRequest,
) -> Result<DeleteStudyReply, StudiesError> {
    own(sql, ask.study_id)?;
    studies::delete(sql, W, ask.study_id)?;
    Ok(DeleteStudyReply {})
}

pub(super) fn set_study_user(
    sql: &mut dyn Sql,
    ask: SetStudyUserAttributeRequest,
) -> Result<SetStudyUserAttributeReply, StudiesError> {
    own(sql, ask.study_id)?;
    studies::set_attribute(sql, ask.study_id, &attribute(USER, ask.key, ask.value)?)?;
    Ok(SetStudyUserAttributeReply {})
}

pub(super) fn set_study_system(
    sql: &mut dyn Sql,
    ask: SetStudySystemAttributeRequest,
) -> Result<SetStudySystemAttributeReply, StudiesError> {
    own(sql, ask.study_id)?;
    studies::set_attribute(sql, ask.study_id, &attribute(SYSTEM, ask.key, ask.value)?)?;
    Ok(SetStudySystemAttributeReply {})
}

pub(super) fn study_id(
    sql: &mut dyn Sql,
    ask: GetStudyIdFromNameRequest,
) -> Result<GetStudyIdFromNameReply, StudiesError> {
    let study = studies::by_name(sql, W, &ask.study_name)?;
    check_own(&study)?;
    Ok(GetStudyIdFromNameReply { study_id: study.id })
}

pub(super) fn study_name(
    sql: &mut dyn Sql,
    ask: GetStudyNameFromIdRequest,
) -> Result<GetStudyNameFromIdReply, StudiesError> {
    let study_name = own(sql, ask.study_id)?.name;
    Ok(GetStudyNameFromIdReply { study_name })
}

fn wire_directions(study: &Study) -> Vec<i32> {
    let wire = |objective: &Objective| match objective.direction {
        Direction::Minimize => StudyDirection::Minimize.into(),
        Direction::Maximize => StudyDirection::Maximize.into(),
    };
    study.objectives.iter().map(wire).collect()
}

pub(super) fn directions(
    sql: &mut dyn Sql,
    ask: GetStudyDirectionsRequest,
) -> Result<GetStudyDirectionsReply, StudiesError> {
    let directions = wire_directions(&own(sql, ask.study_id)?);
    Ok(GetStudyDirectionsReply { directions })
}

pub(super) fn study_user(
    sql: &mut dyn Sql,
    ask: GetStudyUserAttributesRequest,
) -> Result<GetStudyUserAttributesReply, StudiesError> {
    own(sql, ask.study_id)?;
    let all = studies::attributes(sql, ask.study_id)?;
    Ok(GetStudyUserAttributesReply {
        user_attributes: of_scope(&all, USER),
    })
}

pub(super) fn study_system(
    sql: &mut dyn Sql,
    ask: GetStudySystemAttributesRequest,
) -> Result<GetStudySystemAttributesReply, StudiesError> {
    own(sql, ask.study_id)?;
    let all = studies::attributes(sql, ask.study_id)?;
    Ok(GetStudySystemAttributesReply {
        system_attributes: of_scope(&all, SYSTEM),
    })
}

pub(super) fn all_studies(
    sql: &mut dyn Sql,
    _ask: GetAllStudiesRequest,
) -> Result<GetAllStudiesReply, StudiesError> {
    let mut found = Vec::new();
    for study in studies::list(sql, W)? {
        if study.protocol != PROTOCOL {
            continue;
        }
        let attributes = studies::attributes(sql, study.id)?;
        found.push(super::wire::Study {
            study_id: study.id,
            directions: wire_directions(&study),
            study_name: study.name,
            user_attributes: of_scope(&attributes, USER),
            system_attributes: of_scope(&attributes, SYSTEM),
        });
    }
    Ok(GetAllStudiesReply { studies: found })
}

pub(super) fn create_trial(
    sql: &mut dyn Sql,
    ask: CreateNewTrialRequest,
) -> Result<CreateNewTrialReply, StudiesError> {
    own(sql, ask.study_id)?;
    let new = match ask.template_trial {
        Some(template) if !ask.template_trial_is_none => new_trial(template)?,
        _ => NewTrial::in_state(studies::TrialState::Running),
    };
    let (trial_id, _number) = studies::add_trial(sql, ask.study_id, &new)?;
    Ok(CreateNewTrialReply { trial_id })
}

pub(super) fn set_param(
    sql: &mut dyn Sql,
    ask: SetTrialParameterRequest,
) -> Result<SetTrialParameterReply, StudiesError> {
    let study = own_of(sql, ask.trial_id)?;
    let param = param(ask.param_name, ask.param_value_internal, ask.distribution);
    studies::set_param(sql, W, ask.trial_id, &param)?;
    renew(sql, &study, ask.trial_id)?;
    Ok(SetTrialParameterReply {})
}

pub(super) fn trial_id(
    sql: &mut dyn Sql,
    ask: GetTrialIdFromStudyIdTrialNumberRequest,
) -> Result<GetTrialIdFromStudyIdTrialNumberReply, StudiesError> {
    own(sql, ask.study_id)?;
    let trial_id = studies::id_of_number(sql, ask.study_id, ask.trial_number)?;
    Ok(GetTrialIdFromStudyIdTrialNumberReply { trial_id })
}

pub(super) fn set_state(
    sql: &mut dyn Sql,
    ask: SetTrialStateValuesRequest,
) -> Result<SetTrialStateValuesReply, StudiesError> {
    own_of(sql, ask.trial_id)?;
    let change = Change {
        figures: (!ask.values.is_empty()).then_some(ask.values),
        ..Change::to(state_of(ask.state)?)
    };
    let trial_updated = studies::change(sql, W, ask.trial_id, &change)?;
    Ok(SetTrialStateValuesReply { trial_updated })
}

pub(super) fn measure(
    sql: &mut dyn Sql,
    ask: SetTrialIntermediateValueRequest,
) -> Result<SetTrialIntermediateValueReply, StudiesError> {
    own_of(sql, ask.trial_id)?;
    let measured = measurement(ask.step, ask.intermediate_value);
    studies::measure(sql, W, ask.trial_id, &measured)?;
    Ok(SetTrialIntermediateValueReply {})
}

pub(super) fn set_trial_user(
    sql: &mut dyn Sql,
    ask: SetTrialUserAttributeRequest,
) -> Result<SetTrialUserAttributeReply, StudiesError> {
    let study = own_of(sql, ask.trial_id)?;
    let attribute = attribute(USER, ask.key, ask.value)?;
    studies::set_trial_attribute(sql, W, ask.trial_id, &attribute, false)?;
    renew(sql, &study, ask.trial_id)?;
    Ok(SetTrialUserAttributeReply {})
}

pub(super) fn set_trial_system(
    sql: &mut dyn Sql,
    ask: SetTrialSystemAttributeRequest,
) -> Result<SetTrialSystemAttributeReply, StudiesError> {
    let study = own_of(sql, ask.trial_id)?;
    let attribute = attribute(SYSTEM, ask.key, ask.value)?;
    studies::set_trial_attribute(sql, W, ask.trial_id, &attribute, false)?;
    renew(sql, &study, ask.trial_id)?;
    Ok(SetTrialSystemAttributeReply {})
}

/// Reads a trial, and writes only where its worker is to be heard of by that.
pub(super) fn get_trial(
    db: &Database,
    ask: GetTrialRequest,
) -> Result<GetTrialReply, StudiesError> {
    let id = ask.trial_id;
    let read =
        db.read(move |sql| Ok::<_, StudiesError>((own_of(sql, id)?, studies::trial(sql, W, id)?)));
    let (study, trial) = read.wait()?;
    if trial.expires_ms.is_some() {
        let renewed = db.write_here(move |sql| {
            studies::hold(sql, study.id)?;
            renew(sql, &study, id)
        });
        renewed.wait()?;
    }
    let trial = wire_trial(trial)?;
    Ok(GetTrialReply { trial: Some(trial) })
}

pub(super) fn get_trials(
    sql: &mut dyn Sql,
    ask: GetTrialsRequest,
) -> Result<GetTrialsReply, StudiesError> {
    own(sql, ask.study_id)?;
    let wanted = Wanted::After(ask.trial_id_greater_than, ask.included_trial_ids);
    let found = studies::trials(sql, ask.study_id, &wanted)?;
    let trials = found
        .into_iter()
        .map(wire_trial)
        .collect::<Result<_, _>>()?;
    Ok(GetTrialsReply { trials })
}
