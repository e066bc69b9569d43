//! What a model says of each row.

#[cfg(test)]
mod tests;

use crate::{Decision, Level};
use std::sync::Arc;

/// One prediction a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Predictions {
    /// Regression: a finite number a row.
    Numbers(Vec<f64>),
    /// Classification: `n_classes` probabilities a row, row-major, each row summing to 1.
    Probabilities {
        /// Number of classes, at least 2.
        n_classes: usize,
        /// `n_rows × n_classes` values.
        values: Vec<f64>,
    },
    /// Quantiles: a finite number for each level, row-major, no row falling.
    Quantiles {
        /// The probabilities that the target lies below them, rising.
        levels: Arc<[Level]>,
        /// `n_rows × levels` values.
        values: Vec<f64>,
    },
    /// Several targets: what is said of each, one behind the other, row-major.
    Several {
        /// Values a row of each target: 1 for a number, the number of classes for probabilities.
        widths: Arc<[usize]>,
        /// `n_rows × the sum of widths` values.
        values: Vec<f64>,
    },
}

impl Predictions {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Probabilities { n_classes, values } => values.len() / n_classes,
            Self::Quantiles { levels, values } => values.len() / levels.len(),
            Self::Several { values, .. } => values.len() / self.width(),
        }
    }

    /// Values a row: 1 for numbers, the number of classes for probabilities, that of levels for quantiles, and for several
    /// targets the sum of theirs.
    pub fn width(&self) -> usize {
        match self {
            Self::Numbers(_) => 1,
            Self::Probabilities { n_classes, .. } => *n_classes,
            Self::Quantiles { levels, .. } => levels.len(),
            Self::Several { widths, .. } => widths.iter().sum(),
        }
    }

    /// What is said of several targets by one model each, side by side.
    ///
    /// # Panics
    /// If there is none, one is neither numbers nor probabilities, or they differ in their rows.
    pub fn side_by_side(parts: &[Self]) -> Self {
        let n_rows = parts.first().expect("there is a target").n_rows();
        let widths: Arc<[usize]> = parts.iter().map(Self::width).collect();
        let is_of_target =
            |part: &Self| matches!(part, Self::Numbers(_) | Self::Probabilities { .. });
        assert!(parts.iter().all(is_of_target), "numbers or classes");
        assert!(
            parts.iter().all(|part| part.n_rows() == n_rows),
            "predictions of the same rows"
        );
        let mut values = Vec::with_capacity(n_rows * widths.iter().sum::<usize>());
        for row in 0..n_rows {
            for (part, width) in parts.iter().zip(widths.iter()) {
                values.extend_from_slice(&part.values()[row * width..(row + 1) * width]);
            }
        }
        Self::Several { widths, values }
    }

    /// What is said of one of several targets: numbers, or probabilities.
    ///
    /// # Panics
    /// If these are not predictions of several targets, or not of so many.
    pub fn of_target(&self, place: usize) -> Self {
        let Self::Several { widths, values } = self else {
            panic!("predictions of several targets");
        };
        let width = widths[place];
        let start: usize = widths[..place].iter().sum();
        let rows = values.chunks_exact(self.width());
        let own = rows.flat_map(|row| &row[start..start + width]).copied();
        match width {
            1 => Self::Numbers(own.collect()),
            n_classes => Self::Probabilities {
                n_classes,
                values: own.collect(),
            },
        }
    }

    /// All values, row-major, `n_rows × width`.
    pub fn values(&self) -> &[f64] {
        match self {
            Self::Numbers(values)
            | Self::Probabilities { values, .. }
            | Self::Quantiles { values, .. }
            | Self::Several { values, .. } => values,
        }
    }

    /// All values to change in place.
    pub fn values_mut(&mut self) -> &mut [f64] {
        match self {
            Self::Numbers(values)
            | Self::Probabilities { values, .. }
            | Self::Quantiles { values, .. }
            | Self::Several { values, .. } => values,
        }
    }

    /// Predictions of the same kind for `n_rows` rows, all zero: a sum to add to.
    pub fn zeros_like(&self, n_rows: usize) -> Self {
        self.with_values(vec![0.0; n_rows * self.width()])
    }

    /// Predictions of the same kind with these values, row-major.
    ///
    /// # Panics
    /// If the values are not those of whole rows.
    #[must_use]
    pub fn with_values(&self, values: Vec<f64>) -> Self {
        assert_eq!(values.len() % self.width(), 0, "values of whole rows");
        match self {
            Self::Numbers(_) => Self::Numbers(values),
            Self::Probabilities { n_classes, .. } => Self::Probabilities {
                n_classes: *n_classes,
                values,
            },
            Self::Quantiles { levels, .. } => Self::Quantiles {
                levels: levels.clone(),
                values,
            },
            Self::Several { widths, .. } => Self::Several {
                widths: widths.clone(),
                values,
            },
        }
    }

    /// Puts predictions for further rows behind these; both must be of one kind and width.
    pub fn append(&mut self, part: Self) {
        assert_eq!(self.width(), part.width(), "predictions of one width");
        match (self, part) {
            (Self::Numbers(all), Self::Numbers(part)) => all.extend(part),
            (Self::Probabilities { values, .. }, Self::Probabilities { values: part, .. })
            | (Self::Quantiles { values, .. }, Self::Quantiles { values: part, .. })
            | (Self::Several { values, .. }, Self::Several { values: part, .. }) => {
                values.extend(part);
            }
            _ => panic!("predictions of one kind"),
        }
    }

    /// `self += factor × other`, element by element; both must be of one shape.
    pub fn add_scaled(&mut self, factor: f64, other: &Self) {
        assert_eq!(
            self.values().len(),
            other.values().len(),
            "predictions of one shape"
        );
        for (sum, value) in self.values_mut().iter_mut().zip(other.values()) {
            *sum += factor * value;
        }
    }

    /// The predicted class of each row. Empty for numbers and quantiles; for several targets, one code a row and target, row by
    /// row, which is 0 where the target is a number.
    ///
    /// # Panics
    /// If costs or thresholds of another number of classes decide, or another number of decisions than there are targets.
    pub fn class_codes_by(&self, decision: &Decision) -> Vec<u32> {
        match (self, decision) {
            (
                Self::Probabilities {
                    n_classes: 2,
                    values,
                },
                Decision::Above(threshold),
            ) => {
                let rows = values.chunks_exact(2);
                rows.map(|row| u32::from(row[1] > *threshold)).collect()
            }
            (Self::Probabilities { n_classes, values }, Decision::Relative(thresholds)) => {
                let rows = values.chunks_exact(*n_classes);
                rows.map(|row| thresholds.class_of(row)).collect()
            }
            (Self::Probabilities { n_classes, values }, Decision::Cheapest(costs)) => {
                let rows = values.chunks_exact(*n_classes);
                rows.map(|row| costs.cheapest(row)).collect()
            }
            (Self::Several { widths, .. }, Decision::Each(decisions)) => {
                assert_eq!(widths.len(), decisions.len(), "a decision for each target");
                self.codes_of_targets(|place| &decisions[place])
            }
            _ => self.class_codes(),
        }
    }

    /// The codes of several targets, row by row.
    fn codes_of_targets<'a>(&self, decision: impl Fn(usize) -> &'a Decision) -> Vec<u32> {
        let Self::Several { widths, .. } = self else {
            return Vec::new();
        };
        let n_targets = widths.len();
        let mut codes = vec![0; self.n_rows() * n_targets];
        for place in 0..n_targets {
            let own = self.of_target(place).class_codes_by(decision(place));
            for (row, code) in own.into_iter().enumerate() {
                codes[row * n_targets + place] = code;
            }
        }
        codes
    }

    /// The predicted classes as certainties, for metrics that read classes alone; numbers and several targets as they are.
    ///
    /// # Panics
    /// As [`Predictions::class_codes_by`].
    #[must_use]
    pub fn decided_by(&self, decision: &Decision) -> Self {
        let Self::Probabilities { n_classes, values } = self else {
            return self.clone();
        };
        let mut certain = vec![0.0; values.len()];
        let rows = certain.chunks_exact_mut(*n_classes);
        for (row, code) in rows.zip(self.class_codes_by(decision)) {
            row[code as usize] = 1.0;
        }
        Self::Probabilities {
            n_classes: *n_classes,
            values: certain,
        }
    }

    /// The code of the likeliest class of each row, the lowest code among equals; empty for numbers and quantiles. Several
    /// targets have one each, as [`Predictions::class_codes_by`] has it.
    pub fn class_codes(&self) -> Vec<u32> {
        match self {
            Self::Numbers(_) | Self::Quantiles { .. } => Vec::new(),
            Self::Several { .. } => self.codes_of_targets(|_| &Decision::Likeliest),
            Self::Probabilities { n_classes, values } => {
                values.chunks_exact(*n_classes).map(argmax).collect()
            }
        }
    }
}

fn argmax(row: &[f64]) -> u32 {
    let mut best = 0;
    for (class, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = class;
        }
    }
    best as u32
}
