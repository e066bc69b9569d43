//! What boosting minimises: losses with their gradients, Hessians, starting scores and links.
//!
//! A raw score `s` becomes a prediction by the inverse link: itself, `exp(s)`, the logistic function or softmax.
//! Formulas follow LightGBM, so that parameters mean the same here and there.

mod beside;
mod custom;
mod goal;
mod quantile;
pub(crate) mod ranking;

pub(crate) use custom::checked_loss;
pub use custom::{CustomObjective, ScoreLink};
pub(crate) use goal::Goal;
pub(crate) use quantile::weighted_quantile;

use automl_core::Params;

/// What a regression minimises; classification always minimises log loss.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// Squared error: predicts the mean.
    Squared,
    /// Absolute error: predicts the median.
    Absolute,
    /// Squared error for small residuals, absolute for the share `1 − alpha` of largest ones.
    Huber,
    /// Pinball loss: predicts the `alpha` quantile.
    Quantile,
    /// Poisson deviance, for counts; targets at least 0.
    Poisson,
    /// Gamma deviance, for positive skewed amounts; targets above 0.
    Gamma,
    /// Tweedie deviance, for amounts with many zeros; targets at least 0.
    Tweedie,
    /// The order of rows within the groups of the dataset, each a query, by `LambdaRank` (Burges, 2010); targets are whole
    /// grades from 0 to 30, predictions are scores that only their order means something.
    LambdaRank,
    /// Log loss: what classes minimise in any case; not for regression.
    LogLoss,
}

/// What a task of more than two classes minimises.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum MulticlassLoss {
    /// The log loss of probabilities that compete.
    Softmax,
    /// The log losses of each class against the others, added up; probabilities are those of each, brought to one.
    OneVsRest,
}

/// A loss with its constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Loss {
    Squared,
    Absolute,
    Huber { delta: f64 },
    Quantile { alpha: f64 },
    Poisson,
    Gamma,
    Tweedie { power: f64 },
    Logistic,
    Softmax { n_classes: usize },
    OneVsRest { n_classes: usize },
}

/// How a raw score becomes a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Identity,
    Log,
    Logit,
    Softmax,
    OneVsRest,
}

/// What the Poisson Hessian is raised by, as the exponent's offset: bounds a leaf's step.
const POISSON_MAX_STEP: f64 = 0.7;

impl Loss {
    /// Raw scores a row.
    pub(crate) fn n_outputs(self) -> usize {
        match self {
            Self::Softmax { n_classes } | Self::OneVsRest { n_classes } => n_classes,
            _ => 1,
        }
    }

    pub(crate) fn link(self) -> Link {
        match self {
            Self::Poisson | Self::Gamma | Self::Tweedie { .. } => Link::Log,
            Self::Logistic => Link::Logit,
            Self::Softmax { .. } => Link::Softmax,
            Self::OneVsRest { .. } => Link::OneVsRest,
            _ => Link::Identity,
        }
    }

    /// The quantile of the residuals that a leaf is set to, where the gradient's step is not the best one.
    pub(crate) fn leaf_quantile(self) -> Option<f64> {
        match self {
            Self::Absolute => Some(0.5),
            Self::Quantile { alpha } => Some(alpha),
            _ => None,
        }
    }

    /// Gradient and Hessian at score `s` of a row with target `y`, for losses of one output.
    #[inline]
    pub(crate) fn derivatives(self, y: f64, s: f64) -> [f64; 2] {
        match self {
            Self::Squared => [s - y, 1.0],
            Self::Absolute => [sign(s - y), 1.0],
            Self::Huber { delta } => [(s - y).clamp(-delta, delta), 1.0],
            Self::Quantile { alpha } if s >= y => [1.0 - alpha, 1.0],
            Self::Quantile { alpha } => [-alpha, 1.0],
            Self::Poisson => [s.exp() - y, (s + POISSON_MAX_STEP).exp()],
            Self::Gamma => {
                let ratio = y * (-s).exp();
                [1.0 - ratio, ratio]
            }
            Self::Tweedie { power } => {
                let (a, b) = (1.0 - power, 2.0 - power);
                let (low, high) = (y * (a * s).exp(), (b * s).exp());
                [high - low, b * high - a * low]
            }
            Self::Logistic | Self::Softmax { .. } | Self::OneVsRest { .. } => {
                let p = logistic(s);
                [p - y, p * (1.0 - p)]
            }
        }
    }

    /// The loss at score `s` of a row with target `y`, for losses of one output; constants in `y` alone are left out.
    #[inline]
    pub(crate) fn value(self, y: f64, s: f64) -> f64 {
        match self {
            Self::Squared => 0.5 * (s - y) * (s - y),
            Self::Absolute => (s - y).abs(),
            Self::Huber { delta } => {
                let r = (s - y).abs();
                if r <= delta {
                    0.5 * r * r
                } else {
                    delta * (r - 0.5 * delta)
                }
            }
            Self::Quantile { alpha } if s >= y => (1.0 - alpha) * (s - y),
            Self::Quantile { alpha } => alpha * (y - s),
            Self::Poisson => s.exp() - y * s,
            Self::Gamma => y * (-s).exp() + s,
            Self::Tweedie { power } => {
                let (a, b) = (1.0 - power, 2.0 - power);
                (b * s).exp() / b - y * (a * s).exp() / a
            }
            Self::Logistic | Self::Softmax { .. } | Self::OneVsRest { .. } => softplus(s) - y * s,
        }
    }

