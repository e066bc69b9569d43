//! Where trials are asked for.

use super::spec::open;
use super::told::{params_of, text_of};
use super::{Spec, TuneError, warm};
use automl_core::{ParamMap, Seed};
use automl_store::db::{Database, DbError, Sql};
use automl_store::studies::{
    self, NewTrial, StudiesError, Study, StudyState, Trial, TrialState, Wanted,
};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use automl_store::tracking::now_ms;
use automl_tune::{Outcome, Sampler, State};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Studies that are kept built.
const KEPT: usize = 64;
/// Events that are read at once; where more came, the study is built anew.
const EVENTS: usize = 10_000;

/// What a worker asks for.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// How many trials.
    pub count: usize,
    /// Who will run them.
    pub client: Option<String>,
    /// A key of the request: asked again with it, the same trials are the answer.
    pub request: Option<String>,
    /// No new trial is made of a study that has this many.
    pub limit: Option<i64>,
    /// Whether a sampler that has tried all its points is done, instead of trying more.
    pub ends: bool,
    /// Whether trials that the client runs already count and come first.
    pub resumes: bool,
}

/// A study as samplers see it, up to a place of its log.
struct Known {
    place: i64,
    study: automl_tune::Study,
}

type Slot = Arc<Mutex<Option<Known>>>;

/// Studies that were built from the record.
#[derive(Default)]
pub struct Desk(Mutex<BTreeMap<i64, Slot>>);

/// What is half done when a thread panics is dropped by its owner, so the rest can be used.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    fn slot(&self, study: i64) -> Slot {
        let mut slots = lock(&self.0);
        if slots.len() >= KEPT && !slots.contains_key(&study) {
            slots.pop_first();
        }
        slots.entry(study).or_default().clone()
    }

    /// Gives a worker trials to run: its own, if it wants these again, those that wait, the oldest first, then new ones. They
    /// are fewer than it asked for only where that would exceed the limit that it named, or the sampler ends.
    ///
    /// # Errors
    /// If the study is not there, takes no trials, or was not made here.
    pub fn suggest(&self, db: &Database, name: &str, ask: &Ask) -> Result<Vec<Trial>, TuneError> {
        let wanted = (name.to_owned(), ask.clone());
        let begun = db
            .write(move |sql| begin(sql, &wanted.0, &wanted.1))
            .wait()?;
        let (study, spec, mut ids) = match begun {
            Begun::Done(trials) => return Ok(trials),
            Begun::Claimed(of, ids) => (of.0, of.1, ids),
        };
        // One at a time within a process, so that each sees what those before it were given.
        let slot = self.slot(study.id);
        let mut kept = lock(&slot);
        while ids.len() < ask.count {
            let known = take_up(db, &study, &spec, kept.take())?;
            let n_known = known.study.trials().len() as i64;
            let is_done = ask.ends && spec.algorithm.is_exhausted(&known.study);
            if is_done || ask.limit.is_some_and(|limit| n_known >= limit) {
                *kept = Some(known);
                break;
            }
            let point = spec.algorithm.suggest(
                &known.study,
                Seed(spec.seed).indexed(known.study.trials().len() as u64),
            );
            *kept = Some(known);
            let new = NewTrial {
                params: text_of(&point),
                client: ask.client.clone(),
                request: ask.request.clone(),
                ..NewTrial::in_state(TrialState::Running)
            };
            let (id, limit) = (study.id, ask.limit);
            let (known, resumes) = (ids.clone(), ask.resumes);
            let added = db.write(move |sql| {
                // The same client may have asked twice at once: the trial that it got meanwhile is the one it wants.
                let own = if resumes {
                    studies::hold(sql, id)?;
                    own(sql, id, new.client.as_deref())?
                } else {
                    Vec::new()
                };
                if let Some(own) = own.into_iter().find(|id| !known.contains(id)) {
                    return Ok(own);
                }
                match studies::add_trial(sql, id, &new)? {
                    // Others have added the last ones since; this one is taken back.
                    (_, number) if limit.is_some_and(|limit| number >= limit) => {
                        Err(NotAdded::Full)
                    }
                    (id, _) => Ok(id),
                }
            });
            match added.wait() {
                Ok(id) => ids.push(id),
                Err(NotAdded::Full) => break,
                Err(NotAdded::Record(error)) => return Err(error.into()),
            }
        }
        let id = study.id;
        let wanted = Wanted::These(ids.clone());
        let read = db.read(move |sql| studies::trials(sql, id, &wanted));
        let mut trials = read.wait()?;
        trials.sort_by_key(|trial| ids.iter().position(|id| *id == trial.id));
        Ok(trials)
    }

    /// Works with a study as samplers see it, up to date.
    ///
    /// # Errors
    /// If the study is not there, or was not made here.
    pub fn with<T>(
        &self,
        db: &Database,
        name: &str,
        work: impl FnOnce(&automl_tune::Study, &Spec) -> T,
    ) -> Result<T, TuneError> {
        let wanted = name.to_owned();
        let (study, spec) = db.read(move |sql| open(sql, &wanted)).wait()?;
        let slot = self.slot(study.id);
        let mut kept = lock(&slot);
        let known = take_up(db, &study, &spec, kept.take())?;
        let done = work(&known.study, &spec);
        *kept = Some(known);
        Ok(done)
    }
}

/// Why a trial is not added.
enum NotAdded {
    /// The study has as many as it may.
    Full,
    Record(StudiesError),
}

