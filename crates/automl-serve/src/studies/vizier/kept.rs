//! A study in the record, with what Vizier's clients told of it.

use super::metadata::{self, bytes_of, merged};
use super::metrics::Metrics;
use super::names::StudyName;
use super::refused::{Refused, invalid, unreadable};
use super::space::Listed;
use super::times::timestamp;
use super::wire;
use crate::tuning::VIZIER;
use automl_store::db::Sql;
use automl_store::studies::{self, Attribute, StudiesError, Study, StudyState, Trial};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use prost::Message;

/// Where the spec is kept as it came: the scope and the key of an attribute.
pub(super) const SPEC: (&str, &str) = ("vizier", "study_spec");

/// A study with all that calls need of it.
pub(super) struct Kept {
    pub(super) name: StudyName,
    pub(super) study: Study,
    pub(super) metrics: Metrics,
    pub(super) parameters: Listed,
    spec: Vec<u8>,
    attributes: Vec<Attribute>,
}

impl Kept {
    pub(super) fn read(sql: &mut dyn Sql, name: StudyName) -> Result<Self, Refused> {
        let study = studies::by_name(sql, W, &name.in_record())?;
        if study.protocol != VIZIER {
            let reason = format!("it was made through the protocol '{}'", study.protocol);
            return Err(invalid("the study", reason));
        }
        Self::of(sql, name, study)
    }

    pub(super) fn of(sql: &mut dyn Sql, name: StudyName, study: Study) -> Result<Self, Refused> {
        let attributes = studies::attributes(sql, study.id)?;
        let spec = (attributes.iter()).find(|own| (own.scope.as_str(), own.key.as_str()) == SPEC);
        let spec = spec.ok_or_else(|| invalid("the stored study", "it has no spec"))?;
        let spec = bytes_of(&spec.value)?;
        let read = wire::StudySpec::decode(&spec[..]).map_err(unreadable("the stored spec"))?;
        Ok(Self {
            name,
            study,
            metrics: Metrics::of(&read.metrics)?,
            parameters: Listed::read(&read.parameters)?,
            spec,
            attributes,
        })
    }

    /// Whether a study has the same parameters and metrics.
    pub(super) fn has_spec(&self, other: &wire::Study) -> Result<bool, Refused> {
        let read = |bytes: &[u8]| wire::StudySpec::decode(bytes).map_err(unreadable("the spec"));
        let (own, other) = (
            read(&self.spec)?,
            read(other.study_spec.as_deref().unwrap_or_default())?,
        );
        Ok(own.parameters == other.parameters && own.metrics == other.metrics)
    }

    /// The study of a trial, and the trial.
    pub(super) fn with_trial(sql: &mut dyn Sql, path: &str) -> Result<(Self, Trial), Refused> {
        let (name, number) = super::names::trial(path)?;
        let kept = Self::read(sql, name)?;
        let trial = kept.trial(sql, number)?;
        Ok((kept, trial))
    }

    /// The study of a trial, and the trial, which nobody else changes until this transaction ends.
    pub(super) fn to_change(sql: &mut dyn Sql, path: &str) -> Result<(Self, Trial), Refused> {
        let (name, number) = super::names::trial(path)?;
        let mut kept = Self::read(sql, name)?;
        studies::hold(sql, kept.study.id)?;
        kept.study = studies::get(sql, W, kept.study.id)?;
        kept.check_open()?;
        let trial = kept.trial(sql, number)?;
        Ok((kept, trial))
    }

    pub(super) fn trial(&self, sql: &mut dyn Sql, number: i64) -> Result<Trial, Refused> {
        let id = studies::id_of_number(sql, self.study.id, number)?;
        Ok(studies::trial(sql, W, id)?)
    }

    /// Refuses to change a study that has ended, or its trials.
    pub(super) fn check_open(&self) -> Result<(), Refused> {
        match self.study.state {
            StudyState::Active => Ok(()),
            ended => Err(StudiesError::StudyClosed {
                name: self.name.path(),
                state: ended.name(),
            }
            .into()),
        }
    }

    /// As clients know it.
    pub(super) fn wire(&self) -> Result<wire::Study, Refused> {
        let later = metadata::all(&self.attributes)?;
        Ok(wire::Study {
            name: self.name.path(),
            display_name: self.name.shown().to_owned(),
            study_spec: Some(merged(&self.spec, later)?),
            state: wire_state(self.study.state).into(),
            create_time: Some(timestamp(self.study.created_us)),
            inactive_reason: String::new(),
        })
    }
}

/// A state that is not said is that of a study that goes on.
pub(super) fn state_of(state: i32) -> Result<StudyState, Refused> {
    match wire::StudyState::try_from(state) {
        Ok(wire::StudyState::Unspecified | wire::StudyState::Active) => Ok(StudyState::Active),
        Ok(wire::StudyState::Inactive) => Ok(StudyState::Inactive),
        Ok(wire::StudyState::Completed) => Ok(StudyState::Completed),
        Err(error) => Err(invalid("the state", error.to_string())),
    }
}

pub(super) fn wire_state(state: StudyState) -> wire::StudyState {
    match state {
        StudyState::Active => wire::StudyState::Active,
        StudyState::Inactive => wire::StudyState::Inactive,
        StudyState::Completed => wire::StudyState::Completed,
    }
}
