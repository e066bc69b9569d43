//! The model that a fit gives: a weighted sum of pipelines.

use crate::importance::{self, ColumnImportance};
use crate::plan::raise;
use crate::registry;
use crate::trial::TargetMap;
use crate::{calibrate, conformal, outputs};
use automl_core::{
    Artifact, ArtifactError, ExplainError, Explanation, Importance, Model, PredictError,
    Predictions, TableView, Task, Threads, Transformer,
};
use automl_features::FittedRecipe;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// The kind that its artifacts carry.
const KIND: &str = "ensemble";

/// One pipeline of the ensemble: encode, predict, undo the target's map.
pub(crate) struct Member {
    /// Its share; all shares sum to 1.
    pub(crate) weight: f64,
    /// Position of its recipe in the ensemble's list.
    pub(crate) recipe: usize,
    pub(crate) target_map: TargetMap,
    /// What its predictions may be at most.
    pub(crate) ceiling: Option<f64>,
    pub(crate) model: Arc<dyn Model>,
}

/// One pipeline to put into an ensemble, with any positive weight.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) weight: f64,
    pub(crate) recipe: Arc<FittedRecipe>,
    pub(crate) target_map: TargetMap,
    /// What its predictions may be at most.
    pub(crate) ceiling: Option<f64>,
    pub(crate) model: Arc<dyn Model>,
}

/// A member without its model, as an artifact writes it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberMeta {
    weight: f64,
    recipe: usize,
    target_map: TargetMap,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ceiling: Option<f64>,
}

/// A weighted mean of pipelines; the table is encoded once for all members that share a recipe.
pub struct EnsembleModel {
    task: Task,
    /// What each member's predictions are raised to at least.
    floor: Option<f64>,
    /// The power that the mean's probabilities are raised to, if that makes them truer.
    power: Option<f64>,
    /// What is added to each quantile.
    shifts: Option<Vec<f64>>,
    /// The column that what it predicts is multiplied by.
    exposure: Option<String>,
    recipes: Vec<Arc<FittedRecipe>>,
    members: Vec<Member>,
}

impl EnsembleModel {
    /// An ensemble of `parts`: weights are scaled to sum to 1 and shared recipes are kept once.
    pub(crate) fn new(task: Task, floor: Option<f64>, parts: Vec<Part>) -> Self {
        let total: f64 = parts.iter().map(|part| part.weight).sum();
        let mut recipes: Vec<Arc<FittedRecipe>> = Vec::new();
        let mut members = Vec::new();
        for part in parts {
            let known = recipes
                .iter()
                .position(|recipe| Arc::ptr_eq(recipe, &part.recipe));
            let recipe = known.unwrap_or_else(|| {
                recipes.push(part.recipe);
                recipes.len() - 1
            });
            members.push(Member {
                weight: part.weight / total,
                recipe,
                target_map: part.target_map,
                ceiling: part.ceiling,
                model: part.model,
            });
        }
        members.sort_by_key(|member| member.recipe);
        Self {
            task,
            floor,
            power: None,
            shifts: None,
            exposure: None,
            recipes,
            members,
        }
    }

    /// The same with its probabilities raised to a power, and scaled to sum to 1.
    #[must_use]
    pub(crate) fn raised_to(self, power: Option<f64>) -> Self {
        Self { power, ..self }
    }

    /// The same with numbers added to its quantiles.
    #[must_use]
    pub(crate) fn shifted_by(self, shifts: Option<Vec<f64>>) -> Self {
        Self { shifts, ..self }
    }

    /// A model of what happens in one unit of exposure, as one of what happens in as many as a column of the table says.
    #[must_use]
    pub fn exposed_to(self, column: Option<String>) -> Self {
        Self {
            exposure: column,
            ..self
        }
    }

    /// The column that holds for how long, or for how many, each row is counted.
    pub fn exposure(&self) -> Option<&str> {
        self.exposure.as_deref()
    }

    /// What it predicts.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Number of models that vote.
    pub fn n_models(&self) -> usize {
        self.members.len()
    }

