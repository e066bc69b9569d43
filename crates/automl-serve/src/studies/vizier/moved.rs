//! Studies of another server of Vizier, put into the record as its clients would have made them here.

use super::kept::{Kept, state_of};
use super::names::StudyName;
use super::refused::{Refused, unreadable};
use super::trials::new_trial;
use super::wire::{self, CreateStudyRequest};
use super::{study_calls, times};
use crate::tuning::TuneError;
use automl_store::db::{Database, DbError, Sql};
use automl_store::moving::{ImportError, StudyCounts, StudySource, VizierSource, VizierStudy};
use automl_store::studies::{
    self, Change, NewTrial, StudiesError, StudyState, Trial, TrialState, Wanted,
};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use prost::Message;
use std::collections::BTreeMap;

/// The studies in a database of Vizier's server.
pub struct VizierStudies(VizierSource);

impl VizierStudies {
    /// Opens a SQLite file, given by its path or as `sqlite:///PATH`.
    ///
    /// # Errors
    /// If it is no database of Vizier's server.
    pub fn open(place: &str) -> Result<Self, ImportError> {
        Ok(Self(VizierSource::open(place)?))
    }
}

impl StudySource for VizierStudies {
    fn names(&mut self) -> Result<Vec<String>, ImportError> {
        self.0.names()
    }

    fn copy(
        &mut self,
        name: &str,
        db: &Database,
        _workspace: &str,
        is_dry: bool,
    ) -> Result<StudyCounts, ImportError> {
        let told = self.0.study(name)?;
        let put = db.write(move |sql| {
            let counts = put(sql, &told)?;
            // What fails leaves no trace, so a dry run ends as a failure.
            if is_dry {
                Err(Put::Dry(counts))
            } else {
                Ok(counts)
            }
        });
        match put.wait() {
            Ok(counts) | Err(Put::Dry(counts)) => Ok(counts),
            Err(Put::Another) => Err(ImportError::Another {
                what: "study",
                name: name.to_owned(),
            }),
            Err(Put::Refused(Refused::Tune(TuneError::Record(error)))) => Err(error.into()),
            Err(Put::Refused(error)) => Err(self.0.odd(error.to_string())),
        }
    }
}

/// How putting a study ends that leaves no trace.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Put {
    #[error("nothing was to be written")]
    Dry(StudyCounts),
    #[error("another study has this name")]
    Another,
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl From<DbError> for Put {
    fn from(error: DbError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<StudiesError> for Put {
    fn from(error: StudiesError) -> Self {
        Self::Refused(error.into())
    }
}

/// Puts a study with all its trials, or what is new of it.
pub(super) fn put(sql: &mut dyn Sql, told: &VizierStudy) -> Result<StudyCounts, Put> {
    let name = StudyName::read(&told.name)?;
    let study = wire::Study::decode(&told.study[..]).map_err(unreadable("the study"))?;
    let mut counts = StudyCounts::default();
    let kept = if let Some(kept) = study_calls::existing(sql, &name)? {
        if !kept.has_spec(&study)? {
            return Err(Put::Another);
        }
        kept
    } else {
        counts.n_studies = 1;
        make(sql, &name, &study)?
    };
    let there = studies::trials(sql, kept.study.id, &Wanted::All)?;
    let there: BTreeMap<i64, Trial> = there.into_iter().map(|own| (own.number, own)).collect();
    let mut n_given = kept.study.n_trials;
    for (id, bytes) in &told.trials {
        let trial = wire::Trial::decode(&bytes[..]).map_err(unreadable("a trial"))?;
        let (number, new) = (id - 1, moved(&kept, trial)?);
        if let Some(own) = there.get(&number) {
            if bring_up(sql, own, &new)? {
                counts.n_ended += 1;
            } else {
                counts.n_there += 1;
            }
        } else if number >= n_given {
            skip(sql, kept.study.id, n_given..number)?;
            studies::add_trial(sql, kept.study.id, &new)?;
            n_given = number + 1;
            counts.n_trials += 1;
        }
    }
    let state = state_of(study.state)?;
    if state != StudyState::Active && kept.study.state != state {
        studies::set_state(sql, kept.study.id, state)?;
    }
    Ok(counts)
}

/// Makes a study of this name, whose trials are not there yet, so that it goes on until they are.
fn make(sql: &mut dyn Sql, name: &StudyName, study: &wire::Study) -> Result<Kept, Refused> {
    let ask = CreateStudyRequest {
        parent: name.parent(),
        study: Some(wire::Study {
            display_name: name.shown().to_owned(),
            study_spec: study.study_spec.clone(),
            ..wire::Study::default()
        }),
    };
    study_calls::create(sql, ask)?;
    Kept::read(sql, name.clone())
}

/// Uses up the numbers of trials that were deleted where they come from.
fn skip(sql: &mut dyn Sql, study: i64, numbers: std::ops::Range<i64>) -> Result<(), StudiesError> {
    for _number in numbers {
        let (id, _) = studies::add_trial(sql, study, &NewTrial::in_state(TrialState::Failed))?;
        studies::delete_trial(sql, W, id)?;
    }
    Ok(())
}

/// A trial as it was there: whoever ran it runs it still.
fn moved(kept: &Kept, told: wire::Trial) -> Result<NewTrial, Refused> {
    let state = match told.state() {
        wire::TrialState::Active => TrialState::Running,
        wire::TrialState::Stopping => TrialState::Stopping,
        // The others are read alike.
        _ => TrialState::Waiting,
    };
    let started_us = told.start_time.as_ref().map(times::micros);
    let client = (!told.client_id.is_empty()).then(|| told.client_id.clone());
    let mut new = new_trial(kept, told)?;
    if !new.state.is_finished() {
        new.state = state;
    }
    (new.started_us, new.client) = (started_us, client);
    Ok(new)
}

/// Ends a trial that is there if it has ended since, and says whether it has.
fn bring_up(sql: &mut dyn Sql, own: &Trial, new: &NewTrial) -> Result<bool, Put> {
    let is_same = |param: &studies::Param| {
        let others = own.params.iter();
        let same =
            |other: &studies::Param| (&other.name, &other.value) == (&param.name, &param.value);
        others.clone().any(same)
    };
    if own.params.len() != new.params.len() || !new.params.iter().all(is_same) {
        return Err(Put::Another);
    }
    if own.state.is_finished() || !new.state.is_finished() {
        return Ok(false);
    }
    for measured in new.measurements.iter().skip(own.measurements.len()) {
        studies::measure_also(sql, W, own.id, measured)?;
    }
    for attribute in new
        .attributes
        .iter()
        .filter(|one| !own.attributes.contains(one))
    {
        studies::set_trial_attribute(sql, W, own.id, attribute, true)?;
    }
    let change = Change {
        figures: new.figures.clone(),
        constraints: new.constraints.clone(),
        note: new.note.clone(),
        extra: new.extra.clone(),
        ..Change::to(new.state)
    };
    studies::change(sql, W, own.id, &change)?;
    studies::set_times(sql, own.id, new.started_us, new.ended_us)?;
    Ok(true)
}
