//! Rows in the course of a fit: what is known of them and how far they are scored.

use crate::offset;
use automl_core::{DatasetView, PredictError};

/// Rows with what is known of them; scores hold one column of rows an output.
pub(super) struct Rows {
    pub(super) targets: Vec<f64>,
    pub(super) weights: Option<Vec<f64>>,
    /// What is added to the score of each row, where there is one output.
    pub(super) offset: Option<Vec<f64>>,
    pub(super) scores: Vec<f64>,
}

impl Rows {
    /// The rows of a view; fails on a cell of the offset's column without a finite number.
    pub(super) fn new(
        view: &DatasetView<'_>,
        offset_column: Option<&str>,
    ) -> Result<Self, PredictError> {
        let offset = offset_column.map(|name| offset::of_rows(&view.table(), name));
        Ok(Self {
            targets: view.target_numbers(),
            weights: view.weights(),
            offset: offset.transpose()?,
            scores: Vec::new(),
        })
    }

    /// Whether any row counts.
    pub(super) fn have_weight(&self) -> bool {
        let counts = |weights: &Vec<f64>| weights.iter().any(|&weight| weight > 0.0);
        self.weights.as_ref().is_none_or(counts)
    }

    /// Multiplies the weight of each row by the factor of its class.
    pub(super) fn weigh(&mut self, factors: &[f64]) {
        let n = self.targets.len();
        let weights = self.weights.get_or_insert_with(|| vec![1.0; n]);
        for (weight, &class) in weights.iter_mut().zip(&self.targets) {
            *weight *= factors[class as usize];
        }
    }

    /// Targets less their offsets: what is left for a constant and trees on an identity link.
    pub(super) fn residuals(&self) -> Vec<f64> {
        match &self.offset {
            None => self.targets.clone(),
            Some(offset) => self
                .targets
                .iter()
                .zip(offset)
                .map(|(y, o)| y - o)
                .collect(),
        }
    }

    /// Sets the scores to a constant an output, on top of the offset.
    pub(super) fn start(&mut self, base: &[f64]) {
        let n = self.targets.len();
        self.scores = base
            .iter()
            .flat_map(|&s| std::iter::repeat_n(s, n))
            .collect();
        if let Some(offset) = &self.offset {
            self.scores
                .iter_mut()
                .zip(offset)
                .for_each(|(s, o)| *s += o);
        }
    }

    /// The scores of one output.
    pub(super) fn output(&mut self, output: usize) -> &mut [f64] {
        let n = self.targets.len();
        &mut self.scores[output * n..][..n]
    }
}
