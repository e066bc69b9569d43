//! Whether two models say the same of rows, and how far what they say is apart: for deployments in the shadow.
//!
//! Of classes the decided one is compared, by its name: what callers are told is the same, however much probabilities differ. Numbers
//! are the same if they differ by less than sums of the same terms in another order do. Of several targets and of quantiles all must be the
//! same; quantiles of other levels never are.

use super::batch::Predicted;
use automl_core::{Level, Predictions, Task};

/// How far numbers may be apart, beside the greater of them, and near zero.
const RELATIVE: f64 = 1e-9;
const ABSOLUTE: f64 = 1e-12;

/// What was found of each row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compared {
    /// Whether the same is said.
    pub(crate) agrees: Vec<bool>,
    /// How far it is apart: of classes the greatest difference of a probability; of numbers that are not the same the greatest,
    /// beside the greater of the two. None where other targets or classes are predicted.
    pub(crate) differences: Vec<f64>,
}

/// What a model says of rows, and as what.
type Said<'a> = (&'a Predicted, &'a Task);

/// Compares what two models say of the same rows.
pub(crate) fn compared(answered: Said<'_>, other: Said<'_>) -> Compared {
    let n_rows = answered.0.predictions.n_rows();
    let mut found = Compared {
        agrees: vec![true; n_rows],
        differences: vec![0.0; n_rows],
    };
    let (first, second) = (parts(answered), parts(other));
    let are_alike = other.0.predictions.n_rows() == n_rows
        && first.len() == second.len()
        && (first.iter().zip(&second)).all(|(one, two)| one.is_like(two));
    if !are_alike {
        return Compared {
            agrees: vec![false; n_rows],
            differences: Vec::new(),
        };
    }
    let has_other_classes =
        (first.iter().zip(&second)).any(|(one, two)| one.classes != two.classes);
    for (one, two) in first.iter().zip(&second) {
        for row in 0..n_rows {
            found.agrees[row] &= one.agrees(two, row);
            found.differences[row] = found.differences[row].max(one.difference(two, row));
        }
    }
    if has_other_classes {
        // Probabilities of other classes are not apart, but not the same thing.
        found.differences.clear();
    }
    found
}

/// What is said of one target.
struct Part<'a> {
    target: &'a str,
    classes: &'a [String],
    levels: &'a [Level],
    predictions: Predictions,
    codes: Vec<u32>,
}

/// All targets; one without a name where the task has no several.
fn parts<'a>((predicted, task): Said<'a>) -> Vec<Part<'a>> {
    let targets = task.targets();
    if targets.is_empty() {
        return vec![Part {
            target: "",
            classes: task.classes(),
            levels: task.levels(),
            predictions: predicted.predictions.clone(),
            codes: predicted.codes.clone(),
        }];
    }
    let part = |(place, one): (usize, &'a automl_core::TargetTask)| Part {
        target: &one.target,
        classes: one.task.classes(),
        levels: one.task.levels(),
        predictions: predicted.predictions.of_target(place),
        codes: (predicted.codes.iter().skip(place))
            .step_by(targets.len())
            .copied()
            .collect(),
    };
    targets.iter().enumerate().map(part).collect()
}

impl Part<'_> {
    /// Whether the other says something of the same kind of the same target.
    fn is_like(&self, other: &Self) -> bool {
        let has_classes = !self.classes.is_empty();
        self.target == other.target
            && self.levels == other.levels
            && has_classes != other.classes.is_empty()
            && (has_classes || self.predictions.width() == other.predictions.width())
    }

    fn numbers(&self, row: usize) -> &[f64] {
        let width = self.predictions.width();
        let values = self.predictions.values();
        values.get(row * width..(row + 1) * width).unwrap_or(&[])
    }

    fn class(&self, row: usize) -> Option<&str> {
        let code = *self.codes.get(row)? as usize;
        self.classes.get(code).map(String::as_str)
    }

    fn agrees(&self, other: &Self, row: usize) -> bool {
        if !self.classes.is_empty() {
            return self.class(row) == other.class(row);
        }
        let mut pairs = self.numbers(row).iter().zip(other.numbers(row));
        pairs.all(|(one, two)| is_close(*one, *two))
    }

    fn difference(&self, other: &Self, row: usize) -> f64 {
        let pairs = self.numbers(row).iter().zip(other.numbers(row));
        let apart = pairs.map(|(one, two)| {
            let are_numbers = self.classes.is_empty();
            if one == two || (are_numbers && is_close(*one, *two)) {
                return 0.0;
            }
            let greater = if are_numbers {
                one.abs().max(two.abs())
            } else {
                1.0
            };
            // What is no number is as far from one as can be.
            let apart = (one - two).abs() / greater;
            if apart.is_finite() { apart } else { 1.0 }
        });
        apart.fold(0.0, f64::max)
    }
}

fn is_close(one: f64, two: f64) -> bool {
    if one == two || (one.is_nan() && two.is_nan()) {
        return true;
    }
    (one - two).abs() <= (RELATIVE * one.abs().max(two.abs())).max(ABSOLUTE)
}

