//! Gaussian processes: gradients against finite differences, predictions against closed forms, promises against sampling.

use super::acquisition::log_volume_improvement;
use super::ascent::{Effort, climb};
use super::fit::Objective;
use super::hyper::Hyper;
use super::model::Model;
use super::outputs::Outputs;
use super::*;
use crate::space::{Domain, Parameter, Space};
use crate::study::{Objective as Goals, Outcome};
use crate::transfer::Source;
use automl_core::ParamValue;

fn complete(study: &mut Study, id: u64, values: Vec<f64>, constraints: Vec<f64>) {
    let outcome = Outcome::Complete {
        values,
        constraints,
    };
    study.finish(id, outcome).unwrap();
}

fn layout() -> Layout {
    Layout {
        is_code: vec![false, false, true],
        n_values: vec![None, None, Some(3)],
    }
}

fn data(n: usize, seed: u64) -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut draws = draws(Seed(seed));
    let inputs: Vec<Vec<f64>> = (0..n)
        .map(|_| vec![draws.unit(), draws.unit(), draws.below(3) as f64])
        .collect();
    let value = |x: &Vec<f64>| (6.0 * x[0]).sin() + x[1] * x[1] + 0.5 * x[2];
    let values = inputs.iter().map(value).collect();
    (inputs, values)
}

#[test]
fn the_gradient_of_the_evidence_is_its_finite_difference() {
    let layout = layout();
    let (inputs, values) = data(14, 1);
    let objective = Objective::new(&layout, &inputs, &values);
    for is_warped in [false, true] {
        let mut theta = Hyper::start(3, is_warped, 0.7);
        for (at, value) in theta.iter_mut().enumerate() {
            *value += 0.2 * (at as f64 * 1.7).sin();
        }
        let (_, gradient) = objective.evaluate(&theta);
        for at in 0..theta.len() {
            let cost = |step: f64| {
                let mut moved = theta.clone();
                moved[at] += step;
                objective.evaluate(&moved).0
            };
            let rise = (cost(1e-5) - cost(-1e-5)) / 2e-5;
            let tolerance = 1e-4 * rise.abs().max(1.0);
            assert!(
                (rise - gradient[at]).abs() < tolerance,
                "{at}: {rise} {}",
                gradient[at]
            );
        }
    }
}

#[test]
fn a_fit_is_better_than_its_start() {
    let layout = layout();
    let (inputs, values) = data(30, 2);
    let objective = Objective::new(&layout, &inputs, &values);
    let start = Hyper::start(3, false, 1.0);
    let (theta, cost) = objective.minimise(std::slice::from_ref(&start), 40);
    assert!(cost < objective.evaluate(&start).0 - 1.0);
    assert_eq!(objective.evaluate(&theta).0, cost);
}

fn model(n: usize, is_warped: bool) -> (Model, Vec<Vec<f64>>, Vec<f64>) {
    let (inputs, values) = data(n, 3);
    let hyper = Hyper::new(Hyper::start(3, is_warped, 0.5), 3);
    let model = Model::new(&layout(), hyper, inputs.clone(), values.clone()).unwrap();
    (model, inputs, values)
}

#[test]
fn a_process_goes_through_what_it_has_seen_and_is_unsure_elsewhere() {
    let (model, inputs, values) = model(20, false);
    for (input, value) in inputs.iter().zip(&values) {
        let seen = model.moments(input);
        assert!((seen.mean - value).abs() < 0.01, "{} {value}", seen.mean);
        assert!(seen.deviation < 0.02);
    }
    assert!(model.moments(&[0.5, 0.5, 2.0]).deviation > 0.02);
}

#[test]
fn gradients_of_predictions_are_finite_differences() {
    for is_warped in [false, true] {
        let (model, _, _) = model(20, is_warped);
        let at = [0.31, 0.62, 1.0];
        let own = model.predict_with_gradient(&at);
        assert!((own.deviation - model.moments(&at).deviation).abs() < 1e-12);
        for j in 0..2 {
            let moved = |step: f64| {
                let mut at = at;
                at[j] += step;
                model.moments(&at)
            };
            let (up, down) = (moved(1e-5), moved(-1e-5));
            let mean = (up.mean - down.mean) / 2e-5;
            let deviation = (up.deviation - down.deviation) / 2e-5;
            assert!((mean - own.mean_slopes[0][j]).abs() < 1e-5 * mean.abs().max(1.0));
            assert!((deviation - own.deviation_slope[j]).abs() < 1e-4 * deviation.abs().max(1.0));
        }
    }
}

