//! What a sampler is.

use crate::study::Study;
use automl_core::{ParamMap, Seed};

/// Proposes points.
pub trait Sampler: Send + Sync {
    /// The coordinates of the next point. Use [`Sampler::suggest`], which gives it as parameters.
    #[doc(hidden)]
    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64>;

    /// The next point to try: a value for every parameter that is active.
    ///
    /// The result depends on nothing but the arguments; give each trial a seed of its own. A point that was tried or is
    /// being tried is proposed again only where the space holds no other.
    fn suggest(&self, study: &Study, seed: Seed) -> ParamMap {
        study.space().point(&self.locate(study, seed))
    }

    /// The next `n` points to try at once, each chosen as if those before it were under way.
    fn suggest_batch(&self, study: &Study, n: usize, seed: Seed) -> Vec<ParamMap> {
        let mut study = study.clone();
        let mut points = Vec::with_capacity(n);
        for index in 0..n {
            let at = self.locate(&study, seed.indexed(index as u64));
            let point = study.space().point(&at);
            study.and_pending(at, point.clone());
            points.push(point);
        }
        points
    }
}
