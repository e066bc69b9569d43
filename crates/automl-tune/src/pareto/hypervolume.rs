//! The volume that a front dominates, and the space it leaves, cut into boxes.

use super::front;

/// Volume of the points that some of `points` dominate, up to `reference`; by slicing over the last loss.
///
/// Reference: Zitzler and Thiele (1998); the slicing is HSO of While, Bradstreet, Barone and Hingston (2005), with two
/// losses done by a sweep.
pub(crate) fn hypervolume(points: &[&[f64]], reference: &[f64]) -> f64 {
    let inside = |point: &&&[f64]| point.iter().zip(reference).all(|(a, b)| a < b);
    let mut points: Vec<&[f64]> = points.iter().filter(inside).copied().collect();
    let n_losses = reference.len();
    if points.is_empty() {
        return 0.0;
    }
    match n_losses {
        0 => 0.0,
        1 => {
            let best = points
                .iter()
                .map(|point| point[0])
                .fold(f64::INFINITY, f64::min);
            reference[0] - best
        }
        2 => {
            points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
            let (mut volume, mut height) = (0.0, reference[1]);
            for point in points {
                if point[1] < height {
                    volume += (reference[0] - point[0]) * (height - point[1]);
                    height = point[1];
                }
            }
            volume
        }
        _ => {
            let last = n_losses - 1;
            points.sort_by(|a, b| a[last].total_cmp(&b[last]));
            let mut volume = 0.0;
            for at in 0..points.len() {
                let end = points
                    .get(at + 1)
                    .map_or(reference[last], |next| next[last]);
                let depth = end - points[at][last];
                if depth > 0.0 {
                    let slice: Vec<&[f64]> = points[..=at].iter().map(|p| &p[..last]).collect();
                    volume += depth * hypervolume(&slice, &reference[..last]);
                }
            }
            volume
        }
    }
}

/// Boxes `(low, high)` that together fill what `points` do not dominate below `reference`; lows may be `-∞`.
///
/// Exact for two losses (stripes) and for more (recursive cuts at the points' losses).
///
/// Reference: Yang, Emmerich, Deutz and Bäck (2019), *Efficient computation of expected hypervolume improvement using
/// box decomposition algorithms*.
pub(crate) fn boxes(points: &[&[f64]], reference: &[f64]) -> Vec<(Vec<f64>, Vec<f64>)> {
    let inside = |point: &&&[f64]| point.iter().zip(reference).all(|(a, b)| a < b);
    let points: Vec<&[f64]> = points.iter().filter(inside).copied().collect();
    let points: Vec<&[f64]> = front(&points).into_iter().map(|at| points[at]).collect();
    cut(&points, reference)
}

/// Slices along the last loss; within a slice, the points below its floor dominate, one loss fewer.
fn cut(points: &[&[f64]], reference: &[f64]) -> Vec<(Vec<f64>, Vec<f64>)> {
    let last = reference.len() - 1;
    if last == 0 {
        let best = points
            .iter()
            .map(|point| point[0])
            .fold(reference[0], f64::min);
        return vec![(vec![f64::NEG_INFINITY], vec![best])];
    }
    let mut floors: Vec<f64> = points.iter().map(|point| point[last]).collect();
    floors.push(f64::NEG_INFINITY);
    floors.sort_by(f64::total_cmp);
    floors.dedup();
    let mut boxes = Vec::new();
    for (at, &floor) in floors.iter().enumerate() {
        let ceiling = floors.get(at + 1).copied().unwrap_or(reference[last]);
        let below: Vec<&[f64]> = points
            .iter()
            .filter(|point| point[last] <= floor)
            .map(|point| &point[..last])
            .collect();
        for (mut low, mut high) in cut(&below, &reference[..last]) {
            low.push(floor);
            high.push(ceiling);
            boxes.push((low, high));
        }
    }
    boxes
}
