//! Counts and amounts: generalised linear models with a logarithmic link, by iteratively reweighted least squares.
//!
//! `μ = exp(xβ + b)`; what is minimised is half the mean deviance of the Tweedie family of power `p`, with a penalty as that of least
//! squares. `p` is 1 for Poisson and 2 for gamma. Each step solves a weighted least-squares problem
//! with the same penalty (Fisher scoring; Friedman, Hastie and Tibshirani, 2010, section 3), and is halved until it makes things better.

use super::{ElasticNetParams, GRAM_FEATURES_MAX, LinearObjective, Problem, Solution, gram, wide};
use crate::inputs::{Inputs, linear_scores};
use crate::targets::RowWeights;
use automl_core::{FitContext, FitError, ParamError, Params as _, TableView};

/// Steps of reweighting; usually five to ten suffice.
const STEPS_MAX: usize = 50;
/// How often a step is halved before nothing better is believed to be along it.
const HALVINGS_MAX: usize = 12;
/// No step moves the score of a row further than this: far from the optimum the squares that stand for a deviance ask for more than
/// an exponential bears.
const MOVE_MAX: f64 = 5.0;
/// Where nothing is better although a step would move a score further than this, the fit has not converged.
const MOVE_LEFT: f64 = 1e-3;
/// Predictions are taken no further from the mean than this, as a logarithm, where rows are weighed.
const REACH: f64 = 25.0;
/// A step that makes the loss smaller by less than this share of the tolerance, beside the first loss, ends the fit: what is left of
/// the coefficients' error is the root of that.
const GAIN_SHARE: f64 = 1e-4;

/// What is fitted: the rows with their targets, and the power of the family.
pub(super) struct Deviance<'a> {
    pub(super) params: &'a ElasticNetParams,
    pub(super) inputs: &'a Inputs,
    pub(super) weights: &'a RowWeights,
    pub(super) target: &'a [f64],
    pub(super) power: f64,
}

/// Coefficients with the scores of the rows by them.
struct Point {
    coef: Vec<f64>,
    intercept: f64,
    scores: Vec<f64>,
    loss: f64,
}

impl LinearObjective {
    /// The power of its family; none for least squares.
    pub(super) fn power(self, tweedie_power: f64) -> Option<f64> {
        match self {
            Self::Squared => None,
            Self::Poisson => Some(1.0),
            Self::Tweedie => Some(tweedie_power),
            Self::Gamma => Some(2.0),
        }
    }
}

