//! One fit: encode, learn, predict the rows held out, score.

use super::forecast::PATIENCE;
use super::found::deadline;
use super::{Job, Search};
use crate::encode::{Rows, encode};
use crate::outputs;
use crate::suggest::BASELINE;
use crate::trial::{Failure, Fit, Learned, TrialConfig};
use automl_core::{
    Budget, Clock, Dataset, Deadline, FitContext, MemoryLimit, Model, Predictions, Threads,
    TrainingData,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Rows that a model predicts between two looks at the clock.
const PREDICTED_ROWS: usize = 4096;
/// Share of the limit that predictions may take beyond the end of the search.
const PREDICTION_SHARE: f64 = 0.04;

impl Search<'_> {
    /// One fit; a panic is a failure of the trial, not of the search.
    pub(super) fn fit(
        &self,
        job: Job,
        config: &TrialConfig,
        threads: &Threads,
    ) -> Result<Fit, Failure> {
        let fitted = catch_unwind(AssertUnwindSafe(|| self.fit_split(job, config, threads)));
        match fitted {
            Ok(result) => result,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("no message");
                Err(Failure::Failed(format!("internal error: {text}")))
            }
        }
    }

    fn fit_split(&self, job: Job, config: &TrialConfig, threads: &Threads) -> Result<Fit, Failure> {
        let clock = Clock::start();
        let split = &self.plan.splits[job.split];
        let ctx = FitContext {
            seed: self
                .options
                .seed
                .named("trial")
                .indexed(job.trial as u64)
                .indexed(job.split as u64),
            threads: threads.clone(),
            budget: Budget {
                deadline: self.fit_deadline(config),
                memory: MemoryLimit(self.options.memory_limit),
                cancel: self.run.cancel.clone(),
            },
            warnings: self.run.warnings,
        };
        let rows = Rows::Split {
            index: job.split,
            train: &split.train,
        };
        // What is encoded serves all trials, so it is not bound to the share of one.
        let mut encode_ctx = ctx.with_seed(ctx.seed);
        let end = self.search_end(&self.lock());
        encode_ctx.budget.deadline = deadline(self.run.clock, end);
        let encoded = encode(&encode_ctx, self.options.seed, self.data, config, rows)?;
        let valid = encoded.data.view(&split.valid);
        let watched = config.learner.capabilities.early_stopping.then_some(valid);
        let learned_from = if job.is_probe {
            &self.plan.probe
        } else {
            &split.train
        };
        let training = TrainingData {
            train: encoded.data.view(learned_from),
            valid: watched,
        };
        let fitted = outputs::fit(config.learner, &config.params, &ctx, &training)?;
        let learned = Learned {
            predictions: self.predict(config, &*fitted.model, &encoded.data, &split.valid)?,
            fitted,
            recipe: encoded.recipe.clone(),
            clock,
        };
        Fit::scored(config, (self.data, self.plan, split), learned).map_err(Failure::Failed)
    }

    /// Predictions for `rows`, some at a time, so that a model that predicts slowly does not outlast the search. One that was
    /// cut short by the search's end is given a little beyond it.
    fn predict(
        &self,
        config: &TrialConfig,
        model: &dyn Model,
        data: &Dataset,
        rows: &[u32],
    ) -> Result<Predictions, Failure> {
        let limit = self.options.time_limit.unwrap_or_default().as_secs_f64();
        let end = self.search_end(&self.lock());
        let end = deadline(
            self.run.clock,
            end.map(|end| end + PREDICTION_SHARE * limit),
        );
        let mut parts = rows.chunks(PREDICTED_ROWS).map(|rows| {
            if config.learner.id != BASELINE && end.has_passed() {
                return Err(Failure::OutOfTime);
            }
            let part = model.predict(&data.view(rows).table());
            part.map_err(Failure::of)
        });
        let Some(first) = parts.next() else {
            return model.predict(&data.view(rows).table()).map_err(Failure::of);
        };
        let mut all = first?;
        for part in parts {
            all.append(part?);
        }
        Ok(all)
    }

    /// When one fit must end: with the search, and before it has taken more than a trial's share of it, unless its first
    /// model alone takes longer. The baseline takes no time and is always fitted.
    fn fit_deadline(&self, config: &TrialConfig) -> Deadline {
        if config.learner.id == BASELINE {
            return Deadline::never();
        }
        let end = self.search_end(&self.lock());
        let whole = deadline(self.run.clock, end);
        match self.plan.fit_seconds_max(self.options) {
            Some(share) => {
                let first = PATIENCE * self.forecast.first_model_seconds(config);
                whole.capped(Duration::from_secs_f64(share.max(first).max(0.1)))
            }
            None => whole,
        }
    }
}
