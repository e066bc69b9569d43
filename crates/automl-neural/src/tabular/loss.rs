//! Losses of tabular networks, and targets as they need them.

use crate::train::TrainError;
use automl_core::{
    DatasetView, ParamError, ParamValue, Params, Predictions, Target, Task, TaskKind,
};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// What is made small.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossKind {
    /// Cross-entropy for classes, squared error for numbers.
    Auto,
    /// The negative log of the probability of the class.
    CrossEntropy,
    /// As cross-entropy, of one score for two classes.
    Bce,
    /// The squared error.
    Mse,
    /// The absolute error.
    Mae,
    /// Squared up to `huber_delta`, absolute beyond.
    Huber,
}

/// What classes count.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassWeights {
    /// Each row counts alike.
    None,
    /// Each class counts alike: rows count by one over the share of their class.
    Balanced,
}

/// The loss.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct LossParams {
    /// Which loss: `auto`, `cross_entropy`, `bce`, `mse`, `mae` or `huber`.
    #[param(default = LossKind::Auto)]
    pub r#type: LossKind,
    /// Share of a class's certainty that is spread over all classes.
    #[param(default = 0.0, range = 0.0..=0.9)]
    pub label_smoothing: f64,
    /// What classes count: `none` or `balanced`.
    #[param(default = ClassWeights::None)]
    pub class_weights: ClassWeights,
    /// Where huber turns from squared to absolute, in deviations of the target.
    #[param(default = 1.0, range = 1e-6..=1e6)]
    pub huber_delta: f64,
}

impl LossParams {
    /// Refuses what is said of classes, where numbers are predicted.
    fn refuse_classes(&self) -> Result<(), ParamError> {
        let refused = |name: &str, value| {
            Err(ParamError::Conflict {
                name: name.into(),
                value,
                reason: "is of classes, and numbers are predicted".into(),
            })
        };
        if self.label_smoothing > 0.0 {
            let value = ParamValue::Float(self.label_smoothing);
            return refused("loss.label_smoothing", value);
        }
        if self.class_weights != ClassWeights::None {
            let name = automl_core::params::ParamChoice::choice_name(&self.class_weights);
            return refused("loss.class_weights", ParamValue::Text(name.into()));
        }
        Ok(())
    }
}

/// A loss that fits its task.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Of one score a class.
    CrossEntropy,
    /// Of one score.
    Bce,
    /// Squared error.
    Mse,
    /// Absolute error.
    Mae,
    /// Squared within, absolute beyond.
    Huber(f64),
}

impl Loss {
    /// The loss that is asked for, if the task has it.
    ///
    /// # Errors
    /// A loss for classes where numbers are predicted, or the other way round; smoothing or weights of classes where there are
    /// none.
    pub fn of(params: &LossParams, task: TaskKind) -> Result<Self, ParamError> {
        let is_regression = task == TaskKind::Regression;
        let loss = match params.r#type {
            LossKind::Auto if is_regression => Self::Mse,
            LossKind::Auto if task == TaskKind::Binary => Self::Bce,
            LossKind::Auto | LossKind::CrossEntropy => Self::CrossEntropy,
            LossKind::Bce => Self::Bce,
            LossKind::Mse => Self::Mse,
            LossKind::Mae => Self::Mae,
            LossKind::Huber => Self::Huber(params.huber_delta),
        };
        let fits = match loss {
            Self::CrossEntropy => !is_regression,
            Self::Bce => task == TaskKind::Binary,
            Self::Mse | Self::Mae | Self::Huber(_) => is_regression,
        };
        if fits && is_regression {
            params.refuse_classes()?;
        }
        if fits {
            return Ok(loss);
        }
        let name = automl_core::params::ParamChoice::choice_name(&params.r#type);
        Err(ParamError::Conflict {
            name: "loss.type".into(),
            value: ParamValue::Text(name.into()),
            reason: format!("is no loss of a {} task", task.name()),
        })
    }

    /// Scores a row and member that a network must give.
    pub fn n_outputs(self, n_classes: usize) -> usize {
        match self {
            Self::CrossEntropy => n_classes,
            _ => 1,
        }
    }

    /// The loss of each row and member, `rows × members × 1`, of `rows × members × outputs` scores and `rows × 1 ×
    /// outputs` targets.
    pub fn forward<B: Backend>(self, scores: Tensor<B, 3>, target: Tensor<B, 3>) -> Tensor<B, 3> {
        match self {
            Self::CrossEntropy => {
                let logs = activation::log_softmax(scores, 2);
                (logs * target).sum_dim(2).neg()
            }
            // log(1 + exp(z)) - tz, written so that nothing overflows.
            Self::Bce => {
                let far = scores.clone().abs().neg().exp().log1p();
                activation::relu(scores.clone()) - scores * target + far
            }
            Self::Mse => (scores - target).powi_scalar(2),
            Self::Mae => (scores - target).abs(),
            Self::Huber(delta) => {
                let error = (scores - target).abs();
                let near = error.clone().clamp_max(delta);
                near.clone().powi_scalar(2) * 0.5 + (error - near) * delta
            }
        }
    }
}

