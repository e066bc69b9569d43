//! The sampler to use when nothing is known: density estimation and local steps in turn.

use crate::local::Local;
use crate::space::Space;
use crate::tpe::Tpe;
use crate::uniform::draws;
use crate::{Observation, Sampler};
use automl_core::{ParamMap, Seed};

/// [`Tpe`] with a share of [`Local`] steps around the best point once the start-up trials are done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Auto {
    /// The density estimator.
    pub tpe: Tpe,
    /// Share of local steps.
    pub local_share: f64,
}

impl Default for Auto {
    fn default() -> Self {
        Self {
            tpe: Tpe::default(),
            local_share: 0.4,
        }
    }
}

impl Sampler for Auto {
    fn suggest(
        &self,
        space: &Space,
        history: &[Observation],
        pending: &[ParamMap],
        seed: Seed,
    ) -> ParamMap {
        let n_finite = history.iter().filter(|seen| seen.loss.is_finite()).count();
        let is_local = draws(seed.named("auto")).unit() < self.local_share;
        if is_local && n_finite >= self.tpe.n_startup {
            Local.suggest(space, history, pending, seed)
        } else {
            self.tpe.suggest(space, history, pending, seed)
        }
    }
}
