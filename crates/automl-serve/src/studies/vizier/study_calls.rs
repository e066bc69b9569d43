//! The calls on studies, each in one transaction.

#![expect(
    clippy::needless_pass_by_value,
    reason = "every call takes its message"
)]

use super::super::refusal::Refusal;
use super::kept::{Kept, SPEC, state_of};
use super::metadata::{attribute, text_of};
use super::names::{StudyName, number_of, owner};
use super::refused::{Refused, invalid, unreadable};
use super::spec::spec_of;
use super::wire::{
    CreateStudyRequest, DeleteStudyRequest, GetStudyRequest, ListStudiesRequest,
    ListStudiesResponse, SetStudyStateRequest, Study, StudySpec, UnitMetadataUpdate,
    UpdateMetadataRequest, UpdateMetadataResponse,
};
use crate::tuning::{self, TuneError, VIZIER};
use automl_store::db::Sql;
use automl_store::studies::{self, Attribute, StudiesError, StudyState};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use prost::Message;

/// Makes a study, or gives the one that has its name, whatever its spec: many workers begin alike, and one of them is first.
pub(super) fn create(sql: &mut dyn Sql, ask: CreateStudyRequest) -> Result<Study, Refused> {
    let owner = owner(&ask.parent)?;
    let told = ask.study.unwrap_or_default();
    if !told.name.is_empty() {
        return Err(invalid("the study", "its name is given by the server"));
    }
    let name = StudyName::new(owner, &told.display_name)?;
    if let Some(known) = existing(sql, &name)? {
        return known.wire();
    }
    let bytes = told.study_spec.unwrap_or_default();
    let read = StudySpec::decode(&bytes[..]).map_err(unreadable("the spec"))?;
    let spec = spec_of(&name.in_record(), &read)?;
    let made = match tuning::create_through(sql, &name.in_record(), &spec, VIZIER) {
        Ok(made) => made,
        // Another server on the same database was first.
        Err(TuneError::Record(StudiesError::StudyExists { .. })) => {
            return Kept::read(sql, name)?.wire();
        }
        Err(error) => return Err(error.into()),
    };
    let kept = Attribute {
        scope: SPEC.0.to_owned(),
        key: SPEC.1.to_owned(),
        value: text_of(&bytes),
    };
    studies::set_attribute(sql, made.id, &kept)?;
    let state = state_of(told.state)?;
    if state != StudyState::Active {
        studies::set_state(sql, made.id, state)?;
    }
    Kept::read(sql, name)?.wire()
}

pub(super) fn existing(sql: &mut dyn Sql, name: &StudyName) -> Result<Option<Kept>, Refused> {
    match studies::by_name(sql, W, &name.in_record()) {
        Ok(known) if known.protocol == VIZIER => Ok(Some(Kept::of(sql, name.clone(), known)?)),
        Ok(other) => Err(Refused::Foreign {
            name: other.name,
            protocol: other.protocol,
        }),
        Err(StudiesError::StudyMissing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn get(sql: &mut dyn Sql, ask: GetStudyRequest) -> Result<Study, Refused> {
    Kept::read(sql, StudyName::read(&ask.name)?)?.wire()
}

pub(super) fn list(
    sql: &mut dyn Sql,
    ask: ListStudiesRequest,
) -> Result<ListStudiesResponse, Refused> {
    let owner = owner(&ask.parent)?;
    let mut found = Vec::new();
    for study in studies::list(sql, W)? {
        if study.protocol != VIZIER {
            continue;
        }
        let name = StudyName::of_record(&study.name)?;
        if name.is_of(owner) {
            found.push(Kept::of(sql, name, study)?.wire()?);
        }
    }
    Ok(ListStudiesResponse { studies: found })
}

pub(super) fn delete(sql: &mut dyn Sql, ask: DeleteStudyRequest) -> Result<(), Refused> {
    let kept = Kept::read(sql, StudyName::read(&ask.name)?)?;
    Ok(studies::delete(sql, W, kept.study.id)?)
}

pub(super) fn set_state(sql: &mut dyn Sql, ask: SetStudyStateRequest) -> Result<Study, Refused> {
    let name = StudyName::read(&ask.parent)?;
    let mut kept = Kept::read(sql, name)?;
    let state = state_of(ask.state)?;
    if kept.study.state != state {
        studies::set_state(sql, kept.study.id, state)?;
        kept.study.state = state;
    }
    kept.wire()
}

/// Keeps all of the metadata, or nothing; clients are told of a trial that is not there by a text.
pub(super) fn update_metadata(
    sql: &mut dyn Sql,
    ask: UpdateMetadataRequest,
) -> Result<UpdateMetadataResponse, Refused> {
    let kept = Kept::read(sql, StudyName::read(&ask.name)?)?;
    kept.check_open()?;
    let mut places = Vec::with_capacity(ask.delta.len());
    for update in &ask.delta {
        match trial_of(sql, &kept, update) {
            Ok(place) => places.push(place),
            Err(error) if error.is_missing() => {
                let error_details = error.status().message().to_owned();
                return Ok(UpdateMetadataResponse { error_details });
            }
            Err(error) => return Err(error),
        }
    }
    for (update, place) in ask.delta.into_iter().zip(places) {
        let kept_as = attribute(update.metadatum.unwrap_or_default())?;
        match place {
            Some(trial) => studies::set_trial_attribute(sql, W, trial, &kept_as, true)?,
            None => studies::set_attribute(sql, kept.study.id, &kept_as)?,
        }
    }
    Ok(UpdateMetadataResponse::default())
}

/// The trial that an update is of; nothing if it is of the study.
fn trial_of(
    sql: &mut dyn Sql,
    kept: &Kept,
    update: &UnitMetadataUpdate,
) -> Result<Option<i64>, Refused> {
    let Some(id) = &update.trial_id else {
        return Ok(None);
    };
    let number = number_of(id)?;
    Ok(Some(studies::id_of_number(sql, kept.study.id, number)?))
}
