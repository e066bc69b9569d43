//! Steps that were checked against each other, and what they say of a table.

use super::columns::{Known, Taken, Whose, merged};
use super::error::{ComposeError, StepProblem};
use super::{PipelineStep, StepModel, Together, predicted};
use automl_core::{
    Column, Decision, Field, Kind, Levels, Model as _, PredictError, Predictions, Role, Table, Task,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The output of a step that is what it predicts.
const PREDICTION: &str = "prediction";

/// A step that fits.
pub(super) struct Step {
    pub(super) name: String,
    pub(super) together: Together,
    /// What it predicts, with classes in the order of its first model.
    pub(super) task: Task,
    pub(super) models: Vec<Placed>,
    adds: Vec<Added>,
}

/// A model at its place in a step.
pub(super) struct Placed {
    pub(super) given: StepModel,
    takes: Vec<Taken>,
    /// For each class of the step, its place among those of the model.
    classes: Vec<usize>,
    /// Its share in what the step says.
    share: f64,
}

/// An output that becomes a column.
struct Added {
    output: Output,
    column: Arc<str>,
}

#[derive(Debug, Clone, Copy)]
enum Output {
    Prediction,
    /// Of the class at this place.
    Probability(usize),
}

/// What a step gives, by name.
fn outputs(task: &Task) -> Vec<(String, Output)> {
    let classes = task.classes().iter().enumerate();
    let probabilities =
        classes.map(|(place, class)| (format!("probability_{class}"), Output::Probability(place)));
    std::iter::once((PREDICTION.to_owned(), Output::Prediction))
        .chain(probabilities)
        .collect()
}

impl Output {
    fn name(self, task: &Task) -> String {
        match self {
            Self::Prediction => PREDICTION.to_owned(),
            Self::Probability(place) => format!("probability_{}", task.classes()[place]),
        }
    }

    /// What the column is that it becomes.
    fn field(self, task: &Task, name: &str) -> Field {
        let is_class = matches!(self, Self::Prediction) && task.is_classification();
        Field {
            name: name.to_owned(),
            kind: if is_class {
                Kind::Category
            } else {
                Kind::Number
            },
            role: Role::Feature,
            levels: if is_class {
                task.classes().to_vec()
            } else {
                Vec::new()
            },
            format: None,
        }
    }
}

/// The columns that steps read of a table, and the steps with how they get theirs.
pub(super) fn derive(steps: Vec<PipelineStep>) -> Result<(Vec<Field>, Vec<Step>), ComposeError> {
    if steps.is_empty() {
        return Err(ComposeError::Empty);
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = steps.iter().find(|step| !names.insert(step.name.as_str())) {
        let name = twice.name.clone();
        return Err(ComposeError::StepTwice { name });
    }
    let n_steps = steps.len();
    let mut plan = Plan::default();
    for (place, step) in steps.iter().enumerate() {
        let planned = plan.read(step).and_then(|task| {
            let adds = adds(step, &task, place + 1 == n_steps)?;
            plan.give(step, task, adds)
        });
        planned.map_err(|problem| ComposeError::of(&step.name, problem))?;
    }
    plan.check_read(&steps)?;
    plan.placed(steps)
}

/// What is found out of steps, one after another.
#[derive(Default)]
struct Plan {
    /// Columns of the table, in the order in which they are read first.
    inputs: Vec<Known>,
    /// Columns that steps give.
    given: BTreeMap<String, Known>,
    /// Those of them that are read.
    read: BTreeSet<String>,
    /// Of each step.
    tasks: Vec<(Task, Vec<Added>)>,
}

impl Plan {
    /// Takes in what a step reads; tells what it predicts.
    fn read(&mut self, step: &PipelineStep) -> Result<Task, StepProblem> {
        let task = task(step)?;
        for model in &step.models {
            let mut own = BTreeSet::new();
            for field in &model.features {
                if !own.insert(&field.name) {
                    return Err(StepProblem::ColumnTaken {
                        column: field.name.clone(),
                        by: format!("{} reads it twice", model.name),
                    });
                }
                if self.given.contains_key(&field.name) {
                    self.read.insert(field.name.clone());
                    continue;
                }
                let mut inputs = self.inputs.iter_mut();
                match inputs.find(|known| known.field.name == field.name) {
                    Some(known) => merged(known, field, &model.name)?,
                    None => self.inputs.push(Known {
                        field: field.clone(),
                        whose: Whose::Table(model.name.clone()),
                    }),
                }
            }
        }
        Ok(task)
    }

    /// Takes in the columns that a step gives.
    fn give(
        &mut self,
        step: &PipelineStep,
        task: Task,
        adds: Vec<Added>,
    ) -> Result<(), StepProblem> {
        for added in &adds {
            let name = &*added.column;
            let of_table = self.inputs.iter().find(|known| known.field.name == name);
            if let Some(known) = of_table.or_else(|| self.given.get(name)) {
                return Err(StepProblem::ColumnTaken {
                    column: name.to_owned(),
                    by: known.whose.said(),
                });
            }
            let known = Known {
                field: added.output.field(&task, name),
                whose: Whose::Step(step.name.clone()),
            };
            self.given.insert(name.to_owned(), known);
        }
        self.tasks.push((task, adds));
        Ok(())
    }

    /// Whether some step reads what each gives but the last.
    fn check_read(&self, steps: &[PipelineStep]) -> Result<(), ComposeError> {
        for (place, (step, (_, adds))) in steps.iter().zip(&self.tasks).enumerate() {
            let is_last = place + 1 == steps.len();
            if is_last || adds.iter().any(|added| self.read.contains(&*added.column)) {
                continue;
            }
            let behind = steps[place + 1..].iter().flat_map(|step| &step.models);
            let wanted = behind.flat_map(|model| &model.features);
            let problem = StepProblem::Unread {
                given: adds.iter().map(|added| added.column.to_string()).collect(),
                wanted: wanted.map(|field| field.name.clone()).collect(),
            };
            return Err(ComposeError::of(&step.name, problem));
        }
        Ok(())
    }

    /// The steps with how their models get their columns.
    fn placed(self, steps: Vec<PipelineStep>) -> Result<(Vec<Field>, Vec<Step>), ComposeError> {
        let known = |name: &str| {
            let given = self.given.get(name);
            given.or_else(|| self.inputs.iter().find(|known| known.field.name == name))
        };
        let mut placed = Vec::with_capacity(steps.len());
        for (step, (task, adds)) in steps.into_iter().zip(self.tasks) {
            let total: f64 = step.models.iter().map(|model| model.weight).sum();
            let place = |given: StepModel| {
                let takes = given.features.iter().map(|field| {
                    let known = known(&field.name).expect("what models read was taken in");
                    Taken::of(known, field, &given.name)
                });
                Ok(Placed {
                    takes: takes.collect::<Result<_, StepProblem>>()?,
                    classes: places(&task, given.model.task()),
                    share: given.weight / total,
                    given,
                })
            };
            let models: Result<Vec<Placed>, StepProblem> =
                step.models.into_iter().map(place).collect();
            placed.push(Step {
                models: models.map_err(|problem| ComposeError::of(&step.name, problem))?,
                name: step.name,
                together: step.together,
                task,
                adds,
            });
        }
        let features = self.inputs.into_iter().map(|known| known.field);
        Ok((features.collect(), placed))
    }
}

/// For each class of a task, its place in another that has the same.
fn places(task: &Task, other: &Task) -> Vec<usize> {
    let place = |class: &String| other.classes().iter().position(|own| own == class);
    task.classes().iter().filter_map(place).collect()
}

/// What the models of a step all predict.
fn task(step: &PipelineStep) -> Result<Task, StepProblem> {
    let Some(first) = step.models.first() else {
        return Err(StepProblem::NoModels);
    };
    let task = first.model.task();
    let sorted = |task: &Task| {
        let mut classes = task.classes().to_vec();
        classes.sort();
        classes
    };
    for model in &step.models {
        let (name, own) = (model.name.clone(), model.model.task());
        if !own.levels().is_empty() {
            return Err(StepProblem::Quantiles { model: name });
        }
        if model.has_costs {
            return Err(StepProblem::Costs { model: name });
        }
        let told = model.decision.n_classes();
        if told.is_some_and(|n_classes| n_classes != own.n_classes()) {
            return Err(StepProblem::Thresholds { model: name });
        }
        if !model.weight.is_finite() || model.weight <= 0.0 {
            let weight = model.weight;
            return Err(StepProblem::Weight {
                model: name,
                weight,
            });
        }
        if own.kind() != task.kind() || sorted(own) != sorted(task) {
            return Err(StepProblem::Task {
                model: name,
                found: predicted(own),
                first: first.name.clone(),
                wanted: predicted(task),
            });
        }
        if step.together == Together::Vote && !own.is_classification() {
            return Err(StepProblem::VoteOfNumbers { model: name });
        }
    }
    Ok(task.clone())
}

/// Which outputs of a step become which columns.
fn adds(step: &PipelineStep, task: &Task, is_last: bool) -> Result<Vec<Added>, StepProblem> {
    let known = outputs(task);
    let Some(asked) = &step.adds else {
        let all = known.into_iter().filter(|_| !is_last);
        let added = all.map(|(name, output)| Added {
            output,
            column: name.into(),
        });
        return Ok(added.collect());
    };
    if is_last {
        return Err(StepProblem::AddsLast);
    }
    let added = asked.iter().map(|(name, column)| {
        let found = known.iter().find(|(own, _)| own == name);
        let (_, output) = found.ok_or_else(|| StepProblem::NoOutput {
            name: name.clone(),
            known: known.iter().map(|(own, _)| own.clone()).collect(),
        })?;
        Ok(Added {
            output: *output,
            column: column.as_str().into(),
        })
    });
    added.collect()
}

impl Step {
    /// How its own prediction is told from its probabilities.
    pub(super) fn decision(&self) -> &Decision {
        const LIKELIEST: &Decision = &Decision::Likeliest;
        self.only().map_or(LIKELIEST, |only| &only.given.decision)
    }

    /// Its model, if what that says is what the step says.
    fn only(&self) -> Option<&Placed> {
        match self.models.as_slice() {
            [only] if self.together != Together::Vote => Some(only),
            _ => None,
        }
    }

    /// Which outputs become which columns, as one would say it; nothing for the last step.
    pub(super) fn adds_as_given(&self) -> Option<BTreeMap<String, String>> {
        let adds = self.adds.iter();
        let adds: BTreeMap<String, String> = adds
            .map(|added| (added.output.name(&self.task), added.column.to_string()))
            .collect();
        (!adds.is_empty()).then_some(adds)
    }

    /// What its models say of each row.
    pub(super) fn predict(&self, table: &Table) -> Result<Predictions, PredictError> {
        if let Some(only) = self.only() {
            return only.predict(table);
        }
        let n_classes = self.task.n_classes();
        let width = n_classes.max(1);
        let mut sum = vec![0.0; table.n_rows() * width];
        for model in &self.models {
            let mut said = model.predict(table)?;
            if said.width() != width {
                return Err(PredictError::Width {
                    found: said.width(),
                    expected: width,
                });
            }
            if self.together == Together::Vote {
                said = said.decided_by(&model.given.decision);
            }
            let rows = sum.chunks_exact_mut(width);
            for (row, said) in rows.zip(said.values().chunks_exact(width)) {
                if n_classes == 0 {
                    row[0] += model.share * said[0];
                }
                for (to, &from) in row.iter_mut().zip(&model.classes) {
                    *to += model.share * said[from];
                }
            }
        }
        Ok(match n_classes {
            0 => Predictions::Numbers(sum),
            n_classes => Predictions::Probabilities {
                n_classes,
                values: sum,
            },
        })
    }

    /// The columns that its outputs become.
    pub(super) fn columns<'a>(
        &'a self,
        predictions: &'a Predictions,
    ) -> impl Iterator<Item = (Arc<str>, Arc<Column>)> + 'a {
        let width = predictions.width();
        self.adds.iter().map(move |added| {
            let column = match added.output {
                Output::Prediction if self.task.is_classification() => {
                    let levels = Levels::new(self.task.classes().iter().map(String::as_str));
                    Column::category(predictions.class_codes_by(self.decision()), levels)
                }
                Output::Prediction => Column::Number(predictions.values().to_vec()),
                Output::Probability(place) => {
                    let values = predictions.values().iter();
                    Column::Number(values.skip(place).step_by(width).copied().collect())
                }
            };
            (Arc::clone(&added.column), Arc::new(column))
        })
    }
}

impl Placed {
    fn predict(&self, table: &Table) -> Result<Predictions, PredictError> {
        let columns: Result<Vec<_>, PredictError> =
            self.takes.iter().map(|taken| taken.column(table)).collect();
        let columns = columns?;
        let own = if columns.is_empty() {
            Table::without_columns(table.n_rows())
        } else {
            Table::from_shared(columns).expect("a model's columns have distinct names")
        };
        self.given.model.predict(&own.view())
    }
}
