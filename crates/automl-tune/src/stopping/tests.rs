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

#[test]
fn several_objectives_can_be_stopped() {
    let mut study = study(vec![
        Objective::minimize("loss"),
        Objective::maximize("speed"),
    ]);
    for id in 0..6 {
        study.start(id, point(id)).unwrap();
        let step = id as f64;
        study.report(id, 1, vec![step, 10.0 - step]).unwrap();
        let values = vec![step, 10.0 - step];
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
    study.start(10, point(10)).unwrap();
    study.report(10, 1, vec![5.0, 4.0]).unwrap();
    study.start(11, point(11)).unwrap();
    study.report(11, 1, vec![0.5, 9.0]).unwrap();
    for rule in [
        Stopping::Median(Percentile::default()),
        Stopping::Asha(SuccessiveHalving::default()),
    ] {
        assert!(rule.should_stop(&study, 10), "{rule:?}");
        assert!(!rule.should_stop(&study, 11), "{rule:?}");
    }
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
