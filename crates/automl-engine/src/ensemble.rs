//! Greedy ensemble selection on predictions for rows that the models have not seen.
//!
//! Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models" (ICML 2004): start with
//! the best model, then add, with replacement, whichever model improves the score of the mean most.

mod chosen;
mod greedy;
#[cfg(test)]
mod tests;

use crate::calibrate::{self, Judged};
use crate::conformal;
use crate::fit::{FitRun, OutOfFold};
use crate::latency::{self, Speed};
use crate::leaderboard::{Leaderboard, LeaderboardRow};
use crate::model::EnsembleModel;
use crate::nested::{self, NestedScore};
use crate::plan::Plan;
use crate::search::Found;
use crate::suggest::BASELINE;
use crate::threshold;
use crate::trial::Trial;
use crate::{EngineError, FitOptions, Quality, SearchPart};
use automl_core::params::ParamValue;
use automl_core::splits::subsample;
use automl_core::{CostMatrix, Dataset, Decision, ParamMap, Predictions, Seed, Threads};
use chosen::Chosen;
use greedy::{Greedy, shares};
use std::collections::BTreeSet;

/// Rows up to which members are chosen on parts of them, too.
const REPEATED_ROWS_MAX: usize = 5_000;
/// Share of the time for the ensemble that repeated choices of its members may take; the estimate of how good they are comes after.
const CHOICES_SHARE: f64 = 0.35;
/// Scores are compared on at most so many rows: enough to rank, cheap enough to rank often.
const ROWS_MAX: usize = 30_000;

/// Which trials make the model, and with what share.
pub(crate) struct Selection {
    /// Position in `Found::trials` and share; shares sum to 1; greatest first.
    pub(crate) members: Vec<(usize, f64)>,
    /// The ensemble's score.
    pub(crate) score: f64,
    /// The score without what choosing the members added, and between which it lies.
    pub(crate) nested: Option<NestedScore>,
    /// How classes are told from their probabilities.
    pub(crate) decision: Decision,
    /// The power that the ensemble's probabilities are raised to, if that makes them truer.
    pub(crate) power: Option<f64>,
    /// What is added to each quantile.
    pub(crate) shifts: Option<Vec<f64>>,
    /// What rows cost on average with the ensemble, and with candidates alone, by their place among the trials; if costs decide.
    mean_cost: Option<f64>,
    mean_costs: Vec<(usize, f64)>,
    /// The rows that were compared and what the ensemble says of them.
    pub(crate) out_of_fold: OutOfFold,
    fold_scores: Vec<f64>,
}

/// Out-of-fold predictions of one candidate on the rows that are compared.
struct Candidate {
    position: usize,
    predictions: Predictions,
}

impl Candidate {
    /// The same with these of its rows.
    fn at(&self, rows: &[usize]) -> Self {
        Self {
            position: self.position,
            predictions: at_rows(&self.predictions, rows),
        }
    }
}

/// What is predicted for these rows.
fn at_rows(predictions: &Predictions, rows: &[usize]) -> Predictions {
    let width = predictions.width();
    let mut found = predictions.zeros_like(rows.len());
    let to = found.values_mut().chunks_exact_mut(width);
    for (to, &row) in to.zip(rows) {
        to.copy_from_slice(&predictions.values()[row * width..(row + 1) * width]);
    }
    found
}

/// What candidates are compared on.
struct Bench<'a> {
    plan: &'a Plan,
    target: Vec<f64>,
    weight: Option<Vec<f64>>,
    /// The rows; with repeats a row stands once a repeat.
    rows: Vec<u32>,
    /// What is drawn as one, of each row.
    units: Vec<u32>,
}

impl<'a> Bench<'a> {
    fn new(data: &Dataset, plan: &'a Plan, rows: &[(usize, usize, u32)]) -> Self {
        let rows: Vec<u32> = rows.iter().map(|&(_, _, row)| row).collect();
        let view = data.view(&rows);
        Self {
            plan,
            target: view.target_numbers(),
            weight: view.weights(),
            units: rows.iter().map(|&row| unit(data, row)).collect(),
            rows,
        }
    }

    /// Distinct rows.
    fn n_rows(&self) -> usize {
        self.rows.iter().collect::<BTreeSet<_>>().len()
    }

