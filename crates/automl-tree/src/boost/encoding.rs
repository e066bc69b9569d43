//! Categories of many levels as ordered target statistics: features that a fit makes of its own training rows.
//!
//! They depend on the targets of the rows that are learned from, so they are no part of the bins that fits share.

use super::rows::Rows;
use crate::binning::{BinnedColumn, Bins, bin_numbers, number_edges};
use crate::gradient_boosting::GradientBoostingParams;
use crate::level_means::{MeanTargets, mean_of};
use automl_core::{Column, DatasetView, FitContext, Params, Threads};
use rand::Rng;
use std::sync::Arc;

/// How trees see a category.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatEncoding {
    /// As a set of levels, sorted by their mean gradient in each leaf. Levels beyond the bins share the last one.
    Sorted,
    /// As the mean target of its level over the rows before it in a random order, where there are more levels than
    /// `max_sorted_levels`; others are sorted.
    OrderedTarget,
}

/// The levels beyond which a category has no feature among the shared bins.
pub(super) fn levels_max(params: &GradientBoostingParams) -> usize {
    match params.cat_encoding {
        CatEncoding::Sorted => usize::MAX,
        CatEncoding::OrderedTarget => params.max_sorted_levels,
    }
}

/// The features of the training rows: one for each output of each column of more levels. Cost: a few passes over the rows
/// for each.
pub(super) fn learned(
    params: &GradientBoostingParams,
    ctx: &FitContext<'_>,
    train: &DatasetView<'_>,
    rows: &Rows,
    n_outputs: usize,
) -> Vec<BinnedColumn> {
    let encoded = encoded_columns(params, train);
    if encoded.is_empty() {
        return Vec::new();
    }
    let mut order: Vec<u32> = (0..train.n_rows() as u32).collect();
    let mut rng = ctx.seed.named("order").rng();
    for end in (1..order.len()).rev() {
        let place = (u64::from(rng.next_u32()) * (end as u64 + 1)) >> 32;
        order.swap(end, place as usize);
    }
    let targets = MeanTargets {
        targets: &rows.targets,
        weights: rows.weights.as_deref(),
        n_outputs,
        prior_rows: params.target_prior_rows,
        order: &order,
    };
    let of_column = |index: usize| {
        let (column, codes, n_levels) = encoded[index];
        let (means, ordered) = targets.learn(&codes_of(codes, train), n_levels);
        let means = Arc::new(means);
        let feature = |(output, values): (usize, Vec<f64>)| {
            let edges = number_edges(&values, params.max_bins);
            BinnedColumn {
                column,
                n_bins: edges.len() + 1,
                codes: bin_numbers(&values, &edges),
                bins: Bins::Means {
                    edges,
                    means: means.clone(),
                    output,
                },
            }
        };
        let features = ordered.into_iter().enumerate().map(feature);
        features.filter(|feature| !feature.is_constant()).collect()
    };
    let columns: Vec<Vec<BinnedColumn>> = ctx.threads.map(encoded.len(), of_column);
    columns.into_iter().flatten().collect()
}

/// The same features of rows that are not learned from, which see all training rows.
pub(super) fn applied(
    columns: &[BinnedColumn],
    view: &DatasetView<'_>,
    threads: &Threads,
) -> Vec<BinnedColumn> {
    threads.map(columns.len(), |index| {
        let column = &columns[index];
        let mut applied = BinnedColumn {
            codes: Vec::new(),
            bins: column.bins.clone(),
            ..*column
        };
        if let (
            Bins::Means {
                edges,
                means,
                output,
            },
            Column::Category { codes, .. },
        ) = (&column.bins, view.data().table().column_at(column.column))
        {
            let (levels, prior) = (means.of_output(*output), means.priors[*output]);
            let values = codes_of(codes, view);
            let values: Vec<f64> = values
                .into_iter()
                .map(|code| mean_of(levels, prior, code))
                .collect();
            applied.codes = bin_numbers(&values, edges);
        }
        applied
    })
}

/// Position, codes and number of levels of each column to encode.
fn encoded_columns<'a>(
    params: &GradientBoostingParams,
    view: &DatasetView<'a>,
) -> Vec<(usize, &'a [u32], usize)> {
    let columns = view.data().table().iter().enumerate();
    let encoded = columns.filter_map(|(position, (_, column))| match column {
        Column::Category { codes, levels } if levels.len() > levels_max(params) => {
            Some((position, codes.as_slice(), levels.len()))
        }
        _ => None,
    });
    encoded.collect()
}

fn codes_of(codes: &[u32], view: &DatasetView<'_>) -> Vec<u32> {
    view.rows().iter().map(|&row| codes[row as usize]).collect()
}
