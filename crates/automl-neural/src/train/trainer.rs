//! The loop.

use super::blame::{Blame, ROWS_TOLD};
use super::device::{DeviceNumbers, Pending};
use super::settings::{Precision, ScheduleKind};
use super::state::LossScale;
use super::wait::{each_works, first_works};
use super::{Chosen, EpochRecord, Job, Score, TrainError, TrainSettings, TrainState};
use crate::network::{GraphNode, LayerSummary, Layout};
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
    /// What was asked for beside.
    pub details: Option<&'a Details>,
}

/// What an epoch can tell beside numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Details {
    /// The gradients of its last step before clipping, in the order of the parameters.
    pub gradients: Vec<f32>,
    /// What [`Job::binary`] says.
    pub binary: Option<Vec<(f64, bool)>>,
}

/// Hears of a training, and says when its state is to be written down.
pub trait Watch {
    /// The network that will be trained, layer by layer.
    fn network(&mut self, _layers: &[LayerSummary]) {}

    /// What it computes of what.
    ///
    /// # Errors
    /// Whatever makes going on pointless.
    fn graph(&mut self, _nodes: Vec<GraphNode>) -> Result<(), TrainError> {
        Ok(())
    }

    /// What was left to the training is chosen, now or by the one that is gone on with; called if anything was.
    ///
    /// # Errors
    /// Whatever makes going on pointless.
    fn chosen(&mut self, _chosen: &Chosen) -> Result<(), TrainError> {
        Ok(())
    }

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

    /// Whether [`Details`] of this epoch, from 1, are wanted.
    fn wants_details(&mut self, _epoch: u64) -> bool {
        false
    }

    /// Whether the state after this step is wanted.
    fn wants_checkpoint(&mut self, _step: u64) -> bool {
        false
    }

    /// Whether the state at the end of a training that was not ended by its budget is wanted.
    fn wants_end(&mut self) -> bool {
        false
    }

    /// Takes that state.
    ///
    /// # Errors
    /// It cannot be written.
    fn end(&mut self, _state: Artifact) -> Result<(), TrainError> {
        Ok(())
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
/// batch, and adds up gradients with the others; rank 0 scores, unless the job deals that ([`Job::is_dealt`]), and is asked for
/// checkpoints, for which the others wait as long as it takes. A state knows nothing of ranks, so it may be gone on with by any
/// number of them.
pub struct Trainer<'a> {
    /// What decides the result, with the seed.
    pub settings: &'a TrainSettings,
    /// The root of all randomness.
    pub seed: Seed,
    /// Threads to use; the result does not depend on them.
    pub threads: &'a Threads,
    /// When to wind up: asked after each step, and by jobs for whether it is cancelled while they score.
    pub budget: &'a Budget,
    /// Says what is trained, line by line: a checkpoint of anything else, or a rank that trains it, is refused.
    pub training: &'a str,
    /// Who trains together.
    pub ranks: &'a dyn Collective,
}

/// A trained network, of which [`Layout::write`] makes one to predict with on any device.
#[derive(Debug)]
pub struct Trained {
    /// The parameters, those of the best epoch if these are kept.
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

/// How a run of steps ended.
#[derive(PartialEq, Eq)]
enum Ended {
    Epoch,
    Budget,
}

impl Trainer<'_> {
    /// Trains, from the start or from the state of a checkpoint, by exact loops in memory.
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
    ) -> Result<Trained, TrainError> {
        let precision = self.settings.trainer.precision;
        if precision != Precision::Float32 {
            return Err(TrainError::Precision { precision });
        }
        self.run(job, device, (from, false), watch)
    }

    /// The same with parameters, gradients and moments kept on the device, for accelerators. The result is that of
    /// formulas over whole rows: close to the other's, not equal.
    ///
    /// # Errors
    /// As [`Trainer::train`].
    pub fn train_on_device<B: AutodiffBackend, J: Job<B>>(
        &self,
        job: &J,
        device: &B::Device,
        from: Option<&Artifact>,
        watch: &mut dyn Watch,
    ) -> Result<Trained, TrainError> {
        self.run(job, device, (from, true), watch)
    }

