//! What the next trial tries: the portfolio first, then Bayesian tuning of the learners that do best.

use crate::bounds::Bounds;
use crate::plan::Plan;
use crate::portfolio::{self, Facts};
use crate::trial::{TargetMap, Trial, TrialConfig};
use crate::{EngineError, FitOptions, SearchPart, outputs};
use automl_core::metrics::Metric;
use automl_core::{Dataset, Domain, LearnerSpec, ParamMap, ParamValue, Seed, TaskKind};
use automl_tune::{Auto, Objective, Outcome, Parameter, Sampler, Space, Study};
use rand::RngExt;

/// Chance that a tuned trial is of the best, the second and the third learner.
const LEARNER_CHANCES: [f64; 3] = [0.70, 0.20, 0.10];
/// The learner that is always fitted, whatever the limits.
pub(crate) const BASELINE: &str = "baseline";
/// The recipe's and the target map's names in a search space.
const RECIPE: &str = "recipe";
const TARGET_MAP: &str = "target_map";

/// Proposes trials as a pure function of what is known.
pub(crate) struct Suggester {
    fixed: Vec<TrialConfig>,
    families: Vec<Family>,
    bounds: Bounds,
    seed: Seed,
    /// What boosting minimises where squared error is not what decides.
    objective: Option<&'static str>,
    /// Whether anything is tried after the fixed configurations.
    tunes: bool,
}

/// The objective of boosting that a metric asks for; squared error serves the others.
fn objective_for(task: TaskKind, metric: Metric) -> Option<&'static str> {
    match metric {
        Metric::Pinball if task == TaskKind::Quantile => Some(outputs::PINBALL),
        // The pinball loss of one number is of the median.
        Metric::Pinball | Metric::Mae => Some("absolute"),
        Metric::PoissonDeviance => Some("poisson"),
        Metric::TweedieDeviance => Some("tweedie"),
        _ => None,
    }
}

/// A learner that can be tuned, with its search space.
struct Family {
    learner: &'static LearnerSpec,
    recipes: &'static [&'static str],
    space: Space,
}

impl Suggester {
    pub(crate) fn new(
        data: &Dataset,
        facts: &Facts,
        plan: &Plan,
        options: &FitOptions,
    ) -> Result<Self, EngineError> {
        let bounds = Bounds::new(data, plan, options);
        let fixed = portfolio::fixed(facts, plan, options, &bounds)?;
        let is_tried = |spec: &LearnerSpec| fixed.iter().any(|config| config.learner.id == spec.id);
        let families = plan
            .learners
            .iter()
            .filter(|spec| is_tried(spec))
            .filter_map(|spec| Family::new(spec, facts));
        let families = families.collect();
        Ok(Self {
            fixed,
            families,
            bounds,
            seed: options.seed.named("suggest"),
            objective: objective_for(data.task().kind(), plan.metric),
            tunes: !options.is_without(SearchPart::Tuning),
        })
    }

    /// Whether the first trial is the constant baseline.
    pub(crate) fn begins_with_baseline(&self) -> bool {
        self.fixed
            .first()
            .is_some_and(|config| config.learner.id == BASELINE)
    }

    /// Number of the fixed configurations, which come first.
    pub(crate) fn n_fixed(&self) -> usize {
        self.fixed.len()
    }

