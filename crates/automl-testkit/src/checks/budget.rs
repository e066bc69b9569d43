//! Limits end a fit with what there is, or with an error that says so.

use crate::Check;
use crate::case::{Case, Setup};
use automl_core::{Budget, CancelToken, Deadline, FitError, MemoryLimit};
use std::time::Duration;

pub(super) const CHECKS: &[Check] = &[
    ("a cancelled fit ends", ends_when_cancelled),
    ("a fit past its deadline ends", ends_at_deadline),
    ("a memory limit is refused or kept", minds_memory),
];

fn ends_when_cancelled(case: &Case) -> Result<(), String> {
    let cancel = CancelToken::default();
    cancel.cancel();
    ends(
        case,
        Budget {
            cancel,
            ..Budget::unlimited()
        },
    )
}

fn ends_at_deadline(case: &Case) -> Result<(), String> {
    let deadline = Deadline::after(Duration::ZERO);
    ends(
        case,
        Budget {
            deadline,
            ..Budget::unlimited()
        },
    )
}

fn minds_memory(case: &Case) -> Result<(), String> {
    let memory = MemoryLimit(Some(1));
    ends(
        case,
        Budget {
            memory,
            ..Budget::unlimited()
        },
    )
}

/// A valid model or the right error.
fn ends(case: &Case, budget: Budget) -> Result<(), String> {
    let data = case.data(150);
    let has_memory_limit = budget.memory.0.is_some();
    let setup = Setup {
        budget,
        ..Setup::default()
    };
    match case.try_fit(&data, &setup) {
        Ok(fitted) => case
            .predict(fitted.model.as_ref(), data.table())
            .map(|_| ()),
        Err(FitError::Cancelled) if !has_memory_limit => Ok(()),
        Err(FitError::Memory { .. }) if has_memory_limit => Ok(()),
        Err(other) => Err(format!("ends with '{other}'")),
    }
}