    fn run<B: AutodiffBackend, J: Job<B>>(
        &self,
        job: &J,
        device: &B::Device,
        (from, on_device): (Option<&Artifact>, bool),
        watch: &mut dyn Watch,
    ) -> Result<Trained, TrainError> {
        if job.n_rows() == 0 {
            return Err(TrainError::NoRows);
        }
        agree(self.ranks, "the training", self.training)?;
        let chosen = self.choose(job, device, (from, on_device))?;
        let settings = chosen.in_place(self.settings);
        if settings.auto.any() && self.ranks.rank() == 0 {
            watch.chosen(&chosen)?;
        }
        let trainer = Trainer {
            settings: &settings,
            ..*self
        };
        let network = job.build(self.seed.named("init"), device);
        let layout = layout_of(job, &network);
        let mut state = trainer.start(&network, &layout, from)?;
        state.progress.chosen = chosen;
        let mut run = trainer.begin(job, device, (network, layout, state), on_device);
        let mut is_partial = false;
        while !run.is_done() {
            let ended = run.epoch(watch)?;
            if ended == Ended::Budget {
                is_partial = true;
                run.write_checkpoint(watch)?;
                break;
            }
        }
        if !is_partial {
            first_works(self.ranks, None, || {
                if watch.wants_end() {
                    watch.end(run.artifact())?;
                }
                Ok::<_, TrainError>(())
            })?;
        }
        run.finish(is_partial)
    }

    /// A training that stands where its state says.
    pub(super) fn begin<'a, B: AutodiffBackend, J: Job<B>>(
        &'a self,
        job: &'a J,
        device: &'a B::Device,
        (network, layout, mut state): (J::Network, Layout, TrainState),
        on_device: bool,
    ) -> Run<'a, B, J> {
        let loss_scale = &mut state.progress.loss_scale;
        *loss_scale = match self.settings.trainer.precision {
            Precision::Float16 => Some(loss_scale.unwrap_or(LossScale::START)),
            Precision::Float32 | Precision::Bfloat16 => None,
        };
        let on_device = on_device.then(|| DeviceNumbers::new(&state, &layout, device));
        Run {
            trainer: self,
            job,
            device,
            state,
            on_device,
            pending: Vec::new(),
            network,
            layout,
            order: Vec::new(),
            details: None,
            is_due: false,
        }
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

/// The parameters of a job's network, with their rates.
pub(super) fn layout_of<B: AutodiffBackend, J: Job<B>>(job: &J, network: &J::Network) -> Layout {
    let mut layout = Layout::of(network);
    for slot in &mut layout.slots {
        slot.rate = job.rate_of(&slot.name);
    }
    layout
}

/// A training that goes on.
pub(super) struct Run<'a, B: AutodiffBackend, J: Job<B>> {
    pub(super) trainer: &'a Trainer<'a>,
    pub(super) job: &'a J,
    pub(super) device: &'a B::Device,
    pub(super) network: J::Network,
    pub(super) layout: Layout,
    /// Where it stands; its rows of numbers only if they are not on the device.
    pub(super) state: TrainState,
    /// The rows of numbers, if they are.
    pub(super) on_device: Option<DeviceNumbers<B>>,
    /// Steps on the device that have not been told of.
    pub(super) pending: Vec<Pending<B>>,
    /// The rows of this epoch in their order.
    pub(super) order: Vec<u32>,
    /// What is told of this epoch beside numbers, if it is wanted.
    pub(super) details: Option<Details>,
    /// Whether this rank was told to write the state down after the last step, and has not yet.
    is_due: bool,
}

