//! What a sampler is.

use crate::study::Study;
use automl_core::{ParamMap, Seed};

/// Proposes points.
pub trait Sampler: Send + Sync {
    /// The coordinates of the next point. Use [`Sampler::suggest`], which gives it as parameters.
    #[doc(hidden)]
    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64>;

    /// Whether a study begins at the defaults of its parameters, where any has one; not where points follow a plan of their own.
    #[doc(hidden)]
    fn begins_at_defaults(&self) -> bool {
        true
    }

    /// The next point with its coordinates. Of an empty study it may be that of the defaults; what was best in earlier studies is
    /// a better beginning.
    #[doc(hidden)]
    fn propose(&self, study: &Study, seed: Seed) -> (Vec<f64>, ParamMap) {
        let is_first = study.known().is_empty() && self.begins_at_defaults();
        let is_cold = is_first && study.next_of_sources().is_none();
        let first = is_cold.then(|| study.space().first()).flatten();
        first.unwrap_or_else(|| {
            let at = self.locate(study, seed);
            let point = study.space().point(&at);
            (at, point)
        })
    }

    /// The next point to try: a value for every parameter that is active. An empty study begins with
    /// [`Space::default_point`](crate::Space::default_point), unless it learns from earlier ones or its points follow a grid or a
    /// sequence.
    ///
    /// The result depends on nothing but the arguments; give each trial a seed of its own. A point that was tried or is
    /// being tried is proposed again only where the space holds no other.
    fn suggest(&self, study: &Study, seed: Seed) -> ParamMap {
        self.propose(study, seed).1
    }

    /// The next `n` points to try at once, each chosen as if those before it were under way.
    fn suggest_batch(&self, study: &Study, n: usize, seed: Seed) -> Vec<ParamMap> {
        let mut study = study.clone();
        let mut points = Vec::with_capacity(n);
        for index in 0..n {
            let (at, point) = self.propose(&study, seed.indexed(index as u64));
            study.and_pending(at, point.clone());
            points.push(point);
        }
        points
    }
}
