//! One small model in the place of the ensemble.
//!
//! A pupil is the configuration of the best trial of a small learner that can be taught in time. It learns the truth of the rows that there are, and what the
//! ensemble says of made-up ones. How good that is, is found out on each split: the members' models of the split teach its training
//! rows, and the validation rows, which neither they nor the pupil have seen, judge. The same configurations that have learned
//! the truth alone are judged on the same rows, as trials of the search, and the best of all is fitted on all rows, or is the model
//! of one split if there is no time for that.

mod lesson;

use crate::encode::{Encoded, Rows, encode};
use crate::ensemble::Selection;
use crate::fit::FitRun;
use crate::leaderboard::LeaderboardRow;
use crate::model::Part;
use crate::plan::Plan;
use crate::refit::Refit;
use crate::search::Found;
use crate::trial::{Fit, Learned, Outcome, Trial, TrialConfig, mean_learned};
use crate::workers::side_by_side;
use crate::{EngineError, FitOptions, outputs};
use automl_core::{
    Budget, Clock, Dataset, DatasetError, Deadline, FitContext, FitError, Fitted, LearnerSpec,
    MemoryLimit, ParamMap, Table, Target, TaskKind, Threads, TrainingData, Transformer as _,
    Warning, WarningKind,
};
use lesson::{Asked, Lesson, targets_of};
use serde::Serialize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// Learners whose models are small and quick; they all take weights.
const PUPILS: [&str; 3] = ["gradient_boosting", "logistic_regression", "elastic_net"];
/// Rows that are made up at most: what more would tell is not worth the time.
const ROWS_MAX: usize = 20_000;
/// Share of the time left that the ensemble may be asked for, over all splits.
const ASKING_SHARE: f64 = 0.35;
/// How many times longer a fit takes with made-up rows, two of each, than without.
const LONGER: f64 = 3.0;

/// What the small model is, beside the ensemble that it takes the place of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distilled {
    /// The readable name of its learner.
    pub learner: &'static str,
    /// Whether it learned from the ensemble, too; else the truth alone was better on rows that it had not seen, or there was no time.
    pub learned_from_ensemble: bool,
    /// Its score on rows that it had not seen.
    pub score: f64,
    /// The score there of the same configuration that learned the truth alone.
    pub plain_score: f64,
    /// The ensemble's.
    pub ensemble_score: f64,
    /// Models that the ensemble is made of.
    pub ensemble_models: usize,
    /// Seconds that one row takes the small model, the median of some.
    pub row_seconds: f64,
    /// The same of the ensemble.
    pub ensemble_row_seconds: f64,
}

/// Refuses what cannot be distilled.
///
/// # Errors
/// Quantiles, or no learner that makes a small model.
pub(crate) fn check(task: TaskKind, learners: &[&'static LearnerSpec]) -> Result<(), EngineError> {
    if task == TaskKind::Quantile {
        return Err(EngineError::DistillTask { task: task.name() });
    }
    if learners.iter().any(|learner| PUPILS.contains(&learner.id)) {
        return Ok(());
    }
    Err(EngineError::NoPupil {
        known: PUPILS.to_vec(),
    })
}

/// All that distillation reads.
pub(crate) struct Distiller<'a> {
    pub(crate) data: &'a Dataset,
    pub(crate) plan: &'a Plan,
    pub(crate) found: &'a Found,
    pub(crate) selection: &'a Selection,
    pub(crate) options: &'a FitOptions,
    pub(crate) run: &'a FitRun<'a>,
}

/// The small model, and how it was judged.
pub(crate) struct Student {
    /// The trial that it is, with its fits on the splits.
    pub(crate) trial: Trial,
    /// The model of all rows.
    pub(crate) part: Part,
    pub(crate) is_taught: bool,
    /// The place of the trial that learned the truth alone.
    pub(crate) plain: usize,
}

impl Student {
    /// Its row of the leaderboard, without the scores.
    pub(crate) fn row(&self) -> LeaderboardRow {
        let (trial, config) = (&self.trial, &self.trial.config);
        LeaderboardRow {
            rank: 1,
            name: format!("distilled {}", config.learner.title),
            learner: config.learner.id.to_owned(),
            trial: None,
            score: f64::NAN,
            mean_cost: None,
            fold_scores: Vec::new(),
            fit_seconds: trial.seconds,
            weight: 1.0,
            recipe: config.recipe.to_owned(),
            params: config.params.clone(),
            learned: trial.learned.clone(),
            is_partial: trial.is_partial,
        }
    }
}

/// A trial that could be the small model.
struct Candidate<'a> {
    plain: &'a Trial,
    position: usize,
    taught: Option<Trial>,
}

