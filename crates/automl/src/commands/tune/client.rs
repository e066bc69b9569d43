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

/// Whether a name is that of a worker of this process.
pub(super) fn is_own(client: &str) -> bool {
    let rest = client.strip_prefix(OWN.as_str());
    rest.is_some_and(|rest| rest.starts_with(':'))
}

/// A worker as people know it: `process 4711 on host`, or the name that it chose.
pub(super) fn in_words(client: &str) -> String {
    let parts: Vec<&str> = client.split(':').collect();
    match parts[..] {
        [host, _, process, _, _] if process.parse::<u32>().is_ok() => {
            format!("process {process} on {host}")
        }
        _ => format!("'{client}'"),
    }
}

/// The name of a worker.
pub(super) fn of_worker(worker: usize) -> String {
    format!("{}:{worker}", *OWN)
}

/// When a process that lives started, in ticks since the machine did; none if there is no such process, or nobody can tell.
fn start_of(process: &str) -> Option<String> {
    start_in(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// What `/proc/PID/stat` says of the start of a process that lives. One that has ended is there, as a zombie (`Z`, or `X` for
/// a moment), until its parent asks how it ended, which a notebook or a container without an `init` may never do.
fn start_in(about: &str) -> Option<String> {
    // After the name, which may hold anything, the first field is the state and the 20th the start.
    let (_, after) = about.rsplit_once(')')?;
    let mut fields = after.split_whitespace();
    let has_ended = matches!(fields.next()?, "Z" | "X" | "x");
    let start = fields.nth(18).filter(|_| !has_ended)?;
    Some(start.to_owned())
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

    #[test]
    fn a_process_that_has_ended_is_gone_though_nobody_has_asked_how() {
        let about = |state: &str| {
            let others = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18";
            format!("42 (a ) b) {state} {others} 7000 20 21\n")
        };
        assert_eq!(start_in(&about("S")).as_deref(), Some("7000"));
        assert_eq!(start_in(&about("Z")), None);
        assert_eq!(start_in(&about("X")), None);
        let mut child = std::process::Command::new("true").spawn().expect("it runs");
        let process = child.id().to_string();
        let is_gone_soon = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            start_of(&process).is_none()
        });
        let is_there = fs::metadata(format!("/proc/{process}")).is_ok();
        assert!(is_there, "nobody has asked how it ended, so it is a zombie");
        child.wait().expect("it has ended");
        assert!(is_gone_soon);
    }
}
