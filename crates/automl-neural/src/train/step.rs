//! One step: gradients, their norm, the optimiser, the average.

use super::blame::{Blame, ROWS_TOLD};
use super::device::{DeviceNumbers, Pending, READ, STEPS_IN_FLIGHT, read_all, row};
use super::optimizer::clip;
use super::settings::{OptimizerParams, Precision};
use super::trainer::{Details, Run, StepReport, Watch};
use super::{Job, TrainError, schedule};
use crate::Draw;
use crate::network::parameters::{floats, replica};
use automl_core::Artifact;
use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{DType, Tensor};

/// Numbers of gradients that ranks add up at once: 25 MB, as PyTorch does.
const BUCKET: usize = 25 * 1024 * 1024 / 4;

impl<B: AutodiffBackend, J: Job<B>> Run<'_, B, J> {
    /// One step of the optimiser. Whoever watches hears of it now, or later if it is computed on the device.
    pub(super) fn step(&mut self, watch: &mut dyn Watch) -> Result<(), TrainError> {
        let n_rows = self.step_rows();
        let start = self.state.progress.cursor as usize * n_rows;
        let end = (start + n_rows).min(self.order.len());
        let rows = self.order[start..end].to_vec();
        let step = self.state.progress.step;
        let settings = self.trainer.settings;
        let n_steps = self.steps_per_epoch() * settings.trainer.epochs;
        let share = schedule::share(&settings.schedule, step, n_steps);
        let mut report = StepReport {
            step: step + 1,
            n_steps,
            epoch: self.state.progress.epoch + 1,
            loss: f64::NAN,
            learning_rate: settings.optimizer.learning_rate * share * self.state.progress.plateau,
            gradient_norm: f64::NAN,
            n_rows: rows.len(),
        };
        let optimizer = OptimizerParams {
            weight_decay: settings.optimizer.weight_decay
                * schedule::left_of(settings.schedule.weight_decay, step, n_steps),
            ..settings.optimizer.clone()
        };
        if self.on_device.is_some() {
            self.step_on_device(report, &rows, &optimizer)?;
            if self.pending.len() >= STEPS_IN_FLIGHT {
                self.settle(watch)?;
            }
            return Ok(());
        }
        let (loss, mut gradients) = self.gradients(&rows, step)?;
        report.loss = loss;
        if let Some(details) = self.details_of_last_step() {
            details.gradients.clone_from(&gradients);
        }
        report.gradient_norm = clip(&mut gradients, settings.trainer.clip_norm);
        if let Some(fault) = fault(&report) {
            return Err(self.blamed(fault, report.step, &rows));
        }
        let state = &mut self.state;
        state.optimizer.step(
            &optimizer,
            report.learning_rate,
            &self.layout,
            &mut state.values,
            &gradients,
        );
        let decay = self.average_decay() as f32;
        let state = &mut self.state;
        if let Some(average) = &mut state.average {
            for (mean, value) in average.iter_mut().zip(&state.values) {
                *mean = decay * *mean + (1.0 - decay) * value;
            }
        }
        self.write_network();
        self.count_step();
        self.state.progress.loss_sum += loss;
        watch.step(&report)
    }

    /// The same on the device; what is known of it only there is read when steps are settled.
    fn step_on_device(
        &mut self,
        report: StepReport,
        rows: &[u32],
        optimizer: &OptimizerParams,
    ) -> Result<(), TrainError> {
        let settings = self.trainer.settings;
        let pass = self.gradients_on_device(rows, report.step - 1)?;
        let decay = self.average_decay();
        if let Some(details) = self.details_of_last_step() {
            details.gradients = floats(pass.gradients.clone());
        }
        let numbers = self.on_device.as_mut().expect("the caller looked");
        let scale = numbers.loss_scale().cloned();
        let scale = scale.unwrap_or_else(|| row::<B>(vec![1.0], self.device));
        let norm = numbers.step(
            optimizer,
            report.learning_rate,
            &self.layout,
            pass.gradients,
            (settings.trainer.clip_norm, pass.norm),
        );
        numbers.average(decay);
        self.pending.push(Pending {
            report,
            rows: rows.iter().copied().take(ROWS_TOLD).collect(),
            read: Tensor::cat(vec![pass.loss, norm, scale], 0),
        });
        self.write_network();
        self.count_step();
        Ok(())
    }

    /// Reads what steps on the device came to, and tells of them.
    pub(super) fn settle(&mut self, watch: &mut dyn Watch) -> Result<(), TrainError> {
        let pending = std::mem::take(&mut self.pending);
        let reads = pending.iter().map(|step| step.read.clone()).collect();
        let numbers = read_all(reads);
        for (step, read) in pending.iter().zip(numbers.chunks_exact(READ)) {
            let report = StepReport {
                loss: f64::from(read[0]),
                gradient_norm: f64::from(read[1]),
                ..step.report
            };
            // A step whose gradients overflow is left out and the scale of losses halved: that helps down to 1.
            let was_left_out = report.loss.is_finite()
                && !report.gradient_norm.is_finite()
                && self.state.progress.loss_scale.is_some()
                && read[2] > 1.0;
            if let Some((what, value)) = fault(&report).filter(|_| !was_left_out) {
                return Err(TrainError::NotFinite {
                    what,
                    value,
                    step: report.step,
                    rows: step.rows.clone(),
                    // The parameters of that step are gone.
                    blame: Blame::First,
                });
            }
            self.state.progress.loss_sum += report.loss;
            watch.step(&report)?;
        }
        Ok(())
    }

    /// Where the gradients of this step are told, if they are wanted and it is the last of its epoch.
    fn details_of_last_step(&mut self) -> Option<&mut Details> {
        let is_last = self.state.progress.cursor + 1 == self.steps_per_epoch();
        self.details.as_mut().filter(|_| is_last)
    }

    fn count_step(&mut self) {
        self.state.progress.step += 1;
        self.state.progress.cursor += 1;
    }

    /// What the average keeps of itself: that of the first steps would be mostly the random start.
    fn average_decay(&self) -> f64 {
        let n = self.state.progress.step as f64 + 1.0;
        let decay = self.trainer.settings.trainer.ema_decay;
        decay.min(n / (n + 9.0))
    }

    /// What is left of dropout at a step.
    pub(super) fn dropout_left(&self, step: u64) -> f64 {
        let settings = self.trainer.settings;
        let n_steps = self.steps_per_epoch() * settings.trainer.epochs;
        schedule::left_of(settings.schedule.dropout, step, n_steps)
    }

    /// Mean loss and gradient of rows: shards on threads, sums in the order of the shards, then of the ranks.
    fn gradients(&self, rows: &[u32], step: u64) -> Result<(f64, Vec<f32>), TrainError> {
        let shards: Vec<&[u32]> = rows
            .chunks(self.trainer.settings.trainer.shard_rows as usize)
            .collect();
        let ranks = self.trainer.ranks;
        let first = shards.len() * ranks.rank() / ranks.size();
        let end = shards.len() * (ranks.rank() + 1) / ranks.size();
        let seed = self.trainer.seed.named("draw").indexed(step);
        let weight = self.job.weight(rows);
        let dropout = self.dropout_left(step);
        let parts = self.trainer.threads.map(end - first, |index| {
            let index = first + index;
            let network = replica(&self.network);
            let mut draw = Draw::training(seed.indexed(index as u64)).times(dropout);
            let loss = self
                .job
                .loss(&network, shards[index], &mut draw, self.device)
                / weight;
            let gradients = loss.backward();
            let mut sums = vec![0.0; self.layout.len()];
            self.layout.add_gradients(&network, &gradients, &mut sums);
            (f64::from(floats(loss)[0]), sums)
        });
        let mut parts = parts.into_iter();
        // A rank may have no shard of a short batch.
        let none = || (0.0, vec![0.0; self.layout.len()]);
        let (mut loss, mut sums) = parts.next().unwrap_or_else(none);
        for (part, gradients) in parts {
            loss += part;
            for (sum, gradient) in sums.iter_mut().zip(gradients) {
                *sum += gradient;
            }
        }
        if ranks.size() > 1 {
            let mut total = [loss];
            ranks.all_reduce_f64(&mut total)?;
            loss = total[0];
            for bucket in sums.chunks_mut(BUCKET) {
                ranks.all_reduce_f32(bucket)?;
            }
        }
        Ok((loss, sums))
    }

    /// The same on the device, a batch at a time.
    fn gradients_on_device(&self, rows: &[u32], step: u64) -> Result<Pass<B>, TrainError> {
        let trainer = &self.trainer.settings.trainer;
        let ranks = self.trainer.ranks;
        let share = |rank| rows.len() * rank / ranks.size();
        let mine = &rows[share(ranks.rank())..share(ranks.rank() + 1)];
        let n_batch = (trainer.batch_size as usize).div_ceil(ranks.size());
        let seed = self.trainer.seed.named("draw").indexed(step);
        let weight = self.job.weight(rows);
        let cast = match trainer.precision {
            Precision::Float32 => None,
            Precision::Bfloat16 => Some(DType::BF16),
            Precision::Float16 => Some(DType::F16),
        };
        let cast = cast.map(|dtype| self.layout.cast(self.network.clone(), dtype));
        let computing = cast.as_ref().unwrap_or(&self.network);
        let numbers = self.on_device.as_ref();
        let scale = numbers.and_then(DeviceNumbers::loss_scale);
        let mut sums: Option<(Numbers<B>, Numbers<B>)> = None;
        for (index, rows) in mine.chunks(n_batch).enumerate() {
            let index = index * ranks.size() + ranks.rank();
            let draw = Draw::training(seed.indexed(index as u64));
            let mut draw = draw.times(self.dropout_left(step)).on_device();
            let loss = self.job.loss(computing, rows, &mut draw, self.device) / weight;
            let gradients = match scale {
                None => loss.backward(),
                Some(scale) => (loss.clone() * Tensor::from_inner(scale.clone())).backward(),
            };
            let gradients = self.layout.gradient_row(&self.network, &gradients);
            let gradients = match scale {
                None => gradients,
                Some(scale) => gradients / scale.clone(),
            };
            let loss = loss.inner();
            sums = Some(match sums {
                None => (loss, gradients),
                Some((l, g)) => (l + loss, g + gradients),
            });
        }
        let none = |n| row::<B>(vec![0.0; n], self.device);
        let (loss, gradients) = sums.unwrap_or_else(|| (none(1), none(self.layout.len())));
        if ranks.size() == 1 {
            return Ok(Pass {
                loss,
                gradients,
                norm: None,
            });
        }
        let mut sums = floats(gradients);
        for bucket in sums.chunks_mut(BUCKET) {
            ranks.all_reduce_f32(bucket)?;
        }
        let mut total = [f64::from(floats(loss)[0])];
        ranks.all_reduce_f64(&mut total)?;
        let loss = row::<B>(vec![total[0] as f32], self.device);
        // Taken of what all ranks have alike, in an order that all have: devices may sum in different ones.
        let norm = clip(&mut sums, 0.0);
        Ok(Pass {
            loss,
            gradients: row::<B>(sums, self.device),
            norm: Some(norm),
        })
    }

    /// Gives the network the parameters of the state.
    pub(super) fn write_network(&mut self) {
        let network = self.network.clone();
        self.network = match &self.on_device {
            Some(numbers) => numbers.network(network),
            None => self.layout.write(network, &self.state.values),
        };
    }

    /// The network with the parameters that count, and these: the average if there is one.
    pub(super) fn current(&self) -> (<J::Network as AutodiffModule<B>>::InnerModule, Vec<f32>) {
        let network = self.network.clone();
        if let Some(numbers) = &self.on_device {
            let (network, row) = numbers.current(network);
            return (network.valid(), floats(row));
        }
        let values = self.state.current().to_vec();
        (self.layout.write(network, &values).valid(), values)
    }

    /// Keeps parameters as the best.
    pub(super) fn keep_best(&mut self, values: &[f32]) {
        match &mut self.on_device {
            Some(numbers) => numbers.keep(row::<B>(values.to_vec(), self.device)),
            None => self.state.best = Some(values.to_vec()),
        }
    }

    /// Where the training stands, as plain data.
    pub(super) fn artifact(&mut self) -> Artifact {
        if let Some(numbers) = &self.on_device {
            numbers.store(&mut self.state);
        }
        self.state.to_artifact(&self.layout, self.trainer.training)
    }
}

/// What a pass over the rows of a step gave on the device.
struct Pass<B: AutodiffBackend> {
    /// Their mean loss.
    loss: Numbers<B>,
    gradients: Numbers<B>,
    /// The norm of the gradient, where several ranks must have the same.
    norm: Option<f64>,
}

/// Numbers on the device, without a graph.
type Numbers<B> = Tensor<<B as AutodiffBackend>::InnerBackend, 1>;

/// What of a step is no number, and what it is instead.
fn fault(report: &StepReport) -> Option<(&'static str, f64)> {
    let named = [
        ("loss", report.loss),
        ("norm of the gradient", report.gradient_norm),
    ];
    named.into_iter().find(|(_, value)| !value.is_finite())
}