impl Candidate<'_> {
    fn loss(&self) -> f64 {
        let trial = self.taught.as_ref().unwrap_or(self.plain);
        trial.scored_loss().unwrap_or(f64::INFINITY)
    }
}

impl Distiller<'_> {
    /// The best small model; none if there was no trial of a small learner.
    pub(crate) fn student(&self) -> Option<Student> {
        let mut candidates: Vec<Candidate<'_>> = Vec::new();
        let lessons = self.lessons();
        let (mut n_taught, mut failed) = (0, None);
        for learner in PUPILS {
            let pupils = self.pupils(learner);
            // What takes longer than there is time for learns no more than the truth.
            let quick = pupils.iter().find(|&&pupil| {
                let seconds = self.found.trials[pupil].seconds;
                !lessons.is_empty() && self.has_time_for(seconds)
            });
            let candidate = |position: usize, taught| Candidate {
                plain: &self.found.trials[position],
                position,
                taught,
            };
            candidates.extend(pupils.first().map(|&best| candidate(best, None)));
            let Some(&quick) = quick else {
                continue;
            };
            match self.taught(&self.found.trials[quick], &lessons) {
                Ok(taught) => candidates.push(candidate(quick, Some(taught))),
                Err(reason) => {
                    failed.get_or_insert(reason);
                    continue;
                }
            }
            n_taught += 1;
        }
        if n_taught == 0 && !candidates.is_empty() {
            let why = failed.map_or_else(
                || "there was no time to learn from the ensemble".to_owned(),
                |reason| format!("nothing could learn from the ensemble ({reason})"),
            );
            self.warn(&format!(
                "{why}: the small model has learned the truth alone"
            ));
        }
        candidates.sort_by(|a, b| a.loss().total_cmp(&b.loss()));
        let student = candidates.into_iter().find_map(|one| self.fitted(one));
        if student.is_none() {
            self.warn("no small model could be fitted: the ensemble stays");
        }
        student
    }

    /// The places of the trials of a small learner, the best first.
    fn pupils(&self, learner: &str) -> Vec<usize> {
        let is_pupil = |position: &usize| {
            let trial = &self.found.trials[*position];
            trial.config.learner.id == learner && !trial.fits.is_empty()
        };
        (self.found.ranked().into_iter()).filter(is_pupil).collect()
    }

    fn deadline(&self) -> Deadline {
        self.found.distill_deadline(self.run)
    }

    fn threads(&self) -> Threads {
        Threads::new(self.options.threads).unwrap_or_else(|_| Threads::one())
    }

    /// What each split's training rows are taught by the members' models of that split; empty if there is no time.
    fn lessons(&self) -> Vec<Lesson> {
        let n_splits = self.plan.splits.len();
        let share = |left: Duration| left.mul_f64(ASKING_SHARE / (n_splits + 1) as f64);
        let deadline = self.deadline();
        let threads = self.threads();
        let lesson = |split: usize| {
            let deadline = deadline
                .remaining()
                .map_or(deadline, |left| deadline.capped(share(left)));
            let asked = Asked {
                teacher: &self
                    .selection
                    .of_split((self.data, self.plan), self.found, split),
                threads: &threads,
                deadline,
                rows_max: ROWS_MAX,
            };
            if self.run.cancel.is_cancelled() {
                return None;
            }
            let seed = self.options.seed.named("lesson").indexed(split as u64);
            Lesson::new(self.data, &self.plan.splits[split].train, &asked, seed)
        };
        let lessons: Option<Vec<Lesson>> = (0..n_splits).map(lesson).collect();
        lessons.unwrap_or_default()
    }

    /// What all rows are taught: of each the models that were not fitted on it, or those of the last split where there are none.
    fn last_lesson(&self) -> Option<Lesson> {
        let threads = self.threads();
        let n_splits = self.plan.splits.len();
        let mut split_of = vec![n_splits - 1; self.data.n_rows()];
        for (split, rows) in self.plan.splits.iter().enumerate().rev() {
            for &row in &rows.valid {
                split_of[row as usize] = split;
            }
        }
        let lesson = |split: usize| {
            let all = 0..self.data.n_rows() as u32;
            let rows: Vec<u32> = all.filter(|&row| split_of[row as usize] == split).collect();
            let asked = Asked {
                teacher: &self
                    .selection
                    .of_split((self.data, self.plan), self.found, split),
                threads: &threads,
                deadline: self.deadline(),
                rows_max: ROWS_MAX.div_ceil(n_splits),
            };
            let seed = self.options.seed.named("last lesson").indexed(split as u64);
            (!rows.is_empty()).then(|| Lesson::new(self.data, &rows, &asked, seed))
        };
        let lessons = (0..n_splits).filter_map(lesson);
        Lesson::joined(&lessons.collect::<Option<Vec<Lesson>>>()?)
    }

    /// The trial's configuration, taught on every split; else why a fit failed.
    fn taught(&self, plain: &Trial, lessons: &[Lesson]) -> Result<Trial, String> {
        let n_splits = lessons.len();
        let n_workers = self.options.threads.clamp(1, n_splits);
        let per_fit =
            Threads::new(self.options.threads / n_workers).unwrap_or_else(|_| Threads::one());
        let fits = side_by_side(n_splits, n_workers, |split| {
            let fit = || self.fit_split(plain, &lessons[split], split, &per_fit);
            // A panic is a failure of this pupil alone.
            let fitted = catch_unwind(AssertUnwindSafe(fit));
            fitted
                .map_err(|_panic| "internal error".to_owned())?
                .map_err(|error| error.to_string())
        });
        let fits: Vec<Arc<Fit>> = fits.into_iter().collect::<Result<_, _>>()?;
        let losses = fits.iter().map(|fit| self.plan.metric.loss(fit.score));
        let loss = losses.sum::<f64>() / n_splits as f64;
        Ok(Trial {
            fold_scores: fits.iter().map(|fit| fit.score).collect(),
            learned: mean_learned(&fits, 1.0),
            is_partial: fits.iter().any(|fit| fit.is_partial),
            seconds: fits.iter().map(|fit| fit.seconds).sum(),
            outcome: Outcome::Scored { loss },
            fits,
            ..plain.clone()
        })
    }

    /// Whether fits that took so many seconds without made-up rows can be done with them.
    fn has_time_for(&self, seconds: f64) -> bool {
        let left = self.deadline().remaining();
        let seconds = LONGER * seconds / self.options.threads.max(1) as f64;
        left.is_none_or(|left| left.as_secs_f64() > seconds) && !self.run.cancel.is_cancelled()
    }

    fn context(&self, trial: &Trial, part: u64, threads: &Threads) -> FitContext<'_> {
        FitContext {
            seed: (self.options.seed.named("distill").indexed(trial.id)).indexed(part),
            threads: threads.clone(),
            budget: Budget {
                deadline: self.deadline(),
                memory: MemoryLimit(self.options.memory_limit),
                cancel: self.run.cancel.clone(),
            },
            warnings: self.run.warnings,
        }
    }

    fn fit_split(
        &self,
        plain: &Trial,
        lesson: &Lesson,
        split: usize,
        threads: &Threads,
    ) -> Result<Arc<Fit>, FitError> {
        let clock = Clock::start();
        let (rows, config) = (&self.plan.splits[split], &plain.config);
        let ctx = self.context(plain, split as u64, threads);
        let of_split = Rows::Split {
            index: split,
            train: &rows.train,
        };
        let encoded = encode(&ctx, self.options.seed, self.data, config, of_split)?;
        let watched = config.learner.capabilities.early_stopping;
        let valid = watched.then_some(&rows.valid[..]);
        let class = Class {
            encoded: &encoded,
            train: &rows.train,
            valid,
            lesson,
        };
        let fitted = class.learn(config, &config.params, &ctx)?;
        let known = encoded.data.view(&rows.valid);
        let predictions = fitted.model.predict(&known.table());
        let learned = Learned {
            predictions: predictions.map_err(|error| failure(config, &error))?,
            fitted,
            recipe: encoded.recipe.clone(),
            clock,
        };
        Fit::scored(config, (self.data, self.plan, rows), learned)
            .map(Arc::new)
            .map_err(|reason| failure(config, &reason))
    }

    /// The candidate fitted on all rows, or on those of one split if that fails or there is no time: a model of fewer rows is
    /// better than one of another kind.
    fn fitted(&self, candidate: Candidate<'_>) -> Option<Student> {
        let is_taught = candidate.taught.is_some();
        let (trial, part) = if let Some(trial) = candidate.taught {
            let fit = || self.fit_all(&trial);
            let part = catch_unwind(AssertUnwindSafe(fit)).ok().flatten();
            (trial, part)
        } else {
            let refit = Refit {
                data: self.data,
                plan: self.plan,
                found: self.found,
                options: self.options,
                run: self.run,
                deadline: self.deadline(),
            };
            let part = refit.refit(candidate.plain, &self.threads());
            (candidate.plain.clone(), part)
        };
        let part = part.or_else(|| self.part_of_split(&trial))?;
        Some(Student {
            trial,
            part,
            is_taught,
            plain: candidate.position,
        })
    }

    /// The model of the split with the most training rows, of equal ones the last: that of the latest rows where splits go by time.
    fn part_of_split(&self, trial: &Trial) -> Option<Part> {
        let splits = self.plan.splits.iter().zip(&trial.fits);
        let (_, fit) = splits.max_by_key(|(split, _)| split.train.len())?;
        self.warn(
            "the small model has learned from the training rows of one split alone: it was not fitted on all rows",
        );
        Some(trial.part(fit, 1.0))
    }

    fn fit_all(&self, trial: &Trial) -> Option<Part> {
        let growth = self.plan.refit_growth(self.data);
        if !self.has_time_for(trial.seconds / trial.fits.len() as f64 * growth / LONGER) {
            return None;
        }
        let lesson = self.last_lesson()?;
        let threads = self.threads();
        let ctx = self.context(trial, self.plan.splits.len() as u64, &threads);
        let config = &trial.config;
        let encoded = encode(&ctx, self.options.seed, self.data, config, Rows::All).ok()?;
        let mut params = config.params.clone();
        params.extend(mean_learned(&trial.fits, growth));
        let rows = self.data.all_rows();
        let class = Class {
            encoded: &encoded,
            train: &rows,
            valid: None,
            lesson: &lesson,
        };
        let fitted = class.learn(config, &params, &ctx).ok()?;
        let ceiling = config
            .target_map
            .ceiling(&self.data.view(&rows).target_numbers());
        Some(Part {
            weight: 1.0,
            recipe: encoded.recipe.clone(),
            target_map: config.target_map,
            ceiling,
            model: Arc::from(fitted.model),
        })
    }

    fn warn(&self, message: &str) {
        let none = Vec::<String>::new();
        let warning = Warning::new(WarningKind::BudgetReached, none, message);
        self.run.warnings.push(warning);
    }
}

