//! Weighted quantiles.

/// The smallest value whose share of the total weight, with all below it, reaches `alpha`; at an exact tie half way to
/// the next one. Zero for no values. Cost: a sort.
pub(crate) fn weighted_quantile(
    values: impl Iterator<Item = f64>,
    weights: Option<&[f64]>,
    alpha: f64,
) -> f64 {
    let mut pairs: Vec<(f64, f64)> = values
        .enumerate()
        .map(|(row, value)| (value, weights.map_or(1.0, |weights| weights[row])))
        .filter(|pair| pair.1 > 0.0)
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let goal = alpha * pairs.iter().map(|pair| pair.1).sum::<f64>();
    let mut reached = 0.0;
    for (place, &(value, weight)) in pairs.iter().enumerate() {
        reached += weight;
        if reached == goal {
            let next = pairs.get(place + 1).map_or(value, |pair| pair.0);
            return value * 0.5 + next * 0.5;
        }
        if reached > goal {
            return value;
        }
    }
    pairs.last().map_or(0.0, |pair| pair.0)
}
