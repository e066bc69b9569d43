//! Scores of several targets that are classes, taken together, as scikit-learn computes them of a matrix of labels.

use serde::Serialize;

/// One of several targets: the true and the predicted class of each row, as codes.
#[derive(Debug, Clone, Copy)]
pub struct TargetCodes<'a> {
    /// Classes that there are, at least two.
    pub n_classes: usize,
    /// The true class of each row.
    pub actual: &'a [u32],
    /// The predicted class of each row.
    pub predicted: &'a [u32],
}

/// How good the predictions of several targets are together.
///
/// The labels that F1 is of are the positive class of each target of two classes and every class of the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct JointScores {
    /// The share of rows of which every target is right: `accuracy_score` of a matrix of labels.
    pub subset_accuracy: f64,
    /// The share of targets, over all rows, that are wrong: `hamming_loss`.
    pub hamming_loss: f64,
    /// The mean over labels of their F1, which is 0 of a label that is neither there nor predicted.
    pub f1_macro: f64,
    /// F1 of the hits and misses of all labels together.
    pub f1_micro: f64,
}

/// Weights of rows by what a label is and is said to be.
#[derive(Debug, Clone, Copy, Default)]
struct Hits {
    both: f64,
    actual: f64,
    predicted: f64,
}

impl Hits {
    /// `2 TP / (2 TP + FP + FN)`, whose denominator is what is true and what is predicted.
    fn f1(self) -> f64 {
        let all = self.actual + self.predicted;
        if all > 0.0 {
            2.0 * self.both / all
        } else {
            0.0
        }
    }
}

impl JointScores {
    /// The scores of rows whose targets are all known; `None` if there is no target, or no row that weighs anything.
    ///
    /// Cost: one pass over the rows for each target.
    ///
    /// # Panics
    /// If targets or weights differ in their rows.
    pub fn of(targets: &[TargetCodes<'_>], weight: Option<&[f64]>) -> Option<Self> {
        let n_rows = targets.first()?.actual.len();
        let of_row = |row: usize| weight.map_or(1.0, |weight| weight[row]);
        let total: f64 = (0..n_rows).map(of_row).sum();
        if total <= 0.0 {
            return None;
        }
        let mut is_right = vec![true; n_rows];
        let mut wrong = 0.0;
        let mut labels = Vec::new();
        for target in targets {
            let lengths = (target.actual.len(), target.predicted.len());
            assert_eq!(lengths, (n_rows, n_rows), "targets of the same rows");
            let mut hits = vec![Hits::default(); target.n_classes];
            let codes = target.actual.iter().zip(target.predicted);
            for (row, (&actual, &predicted)) in codes.enumerate() {
                let (actual, predicted) = (actual as usize, predicted as usize);
                let weight = of_row(row);
                hits[actual].actual += weight;
                hits[predicted].predicted += weight;
                if actual == predicted {
                    hits[actual].both += weight;
                } else {
                    is_right[row] = false;
                    wrong += weight;
                }
            }
            let first = usize::from(target.n_classes == 2);
            labels.extend(hits.into_iter().skip(first));
        }
        let right: f64 = (0..n_rows).filter(|&row| is_right[row]).map(of_row).sum();
        let sum = labels.iter().fold(Hits::default(), |sum, label| Hits {
            both: sum.both + label.both,
            actual: sum.actual + label.actual,
            predicted: sum.predicted + label.predicted,
        });
        Some(Self {
            subset_accuracy: right / total,
            hamming_loss: wrong / (total * targets.len() as f64),
            f1_macro: labels.iter().map(|label| label.f1()).sum::<f64>() / labels.len() as f64,
            f1_micro: sum.f1(),
        })
    }

    /// The scores by name, in their order.
    pub fn by_name(&self) -> [(&'static str, f64); 4] {
        [
            ("subset_accuracy", self.subset_accuracy),
            ("hamming_loss", self.hamming_loss),
            ("f1_macro", self.f1_macro),
            ("f1_micro", self.f1_micro),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct File {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        n_classes: Vec<usize>,
        actual: Vec<Vec<u32>>,
        predicted: Vec<Vec<u32>>,
        weight: Option<Vec<f64>>,
        scores: [f64; 4],
    }

    #[test]
    fn scores_equal_those_of_scikit_learn() {
        let text = include_str!("../../tests_data/joint_metrics.json");
        let file: File = serde_json::from_str(text).unwrap();
        assert!(!file.cases.is_empty());
        for case in file.cases {
            let targets: Vec<TargetCodes<'_>> = (0..case.n_classes.len())
                .map(|place| TargetCodes {
                    n_classes: case.n_classes[place],
                    actual: &case.actual[place],
                    predicted: &case.predicted[place],
                })
                .collect();
            let found = JointScores::of(&targets, case.weight.as_deref()).unwrap();
            for ((name, found), expected) in found.by_name().into_iter().zip(case.scores) {
                let gap = (found - expected).abs();
                assert!(
                    gap < 1e-12,
                    "{}: {name} {found} is not {expected}",
                    case.name
                );
            }
        }
    }

    #[test]
    fn rows_without_weight_tell_nothing() {
        let target = TargetCodes {
            n_classes: 2,
            actual: &[0, 1],
            predicted: &[0, 1],
        };
        assert_eq!(JointScores::of(&[target], Some(&[0.0, 0.0])), None);
        assert_eq!(JointScores::of(&[], None), None);
    }
}