#[test]
fn fantasies_of_the_mean_leave_the_mean_and_take_the_doubt() {
    let (model, _, _) = model(15, false);
    let points = [vec![0.5, 0.5, 1.0], vec![0.52, 0.5, 1.0]];
    let grown = model.with_fantasies(&points, &[vec![0.0, 0.0]]).unwrap();
    let elsewhere = [0.3, 0.8, 2.0];
    assert!((grown.moments(&elsewhere).mean - model.moments(&elsewhere).mean).abs() < 1e-6);
    assert!(grown.moments(&points[0]).deviation < 0.05 * model.moments(&points[0]).deviation);
}

#[test]
fn fantasies_vary_as_much_as_the_process_is_unsure() {
    let (model, _, _) = model(15, false);
    let point = vec![0.45, 0.15, 0.0];
    let wanted = model.moments(&point);
    let normals: Vec<Vec<f64>> = (0..256)
        .map(|m| vec![normal_quantile((f64::from(m) + 0.5) / 256.0)])
        .collect();
    let grown = model
        .with_fantasies(std::slice::from_ref(&point), &normals)
        .unwrap();
    let mut means = vec![0.0; 256];
    grown.predict(&point, &mut means);
    let mean = means.iter().sum::<f64>() / 256.0;
    let deviation = (means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 256.0).sqrt();
    assert!((mean - wanted.mean).abs() < 0.02 * wanted.deviation);
    assert!(
        (deviation / wanted.deviation - 1.0).abs() < 0.05,
        "{deviation} {}",
        wanted.deviation
    );
}

#[test]
fn warped_losses_keep_their_order_and_are_standard() {
    let losses = [3.0, 1.0, 1e6, 2.0, 50.0, 1.5];
    for choice in super::outputs::CHOICES {
        let outputs = Outputs::new(&losses, choice);
        let values: Vec<f64> = losses.iter().map(|&loss| outputs.standard(loss)).collect();
        for (a, x) in losses.iter().zip(&values) {
            for (b, y) in losses.iter().zip(&values) {
                assert_eq!(a < b, x < y);
            }
        }
        let mean = values.iter().sum::<f64>() / 6.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 6.0;
        assert!(mean.abs() < 1e-9 && (variance - 1.0).abs() < 1e-9);
        // The logs of the slopes are those of finite differences.
        let slope = |loss: f64| (outputs.standard(loss + 1e-4) - outputs.standard(loss)) / 1e-4;
        let total: f64 = losses.iter().map(|&loss| slope(loss).ln()).sum();
        assert!(
            (total - outputs.log_slopes).abs() < 0.02,
            "{total} {}",
            outputs.log_slopes
        );
    }
    let constant = Outputs::new(&[2.0, 2.0], Some(1.0));
    assert_eq!(constant.standard(2.0), 0.0);
}

#[test]
fn climbing_finds_the_top_of_a_bent_ridge_and_of_a_corner() {
    let effort = Effort {
        n_steps: 200,
        gain_min: 0.0,
    };
    let ridge = |x: &[f64]| {
        let (a, b) = (x[0] - 0.3, x[1] - x[0] * x[0]);
        (
            -a * a - 50.0 * b * b,
            vec![-2.0 * a + 200.0 * b * x[0], -100.0 * b],
        )
    };
    let (at, _) = climb(&[0.9, 0.1], &[(0.0, 1.0); 2], effort, ridge);
    assert!(
        (at[0] - 0.3).abs() < 1e-3 && (at[1] - 0.09).abs() < 1e-3,
        "{at:?}"
    );
    let plane = |x: &[f64]| (x[0] - 2.0 * x[1], vec![1.0, -2.0]);
    let (at, _) = climb(&[0.5, 0.5], &[(0.0, 1.0); 2], effort, plane);
    assert_eq!(at, [1.0, 0.0]);
}

/// The mean gain of hypervolume over draws.
fn volume_by_sampling(front: &[&[f64]], reference: &[f64], moments: &[(f64, f64)]) -> f64 {
    let mut draws = draws(Seed(4));
    let n = 40_000;
    let before = pareto::hypervolume(front, reference);
    let mut total = 0.0;
    for _ in 0..n {
        let drawn = moments
            .iter()
            .map(|(mean, deviation)| mean + deviation * draws.normal());
        let point: Vec<f64> = drawn.collect();
        let mut grown = front.to_vec();
        grown.push(&point);
        total += pareto::hypervolume(&grown, reference) - before;
    }
    total / f64::from(n)
}

