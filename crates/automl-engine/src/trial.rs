//! One trial: a configuration, its fits on every split, and how good they are.

use crate::model::Part;
use crate::plan::Plan;
use automl_core::splits::Split;
use automl_core::{
    Clock, Dataset, FitError, Fitted, LearnerSpec, Model, ParamMap, ParamValue, Predictions,
};
use automl_features::FittedRecipe;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Beyond this the exponential is not finite.
const LOG_MAX: f64 = 700.0;

/// How a regression target is seen by the learner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TargetMap {
    /// As it is.
    #[default]
    Identity,
    /// `ln(1 + y)`, for targets that are not negative and spread over orders of magnitude.
    Log1p,
}

impl TargetMap {
    /// The name in a search space.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Log1p => "log1p",
        }
    }

    pub(crate) fn forward(self, value: f64) -> f64 {
        match self {
            Self::Identity => value,
            Self::Log1p => value.ln_1p(),
        }
    }

    /// As `forward`, also for what a model predicts where targets are never less than 0: that may be less.
    pub(crate) fn forward_any(self, value: f64) -> f64 {
        match self {
            Self::Identity => value,
            Self::Log1p => value.max(0.0).ln_1p(),
        }
    }

    /// Undoes `forward` on a model's predictions, none of which becomes greater than `ceiling`.
    pub(crate) fn undo(self, predictions: &mut Predictions, ceiling: Option<f64>) {
        if self == Self::Log1p {
            let ceiling = ceiling.unwrap_or(f64::INFINITY);
            let values = predictions.values_mut().iter_mut();
            values.for_each(|value| *value = value.min(LOG_MAX).exp_m1().clamp(0.0, ceiling));
        }
    }

    /// What predictions may be at most: the greatest target that was learned from, where an exponential would carry a
    /// line that goes on beyond it to any height.
    pub(crate) fn ceiling(self, target: &[f64]) -> Option<f64> {
        let greatest = target.iter().copied().fold(0.0, f64::max);
        (self == Self::Log1p).then_some(greatest)
    }
}

/// What a trial does.
#[derive(Debug, Clone)]
pub(crate) struct TrialConfig {
    pub(crate) learner: &'static LearnerSpec,
    /// Name of the recipe, as `recipes::RECIPES` lists it.
    pub(crate) recipe: &'static str,
    pub(crate) target_map: TargetMap,
    pub(crate) params: ParamMap,
}

/// One fit of a trial: on one split, or on all rows.
pub(crate) struct Fit {
    pub(crate) model: Arc<dyn Model>,
    pub(crate) recipe: Arc<FittedRecipe>,
    /// What its predictions may be at most.
    pub(crate) ceiling: Option<f64>,
    /// Predictions for the split's validation rows, in their order.
    pub(crate) predictions: Predictions,
    pub(crate) score: f64,
    /// What early stopping found, to refit with.
    pub(crate) learned: ParamMap,
    pub(crate) seconds: f64,
    pub(crate) is_partial: bool,
}

impl Fit {
    /// What a row takes its recipe and its model.
    pub(crate) fn row_work(&self) -> RowWork {
        RowWork {
            recipe: self.recipe.row_work(),
            model: self.model.row_work(),
        }
    }
}

/// What a row takes, in about nanoseconds, as recipes and models count it by their sizes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RowWork {
    pub(crate) recipe: f64,
    pub(crate) model: f64,
}

impl RowWork {
    /// All of it.
    pub(crate) fn total(self) -> f64 {
        self.recipe + self.model
    }
}

/// What a learner made of the training rows of a split.
pub(crate) struct Learned {
    pub(crate) fitted: Fitted,
    pub(crate) recipe: Arc<FittedRecipe>,
    /// For the split's validation rows, as the learner says them.
    pub(crate) predictions: Predictions,
    /// Since the fit began.
    pub(crate) clock: Clock,
}

