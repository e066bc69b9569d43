//! The numbers that a Gaussian process is fitted by, with their priors.
//!
//! As a vector: logs of the length scales, log of the signal's variance, log of the noise's variance and, with input
//! warping, logs of the two shape parameters of Kumaraswamy's distribution function for every number.
//!
//! Priors: length scales log-normal about `√d`-dependent medians (Hvarfner, Hellsten and Nardi, 2024, *Vanilla Bayesian
//! optimization performs great in high dimensions*), variances log-normal, warping log-normal about no warping (Snoek,
//! Swersky, Zemel and Adams, 2014, *Input warping for Bayesian optimization of non-stationary functions*).

/// The least variance of the noise, of standardised values.
pub(crate) const NOISE_MIN: f64 = 1e-7;

/// A vector of hyperparameters and how to read it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hyper {
    theta: Vec<f64>,
    n_inputs: usize,
    inverse_lengths: Vec<f64>,
    is_warped: bool,
}

/// Median and deviation of the log of each hyperparameter.
struct LogNormal {
    median: f64,
    sigma: f64,
}

impl Hyper {
    pub(crate) fn n_parameters(n_inputs: usize, is_warped: bool) -> usize {
        n_inputs + 2 + if is_warped { 2 * n_inputs } else { 0 }
    }

    pub(crate) fn new(theta: Vec<f64>, n_inputs: usize) -> Self {
        let is_warped = theta.len() > n_inputs + 2;
        let inverse_lengths = theta[..n_inputs].iter().map(|log| (-log).exp()).collect();
        Self {
            theta,
            n_inputs,
            inverse_lengths,
            is_warped,
        }
    }

    /// The start of a fit: length scales at `length` times their medians.
    pub(crate) fn start(n_inputs: usize, is_warped: bool, length: f64) -> Vec<f64> {
        let mut theta = vec![0.0; Self::n_parameters(n_inputs, is_warped)];
        let median = length_prior(n_inputs).median;
        theta[..n_inputs].fill((length * median.exp().min(1.0)).ln());
        theta[n_inputs + 1] = (1e-4_f64).ln();
        theta
    }

    pub(crate) fn theta(&self) -> &[f64] {
        &self.theta
    }

    pub(crate) fn is_warped(&self) -> bool {
        self.is_warped
    }

    pub(crate) fn inverse_length(&self, j: usize) -> f64 {
        self.inverse_lengths[j]
    }

    pub(crate) fn signal(&self) -> f64 {
        self.theta[self.n_inputs].exp()
    }

    pub(crate) fn noise(&self) -> f64 {
        self.theta[self.n_inputs + 1].exp() + NOISE_MIN
    }

    /// `1 − (1 − xᵃ)ᵇ`, or `x` without warping.
    pub(crate) fn warp(&self, j: usize, x: f64) -> f64 {
        let Some((a, b)) = self.shape(j) else {
            return x;
        };
        let x = x.clamp(1e-9, 1.0 - 1e-9);
        -(b * (-x.powf(a)).ln_1p()).exp_m1()
    }

    /// Derivatives of [`Hyper::warp`] by the input, by `log a` and by `log b`.
    pub(crate) fn warp_slopes(&self, j: usize, x: f64) -> [f64; 3] {
        let Some((a, b)) = self.shape(j) else {
            return [1.0, 0.0, 0.0];
        };
        let x = x.clamp(1e-9, 1.0 - 1e-9);
        let power = x.powf(a);
        let rest = (-power).ln_1p();
        let lowered = ((b - 1.0) * rest).exp();
        [
            a * b * lowered * power / x,
            a * b * lowered * power * x.ln(),
            -b * rest * (b * rest).exp(),
        ]
    }

    fn shape(&self, j: usize) -> Option<(f64, f64)> {
        if !self.is_warped {
            return None;
        }
        let first = self.n_inputs + 2 + 2 * j;
        Some((self.theta[first].exp(), self.theta[first + 1].exp()))
    }

    /// Minus the log of the priors' density, up to a constant, and its gradient, added to `gradient`.
    pub(crate) fn prior_cost(&self, gradient: &mut [f64]) -> f64 {
        let d = self.n_inputs;
        let mut cost = 0.0;
        for (at, (&value, slope)) in self.theta.iter().zip(gradient).enumerate() {
            let prior = match at {
                at if at < d => length_prior(d),
                at if at == d => LogNormal {
                    median: 0.0,
                    sigma: 3.0,
                },
                at if at == d + 1 => LogNormal {
                    median: (1e-4_f64).ln(),
                    sigma: 3.0,
                },
                _ => LogNormal {
                    median: 0.0,
                    sigma: 0.5,
                },
            };
            let z = (value - prior.median) / prior.sigma;
            cost += 0.5 * z * z;
            *slope += z / prior.sigma;
        }
        cost
    }
}

fn length_prior(n_inputs: usize) -> LogNormal {
    LogNormal {
        median: -1.0 + 0.5 * (n_inputs.max(1) as f64).ln(),
        sigma: 1.2,
    }
}
