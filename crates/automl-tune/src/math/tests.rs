//! The tails of the normal distribution against quadrature and known values.

use super::*;

/// `∫ (z − t) φ(t) dt` over `t < z`, by Simpson's rule.
fn improvement_by_quadrature(z: f64) -> f64 {
    let n = 20_000;
    let (low, high) = (f64::min(z, 0.0) - 12.0, z);
    let step = (high - low) / f64::from(n);
    let value = |at: i32| {
        let t = low + step * f64::from(at);
        (z - t) * normal_density(t)
    };
    let inner: f64 = (1..n)
        .map(|at| value(at) * if at % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    (value(0) + inner + value(n)) * step / 3.0
}

#[test]
fn log_improvement_is_that_of_the_integral() {
    for z in [-8.0, -5.0, -2.0, -1.01, -0.99, 0.0, 0.7, 3.0, 10.0] {
        let wanted = improvement_by_quadrature(z).ln();
        let given = log_improvement(z);
        assert!(
            (given - wanted).abs() < 1e-6 * wanted.abs().max(1.0),
            "{z}: {given} {wanted}"
        );
    }
}

#[test]
fn log_improvement_is_smooth_and_its_slope_right_far_into_the_tail() {
    for z in [-1e6, -2e4, -1e4, -300.0, -38.0, -10.0, -1.0, -0.5, 2.0] {
        let step = 1e-5 * f64::max(1.0, f64::abs(z));
        let rise = (log_improvement(z + step) - log_improvement(z - step)) / (2.0 * step);
        let slope = log_improvement_slope(z);
        assert!(
            (rise - slope).abs() < 2e-3 * slope.abs(),
            "{z}: {rise} {slope}"
        );
    }
}

#[test]
fn log_normal_cdf_goes_on_where_the_function_is_zero() {
    assert!((log_normal_cdf(0.0) - 0.5_f64.ln()).abs() < 1e-12);
    // Mathematica: Log[CDF[NormalDistribution[], -40]] = -804.6084420137538.
    assert!((log_normal_cdf(-40.0) + 804.608_442_013_753_8).abs() < 1e-9);
    let gap = log_normal_cdf(-5.0 - 1e-9) - log_normal_cdf(-5.0 + 1e-9);
    assert!(gap.abs() < 1e-7);
}

#[test]
fn sums_of_exponentials_do_not_overflow() {
    assert!((log_add(1000.0, 1000.0) - 1000.0 - 2_f64.ln()).abs() < 1e-12);
    assert_eq!(log_add(f64::NEG_INFINITY, 3.0), 3.0);
    assert_eq!(
        log_add(f64::NEG_INFINITY, f64::NEG_INFINITY),
        f64::NEG_INFINITY
    );
}
