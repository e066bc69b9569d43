//! What matters is found to matter, in the proportions that the function has.

use super::*;
use crate::random::Random;
use crate::sampler::Sampler;
use crate::space::{Condition, Domain, Parameter, Space};
use crate::study::{Objective, Outcome};
use automl_core::{ParamMap, ParamValue, Seed};

fn study(parameters: Vec<Parameter>, n: u64, loss: impl Fn(&ParamMap) -> f64) -> Study {
    let space = Space::new(parameters).unwrap();
    let mut study = Study::new(space, vec![Objective::minimize("loss")]).unwrap();
    for id in 0..n {
        let point = Random {}.suggest(&study, Seed(id));
        let values = vec![loss(&point)];
        study.start(id, point).unwrap();
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
}

fn share(shares: &[Importance], name: &str) -> f64 {
    shares
        .iter()
        .find(|own| own.parameter == name)
        .unwrap()
        .share
}

fn plain() -> Vec<Parameter> {
    vec![
        Parameter::new("strong", Domain::float(0.0, 1.0)),
        Parameter::new("weak", Domain::float(0.0, 1.0)),
        Parameter::new("none", Domain::float(0.0, 1.0)),
        Parameter::new("kind", Domain::categorical(["a", "b"])),
    ]
}

fn plain_loss(point: &ParamMap) -> f64 {
    let x = |name: &str| point[name].as_f64().unwrap();
    // Variances 9 / 12, 1 / 12 and 1 / 4.
    3.0 * x("strong") + x("weak") + f64::from(u8::from(point["kind"].to_string() == "b"))
}

#[test]
fn shares_of_variance_are_those_of_an_additive_function() {
    let shares = fanova(
        &Evidence::of(&study(plain(), 500, plain_loss), 0),
        32,
        Seed(1),
    );
    let total: f64 = shares.iter().map(|own| own.share).sum();
    assert!((total - 1.0).abs() < 1e-9);
    for (name, wanted) in [
        ("strong", 9.0 / 13.0),
        ("kind", 3.0 / 13.0),
        ("weak", 1.0 / 13.0),
        ("none", 0.0),
    ] {
        let own = share(&shares, name);
        assert!((own - wanted).abs() < 0.09, "{name}: {own} {wanted}");
    }
}

#[test]
fn categories_that_every_point_has_share_the_variance_whatever_their_number_of_values() {
    let mut parameters = vec![
        Parameter::new("two", Domain::categorical(["a", "b"])),
        Parameter::new(
            "eight",
            Domain::categorical(["a", "b", "c", "d", "e", "f", "g", "h"]),
        ),
    ];
    let others = (0..3).map(|j| Parameter::new(format!("x{j}"), Domain::float(0.0, 1.0)));
    parameters.extend(others);
    // Half of the values of each are worth 1, so that both have a variance of a quarter. A value more that nothing has would
    // leave 2 / 9 of the one and 20 / 81 of the other, which are shares of 0.474 and 0.526.
    let loss = |point: &ParamMap| {
        let is_b = point["two"].to_string() == "b";
        let is_late = point["eight"].to_string().as_str() > "d";
        f64::from(u8::from(is_b)) + f64::from(u8::from(is_late))
    };
    let shares = fanova(&Evidence::of(&study(parameters, 500, loss), 0), 64, Seed(1));
    let of_both = share(&shares, "two") + share(&shares, "eight");
    let of_two = share(&shares, "two") / of_both;
    assert!((of_two - 0.5).abs() < 0.005, "{shares:?}");
}

#[test]
fn what_the_best_trials_share_is_important() {
    let shares = ped_anova(&Evidence::of(&study(plain(), 500, plain_loss), 0), 0.1);
    let names: Vec<&str> = shares.iter().map(|own| own.parameter.as_str()).collect();
    assert_eq!(names[0], "strong");
    assert_eq!(names[3], "none");
}

#[test]
fn parameters_of_a_branch_are_measured_where_they_are_active() {
    let parameters = vec![
        Parameter::new("kind", Domain::categorical(["a", "b"])),
        Parameter::new("own", Domain::float(0.0, 1.0)).when(Condition::is("kind", "b")),
        Parameter::new("none", Domain::float(0.0, 1.0)),
    ];
    let loss = |point: &ParamMap| point.get("own").map_or(0.5, |own| own.as_f64().unwrap());
    let study = study(parameters, 300, loss);
    let evidence = Evidence::of(&study, 0);
    assert!(share(&ped_anova(&evidence, 0.1), "own") > 0.5);
    let shares = fanova(&evidence, 32, Seed(1));
    assert!(share(&shares, "own") > share(&shares, "none"));
}

#[test]
fn nothing_matters_where_all_is_equal_or_nothing_is_known() {
    for study in [study(plain(), 0, |_| 1.0), study(plain(), 50, |_| 1.0)] {
        let evidence = Evidence::of(&study, 0);
        let shares = fanova(&evidence, 8, Seed(1));
        assert!(shares.iter().all(|own| own.share == 0.0));
        assert_eq!(ped_anova(&evidence, 0.1).len(), 4);
    }
}

#[test]
fn points_of_other_programs_weigh_like_those_of_a_study() {
    let study = study(plain(), 200, plain_loss);
    let points = study
        .trials()
        .iter()
        .map(|trial| (&trial.params, trial.values[0]));
    let odd = ParamMap::new();
    let with_odd = points.clone().chain([(&odd, f64::INFINITY)]);
    let (own, told) = (
        Evidence::of(&study, 0),
        Evidence::new(study.space(), with_odd),
    );
    assert_eq!(
        told.len(),
        200,
        "an infinite loss is no evidence of anything"
    );
    assert_eq!(fanova(&own, 8, Seed(1)), fanova(&told, 8, Seed(1)));
    assert_eq!(ped_anova(&own, 0.1), ped_anova(&told, 0.1));
}

#[test]
fn a_parameter_that_few_points_have_needs_no_condition() {
    let space = Space::new(plain()).unwrap();
    let point = |x: f64| {
        let mut point = ParamMap::new();
        point.insert("strong".into(), ParamValue::Float(x));
        if x > 0.9 {
            point.insert("weak".into(), ParamValue::Float(x));
        }
        point
    };
    let points: Vec<ParamMap> = (0..50).map(|i| point(f64::from(i) / 50.0)).collect();
    let losses = points
        .iter()
        .map(|point| (point, point["strong"].as_f64().unwrap()));
    let evidence = Evidence::new(&space, losses);
    assert!(share(&fanova(&evidence, 16, Seed(1)), "strong") > 0.6);
    assert_eq!(share(&ped_anova(&evidence, 0.1), "none"), 0.0);
}
