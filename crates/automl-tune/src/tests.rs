//! What every sampler must do, whatever it is.

use crate::*;
use automl_core::{ParamMap, ParamValue, Seed};
use proptest::prelude::*;

/// All samplers, those with phases set to leave the first one early.
fn samplers() -> Vec<Algorithm> {
    let gp = Gp {
        n_startup: Some(4),
        n_fit_steps: 8,
        ..Gp::default()
    };
    vec![
        Algorithm::Random(Random {}),
        Algorithm::Sobol(Sobol::default()),
        Algorithm::Grid(Grid::default()),
        Algorithm::BruteForce(BruteForce {}),
        Algorithm::Tpe(Tpe {
            n_startup: 4,
            ..Tpe::default()
        }),
        Algorithm::Gp(gp.clone()),
        Algorithm::Turbo(Turbo {
            n_startup: Some(4),
            gp,
        }),
        Algorithm::CmaEs(CmaEs::default()),
        Algorithm::Nsga2(Nsga2 {
            n_population: 6,
            ..Nsga2::default()
        }),
        Algorithm::Auto(Auto::default()),
    ]
}

fn run(
    sampler: &dyn Sampler,
    space: &Space,
    n: u64,
    seed: u64,
    loss: impl Fn(&ParamMap) -> f64,
) -> Study {
    let mut study = Study::new(space.clone(), vec![Objective::minimize("loss")]).unwrap();
    for id in 0..n {
        let point = sampler.suggest(&study, Seed(seed).indexed(id));
        assert!(space.contains(&point), "{point:?}");
        let value = loss(&point);
        study.start(id, point).unwrap();
        let outcome = if value.is_finite() {
            Outcome::Complete {
                values: vec![value],
                constraints: Vec::new(),
            }
        } else {
            Outcome::Failed
        };
        study.finish(id, outcome).unwrap();
    }
    study
}

fn mixed() -> Space {
    Space::new([
        Parameter::new("kind", Domain::categorical(["a", "b"])),
        Parameter::new("rate", Domain::log_float(1e-4, 1.0)),
        Parameter::new("depth", Domain::integer(1, 9)).when(Condition::is("kind", "b")),
    ])
    .unwrap()
}

fn mixed_loss(point: &ParamMap) -> f64 {
    let rate = point["rate"].as_f64().unwrap().log10() + 1.0;
    let depth = point
        .get("depth")
        .and_then(ParamValue::as_f64)
        .unwrap_or(9.0);
    rate * rate + 0.1 * (depth - 4.0).powi(2)
}

#[test]
fn the_same_log_and_seed_give_the_same_point() {
    let study = run(&Random {}, &mixed(), 14, 3, mixed_loss);
    let mut again = Study::new(mixed(), study.objectives().to_vec()).unwrap();
    for trial in study.trials() {
        again.add_trial(trial.clone()).unwrap();
    }
    for sampler in samplers() {
        assert_eq!(
            sampler.suggest(&study, Seed(1)),
            sampler.suggest(&again, Seed(1)),
            "{sampler:?}"
        );
    }
}

#[test]
fn known_points_are_left_alone_while_there_are_others() {
    // Ten points in all: nine are known or being tried, so one is left.
    let space = Space::new([Parameter::new("n", Domain::integer(1, 10))]).unwrap();
    let point = |n: i64| ParamMap::from([("n".to_owned(), ParamValue::Int(n))]);
    let mut study = Study::new(space, vec![Objective::minimize("loss")]).unwrap();
    for n in 1..=9 {
        study.start(n as u64, point(n)).unwrap();
        if n <= 6 {
            let outcome = Outcome::Complete {
                values: vec![n as f64],
                constraints: Vec::new(),
            };
            study.finish(n as u64, outcome).unwrap();
        }
    }
    for sampler in samplers() {
        // An even grid of five of the ten values need not hold the one that is left.
        if !matches!(sampler, Algorithm::Grid(_)) {
            for seed in 0..5 {
                assert_eq!(
                    sampler.suggest(&study, Seed(seed)),
                    point(10),
                    "{sampler:?}"
                );
            }
        }
    }
}

