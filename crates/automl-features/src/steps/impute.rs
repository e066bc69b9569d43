//! Fills missing cells of number and category columns with a value learned from the training rows.

use crate::fitted::{FittedPart, wrong_kind};
use crate::frame::{Frame, require};
use crate::numeric::{mean_variance, quantile};
use crate::per_column::{Encoder, PerColumn};
use crate::select::{ColumnFilter, ColumnKind, Columns, Scope};
use crate::step::StepParams;
use crate::stored::{set_meta, strings};
use automl_core::{
    Artifact, ArtifactError, Column, FitError, Levels, MISSING_CODE, ParamError, ParamValue,
    PredictError, Threads,
};
use serde::{Deserialize, Serialize};

/// What missing cells become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImputeStrategy {
    /// The mean; numbers only (categories take the mode).
    Mean,
    /// The median; numbers only (categories take the mode).
    #[default]
    Median,
    /// The most frequent value; of equals the least number or the first level.
    Mode,
    /// `value` for numbers, a level of its own called `missing` for categories.
    Constant,
}

/// Fills missing cells. A column without any training value is filled with 0.
///
/// Default columns: all numbers. Formulas as scikit-learn's `SimpleImputer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Impute {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// What missing cells become.
    pub strategy: ImputeStrategy,
    /// The number for the strategy `constant`.
    pub value: f64,
    /// Whether number columns with missing training cells get a column `<name>_missing` of 0 and 1.
    pub indicator: bool,
}

impl Default for Impute {
    fn default() -> Self {
        Self {
            columns: None,
            strategy: ImputeStrategy::Median,
            value: 0.0,
            indicator: false,
        }
    }
}

impl StepParams for Impute {
    fn check(&self) -> Result<(), ParamError> {
        let value = ParamValue::Float(self.value);
        require(self.value.is_finite(), "value", value, "a finite number")
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let mut scope = Scope::new("impute", &[ColumnKind::Number, ColumnKind::Category]);
        scope.default = ColumnFilter {
            kind: Some(ColumnKind::Number),
            ..ColumnFilter::default()
        };
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let fillers = frame.map(names.len(), |index| match frame.column(&names[index]) {
            Column::Number(_) => self.fit_numbers(frame, &names[index]),
            _ => self.fit_category(frame, &names[index]),
        })?;
        let entries = names.into_iter().zip(fillers).collect();
        Ok(PerColumn::new("impute", false, entries).into())
    }
}

impl Impute {
    fn fit_numbers(&self, frame: &Frame<'_>, name: &str) -> Filler {
        let sorted = frame.sorted_numbers(name);
        let value = match self.strategy {
            ImputeStrategy::Constant => self.value,
            _ if sorted.is_empty() => 0.0,
            ImputeStrategy::Mean => mean_variance(&sorted).0,
            ImputeStrategy::Median => quantile(&sorted, 0.5),
            ImputeStrategy::Mode => mode(&sorted),
        };
        Filler::Number {
            value,
            indicator: self.indicator && sorted.len() < frame.rows.len(),
        }
    }

    fn fit_category(&self, frame: &Frame<'_>, name: &str) -> Filler {
        let (slots, n_slots) = frame.slots(name);
        let levels = frame
            .column(name)
            .as_category()
            .map(|(_, levels)| levels.iter().map(Box::from).collect::<Vec<Box<str>>>());
        let levels = levels.unwrap_or_default();
        if self.strategy == ImputeStrategy::Constant || levels.is_empty() {
            let mut label = String::from("missing");
            while levels.iter().any(|level| **level == *label) {
                label.push('_');
            }
            let levels = Levels::new(levels.into_iter().chain([label.into()]));
            return Filler::Level { levels };
        }
        let mut counts = vec![0_u64; n_slots];
        for slot in slots {
            counts[slot as usize] += 1;
        }
        let seen = &counts[..levels.len()];
        let best = seen.iter().max().copied().unwrap_or(0);
        let code = seen.iter().position(|&count| count == best).unwrap_or(0);
        Filler::Mode {
            code: code as u32,
            n_levels: levels.len(),
        }
    }
}

