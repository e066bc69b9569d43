//! Support vector machines with a radial kernel, for classes and for numbers.
//!
//! # What it fits
//! For two classes the function that leaves the widest margin between them, for numbers the flattest one that stays near
//! them; of more classes one function for each pair.
//!
//! # Formula
//! `f(x) = Σᵢ aᵢ exp(−γ ‖x − xᵢ‖²) + b` with `γ = gamma / (d · v)`, where `d` is the number of features and `v` the mean of
//! their variances (scikit-learn's `scale` for standardised columns). Classes:
//! `min ½ ‖f‖² + c Σ wᵢ max(0, 1 − yᵢ f(xᵢ))`; numbers: `min ½ ‖f‖² + c Σ wᵢ max(0, |zᵢ − f(xᵢ)| − epsilon)` with targets
//! `z` that have mean 0 and deviation 1. Weights have mean 1. The probability of a pair's first class is a sigmoid of `f`
//! (Platt, 1999), fitted on decisions of machines that did not see the row (3 folds); pairs are
//! joined by the closed form of Price and others (1995).
//!
//! # Parameters
//! See [`SvmParams`].
//!
//! # Cost
//! Fit: `n²` kernel values in single precision, and usually some `n` steps of `3 n` operations, 2.3 times for classes. So
//! at most `max_rows` rows are learned from. Prediction: a kernel value for each support vector.
//!
//! # When it fails
//! Columns that are not numbers, or have gaps, are refused; scale them first, or the largest decides. Rows of weight zero
//! are left out. Noisy classes make most rows support vectors.
//!
//! # References
//! Cortes and Vapnik (1995), *Support-vector networks*; Fan, Chen and Lin (2005), *Working set selection using second
//! order information*; Platt (1999), *Probabilistic outputs for support vector machines*; Price, Knerr, Personnaz and
//! Dreyfus (1995), *Pairwise neural network classifiers with probabilistic outputs*; LIBSVM and scikit-learn's `SVC` and `SVR`. linfa-svm was weighed and left: it takes no weights and has no
//! probabilities of several classes.
//!
//! ```
//! use automl_core::*;
//! let table = Table::new(vec![("x".into(), Column::Number(vec![0.0, 1.0, 4.0, 5.0]))])?;
//! let data = Dataset::new(table, Task::Regression, Target::Numbers(vec![1.0, 1.0, 3.0, 3.0].into()))?;
//! let warnings = Warnings::default();
//! let ctx = FitContext { seed: Seed(0), threads: Threads::one(), budget: Budget::unlimited(), warnings: &warnings };
//! let machine = (automl_linear::SVM.build)(&ParamMap::default())?;
//! let fitted = machine.fit(&ctx, &data.view(&data.all_rows()).into())?;
//! let predicted = fitted.model.predict(&data.table().view())?;
//! assert!((predicted.values()[0] - 1.0).abs() < 0.2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chances;
mod kernel;
mod model;
mod solver;
#[cfg(test)]
mod tests;

use crate::inputs::Inputs;
use crate::targets::{RowWeights, kept_rows, require_memory, require_task, warn_of_sample};
use automl_core::{
    Capabilities, FitContext, FitError, Fitted, Learner, LearnerSpec, ParamMap, Params, Seed,
    TaskKind, TrainingData, Warning, WarningKind,
};
use chances::Sigmoid;
use kernel::{Kernel, Points};
use model::{Machine, Output, Pair};
use solver::{End, Problem, Solution};

/// Folds by which decisions are made on rows that a machine did not see.
const FOLDS: usize = 3;
/// How far the conditions of the solution may be violated.
const TOLERANCE: f64 = 1e-3;
/// Steps for each variable, and beside, after which a solution is taken as it is.
const STEPS_PER_ROW: usize = 200;
const STEPS_MIN: usize = 10_000;