#[test]
fn the_expected_gain_of_hypervolume_is_that_of_sampling() {
    let points = [
        vec![0.1, 0.8, 0.5],
        vec![0.5, 0.4, 0.6],
        vec![0.8, 0.2, 0.3],
    ];
    let moments = [(0.5, 0.3), (0.5, 0.2), (0.6, 0.3)];
    for n_losses in [2, 3] {
        let front: Vec<&[f64]> = points.iter().map(|point| &point[..n_losses]).collect();
        let reference = vec![1.0; n_losses];
        let boxes = pareto::boxes(&front, &reference);
        let exact = log_volume_improvement(&boxes, &moments[..n_losses]).exp();
        let sampled = volume_by_sampling(&front, &reference, &moments[..n_losses]);
        assert!(
            (exact / sampled - 1.0).abs() < 0.05,
            "{n_losses}: {exact} {sampled}"
        );
    }
}

/// A study of a valley in a number and a name, with a constraint and a second objective if asked.
fn valley(n_trials: u64, has_constraint: bool, has_second: bool) -> Study {
    let space = Space::new([
        Parameter::new("x", Domain::float(0.0, 1.0)),
        Parameter::new("y", Domain::float(0.0, 1.0)),
        Parameter::new("kind", Domain::categorical(["a", "b"])),
    ]);
    let mut objectives = vec![Goals::minimize("loss")];
    if has_second {
        objectives.push(Goals::minimize("size"));
    }
    let mut study = Study::new(space.unwrap(), objectives).unwrap();
    for id in 0..n_trials {
        let point = Gp::default().suggest(&study, Seed(id));
        let x = point["x"].as_f64().unwrap();
        let y = point["y"].as_f64().unwrap();
        let is_b = f64::from(u8::from(point["kind"].to_string() == "b"));
        let mut values = vec![(x - 0.6).powi(2) + (y - 0.3).powi(2) + 0.1 * is_b];
        if has_second {
            values.push((x - 0.2).powi(2) + (y - 0.3).powi(2) + 0.1 * is_b);
        }
        let constraints = if has_constraint {
            vec![x - 0.4]
        } else {
            Vec::new()
        };
        study.start(id, point).unwrap();
        complete(&mut study, id, values, constraints);
    }
    study
}

#[test]
fn the_bottom_of_a_valley_is_found_in_few_trials() {
    let study = valley(25, false, false);
    assert!(study.best()[0].values[0] < 1e-4, "{:?}", study.best());
}

#[test]
fn a_constraint_is_kept_and_touched() {
    let study = valley(30, true, false);
    let best = study.best()[0];
    // The bottom of what is allowed is at x = 0.4.
    assert!(
        best.constraints[0] <= 0.0 && best.values[0] < 0.0405,
        "{best:?}"
    );
}

#[test]
fn the_best_point_on_the_edge_of_a_sum_is_found() {
    let space: Space = serde_json::from_str(
        r#"{"parameters":[{"name":"x","type":"float","low":0,"high":1},{"name":"y","type":"float","low":0,"high":1}],
            "constraints":[{"terms":{"x":1,"y":1},"at_most":0.8}]}"#,
    )
    .unwrap();
    let mut study = Study::new(space, vec![Goals::minimize("loss")]).unwrap();
    for id in 0..25 {
        let point = Gp::default().suggest(&study, Seed(id));
        let (x, y) = (point["x"].as_f64().unwrap(), point["y"].as_f64().unwrap());
        study.start(id, point).unwrap();
        let values = vec![(x - 0.9).powi(2) + (y - 0.5).powi(2)];
        complete(&mut study, id, values, Vec::new());
    }
    // The nearest point to (0.9, 0.5) on the line x + y = 0.8 is (0.6, 0.2), at a distance of 0.18.
    let best = study.best()[0].values[0];
    assert!((0.18 - 1e-9..0.181).contains(&best), "{best}");
}

#[test]
fn a_front_is_covered() {
    let study = valley(30, false, true);
    let front = study.best();
    let losses: Vec<&[f64]> = front.iter().map(|trial| trial.values.as_slice()).collect();
    // The front is the line from x = 0.2 to x = 0.6; its hypervolume to (0.2, 0.2) is 0.2² less the area beneath.
    let volume = pareto::hypervolume(&losses, &[0.2, 0.2]);
    assert!(
        front.len() >= 8 && volume > 0.0325,
        "{} points, {volume}",
        front.len()
    );
}

