//! Models made of models: steps one behind another, each one model or the mean or the vote of several, whose outputs become
//! columns for the steps behind.
//!
//! A composition holds its models whole, so it stands alone once it is made. What it reads is derived from what they read: the
//! columns of all steps but those that steps before them give.

mod columns;
mod error;
mod steps;
#[cfg(test)]
mod tests;

pub use error::{ComposeError, StepProblem};

use crate::EngineError;
use crate::import::no_steps;
use crate::model::{EnsembleModel, Part};
use crate::trial::TargetMap;
use automl_core::{
    Artifact, ArtifactError, ClassThresholds, Decision, Field, Model, PredictError, Predictions,
    Table, TableView, Task,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use steps::{Step, derive};

/// The kind that artifacts of compositions carry.
pub(crate) const COMPOSITION: &str = "composition";

/// How the models of a step say one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Together {
    /// There is only one.
    Alone,
    /// The mean of what they say, by their weights.
    Mean,
    /// Each has its weight for the class that it predicts; probabilities are shares of the votes.
    Vote,
}

/// A model of a step, with what its directory says of it.
pub struct StepModel {
    /// What it is called, such as `churn/3`.
    pub name: String,
    /// How much it counts beside others.
    pub weight: f64,
    /// How it tells classes from their probabilities, by no costs.
    pub decision: Decision,
    /// Whether it chooses classes by what errors cost.
    pub has_costs: bool,
    /// The columns that it reads.
    pub features: Vec<Field>,
    /// What predicts.
    pub model: Arc<EnsembleModel>,
}

/// A step of a pipeline.
pub struct PipelineStep {
    /// What it is called, for errors.
    pub name: String,
    /// How its models say one thing.
    pub together: Together,
    /// Its models.
    pub models: Vec<StepModel>,
    /// The columns that its outputs become, by output; all outputs under their own names if it is not said. The last step has none.
    pub adds: Option<BTreeMap<String, String>>,
}

/// Models that stand as one.
pub struct Composed {
    /// What predicts.
    pub model: EnsembleModel,
    /// The columns that it reads.
    pub features: Vec<Field>,
    /// How classes are told from their probabilities: as the last step's model does, if it is alone.
    pub decision: Decision,
}

/// Makes one model of the models of some steps.
///
/// # Errors
/// A step does not fit: its name and what is wrong with it.
pub fn compose(steps: Vec<PipelineStep>) -> Result<Composed, EngineError> {
    let composition = Composition::new(steps)?;
    let features = composition.features.clone();
    let last = composition.last();
    let (task, decision) = (last.task.clone(), last.decision().clone());
    let part = Part {
        weight: 1.0,
        recipe: Arc::new(no_steps(&features)?),
        target_map: TargetMap::Identity,
        ceiling: None,
        model: Arc::new(composition),
    };
    Ok(Composed {
        model: EnsembleModel::new(task, None, vec![part]),
        features,
        decision,
    })
}

/// Steps that fit together.
pub(crate) struct Composition {
    features: Vec<Field>,
    /// At least one.
    steps: Vec<Step>,
}

/// A step without its models, as an artifact writes it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepMeta {
    name: String,
    together: Together,
    models: Vec<ModelMeta>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adds: Option<BTreeMap<String, String>>,
}

/// A model of a step without what predicts.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelMeta {
    name: String,
    weight: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thresholds: Option<ClassThresholds>,
    features: Vec<Field>,
}

impl Composition {
    fn new(steps: Vec<PipelineStep>) -> Result<Self, ComposeError> {
        let (features, steps) = derive(steps)?;
        Ok(Self { features, steps })
    }

    /// Reads a composition back.
    ///
    /// # Errors
    /// A part is missing, of another kind, or does not fit the others.
    pub(crate) fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let metas: Vec<StepMeta> = artifact.meta("steps")?;
        let n_models: usize = metas.iter().map(|step| step.models.len()).sum();
        if n_models != artifact.children.len() {
            return Err(artifact.invalid("steps", "their models are not those that are there"));
        }
        let mut children = artifact.children.iter();
        let mut steps = Vec::with_capacity(metas.len());
        for meta in metas {
            let mut models = Vec::with_capacity(meta.models.len());
            for (model, child) in meta.models.into_iter().zip(&mut children) {
                models.push(StepModel {
                    name: model.name,
                    weight: model.weight,
                    decision: match (model.threshold, model.thresholds) {
                        (Some(_), Some(_)) => {
                            return Err(
                                artifact.invalid("steps", "a model has two kinds of thresholds")
                            );
                        }
                        (None, Some(thresholds)) => Decision::Relative(thresholds),
                        (threshold, None) => threshold.into(),
                    },
                    has_costs: false,
                    features: model.features,
                    model: Arc::new(EnsembleModel::load(child)?),
                });
            }
            steps.push(PipelineStep {
                name: meta.name,
                together: meta.together,
                models,
                adds: meta.adds,
            });
        }
        Self::new(steps).map_err(|error| artifact.invalid("steps", &error.to_string()))
    }

    fn last(&self) -> &Step {
        self.steps.last().expect("a composition has steps")
    }
}

impl Model for Composition {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let mut table = rows.to_table().into_owned();
        let (last, before) = self.steps.split_last().expect("a composition has steps");
        for step in before {
            let predictions = step.predict(&table)?;
            let columns = table.shared().chain(step.columns(&predictions));
            table = Table::from_shared(columns.collect()).expect("steps give columns of new names");
        }
        last.predict(&table)
    }

    fn artifact(&self) -> Artifact {
        let meta = |step: &Step| StepMeta {
            name: step.name.clone(),
            together: step.together,
            models: (step.models.iter())
                .map(|model| ModelMeta {
                    name: model.given.name.clone(),
                    weight: model.given.weight,
                    threshold: model.given.decision.threshold(),
                    thresholds: model.given.decision.thresholds().cloned(),
                    features: model.given.features.clone(),
                })
                .collect(),
            adds: step.adds_as_given(),
        };
        let steps: Vec<StepMeta> = self.steps.iter().map(meta).collect();
        let mut artifact = Artifact::new(COMPOSITION, json!({ "steps": steps }));
        let models = self.steps.iter().flat_map(|step| &step.models);
        artifact.children = models.map(|model| model.given.model.artifact()).collect();
        artifact
    }
}

/// The task in words, with its classes.
fn predicted(task: &Task) -> String {
    match task.classes() {
        [] => "numbers".to_owned(),
        classes => classes.join(", "),
    }
}
