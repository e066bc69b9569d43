//! The trainer on a network of one matrix, whose answers are known.

mod ends;
mod ranks;

use super::*;
use crate::network::{Init, Layout};
use crate::{Cpu, Draw};
use automl_core::{Artifact, Budget, CancelToken, Seed, Threads};
use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use burn_nn::Linear;

/// A line through points, with dropout so that randomness has a part.
#[derive(Module, Debug)]
struct Line<B: Backend> {
    layer: Linear<B>,
}

/// `y = 2 a - b + 1` on a grid.
struct Grid {
    n: usize,
    dropout: f64,
}

impl Grid {
    fn point(row: u32) -> ([f32; 2], f32) {
        let (a, b) = ((row % 10) as f32 / 10.0, (row / 10) as f32 / 10.0);
        ([a, b], 2.0 * a - b + 1.0)
    }
}

impl Job<Cpu> for Grid {
    type Network = Line<Cpu>;

    fn n_rows(&self) -> usize {
        self.n
    }

    fn build(&self, seed: Seed, device: &burn_flex::FlexDevice) -> Line<Cpu> {
        Line {
            layer: Init::new(seed, device).linear(2, 1),
        }
    }

    fn loss(
        &self,
        network: &Line<Cpu>,
        rows: &[u32],
        draw: &mut Draw,
        device: &burn_flex::FlexDevice,
    ) -> Tensor<Cpu, 1> {
        let x: Vec<f32> = rows.iter().flat_map(|&row| Self::point(row).0).collect();
        let y: Vec<f32> = rows.iter().map(|&row| Self::point(row).1).collect();
        let x = Tensor::<Cpu, 2>::from_data(TensorData::new(x, [rows.len(), 2]), device);
        let y = Tensor::<Cpu, 2>::from_data(TensorData::new(y, [rows.len(), 1]), device);
        let x = draw.dropout(x, self.dropout);
        (crate::network::linear(&network.layer, x) - y)
            .powi_scalar(2)
            .sum()
    }

    fn evaluate(
        &self,
        network: &Line<burn_flex::Flex>,
        _threads: &Threads,
        _device: &burn_flex::FlexDevice,
    ) -> Result<Vec<Score>, TrainError> {
        let weights = Layout::of(network).read(network);
        let errors = (0..self.n as u32).map(|row| {
            let ([a, b], y) = Self::point(row);
            f64::from((a * weights[0] + b * weights[1] + weights[2] - y).abs())
        });
        Ok(vec![Score {
            name: "mae".into(),
            value: errors.sum::<f64>() / self.n as f64,
            higher_is_better: false,
        }])
    }
}

fn settings() -> TrainSettings {
    let mut settings = TrainSettings::default();
    settings.optimizer.learning_rate = 0.05;
    settings.trainer.batch_size = 16;
    settings.trainer.shard_rows = 5;
    settings.trainer.epochs = 8;
    settings.trainer.ema_decay = 0.9;
    settings
}

const DROPPED: Grid = Grid {
    n: 100,
    dropout: 0.2,
};

/// Keeps the states that the trainer offers, and cancels after some steps.
#[derive(Default)]
struct Keep {
    states: Vec<Artifact>,
    chosen: Option<Chosen>,
    cancel: Option<(u64, CancelToken)>,
}

impl Watch for Keep {
    fn step(&mut self, report: &StepReport) -> Result<(), TrainError> {
        if let Some((step, cancel)) = &self.cancel
            && report.step == *step
        {
            cancel.cancel();
        }
        Ok(())
    }

    fn chosen(&mut self, chosen: &Chosen) -> Result<(), TrainError> {
        self.chosen = Some(*chosen);
        Ok(())
    }

    fn wants_checkpoint(&mut self, step: u64) -> bool {
        step.is_multiple_of(5)
    }

    fn checkpoint(&mut self, _step: u64, state: Artifact) -> Result<(), TrainError> {
        self.states.push(state);
        Ok(())
    }
}

fn run(
    job: &Grid,
    settings: &TrainSettings,
    n_threads: usize,
    from: Option<&Artifact>,
    watch: &mut Keep,
) -> Result<Trained, TrainError> {
    run_at(Place::Memory, (job, settings), n_threads, from, watch)
}

/// Where steps of the optimiser are computed.
#[derive(Clone, Copy)]
enum Place {
    Memory,
    Device,
}

