//! How runs end: as their verbs say, or, where one failed, with why, which only its caller knows.

use super::pump::Pump;
use super::{STOPPED_TAG, not_recorded};
use crate::console::{Console, Format, print_line};
use crate::errors::{DONE, INTERRUPTED, Report};
use crate::progress::Notes;
use automl_store::spool::{ERROR_CODE_TAG, ERROR_MESSAGE_TAG, Entry, Spool, Status, Texts};
use automl_store::workspace::Workspace;
use serde_json::json;
use std::io;
use std::sync::{Mutex, PoisonError};

/// Characters of what is recorded of an error.
const MESSAGE_MAX: usize = 5000;

/// Runs of verbs that failed, until it is known why.
static LEFT: Mutex<Vec<Open>> = Mutex::new(Vec::new());

/// A run that has no end yet.
pub(super) struct Open {
    pub(super) spool: Spool,
    /// Sends to a database server while the verb works.
    pub(super) pump: Option<Pump>,
    pub(super) workspace: Workspace,
    /// The name of its experiment.
    pub(super) experiment: String,
}

impl Open {
    /// Ends it, tells what the user should know of that, and gives the run's id.
    pub(super) fn end(self, status: Status, notes: &dyn Notes) -> io::Result<String> {
        let id = self.spool.id().to_owned();
        self.spool.end(status)?;
        if !self.pump.is_none_or(Pump::finish) {
            let spool = self.workspace.spool().display();
            notes.note(&format!(
                "the workspace is away: run {id} is kept in {spool} and sent the next time"
            ));
        } else if let Some(number) = self.workspace.deleted_experiment(&self.experiment) {
            notes.note(&format!(
                "experiment '{}' is deleted: run {id} is kept, and seen once the experiment is restored, as MLflow's client does: MlflowClient().restore_experiment(\"{number}\")",
                self.experiment
            ));
        }
        Ok(id)
    }

    /// Leaves it to [`end_left`], which knows why the verb failed.
    pub(super) fn leave(self) {
        left().push(self);
    }

    /// Ends it with why it failed.
    pub(super) fn fail(mut self, report: &Report, notes: &dyn Notes) {
        let (status, tags) = how(report);
        let told = Entry::Log {
            params: Texts::new(),
            tags,
            metrics: Vec::new(),
        };
        let ended = self
            .spool
            .append(&told)
            .and_then(|()| self.end(status, notes));
        if let Err(error) = ended {
            not_recorded(notes, &error);
        }
    }
}

fn left() -> std::sync::MutexGuard<'static, Vec<Open>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the runs of a verb that it did not end itself; `why` it failed, if it did.
pub(crate) fn end_left(why: Option<&Report>, console: Console) {
    let runs = std::mem::take(&mut *left());
    for run in runs {
        match why {
            Some(report) => run.fail(report, &Lines(console)),
            // The verb has told of the failure itself.
            None => drop(run),
        }
    }
}

/// How the record says that a verb failed.
fn how(report: &Report) -> (Status, Texts) {
    match report.exit_code() {
        DONE => (Status::Finished, Texts::new()),
        INTERRUPTED => {
            let stopped = (STOPPED_TAG.to_owned(), "true".to_owned());
            (Status::Killed, Texts::from([stopped]))
        }
        _ => {
            let message = report.message.chars().take(MESSAGE_MAX).collect();
            let mut tags = Texts::from([(ERROR_MESSAGE_TAG.to_owned(), message)]);
            if let Some(code) = report.code {
                tags.insert(ERROR_CODE_TAG.to_owned(), code.to_owned());
            }
            (Status::Failed, tags)
        }
    }
}

/// What is said once nothing else is shown any more.
struct Lines(Console);

impl Notes for Lines {
    fn note(&self, message: &str) {
        match self.0.format() {
            Format::Json => print_line(&json!({ "event": "note", "message": message }).to_string()),
            Format::Text => print_line(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(code: &'static str, message: &str) -> Report {
        Report {
            code: Some(code),
            message: message.to_owned(),
            hint: None,
        }
    }

    #[test]
    fn a_failed_run_says_why_within_bounds() {
        let (status, tags) = how(&report("data-not-found", &"é".repeat(6000)));
        assert_eq!(status, Status::Failed);
        assert_eq!(tags[ERROR_CODE_TAG], "data-not-found");
        assert_eq!(tags[ERROR_MESSAGE_TAG].chars().count(), 5000);
    }

    #[test]
    fn what_the_user_ended_was_stopped() {
        let (status, tags) = how(&report("interrupted", "interrupted"));
        assert_eq!(status, Status::Killed);
        assert_eq!(tags[STOPPED_TAG], "true");
        let (status, tags) = how(&report("output-closed", "the reader is gone"));
        assert_eq!((status, tags.is_empty()), (Status::Finished, true));
    }
}
