//! By how much a score gets worse where a column's values are shuffled among the rows.
//!
//! Breiman, "Random forests" (2001); Fisher, Rudin and Dominici, "All models are wrong, but many are useful" (2019). Unlike the
//! shares that members tell of themselves, it is measured on rows of the caller's choice, in the units of the metric, and a column
//! that matters to the model but not to the score has none. Columns that tell the same share what they are worth: shuffling one
//! leaves the other. The interval holds what both the rows and the shuffles leave open: each of its draws weighs rows by a
//! bootstrap, and is a mean over a bootstrap of the shuffles. Of one shuffle alone it holds what the rows leave open.

use super::{Asked, Limit};
use crate::EnsembleModel;
use crate::nested::poisson_of_one;
use automl_core::metrics::{Metric, MetricError};
use automl_core::{Decision, PredictError, Predictions, Seed, Table, Threads};
use rand::RngExt;
use rand::seq::SliceRandom as _;
use serde::Serialize;
use std::num::NonZeroUsize;

/// Draws of the bootstrap.
pub(super) const N_DRAWS: usize = 60;
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
    /// How classes are told from their probabilities.
    pub decision: &'a Decision,
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
    /// Between which it lies nine times out of ten, 5 % on each side; none where the metric has no value for most draws of the rows.
    pub interval: Option<[f64; 2]>,
}

/// One draw of the bootstrap: how often each row counts, and the loss with them of the rows as they are.
struct Draw {
    weight: Vec<f64>,
    plain: f64,
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
        n_shuffles: NonZeroUsize,
        seed: Seed,
        threads: &Threads,
    ) -> Result<PermutationImportance, PermutationError> {
        let is_shuffled = |name: &&str| self.exposure() != Some(name);
        let names: Vec<&str> = rows.table.names().filter(is_shuffled).collect();
        let shuffles = Shuffles {
            asked: self,
            rows,
            times: n_shuffles,
            seed,
        };
        shuffles.of(&names, &Limit::none(), threads)
    }
}

/// Columns to shuffle, and who is asked of the rows then.
pub(super) struct Shuffles<'a> {
    pub(super) asked: &'a dyn Asked,
    pub(super) rows: &'a LabelledRows<'a>,
    /// Shuffles of each column.
    pub(super) times: NonZeroUsize,
    pub(super) seed: Seed,
}

impl Shuffles<'_> {
    /// The columns of these names, as many at a time as there are threads, until the time is over: those that follow are left out.
    pub(super) fn of(
        &self,
        names: &[&str],
        limit: &Limit,
        threads: &Threads,
    ) -> Result<PermutationImportance, PermutationError> {
        let rows = self.rows;
        let plain = self.said(rows.table)?;
        let score = rows.score(&plain, rows.weight)?;
        // A draw may miss a class that the metric needs: it tells nothing.
        let draws = threads.map(N_DRAWS, |draw| {
            let weight = drawn(rows, self.seed.named("rows").indexed(draw as u64));
            let plain = rows.loss(&plain, Some(&weight)).ok()?;
            Some(Draw { weight, plain })
        });
        let draws: Vec<Draw> = draws.into_iter().flatten().collect();
        let plain = rows.metric.loss(score);
        let mut columns: Vec<PermutedColumn> = Vec::with_capacity(names.len());
        for wave in names.chunks(threads.count()) {
            if limit.is_over() {
                break;
            }
            let first = columns.len();
            let found = threads.map(wave.len(), |index| {
                let seed = self.seed.named("shuffles").indexed((first + index) as u64);
                self.column(wave[index], (plain, &draws), seed)
            });
            for column in found {
                columns.push(column?);
            }
        }
        columns.sort_by(|a, b| b.worse_by.total_cmp(&a.worse_by));
        Ok(PermutationImportance {
            metric: rows.metric.name().to_owned(),
            score,
            n_rows: rows.target.len(),
            n_shuffles: self.times.get(),
            columns,
        })
    }

    fn column(
        &self,
        name: &str,
        (plain, draws): (f64, &[Draw]),
        seed: Seed,
    ) -> Result<PermutedColumn, PermutationError> {
        let (rows, n_shuffles) = (self.rows, self.times.get());
        let shuffled = (0..n_shuffles).map(|shuffle| {
            let table = shuffled(rows.table, name, seed.indexed(shuffle as u64));
            self.said(&table)
        });
        let shuffled: Vec<Predictions> = shuffled.collect::<Result<_, _>>()?;
        let mut sum = 0.0;
        for predictions in &shuffled {
            sum += rows.loss(predictions, rows.weight)? - plain;
        }
        let mut rng = seed.named("shuffles of draws").rng();
        let mut worse = Vec::with_capacity(draws.len());
        for draw in draws {
            let mut counts = vec![0_u32; n_shuffles];
            (0..n_shuffles).for_each(|_| counts[rng.random_range(0..n_shuffles)] += 1);
            worse.extend(rows.mean_worse(draw, &shuffled, &counts));
        }
        Ok(PermutedColumn {
            column: name.to_owned(),
            worse_by: sum / n_shuffles as f64,
            interval: interval(worse),
        })
    }

    /// What is said of the rows, in the units of their targets.
    fn said(&self, table: &Table) -> Result<Predictions, PredictError> {
        let each: Vec<u32> = (0..table.n_rows() as u32).collect();
        let predictions = self.asked.ask(table, &each)?;
        Ok(if self.rows.metric.reads_classes() {
            predictions.decided_by(self.rows.decision)
        } else {
            predictions
        })
    }
}

impl LabelledRows<'_> {
    fn score(&self, predictions: &Predictions, weight: Option<&[f64]>) -> Result<f64, MetricError> {
        self.metric.score(self.target, predictions, weight)
    }

    fn loss(&self, predictions: &Predictions, weight: Option<&[f64]>) -> Result<f64, MetricError> {
        Ok(self.metric.loss(self.score(predictions, weight)?))
    }

    /// By how much shuffles are worse in one draw of the rows, the mean where each counts so often.
    fn mean_worse(&self, draw: &Draw, shuffled: &[Predictions], counts: &[u32]) -> Option<f64> {
        let (mut sum, mut n) = (0.0, 0.0);
        for (predictions, &count) in shuffled.iter().zip(counts).filter(|(_, count)| **count > 0) {
            let loss = self.loss(predictions, Some(&draw.weight)).ok()?;
            sum += f64::from(count) * (loss - draw.plain);
            n += f64::from(count);
        }
        Some(sum / n)
    }
}

/// Between which all but the tails of the draws lie; none where most draws told nothing.
fn interval(mut draws: Vec<f64>) -> Option<[f64; 2]> {
    if draws.len() < N_DRAWS / 2 {
        return None;
    }
    draws.sort_by(f64::total_cmp);
    let at = |share: f64| draws[((draws.len() - 1) as f64 * share).round() as usize];
    Some([at(TAIL), at(1.0 - TAIL)])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_draws_with_a_value_tell_no_interval() {
        let draws = |n: usize| (0..n).rev().map(|draw| draw as f64).collect();
        assert_eq!(interval(draws(N_DRAWS / 2 - 1)), None);
        assert_eq!(interval(draws(61)), Some([3.0, 57.0]));
    }
}