fn run_at(
    place: Place,
    (job, settings): (&Grid, &TrainSettings),
    n_threads: usize,
    from: Option<&Artifact>,
    watch: &mut Keep,
) -> Result<Trained, TrainError> {
    let threads = Threads::new(n_threads).expect("threads can be started");
    let mut budget = Budget::unlimited();
    if let Some((_, cancel)) = &watch.cancel {
        budget.cancel = cancel.clone();
    }
    let trainer = Trainer {
        settings,
        seed: Seed(3),
        threads: &threads,
        budget: &budget,
        training: "a grid",
        ranks: &automl_core::Solo,
    };
    let device = burn_flex::FlexDevice;
    match place {
        Place::Memory => trainer.train::<Cpu, _>(job, &device, from, watch),
        Place::Device => trainer.train_on_device::<Cpu, _>(job, &device, from, watch),
    }
}

fn trained(job: &Grid, settings: &TrainSettings) -> Trained {
    run(job, settings, 1, None, &mut Keep::default()).expect("the numbers are usual")
}

#[test]
fn it_finds_the_line() {
    let mut settings = settings();
    settings.trainer.epochs = 60;
    settings.trainer.ema_decay = 0.0;
    settings.schedule.r#type = ScheduleKind::Cosine;
    let grid = Grid {
        n: 100,
        dropout: 0.0,
    };
    let values = trained(&grid, &settings).values;
    for (value, wanted) in values.iter().zip([2.0, -1.0, 1.0]) {
        assert!((value - wanted).abs() < 0.01, "{values:?}");
    }
}

#[test]
fn the_bits_are_the_same_at_any_number_of_threads() {
    let values = |n_threads| {
        let trained = run(&DROPPED, &settings(), n_threads, None, &mut Keep::default());
        trained.expect("the numbers are usual").values
    };
    assert_eq!(values(1), values(2));
    assert_eq!(values(1), values(4));
}

#[test]
fn it_goes_on_from_any_state_to_the_same_bits_and_history() {
    let mut kept = Keep::default();
    let whole = run(&DROPPED, &settings(), 2, None, &mut kept).expect("the numbers are usual");
    assert_eq!(kept.states.len(), 11);
    for state in &kept.states {
        let resumed = run(&DROPPED, &settings(), 1, Some(state), &mut Keep::default());
        let resumed = resumed.expect("the state is whole");
        assert_eq!(resumed.values, whole.values);
        assert_eq!(resumed.history, whole.history);
    }
}

#[test]
fn the_end_of_the_budget_hands_over_a_state_to_go_on_from() {
    let whole = trained(&DROPPED, &settings());
    let mut stopped = Keep {
        cancel: Some((23, CancelToken::default())),
        ..Keep::default()
    };
    let partial = run(&DROPPED, &settings(), 1, None, &mut stopped).expect("epochs are done");
    assert!(partial.is_partial);
    let state = stopped.states.last().expect("the end hands one over");
    let resumed = run(&DROPPED, &settings(), 1, Some(state), &mut Keep::default());
    assert_eq!(resumed.expect("the state is whole").values, whole.values);
    let mut at_once = Keep {
        cancel: Some((1, CancelToken::default())),
        ..Keep::default()
    };
    let nothing = run(&DROPPED, &settings(), 1, None, &mut at_once);
    assert!(matches!(nothing, Err(TrainError::Cancelled)));
}

#[test]
fn a_learning_rate_that_is_left_to_it_is_found_once_and_gone_on_with() {
    let mut settings = settings();
    settings.auto.learning_rate = true;
    settings.auto.batch_size = true;
    let mut kept = Keep::default();
    let whole = run(&DROPPED, &settings, 2, None, &mut kept).expect("the loss falls");
    let chosen = kept.chosen.expect("it is told");
    let rate = chosen.learning_rate.expect("it was left to it");
    assert!((1e-3..0.5).contains(&rate), "{rate}");
    assert_eq!(chosen.batch_size, Some(32));
    let mut again = Keep::default();
    let resumed = run(&DROPPED, &settings, 1, kept.states.first(), &mut again);
    assert_eq!(again.chosen, Some(chosen));
    assert_eq!(resumed.expect("the state is whole").values, whole.values);
    settings.optimizer.learning_rate = rate;
    settings.trainer.batch_size = 32;
    settings.auto = Auto::default();
    assert_eq!(trained(&DROPPED, &settings).values, whole.values);
}

