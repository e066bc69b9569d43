//! Predictions as tensors.

use super::super::error::ScoreError;
use super::super::score::Scored;
use automl_core::{Explanation, Predictions, Task};
use std::borrow::Cow;

pub(super) const PREDICTION: &str = "prediction";
pub(super) const PROBABILITIES: &str = "probabilities";

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
pub(super) fn signature(task: &Task) -> Vec<(String, &'static str, Vec<i64>)> {
    let told = outputs(task).into_iter();
    told.map(|(name, what)| {
        let task = match what {
            What::Target(place, _) => &task.targets()[place].task,
            What::One(_) => task,
        };
        let n_classes = task.n_classes() as i64;
        match what.part() {
            Part::Probabilities => (name, "FP64", vec![-1, n_classes]),
            Part::Prediction if n_classes > 0 => (name, "BYTES", vec![-1]),
            Part::Prediction | Part::Quantile(_) => (name, "FP64", vec![-1]),
        }
    })
    .collect()
}

/// What an output tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Prediction,
    Probabilities,
    /// The quantile of the level at this place.
    Quantile(usize),
}

/// Of what an output tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    One(Part),
    /// Of the target at this place.
    Target(usize, Part),
}

impl What {
    fn part(self) -> Part {
        match self {
            Self::One(part) | Self::Target(_, part) => part,
        }
    }
}

/// The outputs of a task by name. Of several targets, each has one of its own name, and `probabilities_<target>` if it is a class; of
/// quantiles, each level has one that is called as the column that `automl predict` writes.
fn outputs(task: &Task) -> Vec<(String, What)> {
    let mut told = Vec::new();
    for (place, one) in task.targets().iter().enumerate() {
        told.push((one.target.clone(), What::Target(place, Part::Prediction)));
        if one.task.is_classification() {
            let name = format!("{PROBABILITIES}_{}", one.target);
            told.push((name, What::Target(place, Part::Probabilities)));
        }
    }
    let levels = task.levels().iter().enumerate();
    told.extend(levels.map(|(place, level)| (level.column(), What::One(Part::Quantile(place)))));
    if told.is_empty() {
        told.push((PREDICTION.to_owned(), What::One(Part::Prediction)));
        if task.is_classification() {
            told.push((PROBABILITIES.to_owned(), What::One(Part::Probabilities)));
        }
    }
    told
}

/// The tensors that a request wants, in its order.
pub(super) fn tensors(scored: &Scored) -> Result<Vec<Tensor<'_>>, ScoreError> {
    let task = &scored.warm.loaded.facts.task;
    let known = outputs(task);
    let asked = &scored.predicted.about.outputs;
    if asked.is_empty() {
        let all = known.iter();
        let all = all.map(|(name, what)| tensor((name, *what), scored, None));
        return Ok(all.chain(further_tensors(scored)).collect());
    }
    let wanted = |output: &super::super::batch::Output| {
        let found = known.iter().find(|(name, _)| *name == output.name);
        if let Some((name, what)) = found {
            return Ok(tensor((name, *what), scored, output.is_binary));
        }
        let further = further_tensors(scored).find(|one| one.name == output.name);
        if let Some(further) = further {
            let is_binary = output.is_binary;
            return Ok(Tensor {
                is_binary,
                ..further
            });
        }
        let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        Err(ScoreError::form(format!(
            "the model has no output '{}'; it has {}",
            output.name,
            names.join(" and ")
        )))
    };
    asked.iter().map(wanted).collect()
}

fn tensor<'a>(
    (name, what): (&str, What),
    scored: &'a Scored,
    is_binary: Option<bool>,
) -> Tensor<'a> {
    let predicted = &scored.predicted;
    let task = &scored.warm.loaded.facts.task;
    let (predictions, task, codes) = match what {
        What::One(_) => (Cow::Borrowed(&predicted.predictions), task, (0, 1)),
        What::Target(place, _) => {
            let own = predicted.predictions.of_target(place);
            let targets = task.targets();
            (
                Cow::Owned(own),
                &targets[place].task,
                (place, targets.len()),
            )
        }
    };
    let n_rows = predictions.n_rows() as i64;
    let width = predictions.width() as i64;
    let is_class = matches!(&*predictions, Predictions::Probabilities { .. });
    let is_single = matches!(&*predictions, Predictions::Numbers(_));
    let (shape, values) = if is_class && what.part() == Part::Prediction {
        let classes = task.classes();
        let (first, step) = codes;
        let codes = predicted.codes.iter().skip(first).step_by(step);
        let texts = codes.map(|code| classes[*code as usize].as_str());
        (vec![n_rows], Values::Texts(texts.collect()))
    } else if let Part::Quantile(place) = what.part() {
        let own = predictions.values().iter().skip(place);
        let own: Vec<f64> = own.step_by(predictions.width()).copied().collect();
        (vec![n_rows], Values::Numbers(own.into()))
    } else {
        let shape = if is_single {
            vec![n_rows]
        } else {
            vec![n_rows, width]
        };
        let values = match predictions {
            Cow::Borrowed(all) => all.values().into(),
            Cow::Owned(own) => own.values().to_vec().into(),
        };
        (shape, Values::Numbers(values))
    };
    Tensor {
        name: name.to_owned().into(),
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