/// What one fit of a pupil learns from.
struct Class<'a> {
    /// The data as the pupil sees it.
    encoded: &'a Encoded,
    train: &'a [u32],
    /// Rows that early stopping watches.
    valid: Option<&'a [u32]>,
    lesson: &'a Lesson,
}

impl Class<'_> {
    /// Rows to learn from, made-up ones behind them, and those to watch, as one table.
    fn learn(
        &self,
        config: &TrialConfig,
        params: &ParamMap,
        ctx: &FitContext<'_>,
    ) -> Result<Fitted, FitError> {
        let unfit = |error: DatasetError| failure(config, &error);
        let data = &self.encoded.data;
        let made = self.encoded.recipe.transform(&self.lesson.table.view());
        let made = made.map_err(|error| failure(config, &error))?;
        let watched = self.valid.unwrap_or_default();
        let (train, valid) = (
            data.table().gather(self.train),
            data.table().gather(watched),
        );
        let table = Table::stacked(&[&train, &made, &valid]);
        let table = table.ok_or_else(|| failure(config, &"made-up rows have other levels"))?;
        let (n_train, n_made) = (train.n_rows(), made.n_rows());
        drop((train, made, valid));
        let said = match &self.lesson.target {
            Target::Numbers(values) => {
                let values = values
                    .iter()
                    .map(|&value| config.target_map.forward_any(value));
                Target::Numbers(values.collect())
            }
            classes @ Target::Classes(_) => classes.clone(),
        };
        let known = |rows: &[u32]| picked(data.target(), rows);
        let target = targets_of(&[&known(self.train), &said, &known(watched)]);
        let weight = |rows: &[u32]| {
            let known = data.view(rows).weights();
            known.unwrap_or_else(|| vec![1.0; rows.len()])
        };
        let weights = [
            weight(self.train),
            self.lesson.weight.clone(),
            weight(watched),
        ];
        let class = Dataset::new(table, data.task().clone(), target).map_err(unfit)?;
        let class = class.with_weight(weights.concat()).map_err(unfit)?;
        let n_learned = (n_train + n_made) as u32;
        let learned: Vec<u32> = (0..n_learned).collect();
        let watched: Vec<u32> = (n_learned..class.n_rows() as u32).collect();
        let training = TrainingData {
            train: class.view(&learned),
            valid: self.valid.map(|_| class.view(&watched)),
        };
        outputs::fit(config.learner, params, ctx, &training)
    }
}

/// The target of these rows.
fn picked(target: &Target, rows: &[u32]) -> Target {
    match target {
        Target::Numbers(values) => {
            Target::Numbers(rows.iter().map(|&row| values[row as usize]).collect())
        }
        Target::Classes(codes) => {
            Target::Classes(rows.iter().map(|&row| codes[row as usize]).collect())
        }
    }
}

fn failure(config: &TrialConfig, error: &impl std::fmt::Display) -> FitError {
    FitError::Numeric {
        learner: config.learner.id,
        reason: error.to_string(),
    }
}