#[test]
fn the_same_log_gives_the_same_point_whether_or_not_something_is_remembered() {
    let study = valley(20, false, false);
    let mut replayed = Study::new(study.space().clone(), study.objectives().to_vec()).unwrap();
    for trial in study.trials() {
        replayed.add_trial(trial.clone()).unwrap();
    }
    let sampler = Gp::default();
    assert_eq!(
        sampler.suggest(&study, Seed(9)),
        sampler.suggest(&replayed, Seed(9))
    );
}

#[test]
fn a_study_that_has_grown_and_one_that_is_replayed_get_the_same_points() {
    let sampler = Gp {
        n_fit_steps: 8,
        ..Gp::default()
    };
    let mut study = valley(0, false, false);
    for id in 0..40 {
        let point = sampler.suggest(&study, Seed(id));
        let x = point["x"].as_f64().unwrap();
        let y = point["y"].as_f64().unwrap();
        study.start(id, point).unwrap();
        // The last one changes what the failed ones count as, and in which unit the constraint is seen.
        let is_last = id == 39;
        match id % 7 {
            3 => study.finish(id, Outcome::Failed).unwrap(),
            5 => {
                study.report(id, 1, vec![0.001]).unwrap();
                study.finish(id, Outcome::Stopped).unwrap();
            }
            _ => {
                let loss = (x - 0.6).powi(2) + (y - 0.3).powi(2) + if is_last { 50.0 } else { 0.0 };
                let excess = if is_last { 90.0 } else { x - 0.4 };
                complete(&mut study, id, vec![loss], vec![excess]);
            }
        }
    }
    let mut replayed = Study::new(study.space().clone(), study.objectives().to_vec()).unwrap();
    for trial in study.trials() {
        replayed.add_trial(trial.clone()).unwrap();
    }
    for seed in 0..4 {
        assert_eq!(
            sampler.suggest(&study, Seed(seed)),
            sampler.suggest(&replayed, Seed(seed))
        );
    }
}

#[test]
fn the_values_of_a_number_worth_trying_are_its_neighbours_on_any_scale() {
    let domain = |high| Domain::Integer {
        low: 1,
        high,
        scale: crate::space::Scale::Log,
        step: 1,
    };
    let tried = |high: i64, own: i64| -> Vec<i64> {
        let space = Space::new([Parameter::new("n", domain(high))]).unwrap();
        let axis = &space.axes()[0];
        let at = axis.coordinate(&ParamValue::Int(own)).unwrap();
        let options = super::search::options(&space, 0, &[at], &vec![(0.0, 1.0)]);
        let values = options.iter().map(|&at| axis.value(at).as_i64().unwrap());
        values.collect()
    };
    assert_eq!(tried(6, 4), [1, 2, 3, 5, 6]);
    assert_eq!(tried(1000, 500), [498, 499, 501, 502]);
    assert_eq!(tried(1000, 1), [2, 3]);
    assert_eq!(tried(1000, 2), [1, 3, 4]);
}

#[test]
fn a_batch_spreads_out() {
    let study = valley(12, false, false);
    let batch = Gp::default().suggest_batch(&study, 4, Seed(1));
    for (at, point) in batch.iter().enumerate() {
        assert!(!batch[..at].contains(point));
    }
}

#[test]
fn failed_trials_and_equal_losses_do_no_harm() {
    let mut study = valley(5, false, false);
    for id in 5..12 {
        let point = Gp::default().suggest(&study, Seed(id));
        study.start(id, point).unwrap();
        study.finish(id, Outcome::Failed).unwrap();
    }
    let mut flat = Study::new(study.space().clone(), study.objectives().to_vec()).unwrap();
    for id in 0..15 {
        let point = Gp::default().suggest(&flat, Seed(id));
        flat.start(id, point).unwrap();
        let values = vec![1.0];
        flat.finish(
            id,
            Outcome::Complete {
                values,
                constraints: Vec::new(),
            },
        )
        .unwrap();
    }
}

