//! Several ranks: the same bits as one, and nobody is given up while another works.

use super::*;
use crate::image::{ImageParams, ImageSettings};
use crate::labelled::Learned;
use crate::network::{
    CnnParams, DLinearParams, ImageNetworkParams, MlpParams, NetworkParams, SeriesNetworkParams,
    TextTransformerParams,
};
use crate::series::{Parts, SeriesFrame, SeriesParams, SeriesSettings};
use crate::tabular::{ColumnWishes, EncoderParams, LossParams, TabularSettings};
use crate::text::{TextParams, TextSettings};
use crate::{Device, NETWORK};
use automl_core::metrics::Metric;
use automl_core::{
    Collective, Column, Dataset, Solo, Table, Target, Task, Texts, TrainingData, Warnings,
};
use base64::Engine as _;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_mins(1);

/// The same on so many ranks, each a thread of its own; what each gave, in their order.
fn on_ranks<T: Send>(
    size: usize,
    timeout: Duration,
    work: impl Fn(&dyn Collective) -> T + Sync,
) -> Vec<T> {
    let work = &work;
    thread::scope(|scope| {
        let started: Vec<_> = automl_collective::threads(size, timeout)
            .into_iter()
            .map(|rank| scope.spawn(move || work(&rank)))
            .collect();
        let join = |one: thread::ScopedJoinHandle<'_, T>| one.join().expect("it ends");
        started.into_iter().map(join).collect()
    })
}

/// Two shards a step, whose sum is the same however they are dealt.
fn two_shards() -> TrainSettings {
    let mut settings = settings();
    settings.trainer.batch_size = 16;
    settings.trainer.shard_rows = 8;
    settings.trainer.epochs = 4;
    settings
}

const EVEN: Grid = Grid {
    n: 96,
    dropout: 0.2,
};

/// The grid, of which is written down which ranks score, and which takes its time where others wait.
struct Slow<'a> {
    scored: &'a Mutex<Vec<usize>>,
    rank: usize,
    pause: Duration,
}

impl Job<Cpu> for Slow<'_> {
    type Network = Line<Cpu>;

    fn n_rows(&self) -> usize {
        EVEN.n
    }

    fn build(&self, seed: Seed, device: &burn_flex::FlexDevice) -> Line<Cpu> {
        EVEN.build(seed, device)
    }

    fn loss(
        &self,
        network: &Line<Cpu>,
        rows: &[u32],
        draw: &mut Draw,
        device: &burn_flex::FlexDevice,
    ) -> Tensor<Cpu, 1> {
        EVEN.loss(network, rows, draw, device)
    }

    fn usual_rate(&self) -> Option<f64> {
        thread::sleep(self.pause);
        Some(0.05)
    }

    fn evaluate(
        &self,
        network: &Line<burn_flex::Flex>,
        threads: &Threads,
        device: &burn_flex::FlexDevice,
    ) -> Result<Vec<Score>, TrainError> {
        thread::sleep(self.pause);
        self.scored.lock().expect("nobody panics").push(self.rank);
        Job::<Cpu>::evaluate(&EVEN, network, threads, device)
    }
}

/// Keeps states, and takes its time for that.
struct SlowKeep {
    kept: Keep,
    pause: Duration,
}

impl Watch for SlowKeep {
    fn wants_checkpoint(&mut self, step: u64) -> bool {
        self.kept.wants_checkpoint(step)
    }

    fn checkpoint(&mut self, step: u64, state: Artifact) -> Result<(), TrainError> {
        thread::sleep(self.pause);
        self.kept.checkpoint(step, state)
    }
}

/// A training of the grid on one of the ranks: what came of it, and the states that the rank was given.
fn train_slowly(
    ranks: &dyn Collective,
    settings: &TrainSettings,
    (scored, pause): (&Mutex<Vec<usize>>, Duration),
) -> (Trained, Vec<Artifact>) {
    let trainer = Trainer {
        settings,
        seed: Seed(3),
        threads: &Threads::one(),
        budget: &Budget::unlimited(),
        training: "a grid",
        ranks,
    };
    let rank = ranks.rank();
    let job = Slow {
        scored,
        rank,
        pause,
    };
    let mut watch = SlowKeep {
        kept: Keep::default(),
        pause,
    };
    let trained = trainer.train::<Cpu, _>(&job, &burn_flex::FlexDevice, None, &mut watch);
    (trained.expect("nobody is given up"), watch.kept.states)
}

