//! Ends trials whose curve, carried on, almost surely stays behind the best.
//!
//! # What it does
//! Models each curve by a Gaussian process over the step whose differences decay: the freeze-thaw kernel
//! `k(t, t') = s βᵅ / (t + t' + β)ᵅ`, under which curves are mixtures of exponential decays, plus a level with a broad
//! prior and noise. The scale is that of the curves of the study, once of the losses as they are and once, where all are
//! positive, of their logarithms. Both scales, and `α`, `β` and the noise over a small grid, are weighed by their evidence in
//! the trial's own curve and in an average curve of the study. The trial is ended if the chance that its value at the last
//! step is better than the best complete trial's is below a bound.
//!
//! Two kinds of curves are not mixtures of decays, and go on whatever the model says of them:
//!
//! - One that rests on a plateau for some steps looks as if it had come to its end. So trials that are among the best of all
//!   that have reached the same step go on. How many falls evenly with the steps: early ranks say little of the end, late ones much.
//! - One that begins on a plateau, as deep networks do, falls later than its first steps say. So trials go on whose falls do not
//!   fade yet and which would be the best in the end if they went on falling like that.
//!
//! Of several objectives, a trial goes on that may become the best by any of them, or by all together.
//!
//! # References
//! Swersky, Snoek and Adams (2014), *Freeze-thaw Bayesian optimization*; Golovin and others (2017), *Google Vizier*, section
//! 3.2 (the decay-curve rule).

use super::{Curves, Standing, Stopper, peers, running};
use crate::math::normal_cdf;
use crate::study::{State, Study, Trial};
use faer::linalg::solvers::{Llt, Solve};
use faer::{Mat, Side};
use serde::{Deserialize, Serialize};

/// Points of one curve that the model looks at.
const POINTS_MAX: usize = 16;
/// Curves that the evidence is summed over.
const CURVES_MAX: usize = 30;
/// Falls do not fade yet if those of the later half of the steps are at least this share of those of the first half.
const FADED: f64 = 0.8;

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
    /// The share of trials, the best at the same step, that go on at first; it falls evenly to none at the last step.
    pub share_kept: f64,
}

impl Default for DecayCurve {
    fn default() -> Self {
        Self {
            chance_min: 0.04,
            max_step: None,
            n_startup: 5,
            n_points_min: 3,
            share_kept: 0.6,
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
        let Some(field) = self.field(study, id) else {
            return false;
        };
        let is_lost = |curves: &Curves| {
            let race = field.race(curves);
            !race.falls_to_the_best()
                && race.chance().is_some_and(|chance| chance < self.chance_min)
        };
        !self.is_kept(study, &field) && Curves::of_all(study).iter().all(is_lost)
    }
}

/// A running trial and those that it races.
struct Field<'a> {
    trial: &'a Trial,
    peers: Vec<&'a Trial>,
    complete: Vec<&'a Trial>,
    /// The step that the trial has reached.
    step: u64,
    /// The step at which trials are whole.
    horizon: u64,
}

impl Field<'_> {
    /// What the trial has to beat by one loss a step.
    fn race<'a>(&'a self, curves: &'a Curves) -> Race<'a> {
        let losses = self.complete.iter().map(|own| curves.loss(&own.values));
        Race {
            field: self,
            curves,
            best: losses.fold(f64::INFINITY, f64::min),
        }
    }
}

/// A field by one loss a step.
struct Race<'a> {
    field: &'a Field<'a>,
    curves: &'a Curves,
    /// The least loss of a complete trial.
    best: f64,
}

impl DecayCurve {
    /// The chance that trial `id` ends better than the best complete trial, the greatest over objectives; `None` if too little
    /// is known or it has reached the last step.
    pub fn chance(&self, study: &Study, id: u64) -> Option<f64> {
        let field = self.field(study, id)?;
        let curves = Curves::of_all(study);
        let chances = curves.iter().filter_map(|own| field.race(own).chance());
        chances.reduce(f64::max)
    }

