//! Forests: deep trees grown apart from each other on the shared bins, their leaves averaged.
//!
//! A tree holds the mean target, the share of the second class, or one share a class in its leaves. Trees are grown in
//! batches of fixed size, one a thread, so the model is the same at any number of threads.

mod grow;
mod model;
mod order;
mod out_of_bag;
mod scan;

pub(crate) use grow::ForestGrower;
pub(crate) use model::ForestModel;
pub use out_of_bag::OutOfBag;

use crate::binning::{BinnedTable, BinningRules, columns_of};
use crate::ensemble::Ensemble;
use crate::tree::Tree;
use automl_core::{DatasetView, FitContext, FitError, Fitted, Seed, Task, TrainingData};
use model::Shares;

/// Trees between two looks at the budget, for each thread and for all.
const BATCH_TREES: usize = 8;

/// What both kinds of forest share.
#[derive(Debug, Clone)]
pub(crate) struct ForestRules {
    pub(crate) learner: &'static str,
    pub(crate) n_trees: usize,
    /// Zero means no limit.
    pub(crate) max_depth: usize,
    pub(crate) min_rows: usize,
    /// Share of the features that each node looks at; zero is the square root for classes, a third for numbers.
    pub(crate) column_fraction: f64,
    /// Rows drawn for each tree, as a share of all; with replacement if `is_bootstrap`.
    pub(crate) row_fraction: f64,
    pub(crate) is_bootstrap: bool,
    /// One random threshold a feature instead of the best one.
    pub(crate) has_random_thresholds: bool,
    pub(crate) max_bins: usize,
    /// Rows of the parent's class shares that are mixed into those of a node.
    pub(crate) parent_rows: f64,
}

/// What the leaves learn.
#[derive(Debug, Clone)]
pub(crate) enum Targets {
    /// Numbers, or 0 and 1 for two classes.
    Numbers(Vec<f64>),
    /// Codes below `n_classes`.
    Classes { codes: Vec<u32>, n_classes: usize },
}

impl Targets {
    /// Numbers a leaf holds.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Numbers(_) => 1,
            Self::Classes { n_classes, .. } => *n_classes,
        }
    }
}

/// Fits on the dataset's table, or on `binned`, to which the dataset adds targets and weights.
pub(crate) fn fit(
    rules: &ForestRules,
    ctx: &FitContext<'_>,
    data: &TrainingData<'_>,
    binned: Option<&BinnedTable>,
) -> Result<Fitted, FitError> {
    let (fitted, ()) = fit_and_look(rules, ctx, data, binned, |_, _, _| ())?;
    Ok(fitted)
}

/// Fits a forest; each tree also predicts the rows that it was not grown on.
pub(crate) fn fit_out_of_bag(
    rules: &ForestRules,
    ctx: &FitContext<'_>,
    data: &TrainingData<'_>,
) -> Result<(Fitted, OutOfBag), FitError> {
    fit_and_look(rules, ctx, data, None, |grower, trees, shares| {
        out_of_bag::predict(grower, trees, shares, ctx)
    })
}

