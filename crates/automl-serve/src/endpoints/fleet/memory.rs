//! Models that are let go on purpose, and come back.

use super::Fleet;
use crate::endpoints::error::ScoreError;
use automl_store::endpoints::{self, EndpointError};
use std::sync::{Arc, PoisonError};

impl Fleet {
    /// Lets the models of an endpoint go: it answers nobody until it is loaded again, or changed. Requests that have begun end with
    /// them. Waits for the database.
    ///
    /// # Errors
    /// If there is no such endpoint, or the record cannot be told.
    pub(crate) fn unload(&self, name: &str) -> Result<(), ScoreError> {
        self.find(name)?;
        self.put(name, |live| (!live.is_unloaded).then(|| live.unloaded()))?;
        self.0.cache.forget_unused();
        Ok(())
    }

    /// Reads the models of an endpoint that are not in memory. Waits for files and the database.
    ///
    /// # Errors
    /// If there is no such endpoint, nothing is deployed to it, or a model cannot be had.
    pub(crate) fn load_again(&self, name: &str) -> Result<(), ScoreError> {
        // Perhaps it was made a moment ago.
        self.renew(name).map_err(told)?;
        self.find(name)?;
        let is_kept = self.put(name, |live| {
            let problem = live.problem.clone()?;
            Some(live.troubled(live.seen_revision, problem, 0))
        })?;
        if is_kept {
            self.renew(name).map_err(told)?;
        }
        let live = self.find(name)?;
        let refused = |reason| ScoreError::NotServing {
            endpoint: name.to_owned(),
            reason,
        };
        if let Some(problem) = &live.problem {
            return Err(refused(problem.clone()));
        }
        if live.slots.is_empty() {
            return Err(live.not_serving());
        }
        for slot in live.slots.iter().chain(&live.shadows) {
            self.load(&slot.version).map_err(refused)?;
        }
        Ok(())
    }

    /// Puts what is made of an endpoint in its place, and tells the record; says whether anything was made.
    fn put(
        &self,
        name: &str,
        make: impl FnOnce(&super::Live) -> Option<super::Live>,
    ) -> Result<bool, ScoreError> {
        let inner = &*self.0;
        let turn = inner.turn(name);
        let alone = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.snapshot().get(name).cloned();
        let made = known.as_deref().and_then(make);
        let is_made = made.is_some();
        if let Some(live) = made {
            let (id, problem) = (live.id, live.problem.clone());
            // What a server that starts anew falls back to stays.
            let served = known.as_deref().and_then(|live| live.revision);
            if !live.is_of_folder {
                let noted = inner
                    .db
                    .write(move |sql| endpoints::note_served(sql, id, served, problem.as_deref()));
                noted.wait().map_err(told)?;
            }
            self.publish(name, Some(Arc::new(live)));
        }
        drop(alone);
        drop(turn);
        inner.end_turn(name);
        Ok(is_made)
    }
}

fn told(error: EndpointError) -> ScoreError {
    match error {
        EndpointError::Record(error) => ScoreError::Record(error),
        other => ScoreError::Internal {
            reason: other.to_string(),
        },
    }
}
