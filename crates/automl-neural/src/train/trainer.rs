//! The loop.

use super::optimizer::clip;
use super::settings::ScheduleKind;
use super::{EpochRecord, Job, Score, TrainError, TrainSettings, TrainState, schedule};
use crate::Draw;
use crate::network::Layout;
use crate::network::parameters::{floats, replica};
use automl_core::metrics::MetricError;
use automl_core::{Artifact, Budget, Collective, Seed, Threads, agree};
use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use rand::seq::SliceRandom as _;

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// The step, from 1.
    pub step: u64,
    /// Steps of the whole training, if it runs to its end.
    pub n_steps: u64,
    /// The epoch that it belongs to, from 1.
    pub epoch: u64,
    /// Mean loss of its rows.
    pub loss: f64,
    /// Its learning rate.
    pub learning_rate: f64,
    /// Norm of its gradient before clipping.
    pub gradient_norm: f64,
    /// Rows that it learned from.
    pub n_rows: usize,
}

/// What an epoch came to, with the parameters at its end.
#[derive(Debug, Clone, Copy)]
pub struct EpochReport<'a> {
    /// Loss and scores.
    pub record: &'a EpochRecord,
    /// The parameters.
    pub values: &'a [f32],
    /// What they are.
    pub layout: &'a Layout,
}

/// Hears of a training, and says when its state is to be written down.
pub trait Watch {
    /// A step was taken.
    ///
    /// # Errors
    /// Whatever makes going on pointless.
    fn step(&mut self, _report: &StepReport) -> Result<(), TrainError> {
        Ok(())
    }

    /// An epoch is done.
    ///
    /// # Errors
    /// Whatever makes going on pointless.
    fn epoch(&mut self, _report: &EpochReport<'_>) -> Result<(), TrainError> {
        Ok(())
    }

    /// Whether the state after this step is wanted.
    fn wants_checkpoint(&mut self, _step: u64) -> bool {
        false
    }

    /// Takes a state to go on from. Also called when the budget ends the training.
    ///
    /// # Errors
    /// It cannot be written.
    fn checkpoint(&mut self, _step: u64, _state: Artifact) -> Result<(), TrainError> {
        Ok(())
    }
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoWatch;

impl Watch for NoWatch {}

/// Surroundings of a training.
///
/// Several ranks may train together. Each holds all rows and the whole network, computes its share of the shards of every
/// batch, and adds up gradients with the others; rank 0 scores and is asked for checkpoints. A state knows nothing of
/// ranks, so it may be gone on with by any number of them.
pub struct Trainer<'a> {
    /// What decides the result, with the seed.
    pub settings: &'a TrainSettings,
    /// The root of all randomness.
    pub seed: Seed,
    /// Threads to use; the result does not depend on them.
    pub threads: &'a Threads,
    /// When to wind up; asked after each step.
    pub budget: &'a Budget,
    /// Says what is trained, line by line: a checkpoint of anything else, or a rank that trains it, is refused.
    pub training: &'a str,
    /// Who trains together.
    pub ranks: &'a dyn Collective,
}

/// A trained network.
#[derive(Debug)]
pub struct Trained<N> {
    /// The network, with the parameters of the best epoch if these are kept.
    pub network: N,
    /// The same parameters as a row.
    pub values: Vec<f32>,
    /// What they are.
    pub layout: Layout,
    /// All epochs done.
    pub history: Vec<EpochRecord>,
    /// The epoch whose parameters these are.
    pub best_epoch: u64,
    /// Steps taken.
    pub n_steps: u64,
    /// Whether the budget ended the training before its end.
    pub is_partial: bool,
}

/// Numbers of gradients that ranks add up at once: 25 MB, as PyTorch does.
const BUCKET: usize = 25 * 1024 * 1024 / 4;

/// How a run of steps ended.
#[derive(PartialEq, Eq)]
enum Ended {
    Epoch,
    Budget,
}

impl Trainer<'_> {
    /// Trains, from the start or from the state of a checkpoint.
    ///
    /// # Errors
    /// No rows; a loss that is no number; a checkpoint of another training; a budget that was over before the first
    /// epoch; a score that cannot be computed; or what `watch` says.
    pub fn train<B: AutodiffBackend, J: Job<B>>(
        &self,
        job: &J,
        device: &B::Device,
        from: Option<&Artifact>,
        watch: &mut dyn Watch,
    ) -> Result<Trained<J::Network>, TrainError> {
        if job.n_rows() == 0 {
            return Err(TrainError::NoRows);
        }
        agree(self.ranks, "the training", self.training)?;
        let network = job.build(self.seed.named("init"), device);
        let layout = Layout::of(&network);
        let mut run = Run {
            trainer: self,
            job,
            device,
            state: self.start(&network, &layout, from)?,
            network,
            layout,
            order: Vec::new(),
        };
        let mut is_partial = false;
        while !run.is_done() {
            let ended = run.epoch(watch)?;
            if ended == Ended::Budget {
                is_partial = true;
                if self.ranks.rank() == 0 {
                    let state = run.state.to_artifact(&run.layout, self.training);
                    watch.checkpoint(run.state.progress.step, state)?;
                }
                break;
            }
        }
        run.finish(is_partial)
    }

    fn start<B: AutodiffBackend, N: AutodiffModule<B>>(
        &self,
        network: &N,
        layout: &Layout,
        from: Option<&Artifact>,
    ) -> Result<TrainState, TrainError> {
        let settings = self.settings;
        match from {
            Some(artifact) => TrainState::from_artifact(artifact, layout, self.training),
            None => Ok(TrainState::new(
                layout.read(network),
                settings.optimizer.r#type,
                settings.trainer.ema_decay > 0.0,
            )),
        }
    }
}

