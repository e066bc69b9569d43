//! Which trials are the best.

use super::Row;
use automl_store::studies::{Direction, Objective};

/// Positions of the best trials that keep all constraints: of one objective the earliest best, of several the front, by the
/// first objective. Cost `O(m n f)` for a front of `f`.
pub(super) fn best(rows: &[Row], objectives: &[Objective]) -> Vec<usize> {
    let losses = |row: &Row| -> Vec<f64> {
        let signed = row.values.iter().zip(objectives);
        signed
            .map(|(&value, objective)| match objective.direction {
                Direction::Minimize => value,
                Direction::Maximize => -value,
            })
            .collect()
    };
    let mut scored: Vec<(usize, Vec<f64>)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.is_scored() && row.values.iter().all(|value| !value.is_nan()))
        .map(|(at, row)| (at, losses(row)))
        .collect();
    // Sorted so, a point can only be beaten by one before it, and one that is on the front beats it.
    scored.sort_by(|(_, a), (_, b)| {
        let each = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
        each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    let mut front: Vec<(usize, Vec<f64>)> = Vec::new();
    for (at, own) in scored {
        let is_beaten = front
            .iter()
            .any(|(_, other)| other.iter().zip(&own).all(|(other, own)| other <= own));
        if !is_beaten {
            front.push((at, own));
        }
        if objectives.len() == 1 {
            break;
        }
    }
    front.into_iter().map(|(at, _)| at).collect()
}
