//! What is decided and told of members once they are chosen: power, thresholds, scores.

use super::greedy::Tuned;
use super::{Bench, Candidate, Selection, mean, mean_of, unit};
use crate::fit::OutOfFold;
use crate::nested::{self, NestedScore};
use crate::plan::Plan;
use crate::search::Found;
use crate::{EngineError, FitOptions, calibrate, conformal};
use automl_core::splits::Split;
use automl_core::{CostMatrix, Dataset, Decision, Predictions, Threads};

/// Members that were chosen, and all that they were chosen from.
pub(super) struct Chosen<'a> {
    pub(super) data: &'a Dataset,
    pub(super) plan: &'a Plan,
    pub(super) found: &'a Found,
    pub(super) options: &'a FitOptions,
    pub(super) members: Vec<(usize, f64)>,
    /// Whether probabilities are made truer, if that pays.
    pub(super) calibrates: bool,
    /// Whether there is no time for what takes more than a sort of the rows.
    pub(super) is_late: bool,
}

/// What members that were chosen on the other half of the rows say of each row, given what is tuned.
type Nested<'a> = (
    &'a [Vec<usize>; 2],
    &'a dyn Fn(Tuned) -> Option<Predictions>,
);

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
        // Metrics of predicted classes are not those that a power is sought for.
        let is_slow = out_of_fold.predictions.width() > 2;
        let found = (!is_slow || !self.is_late)
            .then(|| bench.proven_decision(&out_of_fold.predictions, halves))
            .flatten();
        // Without a score on each split it is no better.
        let found = found.and_then(|decision| {
            let scores = self.fold_scores((None, None), Some(&decision)).ok()?;
            let is_better = metric.is_better(mean(&scores), mean(&plain));
            is_better.then_some((decision, scores))
        });
        let (decision, fold_scores) = match found {
            Some((decision, scores)) => (Some(decision), scores),
            None => (None, plain),
        };
        let score = mean(&fold_scores);
        let tuned = Tuned {
            power: power.is_some(),
            decision: decision.is_some(),
        };
        let nested = nested(tuned).and_then(|nested| {
            self.nested_score(&out_of_fold, (score, decision.as_ref()), &nested)
        });
        Ok(Selection {
            members: self.members,
            score,
            nested,
            // Where costs decide no metric reads classes.
            decision: decision.unwrap_or_else(|| costs.map_or(Decision::Likeliest, by_costs)),
            power,
            mean_cost,
            mean_costs,
            shifts,
            out_of_fold,
            fold_scores,
        })
    }

    /// The score on each split's validation rows, telling classes by `decision` if there is one.
    fn fold_scores(
        &self,
        (power, shifts): (Option<f64>, Option<&[f64]>),
        decision: Option<&Decision>,
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
            if let Some(decision) = decision {
                mean = mean.decided_by(decision);
            }
            let (target, weight) = (view.target_numbers(), view.weights());
            Ok(self.plan.metric.score(&target, &mean, weight.as_deref())?)
        };
        self.plan.splits.iter().enumerate().map(score).collect()
    }

    /// The score of what was `nested`, where the rows that it was chosen on say a score and a decision.
    fn nested_score(
        &self,
        rows: &OutOfFold,
        (score, decision): (f64, Option<&Decision>),
        nested: &Predictions,
    ) -> Option<NestedScore> {
        let plain = match decision {
            Some(decision) => rows.predictions.decided_by(decision),
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

/// The rule of least expected cost, which of two classes is a threshold.
fn by_costs(costs: &CostMatrix) -> Decision {
    match costs.threshold() {
        Some(threshold) => Decision::Above(threshold),
        None => Decision::Cheapest(costs.clone()),
    }
}
