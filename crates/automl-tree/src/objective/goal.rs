//! What a fit minimises: a formula of each row, the order within queries, or what a user brought.

use super::custom::{checked_gradients, checked_start};
use super::ranking::Ranking;
use super::{CustomObjective, Link, Loss};
use automl_core::{FitError, Threads};
use std::sync::Arc;

/// What the rows of a fit are boosted for.
#[derive(Debug, Clone)]
pub(crate) enum Goal {
    /// A loss that is a formula of each row.
    Rows(Loss),
    /// The order of the training rows within their queries.
    Queries(Arc<Ranking>),
    /// A user's own.
    Custom(Arc<dyn CustomObjective>),
}

impl Goal {
    /// Raw scores a row.
    pub(crate) fn n_outputs(&self) -> usize {
        match self {
            Self::Rows(loss) => loss.n_outputs(),
            Self::Queries(_) | Self::Custom(_) => 1,
        }
    }

    pub(crate) fn link(&self) -> Link {
        match self {
            Self::Rows(loss) => loss.link(),
            Self::Queries(_) => Link::Identity,
            Self::Custom(custom) => custom.link().into(),
        }
    }

    /// The quantile of the residuals that a leaf is set to, where the gradient's step is not the best one.
    pub(crate) fn leaf_quantile(&self) -> Option<f64> {
        match self {
            Self::Rows(loss) => loss.leaf_quantile(),
            Self::Queries(_) | Self::Custom(_) => None,
        }
    }

    /// The raw scores to start from, given the offset of each row.
    ///
    /// # Errors
    /// A user's own start that is not finite.
    pub(crate) fn base(
        &self,
        targets: &[f64],
        weights: Option<&[f64]>,
        offset: Option<&[f64]>,
    ) -> Result<Vec<f64>, FitError> {
        match (self, offset) {
            (Self::Rows(loss), None) => Ok(loss.base(targets, weights)),
            (Self::Rows(loss), Some(offset)) => {
                Ok(vec![loss.base_beside(targets, weights, offset)])
            }
            // A constant changes no order.
            (Self::Queries(_), _) => Ok(vec![0.0]),
            (Self::Custom(custom), _) => {
                let start = checked_start(custom.as_ref(), targets, weights, offset)?;
                Ok(vec![start])
            }
        }
    }

    /// Writes the gradients and Hessians of goals that look at all rows at once, before their weights.
    ///
    /// # Errors
    /// A user's own gradients that cannot be used.
    pub(crate) fn fill_whole(
        &self,
        targets: &[f64],
        scores: &[f64],
        threads: &Threads,
        pairs: &mut Vec<[f64; 2]>,
    ) -> Result<(), FitError> {
        match self {
            Self::Rows(_) => return Ok(()),
            Self::Queries(ranking) => *pairs = ranking.lambdas(scores, threads),
            Self::Custom(custom) => {
                pairs.resize(targets.len(), [0.0; 2]);
                checked_gradients(custom.as_ref(), targets, scores, pairs)?;
            }
        }
        Ok(())
    }
}