/// Parameters of [`SVM`].
#[derive(Params, Debug, Clone, PartialEq)]
pub struct SvmParams {
    /// What an error costs against the width of the margin.
    #[param(default = 1.0, range = 1e-4..=1e6, log, search = 0.1..=100.0)]
    pub c: f64,
    /// How narrow the kernel is, in units of what suits the spread of the features.
    #[param(default = 1.0, range = 1e-6..=1e6, log, search = 0.1..=10.0)]
    pub gamma: f64,
    /// Of numbers: errors below this cost nothing, in deviations of the target.
    #[param(default = 0.1, range = 0.0..=10.0, search = 0.01..=0.3)]
    pub epsilon: f64,
    /// Of more training rows than this, as many are drawn at random and learned from: memory grows with their square.
    #[param(default = 5_000, range = 1..=50_000, log)]
    pub max_rows: usize,
}

/// Support vector machines.
pub static SVM: LearnerSpec = LearnerSpec {
    id: "svm",
    title: "Support vector machine",
    capabilities: Capabilities {
        tasks: &[TaskKind::Binary, TaskKind::Multiclass, TaskKind::Regression],
        missing: false,
        categories: false,
        sparse: false,
        weights: true,
        early_stopping: false,
    },
    params: SvmParams::SPECS,
    references: &[
        "Fan, Chen and Lin (2005), Working set selection using second order information",
        "scikit-learn SVC and SVR",
    ],
    build: |map| Ok(Box::new(SvmParams::from_map(map)?)),
    load: |artifact| Ok(Box::new(Machine::load(artifact)?)),
};

impl Learner for SvmParams {
    fn spec(&self) -> &'static LearnerSpec {
        &SVM
    }

    fn params(&self) -> ParamMap {
        self.to_map()
    }

    fn fit(&self, ctx: &FitContext<'_>, data: &TrainingData<'_>) -> Result<Fitted, FitError> {
        let learner = SVM.id;
        let kind = require_task(&SVM, data.train.task())?;
        let rows = data.train.table();
        let inputs = Inputs::of(learner, &rows, false)?;
        let shares = RowWeights::of(learner, &data.train)?.share;
        let kept = kept_rows(&shares, self.max_rows, ctx.seed.named("rows"));
        if ctx.budget.is_over() {
            return Err(FitError::Cancelled);
        }
        warn_of_sample(
            ctx,
            "the support vector machine learns from",
            (&shares, self.max_rows),
        );
        let n_others = data.train.task().n_classes().saturating_sub(1).max(1);
        // The kernel, the rows twice, and the variables of all machines at once.
        let row = inputs.n_features() * 16 + n_others * (FOLDS + 2) * 24;
        let needed = Kernel::n_bytes(kept.len()) + (kept.len() * row) as u64;
        require_memory(learner, needed, ctx)?;
        let bound = inputs.bind(&rows)?;
        let mut values = Vec::with_capacity(kept.len() * inputs.n_features());
        for &i in &kept {
            let row = rows.row(i as usize);
            values.extend(bound.numbers.iter().map(|values| values[row]));
        }
        let means = centre(&mut values, inputs.n_features());
        let gamma = self.gamma / scale(&values, inputs.n_features());
        if !(gamma.is_finite() && gamma > 0.0) {
            let reason = "the features are too large to square".to_owned();
            return Err(FitError::Numeric { learner, reason });
        }
        let points = Points::new(values, inputs.n_features());
        let fit = Fit {
            params: self,
            ctx,
            kernel: &Kernel::of(&points, gamma, &ctx.threads),
            weights: means_one(&kept, &shares),
        };
        let output = if kind == TaskKind::Regression {
            let targets = data.train.target_numbers();
            let targets: Vec<f64> = kept.iter().map(|&i| targets[i as usize]).collect();
            fit.numbers(&targets)?
        } else {
            let codes = data.train.class_codes();
            let codes: Vec<u32> = kept.iter().map(|&i| codes[i as usize]).collect();
            fit.classes(&codes, data.train.task().n_classes())?
        };
        let machine = Machine::new(inputs, (means, gamma), &points.values, output);
        Ok(Fitted::from(
            Box::new(machine) as Box<dyn automl_core::Model>
        ))
    }
}

/// Subtracts the mean of each feature, and gives them.
fn centre(values: &mut [f64], n_features: usize) -> Vec<f64> {
    let n = (values.len() / n_features) as f64;
    let mut means = vec![0.0; n_features];
    for row in values.chunks_exact(n_features) {
        for (mean, value) in means.iter_mut().zip(row) {
            *mean += value / n;
        }
    }
    for row in values.chunks_exact_mut(n_features) {
        for (value, mean) in row.iter_mut().zip(&means) {
            *value -= mean;
        }
    }
    means
}

