//! Losses made ready for a Gaussian process: warped so that it fits them, then standardised.
//!
//! The warping is `log(1 + (y − least) / (c · spread))` for one of a few `c`, or none; the spread is the median's distance
//! from the least. The `c` is chosen by the fit's evidence, with the logarithm of the warping's slope at each loss, so that
//! the choices are compared on one scale.

/// A warping and standardisation, fitted to losses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outputs {
    least: f64,
    /// What one unit of the argument of the logarithm is; `None` for no warping.
    unit: Option<f64>,
    mean: f64,
    deviation: f64,
    /// Sum of the logs of the slopes at the losses it was fitted to.
    pub(crate) log_slopes: f64,
}

/// The choices of `c`; `None` is no warping.
pub(crate) const CHOICES: [Option<f64>; 4] = [None, Some(1.0), Some(0.1), Some(0.01)];

impl Outputs {
    /// The warping by `choice`, fitted to `losses`, which must be finite and not empty.
    pub(crate) fn new(losses: &[f64], choice: Option<f64>) -> Self {
        let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
        let mut sorted = losses.to_vec();
        sorted.sort_by(f64::total_cmp);
        let spread = sorted[sorted.len() / 2] - least;
        let unit = choice.filter(|_| spread > 0.0).map(|c| c * spread);
        let mut outputs = Self {
            least,
            unit,
            mean: 0.0,
            deviation: 1.0,
            log_slopes: 0.0,
        };
        let warped: Vec<f64> = losses.iter().map(|&loss| outputs.warp(loss)).collect();
        let n = warped.len() as f64;
        let mean = warped.iter().map(|value| value / n).sum::<f64>();
        let variance = warped
            .iter()
            .map(|value| (value - mean).powi(2) / n)
            .sum::<f64>();
        outputs.mean = mean;
        outputs.deviation = if variance.is_finite() && variance.sqrt() > 1e-12 * mean.abs() {
            variance.sqrt().max(f64::MIN_POSITIVE)
        } else {
            1.0
        };
        let log_slope = |&loss: &f64| match unit {
            None => 0.0,
            Some(unit) => -(unit + loss - least).ln(),
        };
        outputs.log_slopes = losses.iter().map(log_slope).sum::<f64>() - n * outputs.deviation.ln();
        outputs
    }

    /// How much a value changes, where it is not warped, when its standard one changes by 1.
    pub(crate) fn unit(&self) -> f64 {
        self.deviation
    }

    fn warp(&self, loss: f64) -> f64 {
        match self.unit {
            None => loss - self.least,
            // Below the least, as straight on as the warping is there.
            Some(unit) if loss < self.least => (loss - self.least) / unit,
            Some(unit) => ((loss - self.least) / unit).ln_1p(),
        }
    }

    /// A loss as the process sees it.
    pub(crate) fn standard(&self, loss: f64) -> f64 {
        (self.warp(loss) - self.mean) / self.deviation
    }
}
