//! Ends trials that do worse than most others did at the same step.

use super::{Standing, Stopper, peers, running};
use crate::study::{State, Study};
use serde::{Deserialize, Serialize};

/// Ends a trial whose best is worse than this share of complete trials had at the same step.
///
/// At 50 the median rule. Reference: Golovin, Solnik, Moitra, Kochanski, Karro and Sculley (2017), *Google Vizier*.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Percentile {
    /// Trials better than the best so many per cent of the others go on.
    pub percent: f64,
    /// Complete trials needed before any is ended.
    pub n_startup: usize,
    /// Steps that every trial may run.
    pub n_warmup: u64,
    /// Trials that must have measured until the same step.
    pub n_min: usize,
}

impl Default for Percentile {
    fn default() -> Self {
        Self {
            percent: 50.0,
            n_startup: 5,
            n_warmup: 0,
            n_min: 1,
        }
    }
}

impl Stopper for Percentile {
    fn should_stop(&self, study: &Study, id: u64) -> bool {
        let Some((trial, step)) = running(study, id).filter(|(_, step)| *step > self.n_warmup)
        else {
            return false;
        };
        let mut complete = peers(study).unwrap_or_default();
        complete.retain(|own| own.state == State::Complete);
        if complete.len() < self.n_startup {
            return false;
        }
        let Some(standing) = Standing::at(study, trial, &complete, step) else {
            return false;
        };
        let mut others = standing.others;
        others.sort_by(f64::total_cmp);
        others.len() >= self.n_min.max(1) && standing.own > quantile(&others, self.percent / 100.0)
    }
}

/// The quantile of sorted values, between two of them on the straight line.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let low = place.floor() as usize;
    let high = place.ceil() as usize;
    sorted[low] + (place - low as f64) * (sorted[high] - sorted[low])
}
