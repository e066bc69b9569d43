//! A worker: it asks for a trial, runs it, tells of it, and asks again.

use super::own::MODEL;
use super::shared::Shared;
use super::trial::{self, Became};
use super::{client, elsewhere, folder};
use crate::errors::TuneVerbError;
use crate::progress::Notes as _;
use crate::record::Recorder;
use crate::text;
use automl_core::{Clock, Coded as _};
use automl_serve::tuning::{Ask, TuneError};
use automl_store::studies::TrialState;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

/// Between two looks whether a trial of another worker comes back.
const PAUSE: Duration = Duration::from_millis(500);
/// Seconds for which nothing is said of waiting.
const QUIET_S: f64 = 1.0;

/// Works until there is nothing left to run.
///
/// # Errors
/// If the record fails, a program cannot be started, or too many trials fail one after another. The other workers end then.
pub(super) fn work(
    shared: &Shared<'_>,
    recorder: &Recorder<'_>,
    worker: usize,
) -> anyhow::Result<()> {
    let done = go_on(shared, recorder, worker);
    if done.is_err() {
        shared.has_failed.store(true, Relaxed);
    }
    shared.show.rests(worker);
    done
}

fn go_on(shared: &Shared<'_>, recorder: &Recorder<'_>, worker: usize) -> anyhow::Result<()> {
    let client = client::of_worker(worker);
    let ask = || Ask {
        count: 1,
        client: Some(client.clone()),
        // Asked again if the answer is lost, the same trial is it.
        request: Some(format!("{client}/{}", Clock::unix_micros())),
        limit: shared.limit,
        ends: true,
        resumes: false,
    };
    // Since when there is nothing to do but wait for what others may lose.
    let mut waiting: Option<Clock> = None;
    while !shared.is_over() {
        let ask = ask();
        let given = shared.patiently(|| shared.keeper.suggest(&shared.study, &ask));
        let given = match given {
            Err(error) if error.code() == "study-closed" => {
                shared.show.note(&error.to_string());
                return Ok(());
            }
            given => given?,
        };
        let Some(trial) = given.first() else {
            let since = waiting.get_or_insert_with(Clock::start);
            if !may_come_back(shared, since.seconds())? {
                return Ok(());
            }
            thread::sleep(PAUSE);
            continue;
        };
        waiting = None;
        match trial::run(shared, worker, &client, trial)? {
            Became::GivenUp => {
                let number = trial.number;
                shared.show.note(&format!("trial {number} was given up"));
            }
            Became::Ended(trial) => {
                let kept = shared.show.ended(recorder, &trial);
                if shared.run.makes_model() {
                    for number in kept.superseded {
                        for folder in folder::all_of(&shared.folder, number) {
                            // One that was never written cannot be removed.
                            std::fs::remove_dir_all(folder.join(MODEL)).ok();
                        }
                    }
                }
                count_failures(shared, trial.state, trial.note.as_deref())?;
            }
        }
    }
    Ok(())
}

fn count_failures(
    shared: &Shared<'_>,
    state: TrialState,
    note: Option<&str>,
) -> Result<(), TuneVerbError> {
    if state != TrialState::Failed {
        shared.n_failures.store(0, Relaxed);
        return Ok(());
    }
    let n_failures = shared.n_failures.fetch_add(1, Relaxed) + 1;
    if n_failures < shared.run.max_failures {
        return Ok(());
    }
    Err(TuneVerbError::AllFail {
        n_failures,
        note: note.unwrap_or("no reason is known").to_owned(),
        folder: shared.folder.display().to_string(),
    })
}

/// Whether trials run elsewhere that may come back: those that are held for a time, until that has passed without any of
/// them having ended. The first worker that waits says for what.
fn may_come_back(shared: &Shared<'_>, waited_s: f64) -> Result<bool, TuneError> {
    let Some(lease_ms) = shared.study.lease_ms else {
        return Ok(false);
    };
    let held = elsewhere::held(shared)?;
    let may = !held.is_empty() && waited_s * 1000.0 <= lease_ms as f64;
    if may && waited_s >= QUIET_S && !shared.has_told_waiting.swap(true, Relaxed) {
        shared.show.note(&format!(
            "{} elsewhere: {}; waiting for up to {} (one whose worker gives no sign of life for so long is run here)",
            running(held.len()),
            elsewhere::in_words(&held),
            text::seconds(lease_ms as f64 / 1000.0),
        ));
    }
    Ok(may)
}

/// `2 trials run`.
fn running(n_trials: usize) -> String {
    let verb = if n_trials == 1 { "runs" } else { "run" };
    format!("{} {verb}", text::counted(n_trials as u64, "trial"))
}
