//! Gradients are derivatives of the losses; starts are the best constants.

use super::*;

const LOSSES: [Loss; 8] = [
    Loss::Squared,
    Loss::Absolute,
    Loss::Huber { delta: 0.7 },
    Loss::Quantile { alpha: 0.3 },
    Loss::Poisson,
    Loss::Gamma,
    Loss::Tweedie { power: 1.4 },
    Loss::Logistic,
];

#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    for loss in LOSSES {
        for (y, s) in [(1.0, 0.3), (0.5, -1.2), (1.0, 2.1)] {
            let h = 1e-6;
            let slope = (loss.value(y, s + h) - loss.value(y, s - h)) / (2.0 * h);
            assert!(
                (slope - loss.derivatives(y, s)[0]).abs() < 1e-6,
                "{loss:?} at {y}, {s}"
            );
        }
    }
}

#[test]
fn the_hessian_is_the_slope_of_the_gradient_where_the_loss_is_smooth() {
    for loss in [
        Loss::Squared,
        Loss::Gamma,
        Loss::Tweedie { power: 1.4 },
        Loss::Logistic,
    ] {
        let (y, s, h) = (0.8, 0.4, 1e-6);
        let slope = (loss.derivatives(y, s + h)[0] - loss.derivatives(y, s - h)[0]) / (2.0 * h);
        assert!((slope - loss.derivatives(y, s)[1]).abs() < 1e-6, "{loss:?}");
    }
}

#[test]
fn the_start_is_the_best_constant() {
    let (targets, weights) = ([0.2, 1.0, 0.4, 0.9, 0.7], [1.0, 2.0, 0.5, 1.0, 3.0]);
    for loss in LOSSES {
        let base = loss.base(&targets, Some(&weights))[0];
        let mean_at = |s: f64| loss.mean(&[s; 5], &targets, Some(&weights));
        if matches!(loss, Loss::Huber { .. }) {
            continue; // It starts at the median.
        }
        assert!(
            mean_at(base) <= mean_at(base + 1e-3) && mean_at(base) <= mean_at(base - 1e-3),
            "{loss:?}"
        );
    }
}

#[test]
fn softmax_loss_is_log_loss() {
    let scores = [0.0, 1.0, 0.5, -1.0, 2.0, 0.0];
    let loss = Loss::Softmax { n_classes: 3 }.mean(&scores, &[1.0, 0.0], None);
    let (mut first, mut second) = ([0.0, 0.5, 2.0], [1.0, -1.0, 0.0]);
    softmax(&mut first);
    softmax(&mut second);
    assert!((loss + 0.5 * (first[1].ln() + second[0].ln())).abs() < 1e-12);
}

#[test]
fn quantiles_weigh_their_values() {
    assert_eq!(
        weighted_quantile([3.0, 1.0, 2.0].into_iter(), None, 0.5),
        2.0
    );
    assert_eq!(weighted_quantile([1.0, 2.0].into_iter(), None, 0.5), 1.5);
    assert_eq!(
        weighted_quantile([1.0, 2.0, 9.0].into_iter(), Some(&[1.0, 1.0, 8.0]), 0.5),
        9.0
    );
}

/// The best constant on top of offsets: by closed form, quantile or root, no constant near it is better.
#[test]
fn the_start_beside_offsets_is_the_best_constant() {
    let (targets, weights) = ([0.2, 1.0, 0.4, 0.9, 0.7], [1.0, 2.0, 0.5, 1.0, 3.0]);
    for offset in [[0.3, -1.2, 0.9, 2.0, -0.4], [40.0, 38.0, 41.0, 40.5, 39.0]] {
        for loss in LOSSES {
            if matches!(loss, Loss::Huber { .. }) {
                continue; // It starts at the median.
            }
            let base = loss.base_beside(&targets, Some(&weights), &offset);
            let mean_at = |s: f64| loss.mean(&offset.map(|o| s + o), &targets, Some(&weights));
            let is_best =
                mean_at(base) <= mean_at(base + 1e-3) && mean_at(base) <= mean_at(base - 1e-3);
            assert!(is_best, "{loss:?} starts at {base}");
        }
    }
}

#[test]
fn an_offset_that_is_the_same_for_all_moves_the_start_by_it() {
    let targets = [0.2, 1.0, 0.4, 0.9, 0.7];
    for loss in LOSSES {
        let (plain, beside) = (
            loss.base(&targets, None)[0],
            loss.base_beside(&targets, None, &[1.5; 5]),
        );
        assert!((plain - beside - 1.5).abs() < 1e-12, "{loss:?}");
    }
    // One class only, and offsets that would overflow: still a finite start.
    for (loss, targets) in [
        (Loss::Logistic, [1.0; 2]),
        (Loss::Logistic, [0.0; 2]),
        (Loss::Poisson, [0.0; 2]),
    ] {
        assert!(loss.base_beside(&targets, None, &[3.0, -2.0]).is_finite());
    }
    assert!(
        (Loss::Poisson.base_beside(&[2.0, 2.0], None, &[900.0, 900.0]) - 2f64.ln() + 900.0).abs()
            < 1e-9
    );
}