#[test]
fn scores_weights_and_states_are_the_same_bits_on_any_number_of_ranks() {
    let scored = Mutex::new(Vec::new());
    let quick = (&scored, Duration::ZERO);
    let (alone, states) = train_slowly(&Solo, &two_shards(), quick);
    // Every fifth of 24 steps.
    assert_eq!(states.len(), 4);
    for size in [2, 4] {
        scored.lock().expect("nobody panics").clear();
        let all = on_ranks(size, SOON, |ranks| {
            train_slowly(ranks, &two_shards(), quick)
        });
        for (rank, (trained, kept)) in all.into_iter().enumerate() {
            assert_eq!(trained.values, alone.values);
            assert_eq!(trained.history, alone.history);
            // Only the first rank writes.
            let kept: Vec<_> = kept.iter().map(|state| &state.arrays).collect();
            let states: Vec<_> = states.iter().map(|state| &state.arrays).collect();
            assert_eq!(kept, if rank == 0 { states } else { Vec::new() });
        }
        // And it scores alone, once an epoch, as the job says nothing else.
        assert_eq!(*scored.lock().expect("nobody panics"), [0; 4]);
    }
}

#[test]
fn a_first_rank_that_chooses_scores_and_writes_for_longer_than_others_wait_is_not_given_up() {
    let mut settings = two_shards();
    settings.trainer.epochs = 1;
    settings.auto.learning_rate = true;
    let scored = Mutex::new(Vec::new());
    let (alone, _) = train_slowly(&Solo, &settings, (&scored, Duration::ZERO));
    let slow = (&scored, Duration::from_millis(2500));
    let all = on_ranks(2, Duration::from_secs(2), |ranks| {
        train_slowly(ranks, &settings, slow)
    });
    for (trained, _) in all {
        assert_eq!(trained.values, alone.values);
        assert_eq!(trained.history, alone.history);
    }
}

