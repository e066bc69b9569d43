//! How long it takes at least until a fit has a first model to show, told before it begins.
//!
//! Rough by design: the figures are of one core and on the quick side, so that a trial is given up only if it surely
//! cannot end. What a learner then really takes is measured, and weighed by `Search::fits_time`.

use crate::plan::{self, Plan};
use crate::portfolio::Facts;
use crate::recipes;
use crate::trial::TrialConfig;
use automl_core::{Dataset, LearnerSpec};

/// Seconds to encode one cell and lay it out for a learner.
const SECONDS_PER_ENCODED_CELL: f64 = 40e-9;
/// Seconds that one evaluation of a linear model's loss spends on one cell and output.
const SECONDS_PER_LINEAR_CELL: f64 = 2.5e-9;
/// Evaluations until a linear model is better than none.
const LINEAR_EVALUATIONS: f64 = 4.0;
/// Share of the time of a whole round of boosting that its first takes at least: rare classes make small trees.
const ROUND_SHARE: f64 = 0.3;
/// Classes that have a target-encoded column at most.
const ENCODED_CLASSES_MAX: f64 = 20.0;
/// Columns of pairs of numbers at most.
const PAIRS_MAX: f64 = 25.0;
/// Times the forecast that a fit may take for its first model, even where that is more than a trial's share.
pub(super) const PATIENCE: f64 = 2.0;

/// What the forecasts of one search are made from.
pub(crate) struct Forecast {
    n_rows: f64,
    n_columns: f64,
    n_wide_categories: f64,
    n_wide_numbers: f64,
    n_crosses: f64,
    n_outputs: f64,
    round_seconds: f64,
    speed: f64,
}

impl Forecast {
    /// For fits of `plan` that use `n_threads` each.
    pub(crate) fn new(data: &Dataset, plan: &Plan, facts: &Facts, n_threads: usize) -> Self {
        Self {
            n_rows: data.n_rows() as f64,
            n_columns: plan::n_columns(data) as f64,
            n_wide_categories: facts.n_wide_categories as f64,
            n_wide_numbers: facts.n_wide_numbers as f64,
            n_crosses: facts.n_crosses() as f64,
            n_outputs: plan::n_outputs(data) as f64,
            round_seconds: plan.round_seconds_estimate(),
            // Twice the threads are less than twice as quick; the forecast is to be on the quick side.
            speed: n_threads.max(1) as f64,
        }
    }

    /// Seconds until a fit of `config` has a first model, the encoding of the table included.
    pub(crate) fn first_model_seconds(&self, config: &TrialConfig) -> f64 {
        let n_columns = self.n_columns + self.n_made(config.recipe);
        let cells = self.n_rows * n_columns;
        let learns = match kind(config.learner) {
            Kind::Boosting => {
                ROUND_SHARE * self.round_seconds * n_columns / self.n_columns.max(1.0)
            }
            Kind::Linear => LINEAR_EVALUATIONS * SECONDS_PER_LINEAR_CELL * cells * self.n_outputs,
            Kind::Other => 0.0,
        };
        (cells * SECONDS_PER_ENCODED_CELL + learns) / self.speed
    }

    /// Bytes of the table as a recipe encodes it: a number a cell, and its bin.
    pub(crate) fn encoded_bytes(&self, config: &TrialConfig) -> u64 {
        const BYTES_PER_CELL: f64 = 9.0;
        let n_columns = self.n_columns + self.n_made(config.recipe);
        (self.n_rows * n_columns * BYTES_PER_CELL) as u64
    }

    /// Columns that a recipe makes: of the target one a class of each wide column and each pair of categories, and of numbers some.
    fn n_made(&self, recipe: &str) -> f64 {
        let recipe = recipes::recipe(recipe);
        let has = |id: &str| recipe.steps.iter().any(|step| step.id() == id);
        let of = |is_there: bool, n_columns: f64| if is_there { n_columns } else { 0.0 };
        let n_crosses = of(has("combine_categories"), self.n_crosses);
        let n_numbers = of(has("number_as_category"), self.n_wide_numbers);
        let n_encoded = self.n_wide_categories + n_numbers + n_crosses;
        let of_target = n_encoded * self.n_outputs.min(ENCODED_CLASSES_MAX);
        let n_pairs = self.n_columns.min(PAIRS_MAX);
        of(has("target_encode"), of_target) + n_crosses + of(has("interactions"), n_pairs)
    }
}

enum Kind {
    Boosting,
    Linear,
    Other,
}

/// Told from what a learner can take, so that a new one needs no entry here.
fn kind(learner: &LearnerSpec) -> Kind {
    let takes = learner.capabilities;
    if takes.early_stopping {
        Kind::Boosting
    } else if takes.sparse && !takes.categories {
        Kind::Linear
    } else {
        Kind::Other
    }
}
