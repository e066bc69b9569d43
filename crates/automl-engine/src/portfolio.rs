//! Fixed configurations, tried first: cheap ones, then strong and diverse ones.
//!
//! They follow what AutoGluon, FLAML and `TabArena` found to work for most tables: boosting with three very different
//! tree shapes, randomised thresholds, extra trees, and a linear model for what trees see badly.

use crate::bounds::Bounds;
use crate::plan::Plan;
use crate::trial::{TargetMap, TrialConfig};
use crate::{FitOptions, SearchPart};
use automl_core::{Column, Dataset, LearnerSpec, ParamError, ParamMap, ParamValue, Target};

/// Neighbours are searched one by one when predicting: more rows than this take too long.
const NEIGHBOUR_ROWS_MAX: usize = 30_000;

/// A support vector machine holds the square of its rows in memory, and learns from no more than these.
const MACHINE_ROWS_MAX: usize = 5_000;

/// Its distances tell little among more columns than these.
const MACHINE_COLUMNS_MAX: usize = 60;
/// Configurations that are tried before it.
const MACHINE_PLACE: usize = 5;

/// Of fewer rows, which are split many times, a perceptron takes the time of many trees and tells little more.
const NETWORK_ROWS_MIN: usize = 2_000;
/// Configurations that are tried before it.
const NETWORK_PLACE: usize = 7;

/// A category of more levels than this is wide.
const WIDE_LEVELS: usize = 8;

/// The inverse penalty of a logistic model for classes that are nearly separable.
const WEAK_PENALTY: f64 = 50.0;

/// Facts that decide which configurations make sense.
pub(crate) struct Facts {
    n_rows: usize,
    n_columns: usize,
    pub(crate) has_skewed_target: bool,
    /// Categories that could be encoded by their target.
    pub(crate) n_wide_categories: usize,
    /// Columns of whole numbers that repeat like such a category.
    pub(crate) n_wide_numbers: usize,
    has_text: bool,
}

impl Facts {
    pub(crate) fn of(data: &Dataset) -> Self {
        let columns = || data.table().iter().map(|(_, column)| column);
        Self {
            n_rows: data.n_rows(),
            n_columns: data.table().n_columns(),
            has_skewed_target: is_skewed(data.target()),
            n_wide_categories: columns().filter(|column| is_wide_category(column)).count(),
            n_wide_numbers: columns().filter(|column| is_wide_number(column)).count(),
            has_text: columns().any(|column| matches!(column, Column::Text(_))),
        }
    }

    /// Whether anything could be encoded by its target.
    pub(crate) fn has_wide_categories(&self) -> bool {
        self.n_wide_categories + self.n_wide_numbers > 0
    }
}

/// Not negative and spread so that the mean lies far above the median.
fn is_skewed(target: &Target) -> bool {
    let Target::Numbers(values) = target else {
        return false;
    };
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    sorted[0] >= 0.0
        && at(0.99) - at(0.5) > 2.5 * (at(0.5) - at(0.01))
        && at(0.99) > 3.0 * at(0.5).max(f64::MIN_POSITIVE)
}

fn is_wide_category(column: &Column) -> bool {
    matches!(column, Column::Category { levels, .. } if levels.len() > WIDE_LEVELS)
}

fn is_wide_number(column: &Column) -> bool {
    let Column::Number(values) = column else {
        return false;
    };
    let present = values.iter().copied().filter(|value| !value.is_nan());
    let mut present: Vec<f64> = present.collect();
    let n_rows = present.len();
    if present.iter().any(|value| value.fract() != 0.0) {
        return false;
    }
    present.sort_unstable_by(f64::total_cmp);
    present.dedup();
    present.len() > WIDE_LEVELS && present.len() * 2 < n_rows
}

/// A configuration by names and numbers.
struct Entry {
    learner: &'static str,
    recipe: &'static str,
    map: TargetMap,
    params: Vec<(&'static str, ParamValue)>,
}

/// The shape of one boosting configuration.
struct Boosting {
    learning_rate: f64,
    max_leaves: i64,
    min_rows_per_leaf: i64,
    column_fraction: f64,
    row_fraction: f64,
    extra_random: bool,
}

impl Boosting {
    /// `[learning rate, leaves, rows a leaf, share of columns, share of rows]`.
    fn new([rate, leaves, leaf_rows, columns, rows]: [f64; 5]) -> Self {
        Self {
            learning_rate: rate,
            max_leaves: leaves as i64,
            min_rows_per_leaf: leaf_rows as i64,
            column_fraction: columns,
            row_fraction: rows,
            extra_random: false,
        }
    }

    fn entry(self, recipe: &'static str, map: TargetMap) -> Entry {
        let params = vec![
            ("learning_rate", ParamValue::Float(self.learning_rate)),
            ("max_leaves", ParamValue::Int(self.max_leaves)),
            ("min_rows_per_leaf", ParamValue::Int(self.min_rows_per_leaf)),
            ("column_fraction", ParamValue::Float(self.column_fraction)),
            ("row_fraction", ParamValue::Float(self.row_fraction)),
            ("extra_random", ParamValue::Bool(self.extra_random)),
        ];
        Entry {
            learner: "gradient_boosting",
            recipe,
            map,
            params,
        }
    }
}

/// The recipes that make what a learner can take of any table, the first being the one to begin with.
pub(crate) fn recipes_for(learner: &LearnerSpec, facts: &Facts) -> &'static [&'static str] {
    let takes = learner.capabilities;
    match (takes.categories, takes.sparse, facts.has_wide_categories()) {
        (true, true, _) => &["none"],
        (true, false, true) => &["trees", "trees_target"],
        (true, false, false) => &["trees"],
        (false, true, true) => &["linear", "linear_codes"],
        (false, true, false) => &["linear"],
        (false, false, _) => &["neighbours", "bayes"],
    }
}

