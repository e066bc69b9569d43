//! When to stop: the validation loss has not fallen for a number of rounds.

/// Watches a falling loss.
pub(super) struct Patience {
    pub(super) best: f64,
    pub(super) best_round: usize,
    pub(super) rounds: usize,
    /// How far below the best a loss must be to count as better.
    pub(super) min_delta: f64,
}

impl Patience {
    /// Takes the loss after `round` rounds; says whether to stop.
    pub(super) fn is_over(&mut self, loss: f64, round: usize) -> bool {
        if loss < self.best - self.min_delta {
            (self.best, self.best_round) = (loss, round);
        }
        self.rounds > 0 && round - self.best_round >= self.rounds
    }
}
