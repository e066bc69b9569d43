//! What every sampler must do, whatever it is.

use crate::*;
use automl_core::{Coded, ParamMap, ParamValue, Seed};
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
fn a_search_begins_at_the_defaults_if_there_are_any() {
    let space = |kind: &str, depth: Option<i64>| {
        let depth_of_b = Parameter::new("depth", Domain::integer(1, 9));
        let mut depth_of_b = depth_of_b.when(Condition::is("kind", "b"));
        depth_of_b.default = depth.map(ParamValue::Int);
        let kinds = Parameter::new("kind", Domain::categorical(["a", "b"]));
        Space::new([
            kinds.with_default(ParamValue::Text(kind.to_owned().into())),
            Parameter::new("rate", Domain::float(0.0, 1.0)),
            depth_of_b,
        ])
        .unwrap()
    };
    let text = |point: &ParamMap| {
        let values = point.iter().map(|(name, value)| format!("{name}={value}"));
        values.collect::<Vec<_>>().join(" ")
    };
    for (space, wanted) in [
        (space("a", Some(2)), "kind=a rate=0.5"),
        (space("b", Some(2)), "depth=2 kind=b rate=0.5"),
        (space("b", None), "depth=5 kind=b rate=0.5"),
    ] {
        assert_eq!(text(&space.default_point().unwrap()), wanted);
        let empty = Study::new(space, vec![Objective::minimize("loss")]).unwrap();
        for sampler in samplers() {
            let has_plan = matches!(
                sampler,
                Algorithm::Sobol(_) | Algorithm::Grid(_) | Algorithm::BruteForce(_)
            );
            let batch = sampler.suggest_batch(&empty, 2, Seed(4));
            assert_eq!(text(&batch[0]) == wanted, !has_plan, "{sampler:?}");
            assert_ne!(text(&batch[1]), wanted, "{sampler:?}");
            let alone = sampler.suggest(&empty, Seed(4));
            assert_eq!(text(&alone) == wanted, !has_plan, "{sampler:?}");
        }
    }
    assert_eq!(mixed().default_point(), None, "none is said");
    let log = Parameter::new("rate", Domain::log_float(1e-4, 1.0));
    let space = Space::new([log.with_default(ParamValue::Float(0.01))]).unwrap();
    let point = space.default_point().unwrap();
    assert_eq!(point["rate"], ParamValue::Float(0.01), "as it was written");
}

#[test]
fn a_study_that_learns_from_an_earlier_one_begins_with_the_best_of_that() {
    let rate = Parameter::new("rate", Domain::float(0.0, 1.0));
    let rate = rate.with_default(ParamValue::Float(0.5));
    let space = Space::new([rate]).unwrap();
    let loss = |point: &ParamMap| (point["rate"].as_f64().unwrap() - 0.3).powi(2);
    let earlier = run(&Random {}, &space, 8, 1, loss);
    let source = Source::new(&earlier, &space);
    let study = Study::new(space, vec![Objective::minimize("loss")]).unwrap();
    let study = study.with_sources(vec![source]);
    let first = Auto::default().suggest(&study, Seed(1));
    assert_eq!(first, earlier.best()[0].params);
}

