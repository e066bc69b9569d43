//! Predictions as JSON, written piece by piece into one text.

use super::batch::Predicted;
use automl_core::{Predictions, TargetTask, Task};
use std::fmt::Write as _;

/// Puts a text as a JSON string.
pub(crate) fn text(out: &mut String, value: &str) {
    let written = serde_json::to_string(value).expect("any text is a JSON string");
    out.push_str(&written);
}

/// Puts the shortest digits that read back to the same number; what is not finite is null.
pub(crate) fn number(out: &mut String, value: f64) {
    // A JSON number of the shortest digits is what serde_json prints.
    match serde_json::Number::from_f64(value) {
        Some(value) => write!(out, "{value}").expect("a String takes any text"),
        None => out.push_str("null"),
    }
}

/// A list of what `put` puts for each item.
pub(crate) fn list<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    mut put: impl FnMut(&mut String, T),
) {
    out.push('[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        put(out, item);
    }
    out.push(']');
}

/// The classes of a task as JSON, or the columns of its quantiles, written once for all answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Classes {
    /// As predictions: numbers or truth values where all of them are such, else strings.
    labels: Vec<String>,
    /// As names of members: always strings.
    pub(crate) names: Vec<String>,
    /// Of quantiles, the column of each as a string.
    pub(crate) levels: Vec<String>,
    /// Of several targets, the name of each as a string, and its classes.
    pub(crate) targets: Vec<(String, Classes)>,
}

impl Classes {
    /// A class as a prediction.
    pub(crate) fn label(&self, code: u32) -> &str {
        &self.labels[code as usize]
    }

    pub(crate) fn of(task: &Task) -> Self {
        let quoted = |given: &str| {
            let mut name = String::new();
            text(&mut name, given);
            name
        };
        let levels = task.levels().iter();
        Self {
            labels: labels(task),
            names: task.classes().iter().map(|class| quoted(class)).collect(),
            levels: levels.map(|level| quoted(&level.column())).collect(),
            targets: (task.targets().iter())
                .map(|one: &TargetTask| (quoted(&one.target), Self::of(&one.task)))
                .collect(),
        }
    }
}

/// The classes of a task as JSON: numbers or truth values where all of them are such, else strings.
fn labels(task: &Task) -> Vec<String> {
    let classes = task.classes();
    let are_numbers = classes.iter().all(|class| {
        let value: Option<serde_json::Number> = serde_json::from_str(class).ok();
        value.is_some_and(|value| value.to_string() == *class)
    });
    let are_truths = classes.iter().all(|class| is_truth(class));
    classes
        .iter()
        .map(|class| {
            if are_numbers {
                class.clone()
            } else if are_truths {
                class.to_ascii_lowercase()
            } else {
                serde_json::Value::from(class.as_str()).to_string()
            }
        })
        .collect()
}

fn is_truth(class: &str) -> bool {
    class.eq_ignore_ascii_case("true") || class.eq_ignore_ascii_case("false")
}

/// The predicted number or class of one of several targets, row by row.
pub(crate) fn of_target<'a>(
    predicted: &'a Predicted,
    place: usize,
    classes: &'a Classes,
) -> impl Iterator<Item = String> + 'a {
    let predictions = predicted.predictions.of_target(place);
    let n_targets = classes.targets.len();
    let own = &classes.targets[place].1;
    (0..predictions.n_rows()).map(move |row| match &predictions {
        Predictions::Numbers(values) => {
            let mut out = String::new();
            number(&mut out, values[row]);
            out
        }
        _ => own.labels[predicted.codes[row * n_targets + place] as usize].clone(),
    })
}

/// The probabilities of each class by its name, a list of rows each; of several targets by the name of each that is a class.
pub(crate) fn probabilities(out: &mut String, predictions: &Predictions, classes: &Classes) {
    if classes.targets.is_empty() {
        return by_column(out, predictions, &classes.names);
    }
    out.push('{');
    let targets = classes.targets.iter().enumerate();
    let of_words = targets.filter(|(_, (_, own))| !own.names.is_empty());
    for (nth, (place, (name, own))) in of_words.enumerate() {
        if nth > 0 {
            out.push(',');
        }
        out.push_str(name);
        out.push(':');
        by_column(out, &predictions.of_target(place), &own.names);
    }
    out.push('}');
}

/// The quantiles of each level by its column, a list of rows each.
pub(crate) fn quantiles(out: &mut String, predictions: &Predictions, classes: &Classes) {
    by_column(out, predictions, &classes.levels);
}

/// What is said of each row, by the names of its values.
fn by_column(out: &mut String, predictions: &Predictions, names: &[String]) {
    for (place, name) in names.iter().enumerate() {
        out.push(if place > 0 { ',' } else { '{' });
        out.push_str(name);
        out.push(':');
        let column = predictions.values().iter().skip(place);
        let column = column.step_by(predictions.width());
        list(out, column, |out, value| number(out, *value));
    }
    out.push('}');
}

/// The predicted number or class of each row, as a list; of quantiles or several targets an object a row.
pub(crate) fn predictions(out: &mut String, predicted: &Predicted, classes: &Classes) {
    match &predicted.predictions {
        Predictions::Numbers(values) => list(out, values, |out, value| number(out, *value)),
        Predictions::Quantiles { levels, values } => {
            let rows = values.chunks_exact(levels.len());
            list(out, rows, |out, row| {
                for (place, (name, value)) in classes.levels.iter().zip(row).enumerate() {
                    out.push(if place > 0 { ',' } else { '{' });
                    out.push_str(name);
                    out.push(':');
                    number(out, *value);
                }
                out.push('}');
            });
        }
        Predictions::Probabilities { .. } => {
            list(out, &predicted.codes, |out, code| {
                out.push_str(&classes.labels[*code as usize]);
            });
        }
        Predictions::Several { .. } => {
            let targets = 0..classes.targets.len();
            let mut told: Vec<_> = targets
                .map(|place| of_target(predicted, place, classes))
                .collect();
            list(out, 0..predicted.predictions.n_rows(), |out, _row| {
                for (place, (own, (name, _))) in told.iter_mut().zip(&classes.targets).enumerate() {
                    out.push(if place > 0 { ',' } else { '{' });
                    out.push_str(name);
                    out.push(':');
                    out.push_str(&own.next().unwrap_or_default());
                }
                out.push('}');
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(put: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        put(&mut out);
        out
    }

    #[test]
    fn numbers_read_back_to_themselves() {
        for value in [0.1, -0.0, 1.0, 1e300, 5e-324, 0.1 + 0.2] {
            let text = written(|out| number(out, value));
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
            let json: f64 = serde_json::from_str(&text).unwrap();
            assert_eq!(json.to_bits(), value.to_bits());
        }
        assert_eq!(written(|out| number(out, f64::NAN)), "null");
    }

    #[test]
    fn classes_are_numbers_or_truth_values_where_all_are() {
        let task = |classes: [&str; 2]| Task::Binary {
            classes: classes.map(str::to_owned).to_vec(),
        };
        assert_eq!(labels(&task(["0", "1"])), ["0", "1"]);
        assert_eq!(labels(&task(["False", "True"])), ["false", "true"]);
        assert_eq!(labels(&task(["no", "yes"])), ["\"no\"", "\"yes\""]);
        assert_eq!(labels(&task(["1", "1.50"])), ["\"1\"", "\"1.50\""]);
        assert_eq!(labels(&task(["a\"b", "é"])), [r#""a\"b""#, "\"é\""]);
    }
}
