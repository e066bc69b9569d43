//! Which curves each rule ends.

use super::*;
use crate::space::{Domain, Parameter, Space};
use crate::study::{Objective, Outcome};
use automl_core::{ParamMap, ParamValue, Seed};

fn study(objectives: Vec<Objective>) -> Study {
    let space = Space::new([Parameter::new("x", Domain::float(0.0, 1.0))]).unwrap();
    Study::new(space, objectives).unwrap()
}

fn point(id: u64) -> ParamMap {
    ParamMap::from([("x".to_owned(), ParamValue::Float(id as f64 / 1000.0))])
}

/// A trial that measured `losses` after steps 1, 2, …; complete if asked.
fn add(study: &mut Study, id: u64, losses: &[f64], is_complete: bool) {
    study.start(id, point(id)).unwrap();
    for (at, &loss) in losses.iter().enumerate() {
        study.report(id, at as u64 + 1, vec![loss]).unwrap();
    }
    if is_complete {
        let values = vec![losses[losses.len() - 1]];
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
}

fn single() -> Study {
    study(vec![Objective::minimize("loss")])
}

#[test]
fn the_median_rule_ends_what_is_worse_than_half_at_the_same_step() {
    let mut study = single();
    for id in 0..5 {
        let end = id as f64;
        add(&mut study, id, &[end + 2.0, end + 1.0, end], true);
    }
    // The medians are 4 and 3.
    add(&mut study, 10, &[9.0, 3.5], false);
    add(&mut study, 11, &[9.0, 2.5], false);
    let rule = Percentile::default();
    assert!(rule.should_stop(&study, 10));
    assert!(!rule.should_stop(&study, 11));
    let late = Percentile {
        n_warmup: 2,
        ..rule
    };
    assert!(!late.should_stop(&study, 10));
    let lenient = Percentile {
        percent: 75.0,
        ..rule
    };
    assert!(!lenient.should_stop(&study, 10));
    assert!(
        !rule.should_stop(&study, 0),
        "a trial that has ended cannot be stopped"
    );
    assert!(!rule.should_stop(&study, 99));
}

#[test]
fn patience_ends_what_has_stopped_to_improve_and_holds_other_rules_back() {
    let mut study = single();
    add(&mut study, 0, &[5.0, 4.0, 4.5, 4.2, 4.1, 4.0], false);
    add(&mut study, 1, &[5.0, 4.0, 4.5, 4.2, 4.1, 3.9], false);
    let rule = Patient {
        patience: 3,
        ..Patient::default()
    };
    assert!(rule.should_stop(&study, 0));
    assert!(!rule.should_stop(&study, 1));
    let never = Stopping::Threshold(Threshold {
        upper: Some(100.0),
        ..Threshold::default()
    });
    let held = Patient {
        rule: Some(Box::new(never)),
        ..rule
    };
    assert!(!held.should_stop(&study, 0));
}

#[test]
fn a_threshold_ends_what_leaves_its_bounds() {
    let mut study = single();
    add(&mut study, 0, &[5.0, 11.0], false);
    add(&mut study, 1, &[11.0, 5.0], false);
    let rule = Threshold {
        upper: Some(10.0),
        ..Threshold::default()
    };
    assert!(rule.should_stop(&study, 0));
    assert!(!rule.should_stop(&study, 1));
}

#[test]
fn halving_keeps_the_best_third_at_each_rung() {
    let mut study = single();
    for id in 0..9 {
        add(&mut study, id, &[id as f64, id as f64, id as f64], false);
    }
    let rule = SuccessiveHalving::default();
    let kept: Vec<u64> = (0..9).filter(|&id| !rule.should_stop(&study, id)).collect();
    // A third of nine at step 1, and of these nine a third again at step 3.
    assert_eq!(kept, [0, 1, 2]);
    add(&mut study, 20, &[0.5], false);
    assert!(!rule.should_stop(&study, 20));
    add(&mut study, 21, &[5.5], false);
    assert!(rule.should_stop(&study, 21));
}

#[test]
fn brackets_of_hyperband_begin_later_and_are_smaller() {
    let rule = Hyperband {
        min_step: 1,
        max_step: 27,
        reduction: 3,
    };
    let mut study = single();
    for id in 0..300 {
        add(&mut study, id, &[id as f64], false);
    }
    // At step 1 only trials of the first bracket can end.
    let n_ended = (0..300).filter(|&id| rule.should_stop(&study, id)).count();
    assert!((100..200).contains(&n_ended), "{n_ended}");
}

/// A trial that measured `values` of all objectives after steps 1, 2, …; complete, with these excesses over constraints, if any.
fn add_values(study: &mut Study, id: u64, values: &[Vec<f64>], constraints: Option<&[f64]>) {
    study.start(id, point(id)).unwrap();
    for (at, values) in values.iter().enumerate() {
        study.report(id, at as u64 + 1, values.clone()).unwrap();
    }
    if let Some(constraints) = constraints {
        let outcome = Outcome::Complete {
            values: values[values.len() - 1].clone(),
            constraints: constraints.to_vec(),
        };
        study.finish(id, outcome).unwrap();
    }
}

fn comparing_rules() -> [Stopping; 2] {
    [
        Stopping::Median(Percentile::default()),
        Stopping::Asha(SuccessiveHalving::default()),
    ]
}

#[test]
fn of_several_objectives_what_none_dominates_goes_on_and_what_most_dominate_ends() {
    let mut study = study(vec![
        Objective::minimize("loss"),
        Objective::maximize("speed"),
    ]);
    // What is quicker is worse: all of these are on the front.
    for id in 0..8 {
        let value = id as f64;
        let curve = [vec![value + 1.0, value], vec![value, value]];
        add_values(&mut study, id, &curve, Some(&[]));
    }
    // The ends of the front, one beyond its middle, and one that all but the quickest dominate.
    let firsts = [[-1.0, -5.0], [20.0, 9.0], [3.0, 4.5], [8.5, 0.5]];
    for (at, values) in firsts.iter().enumerate() {
        add_values(&mut study, 10 + at as u64, &[values.to_vec()], None);
    }
    for rule in comparing_rules() {
        let ended: Vec<u64> = (10..14)
            .filter(|&id| rule.should_stop(&study, id))
            .collect();
        assert_eq!(ended, [13], "{rule:?}");
    }
}

#[test]
fn a_curve_of_several_objectives_goes_on_that_may_become_the_best_by_one() {
    let mut study = study(vec![
        Objective::minimize("loss"),
        Objective::minimize("size"),
    ]);
    let curve = |level: f64, size: f64, seed: u64, n: usize| -> Vec<Vec<f64>> {
        let losses = decay(level, 0.1, seed).into_iter().take(n);
        losses.map(|loss| vec![loss, size]).collect()
    };
    for id in 0..8 {
        let share = 0.1 * id as f64;
        let curve = curve(0.2 + share, 1.0 - share, id, 50);
        add_values(&mut study, id, &curve, Some(&[]));
    }
    // The smallest of all; and one that is large without being good.
    add_values(&mut study, 20, &curve(1.2, 0.1, 20, 25), None);
    add_values(&mut study, 21, &curve(0.8, 0.95, 21, 25), None);
    let rule = DecayCurve::default();
    assert!(!rule.should_stop(&study, 20));
    assert!(
        rule.should_stop(&study, 21),
        "{:?}",
        rule.chance(&study, 21)
    );
}

#[test]
fn what_gets_better_by_any_objective_is_not_stuck() {
    let mut study = study(vec![
        Objective::minimize("loss"),
        Objective::maximize("speed"),
    ]);
    let falling = |step: i32| vec![5.0 - 0.1 * f64::from(step), 1.0];
    let resting = |_step: i32| vec![5.0, 1.0];
    let growing = |step: i32| vec![5.0, f64::from(step)];
    let all: [&dyn Fn(i32) -> Vec<f64>; 3] = [&falling, &resting, &growing];
    for (id, curve) in all.iter().enumerate() {
        let curve: Vec<Vec<f64>> = (0..8).map(curve).collect();
        add_values(&mut study, id as u64, &curve, None);
    }
    let rule = Patient::default();
    let ended: Vec<u64> = (0..3).filter(|&id| rule.should_stop(&study, id)).collect();
    assert_eq!(ended, [1]);
}

#[test]
fn a_threshold_is_of_the_objective_that_it_names() {
    let mut study = study(vec![
        Objective::minimize("loss"),
        Objective::maximize("speed"),
    ]);
    add_values(&mut study, 0, &[vec![5.0, 1.0]], None);
    add_values(&mut study, 1, &[vec![1.0, 5.0]], None);
    let ended = |objective: Option<&str>| -> Vec<u64> {
        let rule = Threshold {
            objective: objective.map(str::to_owned),
            lower: Some(2.0),
            ..Threshold::default()
        };
        (0..2).filter(|&id| rule.should_stop(&study, id)).collect()
    };
    assert_eq!(ended(None), [1]);
    assert_eq!(ended(Some("loss")), [1]);
    assert_eq!(ended(Some("speed")), [0]);
}

#[test]
fn a_trial_is_not_compared_with_those_that_exceed_a_constraint() {
    let rules = || {
        let decay = DecayCurve {
            n_startup: 1,
            ..DecayCurve::default()
        };
        comparing_rules()
            .into_iter()
            .chain([Stopping::DecayCurve(decay)])
    };
    let curve = |level: f64, seed: u64, n: usize| -> Vec<Vec<f64>> {
        let losses = decay(level, 0.1, seed).into_iter().take(n);
        losses.map(|loss| vec![loss]).collect()
    };
    let mut study = single();
    for id in 0..8 {
        add_values(&mut study, id, &curve(0.1, id, 50), Some(&[1.0]));
    }
    add_values(&mut study, 20, &curve(0.6, 20, 25), None);
    for rule in rules() {
        assert!(
            !rule.should_stop(&study, 20),
            "none keeps the constraint: {rule:?}"
        );
    }
    let mut worse = study.clone();
    for id in 8..16 {
        add_values(&mut worse, id, &curve(0.9, id, 50), Some(&[-1.0]));
        add_values(&mut study, id, &curve(0.1, id, 50), Some(&[-1.0]));
    }
    for rule in rules() {
        assert!(!rule.should_stop(&worse, 20), "{rule:?}");
        assert!(rule.should_stop(&study, 20), "{rule:?}");
    }
}

#[test]
fn nothing_is_ended_before_a_trial_has_told_the_constraints_that_are_known_to_come() {
    let running = |mut study: Study| {
        for id in 0..9 {
            add(&mut study, id, &[id as f64], false);
        }
        SuccessiveHalving::default().should_stop(&study, 8)
    };
    assert!(running(single()));
    assert!(!running(single().with_constraints()));
}

#[test]
fn what_has_reached_the_last_step_is_not_ended() {
    let mut study = single();
    for id in 0..9 {
        add(&mut study, id, &[id as f64; 9], false);
    }
    let rule = |max_step| SuccessiveHalving {
        max_step,
        ..SuccessiveHalving::default()
    };
    assert!(rule(None).should_stop(&study, 8));
    assert!(rule(Some(10)).should_stop(&study, 8));
    assert!(!rule(Some(9)).should_stop(&study, 8));
    let hyperband = |max_step| Hyperband {
        max_step,
        ..Hyperband::default()
    };
    let n_ended = |max_step| {
        let rule = hyperband(max_step);
        (0..9).filter(|&id| rule.should_stop(&study, id)).count()
    };
    assert!(n_ended(27) > 0);
    assert_eq!(n_ended(9), 0);
    // Complete trials show where the end is, unless they end at several steps.
    add(&mut study, 20, &[0.0; 9], true);
    assert!(!rule(None).should_stop(&study, 8));
    add(&mut study, 21, &[0.0; 12], true);
    assert!(rule(None).should_stop(&study, 8));
}

#[test]
fn a_curve_at_its_end_is_not_ended() {
    let mut study = single();
    for id in 0..8 {
        add(&mut study, id, &decay(0.2, 0.1, id), true);
    }
    let late = decay(0.9, 0.1, 20);
    add(&mut study, 20, &late[..49], false);
    add(&mut study, 21, &late, false);
    let rule = DecayCurve::default();
    assert!(rule.should_stop(&study, 20));
    assert!(!rule.should_stop(&study, 21));
    assert_eq!(rule.chance(&study, 21), None);
}

/// Losses that decay toward a level, with noise.
fn decay(level: f64, rate: f64, seed: u64) -> Vec<f64> {
    let mut draws = crate::uniform::draws(Seed(seed));
    (1..=50)
        .map(|step| level + (-rate * f64::from(step)).exp() + 0.005 * draws.normal())
        .collect()
}

#[test]
fn a_curve_that_cannot_catch_up_is_ended_and_one_that_may_is_not() {
    let mut study = single();
    for id in 0..8 {
        add(
            &mut study,
            id,
            &decay(0.2 + 0.05 * id as f64, 0.1, id),
            true,
        );
    }
    // Slow and good in the end; level too high; not clear yet.
    add(&mut study, 20, &decay(0.1, 0.06, 20)[..25], false);
    add(&mut study, 21, &decay(0.6, 0.1, 21)[..25], false);
    add(&mut study, 22, &decay(0.3, 0.1, 22)[..5], false);
    let rule = DecayCurve::default();
    assert!(
        !rule.should_stop(&study, 20),
        "{:?}",
        rule.chance(&study, 20)
    );
    assert!(
        rule.should_stop(&study, 21),
        "{:?}",
        rule.chance(&study, 21)
    );
    assert!(
        !rule.should_stop(&study, 22),
        "{:?}",
        rule.chance(&study, 22)
    );
}

#[test]
fn a_curve_that_leads_goes_on_through_a_plateau() {
    let mut study = single();
    for id in 0..8 {
        add(
            &mut study,
            id,
            &decay(0.2 + 0.05 * id as f64, 0.05, id),
            true,
        );
    }
    // Ahead of all others at step 12, but at rest above the best end for ten steps.
    let plateau: Vec<f64> = (1..=12)
        .map(|step| f64::max(0.6, 1.0 - 0.2 * f64::from(step)))
        .collect();
    add(&mut study, 20, &plateau, false);
    let rule = DecayCurve::default();
    assert!(rule.chance(&study, 20).unwrap() < rule.chance_min);
    assert!(!rule.should_stop(&study, 20));
    let strict = DecayCurve {
        share_kept: 0.0,
        ..rule
    };
    assert!(
        !strict.should_stop(&study, 20),
        "the first of all is always kept"
    );
    add(&mut study, 21, &[0.5; 12], false);
    assert!(strict.should_stop(&study, 20));
    assert!(!rule.should_stop(&study, 20));
}

#[test]
fn a_curve_that_begins_on_a_plateau_goes_on_while_its_falls_do_not_fade() {
    let mut study = single();
    for id in 0..8 {
        let level = 0.2 + 0.05 * id as f64;
        add(&mut study, id, &decay(level, 0.2, id), true);
    }
    // The last of all, but falling faster and faster; and one that fades.
    let falling: Vec<f64> = (1..=6)
        .map(|step| 1.5 - 0.01 * f64::from(step * step))
        .collect();
    let fading: Vec<f64> = (1..=6)
        .map(|step| 1.3 + 0.2 * (-f64::from(step)).exp())
        .collect();
    add(&mut study, 20, &falling, false);
    add(&mut study, 21, &fading, false);
    let strict = DecayCurve {
        chance_min: 1.0,
        share_kept: 0.0,
        ..DecayCurve::default()
    };
    assert!(!strict.should_stop(&study, 20));
    assert!(strict.should_stop(&study, 21));
}

#[test]
fn a_study_keeps_its_best_trial_at_a_fraction_of_the_steps() {
    let (mut n_lost, mut n_steps) = (0, 0);
    for seed in 0..10 {
        let mut draws = crate::uniform::draws(Seed(seed));
        let mut study = single();
        let mut levels = Vec::new();
        let mut is_stopped = Vec::new();
        for id in 0..30 {
            let level = draws.unit();
            let curve = decay(level, 0.05 + 0.2 * draws.unit(), 100 * seed + id);
            study.start(id, point(id)).unwrap();
            let mut is_ended = false;
            for (at, &loss) in curve.iter().enumerate() {
                study.report(id, at as u64 + 1, vec![loss]).unwrap();
                n_steps += 1;
                if at % 4 == 3 && DecayCurve::default().should_stop(&study, id) {
                    study.finish(id, Outcome::Stopped).unwrap();
                    is_ended = true;
                    break;
                }
            }
            if !is_ended {
                let values = vec![curve[49]];
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
            levels.push(curve[49]);
            is_stopped.push(is_ended);
        }
        let best = (0..30)
            .min_by(|&a, &b| levels[a].total_cmp(&levels[b]))
            .unwrap();
        n_lost += usize::from(is_stopped[best]);
    }
    println!(
        "{n_lost} of 10 best trials lost, {n_steps} of {} steps",
        10 * 30 * 50
    );
    assert!(n_lost <= 1, "{n_lost}");
    assert!(n_steps * 2 < 10 * 30 * 50, "{n_steps}");
}

#[test]
fn rules_are_read_from_data() {
    let rule: Stopping = serde_json::from_str(r#"{"name":"asha","reduction":4}"#).unwrap();
    assert_eq!(
        rule,
        Stopping::Asha(SuccessiveHalving {
            reduction: 4,
            ..SuccessiveHalving::default()
        })
    );
    let held = r#"{"name":"patient","patience":2,"rule":{"name":"median"}}"#;
    let rule: Stopping = serde_json::from_str(held).unwrap();
    assert!(matches!(
        rule,
        Stopping::Patient(Patient { rule: Some(_), .. })
    ));
}
