//! Models of several targets as one: each predicts its own from the same rows.

use crate::model::EnsembleModel;
use automl_core::{
    Artifact, ArtifactError, Decision, Model, PredictError, Predictions, TableView, TargetTask,
    Task,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The kind of artifact that says of which models such a model is made.
const KIND: &str = "targets";

/// The model of one of several targets.
pub struct TargetModel {
    /// The column that it predicts.
    pub target: String,
    /// How its classes are told from their probabilities.
    pub decision: Decision,
    /// What predicts.
    pub model: EnsembleModel,
}

/// Models of several targets that stand as one. Each was learned for itself (binary relevance), so none reads what another
/// says; a row gets what all say of it, side by side.
pub struct TargetModels {
    task: Task,
    parts: Vec<TargetModel>,
}

/// Where the model of a target is, among those of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetPlace {
    /// The column that it predicts.
    pub target: String,
    /// Its directory, below that of the whole.
    pub path: String,
}

impl TargetPlace {
    /// What an artifact says that points to the models of its targets; `None` if it is of another kind.
    ///
    /// # Errors
    /// It does not say where they are.
    pub fn of(artifact: &Artifact) -> Result<Option<Vec<Self>>, ArtifactError> {
        if artifact.kind != KIND {
            return Ok(None);
        }
        let places: Vec<Self> = artifact.meta("targets")?;
        let mut names: Vec<&str> = places.iter().map(|one| one.target.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() < places.len() || places.len() < 2 {
            return Err(artifact.invalid("targets", "they are not two or more of different names"));
        }
        Ok(Some(places))
    }

    /// The artifact that points to the models of some targets.
    pub fn artifact(places: &[Self]) -> Artifact {
        Artifact::new(KIND, json!({ "targets": places }))
    }
}

impl TargetModels {
    /// The models of two or more targets, in order.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn new(parts: Vec<TargetModel>) -> Self {
        assert!(parts.len() > 1, "several targets");
        let target = |part: &TargetModel| TargetTask {
            target: part.target.clone(),
            task: part.model.task().clone(),
        };
        let targets = parts.iter().map(target).collect();
        Self {
            task: Task::MultiOutput { targets },
            parts,
        }
    }

    /// What they predict.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// How the classes of each target are told from their probabilities.
    pub fn decision(&self) -> Decision {
        Decision::Each(
            self.parts
                .iter()
                .map(|part| part.decision.clone())
                .collect(),
        )
    }
}

impl Model for TargetModels {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let parts = self.parts.iter().map(|part| part.model.predict(rows));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        Ok(Predictions::side_by_side(&parts))
    }

    fn artifact(&self) -> Artifact {
        let names: Vec<&str> = self.parts.iter().map(|part| part.target.as_str()).collect();
        let mut artifact = Artifact::new("target_models", json!({ "targets": names }));
        artifact.children = self
            .parts
            .iter()
            .map(|part| part.model.artifact())
            .collect();
        artifact
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(target: &str) -> TargetPlace {
        TargetPlace {
            target: target.to_owned(),
            path: format!("targets/{target}"),
        }
    }

    #[test]
    fn places_of_targets_are_read_back_and_never_one_twice() {
        let places = [place("a"), place("b")];
        let artifact = TargetPlace::artifact(&places);
        assert_eq!(TargetPlace::of(&artifact).unwrap().unwrap(), places);
        let twice = TargetPlace::artifact(&[place("a"), place("a")]);
        assert!(TargetPlace::of(&twice).is_err());
        let one = TargetPlace::artifact(&[place("a")]);
        assert!(TargetPlace::of(&one).is_err());
        let other = Artifact::new("ensemble", json!({}));
        assert_eq!(TargetPlace::of(&other).unwrap(), None);
    }
}
