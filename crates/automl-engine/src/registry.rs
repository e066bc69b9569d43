//! The list of learners. Adding one is a line here.

use crate::compose::{COMPOSITION, Composition};
use crate::{EngineError, outputs};
use automl_core::{Artifact, ArtifactError, LearnerSpec, Model, nearest};

/// All learners, cheap ones first.
pub static LEARNERS: &[&LearnerSpec] = &[
    &automl_linear::BASELINE,
    &automl_linear::NAIVE_BAYES,
    &automl_linear::ELASTIC_NET,
    &automl_linear::LOGISTIC_REGRESSION,
    &automl_linear::NEAREST_NEIGHBOURS,
    &automl_linear::SVM,
    &automl_tree::GRADIENT_BOOSTING,
    &automl_tree::EXTRA_TREES,
    &automl_tree::RANDOM_FOREST,
    &automl_neural::MLP,
    &automl_neural::TABM,
];

/// Those whose models tell what each column did to a prediction.
pub static EXPLAINED: &[&LearnerSpec] = &[
    &automl_linear::ELASTIC_NET,
    &automl_linear::LOGISTIC_REGRESSION,
    &automl_tree::GRADIENT_BOOSTING,
    &automl_tree::EXTRA_TREES,
    &automl_tree::RANDOM_FOREST,
];

/// Names that other libraries and people give to learners, and the ids that they may mean.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("lightgbm", "gradient_boosting"),
    ("lgbm", "gradient_boosting"),
    ("lgb", "gradient_boosting"),
    ("xgboost", "gradient_boosting"),
    ("xgb", "gradient_boosting"),
    ("catboost", "gradient_boosting"),
    ("gbm", "gradient_boosting"),
    ("gbdt", "gradient_boosting"),
    ("boosting", "gradient_boosting"),
    ("hist_gradient_boosting", "gradient_boosting"),
    ("rf", "random_forest"),
    ("forest", "random_forest"),
    ("xt", "extra_trees"),
    ("et", "extra_trees"),
    ("extratrees", "extra_trees"),
    ("knn", "nearest_neighbours"),
    ("neighbours", "nearest_neighbours"),
    ("neighbors", "nearest_neighbours"),
    ("nearest_neighbors", "nearest_neighbours"),
    ("kneighbors", "nearest_neighbours"),
    ("svc", "svm"),
    ("svr", "svm"),
    ("libsvm", "svm"),
    ("support_vector_machine", "svm"),
    ("lr", "logistic_regression"),
    ("lr", "elastic_net"),
    ("logistic", "logistic_regression"),
    ("logreg", "logistic_regression"),
    ("linear", "elastic_net"),
    ("linear", "logistic_regression"),
    ("linear_regression", "elastic_net"),
    ("ridge", "elastic_net"),
    ("lasso", "elastic_net"),
    ("nb", "naive_bayes"),
    ("bayes", "naive_bayes"),
    ("dummy", "baseline"),
    ("nn", "mlp"),
    ("nn", "tabm"),
    ("nn_torch", "mlp"),
    ("neural_network", "mlp"),
    ("neural_network", "tabm"),
    ("fastai", "mlp"),
    ("multilayer_perceptron", "mlp"),
];

/// Whether every name is one of a learner.
///
/// # Errors
/// The first that is none, with those that may be meant: by another program's name, or by one that is written alike.
pub fn check_names<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), EngineError> {
    for name in names {
        if learner(name).is_some() {
            continue;
        }
        let folded = name.trim().to_lowercase().replace(['-', ' '], "_");
        let meant = OTHER_NAMES.iter().filter(|(other, _)| *other == folded);
        let mut near: Vec<String> = meant.map(|(_, id)| (*id).to_owned()).collect();
        if learner(&folded).is_some() {
            near.push(folded.clone());
        }
        if near.is_empty() {
            near = nearest(&folded, LEARNERS.iter().map(|spec| spec.id));
        }
        return Err(EngineError::LearnerUnknown {
            name: name.clone(),
            near,
            known: LEARNERS.iter().map(|spec| spec.id.to_owned()).collect(),
        });
    }
    Ok(())
}

/// The learner called `id`.
pub fn learner(id: &str) -> Option<&'static LearnerSpec> {
    LEARNERS.iter().copied().find(|spec| spec.id == id)
}

/// Reads back a model that any of the learners wrote, several of them for several outputs, a configured training, or models
/// that stand as one.
pub(crate) fn load(artifact: &Artifact) -> Result<Box<dyn Model>, ArtifactError> {
    match learner(&artifact.kind) {
        Some(spec) => (spec.load)(artifact),
        None if artifact.kind == outputs::QUANTILES => outputs::load_quantiles(artifact),
        None if artifact.kind == automl_neural::NETWORK => automl_neural::load(artifact),
        None if artifact.kind == automl_onnx::GRAPH => automl_onnx::load_graph(artifact),
        None if artifact.kind == COMPOSITION => Ok(Box::new(Composition::load(artifact)?)),
        None => Err(ArtifactError::UnknownKind {
            kind: artifact.kind.clone(),
        }),
    }
}
