//! Models of other programs as ensembles of one, so that every verb takes them.

use crate::EngineError;
use crate::model::{EnsembleModel, Part};
use crate::trial::TargetMap;
use automl_core::{
    Budget, Column, Dataset, Field, FitContext, Kind, Levels, MISSING_CODE, MISSING_TIME, Role,
    Schema, Seed, Table, Target, Task, Threads, Warnings,
};
use automl_features::{FittedRecipe, Recipe};
use automl_tree::import::{ImportedFeature, ImportedModel, import, import_with_columns};
use std::sync::Arc;

/// An imported model that takes and gives what ours do.
pub struct Imported {
    /// The program that trained it.
    pub source: &'static str,
    /// What it was trained for, as that program calls it.
    pub objective: String,
    /// Number of trees.
    pub n_trees: usize,
    /// What predicts.
    pub model: EnsembleModel,
    /// The columns that it reads, and the target.
    pub schema: Schema,
}

/// What a model file does not know of the tables that it is for.
#[derive(Debug, Clone, Default)]
pub struct ImportNames {
    /// The column that it predicts.
    pub target: String,
    /// The names of its classes in code order; the codes themselves where there are none.
    pub classes: Option<Vec<String>>,
    /// The columns in the order of its features; called as in the file where there are none.
    pub columns: Option<Vec<String>>,
}

/// Reads the bytes of another program's model file.
///
/// # Errors
/// A file that cannot be imported, not as many distinct classes or columns as the model has, or a target that is one of
/// its features.
pub fn import_model(bytes: &[u8], names: ImportNames) -> Result<Imported, EngineError> {
    let imported = match names.columns {
        Some(columns) => import_with_columns(bytes, columns)?,
        None => import(bytes)?,
    };
    let target = names.target;
    let task = task(&imported, names.classes)?;
    if imported
        .features
        .iter()
        .any(|feature| feature.name == target)
    {
        return Err(EngineError::RoleTwice {
            name: target,
            first: "target".into(),
            second: "feature of the model".into(),
        });
    }
    let features: Vec<Field> = imported.features.iter().map(field).collect();
    let mut fields = features.clone();
    fields.push(Field::target(target, &task));
    let part = Part {
        weight: 1.0,
        recipe: Arc::new(no_steps(&features)?),
        target_map: TargetMap::Identity,
        ceiling: None,
        model: Arc::from(imported.model),
    };
    Ok(Imported {
        source: imported.source,
        objective: imported.objective,
        n_trees: imported.n_trees,
        model: EnsembleModel::new(task, None, vec![part]),
        schema: Schema {
            fields,
            missing: Vec::new(),
        },
    })
}

fn task(imported: &ImportedModel, classes: Option<Vec<String>>) -> Result<Task, EngineError> {
    let n_classes = imported.n_classes;
    let given = classes.is_some();
    let classes = classes.unwrap_or_else(|| (0..n_classes).map(|code| code.to_string()).collect());
    let mut distinct = classes.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if (given || n_classes > 0) && distinct.len() != n_classes {
        return Err(EngineError::Classes {
            given: distinct.len(),
            n_classes,
        });
    }
    Ok(match n_classes {
        0 => Task::Regression,
        2 => Task::Binary { classes },
        _ => Task::Multiclass { classes },
    })
}

fn field(feature: &ImportedFeature) -> Field {
    Field {
        name: feature.name.clone(),
        kind: if feature.levels.is_some() {
            Kind::Category
        } else {
            Kind::Number
        },
        role: Role::Feature,
        levels: feature.levels.clone().unwrap_or_default(),
        format: None,
    }
}

/// The recipe that hands on columns as they are.
pub(crate) fn no_steps(features: &[Field]) -> Result<FittedRecipe, EngineError> {
    let column = |field: &Field| {
        let column = match field.kind {
            Kind::Number => Column::Number(vec![0.0]),
            Kind::Category | Kind::Boolean => {
                let levels = Levels::new(field.levels.iter().map(String::as_str));
                Column::category(vec![MISSING_CODE], levels)
            }
            Kind::Text => Column::Text(std::iter::once(None::<&str>).collect()),
            Kind::Timestamp => Column::Timestamp(vec![MISSING_TIME]),
        };
        (field.name.clone(), column)
    };
    let table = if features.is_empty() {
        Table::without_columns(1)
    } else {
        let columns = features.iter().map(column).collect();
        Table::new(columns).expect("the columns of a model have distinct names")
    };
    let data = Dataset::new(table, Task::Regression, Target::Numbers(vec![0.0].into()))?;
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(0),
        threads: Threads::one(),
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    let rows = data.all_rows();
    Ok(Recipe::new(Vec::new()).fit(&ctx, &data.view(&rows))?)
}