impl Fit {
    /// The fit with its score, or in words why it has none.
    pub(crate) fn scored(
        config: &TrialConfig,
        (data, plan, split): (&Dataset, &Plan, &Split),
        learned: Learned,
    ) -> Result<Self, String> {
        let Learned {
            fitted,
            recipe,
            mut predictions,
            clock,
        } = learned;
        let known = data.view(&split.train).target_numbers();
        let ceiling = config.target_map.ceiling(&known);
        config.target_map.undo(&mut predictions, ceiling);
        plan.raise(&mut predictions);
        let view = data.view(&split.valid);
        let (target, weight) = (view.target_numbers(), view.weights());
        let score = plan.metric.score(&target, &predictions, weight.as_deref());
        let score = score.map_err(|error| error.to_string())?;
        if score.is_nan() {
            return Err("its predictions are not numbers".to_owned());
        }
        if score.is_infinite() {
            return Err(format!("its score is {score}"));
        }
        Ok(Self {
            model: Arc::from(fitted.model),
            recipe,
            ceiling,
            predictions,
            score,
            learned: fitted.learned,
            seconds: clock.seconds(),
            is_partial: fitted.is_partial,
        })
    }
}

/// Why a fit gave nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There was no model yet when its time was over.
    OutOfTime,
    /// Anything else, in words.
    Failed(String),
}

impl Failure {
    /// An error in words.
    pub(crate) fn of(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<FitError> for Failure {
    fn from(error: FitError) -> Self {
        match error {
            FitError::Cancelled => Self::OutOfTime,
            other => Self::of(other),
        }
    }
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Outcome {
    /// All its splits have a score; `loss` is their mean, lower is better.
    Scored {
        /// The mean loss.
        loss: f64,
    },
    /// Its first split was so much worse than others' that the rest was not run.
    Pruned {
        /// The first split's loss.
        loss: f64,
    },
    /// A fit failed.
    Failed {
        /// Why.
        reason: String,
    },
    /// A fit had no model yet when its share of the time was over.
    OutOfTime,
}

impl Outcome {
    /// The loss to learn from: infinite for a failure.
    pub(crate) fn loss(&self) -> f64 {
        match self {
            Self::Scored { loss } | Self::Pruned { loss } => *loss,
            Self::Failed { .. } | Self::OutOfTime => f64::INFINITY,
        }
    }
}

/// A trial that has ended.
#[derive(Clone)]
pub(crate) struct Trial {
    pub(crate) id: u64,
    pub(crate) config: TrialConfig,
    pub(crate) outcome: Outcome,
    /// One fit a split; empty unless scored, and once the trial ranks too low to be of use.
    pub(crate) fits: Vec<Arc<Fit>>,
    pub(crate) fold_scores: Vec<f64>,
    /// What its fits found by themselves, the mean over its splits.
    pub(crate) learned: ParamMap,
    /// Whether a limit ended one of its fits early.
    pub(crate) is_partial: bool,
    /// Seconds of all its fits together.
    pub(crate) seconds: f64,
    /// What a row takes the first of its fits, if there was one.
    pub(crate) row_work: Option<RowWork>,
}

impl Trial {
    /// Readable name, as on the leaderboard.
    pub(crate) fn name(&self) -> String {
        format!("{} #{}", self.config.learner.title, self.id)
    }

    /// One of its fits as a part of an ensemble.
    pub(crate) fn part(&self, fit: &Fit, weight: f64) -> Part {
        Part {
            weight,
            recipe: fit.recipe.clone(),
            target_map: self.config.target_map,
            ceiling: fit.ceiling,
            model: fit.model.clone(),
        }
    }

    /// The mean loss over all splits, if they were all scored.
    pub(crate) fn scored_loss(&self) -> Option<f64> {
        if let Outcome::Scored { loss } = self.outcome {
            Some(loss)
        } else {
            None
        }
    }
}

/// What early stopping found, averaged over the splits; counts grow with the root of the rows' growth.
pub(crate) fn mean_learned(fits: &[Arc<Fit>], growth: f64) -> ParamMap {
    let Some(first) = fits.first() else {
        return ParamMap::new();
    };
    let mean = |name: &String| -> Option<ParamValue> {
        let values: Vec<f64> = fits
            .iter()
            .filter_map(|fit| fit.learned.get(name)?.as_f64())
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        match first.learned.get(name)? {
            ParamValue::Int(_) => {
                let count = (mean * growth.sqrt()).round().max(1.0);
                Some(ParamValue::Int(count as i64))
            }
            ParamValue::Float(_) => Some(ParamValue::Float(mean)),
            other => Some(other.clone()),
        }
    };
    let learned = first.learned.keys();
    learned
        .filter_map(|name| Some((name.clone(), mean(name)?)))
        .collect()
}
