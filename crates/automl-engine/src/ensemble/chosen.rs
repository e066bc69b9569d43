//! What is decided and told of members once they are chosen: power, threshold, scores.

use super::{Bench, Candidate, Selection, mean, mean_of, unit};
use crate::fit::OutOfFold;
use crate::nested::{self, NestedScore};
use crate::plan::Plan;
use crate::search::Found;
use crate::{EngineError, FitOptions, calibrate, conformal, threshold};
use automl_core::splits::Split;
use automl_core::{CostMatrix, Dataset, Predictions, Threads};

/// Members that were chosen, and all that they were chosen from.
pub(super) struct Chosen<'a> {
    pub(super) data: &'a Dataset,
    pub(super) plan: &'a Plan,
    pub(super) found: &'a Found,
    pub(super) options: &'a FitOptions,
    pub(super) members: Vec<(usize, f64)>,
    /// Whether probabilities are made truer, if that pays.
    pub(super) calibrates: bool,
}

/// What members that were chosen on the other half of the rows say of each row, given whether they are calibrated.
type Nested<'a> = (&'a [Vec<usize>; 2], &'a dyn Fn(bool) -> Option<Predictions>);

impl Chosen<'_> {
    /// The selection, judged on the rows that are compared.
    ///
    /// # Errors
    /// The metric has no value for a split.
    pub(super) fn judged(
        self,
        rows: &[(usize, usize, u32)],
        bench: &Bench<'_>,
        candidates: &[Candidate],
        (halves, nested): Nested<'_>,
    ) -> Result<Selection, EngineError> {
        let mut predictions = mean_of(candidates, &self.members);
        let power = self.calibrates.then(|| bench.power(&predictions, halves));
        let power = power.flatten();
        let nested_rows = nested(power.is_some());
        if let Some(power) = power {
            calibrate::sharpen(&mut predictions, power);
        }
        let costs = self.options.costs.as_ref();
        let mean_cost = bench.mean_cost(costs, &predictions);
        let mean_costs = candidates.iter().filter_map(|one| {
            let mean = bench.mean_cost(costs, &one.predictions)?;
            Some((one.position, mean))
        });
        let mean_costs = mean_costs.collect();
        let shifts = bench.shifts(&predictions);
        if let Some(shifts) = &shifts {
            conformal::shift(&mut predictions, shifts);
        }
        let out_of_fold = OutOfFold {
            rows: rows.iter().map(|&(_, _, row)| row).collect(),
            predictions,
            target: bench.target.clone(),
            weight: bench.weight.clone(),
        };
        let plain = self.fold_scores((power, shifts.as_deref()), None)?;
        let metric = self.plan.metric;
        let (threshold, fold_scores) = match self.tuned(&out_of_fold) {
            Some((threshold, tuned)) if metric.is_better(mean(&tuned), mean(&plain)) => {
                (Some(threshold), tuned)
            }
            _ => (None, plain),
        };
        let score = mean(&fold_scores);
        let nested = nested_rows
            .and_then(|nested| self.nested_score(&out_of_fold, (score, threshold), &nested));
        Ok(Selection {
            members: self.members,
            score,
            nested,
            // Costs choose the class of two by a threshold, too, and then no metric reads classes.
            threshold: threshold.or_else(|| costs.and_then(CostMatrix::threshold)),
            power,
            mean_cost,
            mean_costs,
            shifts,
            out_of_fold,
            fold_scores,
        })
    }

    /// The best threshold and the fold scores with it, where two classes are told apart by a metric of predicted classes.
    /// Such metrics are not those that a power is sought for.
    fn tuned(&self, rows: &OutOfFold) -> Option<(f64, Vec<f64>)> {
        let metric = self.plan.metric;
        if self.data.task().n_classes() != 2 || !metric.reads_classes() {
            return None;
        }
        let weight = rows.weight.as_deref();
        let threshold = threshold::tune(metric, &rows.target, &rows.predictions, weight)?;
        // Without a score on each split it is no better.
        let scores = self.fold_scores((None, None), Some(threshold)).ok()?;
        Some((threshold, scores))
    }

    /// The score on each split's validation rows, predicting classes by `threshold` if there is one.
    fn fold_scores(
        &self,
        (power, shifts): (Option<f64>, Option<&[f64]>),
        threshold: Option<f64>,
    ) -> Result<Vec<f64>, EngineError> {
        let trials = &self.found.trials;
        let score = |(fold, split): (usize, &Split)| {
            let view = self.data.view(&split.valid);
            let first = &trials[self.members[0].0].fits[fold].predictions;
            let mut mean = first.zeros_like(split.valid.len());
            for &(position, share) in &self.members {
                mean.add_scaled(share, &trials[position].fits[fold].predictions);
            }
            if let Some(power) = power {
                calibrate::sharpen(&mut mean, power);
            }
            if let Some(shifts) = shifts {
                conformal::shift(&mut mean, shifts);
            }
            if threshold.is_some() {
                mean = mean.decided_by(&threshold.into());
            }
            let (target, weight) = (view.target_numbers(), view.weights());
            Ok(self.plan.metric.score(&target, &mean, weight.as_deref())?)
        };
        self.plan.splits.iter().enumerate().map(score).collect()
    }

    /// The score of what was `nested`, where the rows that it was chosen on say a score and a threshold.
    fn nested_score(
        &self,
        rows: &OutOfFold,
        (score, threshold): (f64, Option<f64>),
        nested: &Predictions,
    ) -> Option<NestedScore> {
        let plain = match threshold {
            Some(_) => rows.predictions.decided_by(&threshold.into()),
            None => rows.predictions.clone(),
        };
        let drawn = rows.rows.iter().map(|&row| unit(self.data, row));
        let drawn: Vec<u32> = drawn.collect();
        let mut distinct = drawn.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let place = |unit: &u32| distinct.partition_point(|known| known < unit);
        let places: Vec<usize> = drawn.iter().map(place).collect();
        let threads = Threads::new(self.options.threads).unwrap_or_else(|_| Threads::one());
        let rows = nested::Rows {
            n_units: distinct.len(),
            places: &places,
            target: &rows.target,
            weight: rows.weight.as_deref(),
            plain: &plain,
            nested,
        };
        let seed = self.options.seed.named("bootstrap");
        nested::estimate(self.plan, score, &rows, seed, &threads)
    }
}
