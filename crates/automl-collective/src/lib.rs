//! Ranks joined: [`automl_core::Collective`] over threads of one process, over MPI and over TCP.
//!
//! A [`Link`](link) carries frames of bytes between two ranks; there are three of them. What ranks do together (sums,
//! gathering, broadcasts) is written once on top of it, so the order of sums, the checks and the errors are the same
//! whoever carries the bytes. MPI is found when the program runs; none is needed to build it, or to run without it.
//!
//! ```
//! use automl_collective::threads;
//! use automl_core::Collective;
//! use std::time::Duration;
//!
//! let sums: Vec<i64> = std::thread::scope(|scope| {
//!     let ranks = threads(4, Duration::from_secs(10)).into_iter();
//!     let workers: Vec<_> = ranks
//!         .map(|rank| {
//!             scope.spawn(move || {
//!                 let mut value = [rank.rank() as i64];
//!                 rank.all_reduce_i64(&mut value).map(|()| value[0])
//!             })
//!         })
//!         .collect();
//!     workers.into_iter().map(|one| one.join().unwrap().unwrap()).collect()
//! });
//! assert_eq!(sums, [6; 4]);
//! ```
//!
//! What this crate must not know: models, files, the environment: who starts a job passes in how to look a variable up.

mod inbox;
mod levels;
mod link;
mod local;
mod mpi;
mod place;
mod ranks;
mod start;
mod tcp;
mod words;

pub use levels::same_levels;
pub use local::threads;
pub use place::{Launcher, Place, PlaceError};
pub use ranks::Ranks;
pub use start::{StartError, Transport, TransportKind, start};

#[cfg(test)]
mod tests;
