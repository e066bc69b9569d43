//! The evolution: where it goes, that it keeps a margin, that earlier studies help it.

use super::*;
use crate::space::{Domain, Parameter, Space};
use crate::study::{Objective, Outcome};
use crate::transfer::Source;

fn run(mut study: Study, n: u64, seed: u64, loss: impl Fn(&[f64]) -> f64) -> Study {
    for id in 0..n {
        let point = CmaEs::default().suggest(&study, Seed(seed).indexed(id));
        let x: Vec<f64> = point
            .values()
            .map(|value| value.as_f64().unwrap())
            .collect();
        study.start(id, point).unwrap();
        let outcome = Outcome::Complete {
            values: vec![loss(&x)],
            constraints: Vec::new(),
        };
        study.finish(id, outcome).unwrap();
    }
    study
}

fn space(d: usize) -> Space {
    let parameters = (0..d).map(|j| Parameter::new(format!("x{j}"), Domain::float(-5.0, 5.0)));
    Space::new(parameters).unwrap()
}

fn study(space: Space) -> Study {
    Study::new(space, vec![Objective::minimize("loss")]).unwrap()
}

/// An ellipsoid turned by 45 degrees in each plane.
fn ellipsoid(x: &[f64]) -> f64 {
    let turned = x.windows(2).map(|pair| (pair[0] - pair[1] - 1.0).powi(2));
    100.0 * turned.sum::<f64>() + x.iter().map(|x| (x - 0.5).powi(2)).sum::<f64>()
}

#[test]
fn a_turned_ellipsoid_is_solved() {
    let best = run(study(space(4)), 1500, 1, ellipsoid).best()[0].values[0];
    // Its least value, from a linear system: 100 Σ (xᵢ − xᵢ₊₁ − 1)² + Σ (xᵢ − ½)² is about 4.94.
    let wanted = 4.938;
    assert!((best - wanted).abs() < 0.05, "{best}");
}

#[test]
fn whole_numbers_keep_moving() {
    let parameters = (0..4).map(|j| Parameter::new(format!("x{j}"), Domain::integer(-10, 10)));
    let space = Space::new(parameters).unwrap();
    let loss = |x: &[f64]| x.iter().map(|x| (x - 7.0).powi(2)).sum::<f64>();
    assert!(run(study(space), 400, 2, loss).best()[0].values[0] <= 1.0);
}

#[test]
fn earlier_trials_show_where_to_begin() {
    let loss = |x: &[f64]| x.iter().map(|x| (x - 3.0).powi(2)).sum::<f64>();
    let earlier = run(study(space(5)), 300, 3, loss);
    let source = Source::new(&earlier, &space(5));
    let cold = run(study(space(5)), 60, 4, loss).best()[0].values[0];
    let warm = study(space(5)).with_sources(vec![source]);
    let warm = run(warm, 60, 4, loss).best()[0].values[0];
    assert!(warm < 0.3 * cold, "{warm} {cold}");
}