/// Fits a forest and has a look at its trees before they are put into the model.
fn fit_and_look<T>(
    rules: &ForestRules,
    ctx: &FitContext<'_>,
    data: &TrainingData<'_>,
    binned: Option<&BinnedTable>,
    look: impl FnOnce(&ForestGrower<'_>, &[Tree], Shares) -> T,
) -> Result<(Fitted, T), FitError> {
    let train = &data.train;
    let (targets, shares) = targets(rules, train)?;
    let binning = BinningRules {
        max_bins: rules.max_bins,
        has_bundles: true,
        levels_max: usize::MAX,
    };
    let (table, shared) = columns_of(train.data(), binned, rules.learner, binning, ctx)?;
    let matrix = shared.of_rows(train.rows(), &ctx.threads);
    let weights = train.weights();
    check_squares(rules, &targets, weights.as_deref())?;
    let smoothed = ForestRules {
        parent_rows: match shares {
            Shares::Mean => 0.0,
            _ => rules.parent_rows,
        },
        ..rules.clone()
    };
    let grower = ForestGrower {
        matrix: &matrix,
        targets: &targets,
        weights: weights.as_deref(),
        rules: &smoothed,
        n_looks: n_looks(rules, shared.features.len(), shares),
    };
    let (trees, is_partial) = grow_all(&grower, ctx)?;
    let seen = look(&grower, &trees, shares);
    let ensemble = Ensemble::new(table, &shared, &trees, targets.width());
    if !ensemble.is_finite() {
        return Err(numeric(rules, "the values or gains of its trees overflow"));
    }
    let fitted = Fitted {
        model: Box::new(ForestModel {
            learner: rules.learner,
            shares,
            ensemble,
        }),
        learned: std::collections::BTreeMap::new(),
        is_partial,
    };
    Ok((fitted, seen))
}

/// What the leaves learn, and what they hold then.
fn targets(rules: &ForestRules, train: &DatasetView<'_>) -> Result<(Targets, Shares), FitError> {
    let numbers = || Targets::Numbers(train.target_numbers());
    match train.task() {
        Task::Regression => Ok((numbers(), Shares::Mean)),
        Task::Binary { .. } => Ok((numbers(), Shares::SecondClass)),
        Task::Multiclass { classes } => {
            let (codes, n_classes) = (train.class_codes(), classes.len());
            Ok((Targets::Classes { codes, n_classes }, Shares::Classes))
        }
        task => Err(FitError::Task {
            learner: rules.learner,
            task: task.kind().name(),
        }),
    }
}

/// Splits square sums of weighted targets: beyond double precision none would gain, and each tree would silently be one
/// leaf. No tree draws more rows than there are, so no sum of it is greater than this bound.
fn check_squares(
    rules: &ForestRules,
    targets: &Targets,
    weights: Option<&[f64]>,
) -> Result<(), FitError> {
    let sizes: Vec<f64> = match targets {
        Targets::Numbers(numbers) => numbers.iter().map(|y| y.abs().max(1.0)).collect(),
        Targets::Classes { codes, .. } => vec![1.0; codes.len()],
    };
    let weighted = |(row, size): (usize, &f64)| size * weights.map_or(1.0, |w| w[row]);
    let greatest = sizes.iter().enumerate().map(weighted).fold(0.0, f64::max);
    let sum = greatest * sizes.len() as f64;
    if (sum * sum).is_finite() {
        return Ok(());
    }
    Err(numeric(
        rules,
        "target or weights are too large to square; scale them",
    ))
}

fn numeric(rules: &ForestRules, reason: &str) -> FitError {
    FitError::Numeric {
        learner: rules.learner,
        reason: reason.to_owned(),
    }
}

/// The seed of a tree.
fn tree_seed(ctx: &FitContext<'_>, tree: usize) -> Seed {
    ctx.seed.named("tree").indexed(tree as u64)
}

/// All trees, or those grown when the budget was over.
fn grow_all(
    grower: &ForestGrower<'_>,
    ctx: &FitContext<'_>,
) -> Result<(Vec<Tree>, bool), FitError> {
    let n_trees = grower.rules.n_trees;
    let mut trees = Vec::with_capacity(n_trees);
    while trees.len() < n_trees {
        let first = trees.len();
        let batch = ctx.threads.map(BATCH_TREES.min(n_trees - first), |index| {
            let seed = tree_seed(ctx, first + index);
            let is_over = ctx.budget.is_over();
            (!is_over).then(|| grower.grow(seed, &ctx.budget))?
        });
        // Only trees without a gap before them are kept: the model is the one of so many trees.
        let n_before = trees.len();
        let n_batch = batch.len();
        trees.extend(batch.into_iter().map_while(|tree| tree));
        if trees.len() < n_before + n_batch {
            break;
        }
    }
    if trees.is_empty() {
        return Err(FitError::Cancelled);
    }
    let is_partial = trees.len() < n_trees;
    Ok((trees, is_partial))
}

/// Features that a node looks at.
fn n_looks(rules: &ForestRules, n_features: usize, shares: Shares) -> usize {
    let n = n_features as f64;
    let looks = if rules.column_fraction > 0.0 {
        n * rules.column_fraction
    } else if shares == Shares::Mean {
        n / 3.0
    } else {
        n.sqrt()
    };
    (looks as usize).max(1)
}

#[cfg(test)]
mod tests;