    /// Reads an ensemble back.
    ///
    /// # Errors
    /// A part is missing, of another kind, or refers to what is not there.
    pub fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        if artifact.kind != KIND {
            return Err(ArtifactError::UnknownKind {
                kind: artifact.kind.clone(),
            });
        }
        let task: Task = artifact.meta("task")?;
        let is_possible = match &task {
            Task::Binary { classes } => classes.len() == 2,
            Task::Multiclass { classes } => classes.len() > 2,
            Task::Quantile { levels } => outputs::are_levels(levels),
            _ => true,
        };
        if !is_possible {
            return Err(artifact.invalid("task", "it has a wrong number of classes or levels"));
        }
        let metas: Vec<MemberMeta> = artifact.meta("members")?;
        let n_recipes: usize = artifact.meta("n_recipes")?;
        if n_recipes.checked_add(metas.len()) != Some(artifact.children.len()) || metas.is_empty() {
            return Err(artifact.invalid("members", "their number is not that of the parts"));
        }
        let (recipes, models) = artifact.children.split_at(n_recipes);
        let recipes = recipes
            .iter()
            .map(|recipe| Ok(Arc::new(FittedRecipe::load(recipe)?)))
            .collect::<Result<_, _>>()?;
        let members = read_members(artifact, metas, models, n_recipes)?;
        let number = |name: &str| -> Result<Option<f64>, ArtifactError> {
            let is_there = artifact.meta.get(name).is_some();
            is_there.then(|| artifact.meta(name)).transpose()
        };
        let power = number("power")?;
        if power.is_some_and(|power| !power.is_finite() || power <= 0.0) {
            return Err(artifact.invalid("power", "it is not above zero"));
        }
        let floor = number("floor")?;
        let shifts = read_shifts(artifact, &task)?;
        let exposure = match artifact.meta.get("exposure") {
            Some(_) if task != Task::Regression => {
                return Err(artifact.invalid("exposure", "classes have none"));
            }
            Some(_) => Some(artifact.meta("exposure")?),
            None => None,
        };
        Ok(Self {
            task,
            floor,
            power,
            shifts,
            exposure,
            recipes,
            members,
        })
    }

    /// How much each column of the table matters: the shares of the features that are made from it, summed over the
    /// members by their weight. A feature of several columns is shared out evenly. `None` if no member can say.
    ///
    /// # Errors
    /// A recipe's steps do not fit together: the model was altered.
    pub fn column_importance(&self) -> Result<Option<ColumnImportance>, PredictError> {
        let mut parts = Vec::with_capacity(self.members.len());
        for member in &self.members {
            if let Some(importance) = member.model.importance() {
                let origins = self.recipes[member.recipe].origins()?;
                parts.push((member.weight, importance, origins));
            }
        }
        Ok(ColumnImportance::sum(parts))
    }

    pub(crate) fn recipes(&self) -> &[Arc<FittedRecipe>] {
        &self.recipes
    }

    /// The models that take what a recipe gives; members are in the order of their recipes.
    pub(crate) fn models_of(&self, recipe: usize) -> impl Iterator<Item = &dyn Model> {
        let members = self.members.iter();
        members
            .filter(move |member| member.recipe == recipe)
            .map(|member| &*member.model)
    }

    /// The share of a member.
    pub(crate) fn weight(&self, member: usize) -> f64 {
        self.members[member].weight
    }

    pub(crate) fn power(&self) -> Option<f64> {
        self.power
    }

    /// Whether a member learned another number than the target.
    pub(crate) fn maps_target(&self, member: usize) -> bool {
        self.members[member].target_map != TargetMap::Identity
    }

    /// Makes what a member's model says a prediction of the target.
    pub(crate) fn undo_target(&self, member: usize, predictions: &mut Predictions) {
        self.undo_target_of(&self.members[member], predictions);
    }

    fn undo_target_of(&self, member: &Member, predictions: &mut Predictions) {
        member.target_map.undo(predictions, member.ceiling);
        if let Some(floor) = self.floor {
            raise(predictions, floor);
        }
    }

    /// For how long, or for how many, each row is to be predicted, if that is told.
    pub(crate) fn exposures(&self, rows: &TableView<'_>) -> Result<Option<Vec<f64>>, PredictError> {
        let exposure = self.exposure.as_deref();
        exposure.map(|name| exposure_of(rows, name)).transpose()
    }

    /// The task's shape of predictions, all zero.
    fn zeros(&self, n_rows: usize) -> Predictions {
        match &self.task {
            Task::Quantile { levels } => Predictions::Quantiles {
                levels: levels.as_slice().into(),
                values: vec![0.0; n_rows * levels.len()],
            },
            task => match task.n_classes() {
                0 => Predictions::Numbers(vec![0.0; n_rows]),
                n_classes => Predictions::Probabilities {
                    n_classes,
                    values: vec![0.0; n_rows * n_classes],
                },
            },
        }
    }
}