impl From<StudiesError> for NotAdded {
    fn from(error: StudiesError) -> Self {
        Self::Record(error)
    }
}

impl From<DbError> for NotAdded {
    fn from(error: DbError) -> Self {
        Self::Record(error.into())
    }
}

enum Begun {
    /// The request was done before; these are its trials.
    Done(Vec<Trial>),
    /// These waiting trials are given out.
    Claimed(Box<(Study, Spec)>, Vec<i64>),
}

/// The trials that a client runs.
fn own(sql: &mut dyn Sql, study: i64, client: Option<&str>) -> Result<Vec<i64>, StudiesError> {
    match client {
        Some(client) => studies::running_of(sql, study, client),
        None => Ok(Vec::new()),
    }
}

fn begin(sql: &mut dyn Sql, name: &str, ask: &Ask) -> Result<Begun, TuneError> {
    let (study, spec) = open(sql, name)?;
    if let Some(request) = &ask.request {
        let ids = studies::trials_of_request(sql, study.id, request)?;
        if ids.len() >= ask.count && !ids.is_empty() {
            let trials = studies::trials(sql, study.id, &Wanted::These(ids))?;
            return Ok(Begun::Done(trials));
        }
    }
    if study.state != StudyState::Active {
        let (name, state) = (study.name, study.state.name());
        return Err(StudiesError::StudyClosed { name, state }.into());
    }
    studies::expire(sql, W, &study, now_ms())?;
    let (client, request) = (ask.client.as_deref(), ask.request.as_deref());
    let mut ids = match request {
        Some(request) => studies::trials_of_request(sql, study.id, request)?,
        None => Vec::new(),
    };
    if ask.resumes {
        for id in own(sql, study.id, client)? {
            if ids.len() < ask.count && !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    let n_more = ask.count.saturating_sub(ids.len());
    ids.extend(studies::claim(sql, W, study.id, client, n_more, request)?);
    Ok(Begun::Claimed(Box::new((study, spec)), ids))
}

/// The study with all that its log says by now.
fn take_up(
    db: &Database,
    study: &Study,
    spec: &Spec,
    known: Option<Known>,
) -> Result<Known, TuneError> {
    let id = study.id;
    if let Some(mut known) = known {
        let place = known.place;
        let read = db.read(move |sql| {
            let events = studies::events_since(sql, id, place, EVENTS)?;
            let last = events.last().map_or(place, |event| event.place);
            // A trial that waits again has lost what it measured.
            let is_whole = events.len() < EVENTS
                && !events
                    .iter()
                    .any(|event| ["waiting", "trial-deleted"].contains(&event.what.as_str()));
            let mut ids: Vec<i64> = events.iter().filter_map(|event| event.trial).collect();
            ids.sort_unstable();
            ids.dedup();
            let trials = if is_whole && !ids.is_empty() {
                studies::trials(sql, id, &Wanted::These(ids))?
            } else {
                Vec::new()
            };
            Ok::<_, StudiesError>((last, is_whole, trials))
        });
        let (last, is_whole, trials) = read.wait()?;
        if is_whole {
            apply(&mut known.study, &trials)?;
            known.place = last;
            return Ok(known);
        }
    }
    let read = db.read(move |sql| {
        let study = studies::get(sql, W, id)?;
        let trials = studies::trials(sql, id, &Wanted::All)?;
        Ok::<_, TuneError>((study.n_events, trials, warm::kept(sql, id)?))
    });
    let (place, trials, lessons) = read.wait()?;
    let mut built = automl_tune::Study::new(spec.space.clone(), spec.objectives.clone())?
        .with_sources(warm::sources(spec, &lessons));
    if let Some(budget) = spec.budget {
        built = built.with_budget(budget);
    }
    apply(&mut built, &trials)?;
    let study = built;
    Ok(Known { place, study })
}

/// Takes in trials as they are now. Those that ended are told in the order in which they did.
fn apply(study: &mut automl_tune::Study, trials: &[Trial]) -> Result<(), TuneError> {
    let n_objectives = study.objectives().len();
    for trial in trials {
        let number = trial.number.unsigned_abs();
        let state = study.trial(number).map(|known| known.state);
        match state {
            None if trial.state == TrialState::Waiting => {
                study.enqueue(number, params_of(trial)?)?;
            }
            None => study.start(number, params_of(trial)?)?,
            Some(State::Waiting) if trial.state != TrialState::Waiting => {
                study.start(number, ParamMap::new())?;
            }
            Some(state) if state.is_finished() => continue,
            Some(_) => {}
        }
        for measured in &trial.measurements {
            if measured.figures.len() == n_objectives && measured.step >= 0 {
                study.report(
                    number,
                    measured.step.unsigned_abs(),
                    measured.figures.clone(),
                )?;
            }
        }
    }
    let mut ended: Vec<&Trial> = trials
        .iter()
        .filter(|trial| trial.state.is_finished())
        .collect();
    ended.sort_by_key(|trial| trial.end_event);
    for trial in ended {
        let number = trial.number.unsigned_abs();
        if study
            .trial(number)
            .is_some_and(|known| known.state.is_finished())
        {
            continue;
        }
        let outcome = match (trial.state, &trial.figures) {
            (TrialState::Complete, Some(values)) => Outcome::Complete {
                values: values.clone(),
                constraints: trial.constraints.clone(),
            },
            (TrialState::Pruned, _) => Outcome::Stopped,
            _ => Outcome::Failed,
        };
        study.finish(number, outcome)?;
    }
    Ok(())
}