    /// The same with these of its rows.
    fn at(&self, rows: &[usize]) -> Bench<'a> {
        let pick = |of: &[f64]| rows.iter().map(|&row| of[row]).collect::<Vec<f64>>();
        Bench {
            plan: self.plan,
            target: pick(&self.target),
            weight: self.weight.as_deref().map(pick),
            units: rows.iter().map(|&row| self.units[row]).collect(),
            rows: rows.iter().map(|&row| self.rows[row]).collect(),
        }
    }

    /// How classes are told best, where the metric reads classes and another than the likeliest is better.
    fn decision(&self, predictions: &Predictions) -> Option<Decision> {
        let weight = self.weight.as_deref();
        threshold::decision(self.plan.metric, &self.target, predictions, weight)
    }

    /// The same if both halves of the rows gain by what the other half found: thresholds of few rows please these alone.
    fn proven_decision(
        &self,
        predictions: &Predictions,
        halves: &[Vec<usize>; 2],
    ) -> Option<Decision> {
        let decision = self.decision(predictions)?;
        let gains = |learn: usize, judge: usize| {
            let (learn, judge) = (&halves[learn], &halves[judge]);
            let found = self.at(learn).decision(&at_rows(predictions, learn))?;
            let (bench, plain) = (self.at(judge), at_rows(predictions, judge));
            Some(bench.loss(&plain.decided_by(&found)) < bench.loss(&plain))
        };
        (gains(0, 1)? && gains(1, 0)?).then_some(decision)
    }

    /// The power that makes probabilities truer by the evidence of both halves of the rows, if there is one.
    fn power(&self, predictions: &Predictions, halves: &[Vec<usize>; 2]) -> Option<f64> {
        calibrate::power(self.plan.calibrated_by?, self.judged(predictions), halves)
    }

    /// The mean cost of a row whose class is the one of least expected cost, if costs decide.
    fn mean_cost(&self, costs: Option<&CostMatrix>, predictions: &Predictions) -> Option<f64> {
        let costs = costs?;
        let codes = predictions.class_codes_by(&Decision::Cheapest(costs.clone()));
        costs.mean(&self.target, &codes, self.weight.as_deref())
    }

    /// What is added to quantiles so that they cover.
    fn shifts(&self, predictions: &Predictions) -> Option<Vec<f64>> {
        conformal::shifts(
            &self.target,
            predictions,
            self.weight.as_deref(),
            &self.rows,
        )
    }

    fn judged<'b>(&'b self, predictions: &'b Predictions) -> Judged<'b> {
        Judged {
            target: &self.target,
            predictions,
            weight: self.weight.as_deref(),
            units: &self.units,
        }
    }

    fn loss(&self, predictions: &Predictions) -> f64 {
        let score = self
            .plan
            .metric
            .score(&self.target, predictions, self.weight.as_deref());
        score.map_or(f64::INFINITY, |score| self.plan.metric.loss(score))
    }
}

/// Selects the members of the final model.
///
/// # Errors
/// No trial has a score.
pub(crate) fn select(
    data: &Dataset,
    plan: &Plan,
    found: &Found,
    options: &FitOptions,
    run: &FitRun<'_>,
) -> Result<Selection, EngineError> {
    let ranked = found.ranked();
    if ranked.is_empty() {
        return Err(found.no_model(run));
    }
    let (n_candidates, n_steps) = sizes(options);
    let rows = compared_rows(data, plan, options);
    let bench = Bench::new(data, plan, &rows);
    let ranked = latency::quick_enough(found, ranked, options);
    let positions = shortlist(found, &ranked, n_candidates);
    if positions.is_empty() {
        return Err(EngineError::AllFailed {
            n_trials: ranked.len(),
            first: "its models cannot be read back".into(),
        });
    }
    let trials: Vec<&Trial> = positions.iter().map(|&at| &found.trials[at]).collect();
    let speed = Speed::asked(data, &trials, options);
    let candidates = candidates(found, &positions, &rows);
    let threads = Threads::new(options.threads).unwrap_or_else(|_| Threads::one());
    let greedy = Greedy {
        bench: &bench,
        candidates: &candidates,
        speed: speed.as_ref(),
        n_steps,
        is_repeated: speed.is_none() && n_steps > 1 && bench.n_rows() <= REPEATED_ROWS_MAX,
        seed: options.seed.named("choices"),
    };
    let members = shares(
        &candidates,
        &greedy.run(&threads, found, run, CHOICES_SHARE),
    );
    let is_late = found.ensemble_is_late(run);
    let chosen = Chosen {
        data,
        plan,
        found,
        options,
        members,
        calibrates: !options.is_without(SearchPart::Calibration) && !is_late,
        is_late,
    };
    let halves = halves(data, &rows, options.seed.named("halves"));
    let nested = |tuned| greedy.nested(&halves, tuned, &threads, found, run);
    chosen.judged(&rows, &bench, &candidates, (&halves, &nested))
}

