//! Predictions as columns, called as those that `automl predict` writes: for answers that are tables or lines.

use super::error::ScoreError;
use super::score::Scored;
use super::write::Classes;
use automl_core::{Column, Level, Predictions, Task};

/// A column of an answer.
pub(super) struct Told<'a> {
    pub(super) name: String,
    pub(super) cells: Cells<'a>,
}

pub(super) enum Cells<'a> {
    Numbers(Vec<f64>),
    /// The class of each row, with how classes are called and told.
    Classes {
        codes: Vec<u32>,
        names: &'a [String],
        told: &'a Classes,
    },
}

impl Told<'_> {
    /// The same as a column of a table.
    pub(super) fn into_column(self) -> (String, Column) {
        let column = match self.cells {
            Cells::Numbers(values) => Column::Number(values),
            Cells::Classes { codes, names, .. } => {
                let words = codes
                    .iter()
                    .map(|code| Some(names[*code as usize].as_str()));
                Column::Text(words.collect())
            }
        };
        (self.name, column)
    }
}

/// The columns of an answer; ends of intervals are the last.
///
/// # Errors
/// What columns of the model did is asked for, which is no single value a row, or an interval is asked for twice.
pub(super) fn columns(
    scored: &Scored,
    tells_probabilities: bool,
) -> Result<Vec<Told<'_>>, ScoreError> {
    let predicted = &scored.predicted;
    if predicted.explanation.is_some() {
        return Err(ScoreError::form(
            "what columns did is told in JSON alone; accept application/json",
        ));
    }
    let task = &scored.warm.loaded.facts.task;
    let classes = &scored.slot.classes;
    let mut told = Vec::new();
    if let Predictions::Quantiles { levels, values } = &predicted.predictions {
        told.extend(quantiles(levels, values));
    } else if task.targets().is_empty() {
        let codes = predicted.codes.clone();
        let own = one(
            "prediction".to_owned(),
            (task, classes),
            &predicted.predictions,
            codes,
        );
        told.push(own);
        if tells_probabilities {
            let name = |class: &str| format!("probability_{class}");
            told.extend(probabilities(task, &predicted.predictions, name));
        }
    }
    let n_targets = task.targets().len();
    for (place, one_of) in task.targets().iter().enumerate() {
        let predictions = predicted.predictions.of_target(place);
        let codes = predicted.codes.iter().skip(place).step_by(n_targets);
        let how = (&one_of.task, &classes.targets[place].1);
        let codes = codes.copied().collect();
        told.push(one(one_of.target.clone(), how, &predictions, codes));
        if tells_probabilities {
            let name = |class: &str| one_of.probability_column(class);
            told.extend(probabilities(&one_of.task, &predictions, name));
        }
    }
    for interval in &predicted.intervals {
        for (side, ends) in [("lower", &interval.lower), ("upper", &interval.upper)] {
            let name = format!("{side}_{}", interval.percents());
            if told.iter().any(|column| column.name == name) {
                return Err(ScoreError::form(format!("'{name}' is asked for twice")));
            }
            told.push(Told {
                name,
                cells: Cells::Numbers(ends.clone()),
            });
        }
    }
    Ok(told)
}

/// The predictions of one target.
fn one<'a>(
    name: String,
    (task, told): (&'a Task, &'a Classes),
    predictions: &Predictions,
    codes: Vec<u32>,
) -> Told<'a> {
    let cells = if let Predictions::Probabilities { .. } = predictions {
        Cells::Classes {
            codes,
            names: task.classes(),
            told,
        }
    } else {
        Cells::Numbers(predictions.values().to_vec())
    };
    Told { name, cells }
}

/// A column a level.
fn quantiles<'a>(levels: &[Level], values: &[f64]) -> Vec<Told<'a>> {
    let column = |(place, level): (usize, &Level)| Told {
        name: level.column(),
        cells: Cells::Numbers(nth_of_rows(values, place, levels.len())),
    };
    levels.iter().enumerate().map(column).collect()
}

/// One value of each row, of rows one behind the other.
fn nth_of_rows(values: &[f64], place: usize, width: usize) -> Vec<f64> {
    values.iter().skip(place).step_by(width).copied().collect()
}

/// The probabilities of each class of one target.
fn probabilities<'a>(
    task: &Task,
    predictions: &Predictions,
    name: impl Fn(&str) -> String,
) -> Vec<Told<'a>> {
    let Predictions::Probabilities { n_classes, values } = predictions else {
        return Vec::new();
    };
    let classes = task.classes().iter().enumerate();
    let column = |(code, class): (usize, &String)| Told {
        name: name(class),
        cells: Cells::Numbers(nth_of_rows(values, code, *n_classes)),
    };
    classes.map(column).collect()
}