/// The longest run of equal values, of equals the first.
fn mode(sorted: &[f64]) -> f64 {
    let mut best = (0, 0.0);
    for run in sorted.chunk_by(|a, b| a == b) {
        if run.len() > best.0 {
            best = (run.len(), run[0]);
        }
    }
    best.1
}

/// What one column's missing cells become.
#[derive(Debug)]
pub(crate) enum Filler {
    Number { value: f64, indicator: bool },
    Mode { code: u32, n_levels: usize },
    Level { levels: Levels },
}

impl Encoder for Filler {
    fn names(&self, name: &str) -> Vec<String> {
        let mut names = vec![name.to_owned()];
        if matches!(self, Self::Number { indicator, .. } if *indicator) {
            names.push(format!("{name}_missing"));
        }
        names
    }

    fn columns(
        &self,
        name: &str,
        column: &Column,
        _threads: &Threads,
    ) -> Result<Vec<Column>, PredictError> {
        match (self, column) {
            (Self::Number { value, indicator }, Column::Number(values)) => {
                let fill = |number: &f64| if number.is_nan() { *value } else { *number };
                let filled = Column::Number(values.iter().map(fill).collect());
                let mut columns = vec![filled];
                if *indicator {
                    let missing = values
                        .iter()
                        .map(|number| f64::from(u8::from(number.is_nan())));
                    columns.push(Column::Number(missing.collect()));
                }
                Ok(columns)
            }
            (Self::Mode { code, n_levels }, Column::Category { codes, levels }) => {
                let fill = |found: &u32| {
                    if *found == MISSING_CODE && levels.len() >= *n_levels {
                        *code
                    } else {
                        *found
                    }
                };
                let codes = codes.iter().map(fill).collect();
                Ok(vec![Column::category(codes, levels.clone())])
            }
            (Self::Level { levels }, Column::Category { codes, .. }) => {
                let own = levels.len() as u32 - 1;
                let fill = |found: &u32| match *found {
                    MISSING_CODE => own,
                    code if code < own => code,
                    _ => automl_core::UNSEEN_CODE,
                };
                let codes = codes.iter().map(fill).collect();
                Ok(vec![Column::category(codes, levels.clone())])
            }
            (Self::Number { .. }, _) => Err(wrong_kind(name, column, ColumnKind::Number)),
            _ => Err(wrong_kind(name, column, ColumnKind::Category)),
        }
    }

    fn save(&self, artifact: &mut Artifact) {
        match self {
            Self::Number { value, indicator } => {
                set_meta(artifact, "fills", "number");
                artifact.push_f64("value", vec![*value]);
                set_meta(artifact, "indicator", *indicator);
            }
            Self::Mode { code, n_levels } => {
                set_meta(artifact, "fills", "mode");
                set_meta(artifact, "code", *code);
                set_meta(artifact, "n_levels", *n_levels);
            }
            Self::Level { levels } => {
                set_meta(artifact, "fills", "level");
                crate::stored::push_strings(artifact, "levels", levels.iter());
            }
        }
    }

    fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        match artifact.meta::<String>("fills")?.as_str() {
            "number" => Ok(Self::Number {
                value: crate::stored::f64s_of_len(artifact, "value", 1)?[0],
                indicator: artifact.meta("indicator")?,
            }),
            "mode" => {
                let (code, n_levels): (u32, usize) =
                    (artifact.meta("code")?, artifact.meta("n_levels")?);
                if code as usize >= n_levels {
                    return Err(artifact.invalid("code", "no level has it"));
                }
                Ok(Self::Mode { code, n_levels })
            }
            "level" => {
                let levels = strings(artifact, "levels")?;
                if levels.is_empty() {
                    return Err(artifact.invalid("levels", "there is none"));
                }
                Ok(Self::Level {
                    levels: Levels::new(levels),
                })
            }
            _ => Err(artifact.invalid("fills", "it is no known way to fill")),
        }
    }
}