/// How numbers of a target were made to have mean 0 and deviation 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetScale {
    /// The mean.
    pub centre: f64,
    /// The deviation.
    pub spread: f64,
}

/// Targets as a loss takes them, and what rows count.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// `rows × outputs`.
    pub values: Vec<f32>,
    /// What each row counts.
    pub weights: Vec<f32>,
    /// Of numbers.
    pub scale: TargetScale,
}

impl Targets {
    /// The targets of training rows.
    ///
    /// # Errors
    /// No row has any weight.
    pub fn of(view: &DatasetView<'_>, loss: Loss, params: &LossParams) -> Result<Self, TrainError> {
        let weights = view.weights();
        let mut weights: Vec<f64> = weights.unwrap_or_else(|| vec![1.0; view.n_rows()]);
        if weights.iter().sum::<f64>() <= 0.0 {
            return Err(TrainError::NoWeight);
        }
        let n_classes = view.task().n_classes();
        let mut scale = TargetScale {
            centre: 0.0,
            spread: 1.0,
        };
        let values = match view.data().target() {
            Target::Numbers(_) => {
                let numbers = view.target_numbers();
                scale = scale_of(&numbers, &weights);
                let scaled = |y: &f64| ((y - scale.centre) / scale.spread) as f32;
                numbers.iter().map(scaled).collect()
            }
            Target::Classes(_) => {
                let codes = view.class_codes();
                if params.class_weights == ClassWeights::Balanced {
                    balance(&mut weights, &codes, n_classes);
                }
                class_targets(&codes, loss, n_classes, params.label_smoothing)
            }
        };
        // The mean weight is 1, so that a learning rate means the same whatever the unit of weights.
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        Ok(Self {
            values,
            weights: weights
                .iter()
                .map(|weight| (weight / mean) as f32)
                .collect(),
            scale,
        })
    }
}

impl Targets {
    /// What a loss that is summed over rows is divided by.
    pub(crate) fn weight_of(&self, rows: &[u32]) -> f64 {
        let weights = rows
            .iter()
            .map(|&row| f64::from(self.weights[row as usize]));
        let sum: f64 = weights.sum();
        // Rows without weight have a loss of 0, whatever it is divided by.
        if sum > 0.0 { sum } else { 1.0 }
    }
}

fn scale_of(numbers: &[f64], weights: &[f64]) -> TargetScale {
    if numbers.iter().all(|y| y == &numbers[0]) {
        // What a network says of a constant then counts for nothing beside it.
        return TargetScale {
            centre: numbers[0],
            spread: f64::MIN_POSITIVE,
        };
    }
    let total: f64 = weights.iter().sum();
    let mean = |of: &dyn Fn(f64) -> f64| {
        let sum: f64 = numbers.iter().zip(weights).map(|(y, w)| w * of(*y)).sum();
        sum / total
    };
    let centre = mean(&|y| y);
    let spread = mean(&|y| (y - centre) * (y - centre)).sqrt();
    let is_usable = spread.is_finite() && spread > 0.0;
    TargetScale {
        centre,
        spread: if is_usable { spread } else { 1.0 },
    }
}

fn balance(weights: &mut [f64], codes: &[u32], n_classes: usize) {
    let mut sums = vec![0.0; n_classes];
    for (&code, weight) in codes.iter().zip(weights.iter()) {
        sums[code as usize] += weight;
    }
    for (&code, weight) in codes.iter().zip(weights) {
        *weight /= sums[code as usize].max(f64::MIN_POSITIVE);
    }
}

fn class_targets(codes: &[u32], loss: Loss, n_classes: usize, smoothing: f64) -> Vec<f32> {
    let spread = smoothing / n_classes as f64;
    let at = |is_it: bool| (if is_it { 1.0 - smoothing } else { 0.0 } + spread) as f32;
    if loss == Loss::Bce {
        return codes.iter().map(|&code| at(code == 1)).collect();
    }
    let classes = 0..n_classes as u32;
    codes
        .iter()
        .flat_map(|&code| classes.clone().map(move |class| at(class == code)))
        .collect()
}

