//! Brings number columns to a common scale. Missing cells stay missing.

use crate::fitted::{FittedPart, numbers};
use crate::frame::{Frame, int, require};
use crate::numeric::{mean_variance, quantile};
use crate::per_column::{Encoder, PerColumn};
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use crate::stored::{f64s_of_len, set_meta};
use automl_core::{
    Artifact, ArtifactError, Column, FitError, ParamError, PredictError, Threads, normal,
};
use serde::{Deserialize, Serialize};

/// How numbers are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleMethod {
    /// Mean 0, standard deviation 1.
    #[default]
    Standard,
    /// Median 0, interquartile range 1.
    Robust,
    /// The normal quantile of the value's rank among training values.
    Quantile,
    /// The Yeo-Johnson power that makes the training values most normal, then mean 0 and deviation 1.
    Power,
}

/// Scales numbers. Constant columns become 0.
///
/// Default columns: all numbers. Formulas as scikit-learn's `StandardScaler`, `RobustScaler`, `QuantileTransformer`
/// (normal output) and `PowerTransformer`; Yeo and Johnson, Biometrika 87 (2000).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scale {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// How.
    pub method: ScaleMethod,
    /// Reference quantiles for the method `quantile`.
    pub n_quantiles: usize,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            columns: None,
            method: ScaleMethod::Standard,
            n_quantiles: 1000,
        }
    }
}

/// The power is found on at most so many training rows.
const MAX_POWER_ROWS: usize = 50_000;

impl StepParams for Scale {
    fn check(&self) -> Result<(), ParamError> {
        let n_quantiles = self.n_quantiles;
        let is_ok = (2..=100_000).contains(&n_quantiles);
        require(is_ok, "n_quantiles", int(n_quantiles), "2 to 100000")
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("scale", &[ColumnKind::Number]);
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let scalers = frame.map(names.len(), |index| self.fit_column(frame, &names[index]))?;
        let entries = names.into_iter().zip(scalers).collect();
        Ok(PerColumn::new("scale", false, entries).into())
    }
}

impl Scale {
    fn fit_column(&self, frame: &Frame<'_>, name: &str) -> Scaler {
        match self.method {
            ScaleMethod::Standard => {
                let (center, variance) = mean_variance(&frame.numbers(name));
                Scaler::linear(center, variance.sqrt())
            }
            ScaleMethod::Robust => {
                let sorted = frame.sorted_numbers(name);
                if sorted.is_empty() {
                    return Scaler::linear(0.0, 1.0);
                }
                let spread = quantile(&sorted, 0.75) - quantile(&sorted, 0.25);
                Scaler::linear(quantile(&sorted, 0.5), spread)
            }
            ScaleMethod::Quantile => {
                let sorted = frame.sorted_numbers(name);
                let count = self.n_quantiles.min(sorted.len()).max(1);
                let share = |index: usize| index as f64 / (count - 1).max(1) as f64;
                Scaler::Quantile {
                    marks: (0..count)
                        .map(|index| quantile(&sorted, share(index)))
                        .filter(|mark| !mark.is_nan())
                        .collect(),
                }
            }
            ScaleMethod::Power => {
                let all = frame.numbers(name);
                let sample: Vec<f64> = frame
                    .sample(MAX_POWER_ROWS)
                    .into_iter()
                    .map(|position| all[position])
                    .filter(|value| !value.is_nan())
                    .collect();
                let lambda = best_power(&sample);
                let powered: Vec<f64> = all.iter().map(|&x| yeo_johnson(x, lambda)).collect();
                let (center, variance) = mean_variance(&powered);
                Scaler::Power {
                    lambda,
                    center,
                    scale: usable_scale(center, variance.sqrt()),
                }
            }
        }
    }
}

/// A divisor that is safe: 1 where the values do not vary beyond rounding.
fn usable_scale(center: f64, scale: f64) -> f64 {
    let rounding = 10.0 * f64::EPSILON * center.abs();
    if scale.is_finite() && scale > rounding && scale > f64::MIN_POSITIVE {
        scale
    } else {
        1.0
    }
}

/// The Yeo-Johnson transform of `x`, which may be NaN.
pub(crate) fn yeo_johnson(x: f64, lambda: f64) -> f64 {
    if x >= 0.0 {
        if lambda.abs() < f64::EPSILON {
            x.ln_1p()
        } else {
            (lambda * x.ln_1p()).exp_m1() / lambda
        }
    } else if (lambda - 2.0).abs() < f64::EPSILON {
        -(-x).ln_1p()
    } else {
        let rest = 2.0 - lambda;
        -(rest * (-x).ln_1p()).exp_m1() / rest
    }
}

