//! Hears of a training: the bar, lines, the record, TensorBoard, checkpoints.

use super::result::show_layers;
use super::{Training, board};
use automl_core::{Artifact, Clock, Event, Events as _};
use automl_neural::network::LayerSummary;
use automl_neural::train::{EpochReport, StepReport, TrainError, Watch};
use automl_store::spool::Point;
use automl_store::tracking::now_ms;
use automl_tensorboard::{EventFileName, EventWriter, Record};
use indicatif::ProgressBar;

/// Seconds between two looks of TensorBoard at what is new.
const FLUSH_SECONDS: f64 = 2.0;
/// Most scalars of steps that one training writes: longer ones write every second, third, … step.
const STEPS_SHOWN: u64 = 5000;

/// Hears of one training.
pub(super) struct TrainWatch<'a> {
    training: &'a Training<'a>,
    bar: Option<ProgressBar>,
    start: u64,
    tensorboard: EventWriter,
    clock: Clock,
    flushed_seconds: f64,
    checkpoint_seconds: f64,
}

impl<'a> TrainWatch<'a> {
    /// Begins to hear of a training that goes on after step `start`.
    ///
    /// # Errors
    /// Event files cannot be written.
    pub(super) fn new(training: &'a Training<'a>, start: u64) -> anyhow::Result<Self> {
        let folder = training.plan.run_folder().join("tensorboard");
        let name = EventFileName {
            unix_seconds: (Clock::unix_micros() / 1_000_000) as u64,
            host: "automl".into(),
            process: 0,
        };
        let mut tensorboard = EventWriter::create(&folder, &name)?;
        for record in board::begin(training.plan) {
            tensorboard.push(&record)?;
        }
        Ok(Self {
            training,
            bar: None,
            start,
            tensorboard,
            clock: Clock::start(),
            flushed_seconds: 0.0,
            checkpoint_seconds: 0.0,
        })
    }

    /// Takes the bar off the terminal, and tells how the training ended.
    ///
    /// # Errors
    /// Event files cannot be written.
    pub(super) fn close(&mut self, is_done: bool) -> anyhow::Result<()> {
        self.tensorboard.push(&board::end(is_done))?;
        self.tensorboard.flush()?;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        Ok(())
    }

    /// Name and content of the event file that was written.
    ///
    /// # Errors
    /// It cannot be written or read.
    pub(super) fn into_tensorboard(mut self) -> anyhow::Result<(String, Vec<u8>)> {
        self.tensorboard.flush()?;
        let path = self.tensorboard.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok((format!("tensorboard/{name}"), std::fs::read(path)?))
    }

    fn scalars(&mut self, step: u64, scalars: &[(String, f64)]) -> Result<(), TrainError> {
        let at = board::now();
        let record = |(tag, value): &(String, f64)| Record::scalar(tag, step as i64, *value, at);
        self.write(&scalars.iter().map(record).collect::<Vec<_>>())
    }

    fn write(&mut self, records: &[Record]) -> Result<(), TrainError> {
        let mut write = || {
            for record in records {
                self.tensorboard.push(record)?;
            }
            if self.clock.seconds() - self.flushed_seconds >= FLUSH_SECONDS {
                self.flushed_seconds = self.clock.seconds();
                self.tensorboard.flush()?;
            }
            Ok(())
        };
        write()
            .map_err(|error: automl_tensorboard::TensorBoardError| TrainError::Watch(error.into()))
    }
}

impl Watch for TrainWatch<'_> {
    fn network(&mut self, layers: &[LayerSummary]) {
        show_layers(self.training.reporter, layers);
    }

    fn step(&mut self, report: &StepReport) -> Result<(), TrainError> {
        let bar = self
            .bar
            .get_or_insert_with(|| self.training.reporter.steps(self.start, report.n_steps));
        bar.set_position(report.step);
        bar.set_message(format!("epoch {}  loss {:.4}", report.epoch, report.loss));
        let stride = report.n_steps.div_ceil(STEPS_SHOWN).max(1);
        if !report.step.is_multiple_of(stride) {
            return Ok(());
        }
        let scalars = [
            ("step/loss".to_owned(), report.loss),
            ("step/learning_rate".to_owned(), report.learning_rate),
            ("step/gradient_norm".to_owned(), report.gradient_norm),
        ];
        self.scalars(report.step, &scalars)
    }

    fn epoch(&mut self, report: &EpochReport<'_>) -> Result<(), TrainError> {
        let record = report.record;
        let reporter = self.training.reporter;
        reporter.emit(&Event::EpochFinished {
            epoch: record.epoch,
            n_epochs: self.training.plan.config.trainer.epochs,
            step: record.step,
            loss: record.loss,
            scores: record.scores.clone(),
            is_best: record.is_best,
            at_seconds: reporter.clock().seconds(),
        });
        let at_ms = now_ms();
        let mut scalars = vec![("epoch/loss".to_owned(), record.loss)];
        let mut points = vec![("train_loss".to_owned(), record.loss)];
        for (name, value) in &record.scores {
            scalars.push((format!("epoch/{name}"), *value));
            points.push((name.clone(), *value));
        }
        let points = points.into_iter().map(|(key, value)| Point {
            key,
            value,
            step: record.step as i64,
            at_ms,
        });
        self.training.recorder.log(points.collect());
        self.scalars(record.step, &scalars)?;
        self.write(&board::details(report))
    }

    fn wants_details(&mut self, epoch: u64) -> bool {
        let every = self.training.plan.config.tensorboard.every_epochs;
        every > 0 && epoch.is_multiple_of(every)
    }

    fn wants_checkpoint(&mut self, step: u64) -> bool {
        let params = &self.training.plan.config.checkpoint;
        let by_steps = params.every_steps > 0 && step.is_multiple_of(params.every_steps);
        let since = self.clock.seconds() - self.checkpoint_seconds;
        by_steps || (params.every_minutes > 0.0 && since >= params.every_minutes * 60.0)
    }

    fn checkpoint(&mut self, step: u64, state: Artifact) -> Result<(), TrainError> {
        let training = self.training;
        let written = training.checkpoints.write(step, state, training.plan);
        written.map_err(|error| TrainError::Watch(error.into()))?;
        self.checkpoint_seconds = self.clock.seconds();
        Ok(())
    }
}
