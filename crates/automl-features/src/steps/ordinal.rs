//! Level codes as numbers.

use crate::fitted::{FittedPart, codes};
use crate::frame::Frame;
use crate::per_column::{Encoder, PerColumn};
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use crate::stored::set_meta;
use automl_core::{Artifact, ArtifactError, Column, FitError, MISSING_CODE, PredictError, Threads};
use serde::{Deserialize, Serialize};

/// Replaces each category column by the code of its level as a number, in the order of the levels. A level that was
/// not met is -1; a missing cell stays missing.
///
/// Default columns: all categories.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ordinal {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
}

impl StepParams for Ordinal {
    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("ordinal", &[ColumnKind::Category]);
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let entries = names
            .into_iter()
            .map(|name| {
                let n_levels = frame.slots(&name).1 as u32 - 1;
                (name, Codes { n_levels })
            })
            .collect();
        Ok(PerColumn::new("ordinal", false, entries).into())
    }
}

/// One column's number of levels.
#[derive(Debug)]
pub(crate) struct Codes {
    n_levels: u32,
}

impl Encoder for Codes {
    fn names(&self, name: &str) -> Vec<String> {
        vec![name.to_owned()]
    }

    fn columns(
        &self,
        name: &str,
        column: &Column,
        _threads: &Threads,
    ) -> Result<Vec<Column>, PredictError> {
        let number = |code: &u32| match *code {
            MISSING_CODE => f64::NAN,
            code if code < self.n_levels => f64::from(code),
            _ => -1.0,
        };
        let numbers = codes(name, column)?.iter().map(number).collect();
        Ok(vec![Column::Number(numbers)])
    }

    fn save(&self, artifact: &mut Artifact) {
        set_meta(artifact, "n_levels", self.n_levels);
    }

    fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        Ok(Self {
            n_levels: artifact.meta("n_levels")?,
        })
    }
}