/// The power of greatest likelihood: a golden-section search of the profile log-likelihood
/// `-n/2 log(var) + (λ - 1) Σ sign(x) log(1 + |x|)`, which has one peak, over λ from -10 to 10.
pub(crate) fn best_power(values: &[f64]) -> f64 {
    if mean_variance(values).1 <= 0.0 {
        return 1.0;
    }
    let jacobian: f64 = values.iter().map(|x| x.signum() * x.abs().ln_1p()).sum();
    let n = values.len() as f64;
    let loss = |lambda: f64| {
        let powered: Vec<f64> = values.iter().map(|&x| yeo_johnson(x, lambda)).collect();
        let variance = mean_variance(&powered).1;
        if variance.is_finite() && variance > 0.0 {
            0.5 * n * variance.ln() - (lambda - 1.0) * jacobian
        } else {
            f64::INFINITY
        }
    };
    // Outside the likely range the variance overflows or vanishes; start from the coarse best so that both ends are finite.
    let grid = |index: usize| -10.0 + index as f64;
    let coarse: Vec<f64> = (0..=20).map(|index| loss(grid(index))).collect();
    let least = coarse.iter().copied().fold(f64::INFINITY, f64::min);
    let place = coarse
        .iter()
        .position(|&value| value == least)
        .unwrap_or(11);
    golden_section(loss, grid(place) - 1.0, grid(place) + 1.0)
}

fn golden_section(loss: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut loss_a, mut loss_b) = (loss(a), loss(b));
    while high - low > 1e-8 {
        if loss_a <= loss_b {
            (high, b, loss_b) = (b, a, loss_a);
            a = high - ratio * (high - low);
            loss_a = loss(a);
        } else {
            (low, a, loss_a) = (a, b, loss_b);
            b = low + ratio * (high - low);
            loss_b = loss(b);
        }
    }
    f64::midpoint(low, high)
}

/// One column's scale.
#[derive(Debug)]
pub(crate) enum Scaler {
    Linear {
        center: f64,
        scale: f64,
    },
    Quantile {
        marks: Vec<f64>,
    },
    Power {
        lambda: f64,
        center: f64,
        scale: f64,
    },
}

impl Scaler {
    fn linear(center: f64, scale: f64) -> Self {
        Self::Linear {
            center,
            scale: usable_scale(center, scale),
        }
    }

    fn scale_value(&self, x: f64) -> f64 {
        match self {
            Self::Linear { center, scale } => (x - center) / scale,
            Self::Power {
                lambda,
                center,
                scale,
            } => (yeo_johnson(x, *lambda) - center) / scale,
            Self::Quantile { marks } => normal_score(marks, x),
        }
    }
}

/// Ranks this close to an end are moved there, as the quantile of the end itself is infinite.
const EDGE: f64 = 1e-7;

/// The normal quantile of the share of `marks` below `x`; ties take the middle of their range. Ends are cut at ±5.2.
fn normal_score(marks: &[f64], x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let (Some(first), Some(last)) = (marks.first(), marks.last()) else {
        return 0.0;
    };
    if first == last {
        return 0.0;
    }
    let steps = (marks.len() - 1) as f64;
    let rank = if x <= *first {
        0.0
    } else if x >= *last {
        1.0
    } else {
        // `below` marks are < x and `upto` are <= x, so x lies between marks[below - 1] and marks[upto].
        let below = marks.partition_point(|mark| *mark < x);
        let upto = marks.partition_point(|mark| *mark <= x);
        if below < upto {
            (below + upto - 1) as f64 / 2.0 / steps
        } else {
            let (low, high) = (marks[below - 1], marks[below]);
            ((below - 1) as f64 + (x - low) / (high - low)) / steps
        }
    };
    normal::quantile(rank.clamp(EDGE, 1.0 - EDGE))
}

impl Encoder for Scaler {
    fn names(&self, name: &str) -> Vec<String> {
        vec![name.to_owned()]
    }

    fn columns(
        &self,
        name: &str,
        column: &Column,
        _threads: &Threads,
    ) -> Result<Vec<Column>, PredictError> {
        let values = numbers(name, column)?;
        let scaled = values.iter().map(|&x| self.scale_value(x)).collect();
        Ok(vec![Column::Number(scaled)])
    }

    fn save(&self, artifact: &mut Artifact) {
        let (method, values) = match self {
            Self::Linear { center, scale } => ("linear", vec![*center, *scale]),
            Self::Quantile { marks } => ("quantile", marks.clone()),
            Self::Power {
                lambda,
                center,
                scale,
            } => ("power", vec![*lambda, *center, *scale]),
        };
        set_meta(artifact, "method", method);
        artifact.push_f64("values", values);
    }

    fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let scaler = match artifact.meta::<String>("method")?.as_str() {
            "linear" => {
                let values = f64s_of_len(artifact, "values", 2)?;
                Self::Linear {
                    center: values[0],
                    scale: values[1],
                }
            }
            "quantile" => {
                let marks = artifact.f64s("values")?.to_vec();
                if !marks.is_sorted() {
                    return Err(artifact.invalid("values", "they are not sorted"));
                }
                Self::Quantile { marks }
            }
            "power" => {
                let values = f64s_of_len(artifact, "values", 3)?;
                Self::Power {
                    lambda: values[0],
                    center: values[1],
                    scale: values[2],
                }
            }
            _ => return Err(artifact.invalid("method", "it is no known method")),
        };
        Ok(scaler)
    }
}
