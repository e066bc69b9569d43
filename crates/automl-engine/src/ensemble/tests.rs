//! Which members are chosen.

use super::*;
use crate::search::Schedule;
use crate::tests::options;
use automl_core::Target;
use automl_testkit::synthetic;
use rand::RngExt;

/// What guesses of the target, each off by as much noise of its own, come to as members: the shares of several choices, those of
/// one, and the root mean squared errors of both on rows that no choice has seen.
fn chosen(seed: u64) -> ([Vec<f64>; 2], [f64; 2]) {
    const N_ROWS: usize = 60;
    let data = synthetic::regression(2 * N_ROWS, 1);
    let options = options(3);
    let plan = Plan::new(&data, &options).unwrap();
    let Target::Numbers(target) = data.target() else {
        panic!("a regression has numbers")
    };
    let mut rng = Seed(seed).rng();
    let mut guess = |position| {
        let mut noise = || rng.random::<f64>() + rng.random::<f64>() - 1.0;
        let values = target.iter().map(|y| y + 4.0 * noise()).collect();
        Candidate {
            position,
            predictions: Predictions::Numbers(values),
        }
    };
    let all: Vec<Candidate> = (0..40).map(&mut guess).collect();
    let seen: Vec<usize> = (0..N_ROWS).collect();
    let candidates: Vec<Candidate> = all.iter().map(|one| one.at(&seen)).collect();
    let rows: Vec<(usize, usize, u32)> = (0..N_ROWS as u32).map(|row| (0, 0, row)).collect();
    let bench = Bench::new(&data, &plan, &rows);
    let found = Found {
        trials: Vec::new(),
        n_started: 0,
        schedule: Schedule::new(&plan, &options),
    };
    let warnings = automl_core::Warnings::default();
    let run = FitRun::alone(&warnings);
    let shares = |n_steps: usize, threads: usize| {
        let greedy = Greedy {
            bench: &bench,
            candidates: &candidates,
            speed: None,
            n_steps,
            is_repeated: true,
            seed: Seed(seed),
        };
        greedy.run(&Threads::new(threads).unwrap(), &found, &run, 1.0)
    };
    let several = shares(25, 2);
    assert_eq!(several, shares(25, 1), "at any number of threads");
    let greedy = Greedy {
        bench: &bench,
        candidates: &candidates,
        speed: None,
        n_steps: 25,
        is_repeated: false,
        seed: Seed(seed),
    };
    let once = greedy.once(&Threads::one(), &found, &run);
    let error = |shares: &[f64]| {
        let fresh = N_ROWS..2 * N_ROWS;
        let squares = fresh.clone().map(|row| {
            let values = all.iter().map(|one| one.predictions.values()[row]);
            let mean: f64 = values.zip(shares).map(|(value, share)| value * share).sum();
            (mean - target[row]).powi(2)
        });
        (squares.sum::<f64>() / fresh.len() as f64).sqrt()
    };
    let errors = [error(&several), error(&once)];
    ([several, once], errors)
}

#[test]
fn several_choices_of_few_rows_are_better_on_others_than_one() {
    let mut sums = [0.0, 0.0];
    for seed in 0..12 {
        let (shares, errors) = chosen(seed);
        let total: f64 = shares[0].iter().sum();
        assert!((total - 1.0).abs() < 1e-9, "{total}");
        let n_members = |shares: &[f64]| shares.iter().filter(|share| **share > 0.0).count();
        assert!(n_members(&shares[0]) > n_members(&shares[1]));
        sums[0] += errors[0];
        sums[1] += errors[1];
    }
    assert!(sums[0] < 0.97 * sums[1], "{sums:?}");
}

#[test]
fn without_an_ensemble_the_best_stands_alone() {
    let data = synthetic::binary(200, 3);
    let options = FitOptions {
        without: vec![SearchPart::Ensembling],
        ..options(8)
    };
    let outcome = crate::tests::run(&data, &options).unwrap();
    let members = outcome.leaderboard.rows.iter().skip(1);
    let shares: Vec<f64> = members.map(|row| row.weight).collect();
    assert_eq!(shares[0], 1.0);
    assert_eq!(shares.iter().sum::<f64>(), 1.0);
}