    /// Ids of the learners that can be tuned.
    pub(crate) fn tuned(&self) -> Vec<&'static str> {
        let families = self.families.iter();
        families.map(|family| family.learner.id).collect()
    }

    /// Whether trial `id` comes from the portfolio.
    pub(crate) fn is_fixed(&self, id: u64) -> bool {
        (id as usize) < self.fixed.len()
    }

    /// The configuration of trial `id`, or `None` if nothing is left to try.
    pub(crate) fn suggest(
        &self,
        id: u64,
        known: &[&Trial],
        pending: &[&TrialConfig],
    ) -> Option<TrialConfig> {
        if let Some(config) = self.fixed.get(id as usize) {
            return Some(self.for_metric(config.clone()));
        }
        if !self.tunes {
            return None;
        }
        let seed = self.seed.indexed(id);
        let family = self.choose_family(known, seed.named("family"))?;
        let of_family = |config: &TrialConfig| config.learner.id == family.learner.id;
        let ended = known.iter().filter(|trial| of_family(&trial.config));
        let ended = ended.map(|trial| (&trial.config, Some(trial.outcome.loss())));
        let open = pending.iter().filter(|config| of_family(config));
        let study = family.study(ended.chain(open.map(|config| (*config, None))));
        let point = Auto::default().suggest(&study, seed.named("point"));
        Some(self.for_metric(family.config(point, &self.bounds)))
    }

    /// Lets boosting minimise what decides, unless it sees the logarithm of the target, or a user says what it minimises.
    fn for_metric(&self, mut config: TrialConfig) -> TrialConfig {
        let is_boosting = config.learner.id == automl_tree::GRADIENT_BOOSTING.id;
        if let Some(objective) = self.objective
            && is_boosting
            && !config.params.contains_key("objective")
            && config.target_map == TargetMap::Identity
        {
            let name = ParamValue::Text(objective.into());
            config.params.insert("objective".into(), name);
        }
        config
    }

    /// One of the three learners with the best trial so far, better ones more often.
    fn choose_family(&self, known: &[&Trial], seed: Seed) -> Option<&Family> {
        let best = |family: &Family| {
            let losses = known
                .iter()
                .filter(|trial| trial.config.learner.id == family.learner.id);
            losses
                .filter_map(|trial| trial.scored_loss())
                .fold(f64::INFINITY, f64::min)
        };
        let mut ranked: Vec<(f64, &Family)> = self
            .families
            .iter()
            .map(|family| (best(family), family))
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        ranked.truncate(LEARNER_CHANCES.len());
        let total: f64 = LEARNER_CHANCES.iter().take(ranked.len()).sum();
        let mut draw = seed.rng().random::<f64>() * total;
        for ((_, family), chance) in ranked.iter().zip(LEARNER_CHANCES) {
            draw -= chance;
            if draw <= 0.0 {
                return Some(family);
            }
        }
        ranked.first().map(|&(_, family)| family)
    }
}

impl Family {
    /// The learner with its search space; `None` if it has nothing to search.
    fn new(learner: &'static LearnerSpec, facts: &Facts) -> Option<Self> {
        let recipes = portfolio::recipes_for(learner, facts);
        let searched = learner
            .params
            .iter()
            .filter_map(|spec| Some((spec.name, spec.search?)));
        let mut dimensions: Vec<(&str, Domain)> = searched.collect();
        if dimensions.is_empty() {
            return None;
        }
        if recipes.len() > 1 {
            dimensions.push((RECIPE, Domain::Choice(recipes)));
        }
        if facts.has_skewed_target {
            dimensions.push((TARGET_MAP, Domain::Choice(&["identity", "log1p"])));
        }
        let parameters = dimensions.into_iter();
        let parameters = parameters.map(|(name, domain)| Parameter::new(name, domain));
        let space = Space::new(parameters).expect("declared search domains are valid");
        Some(Self {
            learner,
            recipes,
            space,
        })
    }

    /// The study of these trials, each with its loss if it has ended; those outside the space are left out.
    fn study<'a>(&self, trials: impl Iterator<Item = (&'a TrialConfig, Option<f64>)>) -> Study {
        let objectives = vec![Objective::minimize("loss")];
        let mut study = Study::new(self.space.clone(), objectives).expect("there is one objective");
        let points = trials.filter_map(|(config, loss)| Some((self.point(config)?, loss)));
        for (id, (point, loss)) in points.enumerate() {
            let id = id as u64;
            let outcome = loss.map(|loss| {
                if loss.is_finite() {
                    Outcome::Complete {
                        values: vec![loss],
                        constraints: Vec::new(),
                    }
                } else {
                    Outcome::Failed
                }
            });
            study.start(id, point).expect("the point is of the space");
            if let Some(outcome) = outcome {
                study
                    .finish(id, outcome)
                    .expect("the trial runs and its loss is finite");
            }
        }
        study
    }

    /// A configuration as a point of the space; `None` if it lies outside.
    fn point(&self, config: &TrialConfig) -> Option<ParamMap> {
        let mut all = config.params.clone();
        all.insert(RECIPE.into(), ParamValue::Text(config.recipe.into()));
        all.insert(
            TARGET_MAP.into(),
            ParamValue::Text(config.target_map.name().into()),
        );
        let value = |(at, parameter): (usize, &Parameter)| {
            let value = self.space.coerce(at, all.get(&parameter.name)?)?;
            Some((parameter.name.clone(), value))
        };
        self.space
            .parameters()
            .iter()
            .enumerate()
            .map(value)
            .collect()
    }

    fn config(&self, mut point: ParamMap, bounds: &Bounds) -> TrialConfig {
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