/// Trains on 1, 2 and 4 ranks; all have the same history with scores, and the same weights.
fn are_the_same<T: Send + PartialEq + std::fmt::Debug>(
    train: impl Fn(&TrainRun<'_>) -> (Vec<EpochRecord>, T) + Sync,
) {
    let on = |ranks: &dyn Collective| {
        train(&TrainRun {
            learner: NETWORK,
            seed: Seed(1),
            threads: &Threads::one(),
            budget: &Budget::unlimited(),
            training: "a family",
            from: None,
            ranks,
            device: Device::Cpu,
        })
    };
    let alone = on(&Solo);
    assert!(alone.0.iter().all(|record| !record.scores.is_empty()));
    for size in [2, 4] {
        for of_rank in on_ranks(size, SOON, on) {
            assert_eq!(of_rank, alone, "{size} ranks");
        }
    }
}

fn told(learned: Learned) -> (Vec<EpochRecord>, Vec<Vec<f32>>) {
    let arrays = learned.model.artifact().arrays;
    let floats = arrays.into_values().filter_map(|array| match array.data {
        automl_core::ArrayData::F32(values) => Some(values),
        _ => None,
    });
    (learned.history, floats.collect())
}

fn texts(cells: &[String]) -> Column {
    let cells = cells.iter().map(|cell| Some(cell.as_str()));
    Column::Text(cells.collect::<Texts>())
}

/// The rows of a table of one column with two classes in turn: a third to learn from, the others held out.
fn with_parts<T>(column: (&str, Column), work: impl FnOnce(&TrainingData<'_>) -> T) -> T {
    let n_rows = column.1.n_rows() as u32;
    let table = Table::new(vec![(column.0.to_owned(), column.1)]).expect("it is a table");
    let task = Task::Binary {
        classes: vec!["no".into(), "yes".into()],
    };
    let codes: Vec<u32> = (0..n_rows).map(|row| row % 2).collect();
    let data = Dataset::new(table, task, Target::Classes(codes.into())).expect("it is a dataset");
    let (train, valid): (Vec<u32>, Vec<u32>) = (0..n_rows).partition(|&row| row < n_rows / 3);
    work(&TrainingData {
        train: data.view(&train),
        valid: Some(data.view(&valid)),
    })
}

/// Two epochs, in steps of two shards.
fn short() -> TrainSettings {
    let mut settings = two_shards();
    settings.trainer.epochs = 2;
    settings
}

const METRICS: [Metric; 2] = [Metric::LogLoss, Metric::RocAuc];

#[test]
fn tables_are_scored_by_all_ranks_to_the_same_bits() {
    let settings = TabularSettings {
        network: NetworkParams::Mlp(MlpParams {
            width: 8,
            ..MlpParams::default()
        }),
        encoder: EncoderParams::default(),
        wishes: ColumnWishes::new(),
        loss: LossParams::default(),
        train: short(),
        metrics: METRICS.to_vec(),
    };
    let value = |row: u32| f64::from(row * 7919 % 1009) + f64::from(row % 2) * 300.0;
    are_the_same(|run| {
        // Several blocks of rows.
        let column = Column::Number((0..6000).map(value).collect());
        with_parts(("x", column), |data| {
            let learned = crate::tabular::train(data, &settings, run, &mut NoWatch);
            told(learned.expect("it can be learned"))
        })
    });
}

#[test]
fn images_are_scored_by_all_ranks_to_the_same_bits() {
    let settings = ImageSettings {
        network: ImageNetworkParams::Cnn(CnnParams {
            channels: 2,
            stages: 2,
            dropout: 0.0,
        }),
        images: ImageParams::default(),
        loss: LossParams::default(),
        train: short(),
        metrics: METRICS.to_vec(),
    };
    let image = |row: usize| {
        let mut file = b"P5 4 6 255\n".to_vec();
        let value = |at: usize| ((row * 31 + at * 7 + row % 2 * 90) % 256) as u8;
        file.extend((0..24).map(value));
        base64::engine::general_purpose::STANDARD.encode(file)
    };
    let images: Vec<String> = (0..240).map(image).collect();
    are_the_same(|run| {
        with_parts(("image", texts(&images)), |data| {
            let learned = crate::image::train(data, &settings, run, &mut NoWatch);
            told(learned.expect("it can be learned"))
        })
    });
}

#[test]
fn texts_are_scored_by_all_ranks_to_the_same_bits() {
    let settings = TextSettings {
        network: TextTransformerParams {
            blocks: 1,
            heads: 2,
            head_size: 4,
            ..TextTransformerParams::default()
        },
        texts: TextParams {
            column: "text".into(),
            ..TextParams::default()
        },
        loss: LossParams::default(),
        train: short(),
        metrics: METRICS.to_vec(),
    };
    let words = ["one", "two", "three", "four", "five", "six", "seven"];
    let text = |row: usize| {
        let word = |at: usize| words[(row * 3 + at * at) % words.len()];
        (0..=row % 5).map(word).collect::<Vec<_>>().join(" ")
    };
    let all: Vec<String> = (0..240).map(text).collect();
    are_the_same(|run| {
        with_parts(("text", texts(&all)), |data| {
            let learned = crate::text::train(data, &settings, run, &mut NoWatch);
            told(learned.expect("it can be learned"))
        })
    });
}

#[test]
fn time_series_are_scored_by_all_ranks_to_the_same_bits() {
    let settings = SeriesSettings {
        network: SeriesNetworkParams::DLinear(DLinearParams {
            kernel: 5,
            ..DLinearParams::default()
        }),
        series: SeriesParams {
            lookback: 12,
            horizon: 4,
            ..SeriesParams::default()
        },
        loss: LossParams::default(),
        train: short(),
        metrics: SeriesSettings::METRICS.to_vec(),
    };
    let value = |row: usize| (row as f64 / 5.0).sin() + 0.01 * (row % 17) as f64;
    let column = Column::Number((0..600).map(value).collect());
    let table = Table::new(vec![("load".into(), column)]).expect("it is a table");
    are_the_same(|run| {
        let warnings = Warnings::default();
        let frame = SeriesFrame::read(&table, None, &["load".into()], &warnings);
        let frame = frame.expect("the column is there");
        let parts = Parts::of(600, &settings.series, 0.5).expect("there are enough rows");
        let learned = crate::series::train((&frame, &parts), &settings, run, &mut NoWatch);
        let learned = learned.expect("it can be learned");
        let scored = learned.validation.expect("there are rows to score on");
        (learned.history, (scored.mse, scored.mae))
    });
}
