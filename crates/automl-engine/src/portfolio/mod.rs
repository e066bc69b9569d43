//! Configurations that are tried first: cheap ones, then those that were worth most on tables like the one at hand.

mod configuration;
mod facts;
mod learned;

pub use configuration::Configuration;
pub(crate) use facts::Facts;

use crate::bounds::Bounds;
use crate::plan::Plan;
use crate::suggest::BASELINE;
use crate::trial::TrialConfig;
use crate::{EngineError, FitOptions, SearchPart, registry};
use automl_core::{LearnerSpec, ParamValue};

/// Configurations of the built-in portfolio that are tried, beside the first of each learner.
const N_TRIED: usize = 15;

/// Learned configurations that are tried before those with further features.
const FEATURES_AFTER: usize = 3;

/// The learning rate of boosting that is to give a model soon.
const QUICK_RATE: f64 = 0.1;

/// Neighbours are searched one by one when predicting: more rows than this take too long.
const NEIGHBOUR_ROWS_MAX: usize = 30_000;

/// A support vector machine holds the square of its rows in memory, and learns from no more than these.
const MACHINE_ROWS_MAX: usize = 5_000;

/// Its distances tell little among more columns than these.
const MACHINE_COLUMNS_MAX: usize = 60;

/// Of fewer rows, which are split many times, a perceptron takes the time of many trees and tells little more.
const NETWORK_ROWS_MIN: usize = 2_000;

/// Recipes of trees: on tables with wide categories (in every second list), with numbers that can be paired (in every second two) and
/// with categories that can be joined (in the last four).
const TREE_RECIPES: [&[&str]; 8] = [
    &["trees"],
    &["trees", "trees_target"],
    &["trees", "trees_pairs"],
    &["trees", "trees_target", "trees_pairs"],
    &["trees", "trees_crosses"],
    &["trees", "trees_target", "trees_crosses"],
    &["trees", "trees_pairs", "trees_crosses"],
    &["trees", "trees_target", "trees_pairs", "trees_crosses"],
];

/// The recipes that make what a learner can take of any table, the first being the one to begin with.
pub(crate) fn recipes_for(learner: &LearnerSpec, facts: &Facts) -> &'static [&'static str] {
    let takes = learner.capabilities;
    match (takes.categories, takes.sparse, facts.has_wide_categories()) {
        (true, true, _) => &["none"],
        (true, false, is_wide) => {
            let has = [is_wide, facts.has_pairs(), facts.has_crosses()];
            TREE_RECIPES[has
                .iter()
                .rfold(0, |index, &has| 2 * index + usize::from(has))]
        }
        (false, true, true) => &["linear", "linear_codes"],
        (false, true, false) => &["linear"],
        // Its features are counts and numbers as they are, not distances.
        (false, false, _) if learner.id == "naive_bayes" => &["bayes", "neighbours"],
        (false, false, _) => &["neighbours", "bayes"],
    }
}

/// The configurations of the learners that take part, in the order to try them: the baseline, and then those that the user gave,
/// or else the cheap linear model and what was learned. Each learner has its turn at least once, unless the user decided. They minimise
/// `objective` where they can.
pub(crate) fn fixed(
    facts: &Facts,
    plan: &Plan,
    options: &FitOptions,
    bounds: &Bounds,
    objective: Option<&'static str>,
) -> Result<Vec<TrialConfig>, EngineError> {
    let wanted = match &options.portfolio {
        Some(given) => given.clone(),
        None => built_in(facts, plan, options),
    };
    let baseline = plan.learners.iter().find(|spec| spec.id == BASELINE);
    let mut configs: Vec<TrialConfig> = Vec::new();
    let baseline = baseline.map(|spec| Configuration::of(spec));
    for (place, configuration) in baseline.iter().chain(&wanted).enumerate() {
        let learners = &plan.learners;
        let Some(spec) = learners
            .iter()
            .find(|spec| spec.id == configuration.learner)
        else {
            continue;
        };
        let config = configuration.config(spec, facts, bounds, objective);
        let config = config.map_err(|source| EngineError::Configuration {
            number: place + 1 - usize::from(baseline.is_some()),
            source: Box::new(source),
        })?;
        // On many tables two of them come to the same.
        if !configs.iter().any(|known| is_same(known, &config)) {
            configs.push(config);
        }
    }
    Ok(configs)
}

/// Whether two configurations are one.
pub(crate) fn is_same(one: &TrialConfig, other: &TrialConfig) -> bool {
    let names = |config: &TrialConfig| (config.learner.id, config.recipe, config.target_map);
    names(one) == names(other) && one.params == other.params
}

/// What is tried where the user says nothing.
fn built_in(facts: &Facts, plan: &Plan, options: &FitOptions) -> Vec<Configuration> {
    let is_asked_for = |id: &str| options.include.iter().any(|included| included == id);
    let is_tried = |id: &str| is_asked_for(id) || !is_too_slow(id, facts);
    let takes_part = |id: &str| plan.learners.iter().any(|spec| spec.id == id) && is_tried(id);
    let mut wanted = quick(facts);
    if !options.is_without(SearchPart::Portfolio) {
        let mut learned = learned::best(facts, takes_part, N_TRIED);
        if takes_part(automl_tree::GRADIENT_BOOSTING.id) {
            let place = learned.len().min(FEATURES_AFTER);
            learned.splice(place..place, with_features(facts));
            learned.truncate(N_TRIED);
        }
        wanted.extend(learned);
    }
    for spec in &plan.learners {
        let has_turn = wanted
            .iter()
            .any(|configuration| configuration.learner == spec.id);
        if !has_turn && is_tried(spec.id) {
            wanted.push(Configuration::of(spec));
        }
    }
    wanted
}

/// Boosting with each of the recipes that make further features, to see early whether they tell anything.
fn with_features(facts: &Facts) -> Vec<Configuration> {
    let boosting = |recipe: &str| Configuration {
        recipe: Some(recipe.to_owned()),
        ..Configuration::of(&automl_tree::GRADIENT_BOOSTING)
    };
    let pairs = facts.has_pairs().then(|| boosting("trees_pairs"));
    let crosses = facts.has_crosses().then(|| boosting("trees_crosses"));
    pairs.into_iter().chain(crosses).collect()
}

/// What gives a model soonest, should there be no time for more: a line, and boosting that ends after few rounds.
fn quick(facts: &Facts) -> Vec<Configuration> {
    let linear = if facts.is_class {
        "logistic_regression"
    } else {
        "elastic_net"
    };
    let mut quick: Vec<Configuration> = [linear, automl_tree::GRADIENT_BOOSTING.id]
        .iter()
        .filter_map(|id| registry::learner(id).map(Configuration::of))
        .collect();
    for boosting in &mut quick[1..] {
        let rate = ("learning_rate".to_owned(), ParamValue::Float(QUICK_RATE));
        boosting.params.extend([rate]);
    }
    quick
}

/// Whether a learner would take too long, such as predicting by neighbours among many rows, unless it is asked for.
fn is_too_slow(learner: &str, facts: &Facts) -> bool {
    match learner {
        "nearest_neighbours" => {
            facts.n_rows > NEIGHBOUR_ROWS_MAX || facts.n_columns > 60 || facts.has_text
        }
        "svm" => {
            facts.n_rows > MACHINE_ROWS_MAX
                || facts.n_columns > MACHINE_COLUMNS_MAX
                || facts.has_text
        }
        "mlp" => facts.n_rows < NETWORK_ROWS_MIN,
        // TabM is tens of times as slow as a perceptron: on a processor it is for those who ask for it.
        "tabm" => true,
        _ => false,
    }
}
