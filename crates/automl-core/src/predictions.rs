//! What a model says of each row.

#[cfg(test)]
mod tests;

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
}

impl Predictions {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Probabilities { n_classes, values } => values.len() / n_classes,
        }
    }

    /// Values a row: 1 for numbers, the number of classes for probabilities.
    pub fn width(&self) -> usize {
        match self {
            Self::Numbers(_) => 1,
            Self::Probabilities { n_classes, .. } => *n_classes,
        }
    }

    /// All values, row-major, `n_rows × width`.
    pub fn values(&self) -> &[f64] {
        match self {
            Self::Numbers(values) | Self::Probabilities { values, .. } => values,
        }
    }

    /// All values to change in place.
    pub fn values_mut(&mut self) -> &mut [f64] {
        match self {
            Self::Numbers(values) | Self::Probabilities { values, .. } => values,
        }
    }

    /// Predictions of the same kind for `n_rows` rows, all zero: a sum to add to.
    pub fn zeros_like(&self, n_rows: usize) -> Self {
        match self {
            Self::Numbers(_) => Self::Numbers(vec![0.0; n_rows]),
            Self::Probabilities { n_classes, .. } => Self::Probabilities {
                n_classes: *n_classes,
                values: vec![0.0; n_rows * n_classes],
            },
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

    /// The code of the likeliest class of each row, the lowest code among equals; empty for numbers.
    pub fn class_codes(&self) -> Vec<u32> {
        match self {
            Self::Numbers(_) => Vec::new(),
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
