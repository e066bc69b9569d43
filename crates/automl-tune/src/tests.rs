//! The samplers: where they point, that they repeat, and that they beat chance.

use crate::{Auto, Local, Observation, Random, Sampler, Space, SpaceError, Tpe};
use automl_core::{Coded, Domain, ParamMap, ParamValue, Params, Seed};
use proptest::prelude::*;

const COLOURS: &[&str] = &["red", "green", "blue", "white"];

type Loss = fn(&ParamMap) -> f64;

fn float(low: f64, high: f64) -> Domain {
    Domain::Float {
        low,
        high,
        log: false,
    }
}

fn number(point: &ParamMap, name: &str) -> f64 {
    point[name].as_f64().unwrap()
}

fn branin(point: &ParamMap) -> f64 {
    use std::f64::consts::PI;
    let (x, y) = (number(point, "x"), number(point, "y"));
    let curve = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    curve * curve + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0
}

fn branin_space() -> Space {
    Space::new([("x", float(-5.0, 10.0)), ("y", float(0.0, 15.0))]).unwrap()
}

fn rosenbrock(point: &ParamMap) -> f64 {
    let x: Vec<f64> = point
        .values()
        .map(|value| value.as_f64().unwrap())
        .collect();
    x.windows(2)
        .map(|pair| 100.0 * (pair[1] - pair[0] * pair[0]).powi(2) + (1.0 - pair[0]).powi(2))
        .sum()
}

fn rosenbrock_space() -> Space {
    Space::new((0..5).map(|i| (format!("x{i}"), float(-2.0, 2.0)))).unwrap()
}

/// A valley that depends on the colour, a rate that matters on a log scale, a depth and a switch.
fn mixed(point: &ParamMap) -> f64 {
    let colour = match &point["colour"] {
        ParamValue::Text(text) => COLOURS.iter().position(|name| name == text).unwrap() as f64,
        _ => unreachable!(),
    };
    let rate = number(point, "rate").log10() + 2.0;
    let depth = number(point, "depth") - 6.0 - colour;
    let switch = if point["switch"] == ParamValue::Bool(true) {
        0.0
    } else {
        0.7
    };
    rate * rate + 0.05 * depth * depth + switch + (colour - 2.0).abs()
}

fn mixed_space() -> Space {
    Space::new([
        ("colour", Domain::Choice(COLOURS)),
        (
            "rate",
            Domain::Float {
                low: 1e-5,
                high: 1.0,
                log: true,
            },
        ),
        (
            "depth",
            Domain::Int {
                low: 1,
                high: 16,
                log: false,
            },
        ),
        ("switch", Domain::Bool),
    ])
    .unwrap()
}

fn search(
    sampler: &dyn Sampler,
    space: &Space,
    loss: Loss,
    n_trials: u64,
    seed: u64,
) -> Vec<Observation> {
    let mut history = Vec::new();
    for trial in 0..n_trials {
        let point = sampler.suggest(space, &history, &[], Seed(seed).indexed(trial));
        assert!(space.contains(&point));
        history.push(Observation {
            loss: loss(&point),
            point,
            cost_seconds: 1.0,
        });
    }
    history
}

/// The median over 20 seeds of the best loss of 60 trials.
fn median_best(sampler: &dyn Sampler, space: &Space, loss: Loss) -> f64 {
    let mut best: Vec<f64> = (0..20)
        .map(|seed| {
            let history = search(sampler, space, loss, 60, seed);
            history
                .iter()
                .map(|seen| seen.loss)
                .fold(f64::INFINITY, f64::min)
        })
        .collect();
    best.sort_by(f64::total_cmp);
    f64::midpoint(best[9], best[10])
}

#[test]
fn tpe_beats_random_and_auto_is_no_worse() {
    let problems: [(&str, Space, Loss); 3] = [
        ("branin", branin_space(), branin),
        ("rosenbrock", rosenbrock_space(), rosenbrock),
        ("mixed", mixed_space(), mixed),
    ];
    for (name, space, loss) in problems {
        let random = median_best(&Random, &space, loss);
        let tpe = median_best(&Tpe::default(), &space, loss);
        let local = median_best(&Local, &space, loss);
        let auto = median_best(&Auto::default(), &space, loss);
        println!("{name}: random {random:.4}, tpe {tpe:.4}, local {local:.4}, auto {auto:.4}");
        assert!(tpe < random, "{name}: {tpe} is not below {random}");
        assert!(auto < random, "{name}: {auto} is not below {random}");
    }
}

#[test]
fn the_same_arguments_give_the_same_point() {
    let space = mixed_space();
    let history = search(&Random, &space, mixed, 30, 3);
    for sampler in [
        &Random as &dyn Sampler,
        &Tpe::default(),
        &Local,
        &Auto::default(),
    ] {
        let suggest = |seed| sampler.suggest(&space, &history, &[], Seed(seed));
        assert_eq!(suggest(1), suggest(1));
        assert_ne!(suggest(1), suggest(2));
    }
}

#[test]
fn pending_points_are_avoided() {
    // Ten points in all: nine are known or being tried, so one is left.
    let space = Space::new([(
        "n",
        Domain::Int {
            low: 1,
            high: 10,
            log: false,
        },
    )])
    .unwrap();
    let point = |n: i64| ParamMap::from([("n".to_owned(), ParamValue::Int(n))]);
    let history: Vec<Observation> = (1..=5)
        .map(|n| Observation {
            point: point(n),
            loss: n as f64,
            cost_seconds: 1.0,
        })
        .collect();
    let pending: Vec<ParamMap> = (6..=9).map(point).collect();
    let tpe = Tpe {
        n_startup: 3,
        ..Tpe::default()
    };
    for sampler in [
        &Random as &dyn Sampler,
        &tpe,
        &Local,
        &Auto {
            tpe,
            local_share: 0.5,
        },
    ] {
        for seed in 0..20 {
            assert_eq!(
                sampler.suggest(&space, &history, &pending, Seed(seed)),
                point(10)
            );
        }
    }
}

