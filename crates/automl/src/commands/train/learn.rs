//! Trains the network of a plan, whatever it is of.

use super::checkpoints::Found;
use super::material::{Material, SeriesMaterial};
use super::plan::Plan;
use automl_core::splits::Split;
use automl_core::{
    Artifact, Budget, Collective, FitContext, Model as _, Seed, Threads, TrainingData, Warnings,
};
use automl_engine::Single;
use automl_neural::config::Settings;
use automl_neural::series::{PartScores, SeriesSettings};
use automl_neural::train::{EpochRecord, TrainError, TrainRun, Watch};
use automl_neural::{Device, NETWORK, image, series, tabular, text};
use serde::Serialize;

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
    /// How good forecasts are, of time series.
    pub(super) forecasts: Option<Forecasts>,
}

/// How good forecasts of rows are that were not learned from.
#[derive(Serialize)]
pub(super) struct Forecasts {
    pub(super) validation: Option<PartScores>,
    pub(super) test: Option<PartScores>,
}

/// A training whose data a network can read.
pub(super) struct Ready<'a> {
    plan: &'a Plan,
    around: Around<'a>,
    settings: Settings,
    data: Data<'a>,
}

/// Data as a network reads it.
enum Data<'a> {
    Rows(Box<Single>, &'a Split),
    Series(&'a SeriesMaterial),
}

impl<'a> Ready<'a> {
    /// Encodes the data as the network reads it.
    ///
    /// # Errors
    /// A column cannot be encoded.
    pub(super) fn new(plan: &'a Plan, around: Around<'a>) -> Result<Self, TrainError> {
        let settings = plan.config.settings(plan.metric);
        let data = match &plan.material {
            Material::Series(series) => Data::Series(series),
            Material::Rows(rows) => {
                let warnings = Warnings::default();
                let ctx = FitContext {
                    seed: Seed(plan.config.trainer.seed).named("recipe"),
                    threads: around.threads.clone(),
                    budget: around.budget.clone(),
                    warnings: &warnings,
                };
                let dataset = &rows.prepared.dataset;
                let single = match settings {
                    Settings::Table(_) => Single::encode(&ctx, dataset, &rows.split.train)?,
                    _ => Single::as_it_is(&ctx, dataset)?,
                };
                Data::Rows(Box::new(single), &rows.split)
            }
        };
        Ok(Self {
            plan,
            around,
            settings,
            data,
        })
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
    pub(super) fn train(self, watch: &mut dyn Watch) -> Result<(Artifact, Done), TrainError> {
        let run = self.run();
        let (single, split) = match (&self.data, &self.settings) {
            (Data::Rows(single, split), _) => (single, split),
            (Data::Series(material), Settings::Series(settings)) => {
                return of_series(material, settings, &run, watch);
            }
            (Data::Series(_), _) => unreachable!("networks of time series have series to read"),
        };
        let data = TrainingData {
            train: single.data.view(&split.train),
            valid: Some(single.data.view(&split.valid)),
        };
        let learned = match &self.settings {
            Settings::Table(settings) => tabular::train(&data, settings, &run, watch)?,
            Settings::Image(settings) => image::train(&data, settings, &run, watch)?,
            Settings::Text(settings) => text::train(&data, settings, &run, watch)?,
            Settings::Series(_) => unreachable!("networks of rows have rows to read"),
        };
        let done = Done {
            history: learned.history,
            best_epoch: learned.best_epoch,
            n_steps: learned.n_steps,
            is_partial: learned.is_partial,
            forecasts: None,
        };
        let Data::Rows(single, _) = self.data else {
            unreachable!("rows were learned from");
        };
        Ok((single.into_model(learned.model).artifact(), done))
    }
}

fn of_series(
    material: &SeriesMaterial,
    settings: &SeriesSettings,
    run: &TrainRun<'_>,
    watch: &mut dyn Watch,
) -> Result<(Artifact, Done), TrainError> {
    let learned = series::train((&material.frame, &material.parts), settings, run, watch)?;
    let done = Done {
        history: learned.history,
        best_epoch: learned.best_epoch,
        n_steps: learned.n_steps,
        is_partial: learned.is_partial,
        forecasts: Some(Forecasts {
            validation: learned.validation,
            test: learned.test,
        }),
    };
    Ok((learned.model.artifact(), done))
}
