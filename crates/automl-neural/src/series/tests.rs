//! Frames, parts and windows; networks that learn a wave and say the same after they were read back.

use super::windows::{Scale, Scaled, Windows};
use super::*;
use crate::network::{DLinearParams, NBeatsParams, PatchTstParams, Stacks};
use crate::train::NoWatch;
use crate::{Device, NETWORK};
use automl_core::{Artifact, Budget, Column, Solo, Table, Threads, Warnings};

const HOUR: i64 = 3_600_000_000;

fn table(hours: &[i64], values: &[f64]) -> Table {
    let times = hours.iter().map(|hour| hour * HOUR).collect();
    let columns = vec![
        ("at".to_owned(), Column::Timestamp(times)),
        ("load".to_owned(), Column::Number(values.to_vec())),
    ];
    Table::new(columns).expect("both have all rows")
}

fn frame(hours: &[i64], values: &[f64]) -> (SeriesFrame, Vec<String>) {
    let warnings = Warnings::default();
    let table = table(hours, values);
    let frame = SeriesFrame::read(&table, Some("at"), &["load".into()], &warnings);
    let told = warnings.list().into_iter().map(|warning| warning.message);
    (frame.expect("the columns are there"), told.collect())
}

fn values(frame: &SeriesFrame) -> Vec<f64> {
    frame
        .series()
        .flat_map(|(_, values)| values.to_vec())
        .collect()
}

#[test]
fn rows_are_sorted_the_last_of_a_time_counts_and_gaps_are_told() {
    let (frame, told) = frame(&[2, 0, 1, 1, 5], &[3.0, 1.0, 2.0, 2.5, 6.0]);
    assert_eq!(values(&frame), [1.0, 2.5, 3.0, 6.0]);
    assert_eq!(frame.step(), Some(Step::Micros(HOUR)));
    assert_eq!(
        told,
        [
            "the rows are not in the order of 'at'; they were sorted",
            "1 row repeats a time of 'at'; the last row of each time counts",
            "1 step of 'at' is not as long as the others, the first after 1970-01-01T02:00:00Z; rows count as neighbours all the same",
        ]
    );
}

#[test]
fn a_missing_value_is_the_one_before_it() {
    let (frame, told) = frame(&[0, 1, 2, 3], &[f64::NAN, 4.0, f64::NAN, 5.0]);
    assert_eq!(values(&frame), [4.0, 4.0, 4.0, 5.0]);
    assert_eq!(
        told,
        [
            "2 values of 'load' missing; each counts as the one before it, and forecasts of it are not scored"
        ]
    );
}

#[test]
fn what_is_no_series_is_told() {
    let table = table(&[0, 1], &[f64::NAN, f64::NAN]);
    let told = |time: Option<&str>, name: &str| {
        let frame = SeriesFrame::read(&table, time, &[name.to_owned()], &Warnings::default());
        frame.expect_err("it cannot be read").to_string()
    };
    assert_eq!(told(None, "load"), "the series 'load' has no values");
    assert_eq!(told(Some("when"), "load"), "there is no column 'when'");
    assert_eq!(told(Some("load"), "load"), "row 1 has no time in 'load'");
    assert_eq!(
        told(None, "at"),
        "the series 'at' holds timestamp values, not numbers"
    );
}

fn params(lookback: u64, horizon: u64) -> SeriesParams {
    SeriesParams {
        lookback,
        horizon,
        ..SeriesParams::default()
    }
}

#[test]
fn the_parts_of_the_electricity_transformers_are_those_of_the_papers() {
    let papers = SeriesParams {
        train_rows: 8640,
        validation_rows: 2880,
        test_rows: 2880,
        ..params(336, 96)
    };
    let parts = Parts::of(17_420, &papers, 0.2).expect("there are enough rows");
    assert_eq!(parts.train, 0..8640);
    assert_eq!(parts.valid, 8640..11_520);
    assert_eq!(parts.test, 11_520..14_400);
    assert_eq!(parts.n_unused, 3020);
    let (frame, _) = frame(&(0..17_420).collect::<Vec<_>>(), &vec![1.0; 17_420]);
    let scaled = Scaled::of(&frame, &[Scale::of(&[1.0])]).expect("all are near");
    let n = |rows| Windows::forecasting(&scaled, rows, [336, 96]).map_or(0, |windows| windows.n());
    assert_eq!(Windows::within(&scaled, &parts.train, [336, 96]).n(), 8209);
    assert_eq!((n(&parts.valid), n(&parts.test)), (2785, 2785));
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let told = |n_rows, params: SeriesParams, share| {
        let parts = Parts::of(n_rows, &params, share);
        parts.expect_err("they do not fit").to_string()
    };
    assert_eq!(
        told(100, params(90, 10), 0.1),
        "the training rows are 90, and a window with its forecast is 100"
    );
    assert_eq!(
        told(100, params(10, 10), 0.05),
        "the validation rows are 5, and the horizon is 10"
    );
    let many = SeriesParams {
        train_rows: 90,
        ..params(10, 10)
    };
    assert_eq!(
        told(100, many, 0.2),
        "train_rows, validation_rows and test_rows are 110 in all, the table has 100"
    );
}

