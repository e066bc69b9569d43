//! The estimator: its density is one, it points where trials were good, and it keeps conditions.

use super::density::Density;
use super::*;
use crate::space::{Condition, Domain, Parameter, Space};
use crate::study::{Objective, Outcome};
use automl_core::ParamMap;

fn run(study: &mut Study, n: u64, seed: u64, loss: impl Fn(&ParamMap) -> f64) {
    run_by(&Tpe::default(), study, n, seed, loss);
}

fn run_by(
    sampler: &dyn Sampler,
    study: &mut Study,
    n: u64,
    seed: u64,
    loss: impl Fn(&ParamMap) -> f64,
) {
    for id in 0..n {
        let point = sampler.suggest(study, Seed(seed).indexed(id));
        assert!(study.space().contains(&point));
        let values = vec![loss(&point)];
        study.start(id, point).unwrap();
        let constraints = Vec::new();
        study
            .finish(
                id,
                Outcome::Complete {
                    values,
                    constraints,
                },
            )
            .unwrap();
    }
}

fn study(parameters: Vec<Parameter>) -> Study {
    let space = Space::new(parameters).unwrap();
    Study::new(space, vec![Objective::minimize("loss")]).unwrap()
}

#[test]
fn the_density_is_one_in_all() {
    let space = Space::new([
        Parameter::new("x", Domain::float(0.0, 1.0)),
        Parameter::new("kind", Domain::categorical(["a", "b", "c"])),
    ])
    .unwrap();
    let rows = [[0.02, 1.0], [0.4, 0.0], [0.45, 1.0], [0.99, 2.0]];
    let rows: Vec<&[f64]> = rows.iter().map(<[f64; 2]>::as_slice).collect();
    let density = Density::new(&space, &[0, 1], &rows, &Tpe::default());
    let n = 2000;
    let total: f64 = (0..3 * n)
        .map(|at| {
            let x = (f64::from(at / 3) + 0.5) / f64::from(n);
            density.log_density(&[x, f64::from(at % 3)]).exp() / f64::from(n)
        })
        .sum();
    assert!((total - 1.0).abs() < 1e-3, "{total}");
}

#[test]
fn it_beats_chance_on_a_valley_of_numbers_and_names() {
    let parameters = vec![
        Parameter::new("rate", Domain::log_float(1e-5, 1.0)),
        Parameter::new("depth", Domain::integer(1, 16)),
        Parameter::new("kind", Domain::categorical(["a", "b", "c", "d"])),
    ];
    let loss = |point: &ParamMap| {
        let rate = point["rate"].as_f64().unwrap().log10() + 2.0;
        let depth = point["depth"].as_f64().unwrap() - 6.0;
        let kind = if point["kind"].to_string() == "c" {
            0.0
        } else {
            1.0
        };
        rate * rate + 0.05 * depth * depth + kind
    };
    let total = |sampler: &dyn Sampler| -> f64 {
        let each = (0..20).map(|seed| {
            let mut study = study(parameters.clone());
            run_by(sampler, &mut study, 60, seed, loss);
            study.best()[0].values[0]
        });
        each.sum()
    };
    let (random, own) = (total(&Random {}), total(&Tpe::default()));
    println!("{random} {own}");
    assert!(own < 0.4 * random, "{own} against {random}");
}

#[test]
fn conditions_are_searched_branch_by_branch() {
    let is_tree = || Condition::is("kind", "tree");
    let mut study = study(vec![
        Parameter::new("kind", Domain::categorical(["line", "tree"])),
        Parameter::new("slope", Domain::float(0.0, 1.0)).when(Condition::is("kind", "line")),
        Parameter::new("depth", Domain::integer(1, 20)).when(is_tree()),
        Parameter::new("rate", Domain::float(0.0, 1.0)).when(is_tree()),
    ]);
    run(&mut study, 80, 1, |point| {
        if let Some(slope) = point.get("slope") {
            return 0.5 + slope.as_f64().unwrap();
        }
        let depth = point["depth"].as_f64().unwrap() - 7.0;
        depth.abs() * 0.05 + (point["rate"].as_f64().unwrap() - 0.2).abs()
    });
    assert!(study.best()[0].values[0] < 0.06);
    let late = &study.trials()[40..];
    let n_tree = late
        .iter()
        .filter(|trial| trial.params.contains_key("depth"))
        .count();
    assert!(n_tree > 25, "{n_tree}");
}

#[test]
fn trials_under_way_push_others_away() {
    let mut study = study(vec![Parameter::new("x", Domain::float(0.0, 1.0))]);
    run(&mut study, 30, 5, |point| {
        (point["x"].as_f64().unwrap() - 0.5).abs()
    });
    let x = |point: &ParamMap| point["x"].as_f64().unwrap();
    let (mut with, mut without) = (0.0, 0.0);
    for seed in 0..40 {
        let first = Tpe::default().suggest(&study, Seed(seed));
        let alone = Tpe::default().suggest(&study, Seed(1000 + seed));
        let mut busy = study.clone();
        for id in 100..108 {
            busy.start(id, first.clone()).unwrap();
        }
        let next = Tpe::default().suggest(&busy, Seed(1000 + seed));
        with += (x(&first) - x(&next)).abs();
        without += (x(&first) - x(&alone)).abs();
    }
    assert!(with > without, "{with} is not above {without}");
}

#[test]
fn a_constraint_drives_the_search_to_where_it_is_kept() {
    let mut study = study(vec![Parameter::new("x", Domain::float(0.0, 1.0))]);
    for id in 0..60 {
        let point = Tpe::default().suggest(&study, Seed(id));
        let x = point["x"].as_f64().unwrap();
        study.start(id, point).unwrap();
        let outcome = Outcome::Complete {
            values: vec![x],
            constraints: vec![0.7 - x],
        };
        study.finish(id, outcome).unwrap();
    }
    let best = study.best()[0].values[0];
    assert!((0.7..0.72).contains(&best), "{best}");
}
