//! The sampler to use when nothing is known.

use crate::gp::Gp;
use crate::sampler::Sampler;
use crate::study::Study;
use crate::tpe::Tpe;
use automl_core::Seed;
use serde::{Deserialize, Serialize};

/// Chooses a sampler for the study at hand.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auto {}

impl Sampler for Auto {
    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64> {
        const GP_MAX: usize = 500;
        if study.finished().len() > GP_MAX {
            Tpe::default().locate(study, seed)
        } else {
            Gp::default().locate(study, seed)
        }
    }
}
