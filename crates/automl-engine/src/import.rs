//! Models of other programs as ensembles of one, so that every verb takes them.

use crate::EngineError;
use crate::model::{EnsembleModel, Part};
use crate::trial::TargetMap;
use automl_core::{
    Budget, Column, Dataset, Decision, Field, FitContext, Kind, Levels, MISSING_CODE, MISSING_TIME,
    Model, Role, Schema, Seed, Table, Target, Task, Threads, Warnings,
};
use automl_features::{FittedRecipe, Recipe};
use automl_onnx::{GraphColumn, GraphNames, import_graph};
use automl_tree::import::{ImportError, ImportedFeature, import, import_with_columns};
use std::sync::Arc;

/// An imported model that takes and gives what ours do.
pub struct Imported {
    /// The program that trained it, or the format that it came in.
    pub source: &'static str,
    /// What it was trained for, as that program calls it; of a graph, the program that wrote it.
    pub objective: String,
    /// What it is made of.
    pub size: ImportedSize,
    /// How the class is told of its probabilities.
    pub decision: Decision,
    /// What predicts.
    pub model: EnsembleModel,
    /// The columns that it reads, and the target.
    pub schema: Schema,
}

/// What an imported model is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportedSize {
    /// So many trees.
    Trees(usize),
    /// So many operators of a graph.
    Operators(usize),
}

/// What a model file does not know of the tables that it is for.
#[derive(Debug, Clone, Default)]
pub struct ImportNames {
    /// The column that it predicts.
    pub target: String,
    /// The names of its classes in code order; those that it has, or the codes themselves, where there are none.
    pub classes: Option<Vec<String>>,
    /// The columns in the order of its features; called as in the file where there are none.
    pub columns: Option<Vec<String>>,
    /// Of a graph, the output that is predicted.
    pub result: Option<String>,
}

/// A model as its file says it, with the columns that it reads.
struct Found {
    source: &'static str,
    objective: String,
    size: ImportedSize,
    features: Vec<Field>,
    missing: Vec<String>,
    n_classes: usize,
    decision: Decision,
    model: Arc<dyn Model>,
}

/// Reads the bytes of another program's model file.
///
/// # Errors
/// A file that cannot be imported, not as many distinct classes or columns as the model has, or a target that is one of
/// its features.
pub fn import_model(bytes: &[u8], names: ImportNames) -> Result<Imported, EngineError> {
    let mut names = names;
    let found = if automl_onnx::is_onnx(bytes) {
        graph(bytes, &mut names)?
    } else {
        trees(bytes, &mut names)?
    };
    let target = names.target;
    let task = task(found.n_classes, names.classes)?;
    if found.features.iter().any(|field| field.name == target) {
        return Err(EngineError::RoleTwice {
            name: target,
            first: "target".into(),
            second: "feature of the model".into(),
        });
    }
    let recipe = Arc::new(no_steps(&found.features)?);
    let mut fields = found.features;
    fields.push(Field::target(target, &task));
    let part = Part {
        weight: 1.0,
        recipe,
        target_map: TargetMap::Identity,
        ceiling: None,
        model: found.model,
    };
    Ok(Imported {
        source: found.source,
        objective: found.objective,
        size: found.size,
        decision: found.decision,
        model: EnsembleModel::new(task, None, vec![part]),
        schema: Schema {
            fields,
            missing: found.missing,
        },
    })
}

/// A model of LightGBM or XGBoost.
fn trees(bytes: &[u8], names: &mut ImportNames) -> Result<Found, EngineError> {
    let imported = match names.columns.take() {
        Some(columns) => import_with_columns(bytes, columns),
        None => import(bytes),
    };
    let imported = imported.map_err(|error| match error {
        ImportError::UnknownFormat => EngineError::ImportFormat,
        other => other.into(),
    })?;
    if names.result.is_some() {
        return Err(EngineError::ImportResult);
    }
    let column = |column: ImportedFeature| feature(column.name, column.levels);
    Ok(Found {
        source: imported.source,
        objective: imported.objective,
        size: ImportedSize::Trees(imported.n_trees),
        features: imported.features.into_iter().map(column).collect(),
        missing: Vec::new(),
        n_classes: imported.n_classes,
        decision: Decision::Likeliest,
        model: Arc::from(imported.model),
    })
}

/// An ONNX graph.
fn graph(bytes: &[u8], names: &mut ImportNames) -> Result<Found, EngineError> {
    let asked = GraphNames {
        columns: names.columns.take(),
        n_classes: names.classes.as_ref().map(Vec::len),
        result: names.result.take(),
    };
    let imported = import_graph(bytes, &asked)?;
    if imported.n_classes > 0 && names.classes.is_none() {
        names.classes = imported.classes;
    }
    let column = |column: GraphColumn| feature(column.name, column.levels);
    Ok(Found {
        source: "ONNX",
        objective: imported.producer,
        size: ImportedSize::Operators(imported.n_operators),
        features: imported.columns.into_iter().map(column).collect(),
        missing: imported.missing,
        n_classes: imported.n_classes,
        decision: imported.decision,
        model: Arc::new(imported.model),
    })
}

fn task(n_classes: usize, classes: Option<Vec<String>>) -> Result<Task, EngineError> {
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

/// A column that a model reads: a category where it has levels.
fn feature(name: String, levels: Option<Vec<String>>) -> Field {
    Field {
        name,
        kind: if levels.is_some() {
            Kind::Category
        } else {
            Kind::Number
        },
        role: Role::Feature,
        levels: levels.unwrap_or_default(),
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
