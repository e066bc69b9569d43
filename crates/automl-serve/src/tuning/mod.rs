//! Studies whose space is known here: this program proposes what to try next.
//!
//! A [`Spec`] is what a user writes: the space, the objectives, the sampler, the rule of stopping. The record holds it with
//! the trials; a [`Desk`] builds the study of `automl-tune` from them, keeps it, and brings it up to date from the log. What
//! it proposes depends on the spec and the log alone, whichever process asks.
//!
//! A study may learn from earlier ones: what their trials said when it was made is kept with it, so that nothing that happens
//! to them later changes what it proposes.
//!
//! These functions wait for the database: call them on threads that may.

mod desk;
mod error;
mod held;
mod plain;
mod probes;
mod run;
mod spec;
mod told;
mod view;
mod warm;

pub use desk::{Ask, Desk};
pub use error::TuneError;
pub use held::{join, measure_held, tell_held};
pub use plain::typed_point;
pub(crate) use plain::{constraints, is_whole, number, param_value, plain};
pub use probes::probes;
pub use run::{Command, Run};
pub use spec::{Spec, create, go_on, open, recorded, spec_of};
pub(crate) use spec::{VIZIER, create_through};
pub use told::{Tell, add, measure, should_stop, tell};
pub(crate) use told::{params_of, text_of};
pub use view::{best, export, study_view, trial_view};
