//! A configuration to try, as files and people say it.

use super::Facts;
use super::recipes_for;
use crate::bounds::Bounds;
use crate::outputs;
use crate::trial::{TargetMap, TrialConfig};
use crate::{EngineError, recipes, registry};
use automl_core::{LearnerSpec, ParamMap, by_own_names, nearest};
use serde::{Deserialize, Serialize};

/// A learner with parameters and with how it sees the table.
///
/// ```
/// use automl_engine::Configuration;
///
/// let text = r#"{"learner": "gradient_boosting", "params": {"max_leaves": 8, "learning_rate": 0.1}}"#;
/// let configuration: Configuration = serde_json::from_str(text)?;
/// configuration.check()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// The learner's id.
    pub learner: String,
    /// The recipe's name, as leaderboards tell it; the learner's first if it is not said. Where a table has no category that could
    /// be encoded by its target, `trees_target` is `trees` and `linear_codes` is `linear`; without two numbers `trees_pairs` is `trees`,
    /// and without two categories so is `trees_crosses`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// Whether it learns the logarithm of a target that is never negative and spread over orders of magnitude.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub log_target: bool,
    /// Parameters that are not the learner's defaults. Numbers of trees follow from the budget.
    #[serde(default, skip_serializing_if = "ParamMap::is_empty")]
    pub params: ParamMap,
}

impl Configuration {
    /// A learner with its defaults.
    pub(crate) fn of(spec: &LearnerSpec) -> Self {
        Self {
            learner: spec.id.to_owned(),
            recipe: None,
            log_target: false,
            params: ParamMap::new(),
        }
    }

    /// Notices what no table could change.
    ///
    /// # Errors
    /// An unknown learner, recipe or parameter, or a value that a parameter cannot have.
    pub fn check(&self) -> Result<(), EngineError> {
        registry::check_names([&self.learner].into_iter())?;
        if let Some(name) = &self.recipe
            && recipes::name(name).is_none()
        {
            return Err(EngineError::RecipeUnknown {
                name: name.clone(),
                near: nearest(name, recipes::names()),
                known: recipes::names().map(str::to_owned).collect(),
            });
        }
        if let Some(spec) = registry::learner(&self.learner) {
            (spec.build)(&self.params)?;
        }
        Ok(())
    }

    /// What a trial does with it on a table. Where `objective` is what decides, a learner minimises that if it can, unless it sees the
    /// logarithm of the target, or something else was said.
    ///
    /// # Errors
    /// A parameter that the learner does not take, or a recipe whose features it cannot.
    pub(super) fn config(
        &self,
        spec: &'static LearnerSpec,
        facts: &Facts,
        bounds: &Bounds,
        objective: Option<&'static str>,
    ) -> Result<TrialConfig, EngineError> {
        let mut params = by_own_names(spec.params, &self.params)?;
        bounds.apply(spec, &mut params);
        let target_map = if self.log_target && facts.has_skewed_target {
            TargetMap::Log1p
        } else {
            TargetMap::Identity
        };
        if !params.contains_key(outputs::OBJECTIVE) {
            outputs::minimise(objective, spec, target_map, &mut params);
        }
        Ok(TrialConfig {
            learner: spec,
            recipe: self.recipe_on(spec, facts)?,
            target_map,
            params: (spec.build)(&params)?.params(),
        })
    }

    fn recipe_on(&self, spec: &LearnerSpec, facts: &Facts) -> Result<&'static str, EngineError> {
        let takes = recipes_for(spec, facts);
        let wanted = match self.recipe.as_deref() {
            None => return Ok(takes[0]),
            Some("trees_target") if !facts.has_wide_categories() => "trees",
            Some("linear_codes") if !facts.has_wide_categories() => "linear",
            Some("trees_pairs") if !facts.has_pairs() => "trees",
            Some("trees_crosses") if !facts.has_crosses() => "trees",
            Some(name) => name,
        };
        let found = takes.iter().copied().find(|known| *known == wanted);
        found.ok_or_else(|| EngineError::RecipeUnfit {
            name: wanted.to_owned(),
            learner: spec.id,
            takes: takes.to_vec(),
        })
    }
}