/// Predictions of `rows × members × outputs` scores: probabilities or numbers, the mean over members.
pub(crate) fn predictions(
    scores: &[f32],
    n_members: usize,
    loss: Loss,
    task: &Task,
    scale: TargetScale,
) -> Predictions {
    let n_outputs = loss.n_outputs(task.n_classes());
    let rows = scores.chunks_exact(n_members * n_outputs);
    let share = 1.0 / n_members as f64;
    if !task.is_classification() {
        let mean = |row: &[f32]| row.iter().map(|&y| f64::from(y)).sum::<f64>() * share;
        let numbers = rows.map(|row| mean(row) * scale.spread + scale.centre);
        return Predictions::Numbers(numbers.collect());
    }
    let n_classes = task.n_classes();
    let mut values = Vec::with_capacity(scores.len() / (n_members * n_outputs) * n_classes);
    for row in rows {
        let mut sums = vec![0.0; n_classes];
        for member in row.chunks_exact(n_outputs) {
            if loss == Loss::Bce {
                let p = 1.0 / (1.0 + (-f64::from(member[0])).exp());
                sums[0] += 1.0 - p;
                sums[1] += p;
            } else {
                add_softmax(member, &mut sums);
            }
        }
        let total: f64 = sums.iter().sum();
        values.extend(sums.iter().map(|sum| sum / total));
    }
    Predictions::Probabilities { n_classes, values }
}

fn add_softmax(scores: &[f32], sums: &mut [f64]) {
    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exp = |&score: &f32| f64::from(score - max).exp();
    let total: f64 = scores.iter().map(exp).sum();
    for (sum, score) in sums.iter_mut().zip(scores) {
        *sum += exp(score) / total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::parameters::floats;
    use burn_flex::Flex;

    fn loss(loss: Loss, scores: &[f32], target: &[f32]) -> Vec<f32> {
        let device = burn_flex::FlexDevice;
        let width = target.len();
        let tensor = |values: &[f32]| {
            let data =
                burn::tensor::TensorData::new(values.to_vec(), [1, values.len() / width, width]);
            Tensor::<Flex, 3>::from_data(data, &device)
        };
        floats(loss.forward(tensor(scores), tensor(target)))
    }

    #[test]
    fn losses_are_their_formulas() {
        let near = |a: f32, b: f64| assert!((f64::from(a) - b).abs() < 1e-5, "{a} {b}");
        near(
            loss(Loss::CrossEntropy, &[1.0, 1.0, 1.0], &[0.0, 1.0, 0.0])[0],
            3_f64.ln(),
        );
        near(loss(Loss::Bce, &[0.0], &[1.0])[0], 2_f64.ln());
        near(loss(Loss::Bce, &[-90.0], &[1.0])[0], 90.0);
        near(loss(Loss::Mse, &[3.0], &[1.0])[0], 4.0);
        near(loss(Loss::Mae, &[3.0], &[1.0])[0], 2.0);
        near(loss(Loss::Huber(1.0), &[1.5], &[1.0])[0], 0.125);
        near(loss(Loss::Huber(1.0), &[4.0], &[1.0])[0], 2.5);
    }

    #[test]
    fn smoothed_targets_sum_to_one() {
        let targets = class_targets(&[1], Loss::CrossEntropy, 4, 0.2);
        assert!((targets.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((targets[1] - 0.85).abs() < 1e-6);
    }

    #[test]
    fn members_are_averaged_as_probabilities() {
        let task = Task::Binary {
            classes: vec!["a".into(), "b".into()],
        };
        let scale = TargetScale {
            centre: 0.0,
            spread: 1.0,
        };
        let predicted = predictions(&[100.0, -100.0], 2, Loss::Bce, &task, scale);
        assert_eq!(predicted.values(), [0.5, 0.5]);
    }

    #[test]
    fn a_loss_of_another_task_is_refused() {
        let params = LossParams {
            r#type: LossKind::Mse,
            ..LossParams::default()
        };
        let error = Loss::of(&params, TaskKind::Binary).unwrap_err().to_string();
        assert_eq!(error, "loss.type = mse is no loss of a binary task");
    }

    #[test]
    fn what_is_said_of_classes_is_refused_where_numbers_are_predicted() {
        let smoothed = LossParams {
            label_smoothing: 0.1,
            ..LossParams::default()
        };
        let balanced = LossParams {
            class_weights: ClassWeights::Balanced,
            ..LossParams::default()
        };
        for (params, told) in [
            (
                smoothed,
                "loss.label_smoothing = 0.1 is of classes, and numbers are predicted",
            ),
            (
                balanced,
                "loss.class_weights = balanced is of classes, and numbers are predicted",
            ),
        ] {
            assert!(Loss::of(&params, TaskKind::Binary).is_ok());
            let error = Loss::of(&params, TaskKind::Regression).unwrap_err();
            assert_eq!(error.to_string(), told);
        }
        assert!(Loss::of(&LossParams::default(), TaskKind::Regression).is_ok());
    }
}
