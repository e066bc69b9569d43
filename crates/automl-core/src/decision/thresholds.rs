//! Thresholds of classes: the predicted one is that whose probability is the greatest multiple of its threshold.

use serde::{Deserialize, Serialize};

/// The threshold of each class, in the order of their codes, as Spark ML has them: the predicted class is the one whose probability
/// is the greatest multiple of its threshold, the lowest code among equals. Only their ratios matter. Of two classes whose
/// thresholds sum to 1, the second is predicted where its probability is above its threshold.
///
/// ```
/// use automl_core::ClassThresholds;
///
/// // The third class is rare, and its threshold is low.
/// let thresholds = ClassThresholds::new(vec![0.5, 0.4, 0.1])?;
/// assert_eq!(thresholds.class_of(&[0.5, 0.3, 0.2]), 2);
/// assert_eq!(thresholds.class_of(&[0.5, 0.45, 0.05]), 1);
/// # Ok::<(), automl_core::ClassThresholdsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct ClassThresholds {
    values: Vec<f64>,
    factors: Vec<f64>,
}

/// Why numbers are no thresholds of classes.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ClassThresholdsError {
    /// There are fewer than two.
    #[error("thresholds are of two classes at least")]
    Few,
    /// One is not a number above 0 whose inverse is finite, too.
    #[error("the threshold of class {class} is {value}")]
    Value {
        /// The code of the class.
        class: usize,
        /// Its threshold.
        value: f64,
    },
}

impl ClassThresholds {
    /// These thresholds.
    ///
    /// # Errors
    /// There are fewer than two, or one is not above 0 and finite, as is its inverse.
    pub fn new(values: Vec<f64>) -> Result<Self, ClassThresholdsError> {
        if values.len() < 2 {
            return Err(ClassThresholdsError::Few);
        }
        let is_threshold =
            |value: f64| value > 0.0 && value.is_finite() && value.recip().is_finite();
        if let Some(class) = values.iter().position(|&value| !is_threshold(value)) {
            let value = values[class];
            return Err(ClassThresholdsError::Value { class, value });
        }
        let factors = values.iter().map(|value| value.recip()).collect();
        Ok(Self { values, factors })
    }

    /// The threshold of each class.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// What the probability of each class is multiplied by before they are compared: the inverse of its threshold.
    pub fn factors(&self) -> &[f64] {
        &self.factors
    }

    /// The code of the class that is predicted.
    ///
    /// # Panics
    /// If there are not as many probabilities as classes.
    pub fn class_of(&self, probabilities: &[f64]) -> u32 {
        assert_eq!(
            probabilities.len(),
            self.values.len(),
            "classes of thresholds"
        );
        let multiples = probabilities.iter().zip(&self.factors);
        let mut multiples = multiples.map(|(probability, factor)| probability * factor);
        let mut best = (0, multiples.next().expect("there are two classes at least"));
        for (class, multiple) in multiples.enumerate() {
            if multiple > best.1 {
                best = (class + 1, multiple);
            }
        }
        best.0 as u32
    }
}

impl TryFrom<Vec<f64>> for ClassThresholds {
    type Error = ClassThresholdsError;

    fn try_from(values: Vec<f64>) -> Result<Self, ClassThresholdsError> {
        Self::new(values)
    }
}

impl From<ClassThresholds> for Vec<f64> {
    fn from(thresholds: ClassThresholds) -> Self {
        thresholds.values
    }
}
