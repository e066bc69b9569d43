//! A learner that can be tuned: its search space, and its trials as a study of it.

use super::Told;
use crate::bounds::Bounds;
use crate::portfolio::{self, Facts};
use crate::trial::{TargetMap, TrialConfig};
use automl_core::{Domain, LearnerSpec, ParamMap, ParamValue};
use automl_tune::{Condition, Objective, Outcome, Parameter, Space, Study, StudyError};

/// The recipe's and the target map's names in a search space.
const RECIPE: &str = "recipe";
const TARGET_MAP: &str = "target_map";
/// How trees grow, and what symmetric ones have in the place of leaves.
const GROWTH: &str = "growth";
const SYMMETRIC: &str = "symmetric";
const MAX_LEAVES: &str = "max_leaves";
const MAX_DEPTH: &str = "max_depth";
/// Whether thresholds are drawn.
const EXTRA_RANDOM: &str = "extra_random";
/// The share of the columns that a node looks at; of forests 0 stands for one that depends on their number.
const COLUMN_FRACTION: &str = "column_fraction";
/// The depth of symmetric trees of which none is said.
const SYMMETRIC_DEPTH: i64 = 6;
/// What bounds may raise.
const MIN_ROWS_PER_LEAF: &str = "min_rows_per_leaf";
/// Settings that the search decides by itself.
const DECIDED: [&str; 2] = ["n_trees", "objective"];

/// A learner with its search space.
pub(super) struct Family {
    pub(super) learner: &'static LearnerSpec,
    recipes: &'static [&'static str],
    space: Space,
    /// What a forest makes of a column fraction of 0.
    column_fraction: f64,
    /// The most rows that a leaf must have by the search space.
    leaf_rows_max: i64,
}

impl Family {
    /// The learner with its search space; `None` if it has nothing to search.
    pub(super) fn new(learner: &'static LearnerSpec, facts: &Facts) -> Option<Self> {
        let recipes = portfolio::recipes_for(learner, facts);
        let searched = learner
            .params
            .iter()
            .filter_map(|spec| Some((spec.name, spec.search?)));
        let mut parameters: Vec<Parameter> = searched
            .map(|(name, domain)| Parameter::new(name, domain))
            .collect();
        if parameters.is_empty() {
            return None;
        }
        if learner.id == automl_tree::GRADIENT_BOOSTING.id {
            add_shapes(&mut parameters);
        }
        if recipes.len() > 1 {
            parameters.push(Parameter::new(RECIPE, Domain::Choice(recipes)));
        }
        if facts.has_skewed_target {
            let maps = Domain::Choice(&["identity", "log1p"]);
            parameters.push(Parameter::new(TARGET_MAP, maps));
        }
        let n_columns = facts.n_columns.max(1) as f64;
        let column_fraction = if facts.is_class {
            n_columns.sqrt() / n_columns
        } else {
            1.0 / 3.0
        };
        let mut searched = learner.params.iter();
        let leaf_rows = searched.find(|spec| spec.name == MIN_ROWS_PER_LEAF);
        let leaf_rows_max = match leaf_rows.and_then(|spec| spec.search) {
            Some(Domain::Int { high, .. }) => high,
            _ => i64::MAX,
        };
        Some(Self {
            learner,
            recipes,
            leaf_rows_max,
            space: Space::new(parameters).expect("declared search domains are valid"),
            column_fraction,
        })
    }

    /// The study of these trials, each with how it ended if it has; those outside the space are left out. Costs count with this
    /// weight.
    pub(super) fn study<'a>(
        &self,
        trials: impl Iterator<Item = (&'a TrialConfig, Option<Told>)>,
        cost_weight: f64,
    ) -> Study {
        let objectives = vec![Objective::minimize("loss")];
        let study = Study::new(self.space.clone(), objectives).expect("there is one objective");
        let mut study = study.with_cost_weight(cost_weight);
        let points = trials.filter_map(|(config, told)| Some((self.point(config)?, told)));
        for (id, (point, told)) in points.enumerate() {
            let id = id as u64;
            study.start(id, point).expect("the point is of the space");
            if let Some(told) = told {
                tell(&mut study, id, told).expect("the trial runs and its loss is finite");
            }
        }
        study
    }

