//! Studies: searches for good parameters, shared by any number of workers, and all that was told of their trials.
//!
//! A study says what it makes better; a trial is one point and what came of it. Each write checks the state it changes,
//! changes it, and adds an event to the log of the study, in one transaction; so the log only grows, its order is that in
//! which things happened, and whoever read it up to some place reads on from there. What protocols send beyond what is
//! understood here, such as distributions, is kept as it came.
//!
//! A running trial may be held by a lease, which its worker renews. One whose worker is gone waits again for another, and
//! has failed once it was lost more often than the study allows.

mod distribution;
mod error;
mod figures;
mod leases;
mod log;
mod study;
#[cfg(test)]
mod tests;
mod trial;
mod write;

pub(crate) use distribution::difference as distribution_difference;
pub use error::StudiesError;
pub use leases::{beat, claim, expire, expire_all, lease_all, lease_new, release, renew};
pub use log::{Event, events_since, hold, trials_of_request};
pub use study::{
    Direction, NewStudy, Objective, Study, StudyState, attributes, by_name, create, delete, get,
    list, of_trial, set_attribute, set_spec, set_state,
};
pub use trial::{
    Attribute, Measurement, Param, Trial, TrialState, Wanted, id_of_number, running_of, trial,
    trials,
};
pub use write::{
    Change, NewTrial, add_trial, change, delete_trial, measure, measure_also, set_param, set_times,
    set_trial_attribute, stop,
};
