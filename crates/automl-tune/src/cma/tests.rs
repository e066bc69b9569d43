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
fn another_value_is_drawn_as_often_as_the_margin_promises_however_narrow_the_distribution_is() {
    use crate::space::Scale;
    let number = |scale| Domain::Integer {
        low: 1,
        high: 9,
        scale,
        step: 1,
    };
    let space = Space::new([
        Parameter::new("linear", number(Scale::Linear)),
        Parameter::new("log", number(Scale::Log)),
        Parameter::new("few", Domain::integer(0, 1)),
    ])
    .unwrap();
    let n_population = 6;
    // With three parameters and six trials a generation, a chance of one in eighteen.
    let alpha = 1.0 / 18.0;
    let n = 40_000;
    // The deviation of a share of so many draws is at most 0.0012.
    let tolerance = 0.005;
    for (sigma, place) in [
        (1e-9, 0.52),
        (1e-9, 0.62),
        (0.02, 0.56),
        (1e-9, 0.0),
        (0.01, 1.0),
    ] {
        let mut distribution = Distribution::new(&space, n_population, sigma);
        distribution.place(&space, &[place; 3]);
        let own: Vec<u64> = space.axes().iter().map(|axis| axis.rank(place)).collect();
        let (mut below, mut above) = ([0.0; 3], [0.0; 3]);
        let mut draws = draws(Seed(1));
        for _ in 0..n {
            let at = distribution.draw(&space, &mut draws);
            for (j, axis) in space.axes().iter().enumerate() {
                let rank = axis.rank(at[j]);
                below[j] += f64::from(u8::from(rank < own[j])) / f64::from(n);
                above[j] += f64::from(u8::from(rank > own[j])) / f64::from(n);
            }
        }
        for (j, axis) in space.axes().iter().enumerate() {
            let is_end = own[j] == 0 || own[j] + 1 == axis.n_values().unwrap();
            let wanted = if is_end { alpha } else { alpha / 2.0 };
            let told = format!("{sigma} {place} {j}: {below:?} {above:?}");
            assert!(own[j] == 0 || below[j] > wanted - tolerance, "{told}");
            let is_last = own[j] + 1 == axis.n_values().unwrap();
            assert!(is_last || above[j] > wanted - tolerance, "{told}");
            // It is a margin, not more, where the distribution would draw nothing else.
            let is_narrow = sigma < 1e-6;
            assert!(
                !is_narrow || below[j] + above[j] < alpha + tolerance,
                "{told}"
            );
        }
    }
}

#[test]
fn the_search_begins_where_the_user_believes_good_values_to_be() {
    let peak = |at| crate::space::Prior::Peak { at, width: 0.1 };
    let weights = crate::space::Prior::Weights(vec![1.0, 0.0, 9.0]);
    let space = Space::new([
        Parameter::new("x", Domain::float(-5.0, 5.0)).with_prior(peak(3.0)),
        Parameter::new("n", Domain::integer(1, 100)).with_prior(peak(20.0)),
        Parameter::new("kind", Domain::categorical(["a", "b", "c"])).with_prior(weights),
    ])
    .unwrap();
    let sampler = CmaEs {
        sigma: 0.05,
        ..CmaEs::default()
    };
    let empty = study(space);
    let points: Vec<_> = (0..200)
        .map(|seed| sampler.suggest(&empty, Seed(seed)))
        .collect();
    let mean = |name: &str| {
        let values = points.iter().map(|point| point[name].as_f64().unwrap());
        values.sum::<f64>() / 200.0
    };
    assert!((mean("x") - 3.0).abs() < 0.2, "{}", mean("x"));
    assert!((mean("n") - 20.0).abs() < 2.0, "{}", mean("n"));
    let count = |kind: &str| {
        let kinds = points.iter().map(|point| point["kind"].to_string());
        kinds.filter(|own| own == kind).count()
    };
    assert_eq!(count("b"), 0);
    assert!((160..=195).contains(&count("c")), "{}", count("c"));
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
