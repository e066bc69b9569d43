//! Where trials are asked for.

use super::spec::named;
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
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Studies that are kept built.
const KEPT: usize = 64;
/// Events that are read at once; where more came, the study is built anew.
const EVENTS: usize = 10_000;
/// So often a proposal that others were quicker than is made anew; then it is taken as it is.
const STALE_MAX: usize = 16;

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
    id: i64,
    place: i64,
    /// The number that the next trial has, if nobody else adds one before.
    next: i64,
    study: automl_tune::Study,
    /// What it was made of, as text and read.
    made_of: (String, Arc<Spec>),
}

type Slot = Arc<Mutex<Option<Known>>>;

/// Slots by the names of studies.
#[derive(Default)]
struct Slots {
    /// Each with the turn of its last use.
    kept: BTreeMap<String, (u64, Slot)>,
    turn: u64,
}

impl Slots {
    /// The slot of a study. Where there is no room, that goes which was not used for longest, one that nobody uses now if there is any.
    fn take(&mut self, study: &str) -> Slot {
        self.turn += 1;
        if self.kept.len() >= KEPT && !self.kept.contains_key(study) {
            let uses = |slot: &Slot| Arc::strong_count(slot) > 1;
            let oldest = (self.kept.iter()).min_by_key(|(_, (turn, slot))| (uses(slot), *turn));
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                self.kept.remove(&name);
            }
        }
        let (turn, slot) = self.kept.entry(study.to_owned()).or_default();
        *turn = self.turn;
        Arc::clone(slot)
    }
}

/// Studies that were built from the record, by name.
#[derive(Default)]
pub struct Desk(Mutex<Slots>);

/// What is half done when a thread panics is dropped by its owner, so the rest can be used.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    fn slot(&self, study: &str) -> Slot {
        lock(&self.0).take(study)
    }

    /// Gives a worker trials to run: its own, if it wants these again, those that wait, the oldest first, then new ones. They
    /// are fewer than it asked for only where that would exceed the limit that it named, or the sampler ends.
    ///
    /// Cost: what the sampler takes, and two short transactions for a trial.
    ///
    /// # Errors
    /// If the study is not there, takes no trials, or was not made here.
    pub fn suggest(
        &self,
        db: &Database,
        name: &str,
        ask: &Ask,
    ) -> Result<(Study, Vec<Trial>), TuneError> {
        // One at a time within a process, so that each sees what those before it were given.
        let slot = self.slot(name);
        let mut kept = lock(&slot);
        let wanted = (name.to_owned(), ask.clone());
        let seen = kept.as_ref().map(|known| (known.id, known.place));
        let begun = db
            .write_here(move |sql| begin(sql, &wanted.0, &wanted.1, seen))
            .wait()?;
        let Begun {
            study,
            mut trials,
            mut news,
        } = begun;
        let spec = spec_of(&study, &mut kept)?;
        let mut n_stale = 0;
        while trials.len() < ask.count {
            let heard = match (kept.take(), news.take()) {
                (Some(known), Some(news)) => known.hear(news)?,
                // What this call added itself is to be seen too.
                (known, _) => Some(take_up(db, &study, &spec, known)?),
            };
            let known = match heard {
                Some(known) => known,
                None => take_up(db, &study, &spec, None)?,
            };
            let n_known = known.study.trials().len() as i64;
            let is_done = ask.ends && spec.algorithm.is_exhausted(&known.study);
            if is_done || ask.limit.is_some_and(|limit| n_known >= limit) {
                *kept = Some(known);
                break;
            }
            let seed = Seed(spec.seed).indexed(known.study.trials().len() as u64);
            let point = spec.algorithm.suggest(&known.study, seed);
            let next = (n_stale < STALE_MAX).then_some(known.next);
            *kept = Some(known);
            let new = NewTrial {
                params: text_of(&point),
                client: ask.client.clone(),
                request: ask.request.clone(),
                ..NewTrial::in_state(TrialState::Running)
            };
            let given: Vec<i64> = trials.iter().map(|trial| trial.id).collect();
            let (id, limit, resumes) = (study.id, ask.limit, ask.resumes);
            let added = db.write_here(move |sql| {
                let id = add_or_own(sql, id, &new, (limit, next, resumes), &given)?;
                Ok(studies::trial(sql, W, id)?)
            });
            match added.wait() {
                Ok(trial) => trials.push(trial),
                Err(NotAdded::Full) => break,
                Err(NotAdded::Stale) => n_stale += 1,
                Err(NotAdded::Record(error)) => return Err(error.into()),
            }
        }
        Ok((study, trials))
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
        let slot = self.slot(name);
        let mut kept = lock(&slot);
        let wanted = name.to_owned();
        let study = db.read(move |sql| named(sql, &wanted)).wait()?;
        let spec = spec_of(&study, &mut kept)?;
        let known = take_up(db, &study, &spec, kept.take())?;
        let done = work(&known.study, &spec);
        *kept = Some(known);
        Ok(done)
    }
}

