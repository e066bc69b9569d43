//! The share of training rows that have a row's level.

use crate::fitted::{FittedPart, codes};
use crate::frame::{Frame, slot_of};
use crate::per_column::{Encoder, PerColumn};
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use automl_core::{Artifact, ArtifactError, Column, FitError, PredictError, Threads};
use serde::{Deserialize, Serialize};

/// Replaces each category column by `<name>_frequency`: the share of training rows with the row's level, missing being
/// a level too. A level that was not met has share 0.
///
/// Default columns: all categories.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Frequency {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// Whether the category column stays too.
    pub keep: bool,
}

impl StepParams for Frequency {
    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("frequency", &[ColumnKind::Category]);
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let shares = frame.map(names.len(), |index| {
            let (slots, n_slots) = frame.slots(&names[index]);
            let mut counts = vec![0_u32; n_slots];
            for slot in slots {
                counts[slot as usize] += 1;
            }
            let total = frame.rows.len() as f64;
            Shares(counts.into_iter().map(|n| f64::from(n) / total).collect())
        })?;
        let entries = names.into_iter().zip(shares).collect();
        Ok(PerColumn::new("frequency", self.keep, entries).into())
    }
}

/// One column's share for each level and, last, for missing cells.
#[derive(Debug)]
pub(crate) struct Shares(Vec<f64>);

impl Encoder for Shares {
    fn names(&self, name: &str) -> Vec<String> {
        vec![format!("{name}_frequency")]
    }

    fn columns(
        &self,
        name: &str,
        column: &Column,
        _threads: &Threads,
    ) -> Result<Vec<Column>, PredictError> {
        let n_levels = self.0.len() - 1;
        let share = |code: &u32| slot_of(*code, n_levels).map_or(0.0, |slot| self.0[slot]);
        let shares = codes(name, column)?.iter().map(share).collect();
        Ok(vec![Column::Number(shares)])
    }

    fn save(&self, artifact: &mut Artifact) {
        artifact.push_f64("shares", self.0.clone());
    }

    fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let shares = artifact.f64s("shares")?.to_vec();
        if shares.is_empty() {
            return Err(artifact.invalid("shares", "there is none"));
        }
        Ok(Self(shares))
    }
}
