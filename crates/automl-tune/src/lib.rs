//! Where to look next: samplers that propose the parameters of the next trial from those of the trials so far.
//!
//! A [`Space`] names the dimensions and their domains, an [`Observation`] is a point with its loss, and a [`Sampler`]
//! is a pure function of the space, the observations, the points under way and a seed: it keeps no state, so a search can
//! be stopped, resumed and replayed.
//!
//! ```
//! use automl_core::{Domain, Seed};
//! use automl_tune::{Observation, Sampler, Space, Tpe};
//!
//! let space = Space::new([("x", Domain::Float { low: -5.0, high: 5.0, log: false })])?;
//! let mut history = Vec::new();
//! for trial in 0..40 {
//!     let point = Tpe::default().suggest(&space, &history, &[], Seed(1).indexed(trial));
//!     let x = point["x"].as_f64().unwrap();
//!     history.push(Observation { point, loss: (x - 2.0).powi(2), cost_seconds: 0.1 });
//! }
//! let best = history.iter().map(|seen| seen.loss).fold(f64::INFINITY, f64::min);
//! assert!(best < 0.05);
//! # Ok::<(), automl_tune::SpaceError>(())
//! ```
//!
//! What this crate must not know: learners, files, threads.

mod auto;
mod local;
mod random;
mod space;
#[cfg(test)]
mod tests;
mod tpe;
mod uniform;

pub use auto::Auto;
pub use local::Local;
pub use random::Random;
pub use space::{Dimension, Space, SpaceError};
pub use tpe::Tpe;

use automl_core::{ParamMap, Seed};

/// A trial that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Where it was; values of dimensions that the space does not have are ignored.
    pub point: ParamMap,
    /// What it lost, less is better; infinite (or not a number) if it failed.
    pub loss: f64,
    /// How long it took.
    pub cost_seconds: f64,
}

/// Proposes points.
pub trait Sampler: Send + Sync {
    /// The next point to try: a value in its domain for every dimension of `space`.
    ///
    /// `history` holds the trials that ended, oldest first, `pending` the points that others are trying now. The result
    /// depends on nothing but the arguments; give each trial a seed of its own. A point that was tried or is being
    /// tried is proposed again only where the space holds no other.
    fn suggest(
        &self,
        space: &Space,
        history: &[Observation],
        pending: &[ParamMap],
        seed: Seed,
    ) -> ParamMap;
}