    /// The raw scores to start from: the best constant. Classes without a row start at the log of a tiny share.
    pub(crate) fn base(self, targets: &[f64], weights: Option<&[f64]>) -> Vec<f64> {
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let total: f64 = (0..targets.len()).map(weight).sum();
        let mean = || {
            let sum: f64 = (0..targets.len())
                .map(|row| weight(row) * targets[row])
                .sum();
            sum / total
        };
        match self {
            Self::Absolute | Self::Huber { .. } => {
                vec![weighted_quantile(targets.iter().copied(), weights, 0.5)]
            }
            Self::Quantile { alpha } => {
                vec![weighted_quantile(targets.iter().copied(), weights, alpha)]
            }
            Self::Softmax { n_classes } | Self::OneVsRest { n_classes } => {
                let mut shares: Vec<f64> = vec![0.0; n_classes];
                for (row, &class) in targets.iter().enumerate() {
                    shares[class as usize] += weight(row) / total;
                }
                self.base_of_shares(shares.into_iter())
            }
            _ => vec![self.base_of_mean(mean())],
        }
    }

    /// The same from the mean of the targets, for losses of one output that are minimal there.
    pub(crate) fn base_of_mean(self, mean: f64) -> f64 {
        match self {
            Self::Poisson | Self::Gamma | Self::Tweedie { .. } => mean.max(1e-12).ln(),
            Self::Logistic => log_odds(mean),
            _ => mean,
        }
    }

    /// The same from the share of each class.
    pub(crate) fn base_of_shares(self, shares: impl Iterator<Item = f64>) -> Vec<f64> {
        let competes = matches!(self, Self::Softmax { .. });
        let start = |p: f64| {
            if competes {
                p.max(ABSENT_SHARE).ln()
            } else {
                log_odds(p)
            }
        };
        shares.map(start).collect()
    }

    /// The weighted mean loss of rows. `scores` hold one column of rows an output.
    pub(crate) fn mean(self, scores: &[f64], targets: &[f64], weights: Option<&[f64]>) -> f64 {
        let n = targets.len();
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let of_row = |row: usize| self.of_row(scores, targets, n, row);
        let (sum, total) = (0..n).fold((0.0, 0.0), |(sum, total), row| {
            (sum + weight(row) * of_row(row), total + weight(row))
        });
        sum / total
    }

    /// The loss of one of `n` rows. `scores` hold one column of rows an output.
    pub(crate) fn of_row(self, scores: &[f64], targets: &[f64], n: usize, row: usize) -> f64 {
        match self {
            Self::Softmax { n_classes } => {
                let of_class = |class: usize| scores[class * n + row];
                let max = (0..n_classes)
                    .map(of_class)
                    .fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = (0..n_classes)
                    .map(|class| (of_class(class) - max).exp())
                    .sum();
                sum.ln() + max - of_class(targets[row] as usize)
            }
            Self::OneVsRest { n_classes } => (0..n_classes)
                .map(|class| {
                    let y = f64::from(u8::from(targets[row] == class as f64));
                    self.value(y, scores[class * n + row])
                })
                .sum(),
            _ => self.value(targets[row], scores[row]),
        }
    }
}

/// The share taken for a class without rows.
const ABSENT_SHARE: f64 = 1e-15;

impl Link {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Log => "log",
            Self::Logit => "logit",
            Self::Softmax => "softmax",
            Self::OneVsRest => "one_vs_rest",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [
            Self::Identity,
            Self::Log,
            Self::Logit,
            Self::Softmax,
            Self::OneVsRest,
        ]
        .into_iter()
        .find(|link| link.name() == name)
    }
}

/// The log of the odds of a share, kept finite.
fn log_odds(share: f64) -> f64 {
    let p = share.clamp(ABSENT_SHARE, 1.0 - ABSENT_SHARE);
    (p / (1.0 - p)).ln()
}

fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        0.0
    }
}

/// `1 / (1 + exp(−s))`.
#[inline]
pub(crate) fn logistic(s: f64) -> f64 {
    1.0 / (1.0 + (-s).exp())
}

/// `ln(1 + exp(s))` without overflow.
fn softplus(s: f64) -> f64 {
    s.max(0.0) + (-s.abs()).exp().ln_1p()
}

/// Turns the raw scores of one row into the probabilities of each class against the others, brought to a sum of one.
pub(crate) fn one_vs_rest(scores: &mut [f64]) {
    let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if greatest < -30.0 {
        // Far out the logistic function is the exponential one, which softmax keeps from vanishing.
        softmax(scores);
        return;
    }
    for score in &mut *scores {
        *score = logistic(*score);
    }
    let sum: f64 = scores.iter().sum();
    for score in scores {
        *score /= sum;
    }
}

/// Turns the raw scores of one row into probabilities in place.
pub(crate) fn softmax(scores: &mut [f64]) {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for score in &mut *scores {
        *score = (*score - max).exp();
    }
    let sum: f64 = scores.iter().sum();
    for score in scores {
        *score /= sum;
    }
}

#[cfg(test)]
mod tests;
