//! What the next trial tries: the portfolio first, then Bayesian tuning of the learners that do best.

mod family;

use crate::bounds::Bounds;
use crate::latency;
use crate::plan::Plan;
use crate::portfolio::{self, Facts};
use crate::trial::{RowWork, Trial, TrialConfig};
use crate::{EngineError, FitOptions, SearchPart, outputs};
use automl_core::metrics::Metric;
use automl_core::{Dataset, LearnerSpec, ParamValue, Seed, TaskKind};
use automl_tune::{Auto, Sampler};
use family::Family;
use rand::RngExt;

/// Chance that a tuned trial is of the best, the second and the third learner.
const LEARNER_CHANCES: [f64; 3] = [0.70, 0.20, 0.10];
/// The learner that is always fitted, whatever the limits.
pub(crate) const BASELINE: &str = "baseline";
/// Rows that take less than this share of what they may are all alike.
const WORK_MIN: f64 = 0.01;
/// How much faster a quick twin learns than would just make it quick enough.
const TWIN_MARGIN: f64 = 1.15;
/// No twin learns faster.
const TWIN_RATE_MAX: f64 = 0.3;

/// Proposes trials as a pure function of what is known.
pub(crate) struct Suggester {
    fixed: Vec<TrialConfig>,
    families: Vec<Family>,
    bounds: Bounds,
    seed: Seed,
    /// What learners minimise that can, where squared error is not what decides.
    objective: Option<&'static str>,
    /// Whether anything is tried after the fixed configurations.
    tunes: bool,
    /// What a row may be, if it is to be quick.
    row_work_max: Option<f64>,
}

/// The objective that a metric asks for; squared error serves the others.
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

/// What a study is told of a trial that has ended, with what a fit of it took.
#[derive(Debug, Clone, Copy)]
enum Told {
    /// A loss, and how much more than allowed a row takes, if that is limited.
    Scored {
        loss: f64,
        excess: Option<f64>,
        seconds: f64,
    },
    /// It ended with its probe, of which this is the loss.
    Probed { loss: f64 },
    /// There is no loss.
    Failed { seconds: f64 },
}

impl Suggester {
    pub(crate) fn new(
        data: &Dataset,
        facts: &Facts,
        plan: &Plan,
        options: &FitOptions,
    ) -> Result<Self, EngineError> {
        let bounds = Bounds::new(data, plan, options);
        let objective = objective_for(data.task().kind(), plan.metric);
        let fixed = portfolio::fixed(facts, plan, options, &bounds, objective)?;
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
            objective,
            tunes: !options.is_without(SearchPart::Tuning),
            row_work_max: latency::row_work_max(options),
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

    /// The configuration of trial `id`, or `None` if nothing is left to try. What trials took counts with this weight.
    pub(crate) fn suggest(
        &self,
        id: u64,
        known: &[&Trial],
        pending: &[&TrialConfig],
        cost_weight: f64,
    ) -> Option<TrialConfig> {
        if let Some(config) = self.fixed.get(id as usize) {
            return Some(config.clone());
        }
        if !self.tunes {
            return None;
        }
        if let Some(twin) = self.quick_twin(known, pending) {
            return Some(twin);
        }
        let seed = self.seed.indexed(id);
        let family = self.choose_family(known, seed.named("family"))?;
        let of_family = |config: &TrialConfig| config.learner.id == family.learner.id;
        let ended = known.iter().filter(|trial| of_family(&trial.config));
        let ended = ended.map(|trial| (&trial.config, Some(self.told(trial))));
        let open = pending.iter().filter(|config| of_family(config));
        let all = ended.chain(open.map(|config| (*config, None)));
        let study = family.study(all, cost_weight);
        let point = Auto::default().suggest(&study, seed.named("point"));
        let mut config = family.config(point, &self.bounds);
        let (learner, map) = (config.learner, config.target_map);
        outputs::minimise(self.objective, learner, map, &mut config.params);
        Some(config)
    }

    /// A trial that is better than all that are quick enough, learning so much faster that it should be quick enough, too: boosting
    /// with a greater rate ends after fewer trees. `None` if there is no such trial, or each had its turn.
    fn quick_twin(&self, known: &[&Trial], pending: &[&TrialConfig]) -> Option<TrialConfig> {
        let max = self.row_work_max?;
        let mut ranked: Vec<(f64, RowWork, &Trial)> = known
            .iter()
            .filter_map(|trial| Some((trial.scored_loss()?, trial.row_work?, *trial)))
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let slow = ranked
            .into_iter()
            .take_while(|(_, row_work, _)| row_work.total() > max);
        let twin = |(_, row_work, trial): (f64, RowWork, &Trial)| {
            let mut config = trial.config.clone();
            let is_boosting = config.learner.id == automl_tree::GRADIENT_BOOSTING.id;
            let Some(ParamValue::Float(rate)) = config.params.get_mut("learning_rate") else {
                return None;
            };
            // Fewer trees take nothing off what the recipe takes.
            let left = max - row_work.recipe;
            let faster = (*rate * row_work.model / left * TWIN_MARGIN).min(TWIN_RATE_MAX);
            let is_faster = is_boosting && left > 0.0 && faster > *rate;
            *rate = faster;
            is_faster.then_some(config)
        };
        let is_tried = |twin: &TrialConfig| {
            let ended = known.iter().map(|trial| &trial.config);
            let mut all = ended.chain(pending.iter().copied());
            all.any(|config| portfolio::is_same(config, twin))
        };
        slow.filter_map(twin).find(|twin| !is_tried(twin))
    }

    /// What the study is told of a trial: its loss, or that of its probe, and, where rows are to be quick and can be with its recipe,
    /// by which power of e a row takes more than it may.
    fn told(&self, trial: &Trial) -> Told {
        let (loss, n_fits) = (trial.outcome.loss(), trial.fold_scores.len());
        let seconds = trial.seconds / n_fits.max(1) as f64;
        if !loss.is_finite() {
            return Told::Failed { seconds };
        }
        if n_fits == 0 {
            return Told::Probed { loss };
        }
        let excess = |max: f64| {
            let row_work = trial.row_work.filter(|row_work| row_work.recipe < max)?;
            Some((row_work.total() / max).max(WORK_MIN).ln())
        };
        Told::Scored {
            loss,
            excess: self.row_work_max.and_then(excess),
            seconds,
        }
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
