//! Ends trials at rungs of rising cost: only the best share of those that reached a rung goes on.

use super::{Curves, Stopper, running};
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
}

impl Default for SuccessiveHalving {
    fn default() -> Self {
        Self {
            min_step: 1,
            reduction: 3,
            n_min: 3,
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
        let all = study.trials().iter();
        self.should_stop_among(study, id, &all.collect::<Vec<_>>())
    }
}

impl SuccessiveHalving {
    fn should_stop_among(&self, study: &Study, id: u64, peers: &[&Trial]) -> bool {
        let Some((trial, step)) = running(study, id) else {
            return false;
        };
        let reduction = self.reduction.max(2);
        let mut rung = self.min_step.max(1);
        let curves = Curves::new(study);
        while rung <= step {
            // Those that have measured at the rung or beyond it.
            let reached = peers
                .iter()
                .filter(|peer| peer.curve.last().is_some_and(|last| last.step >= rung));
            let mut losses: Vec<f64> = reached
                .filter_map(|peer| curves.best_until(peer, rung))
                .collect();
            losses.sort_by(f64::total_cmp);
            if losses.len() >= self.n_min.max(2)
                && let Some(own) = curves.best_until(trial, rung)
            {
                let n_kept = (losses.len() / reduction as usize).max(1);
                if own > losses[n_kept - 1] {
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
        let peers: Vec<&Trial> = study
            .trials()
            .iter()
            .filter(|trial| self.bracket(trial.id) == bracket)
            .collect();
        let halving = SuccessiveHalving {
            min_step: self.min_step.max(1) * self.reduction.max(2).pow(bracket),
            reduction: self.reduction,
            n_min: 2,
        };
        halving.should_stop_among(study, id, &peers)
    }
}