#[test]
fn a_space_of_one_point_and_a_space_where_all_fails_are_sampled() {
    for sampler in samplers() {
        run(&sampler, &Space::default(), 12, 1, |_| 1.0);
        run(&sampler, &mixed(), 12, 1, |_| f64::NAN);
    }
}

#[test]
fn samplers_that_learn_beat_chance() {
    let best = |sampler: &Algorithm| -> f64 {
        let each =
            (0..5).map(|seed| run(sampler, &mixed(), 40, seed, mixed_loss).best()[0].values[0]);
        each.sum()
    };
    let random = best(&Algorithm::Random(Random {}));
    for sampler in samplers() {
        let is_learning = !matches!(
            sampler,
            Algorithm::Random(_)
                | Algorithm::Sobol(_)
                | Algorithm::Grid(_)
                | Algorithm::BruteForce(_)
        );
        if is_learning {
            let own = best(&sampler);
            assert!(own < random, "{sampler:?}: {own} is not below {random}");
        }
    }
}

#[test]
fn a_grid_and_brute_force_end_when_all_is_tried() {
    let space = Space::new([
        Parameter::new("kind", Domain::categorical(["a", "b"])),
        Parameter::new("n", Domain::integer(1, 3)).when(Condition::is("kind", "b")),
    ])
    .unwrap();
    let study = run(&Grid::default(), &space, 4, 1, |_| 0.0);
    assert!(Grid::default().is_exhausted(&study));
    let points: Vec<String> = study
        .trials()
        .iter()
        .map(|t| format!("{:?}", t.params))
        .collect();
    assert!((0..4).all(|at| !points[..at].contains(&points[at])));
    let study = run(&BruteForce {}, &space, 4, 1, |_| 0.0);
    assert!(BruteForce {}.is_exhausted(&study));
}

#[test]
fn halves_of_every_parameter_hold_as_many_points_of_the_even_sequence() {
    let space =
        Space::new((0..4).map(|j| Parameter::new(format!("x{j}"), Domain::float(0.0, 1.0))));
    let study = run(&Sobol { scramble: 5 }, &space.unwrap(), 16, 1, |_| 0.0);
    for j in 0..4 {
        let name = format!("x{j}");
        let n_low = study
            .trials()
            .iter()
            .filter(|t| t.params[&name].as_f64().unwrap() < 0.5)
            .count();
        assert_eq!(n_low, 8);
    }
}

#[test]
fn algorithms_are_read_from_data() {
    let gp: Algorithm = serde_json::from_str(r#"{"name":"gp","n_fantasies":4}"#).unwrap();
    assert_eq!(
        gp,
        Algorithm::Gp(Gp {
            n_fantasies: 4,
            ..Gp::default()
        })
    );
    for sampler in samplers() {
        let text = serde_json::to_string(&sampler).unwrap();
        assert_eq!(serde_json::from_str::<Algorithm>(&text).unwrap(), sampler);
    }
    assert!(serde_json::from_str::<Algorithm>(r#"{"name":"gp","fantasies":4}"#).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn points_are_inside_any_space(n_floats in 0..3_usize, n_names in 0..3_usize, has_child: bool, seed in 0..1000_u64) {
        let mut parameters = Vec::new();
        for j in 0..n_names {
            parameters.push(Parameter::new(format!("n{j}"), Domain::categorical(["a", "b", "c"])));
        }
        for j in 0..n_floats {
            let parameter = Parameter::new(format!("x{j}"), Domain::float(-1.0, 1.0));
            let is_child = has_child && n_names > 0;
            parameters.push(if is_child { parameter.when(Condition::is("n0", "b")) } else { parameter });
        }
        let space = Space::new(parameters).unwrap();
        let loss = |point: &ParamMap| point.values().filter_map(ParamValue::as_f64).sum();
        for sampler in samplers() {
            run(&sampler, &space, 12, seed, loss);
        }
    }
}
