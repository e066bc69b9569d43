//! Boosting that goes on from a model: new trees for what its scores leave, then one model of all trees.
//!
//! The model's trees and starting score stay as they are, also where it was imported from another program. Draws of rows
//! and columns go on at the round where the model ended, so that `n` rounds and then `m` are `n + m` rounds on the same
//! data, parameters and seed.

mod categories;
mod join;

use super::rules::binning;
use super::{Boosting, Request, boost};
use crate::boosted_model::BoostedModel;
use crate::gradient_boosting::{GradientBoostingParams, ID};
use crate::inputs::Inputs;
use crate::objective::{CustomObjective, Goal, Link};
use crate::{binning::BinnedMatrix, offset};
use automl_core::{
    Artifact, DatasetView, FitContext, FitError, Fitted, Model, ParamError, Params, PredictError,
    Table, TableView, TrainingData,
};
use std::sync::Arc;

/// Where a model left off.
pub(crate) struct Start {
    pub(super) base: Vec<f64>,
    link: Link,
    /// Rounds that it has made.
    pub(super) n_rounds: usize,
    /// Its scores of the training rows, one column of rows an output.
    pub(super) train: Vec<f64>,
    /// Its scores of the validation rows, likewise; empty without any.
    pub(super) valid: Vec<f64>,
}

impl Start {
    /// Refuses a goal whose scores are others than the model's.
    pub(super) fn check(&self, goal: &Goal) -> Result<(), FitError> {
        if self.link != goal.link() {
            let (ours, theirs) = (goal.link().name(), self.link.name());
            return Err(refused(format!(
                "its link is {theirs}, and that of task and objective is {ours}"
            )));
        }
        if self.base.len() != goal.n_outputs() {
            let (ours, theirs) = (goal.n_outputs(), self.base.len());
            return Err(refused(format!(
                "it gives {theirs} scores a row where the task has {ours}"
            )));
        }
        Ok(())
    }
}

/// Fits `params.n_trees` more rounds to what a model leaves.
pub(crate) fn fit(
    params: &GradientBoostingParams,
    custom: Option<&Arc<dyn CustomObjective>>,
    ctx: &FitContext<'_>,
    data: &TrainingData<'_>,
    start: &dyn Model,
) -> Result<Fitted, FitError> {
    let artifact = start.artifact();
    let model = read(&artifact)?;
    let table = data.train.data().table();
    check_columns(&model, params, table)?;
    check_boosting(params)?;
    let scores = |view: &DatasetView<'_>| scores(&model, params, &view.table());
    let start = Start {
        base: model.base.clone(),
        link: model.link,
        n_rounds: model.ensemble.n_trees() / model.base.len(),
        train: scores(&data.train)?,
        valid: data.valid.as_ref().map_or(Ok(Vec::new()), scores)?,
    };
    let request = Request {
        params,
        custom,
        start: Some(&start),
        binned: None,
        dealt: None,
    };
    let matrix = BinnedMatrix::of(
        data.train.data(),
        ID,
        binning(params),
        &ctx.threads,
        &ctx.budget,
    )?;
    let fresh = Inputs::new(table, &matrix);
    drop(matrix);
    let wide = categories::too_many(&model.ensemble.inputs, &fresh);
    let boosted = if wide.is_empty() {
        boost(&request, ctx, data)?
    } else {
        let coarse = categories::coarsened(data.train.data(), &model.ensemble.inputs, &wide);
        let rows_of = |view: DatasetView<'_>| view.rows().to_vec();
        let (train, valid) = (rows_of(data.train), data.valid.map(rows_of));
        let data = TrainingData {
            train: coarse.view(&train),
            valid: valid.as_ref().map(|rows| coarse.view(rows)),
        };
        let mut boosted = boost(&request, ctx, &data)?;
        let inputs = &mut boosted.model.ensemble.inputs;
        categories::refine(inputs, &model.ensemble.inputs, &wide);
        boosted
    };
    let joined = join::joined(&artifact, &model, &boosted.model)?;
    Ok(Fitted {
        model: Box::new(BoostedModel::read(&joined).map_err(|error| refused(error.to_string()))?),
        learned: boosted.learned,
        is_partial: boosted.is_partial,
    })
}

/// The model of an artifact, which must be boosted and hold nothing that cannot be joined.
fn read(artifact: &Artifact) -> Result<BoostedModel, FitError> {
    if artifact.kind != ID {
        let kind = &artifact.kind;
        return Err(refused(format!("it is of the kind {kind}, not {ID}")));
    }
    join::check_parts(artifact)?;
    let model = BoostedModel::read(artifact).map_err(|error| refused(error.to_string()))?;
    if !model.ensemble.n_trees().is_multiple_of(model.base.len()) {
        return Err(refused("its last round is not whole".to_owned()));
    }
    Ok(model)
}

/// The table must have the model's columns, each of its kind, and no other but an offset that the model has not.
fn check_columns(
    model: &BoostedModel,
    params: &GradientBoostingParams,
    table: &Table,
) -> Result<(), FitError> {
    if let Some(column) = &model.offset
        && *column != params.offset_column
    {
        return Err(refused(format!(
            "its scores start from the column '{column}', which offset_column must name"
        )));
    }
    let inputs = &model.ensemble.inputs;
    inputs.bind(table, &[], &[])?;
    let is_known = |name: &str| {
        name == params.offset_column || inputs.0.iter().any(|input| input.name == name)
    };
    match table.names().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => Err(refused(format!(
            "the column '{name}' is not one of those that it was fitted on"
        ))),
    }
}

fn check_boosting(params: &GradientBoostingParams) -> Result<(), ParamError> {
    if params.boosting != Boosting::Dart {
        return Ok(());
    }
    Err(ParamError::Conflict {
        name: "boosting".into(),
        value: params.get("boosting").expect("it is a parameter"),
        reason: "changes earlier trees, and those of a model that is continued stay".into(),
    })
}

/// The model's scores in the order in which a fit adds them up: start, offset, trees.
fn scores(
    model: &BoostedModel,
    params: &GradientBoostingParams,
    rows: &TableView<'_>,
) -> Result<Vec<f64>, PredictError> {
    let (n_rows, n_outputs) = (rows.n_rows(), model.base.len());
    let mut scores = model.base.repeat(n_rows);
    // A task of many classes has no offset, which the goal is asked for later.
    if !params.offset_column.is_empty() && n_outputs == 1 {
        let offset = offset::of_rows(rows, &params.offset_column)?;
        scores.iter_mut().zip(offset).for_each(|(s, o)| *s += o);
    }
    model.ensemble.add_scores(rows, n_outputs, &mut scores)?;
    let places = (0..n_outputs).flat_map(|output| (0..n_rows).map(move |row| (row, output)));
    Ok(places
        .map(|(row, output)| scores[row * n_outputs + output])
        .collect())
}

/// An error about the model to continue.
fn refused(reason: String) -> FitError {
    FitError::Start {
        learner: ID,
        reason,
    }
}
