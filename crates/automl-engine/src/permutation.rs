//! By how much a score gets worse where a column's values are shuffled among the rows.
//!
//! Breiman, "Random forests" (2001); Fisher, Rudin and Dominici, "All models are wrong, but many are useful" (2019). Unlike the
//! shares that members tell of themselves, it is measured on rows of the caller's choice, in the units of the metric, and a column
//! that matters to the model but not to the score has none. Columns that tell the same share what they are worth: shuffling one
//! leaves the other. The interval holds what both the rows and the shuffles leave open: each of its draws weighs rows by a
//! bootstrap and takes one of the shuffles.

use crate::EnsembleModel;
use crate::nested::poisson_of_one;
use automl_core::metrics::{Metric, MetricError};
use automl_core::{Model as _, PredictError, Predictions, Seed, Table, Threads};
use rand::RngExt;
use rand::seq::SliceRandom as _;
use serde::Serialize;

/// Draws of the bootstrap.
const N_DRAWS: usize = 60;
/// Share of the draws below and above the interval.
const TAIL: f64 = 0.05;

/// Rows whose target is known, and how they are scored.
#[derive(Debug, Clone, Copy)]
pub struct LabelledRows<'a> {
    /// The columns that the model reads.
    pub table: &'a Table,
    /// Targets as metrics take them; for counts by exposure, those of one unit.
    pub target: &'a [f64],
    /// Row weights, if rows count differently; with an exposure, multiplied by it.
    pub weight: Option<&'a [f64]>,
    /// What is scored.
    pub metric: Metric,
    /// Above which probability the second of two classes is predicted, if not above a half.
    pub threshold: Option<f64>,
}

/// How much the columns matter to a score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PermutationImportance {
    /// The metric's name.
    pub metric: String,
    /// The score of the rows as they are.
    pub score: f64,
    /// Rows.
    pub n_rows: usize,
    /// Shuffles of each column.
    pub n_shuffles: usize,
    /// One a column, greatest first.
    pub columns: Vec<PermutedColumn>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PermutedColumn {
    /// Its name.
    pub column: String,
    /// By how much the score is worse without it, the mean over shuffles; below zero where it is better by chance.
    pub worse_by: f64,
    /// Nine times out of ten it is above this,
    pub low: f64,
    /// and below this, 5 % on each side.
    pub high: f64,
}

/// Why there is no importance.
#[derive(Debug, thiserror::Error)]
pub enum PermutationError {
    /// The rows cannot be predicted.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// The rows cannot be scored.
    #[error(transparent)]
    Metric(#[from] MetricError),
}

impl EnsembleModel {
    /// Shuffles each column that the model may read `n_shuffles` times.
    ///
    /// Cost: columns × shuffles × a prediction of all rows. The same seed gives the same at any number of threads.
    ///
    /// # Errors
    /// The rows cannot be predicted or scored.
    pub fn permutation_importance(
        &self,
        rows: &LabelledRows<'_>,
        n_shuffles: usize,
        seed: Seed,
        threads: &Threads,
    ) -> Result<PermutationImportance, PermutationError> {
        let plain = self.said(rows, rows.table)?;
        let score = rows.score(&plain, rows.weight)?;
        let is_shuffled = |name: &&str| self.exposure() != Some(name);
        let names: Vec<&str> = rows.table.names().filter(is_shuffled).collect();
        let columns = threads.map(names.len(), |index| {
            let seed = seed.named("shuffles").indexed(index as u64);
            self.column(rows, (names[index], &plain), n_shuffles, seed)
        });
        let mut columns: Vec<PermutedColumn> = columns.into_iter().collect::<Result<_, _>>()?;
        columns.sort_by(|a, b| b.worse_by.total_cmp(&a.worse_by));
        Ok(PermutationImportance {
            metric: rows.metric.name().to_owned(),
            score,
            n_rows: rows.target.len(),
            n_shuffles,
            columns,
        })
    }

    fn column(
        &self,
        rows: &LabelledRows<'_>,
        (name, plain): (&str, &Predictions),
        n_shuffles: usize,
        seed: Seed,
    ) -> Result<PermutedColumn, PermutationError> {
        let shuffled = (0..n_shuffles).map(|shuffle| {
            let table = shuffled(rows.table, name, seed.indexed(shuffle as u64));
            self.said(rows, &table)
        });
        let shuffled: Vec<Predictions> = shuffled.collect::<Result<_, _>>()?;
        let worse = |predictions: &Predictions, weight: Option<&[f64]>| {
            let (plain, shuffled) = (rows.score(plain, weight)?, rows.score(predictions, weight)?);
            Ok::<f64, MetricError>(rows.metric.loss(shuffled) - rows.metric.loss(plain))
        };
        let mut sum = 0.0;
        for predictions in &shuffled {
            sum += worse(predictions, rows.weight)?;
        }
        let worse_by = sum / n_shuffles as f64;
        let mut draws = Vec::with_capacity(N_DRAWS);
        for draw in 0..N_DRAWS {
            let weight = drawn(rows, seed.named("rows").indexed(draw as u64));
            // A draw may miss a class that the metric needs: it tells nothing.
            draws.extend(worse(&shuffled[draw % n_shuffles], Some(&weight)).ok());
        }
        draws.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (draws.len().max(1) - 1) as f64 * share;
            draws
                .get(place.round() as usize)
                .copied()
                .unwrap_or(worse_by)
        };
        Ok(PermutedColumn {
            column: name.to_owned(),
            worse_by,
            low: at(TAIL),
            high: at(1.0 - TAIL),
        })
    }

    /// What it says of the rows, in the units of their targets.
    fn said(&self, rows: &LabelledRows<'_>, table: &Table) -> Result<Predictions, PredictError> {
        let mut predictions = self.predict(&table.view())?;
        let exposure = self.exposure().and_then(|name| table.column(name));
        if let Some(exposure) = exposure.and_then(automl_core::Column::as_number) {
            for (value, exposure) in predictions.values_mut().iter_mut().zip(exposure) {
                *value /= exposure;
            }
        }
        Ok(if rows.metric.reads_classes() {
            predictions.decided_at(rows.threshold)
        } else {
            predictions
        })
    }
}

impl LabelledRows<'_> {
    fn score(&self, predictions: &Predictions, weight: Option<&[f64]>) -> Result<f64, MetricError> {
        self.metric.score(self.target, predictions, weight)
    }
}

/// The table with the values of one column in another order.
fn shuffled(table: &Table, name: &str, seed: Seed) -> Table {
    let mut order: Vec<u32> = (0..table.n_rows() as u32).collect();
    order.shuffle(&mut seed.rng());
    let columns = table.shared().map(|(known, column)| {
        if *known != *name {
            return (known, column);
        }
        let alone = Table::from_shared(vec![(known, column)]).expect("it is a table of one column");
        let moved = alone.gather(&order);
        moved.shared().next().expect("it has one column")
    });
    Table::from_shared(columns.collect()).expect("names and lengths are as before")
}

/// How often each row counts in one draw.
fn drawn(rows: &LabelledRows<'_>, seed: Seed) -> Vec<f64> {
    let mut rng = seed.rng();
    let own = |row: usize| rows.weight.map_or(1.0, |weight| weight[row]);
    (0..rows.target.len())
        .map(|row| own(row) * f64::from(poisson_of_one(rng.random::<f64>())))
        .collect()
}
