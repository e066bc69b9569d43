//! Leaves that hold a linear model instead of a constant (Shi et al., 2019), and the raw numbers that they read.

use crate::binning::BinnedMatrix;
use automl_core::{Column, DatasetView};

/// A coefficient and what it multiplies: in a grown tree a feature of the matrix, in an ensemble a slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Term {
    pub(crate) input: u32,
    pub(crate) coefficient: f64,
}

/// The models of leaves, in the order of the leaves: `constant + Σ coefficient · x`, kept within bounds. A leaf without terms
/// is constant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LinearLeaves {
    pub(crate) constants: Vec<f64>,
    /// Least and greatest value of each leaf: rows beyond those of the fit get the nearest one that a row of the fit got.
    pub(crate) bounds: Vec<[f64; 2]>,
    /// Where the terms of each leaf start, and the end of the last.
    pub(crate) starts: Vec<u32>,
    pub(crate) terms: Vec<Term>,
}

impl Default for LinearLeaves {
    fn default() -> Self {
        Self {
            constants: Vec::new(),
            bounds: Vec::new(),
            starts: vec![0],
            terms: Vec::new(),
        }
    }
}

impl LinearLeaves {
    /// Adds the model of the next leaf.
    pub(crate) fn push(
        &mut self,
        constant: f64,
        bounds: [f64; 2],
        terms: impl IntoIterator<Item = Term>,
    ) {
        self.constants.push(constant);
        self.bounds.push(bounds);
        self.terms.extend(terms);
        self.starts.push(self.terms.len() as u32);
    }

    /// The terms of a leaf.
    pub(crate) fn terms(&self, leaf: usize) -> &[Term] {
        &self.terms[self.starts[leaf] as usize..self.starts[leaf + 1] as usize]
    }

    /// What a leaf says of a row, whose numbers `number` gives by input; `value`, the constant of the leaf, where one of
    /// them is missing or infinite, or the sum overflows. Cost: a multiplication a term.
    #[inline]
    pub(crate) fn value(&self, leaf: usize, value: f64, number: impl Fn(u32) -> f64) -> f64 {
        let add = |sum: f64, term: &Term| sum + term.coefficient * number(term.input);
        let sum = self.terms(leaf).iter().fold(self.constants[leaf], add);
        // A missing or infinite number times a coefficient is not finite either.
        if sum.is_finite() {
            let [least, greatest] = self.bounds[leaf];
            sum.max(least).min(greatest)
        } else {
            value
        }
    }

    /// Multiplies all models by a factor.
    pub(crate) fn scale(&mut self, factor: f64) {
        for constant in &mut self.constants {
            *constant *= factor;
        }
        for bound in self.bounds.as_flattened_mut() {
            *bound *= factor;
        }
        for term in &mut self.terms {
            term.coefficient *= factor;
        }
    }
}

/// The numbers of some rows of a dataset as they stand in its table, by the features of its matrix.
#[derive(Default)]
pub(crate) struct RawColumns<'a> {
    /// For each row of the fit, its row in the table.
    rows: &'a [u32],
    /// For each feature its column; empty for a category.
    columns: Vec<&'a [f64]>,
}

impl<'a> RawColumns<'a> {
    pub(crate) fn new(view: &DatasetView<'a>, matrix: &BinnedMatrix) -> Self {
        let table = view.data().table();
        let column = |position| match table.column_at(position) {
            Column::Number(values) => values.as_slice(),
            _ => [].as_slice(),
        };
        let features = matrix.features.iter();
        Self {
            rows: view.rows(),
            columns: features.map(|feature| column(feature.column)).collect(),
        }
    }

    /// The number of a feature that is no category.
    #[inline]
    pub(crate) fn number(&self, feature: u32, row: u32) -> f64 {
        self.columns[feature as usize][self.rows[row as usize] as usize]
    }
}
