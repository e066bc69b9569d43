//! The ranks of a job: which one this process is, and those that it starts on this machine.

mod local;

pub(crate) use local::{LocalRanks, run_local};

use automl_collective::{Place, Transport, TransportKind, start};
use automl_core::Collective;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long a rank may take to come to a call, in seconds.
const TIMEOUT: &str = "AUTOML_RANK_TIMEOUT";
/// `mpi` or `tcp`, instead of what is there.
const TRANSPORT: &str = "AUTOML_TRANSPORT";
/// The MPI library to open.
const MPI_LIBRARY: &str = "AUTOML_MPI_LIBRARY";
/// The process that started the ranks of this machine.
const LAUNCHER: &str = "AUTOML_LAUNCHER_PID";
/// Between two looks whether that process lives.
const LOOK: Duration = Duration::from_millis(500);

/// Which rank this process is, if a launcher started it.
///
/// # Errors
/// Variables that contradict one another.
pub(crate) fn place() -> anyhow::Result<Option<Place>> {
    Ok(Place::from_variables(variable)?)
}

/// Joins this process to the other ranks.
///
/// # Errors
/// They do not come together, or the environment asks for what is not there.
pub(crate) fn join(place: &Place) -> anyhow::Result<Arc<dyn Collective>> {
    let transport = transport(variable)?;
    Ok(start(place, &transport)?.into())
}

/// Calls `on_orphaned` when the process that started this one as a rank is gone.
pub(crate) fn watch_launcher(on_orphaned: impl FnOnce() + Send + 'static) {
    let Some(launcher) = variable(LAUNCHER).and_then(|id| id.parse().ok()) else {
        return;
    };
    let launcher = rustix::process::Pid::from_raw(launcher);
    thread::spawn(move || {
        while rustix::process::getppid() == launcher {
            thread::sleep(LOOK);
        }
        on_orphaned();
    });
}

#[expect(
    clippy::disallowed_methods,
    reason = "launchers speak to ranks by the environment, which the binary reads"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn transport(lookup: impl Fn(&str) -> Option<String>) -> Result<Transport, RanksError> {
    let mut transport = Transport {
        mpi_library: lookup(MPI_LIBRARY).filter(|name| !name.is_empty()),
        ..Transport::default()
    };
    let wrong = |name, value: String, expected| RanksError::Variable {
        name,
        value,
        expected,
    };
    if let Some(value) = lookup(TRANSPORT) {
        transport.kind = Some(match value.as_str() {
            "mpi" => TransportKind::Mpi,
            "tcp" => TransportKind::Tcp,
            _ => return Err(wrong(TRANSPORT, value, "mpi or tcp")),
        });
    }
    if let Some(value) = lookup(TIMEOUT) {
        match value.parse() {
            Ok(seconds) if seconds > 0 => transport.timeout = Duration::from_secs(seconds),
            _ => return Err(wrong(TIMEOUT, value, "seconds above 0")),
        }
    }
    Ok(transport)
}

/// What is wrong with the ranks of a job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RanksError {
    #[error("the variable {name} is '{value}', not {expected}")]
    Variable {
        name: &'static str,
        value: String,
        expected: &'static str,
    },
    #[error("{asked} ranks were asked for, and {launcher} started {found}")]
    Number {
        asked: usize,
        found: usize,
        launcher: &'static str,
    },
    #[error("rank {rank} {how}{}", after(*n_restarts))]
    Failed {
        rank: usize,
        how: String,
        n_restarts: u32,
        code: Option<u8>,
    },
}

fn after(n_restarts: u32) -> String {
    match n_restarts {
        0 => String::new(),
        1 => ", after all ranks had started again once".to_owned(),
        n => format!(", after all ranks had started again {n} times"),
    }
}

impl automl_core::Coded for RanksError {
    fn code(&self) -> &'static str {
        match self {
            Self::Variable { .. } => "ranks-variable-value",
            Self::Number { .. } => "ranks-number",
            // What was wrong with the input, a rank has said.
            Self::Failed { code: Some(2), .. } => "ranks-refused",
            Self::Failed { .. } => "ranks-failed",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Number { .. } => Some("leave --ranks out under a launcher".into()),
            Self::Failed { code: Some(2), .. } | Self::Variable { .. } => None,
            Self::Failed { .. } => {
                Some("see what it said above; `--resume` goes on from the last checkpoint".into())
            }
        }
    }
}

#[cfg(test)]
use local::supervise;
#[cfg(test)]
mod tests;