/// The spec of a study. What is known of the study stays only while it is made of that.
fn spec_of(study: &Study, known: &mut Option<Known>) -> Result<Arc<Spec>, TuneError> {
    *known = known.take().filter(|known| known.made_of.0 == study.spec);
    match known {
        Some(known) => Ok(Arc::clone(&known.made_of.1)),
        None => super::spec_of(study).map(Arc::new),
    }
}

/// Why a trial is not added.
enum NotAdded {
    /// The study has as many as it may.
    Full,
    /// Another process added one since this was proposed.
    Stale,
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

/// Adds a trial within a limit and gives its id, or that of one that its client got meanwhile, besides those `given`. It has
/// the number `next`, if that is said: then it was proposed with all trials before it in view.
fn add_or_own(
    sql: &mut dyn Sql,
    study: i64,
    new: &NewTrial,
    (limit, next, resumes): (Option<i64>, Option<i64>, bool),
    given: &[i64],
) -> Result<i64, NotAdded> {
    if resumes {
        // The same client may have asked twice at once: the trial that it got meanwhile is the one it wants.
        studies::hold(sql, study)?;
        let own = own(sql, study, new.client.as_deref())?;
        if let Some(own) = own.into_iter().find(|id| !given.contains(id)) {
            return Ok(own);
        }
    }
    match studies::add_trial(sql, study, new)? {
        // Others have added the last ones since; this one is taken back.
        (_, number) if limit.is_some_and(|limit| number >= limit) => Err(NotAdded::Full),
        (_, number) if next.is_some_and(|next| number != next) => Err(NotAdded::Stale),
        (id, _) => Ok(id),
    }
}

/// What there is before anything is proposed.
struct Begun {
    study: Study,
    /// Trials that are given out, of those that were there; all of them if the request was done before.
    trials: Vec<Trial>,
    /// What has happened since it was known, if more is to be proposed.
    news: Option<News>,
}

/// The trials that a client runs.
fn own(sql: &mut dyn Sql, study: i64, client: Option<&str>) -> Result<Vec<i64>, StudiesError> {
    match client {
        Some(client) => studies::running_of(sql, study, client),
        None => Ok(Vec::new()),
    }
}

/// `seen` is the study that is known and up to which place of its log.
fn begin(
    sql: &mut dyn Sql,
    name: &str,
    ask: &Ask,
    seen: Option<(i64, i64)>,
) -> Result<Begun, TuneError> {
    let study = named(sql, name)?;
    let (client, request) = (ask.client.as_deref(), ask.request.as_deref());
    let mut ids = match request {
        Some(request) => studies::trials_of_request(sql, study.id, request)?,
        None => Vec::new(),
    };
    // Its end may have been told by a request of the same name.
    let mut seen_ids = BTreeSet::new();
    ids.retain(|id| seen_ids.insert(*id));
    if ids.len() < ask.count || ids.is_empty() {
        if study.state != StudyState::Active {
            let (name, state) = (study.name, study.state.name());
            return Err(StudiesError::StudyClosed { name, state }.into());
        }
        if study.lease_ms.is_some() {
            studies::expire(sql, W, &study, now_ms())?;
        }
        if ask.resumes {
            for id in own(sql, study.id, client)? {
                if ids.len() < ask.count && !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        let n_more = ask.count.saturating_sub(ids.len());
        ids.extend(studies::claim(sql, W, study.id, client, n_more, request)?);
    }
    let trials = read(sql, study.id, &ids)?;
    let place = seen
        .filter(|(id, _)| *id == study.id)
        .map(|(_, place)| place);
    let news = match place {
        Some(place) if trials.len() < ask.count => Some(News::read(sql, study.id, place)?),
        _ => None,
    };
    Ok(Begun {
        study,
        trials,
        news,
    })
}

/// These trials, in this order.
fn read(sql: &mut dyn Sql, study: i64, ids: &[i64]) -> Result<Vec<Trial>, StudiesError> {
    /// So many are read one by one, by statements that are known to the database already.
    const FEW: usize = 8;
    if ids.len() <= FEW {
        return ids.iter().map(|&id| studies::trial(sql, W, id)).collect();
    }
    let mut trials = studies::trials(sql, study, &Wanted::These(ids.to_vec()))?;
    trials.sort_by_key(|trial| ids.iter().position(|id| *id == trial.id));
    Ok(trials)
}

/// What has happened in a study.
struct News {
    /// The place of the log up to which it goes.
    place: i64,
    /// The number that the next trial has.
    next: i64,
    /// The trials of which there is any, as they are now; none if the study has to be built anew.
    trials: Option<Vec<Trial>>,
}

impl News {
    fn read(sql: &mut dyn Sql, study: i64, place: i64) -> Result<Self, StudiesError> {
        let events = studies::events_since(sql, study, place, EVENTS)?;
        let last = events.last().map_or(place, |event| event.place);
        // A trial that waits again has lost what it measured.
        let is_lost = |what: &str| ["waiting", "trial-deleted"].contains(&what);
        let is_whole = events.len() < EVENTS && !events.iter().any(|event| is_lost(&event.what));
        let mut ids: Vec<i64> = events.iter().filter_map(|event| event.trial).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(Self {
            place: last,
            next: studies::get(sql, W, study)?.n_trials,
            trials: is_whole.then(|| read(sql, study, &ids)).transpose()?,
        })
    }
}

impl Known {
    /// The study with the news; none if it has to be built anew.
    fn hear(mut self, news: News) -> Result<Option<Self>, TuneError> {
        let Some(trials) = news.trials else {
            return Ok(None);
        };
        apply(&mut self.study, &trials)?;
        (self.place, self.next) = (news.place, news.next);
        Ok(Some(self))
    }
}

/// The study with all that its log says by now.
fn take_up(
    db: &Database,
    study: &Study,
    spec: &Arc<Spec>,
    known: Option<Known>,
) -> Result<Known, TuneError> {
    let id = study.id;
    if let Some(known) = known.filter(|known| known.id == id) {
        let place = known.place;
        let news = db.read(move |sql| News::read(sql, id, place)).wait()?;
        if let Some(known) = known.hear(news)? {
            return Ok(known);
        }
    }
    let read = db.read(move |sql| {
        let study = studies::get(sql, W, id)?;
        let trials = studies::trials(sql, id, &Wanted::All)?;
        let at = (study.n_events, study.n_trials);
        Ok::<_, TuneError>((at, trials, warm::kept(sql, id)?))
    });
    let ((place, next), trials, lessons) = read.wait()?;
    let mut built = automl_tune::Study::new(spec.space.clone(), spec.objectives.clone())?
        .with_sources(warm::sources(spec, &lessons));
    if let Some(budget) = spec.budget {
        built = built.with_budget(budget);
    }
    if spec
        .run
        .as_ref()
        .is_some_and(|run| !run.constraints.is_empty())
    {
        built = built.with_constraints();
    }
    apply(&mut built, &trials)?;
    Ok(Known {
        id,
        place,
        next,
        study: built,
        made_of: (study.spec.clone(), Arc::clone(spec)),
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::{Tell, create, measure, should_stop, tell};
    use automl_store::db::Place;
    use serde_json::{Value, json};

    #[test]
    fn the_study_that_was_not_used_for_longest_goes() {
        let mut slots = Slots::default();
        let names: Vec<String> = (0..KEPT).map(|at| format!("s{at:02}")).collect();
        let is_same = |slots: &Slots, name: &str, slot: &std::sync::Weak<_>| {
            let kept = slots.kept.get(name);
            kept.is_some_and(|(_, kept)| std::sync::Weak::ptr_eq(&Arc::downgrade(kept), slot))
        };
        let firsts: Vec<_> = names
            .iter()
            .map(|name| Arc::downgrade(&slots.take(name)))
            .collect();
        // The first is used again, the second is in use.
        slots.take("s00");
        let used = slots.take("s01");
        for name in &names[3..] {
            slots.take(name);
        }
        slots.take("new");
        assert!(!slots.kept.contains_key("s02"));
        slots.take("newer");
        assert!(!slots.kept.contains_key("s00"));
        for (name, first) in names.iter().zip(&firsts) {
            let is_gone = ["s00", "s02"].contains(&name.as_str());
            assert_eq!(is_same(&slots, name, first), !is_gone, "{name}");
        }
        assert_eq!(slots.kept.len(), KEPT);
        drop(used);
    }

    fn made(stopping: &Value) -> (tempfile::TempDir, Database, Trial) {
        let directory = tempfile::tempdir().expect("a folder can be made");
        let place = Place::File(directory.path().join("t.db"));
        let db = Database::open(&place).expect("a database can be made");
        let spec = Spec::read(&json!({
            "space": { "parameters": [{ "name": "x", "type": "float", "low": 0, "high": 1 }] },
            "objectives": [{ "name": "loss" }],
            "stopping": stopping,
        }));
        let spec = spec.expect("it is a spec");
        let made = db.write(move |sql| create(sql, "s", &spec)).wait();
        made.expect("a study can be made");
        let ask = Ask {
            count: 1,
            ..Ask::default()
        };
        let given = Desk::default().suggest(&db, "s", &ask);
        let trial = given.expect("a trial is given").1.remove(0);
        let measured = db.write(|sql| measure(sql, "s", 0, 1, &json!(5.0))).wait();
        measured.expect("it is kept");
        (directory, db, trial)
    }

    #[test]
    fn without_a_rule_nobody_waits_for_a_sampler_to_say_that_a_trial_goes_on() {
        let desk = Desk::default();
        let (_directory, db, trial) = made(&Value::Null);
        // As long as this is held, a sampler is at work.
        let slot = desk.slot("s");
        let _at_work = lock(&slot);
        let answer = should_stop(&desk, &db, "s", &trial);
        assert!(!answer.expect("the study is there"));
    }

    #[test]
    fn a_rule_is_asked() {
        let desk = Desk::default();
        let (_directory, db, trial) = made(&json!({ "name": "threshold", "upper": 4 }));
        assert!(should_stop(&desk, &db, "s", &trial).expect("the study is there"));
        let pruned = Tell {
            state: TrialState::Pruned,
            values: None,
            constraints: Vec::new(),
            note: None,
            request: None,
        };
        let told = db.write(move |sql| tell(sql, "s", 0, &pruned)).wait();
        assert_eq!(told.expect("it is kept").state, TrialState::Pruned);
    }
}
