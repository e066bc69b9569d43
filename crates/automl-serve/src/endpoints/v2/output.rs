//! Predictions as tensors.

use super::super::error::ScoreError;
use super::super::score::Scored;
use super::super::wanted::COVERAGES_MAX;
use automl_core::{Explanation, Predictions, Task};
use std::borrow::Cow;

pub(super) const PREDICTION: &str = "prediction";
pub(super) const PROBABILITIES: &str = "probabilities";
/// What is wrong with a parameter.
pub(super) const NO_PROBABILITY: &str = "the parameter interval is no probability";

/// A tensor of an answer.
pub(super) struct Tensor<'a> {
    pub(super) name: Cow<'static, str>,
    pub(super) shape: Vec<i64>,
    pub(super) values: Values<'a>,
    /// Whether it was asked for as bytes; as the request has it for all if that was not said.
    pub(super) is_binary: Option<bool>,
}

pub(super) enum Values<'a> {
    Numbers(Cow<'a, [f64]>),
    Texts(Vec<&'a str>),
}

impl Values<'_> {
    pub(super) fn datatype(&self) -> &'static str {
        match self {
            Self::Numbers(_) => "FP64",
            Self::Texts(_) => "BYTES",
        }
    }

    /// As bytes: little-endian, texts with four bytes of length before each.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Numbers(values) => values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            Self::Texts(texts) => {
                let mut bytes = Vec::new();
                for text in texts {
                    bytes.extend((text.len() as u32).to_le_bytes());
                    bytes.extend(text.as_bytes());
                }
                bytes
            }
        }
    }
}

/// The names of the tensors that a model gives, with datatypes and shapes.
pub(super) fn signature(task: &Task) -> Vec<(&'static str, &'static str, Vec<i64>)> {
    match task.n_classes() {
        0 if !task.levels().is_empty() => {
            vec![(PREDICTION, "FP64", vec![-1, task.levels().len() as i64])]
        }
        0 => vec![(PREDICTION, "FP64", vec![-1])],
        n_classes => vec![
            (PREDICTION, "BYTES", vec![-1]),
            (PROBABILITIES, "FP64", vec![-1, n_classes as i64]),
        ],
    }
}

/// The tensors that a request wants, in its order.
pub(super) fn tensors(scored: &Scored) -> Result<Vec<Tensor<'_>>, ScoreError> {
    let task = &scored.warm.loaded.facts.task;
    let signature = signature(task);
    let outputs = &scored.predicted.about.outputs;
    if outputs.is_empty() {
        let all = signature.iter();
        let all = all.map(|(name, ..)| tensor(name, scored, None));
        return Ok(all.chain(further_tensors(scored)).collect());
    }
    let wanted = |output: &super::super::batch::Output| {
        let known = signature.iter().find(|(name, ..)| *name == output.name);
        if let Some((name, ..)) = known {
            return Ok(tensor(name, scored, output.is_binary));
        }
        let further = further_tensors(scored).find(|one| one.name == output.name);
        if let Some(further) = further {
            let is_binary = output.is_binary;
            return Ok(Tensor {
                is_binary,
                ..further
            });
        }
        let names: Vec<&str> = signature.iter().map(|(name, ..)| *name).collect();
        Err(ScoreError::form(format!(
            "the model has no output '{}'; it has {}",
            output.name,
            names.join(" and ")
        )))
    };
    outputs.iter().map(wanted).collect()
}

