//! Rows in the course of a fit: what is known of them and how far they are scored.

use automl_core::DatasetView;

/// Rows with what is known of them; scores hold one column of rows an output.
pub(super) struct Rows {
    pub(super) targets: Vec<f64>,
    pub(super) weights: Option<Vec<f64>>,
    pub(super) scores: Vec<f64>,
}

impl Rows {
    pub(super) fn new(view: &DatasetView<'_>) -> Self {
        Self {
            targets: view.target_numbers(),
            weights: view.weights(),
            scores: Vec::new(),
        }
    }

    /// Whether any row counts.
    pub(super) fn have_weight(&self) -> bool {
        let counts = |weights: &Vec<f64>| weights.iter().any(|&weight| weight > 0.0);
        self.weights.as_ref().is_none_or(counts)
    }

    pub(super) fn start(&mut self, base: &[f64]) {
        let n = self.targets.len();
        self.scores = base
            .iter()
            .flat_map(|&s| std::iter::repeat_n(s, n))
            .collect();
    }

    /// The scores of one output.
    pub(super) fn output(&mut self, output: usize) -> &mut [f64] {
        let n = self.targets.len();
        &mut self.scores[output * n..][..n]
    }
}