    /// `None` if too little is known of the trial or of others, or it has reached the last step.
    fn field<'a>(&self, study: &'a Study, id: u64) -> Option<Field<'a>> {
        let (trial, step) = running(study, id)?;
        let peers = peers(study)?;
        let is_whole = |own: &&Trial| own.state == State::Complete && !own.curve.is_empty();
        let complete: Vec<&Trial> = peers.iter().copied().filter(is_whole).collect();
        if complete.len() < self.n_startup.max(1) || trial.curve.len() < self.n_points_min.max(1) {
            return None;
        }
        let last = complete.iter().filter_map(|own| own.curve.last());
        let last = last.map(|point| point.step).max();
        let horizon = self.max_step.or(last)?;
        (step < horizon).then_some(Field {
            trial,
            peers,
            complete,
            step,
            horizon,
        })
    }

    /// Whether the trial is among the best of those that have measured as far as it has.
    fn is_kept(&self, study: &Study, field: &Field<'_>) -> bool {
        let reached = |own: &&Trial| own.curve.last().is_some_and(|last| last.step >= field.step);
        let reached: Vec<&Trial> = field.peers.iter().copied().filter(reached).collect();
        let Some(standing) = Standing::at(study, field.trial, &reached, field.step) else {
            return true;
        };
        let left = 1.0 - field.step as f64 / field.horizon.max(1) as f64;
        let share = self.share_kept * left.max(0.0);
        let others = standing.others;
        let n_better = others.iter().filter(|&&loss| loss < standing.own).count();
        (n_better as f64) < (share * others.len() as f64).max(1.0)
    }
}

impl Race<'_> {
    /// Whether the trial's falls do not fade yet, and would carry it below the best if they went on.
    fn falls_to_the_best(&self) -> bool {
        let points = self.curves.of(self.field.trial);
        let (Some(&first), Some(&last)) = (points.first(), points.last()) else {
            return false;
        };
        let middle = points[points.len() / 2];
        let speed = |from: (u64, f64), to: (u64, f64)| {
            (from.1 - to.1) / to.0.saturating_sub(from.0).max(1) as f64
        };
        let (before, now) = (speed(first, middle), speed(middle, last));
        let left = self.field.horizon.saturating_sub(self.field.step) as f64;
        let fades = now <= 0.0 || now < FADED * before;
        points.len() > 2 && !fades && last.1 - now * left < self.best
    }

    fn chance(&self) -> Option<f64> {
        let recent = self.field.complete.iter().rev().take(CURVES_MAX);
        let thinned = |own: &Trial| Curve::thinned(&self.curves.of(own), self.field.horizon);
        let known: Vec<Curve> = recent.map(|own| thinned(own)).collect();
        let own = thinned(self.field.trial);
        let mut scales = vec![Scale::new(&known, |loss| loss, |_| 0.0)];
        let mut losses = known.iter().chain([&own]).flat_map(|curve| &curve.losses);
        if self.best > 0.0 && losses.all(|&loss| loss > 0.0) {
            scales.push(Scale::new(&known, f64::ln, f64::ln));
        }
        chance_below(self.best, &own, &known, &scales)
    }
}

/// A curve as the model sees it.
struct Curve {
    /// Steps as shares of the horizon.
    times: Vec<f64>,
    losses: Vec<f64>,
}

impl Curve {
    /// At most [`POINTS_MAX`] points, evenly over the curve and with its last.
    fn thinned(curve: &[(u64, f64)], horizon: u64) -> Self {
        let n = curve.len();
        let n_kept = n.min(POINTS_MAX);
        let points = (0..n_kept).map(|at| curve[(at + 1) * n / n_kept - 1]);
        let share = |step: u64| step as f64 / horizon.max(1) as f64;
        let (times, losses) = points.map(|(step, loss)| (share(step), loss)).unzip();
        Self { times, losses }
    }
}

/// How losses are looked at: through a function, about the median end of the curves and in their spread.
struct Scale {
    view: fn(f64) -> f64,
    /// The logarithm of how much the view shrinks losses there.
    log_shrinkage: fn(f64) -> f64,
    centre: f64,
    spread: f64,
}

impl Scale {
    fn new(known: &[Curve], view: fn(f64) -> f64, log_shrinkage: fn(f64) -> f64) -> Self {
        let ends = known.iter().filter_map(|curve| curve.losses.last());
        let mut ends: Vec<f64> = ends.map(|&loss| view(loss)).collect();
        ends.sort_by(f64::total_cmp);
        let centre = ends.get(ends.len() / 2).copied().unwrap_or(0.0);
        let all = known.iter().flat_map(|curve| &curve.losses);
        let mut away: Vec<f64> = all.map(|&loss| (view(loss) - centre).abs()).collect();
        away.sort_by(f64::total_cmp);
        let spread = away.get(away.len() * 3 / 4).copied().unwrap_or(1.0);
        Self {
            view,
            log_shrinkage,
            centre,
            spread: if spread > 0.0 { spread } else { 1.0 },
        }
    }

    fn standard(&self, loss: f64) -> f64 {
        ((self.view)(loss) - self.centre) / self.spread
    }

    fn column(&self, curve: &Curve) -> Mat<f64> {
        Mat::from_fn(curve.losses.len(), 1, |i, _| self.standard(curve.losses[i]))
    }

