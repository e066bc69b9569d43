//! The metrics that a program prints.
//!
//! A line says `loss=0.31`, `loss: 0.31`, `epoch=3, loss=0.31 accuracy=0.9` or is a JSON object with such fields. With a step
//! it is a measurement on the way; what was said last of each objective is the result.

use serde_json::Value;
use std::collections::BTreeMap;

/// Names under which programs print how far they are.
const STEPS: [&str; 3] = ["step", "epoch", "iteration"];

/// What a program told by now of what is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    objectives: Vec<String>,
    constraints: Vec<String>,
    latest: BTreeMap<String, f64>,
    /// The step that is being told of, with what was told of it.
    step: i64,
    at_step: BTreeMap<String, f64>,
}

impl Reading {
    /// Nothing told yet.
    pub(crate) fn new(objectives: Vec<String>, constraints: Vec<String>) -> Self {
        Self {
            objectives,
            constraints,
            latest: BTreeMap::new(),
            step: -1,
            at_step: BTreeMap::new(),
        }
    }

    /// Takes in a line of a program. Gives a step and a value for each objective once all are known of it.
    pub(crate) fn hear(&mut self, line: &str) -> Option<(i64, Vec<f64>)> {
        self.take(&pairs(line))
    }

    /// Takes in numbers by their names, as [`Reading::hear`] does.
    pub(super) fn take(&mut self, pairs: &[(String, f64)]) -> Option<(i64, Vec<f64>)> {
        let is_step =
            |name: &String| STEPS.contains(&name.as_str()) && !self.objectives.contains(name);
        let step = pairs.iter().find(|(name, _)| is_step(name));
        let step = step.and_then(|&(_, value)| whole(value));
        if let Some(step) = step.filter(|&step| step != self.step) {
            self.step = step;
            self.at_step.clear();
        }
        let is_new = step.is_some() || self.measured().is_none();
        for (name, value) in pairs {
            if self.objectives.contains(name) || self.constraints.contains(name) {
                self.latest.insert(name.clone(), *value);
                if is_new {
                    self.at_step.insert(name.clone(), *value);
                }
            }
        }
        let measured = self.measured().filter(|_| is_new && self.step >= 0)?;
        measured
            .iter()
            .all(|value| value.is_finite())
            .then_some((self.step, measured))
    }

    /// What was told of the step, if it is a value for each objective.
    fn measured(&self) -> Option<Vec<f64>> {
        let of = |name| self.at_step.get(name).copied();
        self.objectives.iter().map(of).collect()
    }

    /// Takes in the object of a result file, whose numbers count instead of those that were printed.
    ///
    /// # Errors
    /// A sentence for the user: it is no JSON object.
    pub(super) fn hear_file(&mut self, text: &str) -> Result<(), String> {
        let fields: BTreeMap<String, Value> = serde_json::from_str(text)
            .map_err(|error| format!("its result file is no JSON object: {error}"))?;
        self.take(&numbers(fields));
        Ok(())
    }

    /// What was said last of each objective.
    ///
    /// # Errors
    /// The name of the first of which nothing was said.
    pub(crate) fn values(&self) -> Result<Vec<f64>, &str> {
        self.last_of(&self.objectives)
    }

    /// What was said last of each constraint.
    ///
    /// # Errors
    /// The name of the first of which nothing was said.
    pub(super) fn constraints(&self) -> Result<Vec<f64>, &str> {
        self.last_of(&self.constraints)
    }

    fn last_of<'a>(&self, names: &'a [String]) -> Result<Vec<f64>, &'a str> {
        let of = |name: &'a String| self.latest.get(name).copied().ok_or(name.as_str());
        names.iter().map(of).collect()
    }
}

/// A step, if the number is one.
fn whole(value: f64) -> Option<i64> {
    /// Above this not every integer is a number.
    const MAX: f64 = 9.007_199_254_740_992e15;
    (value.fract() == 0.0 && (0.0..=MAX).contains(&value)).then_some(value as i64)
}

/// The numbers among fields; those that JSON has not are texts.
pub(super) fn numbers(fields: impl IntoIterator<Item = (String, Value)>) -> Vec<(String, f64)> {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let fields = fields.into_iter();
    fields
        .filter_map(|(name, value)| Some((name, number(&value)?)))
        .collect()
}

/// A line without what sets colours on a terminal.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}

