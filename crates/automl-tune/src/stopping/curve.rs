//! Ends trials whose curve, carried on, almost surely stays behind the best.
//!
//! # What it does
//! Models each curve by a Gaussian process over the step whose differences decay: the freeze-thaw kernel
//! `k(t, t') = s βᵅ / (t + t' + β)ᵅ`, under which curves are mixtures of exponential decays, plus a level with a broad
//! prior and noise. The scale is that of the curves of the study; `α`, `β` and the noise run over a small
//! grid, each weighed by its evidence in the trial's own curve and in an average curve of the study. The trial is ended if the chance that its value at the last step is better
//! than the best complete trial's is below a bound.
//!
//! # References
//! Swersky, Snoek and Adams (2014), *Freeze-thaw Bayesian optimization*; Golovin and others (2017), *Google Vizier*, section
//! 3.2 (the decay-curve rule).

use super::{Curves, Stopper, running};
use crate::math::normal_cdf;
use crate::study::{State, Study, Trial};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use serde::{Deserialize, Serialize};

/// Points of one curve that the model looks at.
const POINTS_MAX: usize = 16;
/// Curves that the evidence is summed over.
const CURVES_MAX: usize = 30;

/// Ends a trial whose chance to be the best is below a bound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecayCurve {
    /// The bound.
    pub chance_min: f64,
    /// The step at which trials are whole; by default the last step of the complete trials.
    pub max_step: Option<u64>,
    /// Complete trials needed before any is ended.
    pub n_startup: usize,
    /// Measurements needed of the trial.
    pub n_points_min: usize,
}

impl Default for DecayCurve {
    fn default() -> Self {
        Self {
            chance_min: 0.01,
            max_step: None,
            n_startup: 5,
            n_points_min: 5,
        }
    }
}

/// The decay's shape and the noise, in units of the curves' spread.
#[derive(Debug, Clone, Copy)]
struct Shape {
    alpha: f64,
    beta: f64,
    noise: f64,
}

impl Stopper for DecayCurve {
    fn should_stop(&self, study: &Study, id: u64) -> bool {
        self.chance(study, id)
            .is_some_and(|chance| chance < self.chance_min)
    }
}

impl DecayCurve {
    /// The chance that trial `id` ends better than the best complete trial; `None` if too little is known.
    pub fn chance(&self, study: &Study, id: u64) -> Option<f64> {
        let (trial, _) = running(study, id)?;
        let curves = Curves::new(study);
        let complete: Vec<&Trial> = study
            .trials()
            .iter()
            .filter(|own| own.state == State::Complete && !own.curve.is_empty())
            .collect();
        if complete.len() < self.n_startup.max(1) || trial.curve.len() < self.n_points_min.max(1) {
            return None;
        }
        let last = complete.iter().filter_map(|own| own.curve.last());
        let horizon = self
            .max_step
            .or_else(|| last.map(|point| point.step).max())?;
        let best = complete
            .iter()
            .map(|own| curves.loss(&own.values))
            .fold(f64::INFINITY, f64::min);
        let known: Vec<Vec<(f64, f64)>> = complete
            .iter()
            .rev()
            .take(CURVES_MAX)
            .map(|own| thinned(&curves.of(own), horizon))
            .collect();
        let (centre, spread) = location(&known);
        let standard = |curve: &[(f64, f64)]| -> Vec<(f64, f64)> {
            curve
                .iter()
                .map(|(t, loss)| (*t, (loss - centre) / spread))
                .collect()
        };
        let known: Vec<Vec<(f64, f64)>> = known.iter().map(|curve| standard(curve)).collect();
        let own = standard(&thinned(&curves.of(trial), horizon));
        let wanted = (best - centre) / spread;
        let mut shapes: Vec<(f64, f64)> = Vec::new();
        for shape in shapes_tried() {
            let each = known.iter().map(|curve| evidence(curve, shape));
            let population = each
                .sum::<Option<f64>>()
                .map(|sum| sum / known.len() as f64);
            let weight = population
                .zip(evidence(&own, shape))
                .map(|(all, own)| all + own);
            if let (Some(weight), Some((mean, deviation))) = (weight, forecast(&own, shape, 1.0)) {
                shapes.push((weight, normal_cdf((wanted - mean) / deviation)));
            }
        }
        let highest = shapes
            .iter()
            .map(|(weight, _)| *weight)
            .fold(f64::NEG_INFINITY, f64::max);
        let sums = shapes
            .iter()
            .fold((0.0, 0.0), |(total, chance), (weight, own)| {
                let share = (weight - highest).exp();
                (total + share, chance + share * own)
            });
        (sums.0 > 0.0).then(|| sums.1 / sums.0)
    }
}