#[test]
fn a_batch_is_not_left_to_it_on_a_device() {
    let mut settings = settings();
    settings.auto.batch_size = true;
    let refused = run_at(
        Place::Device,
        (&DROPPED, &settings),
        1,
        None,
        &mut Keep::default(),
    );
    assert!(matches!(refused, Err(TrainError::BatchOnDevice)));
}

#[test]
fn accumulated_batches_are_one_large_batch() {
    let mut large = settings();
    large.trainer.batch_size = 40;
    let mut small = settings();
    small.trainer.batch_size = 10;
    small.trainer.accumulate = 4;
    assert_eq!(
        trained(&DROPPED, &large).values,
        trained(&DROPPED, &small).values
    );
}

#[test]
fn it_stops_when_the_score_gets_no_better_and_keeps_the_best() {
    let mut settings = settings();
    settings.trainer.epochs = 500;
    settings.trainer.patience = 3;
    let trained = trained(&DROPPED, &settings);
    let n = trained.history.len() as u64;
    assert!(n < 500);
    assert_eq!(trained.best_epoch, n - 3);
    let best = &trained.history[trained.best_epoch as usize - 1];
    let score = |record: &EpochRecord| record.scores[0].1;
    assert!(
        trained
            .history
            .iter()
            .all(|record| score(record) >= score(best))
    );
}

#[test]
fn a_state_of_another_training_is_refused_with_what_differs() {
    let mut kept = Keep::default();
    run(&DROPPED, &settings(), 1, None, &mut kept).expect("the numbers are usual");
    let mut other = kept.states.remove(0);
    other.meta["training"] = "a circle".into();
    let error = run(&DROPPED, &settings(), 1, Some(&other), &mut Keep::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the checkpoint is of another training: it has a circle, this one a grid"
    );
}

#[test]
fn a_loss_that_is_no_number_names_the_step_and_its_rows() {
    let mut settings = settings();
    settings.optimizer.r#type = OptimizerKind::Sgd;
    settings.optimizer.learning_rate = 10.0;
    settings.trainer.clip_norm = 0.0;
    settings.trainer.epochs = 500;
    let error = run(&DROPPED, &settings, 1, None, &mut Keep::default()).unwrap_err();
    let TrainError::NotFinite { step, rows, .. } = &error else {
        panic!("{error}");
    };
    assert!(*step > 1 && (1..=8).contains(&rows.len()), "{error}");
}

const KINDS: [OptimizerKind; 5] = [
    OptimizerKind::Adamw,
    OptimizerKind::Adam,
    OptimizerKind::Sgd,
    OptimizerKind::Lion,
    OptimizerKind::Muon,
];

/// A grid whose batches are whole shards, so that both ways draw the same.
fn even(kind: OptimizerKind) -> (Grid, TrainSettings) {
    let mut settings = settings();
    settings.optimizer.r#type = kind;
    settings.optimizer.learning_rate = 0.01;
    settings.optimizer.weight_decay = 0.1;
    let grid = Grid {
        n: 100,
        dropout: 0.0,
    };
    (grid, settings)
}

fn close(found: &[f32], wanted: &[f32]) -> bool {
    let is_close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-4 * b.abs().max(0.1);
    found.len() == wanted.len() && found.iter().zip(wanted).all(is_close)
}

#[test]
fn steps_on_the_device_are_those_in_memory_but_for_the_order_of_sums() {
    for kind in KINDS {
        let (grid, settings) = even(kind);
        let train = |place| {
            let trained = run_at(place, (&grid, &settings), 1, None, &mut Keep::default());
            trained.expect("the numbers are usual")
        };
        let (memory, device) = (train(Place::Memory), train(Place::Device));
        assert!(
            close(&device.values, &memory.values),
            "{kind:?}: {:?}, in memory {:?}",
            device.values,
            memory.values
        );
        for (a, b) in device.history.iter().zip(&memory.history) {
            assert!(
                (a.loss - b.loss).abs() < 1e-4 * b.loss,
                "{kind:?}: {a:?}, {b:?}"
            );
        }
        assert_eq!(device.n_steps, memory.n_steps);
    }
}

