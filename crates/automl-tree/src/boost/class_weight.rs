//! How much rows of each class count beside their own weight.

use super::rows::Rows;
use crate::gradient_boosting::GradientBoostingParams;
use automl_core::{ParamError, Params, Task};

/// How classes are weighed against each other.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassWeight {
    /// Each row by its own weight.
    None,
    /// All classes alike: the rows of a class together weigh as much as those of any other, and all as much as before.
    Balanced,
}

/// A factor for the weight of each class's rows; none if all are 1.
pub(super) fn factors(
    params: &GradientBoostingParams,
    task: &Task,
    rows: &Rows,
) -> Result<Option<Vec<f64>>, ParamError> {
    let conflict = |name: &str, reason: &str| ParamError::Conflict {
        name: name.to_owned(),
        value: params.get(name).expect("it is a parameter"),
        reason: reason.to_owned(),
    };
    let is_balanced = params.class_weight == ClassWeight::Balanced;
    let is_scaled = params.scale_pos_weight != 1.0;
    if is_balanced && is_scaled {
        let reason = "weighs classes that class_weight = balanced weighs already";
        return Err(conflict("scale_pos_weight", reason));
    }
    match task {
        Task::Binary { .. } if is_scaled => Ok(Some(vec![1.0, params.scale_pos_weight])),
        Task::Binary { .. } | Task::Multiclass { .. } if is_balanced => {
            Ok(Some(balanced(task.n_classes(), rows)))
        }
        _ if is_scaled => Err(conflict("scale_pos_weight", "is for two classes")),
        _ if is_balanced => Err(conflict("class_weight", "is for classes, not for numbers")),
        _ => Ok(None),
    }
}

/// `total / (classes that have weight × weight of the class)`.
fn balanced(n_classes: usize, rows: &Rows) -> Vec<f64> {
    let mut weights = vec![0.0; n_classes];
    for (row, &class) in rows.targets.iter().enumerate() {
        weights[class as usize] += rows.weights.as_ref().map_or(1.0, |weights| weights[row]);
    }
    let total: f64 = weights.iter().sum();
    let n_present = weights.iter().filter(|&&weight| weight > 0.0).count() as f64;
    let factor = |&weight: &f64| {
        if weight > 0.0 {
            total / (n_present * weight)
        } else {
            1.0
        }
    };
    weights.iter().map(factor).collect()
}
