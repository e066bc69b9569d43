//! What a fit needs before its first round: rows, goal, bins, starting scores, and the rows to watch.

use super::loss::goal_of;
use super::rows::Rows;
use super::rules::binning;
use super::watched::{self, Watched};
use super::{Boosting, Request, class_weight, encoding, generalize, linear, numeric, offset};
use crate::binning::{BinnedMatrix, columns_of};
use crate::gradient_boosting::ID;
use crate::histogram::MAX_PACKED_ROWS;
use crate::objective::Goal;
use automl_core::{
    DatasetView, FitContext, FitError, ParamError, ParamValue, Table, TrainingData, Warning,
    WarningKind,
};
use std::sync::Arc;

/// A fit that is ready for its rounds.
pub(super) struct Setup<'a> {
    /// The columns, perhaps without rows.
    pub(super) table: &'a Table,
    pub(super) goal: Goal,
    pub(super) base: Vec<f64>,
    /// The bins of the training rows.
    pub(super) matrix: Arc<BinnedMatrix>,
    pub(super) rows: Rows,
    pub(super) watched: Option<Watched<'a>>,
}

/// Checks the request against the data and gets everything ready.
pub(super) fn prepare<'a>(
    request: &Request<'a>,
    ctx: &FitContext<'_>,
    data: &TrainingData<'a>,
) -> Result<Setup<'a>, FitError> {
    let (params, train) = (request.params, &data.train);
    let offset = offset::column(params, train.data().table())?;
    let mut rows = Rows::new(train, offset)?;
    let have_weight = match request.dealt {
        Some(dealt) => dealt.any(rows.have_weight())?,
        None => rows.have_weight(),
    };
    if !have_weight {
        // A dataset has weight somewhere; a part of it may have none.
        return Err(numeric("no row to learn from has a weight above zero"));
    }
    if params.quantized_gradients && rows.targets.len() > MAX_PACKED_ROWS {
        return Err(FitError::Param(ParamError::Conflict {
            name: "quantized_gradients".into(),
            value: ParamValue::Bool(true),
            reason: format!("takes at most {MAX_PACKED_ROWS} rows"),
        }));
    }
    let class_factors = class_weight::factors(params, train.task(), &rows)?;
    if let Some(factors) = &class_factors {
        rows.weigh(factors);
    }
    let goal = goal_of(request, train, &rows);
    let goal = match request.dealt {
        Some(dealt) => dealt.all(goal)?,
        None => goal?,
    };
    linear::check(request, &goal)?;
    generalize::check_goal(params, &goal)?;
    watched::check_fit(params, train.task().kind(), &goal)?;
    if let Some(start) = request.start {
        start.check(&goal)?;
    }
    let (binned, rules) = (request.binned, binning(params));
    let (table, shared) = columns_of(train.data(), binned, ID, rules, ctx)?;
    let base = match (request.start, request.dealt) {
        (Some(start), _) => start.base.clone(),
        (None, Some(dealt)) => dealt.base(&goal, &rows)?,
        (None, None) => goal.base(
            &rows.targets,
            rows.weights.as_deref(),
            rows.offset.as_deref(),
        )?,
    };
    begin(&mut rows, &base, request.start.map(|start| &start.train));
    let encoded = encoding::learned(params, ctx, train, &rows, goal.n_outputs());
    let bins = |view: &DatasetView<'_>| {
        let encoded = encoding::applied(&encoded, view, &ctx.threads);
        shared.of_rows(view.rows(), &ctx.threads).with(encoded)
    };
    let factors = class_factors.as_deref();
    let watched = watched_rows(request, ctx, data, (&goal, &base, factors), bins)?;
    let matrix = shared.of_rows(train.rows(), &ctx.threads).with(encoded);
    Ok(Setup {
        table,
        goal,
        base,
        matrix,
        rows,
        watched,
    })
}

/// The validation rows, if there are any that count and stopping early is possible.
fn watched_rows<'a>(
    request: &Request<'a>,
    ctx: &FitContext<'_>,
    data: &TrainingData<'a>,
    (goal, base, class_factors): (&Goal, &[f64], Option<&[f64]>),
    bins: impl FnOnce(&DatasetView<'_>) -> Arc<BinnedMatrix>,
) -> Result<Option<Watched<'a>>, FitError> {
    let params = request.params;
    // Where rows are dealt, a rank may have none to watch while others have.
    let is_watched = |view: &DatasetView<'_>| request.dealt.is_some() || view.n_rows() > 0;
    let Some(view) = data.valid.filter(is_watched) else {
        return Ok(None);
    };
    let offset = offset::column(params, view.data().table())?;
    let mut rows = Rows::new(&view, offset)?;
    if let Some(factors) = class_factors {
        rows.weigh(factors);
    }
    let have_weight = match request.dealt {
        Some(dealt) => dealt.any(rows.have_weight())?,
        None => rows.have_weight(),
    };
    if !have_weight {
        // A weight of zero on every validation row says nothing about when to stop.
        return Ok(None);
    }
    if params.boosting == Boosting::Dart {
        if params.early_stopping_rounds > 0 {
            let message = "early_stopping_rounds has no effect on DART, whose earlier trees change: all rounds are made";
            ctx.warnings.push(Warning::new(
                WarningKind::ParameterIgnored,
                [""; 0],
                message,
            ));
        }
        return Ok(None);
    }
    begin(&mut rows, base, request.start.map(|start| &start.valid));
    Watched::new(request, goal, &view, rows, bins(&view), &ctx.threads).map(Some)
}

/// Sets the starting scores: constants, or those of a model that is continued.
fn begin(rows: &mut Rows, base: &[f64], of_model: Option<&Vec<f64>>) {
    match of_model {
        Some(scores) => rows.scores.clone_from(scores),
        None => rows.start(base),
    }
}
