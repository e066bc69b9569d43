//! Where to look next: samplers that propose the parameters of the next trial from those of the trials so far.
//!
//! A [`Space`] names the parameters, their domains and conditions; a [`Study`] holds the log of trials; a [`Sampler`] is
//! a pure function of the study and a seed: it keeps no state, so a study can be stopped, resumed and replayed.
//!
//! ```
//! use automl_core::Seed;
//! use automl_tune::{Domain, Objective, Outcome, Parameter, Sampler, Space, Study, Tpe};
//!
//! let space = Space::new([Parameter::new("x", Domain::float(-5.0, 5.0))])?;
//! let mut study = Study::new(space, vec![Objective::minimize("loss")])?;
//! for id in 0..40 {
//!     let point = Tpe::default().suggest(&study, Seed(1).indexed(id));
//!     let x = point["x"].as_f64().unwrap();
//!     study.start(id, point)?;
//!     study.finish(id, Outcome::Complete { values: vec![(x - 2.0).powi(2)], constraints: vec![] })?;
//! }
//! assert!(study.best()[0].values[0] < 0.05);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What this crate must not know: learners, files, threads.

mod algorithm;
mod auto;
mod cma;
mod gp;
mod grid;
pub mod importance;
mod math;
mod nsga2;
mod pareto;
mod random;
mod sampler;
mod sobol;
mod space;
mod stopping;
mod study;
#[cfg(test)]
mod tests;
mod tpe;
mod transfer;
mod turbo;
mod uniform;

pub use algorithm::Algorithm;
pub use auto::Auto;
pub use cma::CmaEs;
pub use gp::Gp;
pub use grid::{BruteForce, Grid};
pub use nsga2::Nsga2;
pub use random::Random;
pub use sampler::Sampler;
pub use sobol::Sobol;
pub use space::{
    Condition, Domain, Forbidden, Linear, Parameter, Prior, Scale, Space, SpaceError, SpaceSpec,
};
pub use stopping::{
    DecayCurve, Hyperband, Patient, Percentile, Stopper, Stopping, SuccessiveHalving, Threshold,
};
pub use study::{Direction, Measurement, Objective, Outcome, State, Study, StudyError, Trial};
pub use tpe::Tpe;
pub use transfer::{Earlier, Source};
pub use turbo::Turbo;
