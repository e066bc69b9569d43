//! Joining this process to the other ranks of its job.

use crate::mpi::{self, Mpi, MpiError};
use crate::place::{Launcher, Place};
use crate::ranks::Ranks;
use crate::tcp::{self, Meeting};
use automl_core::{Coded, Collective, Solo};
use std::time::Duration;

/// How ranks are joined, and how long to wait for one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transport {
    /// What carries the bytes; `None` is MPI where `mpirun` started the ranks and a library is found, and TCP elsewhere.
    pub kind: Option<TransportKind>,
    /// The MPI library to open, instead of those that are known.
    pub mpi_library: Option<String>,
    /// How long all ranks may take to come together.
    pub start_timeout: Duration,
    /// How long a rank may take to come to a call that another one is in.
    pub timeout: Duration,
}

/// What carries the bytes between processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportKind {
    /// Open MPI or MPICH, found when the program runs.
    Mpi,
    /// A connection between each two ranks.
    Tcp,
}

impl Default for Transport {
    /// Chosen by what is there; five minutes to come together, ten in a call.
    fn default() -> Self {
        Self {
            kind: None,
            mpi_library: None,
            start_timeout: Duration::from_mins(5),
            timeout: Duration::from_mins(10),
        }
    }
}

/// Why ranks could not be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// MPI is not found or does not start.
    #[error("rank {rank} cannot use MPI: {reason}")]
    Mpi {
        /// This rank.
        rank: usize,
        /// What was tried or said.
        reason: String,
    },
    /// MPI knows another rank than the launcher.
    #[error(
        "{launcher} started rank {rank} of {size}, and {library} says that it is rank {found_rank} of {found_size}"
    )]
    OtherMpi {
        /// Who started the rank.
        launcher: &'static str,
        /// The rank as started.
        rank: usize,
        /// The number of ranks as started.
        size: usize,
        /// The library.
        library: String,
        /// The rank as MPI has it.
        found_rank: usize,
        /// The number of ranks as MPI has it.
        found_size: usize,
    },
    /// Nobody says where rank 0 listens.
    #[error("nobody says where rank 0 of {size} ranks listens")]
    NoAddress {
        /// The number of ranks.
        size: usize,
    },
    /// The ranks did not come together.
    #[error("rank {rank} of {size} could not join the others: {reason}")]
    Meeting {
        /// This rank.
        rank: usize,
        /// The number of ranks.
        size: usize,
        /// What went wrong.
        reason: String,
    },
}

impl Coded for StartError {
    fn code(&self) -> &'static str {
        match self {
            Self::Mpi { .. } => "ranks-mpi",
            Self::OtherMpi { .. } => "ranks-other-mpi",
            Self::NoAddress { .. } => "ranks-no-address",
            Self::Meeting { .. } => "ranks-meeting",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Mpi { .. } => {
                "name the library in AUTOML_MPI_LIBRARY, or join the ranks by TCP: set MASTER_ADDR and MASTER_PORT"
            }
            Self::OtherMpi { .. } => {
                "the library is not that of the launcher: name the right one in AUTOML_MPI_LIBRARY"
            }
            Self::NoAddress { .. } => {
                "set MASTER_ADDR and MASTER_PORT to a machine and a free port of rank 0"
            }
            Self::Meeting { .. } => {
                "see what the other ranks say, and whether a firewall is between them"
            }
        };
        Some(hint.to_owned())
    }
}

/// Joins this process to the others. Returns when all have come.
///
/// # Errors
/// MPI is not there where it is asked for, or the ranks do not find one another.
pub fn start(place: &Place, transport: &Transport) -> Result<Box<dyn Collective>, StartError> {
    if place.size == 1 {
        return Ok(Box::new(Solo));
    }
    let has_address = place.address.is_some();
    match transport.kind {
        Some(TransportKind::Mpi) => start_mpi(place, transport),
        Some(TransportKind::Tcp) => start_tcp(place, transport),
        None if !place.launcher.has_mpi() => start_tcp(place, transport),
        None => match open_mpi(place, transport) {
            Err(MpiError::Missing { .. }) if has_address => start_tcp(place, transport),
            opened => joined(place, transport, opened),
        },
    }
}

fn start_tcp(place: &Place, transport: &Transport) -> Result<Box<dyn Collective>, StartError> {
    let (rank, size) = (place.rank, place.size);
    let Some((host, port)) = &place.address else {
        return Err(StartError::NoAddress { size });
    };
    let meeting = Meeting {
        rank,
        size,
        host,
        port: *port,
        job: &place.job,
        start_timeout: transport.start_timeout,
        timeout: transport.timeout,
    };
    let link = tcp::meet(&meeting).map_err(|reason| StartError::Meeting { rank, size, reason })?;
    Ok(Box::new(Ranks::new(Box::new(link))))
}

fn start_mpi(place: &Place, transport: &Transport) -> Result<Box<dyn Collective>, StartError> {
    joined(place, transport, open_mpi(place, transport))
}

fn open_mpi(place: &Place, transport: &Transport) -> Result<Box<dyn mpi::Messages>, MpiError> {
    let named = transport.mpi_library.iter().cloned();
    let names: Vec<String> = if transport.mpi_library.is_some() {
        named.collect()
    } else {
        libraries(place.launcher)
            .iter()
            .map(|&name| name.to_owned())
            .collect()
    };
    mpi::open(&names)
}

fn joined(
    place: &Place,
    transport: &Transport,
    opened: Result<Box<dyn mpi::Messages>, MpiError>,
) -> Result<Box<dyn Collective>, StartError> {
    let messages = opened.map_err(|error| StartError::Mpi {
        rank: place.rank,
        reason: error.to_string(),
    })?;
    if (messages.rank(), messages.size()) != (place.rank, place.size) {
        return Err(StartError::OtherMpi {
            launcher: place.launcher.name(),
            rank: place.rank,
            size: place.size,
            library: messages.version().to_owned(),
            found_rank: messages.rank(),
            found_size: messages.size(),
        });
    }
    Ok(Box::new(Ranks::new(Box::new(Mpi::new(
        messages,
        transport.timeout,
    )))))
}

/// The names of MPI libraries, that of the launcher first: Open MPI's, then those of the MPICH ABI.
fn libraries(launcher: Launcher) -> &'static [&'static str] {
    match launcher {
        Launcher::Pmi => &[
            "libmpich.so.12",
            "libmpi.so.12",
            "libmpi.so",
            "libmpi.so.40",
        ],
        _ => &[
            "libmpi.so.40",
            "libmpi.so",
            "libmpich.so.12",
            "libmpi.so.12",
        ],
    }
}