impl Deviance<'_> {
    /// The coefficients of least penalised deviance.
    ///
    /// # Errors
    /// A target that the family has not, or a budget that is over before there is anything better than a constant.
    pub(super) fn solve(
        &self,
        ctx: &FitContext<'_>,
        rows: &TableView<'_>,
    ) -> Result<Solution, FitError> {
        self.check()?;
        let mean: f64 = self.mean();
        let n_features = self.inputs.n_features();
        // Of nothing but zeros a constant is as small as it can be.
        let level = if mean > 0.0 { mean.ln() } else { 0.0 };
        let start = match self.params.intercept {
            true if mean > 0.0 => level,
            true => f64::MIN_POSITIVE.ln(),
            false => 0.0,
        };
        let mut at = self.point(vec![0.0; n_features], start, vec![start; rows.n_rows()]);
        let mut found = Solution {
            coef: at.coef.clone(),
            intercept: start,
            spreads: vec![0.0; n_features],
            has_converged: mean == 0.0,
            is_cut: false,
        };
        if mean == 0.0 && self.params.intercept {
            return Ok(found);
        }
        found.has_converged = false;
        let first_loss = at.loss;
        for step in 0..STEPS_MAX {
            let solved = match self.reweighted(&at, level, ctx, rows) {
                Err(FitError::Cancelled) if step > 0 => {
                    found.is_cut = true;
                    break;
                }
                solved => solved?,
            };
            found.spreads.clone_from(&solved.spreads);
            found.is_cut = solved.is_cut;
            let (next, moved) = self.better(&at, &solved, rows)?;
            let Some(next) = next else {
                if found.is_cut && step == 0 {
                    return Err(FitError::Cancelled);
                }
                found.has_converged = solved.has_converged && moved < MOVE_LEFT;
                break;
            };
            let gain = at.loss - next.loss;
            at = next;
            if gain <= GAIN_SHARE * self.params.tol * first_loss {
                found.has_converged = solved.has_converged;
                break;
            }
            if found.is_cut {
                break;
            }
        }
        found.coef = at.coef;
        found.intercept = at.intercept;
        Ok(found)
    }

    /// That the targets are some that the family has.
    fn check(&self) -> Result<(), FitError> {
        let with_weight = self.target.iter().zip(&self.weights.share);
        let with_weight = with_weight.filter(|(_, share)| **share > 0.0);
        let least = with_weight
            .map(|(value, _)| *value)
            .fold(f64::INFINITY, f64::min);
        let (is_right, reason) = if self.power < 2.0 {
            (least >= 0.0, "needs targets of at least 0")
        } else {
            (least > 0.0, "needs targets above 0")
        };
        if is_right {
            return Ok(());
        }
        Err(FitError::Param(ParamError::Conflict {
            name: "objective".into(),
            value: self.params.get("objective").expect("it is a parameter"),
            reason: reason.into(),
        }))
    }

    fn mean(&self) -> f64 {
        let rows = self.target.iter().zip(&self.weights.share);
        rows.map(|(value, share)| value * share).sum()
    }

    fn point(&self, coef: Vec<f64>, intercept: f64, scores: Vec<f64>) -> Point {
        let loss = self.loss(&scores) + self.penalty(&coef);
        Point {
            coef,
            intercept,
            scores,
            loss,
        }
    }

    /// Half the mean deviance.
    fn loss(&self, scores: &[f64]) -> f64 {
        let rows = self.target.iter().zip(scores).zip(&self.weights.share);
        rows.filter(|(_, share)| **share > 0.0)
            .map(|((&value, &score), share)| share * half_deviance(self.power, value, score))
            .sum()
    }

    fn penalty(&self, coef: &[f64]) -> f64 {
        let (alpha, ratio) = (self.params.alpha, self.params.l1_ratio);
        let size = |weight: &f64| ratio * weight.abs() + 0.5 * (1.0 - ratio) * weight * weight;
        alpha * coef.iter().map(size).sum::<f64>()
    }

    /// The least squares that stand for the deviance about a point, solved.
    fn reweighted(
        &self,
        at: &Point,
        level: f64,
        ctx: &FitContext<'_>,
        rows: &TableView<'_>,
    ) -> Result<Solution, FitError> {
        let n_rows = at.scores.len();
        let (mut share, mut response) = (Vec::with_capacity(n_rows), Vec::with_capacity(n_rows));
        for ((&score, &value), &own) in at.scores.iter().zip(self.target).zip(&self.weights.share) {
            let near = score.clamp(level - REACH, level + REACH);
            let mean = near.exp();
            share.push(own * mean.powf(2.0 - self.power));
            response.push(near + (value - mean) / mean);
        }
        let total: f64 = share.iter().sum();
        for share in &mut share {
            *share /= total;
        }
        let centre = if self.params.intercept {
            response.iter().zip(&share).map(|(z, w)| z * w).sum()
        } else {
            0.0
        };
        for value in &mut response {
            *value -= centre;
        }
        let (alpha, ratio) = (self.params.alpha / total, self.params.l1_ratio);
        let problem = Problem {
            inputs: self.inputs,
            weights: &RowWeights {
                share,
                total: self.weights.total * total,
            },
            target: response,
            l1: alpha * ratio,
            l2: alpha * (1.0 - ratio),
            has_intercept: self.params.intercept,
            tol: self.params.tol,
            max_passes: self.params.max_iter,
        };
        let mut solution = solve_squares(&problem, ctx, rows)?;
        solution.intercept += centre;
        Ok(solution)
    }

    /// The first point on the way to a solution, halving from there, that is better, if there is one; and how far the solution would
    /// move the score that it moves most.
    fn better(
        &self,
        at: &Point,
        solved: &Solution,
        rows: &TableView<'_>,
    ) -> Result<(Option<Point>, f64), FitError> {
        let bound = self.inputs.bind(rows)?;
        // Scores are linear in the coefficients, so that one pass tells those of all points on the way.
        let there = linear_scores(&bound, rows, &solved.coef, &[solved.intercept]);
        let moves = there.iter().zip(&at.scores);
        let moved = moves.map(|(to, from)| (to - from).abs());
        let moved = moved.fold(0.0, f64::max);
        let mut share = (MOVE_MAX / moved).min(1.0);
        for _ in 0..HALVINGS_MAX {
            let along = |(&from, &to): (&f64, &f64)| from + share * (to - from);
            let coef = at.coef.iter().zip(&solved.coef).map(along).collect();
            let scores = at.scores.iter().zip(&there).map(along).collect();
            let intercept = along((&at.intercept, &solved.intercept));
            let next = self.point(coef, intercept, scores);
            if next.loss < at.loss {
                return Ok((Some(next), moved));
            }
            share *= 0.5;
        }
        Ok((None, moved))
    }
}

/// Least squares under the penalty, in the way that suits the number of features.
pub(super) fn solve_squares(
    problem: &Problem<'_>,
    ctx: &FitContext<'_>,
    rows: &TableView<'_>,
) -> Result<Solution, FitError> {
    if problem.inputs.n_features() <= GRAM_FEATURES_MAX {
        gram::solve(problem, ctx, rows)
    } else if problem.l1 == 0.0 {
        wide::solve_ridge(problem, ctx, rows)
    } else {
        wide::solve_by_descent(problem, ctx, rows)
    }
}

/// Half the deviance of a value where the logarithm of the mean is `score`, for unit dispersion; at least 0.
fn half_deviance(power: f64, value: f64, score: f64) -> f64 {
    if power == 1.0 {
        let own = if value > 0.0 {
            value * value.ln() - value
        } else {
            0.0
        };
        score.exp() - value * score + own
    } else if power == 2.0 {
        score + value * (-score).exp() - value.ln() - 1.0
    } else {
        let (low, high) = (1.0 - power, 2.0 - power);
        let own = value.powf(high) * (low.recip() - high.recip());
        (high * score).exp() / high - value * (low * score).exp() / low + own
    }
}
