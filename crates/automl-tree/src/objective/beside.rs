//! The best constant on top of an offset that differs from row to row.

use super::{Loss, log_odds, logistic, weighted_quantile};

/// Newton steps at most; the bracket alone gains a bit a step.
const MAX_STEPS: usize = 100;

/// Targets `y` with weights `w` and offsets `o`, row by row.
struct Rows<'a> {
    targets: &'a [f64],
    weights: Option<&'a [f64]>,
    offset: &'a [f64],
}

impl Loss {
    /// The score to start from where row `i` starts `offset[i]` higher, for losses of one output: the `s` at which
    /// `Σ w · loss(y, s + o)` is least.
    ///
    /// For the losses with logarithms the slope is `e^{bs} Σ w e^{bo} − e^{as} Σ w y e^{ao}` with `b − a = 1`, so `e^s`
    /// is a ratio of sums; for the logistic loss the root is found by Newton steps within a bracket. Huber starts at the
    /// median, as without an offset.
    pub(crate) fn base_beside(
        self,
        targets: &[f64],
        weights: Option<&[f64]>,
        offset: &[f64],
    ) -> f64 {
        let rows = Rows {
            targets,
            weights,
            offset,
        };
        match self {
            Self::Squared => rows.mean(|y, o| y - o),
            Self::Absolute | Self::Huber { .. } => rows.quantile_of_residuals(0.5),
            Self::Quantile { alpha } => rows.quantile_of_residuals(alpha),
            Self::Poisson => rows.log_ratio(0.0, 1.0),
            Self::Gamma => rows.log_ratio(-1.0, 0.0),
            Self::Tweedie { power } => rows.log_ratio(1.0 - power, 2.0 - power),
            Self::Logistic | Self::Softmax { .. } | Self::OneVsRest { .. } => rows.logistic_root(),
        }
    }
}

impl Rows<'_> {
    /// The weighted mean of a function of target and offset.
    fn mean(&self, of: impl Fn(f64, f64) -> f64) -> f64 {
        let pairs = self.targets.iter().zip(self.offset);
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, (&y, &o)) in pairs.enumerate() {
            let weight = self.weights.map_or(1.0, |weights| weights[row]);
            sum += weight * of(y, o);
            total += weight;
        }
        sum / total
    }

    fn quantile_of_residuals(&self, alpha: f64) -> f64 {
        let residuals = self.targets.iter().zip(self.offset).map(|(y, o)| y - o);
        weighted_quantile(residuals, self.weights, alpha)
    }

    /// `ln(Σ w y e^{ao} / Σ w e^{bo})`, with the greatest exponents taken out so that nothing overflows.
    fn log_ratio(&self, a: f64, b: f64) -> f64 {
        let greatest = |factor: f64| {
            let exponents = self.offset.iter().map(|o| factor * o);
            exponents.fold(f64::NEG_INFINITY, f64::max)
        };
        let (above, below) = (greatest(a), greatest(b));
        let numerator = self.mean(|y, o| y * (a * o - above).exp());
        let denominator = self.mean(|_, o| (b * o - below).exp());
        // A mean of zero has no logarithm: it is taken as tiny, as without an offset.
        numerator.max(1e-12).ln() + above - denominator.max(f64::MIN_POSITIVE).ln() - below
    }

    /// The root of `Σ w (1 / (1 + e^{−s − o}) − y)`. It lies between the log-odds of the mean less the greatest and the
    /// least offset, because the sum is monotone in every offset.
    fn logistic_root(&self) -> f64 {
        let shift = log_odds(self.mean(|y, _| y));
        let greatest = self
            .offset
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let least = self.offset.iter().copied().fold(f64::INFINITY, f64::min);
        let (mut low, mut high) = (shift - greatest, shift - least);
        let mut at = low.midpoint(high);
        for _ in 0..MAX_STEPS {
            let slope = self.mean(|y, o| logistic(at + o) - y);
            let curvature = self.mean(|_, o| {
                let p = logistic(at + o);
                p * (1.0 - p)
            });
            if slope > 0.0 {
                high = at;
            } else {
                low = at;
            }
            let newton = at - slope / curvature;
            let is_inside = newton > low && newton < high;
            let next = if is_inside {
                newton
            } else {
                low.midpoint(high)
            };
            let is_settled = (next - at).abs() <= 1e-14 * at.abs().max(1.0);
            at = next;
            if is_settled {
                break;
            }
        }
        at
    }
}
