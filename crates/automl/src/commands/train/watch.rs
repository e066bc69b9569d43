//! Hears of a training: the bar, lines, the record, TensorBoard, checkpoints.

use super::result::show_layers;
use super::{Training, board, chosen};
use automl_core::{Artifact, Clock, Event, Events as _};
use automl_neural::config::TrainConfig;
use automl_neural::network::{GraphNode, LayerSummary};
use automl_neural::train::{Chosen, EpochReport, StepReport, TrainError, Watch};
use automl_store::spool::Point;
use automl_store::tracking::now_ms;
use automl_tensorboard::{EventFileName, EventWriter, Record, TensorBoardError};
use indicatif::ProgressBar;

/// Seconds between two looks of TensorBoard at what is new.
const FLUSH_SECONDS: f64 = 2.0;
/// Most scalars of steps that one training writes: longer ones write every second, third, … step.
const STEPS_SHOWN: u64 = 5000;

/// Hears of one training.
pub(super) struct TrainWatch<'a> {
    training: &'a Training<'a>,
    /// The configuration, with what was chosen once it is.
    config: TrainConfig,
    bar: Option<ProgressBar>,
    start: u64,
    /// Made with the first step: what is refused leaves nothing behind.
    tensorboard: Option<EventWriter>,
    /// What comes before that.
    waiting: Vec<Record>,
    clock: Clock,
    flushed_seconds: f64,
    checkpoint_seconds: f64,
}

impl<'a> TrainWatch<'a> {
    /// Begins to hear of a training that goes on after step `start`.
    pub(super) fn new(training: &'a Training<'a>, start: u64) -> Self {
        let mut watch = Self {
            training,
            config: training.plan.config.clone(),
            bar: None,
            start,
            tensorboard: None,
            waiting: Vec::new(),
            clock: Clock::start(),
            flushed_seconds: 0.0,
            checkpoint_seconds: 0.0,
        };
        if !watch.config.auto.any() {
            watch.show_settings();
        }
        watch
    }

    /// The configuration, with what was chosen.
    pub(super) fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// Shows the settings, once nothing of them is open, and the first rows.
    fn show_settings(&mut self) {
        let records = board::begin(self.training.plan, &self.config);
        // Before the network, which is known before what is chosen.
        self.waiting.splice(0..0, records);
    }

    /// The event file; made now if it is not there yet.
    fn events(&mut self) -> Result<&mut EventWriter, TensorBoardError> {
        if self.tensorboard.is_none() {
            let folder = self.training.plan.tensorboard();
            let name = EventFileName {
                unix_seconds: (Clock::unix_micros() / 1_000_000) as u64,
                host: "automl".into(),
                process: 0,
            };
            let mut writer = EventWriter::create(&folder, &name)?;
            if self.start > 0 {
                // A process that was killed may have written of steps that are taken again.
                writer.push(&Record::restart(self.start as i64 + 1, board::now()))?;
            }
            for record in self.waiting.drain(..) {
                writer.push(&record)?;
            }
            self.tensorboard = Some(writer);
        }
        Ok(self.tensorboard.as_mut().expect("it was just made"))
    }

    /// Takes the bar off the terminal, and tells how the training ended.
    ///
    /// # Errors
    /// Event files cannot be written.
    pub(super) fn close(&mut self, is_done: bool) -> anyhow::Result<()> {
        if is_done || self.tensorboard.is_some() {
            let events = self.events()?;
            events.push(&board::end(is_done))?;
            events.flush()?;
        }
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
        let events = self.events()?;
        events.flush()?;
        let path = events.path().to_owned();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok((format!("tensorboard/{name}"), std::fs::read(path)?))
    }

    fn scalars(&mut self, step: u64, scalars: &[(String, f64)]) -> Result<(), TrainError> {
        let at = board::now();
        let record = |(tag, value): &(String, f64)| Record::scalar(tag, step as i64, *value, at);
        self.write(&scalars.iter().map(record).collect::<Vec<_>>())
    }

    fn write(&mut self, records: &[Record]) -> Result<(), TrainError> {
        let seconds = self.clock.seconds();
        let is_due = seconds - self.flushed_seconds >= FLUSH_SECONDS;
        if is_due {
            self.flushed_seconds = seconds;
        }
        let mut write = || {
            let events = self.events()?;
            for record in records {
                events.push(record)?;
            }
            if is_due { events.flush() } else { Ok(()) }
        };
        write().map_err(|error: TensorBoardError| TrainError::Watch(error.into()))
    }
}

impl Watch for TrainWatch<'_> {
    fn network(&mut self, layers: &[LayerSummary]) {
        show_layers(self.training.reporter, layers);
    }

    fn graph(&mut self, nodes: Vec<GraphNode>) -> Result<(), TrainError> {
        self.waiting.push(board::graph(nodes));
        Ok(())
    }

    fn chosen(&mut self, chosen: &Chosen) -> Result<(), TrainError> {
        self.config.settle(chosen);
        for line in chosen::lines(chosen) {
            self.training.reporter.note(&line);
        }
        self.training.recorder.settings(&chosen::values(chosen));
        self.show_settings();
        Ok(())
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

    fn wants_end(&mut self) -> bool {
        self.config.is_open_ended()
    }

    fn end(&mut self, state: Artifact) -> Result<(), TrainError> {
        let training = self.training;
        let written = training.checkpoints.write_end(state, training.plan);
        written.map_err(|error| TrainError::Watch(error.into()))
    }

    fn checkpoint(&mut self, step: u64, state: Artifact) -> Result<(), TrainError> {
        let training = self.training;
        let written = training.checkpoints.write(step, state, training.plan);
        written.map_err(|error| TrainError::Watch(error.into()))?;
        self.checkpoint_seconds = self.clock.seconds();
        Ok(())
    }
}
