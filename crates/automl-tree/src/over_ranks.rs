//! One boosted model from rows that are dealt to ranks: see [`crate::GradientBoosting::fit_dealt`].

use crate::binning::bin_dealt;
use crate::boost::dealt::{self, Dealt};
use crate::boost::{self, Request};
use crate::gradient_boosting::{GradientBoostingParams, ID};
use crate::objective::CustomObjective;
use automl_core::{
    Collective, Column, Dataset, DatasetView, FitContext, FitError, Fitted, Params, Table,
    TrainingData, agree,
};
use std::fmt::Write;
use std::sync::Arc;

pub(crate) fn fit(
    params: &GradientBoostingParams,
    custom: Option<&Arc<dyn CustomObjective>>,
    ctx: &FitContext<'_>,
    data: &TrainingData<'_>,
    ranks: &dyn Collective,
) -> Result<Fitted, FitError> {
    // Parameters first: they are refused on all ranks alike, and what follows asks the others.
    dealt::check(params, custom.is_some())?;
    let whole = data.train.data();
    agree(ranks, "parameters and data", &described(params, ctx, data))?;
    let dealt = Dealt {
        ranks,
        first_row: first_row(whole.n_rows(), ranks)?,
    };
    dealt.all(check_columns(whole.table()))?;
    let max_bins = params.max_bins;
    let binned = bin_dealt(
        whole.table(),
        dealt.first_row,
        max_bins,
        ranks,
        &ctx.threads,
    )?;
    let bare = bare(whole)?;
    let rows_of = |view: &DatasetView<'_>| view.rows().to_vec();
    let (train, valid) = (rows_of(&data.train), data.valid.as_ref().map(rows_of));
    let data = TrainingData {
        train: bare.view(&train),
        valid: valid.as_ref().map(|rows| bare.view(rows)),
    };
    let request = Request {
        params,
        custom,
        start: None,
        binned: Some(&binned),
        dealt: Some(dealt),
    };
    boost::fit(&request, ctx, &data)
}

/// The same rows without columns: those are bins already.
fn bare(data: &Dataset) -> Result<Dataset, FitError> {
    let columns = Table::without_columns(data.n_rows());
    data.with_table(columns).map_err(|error| FitError::Numeric {
        learner: ID,
        reason: error.to_string(),
    })
}

/// The number of this rank's first row among those of all.
fn first_row(n_rows: usize, ranks: &dyn Collective) -> Result<u64, FitError> {
    let mut counts = vec![0_i64; ranks.size()];
    counts[ranks.rank()] = n_rows as i64;
    ranks.all_reduce_i64(&mut counts)?;
    Ok(counts[..ranks.rank()].iter().sum::<i64>() as u64)
}

fn check_columns(table: &Table) -> Result<(), FitError> {
    for (name, column) in table.iter() {
        if !matches!(column, Column::Number(_) | Column::Category { .. }) {
            return Err(FitError::Column {
                learner: ID,
                column: name.to_owned(),
                kind: column.kind_name(),
            });
        }
    }
    if table.n_columns() == 0 {
        return Err(FitError::NoFeatures { learner: ID });
    }
    Ok(())
}

/// What must be the same on all ranks, a line each.
fn described(
    params: &GradientBoostingParams,
    ctx: &FitContext<'_>,
    data: &TrainingData<'_>,
) -> String {
    let mut text = format!("seed: {}\n", ctx.seed.0);
    let mut line = |name: &str, value: &dyn std::fmt::Debug| {
        writeln!(text, "{name}: {value:?}").expect("texts take all that is written to them");
    };
    for (name, value) in &params.to_map() {
        line(name, value);
    }
    let whole = data.train.data();
    line("task", whole.task());
    line("weights", &whole.weight().is_some());
    line("validation rows", &data.valid.is_some());
    for (name, column) in whole.table().iter() {
        match column {
            Column::Category { levels, .. } => {
                line(
                    &format!("category '{name}'"),
                    &levels.iter().collect::<Vec<_>>(),
                );
            }
            other => line(&format!("column '{name}'"), &other.kind_name()),
        }
    }
    text
}
