//! How many rows, columns and repetitions each answer is made from, so that it ends in its time.

use super::{Asked, PermutationError, Questions, dependence, permutation};
use automl_core::Clock;

/// Rows that the cost of a prediction is measured on.
const MEASURED_ROWS: usize = 200;
/// What is foretold is taken for so many times as long.
const CAUTION: f64 = 1.25;
/// What each further thread adds to the speed.
const PARALLEL_GAIN: f64 = 0.7;
/// Rows and shuffles, the best first.
const SHUFFLES: [[usize; 2]; 7] = [
    [2000, 3],
    [1000, 3],
    [500, 3],
    [500, 2],
    [300, 2],
    [300, 1],
    [150, 1],
];
/// Rows of a partial dependence.
const DEPENDENCE_ROWS: [usize; 4] = [100, 60, 30, 15];
/// Rows that have parts of their predictions told, and backgrounds of each.
const SHAPLEY: [[usize; 2]; 6] = [[300, 10], [200, 8], [100, 8], [100, 4], [60, 4], [40, 2]];

/// What one answer is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) n_rows: usize,
    pub(super) n_columns: usize,
    /// Shuffles, or backgrounds.
    pub(super) times: usize,
}

/// What predictions and scores cost.
pub(super) struct Costs {
    /// Rows that there are.
    pub(super) n_rows: usize,
    /// Seconds to predict one row among many.
    pub(super) row_seconds: f64,
    /// Seconds to score one row among many.
    pub(super) score_seconds: f64,
    /// How many times as fast as on one thread it goes.
    pub(super) speed: f64,
}

impl Costs {
    pub(super) fn measure(questions: &Questions<'_>) -> Result<Self, PermutationError> {
        let sample = questions.unseen.sample(MEASURED_ROWS);
        let n_rows = sample.table.n_rows();
        let each: Vec<u32> = (0..n_rows as u32).collect();
        let clock = Clock::start();
        let predictions = sample.ask(&sample.table, &each)?;
        let predicted = clock.seconds();
        let rows = sample.labelled(questions.metric, questions.threshold);
        rows.metric.score(rows.target, &predictions, rows.weight)?;
        let scored = clock.seconds() - predicted;
        Ok(Self {
            n_rows: questions.unseen.n_rows(),
            row_seconds: predicted / n_rows as f64,
            score_seconds: scored / n_rows as f64,
            speed: 1.0 + PARALLEL_GAIN * (questions.threads.count() - 1) as f64,
        })
    }

    /// Seconds that so many predictions and scores of rows take.
    fn seconds(&self, n_predicted: usize, n_scored: usize) -> f64 {
        let seconds = self.row_seconds * n_predicted as f64 + self.score_seconds * n_scored as f64;
        CAUTION * seconds / self.speed
    }

    /// For shuffles of columns: fewer rows and shuffles first, then fewer columns.
    pub(super) fn of_shuffles(&self, n_columns: usize, seconds: f64) -> Option<Sizes> {
        let cost = |sizes: &Sizes| {
            let n_times = sizes.n_columns * sizes.times;
            let n_scores = (n_times + 1) * (permutation::N_DRAWS + 1);
            self.seconds((n_times + 1) * sizes.n_rows, n_scores * sizes.n_rows)
        };
        self.first_in_time(&SHUFFLES, n_columns, seconds, cost)
    }

    pub(super) fn of_dependence(&self, n_columns: usize, seconds: f64) -> Option<Sizes> {
        let cost = |sizes: &Sizes| {
            let n_values = sizes.n_columns * dependence::N_VALUES;
            self.seconds(n_values * sizes.n_rows, 0)
        };
        let ladder = DEPENDENCE_ROWS.map(|n_rows| [n_rows, 1]);
        self.first_in_time(&ladder, n_columns, seconds, cost)
    }

    /// For parts of so many players in predictions. Fewer players would be no cheaper in what they tell.
    pub(super) fn of_shapley(&self, n_players: usize, seconds: f64) -> Option<Sizes> {
        let cost = |sizes: &Sizes| self.seconds(sizes.n_rows * sizes.times * (n_players + 1), 0);
        let sizes = self.first_in_time(&SHAPLEY, n_players, seconds, cost)?;
        (sizes.n_columns == n_players).then_some(sizes)
    }

    /// The first step of a ladder that ends in time with all columns, or its last with as many as do.
    fn first_in_time(
        &self,
        ladder: &[[usize; 2]],
        n_columns: usize,
        seconds: f64,
        cost: impl Fn(&Sizes) -> f64,
    ) -> Option<Sizes> {
        let sizes = |&[n_rows, n_times]: &[usize; 2], n_columns| Sizes {
            n_rows: n_rows.min(self.n_rows),
            n_columns,
            times: n_times,
        };
        let last = ladder.last().expect("a ladder has steps");
        let whole = ladder.iter().map(|step| sizes(step, n_columns));
        let fewer = (1..n_columns).rev().map(|n_columns| sizes(last, n_columns));
        whole.chain(fewer).find(|sizes| cost(sizes) <= seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs {
        n_rows: 400,
        row_seconds: 1e-5,
        score_seconds: 0.0,
        speed: 1.0,
    };

    #[test]
    fn sizes_shrink_with_the_time_rows_before_columns() {
        let sizes = |seconds| {
            let sizes = COSTS.of_dependence(6, seconds)?;
            Some((sizes.n_rows, sizes.n_columns))
        };
        // 100 rows × 16 values × 6 columns × 12.5 µs are 0.12 s.
        assert_eq!(sizes(1.0), Some((100, 6)));
        assert_eq!(sizes(0.121), Some((100, 6)));
        assert_eq!(sizes(0.119), Some((60, 6)));
        assert_eq!(sizes(0.01), Some((15, 3)));
        assert_eq!(sizes(0.001), None);
    }

    #[test]
    fn no_more_rows_are_asked_about_than_there_are() {
        let sizes = COSTS.of_shuffles(2, f64::INFINITY).unwrap();
        assert_eq!((sizes.n_rows, sizes.n_columns, sizes.times), (400, 2, 3));
    }

    #[test]
    fn parts_of_predictions_are_of_all_players_or_none() {
        assert!(COSTS.of_shapley(11, 1.0).is_some());
        // 40 rows × 2 backgrounds × 12 predictions × 12.5 µs are 12 ms.
        assert!(COSTS.of_shapley(11, 0.0121).is_some());
        assert_eq!(COSTS.of_shapley(11, 0.0119), None);
    }
}