/// The features' variances summed, or 1 if nothing varies.
fn scale(centred: &[f64], n_features: usize) -> f64 {
    let n = (centred.len() / n_features) as f64;
    let sum = centred.iter().map(|value| value * value).sum::<f64>() / n;
    if sum > 0.0 { sum } else { 1.0 }
}

/// Weights of the rows that are kept, with mean 1.
fn means_one(kept: &[u32], shares: &[f64]) -> Vec<f64> {
    let own = || kept.iter().map(|&i| shares[i as usize]);
    // Equal weights are exactly 1, whatever they sum to.
    let first = own().next().unwrap_or(1.0);
    if own().all(|share| share == first) {
        return vec![1.0; kept.len()];
    }
    let sum: f64 = own().sum();
    own().map(|share| share * kept.len() as f64 / sum).collect()
}

/// One fit, whose rows are numbered in the order of the kernel.
struct Fit<'a> {
    params: &'a SvmParams,
    ctx: &'a FitContext<'a>,
    kernel: &'a Kernel,
    weights: Vec<f64>,
}

impl Fit<'_> {
    fn solve(&self, problem: &Problem<'_>) -> Solution {
        let n_steps = STEPS_MIN + STEPS_PER_ROW * problem.rows.len();
        problem.solve(TOLERANCE, n_steps, &self.ctx.budget)
    }

    fn check(&self, mut ends: impl Iterator<Item = End> + Clone) -> Result<(), FitError> {
        if ends.clone().any(|end| end == End::Cancelled) {
            return Err(FitError::Cancelled);
        }
        if ends.any(|end| end == End::Steps) {
            let message =
                "the support vector machine has not converged; scale the features, or lower c";
            let none = Vec::<String>::new();
            let warning = Warning::new(WarningKind::NotConverged, none, message.to_owned());
            self.ctx.warnings.push(warning);
        }
        Ok(())
    }

    /// Two variables a row: what pulls the function up to its target, and what pulls it down.
    fn numbers(&self, targets: &[f64]) -> Result<Output, FitError> {
        let n = targets.len();
        let total: f64 = self.weights.iter().sum();
        let mean = |values: &mut dyn Iterator<Item = f64>| -> f64 {
            values
                .zip(&self.weights)
                .map(|(value, weight)| value * weight)
                .sum::<f64>()
                / total
        };
        let centre = mean(&mut targets.iter().copied());
        let spread = mean(&mut targets.iter().map(|y| (y - centre).powi(2))).sqrt();
        if !spread.is_finite() {
            return Err(FitError::Numeric {
                learner: SVM.id,
                reason: "the target is too large to square".to_owned(),
            });
        }
        let scale = if spread > 0.0 { spread } else { 1.0 };
        let scaled = || targets.iter().map(|y| (y - centre) / scale);
        let rows = 0..n as u32;
        let bounds = self.weights.iter().map(|weight| self.params.c * weight);
        let epsilon = self.params.epsilon;
        let problem = Problem {
            kernel: self.kernel,
            rows: rows.clone().chain(rows).collect(),
            signs: [1.0, -1.0]
                .iter()
                .flat_map(|sign| std::iter::repeat_n(*sign, n))
                .collect(),
            start: scaled()
                .map(|z| z - epsilon)
                .chain(scaled().map(|z| z + epsilon))
                .collect(),
            bounds: bounds.clone().chain(bounds).collect(),
        };
        let solution = self.solve(&problem);
        self.check(std::iter::once(solution.end))?;
        let (up, down) = solution.coefs.split_at(n);
        Ok(Output::Numbers {
            coefs: up.iter().zip(down).map(|(up, down)| up + down).collect(),
            bias: solution.bias,
            centre,
            scale,
        })
    }

    /// A machine for each pair of the classes that are there, and the sigmoid of its decisions.
    fn classes(&self, codes: &[u32], n_classes: usize) -> Result<Output, FitError> {
        let mut present = codes.to_vec();
        present.sort_unstable();
        present.dedup();
        let of = |code: u32| -> Vec<u32> {
            let rows = codes.iter().enumerate();
            rows.filter(|(_, own)| **own == code)
                .map(|(row, _)| row as u32)
                .collect()
        };
        let rows: Vec<Vec<u32>> = present.iter().map(|code| of(*code)).collect();
        let k = present.len();
        let pairs: Vec<[usize; 2]> = (0..k)
            .flat_map(|a| (a + 1..k).map(move |b| [a, b]))
            .collect();
        // Machines of all pairs and folds side by side, the whole one of a pair behind those of its folds.
        let solutions = self.ctx.threads.map(pairs.len() * (FOLDS + 1), |job| {
            let ([a, b], part) = (pairs[job / (FOLDS + 1)], job % (FOLDS + 1));
            self.machine([&rows[a], &rows[b]], (part < FOLDS).then_some(part))
        });
        self.check(solutions.iter().map(|(_, solution)| solution.end))?;
        let mut coefs = vec![0.0; codes.len() * k.saturating_sub(1)];
        let mut fitted = Vec::with_capacity(pairs.len());
        for (&[a, b], parts) in pairs.iter().zip(solutions.chunks_exact(FOLDS + 1)) {
            fitted.push(self.pair([&rows[a], &rows[b]], parts));
            let (used, whole) = &parts[FOLDS];
            for (&row, coef) in used.iter().zip(&whole.coefs) {
                // Of a row's machines, that against class `b` has the place of `b` among the others.
                let other = if codes[row as usize] == present[a] {
                    b - 1
                } else {
                    a
                };
                coefs[row as usize * (k - 1) + other] = *coef;
            }
        }
        Ok(Output::Classes {
            n_classes,
            places: codes
                .iter()
                .map(|code| present.partition_point(|own| own < code) as u32)
                .collect(),
            present,
            coefs,
            pairs: fitted,
        })
    }

    /// The machine of two classes, perhaps without a fold of their rows; and the rows that it learned from.
    fn machine(&self, classes: [&[u32]; 2], without: Option<usize>) -> (Vec<u32>, Solution) {
        let is_used = |row: &u32| without.is_none_or(|fold| self.fold(*row) != fold);
        let used = classes.map(|rows| rows.iter().copied().filter(is_used).collect::<Vec<u32>>());
        let signs: Vec<f64> = (used.iter().zip([1.0, -1.0]))
            .flat_map(|(rows, sign)| std::iter::repeat_n(sign, rows.len()))
            .collect();
        let rows = used.concat();
        let problem = Problem {
            kernel: self.kernel,
            start: signs.clone(),
            signs,
            bounds: rows
                .iter()
                .map(|&row| self.params.c * self.weights[row as usize])
                .collect(),
            rows,
        };
        let solution = self.solve(&problem);
        (problem.rows, solution)
    }

    /// The fold that a row is left out in.
    fn fold(&self, row: u32) -> usize {
        let seed: Seed = self.ctx.seed.named("folds").indexed(u64::from(row));
        (seed.0 % FOLDS as u64) as usize
    }

    /// The bias and the sigmoid of a pair. Where a fold leaves no row of a class, decisions are those of the whole machine.
    fn pair(&self, classes: [&[u32]; 2], parts: &[(Vec<u32>, Solution)]) -> Pair {
        let whole = &parts[FOLDS];
        let has_both = |(used, _): &(Vec<u32>, Solution)| {
            classes
                .iter()
                .all(|rows| used.iter().any(|row| rows.binary_search(row).is_ok()))
        };
        let are_sound = parts[..FOLDS].iter().all(has_both);
        let mut decided = Vec::new();
        for (rows, is_first) in classes.into_iter().zip([true, false]) {
            for &row in rows {
                let (used, solution) = if are_sound {
                    &parts[self.fold(row)]
                } else {
                    whole
                };
                let values = self.kernel.row(row);
                let of = |(&other, coef): (&u32, &f64)| coef * f64::from(values[other as usize]);
                let decision: f64 = used.iter().zip(&solution.coefs).map(of).sum();
                decided.push((
                    decision + solution.bias,
                    is_first,
                    self.weights[row as usize],
                ));
            }
        }
        Pair {
            bias: whole.1.bias,
            sigmoid: Sigmoid::fit(&decided),
        }
    }
}
