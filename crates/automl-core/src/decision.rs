//! From the probabilities of a row to its class: the likeliest, by thresholds, or the one whose errors cost least.

#[cfg(test)]
mod tests;
mod thresholds;

use serde::{Deserialize, Serialize};
pub use thresholds::{ClassThresholds, ClassThresholdsError};

/// How the class of a row is told from its probabilities.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Decision {
    /// The likeliest class, the lowest code among equals.
    #[default]
    Likeliest,
    /// Of two classes the second where its probability is above this; of more the likeliest.
    Above(f64),
    /// The class whose probability is the greatest multiple of its threshold.
    Relative(ClassThresholds),
    /// The class of least expected cost.
    Cheapest(CostMatrix),
    /// Of several targets, each by its own.
    Each(Vec<Decision>),
}

impl Decision {
    /// Above which probability the second of two classes is predicted, if that is what decides.
    pub fn threshold(&self) -> Option<f64> {
        match self {
            Self::Above(threshold) => Some(*threshold),
            Self::Likeliest | Self::Relative(_) | Self::Cheapest(_) | Self::Each(_) => None,
        }
    }

    /// The thresholds of all classes, if they decide.
    pub fn thresholds(&self) -> Option<&ClassThresholds> {
        match self {
            Self::Relative(thresholds) => Some(thresholds),
            Self::Likeliest | Self::Above(_) | Self::Cheapest(_) | Self::Each(_) => None,
        }
    }

    /// Of how many classes it is, where it is of a number of them.
    pub fn n_classes(&self) -> Option<usize> {
        match self {
            Self::Above(_) => Some(2),
            Self::Relative(thresholds) => Some(thresholds.values().len()),
            Self::Cheapest(costs) => Some(costs.n_classes()),
            Self::Likeliest | Self::Each(_) => None,
        }
    }
}

impl From<Option<f64>> for Decision {
    fn from(threshold: Option<f64>) -> Self {
        threshold.map_or(Self::Likeliest, Self::Above)
    }
}

/// What it costs to predict one class where another is true.
///
/// The class that costs least on average, given the probabilities `p` of a row, is the one with the least `Σ p(actual) ×
/// cost(actual, predicted)` (Elkan, "The foundations of cost-sensitive learning", IJCAI 2001). Of two classes that is a threshold.
///
/// ```
/// use automl_core::CostMatrix;
///
/// // To miss the second class costs five times what a false alarm does.
/// let costs = CostMatrix::new(vec![vec![0.0, 1.0], vec![5.0, 0.0]])?;
/// assert_eq!(costs.threshold(), Some(1.0 / 6.0));
/// assert_eq!(costs.cheapest(&[0.8, 0.2]), 1);
/// # Ok::<(), automl_core::CostMatrixError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<f64>>", into = "Vec<Vec<f64>>")]
pub struct CostMatrix(Vec<Vec<f64>>);

/// Why numbers are no costs; classes are told by their codes.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CostMatrixError {
    /// There are not as many numbers for each class as there are classes.
    #[error("costs are as many numbers for each class as there are classes, two at least")]
    Shape,
    /// A cost is negative or not finite.
    #[error("the cost of class {actual} predicted as {predicted} is {value}")]
    Value {
        /// The true class.
        actual: usize,
        /// The predicted class.
        predicted: usize,
        /// The cost.
        value: f64,
    },
    /// To be right costs more than to be wrong.
    #[error("class {actual} costs more where it is told than where {predicted} is predicted")]
    Backwards {
        /// The true class.
        actual: usize,
        /// The class that costs less.
        predicted: usize,
    },
    /// One class costs least whatever is true.
    #[error("class {class} costs least whatever is true")]
    Constant {
        /// The class.
        class: usize,
    },
}

/// What rows cost on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanCosts {
    /// With the decision that was asked about.
    pub decided: f64,
    /// If the likeliest class were predicted.
    pub likeliest: f64,
    /// If one class were predicted whatever the row is, the one that costs least so.
    pub constant: f64,
    /// The code of that class.
    pub constant_class: usize,
}

