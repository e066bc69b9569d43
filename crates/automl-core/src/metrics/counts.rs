//! How many rows are of each class, are predicted to be, and are both: all that metrics of predicted classes read.

use super::input::Scored;

/// A share of all rows' weight that is rounding.
const TRACE: f64 = 1e-12;

/// Weights of rows by true and by predicted class, and where these agree.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassCounts {
    counts: Vec<ClassCount>,
    total: f64,
}

/// Weight of the rows that are of a class, that are predicted to be, and that are both.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct ClassCount {
    pub(super) actual: f64,
    pub(super) predicted: f64,
    pub(super) hits: f64,
}

impl ClassCount {
    /// `2 hits / (actual + predicted)`; 0 where there is neither.
    pub(super) fn f1(self) -> f64 {
        let both = self.actual + self.predicted;
        if both > 0.0 {
            2.0 * self.hits / both
        } else {
            0.0
        }
    }
}

impl ClassCounts {
    /// No row of so many classes.
    pub fn new(n_classes: usize) -> Self {
        Self {
            counts: vec![ClassCount::default(); n_classes],
            total: 0.0,
        }
    }

    /// Adds a row of this weight, told by the codes of its classes.
    ///
    /// # Panics
    /// If a code is none of a class.
    pub fn add(&mut self, actual: usize, predicted: usize, weight: f64) {
        self.counts[actual].actual += weight;
        self.counts[predicted].predicted += weight;
        if actual == predicted {
            self.counts[actual].hits += weight;
        }
        self.total += weight;
    }

    /// Predicts `to` for a row that was added as predicted `from`.
    ///
    /// # Panics
    /// If a code is none of a class.
    pub fn change(&mut self, actual: usize, (from, to): (usize, usize), weight: f64) {
        // Rounding must leave neither less than nothing nor a trace of rows that are gone.
        let trace = TRACE * self.total;
        let less = |value: &mut f64| {
            *value -= weight;
            if *value < trace {
                *value = 0.0;
            }
        };
        less(&mut self.counts[from].predicted);
        if actual == from {
            less(&mut self.counts[from].hits);
        }
        self.counts[to].predicted += weight;
        if actual == to {
            self.counts[to].hits += weight;
        }
    }

    /// Those of rows whose likeliest class is predicted.
    pub(super) fn of_likeliest(scored: &Scored<'_>) -> Self {
        let mut counts = Self::new(scored.width);
        for row in 0..scored.n_rows() {
            let predicted = likeliest(scored.probabilities(row));
            counts.add(scored.code(row), predicted, scored.weight(row));
        }
        counts
    }

    /// The weight of all rows.
    pub fn total(&self) -> f64 {
        self.total
    }

    pub(super) fn classes(&self) -> impl Iterator<Item = ClassCount> + '_ {
        self.counts.iter().copied()
    }

    pub(super) fn sum(&self, of: impl Fn(ClassCount) -> f64) -> f64 {
        self.classes().map(of).sum()
    }
}

/// The class of the greatest probability, the lowest code among equals.
pub(super) fn likeliest(probabilities: &[f64]) -> usize {
    let mut best = 0;
    for (class, p) in probabilities.iter().enumerate() {
        if *p > probabilities[best] {
            best = class;
        }
    }
    best
}
