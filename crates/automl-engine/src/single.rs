//! One model by itself, trained outside a search, as an ensemble of one that every verb takes.

use crate::model::{EnsembleModel, Part};
use crate::recipes;
use crate::trial::TargetMap;
use automl_core::{Dataset, FitContext, FitError, Model};
use automl_features::FittedRecipe;
use std::sync::Arc;

/// A dataset in which times and texts have become numbers, as a model takes it that reads numbers and categories.
pub struct Single {
    /// The encoded dataset, all rows.
    pub data: Dataset,
    recipe: Arc<FittedRecipe>,
}

impl Single {
    /// Encodes a dataset by what its training rows say.
    ///
    /// # Errors
    /// A step of the recipe cannot be fitted.
    pub fn encode(ctx: &FitContext<'_>, data: &Dataset, train: &[u32]) -> Result<Self, FitError> {
        Self::by("trees", ctx, data, train)
    }

    fn by(
        recipe: &str,
        ctx: &FitContext<'_>,
        data: &Dataset,
        train: &[u32],
    ) -> Result<Self, FitError> {
        let recipe = recipes::recipe(recipe);
        let (recipe, table) = recipe.fit_transform(ctx, data, train)?;
        let data = data.with_table(table).map_err(|error| FitError::Numeric {
            learner: "recipe",
            reason: error.to_string(),
        })?;
        Ok(Self {
            data,
            recipe: Arc::new(recipe),
        })
    }

    /// A dataset whose columns a model reads as they are.
    ///
    /// # Errors
    /// None that is known.
    pub fn as_it_is(ctx: &FitContext<'_>, data: &Dataset) -> Result<Self, FitError> {
        Self::by("none", ctx, data, &data.all_rows())
    }

    /// A model of the encoded dataset as one of the dataset that it was made of.
    pub fn into_model(self, model: Box<dyn Model>) -> EnsembleModel {
        let part = Part {
            weight: 1.0,
            recipe: self.recipe,
            target_map: TargetMap::Identity,
            ceiling: None,
            model: Arc::from(model),
        };
        EnsembleModel::new(self.data.task().clone(), None, vec![part])
    }
}