impl<B: AutodiffBackend, J: Job<B>> Run<'_, B, J> {
    fn is_done(&self) -> bool {
        let progress = &self.state.progress;
        progress.is_stopped || progress.epoch >= self.trainer.settings.trainer.epochs
    }

    /// Rows of a step.
    pub(super) fn step_rows(&self) -> usize {
        let trainer = &self.trainer.settings.trainer;
        (trainer.batch_size.saturating_mul(trainer.accumulate) as usize).min(self.job.n_rows())
    }

    pub(super) fn steps_per_epoch(&self) -> u64 {
        self.job.n_rows().div_ceil(self.step_rows()) as u64
    }

    /// Goes on to the end of the epoch, and scores.
    fn epoch(&mut self, watch: &mut dyn Watch) -> Result<Ended, TrainError> {
        self.write_network();
        let epoch = self.state.progress.epoch;
        let wants_details = self.trainer.ranks.rank() == 0 && watch.wants_details(epoch + 1);
        self.details = wants_details.then(Details::default);
        self.shuffle();
        while self.state.progress.cursor < self.steps_per_epoch() {
            if self.is_over(watch)? {
                self.settle(watch)?;
                return Ok(Ended::Budget);
            }
            self.step(watch)?;
            let step = self.state.progress.step;
            self.is_due = self.trainer.ranks.rank() == 0 && watch.wants_checkpoint(step);
        }
        // For the state after the last step: an epoch whose steps are done is scored, or its scoring is ended.
        self.is_over(watch)?;
        self.settle(watch)?;
        self.end_epoch(watch)
    }

    /// Puts the rows in the order of this epoch.
    pub(super) fn shuffle(&mut self) {
        let epoch = self.state.progress.epoch;
        self.order = (0..self.job.n_rows() as u32).collect();
        let seed = self.trainer.seed.named("order").indexed(epoch);
        self.order.shuffle(&mut seed.rng());
    }

    /// Whether the budget of any rank is over: all end after the same step. Before that, a state that is due is written down.
    fn is_over(&mut self, watch: &mut dyn Watch) -> Result<bool, TrainError> {
        let Trainer { ranks, budget, .. } = self.trainer;
        loop {
            let own = [budget.is_over(), self.is_due];
            let mut of_any = own.map(|flag| f64::from(u8::from(flag)));
            if ranks.size() > 1 {
                ranks.all_reduce_f64(&mut of_any)?;
            }
            let [is_over, is_due] = of_any.map(|count| count > 0.0);
            if !is_due {
                return Ok(is_over);
            }
            self.is_due = false;
            self.settle(watch)?;
            self.write_checkpoint(watch)?;
        }
    }

    /// Hands the state over on rank 0, for which the others wait.
    fn write_checkpoint(&mut self, watch: &mut dyn Watch) -> Result<(), TrainError> {
        first_works(self.trainer.ranks, None, || {
            let step = self.state.progress.step;
            watch.checkpoint(step, self.artifact())
        })
    }

    /// Scores of the network, the same on all ranks; none if that was ended.
    fn scores(
        &self,
        network: &<J::Network as AutodiffModule<B>>::InnerModule,
    ) -> Result<Option<Vec<Score>>, TrainError> {
        let trainer = self.trainer;
        let evaluate = || match self.job.evaluate(network, trainer.threads, self.device) {
            Ok(scores) => Ok(Some(scores)),
            Err(TrainError::Cancelled) => Ok(None),
            Err(error) => Err(self.blame_steps(error)),
        };
        if self.job.is_dealt() {
            return evaluate();
        }
        first_works(trainer.ranks, Some(&trainer.budget.cancel), evaluate)
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
            rows: self.order[last..].iter().copied().take(ROWS_TOLD).collect(),
            blame: Blame::First,
        }
    }

    /// Scores the epoch and counts it. Where scoring is ended, nothing has changed: the epoch's last step is where it stands.
    fn end_epoch(&mut self, watch: &mut dyn Watch) -> Result<Ended, TrainError> {
        let (network, values) = self.current();
        let Some(scores) = self.scores(&network)? else {
            return Ok(Ended::Budget);
        };
        let schedule = &self.trainer.settings.schedule;
        if scores.is_empty() && schedule.r#type == ScheduleKind::Plateau {
            return Err(TrainError::NoScore);
        }
        let n_steps = self.steps_per_epoch() as f64;
        let is_best = self.note_scores(&scores);
        let trainer = &self.trainer.settings.trainer;
        if is_best && trainer.keep_best {
            self.keep_best(&values);
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
        each_works(self.trainer.ranks, None, || {
            if let Some(details) = &mut self.details {
                let (threads, device) = (self.trainer.threads, self.device);
                details.binary = self.job.binary(&network, threads, device);
            }
            let report = EpochReport {
                record: &record,
                values: &values,
                layout: &self.layout,
                details: self.details.as_ref(),
            };
            watch.epoch(&report).map(|()| Vec::new())
        })?;
        Ok(Ended::Epoch)
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

    fn finish(mut self, is_partial: bool) -> Result<Trained, TrainError> {
        if let Some(numbers) = &self.on_device {
            numbers.store(&mut self.state);
        }
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
            None => self.state.current().to_vec(),
        };
        Ok(Trained {
            values,
            history: self.state.progress.history,
            best_epoch,
            n_steps: self.state.progress.step,
            layout: self.layout,
            is_partial,
        })
    }
}
