//! What a request asks for, whatever its protocol: rows, and what is wanted of their predictions.

use super::error::ScoreError;
use super::model::LoadedModel;
use automl_core::{Predictions, Table};

/// Rows to predict.
pub(crate) struct Batch {
    pub(crate) table: Table,
    /// Above which probability the positive class of two is predicted; as the model has it if it is not said.
    pub(crate) threshold: Option<f64>,
    pub(crate) about: About,
}

/// What the answer shall say and hold, where a protocol lets that be asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct About {
    /// The id of the request, to be sent back.
    pub(crate) id: Option<String>,
    /// The tensors that are wanted, and whether as bytes; all if none is named.
    pub(crate) outputs: Vec<Output>,
    /// Whether tensors of which nothing is said come as bytes.
    pub(crate) is_binary: bool,
}

/// A tensor that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) is_binary: Option<bool>,
}

impl From<Table> for Batch {
    fn from(table: Table) -> Self {
        Self {
            table,
            threshold: None,
            about: About::default(),
        }
    }
}

/// Predictions with the class of each row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Predicted {
    pub(crate) predictions: Predictions,
    /// Of classes, their codes.
    pub(crate) codes: Vec<u32>,
    pub(crate) about: About,
}

impl Batch {
    /// Predicts all rows. A model that panics is a fault of the program, and of this request alone.
    pub(crate) fn predict(self, loaded: &LoadedModel) -> Result<Predicted, ScoreError> {
        let threshold = self.threshold.or(loaded.facts.threshold);
        if self.threshold.is_some() && loaded.facts.task.n_classes() != 2 {
            return Err(ScoreError::form("a threshold is for two classes"));
        }
        let work = || loaded.model.predict(&self.table.view());
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let predictions = done.map_err(|_panic| ScoreError::Internal {
            reason: "it panicked, which is a fault of this program".into(),
        })??;
        Ok(Predicted {
            codes: predictions.class_codes_at(threshold),
            predictions,
            about: self.about,
        })
    }
}