/// The selection of the `n` heaviest members of another, where the rest is left out. How good it is on rows that the choice had
/// not seen is not known: what chose the members did not choose these.
///
/// # Errors
/// The metric has no value for them.
pub(crate) fn heaviest(
    data: &Dataset,
    plan: &Plan,
    found: &Found,
    options: &FitOptions,
    (selection, n): (&Selection, usize),
) -> Result<Selection, EngineError> {
    let kept = &selection.members[..n];
    let sum: f64 = kept.iter().map(|(_, share)| share).sum();
    let members = kept
        .iter()
        .map(|&(position, share)| (position, share / sum));
    let calibrates = selection.power.is_some();
    of_members((data, plan), found, options, members.collect(), calibrates)
}

/// The selection of these members, whose shares sum to 1.
///
/// # Errors
/// The metric has no value for them.
pub(crate) fn of_members(
    (data, plan): (&Dataset, &Plan),
    found: &Found,
    options: &FitOptions,
    members: Vec<(usize, f64)>,
    calibrates: bool,
) -> Result<Selection, EngineError> {
    let positions: Vec<usize> = members.iter().map(|&(position, _)| position).collect();
    let rows = compared_rows(data, plan, options);
    let bench = Bench::new(data, plan, &rows);
    let candidates = candidates(found, &positions, &rows);
    let halves = halves(data, &rows, options.seed.named("halves"));
    let chosen = Chosen {
        data,
        plan,
        found,
        options,
        members,
        calibrates,
        is_late: false,
    };
    chosen.judged(&rows, &bench, &candidates, (&halves, &|_| None))
}

fn candidates(found: &Found, positions: &[usize], rows: &[(usize, usize, u32)]) -> Vec<Candidate> {
    let candidate = |&position: &usize| Candidate {
        position,
        predictions: out_of_fold(&found.trials[position], rows),
    };
    positions.iter().map(candidate).collect()
}

/// How many candidates there are at most, and how often one is added.
fn sizes(options: &FitOptions) -> (usize, usize) {
    let (n_candidates, n_steps) = match options.quality {
        Quality::Fast => (8, 3),
        Quality::Balanced => (25, 25),
        Quality::Best => (40, 50),
    };
    // A slow list of the best would leave a limit on speed no choice.
    let n_candidates = options.inference_limit.map_or(n_candidates, |_| usize::MAX);
    let is_single = options.is_without(SearchPart::Ensembling);
    (n_candidates, if is_single { 1 } else { n_steps })
}

/// Positions of the compared rows in two halves; rows of one group are in one of them.
fn halves(data: &Dataset, rows: &[(usize, usize, u32)], seed: Seed) -> [Vec<usize>; 2] {
    let is_first = |&position: &usize| nested::is_first_half(seed, unit(data, rows[position].2));
    let (first, second) = (0..rows.len()).partition(is_first);
    [first, second]
}

/// What is drawn as one, since rows of one group tell of one another: a row, or its group.
fn unit(data: &Dataset, row: u32) -> u32 {
    data.groups().map_or(row, |groups| groups[row as usize])
}

fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len() as f64
}

/// What the members say together of the rows that are compared.
fn mean_of(candidates: &[Candidate], members: &[(usize, f64)]) -> Predictions {
    let first = &candidates[0].predictions;
    let mut mean = first.zeros_like(first.n_rows());
    for &(position, share) in members {
        let member = candidates.iter().find(|one| one.position == position);
        let member = member.expect("members are candidates");
        mean.add_scaled(share, &member.predictions);
    }
    mean
}

/// `(fold, position in the fold's validation rows, row)` of the rows that are compared: all, or a sample in which every
/// class keeps its share.
fn compared_rows(data: &Dataset, plan: &Plan, options: &FitOptions) -> Vec<(usize, usize, u32)> {
    let folds = plan.splits.iter().enumerate();
    let all: Vec<(usize, usize, u32)> = folds
        .flat_map(|(fold, split)| {
            let rows = split.valid.iter().enumerate();
            rows.map(move |(position, &row)| (fold, position, row))
        })
        .collect();
    if all.len() <= ROWS_MAX {
        return all;
    }
    let mut distinct: Vec<u32> = all.iter().map(|&(_, _, row)| row).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let seed = options.seed.named("compared rows");
    let mut chosen = subsample(&distinct, data, ROWS_MAX, seed);
    chosen.sort_unstable();
    let is_chosen = |&(_, _, row): &(usize, usize, u32)| chosen.binary_search(&row).is_ok();
    all.into_iter().filter(is_chosen).collect()
}