/// A training that goes on.
struct Run<'a, B: AutodiffBackend, J: Job<B>> {
    trainer: &'a Trainer<'a>,
    job: &'a J,
    device: &'a B::Device,
    network: J::Network,
    layout: Layout,
    state: TrainState,
    /// The rows of this epoch in their order.
    order: Vec<u32>,
}

impl<B: AutodiffBackend, J: Job<B>> Run<'_, B, J> {
    fn is_done(&self) -> bool {
        let progress = &self.state.progress;
        progress.is_stopped || progress.epoch >= self.trainer.settings.trainer.epochs
    }

    /// Rows of a step.
    fn step_rows(&self) -> usize {
        let trainer = &self.trainer.settings.trainer;
        (trainer.batch_size.saturating_mul(trainer.accumulate) as usize).min(self.job.n_rows())
    }

    fn steps_per_epoch(&self) -> u64 {
        self.job.n_rows().div_ceil(self.step_rows()) as u64
    }

    /// Goes on to the end of the epoch, and scores.
    fn epoch(&mut self, watch: &mut dyn Watch) -> Result<Ended, TrainError> {
        self.network = self.layout.write(self.network.clone(), &self.state.values);
        let epoch = self.state.progress.epoch;
        self.order = (0..self.job.n_rows() as u32).collect();
        let seed = self.trainer.seed.named("order").indexed(epoch);
        self.order.shuffle(&mut seed.rng());
        while self.state.progress.cursor < self.steps_per_epoch() {
            if self.is_over()? {
                return Ok(Ended::Budget);
            }
            let report = self.step()?;
            watch.step(&report)?;
            let is_first = self.trainer.ranks.rank() == 0;
            if is_first && watch.wants_checkpoint(report.step) {
                let state = self.state.to_artifact(&self.layout, self.trainer.training);
                watch.checkpoint(report.step, state)?;
            }
        }
        self.end_epoch(watch)?;
        Ok(Ended::Epoch)
    }

    /// Whether the budget of any rank is over: all end after the same step.
    fn is_over(&self) -> Result<bool, TrainError> {
        let mut is_over = [f64::from(u8::from(self.trainer.budget.is_over()))];
        if self.trainer.ranks.size() > 1 {
            self.trainer.ranks.all_reduce_f64(&mut is_over)?;
        }
        Ok(is_over[0] > 0.0)
    }

    /// One step of the optimiser.
    fn step(&mut self) -> Result<StepReport, TrainError> {
        let n_rows = self.step_rows();
        let start = self.state.progress.cursor as usize * n_rows;
        let end = (start + n_rows).min(self.order.len());
        let rows = &self.order[start..end];
        let step = self.state.progress.step;
        let (loss, mut gradients) = self.gradients(rows, step)?;
        let not_finite = |what, value| TrainError::NotFinite {
            what,
            value,
            step: step + 1,
            rows: rows.iter().copied().take(8).collect(),
        };
        if !loss.is_finite() {
            return Err(not_finite("loss", loss));
        }
        let settings = self.trainer.settings;
        let gradient_norm = clip(&mut gradients, settings.trainer.clip_norm);
        if !gradient_norm.is_finite() {
            return Err(not_finite("norm of the gradient", gradient_norm));
        }
        let n_steps = self.steps_per_epoch() * settings.trainer.epochs;
        let share = schedule::share(&settings.schedule, step, n_steps);
        let learning_rate = settings.optimizer.learning_rate * share * self.state.progress.plateau;
        let n_rows = rows.len();
        self.state.optimizer.step(
            &settings.optimizer,
            learning_rate,
            &self.layout,
            &mut self.state.values,
            &gradients,
        );
        self.average();
        self.network = self.layout.write(self.network.clone(), &self.state.values);
        let progress = &mut self.state.progress;
        progress.step += 1;
        progress.cursor += 1;
        progress.loss_sum += loss;
        Ok(StepReport {
            step: progress.step,
            n_steps,
            epoch: progress.epoch + 1,
            loss,
            learning_rate,
            gradient_norm,
            n_rows,
        })
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
        let parts = self.trainer.threads.map(end - first, |index| {
            let index = first + index;
            let network = replica(&self.network);
            let mut draw = Draw::training(seed.indexed(index as u64));
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

    /// Scores of the network; rank 0 computes them for all.
    fn scores(
        &self,
        network: &<J::Network as AutodiffModule<B>>::InnerModule,
    ) -> Result<Vec<Score>, TrainError> {
        let ranks = self.trainer.ranks;
        let scores = match ranks.rank() {
            0 => {
                let scores = self
                    .job
                    .evaluate(network, self.trainer.threads, self.device);
                scores.map_err(|error| self.blame_steps(error))?
            }
            _ => Vec::new(),
        };
        if ranks.size() == 1 {
            return Ok(scores);
        }
        let told = serde_json::to_vec(&scores).expect("scores are plain data");
        let all = ranks.all_gather(&told)?;
        serde_json::from_slice(&all[0]).map_err(|error| TrainError::Watch(error.into()))
    }

    /// Predictions that are no numbers are the steps' doing: what is said of them is said of the last one.
    fn blame_steps(&self, error: TrainError) -> TrainError {
        let TrainError::Metric(MetricError::Value {
            part: "prediction",
            value,
            ..
        }) = error
        else {
            return error;
        };
        let n_rows = self.step_rows();
        let last = (self.order.len() - 1) / n_rows * n_rows;
        TrainError::NotFinite {
            what: "prediction for a held-out row after the update",
            value,
            step: self.state.progress.step,
            rows: self.order[last..].iter().copied().take(8).collect(),
        }
    }

    /// Moves the average of the parameters on.
    fn average(&mut self) {
        let decay = self.trainer.settings.trainer.ema_decay;
        // The average of the first steps would be mostly the random start.
        let n = self.state.progress.step as f64 + 1.0;
        let decay = decay.min(n / (n + 9.0)) as f32;
        if let Some(average) = &mut self.state.average {
            for (mean, value) in average.iter_mut().zip(&self.state.values) {
                *mean = decay * *mean + (1.0 - decay) * value;
            }
        }
    }

    /// The parameters that count: the average if there is one.
    fn current(&self) -> &[f32] {
        self.state.average.as_ref().unwrap_or(&self.state.values)
    }

    fn end_epoch(&mut self, watch: &mut dyn Watch) -> Result<(), TrainError> {
        let values = self.current().to_vec();
        let network = self.layout.write(self.network.clone(), &values).valid();
        let scores = self.scores(&network)?;
        let n_steps = self.steps_per_epoch() as f64;
        let is_best = self.note_scores(&scores);
        let trainer = &self.trainer.settings.trainer;
        if is_best && trainer.keep_best {
            self.state.best = Some(values.clone());
        }
        let progress = &mut self.state.progress;
        progress.epoch += 1;
        progress.cursor = 0;
        let record = EpochRecord {
            epoch: progress.epoch,
            step: progress.step,
            loss: progress.loss_sum / n_steps,
            scores: scores
                .into_iter()
                .map(|score| (score.name, score.value))
                .collect(),
            is_best,
        };
        progress.loss_sum = 0.0;
        progress.history.push(record.clone());
        progress.is_stopped = trainer.patience > 0 && progress.n_stale >= trainer.patience;
        watch.epoch(&EpochReport {
            record: &record,
            values: &values,
            layout: &self.layout,
        })
    }

    /// Takes in the scores of an epoch; gives whether it is the best so far. Without scores every epoch is.
    fn note_scores(&mut self, scores: &[Score]) -> bool {
        let schedule = &self.trainer.settings.schedule;
        let progress = &mut self.state.progress;
        let Some(watched) = scores.first() else {
            progress.best = None;
            return true;
        };
        let is_better = match progress.best {
            None => true,
            Some((best, _)) if watched.higher_is_better => watched.value > best,
            Some((best, _)) => watched.value < best,
        };
        if is_better {
            progress.best = Some((watched.value, progress.epoch + 1));
            progress.n_stale = 0;
            progress.n_flat = 0;
            return true;
        }
        progress.n_stale += 1;
        progress.n_flat += 1;
        if schedule.r#type == ScheduleKind::Plateau && progress.n_flat >= schedule.patience {
            progress.plateau *= schedule.factor;
            progress.n_flat = 0;
        }
        false
    }

    fn finish(self, is_partial: bool) -> Result<Trained<J::Network>, TrainError> {
        let progress = &self.state.progress;
        if progress.epoch == 0 {
            return Err(TrainError::Cancelled);
        }
        let best_epoch = match (&self.state.best, progress.best) {
            (Some(_), Some((_, epoch))) => epoch,
            _ => progress.epoch,
        };
        let values = match &self.state.best {
            Some(best) => best.clone(),
            None => self.current().to_vec(),
        };
        Ok(Trained {
            network: self.layout.write(self.network, &values),
            values,
            history: self.state.progress.history,
            best_epoch,
            n_steps: self.state.progress.step,
            layout: self.layout,
            is_partial,
        })
    }
}