    /// A configuration as a point of the space; `None` if it lies outside.
    fn point(&self, config: &TrialConfig) -> Option<ParamMap> {
        let parameters = self.space.parameters();
        let is_searched = |name: &str| parameters.iter().any(|parameter| parameter.name == name);
        let mut all = config.params.clone();
        if all.get(GROWTH) == Some(&symmetric()) {
            all.remove(MAX_LEAVES);
            if let Some(depth @ ParamValue::Int(0)) = all.get_mut(MAX_DEPTH) {
                *depth = ParamValue::Int(SYMMETRIC_DEPTH);
            }
        } else if all
            .remove(MAX_DEPTH)
            .is_some_and(|depth| depth != ParamValue::Int(0))
        {
            return None;
        }
        // What is set and not searched must be as it is in every point.
        let default = |name: &str| {
            let mut specs = self.learner.params.iter();
            specs
                .find(|spec| spec.name == name)
                .map(|spec| (spec.default)())
        };
        let is_other = |(name, value): (&String, &ParamValue)| {
            let is_free = DECIDED.contains(&name.as_str()) || is_searched(name);
            !is_free && default(name).is_some_and(|default| default != *value)
        };
        if all.iter().any(is_other) {
            return None;
        }
        if let Some(fraction @ ParamValue::Float(0.0)) = all.get_mut(COLUMN_FRACTION) {
            *fraction = ParamValue::Float(self.column_fraction.max(0.1));
        }
        // Of many rows leaves must have more than are searched.
        if let Some(ParamValue::Int(rows)) = all.get_mut(MIN_ROWS_PER_LEAF) {
            *rows = (*rows).min(self.leaf_rows_max);
        }
        all.insert(RECIPE.into(), ParamValue::Text(config.recipe.into()));
        let map = config.target_map.name();
        all.insert(TARGET_MAP.into(), ParamValue::Text(map.into()));
        let active = parameters.iter().enumerate().filter(|(_, parameter)| {
            let mut when = parameter.when.iter();
            when.all(|condition| {
                let value = all.get(&condition.parameter);
                value.is_some_and(|value| condition.values.contains(value))
            })
        });
        let value = |(at, parameter): (usize, &Parameter)| {
            let value = self.space.coerce(at, all.get(&parameter.name)?)?;
            Some((parameter.name.clone(), value))
        };
        active.map(value).collect()
    }

    /// A point of the space as a configuration.
    pub(super) fn config(&self, mut point: ParamMap, bounds: &Bounds) -> TrialConfig {
        let mut text = |name: &str| match point.remove(name) {
            Some(ParamValue::Text(text)) => Some(text),
            _ => None,
        };
        let recipe = text(RECIPE)
            .and_then(|name| self.recipes.iter().find(|known| **known == name).copied());
        let target_map = match text(TARGET_MAP).as_deref() {
            Some("log1p") => TargetMap::Log1p,
            _ => TargetMap::Identity,
        };
        bounds.apply(self.learner, &mut point);
        let params = (self.learner.build)(&point).map_or(point, |learner| learner.params());
        TrialConfig {
            learner: self.learner,
            recipe: recipe.unwrap_or(self.recipes[0]),
            target_map,
            params,
        }
    }
}

fn symmetric() -> ParamValue {
    ParamValue::Text(SYMMETRIC.into())
}

fn tell(study: &mut Study, id: u64, told: Told) -> Result<(), StudyError> {
    match told {
        Told::Scored {
            loss,
            excess,
            seconds,
        } => {
            study.spend(id, seconds)?;
            let (values, constraints) = (vec![loss], excess.into_iter().collect());
            study.finish(
                id,
                Outcome::Complete {
                    values,
                    constraints,
                },
            )
        }
        Told::Probed { loss } => {
            study.report(id, 0, vec![loss])?;
            study.finish(id, Outcome::Stopped)
        }
        Told::Failed { seconds } => {
            study.spend(id, seconds)?;
            study.finish(id, Outcome::Failed)
        }
    }
}

