//! Sums over drawn rows are, on average, those over all rows.

use super::*;

fn sizes(n: usize) -> Vec<f64> {
    (0..n)
        .map(|row| {
            let drawn = Seed(5).indexed(row as u64).0 % 1000;
            (drawn as f64 / 1000.0).powi(4) * 3.0
        })
        .collect()
}

/// The mean over many seeds of the weighted sum and of the number of rows drawn.
fn means(n_rows: usize, draw: impl Fn(Seed) -> Sample) -> [f64; 2] {
    let sizes = sizes(n_rows);
    let n_draws = 3000;
    let mut totals = [0.0; 2];
    for index in 0..n_draws {
        let sample = draw(Seed(9).indexed(index));
        assert!(sample.rows.is_sorted_by(|a, b| a < b));
        let weighted = |&row: &u32| {
            let sign = if row % 3 == 0 { -1.0 } else { 1.0 };
            sign * sizes[row as usize] * sample.factor(row)
        };
        totals[0] += sample.rows.iter().map(weighted).sum::<f64>() / n_draws as f64;
        totals[1] += sample.rows.len() as f64 / n_draws as f64;
    }
    totals
}

fn truth(n_rows: usize) -> f64 {
    let signed = |(row, size): (usize, f64)| if row % 3 == 0 { -size } else { size };
    sizes(n_rows).into_iter().enumerate().map(signed).sum()
}

#[test]
fn one_side_sampling_is_unbiased_and_keeps_the_greatest() {
    let (n, truth) = (200, truth(200));
    let [sum, n_drawn] = means(n, |seed| goss(&sizes(n), [0.2, 0.1], seed).unwrap());
    assert!((sum - truth).abs() < 0.02 * truth, "{sum} for {truth}");
    assert_eq!(n_drawn.round() as usize, 60);
    let sample = goss(&sizes(n), [0.2, 0.1], Seed(1)).unwrap();
    let greatest = (0..n)
        .max_by(|&a, &b| sizes(n)[a].total_cmp(&sizes(n)[b]))
        .unwrap();
    assert_eq!(sample.factor(greatest as u32), 1.0);
    assert_eq!(
        sample
            .factors
            .iter()
            .filter(|&&factor| factor == 1.0)
            .count(),
        40
    );
    // Rows all alike: the first are taken for the greatest, and no more of them than asked for.
    assert_eq!(
        goss(&[1.0; 50], [0.2, 0.1], Seed(1)).unwrap().rows.len(),
        15
    );
    assert_eq!(goss(&[1.0; 50], [0.6, 0.4], Seed(1)), None);
    assert_eq!(
        goss(&[1.0; 50], [0.0, 0.2], Seed(1)).unwrap().rows.len(),
        10
    );
}

#[test]
fn minimal_variance_sampling_is_unbiased_and_draws_the_share_asked_for() {
    let (n, truth) = (200, truth(200));
    let mut errors = Vec::new();
    for regularization in [0.0, 1.0, 1e6] {
        let draw = |seed| mvs(&sizes(n), 0.3, regularization, seed).unwrap();
        let [sum, n_drawn] = means(n, draw);
        assert!((sum - truth).abs() < 0.04 * truth, "{sum} for {truth}");
        assert!((n_drawn - 60.0).abs() < 1.0, "{n_drawn}");
        let squared = |index| {
            let sample = draw(Seed(3).indexed(index));
            let drawn: f64 = sample
                .rows
                .iter()
                .map(|&row| sizes(n)[row as usize] * sample.factor(row))
                .sum();
            (drawn - sizes(n).iter().sum::<f64>()).powi(2)
        };
        errors.push((0..200).map(squared).sum::<f64>());
    }
    assert!(
        errors[0] < errors[1] && errors[1] < 0.5 * errors[2],
        "{errors:?}"
    );
}

#[test]
fn the_threshold_gives_the_expected_number() {
    for (n, goal) in [(1, 0.5), (7, 3.2), (100, 99.5), (100, 1.0), (501, 250.0)] {
        let keys: Vec<f64> = sizes(n).iter().map(|size| size + 0.01).collect();
        let threshold = threshold(&mut keys.clone(), goal);
        let expected: f64 = keys.iter().map(|key| (key / threshold).min(1.0)).sum();
        assert!((expected - goal).abs() < 1e-9, "{expected} for {goal}");
    }
    // Fewer rows with a gradient than wanted: those are taken, the others never.
    let sample = mvs(&[0.0, 2.0, 0.0, 0.0], 0.5, 0.0, Seed(1)).unwrap();
    assert_eq!((sample.rows, sample.factors), (vec![1], vec![1.0]));
}