#[test]
fn an_earlier_study_of_the_same_function_halves_the_trials() {
    let loss = |x: f64, y: f64| (x - 0.7).powi(2) + (y - 0.2).powi(2) + 0.3 * (9.0 * x).sin();
    let space = Space::new([
        Parameter::new("x", Domain::float(0.0, 1.0)),
        Parameter::new("y", Domain::float(0.0, 1.0)),
    ])
    .unwrap();
    let run = |mut study: Study, n: u64, seed: u64, shift: f64| {
        for id in 0..n {
            let point = Gp::default().suggest(&study, Seed(seed).indexed(id));
            let (x, y) = (point["x"].as_f64().unwrap(), point["y"].as_f64().unwrap());
            study.start(id, point).unwrap();
            let values = vec![loss(x - shift, y)];
            study
                .finish(
                    id,
                    Outcome::Complete {
                        values,
                        constraints: Vec::new(),
                    },
                )
                .unwrap();
        }
        study
    };
    let new = || Study::new(space.clone(), vec![Goals::minimize("loss")]).unwrap();
    let earlier = run(new(), 20, 1, 0.02);
    let source = Source::new(&earlier, &space);
    assert_eq!(source.n_trials(), 20);
    let (mut cold, mut warm) = (0.0, 0.0);
    for seed in 0..6 {
        cold += run(new(), 12, seed, 0.0).best()[0].values[0];
        warm += run(new().with_sources(vec![source.clone()]), 6, seed, 0.0).best()[0].values[0];
    }
    assert!(warm <= cold, "{warm} {cold}");
}

#[test]
fn the_gradient_of_an_ensemble_is_its_finite_difference() {
    let (own, _, _) = model(12, false);
    let (other, _, _) = model(20, true);
    let ensemble = super::ensemble::Ensemble::new(own, vec![other], Seed(1));
    let at = [0.31, 0.62, 1.0];
    let slopes = ensemble.predict_with_gradient(&at);
    for j in 0..2 {
        let moved = |step: f64| {
            let mut at = at;
            at[j] += step;
            ensemble.moments(&at)
        };
        let (up, down) = (moved(1e-5), moved(-1e-5));
        let mean = (up.mean - down.mean) / 2e-5;
        let deviation = (up.deviation - down.deviation) / 2e-5;
        assert!((mean - slopes.mean_slopes[0][j]).abs() < 1e-5 * mean.abs().max(1.0));
        assert!((deviation - slopes.deviation_slope[j]).abs() < 1e-4 * deviation.abs().max(1.0));
    }
}

/// Losses that are least in the middle, and costs that grow from the left to the right.
fn middle(weight: f64) -> Study {
    let space = Space::new([Parameter::new("x", Domain::float(0.0, 1.0))]).unwrap();
    let study = Study::new(space, vec![Goals::minimize("loss")]).unwrap();
    let mut study = study.with_cost_weight(weight);
    for (id, at) in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0].into_iter().enumerate() {
        let id = id as u64;
        let params = [("x".to_owned(), ParamValue::Float(at))];
        study.start(id, params.into_iter().collect()).unwrap();
        study.spend(id, (8.0 * at).exp()).unwrap();
        let values = vec![(at - 0.5_f64).abs().sqrt()];
        let constraints = Vec::new();
        complete(&mut study, id, values, constraints);
    }
    study
}

#[test]
fn what_costs_less_is_tried_first_as_far_as_costs_count() {
    let mean = |weight: f64| {
        let study = middle(weight);
        let at = |seed| Gp::default().locate(&study, Seed(seed))[0];
        (0..5).map(at).sum::<f64>() / 5.0
    };
    let (heedless, heeding) = (mean(0.0), mean(1.0));
    assert!(heeding < heedless - 0.02, "{heeding} {heedless}");
}

#[test]
fn the_promise_for_a_cost_has_the_gradient_of_its_finite_difference() {
    let study = middle(0.7);
    let acquisition = Gp::default()
        .acquisition(&study, &mut draws(Seed(3)))
        .unwrap();
    for x in [0.13, 0.44, 0.71] {
        let (value, slope) = acquisition.value_with_gradient(&[x]);
        assert!((value - acquisition.value(&[x])).abs() < 1e-9);
        let rise = (acquisition.value(&[x + 1e-5]) - acquisition.value(&[x - 1e-5])) / 2e-5;
        assert!(
            (rise - slope[0]).abs() < 1e-3 * rise.abs().max(1.0),
            "{x}: {rise} {slope:?}"
        );
    }
}

#[test]
fn a_cost_that_is_no_positive_number_says_nothing() {
    let mut study = middle(1.0);
    study
        .start(
            9,
            [("x".to_owned(), ParamValue::Float(0.3))]
                .into_iter()
                .collect(),
        )
        .unwrap();
    for cost in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        study.spend(9, cost).unwrap();
    }
    study.finish(9, Outcome::Failed).unwrap();
    assert_eq!(study.finished().last().unwrap().cost, None);
    assert!(study.spend(9, 1.0).is_err(), "it has ended");
}