/// Names and numbers of a line.
fn pairs(line: &str) -> Vec<(String, f64)> {
    // What a progress bar wrote over is no line of its own.
    let line = line.rsplit('\r').next().unwrap_or(line).trim();
    if line.starts_with('{')
        && let Ok(fields) = serde_json::from_str::<BTreeMap<String, Value>>(line)
    {
        return numbers(fields);
    }
    let letters: Vec<char> = without_colours(line).chars().collect();
    let is_digit = |at: Option<usize>| {
        let letter = at.and_then(|at| letters.get(at));
        letter.is_some_and(char::is_ascii_digit)
    };
    let mut spaced = String::with_capacity(line.len());
    for (at, &letter) in letters.iter().enumerate() {
        match letter {
            '=' | ':' => spaced.push_str(" = "),
            // It parts thousands; such a number is not read, rather than read as a smaller one.
            ',' if is_digit(at.checked_sub(1)) && is_digit(Some(at + 1)) => spaced.push(','),
            letter if ",;|(){}[]".contains(letter) => spaced.push(' '),
            letter => spaced.push(letter),
        }
    }
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words
        .windows(3)
        .filter(|three| three[1] == "=")
        .filter_map(|three| {
            let name = three[0].trim_matches(['"', '\'']);
            Some((name.to_owned(), three[2].parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(objectives: &[&str], lines: &[&str]) -> (Vec<(i64, Vec<f64>)>, Reading) {
        let objectives = objectives.iter().map(|&name| name.to_owned()).collect();
        let mut reading = Reading::new(objectives, vec!["memory".to_owned()]);
        let measured = lines.iter().filter_map(|line| reading.hear(line)).collect();
        (measured, reading)
    }

    #[test]
    fn a_value_is_read_in_the_forms_that_programs_print() {
        for line in [
            "loss=0.5",
            "loss: 0.5",
            "loss = 5e-1",
            "lr=0.1, loss=0.5 | n: 3",
            "2026-01-01 12:30:01 INFO loss=0.5",
            r#"{"loss": 0.5, "kind": "tree"}"#,
            "{'loss': 0.5}",
            "10%|#   \r20%|##  loss=0.5",
            "\u{1b}[32mloss=0.5\u{1b}[0m",
            "lr=1,000, loss=0.5,n=3",
        ] {
            assert_eq!(
                heard(&["loss"], &[line]).1.values(),
                Ok(vec![0.5]),
                "{line}"
            );
        }
        for line in [
            "",
            "loss",
            "loss=",
            "loss=high",
            "closs=1",
            "http://loss",
            "loss=1,234.5",
        ] {
            assert_eq!(heard(&["loss"], &[line]).1.values(), Err("loss"), "{line}");
        }
    }

    #[test]
    fn a_line_with_a_step_is_a_measurement_and_the_last_value_the_result() {
        let lines = ["epoch=1 loss=3", "epoch=2 loss=2", "loss=1.5", "epoch=3"];
        let (measured, reading) = heard(&["loss"], &lines);
        assert_eq!(measured, [(1, vec![3.0]), (2, vec![2.0])]);
        assert_eq!(reading.values(), Ok(vec![1.5]));
    }

    #[test]
    fn a_step_is_measured_once_all_objectives_are_known_of_it() {
        let lines = [
            "step=5 loss=1",
            "accuracy=0.5",
            "step=6 loss=2",
            "step=6 accuracy=0.75",
        ];
        let (measured, _) = heard(&["loss", "accuracy"], &lines);
        assert_eq!(measured, [(5, vec![1.0, 0.5]), (6, vec![2.0, 0.75])]);
    }

    #[test]
    fn what_is_not_finite_is_no_measurement_but_is_the_result() {
        let (measured, reading) = heard(&["loss"], &["step=1 loss=nan"]);
        assert_eq!(measured, []);
        assert!(reading.values().is_ok_and(|values| values[0].is_nan()));
    }

    #[test]
    fn an_objective_may_have_the_name_of_a_step() {
        let (measured, reading) = heard(&["step"], &["step=3"]);
        assert_eq!((measured, reading.values()), (vec![], Ok(vec![3.0])));
    }

    #[test]
    fn a_result_file_counts_before_what_was_printed() {
        let (_, mut reading) = heard(&["loss"], &["loss=2"]);
        assert_eq!(reading.hear_file(r#"{"loss": 1, "memory": -3}"#), Ok(()));
        assert_eq!(reading.values(), Ok(vec![1.0]));
        assert_eq!(reading.constraints(), Ok(vec![-3.0]));
        assert!(reading.hear_file("[1]").is_err());
    }
}
