//! The ensemble as it was when it was scored: of every row those models that were not fitted on it.

use super::{Asked, LabelledRows};
use crate::ensemble::Selection;
use crate::model::EnsembleModel;
use crate::plan::Plan;
use crate::search::Found;
use automl_core::metrics::Metric;
use automl_core::{Dataset, Decision, Model as _, PredictError, Predictions, Seed, Table};
use rand::seq::SliceRandom as _;

/// A model a split, and the rows that it has not seen.
pub(crate) struct Unseen<'a> {
    data: &'a Dataset,
    models: Vec<EnsembleModel>,
    /// Models and rows of theirs in random order; each row once, whatever the repeats of the validation.
    order: Vec<(usize, u32)>,
}

/// Some rows, and who answers for each.
pub(super) struct Sample<'a> {
    models: &'a [EnsembleModel],
    /// Of each row of the table.
    model_of: Vec<usize>,
    pub(super) table: Table,
    target: Vec<f64>,
    weight: Option<Vec<f64>>,
}

impl<'a> Unseen<'a> {
    /// Of what was selected.
    pub(crate) fn new(
        (data, plan): (&'a Dataset, &Plan),
        found: &Found,
        selection: &Selection,
        seed: Seed,
    ) -> Self {
        let model = |split: usize| selection.of_split((data, plan), found, split);
        let mut is_taken = vec![false; data.n_rows()];
        let mut order = Vec::new();
        for (split, rows) in plan.splits.iter().enumerate() {
            for &row in &rows.valid {
                if !std::mem::replace(&mut is_taken[row as usize], true) {
                    order.push((split, row));
                }
            }
        }
        let n_models = order.iter().map(|(split, _)| split + 1).max().unwrap_or(0);
        order.shuffle(&mut seed.named("unseen").rng());
        Self {
            data,
            models: (0..n_models).map(model).collect(),
            order,
        }
    }

    pub(super) fn table(&self) -> &Table {
        self.data.table()
    }

    /// Rows that there are.
    pub(super) fn n_rows(&self) -> usize {
        self.order.len()
    }

    /// So many rows, or all where they are fewer; those of a smaller sample are among those of a greater one.
    pub(super) fn sample(&self, n_rows: usize) -> Sample<'_> {
        let mut taken = self.order[..n_rows.min(self.order.len())].to_vec();
        taken.sort_unstable();
        let rows: Vec<u32> = taken.iter().map(|&(_, row)| row).collect();
        let view = self.data.view(&rows);
        Sample {
            models: &self.models,
            model_of: taken.iter().map(|&(model, _)| model).collect(),
            table: self.data.table().gather(&rows),
            target: view.target_numbers(),
            weight: view.weights(),
        }
    }
}

impl Sample<'_> {
    pub(super) fn labelled<'a>(
        &'a self,
        metric: Metric,
        decision: &'a Decision,
    ) -> LabelledRows<'a> {
        LabelledRows {
            table: &self.table,
            target: &self.target,
            weight: self.weight.as_deref(),
            metric,
            decision,
        }
    }
}

impl Asked for Sample<'_> {
    fn ask(&self, table: &Table, variant_of: &[u32]) -> Result<Predictions, PredictError> {
        let mut all: Option<Predictions> = None;
        for (index, model) in self.models.iter().enumerate() {
            let is_of = |&row: &u32| self.model_of[variant_of[row as usize] as usize] == index;
            let rows: Vec<u32> = (0..variant_of.len() as u32).filter(is_of).collect();
            if rows.is_empty() {
                continue;
            }
            let part = model.predict(&table.rows(&rows))?;
            let width = part.width();
            let all = all.get_or_insert_with(|| part.zeros_like(variant_of.len()));
            for (values, &row) in part.values().chunks_exact(width).zip(&rows) {
                let to = row as usize * width;
                all.values_mut()[to..to + width].copy_from_slice(values);
            }
        }
        Ok(all.expect("a sample has rows"))
    }
}
