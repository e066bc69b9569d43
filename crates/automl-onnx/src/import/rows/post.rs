//! What is made of scores in the end.

use super::{Attributes, single};
use crate::import::error::GraphError;

/// `post_transform`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Post {
    None,
    Logistic,
    Softmax,
    /// Softmax that leaves zeros what they are.
    SoftmaxZero,
}

/// Scores that are that near to zero stay zero.
const ZERO: f64 = 1e-7;

impl Post {
    pub(super) fn read(attributes: Attributes<'_>) -> Result<Self, GraphError> {
        Self::named(attributes, &attributes.text("post_transform", "NONE"))
    }

    pub(super) fn named(attributes: Attributes<'_>, name: &str) -> Result<Self, GraphError> {
        Ok(match name {
            "NONE" => Self::None,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            other => return Err(attributes.unsupported(&format!("and {other} behind it"))),
        })
    }

    pub(super) fn numbered(attributes: Attributes<'_>, number: i64) -> Result<Self, GraphError> {
        let names = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"];
        let name = usize::try_from(number).ok().and_then(|n| names.get(n));
        Self::named(attributes, name.copied().unwrap_or("an unknown function"))
    }

    pub(super) fn apply(self, scores: &mut [f64], is_double: bool) {
        let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match self {
            Self::None => return,
            Self::Logistic => {
                for score in scores.iter_mut() {
                    *score = logistic(*score);
                }
            }
            Self::Softmax | Self::SoftmaxZero => {
                let stays = |score: f64| self == Self::SoftmaxZero && score.abs() <= ZERO;
                for score in scores.iter_mut() {
                    *score = if stays(*score) {
                        0.0
                    } else {
                        (*score - greatest).exp()
                    };
                }
                let sum: f64 = scores.iter().sum();
                for score in scores.iter_mut() {
                    *score /= sum;
                }
            }
        }
        if !is_double {
            for score in scores {
                *score = single(*score);
            }
        }
    }
}

/// `1 / (1 + exp(−x))`, without overflow.
pub(super) fn logistic(x: f64) -> f64 {
    let far = 1.0 / (1.0 + (-x.abs()).exp());
    if x < 0.0 { 1.0 - far } else { far }
}
