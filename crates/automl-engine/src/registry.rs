//! The list of learners. Adding one is a line here.

use automl_core::{Artifact, ArtifactError, LearnerSpec, Model};

/// All learners, cheap ones first.
pub static LEARNERS: &[&LearnerSpec] = &[
    &automl_linear::BASELINE,
    &automl_linear::NAIVE_BAYES,
    &automl_linear::ELASTIC_NET,
    &automl_linear::LOGISTIC_REGRESSION,
    &automl_linear::NEAREST_NEIGHBOURS,
    &automl_tree::GRADIENT_BOOSTING,
    &automl_tree::EXTRA_TREES,
    &automl_tree::RANDOM_FOREST,
];

/// The learner called `id`.
pub fn learner(id: &str) -> Option<&'static LearnerSpec> {
    LEARNERS.iter().copied().find(|spec| spec.id == id)
}

/// Reads back a model that any of the learners wrote.
pub(crate) fn load(artifact: &Artifact) -> Result<Box<dyn Model>, ArtifactError> {
    match learner(&artifact.kind) {
        Some(spec) => (spec.load)(artifact),
        None => Err(ArtifactError::UnknownKind {
            kind: artifact.kind.clone(),
        }),
    }
}
