//! The normal distribution, accurate far into its tails.

#[cfg(test)]
mod tests;

use std::f64::consts::{FRAC_1_SQRT_2, PI, TAU};

/// Density of the standard normal distribution.
pub(crate) fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / TAU.sqrt()
}

/// The standard normal distribution function.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Its logarithm.
pub(crate) fn log_normal_cdf(x: f64) -> f64 {
    if x > -5.0 {
        normal_cdf(x).ln()
    } else {
        -0.5 * x * x + (0.5 * scaled_erfc(-x * FRAC_1_SQRT_2)).ln()
    }
}

/// `exp(x²) erfc(x)` for `x ≥ 0`, without overflow.
pub(crate) fn scaled_erfc(x: f64) -> f64 {
    if x < 20.0 {
        (x * x).exp() * libm::erfc(x)
    } else {
        let r = 1.0 / (x * x);
        (1.0 - r * (0.5 - r * (0.75 - r * 1.875))) / (x * PI.sqrt())
    }
}

/// `log(φ(z) + z Φ(z))`: the logarithm of the expected improvement of a standard normal over `-z`.
///
/// Reference: Ament, Daulton, Eriksson, Balandat and Bakshy (2023), *Unexpected improvements to expected improvement*.
pub(crate) fn log_improvement(z: f64) -> f64 {
    if z > -1.0 {
        return (normal_density(z) + z * normal_cdf(z)).ln();
    }
    let log_density = -0.5 * z * z - 0.5 * TAU.ln();
    let tail = if z > -1e4 {
        let ratio = z.abs() * (PI / 2.0).sqrt() * scaled_erfc(z.abs() * FRAC_1_SQRT_2);
        (-ratio).ln_1p()
    } else {
        -2.0 * z.abs().ln()
    };
    log_density + tail
}

/// Derivative of [`log_improvement`]: `Φ(z) / (φ(z) + z Φ(z))`.
pub(crate) fn log_improvement_slope(z: f64) -> f64 {
    (log_normal_cdf(z) - log_improvement(z)).exp()
}

/// `log(exp(a) + exp(b))` without overflow.
pub(crate) fn log_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY {
        high
    } else {
        high + (low - high).exp().ln_1p()
    }
}