/// The best trials that still have their models, and the best one of each learner so that the list is diverse. Trials
/// that are no better than the constant baseline are left out: mixing them in can only dilute what the others say,
/// though a metric that looks at ranks alone would not notice.
fn shortlist(found: &Found, ranked: &[usize], n: usize) -> Vec<usize> {
    let trial = |position: usize| &found.trials[position];
    let is_constant = |position: &usize| trial(*position).config.learner.id == BASELINE;
    let floor = ranked
        .iter()
        .copied()
        .find(|position| is_constant(position));
    let floor = floor.and_then(|position| trial(position).scored_loss());
    let beats_floor = |position: usize| match (trial(position).scored_loss(), floor) {
        (Some(loss), Some(floor)) => loss < floor,
        (loss, _) => loss.is_some(),
    };
    let held = ranked
        .iter()
        .copied()
        .filter(|&position| !trial(position).fits.is_empty());
    let mut chosen: Vec<usize> = Vec::new();
    let mut learners: Vec<&str> = Vec::new();
    for position in held.filter(|&position| beats_floor(position)) {
        let id = trial(position).config.learner.id;
        if chosen.len() < n || !learners.contains(&id) {
            learners.push(id);
            chosen.push(position);
        }
    }
    if chosen.is_empty() {
        chosen.extend(
            ranked
                .iter()
                .copied()
                .find(|&position| !trial(position).fits.is_empty()),
        );
    }
    chosen
}

fn out_of_fold(trial: &Trial, rows: &[(usize, usize, u32)]) -> Predictions {
    let width = trial.fits[0].predictions.width();
    let mut out = trial.fits[0].predictions.zeros_like(rows.len());
    for (to, &(fold, position, _)) in out.values_mut().chunks_exact_mut(width).zip(rows) {
        to.copy_from_slice(
            &trial.fits[fold].predictions.values()[position * width..(position + 1) * width],
        );
    }
    out
}

impl Selection {
    /// The ensemble of the members' models of one split.
    pub(crate) fn of_split(
        &self,
        (data, plan): (&Dataset, &Plan),
        found: &Found,
        split: usize,
    ) -> EnsembleModel {
        let parts = self.members.iter().map(|&(position, weight)| {
            let trial = &found.trials[position];
            trial.part(&trial.fits[split], weight)
        });
        EnsembleModel::new(data.task().clone(), plan.floor, parts.collect())
            .raised_to(self.power)
            .shifted_by(self.shifts.clone())
    }

    /// Whether the model is nothing but the constant baseline.
    pub(crate) fn is_baseline_alone(&self, found: &Found) -> bool {
        let mut members = self.members.iter();
        members.all(|&(position, _)| found.trials[position].config.learner.id == BASELINE)
    }

    /// Writes its scores into a row.
    pub(crate) fn fill(&self, row: &mut LeaderboardRow) {
        row.score = self.score;
        row.mean_cost = self.mean_cost;
        row.fold_scores.clone_from(&self.fold_scores);
    }

    /// Everything that was scored, best first, the ensemble on top.
    pub(crate) fn leaderboard(&self, plan: &Plan, found: &Found) -> Leaderboard {
        let share = |position: usize| {
            self.members
                .iter()
                .find(|&&(member, _)| member == position)
                .map_or(0.0, |&(_, share)| share)
        };
        let mean_cost = |position: usize| {
            let mut known = self.mean_costs.iter();
            known.find(|known| known.0 == position).map(|known| known.1)
        };
        let ensemble = LeaderboardRow {
            rank: 1,
            name: "ensemble".into(),
            learner: "ensemble".into(),
            trial: None,
            score: self.score,
            mean_cost: self.mean_cost,
            fold_scores: self.fold_scores.clone(),
            fit_seconds: self
                .members
                .iter()
                .map(|&(position, _)| found.trials[position].seconds)
                .sum(),
            weight: 1.0,
            recipe: String::new(),
            params: ParamMap::from([(
                "members".to_owned(),
                ParamValue::Int(self.members.len() as i64),
            )]),
            learned: ParamMap::new(),
            is_partial: false,
        };
        let trials = found
            .ranked()
            .into_iter()
            .enumerate()
            .map(|(index, position)| {
                let trial = &found.trials[position];
                LeaderboardRow {
                    rank: index + 2,
                    name: trial.name(),
                    learner: trial.config.learner.id.to_owned(),
                    trial: Some(trial.id),
                    score: trial.fold_scores.iter().sum::<f64>() / trial.fold_scores.len() as f64,
                    mean_cost: mean_cost(position),
                    fold_scores: trial.fold_scores.clone(),
                    fit_seconds: trial.seconds,
                    weight: share(position),
                    recipe: trial.config.recipe.to_owned(),
                    params: trial.config.params.clone(),
                    learned: trial.learned.clone(),
                    is_partial: trial.is_partial,
                }
            });
        Leaderboard {
            metric: plan.metric.name().to_owned(),
            higher_is_better: plan.metric.higher_is_better(),
            validation: plan.validation.describe(),
            rows: std::iter::once(ensemble).chain(trials).collect(),
        }
    }
}