#[test]
fn parallel_proposals_spread_out() {
    let space = Space::new([("x", float(0.0, 1.0))]).unwrap();
    let history = search(
        &Random,
        &space,
        |point| (number(point, "x") - 0.5).abs(),
        30,
        5,
    );
    let mut spread_with = 0.0;
    let mut spread_without = 0.0;
    for seed in 0..40 {
        let first = Tpe::default().suggest(&space, &history, &[], Seed(seed));
        let alone = Tpe::default().suggest(&space, &history, &[], Seed(1000 + seed));
        let pending = vec![first.clone(); 8];
        let next = Tpe::default().suggest(&space, &history, &pending, Seed(1000 + seed));
        spread_with += (number(&first, "x") - number(&next, "x")).abs();
        spread_without += (number(&first, "x") - number(&alone, "x")).abs();
    }
    assert!(
        spread_with > spread_without,
        "{spread_with} is not above {spread_without}"
    );
}

#[test]
fn failed_trials_drive_the_search_away() {
    let space = Space::new([("x", float(0.0, 1.0))]).unwrap();
    let loss = |point: &ParamMap| {
        let x = number(point, "x");
        if x < 0.5 {
            f64::INFINITY
        } else {
            (x - 0.75).abs()
        }
    };
    let history = search(&Tpe::default(), &space, loss, 80, 2);
    let n_failed = history[40..]
        .iter()
        .filter(|seen| seen.loss.is_infinite())
        .count();
    assert!(n_failed < 10, "{n_failed} of the last 40 trials failed");
}

#[test]
fn a_space_where_everything_failed_is_still_sampled() {
    let space = mixed_space();
    for sampler in [
        &Random as &dyn Sampler,
        &Tpe::default(),
        &Local,
        &Auto::default(),
    ] {
        search(sampler, &space, |_| f64::NAN, 30, 1);
    }
}

#[test]
fn an_empty_space_has_one_point() {
    let space = Space::default();
    assert_eq!(space.n_points(), Some(1));
    for sampler in [
        &Random as &dyn Sampler,
        &Tpe::default(),
        &Local,
        &Auto::default(),
    ] {
        assert!(
            search(sampler, &space, |_| 1.0, 20, 1)
                .iter()
                .all(|seen| seen.point.is_empty())
        );
    }
}

/// Only some parameters are searched.
#[derive(Params, Debug, Clone)]
struct Example {
    /// Searched in a part of its range.
    #[param(default = 0.1, range = 0.0..=1.0, log, search = 0.01..=0.3)]
    rate: f64,
    /// Not searched.
    #[param(default = 3, range = 1..=9)]
    depth: usize,
}

#[test]
fn a_space_of_parameters_holds_their_search_domains() {
    let space = Space::of_params(Example::SPECS).unwrap();
    assert_eq!(space.n_dimensions(), 1);
    assert_eq!(
        space.dimensions()[0].domain,
        Domain::Float {
            low: 0.01,
            high: 0.3,
            log: true
        }
    );
}

#[test]
fn bad_dimensions_are_refused() {
    let bad = |domain| Space::new([("x", domain)]).unwrap_err();
    let error = bad(Domain::Float {
        low: 0.0,
        high: 1.0,
        log: true,
    });
    assert_eq!(
        error.to_string(),
        "dimension 'x' has a log scale that reaches zero"
    );
    assert_eq!(error.code(), "space-domain-invalid");
    assert_eq!(
        bad(Domain::Text).to_string(),
        "dimension 'x' has no list of values"
    );
    assert!(matches!(
        bad(Domain::Choice(&[])),
        SpaceError::Domain { .. }
    ));
    assert!(matches!(bad(float(2.0, 1.0)), SpaceError::Domain { .. }));
    let twice = Space::new([("x", Domain::Bool), ("x", Domain::Bool)]).unwrap_err();
    assert_eq!(twice.code(), "space-dimension-duplicate");
}

fn any_domain() -> impl Strategy<Value = Domain> {
    prop_oneof![
        (-1e6..1e6_f64, 0.0..1e6_f64).prop_map(|(low, width)| float(low, low + width)),
        (1e-9..1e3_f64, 1.0..1e6_f64).prop_map(|(low, factor)| Domain::Float {
            low,
            high: low * factor,
            log: true
        }),
        (-1000..1000_i64, 0..100_i64).prop_map(|(low, width)| Domain::Int {
            low,
            high: low + width,
            log: false
        }),
        (1..1000_i64, 0..1000_i64).prop_map(|(low, width)| Domain::Int {
            low,
            high: low + width,
            log: true
        }),
        Just(Domain::Bool),
        (1..=4_usize).prop_map(|n| Domain::Choice(&COLOURS[..n])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn points_are_inside_their_domains(
        domains in prop::collection::vec(any_domain(), 1..6),
        seed in 0..1000_u64,
    ) {
        let space = Space::new(domains.into_iter().enumerate().map(|(i, d)| (format!("d{i}"), d))).unwrap();
        let loss = |point: &ParamMap| point.values().filter_map(ParamValue::as_f64).sum();
        for sampler in [&Random as &dyn Sampler, &Tpe::default(), &Local, &Auto::default()] {
            search(sampler, &space, loss, 25, seed);
        }
    }
}
