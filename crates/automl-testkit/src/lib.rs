//! What every learner must do, as one suite, and small synthetic data to try learners on.
//!
//! A learner crate calls [`check_learner`] in its tests, once a learner; the engine calls it for all of its registry:
//! ```
//! fn it_keeps_the_contract(spec: &'static automl_core::LearnerSpec) {
//!     automl_testkit::check_learner(spec);
//! }
//! ```
//! It panics with the list of properties that do not hold, each with the learner, the task and what was seen.
//!
//! Not checked: that a row of weight zero has no effect at all. It may still shape what is derived from features alone,
//! such as the bins of a histogram; what is checked is that its target has no weight.
//!
//! What this crate must not know: any learner.

mod artifacts;
mod case;
mod checks;
pub mod synthetic;
#[cfg(test)]
mod tests;

use automl_core::{Learner, LearnerSpec, Model, ParamMap};
use case::Case;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A property: its name, and the check of it.
type Check = (&'static str, fn(&Case) -> Result<(), String>);

/// Fails unless the learner has every property of the suite with its default parameters, for each of its tasks.
///
/// # Panics
/// With one line a property that does not hold.
pub fn check_learner(spec: &'static LearnerSpec) {
    check_learner_with(spec, &ParamMap::new());
}

/// [`check_learner`] with other parameters than the defaults, such as fewer trees.
///
/// # Panics
/// With one line a property that does not hold.
pub fn check_learner_with(spec: &'static LearnerSpec, params: &ParamMap) {
    let problems = problems(spec, params);
    assert!(
        problems.is_empty(),
        "{} of the properties of a learner do not hold:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

/// One line for each property that does not hold, naming the learner, the task, the property and what was seen.
pub fn problems(spec: &'static LearnerSpec, params: &ParamMap) -> Vec<String> {
    fn is_shared_between_threads<T: Send + Sync + ?Sized>() {}
    is_shared_between_threads::<dyn Learner>();
    is_shared_between_threads::<dyn Model>();

    let mut problems = Vec::new();
    for &task in spec.capabilities.tasks {
        let case = Case {
            spec,
            task,
            params: params.clone(),
        };
        for (property, check) in checks::all() {
            if let Err(seen) = caught(|| check(&case)) {
                let (id, task) = (spec.id, task.name());
                problems.push(format!("{id}, {task}: {property}: {seen}"));
            }
        }
    }
    if spec.capabilities.tasks.is_empty() {
        problems.push(format!("{}: it does no task", spec.id));
    }
    problems
}

/// The result of `run`, a panic made an error.
fn caught<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("without words")))
    })
}
