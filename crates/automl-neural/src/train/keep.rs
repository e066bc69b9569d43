//! States written down every so many steps: what a job of one's own needs to be gone on with.

use super::{TrainError, Watch};
use automl_core::Artifact;

/// What writing a state may fail with.
type WriteError = Box<dyn std::error::Error + Send + Sync>;

/// Hands states to a function, every so many steps and when the budget ends a training.
pub struct EverySteps<F> {
    n_steps: u64,
    write: F,
}

impl<F: FnMut(Artifact) -> Result<(), WriteError>> EverySteps<F> {
    /// Every `n_steps` steps; 0 for the end of the budget alone.
    pub fn new(n_steps: u64, write: F) -> Self {
        Self { n_steps, write }
    }
}

impl<F> std::fmt::Debug for EverySteps<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EverySteps")
            .field("n_steps", &self.n_steps)
            .finish_non_exhaustive()
    }
}

impl<F: FnMut(Artifact) -> Result<(), WriteError>> Watch for EverySteps<F> {
    fn wants_checkpoint(&mut self, step: u64) -> bool {
        self.n_steps > 0 && step.is_multiple_of(self.n_steps)
    }

    fn checkpoint(&mut self, _step: u64, state: Artifact) -> Result<(), TrainError> {
        (self.write)(state).map_err(TrainError::Watch)
    }
}