#[test]
fn defaults_leave_the_other_trials_of_a_seed_as_they_are() {
    let loss = |point: &ParamMap| (point["rate"].as_f64().unwrap() - 0.3).powi(2);
    let plain = Parameter::new("rate", Domain::float(0.0, 1.0));
    let with = plain.clone().with_default(ParamValue::Float(0.5));
    let points = |parameter: Parameter| {
        let space = Space::new([parameter]).unwrap();
        let study = run(&Random {}, &space, 5, 2, loss);
        let points = study.trials().iter().map(|own| own.params.clone());
        points.collect::<Vec<_>>()
    };
    let (plain, with) = (points(plain), points(with));
    assert_eq!(with[0]["rate"], ParamValue::Float(0.5));
    assert_ne!(plain[0], with[0]);
    assert_eq!(plain[1..], with[1..]);
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
fn a_grid_has_as_many_values_of_a_whole_number_on_any_scale() {
    for scale in [Scale::Linear, Scale::Log, Scale::ReverseLog] {
        let count = |high: i64| {
            let domain = Domain::Integer {
                low: 1,
                high,
                scale,
                step: 1,
            };
            let space = Space::new([Parameter::new("n", domain)]).unwrap();
            let mut values = Vec::new();
            let mut study = Study::new(space, vec![Objective::minimize("loss")]).unwrap();
            while !Grid::default().is_exhausted(&study) {
                let point = Grid::default().suggest(&study, Seed(1));
                values.push(point["n"].as_i64().unwrap());
                study.start(values.len() as u64, point).unwrap();
            }
            assert!(
                values.is_sorted() && values.first() == Some(&1) && values.last() == Some(&high)
            );
            values.len()
        };
        assert_eq!(
            [1, 2, 5, 6, 9, 100].map(count),
            [1, 2, 5, 5, 5, 5],
            "{scale:?}"
        );
    }
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
fn samplers_of_one_objective_refuse_several() {
    for sampler in samplers() {
        sampler.check(1).unwrap();
        let is_single = matches!(sampler, Algorithm::CmaEs(_) | Algorithm::Turbo(_));
        assert_eq!(sampler.check(2).is_err(), is_single, "{sampler:?}");
    }
    let refused = Algorithm::CmaEs(CmaEs::default()).check(3).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the algorithm 'cma_es' takes one objective, the study has 3"
    );
    assert_eq!(refused.code(), "study-algorithm-objectives");
    assert_eq!(
        refused.hint().unwrap(),
        "use 'auto', 'gp', 'tpe' or 'nsga2'"
    );
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

/// A domain of at most six values.
fn small_domain() -> impl Strategy<Value = Domain> {
    let scale = prop_oneof![
        Just(Scale::Linear),
        Just(Scale::Log),
        Just(Scale::ReverseLog)
    ];
    prop_oneof![
        (1..50_i64, 0..6_i64, scale).prop_map(|(low, width, scale)| Domain::Integer {
            low,
            high: low + width,
            scale,
            step: 1
        }),
        (-9..9_i64, 0..12_i64, 2..4_i64).prop_map(|(low, width, step)| Domain::Integer {
            low,
            high: low + width,
            scale: Scale::Linear,
            step
        }),
        (-1.0..1.0_f64, 0.0..1.0_f64).prop_map(|(low, width)| Domain::Float {
            low,
            high: low + width,
            scale: Scale::Linear,
            step: Some(0.2)
        }),
        prop::collection::btree_set(-50..50_i32, 1..6).prop_map(|values| Domain::Discrete {
            values: values.into_iter().map(f64::from).collect()
        }),
        (1..=4_usize).prop_map(|n| Domain::categorical(["a", "b", "c", "d"].into_iter().take(n))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn brute_force_tries_every_point_of_a_finite_space_once(first in small_domain(), second in small_domain(), has_child: bool, seed in 0..1000_u64) {
        let count = |domain: &Domain| Space::new([Parameter::new("x", domain.clone())]).unwrap().n_points().unwrap();
        let (n_first, n_second) = (count(&first), count(&second));
        let second = Parameter::new("second", second);
        let (second, n) = if has_child {
            (second.when(Condition::is("kind", "b")), n_first * (2 + n_second))
        } else {
            (second, n_first * 3 * n_second)
        };
        let kind = Parameter::new("kind", Domain::categorical(["a", "b", "c"]));
        let space = Space::new([kind, Parameter::new("first", first), second]).unwrap();
        let study = run(&BruteForce {}, &space, n, seed, |_| 0.0);
        let points: std::collections::BTreeSet<String> = study.trials().iter().map(|own| format!("{:?}", own.params)).collect();
        prop_assert_eq!(points.len() as u64, n);
        let is_done = BruteForce {}.is_exhausted(&study);
        prop_assert!(is_done);
    }
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
