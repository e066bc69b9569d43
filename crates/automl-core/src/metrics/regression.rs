//! Metrics of predicted numbers: `y` the target, `p` the prediction.

use super::MetricError;
use super::input::Scored;

/// The quantile that the pinball loss of one number asks for.
const PINBALL_ALPHA: f64 = 0.5;
/// The power of the Tweedie deviance: between Poisson (1) and gamma (2).
const TWEEDIE_POWER: f64 = 1.5;

pub(super) fn mse(scored: &Scored<'_>) -> f64 {
    mean(scored, |y, p| (y - p) * (y - p))
}

pub(super) fn rmse(scored: &Scored<'_>) -> f64 {
    mse(scored).sqrt()
}

pub(super) fn mae(scored: &Scored<'_>) -> f64 {
    mean(scored, |y, p| (y - p).abs())
}

pub(super) fn mape(scored: &Scored<'_>) -> f64 {
    mean(scored, |y, p| (y - p).abs() / y.abs().max(f64::EPSILON))
}

pub(super) fn smape(scored: &Scored<'_>) -> f64 {
    mean(scored, |y, p| {
        let size = y.abs() + p.abs();
        if size > 0.0 {
            2.0 * (y - p).abs() / size
        } else {
            0.0
        }
    })
}

/// `1 − Σ w (y − p)² / Σ w (y − ȳ)²`.
pub(super) fn r2(scored: &Scored<'_>) -> f64 {
    let centre = mean(scored, |y, _| y);
    let variance = mean(scored, |y, _| (y - centre) * (y - centre));
    let error = mse(scored);
    if variance > 0.0 {
        1.0 - error / variance
    } else {
        f64::from(error == 0.0)
    }
}

pub(super) fn rmsle(scored: &Scored<'_>) -> Result<f64, MetricError> {
    let above: (fn(f64) -> bool, _) = (|value| value > -1.0, "is not above -1");
    scored.require(above, above)?;
    Ok(mean(scored, |y, p| (y.ln_1p() - p.ln_1p()).powi(2)).sqrt())
}

/// `α (y − p)` where the prediction is low, `(1 − α) (p − y)` where it is high; of several quantiles the mean over them.
pub(super) fn pinball(scored: &Scored<'_>) -> f64 {
    let loss = |alpha: f64, y: f64, p: f64| ((y - p) * alpha).max((p - y) * (1.0 - alpha));
    if scored.levels.is_empty() {
        return mean(scored, |y, p| loss(PINBALL_ALPHA, y, p));
    }
    let levels = scored.levels;
    scored.mean(|row| {
        let quantiles = scored.values[row * levels.len()..].iter();
        let losses = levels.iter().zip(quantiles);
        let losses = losses.map(|(level, p)| loss(level.share(), scored.target[row], *p));
        losses.sum::<f64>() / levels.len() as f64
    })
}

/// `2 (y ln(y / p) − y + p)`.
pub(super) fn poisson_deviance(scored: &Scored<'_>) -> Result<f64, MetricError> {
    require_count_and_mean(scored)?;
    Ok(mean(scored, |y, p| {
        let log_term = if y > 0.0 { y * (y / p).ln() } else { 0.0 };
        2.0 * (log_term - y + p)
    }))
}

/// `2 (y^(2−k) / ((1−k)(2−k)) − y p^(1−k) / (1−k) + p^(2−k) / (2−k))` with power `k`.
pub(super) fn tweedie_deviance(scored: &Scored<'_>) -> Result<f64, MetricError> {
    require_count_and_mean(scored)?;
    let (a, b) = (1.0 - TWEEDIE_POWER, 2.0 - TWEEDIE_POWER);
    Ok(mean(scored, |y, p| {
        2.0 * (y.powf(b) / (a * b) - y * p.powf(a) / a + p.powf(b) / b)
    }))
}

fn require_count_and_mean(scored: &Scored<'_>) -> Result<(), MetricError> {
    scored.require(
        (|y| y >= 0.0, "is negative"),
        (|p| p > 0.0, "is not positive"),
    )
}

fn mean(scored: &Scored<'_>, loss: impl Fn(f64, f64) -> f64) -> f64 {
    scored.mean(|row| loss(scored.target[row], scored.values[row]))
}