/// What is added to the quantiles: a finite number for each.
fn read_shifts(artifact: &Artifact, task: &Task) -> Result<Option<Vec<f64>>, ArtifactError> {
    if artifact.meta.get("shifts").is_none() {
        return Ok(None);
    }
    let shifts: Vec<f64> = artifact.meta("shifts")?;
    let are_whole = shifts.len() == task.levels().len() && !shifts.is_empty();
    if !are_whole || shifts.iter().any(|shift| !shift.is_finite()) {
        return Err(artifact.invalid("shifts", "they are not a number for each quantile"));
    }
    Ok(Some(shifts))
}

/// The members, each with the model that is written for it.
fn read_members(
    artifact: &Artifact,
    metas: Vec<MemberMeta>,
    models: &[Artifact],
    n_recipes: usize,
) -> Result<Vec<Member>, ArtifactError> {
    metas
        .into_iter()
        .zip(models)
        .map(|(meta, model)| {
            if meta.recipe >= n_recipes || !(0.0..=1.0).contains(&meta.weight) {
                return Err(artifact.invalid("members", "a recipe or a weight is out of range"));
            }
            if meta
                .ceiling
                .is_some_and(|ceiling| ceiling.is_nan() || ceiling < 0.0)
            {
                return Err(artifact.invalid("members", "a ceiling is below zero"));
            }
            let model: Arc<dyn Model> = Arc::from(registry::load(model)?);
            Ok(Member {
                weight: meta.weight,
                recipe: meta.recipe,
                target_map: meta.target_map,
                ceiling: meta.ceiling,
                model,
            })
        })
        .collect()
}

/// For how long, or for how many, each row is to be predicted.
fn exposure_of(rows: &TableView<'_>, name: &str) -> Result<Vec<f64>, PredictError> {
    let values = rows.number(name)?;
    let value = |row: usize| {
        let value = values[row];
        let is_exposure = value.is_finite() && value >= 0.0;
        is_exposure
            .then_some(value)
            .ok_or_else(|| PredictError::Exposure {
                name: name.into(),
                row,
            })
    };
    rows.iter_rows().map(value).collect()
}

impl Model for EnsembleModel {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let mut sum = self.zeros(rows.n_rows());
        for (position, recipe) in self.recipes.iter().enumerate() {
            let table = recipe.transform(rows)?;
            for member in self
                .members
                .iter()
                .filter(|member| member.recipe == position)
            {
                let mut predictions = member.model.predict(&table.view())?;
                if predictions.width() != sum.width() {
                    return Err(PredictError::Width {
                        found: predictions.width(),
                        expected: sum.width(),
                    });
                }
                self.undo_target_of(member, &mut predictions);
                sum.add_scaled(member.weight, &predictions);
            }
        }
        if let Some(power) = self.power {
            calibrate::sharpen(&mut sum, power);
        }
        if let Some(shifts) = &self.shifts {
            conformal::shift(&mut sum, shifts);
        }
        if let Some(name) = &self.exposure {
            let exposure = exposure_of(rows, name)?;
            for (value, exposure) in sum.values_mut().iter_mut().zip(exposure) {
                *value *= exposure;
            }
        }
        Ok(sum)
    }

    fn explain(
        &self,
        rows: &TableView<'_>,
        threads: &Threads,
    ) -> Result<Explanation, ExplainError> {
        self.explained(rows, threads)
    }

    fn importance(&self) -> Option<Importance> {
        let members = self.members.iter();
        importance::weighted(
            members.filter_map(|member| Some((member.weight, member.model.importance()?))),
        )
    }

    fn row_work(&self) -> f64 {
        let recipes = self.recipes.iter().map(|recipe| recipe.row_work());
        let models = self.members.iter().map(|member| member.model.row_work());
        recipes.sum::<f64>() + models.sum::<f64>()
    }

    fn artifact(&self) -> Artifact {
        let meta = |member: &Member| MemberMeta {
            weight: member.weight,
            recipe: member.recipe,
            target_map: member.target_map,
            ceiling: member.ceiling,
        };
        let members: Vec<MemberMeta> = self.members.iter().map(meta).collect();
        let mut artifact = Artifact::new(
            KIND,
            json!({ "task": self.task, "n_recipes": self.recipes.len(), "members": members }),
        );
        if let Some(floor) = self.floor {
            artifact.meta["floor"] = floor.into();
        }
        if let Some(power) = self.power {
            artifact.meta["power"] = power.into();
        }
        if let Some(shifts) = &self.shifts {
            artifact.meta["shifts"] = json!(shifts);
        }
        if let Some(exposure) = &self.exposure {
            artifact.meta["exposure"] = exposure.as_str().into();
        }
        let recipes = self.recipes.iter().map(|recipe| recipe.artifact());
        artifact.children = recipes
            .chain(self.members.iter().map(|member| member.model.artifact()))
            .collect();
        artifact
    }
}
