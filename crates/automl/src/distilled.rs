//! What a small model is beside the ensemble whose place it took, in words.

use crate::text;
use automl_core::metrics::Metric;
use automl_engine::Distilled;

/// `gradient boosting that learned from an ensemble of 40 models: roc_auc 0.91 beside 0.92, 0.90 without; a row in 14 µs beside 900 µs`.
pub(crate) fn words(told: &Distilled, metric: Metric) -> String {
    let models = text::counted(told.ensemble_models as u64, "model");
    let learned = if told.learned_from_ensemble {
        format!("that learned from an ensemble of {models}")
    } else {
        format!("in the place of an ensemble of {models}, learned from the truth alone")
    };
    let plain = if told.learned_from_ensemble {
        format!(", {} without", text::score(told.plain_score))
    } else {
        String::new()
    };
    format!(
        "{} {learned}: {} {} beside {}{plain}; a row in {} beside {}",
        told.learner,
        metric.name(),
        text::score(told.score),
        text::score(told.ensemble_score),
        micros(told.row_seconds),
        micros(told.ensemble_row_seconds)
    )
}

fn micros(seconds: f64) -> String {
    format!("{:.0} µs", seconds * 1e6)
}
