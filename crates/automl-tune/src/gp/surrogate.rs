//! The models of a study: a Gaussian process for each objective and each constraint.

use super::Gp;
use super::ensemble::Ensemble;
use super::fit::Objective;
use super::hyper::Hyper;
use super::kernel::Layout;
use super::model::Model;
use super::outputs::{CHOICES, Outputs};
use crate::study::{Seen, Study};
use automl_core::Seed;

/// More trials than this are thinned before hyperparameters are fitted.
const FIT_MAX: usize = 200;

/// A model with the units of its values.
#[derive(Debug, Clone)]
pub(crate) struct Surrogate {
    pub(crate) model: Ensemble,
    pub(crate) outputs: Outputs,
}

/// What a fit found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fitted {
    pub(crate) theta: Vec<f64>,
    pub(crate) choice: Option<f64>,
}

/// What a trial says of a number.
#[derive(Debug, Clone, Copy)]
enum Told {
    /// It ended with it.
    Ended(f64),
    /// It was stopped, and had measured it by then.
    Stopped(f64),
    /// It failed.
    Nothing,
}

/// What the numbers of a column are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Losses: a failed trial counts as the worst, a stopped one as no better than the median.
    Losses,
    /// Excesses over a constraint, their sizes as logarithms, so that far violations do not drown the boundary.
    Excesses,
    /// Numbers as they are.
    Plain,
}

/// One number of every trial that says anything of it.
pub(crate) struct Column {
    name: String,
    inputs: Vec<Vec<f64>>,
    told: Vec<Told>,
    kind: Kind,
}

/// How many trials the hyperparameters are fitted to when `n` are known: all of few, then steps of a few per cent, so
/// that a study needs fits in the order of `log n`, each from the first trials alone.
pub(crate) fn fit_size(n: usize) -> usize {
    let mut size = 16;
    if n <= size {
        return n;
    }
    loop {
        let next = size + (size / 12).max(1);
        if next > n {
            return size;
        }
        size = next;
    }
}

impl Column {
    /// The losses of objective `k`.
    pub(crate) fn of_objective(name: &str, layout: &Layout, finished: &[Seen], k: usize) -> Self {
        let has_any = finished
            .iter()
            .any(|seen| seen.is_complete && seen.losses.len() > k);
        let told = |seen: &Seen| match (seen.losses.get(k), seen.is_complete) {
            (Some(&loss), true) => Some(Told::Ended(loss)),
            (Some(&loss), false) => Some(Told::Stopped(loss)),
            // With nothing to compare it with, it says nothing.
            (None, _) => has_any.then_some(Told::Nothing),
        };
        let told = finished
            .iter()
            .filter_map(|seen| Some((layout.inputs(&seen.at), told(seen)?)));
        Self::new(format!("{name} {k}"), Kind::Losses, told)
    }

    /// The excess over constraint `k`.
    pub(crate) fn of_constraint(layout: &Layout, finished: &[Seen], k: usize) -> Self {
        let told = finished.iter().filter_map(|seen| {
            let excess = seen
                .constraints
                .get(k)
                .filter(|excess| excess.is_finite())?;
            Some((layout.inputs(&seen.at), Told::Ended(*excess)))
        });
        Self::new(format!("constraint-{k}"), Kind::Excesses, told)
    }

    /// The logarithm of what each trial took.
    pub(crate) fn of_cost(layout: &Layout, finished: &[Seen]) -> Self {
        let told = finished
            .iter()
            .filter_map(|seen| Some((layout.inputs(&seen.at), Told::Ended(seen.cost?.ln()))));
        Self::new("cost".to_owned(), Kind::Plain, told)
    }

    fn new(name: String, kind: Kind, told: impl Iterator<Item = (Vec<f64>, Told)>) -> Self {
        let (inputs, told) = told.unzip();
        Self {
            name,
            inputs,
            told,
            kind,
        }
    }

    /// The first `n` of the trials, with numbers that depend on these alone.
    fn first(&self, n: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
        let told = &self.told[..n];
        let values = match self.kind {
            Kind::Losses => losses(told),
            Kind::Excesses => excesses(told),
            Kind::Plain => plain(told),
        };
        (self.inputs[..n].to_vec(), values)
    }