/// A wave of 12 rows on a slope.
fn wave(n: usize) -> Vec<f64> {
    let value = |row: usize| {
        let angle = std::f64::consts::TAU * row as f64 / 12.0;
        20.0 + 3.0 * angle.sin() + 0.01 * row as f64
    };
    (0..n).map(value).collect()
}

fn networks() -> Vec<SeriesNetworkParams> {
    let beats = |stacks| NBeatsParams {
        stacks,
        blocks: 2,
        width: 32,
        ..NBeatsParams::default()
    };
    vec![
        SeriesNetworkParams::DLinear(DLinearParams {
            kernel: 13,
            ..DLinearParams::default()
        }),
        SeriesNetworkParams::NBeats(beats(Stacks::Generic)),
        SeriesNetworkParams::NBeats(beats(Stacks::Interpretable)),
        SeriesNetworkParams::PatchTst(PatchTstParams {
            patch: 6,
            stride: 3,
            blocks: 1,
            expansion: 2.0,
            dropout: 0.0,
            ..PatchTstParams::default()
        }),
    ]
}

fn learned(network: SeriesNetworkParams, n_threads: usize) -> LearnedSeries {
    let mut settings = SeriesSettings {
        network,
        series: SeriesParams {
            test_share: 0.2,
            ..params(24, 6)
        },
        loss: LossParams::default(),
        train: TrainSettings::default(),
        metrics: vec![Metric::Mse],
    };
    settings.train.optimizer.learning_rate = 0.01;
    settings.train.trainer.epochs = 60;
    settings.train.trainer.batch_size = 32;
    settings.train.trainer.shard_rows = 12;
    let n = 240;
    let (frame, _) = frame(&(0..n).collect::<Vec<_>>(), &wave(n as usize));
    let parts = Parts::of(n as usize, &settings.series, 0.2).expect("there are enough rows");
    let threads = Threads::new(n_threads).expect("threads can be started");
    let run = TrainRun {
        learner: NETWORK,
        seed: Seed(1),
        threads: &threads,
        budget: &Budget::unlimited(),
        training: "a wave",
        from: None,
        ranks: &Solo,
        device: Device::Cpu,
    };
    train((&frame, &parts), &settings, &run, &mut NoWatch).expect("the numbers are usual")
}

#[test]
fn every_network_learns_a_wave_better_than_by_repeating_it() {
    for network in networks() {
        let learned = learned(network.clone(), 2);
        let test = learned.test.expect("rows are held out");
        let naive = test.naive.iter().map(|naive| naive.mse);
        let naive = naive.fold(f64::INFINITY, f64::min);
        assert!(test.mse < naive, "{network:?}: {} {naive}", test.mse);
        let best = learned.history[learned.best_epoch as usize - 1].scores[0].1;
        let validation = learned.validation.expect("rows are held out");
        assert!((validation.mse - best).abs() < 1e-6 * best, "{network:?}");
    }
}

#[test]
fn a_model_that_is_read_back_forecasts_the_same_bits_at_any_number_of_threads() {
    for network in networks() {
        let [model, other] = [1, 2].map(|n| learned(network.clone(), n).model);
        let artifact = model.artifact();
        assert!(SeriesModel::is_in(&artifact));
        assert_eq!(artifact, other.artifact(), "{network:?}");
        let read = SeriesModel::load(&artifact).expect("it was just written");
        let (frame, _) = frame(&(0..48).collect::<Vec<_>>(), &wave(48));
        let forecast = model.forecast(&frame).expect("it is long enough");
        assert_eq!(read.forecast(&frame).expect("it is long enough"), forecast);
        let wanted: Vec<i64> = (48..54).map(|hour| hour * HOUR).collect();
        assert_eq!(forecast.instants, wanted);
        let (name, values) = &forecast.series[0];
        assert_eq!((name.as_str(), values.len()), ("load", 6));
        assert!(
            values.iter().all(|value| (10.0..30.0).contains(value)),
            "{values:?}"
        );
    }
}

#[test]
fn a_history_that_is_too_short_is_told() {
    let model = learned(networks().remove(0), 1).model;
    let (short, _) = frame(&(0..23).collect::<Vec<_>>(), &wave(23));
    let error = model.forecast(&short).expect_err("it looks back further");
    assert_eq!(
        error.to_string(),
        "the data has 23 rows, and a forecast takes 24"
    );
    let error = model
        .evaluate(&short, &Threads::one())
        .expect_err("nothing follows");
    assert_eq!(
        error.to_string(),
        "the data has 23 rows, and a score takes 30"
    );
}