fn tensor<'a>(name: &'static str, scored: &'a Scored, is_binary: Option<bool>) -> Tensor<'a> {
    let predicted = &scored.predicted;
    let n_rows = predicted.predictions.n_rows() as i64;
    let (shape, values) = match &predicted.predictions {
        Predictions::Numbers(values) => (vec![n_rows], Values::Numbers(values.into())),
        Predictions::Quantiles { levels, values } => {
            let shape = vec![n_rows, levels.len() as i64];
            (shape, Values::Numbers(values.into()))
        }
        Predictions::Probabilities { n_classes, values } if name == PROBABILITIES => {
            let shape = vec![n_rows, *n_classes as i64];
            (shape, Values::Numbers(values.into()))
        }
        Predictions::Probabilities { .. } => {
            let classes = scored.warm.loaded.facts.task.classes();
            let codes = predicted.codes.iter();
            let texts = codes.map(|code| classes[*code as usize].as_str());
            (vec![n_rows], Values::Texts(texts.collect()))
        }
    };
    Tensor {
        name: name.into(),
        shape,
        values,
        is_binary,
    }
}

/// What was asked for beside predictions.
fn further_tensors(scored: &Scored) -> impl Iterator<Item = Tensor<'_>> {
    let explanation = scored.predicted.explanation.iter();
    interval_tensors(scored).chain(explanation.flat_map(explained))
}

/// What each column did to each row, of one output or of each class; what is expected; the columns in their order; on which scale.
fn explained(explanation: &Explanation) -> [Tensor<'_>; 4] {
    let (n_rows, n_outputs) = (explanation.n_rows(), explanation.n_outputs);
    let n_columns = explanation.columns.len();
    let (mut attributions, mut expected) = (Vec::new(), Vec::new());
    for row in 0..n_rows {
        for output in 0..n_outputs {
            let (own, rest) = explanation.row(row, output).split_at(n_columns);
            attributions.extend_from_slice(own);
            expected.extend_from_slice(rest);
        }
    }
    let shape = |sizes: &[usize]| sizes.iter().map(|size| *size as i64).collect();
    let (of_all, of_expected): (Vec<i64>, Vec<i64>) = if n_outputs == 1 {
        (shape(&[n_rows, n_columns]), shape(&[n_rows]))
    } else {
        (
            shape(&[n_rows, n_outputs, n_columns]),
            shape(&[n_rows, n_outputs]),
        )
    };
    let tensor = |name: &'static str, shape, values| Tensor {
        name: name.into(),
        shape,
        values,
        is_binary: None,
    };
    let names = explanation.columns.iter().map(String::as_str).collect();
    [
        tensor("attributions", of_all, Values::Numbers(attributions.into())),
        tensor(
            "attributions_expected",
            of_expected,
            Values::Numbers(expected.into()),
        ),
        tensor(
            "attributions_columns",
            shape(&[n_columns]),
            Values::Texts(names),
        ),
        tensor(
            "attributions_scale",
            vec![1],
            Values::Texts(vec![explanation.scale.name()]),
        ),
    ]
}

/// The ends of intervals that were asked for: `lower_90`, `upper_90` and so on.
fn interval_tensors(scored: &Scored) -> impl Iterator<Item = Tensor<'_>> {
    let intervals = scored.predicted.intervals.iter();
    intervals.flat_map(|interval| {
        let ends = [("lower", &interval.lower), ("upper", &interval.upper)];
        ends.map(|(side, ends)| Tensor {
            name: format!("{side}_{}", interval.percents()).into(),
            shape: vec![ends.len() as i64],
            values: Values::Numbers(ends.into()),
            is_binary: None,
        })
    })
}

/// The probabilities of intervals as texts have them: `0.9`, or `0.5,0.9`.
pub(super) fn coverages(text: &str) -> Result<Vec<f64>, ScoreError> {
    let read = |part: &str| {
        let number = part.trim().parse();
        number.map_err(|_odd| ScoreError::form(format!("{NO_PROBABILITY}: {part}")))
    };
    check_coverages(text.split(',').map(read).collect::<Result<_, _>>()?)
}

/// Bounds how many intervals a request has.
fn check_coverages(coverages: Vec<f64>) -> Result<Vec<f64>, ScoreError> {
    if coverages.len() > COVERAGES_MAX {
        let told = format!("at most {COVERAGES_MAX} intervals are told");
        return Err(ScoreError::form(told));
    }
    Ok(coverages)
}
