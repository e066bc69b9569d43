//! How much each parameter matters, from the trials of a study.
//!
//! Both measures give a share for every parameter that at least two trials were active in; the shares sum to one, or are all
//! zero where nothing matters. They speak of one objective, whose trials without a value are left out.

mod fanova;
mod forest;
mod ped_anova;
#[cfg(test)]
mod tests;

pub use fanova::fanova;
pub use ped_anova::ped_anova;

use crate::study::{Seen, Study};

/// The share of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// The parameter.
    pub parameter: String,
    /// Its share, from 0 to 1.
    pub share: f64,
}

/// Complete trials with their loss in objective `k`, in the order in which they ended.
fn scored(study: &Study, k: usize) -> Vec<(&Seen, f64)> {
    let complete = study.finished().iter().filter(|seen| seen.is_complete);
    complete
        .filter_map(|seen| Some((seen, *seen.losses.get(k)?)))
        .collect()
}

/// Raw weights as shares, greatest first.
fn shares(study: &Study, weights: &[f64]) -> Vec<Importance> {
    let total: f64 = weights.iter().sum();
    let mut shares: Vec<Importance> = study
        .space()
        .parameters()
        .iter()
        .zip(weights)
        .map(|(parameter, weight)| Importance {
            parameter: parameter.name.clone(),
            share: if total > 0.0 { weight / total } else { 0.0 },
        })
        .collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    shares
}