/// What boosted trees look like: the portfolio has all three growth modes, and trees of random thresholds.
fn add_shapes(parameters: &mut Vec<Parameter>) {
    let others = ["leaf_wise", "depth_wise"].map(|name| ParamValue::Text(name.into()));
    for parameter in &mut *parameters {
        if parameter.name == GROWTH {
            let all = Domain::Choice(&["leaf_wise", "depth_wise", SYMMETRIC]);
            *parameter = Parameter::new(GROWTH, all);
        } else if parameter.name == MAX_LEAVES {
            let leaves = parameter.clone();
            *parameter = leaves.when(Condition::is_in(GROWTH, others.clone()));
        }
    }
    let depth = Domain::Int {
        low: 3,
        high: 10,
        log: false,
    };
    let depth = Parameter::new(MAX_DEPTH, depth);
    parameters.push(depth.when(Condition::is_in(GROWTH, [symmetric()])));
    parameters.push(Parameter::new(EXTRA_RANDOM, Domain::Bool));
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_testkit::synthetic;

    fn family(learner: &'static LearnerSpec) -> Family {
        Family::new(learner, &Facts::of(&synthetic::binary(300, 1))).unwrap()
    }

    fn config(learner: &'static LearnerSpec, params: &[(&str, ParamValue)]) -> TrialConfig {
        let params = params
            .iter()
            .cloned()
            .map(|(name, value)| (name.to_owned(), value));
        let point = params.collect();
        TrialConfig {
            learner,
            recipe: "trees",
            target_map: TargetMap::Identity,
            params: (learner.build)(&point).unwrap().params(),
        }
    }

    #[test]
    fn trees_of_all_shapes_are_points_and_come_back_from_them() {
        let family = family(&automl_tree::GRADIENT_BOOSTING);
        let text = |name: &'static str| ParamValue::Text(name.into());
        for params in [
            vec![("max_leaves", ParamValue::Int(64))],
            vec![("growth", text("depth_wise"))],
            vec![
                ("growth", text("symmetric")),
                ("max_depth", ParamValue::Int(8)),
            ],
            vec![("extra_random", ParamValue::Bool(true))],
        ] {
            let tried = config(family.learner, &params);
            let point = family.point(&tried).expect("it can be tuned");
            assert!(family.space.contains(&point), "{point:?}");
            let mut point = point;
            point.remove(RECIPE);
            point.remove(TARGET_MAP);
            let again = (family.learner.build)(&point).unwrap().params();
            for (name, value) in params {
                assert_eq!(again.get(name), Some(&value), "{name}");
            }
        }
    }

    #[test]
    fn what_no_point_can_say_is_left_out() {
        let family = family(&automl_tree::GRADIENT_BOOSTING);
        let of = |params: &[(&str, ParamValue)]| family.point(&config(family.learner, params));
        assert!(
            of(&[("n_trees", ParamValue::Int(77))]).is_some(),
            "it is decided elsewhere"
        );
        assert_eq!(of(&[("max_depth", ParamValue::Int(4))]), None);
        assert_eq!(of(&[("linear_leaves", ParamValue::Bool(true))]), None);
    }

    #[test]
    fn a_forest_with_its_usual_share_of_columns_is_a_point() {
        let family = family(&automl_tree::EXTRA_TREES);
        let point = family
            .point(&config(family.learner, &[]))
            .expect("its defaults");
        let share = point[COLUMN_FRACTION].as_f64().unwrap();
        assert!((0.1..1.0).contains(&share), "{share}");
        let many_rows = [("min_rows_per_leaf", ParamValue::Int(75))];
        let point = family.point(&config(family.learner, &many_rows));
        assert!(point.is_some(), "what the number of rows asks for, too");
    }
}
