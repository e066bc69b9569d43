//! Why a model cannot be exported.

use automl_core::{ArtifactError, Coded};

/// A model that cannot become an ONNX graph.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum OnnxError {
    #[error("{what} cannot be exported to ONNX")]
    Unsupported { what: String },
    #[error("the model reads a column '{name}' that its signature does not have")]
    ColumnMissing { name: String },
    #[error("a column is named '{name}', as something else in the graph is")]
    ColumnName { name: String },
    #[error("column '{name}' is {found} where the model reads {wanted}")]
    ColumnKind {
        name: String,
        found: &'static str,
        wanted: &'static str,
    },
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl OnnxError {
    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }
}

impl Coded for OnnxError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "export-unsupported",
            Self::ColumnMissing { .. } | Self::ColumnName { .. } | Self::ColumnKind { .. } => {
                "export-column"
            }
            Self::Artifact(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unsupported { .. } => Some(
                "fit a model of other learners with --include, or leave the columns out that need it with --drop".into(),
            ),
            Self::ColumnName { .. } => Some("rename the column and fit the model again".into()),
            Self::Artifact(error) => error.hint(),
            Self::ColumnMissing { .. } | Self::ColumnKind { .. } => None,
        }
    }
}