    /// Log evidence of a curve, as a density of losses as they were measured, so that scales can be compared.
    fn evidence(&self, curve: &Curve, process: &Process) -> f64 {
        let shrinkage = |&loss: &f64| self.spread.ln() + (self.log_shrinkage)(loss);
        process.evidence(&self.column(curve)) - curve.losses.iter().map(shrinkage).sum::<f64>()
    }
}

/// The chance that a curve ends below a loss, over all shapes and scales by their evidence in it and in those known.
fn chance_below(wanted: f64, own: &Curve, known: &[Curve], scales: &[Scale]) -> Option<f64> {
    let mut forecasts: Vec<(f64, f64)> = Vec::new();
    for shape in shapes_tried() {
        // Most curves were measured at the same steps, so that one factor serves them.
        let mut processes: Vec<Process> = Vec::new();
        let mut all = vec![0.0; scales.len()];
        for curve in known {
            if processes
                .last()
                .is_none_or(|last| last.times != curve.times)
            {
                processes.push(Process::new(&curve.times, shape)?);
            }
            let process = processes.last()?;
            for (sum, scale) in all.iter_mut().zip(scales) {
                *sum += scale.evidence(curve, process) / known.len() as f64;
            }
        }
        let process = Process::new(&own.times, shape)?;
        for (population, scale) in all.iter().zip(scales) {
            let (mean, deviation) = process.forecast(&scale.column(own), 1.0);
            let chance = normal_cdf((scale.standard(wanted) - mean) / deviation);
            forecasts.push((population + scale.evidence(own, &process), chance));
        }
    }
    let weights = forecasts.iter().map(|(weight, _)| *weight);
    let highest = weights.fold(f64::NEG_INFINITY, f64::max);
    let (mut total, mut sum) = (0.0, 0.0);
    for (weight, chance) in forecasts {
        let share = (weight - highest).exp();
        total += share;
        sum += share * chance;
    }
    (total > 0.0).then(|| sum / total)
}

/// The grid of shapes.
fn shapes_tried() -> impl Iterator<Item = Shape> {
    let alphas = [0.5, 1.0, 2.0].into_iter();
    let pairs = alphas.flat_map(|alpha| [0.01, 0.05, 0.2, 1.0].map(|beta| (alpha, beta)));
    let noises = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1];
    pairs.flat_map(move |(alpha, beta)| noises.map(|noise| Shape { alpha, beta, noise }))
}

fn covariance(t: f64, u: f64, shape: Shape) -> f64 {
    /// Variance of the level that a curve tends to.
    const LEVEL: f64 = 4.0;
    /// Variance of how far curves begin from it.
    const DECAY: f64 = 4.0;
    LEVEL + DECAY * (shape.beta / (t + u + shape.beta)).powf(shape.alpha)
}

/// The Gaussian process of one shape at some times.
struct Process {
    times: Vec<f64>,
    shape: Shape,
    factor: Llt<f64>,
    log_diagonal: f64,
}

impl Process {
    /// `None` if the covariance cannot be factored.
    fn new(times: &[f64], shape: Shape) -> Option<Self> {
        let kernel = Mat::from_fn(times.len(), times.len(), |i, k| {
            let noise = if i == k { shape.noise + 1e-9 } else { 0.0 };
            covariance(times[i], times[k], shape) + noise
        });
        let factor = kernel.llt(Side::Lower).ok()?;
        let log_diagonal = (0..times.len()).map(|i| factor.L()[(i, i)].ln()).sum();
        Some(Self {
            times: times.to_vec(),
            shape,
            factor,
            log_diagonal,
        })
    }

    /// Log evidence of values at the times.
    fn evidence(&self, values: &Mat<f64>) -> f64 {
        let solved = self.factor.solve(values);
        let fit: f64 = (0..values.nrows())
            .map(|i| values[(i, 0)] * solved[(i, 0)])
            .sum();
        -0.5 * fit - self.log_diagonal
    }

    /// Mean and deviation of a measurement at `t`, given values at the times.
    fn forecast(&self, values: &Mat<f64>, t: f64) -> (f64, f64) {
        let n = self.times.len();
        let cross = Mat::from_fn(n, 1, |i, _| covariance(self.times[i], t, self.shape));
        let solved = self.factor.solve(&cross);
        let mean = (0..n).map(|i| solved[(i, 0)] * values[(i, 0)]).sum();
        let explained: f64 = (0..n).map(|i| solved[(i, 0)] * cross[(i, 0)]).sum();
        let variance = covariance(t, t, self.shape) - explained + self.shape.noise;
        (mean, variance.max(1e-12).sqrt())
    }
}