/// The grid of shapes.
fn shapes_tried() -> impl Iterator<Item = Shape> {
    let alphas = [0.5, 1.0, 2.0].into_iter();
    let pairs = alphas.flat_map(|alpha| [0.01, 0.05, 0.2, 1.0].map(|beta| (alpha, beta)));
    pairs.flat_map(|(alpha, beta)| {
        [1e-4, 1e-3, 1e-2, 1e-1].map(|noise| Shape { alpha, beta, noise })
    })
}

/// At most [`POINTS_MAX`] points, evenly over the curve and with its last, steps as shares of the horizon.
fn thinned(curve: &[(u64, f64)], horizon: u64) -> Vec<(f64, f64)> {
    let n = curve.len();
    let n_kept = n.min(POINTS_MAX);
    let place = |at: usize| (at + 1) * n / n_kept - 1;
    let share = |step: u64| step as f64 / horizon.max(1) as f64;
    (0..n_kept)
        .map(|at| (share(curve[place(at)].0), curve[place(at)].1))
        .collect()
}

/// Median of the last losses, and the spread of all.
fn location(curves: &[Vec<(f64, f64)>]) -> (f64, f64) {
    let mut ends: Vec<f64> = curves
        .iter()
        .filter_map(|curve| Some(curve.last()?.1))
        .collect();
    ends.sort_by(f64::total_cmp);
    let centre = ends.get(ends.len() / 2).copied().unwrap_or(0.0);
    let mut away: Vec<f64> = curves
        .iter()
        .flatten()
        .map(|(_, loss)| (loss - centre).abs())
        .collect();
    away.sort_by(f64::total_cmp);
    let spread = away.get(away.len() * 3 / 4).copied().unwrap_or(1.0);
    (centre, if spread > 0.0 { spread } else { 1.0 })
}

fn covariance(t: f64, u: f64, shape: Shape) -> f64 {
    /// Variance of the level that a curve tends to.
    const LEVEL: f64 = 4.0;
    /// Variance of how far curves begin from it.
    const DECAY: f64 = 4.0;
    LEVEL + DECAY * (shape.beta / (t + u + shape.beta)).powf(shape.alpha)
}

fn kernel(curve: &[(f64, f64)], shape: Shape) -> Mat<f64> {
    Mat::from_fn(curve.len(), curve.len(), |i, k| {
        let noise = if i == k { shape.noise + 1e-9 } else { 0.0 };
        covariance(curve[i].0, curve[k].0, shape) + noise
    })
}

/// Log evidence of one curve.
fn evidence(curve: &[(f64, f64)], shape: Shape) -> Option<f64> {
    let factor = kernel(curve, shape).llt(Side::Lower).ok()?;
    let values = Mat::from_fn(curve.len(), 1, |i, _| curve[i].1);
    let solved = factor.solve(&values);
    let fit: f64 = (0..curve.len())
        .map(|i| values[(i, 0)] * solved[(i, 0)])
        .sum();
    let log_diagonal: f64 = (0..curve.len()).map(|i| factor.L()[(i, i)].ln()).sum();
    Some(-0.5 * fit - log_diagonal)
}

/// Mean and deviation of a measurement at `t`.
fn forecast(curve: &[(f64, f64)], shape: Shape, t: f64) -> Option<(f64, f64)> {
    let factor = kernel(curve, shape).llt(Side::Lower).ok()?;
    let n = curve.len();
    let cross = Mat::from_fn(n, 1, |i, _| covariance(curve[i].0, t, shape));
    let solved = factor.solve(&cross);
    let mean = (0..n).map(|i| solved[(i, 0)] * curve[i].1).sum();
    let explained: f64 = (0..n).map(|i| solved[(i, 0)] * cross[(i, 0)]).sum();
    let variance = covariance(t, t, shape) - explained + shape.noise;
    Some((mean, variance.max(1e-12).sqrt()))
}
