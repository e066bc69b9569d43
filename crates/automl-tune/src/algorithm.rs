//! Samplers as data: a name and its settings.

use crate::{
    Auto, BruteForce, CmaEs, Gp, Grid, Nsga2, Random, Sampler, Sobol, Space, Study, StudyError,
    Tpe, Turbo,
};
use automl_core::Seed;
use serde::{Deserialize, Serialize};

/// Any sampler, as a study's file names it: `{"name": "gp", "n_fantasies": 4}`; settings that are left out have their
/// defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each variant is named for the sampler it holds"
)]
pub enum Algorithm {
    Auto(Auto),
    Random(Random),
    Sobol(Sobol),
    Grid(Grid),
    BruteForce(BruteForce),
    Tpe(Tpe),
    Gp(Gp),
    CmaEs(CmaEs),
    #[serde(rename = "nsga2")]
    Nsga2(Nsga2),
    Turbo(Turbo),
}

impl Default for Algorithm {
    fn default() -> Self {
        Self::Auto(Auto::default())
    }
}

impl Algorithm {
    fn sampler(&self) -> &dyn Sampler {
        match self {
            Self::Auto(own) => own,
            Self::Random(own) => own,
            Self::Sobol(own) => own,
            Self::Grid(own) => own,
            Self::BruteForce(own) => own,
            Self::Tpe(own) => own,
            Self::Gp(own) => own,
            Self::CmaEs(own) => own,
            Self::Nsga2(own) => own,
            Self::Turbo(own) => own,
        }
    }
}

impl Algorithm {
    /// Whether it can search for so many objectives.
    ///
    /// # Errors
    /// If there are several and it is a sampler of one.
    pub fn check(&self, n_objectives: usize) -> Result<(), StudyError> {
        let algorithm = match self {
            Self::CmaEs(_) => "cma_es",
            Self::Turbo(_) => "turbo",
            _ => return Ok(()),
        };
        if n_objectives <= 1 {
            return Ok(());
        }
        Err(StudyError::OneObjective {
            algorithm,
            n_objectives,
        })
    }

    /// Whether it tries a number of points of a space and has then done its work.
    pub fn ends(&self, space: &Space) -> bool {
        match self {
            Self::Grid(own) => own.ends(space),
            Self::BruteForce(_) => BruteForce::ends(space),
            _ => false,
        }
    }

    /// Whether all points that it tries have been tried or are under way.
    pub fn is_exhausted(&self, study: &Study) -> bool {
        match self {
            Self::Grid(own) => own.ends(study.space()) && own.is_exhausted(study),
            Self::BruteForce(own) => own.is_exhausted(study),
            _ => false,
        }
    }
}

impl Sampler for Algorithm {
    fn begins_at_defaults(&self) -> bool {
        self.sampler().begins_at_defaults()
    }

    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64> {
        self.sampler().locate(study, seed)
    }
}
