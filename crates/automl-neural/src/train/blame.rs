//! Which rows of a step an error names: those whose own loss is no number, else those that lose most.

use super::trainer::Run;
use super::{Job, TrainError};
use crate::Draw;
use crate::network::parameters::{floats, replica};
use burn::tensor::backend::AutodiffBackend;

/// Rows that an error names.
pub(super) const ROWS_TOLD: usize = 8;

/// Why an error names rows of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The loss of each is no number by itself.
    NotFinite {
        /// Rows of the step of which that is so.
        n: usize,
        /// All rows of the step.
        of: usize,
    },
    /// They lose most; the loss of each row of the step is a number.
    Greatest,
    /// The batch begins with them: what each row lost is not known any more.
    First,
}

impl Blame {
    /// Says so of rows, which are so many `units` of a step; `named` stands before their numbers.
    pub fn tell(self, rows: &[u32], [units, named]: [&str; 2]) -> String {
        let list: Vec<String> = rows.iter().map(u32::to_string).collect();
        let list = format!("{named} {}", list.join(", "));
        match self {
            Self::NotFinite { n, of } => {
                format!("the loss of {n} of its {of} {units} is no number: {list}")
            }
            Self::Greatest => format!("the greatest losses of its batch are those of {list}"),
            Self::First => format!("its batch begins with {list}"),
        }
    }
}

impl<B: AutodiffBackend, J: Job<B>> Run<'_, B, J> {
    /// The error of a step that was computed in memory, before the network took its update: each row is looked at by itself.
    pub(super) fn blamed(
        &self,
        (what, value): (&'static str, f64),
        step: u64,
        rows: &[u32],
    ) -> TrainError {
        let (rows, blame) = blame(rows, &self.row_losses(rows, step - 1));
        TrainError::NotFinite {
            what,
            value,
            step,
            rows,
            blame,
        }
    }

    /// The loss of each row of a step, with the seed that its shard draws from.
    fn row_losses(&self, rows: &[u32], step: u64) -> Vec<f32> {
        let n_rows = self.trainer.settings.trainer.shard_rows as usize;
        let shards: Vec<&[u32]> = rows.chunks(n_rows).collect();
        let seed = self.trainer.seed.named("draw").indexed(step);
        let dropout = self.dropout_left(step);
        let losses = self.trainer.threads.map(shards.len(), |index| {
            let network = replica(&self.network);
            let loss = |row: &u32| {
                let mut draw = Draw::training(seed.indexed(index as u64)).times(dropout);
                let row = std::slice::from_ref(row);
                floats(self.job.loss(&network, row, &mut draw, self.device))[0]
            };
            shards[index].iter().map(loss).collect::<Vec<f32>>()
        });
        losses.concat()
    }
}

/// The rows to name, in the order of the batch or from the greatest loss down.
fn blame(rows: &[u32], losses: &[f32]) -> (Vec<u32>, Blame) {
    let mut places: Vec<usize> = (0..rows.len()).collect();
    let told = |places: &[usize]| places.iter().take(ROWS_TOLD).map(|&at| rows[at]).collect();
    let guilty: Vec<usize> = places
        .iter()
        .copied()
        .filter(|&at| !losses[at].is_finite())
        .collect();
    if !guilty.is_empty() {
        let (n, of) = (guilty.len(), rows.len());
        return (told(&guilty), Blame::NotFinite { n, of });
    }
    places.sort_by(|&a, &b| losses[b].total_cmp(&losses[a]));
    (told(&places), Blame::Greatest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_loss_are_named_before_those_that_lose_most() {
        let rows = [7, 3, 5, 9];
        let not_finite = blame(&rows, &[1.0, f32::NAN, 8.0, f32::INFINITY]);
        assert_eq!(not_finite, (vec![3, 9], Blame::NotFinite { n: 2, of: 4 }));
        let greatest = blame(&rows, &[1.0, 2.0, 8.0, 0.5]);
        assert_eq!(greatest, (vec![5, 3, 7, 9], Blame::Greatest));
        let many: Vec<u32> = (0..100).collect();
        let (told, blame) = blame(&many, &[f32::NAN; 100]);
        assert_eq!(told, many[..ROWS_TOLD]);
        assert_eq!(
            blame.tell(&told[..2], ["windows", "windows that begin at rows"]),
            "the loss of 100 of its 100 windows is no number: windows that begin at rows 0, 1"
        );
    }
}
