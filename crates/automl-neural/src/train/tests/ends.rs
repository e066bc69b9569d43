//! What ends a training before its time: rows without a loss, a flag that goes up while it scores, scores that are missing.

use super::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// The grid, with a row that has no loss, and with scoring that is ended.
struct Odd {
    grid: Grid,
    /// The row without a loss.
    row: Option<u32>,
    /// The call of `evaluate`, from 1, during which the flag goes up.
    ends_in: u64,
    cancel: CancelToken,
    n_scored: AtomicU64,
    has_scores: bool,
}

impl Odd {
    fn new() -> Self {
        Self {
            grid: DROPPED,
            row: None,
            ends_in: 0,
            cancel: CancelToken::default(),
            n_scored: AtomicU64::new(0),
            has_scores: true,
        }
    }
}

impl Job<Cpu> for Odd {
    type Network = Line<Cpu>;

    fn n_rows(&self) -> usize {
        self.grid.n
    }

    fn build(&self, seed: Seed, device: &burn_flex::FlexDevice) -> Line<Cpu> {
        self.grid.build(seed, device)
    }

    fn loss(
        &self,
        network: &Line<Cpu>,
        rows: &[u32],
        draw: &mut Draw,
        device: &burn_flex::FlexDevice,
    ) -> Tensor<Cpu, 1> {
        let loss = self.grid.loss(network, rows, draw, device);
        match self.row {
            Some(row) if rows.contains(&row) => loss * f32::NAN,
            _ => loss,
        }
    }

    fn evaluate(
        &self,
        network: &Line<burn_flex::Flex>,
        threads: &Threads,
        device: &burn_flex::FlexDevice,
    ) -> Result<Vec<Score>, TrainError> {
        if !self.has_scores {
            return Ok(Vec::new());
        }
        if self.n_scored.fetch_add(1, Ordering::Relaxed) + 1 == self.ends_in {
            self.cancel.cancel();
        }
        if self.cancel.is_cancelled() {
            return Err(TrainError::Cancelled);
        }
        Job::<Cpu>::evaluate(&self.grid, network, threads, device)
    }
}

fn run_odd(
    odd: &Odd,
    settings: &TrainSettings,
    from: Option<&Artifact>,
    watch: &mut Keep,
) -> Result<Trained, TrainError> {
    let budget = Budget {
        cancel: odd.cancel.clone(),
        ..Budget::unlimited()
    };
    let trainer = Trainer {
        settings,
        seed: Seed(3),
        threads: &Threads::new(2).expect("threads can be started"),
        budget: &budget,
        training: "a grid",
        ranks: &automl_core::Solo,
    };
    trainer.train::<Cpu, _>(odd, &burn_flex::FlexDevice, from, watch)
}

#[test]
fn the_row_whose_loss_is_no_number_is_named_wherever_it_lies_in_the_batch() {
    for row in [0, 17, 63, 99] {
        let odd = Odd {
            row: Some(row),
            ..Odd::new()
        };
        let error = run_odd(&odd, &settings(), None, &mut Keep::default()).unwrap_err();
        let TrainError::NotFinite {
            rows, blame, step, ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(rows[..], [row], "{error}");
        assert!(matches!(blame, Blame::NotFinite { n: 1, .. }), "{error}");
        assert!(*step <= 7, "it comes in the first epoch: {error}");
        let told = format!("is no number: rows {row}");
        assert!(error.to_string().ends_with(&told), "{error}");
    }
}

#[test]
fn a_flag_that_goes_up_while_it_scores_leaves_a_state_that_goes_on_to_the_same_bits() {
    let whole = run_odd(&Odd::new(), &settings(), None, &mut Keep::default());
    let whole = whole.expect("the numbers are usual");
    for ends_in in [1, 4, 8] {
        let odd = Odd {
            ends_in,
            ..Odd::new()
        };
        let mut kept = Keep::default();
        let stopped = run_odd(&odd, &settings(), None, &mut kept);
        match (ends_in, stopped) {
            // Not one epoch was scored.
            (1, stopped) => assert!(matches!(stopped, Err(TrainError::Cancelled))),
            (_, stopped) => {
                let stopped = stopped.expect("epochs are done");
                assert!(stopped.is_partial);
                assert_eq!(stopped.history.len() as u64, ends_in - 1);
            }
        }
        let state = kept.states.last().expect("the end hands one over");
        let progress: Progress = state.meta("progress").expect("it was just made");
        // After the last step of the epoch, before its scores.
        assert_eq!((progress.epoch, progress.cursor), (ends_in - 1, 7));
        let resumed = run_odd(&Odd::new(), &settings(), Some(state), &mut Keep::default());
        let resumed = resumed.expect("the state is whole");
        assert_eq!(resumed.values, whole.values);
        assert_eq!(resumed.history, whole.history);
    }
}

#[test]
fn a_plateau_without_scores_is_refused_and_other_schedules_train() {
    let odd = Odd {
        has_scores: false,
        ..Odd::new()
    };
    assert!(run_odd(&odd, &settings(), None, &mut Keep::default()).is_ok());
    let mut plateau = settings();
    plateau.schedule.r#type = ScheduleKind::Plateau;
    let error = run_odd(&odd, &plateau, None, &mut Keep::default()).unwrap_err();
    assert!(matches!(error, TrainError::NoScore), "{error}");
}