#[test]
fn a_state_of_the_device_is_gone_on_with_in_memory_and_the_other_way_round() {
    let (grid, settings) = even(OptimizerKind::Adamw);
    let whole = trained(&grid, &settings);
    for (first, second) in [
        (Place::Device, Place::Memory),
        (Place::Memory, Place::Device),
    ] {
        let mut kept = Keep::default();
        run_at(first, (&grid, &settings), 1, None, &mut kept).expect("the numbers are usual");
        assert_eq!(kept.states.len(), 11);
        let resumed = run_at(
            second,
            (&grid, &settings),
            1,
            Some(&kept.states[4]),
            &mut Keep::default(),
        );
        let resumed = resumed.expect("the state is whole");
        assert!(close(&resumed.values, &whole.values));
    }
}

#[test]
fn a_loss_that_is_no_number_ends_a_training_on_the_device_with_its_step_and_rows() {
    let (grid, mut settings) = even(OptimizerKind::Sgd);
    settings.optimizer.learning_rate = 10.0;
    settings.optimizer.beta1 = 0.9;
    settings.trainer.clip_norm = 0.0;
    settings.trainer.epochs = 100;
    let mut watch = Keep::default();
    let error = run_at(Place::Device, (&grid, &settings), 1, None, &mut watch);
    let error = error.expect_err("the steps are far too long");
    // The network of that step is not there any more.
    let TrainError::NotFinite {
        step,
        rows,
        blame: Blame::First,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(step > 1 && !rows.is_empty());
}

#[test]
fn fewer_bits_find_the_same_line_and_keep_weights_of_32() {
    for precision in [Precision::Bfloat16, Precision::Float16] {
        let (grid, mut settings) = even(OptimizerKind::Adamw);
        settings.optimizer.learning_rate = 0.05;
        settings.optimizer.weight_decay = 0.0;
        settings.trainer.epochs = 60;
        settings.trainer.ema_decay = 0.0;
        settings.schedule.r#type = ScheduleKind::Cosine;
        settings.trainer.precision = precision;
        let trained = run_at(
            Place::Device,
            (&grid, &settings),
            1,
            None,
            &mut Keep::default(),
        );
        let values = trained.expect("the numbers are usual").values;
        for (value, wanted) in values.iter().zip([2.0, -1.0, 1.0]) {
            assert!((value - wanted).abs() < 0.03, "{precision:?}: {values:?}");
        }
        let has_more_bits = |value: &f32| value.to_bits() & 0xfff != 0;
        assert!(values.iter().any(has_more_bits), "{values:?}");
    }
}

#[test]
fn a_step_that_overflows_is_left_out_and_halves_the_scale_of_losses() {
    let (grid, mut settings) = even(OptimizerKind::Adamw);
    settings.trainer.precision = Precision::Float16;
    let mut kept = Keep::default();
    let settings = (&grid, &settings);
    run_at(Place::Device, settings, 1, None, &mut kept).expect("the numbers are usual");
    let mut state = kept.states.swap_remove(2);
    let scale_of = |state: &Artifact| {
        let progress: Progress = state.meta("progress").expect("it was just made");
        progress.loss_scale.expect("losses are scaled").scale
    };
    assert!(scale_of(&state) > 1.0);
    // Gradients of a loss times this are beyond the range of 16 bits.
    state.meta["progress"]["loss_scale"]["scale"] = 1e9.into();
    let mut kept = Keep::default();
    run_at(Place::Device, settings, 1, Some(&state), &mut kept).expect("steps are left out");
    let scales: Vec<f32> = kept.states.iter().map(scale_of).collect();
    assert!(scales.iter().all(|&scale| scale < 1e9), "{scales:?}");
    let last = kept.states.last().expect("there are states");
    let progress: Progress = last.meta("progress").expect("it was just made");
    let n_taken: u64 = last.meta("n_optimizer_steps").expect("it was just made");
    let n_left_out = progress.step - n_taken;
    // So often 1e9 is halved until gradients are within the range.
    assert!(
        (1..30).contains(&n_left_out),
        "{n_left_out} of {}",
        progress.step
    );
    let steps = |state: &Artifact| {
        state
            .f32s("weights.layer.weight")
            .expect("it is there")
            .to_vec()
    };
    assert!(steps(&kept.states[5]).iter().all(|value| value.is_finite()));
}

#[test]
fn fewer_bits_are_refused_in_memory() {
    let (grid, mut settings) = even(OptimizerKind::Adamw);
    settings.trainer.precision = Precision::Bfloat16;
    let error = run(&grid, &settings, 1, None, &mut Keep::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "trainer.precision = bfloat16 is for GPUs"
    );
}
