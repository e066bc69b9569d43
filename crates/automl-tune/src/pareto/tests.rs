//! Fronts and volumes against counting.

use super::*;
use automl_core::Seed;

fn cloud(n: usize, n_losses: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut draws = crate::uniform::draws(Seed(seed));
    (0..n)
        .map(|_| (0..n_losses).map(|_| draws.unit()).collect())
        .collect()
}

fn views(points: &[Vec<f64>]) -> Vec<&[f64]> {
    points.iter().map(Vec::as_slice).collect()
}

/// The share of the centres of a fine grid that some point dominates.
fn volume_by_counting(points: &[Vec<f64>], n_losses: usize) -> f64 {
    let n = 40_usize;
    let n_cells = n.pow(n_losses as u32);
    let n_dominated = (0..n_cells)
        .filter(|cell| {
            let centre: Vec<f64> = (0..n_losses)
                .map(|k| ((cell / n.pow(k as u32)) % n) as f64 / n as f64 + 0.5 / n as f64)
                .collect();
            points
                .iter()
                .any(|point| point.iter().zip(&centre).all(|(a, b)| a <= b))
        })
        .count();
    n_dominated as f64 / n_cells as f64
}

#[test]
fn hypervolume_is_the_volume_that_counting_gives() {
    for n_losses in 1..=3 {
        let points = cloud(12, n_losses, n_losses as u64);
        let exact = hypervolume(&views(&points), &vec![1.0; n_losses]);
        let counted = volume_by_counting(&points, n_losses);
        assert!(
            (exact - counted).abs() < 0.02,
            "{n_losses}: {exact} {counted}"
        );
    }
}

#[test]
fn boxes_and_hypervolume_fill_the_cube() {
    for n_losses in 2..=4 {
        let points = cloud(9, n_losses, 7 + n_losses as u64);
        let reference = vec![1.0; n_losses];
        let volume: f64 = boxes(&views(&points), &reference)
            .iter()
            .map(|(low, high)| {
                let sides = low.iter().zip(high).map(|(low, high)| high - low.max(0.0));
                sides.product::<f64>()
            })
            .sum();
        let total = volume + hypervolume(&views(&points), &reference);
        assert!((total - 1.0).abs() < 1e-9, "{n_losses}: {total}");
    }
}

#[test]
fn fronts_peel_off_what_is_dominated() {
    let points = [
        vec![0.0, 3.0],
        vec![3.0, 0.0],
        vec![1.0, 1.0],
        vec![2.0, 2.0],
        vec![3.0, 3.0],
    ];
    assert_eq!(fronts(&views(&points)), [vec![0, 1, 2], vec![3], vec![4]]);
    assert_eq!(front(&views(&points)), [0, 1, 2]);
    assert_eq!(order(&views(&points))[3..], [3, 4]);
}

#[test]
fn of_equal_points_the_first_is_on_the_front() {
    let points = [vec![1.0, 1.0], vec![1.0, 1.0]];
    assert_eq!(front(&views(&points)), [0]);
}

#[test]
fn the_ends_of_a_front_are_never_crowded() {
    let points = [
        vec![0.0, 1.0],
        vec![0.5, 0.5],
        vec![0.6, 0.4],
        vec![1.0, 0.0],
    ];
    let distance = crowding(&views(&points));
    assert_eq!((distance[0], distance[3]), (f64::INFINITY, f64::INFINITY));
    assert!(distance[1] > 0.0 && distance[1] < f64::INFINITY);
}
