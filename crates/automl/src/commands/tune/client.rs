//! By which name a worker asks, so that another process on this machine knows whether it lives.

use crate::record::host;
use automl_store::db::Sql;
use automl_store::studies::{self, StudiesError, TrialState, Wanted};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use std::fs;
use std::sync::LazyLock;

/// `host:place:process:start`: the place is where numbers of processes mean the same, and the start tells processes of one
/// number apart.
static OWN: LazyLock<String> = LazyLock::new(|| {
    let process = std::process::id();
    let start = start_of(&process.to_string()).unwrap_or_default();
    format!("{}:{process}:{start}", *HERE)
});

/// `host:place`.
static HERE: LazyLock<String> = LazyLock::new(|| {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let place = format!("{boot}{}", space.display());
    let place = automl_store::hex_sha256(place.as_bytes());
    format!("{}:{}", host().replace(':', "-"), &place[..8])
});

/// The name that all workers of this process begin with.
pub(super) fn of_process() -> &'static str {
    &OWN
}

/// The name of a worker.
pub(super) fn of_worker(worker: usize) -> String {
    format!("{}:{worker}", *OWN)
}

/// When a process started, in ticks since the machine did; none if there is no such process, or nobody can tell.
fn start_of(process: &str) -> Option<String> {
    let about = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // After the name, which may hold anything, the 20th field is the start.
    let (_, after) = about.rsplit_once(')')?;
    after.split_whitespace().nth(19).map(str::to_owned)
}

/// Whether a client was a process of this machine that is no more.
fn is_gone(client: &str) -> bool {
    let Some(rest) = client.strip_prefix(HERE.as_str()) else {
        return false;
    };
    let mut parts = rest.trim_start_matches(':').split(':');
    let (Some(process), Some(start)) = (parts.next(), parts.next()) else {
        return false;
    };
    // Where nobody can tell when a process started, none is thought to be gone.
    let can_tell = start_of(&std::process::id().to_string()).is_some() && !start.is_empty();
    can_tell && start_of(process).as_deref() != Some(start)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_gone_if_it_was_here_and_another_one_has_its_number_or_none() {
        assert!(!is_gone(&of_worker(3)));
        let process = std::process::id();
        assert!(is_gone(&format!("{}:{process}:1:0", *HERE)));
        assert!(is_gone(&format!("{}:999999999:5:0", *HERE)));
        assert!(!is_gone(&format!("elsewhere:{}:1:0", std::process::id())));
        for foreign in ["", "me", "notebook:3", HERE.as_str()] {
            assert!(!is_gone(foreign), "{foreign}");
        }
    }
}