impl CostMatrix {
    /// The costs by true and predicted class, in the order of their codes.
    ///
    /// # Errors
    /// They are not square, negative or not finite, to be right costs more than to be wrong, or nothing depends on a row.
    pub fn new(costs: Vec<Vec<f64>>) -> Result<Self, CostMatrixError> {
        let n_classes = costs.len();
        if n_classes < 2 || costs.iter().any(|row| row.len() != n_classes) {
            return Err(CostMatrixError::Shape);
        }
        for (actual, row) in costs.iter().enumerate() {
            for (predicted, &value) in row.iter().enumerate() {
                if !value.is_finite() || value < 0.0 {
                    return Err(CostMatrixError::Value {
                        actual,
                        predicted,
                        value,
                    });
                }
                if row[actual] > value {
                    return Err(CostMatrixError::Backwards { actual, predicted });
                }
            }
        }
        let is_least = |class: &usize| {
            let mut rows = costs.iter();
            rows.all(|row| row.iter().all(|other| row[*class] <= *other))
        };
        match (0..n_classes).find(is_least) {
            Some(class) => Err(CostMatrixError::Constant { class }),
            None => Ok(Self(costs)),
        }
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.0.len()
    }

    /// The costs by true and predicted class.
    pub fn rows(&self) -> &[Vec<f64>] {
        &self.0
    }

    /// Of two classes, the probability of the second above which it costs less to predict it.
    pub fn threshold(&self) -> Option<f64> {
        let [[right, false_alarm], [missed, found]] = [self.pair(0)?, self.pair(1)?];
        let (alarm, miss) = (false_alarm - right, missed - found);
        Some(alarm / (alarm + miss))
    }

    fn pair(&self, actual: usize) -> Option<[f64; 2]> {
        self.0.get(actual)?.as_slice().try_into().ok()
    }

    /// The code of the class of least expected cost, the lowest among equals. Cost: the square of the number of classes.
    ///
    /// # Panics
    /// If there are not as many probabilities as classes.
    pub fn cheapest(&self, probabilities: &[f64]) -> u32 {
        assert_eq!(probabilities.len(), self.n_classes(), "classes of costs");
        let expected = |predicted: usize| {
            let rows = probabilities.iter().zip(&self.0);
            rows.map(|(probability, row)| probability * row[predicted])
                .sum::<f64>()
        };
        let mut best = (0, expected(0));
        for predicted in 1..self.n_classes() {
            let cost = expected(predicted);
            if cost < best.1 {
                best = (predicted, cost);
            }
        }
        best.0 as u32
    }

    /// The mean cost of rows of these true classes, given as numbers, where these are predicted; none without rows of weight.
    ///
    /// # Panics
    /// If a code is none of a class, or the rows differ in number.
    pub fn mean(&self, target: &[f64], codes: &[u32], weight: Option<&[f64]>) -> Option<f64> {
        assert_eq!(target.len(), codes.len(), "a prediction for each row");
        let weight_of = |row: usize| weight.map_or(1.0, |weight| weight[row]);
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, (actual, predicted)) in target.iter().zip(codes).enumerate() {
            sum += weight_of(row) * self.0[*actual as usize][*predicted as usize];
            total += weight_of(row);
        }
        (total > 0.0).then(|| sum / total)
    }

    /// The mean cost of a decision, beside those of simpler ones; none without rows of weight, or for what are no probabilities.
    ///
    /// # Panics
    /// As [`CostMatrix::mean`].
    pub fn compared(
        &self,
        target: &[f64],
        predictions: &crate::Predictions,
        decision: &Decision,
        weight: Option<&[f64]>,
    ) -> Option<MeanCosts> {
        if predictions.width() != self.n_classes() {
            return None;
        }
        let by = |decision: &Decision| {
            let codes = predictions.class_codes_by(decision);
            self.mean(target, &codes, weight)
        };
        let always = |class: usize| {
            let codes = vec![class as u32; target.len()];
            Some((class, self.mean(target, &codes, weight)?))
        };
        let constants: Vec<(usize, f64)> = (0..self.n_classes()).filter_map(always).collect();
        let cheapest = constants.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(MeanCosts {
            decided: by(decision)?,
            likeliest: by(&Decision::Likeliest)?,
            constant: cheapest.1,
            constant_class: cheapest.0,
        })
    }
}

impl TryFrom<Vec<Vec<f64>>> for CostMatrix {
    type Error = CostMatrixError;

    fn try_from(costs: Vec<Vec<f64>>) -> Result<Self, CostMatrixError> {
        Self::new(costs)
    }
}

impl From<CostMatrix> for Vec<Vec<f64>> {
    fn from(costs: CostMatrix) -> Self {
        costs.0
    }
}