#[test]
fn an_altered_model_is_refused() {
    let artifact = learned(networks().remove(0), 1).model.artifact();
    let refused = |change: &dyn Fn(&mut Artifact)| {
        let mut altered = artifact.clone();
        change(&mut altered);
        SeriesModel::load(&altered)
            .expect_err("it was altered")
            .to_string()
    };
    let parameters = |name: &'static str, value: serde_json::Value| {
        refused(&move |artifact| artifact.meta["parameters"][name] = value.clone())
    };
    assert!(parameters("lookback", 0.into()).contains("lookback"));
    assert!(parameters("lookback", 25.into()).contains("weights"));
    assert!(parameters("horizon", 100_000.into()).contains("its shape is not that of the network"));
    assert!(parameters("season", 99.into()).contains("season"));
    assert!(parameters("names", serde_json::json!([])).contains("scales"));
    assert!(!refused(&|artifact| artifact.arrays.clear()).is_empty());
}

#[test]
fn a_constant_series_is_not_scaled_by_how_its_mean_is_rounded() {
    let scale = Scale::of(&[0.1; 1000]);
    assert_eq!((scale.centre, scale.spread), (0.1, 1.0));
    // The last digit of one value is all that differs.
    let mut nearly = [0.1; 1000];
    nearly[7] = 0.1 + f64::EPSILON / 16.0;
    assert!(nearly[7] > 0.1);
    assert_eq!(Scale::of(&nearly).spread, 1.0);
    let small = Scale::of(&[1e-9, 3e-9]);
    assert!((small.spread - 1e-9).abs() < 1e-20);
}

#[test]
fn a_row_of_a_frame_knows_its_row_of_the_table() {
    let (frame, _) = frame(&[2, 0, 1, 1, 5], &[3.0, 1.0, 2.0, 2.5, 6.0]);
    let rows: Vec<u32> = (0..4).map(|row| frame.table_row(row)).collect();
    assert_eq!(rows, [1, 3, 0, 4]);
}

#[test]
fn a_season_longer_than_a_window_is_refused() {
    let longer = SeriesParams {
        season: 25,
        ..params(24, 6)
    };
    let error = Parts::of(500, &longer, 0.2).expect_err("no window holds a season");
    assert_eq!(
        error.to_string(),
        "series.season is 25, and series.lookback 24: no window holds a season"
    );
    let as_long = SeriesParams {
        season: 24,
        ..longer
    };
    assert!(Parts::of(500, &as_long, 0.2).is_ok());
}

#[test]
fn a_forecast_of_a_missing_value_is_not_scored() {
    let model = learned(networks().remove(0), 1).model;
    let scores = |values: &[f64]| {
        let (frame, _) = frame(&(0..values.len() as i64).collect::<Vec<_>>(), values);
        model.evaluate(&frame, &Threads::one())
    };
    let mut values = wave(31);
    let whole = scores(&values).expect("it is long enough");
    values[30] = f64::NAN;
    let without = scores(&values).expect("most values are known");
    assert_eq!(without.n_windows, whole.n_windows);
    assert!(
        without.mse < 1.5 * whole.mse,
        "{} {}",
        without.mse,
        whole.mse
    );
    values[24..].fill(f64::NAN);
    let error = scores(&values).expect_err("no value follows a window");
    assert_eq!(error, SeriesError::NothingToScore);
}

#[test]
fn a_value_too_far_away_to_compute_with_is_refused_with_its_row() {
    let model = learned(networks().remove(0), 1).model;
    let mut values = wave(48);
    values[7] = 1e300;
    let (frame, _) = frame(&(0..48).collect::<Vec<_>>(), &values);
    let error = model.forecast(&frame).expect_err("it is far away");
    assert_eq!(
        error.to_string(),
        "the series 'load' is 1e300 in row 8, too far from what it was learned to be"
    );
}

#[test]
fn a_model_that_claims_to_be_huge_takes_no_memory_to_refuse() {
    let artifact = learned(networks().remove(3), 1).model.artifact();
    let mut altered = artifact.clone();
    let network = &mut altered.meta["parameters"]["network"];
    assert_eq!(network["type"], "patchtst");
    for (name, most) in [("heads", 64), ("head_size", 256), ("blocks", 24)] {
        network[name] = most.into();
    }
    // Blocks of it alone are 100 GB, and windows of this length one more.
    altered.meta["parameters"]["lookback"] = 199_000.into();
    let error = SeriesModel::load(&altered).expect_err("its arrays are small");
    assert!(
        error
            .to_string()
            .contains("its shape is not that of the network"),
        "{error}"
    );
}
