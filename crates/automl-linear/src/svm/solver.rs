//! The dual of a support vector machine, solved two variables at a time.
//!
//! All problems here are `min ½ αᵀQα + pᵀα` with `Σ sᵢ αᵢ = 0` and `0 ≤ αᵢ ≤ Cᵢ`, where `Qᵢⱼ = sᵢ sⱼ K(i, j)`. The pair is
//! chosen by what a step along it gains (Fan, Chen and Lin, 2005), which is what LIBSVM does; nothing is shrunk, as the
//! kernel is whole in memory. Of the gradient only `Fᵢ = −sᵢ ∂ᵢ` is kept: at the solution it is the bias wherever a
//! variable is free.

use super::kernel::Kernel;
use automl_core::Budget;

/// The least curvature that a step divides by.
const CURVATURE_MIN: f64 = 1e-12;
/// Steps between two looks at the clock.
const STEPS_UNWATCHED: usize = 256;

/// One dual problem.
pub(super) struct Problem<'k> {
    pub(super) kernel: &'k Kernel,
    /// The row of the kernel that each variable belongs to.
    pub(super) rows: Vec<u32>,
    /// +1 or −1.
    pub(super) signs: Vec<f64>,
    /// `−sᵢ pᵢ`.
    pub(super) start: Vec<f64>,
    /// `Cᵢ`.
    pub(super) bounds: Vec<f64>,
}

/// Where a solution lies.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Solution {
    /// `sᵢ αᵢ`.
    pub(super) coefs: Vec<f64>,
    pub(super) bias: f64,
    pub(super) end: End,
}

/// Why the steps ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// No pair violates the conditions by more than the tolerance.
    Converged,
    /// There were as many steps as there may be.
    Steps,
    /// The budget was used up.
    Cancelled,
}

impl Problem<'_> {
    /// Steps until nothing is violated by more than `tolerance`, at most `n_steps` of them. Cost: three passes over the
    /// variables a step.
    pub(super) fn solve(&self, tolerance: f64, n_steps: usize, budget: &Budget) -> Solution {
        let n = self.rows.len();
        let mut alphas = vec![0.0; n];
        let mut f = self.start.clone();
        let mut end = End::Steps;
        for step in 0..n_steps {
            if step % STEPS_UNWATCHED == 0 && budget.is_over() {
                end = End::Cancelled;
                break;
            }
            let Some((i, j)) = self.pair(&alphas, &f, tolerance) else {
                end = End::Converged;
                break;
            };
            let (row_i, row_j) = (self.kernel.row(self.rows[i]), self.kernel.row(self.rows[j]));
            let at = |row: &[f32], k: usize| f64::from(row[self.rows[k] as usize]);
            let curvature = at(row_i, i) + at(row_j, j) - 2.0 * at(row_i, j);
            let wanted = (f[i] - f[j]) / curvature.max(CURVATURE_MIN);
            let length = wanted
                .min(self.room_up(i, alphas[i]))
                .min(self.room_down(j, alphas[j]));
            alphas[i] = (alphas[i] + self.signs[i] * length).clamp(0.0, self.bounds[i]);
            alphas[j] = (alphas[j] - self.signs[j] * length).clamp(0.0, self.bounds[j]);
            for (f, &row) in f.iter_mut().zip(&self.rows) {
                *f -= length * f64::from(row_i[row as usize] - row_j[row as usize]);
            }
        }
        let bias = self.bias(&alphas, &f);
        let coefs = alphas.iter().zip(&self.signs).map(|(a, s)| a * s).collect();
        Solution { coefs, bias, end }
    }

    /// How far `sᵢ αᵢ` may rise.
    fn room_up(&self, i: usize, alpha: f64) -> f64 {
        if self.signs[i] > 0.0 {
            self.bounds[i] - alpha
        } else {
            alpha
        }
    }

    /// How far `sᵢ αᵢ` may fall.
    fn room_down(&self, i: usize, alpha: f64) -> f64 {
        if self.signs[i] > 0.0 {
            alpha
        } else {
            self.bounds[i] - alpha
        }
    }

    /// The variable that violates most, and the one with which a step gains most; none if nothing is violated by more.
    fn pair(&self, alphas: &[f64], f: &[f64], tolerance: f64) -> Option<(usize, usize)> {
        let mut first: Option<usize> = None;
        for i in 0..f.len() {
            if self.room_up(i, alphas[i]) > 0.0 && first.is_none_or(|best| f[i] > f[best]) {
                first = Some(i);
            }
        }
        let i = first?;
        let row = self.kernel.row(self.rows[i]);
        let own = f64::from(row[self.rows[i] as usize]);
        let (mut second, mut gain, mut widest) = (None, 0.0, 0.0_f64);
        for j in 0..f.len() {
            let gap = f[i] - f[j];
            if gap <= 0.0 || self.room_down(j, alphas[j]) <= 0.0 {
                continue;
            }
            widest = widest.max(gap);
            let other = self.kernel.own(self.rows[j]);
            let curvature = own + other - 2.0 * f64::from(row[self.rows[j] as usize]);
            let gained = gap * gap / curvature.max(CURVATURE_MIN);
            if gained > gain {
                (second, gain) = (Some(j), gained);
            }
        }
        second.filter(|_| widest > tolerance).map(|j| (i, j))
    }

    /// The mean of `F` over the free variables, or the middle of where it may lie.
    fn bias(&self, alphas: &[f64], f: &[f64]) -> f64 {
        let (mut sum, mut n_free) = (0.0, 0_usize);
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        for (i, (&alpha, &f)) in alphas.iter().zip(f).enumerate() {
            let (up, down) = (self.room_up(i, alpha) > 0.0, self.room_down(i, alpha) > 0.0);
            match (up, down) {
                (true, true) => {
                    sum += f;
                    n_free += 1;
                }
                (true, false) => low = low.max(f),
                (false, true) => high = high.min(f),
                (false, false) => {}
            }
        }
        if n_free > 0 {
            return sum / n_free as f64;
        }
        match (low.is_finite(), high.is_finite()) {
            (true, true) => f64::midpoint(low, high),
            (true, false) => low,
            (false, true) => high,
            (false, false) => 0.0,
        }
    }
}
