//! The sampler to use when nothing is known.

use crate::cma::CmaEs;
use crate::gp::Gp;
use crate::sampler::Sampler;
use crate::study::Study;
use crate::tpe::Tpe;
use crate::turbo::Turbo;
use automl_core::Seed;
use serde::{Deserialize, Serialize};

/// Chooses by the space, the trials so far, the budget and how many trials are under way.
///
/// - Up to some hundred trials, Gaussian processes: of one objective, every second step within a box about the best
///   trial ([`Turbo`]), the others anywhere ([`Gp`]), so that neither a narrow valley nor a second one is missed.
/// - Beyond, where a step of a process costs more than most trials: evolution ([`CmaEs`]) for numbers alone if the
///   budget is large enough to pay for its generations, densities ([`Tpe`]) otherwise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auto {
    /// The models of the first trials.
    pub gp: Gp,
}

/// Trials after which processes are too slow.
const GP_TRIALS_MAX: usize = 500;
/// Trials under way at which filling them in takes too long.
const GP_PENDING_MAX: usize = 128;
/// Objectives beyond which the boxes of the front are too many.
const GP_OBJECTIVES_MAX: usize = 3;
/// Trials per parameter that evolution needs.
const CMA_TRIALS: usize = 250;

impl Sampler for Auto {
    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64> {
        let n = study.finished().len();
        let n_pending = study.known().len() - n;
        let n_objectives = study.objectives().len();
        let is_small = n <= GP_TRIALS_MAX && n_pending <= GP_PENDING_MAX;
        if is_small && n_objectives <= GP_OBJECTIVES_MAX {
            let is_local = study.known().len() % 2 == 1;
            return if n_objectives == 1 && is_local {
                let turbo = Turbo {
                    gp: self.gp.clone(),
                    ..Turbo::default()
                };
                turbo.locate(study, seed)
            } else {
                self.gp.locate(study, seed)
            };
        }
        let space = study.space();
        let has_codes = space.axes().iter().any(|axis| axis.n_codes().is_some());
        let is_smooth = !has_codes && !space.is_conditional() && n_objectives == 1;
        let n_wanted = CMA_TRIALS * space.n_dimensions();
        if is_smooth && study.budget().is_some_and(|budget| budget >= n_wanted) {
            CmaEs::default().locate(study, seed)
        } else {
            Tpe::default().locate(study, seed)
        }
    }
}
