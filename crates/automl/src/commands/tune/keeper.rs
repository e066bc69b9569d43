//! Where a study is kept, and what workers ask and tell there: in the record, or by a server.

use super::client;
use automl_core::Coded as _;
use automl_serve::client::{Credentials, StudyServer};
use automl_serve::tuning::{self, Ask, Desk, Spec, Tell, TuneError};
use automl_store::db::{Database, DbError, Sql};
use automl_store::studies::{self, StudiesError, Study, Trial, TrialState, Wanted};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use serde_json::{Value, json};

/// Where a study is kept.
pub(super) enum Keeper<'a> {
    /// In the record of a workspace; the desk proposes trials.
    Record { db: &'a Database, desk: Desk },
    /// By a server, which proposes trials.
    Server(StudyServer),
}

/// A study, what it is made of, and what of that its file says otherwise than before.
pub(super) type Taken = (Study, Spec, Vec<&'static str>);

impl<'a> Keeper<'a> {
    /// The record.
    pub(super) fn record(db: &'a Database) -> Self {
        let desk = Desk::default();
        Self::Record { db, desk }
    }

    /// A server at an address, asked with a token.
    pub(super) fn server(url: &str, token: Option<String>) -> Self {
        let login = None;
        Self::Server(StudyServer::new(url, &Credentials { token, login }))
    }

    /// Makes the study, or goes on with it, after taking back what processes held that were killed here. A server has it
    /// already.
    pub(super) fn take_on(&self, name: &str, spec: Option<Spec>) -> Result<Taken, TuneError> {
        match self {
            Self::Record { db, .. } => {
                let name = name.to_owned();
                let written = db.write(move |sql| {
                    let changed = match spec {
                        Some(spec) => {
                            let spec = with_lease(sql, &name, spec);
                            tuning::go_on(sql, &name, &spec)?.1
                        }
                        None => Vec::new(),
                    };
                    let (study, _) = tuning::open(sql, &name)?;
                    client::take_back(sql, study.id)?;
                    let (study, spec) = tuning::join(sql, &name)?;
                    Ok((study, spec, changed))
                });
                written.wait()
            }
            Self::Server(server) => {
                let study = server.join(name)?;
                let spec = tuning::spec_of(&study)?;
                Ok((study, spec, Vec::new()))
            }
        }
    }

    /// Trials for a worker to run.
    pub(super) fn suggest(&self, study: &Study, ask: &Ask) -> Result<Vec<Trial>, TuneError> {
        match self {
            Self::Record { db, desk } => Ok(desk.suggest(db, &study.name, ask)?.1),
            Self::Server(server) => server.suggest(study, ask),
        }
    }

    /// Keeps what a trial measured. Says whether it is worth going on with.
    pub(super) fn measure(
        &self,
        study: &Study,
        trial: &Trial,
        client: &str,
        (step, values): (i64, &[f64]),
    ) -> Result<bool, TuneError> {
        let told = json!(values);
        match self {
            Self::Record { db, desk } => {
                let (name, number) = (study.name.clone(), trial.number);
                let client = client.to_owned();
                let written = db.write(move |sql| {
                    tuning::measure_held(sql, (&name, number), &client, step, &told)
                });
                tuning::should_stop(desk, db, &study.name, &written.wait()?)
            }
            Self::Server(server) => server.measure(study, trial.number, client, (step, &told)),
        }
    }

    /// A sign of life. Says whether to end the trial.
    pub(super) fn beat(
        &self,
        study: &Study,
        trial: &Trial,
        client: &str,
    ) -> Result<bool, TuneError> {
        match self {
            Self::Record { db, .. } => {
                let (id, client) = (trial.id, client.to_owned());
                let written = db.write(move |sql| studies::beat(sql, W, id, &client));
                written.wait().map_err(TuneError::Record)
            }
            Self::Server(server) => server.beat(study, trial.number, client),
        }
    }

    /// Gives a trial up, for another worker.
    pub(super) fn release(
        &self,
        study: &Study,
        trial: &Trial,
        client: &str,
    ) -> Result<(), TuneError> {
        match self {
            Self::Record { db, .. } => {
                let (id, client) = (trial.id, client.to_owned());
                let written = db.write(move |sql| studies::release(sql, W, id, &client));
                written.wait().map_err(TuneError::Record)
            }
            Self::Server(server) => server.release(study, trial.number, client),
        }
    }

    /// Tells how a trial ended that the client holds.
    pub(super) fn tell(
        &self,
        study: &Study,
        trial: &Trial,
        client: &str,
        told: &Tell,
    ) -> Result<Trial, TuneError> {
        match self {
            Self::Record { db, .. } => {
                let (name, number) = (study.name.clone(), trial.number);
                let (client, told) = (client.to_owned(), told.clone());
                let written =
                    db.write(move |sql| tuning::tell_held(sql, (&name, number), &client, &told));
                written.wait()
            }
            Self::Server(server) => server.tell(study, trial.number, client, told),
        }
    }

    /// A trial as it is now.
    pub(super) fn trial(&self, study: &Study, trial: &Trial) -> Result<Trial, TuneError> {
        match self {
            Self::Record { db, .. } => {
                let id = trial.id;
                let read = db.read(move |sql| studies::trial(sql, W, id));
                read.wait().map_err(TuneError::Record)
            }
            Self::Server(server) => server.trial(study, trial.number),
        }
    }

    /// All trials, or those in a state.
    pub(super) fn trials(
        &self,
        study: &Study,
        state: Option<TrialState>,
    ) -> Result<Vec<Trial>, TuneError> {
        match self {
            Self::Record { db, .. } => {
                let (id, wanted) = (study.id, state.map_or(Wanted::All, Wanted::In));
                let read = db.read(move |sql| studies::trials(sql, id, &wanted));
                read.wait().map_err(TuneError::Record)
            }
            Self::Server(server) => server.trials(study, state),
        }
    }

    /// The best trial, or the front.
    pub(super) fn best(&self, study: &Study) -> Result<Vec<Value>, TuneError> {
        match self {
            Self::Record { db, desk } => tuning::best(desk, db, &study.name),
            Self::Server(server) => server.best(study),
        }
    }
}

/// A spec with the time for which the study's trials are held, if it says none: without it, those of a worker that is lost
/// would never come back.
fn with_lease(sql: &mut dyn Sql, name: &str, spec: Spec) -> Spec {
    if spec.lease_s.is_some() {
        return spec;
    }
    // What is wrong with the study is said when it is gone on with.
    match tuning::open(sql, name) {
        Ok((_, known)) => Spec {
            lease_s: known.lease_s,
            retries: spec.retries.or(known.retries),
            ..spec
        },
        Err(_) => spec,
    }
}

/// Why nothing can be asked now, if that may change by itself.
pub(super) fn away(error: &TuneError) -> Option<&str> {
    match error {
        TuneError::Record(StudiesError::Db(DbError::Away { reason }))
        | TuneError::ServerAway { reason, .. } => Some(reason),
        _ => None,
    }
}

/// Whether an error says that a trial has ended, or is another worker's, or is not there any more.
pub(super) fn is_not_ours(error: &TuneError) -> bool {
    has_ended(error) || ["study-trial-not-held", "study-trial-unknown"].contains(&error.code())
}

/// Whether an error says that a trial has ended.
pub(super) fn has_ended(error: &TuneError) -> bool {
    error.code() == "study-trial-finished"
}