    /// The best hyperparameters and warping of the first `n`.
    pub(crate) fn fit(&self, gp: &Gp, layout: &Layout, n: usize) -> Fitted {
        let (mut inputs, mut values) = self.first(n);
        thin(&mut inputs, &mut values, FIT_MAX.min(gp.n_points_max));
        let d = layout.n_inputs();
        let is_warped = gp.warps_inputs && n >= 2 * d + 4;
        let mut starts = vec![
            Hyper::start(d, is_warped, 1.0),
            Hyper::start(d, is_warped, 0.3),
        ];
        let mut best: Option<(f64, Fitted)> = None;
        let choices: &[Option<f64>] = if self.kind == Kind::Losses && gp.warps_outputs && n >= 5 {
            &CHOICES
        } else {
            &CHOICES[..1]
        };
        for &choice in choices {
            let outputs = Outputs::new(&values, choice);
            let standard: Vec<f64> = values.iter().map(|&v| outputs.standard(v)).collect();
            let objective = Objective::new(layout, &inputs, &standard);
            let (theta, cost) = objective.minimise(&starts, gp.n_fit_steps);
            let cost = cost - outputs.log_slopes;
            // The other warpings begin where the first one ended.
            starts = vec![theta.clone()];
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, Fitted { theta, choice }));
            }
        }
        let start = Hyper::start(d, false, 1.0);
        best.map_or(
            Fitted {
                theta: start,
                choice: None,
            },
            |(_, fitted)| fitted,
        )
    }

    /// The model of all values, with hyperparameters fitted at the last size that asks for it, and with models of the
    /// earlier studies' values, if there are any.
    pub(crate) fn surrogate(
        &self,
        gp: &Gp,
        layout: &Layout,
        study: &Study,
        earlier: &[Self],
    ) -> Option<Surrogate> {
        let (own, outputs) = self.model(gp, layout, study)?;
        let others = earlier
            .iter()
            .filter_map(|other| Some(other.model(gp, layout, study)?.0));
        // The weights' randomness is of the trials alone.
        let seed = Seed(self.told.len() as u64);
        Some(Surrogate {
            model: Ensemble::new(own, others.collect(), seed),
            outputs,
        })
    }

    fn model(&self, gp: &Gp, layout: &Layout, study: &Study) -> Option<(Model, Outputs)> {
        let n = self.told.len();
        if n == 0 {
            return None;
        }
        let size = fit_size(n);
        let key = format!("{} {gp:?}", self.name);
        let fitted = study
            .memo()
            .get_or(&key, size, || self.fit(gp, layout, size));
        let (mut inputs, mut values) = self.first(n);
        thin(&mut inputs, &mut values, gp.n_points_max);
        let outputs = Outputs::new(&values, fitted.choice);
        let standard: Vec<f64> = values
            .iter()
            .map(|&value| outputs.standard(value))
            .collect();
        let mut theta = fitted.theta.clone();
        // Points that are too alike to factor need more noise.
        for _ in 0..6 {
            let hyper = Hyper::new(theta.clone(), layout.n_inputs());
            if let Some(model) = Model::new(layout, hyper, inputs.clone(), standard.clone()) {
                return Some((model, outputs));
            }
            theta[layout.n_inputs() + 1] += 3.0;
        }
        None
    }
}

/// A number of each trial, those that did not end counted as [`Kind::Losses`] says.
fn losses(told: &[Told]) -> Vec<f64> {
    let ended = told.iter().filter_map(|told| match told {
        Told::Ended(loss) => Some(*loss),
        _ => None,
    });
    let mut ended: Vec<f64> = ended.collect();
    ended.sort_by(f64::total_cmp);
    let median = ended.get(ended.len() / 2).copied();
    let value = |told: &Told| match *told {
        Told::Ended(loss) => Some(loss),
        Told::Stopped(loss) => Some(median.map_or(loss, |median| loss.max(median))),
        Told::Nothing => ended.last().copied(),
    };
    let values: Vec<Option<f64>> = told.iter().map(value).collect();
    // Before any trial has ended, a failed one is as bad as the worst that was stopped.
    let known = values.iter().flatten().copied();
    let worst = known.reduce(f64::max).unwrap_or(0.0);
    values.iter().map(|value| value.unwrap_or(worst)).collect()
}

fn excesses(told: &[Told]) -> Vec<f64> {
    let values = plain(told);
    let mut sizes: Vec<f64> = values.iter().map(|excess| excess.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let unit = sizes.get(sizes.len() / 2).copied().unwrap_or(1.0);
    let unit = unit.max(f64::MIN_POSITIVE);
    let view = |excess: &f64| (excess.abs() / unit).ln_1p().copysign(*excess);
    values.iter().map(view).collect()
}

fn plain(told: &[Told]) -> Vec<f64> {
    let value = |told: &Told| match *told {
        Told::Ended(value) | Told::Stopped(value) => value,
        Told::Nothing => 0.0,
    };
    told.iter().map(value).collect()
}

/// Keeps `n_max` trials: half of them the best, the others evenly from the rest.
fn thin(inputs: &mut Vec<Vec<f64>>, values: &mut Vec<f64>, n_max: usize) {
    let n = values.len();
    if n <= n_max {
        return;
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    let n_best = n_max / 2;
    let rest = &order[n_best..];
    let n_rest = n_max - n_best;
    let mut kept: Vec<usize> = order[..n_best].to_vec();
    kept.extend((0..n_rest).map(|at| rest[at * rest.len() / n_rest]));
    kept.sort_unstable();
    *inputs = kept.iter().map(|&at| inputs[at].clone()).collect();
    *values = kept.iter().map(|&at| values[at]).collect();
}
