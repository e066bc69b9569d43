//! Encoded datasets: a recipe applied once and shared by every trial that asks for it.
//!
//! A recipe that reads the target is fitted for each split on that split's training rows alone, and so is every recipe
//! where rows have times or groups: the future, or another group, must not be looked at in any way. Otherwise a recipe
//! that does not read the target is fitted once on all rows, and shared: it sees the features of validation rows, as it
//! would see those of any table, never their target.

use crate::recipes;
use crate::trial::{TargetMap, TrialConfig};
use automl_core::{Dataset, DatasetError, FitContext, FitError, Seed, Target};
use automl_features::FittedRecipe;
use std::sync::Arc;

/// A dataset whose table a recipe made.
pub(crate) struct Encoded {
    pub(crate) data: Dataset,
    pub(crate) recipe: Arc<FittedRecipe>,
}

/// Which rows a supervised recipe learns from.
#[derive(Clone, Copy)]
pub(crate) enum Rows<'a> {
    /// All of them: for the final model.
    All,
    /// The training rows of split `index`.
    Split { index: usize, train: &'a [u32] },
}

/// The dataset as `config`'s learner sees it; built by whoever asks first, with a seed that all share: that of the whole fit.
pub(crate) fn encode(
    ctx: &FitContext<'_>,
    seed: Seed,
    data: &Dataset,
    config: &TrialConfig,
    rows: Rows<'_>,
) -> Result<Arc<Encoded>, FitError> {
    encode_shared(&ctx.with_seed(seed.named("encode")), data, config, rows)
}

fn encode_shared(
    ctx: &FitContext<'_>,
    data: &Dataset,
    config: &TrialConfig,
    rows: Rows<'_>,
) -> Result<Arc<Encoded>, FitError> {
    let recipe = recipes::recipe(config.recipe);
    let by_split = recipe.is_supervised() || data.time().is_some() || data.groups().is_some();
    let rows_key = match rows {
        Rows::Split { index, .. } if by_split => format!("split {index}"),
        _ => "all".to_owned(),
    };
    let map = config.target_map;
    let key = format!("{} {rows_key} {}", config.recipe, map.name());
    // A recipe that cannot be fitted is not tried again; one that the budget cut short may be.
    let encoded = data.derived().get_or_try_build(&key, || {
        let built = build(ctx, data, config, rows, by_split);
        match built {
            Err(FitError::Cancelled) => Err(FitError::Cancelled),
            other => Ok(other.map_err(|error| error.to_string())),
        }
    })?;
    match encoded.as_ref() {
        Ok(encoded) => Ok(encoded.clone()),
        Err(reason) => Err(FitError::Numeric {
            learner: "recipe",
            reason: reason.clone(),
        }),
    }
}

/// Fits the recipe on the rows that it may learn from, and applies it to all.
fn build(
    ctx: &FitContext<'_>,
    data: &Dataset,
    config: &TrialConfig,
    rows: Rows<'_>,
    by_split: bool,
) -> Result<Arc<Encoded>, FitError> {
    let map = config.target_map;
    if map != TargetMap::Identity && !by_split {
        let plain = TrialConfig {
            target_map: TargetMap::Identity,
            ..config.clone()
        };
        let base = encode_shared(ctx, data, &plain, rows)?;
        return Ok(Arc::new(Encoded {
            data: mapped(&base.data, map).map_err(|error| unfit(&error))?,
            recipe: base.recipe.clone(),
        }));
    }
    let all_rows;
    let learn_from: &[u32] = match rows {
        Rows::Split { train, .. } if by_split => train,
        _ => {
            all_rows = data.all_rows();
            &all_rows
        }
    };
    let source = mapped(data, map).map_err(|error| unfit(&error))?;
    let recipe = recipes::recipe(config.recipe);
    let (recipe, table) = recipe.fit_transform(ctx, &source, learn_from)?;
    Ok(Arc::new(Encoded {
        data: source.with_table(table).map_err(|error| unfit(&error))?,
        recipe: Arc::new(recipe),
    }))
}

fn unfit(error: &DatasetError) -> FitError {
    FitError::Numeric {
        learner: "recipe",
        reason: error.to_string(),
    }
}

fn mapped(data: &Dataset, map: TargetMap) -> Result<Dataset, DatasetError> {
    let target = match data.target() {
        Target::Numbers(values) if map != TargetMap::Identity => {
            Target::Numbers(values.iter().map(|&value| map.forward(value)).collect())
        }
        other => other.clone(),
    };
    data.with_target(data.task().clone(), target)
}
