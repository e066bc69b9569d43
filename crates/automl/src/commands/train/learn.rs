//! Trains the network of a plan, whatever it is of.

use super::checkpoints::Found;
use super::plan::Plan;
use automl_core::{Budget, Collective, FitContext, Seed, Threads, TrainingData, Warnings};
use automl_engine::{EnsembleModel, Single};
use automl_neural::config::Settings;
use automl_neural::train::{EpochRecord, TrainError, TrainRun, Watch};
use automl_neural::{Device, NETWORK, image, tabular, text};

/// What surrounds a training.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) threads: &'a Threads,
    pub(super) budget: &'a Budget,
    pub(super) from: Option<&'a Found>,
    pub(super) ranks: &'a dyn Collective,
    pub(super) device: Device,
}

/// What came of a training, without the model, which is written.
pub(super) struct Done {
    pub(super) history: Vec<EpochRecord>,
    pub(super) best_epoch: u64,
    pub(super) n_steps: u64,
    pub(super) is_partial: bool,
}

/// A training whose data a network can read.
pub(super) struct Ready<'a> {
    plan: &'a Plan,
    around: Around<'a>,
    single: Single,
    settings: Settings,
}

impl<'a> Ready<'a> {
    /// Encodes the data as the network reads it.
    ///
    /// # Errors
    /// A column cannot be encoded.
    pub(super) fn new(plan: &'a Plan, around: Around<'a>) -> Result<Self, TrainError> {
        let warnings = Warnings::default();
        let ctx = FitContext {
            seed: Seed(plan.config.trainer.seed).named("recipe"),
            threads: around.threads.clone(),
            budget: around.budget.clone(),
            warnings: &warnings,
        };
        let dataset = &plan.prepared.dataset;
        let settings = plan.config.settings(plan.metric);
        let single = match settings {
            Settings::Table(_) => Single::encode(&ctx, dataset, &plan.split.train)?,
            Settings::Image(_) | Settings::Text(_) => Single::as_it_is(&ctx, dataset)?,
        };
        Ok(Self {
            plan,
            around,
            single,
            settings,
        })
    }

    fn data(&self) -> TrainingData<'_> {
        TrainingData {
            train: self.single.data.view(&self.plan.split.train),
            valid: Some(self.single.data.view(&self.plan.split.valid)),
        }
    }

    fn run(&self) -> TrainRun<'_> {
        TrainRun {
            learner: NETWORK,
            seed: Seed(self.plan.config.trainer.seed),
            threads: self.around.threads,
            budget: self.around.budget,
            training: &self.plan.identity,
            from: self.around.from.map(|found| &found.state),
            ranks: self.around.ranks,
            device: self.around.device,
        }
    }

    /// Trains.
    pub(super) fn train(self, watch: &mut dyn Watch) -> Result<(EnsembleModel, Done), TrainError> {
        let (data, run) = (self.data(), self.run());
        let learned = match &self.settings {
            Settings::Table(settings) => tabular::train(&data, settings, &run, watch)?,
            Settings::Image(settings) => image::train(&data, settings, &run, watch)?,
            Settings::Text(settings) => text::train(&data, settings, &run, watch)?,
        };
        let done = Done {
            history: learned.history,
            best_epoch: learned.best_epoch,
            n_steps: learned.n_steps,
            is_partial: learned.is_partial,
        };
        Ok((self.single.into_model(learned.model), done))
    }
}