#[cfg(test)]
mod tests {
    use super::super::batch::About;
    use super::*;
    use automl_core::TargetTask;

    fn said(predictions: Predictions, codes: &[u32]) -> Predicted {
        Predicted {
            predictions,
            codes: codes.to_vec(),
            intervals: Vec::new(),
            explanation: None,
            explained_in: None,
            about: About::default(),
        }
    }

    fn binary(classes: [&str; 2]) -> Task {
        Task::Binary {
            classes: classes.map(str::to_owned).to_vec(),
        }
    }

    fn classes(yes: &[f64], codes: &[u32]) -> Predicted {
        let values = yes.iter().flat_map(|yes| [1.0 - yes, *yes]);
        let predictions = Predictions::Probabilities {
            n_classes: 2,
            values: values.collect(),
        };
        said(predictions, codes)
    }

    fn numbers(values: &[f64]) -> Predicted {
        said(Predictions::Numbers(values.to_vec()), &[])
    }

    #[test]
    fn classes_agree_where_the_same_is_decided() {
        let task = binary(["no", "yes"]);
        let (one, two) = (
            classes(&[0.25, 0.5], &[0, 0]),
            classes(&[0.375, 0.75], &[0, 1]),
        );
        let found = compared((&one, &task), (&two, &task));
        assert_eq!(found.agrees, [true, false]);
        assert_eq!(found.differences, [0.125, 0.25]);
        // The same classes in another order are the same by name.
        let turned = binary(["yes", "no"]);
        let other = classes(&[0.75, 0.5], &[1, 1]);
        let found = compared((&one, &task), (&other, &turned));
        assert_eq!(found.agrees, [true, true]);
        assert_eq!(found.differences, Vec::<f64>::new());
    }

    #[test]
    fn numbers_agree_where_only_their_last_digits_differ() {
        let task = Task::Regression;
        let one = numbers(&[0.1 + 0.2, 1e6, 0.0, f64::NAN, 1.0, f64::INFINITY]);
        let two = numbers(&[0.3, 1e6 + 0.01, 1e-15, f64::NAN, f64::NAN, f64::INFINITY]);
        let found = compared((&one, &task), (&two, &task));
        assert_eq!(found.agrees, [true, false, true, true, false, true]);
        assert!((found.differences[1] - 1e-8).abs() < 1e-12);
        assert_eq!(found.differences[3..], [0.0, 1.0, 0.0]);
    }

    #[test]
    fn what_is_no_prediction_of_the_same_never_agrees() {
        let (one, two) = (numbers(&[1.0, 2.0]), classes(&[0.5, 0.5], &[0, 0]));
        let task = binary(["no", "yes"]);
        let found = compared((&one, &Task::Regression), (&two, &task));
        assert_eq!(found.agrees, [false, false]);
        assert_eq!(found.differences, Vec::<f64>::new());
        let fewer = numbers(&[1.0]);
        let found = compared((&one, &Task::Regression), (&fewer, &Task::Regression));
        assert_eq!(found.agrees, [false, false]);
    }

    #[test]
    fn quantiles_agree_where_all_levels_are_the_same_and_say_the_same() {
        let task = |shares: [f64; 2]| Task::Quantile {
            levels: shares.map(|share| Level::try_from(share).unwrap()).to_vec(),
        };
        let rows = |task: &Task, values: &[f64]| {
            let predictions = Predictions::Quantiles {
                levels: task.levels().into(),
                values: values.to_vec(),
            };
            said(predictions, &[])
        };
        let (wide, narrow) = (task([0.1, 0.9]), task([0.2, 0.8]));
        let one = rows(&wide, &[1.0, 8.0, 1.0, 8.0]);
        let two = rows(&wide, &[1.0, 8.0, 1.0, 4.0]);
        let found = compared((&one, &wide), (&two, &wide));
        assert_eq!(found.agrees, [true, false]);
        assert_eq!(found.differences, [0.0, 0.5]);
        let other = rows(&narrow, &[1.0, 8.0, 1.0, 8.0]);
        let found = compared((&one, &wide), (&other, &narrow));
        assert_eq!(found.agrees, [false, false]);
        assert_eq!(found.differences, Vec::<f64>::new());
    }

    #[test]
    fn of_several_targets_all_must_be_the_same() {
        let target = |name: &str, task| TargetTask {
            target: name.into(),
            task,
        };
        let task = Task::MultiOutput {
            targets: vec![
                target("churned", binary(["no", "yes"])),
                target("fee", Task::Regression),
            ],
        };
        let rows = |values: &[[f64; 3]], codes: &[u32]| {
            let predictions = Predictions::Several {
                widths: [2, 1].into(),
                values: values.concat(),
            };
            said(predictions, codes)
        };
        let one = rows(&[[0.75, 0.25, 8.0], [0.75, 0.25, 8.0]], &[0, 0, 0, 0]);
        let two = rows(&[[0.5, 0.5, 8.0], [0.75, 0.25, 6.0]], &[0, 0, 0, 0]);
        let found = compared((&one, &task), (&two, &task));
        assert_eq!(found.agrees, [true, false]);
        assert_eq!(found.differences, [0.25, 0.25]);
    }
}
