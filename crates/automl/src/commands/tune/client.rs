//! By which name a worker asks, so that another process on this machine knows whether it lives.

use automl_store::db::Sql;
use automl_store::studies::{self, StudiesError, TrialState, Wanted};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use rustix::process::{Pid, test_kill_process};

/// `host:process`.
pub(super) fn of_process() -> String {
    format!("{}:{}", host(), std::process::id())
}

/// `host:process:worker`.
pub(super) fn of_worker(worker: usize) -> String {
    format!("{}:{worker}", of_process())
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "here".to_owned(), |name| name.trim().replace(':', "-"))
}

/// Whether a client was a process of this machine that is no more.
fn is_gone(client: &str) -> bool {
    let mut parts = client.split(':');
    let is_here = parts.next() == Some(host().as_str());
    let process = parts.next().and_then(|text| text.parse().ok());
    let Some(process) = process.and_then(Pid::from_raw) else {
        return false;
    };
    is_here && test_kill_process(process) == Err(rustix::io::Errno::SRCH)
}

/// Takes back the trials of processes that were killed here. Gives their numbers.
///
/// # Errors
/// If the record fails.
pub(super) fn take_back(sql: &mut dyn Sql, study: i64) -> Result<Vec<i64>, StudiesError> {
    let mut numbers = Vec::new();
    for state in [TrialState::Running, TrialState::Stopping] {
        for trial in studies::trials(sql, study, &Wanted::In(state))? {
            if let Some(client) = trial.client.as_deref().filter(|client| is_gone(client)) {
                studies::release(sql, W, trial.id, client)?;
                numbers.push(trial.number);
            }
        }
    }
    Ok(numbers)
}
