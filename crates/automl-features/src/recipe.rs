//! A recipe: steps in order, as data, and how they are fitted.

use crate::fitted::FittedRecipe;
use crate::frame::{Frame, Labels, check_budget};
use crate::select::ColumnKind;
use crate::step::Step;
use automl_core::{Coded, Dataset, DatasetView, FitContext, FitError, ParamError, Table};
use serde::{Deserialize, Serialize};

/// Steps that turn a table into features, in order. An empty recipe leaves tables as they are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The steps; each works on what the ones before it left.
    pub steps: Vec<Step>,
}

/// Why a text is no recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// It is not YAML, or not of a recipe's form.
    #[error("the recipe cannot be read: {reason}")]
    Yaml {
        /// What is wrong and where.
        reason: String,
    },
    /// A step's parameter cannot be used.
    #[error("step {number} ({step}) of the recipe: {source}")]
    Param {
        /// The step's place, from 1.
        number: usize,
        /// The step.
        step: &'static str,
        /// What is wrong.
        source: ParamError,
    },
}

impl Coded for RecipeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Yaml { .. } => "recipe-yaml",
            Self::Param { .. } => "recipe-param",
        }
    }
}

impl Recipe {
    /// A recipe of these steps.
    pub fn new(steps: Vec<Step>) -> Self {
        Self { steps }
    }

    /// Reads a recipe from YAML (or JSON) and checks its parameters. Unknown keys are errors.
    pub fn from_yaml(text: &str) -> Result<Self, RecipeError> {
        let recipe: Self = serde_saphyr::from_str(text).map_err(|error| RecipeError::Yaml {
            reason: error.to_string(),
        })?;
        recipe.check()?;
        Ok(recipe)
    }

    /// The recipe as YAML with every parameter spelled out.
    pub fn to_yaml(&self) -> Result<String, RecipeError> {
        serde_saphyr::to_string(self).map_err(|error| RecipeError::Yaml {
            reason: error.to_string(),
        })
    }

    /// Whether every step's parameters can be used.
    pub fn check(&self) -> Result<(), RecipeError> {
        for (index, step) in self.steps.iter().enumerate() {
            step.params().check().map_err(|source| RecipeError::Param {
                number: index + 1,
                step: step.id(),
                source,
            })?;
        }
        Ok(())
    }

    /// Whether any step reads the target, so that features must be made anew for each fold.
    pub fn is_supervised(&self) -> bool {
        self.steps.iter().any(|step| step.params().is_supervised())
    }

    /// Fits the steps on the rows of `train`. The same rows, recipe and seed give the same bytes at any thread count.
    ///
    /// # Errors
    /// A parameter or a named column cannot be used, or the budget, which is polled once a step and, in the dear ones, once a column,
    /// ended first.
    pub fn fit(
        &self,
        ctx: &FitContext<'_>,
        train: &DatasetView<'_>,
    ) -> Result<FittedRecipe, FitError> {
        let table = train.table().to_table().into_owned();
        let rows: Vec<u32> = (0..table.n_rows() as u32).collect();
        let n_applied = self.steps.len().saturating_sub(1);
        self.fit_rows(ctx, table, train, &rows, n_applied)
            .map(|(fitted, _)| fitted)
    }

    /// Fits the steps on `train_rows` and transforms all rows of `data`.
    ///
    /// Steps that read the target encode each training row by what other training rows taught; rows outside
    /// `train_rows` are transformed as new rows are, so that they may serve for validation.
    ///
    /// # Errors
    /// As [`Recipe::fit`].
    pub fn fit_transform(
        &self,
        ctx: &FitContext<'_>,
        data: &Dataset,
        train_rows: &[u32],
    ) -> Result<(FittedRecipe, Table), FitError> {
        let train = data.view(train_rows);
        let table = data.table().clone();
        self.fit_rows(ctx, table, &train, train_rows, self.steps.len())
    }

    /// Fits on `rows` of `table`, which are the rows of `train`, and gives the whole table as the first `n_applied` steps
    /// transform it.
    fn fit_rows(
        &self,
        ctx: &FitContext<'_>,
        mut table: Table,
        train: &DatasetView<'_>,
        rows: &[u32],
        n_applied: usize,
    ) -> Result<(FittedRecipe, Table), FitError> {
        for step in &self.steps {
            step.params().check()?;
        }
        let inputs = table
            .iter()
            .map(|(name, column)| (name.to_owned(), ColumnKind::of(column)))
            .collect();
        let labels = Labels::of(train);
        let mut steps = Vec::with_capacity(self.steps.len());
        for (index, step) in self.steps.iter().enumerate() {
            check_budget(ctx)?;
            let part = step.params().fit(&Frame {
                table: &table,
                rows,
                ids: train.rows(),
                labels: &labels,
                ctx,
                seed: ctx.seed.named("recipe").indexed(index as u64),
            })?;
            if index < n_applied {
                table = match part.table {
                    Some(encoded) => encoded,
                    None => part.step.apply(&table, &ctx.threads)?,
                };
            }
            steps.push(part.step);
        }
        Ok((FittedRecipe::new(self.clone(), inputs, steps), table))
    }
}
