//! From a typed table to a dataset: roles, task, usable rows.

mod exposure;
mod target;

pub use target::FEW_ROWS;

use crate::EngineError;
use crate::costs::{CostsError, NamedCosts};
use crate::error::NoFeature;
use automl_core::{
    Column, CostMatrix, Dataset, Field, Level, MISSING_CODE, Role, Schema, Table, Task, TaskKind,
    Warning, WarningKind, Warnings, nearest,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the user says about columns and the task.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PrepareOptions {
    /// The column to predict.
    pub target: String,
    /// Other targets, which are learned for themselves: they are not known where this one is predicted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// How much each row counts.
    pub weight: Option<String>,
    /// Rows of one group stay together.
    pub group: Option<String>,
    /// Orders the rows.
    pub time: Option<String>,
    /// Columns to leave out.
    pub drop: Vec<String>,
    /// The class that F1 and its like are of, where there are two and it is not the second by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
    /// What each error costs, if that decides which class is predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<NamedCosts>,
    /// `binary`, `multiclass`, `regression` or `quantile` where the guess from the target would be wrong.
    pub task: Option<TaskKind>,
    /// The quantiles to predict, rising; those of [`LEVELS`] where quantiles are asked for and none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<Level>,
    /// Whether the target counts something, or adds up amounts: numbers that are never negative.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counts: bool,
    /// For how long, or for how many, each row was counted: what is learned is the count for one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<String>,
}

impl PrepareOptions {
    /// Whether counts are predicted: it was said, or told by their exposure.
    pub fn counts(&self) -> bool {
        self.counts || self.exposure.is_some()
    }

    /// The task that was asked for; counts are numbers, and named quantiles ask for quantiles.
    ///
    /// # Errors
    /// Two things were asked for that exclude one another.
    pub fn kind(&self) -> Result<Option<TaskKind>, EngineError> {
        let costs_of = |task| EngineError::Costs(CostsError::Task { task });
        let quantiles = self.task == Some(TaskKind::Quantile) || !self.quantiles.is_empty();
        match self.task {
            Some(task @ (TaskKind::Binary | TaskKind::Multiclass)) if self.counts() => {
                Err(EngineError::ExposureTask { task: task.name() })
            }
            Some(task) if quantiles && task != TaskKind::Quantile => {
                Err(EngineError::QuantilesTask { task: task.name() })
            }
            Some(TaskKind::Regression) if self.costs.is_some() => Err(costs_of("regression")),
            _ if quantiles && self.costs.is_some() => Err(costs_of("quantile")),
            _ if self.counts() && self.costs.is_some() => Err(costs_of("count")),
            _ if quantiles && self.counts() => Err(EngineError::QuantilesTask { task: "count" }),
            _ if quantiles => Ok(Some(TaskKind::Quantile)),
            _ if self.counts() => Ok(Some(TaskKind::Regression)),
            task => Ok(task),
        }
    }
}

/// The quantiles that are predicted where none is named: the median, between ends that hold eight of ten.
pub const LEVELS: [f64; 3] = [0.1, 0.5, 0.9];

impl PrepareOptions {
    /// The levels of the quantiles to predict.
    fn levels(&self) -> Vec<Level> {
        let mut levels = self.quantiles.clone();
        if levels.is_empty() {
            let known = LEVELS.map(Level::try_from);
            levels.extend(known.map(|level| level.expect("they are levels")));
        }
        levels.sort_unstable();
        levels.dedup();
        levels
    }
}

/// A dataset, and the schema with every role settled.
#[derive(Debug)]
pub struct Prepared {
    /// What the search learns from.
    pub dataset: Dataset,
    /// All columns of the file with their roles; the model's input signature is its features.
    pub schema: Schema,
    /// Why this task, in one sentence.
    pub reason: String,
    /// What each error costs, in the order of the classes, if it was told.
    pub costs: Option<CostMatrix>,
}

/// Settles roles and task and leaves out rows without a target.
///
/// # Errors
/// A named column is unknown or unfit for its role; the target has one class or no value; too few rows; no feature.
pub fn prepare(
    table: &Table,
    schema: &Schema,
    options: &PrepareOptions,
    warnings: &Warnings,
) -> Result<Prepared, EngineError> {
    let mut schema = settle_roles(table, schema, options)?;
    let field = schema
        .field(&options.target)
        .expect("the target's role was settled")
        .clone();
    let column = table
        .column(&options.target)
        .expect("the schema describes the table");
    let rows = rows_with_target(column, &options.target, warnings)?;
    let (task, target, reason) = target::read_target(&field, column, &rows, options.kind()?)?;
    let task = if options.kind()? == Some(TaskKind::Quantile) {
        Task::Quantile {
            levels: options.levels(),
        }
    } else {
        task
    };
    let exposure = options.exposure.as_ref().map(|name| {
        let field = schema.field(name).expect("its role was settled");
        exposure::read(table, field, &rows)
    });
    let exposure = exposure.transpose()?;
    let target = if options.counts() {
        exposure::per_unit(&options.target, &rows, target, exposure.as_deref())?
    } else {
        target
    };
    let (task, target) = match &options.positive {
        None => (task, target),
        Some(positive) => target::with_positive(&field.name, &task, target, positive)?,
    };
    let costs = costs_of(&task, options.costs.as_ref())?;
    target::warn_of_rare(&field.name, &task, &target, warnings);
    if !task.is_classification() {
        target::read_as_number(&mut schema, &options.target);
    }
    let features = feature_columns(table, &schema, options.exposure.as_deref());
    if features.n_columns() == 0 {
        return Err(EngineError::NoFeatures {
            target: options.target.clone(),
            left_out: left_out(&schema, options, warnings),
        });
    }
    let gather = rows.len() < table.n_rows();
    let features = if gather {
        features.gather(&rows)
    } else {
        features
    };
    let mut dataset = Dataset::new(features, task, target)?;
    let weight = schema.with_role(Role::Weight).next();
    let weight = weight.map(|field| number_role(table, field, &rows, "weight"));
    if let Some(weight) = exposure::weighted(exposure, weight.transpose()?) {
        dataset = dataset.with_weight(weight)?;
    }
    if let Some(field) = schema.with_role(Role::Group).next() {
        check_group(table, field, &rows)?;
        dataset = dataset.with_groups(group_codes(table, field, &rows))?;
    }
    if let Some(field) = schema.with_role(Role::Time).next() {
        dataset = dataset.with_time(number_role(table, field, &rows, "time")?)?;
    }
    Ok(Prepared {
        dataset,
        schema,
        reason,
        costs,
    })
}

/// The costs of the task's classes.
fn costs_of(task: &Task, named: Option<&NamedCosts>) -> Result<Option<CostMatrix>, EngineError> {
    let Some(named) = named else { return Ok(None) };
    if !task.is_classification() {
        let task = task.kind().name();
        return Err(CostsError::Task { task }.into());
    }
    Ok(Some(named.resolve(task.classes())?))
}

/// The columns that are no features, and why not.
fn left_out(
    schema: &Schema,
    options: &PrepareOptions,
    warnings: &Warnings,
) -> Vec<(String, NoFeature)> {
    let found = warnings.list();
    let is_said = |kind: WarningKind, name: &String| {
        let last = |warning: &Warning| warning.columns.last() == Some(name);
        found
            .iter()
            .any(|warning| warning.kind == kind && last(warning))
    };
    let why = |field: &Field| match field.role {
        Role::Id => Some(NoFeature::Id),
        Role::Weight => Some(NoFeature::Role("is the weight")),
        Role::Group => Some(NoFeature::Role("is the group")),
        Role::Time => Some(NoFeature::Role(crate::error::TIME)),
        Role::Ignored if options.others.contains(&field.name) => {
            Some(NoFeature::Role("is another target"))
        }
        Role::Ignored if options.drop.contains(&field.name) => Some(NoFeature::Dropped),
        Role::Ignored if is_said(WarningKind::ConstantColumn, &field.name) => {
            Some(NoFeature::Constant)
        }
        Role::Ignored if is_said(WarningKind::DuplicateColumn, &field.name) => {
            Some(NoFeature::Copy)
        }
        Role::Ignored => Some(NoFeature::Ignored),
        Role::Feature if options.exposure.as_ref() == Some(&field.name) => {
            Some(NoFeature::Role("is the exposure"))
        }
        Role::Feature | Role::Target => None,
    };
    let fields = schema.fields.iter();
    fields
        .filter_map(|field| Some((field.name.clone(), why(field)?)))
        .collect()
}

fn settle_roles(
    table: &Table,
    schema: &Schema,
    options: &PrepareOptions,
) -> Result<Schema, EngineError> {
    let mut schema = schema.clone();
    let named = [
        (options.weight.as_ref(), Role::Weight, "weight"),
        (options.group.as_ref(), Role::Group, "group"),
        (options.time.as_ref(), Role::Time, "time column"),
        (Some(&options.target), Role::Target, "target"),
    ];
    for name in &options.others {
        set_role(&mut schema, table, name, Role::Ignored, "target")?;
    }
    if let Some(name) = &options.exposure {
        // The model reads it, if only to multiply by it.
        set_role(&mut schema, table, name, Role::Feature, exposure::ROLE)?;
    }
    for (name, role, word) in named {
        let Some(name) = name else { continue };
        if let Some(field) = (schema.fields.iter()).find(|f| f.role == role && f.name != *name) {
            return Err(EngineError::RoleTaken {
                name: name.clone(),
                role: word,
                taken_by: field.name.clone(),
            });
        }
        set_role(&mut schema, table, name, role, word)?;
    }
    for name in &options.drop {
        set_role(&mut schema, table, name, Role::Ignored, "columns to drop")?;
    }
    check_told_once(options)?;
    Ok(schema)
}

/// A column named for two roles would silently lose one of them.
///
/// # Errors
/// There is one.
pub fn check_told_once(options: &PrepareOptions) -> Result<(), EngineError> {
    let single = [
        (Some(&options.target), "target"),
        (options.weight.as_ref(), "weight"),
        (options.group.as_ref(), "group"),
        (options.time.as_ref(), "time column"),
        (options.exposure.as_ref(), exposure::ROLE),
    ];
    let dropped = options
        .drop
        .iter()
        .map(|name| (Some(name), "column to drop"));
    let named: Vec<(&String, &str)> = single
        .into_iter()
        .chain(dropped)
        .filter_map(|(name, word)| Some((name?, word)))
        .collect();
    for (position, (name, first)) in named.iter().enumerate() {
        let later = named[position + 1..].iter();
        if let Some((_, second)) = later
            .clone()
            .find(|(other, word)| other == name && word != first)
        {
            return Err(EngineError::RoleTwice {
                name: (*name).clone(),
                first: (*first).to_owned(),
                second: (*second).to_owned(),
            });
        }
    }
    Ok(())
}

fn set_role(
    schema: &mut Schema,
    table: &Table,
    name: &str,
    role: Role,
    word: &'static str,
) -> Result<(), EngineError> {
    let Some(field) = schema.fields.iter_mut().find(|field| field.name == name) else {
        return Err(EngineError::ColumnUnknown {
            name: name.to_owned(),
            role: word,
            near: nearest(name, table.names()),
        });
    };
    field.role = role;
    Ok(())
}

/// Rows whose target is there; the others are left out with a warning.
fn rows_with_target(
    column: &Column,
    name: &str,
    warnings: &Warnings,
) -> Result<Vec<u32>, EngineError> {
    let n_rows = column.n_rows();
    let rows: Vec<u32> = (0..n_rows as u32)
        .filter(|&row| !column.is_missing(row as usize))
        .collect();
    if rows.is_empty() {
        return Err(EngineError::Target {
            name: name.to_owned(),
            reason: "all its values are missing".into(),
        });
    }
    let n_missing = n_rows - rows.len();
    if n_missing > 0 {
        let message = format!("{n_missing} of {n_rows} rows have no '{name}' and are left out");
        warnings.push(Warning::new(WarningKind::MissingTarget, [name], message));
    }
    if rows.len() < 2 {
        return Err(EngineError::TooFewRows {
            n_rows: rows.len(),
            needed: 2,
        });
    }
    Ok(rows)
}

fn feature_columns(table: &Table, schema: &Schema, exposure: Option<&str>) -> Table {
    let is_feature = |name: &str| {
        let is_exposure = exposure == Some(name);
        !is_exposure
            && schema
                .field(name)
                .is_some_and(|field| field.role == Role::Feature)
    };
    let columns: Vec<_> = table
        .shared()
        .filter(|(name, _)| is_feature(name))
        .collect();
    if columns.is_empty() {
        return Table::without_columns(table.n_rows());
    }
    Table::from_shared(columns).expect("columns of a table have one length and distinct names")
}

fn number_role(
    table: &Table,
    field: &Field,
    rows: &[u32],
    role: &'static str,
) -> Result<Vec<f64>, EngineError> {
    let fail = |reason: String| EngineError::Role {
        name: field.name.clone(),
        role,
        reason,
    };
    let column = table
        .column(&field.name)
        .expect("the schema describes the table");
    if let Some(row) = rows.iter().find(|&&row| column.is_missing(row as usize)) {
        return Err(fail(format!("it is missing in data row {}", row + 1)));
    }
    if let (Column::Number(values), "weight") = (column, role)
        && let Some(row) = rows.iter().find(|&&row| values[row as usize] < 0.0)
    {
        let value = values[*row as usize];
        return Err(fail(format!("it is {value} in data row {}", row + 1)));
    }
    if let (Column::Number(values), "weight") = (column, role)
        && rows.iter().all(|&row| values[row as usize] == 0.0)
    {
        return Err(fail("it is 0 in every row".into()));
    }
    match column {
        Column::Number(values) => Ok(rows.iter().map(|&row| values[row as usize]).collect()),
        Column::Timestamp(times) if role == "time" => {
            Ok(rows.iter().map(|&row| times[row as usize] as f64).collect())
        }
        other => Err(fail(format!("it is a {} column", other.kind_name()))),
    }
}

/// Levels that the schema does not declare would all be one group.
fn check_group(table: &Table, field: &Field, rows: &[u32]) -> Result<(), EngineError> {
    let Some(Column::Category { codes, levels }) = table.column(&field.name) else {
        return Ok(());
    };
    let codes: Vec<u32> = rows.iter().map(|&row| codes[row as usize]).collect();
    target::check_declared(&codes, rows, levels).map_err(|reason| EngineError::Role {
        name: field.name.clone(),
        role: "group",
        reason,
    })
}

/// One code a distinct value, missing being a group of its own.
fn group_codes(table: &Table, field: &Field, rows: &[u32]) -> Vec<u32> {
    let column = table
        .column(&field.name)
        .expect("the schema describes the table");
    let key = |row: usize| -> String {
        match column {
            Column::Number(values) => values[row].to_string(),
            Column::Category { codes, .. } if codes[row] == MISSING_CODE => String::new(),
            Column::Category { codes, .. } => codes[row].to_string(),
            Column::Text(texts) => texts.get(row).unwrap_or_default().to_owned(),
            Column::Timestamp(times) => times[row].to_string(),
            Column::Sparse(_) => String::new(),
        }
    };
    let mut codes = BTreeMap::new();
    rows.iter()
        .map(|&row| {
            let next = codes.len() as u32;
            *codes.entry(key(row as usize)).or_insert(next)
        })
        .collect()
}

#[cfg(test)]
mod tests;
