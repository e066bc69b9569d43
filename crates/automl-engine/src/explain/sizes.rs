//! How many rows, columns and repetitions each answer is made from, so that it ends in its time.
//!
//! Where there is no limit of time, cells that are predicted are counted instead of seconds, so that the sizes are the same on any
//! machine.

use super::{Asked, Questions, dependence, permutation};
use automl_core::{Clock, PredictError};

/// Rows that the cost of a prediction is measured on.
const MEASURED_ROWS: usize = 200;
/// What is foretold is taken for so many times as long.
const CAUTION: f64 = 1.25;
/// What each further thread adds to the speed.
const PARALLEL_GAIN: f64 = 0.7;
/// Cells that are predicted for each answer where time is not limited: the best sizes fit for some hundred columns.
pub(super) const CELLS_MAX: f64 = 1e7;
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

/// What predictions and scores cost: seconds, or cells where there is no limit of time.
pub(super) struct Costs {
    /// Rows that there are.
    pub(super) n_rows: usize,
    /// To predict one row among many.
    pub(super) row_cost: f64,
    /// To score one row among many.
    pub(super) score_cost: f64,
    /// How many times as fast as that it goes, for all that is known.
    pub(super) speed: f64,
}

impl Costs {
    /// The same for the same rows and columns.
    pub(super) fn counted(questions: &Questions<'_>) -> Self {
        Self {
            n_rows: questions.unseen.n_rows(),
            row_cost: questions.unseen.table().n_columns() as f64,
            score_cost: 0.0,
            speed: 1.0,
        }
    }

    /// Of this machine.
    ///
    /// # Errors
    /// The rows cannot be predicted.
    pub(super) fn measure(questions: &Questions<'_>) -> Result<Self, PredictError> {
        let sample = questions.unseen.sample(MEASURED_ROWS);
        let n_rows = sample.table.n_rows();
        let each: Vec<u32> = (0..n_rows as u32).collect();
        let clock = Clock::start();
        let predictions = sample.ask(&sample.table, &each)?;
        let predicted = clock.seconds();
        let rows = sample.labelled(questions.metric, &questions.decision);
        // Rows of one class have no score by some metrics; that takes its time, too.
        rows.metric
            .score(rows.target, &predictions, rows.weight)
            .ok();
        let scored = clock.seconds() - predicted;
        Ok(Self {
            n_rows: questions.unseen.n_rows(),
            row_cost: predicted / n_rows as f64,
            score_cost: scored / n_rows as f64,
            speed: (1.0 + PARALLEL_GAIN * (questions.threads.count() - 1) as f64) / CAUTION,
        })
    }

    /// What so many predictions and scores of rows cost.
    fn cost(&self, n_predicted: usize, n_scored: usize) -> f64 {
        let cost = self.row_cost * n_predicted as f64 + self.score_cost * n_scored as f64;
        cost / self.speed
    }

    /// For shuffles of columns: fewer rows and shuffles first, then fewer columns.
    pub(super) fn of_shuffles(&self, n_columns: usize, most: f64) -> Option<Sizes> {
        let cost = |sizes: &Sizes| {
            let n_times = sizes.n_columns * sizes.times;
            let n_scores = (n_times + 1) * (permutation::N_DRAWS + 1);
            self.cost((n_times + 1) * sizes.n_rows, n_scores * sizes.n_rows)
        };
        self.first_within(&SHUFFLES, n_columns, most, cost)
    }

    pub(super) fn of_dependence(&self, n_columns: usize, most: f64) -> Option<Sizes> {
        let cost = |sizes: &Sizes| {
            let n_values = sizes.n_columns * dependence::N_VALUES;
            self.cost(n_values * sizes.n_rows, 0)
        };
        let ladder = DEPENDENCE_ROWS.map(|n_rows| [n_rows, 1]);
        self.first_within(&ladder, n_columns, most, cost)
    }

    /// For parts of so many players in predictions. Fewer players would be no cheaper in what they tell.
    pub(super) fn of_shapley(&self, n_players: usize, most: f64) -> Option<Sizes> {
        let cost = |sizes: &Sizes| self.cost(sizes.n_rows * sizes.times * (n_players + 1), 0);
        let sizes = self.first_within(&SHAPLEY, n_players, most, cost)?;
        (sizes.n_columns == n_players).then_some(sizes)
    }

    /// The first step of a ladder that costs no more with all columns, or its last with as many as do.
    fn first_within(
        &self,
        ladder: &[[usize; 2]],
        n_columns: usize,
        most: f64,
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
        whole.chain(fewer).find(|sizes| cost(sizes) <= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs {
        n_rows: 400,
        row_cost: 1e-5,
        score_cost: 0.0,
        speed: 1.0 / CAUTION,
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

    #[test]
    fn where_cells_are_counted_sizes_are_the_best_until_there_are_many_columns() {
        let sizes = |n_columns: usize| {
            let costs = Costs {
                n_rows: 5000,
                row_cost: n_columns as f64,
                score_cost: 0.0,
                speed: 1.0,
            };
            let shuffles = costs.of_shuffles(15, CELLS_MAX).unwrap();
            let shapley = costs.of_shapley(11, CELLS_MAX).unwrap();
            (shuffles.n_rows, shuffles.times, shapley.n_rows)
        };
        assert_eq!(sizes(100), (2000, 3, 300));
        // 31 predictions of 300 rows of 1000 cells are 9.3 million.
        assert_eq!(sizes(1000), (300, 2, 100));
    }
}