/// The configurations of the learners that take part, in the order to try them. A learner without an entry of its own
/// is tried with its defaults at the end.
pub(crate) fn fixed(
    data: &Dataset,
    facts: &Facts,
    plan: &Plan,
    options: &FitOptions,
    bounds: &Bounds,
) -> Result<Vec<TrialConfig>, ParamError> {
    let mut entries = entries(data, facts);
    if options.is_without(SearchPart::Portfolio) {
        entries.truncate(1);
    }
    for spec in &plan.learners {
        let has_entry = entries.iter().any(|entry| entry.learner == spec.id);
        let is_asked_for = options.include.iter().any(|id| id == spec.id);
        if !has_entry && (is_asked_for || !is_too_slow(spec, facts)) {
            entries.push(Entry {
                learner: spec.id,
                recipe: recipes_for(spec, facts)[0],
                map: TargetMap::Identity,
                params: Vec::new(),
            });
        }
    }
    let mut configs = Vec::new();
    for entry in entries {
        let Some(spec) = plan.learners.iter().find(|spec| spec.id == entry.learner) else {
            continue;
        };
        let params = entry.params.into_iter();
        let mut params: ParamMap = params
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        bounds.apply(spec, &mut params);
        configs.push(TrialConfig {
            learner: spec,
            recipe: entry.recipe,
            target_map: entry.map,
            params: (spec.build)(&params)?.params(),
        });
    }
    Ok(configs)
}

/// Whether it would take too long, such as predicting by neighbours among many rows.
fn is_too_slow(learner: &LearnerSpec, facts: &Facts) -> bool {
    let is_large = facts.n_rows > NEIGHBOUR_ROWS_MAX || facts.n_columns > 60 || facts.has_text;
    match learner.id {
        "nearest_neighbours" => is_large,
        // A machine has an entry where it is quick enough. TabM is tens of times as slow as a perceptron: on a processor it
        // is for those who ask for it.
        "svm" | "tabm" => true,
        "mlp" => facts.n_rows < NETWORK_ROWS_MIN,
        _ => false,
    }
}

fn entries(data: &Dataset, facts: &Facts) -> Vec<Entry> {
    let plain = TargetMap::Identity;
    let skewed = if facts.has_skewed_target {
        TargetMap::Log1p
    } else {
        plain
    };
    let is_class = data.task().is_classification();
    let linear = if is_class {
        "logistic_regression"
    } else {
        "elastic_net"
    };
    let target_recipe = if facts.has_wide_categories() {
        "trees_target"
    } else {
        "trees"
    };
    let simple = |learner, recipe, map| Entry {
        learner,
        recipe,
        map,
        params: Vec::new(),
    };
    let randomised = Boosting {
        extra_random: true,
        ..Boosting::new([0.05, 24.0, 5.0, 0.8, 1.0])
    };
    let mut all = vec![
        simple("baseline", "none", plain),
        simple(linear, "linear", plain),
        Boosting::new([0.1, 31.0, 20.0, 0.9, 1.0]).entry("trees", plain),
        Boosting::new([0.05, 64.0, 10.0, 0.7, 0.8]).entry("trees", skewed),
        Boosting::new([0.06, 31.0, 20.0, 0.6, 0.9]).entry(target_recipe, plain),
        randomised.entry("trees", skewed),
        simple("extra_trees", "trees", plain),
        Boosting::new([0.04, 8.0, 15.0, 0.5, 0.7]).entry("trees", plain),
        Boosting::new([0.03, 160.0, 4.0, 0.8, 0.9]).entry("trees", plain),
        simple("random_forest", target_recipe, plain),
        simple("naive_bayes", "bayes", plain),
    ];
    if facts.n_rows >= NETWORK_ROWS_MIN {
        all.insert(NETWORK_PLACE, simple("mlp", "trees", skewed));
    }
    if facts.n_rows <= MACHINE_ROWS_MAX && facts.n_columns <= MACHINE_COLUMNS_MAX && !facts.has_text
    {
        let machine = Entry {
            params: vec![
                ("c", ParamValue::Float(10.0)),
                ("gamma", ParamValue::Float(0.4)),
            ],
            ..simple("svm", "neighbours", plain)
        };
        all.insert(MACHINE_PLACE, machine);
    }
    if facts.has_wide_categories() {
        all.push(simple(linear, "linear_codes", plain));
    }
    if is_class && !facts.has_text {
        all.push(Entry {
            params: vec![("c", ParamValue::Float(WEAK_PENALTY))],
            ..simple(linear, "linear", plain)
        });
    }
    if facts.has_skewed_target {
        all.push(simple(linear, "linear", TargetMap::Log1p));
        all.push(simple("extra_trees", "trees", TargetMap::Log1p));
    }
    all
}
