//! What was asked, with the model and the tables that it means.

use super::Settings;
use super::folder::Begin;
use super::plan::{Plan, check_addresses, plan};
use super::work::{Done, Job, Progress, run};
use crate::errors::{ForecastError, SearchError, TargetsError};
use crate::forecasting::AnyModel;
use crate::modeldir::LoadedModel;
use crate::scoring::{Bands, Wanted};
use automl_core::{CancelToken, Model};
use automl_data::{BatchOptions, ReadOptions};
use automl_serve::batches::Places;
use automl_store::workspace::Workspace;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What is asked.
pub(crate) struct Order<'a> {
    /// The directory of the model.
    pub(crate) model: &'a Path,
    /// Paths, patterns, folders, and addresses in object stores.
    pub(crate) data: &'a [String],
    /// A folder, or such an address.
    pub(crate) output: PathBuf,
    /// In which copies of what is in object stores are kept meanwhile.
    pub(crate) workspace: &'a Workspace,
    pub(crate) begin: Begin,
    pub(crate) settings: Settings,
    /// Where all tables must lie, and the output; none if they may lie anywhere.
    pub(crate) within: Option<&'a Places>,
    pub(crate) n_threads: usize,
    pub(crate) cancel: CancelToken,
}

/// All that is needed to begin.
pub(crate) struct Prepared {
    pub(crate) model: Box<LoadedModel<dyn Model>>,
    bands: Bands,
    settings: Settings,
    plan: Plan,
    about: Value,
    pub(crate) output: PathBuf,
    workspace: Workspace,
    begin: Begin,
    n_threads: usize,
    cancel: CancelToken,
}

impl Prepared {
    /// Reads the model and looks for the tables; nothing is written yet.
    ///
    /// # Errors
    /// The model cannot be read, cannot do what is asked or forecasts time series; tables are not there, may not be read, or
    /// would have one file.
    pub(crate) fn new(order: Order<'_>) -> anyhow::Result<Self> {
        let mut settings = order.settings;
        let read = AnyModel::read(order.model)?;
        let bands = bands(&read, order.model, &settings.coverages)?;
        let model: Box<LoadedModel<dyn Model>> = match read {
            AnyModel::Rows(model) => model,
            AnyModel::Several(model) => Box::new(model.whole),
            AnyModel::Series(_) => return Err(ForecastError::OneTable.into()),
        };
        read_as_fitted(&model, &mut settings.read);
        model.decision(settings.threshold)?;
        if let Some(places) = order.within {
            check_addresses(order.data, &order.output, places)?;
        }
        let plan = plan(order.data, &order.output, settings.kind)?;
        if let Some(places) = order.within {
            plan.check_within(&order.output, places)?;
        }
        Ok(Self {
            bands,
            about: settings.about(order.model)?,
            model,
            settings,
            plan,
            output: order.output,
            workspace: order.workspace.clone(),
            begin: order.begin,
            n_threads: order.n_threads,
            cancel: order.cancel,
        })
    }

    /// How many tables there are.
    pub(crate) fn n_parts(&self) -> u64 {
        self.plan.parts.len() as u64
    }

    /// Files of folders whose names are not those of tables.
    pub(crate) fn n_passed_over(&self) -> u64 {
        self.plan.n_passed_over as u64
    }

    /// Predicts them.
    ///
    /// # Errors
    /// As [`run`].
    pub(crate) fn run(&self, progress: &dyn Progress) -> anyhow::Result<Done> {
        let settings = &self.settings;
        let job = Job {
            plan: &self.plan,
            output: &self.output,
            workspace: &self.workspace,
            kind: settings.kind,
            begin: self.begin,
            about: &self.about,
            wanted: Wanted {
                model: &self.model,
                bands: &self.bands,
                threshold: settings.threshold,
                read: &settings.read,
                cut: BatchOptions {
                    allow_missing_columns: settings.allow_missing_columns,
                    batch_rows: self.model.batch_rows(),
                    keep: settings.keep.clone(),
                    skip_bad_rows: settings.skip_bad_rows,
                },
            },
            n_threads: self.n_threads,
            cancel: self.cancel.clone(),
        };
        run(&job, progress)
    }
}

/// What the model knows of its errors, if that is asked for.
///
/// # Errors
/// It knows nothing of them, or not enough.
pub(crate) fn bands(model: &AnyModel, place: &Path, coverages: &[f64]) -> anyhow::Result<Bands> {
    match model {
        AnyModel::Rows(model) if model.model.exposure().is_some() && !coverages.is_empty() => {
            Err(SearchError::NoIntervalsOfCounts.into())
        }
        AnyModel::Several(model) if !coverages.is_empty() => {
            let targets = model.whole.task().targets().iter();
            Err(TargetsError::Option {
                option: "--interval",
                targets: targets.map(|one| one.target.clone()).collect(),
            }
            .into())
        }
        _ => Bands::read(place, coverages),
    }
}

/// Tables are read as those were that the model was fitted on.
pub(crate) fn read_as_fitted(model: &LoadedModel<dyn Model>, read: &mut ReadOptions) {
    read.rename_duplicates |= model.renames_duplicates();
    read.images = model.reads_images();
}
