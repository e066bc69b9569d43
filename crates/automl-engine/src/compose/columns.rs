//! How columns of a table, and what steps give, become the columns that a model reads.

use super::error::StepProblem;
use automl_core::{Column, Field, Kind, Levels, MISSING_CODE, PredictError, Table, UNSEEN_CODE};
use std::sync::Arc;

/// A column that a model reads, and how it is made of the one of that name.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    name: Arc<str>,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    AsItIs,
    /// The model's code of each code of the column.
    Recoded {
        codes: Vec<u32>,
        levels: Levels,
    },
    /// The number that each level is.
    Numbers(Vec<f64>),
    /// The levels themselves.
    Texts(Levels),
}

/// Whose column it is, for messages.
#[derive(Debug, Clone)]
pub(super) enum Whose {
    /// One of the table, which this model read first.
    Table(String),
    /// One that this step gives.
    Step(String),
}

impl Whose {
    pub(super) fn said(&self) -> String {
        match self {
            Self::Table(model) => format!("{model} reads it"),
            Self::Step(step) => format!("step '{step}' gives it"),
        }
    }
}

/// A column that is there when a step begins.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) field: Field,
    pub(super) whose: Whose,
}

/// The column of a table that two models read: levels of both.
pub(super) fn merged(known: &mut Known, field: &Field, model: &str) -> Result<(), StepProblem> {
    let is_alike = match (known.field.kind, field.kind) {
        (Kind::Timestamp, Kind::Timestamp) => known.field.format == field.format,
        (Kind::Boolean, Kind::Boolean) => {
            let sorted = |field: &Field| {
                let mut levels = field.levels.clone();
                levels.sort();
                levels
            };
            sorted(&known.field) == sorted(field)
        }
        (one, other) => one == other,
    };
    if !is_alike {
        return Err(kind_problem(known, field, model));
    }
    for level in &field.levels {
        if !known.field.levels.contains(level) {
            known.field.levels.push(level.clone());
        }
    }
    Ok(())
}

fn kind_problem(known: &Known, field: &Field, model: &str) -> StepProblem {
    let said = |field: &Field| match (field.kind, &field.format) {
        (Kind::Timestamp, Some(format)) => format!("timestamp written {format}"),
        (Kind::Boolean, _) => format!("boolean of {}", field.levels.join(" and ")),
        (kind, _) => kind.name().to_owned(),
    };
    StepProblem::ColumnKind {
        column: field.name.clone(),
        model: model.to_owned(),
        wanted: said(field),
        whose: match &known.whose {
            Whose::Table(model) => model.clone(),
            Whose::Step(step) => format!("step '{step}' gives it"),
        },
        found: said(&known.field),
    }
}

impl Taken {
    /// How a model's column is made of the one that is known by its name.
    pub(super) fn of(known: &Known, field: &Field, model: &str) -> Result<Self, StepProblem> {
        let from = &known.field;
        let is_coded = |kind| matches!(kind, Kind::Category | Kind::Boolean);
        let way = match (from.kind, field.kind) {
            (one, other) if is_coded(one) && is_coded(other) => recoded(known, field, model)?,
            (Kind::Category, Kind::Text) if is_given(known) => {
                Way::Texts(Levels::new(from.levels.iter().map(String::as_str)))
            }
            (Kind::Category, Kind::Number) if is_given(known) => {
                let numbers = from.levels.iter().map(|level| level.trim().parse().ok());
                let numbers: Option<Vec<f64>> = numbers.collect();
                Way::Numbers(numbers.ok_or_else(|| kind_problem(known, field, model))?)
            }
            (one, other) if one == other => Way::AsItIs,
            _ => return Err(kind_problem(known, field, model)),
        };
        Ok(Self {
            name: field.name.as_str().into(),
            way,
        })
    }

    /// The column of a table, as the model reads it.
    pub(super) fn column(&self, table: &Table) -> Result<(Arc<str>, Arc<Column>), PredictError> {
        let position = table.position(&self.name);
        let position = position.ok_or_else(|| PredictError::ColumnMissing {
            name: self.name.to_string(),
        })?;
        let column = match &self.way {
            Way::AsItIs => {
                let mut shared = table.shared();
                return Ok(shared.nth(position).expect("a position of this table"));
            }
            Way::Recoded { codes: map, levels } => {
                let codes = self.codes(table, position)?.iter();
                let codes = codes.map(|&code| match code {
                    MISSING_CODE => MISSING_CODE,
                    code => map.get(code as usize).copied().unwrap_or(UNSEEN_CODE),
                });
                Column::category(codes.collect(), levels.clone())
            }
            Way::Numbers(numbers) => {
                let codes = self.codes(table, position)?.iter();
                let number = |&code: &u32| numbers.get(code as usize).copied().unwrap_or(f64::NAN);
                Column::Number(codes.map(number).collect())
            }
            Way::Texts(levels) => {
                let codes = self.codes(table, position)?.iter();
                Column::Text(codes.map(|&code| levels.get(code)).collect())
            }
        };
        Ok((Arc::clone(&self.name), Arc::new(column)))
    }

    fn codes<'t>(&self, table: &'t Table, position: usize) -> Result<&'t [u32], PredictError> {
        let column = table.column_at(position);
        let codes = column.as_category().map(|(codes, _)| codes);
        codes.ok_or_else(|| PredictError::ColumnKind {
            name: self.name.to_string(),
            found: column.kind_name(),
            expected: "category",
        })
    }
}

fn is_given(known: &Known) -> bool {
    matches!(known.whose, Whose::Step(_))
}

/// Codes by one list of levels as codes by another, in which a level may be unknown.
fn recoded(known: &Known, field: &Field, model: &str) -> Result<Way, StepProblem> {
    let from = &known.field.levels;
    if *from == field.levels {
        return Ok(Way::AsItIs);
    }
    let code = |level: &String| {
        let place = field.levels.iter().position(|own| own == level);
        place.map_or(UNSEEN_CODE, |place| place as u32)
    };
    let codes: Vec<u32> = from.iter().map(code).collect();
    if let Whose::Step(step) = &known.whose
        && codes.iter().all(|&code| code == UNSEEN_CODE)
    {
        return Err(StepProblem::NoCommonClass {
            column: field.name.clone(),
            model: model.to_owned(),
            from: step.clone(),
            known: field.levels.clone(),
        });
    }
    Ok(Way::Recoded {
        codes,
        levels: Levels::new(field.levels.iter().map(String::as_str)),
    })
}
