//! Small numeric routines that several steps share.

/// Mean and population variance of the values that are not missing; `(0, 0)` if there is none. Two passes.
pub(crate) fn mean_variance(values: &[f64]) -> (f64, f64) {
    let present = || values.iter().filter(|value| !value.is_nan());
    let count = present().count();
    if count == 0 {
        return (0.0, 0.0);
    }
    let mean = present().sum::<f64>() / count as f64;
    let squares: f64 = present().map(|value| (value - mean) * (value - mean)).sum();
    (mean, squares / count as f64)
}

/// The quantile of sorted values at `share` (0 to 1), linear between neighbours; NaN if there is none.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// Pearson correlation over the positions where both values are there; 0 if either does not vary.
pub(crate) fn correlation(x: &[f64], y: &[f64]) -> f64 {
    debug_assert_eq!(x.len(), y.len());
    let pairs = || {
        x.iter()
            .zip(y)
            .filter(|(a, b)| a.is_finite() && b.is_finite())
    };
    let count = pairs().count() as f64;
    if count < 2.0 {
        return 0.0;
    }
    let mean_x = pairs().map(|(a, _)| a).sum::<f64>() / count;
    let mean_y = pairs().map(|(_, b)| b).sum::<f64>() / count;
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (a, b) in pairs() {
        let (a, b) = (a - mean_x, b - mean_y);
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    let scale = (xx * yy).sqrt();
    if scale > 0.0 && scale.is_finite() {
        xy / scale
    } else {
        0.0
    }
}

/// Ranks of values, the greatest first, ties by position: a total order whatever the values.
pub(crate) fn positions_by_greatest(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    order
}
