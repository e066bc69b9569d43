//! Ends trials at rungs of rising cost: only the best share of those that reached a rung goes on.

use super::{Standing, Stopper, common_end, peers, running};
use crate::study::{Study, Trial};
use automl_core::Seed;
use serde::{Deserialize, Serialize};

/// Asynchronous successive halving: at steps `min, min · reduction, min · reduction², …` a trial goes on only if it is among
/// the best `1 / reduction` of all that have reached that step so far.
///
/// Reference: Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and Talwalkar (2020), *A system for massively
/// parallel hyperparameter tuning*; here as its stopping variant, which never pauses a trial.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SuccessiveHalving {
    /// The first rung.
    pub min_step: u64,
    /// How many times fewer trials, and how many times more steps, each rung has.
    pub reduction: u64,
    /// Trials that must have reached a rung before any is ended there.
    pub n_min: usize,
    /// The step at which trials are whole, where none is ended any more; by default the last step of the complete trials, if
    /// all of them have the same.
    pub max_step: Option<u64>,
}

impl Default for SuccessiveHalving {
    fn default() -> Self {
        Self {
            min_step: 1,
            reduction: 3,
            n_min: 3,
            max_step: None,
        }
    }
}

/// Several brackets of [`SuccessiveHalving`] that begin at different rungs; a trial's number decides its bracket, those
/// that halve more often having more trials.
///
/// Reference: Li, Jamieson, `DeSalvo`, Rostamizadeh and Talwalkar (2018), *Hyperband*.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hyperband {
    /// The first rung of the first bracket.
    pub min_step: u64,
    /// The step at which trials are whole.
    pub max_step: u64,
    /// How many times fewer trials, and how many times more steps, each rung has.
    pub reduction: u64,
}

impl Default for Hyperband {
    fn default() -> Self {
        Self {
            min_step: 1,
            max_step: 100,
            reduction: 3,
        }
    }
}

impl Stopper for SuccessiveHalving {
    fn should_stop(&self, study: &Study, id: u64) -> bool {
        peers(study).is_some_and(|all| self.should_stop_among(study, id, &all))
    }
}

impl SuccessiveHalving {
    fn should_stop_among(&self, study: &Study, id: u64, peers: &[&Trial]) -> bool {
        let Some((trial, step)) = running(study, id) else {
            return false;
        };
        let end = self.max_step.or_else(|| common_end(study));
        if end.is_some_and(|end| step >= end) {
            return false;
        }
        let reduction = self.reduction.max(2);
        let mut rung = self.min_step.max(1);
        while rung <= step {
            // Those that have measured at the rung or beyond it.
            let reached = |peer: &&Trial| peer.curve.last().is_some_and(|last| last.step >= rung);
            let reached: Vec<&Trial> = peers.iter().copied().filter(reached).collect();
            if let Some(Standing { own, mut others }) = Standing::at(study, trial, &reached, rung) {
                others.push(own);
                others.sort_by(f64::total_cmp);
                let n_kept = (others.len() / reduction as usize).max(1);
                if others.len() >= self.n_min.max(2) && own > others[n_kept - 1] {
                    return true;
                }
            }
            let Some(next) = rung.checked_mul(reduction) else {
                break;
            };
            rung = next;
        }
        false
    }
}

impl Hyperband {
    fn n_brackets(&self) -> u32 {
        let ratio = self.max_step.max(1) / self.min_step.max(1);
        ratio.max(1).ilog(self.reduction.max(2)) + 1
    }

    /// The bracket of a trial: `s` with a chance in proportion to `reductionˢ / (s + 1)`, `s` being its number of halvings.
    fn bracket(&self, id: u64) -> u32 {
        let n = self.n_brackets();
        let weight = |bracket: u32| {
            let n_halvings = n - 1 - bracket;
            (self.reduction.max(2) as f64).powi(n_halvings as i32) / f64::from(n_halvings + 1)
        };
        let total: f64 = (0..n).map(weight).sum();
        let mut draws = crate::uniform::draws(Seed(id).named("hyperband"));
        let mut rest = draws.unit() * total;
        for bracket in 0..n {
            rest -= weight(bracket);
            if rest < 0.0 {
                return bracket;
            }
        }
        n - 1
    }
}

impl Stopper for Hyperband {
    fn should_stop(&self, study: &Study, id: u64) -> bool {
        let bracket = self.bracket(id);
        let Some(mut peers) = peers(study) else {
            return false;
        };
        peers.retain(|trial| self.bracket(trial.id) == bracket);
        let halving = SuccessiveHalving {
            min_step: self.min_step.max(1) * self.reduction.max(2).pow(bracket),
            reduction: self.reduction,
            n_min: 2,
            max_step: Some(self.max_step),
        };
        halving.should_stop_among(study, id, &peers)
    }
}
